//! Random programs: blocks, all of them jumped to from the start, with jumps to any block from any
//! other, every kind of instruction, maps, calls, notes, and names of all sorts.

use palisade_asm::{
    AluOp, Assembler, AtomicOp, Call, Cond, Extend, FP, Helper, Imm64, Insn, Label, MapDecl,
    MapFlags, MapId, MapKind, MapNumber, Mem, Note, PacketAt, Program, R0, R1, R2, R3, R4, R5, R6,
    R7, R8, R9, Reg, Size, Src, Swap, Test, Width,
};
use proptest::prelude::*;
use proptest::sample::select;

const WRITABLE: [Reg; 10] = [R0, R1, R2, R3, R4, R5, R6, R7, R8, R9];

const ALU_OPS: [AluOp; 14] = [
    AluOp::Add,
    AluOp::Sub,
    AluOp::Mul,
    AluOp::Or,
    AluOp::And,
    AluOp::Xor,
    AluOp::Mov,
    AluOp::Lsh,
    AluOp::Rsh,
    AluOp::Arsh,
    AluOp::Div,
    AluOp::Mod,
    AluOp::Sdiv,
    AluOp::Smod,
];

const CONDS: [Cond; 11] = [
    Cond::Eq,
    Cond::Ne,
    Cond::Gt,
    Cond::Ge,
    Cond::Lt,
    Cond::Le,
    Cond::Set,
    Cond::Sgt,
    Cond::Sge,
    Cond::Slt,
    Cond::Sle,
];

const ATOMIC_OPS: [AtomicOp; 10] = [
    AtomicOp::Add,
    AtomicOp::Or,
    AtomicOp::And,
    AtomicOp::Xor,
    AtomicOp::FetchAdd,
    AtomicOp::FetchOr,
    AtomicOp::FetchAnd,
    AtomicOp::FetchXor,
    AtomicOp::Xchg,
    AtomicOp::CmpXchg,
];

const SWAPS: [Swap; 9] = [
    Swap::Le16,
    Swap::Le32,
    Swap::Le64,
    Swap::Be16,
    Swap::Be32,
    Swap::Be64,
    Swap::Bswap16,
    Swap::Bswap32,
    Swap::Bswap64,
];

/// An instruction with numbers in place of the labels and maps of an assembler not yet there.
#[derive(Clone, Debug)]
enum Step {
    Plain(Insn),
    Map(Reg, usize),
    MapValue(Reg, usize, u32),
    Branch(Test, usize),
    Call(usize),
    Callback(Reg, usize),
    JumpLong(usize),
    MapNumber(Reg, MapNumber, Option<u32>),
    Note(Note),
}

#[derive(Clone, Debug)]
struct Block {
    steps: Vec<Step>,
    /// Where it goes on: the next block, or another one.
    to: Option<usize>,
}

#[derive(Clone, Debug)]
pub struct Source {
    blocks: Vec<(String, Block)>,
    functions: Vec<(String, Vec<Step>)>,
    maps: Vec<MapDecl>,
}

fn reg() -> impl Strategy<Value = Reg> {
    select(&WRITABLE[..])
}

fn mem() -> impl Strategy<Value = Mem> {
    (prop_oneof![reg(), Just(FP)], any::<i16>()).prop_map(|(base, off)| base + off)
}

fn width() -> impl Strategy<Value = Width> {
    select(&[Width::W32, Width::W64][..])
}

fn size() -> impl Strategy<Value = Size> {
    select(&[Size::B, Size::H, Size::W, Size::D][..])
}

fn src() -> impl Strategy<Value = Src> {
    prop_oneof![reg().prop_map(Src::Reg), Just(Src::Reg(FP)), any::<i32>().prop_map(Src::Imm)]
}

fn alu() -> impl Strategy<Value = Insn> {
    (select(&ALU_OPS[..]), width(), reg(), src()).prop_map(|(op, width, dst, src)| {
        let src = match (op, src) {
            (AluOp::Lsh | AluOp::Rsh | AluOp::Arsh, Src::Imm(by)) => Src::Imm(by.rem_euclid(32)),
            (AluOp::Div | AluOp::Mod | AluOp::Sdiv | AluOp::Smod, Src::Imm(0)) => Src::Imm(-1),
            (_, src) => src,
        };
        Insn::Alu { op, width, dst, src }
    })
}

fn atomic() -> impl Strategy<Value = Insn> {
    let sizes = select(&[Size::W, Size::D][..]);
    (select(&ATOMIC_OPS[..]), sizes, mem(), reg()).prop_map(|(op, size, mem, src)| Insn::Atomic {
        op,
        size,
        mem,
        src,
    })
}

