//! The encoding against RFC 9669: one line per encoding, transcribed from its tables, and every
//! refusal of `decode`.
//!
//! A line holds the fields of the slot, the version that has it, the meaning, and the kernel's
//! text. Each is checked from bytes of either order to the meaning to text, and all the way back.
//! `data/rfc9669_appendix.txt` is the registry of the RFC's appendix: opcode, source, offset,
//! constant, conformance group. No line of it is without one here, none here without one there,
//! and what no line of it describes is refused.

use std::collections::BTreeMap;

use palisade_asm::AluOp::{Add, And, Arsh, Div, Lsh, Mod, Mov, Mul, Or, Rsh, Sdiv, Smod, Sub, Xor};
use palisade_asm::AtomicOp::{self, CmpXchg, FetchAdd, FetchAnd, FetchOr, FetchXor, Xchg};
use palisade_asm::Cond::{self, Eq, Ge, Gt, Le, Lt, Ne, Set, Sge, Sgt, Sle, Slt};
use palisade_asm::Extend::{Sign, Zero};
use palisade_asm::Isa::{self, V1, V2, V3, V4};
use palisade_asm::Size::{self, B, D, H, W};
use palisade_asm::Width::{self, W32, W64};
use palisade_asm::{
    AluOp, Assembler, ByteOrder, Call, DecodeError, EncodeError, FP, Field, Flaw, Group, Helper,
    Image, Imm64, Insn, Label, MapDecl, MapFlags, MapKind, MapNumber, Notes, PacketAt, Program, R1,
    R2, R3, R6, RawInsn, Reg, SLOT_BYTES, Src, Swap, Test, decode, decode_image, parse,
};

