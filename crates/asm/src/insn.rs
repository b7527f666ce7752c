//! Instructions as meanings: what the machine does, not how the bits lie.
//!
//! An `Insn` names registers, labels and maps; opcodes, distances and descriptors appear only when
//! `encode` turns it into `RawInsn`. A register cannot stand where an immediate is meant. What the
//! types still allow and the machine does not (`r10` as a destination, a shift by 64) is a `Flaw`,
//! refused alike by `Assembler::finish` and by `decode`.

use crate::assembler::Label;
use crate::helper::Helper;
use crate::map::MapId;
use crate::reg::{Mem, R0, Reg};

/// The second operand of arithmetic, comparison and store.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Src {
    /// The value of a register.
    Reg(Reg),
    /// A constant, sign-extended to 64 bits where the operation is that wide.
    Imm(i32),
}

impl From<Reg> for Src {
    fn from(reg: Reg) -> Self {
        Self::Reg(reg)
    }
}

impl From<i32> for Src {
    fn from(imm: i32) -> Self {
        Self::Imm(imm)
    }
}

/// How many bytes of memory are meant: 1, 2, 4 or 8.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Size {
    /// One byte.
    B,
    /// Two bytes.
    H,
    /// Four bytes.
    W,
    /// Eight bytes.
    D,
}

/// How wide arithmetic and comparison are.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Width {
    /// The lower half; arithmetic clears the upper one.
    W32,
    /// The whole register.
    W64,
}

/// Arithmetic with two operands; unsigned but for `Arsh`.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum AluOp {
    /// `dst += src`.
    Add,
    /// `dst -= src`.
    Sub,
    /// `dst *= src`.
    Mul,
    /// `dst /= src`; division by a register that is zero gives zero.
    Div,
    /// `dst |= src`.
    Or,
    /// `dst &= src`.
    And,
    /// `dst <<= src`.
    Lsh,
    /// `dst >>= src`, filled with zeros.
    Rsh,
    /// `dst %= src`; by a register that is zero it leaves `dst` as it is.
    Mod,
    /// `dst ^= src`.
    Xor,
    /// `dst = src`.
    Mov,
    /// `dst >>= src`, filled with the sign.
    Arsh,
    /// `dst /= src`, signed and towards zero; division by a register that is zero gives zero.
    Sdiv,
    /// `dst %= src`, with the sign of `dst`; by a register that is zero it leaves `dst` as it is.
    Smod,
}

/// What a conditional jump compares; unsigned where no `S` says otherwise.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Cond {
    /// Equal.
    Eq,
    /// Not equal.
    Ne,
    /// Greater.
    Gt,
    /// Greater or equal.
    Ge,
    /// Less.
    Lt,
    /// Less or equal.
    Le,
    /// Some bit is set in both operands.
    Set,
    /// Greater, signed.
    Sgt,
    /// Greater or equal, signed.
    Sge,
    /// Less, signed.
    Slt,
    /// Less or equal, signed.
    Sle,
}

impl Cond {
    /// The condition that holds exactly when this one does not; `Set` has none.
    pub fn inverse(self) -> Option<Self> {
        Some(match self {
            Self::Eq => Self::Ne,
            Self::Ne => Self::Eq,
            Self::Gt => Self::Le,
            Self::Le => Self::Gt,
            Self::Ge => Self::Lt,
            Self::Lt => Self::Ge,
            Self::Sgt => Self::Sle,
            Self::Sle => Self::Sgt,
            Self::Sge => Self::Slt,
            Self::Slt => Self::Sge,
            Self::Set => return None,
        })
    }
}

/// How a value from memory fills its register.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Extend {
    /// With zeros.
    Zero,
    /// With its sign.
    Sign,
}