fn plain() -> impl Strategy<Value = Insn> {
    let constant = |(dst, value)| Insn::LoadImm64 { dst, value: Imm64::Const(value) };
    prop_oneof![
        4 => alu(),
        1 => (width(), reg()).prop_map(|(width, dst)| Insn::Neg { width, dst }),
        1 => (select(&SWAPS[..]), reg()).prop_map(|(order, dst)| Insn::Swap { order, dst }),
        2 => (reg(), any::<u64>()).prop_map(constant),
        2 => (size(), reg(), mem()).prop_map(|(size, dst, mem)| Insn::Load { size, extend: Extend::Zero, dst, mem }),
        2 => (size(), mem(), src()).prop_map(|(size, mem, src)| Insn::Store { size, mem, src }),
        1 => atomic(),
        1 => signed_move(),
        1 => signed_load(),
        1 => packet(),
        1 => (reg(), any::<i32>(), any::<i32>())
            .prop_map(|(dst, btf_id, module)| Insn::LoadImm64 { dst, value: Imm64::Variable { btf_id, module } }),
        1 => prop_oneof![any::<u32>(), 0u32..215].prop_map(|id| Insn::Call(Call::Helper(Helper::from_id(id)))),
        1 => (any::<i32>(), any::<i16>())
            .prop_map(|(btf_id, module)| Insn::Call(Call::Kfunc { btf_id, module })),
    ]
}

fn signed_move() -> impl Strategy<Value = Insn> {
    let fits = [(Width::W64, Size::B), (Width::W64, Size::H), (Width::W64, Size::W)];
    let halves = [(Width::W32, Size::B), (Width::W32, Size::H)];
    (select([&fits[..], &halves[..]].concat()), reg(), prop_oneof![reg(), Just(FP)])
        .prop_map(|((width, size), dst, src)| Insn::MoveSigned { width, size, dst, src })
}

fn signed_load() -> impl Strategy<Value = Insn> {
    let sizes = select(&[Size::B, Size::H, Size::W][..]);
    (sizes, reg(), mem()).prop_map(|(size, dst, mem)| Insn::Load {
        size,
        extend: Extend::Sign,
        dst,
        mem,
    })
}

fn packet() -> impl Strategy<Value = Insn> {
    let sizes = select(&[Size::B, Size::H, Size::W][..]);
    let place = prop_oneof![
        any::<i32>().prop_map(PacketAt::Abs),
        (reg(), any::<i32>()).prop_map(|(reg, imm)| PacketAt::Ind(reg, imm)),
    ];
    (sizes, place).prop_map(|(size, at)| Insn::LoadPacket { size, at })
}

/// Names as programs have them, and names that a text must not stumble over.
pub fn name() -> impl Strategy<Value = String> {
    prop_oneof![
        select(&NAMES[..]).prop_map(str::to_owned),
        "[a-c]{1,2}",
        "[ -~]{0,8}",
        any::<String>(),
    ]
}

#[rustfmt::skip] // In groups: as programs have them, as the language has them, as nobody has them.
const NAMES: [&str; 33] = [
    "pass", "one of them", "past line 5", "tcp/udp rules", "L4", "next.2", "w:items", "block",
    "exit", "call", "goto", "if r1 == 0x1", "r0 = 1", "bpf_map_lookup_elem", "bpf_redirect#23",
    "unknown#-1", "kernel-function#1", "fd:5", "idx:5", "pc+1", "pc-1", "+3", "-3", "0x1", "map[a]",
    "aa bb cc dd ee ff 00 11 22", "", " ", "a  b", "\"", "\\", "a:\n; b", "// a",
];

fn note() -> impl Strategy<Value = Note> {
    let step = prop_oneof![name(), Just("drop src in block".to_owned())];
    (prop::option::of(1u32..50), step).prop_map(|(line, step)| match line {
        Some(line) => Note::line(line, step),
        None => Note::new(step),
    })
}

fn number() -> impl Strategy<Value = MapNumber> {
    prop_oneof![any::<i32>().prop_map(MapNumber::Fd), any::<i32>().prop_map(MapNumber::Index)]
}

fn test() -> impl Strategy<Value = Test> {
    (select(&CONDS[..]), width(), prop_oneof![reg(), Just(FP)], src())
        .prop_map(|(cond, width, left, right)| Test { cond, width, left, right })
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        6 => plain().prop_map(Step::Plain),
        1 => (reg(), any::<usize>()).prop_map(|(dst, map)| Step::Map(dst, map)),
        1 => (reg(), any::<usize>(), any::<u32>())
            .prop_map(|(dst, map, off)| Step::MapValue(dst, map, off)),
        3 => (test(), any::<usize>()).prop_map(|(test, to)| Step::Branch(test, to)),
        1 => any::<usize>().prop_map(Step::Call),
        1 => (reg(), any::<usize>()).prop_map(|(dst, to)| Step::Callback(dst, to)),
        1 => any::<usize>().prop_map(Step::JumpLong),
        1 => (reg(), number(), prop::option::of(any::<u32>()))
            .prop_map(|(dst, map, off)| Step::MapNumber(dst, map, off)),
        1 => note().prop_map(Step::Note),
    ]
}

