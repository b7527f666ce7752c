//! The runs by which the kernel replaces one instruction: what `kernel/bpf/verifier.c`, the maps'
//! `map_gen_lookup` and `xdp_convert_ctx_access` write, from Linux 5.10 on.
//!
//! Offsets in the kernel's structs and addresses are its own and are not compared; everything that
//! follows from the program or from a map's declaration is.

use palisade_asm::{MapDecl, MapKind, RawInsn};

use super::code::{
    ADD64_K, ADD64_X, AND32_K, AND64_X, ARSH64_K, CALL, JA, JEQ_K, JGE_K, JNE_K, LD_IMM64, LDX_B,
    LDX_DW, LDX_W, LSH64_K, MOV32_K, MOV64_K, MOV64_X, MUL64_K, NEG64, OR64_X, OWN, PER_CPU, ST_B,
    SUB64_X, XOR32_K, XOR64_K,
};

/// The registers of a call: what it gives, and its first three arguments.
const R0: u8 = 0;
const R1: u8 = 1;
const R2: u8 = 2;
const R3: u8 = 3;

/// One instruction of a run; `None` is whatever the kernel needs there.
#[derive(Clone, Copy)]
struct Want {
    op: u8,
    dst: u8,
    src: u8,
    off: Option<i16>,
    imm: Option<i32>,
}

/// An operation with a constant.
const fn with(op: u8, dst: u8, imm: Option<i32>) -> Want {
    Want { op, dst, src: 0, off: Some(0), imm }
}

/// An operation between registers.
const fn between(op: u8, dst: u8, src: u8) -> Want {
    Want { op, dst, src, off: Some(0), imm: Some(0) }
}

/// A read at an offset.
const fn read(op: u8, dst: u8, src: u8, off: Option<i16>) -> Want {
    Want { op, dst, src, off, imm: Some(0) }
}

/// A jump over so many.
const fn over(op: u8, dst: u8, count: i16, imm: i32) -> Want {
    Want { op, dst, src: 0, off: Some(count), imm: Some(imm) }
}

impl Want {
    fn is(&self, raw: &RawInsn) -> bool {
        raw.op == self.op
            && raw.dst() == self.dst
            && raw.src() == self.src
            && self.off.is_none_or(|off| raw.off == off)
            && self.imm.is_none_or(|imm| raw.imm == imm)
    }
}

/// The length of the run, where it stands at the start of `code`.
fn starts(code: &[RawInsn], run: &[Want]) -> Option<usize> {
    let there = code.get(..run.len())?;
    there.iter().zip(run).all(|(raw, want)| want.is(raw)).then_some(run.len())
}

/// A run that stands for a call.
pub(super) struct Run {
    /// Its length.
    pub(super) len: usize,
    /// The place in it of a call.
    pub(super) call: Option<usize>,
    /// The numbers in it that are the kernel's own, but for where the call leads.
    pub(super) numbers: Vec<i32>,
}

impl Run {
    /// The run, where it stands at the start of `code`.
    fn at(code: &[RawInsn], run: &[Want]) -> Option<Self> {
        let len = starts(code, run)?;
        let own = code.iter().zip(run).filter(|(_, want)| want.imm.is_none() && want.op != CALL);
        let call = run.iter().position(|want| want.op == CALL);
        Some(Self { len, call, numbers: own.map(|(raw, _)| raw.imm).collect() })
    }
}

/// A read of a field of `struct xdp_md`, and the offsets by which the kernel gets at it.
pub(super) struct Context {
    pub(super) len: usize,
    pub(super) offsets: Vec<i16>,
}

/// The run that stands for a read of the context: a pointer for the first fields, and the way over
/// the queue, and the device, for the numbers behind them.
pub(super) fn context(ours: &RawInsn, code: &[RawInsn]) -> Option<Context> {
    let (dst, src) = (ours.dst(), ours.src());
    let first = read(LDX_DW, dst, src, None);
    let (further, number) = (read(LDX_DW, dst, dst, None), read(LDX_W, dst, dst, None));
    let run: &[Want] = match (ours.op, ours.off) {
        (LDX_W, 0 | 4 | 8) => &[first],
        (LDX_W, 12 | 20) => &[first, further, number],
        (LDX_W, 16) => &[first, number],
        _ => return None,
    };
    let len = starts(code, run)?;
    Some(Context { len, offsets: code.iter().take(len).map(|raw| raw.off).collect() })
}

/// The run that stands for a look-up in a map.
pub(super) fn lookup(map: &MapDecl, code: &[RawInsn]) -> Option<Run> {
    match map.kind {
        MapKind::Array => array(map, code),
        MapKind::PerCpuArray => per_cpu_array(map, code),
        MapKind::Hash => {
            let run = [with(CALL, R0, None), over(JEQ_K, R0, 1, 0), with(ADD64_K, R0, None)];
            Run::at(code, &run)
        }
        MapKind::LruHash => lru_hash(code),
        _ => None,
    }
}