type Row = (RawInsn, Isa, Insn, &'static str);

const EXIT: RawInsn = RawInsn { op: 0x95, regs: 0, off: 0, imm: 0 };

fn raw(op: u8, dst: u8, src: u8, off: i16, imm: i32) -> RawInsn {
    RawInsn::new(op, dst, src, off, imm)
}

fn alu(op: AluOp, width: Width, dst: Reg, src: impl Into<Src>) -> Insn {
    Insn::Alu { op, width, dst, src: src.into() }
}

fn jump(cond: Cond, width: Width, left: Reg, right: impl Into<Src>, to: Label) -> Insn {
    Insn::Jump { when: Some(Test { cond, width, left, right: right.into() }), to }
}

fn signed(width: Width, size: Size) -> Insn {
    Insn::MoveSigned { width, size, dst: R1, src: R2 }
}

fn atomic(op: AtomicOp, size: Size) -> Insn {
    Insn::Atomic { op, size, mem: R6 + 8, src: R1 }
}

/// 4.1: arithmetic, by a constant (source bit 0) and by a register (source bit 1).
#[rustfmt::skip] // One line per encoding.
fn arithmetic(_: Label) -> Vec<Row> { vec![
    (raw(0x07, 1, 0, 0, 7), V1, alu(Add, W64, R1, 7), "r1 += 7"),
    (raw(0x0f, 1, 2, 0, 0), V1, alu(Add, W64, R1, R2), "r1 += r2"),
    (raw(0x17, 1, 0, 0, 7), V1, alu(Sub, W64, R1, 7), "r1 -= 7"),
    (raw(0x1f, 1, 2, 0, 0), V1, alu(Sub, W64, R1, R2), "r1 -= r2"),
    (raw(0x27, 1, 0, 0, 7), V1, alu(Mul, W64, R1, 7), "r1 *= 7"),
    (raw(0x2f, 1, 2, 0, 0), V1, alu(Mul, W64, R1, R2), "r1 *= r2"),
    (raw(0x37, 1, 0, 0, 7), V1, alu(Div, W64, R1, 7), "r1 /= 7"),
    (raw(0x3f, 1, 2, 0, 0), V1, alu(Div, W64, R1, R2), "r1 /= r2"),
    (raw(0x47, 1, 0, 0, 7), V1, alu(Or, W64, R1, 7), "r1 |= 7"),
    (raw(0x4f, 1, 2, 0, 0), V1, alu(Or, W64, R1, R2), "r1 |= r2"),
    (raw(0x57, 1, 0, 0, 7), V1, alu(And, W64, R1, 7), "r1 &= 7"),
    (raw(0x5f, 1, 2, 0, 0), V1, alu(And, W64, R1, R2), "r1 &= r2"),
    (raw(0x67, 1, 0, 0, 7), V1, alu(Lsh, W64, R1, 7), "r1 <<= 7"),
    (raw(0x6f, 1, 2, 0, 0), V1, alu(Lsh, W64, R1, R2), "r1 <<= r2"),
    (raw(0x77, 1, 0, 0, 7), V1, alu(Rsh, W64, R1, 7), "r1 >>= 7"),
    (raw(0x7f, 1, 2, 0, 0), V1, alu(Rsh, W64, R1, R2), "r1 >>= r2"),
    (raw(0x97, 1, 0, 0, 7), V1, alu(Mod, W64, R1, 7), "r1 %= 7"),
    (raw(0x9f, 1, 2, 0, 0), V1, alu(Mod, W64, R1, R2), "r1 %= r2"),
    (raw(0xa7, 1, 0, 0, 7), V1, alu(Xor, W64, R1, 7), "r1 ^= 7"),
    (raw(0xaf, 1, 2, 0, 0), V1, alu(Xor, W64, R1, R2), "r1 ^= r2"),
    (raw(0xb7, 1, 0, 0, 7), V1, alu(Mov, W64, R1, 7), "r1 = 7"),
    (raw(0xbf, 1, 2, 0, 0), V1, alu(Mov, W64, R1, R2), "r1 = r2"),
    (raw(0xc7, 1, 0, 0, 7), V1, alu(Arsh, W64, R1, 7), "r1 s>>= 7"),
    (raw(0xcf, 1, 2, 0, 0), V1, alu(Arsh, W64, R1, R2), "r1 s>>= r2"),
    (raw(0x87, 1, 0, 0, 0), V1, Insn::Neg { width: W64, dst: R1 }, "r1 = -r1"),
    (raw(0x04, 1, 0, 0, 7), V3, alu(Add, W32, R1, 7), "w1 += 7"),
    (raw(0x0c, 1, 2, 0, 0), V3, alu(Add, W32, R1, R2), "w1 += w2"),
    (raw(0x14, 1, 0, 0, 7), V3, alu(Sub, W32, R1, 7), "w1 -= 7"),
    (raw(0x1c, 1, 2, 0, 0), V3, alu(Sub, W32, R1, R2), "w1 -= w2"),
    (raw(0x24, 1, 0, 0, 7), V3, alu(Mul, W32, R1, 7), "w1 *= 7"),
    (raw(0x2c, 1, 2, 0, 0), V3, alu(Mul, W32, R1, R2), "w1 *= w2"),
    (raw(0x34, 1, 0, 0, 7), V3, alu(Div, W32, R1, 7), "w1 /= 7"),
    (raw(0x3c, 1, 2, 0, 0), V3, alu(Div, W32, R1, R2), "w1 /= w2"),
    (raw(0x44, 1, 0, 0, 7), V3, alu(Or, W32, R1, 7), "w1 |= 7"),
    (raw(0x4c, 1, 2, 0, 0), V3, alu(Or, W32, R1, R2), "w1 |= w2"),
    (raw(0x54, 1, 0, 0, 7), V3, alu(And, W32, R1, 7), "w1 &= 7"),
    (raw(0x5c, 1, 2, 0, 0), V3, alu(And, W32, R1, R2), "w1 &= w2"),
    (raw(0x64, 1, 0, 0, 7), V3, alu(Lsh, W32, R1, 7), "w1 <<= 7"),
    (raw(0x6c, 1, 2, 0, 0), V3, alu(Lsh, W32, R1, R2), "w1 <<= w2"),
    (raw(0x74, 1, 0, 0, 7), V3, alu(Rsh, W32, R1, 7), "w1 >>= 7"),
    (raw(0x7c, 1, 2, 0, 0), V3, alu(Rsh, W32, R1, R2), "w1 >>= w2"),
    (raw(0x94, 1, 0, 0, 7), V3, alu(Mod, W32, R1, 7), "w1 %= 7"),
    (raw(0x9c, 1, 2, 0, 0), V3, alu(Mod, W32, R1, R2), "w1 %= w2"),
    (raw(0xa4, 1, 0, 0, 7), V3, alu(Xor, W32, R1, 7), "w1 ^= 7"),
    (raw(0xac, 1, 2, 0, 0), V3, alu(Xor, W32, R1, R2), "w1 ^= w2"),
    (raw(0xb4, 1, 0, 0, 7), V3, alu(Mov, W32, R1, 7), "w1 = 7"),
    (raw(0xbc, 1, 2, 0, 0), V3, alu(Mov, W32, R1, R2), "w1 = w2"),
    (raw(0xc4, 1, 0, 0, 7), V3, alu(Arsh, W32, R1, 7), "w1 s>>= 7"),
    (raw(0xcc, 1, 2, 0, 0), V3, alu(Arsh, W32, R1, R2), "w1 s>>= w2"),
    (raw(0x37, 1, 0, 1, 7), V4, alu(Sdiv, W64, R1, 7), "r1 s/= 7"),
    (raw(0x3f, 1, 2, 1, 0), V4, alu(Sdiv, W64, R1, R2), "r1 s/= r2"),
    (raw(0x97, 1, 0, 1, 7), V4, alu(Smod, W64, R1, 7), "r1 s%= 7"),
    (raw(0x9f, 1, 2, 1, 0), V4, alu(Smod, W64, R1, R2), "r1 s%= r2"),
    (raw(0x34, 1, 0, 1, 7), V4, alu(Sdiv, W32, R1, 7), "w1 s/= 7"),
    (raw(0x3c, 1, 2, 1, 0), V4, alu(Sdiv, W32, R1, R2), "w1 s/= w2"),
    (raw(0x94, 1, 0, 1, 7), V4, alu(Smod, W32, R1, 7), "w1 s%= 7"),
    (raw(0x9c, 1, 2, 1, 0), V4, alu(Smod, W32, R1, R2), "w1 s%= w2"),
    (raw(0xbf, 1, 2, 8, 0), V4, signed(W64, B), "r1 = (s8)r2"),
    (raw(0xbf, 1, 2, 16, 0), V4, signed(W64, H), "r1 = (s16)r2"),
    (raw(0xbf, 1, 2, 32, 0), V4, signed(W64, W), "r1 = (s32)r2"),
    (raw(0xbc, 1, 2, 8, 0), V4, signed(W32, B), "w1 = (s8)w2"),
    (raw(0xbc, 1, 2, 16, 0), V4, signed(W32, H), "w1 = (s16)w2"),
    (raw(0x84, 1, 0, 0, 0), V3, Insn::Neg { width: W32, dst: R1 }, "w1 = -w1"),
] }

/// 4.2: byte order; the constant selects the width.
#[rustfmt::skip] // One line per encoding.
fn byte_swaps(_: Label) -> Vec<Row> { vec![
    (raw(0xd4, 1, 0, 0, 16), V1, Insn::Swap { order: Swap::Le16, dst: R1 }, "r1 = le16 r1"),
    (raw(0xd4, 1, 0, 0, 32), V1, Insn::Swap { order: Swap::Le32, dst: R1 }, "r1 = le32 r1"),
    (raw(0xd4, 1, 0, 0, 64), V1, Insn::Swap { order: Swap::Le64, dst: R1 }, "r1 = le64 r1"),
    (raw(0xdc, 1, 0, 0, 16), V1, Insn::Swap { order: Swap::Be16, dst: R1 }, "r1 = be16 r1"),
    (raw(0xdc, 1, 0, 0, 32), V1, Insn::Swap { order: Swap::Be32, dst: R1 }, "r1 = be32 r1"),
    (raw(0xdc, 1, 0, 0, 64), V1, Insn::Swap { order: Swap::Be64, dst: R1 }, "r1 = be64 r1"),
    (raw(0xd7, 1, 0, 0, 16), V4, Insn::Swap { order: Swap::Bswap16, dst: R1 }, "r1 = bswap16 r1"),
    (raw(0xd7, 1, 0, 0, 32), V4, Insn::Swap { order: Swap::Bswap32, dst: R1 }, "r1 = bswap32 r1"),
    (raw(0xd7, 1, 0, 0, 64), V4, Insn::Swap { order: Swap::Bswap64, dst: R1 }, "r1 = bswap64 r1"),
] }

/// 4.3: jumps; a distance of 0 leads to the next instruction.
#[rustfmt::skip] // One line per encoding.
fn jumps(to: Label) -> Vec<Row> { vec![
    (raw(0x15, 1, 0, 0, 8), V1, jump(Eq, W64, R1, 8, to), "if r1 == 0x8 goto next"),
    (raw(0x1d, 1, 2, 0, 0), V1, jump(Eq, W64, R1, R2, to), "if r1 == r2 goto next"),
    (raw(0x25, 1, 0, 0, 8), V1, jump(Gt, W64, R1, 8, to), "if r1 > 0x8 goto next"),
    (raw(0x2d, 1, 2, 0, 0), V1, jump(Gt, W64, R1, R2, to), "if r1 > r2 goto next"),
    (raw(0x35, 1, 0, 0, 8), V1, jump(Ge, W64, R1, 8, to), "if r1 >= 0x8 goto next"),
    (raw(0x3d, 1, 2, 0, 0), V1, jump(Ge, W64, R1, R2, to), "if r1 >= r2 goto next"),
    (raw(0x45, 1, 0, 0, 8), V1, jump(Set, W64, R1, 8, to), "if r1 & 0x8 goto next"),
    (raw(0x4d, 1, 2, 0, 0), V1, jump(Set, W64, R1, R2, to), "if r1 & r2 goto next"),
    (raw(0x55, 1, 0, 0, 8), V1, jump(Ne, W64, R1, 8, to), "if r1 != 0x8 goto next"),
    (raw(0x5d, 1, 2, 0, 0), V1, jump(Ne, W64, R1, R2, to), "if r1 != r2 goto next"),
    (raw(0x65, 1, 0, 0, 8), V1, jump(Sgt, W64, R1, 8, to), "if r1 s> 0x8 goto next"),
    (raw(0x6d, 1, 2, 0, 0), V1, jump(Sgt, W64, R1, R2, to), "if r1 s> r2 goto next"),
    (raw(0x75, 1, 0, 0, 8), V1, jump(Sge, W64, R1, 8, to), "if r1 s>= 0x8 goto next"),
    (raw(0x7d, 1, 2, 0, 0), V1, jump(Sge, W64, R1, R2, to), "if r1 s>= r2 goto next"),
    (raw(0xa5, 1, 0, 0, 8), V2, jump(Lt, W64, R1, 8, to), "if r1 < 0x8 goto next"),
    (raw(0xad, 1, 2, 0, 0), V2, jump(Lt, W64, R1, R2, to), "if r1 < r2 goto next"),
    (raw(0xb5, 1, 0, 0, 8), V2, jump(Le, W64, R1, 8, to), "if r1 <= 0x8 goto next"),
    (raw(0xbd, 1, 2, 0, 0), V2, jump(Le, W64, R1, R2, to), "if r1 <= r2 goto next"),
    (raw(0xc5, 1, 0, 0, 8), V2, jump(Slt, W64, R1, 8, to), "if r1 s< 0x8 goto next"),
    (raw(0xcd, 1, 2, 0, 0), V2, jump(Slt, W64, R1, R2, to), "if r1 s< r2 goto next"),
    (raw(0xd5, 1, 0, 0, 8), V2, jump(Sle, W64, R1, 8, to), "if r1 s<= 0x8 goto next"),
    (raw(0xdd, 1, 2, 0, 0), V2, jump(Sle, W64, R1, R2, to), "if r1 s<= r2 goto next"),
    (raw(0x16, 1, 0, 0, 8), V3, jump(Eq, W32, R1, 8, to), "if w1 == 0x8 goto next"),
    (raw(0x1e, 1, 2, 0, 0), V3, jump(Eq, W32, R1, R2, to), "if w1 == w2 goto next"),
    (raw(0x26, 1, 0, 0, 8), V3, jump(Gt, W32, R1, 8, to), "if w1 > 0x8 goto next"),
    (raw(0x2e, 1, 2, 0, 0), V3, jump(Gt, W32, R1, R2, to), "if w1 > w2 goto next"),
    (raw(0x36, 1, 0, 0, 8), V3, jump(Ge, W32, R1, 8, to), "if w1 >= 0x8 goto next"),
    (raw(0x3e, 1, 2, 0, 0), V3, jump(Ge, W32, R1, R2, to), "if w1 >= w2 goto next"),
    (raw(0x46, 1, 0, 0, 8), V3, jump(Set, W32, R1, 8, to), "if w1 & 0x8 goto next"),
    (raw(0x4e, 1, 2, 0, 0), V3, jump(Set, W32, R1, R2, to), "if w1 & w2 goto next"),
    (raw(0x56, 1, 0, 0, 8), V3, jump(Ne, W32, R1, 8, to), "if w1 != 0x8 goto next"),
    (raw(0x5e, 1, 2, 0, 0), V3, jump(Ne, W32, R1, R2, to), "if w1 != w2 goto next"),
    (raw(0x66, 1, 0, 0, 8), V3, jump(Sgt, W32, R1, 8, to), "if w1 s> 0x8 goto next"),
    (raw(0x6e, 1, 2, 0, 0), V3, jump(Sgt, W32, R1, R2, to), "if w1 s> w2 goto next"),
    (raw(0x76, 1, 0, 0, 8), V3, jump(Sge, W32, R1, 8, to), "if w1 s>= 0x8 goto next"),
    (raw(0x7e, 1, 2, 0, 0), V3, jump(Sge, W32, R1, R2, to), "if w1 s>= w2 goto next"),
    (raw(0xa6, 1, 0, 0, 8), V3, jump(Lt, W32, R1, 8, to), "if w1 < 0x8 goto next"),
    (raw(0xae, 1, 2, 0, 0), V3, jump(Lt, W32, R1, R2, to), "if w1 < w2 goto next"),
    (raw(0xb6, 1, 0, 0, 8), V3, jump(Le, W32, R1, 8, to), "if w1 <= 0x8 goto next"),
    (raw(0xbe, 1, 2, 0, 0), V3, jump(Le, W32, R1, R2, to), "if w1 <= w2 goto next"),
    (raw(0xc6, 1, 0, 0, 8), V3, jump(Slt, W32, R1, 8, to), "if w1 s< 0x8 goto next"),
    (raw(0xce, 1, 2, 0, 0), V3, jump(Slt, W32, R1, R2, to), "if w1 s< w2 goto next"),
    (raw(0xd6, 1, 0, 0, 8), V3, jump(Sle, W32, R1, 8, to), "if w1 s<= 0x8 goto next"),
    (raw(0xde, 1, 2, 0, 0), V3, jump(Sle, W32, R1, R2, to), "if w1 s<= w2 goto next"),
    (raw(0x05, 0, 0, 0, 0), V1, Insn::Jump { when: None, to }, "goto next"),
    (raw(0x06, 0, 0, 0, 0), V4, Insn::JumpLong { to }, "gotol next"),
    (raw(0x85, 0, 2, 0, 4711), V1, Insn::Call(Call::Kfunc { btf_id: 4711, module: 0 }), "call kernel-function#4711"),
    (raw(0x85, 0, 2, 3, 4711), V1, Insn::Call(Call::Kfunc { btf_id: 4711, module: 3 }), "call kernel-function#4711@3"),
    (raw(0x85, 0, 0, 0, 1), V1, Insn::Call(Call::Helper(Helper::MAP_LOOKUP_ELEM)), "call bpf_map_lookup_elem#1"),
    (raw(0x85, 0, 0, 0, -1), V1, Insn::Call(Call::Helper(Helper::from_id(u32::MAX))), "call unknown#-1"),
    (raw(0x95, 0, 0, 0, 0), V1, Insn::Exit, "exit"),
] }

/// 5.1: loads and stores.
#[rustfmt::skip] // One line per encoding.
fn memory(_: Label) -> Vec<Row> { vec![
    (raw(0x61, 2, 6, 12, 0), V1, Insn::Load { size: W, extend: Zero, dst: R2, mem: R6 + 12 }, "r2 = *(u32 *)(r6 +12)"),
    (raw(0x62, 10, 0, -4, -7), V1, Insn::Store { size: W, mem: FP - 4, src: Src::Imm(-7) }, "*(u32 *)(r10 -4) = -7"),
    (raw(0x63, 10, 3, -4, 0), V1, Insn::Store { size: W, mem: FP - 4, src: Src::Reg(R3) }, "*(u32 *)(r10 -4) = r3"),
    (raw(0x81, 2, 6, 12, 0), V4, Insn::Load { size: W, extend: Sign, dst: R2, mem: R6 + 12 }, "r2 = *(s32 *)(r6 +12)"),
    (raw(0x89, 2, 6, 12, 0), V4, Insn::Load { size: H, extend: Sign, dst: R2, mem: R6 + 12 }, "r2 = *(s16 *)(r6 +12)"),
    (raw(0x91, 2, 6, 12, 0), V4, Insn::Load { size: B, extend: Sign, dst: R2, mem: R6 + 12 }, "r2 = *(s8 *)(r6 +12)"),
    (raw(0x20, 0, 0, 0, 12), V1, Insn::LoadPacket { size: W, at: PacketAt::Abs(12) }, "r0 = *(u32 *)skb[12]"),
    (raw(0x28, 0, 0, 0, 12), V1, Insn::LoadPacket { size: H, at: PacketAt::Abs(12) }, "r0 = *(u16 *)skb[12]"),
    (raw(0x30, 0, 0, 0, 12), V1, Insn::LoadPacket { size: B, at: PacketAt::Abs(12) }, "r0 = *(u8 *)skb[12]"),
    (raw(0x40, 0, 6, 0, 12), V1, Insn::LoadPacket { size: W, at: PacketAt::Ind(R6, 12) }, "r0 = *(u32 *)skb[r6 + 12]"),
    (raw(0x48, 0, 6, 0, 12), V1, Insn::LoadPacket { size: H, at: PacketAt::Ind(R6, 12) }, "r0 = *(u16 *)skb[r6 + 12]"),
    (raw(0x50, 0, 6, 0, 12), V1, Insn::LoadPacket { size: B, at: PacketAt::Ind(R6, 12) }, "r0 = *(u8 *)skb[r6 + 12]"),
    (raw(0x69, 2, 6, 12, 0), V1, Insn::Load { size: H, extend: Zero, dst: R2, mem: R6 + 12 }, "r2 = *(u16 *)(r6 +12)"),
    (raw(0x6a, 10, 0, -4, -7), V1, Insn::Store { size: H, mem: FP - 4, src: Src::Imm(-7) }, "*(u16 *)(r10 -4) = -7"),
    (raw(0x6b, 10, 3, -4, 0), V1, Insn::Store { size: H, mem: FP - 4, src: Src::Reg(R3) }, "*(u16 *)(r10 -4) = r3"),
    (raw(0x71, 2, 6, 12, 0), V1, Insn::Load { size: B, extend: Zero, dst: R2, mem: R6 + 12 }, "r2 = *(u8 *)(r6 +12)"),
    (raw(0x72, 10, 0, -4, -7), V1, Insn::Store { size: B, mem: FP - 4, src: Src::Imm(-7) }, "*(u8 *)(r10 -4) = -7"),
    (raw(0x73, 10, 3, -4, 0), V1, Insn::Store { size: B, mem: FP - 4, src: Src::Reg(R3) }, "*(u8 *)(r10 -4) = r3"),
    (raw(0x79, 2, 6, 12, 0), V1, Insn::Load { size: D, extend: Zero, dst: R2, mem: R6 + 12 }, "r2 = *(u64 *)(r6 +12)"),
    (raw(0x7a, 10, 0, -4, -7), V1, Insn::Store { size: D, mem: FP - 4, src: Src::Imm(-7) }, "*(u64 *)(r10 -4) = -7"),
    (raw(0x7b, 10, 3, -4, 0), V1, Insn::Store { size: D, mem: FP - 4, src: Src::Reg(R3) }, "*(u64 *)(r10 -4) = r3"),
] }

/// 5.3: atomic operations; the constant selects which.
#[rustfmt::skip] // One line per encoding.
fn atomics(_: Label) -> Vec<Row> { vec![
    (raw(0xc3, 6, 1, 8, 0), V1, atomic(AtomicOp::Add, W), "lock *(u32 *)(r6 +8) += r1"),
    (raw(0xc3, 6, 1, 8, 64), V3, atomic(AtomicOp::Or, W), "lock *(u32 *)(r6 +8) |= r1"),
    (raw(0xc3, 6, 1, 8, 80), V3, atomic(AtomicOp::And, W), "lock *(u32 *)(r6 +8) &= r1"),
    (raw(0xc3, 6, 1, 8, 160), V3, atomic(AtomicOp::Xor, W), "lock *(u32 *)(r6 +8) ^= r1"),
    (raw(0xc3, 6, 1, 8, 1), V3, atomic(FetchAdd, W), "r1 = atomic_fetch_add((u32 *)(r6 +8), r1)"),
    (raw(0xc3, 6, 1, 8, 65), V3, atomic(FetchOr, W), "r1 = atomic_fetch_or((u32 *)(r6 +8), r1)"),
    (raw(0xc3, 6, 1, 8, 81), V3, atomic(FetchAnd, W), "r1 = atomic_fetch_and((u32 *)(r6 +8), r1)"),
    (raw(0xc3, 6, 1, 8, 161), V3, atomic(FetchXor, W), "r1 = atomic_fetch_xor((u32 *)(r6 +8), r1)"),
    (raw(0xc3, 6, 1, 8, 225), V3, atomic(Xchg, W), "r1 = atomic_xchg((u32 *)(r6 +8), r1)"),
    (raw(0xc3, 6, 1, 8, 241), V3, atomic(CmpXchg, W), "r0 = atomic_cmpxchg((u32 *)(r6 +8), r0, r1)"),
    (raw(0xdb, 6, 1, 8, 0), V1, atomic(AtomicOp::Add, D), "lock *(u64 *)(r6 +8) += r1"),
    (raw(0xdb, 6, 1, 8, 64), V3, atomic(AtomicOp::Or, D), "lock *(u64 *)(r6 +8) |= r1"),
    (raw(0xdb, 6, 1, 8, 80), V3, atomic(AtomicOp::And, D), "lock *(u64 *)(r6 +8) &= r1"),
    (raw(0xdb, 6, 1, 8, 160), V3, atomic(AtomicOp::Xor, D), "lock *(u64 *)(r6 +8) ^= r1"),
    (raw(0xdb, 6, 1, 8, 1), V3, atomic(FetchAdd, D), "r1 = atomic64_fetch_add((u64 *)(r6 +8), r1)"),
    (raw(0xdb, 6, 1, 8, 65), V3, atomic(FetchOr, D), "r1 = atomic64_fetch_or((u64 *)(r6 +8), r1)"),
    (raw(0xdb, 6, 1, 8, 81), V3, atomic(FetchAnd, D), "r1 = atomic64_fetch_and((u64 *)(r6 +8), r1)"),
    (raw(0xdb, 6, 1, 8, 161), V3, atomic(FetchXor, D), "r1 = atomic64_fetch_xor((u64 *)(r6 +8), r1)"),
    (raw(0xdb, 6, 1, 8, 225), V3, atomic(Xchg, D), "r1 = atomic64_xchg((u64 *)(r6 +8), r1)"),
    (raw(0xdb, 6, 1, 8, 241), V3, atomic(CmpXchg, D), "r0 = atomic64_cmpxchg((u64 *)(r6 +8), r0, r1)"),
] }

/// 5.4: constants of 64 bits by their kind, and 4.3: calls within the program.
#[rustfmt::skip] // One line per encoding.
fn wide(to: Label) -> Vec<Row> {
    let load = |value| Insn::LoadImm64 { dst: R1, value };
    let (fd, index) = (MapNumber::Fd(5), MapNumber::Index(5));
    vec![
        (raw(0x18, 1, 0, 0, 5), V1, load(Imm64::Const(5)), "r1 = 0x5 ll"),
        (raw(0x18, 1, 1, 0, 5), V1, load(Imm64::MapNumber(fd)), "r1 = map[fd:5]"),
        (raw(0x18, 1, 2, 0, 5), V1, load(Imm64::MapNumberValue { map: fd, off: 0 }), "r1 = map[fd:5]+0"),
        (raw(0x18, 1, 3, 0, 5), V1, load(Imm64::Variable { btf_id: 5, module: 0 }), "r1 = var[5]"),
        (raw(0x18, 1, 4, 0, 2), V1, load(Imm64::Sub(to)), "r1 = subprog[next]"),
        (raw(0x18, 1, 5, 0, 5), V1, load(Imm64::MapNumber(index)), "r1 = map[idx:5]"),
        (raw(0x18, 1, 6, 0, 5), V1, load(Imm64::MapNumberValue { map: index, off: 0 }), "r1 = map[idx:5]+0"),
        (raw(0x85, 0, 1, 0, 1), V1, Insn::Call(Call::Sub(to)), "call next"),
    ]
}

const TABLES: [fn(Label) -> Vec<Row>; 6] = [arithmetic, byte_swaps, jumps, memory, atomics, wide];

/// The row's instruction before an `exit`, there and back. Where it names a function, that is
/// behind the `exit`.
fn program(insn: Insn) -> (Program, Vec<RawInsn>) {
    let mut a = Assembler::new();
    let next = a.label("next");
    a.push(insn);
    let mut behind = Vec::new();
    if matches!(insn, Insn::LoadImm64 { .. }) {
        behind.push(raw(0, 0, 0, 0, 0));
    }
    if insn.label().is_some() && insn.jump().is_none() {
        a.exit();
        behind.push(EXIT);
    }
    if insn.falls_through() || insn.label().is_some() {
        a.place(next);
        a.exit();
        behind.push(EXIT);
    }
    (a.finish().unwrap_or_else(|error| panic!("{insn:?}: {error}")), behind)
}

/// The slot as section 3 lays it out: the opcode, the registers as halves of a byte, the offset
/// and the constant, these in the order of the machine.
fn laid_out(order: ByteOrder, slot: &RawInsn) -> [u8; 8] {
    let (dst, src) = (slot.dst(), slot.src());
    let mut bytes = [0; 8];
    bytes[0] = slot.op;
    match order {
        ByteOrder::Little => {
            bytes[1] = src * 16 + dst;
            bytes[2..4].copy_from_slice(&slot.off.to_le_bytes());
            bytes[4..8].copy_from_slice(&slot.imm.to_le_bytes());
        }
        ByteOrder::Big => {
            bytes[1] = dst * 16 + src;
            bytes[2..4].copy_from_slice(&slot.off.to_be_bytes());
            bytes[4..8].copy_from_slice(&slot.imm.to_be_bytes());
        }
    }
    bytes
}

fn check(rows: fn(Label) -> Vec<Row>) {
    let next = Assembler::new().label("next");
    for (slot, isa, insn, text) in rows(next) {
        let (program, behind) = program(insn);
        let code: Vec<RawInsn> = [slot].into_iter().chain(behind).collect();
        for order in [ByteOrder::Little, ByteOrder::Big] {
            let bytes: Vec<u8> = code.iter().flat_map(|slot| laid_out(order, slot)).collect();
            let slots = bytes.as_chunks::<SLOT_BYTES>().0;
            let read: Vec<_> = slots.iter().map(|slot| RawInsn::from_bytes(order, *slot)).collect();
            assert_eq!(read, code, "{text}");
            assert_eq!(decode(&read).as_ref(), Ok(&program), "{text}");
            let listing = program.to_string();
            let again = parse(&listing).unwrap_or_else(|wrong| panic!("{text}: {}", wrong[0]));
            assert_eq!(again, program, "{text}");
            let image = again.encode(V4).unwrap_or_else(|error| panic!("{text}: {error}"));
            assert_eq!(image.to_bytes(order), bytes, "{text}");
        }
        assert_eq!(program.text_at(0), text);
        assert_eq!(insn.needs(), isa, "{text}");
        for lacking in [V1, V2, V3].into_iter().filter(|lacking| *lacking < isa) {
            let needs =
                EncodeError::NeedsIsa { at: 0, insn: text.into(), needs: isa, isa: lacking };
            assert_eq!(program.encode(lacking), Err(needs), "{text}");
        }
        let image = program.encode(isa).unwrap_or_else(|error| panic!("{text}: {error}"));
        assert_eq!(image.code, code, "{text}");
    }
}

/// A line of the appendix.
#[derive(Debug)]
struct Registered {
    op: u8,
    /// What the source, the offset and the constant must be; nothing where they may be anything.
    fields: [Option<i32>; 3],
    group: Group,
}

impl Registered {
    fn all() -> Vec<Self> {
        include_str!("data/rfc9669_appendix.txt").lines().map(Self::read).collect()
    }

    fn read(line: &str) -> Self {
        let words: Vec<&str> = line.split_whitespace().collect();
        let field = |word: &str| match word.strip_prefix("0x") {
            Some(digits) => Some(i32::from_str_radix(digits, 16).unwrap()),
            None => (word != "any").then(|| word.parse().unwrap()),
        };
        let group = match words[4] {
            "base32" => Group::Base32,
            "base64" => Group::Base64,
            "divmul32" => Group::Divmul32,
            "divmul64" => Group::Divmul64,
            "atomic32" => Group::Atomic32,
            "atomic64" => Group::Atomic64,
            "packet" => Group::Packet,
            other => panic!("{other}"),
        };
        let op = u8::from_str_radix(words[0], 16).unwrap();
        Self { op, fields: [field(words[1]), field(words[2]), field(words[3])], group }
    }

    fn describes(&self, slot: &RawInsn) -> bool {
        let found = [i32::from(slot.src()), i32::from(slot.off), slot.imm];
        self.op == slot.op
            && self.fields.iter().zip(found).all(|(want, found)| want.is_none_or(|it| it == found))
    }
}

#[test]
fn every_line_of_the_appendix_is_in_a_table_and_the_other_way_round_with_its_group() {
    let registered = Registered::all();
    let next = Assembler::new().label("next");
    let rows: Vec<Row> = TABLES.into_iter().flat_map(|table| table(next)).collect();
    for line in &registered {
        let mut described = rows.iter().filter(|(slot, ..)| line.describes(slot)).peekable();
        assert!(described.peek().is_some(), "{line:?}");
        described.for_each(|(_, _, insn, text)| assert_eq!(insn.group(), line.group, "{text}"));
    }
    for (slot, _, _, text) in &rows {
        let lines = registered.iter().filter(|line| line.describes(slot)).count();
        assert_eq!(lines, 1, "{text}");
    }
}

/// Constants that select an operation, and their neighbours.
const SELECTORS: [i32; 26] = [
    0, 1, 2, 8, 15, 16, 17, 24, 31, 32, 33, 0x40, 0x41, 0x42, 0x50, 0x51, 0x60, 0xa0, 0xa1, 0xb0,
    0xe0, 0xe1, 0xf0, 0xf1, 0x100, -1,
];

#[test]
fn a_slot_is_taken_exactly_when_a_line_of_the_appendix_describes_it() {
    let registered = Registered::all();
    for op in 0..=u8::MAX {
        for src in 0..=9 {
            for off in [0, 1, 2, 7, 8, 16, 24, 32, 64, -1] {
                for imm in SELECTORS {
                    let slot = raw(op, u8::from(!is_without_dst(op)), src, off, imm);
                    let described = registered.iter().any(|line| line.describes(&slot));
                    assert_eq!(taken(slot), described, "{slot:02x?} {off} {imm}");
                }
            }
        }
    }
}

/// Whether the operation has no destination, whose field is zero then.
fn is_without_dst(op: u8) -> bool {
    matches!(op, 0x05 | 0x06 | 0x85 | 0x95) || matches!(op & 0xe7, 0x20 | 0x40)
}

/// Whether a slot is read as an instruction. Where a jump leads is not asked, nor what the machine
/// does with a constant: these are refused too, for reasons of their own.
fn taken(slot: RawInsn) -> bool {
    let half = raw(0, 0, 0, 0, 0);
    let code = if slot.op == 0x18 { vec![slot, half, EXIT] } else { vec![slot, EXIT] };
    match decode(&code) {
        Ok(_) => true,
        Err(
            DecodeError::Target { at: 0, .. }
            | DecodeError::Unreachable { .. }
            | DecodeError::FallsOffEnd { .. }
            | DecodeError::Flawed { at: 0, flaw: Flaw::Shift { .. } | Flaw::DivisionByZero },
        ) => true,
        Err(
            DecodeError::Opcode { at: 0, .. }
            | DecodeError::Reserved { at: 0, .. }
            | DecodeError::Selector { at: 0, .. }
            | DecodeError::Kind { at: 0, .. }
            | DecodeError::Flawed {
                at: 0,
                flaw: Flaw::SignedSize | Flaw::PacketSize | Flaw::AtomicSize,
            },
        ) => false,
        Err(error) => panic!("{slot:?}: {error}"),
    }
}

#[test]
fn arithmetic_is_encoded_as_the_rfc_says() {
    check(arithmetic);
}

#[test]
fn byte_swaps_are_encoded_as_the_rfc_says() {
    check(byte_swaps);
}

#[test]
fn jumps_are_encoded_as_the_rfc_says() {
    check(jumps);
}

#[test]
fn memory_accesses_are_encoded_as_the_rfc_says() {
    check(memory);
}

#[test]
fn atomics_are_encoded_as_the_rfc_says() {
    check(atomics);
}

#[test]
fn loads_of_64_bits_and_calls_are_encoded_as_the_rfc_says() {
    check(wide);
}

#[test]
fn constants_of_64_bits_are_halved_low_first() {
    let mut a = Assembler::new();
    a.load_imm64(R1, 0x1122_3344_89ab_cdef).exit();
    let program = a.finish().unwrap();
    let image = program.encode(V1).unwrap();
    let low = 0x89ab_cdef_u32.cast_signed();
    assert_eq!(image.code, [raw(0x18, 1, 0, 0, low), raw(0, 0, 0, 0, 0x1122_3344), EXIT]);
    assert_eq!(decode(&image.code), Ok(program.clone()));
    assert_eq!(program.text_at(0), "r1 = 0x1122334489abcdef ll");
}

#[test]
fn maps_are_named_by_index_until_they_are_linked() {
    let decl = |name: &str| MapDecl {
        name: name.into(),
        kind: MapKind::Array,
        key_size: 4,
        value_size: 16,
        max_entries: 1,
        flags: MapFlags::NONE,
    };
    let mut a = Assembler::new();
    a.map(decl("unused"));
    let map = a.map(decl("_control"));
    a.load_map(R1, map).load_map_value(R2, map, 8).exit();
    let program = a.finish().unwrap();
    let image = program.encode(V1).unwrap();
    let loads = |kinds: [u8; 2], imm| {
        let second = |imm| raw(0, 0, 0, 0, imm);
        [raw(0x18, 1, kinds[0], 0, imm), second(0), raw(0x18, 2, kinds[1], 0, imm), second(8), EXIT]
    };
    assert_eq!(image.code, loads([5, 6], 1));
    assert_eq!(image.link(|map| 40 + i32::try_from(map.index()).unwrap()), loads([1, 2], 41));
    assert_eq!(program.text_at(0), "r1 = map[_control]");
    assert_eq!(program.text_at(1), "r2 = map[_control]+8");
    assert_eq!(decode_image(&image), Ok(program));
}

#[test]
fn calls_and_callbacks_within_the_program_count_from_the_next_slot() {
    let mut a = Assembler::new();
    let (called, callback) = (a.label("called"), a.label("callback"));
    a.call_sub(called).push(Insn::LoadImm64 { dst: R2, value: Imm64::Sub(callback) }).exit();
    a.place(called);
    a.exit();
    a.place(callback);
    a.exit();
    let program = a.finish().unwrap();
    let image = program.encode(V1).unwrap();
    let expected =
        [raw(0x85, 0, 1, 0, 3), raw(0x18, 2, 4, 0, 3), raw(0, 0, 0, 0, 0), EXIT, EXIT, EXIT];
    assert_eq!(image.code, expected);
    assert_eq!(program.text_at(0), "call called");
    assert_eq!(program.text_at(1), "r2 = subprog[callback]");
    assert_eq!(decode(&image.code), Ok(program));
}

/// What is refused of one slot before an `exit`.
#[rustfmt::skip] // One line per refusal.
fn refusals() -> Vec<(RawInsn, DecodeError)> {
    let opcode = |op| DecodeError::Opcode { at: 0, op };
    let reserved = |field| DecodeError::Reserved { at: 0, field };
    let register = |number| DecodeError::Register { at: 0, number };
    let selector = |op, imm| DecodeError::Selector { at: 0, op, imm };
    let kind = |kind| DecodeError::Kind { at: 0, kind };
    let target = |to| DecodeError::Target { at: 0, to };
    let flawed = |flaw| DecodeError::Flawed { at: 0, flaw };
    vec![
        // Opcodes that are no instruction.
        (raw(0xe7, 1, 0, 0, 0), opcode(0xe7)),   // Arithmetic past the table.
        (raw(0xf4, 1, 0, 0, 0), opcode(0xf4)),
        (raw(0x8f, 1, 2, 0, 0), opcode(0x8f)),   // Negation by a register.
        (raw(0xdf, 1, 0, 0, 16), opcode(0xdf)),  // An unconditional swap by a register.
        (raw(0xe5, 1, 0, 0, 0), opcode(0xe5)),   // Jumps past the table.
        (raw(0x0d, 0, 0, 0, 0), opcode(0x0d)),   // `goto` by a register.
        (raw(0x0e, 0, 0, 0, 0), opcode(0x0e)),
        (raw(0x8d, 0, 0, 0, 0), opcode(0x8d)),   // A call by a register.
        (raw(0x9d, 0, 0, 0, 0), opcode(0x9d)),   // An exit by a register.
        (raw(0x86, 0, 0, 0, 1), opcode(0x86)),   // Calls and exits of 32 bits.
        (raw(0x96, 0, 0, 0, 0), opcode(0x96)),
        (raw(0x00, 0, 0, 0, 0), opcode(0x00)),   // The second half of a 64-bit load, alone.
        (raw(0x99, 2, 6, 0, 0), flawed(Flaw::SignedSize)), // Eight bytes have no further sign.
        (raw(0xbc, 1, 2, 32, 0), flawed(Flaw::SignedSize)),
        (raw(0x38, 0, 0, 0, 0), flawed(Flaw::PacketSize)),
        (raw(0xc2, 6, 0, 0, 0), opcode(0xc2)),   // An atomic operation with a constant.
        // Registers that do not exist.
        (raw(0x07, 11, 0, 0, 1), register(11)),
        (raw(0x0f, 1, 12, 0, 0), register(12)),
        (raw(0x61, 1, 13, 0, 0), register(13)),
        (raw(0x63, 14, 1, 0, 0), register(14)),
        (raw(0xdb, 1, 15, 0, 0), register(15)),
        (raw(0x15, 11, 0, 0, 0), register(11)),
        (raw(0x18, 11, 0, 0, 0), register(11)),
        // Fields that must be zero.
        (raw(0x07, 1, 2, 0, 1), reserved(Field::Src)),
        (raw(0x0f, 1, 2, 0, 1), reserved(Field::Imm)),
        (raw(0x37, 1, 0, 2, 2), reserved(Field::Off)),
        (raw(0x07, 1, 0, 1, 2), reserved(Field::Off)),
        (raw(0xbf, 1, 2, 24, 0), reserved(Field::Off)),
        (raw(0xb7, 1, 0, 8, 0), reserved(Field::Off)),
        (raw(0x30, 1, 0, 0, 0), reserved(Field::Dst)),
        (raw(0x87, 1, 2, 0, 0), reserved(Field::Src)),
        (raw(0x87, 1, 0, 0, 3), reserved(Field::Imm)),
        (raw(0xd4, 1, 2, 0, 16), reserved(Field::Src)),
        (raw(0xd4, 1, 0, 1, 16), reserved(Field::Off)),
        (raw(0x61, 1, 2, 0, 3), reserved(Field::Imm)),
        (raw(0x62, 1, 2, 0, 3), reserved(Field::Src)),
        (raw(0x63, 1, 2, 0, 3), reserved(Field::Imm)),
        (raw(0x15, 1, 2, 0, 3), reserved(Field::Src)),
        (raw(0x1d, 1, 2, 0, 3), reserved(Field::Imm)),
        (raw(0x05, 1, 0, 0, 0), reserved(Field::Dst)),
        (raw(0x05, 0, 1, 0, 0), reserved(Field::Src)),
        (raw(0x05, 0, 0, 0, 1), reserved(Field::Imm)),
        (raw(0x06, 0, 0, 1, 0), reserved(Field::Off)),
        (raw(0x85, 1, 0, 0, 1), reserved(Field::Dst)),
        (raw(0x85, 0, 0, 1, 1), reserved(Field::Off)),
        (raw(0x95, 1, 0, 0, 0), reserved(Field::Dst)),
        (raw(0x95, 0, 1, 0, 0), reserved(Field::Src)),
        (raw(0x95, 0, 0, 1, 0), reserved(Field::Off)),
        (raw(0x95, 0, 0, 0, 1), reserved(Field::Imm)),
        (raw(0x18, 1, 0, 1, 0), reserved(Field::Off)),
        // Selectors that select nothing.
        (raw(0xd4, 1, 0, 0, 8), selector(0xd4, 8)),
        (raw(0xdb, 1, 2, 0, 0x02), selector(0xdb, 0x02)),
        (raw(0xdb, 1, 2, 0, 0xe0), selector(0xdb, 0xe0)),
        (raw(0x85, 0, 3, 0, 1), kind(3)),
        // Jumps to nowhere.
        (raw(0x05, 0, 0, 1, 0), target(2)),
        (raw(0x05, 0, 0, -2, 0), target(-1)),
        (raw(0x15, 1, 0, i16::MAX, 0), target(32768)),
        (raw(0x06, 0, 0, 0, i32::MIN), target(-2_147_483_647)),
        (raw(0x85, 0, 1, 0, 1), target(2)),
        // What the machine does not do.
        (raw(0xb7, 10, 0, 0, 0), flawed(Flaw::WritesFramePointer)),
        (raw(0x87, 10, 0, 0, 0), flawed(Flaw::WritesFramePointer)),
        (raw(0xdc, 10, 0, 0, 16), flawed(Flaw::WritesFramePointer)),
        (raw(0x61, 10, 1, 0, 0), flawed(Flaw::WritesFramePointer)),
        (raw(0xdb, 1, 10, 0, 0xe1), flawed(Flaw::WritesFramePointer)),
        (raw(0x67, 1, 0, 0, 64), flawed(Flaw::Shift { by: 64, bits: 64 })),
        (raw(0x74, 1, 0, 0, 32), flawed(Flaw::Shift { by: 32, bits: 32 })),
        (raw(0xc7, 1, 0, 0, -1), flawed(Flaw::Shift { by: -1, bits: 64 })),
        (raw(0x37, 1, 0, 0, 0), flawed(Flaw::DivisionByZero)),
        (raw(0x94, 1, 0, 0, 0), flawed(Flaw::DivisionByZero)),
        (raw(0xcb, 1, 2, 0, 0), flawed(Flaw::AtomicSize)),
        (raw(0xd3, 1, 2, 0, 0), flawed(Flaw::AtomicSize)),
    ]
}

#[test]
fn a_slot_that_is_no_instruction_is_refused_with_its_reason() {
    for (slot, error) in refusals() {
        assert_eq!(decode(&[slot, EXIT]), Err(error), "{slot:?}");
    }
}

#[test]
fn numbers_of_maps_without_declarations_stay_numbers() {
    let (fd, index) = (MapNumber::Fd(5), MapNumber::Index(5));
    #[rustfmt::skip] // One line per encoding.
    let rows = [
        (1, 0, Imm64::MapNumber(fd), "r1 = map[fd:5]"),
        (2, 8, Imm64::MapNumberValue { map: fd, off: 8 }, "r1 = map[fd:5]+8"),
        (3, 0, Imm64::Variable { btf_id: 5, module: 0 }, "r1 = var[5]"),
        (3, 8, Imm64::Variable { btf_id: 5, module: 8 }, "r1 = var[5]@8"),
        (5, 0, Imm64::MapNumber(index), "r1 = map[idx:5]"),
        (6, 8, Imm64::MapNumberValue { map: index, off: 8 }, "r1 = map[idx:5]+8"),
    ];
    for (kind, second, value, text) in rows {
        let code = [raw(0x18, 1, kind, 0, 5), raw(0, 0, 0, 0, second), EXIT];
        let program = decode(&code).unwrap_or_else(|error| panic!("{text}: {error}"));
        assert_eq!(program.insns()[0], Insn::LoadImm64 { dst: R1, value });
        assert_eq!(program.text_at(0), text);
        assert_eq!(program.encode(V1).map(|image| image.code), Ok(code.to_vec()));
    }
}

#[test]
fn a_64_bit_load_with_a_bad_second_half_is_refused() {
    let load = |kind, imm| raw(0x18, 1, kind, 0, imm);
    let zero = raw(0, 0, 0, 0, 0);
    let refused = |first, second| decode(&[first, second, EXIT]).unwrap_err();
    let reserved = |field| DecodeError::Reserved { at: 1, field };
    assert_eq!(decode(&[load(0, 7)]), Err(DecodeError::HalfMissing { at: 0 }));
    assert_eq!(refused(load(0, 7), raw(0x18, 0, 0, 0, 0)), reserved(Field::Op));
    assert_eq!(refused(load(0, 7), raw(0, 1, 0, 0, 0)), reserved(Field::Dst));
    assert_eq!(refused(load(0, 7), raw(0, 0, 1, 0, 0)), reserved(Field::Src));
    assert_eq!(refused(load(0, 7), raw(0, 0, 0, 1, 0)), reserved(Field::Off));
    assert_eq!(refused(load(4, 1), raw(0, 0, 0, 0, 1)), reserved(Field::Imm));
    assert_eq!(refused(load(7, 0), zero), DecodeError::Kind { at: 0, kind: 7 });
    let into = decode(&[raw(0x15, 1, 0, 1, 0), load(0, 0), zero, EXIT]);
    assert_eq!(into, Err(DecodeError::Target { at: 0, to: 2 }));
}

#[test]
fn code_without_the_shape_of_a_program_is_refused() {
    let (skip, call) = (raw(0x05, 0, 0, 1, 0), raw(0x85, 0, 1, 0, 1));
    let mov = raw(0xb7, 0, 0, 0, 0);
    assert_eq!(decode(&[]), Err(DecodeError::Empty));
    assert_eq!(decode(&[skip, mov, EXIT]), Err(DecodeError::Unreachable { at: 1 }));
    assert_eq!(decode(&[mov]), Err(DecodeError::FallsOffEnd { at: 0 }));
    assert_eq!(decode(&[call, EXIT, mov]), Err(DecodeError::FallsOffEnd { at: 2 }));
    assert_eq!(decode(&[call, mov, EXIT]), Err(DecodeError::FallsOffEnd { at: 1 }));
    let across = [raw(0x15, 1, 0, 2, 0), call, EXIT, EXIT];
    assert_eq!(decode(&across), Err(DecodeError::LeavesFunction { at: 0 }));
}

#[test]
fn an_image_that_names_a_map_it_lacks_is_refused() {
    let code = vec![raw(0x18, 1, 5, 0, 3), raw(0, 0, 0, 0, 0), EXIT];
    let decl = MapDecl {
        name: "one".into(),
        kind: MapKind::Array,
        key_size: 4,
        value_size: 4,
        max_entries: 1,
        flags: MapFlags::NONE,
    };
    let (relocs, maps, labels) = (vec![], vec![decl], BTreeMap::new());
    let (notes, takes) = (Notes::default(), BTreeMap::new());
    let image = Image { code, relocs, maps, notes, labels, takes };
    let error = DecodeError::UnknownMap { at: 0, index: 3, declared: 1 };
    assert_eq!(decode_image(&image), Err(error));
}
