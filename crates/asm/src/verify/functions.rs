//! Functions of a program: each is judged once, for whatever numbers it is given.
//!
//! Kernels follow a function anew at every call, with what is known there. Here it is followed with
//! arguments of which nothing is known, and gives a number of which nothing is known: what is right
//! for those is right for any. So pointers cannot be given to a function, and it cannot give one; and
//! one that calls another is not judged, nor one that is called back.

use std::ops::Range;

use super::live::Live;
use super::refusal::{Reason, Scope};
use super::scalar::Scalar;
use super::stack::STACK;
use super::state::State;
use super::value::Value;
use crate::flow;
use crate::insn::Insn;
use crate::program::Program;
use crate::reg::{R0, R1, R2, R3, R4, R5, Reg};

/// The registers that a function is given numbers in.
pub(super) const ARGS: [Reg; 5] = [R1, R2, R3, R4, R5];

/// Kernels count the stack of a function in such steps (`check_max_stack_depth`).
const STACK_STEP: i64 = 32;

/// The program itself, which starts at 0, and its functions.
pub(super) struct Functions {
    starts: Vec<usize>,
    order: Vec<usize>,
    walks: Vec<Walk>,
}

/// What following a function took.
#[derive(Clone, Copy, Default)]
pub(super) struct Walk {
    pub(super) processed: usize,
    pub(super) pending: usize,
}

/// A call of a function that reads those registers.
pub(super) fn call(state: &mut State, reads: &Live) -> Result<(), Reason> {
    for reg in ARGS.into_iter().filter(|reg| reads.has_number(reg.number())) {
        match state.get(reg) {
            Value::Number(_) => {}
            Value::Unwritten => return Err(Reason::Unwritten { reg }),
            Value::Pointer(_) => return Err(Reason::OutOfScope(Scope::Functions)),
        }
    }
    for reg in ARGS {
        state.set(reg, Value::Unwritten);
    }
    state.set(R0, Value::Number(Scalar::UNKNOWN));
    Ok(())
}

impl Functions {
    /// Those of a program; the error is what is not judged.
    pub(super) fn of(program: &Program) -> Result<Self, (usize, Reason)> {
        let starts = flow::functions(program);
        for (at, insn) in program.insns().iter().enumerate() {
            let Some(start) = flow::callee(program, insn) else { continue };
            let outer = starts.get(1).is_none_or(|first| at < *first);
            if !(outer && start > 0 && matches!(insn, Insn::Call(_))) {
                return Err((at, Reason::OutOfScope(Scope::Functions)));
            }
        }
        let mut order = Vec::with_capacity(program.insns().len());
        for start in &starts {
            let found = order_from(program, *start);
            order.extend(found.map_err(|at| (at, Reason::OutOfScope(Scope::Loop)))?);
        }
        let walks = vec![Walk::default(); starts.len()];
        Ok(Self { starts, order, walks })
    }

    /// Where each starts; the first one is the program.
    pub(super) fn starts(&self) -> &[usize] {
        &self.starts
    }

    /// Every instruction before those that come after it, and before those that it calls.
    pub(super) fn order(&self) -> &[usize] {
        &self.order
    }

    /// Keeps what following one took.
    pub(super) fn walked(&mut self, start: usize, processed: usize, pending: usize) {
        if let Ok(at) = self.starts.binary_search(&start) {
            self.walks[at] = Walk { processed, pending };
        }
    }

    /// What following one took.
    pub(super) fn walk(&self, start: usize) -> Walk {
        self.starts.binary_search(&start).map_or_else(|_| Walk::default(), |at| self.walks[at])
    }

    /// Refuses functions that need more of the stack than there is, together with the program; `of`
    /// gives the bytes that some of the instructions use.
    pub(super) fn stacks(
        &self,
        program: &Program,
        of: impl Fn(Range<usize>) -> i64,
    ) -> Result<(), (usize, Reason)> {
        let ends = self.starts.iter().skip(1).copied().chain([program.insns().len()]);
        let bytes: Vec<i64> = self
            .starts
            .iter()
            .zip(ends)
            .map(|(start, end)| (of(*start..end).max(1) + STACK_STEP - 1) / STACK_STEP * STACK_STEP)
            .collect();
        for (start, inner) in self.starts.iter().zip(&bytes).skip(1) {
            if bytes[0] + inner > STACK {
                return Err((*start, Reason::Stacks { bytes: bytes[0] + inner, most: STACK }));
            }
        }
        Ok(())
    }
}

/// How far an instruction has been put into the order.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Mark {
    Unseen,
    Open,
    Done,
}

/// Every instruction of a function before those that come after it; the error is one that jumps back.
fn order_from(program: &Program, start: usize) -> Result<Vec<usize>, usize> {
    let mut marks = vec![Mark::Unseen; program.insns().len()];
    let mut order = Vec::new();
    let mut stack = vec![start];
    while let Some(&at) = stack.last() {
        match marks[at] {
            Mark::Unseen => {
                marks[at] = Mark::Open;
                for to in flow::successors(program, at).into_iter().flatten() {
                    match marks[to] {
                        Mark::Unseen => stack.push(to),
                        Mark::Open => return Err(at),
                        Mark::Done => {}
                    }
                }
            }
            Mark::Open => {
                marks[at] = Mark::Done;
                order.push(at);
                stack.pop();
            }
            Mark::Done => {
                stack.pop();
            }
        }
    }
    order.reverse();
    Ok(order)
}
