//! The tables of the encoding: which bits stand for which meaning, and how the kernel prints it.
//!
//! One line per encoding, in the order of RFC 9669; `encode`, `decode` and the listing read the
//! same lines, so they cannot disagree.

use crate::insn::{AluOp, AtomicOp, Cond, Size, Swap};

/// Instruction classes, the low three bits of an opcode (RFC 9669, 3.1).
pub(crate) mod class {
    pub(crate) const LD: u8 = 0x00;
    pub(crate) const LDX: u8 = 0x01;
    pub(crate) const ST: u8 = 0x02;
    pub(crate) const STX: u8 = 0x03;
    pub(crate) const ALU: u8 = 0x04;
    pub(crate) const JMP: u8 = 0x05;
    pub(crate) const JMP32: u8 = 0x06;
    pub(crate) const ALU64: u8 = 0x07;
    pub(crate) const MASK: u8 = 0x07;
}

/// Modes of memory access, the high three bits of an opcode (RFC 9669, 5).
pub(crate) mod mode {
    pub(crate) const IMM: u8 = 0x00;
    pub(crate) const ABS: u8 = 0x20;
    pub(crate) const IND: u8 = 0x40;
    pub(crate) const MEM: u8 = 0x60;
    pub(crate) const MEMSX: u8 = 0x80;
    pub(crate) const ATOMIC: u8 = 0xc0;
    pub(crate) const MASK: u8 = 0xe0;
}

/// Operations that no enum of meanings lists, as they have fields of their own.
pub(crate) mod op {
    pub(crate) const MOV: u8 = 0xb0;
    pub(crate) const NEG: u8 = 0x80;
    pub(crate) const END: u8 = 0xd0;
    pub(crate) const JA: u8 = 0x00;
    pub(crate) const CALL: u8 = 0x80;
    pub(crate) const EXIT: u8 = 0x90;
    pub(crate) const MASK: u8 = 0xf0;
}

/// The opcode of a 64-bit load: class `LD`, mode `IMM`, size `D`.
pub(crate) const LOAD_IMM64: u8 = 0x18;
/// The bit that says that the second operand is a register.
pub(crate) const SOURCE_REG: u8 = 0x08;
/// The mask of the size of a memory access.
pub(crate) const SIZE_MASK: u8 = 0x18;
/// What the source field of a call to a function of this program holds.
pub(crate) const PSEUDO_CALL: u8 = 1;
/// What the source field of a call to a function of the kernel by its type holds.
pub(crate) const PSEUDO_KFUNC_CALL: u8 = 2;

/// What the source field of a 64-bit load says about its constant (RFC 9669, 5.4).
pub(crate) mod pseudo {
    pub(crate) const CONST: u8 = 0;
    pub(crate) const MAP_FD: u8 = 1;
    pub(crate) const MAP_VALUE: u8 = 2;
    pub(crate) const BTF_ID: u8 = 3;
    pub(crate) const FUNC: u8 = 4;
    pub(crate) const MAP_IDX: u8 = 5;
    pub(crate) const MAP_IDX_VALUE: u8 = 6;
}

impl Size {
    /// How many bits it has.
    pub(crate) fn bits(self) -> u8 {
        match self {
            Self::B => 8,
            Self::H => 16,
            Self::W => 32,
            Self::D => 64,
        }
    }

    /// How the kernel prints a value of this size that has a sign.
    pub(crate) fn signed_symbol(self) -> &'static str {
        match self {
            Self::B => "s8",
            Self::H => "s16",
            Self::W => "s32",
            Self::D => "s64",
        }
    }
}

macro_rules! table {
    ($meaning:ident, $code:ty: $($variant:ident $bits:tt $symbol:literal)*) => {
        impl $meaning {
            /// The bits that stand for it.
            pub(crate) fn code(self) -> $code {
                match self { $(Self::$variant => $bits,)* }
            }

            /// The meaning of the bits.
            pub(crate) fn from_code(code: $code) -> Option<Self> {
                match code { $($bits => Some(Self::$variant),)* _ => None }
            }

            /// How the kernel prints it.
            pub(crate) fn symbol(self) -> &'static str {
                match self { $(Self::$variant => $symbol,)* }
            }
        }
    };
}

#[rustfmt::skip] // One line per encoding: the operation and the offset (RFC 9669, 4.1).
table! { AluOp, (u8, i16):
    Add  (0x00, 0) "+="
    Sub  (0x10, 0) "-="
    Mul  (0x20, 0) "*="
    Div  (0x30, 0) "/="
    Sdiv (0x30, 1) "s/="
    Or   (0x40, 0) "|="
    And  (0x50, 0) "&="
    Lsh  (0x60, 0) "<<="
    Rsh  (0x70, 0) ">>="
    Mod  (0x90, 0) "%="
    Smod (0x90, 1) "s%="
    Xor  (0xa0, 0) "^="
    Mov  (0xb0, 0) "="
    Arsh (0xc0, 0) "s>>="
}

#[rustfmt::skip] // One line per encoding: the class, the source bit and the constant (RFC 9669, 4.2).
table! { Swap, (u8, u8, i32):
    Le16    (0x04, 0x00, 16) "le16"
    Le32    (0x04, 0x00, 32) "le32"
    Le64    (0x04, 0x00, 64) "le64"
    Be16    (0x04, 0x08, 16) "be16"
    Be32    (0x04, 0x08, 32) "be32"
    Be64    (0x04, 0x08, 64) "be64"
    Bswap16 (0x07, 0x00, 16) "bswap16"
    Bswap32 (0x07, 0x00, 32) "bswap32"
    Bswap64 (0x07, 0x00, 64) "bswap64"
}

#[rustfmt::skip] // One line per encoding (RFC 9669, 4.3).
table! { Cond, u8:
    Eq  0x10 "=="
    Gt  0x20 ">"
    Ge  0x30 ">="
    Set 0x40 "&"
    Ne  0x50 "!="
    Sgt 0x60 "s>"
    Sge 0x70 "s>="
    Lt  0xa0 "<"
    Le  0xb0 "<="
    Slt 0xc0 "s<"
    Sle 0xd0 "s<="
}

#[rustfmt::skip] // One line per encoding (RFC 9669, 5).
table! { Size, u8:
    W 0x00 "u32"
    H 0x08 "u16"
    B 0x10 "u8"
    D 0x18 "u64"
}

#[rustfmt::skip] // One line per encoding: the constant of the instruction (RFC 9669, 5.3).
table! { AtomicOp, i32:
    Add      0x00 "+="
    Or       0x40 "|="
    And      0x50 "&="
    Xor      0xa0 "^="
    FetchAdd 0x01 "fetch_add"
    FetchOr  0x41 "fetch_or"
    FetchAnd 0x51 "fetch_and"
    FetchXor 0xa1 "fetch_xor"
    Xchg     0xe1 "xchg"
    CmpXchg  0xf1 "cmpxchg"
}
