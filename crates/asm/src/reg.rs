//! Registers and the memory operand built from one.
//!
//! A `Reg` can only be one of the eleven constants of the crate root, so no number from elsewhere
//! is ever taken for a register. `R6 + 12` is the memory twelve bytes past where `r6` points.

use std::fmt;
use std::ops::{Add, Sub};

/// One of the eleven registers of the machine.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Reg(u8);

/// Return value of calls and of the program; clobbered by calls.
pub const R0: Reg = Reg(0);
/// First argument of calls and of the program; clobbered by calls.
pub const R1: Reg = Reg(1);
/// Second argument of calls; clobbered by them.
pub const R2: Reg = Reg(2);
/// Third argument of calls; clobbered by them.
pub const R3: Reg = Reg(3);
/// Fourth argument of calls; clobbered by them.
pub const R4: Reg = Reg(4);
/// Fifth argument of calls; clobbered by them.
pub const R5: Reg = Reg(5);
/// Kept across calls.
pub const R6: Reg = Reg(6);
/// Kept across calls.
pub const R7: Reg = Reg(7);
/// Kept across calls.
pub const R8: Reg = Reg(8);
/// Kept across calls.
pub const R9: Reg = Reg(9);
/// The frame pointer, one past the 512 bytes of stack; read-only.
#[doc(alias = "R10")]
pub const FP: Reg = Reg(10);

impl Reg {
    /// The number that the instruction encoding uses, 0 to 10.
    pub fn number(self) -> u8 {
        self.0
    }

    pub(crate) fn from_number(number: u8) -> Option<Self> {
        (number <= FP.0).then_some(Self(number))
    }
}

impl fmt::Display for Reg {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "r{}", self.0)
    }
}

/// A place in memory: what a register points at, plus a constant.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Mem {
    /// The register that holds the address.
    pub base: Reg,
    /// Bytes added to it.
    pub off: i16,
}

impl Add<i16> for Reg {
    type Output = Mem;

    fn add(self, off: i16) -> Mem {
        Mem { base: self, off }
    }
}

impl Sub<i16> for Reg {
    type Output = Mem;

    /// Saturates at the lowest offset there is, as `-(-32768)` is no `i16`.
    fn sub(self, off: i16) -> Mem {
        Mem { base: self, off: off.checked_neg().unwrap_or(i16::MAX) }
    }
}

impl fmt::Display for Mem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "({} {:+})", self.base, self.off)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn registers_and_memory_print_as_the_kernel_prints_them() {
        assert_eq!(R6.to_string(), "r6");
        assert_eq!(FP.to_string(), "r10");
        assert_eq!((R6 + 12).to_string(), "(r6 +12)");
        assert_eq!((FP - 4).to_string(), "(r10 -4)");
        assert_eq!((R1 + 0).to_string(), "(r1 +0)");
    }

    #[test]
    fn there_is_no_register_past_the_frame_pointer() {
        assert_eq!(Reg::from_number(10), Some(FP));
        assert_eq!(Reg::from_number(11), None);
    }
}