/// `htab_lru_map_gen_lookup`: what is found is noted as used, unless it is.
fn lru_hash(code: &[RawInsn]) -> Option<Run> {
    let used = Want { op: LDX_B, dst: R1, src: R0, off: None, imm: Some(0) };
    let note = Want { op: ST_B, dst: R0, src: 0, off: None, imm: Some(1) };
    let found = [over(JEQ_K, R0, 4, 0), used, over(JNE_K, R1, 1, 0), note];
    Run::at(code, &[&[with(CALL, R0, None)][..], &found, &[with(ADD64_K, R0, None)]].concat())
}

/// A look-up by index: the index against the size of the map, masked besides where the loader may not
/// do without, then `rest`, then nothing for an index beyond.
fn by_index(map: &MapDecl, code: &[RawInsn], rest: &[Want]) -> Option<Run> {
    let within = |behind: usize| {
        let behind = i16::try_from(behind).ok()?;
        Some(over(JGE_K, R0, behind, map.max_entries.cast_signed()))
    };
    let start = [with(ADD64_K, R1, None), read(LDX_W, R0, R2, Some(0))];
    let end = [over(JA, R0, 1, 0), with(MOV64_K, R0, Some(0))];
    let plain = [&start[..], &[within(rest.len() + 1)?], rest, &end].concat();
    let mask = [within(rest.len() + 2)?, with(AND32_K, R0, mask(map))];
    let masked = [&start[..], &mask, rest, &end].concat();
    Run::at(code, &plain).or_else(|| Run::at(code, &masked))
}

/// `array_map_gen_lookup`.
fn array(map: &MapDecl, code: &[RawInsn]) -> Option<Run> {
    let size = map.value_size.checked_next_multiple_of(8)?;
    let scale = if size.is_power_of_two() {
        with(LSH64_K, R0, Some(size.trailing_zeros().cast_signed()))
    } else {
        with(MUL64_K, R0, Some(size.cast_signed()))
    };
    by_index(map, code, &[scale, between(ADD64_X, R0, R1)])
}

/// `percpu_array_map_gen_lookup` (Linux 6.10).
fn per_cpu_array(map: &MapDecl, code: &[RawInsn]) -> Option<Run> {
    let of_this_cpu = Want { op: MOV64_X, dst: R0, src: R0, off: Some(PER_CPU), imm: Some(0) };
    let pointer = [
        with(LSH64_K, R0, Some(3)),
        between(ADD64_X, R0, R1),
        read(LDX_DW, R0, R0, Some(0)),
        of_this_cpu,
    ];
    by_index(map, code, &pointer)
}

/// A read of the kernel's tick counter.
pub(super) fn jiffies(code: &[RawInsn]) -> Option<Run> {
    let half = Want { op: 0, dst: 0, src: 0, off: Some(0), imm: None };
    Run::at(code, &[with(LD_IMM64, R0, None), half, read(LDX_DW, R0, R0, Some(0))])
}

/// A read of the number of this CPU (Linux 6.10, where the JIT has no instruction for it).
pub(super) fn this_cpu(code: &[RawInsn]) -> Option<Run> {
    let of_this_cpu = Want { op: MOV64_X, dst: R0, src: R0, off: Some(PER_CPU), imm: Some(0) };
    let number = read(LDX_W, R0, R0, Some(0));
    [MOV64_K, MOV32_K]
        .into_iter()
        .find_map(|mov| Run::at(code, &[with(mov, R0, None), of_this_cpu, number]))
}

/// A tail call, whose slot is masked where the loader may not do without.
pub(super) fn tail_call(map: &MapDecl, code: &[RawInsn]) -> Option<Run> {
    let call = with(CALL, R0, None);
    let size = over(JGE_K, R3, 2, map.max_entries.cast_signed());
    Run::at(code, &[size, with(AND32_K, R3, mask(map)), call])
}

/// What an index is masked with: all ones below the next power of two.
fn mask(map: &MapDecl) -> Option<i32> {
    Some((map.max_entries.checked_next_power_of_two()? - 1).cast_signed())
}

/// A sum of a pointer and a register, limited by the kernel for loaders that may not do without
/// (`fixup_bpf_calls`, "speculative").
pub(super) fn limited_sum(ours: &RawInsn, code: &[RawInsn]) -> Option<usize> {
    if ours.op != ADD64_X {
        return None;
    }
    let by = ours.src();
    let run = |own: u8| {
        [
            with(MOV32_K, own, None),
            between(SUB64_X, own, by),
            between(OR64_X, own, by),
            with(NEG64, own, Some(0)),
            with(ARSH64_K, own, Some(63)),
            between(AND64_X, own, by),
            between(ADD64_X, ours.dst(), own),
        ]
    };
    OWN.into_iter().find_map(|own| starts(code, &run(own)))
}

/// Whether a blinded constant is made here.
pub(super) fn is_blinding(code: &[RawInsn]) -> bool {
    let wide = |own| [with(MOV64_K, own, None), with(XOR64_K, own, None)];
    let narrow = |own| [with(MOV32_K, own, None), with(XOR32_K, own, None)];
    let runs = OWN.into_iter().flat_map(|own| [wide(own), narrow(own)]);
    runs.into_iter().any(|run| starts(code, &run).is_some())
}
