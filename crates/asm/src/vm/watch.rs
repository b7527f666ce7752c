//! Whoever looks on while a program runs: nobody, a count of what was executed, or the caller.
//!
//! A run is compiled for each kind of watcher, so that looking on costs nothing where nobody does.

use super::ProgramId;
use super::registers::Registers;

/// Whoever looks on.
pub trait Watch {
    /// An instruction is about to be executed, with the registers as they are.
    #[inline(always)]
    fn before(&mut self, program: ProgramId, at: usize, registers: &Registers) {
        let _ = (program, at, registers);
    }

    /// A conditional jump goes one of its two ways.
    #[inline(always)]
    fn branch(&mut self, program: ProgramId, at: usize, way: Way) {
        let _ = (program, at, way);
    }
}

/// The ways from a conditional jump.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Way {
    /// To the next instruction.
    Onward,
    /// To where it leads.
    Taken,
}

/// Nobody.
#[derive(Clone, Copy, Debug)]
pub(super) struct Nobody;

impl Watch for Nobody {}

/// How often each instruction was executed, and how often each conditional jump was taken.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Coverage {
    programs: Vec<Counts>,
}

/// The counts of one program, by instruction; shorter than the program where its end was not seen.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
struct Counts {
    executed: Vec<u64>,
    taken: Vec<u64>,
}

impl Coverage {
    /// Nothing executed yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// How often an instruction was executed.
    pub fn executed(&self, program: ProgramId, at: usize) -> u64 {
        let counts = self.programs.get(program.index());
        counts.and_then(|counts| counts.executed.get(at)).copied().unwrap_or(0)
    }

    /// How often a conditional jump went a way.
    pub fn went(&self, program: ProgramId, at: usize, way: Way) -> u64 {
        let counts = self.programs.get(program.index());
        let taken = counts.and_then(|counts| counts.taken.get(at)).copied().unwrap_or(0);
        match way {
            Way::Taken => taken,
            Way::Onward => self.executed(program, at) - taken,
        }
    }

    fn of(&mut self, program: ProgramId) -> &mut Counts {
        if self.programs.len() <= program.index() {
            self.programs.resize_with(program.index() + 1, Counts::default);
        }
        &mut self.programs[program.index()]
    }
}

impl Watch for Coverage {
    #[inline]
    fn before(&mut self, program: ProgramId, at: usize, _: &Registers) {
        count(&mut self.of(program).executed, at);
    }

    #[inline]
    fn branch(&mut self, program: ProgramId, at: usize, way: Way) {
        if way == Way::Taken {
            count(&mut self.of(program).taken, at);
        }
    }
}

#[inline]
fn count(counts: &mut Vec<u64>, at: usize) {
    if counts.len() <= at {
        counts.resize(at + 1, 0);
    }
    counts[at] += 1;
}
