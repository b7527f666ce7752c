//! The registers, each with whether anything was written to it.

use super::trap::{TrapReason, Tried};
use crate::reg::Reg;

/// The registers of a run.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Registers {
    /// Sixteen, so that four bits can never be out of range.
    values: [u64; 16],
    /// A bit for each register that was written.
    written: u16,
}

impl Registers {
    /// Registers that nothing was written to.
    pub(super) const UNWRITTEN: Self = Self { values: [0; 16], written: 0 };

    /// What a register holds; nothing unless it was written.
    pub fn get(&self, reg: Reg) -> Option<u64> {
        let index = reg.number();
        self.is_written(index).then(|| self.values[usize::from(index & 15)])
    }

    #[inline(always)]
    fn is_written(&self, index: u8) -> bool {
        self.written >> (index & 15) & 1 != 0
    }

    #[inline(always)]
    pub(super) fn read(&self, index: u8) -> Tried<u64> {
        if self.is_written(index) {
            Ok(self.values[usize::from(index & 15)])
        } else {
            Err(unwritten(index))
        }
    }

    #[inline(always)]
    pub(super) fn write(&mut self, index: u8, value: u64) {
        self.values[usize::from(index & 15)] = value;
        self.written |= 1 << (index & 15);
    }

    /// Takes what calls take: `r0` to `r5`.
    #[inline]
    pub(super) fn take_arguments(&mut self) {
        self.written &= !0x3f;
    }

    /// Registers as a function finds them that is called with these: the arguments alone.
    pub(super) fn arguments(&self) -> Self {
        Self { written: self.written & 0x3e, ..*self }
    }

    /// Registers as a call leaves them to its caller, whose own were these before.
    pub(super) fn after_call(&self, callee: &Self) -> Self {
        let mut after = *self;
        after.take_arguments();
        after.values[0] = callee.values[0];
        after.written |= callee.written & 1;
        after
    }
}

#[cold]
fn unwritten(index: u8) -> Box<TrapReason> {
    let reg = Reg::from_number(index).unwrap_or(crate::reg::FP);
    Box::new(TrapReason::Unwritten { reg })
}
