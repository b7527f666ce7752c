//! The forms of the kernel's instructions, under the names of `linux/filter.h` where it has some.

use palisade_asm::RawInsn;

pub(super) const LD_IMM64: u8 = 0x18;
pub(super) const LDX_W: u8 = 0x61;
pub(super) const LDX_B: u8 = 0x71;
pub(super) const ST_B: u8 = 0x72;
pub(super) const LDX_DW: u8 = 0x79;
pub(super) const ADD64_K: u8 = 0x07;
pub(super) const ADD64_X: u8 = 0x0f;
pub(super) const SUB64_X: u8 = 0x1f;
pub(super) const MUL64_K: u8 = 0x27;
pub(super) const OR64_X: u8 = 0x4f;
pub(super) const AND32_K: u8 = 0x54;
pub(super) const AND64_X: u8 = 0x5f;
pub(super) const LSH64_K: u8 = 0x67;
pub(super) const NEG64: u8 = 0x87;
pub(super) const ARSH64_K: u8 = 0xc7;
pub(super) const XOR64_K: u8 = 0xa7;
pub(super) const XOR32_K: u8 = 0xa4;
pub(super) const MOV64_K: u8 = 0xb7;
pub(super) const MOV64_X: u8 = 0xbf;
pub(super) const MOV32_K: u8 = 0xb4;
pub(super) const MOV32_X: u8 = 0xbc;
pub(super) const JA: u8 = 0x05;
pub(super) const JA_LONG: u8 = 0x06;
pub(super) const JEQ_K: u8 = 0x15;
pub(super) const JGE_K: u8 = 0x35;
pub(super) const JNE_K: u8 = 0x55;
pub(super) const CALL: u8 = 0x85;
pub(super) const EXIT: u8 = 0x95;
/// A barrier against speculation, which no program can ask for (`BPF_NOSPEC`).
pub(super) const NOSPEC: u8 = 0xc2;

/// The register that the kernel has for itself (`BPF_REG_AX`): the one behind those of programs, and
/// in Linux 7.2 the next.
pub(super) const OWN: [u8; 2] = [11, 12];
/// What a call says where it leads to a function of the program.
pub(super) const PSEUDO_CALL: u8 = 1;
/// What a 64-bit load says where it names a map, or a place in its value.
pub(super) const MAP_FD: u8 = 1;
pub(super) const MAP_VALUE: u8 = 2;
/// The offset that makes a move one of an address of this CPU (`BPF_ADDR_PERCPU`).
pub(super) const PER_CPU: i16 = -1;
/// The constant that makes a 32-bit move nothing but a clearing of the upper half.
const ZERO_EXTEND: i32 = 1;

/// Whether the kernel puts it between ours, to no other effect: a barrier, or a clearing of an upper
/// half that is clear.
pub(super) fn is_inserted(raw: &RawInsn) -> bool {
    let clears = raw.op == MOV32_X && raw.dst() == raw.src() && raw.imm == ZERO_EXTEND;
    raw.op == NOSPEC || clears
}

/// Whether it is a jump, with a test or without.
pub(super) fn is_jump(raw: &RawInsn) -> bool {
    let jumps = matches!(raw.op & 0x07, 0x05 | 0x06);
    jumps && !matches!(raw.op, CALL | EXIT)
}

/// Whether it is a jump without a test.
pub(super) fn is_goto(raw: &RawInsn) -> bool {
    matches!(raw.op, JA | JA_LONG)
}

/// Where the jump at a place leads; `None` before the first instruction.
pub(super) fn target(at: usize, raw: &RawInsn) -> Option<usize> {
    let far = if raw.op == JA_LONG { raw.imm } else { i32::from(raw.off) };
    isize::try_from(far).ok().and_then(|far| (at + 1).checked_add_signed(far))
}

/// The same without where a jump leads.
pub(super) fn without_target(raw: &RawInsn) -> RawInsn {
    let mut raw = *raw;
    match raw.op {
        JA_LONG => raw.imm = 0,
        _ => raw.off = 0,
    }
    raw
}
