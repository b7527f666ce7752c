//! What the types of an instruction still allow and the machine does not have.
//!
//! The kernel refuses each of these whatever comes before it, so `Assembler::finish` and `decode`
//! do too, and no `Program` has one.

use crate::insn::{AluOp, Insn, Size, Src, Width};
use crate::reg::FP;

/// Why an instruction that the types allow is none that the machine has.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum Flaw {
    /// The frame pointer can only be read.
    #[error("`r10`, the frame pointer, is read-only")]
    WritesFramePointer,
    /// Shifts by a constant go from 0 to one less than the width.
    #[error("a shift by {by} does not fit {bits} bits")]
    Shift {
        /// The constant.
        by: i32,
        /// Bits of the operand.
        bits: i32,
    },
    /// The kernel refuses a division by the constant zero.
    #[error("division by the constant zero")]
    DivisionByZero,
    /// Atomic operations exist for four and eight bytes only.
    #[error("atomic operations exist for 4 and 8 bytes only")]
    AtomicSize,
}

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
            Self::Alu { op: AluOp::Div | AluOp::Mod, src: Src::Imm(0), .. } => {
                Some(Flaw::DivisionByZero)
            }
            Self::Atomic { size: Size::B | Size::H, .. } => Some(Flaw::AtomicSize),
            Self::Alu { .. }
            | Self::Neg { .. }
            | Self::Swap { .. }
            | Self::LoadImm64 { .. }
            | Self::Load { .. }
            | Self::Store { .. }
            | Self::Atomic { .. }
            | Self::Jump { .. }
            | Self::Call(_)
            | Self::Exit => None,
        }
    }
}
