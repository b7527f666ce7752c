//! The longest path: the most that one packet can cost, in instructions, and where it leads.
//!
//! It goes round no loop: edges that lead back are not taken. A call counts what it executes, a
//! callback nothing, as only the helper knows how often it is called.

use crate::graph::{Graph, Walk, Way};
use crate::program::Program;

/// The path that executes most instructions.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct LongestPath {
    /// How many it executes, those of called functions at each call.
    pub instructions: usize,
    /// Its blocks in the order in which they are first executed, those of called functions too.
    pub blocks: Vec<usize>,
    /// The blocks and the numbers of the edges that it takes.
    pub(crate) edges: Vec<(usize, usize)>,
}

impl Program {
    /// How many instructions the longest path executes that goes round no loop; what a call
    /// executes is counted, what a callback executes is not.
    pub fn longest_path(&self) -> usize {
        self.graph().longest_path().instructions
    }
}

impl Graph<'_> {
    /// The longest path that goes round no loop.
    pub fn longest_path(&self) -> LongestPath {
        let walk = Walk::of(self);
        let mut measures = vec![Measure::default(); self.blocks().len()];
        for &block in walk.order.iter().rev() {
            measures[block] = self.measure(&walk, &measures, block);
        }
        let instructions = measures.first().map_or(0, |first| first.length);
        let mut path = LongestPath { instructions, ..LongestPath::default() };
        self.follow(&walk, &measures, &mut path);
        path
    }

    fn measure(&self, walk: &Walk, measures: &[Measure], from: usize) -> Measure {
        let block = &self.blocks()[from];
        let mut measure = Measure { length: block.insns.len(), next: None };
        let mut longest = 0;
        for (number, edge) in block.edges.iter().enumerate() {
            if walk.is_back(from, number) {
                continue;
            }
            let beyond = measures[edge.to].length;
            if edge.way == Way::Call {
                // Functions that call functions many times soon count more than a number holds.
                measure.length = measure.length.saturating_add(beyond);
            } else if edge.way.is_inside() && beyond > longest {
                longest = beyond;
                measure.next = Some(number);
            }
        }
        measure.length = measure.length.saturating_add(longest);
        measure
    }

    /// Lists the blocks of the path, each once.
    fn follow(&self, walk: &Walk, measures: &[Measure], path: &mut LongestPath) {
        let mut seen = vec![false; measures.len()];
        let mut open = vec![0];
        while let Some(block) = open.pop() {
            if seen.get(block).is_none_or(|seen| *seen) {
                continue;
            }
            seen[block] = true;
            path.blocks.push(block);
            let edges = self.blocks()[block].edges.iter().enumerate();
            let taken: Vec<(usize, usize)> = edges
                .filter(|(number, edge)| match edge.way {
                    Way::Call => !walk.is_back(block, *number),
                    Way::Callback => false,
                    Way::Taken | Way::NotTaken | Way::Always => {
                        measures[block].next == Some(*number)
                    }
                })
                .map(|(number, edge)| (number, edge.to))
                .collect();
            path.edges.extend(taken.iter().map(|(number, _)| (block, *number)));
            open.extend(taken.iter().rev().map(|(_, to)| *to));
        }
        path.edges.sort_unstable();
    }
}

/// The longest path from a block to the end of its function.
#[derive(Clone, Copy, Default)]
struct Measure {
    length: usize,
    /// The number of the edge by which it leaves the block.
    next: Option<usize>,
}
