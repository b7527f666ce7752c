//! Loops: shown where a program is looked at, refused where one without them is needed.
//!
//! An edge that leads back makes a natural loop when the block it leads to dominates the one it
//! comes from: the loop has one way in. Without that the cycle has several and is irreducible. A
//! cycle through a call is a recursion.

use std::fmt;

use crate::graph::{Graph, Walk};

/// A cycle of blocks, by where it is entered.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Loop {
    /// The block that control comes back to.
    pub header: usize,
    /// The blocks that it comes back from, ascending.
    pub back: Vec<usize>,
    /// What sort of cycle it is.
    pub kind: LoopKind,
}

/// What sort of cycle.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum LoopKind {
    /// Entered by its header alone.
    Natural,
    /// Entered in several places; which of its blocks is the header is arbitrary.
    Irreducible,
    /// A function that calls itself, perhaps through others.
    Recursion,
}

impl fmt::Display for LoopKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Natural => "loop",
            Self::Irreducible => "irreducible cycle",
            Self::Recursion => "recursion",
        })
    }
}

/// Why the blocks have no order in which each stands before those that it leads to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum OrderError {
    /// An instruction leads back to one before it.
    Loop {
        /// The instruction that leads back: a jump, a call, or the last one before the header.
        at: usize,
        /// The first instruction of the header.
        to: usize,
        /// What sort of cycle it closes.
        kind: LoopKind,
    },
}

impl fmt::Display for OrderError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self::Loop { at, to, kind } = self;
        write!(f, "instruction {at} leads back to instruction {to}: the program has a {kind}")
    }
}

impl std::error::Error for OrderError {}

impl Graph<'_> {
    /// All loops, by header; one of several kinds at a header is listed once for each.
    pub fn loops(&self) -> Vec<Loop> {
        let mut found: Vec<(usize, LoopKind, usize)> = self.cycles().collect();
        found.sort_unstable();
        found.dedup();
        let loops = found.chunk_by(|a, b| (a.0, a.1) == (b.0, b.1));
        loops
            .map(|edges| Loop {
                header: edges[0].0,
                back: edges.iter().map(|(_, _, from)| *from).collect(),
                kind: edges[0].1,
            })
            .collect()
    }

    fn cycles(&self) -> impl Iterator<Item = (usize, LoopKind, usize)> {
        let dominators = self.dominators();
        Walk::of(self).back.into_iter().map(move |(from, edge)| {
            let edge = self.blocks()[from].edges[edge];
            let kind = match edge.way.is_inside() {
                false => LoopKind::Recursion,
                true if dominators.dominates(edge.to, from) => LoopKind::Natural,
                true => LoopKind::Irreducible,
            };
            (edge.to, kind, from)
        })
    }

    /// The blocks of a loop, ascending: those that lead back to the header without passing it
    /// again. Of a recursion that is the part in the function of the last call.
    pub fn body(&self, of: &Loop) -> Vec<usize> {
        let sources = self.sources();
        let mut inside = vec![false; self.blocks().len()];
        inside[of.header] = true;
        let mut open = of.back.clone();
        while let Some(block) = open.pop() {
            if !std::mem::replace(&mut inside[block], true) {
                open.extend(&sources[block]);
            }
        }
        let after = self.reached(of.header);
        (0..inside.len()).filter(|block| inside[*block] && after[*block]).collect()
    }

    /// Which blocks some path from `start` leads to.
    fn reached(&self, start: usize) -> Vec<bool> {
        let mut reached = vec![false; self.blocks().len()];
        let mut open = vec![start];
        while let Some(block) = open.pop() {
            if !std::mem::replace(&mut reached[block], true) {
                open.extend(self.blocks()[block].edges.iter().map(|edge| edge.to));
            }
        }
        reached
    }

    /// The blocks in an order in which each stands before those that it leads to, what it calls
    /// among them; or the first instruction that makes this impossible.
    pub fn order(&self) -> Result<Vec<usize>, OrderError> {
        let walk = Walk::of(self);
        let Some(&(from, edge)) = walk.back.first() else { return Ok(walk.order) };
        let header = self.blocks()[from].edges[edge].to;
        let cycle = self.cycles().find(|(to, _, by)| (*to, *by) == (header, from));
        let kind = cycle.map_or(LoopKind::Natural, |(_, kind, _)| kind);
        let to = self.blocks()[header].insns.start;
        Err(OrderError::Loop { at: self.sender(from, edge), to, kind })
    }
}
