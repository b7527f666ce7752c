//! What the types of an instruction still allow and the machine does not have.
//!
//! The kernel refuses each of these whatever comes before it, so `Assembler::finish` and `decode`
//! do too, and no `Program` has one.

use std::fmt;

use crate::insn::{AluOp, Extend, Insn, Size, Src, Width};
use crate::reg::FP;

/// Why an instruction that the types allow is none that the machine has.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Flaw {
    /// The frame pointer can only be read.
    WritesFramePointer,
    /// Shifts by a constant go from 0 to one less than the width.
    Shift {
        /// The constant.
        by: i32,
        /// Bits of the operand.
        bits: i32,
    },
    /// The kernel refuses a division by the constant zero.
    DivisionByZero,
    /// A sign is extended from fewer bytes than the result has.
    SignedSize,
    /// The classic access to packets reads four bytes at most.
    PacketSize,
    /// Atomic operations exist for four and eight bytes only.
    AtomicSize,
}

impl fmt::Display for Flaw {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::WritesFramePointer => f.write_str("`r10`, the frame pointer, is read-only"),
            Self::Shift { by, bits } => {
                write!(f, "a shift by {by} does not fit {bits} bits")
            }
            Self::DivisionByZero => f.write_str("division by the constant zero"),
            Self::SignedSize => {
                f.write_str("a sign is extended from fewer bytes than the result has")
            }
            Self::PacketSize => f.write_str("the classic access to packets reads 4 bytes at most"),
            Self::AtomicSize => f.write_str("atomic operations exist for 4 and 8 bytes only"),
        }
    }
}

impl std::error::Error for Flaw {}

impl Insn {
    /// What is wrong with this instruction by itself, if anything is.
    pub fn flaw(&self) -> Option<Flaw> {
        if self.written() == Some(FP) {
            return Some(Flaw::WritesFramePointer);
        }
        match *self {
            Self::Alu {
                op: AluOp::Lsh | AluOp::Rsh | AluOp::Arsh,
                width,
                src: Src::Imm(by),
                ..
            } => {
                let bits = match width {
                    Width::W32 => 32,
                    Width::W64 => 64,
                };
                (!(0..bits).contains(&by)).then_some(Flaw::Shift { by, bits })
            }
            Self::Alu {
                op: AluOp::Div | AluOp::Mod | AluOp::Sdiv | AluOp::Smod,
                src: Src::Imm(0),
                ..
            } => Some(Flaw::DivisionByZero),
            Self::MoveSigned { size: Size::D, .. }
            | Self::MoveSigned { size: Size::W, width: Width::W32, .. }
            | Self::Load { size: Size::D, extend: Extend::Sign, .. } => Some(Flaw::SignedSize),
            Self::LoadPacket { size: Size::D, .. } => Some(Flaw::PacketSize),
            Self::Atomic { size: Size::B | Size::H, .. } => Some(Flaw::AtomicSize),
            Self::Alu { .. }
            | Self::Neg { .. }
            | Self::MoveSigned { .. }
            | Self::Swap { .. }
            | Self::LoadImm64 { .. }
            | Self::Load { .. }
            | Self::Store { .. }
            | Self::Atomic { .. }
            | Self::LoadPacket { .. }
            | Self::Jump { .. }
            | Self::JumpLong { .. }
            | Self::Call(_)
            | Self::Exit => None,
        }
    }
}
