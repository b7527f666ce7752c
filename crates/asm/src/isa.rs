//! Versions of the instruction set, and which one an instruction needs.
//!
//! The versions are those of the `-mcpu` option of LLVM and GCC. GCC's manual ("eBPF Options")
//! has the table followed here: v2 adds the jumps on less-than, v3 the 32-bit arithmetic, the
//! 32-bit jumps and the atomic operations beyond addition, v4 the signed and long forms. A kernel
//! may have more than the version says: 32-bit arithmetic was there from the start, but no
//! compiler emitted it before v3. Linux has v3 from 5.1 on, its atomics from 5.12, v4 from 6.6.

use crate::insn::{AtomicOp, Cond, Insn, Width};

/// A version of the instruction set; each has all that the ones before it have.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Isa {
    /// The first one.
    V1,
    /// Adds jumps on less-than, signed and unsigned (Linux 4.14).
    V2,
    /// Adds 32-bit arithmetic and jumps (Linux 5.1), and atomics (Linux 5.12).
    V3,
    /// Adds, among what this crate uses, jumps of 32-bit distance (Linux 6.6).
    V4,
}

impl std::fmt::Display for Isa {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::V1 => "v1",
            Self::V2 => "v2",
            Self::V3 => "v3",
            Self::V4 => "v4",
        })
    }
}

impl Insn {
    /// The lowest version that has this instruction.
    pub fn needs(&self) -> Isa {
        match self {
            Self::Alu { width, .. } | Self::Neg { width, .. } => match width {
                Width::W32 => Isa::V3,
                Width::W64 => Isa::V1,
            },
            Self::Jump { when: Some(test), .. } => match (test.width, test.cond) {
                (Width::W32, _) => Isa::V3,
                (Width::W64, Cond::Lt | Cond::Le | Cond::Slt | Cond::Sle) => Isa::V2,
                (
                    Width::W64,
                    Cond::Eq | Cond::Ne | Cond::Gt | Cond::Ge | Cond::Set | Cond::Sgt | Cond::Sge,
                ) => Isa::V1,
            },
            Self::Atomic { op, .. } if *op != AtomicOp::Add => Isa::V3,
            Self::Atomic { .. }
            | Self::Swap { .. }
            | Self::LoadImm64 { .. }
            | Self::Load { .. }
            | Self::Store { .. }
            | Self::Jump { when: None, .. }
            | Self::Call(_)
            | Self::Exit => Isa::V1,
        }
    }
}
