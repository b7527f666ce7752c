//! Dominators: which blocks every path from the start of a function to a block goes through.
//!
//! The method is that of Cooper, Harvey and Kennedy ("A Simple, Fast Dominance Algorithm"): the
//! nearest common dominator of all sources, repeated until nothing changes. A call is no path: a
//! function is entered at its first block, whoever calls it, and each function has a tree of its own.

use crate::graph::{Graph, Walk};

/// The dominators of all blocks.
#[derive(Clone, Debug)]
pub struct Dominators {
    /// The nearest one of each block; none for the first block of a function.
    immediate: Vec<Option<usize>>,
    /// When a walk over the trees enters and leaves each block.
    spans: Vec<(usize, usize)>,
}

impl Graph<'_> {
    /// The dominators of all blocks, function by function.
    pub fn dominators(&self) -> Dominators {
        let immediate = immediate(self, &Walk::of(self).order);
        let spans = spans(&immediate);
        Dominators { immediate, spans }
    }
}

impl Dominators {
    /// The last block before this one that no path to it avoids; none for the first of a function.
    pub fn immediate(&self, block: usize) -> Option<usize> {
        self.immediate[block]
    }

    /// Whether every path from the start of its function to `block` goes through `by`; a block
    /// dominates itself.
    pub fn dominates(&self, by: usize, block: usize) -> bool {
        let (outer, inner) = (self.spans[by], self.spans[block]);
        outer.0 <= inner.0 && inner.1 <= outer.1
    }
}

fn immediate(graph: &Graph<'_>, order: &[usize]) -> Vec<Option<usize>> {
    let mut ranks = vec![0; order.len()];
    for (rank, block) in order.iter().enumerate() {
        ranks[*block] = rank;
    }
    let sources = graph.sources();
    // The first block of a function stands for itself until the end.
    let mut nearest: Vec<Option<usize>> = vec![None; order.len()];
    let functions = graph.functions();
    for function in &functions {
        nearest[*function] = Some(*function);
    }
    loop {
        let mut changed = false;
        for &block in order {
            if functions.binary_search(&block).is_ok() {
                continue;
            }
            let known = sources[block].iter().copied().filter(|from| nearest[*from].is_some());
            let found = known.reduce(|a, b| common(&nearest, &ranks, a, b));
            changed |= nearest[block] != found;
            nearest[block] = found;
        }
        if !changed {
            break;
        }
    }
    for function in functions {
        nearest[function] = None;
    }
    nearest
}

/// The nearest block that dominates both, as far as is known.
fn common(nearest: &[Option<usize>], ranks: &[usize], mut a: usize, mut b: usize) -> usize {
    while a != b {
        let later = if ranks[a] > ranks[b] { &mut a } else { &mut b };
        match nearest[*later] {
            Some(up) if up != *later => *later = up,
            // The blocks of two functions have none in common, and no block has both as sources.
            Some(_) | None => return *later,
        }
    }
    a
}

fn spans(immediate: &[Option<usize>]) -> Vec<(usize, usize)> {
    let mut below = vec![Vec::new(); immediate.len()];
    let mut roots = Vec::new();
    for (block, up) in immediate.iter().enumerate() {
        match up {
            Some(up) => below[*up].push(block),
            None => roots.push(block),
        }
    }
    let mut spans = vec![(0, 0); immediate.len()];
    let mut time = 0;
    let mut path: Vec<(usize, usize)> = Vec::new();
    for root in roots {
        spans[root].0 = time;
        path.push((root, 0));
        while let Some((block, next)) = path.pop() {
            time += 1;
            let Some(child) = below[block].get(next) else {
                spans[block].1 = time;
                continue;
            };
            spans[*child].0 = time;
            path.extend([(block, next + 1), (*child, 0)]);
        }
    }
    spans
}