/// Programs of any shape.
pub fn source() -> impl Strategy<Value = Source> {
    let steps = || prop::collection::vec(step(), 0..12);
    let block = (steps(), prop::option::of(any::<usize>()));
    let block = block.prop_map(|(steps, to)| Block { steps, to });
    let blocks = prop::collection::vec((name(), block), 1..8);
    let functions = prop::collection::vec((name(), steps()), 0..3);
    let maps = prop::collection::vec(decl(), 0..4);
    (blocks, functions, maps).prop_map(|(blocks, functions, maps)| Source {
        blocks,
        functions,
        maps,
    })
}

fn decl() -> impl Strategy<Value = MapDecl> {
    let kinds: Vec<MapKind> = (0..64).filter_map(MapKind::from_number).collect();
    let numbers = (any::<u32>(), any::<u32>(), any::<u32>(), any::<u32>());
    (name(), select(kinds), numbers).prop_map(|(name, kind, numbers)| MapDecl {
        name,
        kind,
        key_size: numbers.0,
        value_size: numbers.1,
        max_entries: numbers.2,
        flags: MapFlags::from_bits(numbers.3),
    })
}

/// What is needed to write the steps of one function.
struct Context<'a> {
    maps: &'a [MapId],
    /// The blocks of this function, for branches.
    blocks: &'a [Label],
    functions: &'a [Label],
}

fn pick<T: Copy>(from: &[T], number: usize) -> Option<T> {
    from.get(number.checked_rem(from.len())?).copied()
}

fn write(a: &mut Assembler, steps: &[Step], context: &Context<'_>) {
    for step in steps {
        match *step {
            Step::Plain(insn) => {
                a.push(insn);
            }
            Step::Map(dst, map) => {
                pick(context.maps, map).map(|map| a.load_map(dst, map));
            }
            Step::MapValue(dst, map, off) => {
                pick(context.maps, map).map(|map| a.load_map_value(dst, map, off));
            }
            Step::Branch(test, to) => {
                let jump = |to| Insn::Jump { when: Some(test), to };
                pick(context.blocks, to).map(|to| a.push(jump(to)));
            }
            Step::Call(to) => {
                pick(context.functions, to).map(|to| a.call_sub(to));
            }
            Step::Callback(dst, to) => {
                let load = |to| Insn::LoadImm64 { dst, value: Imm64::Sub(to) };
                pick(context.functions, to).map(|to| a.push(load(to)));
            }
            Step::JumpLong(to) => {
                // What follows a jump must be reached too.
                let Some(to) = pick(context.blocks, to) else { continue };
                let after = a.label("after");
                a.jump_if(R1, Cond::Set, 1, after).push(Insn::JumpLong { to });
                a.place(after);
            }
            Step::MapNumber(dst, map, off) => {
                // With declarations, an index means one of them.
                let map = match map {
                    MapNumber::Index(index) if !context.maps.is_empty() => MapNumber::Fd(index),
                    map => map,
                };
                let value = match off {
                    Some(off) => Imm64::MapNumberValue { map, off },
                    None => Imm64::MapNumber(map),
                };
                a.push(Insn::LoadImm64 { dst, value });
            }
            Step::Note(ref note) => {
                a.note(note.clone());
            }
        }
    }
}

/// The program of the blocks; the first instructions lead to each of them and to each function.
pub fn assemble(source: &Source) -> Program {
    let mut a = Assembler::new();
    let maps: Vec<MapId> = source.maps.iter().map(|decl| a.map(decl.clone())).collect();
    let blocks: Vec<Label> = source.blocks.iter().map(|(name, _)| a.label(name.clone())).collect();
    let functions: Vec<Label> =
        source.functions.iter().map(|(name, _)| a.label(name.clone())).collect();
    for (number, block) in (0..).zip(&blocks) {
        a.jump_if(R1, Cond::Eq, number, *block);
    }
    for function in &functions {
        a.call_sub(*function);
    }
    let context = Context { maps: &maps, blocks: &blocks, functions: &functions };
    for (label, (_, block)) in blocks.iter().zip(&source.blocks) {
        a.place(*label);
        write(&mut a, &block.steps, &context);
        if let Some(to) = block.to.and_then(|to| pick(&blocks, to)) {
            a.jump(to);
        }
    }
    let last = source.blocks.last().map(|(_, block)| block.to);
    if last.flatten().is_none() {
        a.exit();
    }
    for (label, (_, steps)) in functions.iter().zip(&source.functions) {
        a.place(*label);
        let own = Context { blocks: &[*label], ..context };
        write(&mut a, steps, &own);
        a.exit();
    }
    a.finish().unwrap_or_else(|error| panic!("{error}"))
}