/// A byte order to bring the low 16, 32 or 64 bits of a register into; the rest becomes zero.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Swap {
    /// Little-endian, 16 bits.
    Le16,
    /// Little-endian, 32 bits.
    Le32,
    /// Little-endian, 64 bits.
    Le64,
    /// Big-endian (network order), 16 bits.
    Be16,
    /// Big-endian (network order), 32 bits.
    Be32,
    /// Big-endian (network order), 64 bits.
    Be64,
    /// The other order, whichever the machine has, 16 bits.
    Bswap16,
    /// The other order, whichever the machine has, 32 bits.
    Bswap32,
    /// The other order, whichever the machine has, 64 bits.
    Bswap64,
}

/// A read-modify-write of memory that no other CPU can come between.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum AtomicOp {
    /// Adds.
    Add,
    /// Sets bits.
    Or,
    /// Keeps bits.
    And,
    /// Flips bits.
    Xor,
    /// Adds, and gives the old value in the source register.
    FetchAdd,
    /// Sets bits, and gives the old value in the source register.
    FetchOr,
    /// Keeps bits, and gives the old value in the source register.
    FetchAnd,
    /// Flips bits, and gives the old value in the source register.
    FetchXor,
    /// Exchanges memory and source register.
    Xchg,
    /// Stores the source register if memory equals `r0`; `r0` gets the old value either way.
    CmpXchg,
}

/// The condition of a jump.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Test {
    /// How the operands are compared.
    pub cond: Cond,
    /// Whether whole registers or their lower halves are.
    pub width: Width,
    /// The left operand.
    pub left: Reg,
    /// The right operand.
    pub right: Src,
}

/// What a 64-bit load puts into its register; everything but `Const` is symbolic.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Imm64 {
    /// A number.
    Const(u64),
    /// The address of a map, as helpers take it.
    Map(MapId),
    /// The address of a byte in the only value of an array map.
    MapValue {
        /// The map.
        map: MapId,
        /// Bytes from the start of the value.
        off: u32,
    },
    /// The address of a map that has no declaration here, as in code that was linked.
    MapNumber(MapNumber),
    /// The address of a byte in the only value of an array map that has no declaration here.
    MapNumberValue {
        /// The map.
        map: MapNumber,
        /// Bytes from the start of the value.
        off: u32,
    },
    /// The address of a variable of the kernel.
    #[doc(alias = "BPF_PSEUDO_BTF_ID")]
    Variable {
        /// Its number in the type information of the kernel or of a module.
        btf_id: i32,
        /// The descriptor of the module's type information, or zero for the kernel's.
        module: i32,
    },
    /// The address of a function of this program, as a callback.
    #[doc(alias = "BPF_PSEUDO_FUNC")]
    Sub(Label),
}

/// A map that code names by a number alone.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum MapNumber {
    /// A descriptor of the process that loads the code.
    #[doc(alias = "BPF_PSEUDO_MAP_FD")]
    Fd(i32),
    /// A place in the list of descriptors that comes with the code.
    #[doc(alias = "BPF_PSEUDO_MAP_IDX")]
    Index(i32),
}

/// Where the classic access to packets reads.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum PacketAt {
    /// At the constant.
    Abs(i32),
    /// At the register plus the constant.
    Ind(Reg, i32),
}

/// Who is called.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Call {
    /// A function of the kernel.
    Helper(Helper),
    /// A function of this program, which starts at the label and ends before the next one.
    #[doc(alias = "BPF_PSEUDO_CALL")]
    Sub(Label),
    /// A function of the kernel or of a module, by the number of its type.
    #[doc(alias = "BPF_PSEUDO_KFUNC_CALL")]
    Kfunc {
        /// Its number in the type information of the kernel or of the module.
        btf_id: i32,
        /// Zero for the kernel; else a place in the list of descriptors that comes with the code.
        module: i16,
    },
}

