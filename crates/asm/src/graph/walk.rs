//! One walk over all blocks, depth first: an order for everything that has to see a block after
//! those that lead to it, and the edges that lead back.
//!
//! Invariant: without the edges that lead back the graph has no cycle, and `order` has every block
//! before those that its other edges lead to.

use crate::graph::Graph;

/// The walk from the first instruction along every edge, calls and callbacks too.
pub(crate) struct Walk {
    /// All blocks, each before those that it leads to but for the edges that lead back.
    pub(crate) order: Vec<usize>,
    /// The edges that lead back to a block under way, as block and number of its edge; ascending.
    pub(crate) back: Vec<(usize, usize)>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    Unseen,
    UnderWay,
    Done,
}

impl Walk {
    pub(crate) fn of(graph: &Graph<'_>) -> Self {
        let blocks = graph.blocks();
        let mut states = vec![State::Unseen; blocks.len()];
        let mut walk = Self { order: Vec::new(), back: Vec::new() };
        let mut path: Vec<(usize, usize)> =
            blocks.first().map(|block| (0, block.edges.len())).into_iter().collect();
        if let Some(first) = states.first_mut() {
            *first = State::UnderWay;
        }
        while let Some((block, left)) = path.pop() {
            // The last edge is that to the next instruction: what leads back is then what jumps back.
            let Some(number) = left.checked_sub(1) else {
                states[block] = State::Done;
                walk.order.push(block);
                continue;
            };
            path.push((block, number));
            let to = blocks[block].edges[number].to;
            match states[to] {
                State::Unseen => {
                    states[to] = State::UnderWay;
                    path.push((to, blocks[to].edges.len()));
                }
                State::UnderWay => walk.back.push((block, number)),
                State::Done => {}
            }
        }
        walk.order.reverse();
        walk.back.sort_unstable();
        walk
    }

    /// Whether an edge leads back.
    pub(crate) fn is_back(&self, from: usize, edge: usize) -> bool {
        self.back.binary_search(&(from, edge)).is_ok()
    }
}
