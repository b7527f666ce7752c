//! Where control goes: reachability and ends of functions.
//!
//! A function starts at instruction 0 or where a call or a callback points, and ends before the
//! next one. What the kernel refuses in the shape of a program is refused here: code that no path
//! reaches, a function that runs on into what follows it, a jump from one function into another.

use crate::insn::Insn;
use crate::program::Program;

/// What is wrong with the shape of a program.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum FlowError {
    /// No path from the start leads to the instruction.
    Unreachable { at: usize },
    /// After the instruction there is none, or the first one of another function.
    FallsOffEnd { at: usize },
    /// The instruction jumps into another function.
    LeavesFunction { at: usize },
}

impl FlowError {
    pub(crate) fn at(self) -> usize {
        match self {
            Self::Unreachable { at } | Self::FallsOffEnd { at } | Self::LeavesFunction { at } => at,
        }
    }
}

/// Refuses the first thing wrong with the shape of the program.
pub(crate) fn check(program: &Program) -> Result<(), FlowError> {
    check_functions(program)?;
    let reached = reached(program);
    match reached.iter().position(|reached| !reached) {
        Some(at) => Err(FlowError::Unreachable { at }),
        None => Ok(()),
    }
}

/// The first instructions of all functions, ascending.
pub(crate) fn functions(program: &Program) -> Vec<usize> {
    let mut starts = vec![0];
    starts.extend(program.insns().iter().filter_map(|insn| callee(program, insn)));
    starts.sort_unstable();
    starts.dedup();
    starts
}

/// The function that an instruction calls or takes the address of.
pub(crate) fn callee(program: &Program, insn: &Insn) -> Option<usize> {
    if insn.jump().is_some() {
        return None;
    }
    insn.label().map(|label| program.target(label))
}

fn check_functions(program: &Program) -> Result<(), FlowError> {
    let starts = functions(program);
    let function = |at: usize| starts.partition_point(|start| *start <= at);
    let end = program.insns().len();
    for (at, insn) in program.insns().iter().enumerate() {
        let next = at + 1;
        if insn.falls_through() && (next == end || function(next) != function(at)) {
            return Err(FlowError::FallsOffEnd { at });
        }
        let Some(to) = insn.label().map(|label| program.target(label)) else { continue };
        if to >= end {
            return Err(FlowError::FallsOffEnd { at });
        }
        if insn.jump().is_some() && function(to) != function(at) {
            return Err(FlowError::LeavesFunction { at });
        }
    }
    Ok(())
}

/// Which instructions come right after this one in some execution of its function.
pub(crate) fn successors(program: &Program, at: usize) -> [Option<usize>; 2] {
    let insn = &program.insns()[at];
    let jump = insn.jump().map(|to| program.target(to));
    [insn.falls_through().then_some(at + 1), jump]
}

fn reached(program: &Program) -> Vec<bool> {
    let mut reached = vec![false; program.insns().len()];
    let mut open = vec![0];
    while let Some(at) = open.pop() {
        if std::mem::replace(&mut reached[at], true) {
            continue;
        }
        open.extend(successors(program, at).into_iter().flatten());
        open.extend(callee(program, &program.insns()[at]));
    }
    reached
}
