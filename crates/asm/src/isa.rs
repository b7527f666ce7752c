//! Versions of the instruction set, and which one an instruction needs.
//!
//! The versions are those of the `-mcpu` option of LLVM and GCC. GCC's manual ("eBPF Options")
//! has the table followed here: v2 adds the jumps on less-than, v3 the 32-bit arithmetic, the
//! 32-bit jumps and the atomic operations beyond addition, v4 the signed and long forms. A kernel
//! may have more than the version says: 32-bit arithmetic was there from the start, but no
//! compiler emitted it before v3. Linux has v3 from 5.1 on, its atomics from 5.12, v4 from 6.6.

use crate::insn::{AluOp, AtomicOp, Cond, Extend, Insn, Size, Swap, Test, Width};

/// A version of the instruction set; each has all that the ones before it have.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Isa {
    /// The first one.
    V1,
    /// Adds jumps on less-than, signed and unsigned (Linux 4.14).
    V2,
    /// Adds 32-bit arithmetic and jumps (Linux 5.1), and atomics (Linux 5.12).
    V3,
    /// Adds signed division, moves and loads, swaps of bytes and jumps of 32-bit distance (Linux 6.6).
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

/// A conformance group: what an implementation has all of or says that it lacks (RFC 9669, 2.4).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Group {
    /// Arithmetic of 32 bits without multiplication and division, jumps, loads and stores, calls.
    Base32,
    /// The same of 64 bits, and constants of 64 bits.
    Base64,
    /// Atomic operations of 32 bits.
    Atomic32,
    /// Atomic operations of 64 bits.
    Atomic64,
    /// Multiplication, division and remainder of 32 bits.
    Divmul32,
    /// Multiplication, division and remainder of 64 bits.
    Divmul64,
    /// The classic access to packets, deprecated.
    Packet,
}

impl Insn {
    /// The lowest version that has this instruction.
    pub fn needs(&self) -> Isa {
        match self {
            Self::Alu { op: AluOp::Sdiv | AluOp::Smod, .. } => Isa::V4,
            Self::Alu { width, .. } | Self::Neg { width, .. } => match width {
                Width::W32 => Isa::V3,
                Width::W64 => Isa::V1,
            },
            Self::MoveSigned { .. }
            | Self::JumpLong { .. }
            | Self::Load { extend: Extend::Sign, .. }
            | Self::Swap { order: Swap::Bswap16 | Swap::Bswap32 | Swap::Bswap64, .. } => Isa::V4,
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
            | Self::LoadPacket { .. }
            | Self::Jump { when: None, .. }
            | Self::Call(_)
            | Self::Exit => Isa::V1,
        }
    }

    /// The conformance group that this instruction belongs to.
    pub fn group(&self) -> Group {
        match *self {
            Self::Alu { op, width, .. } => {
                let divmul =
                    matches!(op, AluOp::Mul | AluOp::Div | AluOp::Mod | AluOp::Sdiv | AluOp::Smod);
                match (width, divmul) {
                    (Width::W32, false) => Group::Base32,
                    (Width::W64, false) => Group::Base64,
                    (Width::W32, true) => Group::Divmul32,
                    (Width::W64, true) => Group::Divmul64,
                }
            }
            Self::Neg { width, .. } | Self::MoveSigned { width, .. } => base(width),
            Self::Jump { when: Some(Test { width, .. }), .. } => base(width),
            Self::Swap { order, .. } => match order {
                Swap::Le64 | Swap::Be64 | Swap::Bswap64 => Group::Base64,
                Swap::Le16
                | Swap::Le32
                | Swap::Be16
                | Swap::Be32
                | Swap::Bswap16
                | Swap::Bswap32 => Group::Base32,
            },
            Self::LoadImm64 { .. } => Group::Base64,
            Self::Load { extend: Extend::Sign, .. }
            | Self::Load { size: Size::D, .. }
            | Self::Store { size: Size::D, .. } => Group::Base64,
            Self::Load { .. }
            | Self::Store { .. }
            | Self::Jump { when: None, .. }
            | Self::JumpLong { .. }
            | Self::Call(_)
            | Self::Exit => Group::Base32,
            Self::Atomic { size: Size::D, .. } => Group::Atomic64,
            Self::Atomic { .. } => Group::Atomic32,
            Self::LoadPacket { .. } => Group::Packet,
        }
    }
}

fn base(width: Width) -> Group {
    match width {
        Width::W32 => Group::Base32,
        Width::W64 => Group::Base64,
    }
}
