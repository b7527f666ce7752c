//! The control-flow graph: the instructions that are always executed one after the other as blocks,
//! and how control gets from one to the next.
//!
//! Invariant: *the blocks are the program*. Each instruction is in exactly one of them, in its
//! order, and only the first one of a block is jumped to, called or taken the address of.

mod caption;
mod dominators;
mod fate;
mod longest;
mod loops;
mod walk;

use std::ops::Range;

pub(crate) use caption::{Caption, CaptionLine, Captions};
pub use dominators::Dominators;
pub use fate::{Fate, Firmness, XdpAction};
pub use longest::LongestPath;
pub use loops::{Loop, LoopKind, OrderError};
pub(crate) use walk::Walk;

use crate::insn::{Call, Insn};
use crate::program::Program;

/// A program as blocks and the ways between them.
#[derive(Clone, Debug)]
pub struct Graph<'a> {
    pub(crate) program: &'a Program,
    blocks: Vec<Block>,
}

/// Instructions that are executed one after the other.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Block {
    /// Which instructions.
    pub insns: Range<usize>,
    /// Where control goes from here.
    pub edges: Vec<Edge>,
}

/// A way from one block to another.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Edge {
    /// When control goes there.
    pub way: Way,
    /// The place of the other block among the blocks.
    pub to: usize,
}

/// When control takes an edge.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub enum Way {
    /// When the test at the end of the block holds.
    Taken,
    /// When it does not.
    NotTaken,
    /// Always.
    Always,
    /// For the time of a call.
    Call,
    /// When a helper calls the function whose address the block takes.
    Callback,
}

impl Way {
    /// Whether control stays in the function on this way.
    pub fn is_inside(self) -> bool {
        match self {
            Self::Taken | Self::NotTaken | Self::Always => true,
            Self::Call | Self::Callback => false,
        }
    }
}

impl Program {
    /// The blocks of the program and the ways between them.
    pub fn graph(&self) -> Graph<'_> {
        let starts = starts(self);
        let ends = starts.iter().skip(1).copied().chain([self.insns().len()]);
        let blocks = starts.iter().zip(ends).map(|(start, end)| Block {
            insns: *start..end,
            edges: edges(self, *start..end, &starts),
        });
        Graph { program: self, blocks: blocks.collect() }
    }
}

impl Graph<'_> {
    /// The blocks in the order of their instructions.
    pub fn blocks(&self) -> &[Block] {
        &self.blocks
    }

    /// The block that an instruction is in; the last one for a number past the program.
    pub fn block_of(&self, at: usize) -> usize {
        self.blocks.partition_point(|block| block.insns.start <= at).saturating_sub(1)
    }

    /// The first blocks of all functions, ascending: the program's own, and whatever is called or
    /// handed to a helper.
    pub fn functions(&self) -> Vec<usize> {
        let edges = self.blocks.iter().flat_map(|block| &block.edges);
        let callees = edges.filter(|edge| !edge.way.is_inside()).map(|edge| edge.to);
        let mut functions: Vec<usize> = callees.chain([0]).collect();
        functions.sort_unstable();
        functions.dedup();
        functions
    }

    /// From which blocks control comes into each block without leaving a function.
    pub(crate) fn sources(&self) -> Vec<Vec<usize>> {
        let mut sources = vec![Vec::new(); self.blocks.len()];
        for (from, block) in self.blocks.iter().enumerate() {
            for edge in block.edges.iter().filter(|edge| edge.way.is_inside()) {
                sources[edge.to].push(from);
            }
        }
        sources
    }

    /// The instruction that sends control along the edge of that number of a block.
    pub(crate) fn sender(&self, from: usize, edge: usize) -> usize {
        let block = &self.blocks[from];
        let last = block.insns.end - 1;
        if block.edges[edge].way.is_inside() {
            return last;
        }
        let names = |at: &usize| self.program.insns()[*at].label().is_some();
        // The edges of a block stand in the order of the instructions that name a label.
        block.insns.clone().filter(names).nth(edge).unwrap_or(last)
    }
}

/// The first instructions of all blocks, ascending.
fn starts(program: &Program) -> Vec<usize> {
    let mut starts = vec![0];
    for (at, insn) in program.insns().iter().enumerate() {
        starts.extend(insn.label().map(|label| program.target(label)));
        if insn.jump().is_some() || matches!(insn, Insn::Exit) {
            starts.push(at + 1);
        }
    }
    starts.sort_unstable();
    starts.dedup();
    starts.pop_if(|start| *start == program.insns().len());
    starts
}

fn edges(program: &Program, insns: Range<usize>, starts: &[usize]) -> Vec<Edge> {
    let edge = |way, at: usize| {
        // A block starts wherever an edge leads.
        Edge { way, to: starts.partition_point(|start| *start < at) }
    };
    let mut edges = Vec::new();
    for insn in &program.insns()[insns.clone()] {
        let Some(to) = insn.label().map(|label| program.target(label)) else { continue };
        edges.push(match insn {
            Insn::Jump { when: Some(_), .. } => edge(Way::Taken, to),
            Insn::Call(Call::Sub(_)) => edge(Way::Call, to),
            Insn::LoadImm64 { .. } => edge(Way::Callback, to),
            Insn::Jump { when: None, .. }
            | Insn::JumpLong { .. }
            | Insn::Call(Call::Helper(_) | Call::Kfunc { .. })
            | Insn::Alu { .. }
            | Insn::Neg { .. }
            | Insn::MoveSigned { .. }
            | Insn::LoadPacket { .. }
            | Insn::Swap { .. }
            | Insn::Load { .. }
            | Insn::Store { .. }
            | Insn::Atomic { .. }
            | Insn::Exit => edge(Way::Always, to),
        });
    }
    let last = program.insns()[..insns.end].last();
    if let Some(last) = last.filter(|last| last.falls_through()) {
        let tested = matches!(last, Insn::Jump { .. });
        edges.push(edge(if tested { Way::NotTaken } else { Way::Always }, insns.end));
    }
    edges
}
