//! What a program is judged by: the oldest kernel that is to take it.
//!
//! The loader is always one with CAP_PERFMON, as root is. Without it kernels also follow what a
//! processor may mispredict; that is not judged.

use std::fmt;

use crate::insn::{AtomicOp, Insn};
use crate::isa::Isa;

/// A version of Linux.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Kernel {
    /// The first number.
    pub major: u16,
    /// The second number.
    pub minor: u16,
}

impl fmt::Display for Kernel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Linux {}.{}", self.major, self.minor)
    }
}

/// What an XDP program is judged by, for a loader with CAP_PERFMON, as root is.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Rules {
    /// The oldest kernel that is to take the program; nothing is said of kernels before 5.10.
    pub oldest: Kernel,
}

impl Rules {
    /// Root on any kernel from 5.10 on.
    pub const ROOT: Self = Self { oldest: Kernel { major: 5, minor: 10 } };

    /// Root from another kernel on.
    pub const fn since(major: u16, minor: u16) -> Self {
        Self { oldest: Kernel { major, minor } }
    }
}

/// The first kernel that has an instruction, of those that anything is said of.
pub(super) fn since(insn: &Insn) -> Kernel {
    let (major, minor) = if insn.needs() >= Isa::V4 {
        (6, 6)
    } else if matches!(insn, Insn::Atomic { op, .. } if *op != AtomicOp::Add) {
        (5, 12)
    } else {
        (5, 10)
    };
    Kernel { major, minor }
}