/// One instruction.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Insn {
    /// Arithmetic: `dst op= src`.
    Alu {
        /// The operation.
        op: AluOp,
        /// Its width.
        width: Width,
        /// First operand and result.
        dst: Reg,
        /// Second operand.
        src: Src,
    },
    /// `dst = -dst`.
    Neg {
        /// Its width.
        width: Width,
        /// Operand and result.
        dst: Reg,
    },
    /// A move that fills the register with the sign of the lower bytes of the source.
    MoveSigned {
        /// Its width; the upper half becomes zero where that is 32 bits.
        width: Width,
        /// How many bytes are taken: fewer than the width.
        size: Size,
        /// Result.
        dst: Reg,
        /// Operand.
        src: Reg,
    },
    /// A change of byte order.
    Swap {
        /// The order and size wanted.
        order: Swap,
        /// Operand and result.
        dst: Reg,
    },
    /// A constant of 64 bits; the one instruction that takes two slots.
    LoadImm64 {
        /// Where it goes.
        dst: Reg,
        /// What it is.
        value: Imm64,
    },
    /// A read from memory.
    Load {
        /// How many bytes.
        size: Size,
        /// What the rest of the register is filled with; with zeros where there is no rest.
        extend: Extend,
        /// Where they go.
        dst: Reg,
        /// Where they come from.
        mem: Mem,
    },
    /// A write to memory.
    Store {
        /// How many bytes.
        size: Size,
        /// Where they go.
        mem: Mem,
        /// What is written, cut to the size.
        src: Src,
    },
    /// An atomic change of memory, of four or eight bytes.
    Atomic {
        /// The change.
        op: AtomicOp,
        /// `W` or `D`.
        size: Size,
        /// The memory.
        mem: Mem,
        /// The operand, and the old value where the operation gives one.
        src: Reg,
    },
    /// The classic access to packets: `r0` gets bytes in network order, or the program ends.
    LoadPacket {
        /// How many bytes, four at most.
        size: Size,
        /// Where they come from.
        at: PacketAt,
    },
    /// A jump, always taken when there is no test.
    Jump {
        /// The condition.
        when: Option<Test>,
        /// Where to.
        to: Label,
    },
    /// A jump whose distance has 32 bits, always taken.
    #[doc(alias = "gotol")]
    JumpLong {
        /// Where to.
        to: Label,
    },
    /// A call.
    Call(Call),
    /// The return from the program or from a function of it.
    Exit,
}

impl Insn {
    /// Whether the next instruction may be executed after this one.
    pub fn falls_through(&self) -> bool {
        match self {
            Self::Exit | Self::JumpLong { .. } => false,
            Self::Jump { when, .. } => when.is_some(),
            Self::Alu { .. }
            | Self::Neg { .. }
            | Self::MoveSigned { .. }
            | Self::Swap { .. }
            | Self::LoadImm64 { .. }
            | Self::Load { .. }
            | Self::Store { .. }
            | Self::Atomic { .. }
            | Self::LoadPacket { .. }
            | Self::Call(_) => true,
        }
    }

    /// The label that this instruction names, be it of a jump, a call or a callback.
    pub fn label(&self) -> Option<Label> {
        match *self {
            Self::Jump { to, .. } | Self::JumpLong { to } => Some(to),
            Self::Call(Call::Sub(to)) | Self::LoadImm64 { value: Imm64::Sub(to), .. } => Some(to),
            Self::Call(Call::Helper(_) | Call::Kfunc { .. })
            | Self::LoadImm64 {
                value:
                    Imm64::Const(_)
                    | Imm64::Map(_)
                    | Imm64::MapValue { .. }
                    | Imm64::MapNumber(_)
                    | Imm64::MapNumberValue { .. }
                    | Imm64::Variable { .. },
                ..
            }
            | Self::Alu { .. }
            | Self::Neg { .. }
            | Self::MoveSigned { .. }
            | Self::Swap { .. }
            | Self::Load { .. }
            | Self::Store { .. }
            | Self::Atomic { .. }
            | Self::LoadPacket { .. }
            | Self::Exit => None,
        }
    }

    /// The label that control goes to from here within the function, when a jump is taken.
    pub fn jump(&self) -> Option<Label> {
        if matches!(self, Self::Jump { .. } | Self::JumpLong { .. }) { self.label() } else { None }
    }

