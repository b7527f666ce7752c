//! Encoding loses nothing: whatever the assembler finishes comes back from its image.
//!
//! Programs are generated as blocks, all of them jumped to from the start, with jumps to any block
//! from any other, maps, 64-bit constants, calls and notes.

use palisade_asm::ByteOrder::{self, Big, Little};
use palisade_asm::{
    AluOp, Assembler, AtomicOp, Call, Cond, Extend, FP, Helper, Imm64, Insn, Isa, Label, MapDecl,
    MapFlags, MapId, MapKind, Mem, Note, Program, R0, R1, R2, R3, R4, R5, R6, R7, R8, R9, RawInsn,
    Reg, SLOT_BYTES, Size, Src, Swap, Test, Width, decode, decode_image,
};
use proptest::prelude::*;
use proptest::sample::select;

const WRITABLE: [Reg; 10] = [R0, R1, R2, R3, R4, R5, R6, R7, R8, R9];

const ALU_OPS: [AluOp; 9] = [
    AluOp::Add,
    AluOp::Sub,
    AluOp::Mul,
    AluOp::Or,
    AluOp::And,
    AluOp::Xor,
    AluOp::Mov,
    AluOp::Lsh,
    AluOp::Arsh,
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

const SWAPS: [Swap; 6] = [Swap::Le16, Swap::Le32, Swap::Le64, Swap::Be16, Swap::Be32, Swap::Be64];

/// An instruction with numbers in place of the labels and maps of an assembler not yet there.
#[derive(Clone, Debug)]
enum Step {
    Plain(Insn),
    Map(Reg, usize),
    MapValue(Reg, usize, u32),
    Branch(Test, usize),
    Call(usize),
    Callback(Reg, usize),
    Note(u32),
}

#[derive(Clone, Debug)]
struct Block {
    steps: Vec<Step>,
    /// Where it goes on: the next block, or another one.
    to: Option<usize>,
}

#[derive(Clone, Debug)]
struct Source {
    blocks: Vec<Block>,
    functions: Vec<Vec<Step>>,
    maps: usize,
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
            (AluOp::Lsh | AluOp::Arsh, Src::Imm(by)) => Src::Imm(by.rem_euclid(32)),
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
        1 => any::<u32>().prop_map(|id| Insn::Call(Call::Helper(Helper::from_id(id)))),
    ]
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
        1 => (1u32..50).prop_map(Step::Note),
    ]
}

fn source() -> impl Strategy<Value = Source> {
    let steps = || prop::collection::vec(step(), 0..12);
    let block = (steps(), prop::option::of(any::<usize>()));
    let blocks = prop::collection::vec(block.prop_map(|(steps, to)| Block { steps, to }), 1..8);
    let functions = prop::collection::vec(steps(), 0..3);
    (blocks, functions, 0usize..4).prop_map(|(blocks, functions, maps)| Source {
        blocks,
        functions,
        maps,
    })
}

fn decl(index: usize) -> MapDecl {
    MapDecl {
        name: format!("map{index}"),
        kind: MapKind::Array,
        key_size: 4,
        value_size: 64,
        max_entries: 1,
        flags: MapFlags::RDONLY_PROG | MapFlags::MMAPABLE,
    }
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
            Step::Note(line) => {
                a.note(Note::line(line, "a step"));
            }
        }
    }
}

/// The program of the blocks; the first instructions lead to each of them and to each function.
fn assemble(source: &Source) -> Program {
    let mut a = Assembler::new();
    let maps: Vec<MapId> = (0..source.maps).map(|index| a.map(decl(index))).collect();
    let blocks: Vec<Label> = source.blocks.iter().map(|_| a.label("block")).collect();
    let functions: Vec<Label> = source.functions.iter().map(|_| a.label("function")).collect();
    for (number, block) in (0..).zip(&blocks) {
        a.jump_if(R1, Cond::Eq, number, *block);
    }
    for function in &functions {
        a.call_sub(*function);
    }
    let context = Context { maps: &maps, blocks: &blocks, functions: &functions };
    for (label, block) in blocks.iter().zip(&source.blocks) {
        a.place(*label);
        write(&mut a, &block.steps, &context);
        if let Some(to) = block.to.and_then(|to| pick(&blocks, to)) {
            a.jump(to);
        }
    }
    let last = source.blocks.last().map(|block| block.to);
    if last.flatten().is_none() {
        a.exit();
    }
    for (label, steps) in functions.iter().zip(&source.functions) {
        a.place(*label);
        let own = Context { blocks: &[*label], ..context };
        write(&mut a, steps, &own);
        a.exit();
    }
    a.finish().unwrap_or_else(|error| panic!("{error}"))
}

fn read(order: ByteOrder, bytes: &[u8]) -> Vec<RawInsn> {
    let slots = bytes.as_chunks::<SLOT_BYTES>().0;
    slots.iter().map(|slot| RawInsn::from_bytes(order, *slot)).collect()
}

proptest! {
    #[test]
    fn an_image_decodes_to_the_program_it_was_encoded_from(source in source()) {
        let program = assemble(&source);
        let image = program.encode(Isa::V3).unwrap();
        let decoded = decode_image(&image).unwrap();
        prop_assert_eq!(&decoded, &program);
        prop_assert_eq!(decoded.encode(Isa::V3).unwrap(), image);
    }

    #[test]
    fn bytes_of_either_order_read_back_as_the_code(source in source()) {
        let image = assemble(&source).encode(Isa::V4).unwrap();
        prop_assert_eq!(&read(Little, &image.to_bytes(Little)), &image.code);
        prop_assert_eq!(&read(Big, &image.to_bytes(Big)), &image.code);
    }

    #[test]
    fn notes_follow_their_instructions(source in source()) {
        let program = assemble(&source);
        let image = program.encode(Isa::V3).unwrap();
        let mut slot = 0;
        for (at, insn) in program.insns().iter().enumerate() {
            prop_assert_eq!(program.note_at(at), image.note_at(slot), "slot {}", slot);
            slot += if matches!(insn, Insn::LoadImm64 { .. }) { 2 } else { 1 };
        }
        prop_assert_eq!(slot, image.len());
    }

    #[test]
    fn the_same_source_gives_the_same_bytes(source in source()) {
        let bytes = || assemble(&source).encode(Isa::V3).unwrap().to_bytes(Little);
        prop_assert_eq!(bytes(), bytes());
    }

    #[test]
    fn decoding_never_panics(slots in prop::collection::vec(any::<[u8; SLOT_BYTES]>(), 0..12)) {
        let code: Vec<RawInsn> = slots.iter().map(|slot| RawInsn::from_bytes(Little, *slot)).collect();
        if let Ok(program) = decode(&code) {
            prop_assert!(program.encode(Isa::V4).is_ok());
            prop_assert!(!program.listing().to_string().is_empty());
        }
    }

    #[test]
    fn a_program_with_bytes_changed_decodes_to_one_that_encodes_or_to_an_error(
        source in source(),
        changes in prop::collection::vec((any::<usize>(), any::<u8>()), 1..4),
    ) {
        let mut bytes = assemble(&source).encode(Isa::V3).unwrap().to_bytes(Little);
        for (at, byte) in changes {
            let at = at % bytes.len();
            bytes[at] = byte;
        }
        if let Ok(program) = decode(&read(Little, &bytes)) {
            let again = decode_image(&program.encode(Isa::V4).unwrap());
            prop_assert_eq!(again, Ok(program));
        }
    }
}