    /// The same instruction with another label, where it names one.
    pub(crate) fn with_label(self, label: Label) -> Self {
        match self {
            Self::Jump { when, to: _ } => Self::Jump { when, to: label },
            Self::JumpLong { to: _ } => Self::JumpLong { to: label },
            Self::Call(Call::Sub(_)) => Self::Call(Call::Sub(label)),
            Self::LoadImm64 { dst, value: Imm64::Sub(_) } => {
                Self::LoadImm64 { dst, value: Imm64::Sub(label) }
            }
            Self::Call(Call::Helper(_) | Call::Kfunc { .. })
            | Self::LoadImm64 { .. }
            | Self::Alu { .. }
            | Self::Neg { .. }
            | Self::MoveSigned { .. }
            | Self::Swap { .. }
            | Self::Load { .. }
            | Self::Store { .. }
            | Self::Atomic { .. }
            | Self::LoadPacket { .. }
            | Self::Exit => self,
        }
    }

    /// The map that this instruction names, where it is declared.
    pub fn map(&self) -> Option<MapId> {
        match *self {
            Self::LoadImm64 { value: Imm64::Map(map) | Imm64::MapValue { map, .. }, .. } => {
                Some(map)
            }
            Self::LoadImm64 {
                value:
                    Imm64::Const(_)
                    | Imm64::Sub(_)
                    | Imm64::MapNumber(_)
                    | Imm64::MapNumberValue { .. }
                    | Imm64::Variable { .. },
                ..
            }
            | Self::Alu { .. }
            | Self::Neg { .. }
            | Self::MoveSigned { .. }
            | Self::Swap { .. }
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

    /// The register that this instruction gives a new value, besides those a call clobbers.
    pub fn written(&self) -> Option<Reg> {
        match *self {
            Self::Alu { dst, .. }
            | Self::Neg { dst, .. }
            | Self::MoveSigned { dst, .. }
            | Self::Swap { dst, .. }
            | Self::LoadImm64 { dst, .. }
            | Self::Load { dst, .. } => Some(dst),
            Self::LoadPacket { .. } => Some(R0),
            Self::Atomic { op, src, .. } => match op {
                AtomicOp::Add | AtomicOp::Or | AtomicOp::And | AtomicOp::Xor => None,
                AtomicOp::CmpXchg => Some(R0),
                AtomicOp::FetchAdd
                | AtomicOp::FetchOr
                | AtomicOp::FetchAnd
                | AtomicOp::FetchXor
                | AtomicOp::Xchg => Some(src),
            },
            Self::Store { .. }
            | Self::Jump { .. }
            | Self::JumpLong { .. }
            | Self::Call(_)
            | Self::Exit => None,
        }
    }

    /// How many slots of eight bytes the plain encoding takes.
    pub(crate) fn slots(&self) -> usize {
        if matches!(self, Self::LoadImm64 { .. }) { 2 } else { 1 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn holds(cond: Cond, left: i64, right: i64) -> bool {
        let (unsigned_left, unsigned_right) = (left.cast_unsigned(), right.cast_unsigned());
        match cond {
            Cond::Eq => left == right,
            Cond::Ne => left != right,
            Cond::Gt => unsigned_left > unsigned_right,
            Cond::Ge => unsigned_left >= unsigned_right,
            Cond::Lt => unsigned_left < unsigned_right,
            Cond::Le => unsigned_left <= unsigned_right,
            Cond::Set => left & right != 0,
            Cond::Sgt => left > right,
            Cond::Sge => left >= right,
            Cond::Slt => left < right,
            Cond::Sle => left <= right,
        }
    }

    #[test]
    fn a_condition_holds_exactly_when_its_inverse_does_not() {
        use Cond::{Eq, Ge, Gt, Le, Lt, Ne, Set, Sge, Sgt, Sle, Slt};
        for cond in [Eq, Ne, Gt, Ge, Lt, Le, Sgt, Sge, Slt, Sle] {
            let inverse = cond.inverse().unwrap();
            for (left, right) in [(1, 1), (1, 2), (2, 1), (-1, 1), (1, -1), (-1, -1)] {
                assert_ne!(holds(cond, left, right), holds(inverse, left, right), "{cond:?}");
            }
        }
        assert_eq!(Set.inverse(), None);
    }
}
