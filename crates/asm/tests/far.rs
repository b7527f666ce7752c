//! Far jumps keep their meaning: programs too long for 16-bit distances do, encoded in either
//! way, what their instructions say.
//!
//! Both are executed, the instructions by their labels and the slots by their distances, by a
//! machine that knows just enough: moves of constants, comparisons of `r1` to constants, jumps and `exit`.
//! What is compared is the row of constants moved to `r2` on the way.

use palisade_asm::{
    AluOp, Assembler, Cond, EncodeError, Image, Insn, Isa, Label, MAX_SLOTS, Note, Program, R0, R1,
    R2, RawInsn, Src, Test, Width, decode_image,
};
use proptest::prelude::*;
use proptest::sample::select;

const CONDS: [Cond; 5] = [Cond::Eq, Cond::Ne, Cond::Gt, Cond::Le, Cond::Set];
/// After so many constants a run is over: every loop moves one each time round.
const MARKS: usize = 12;

fn holds(cond: Cond, left: i32, right: i32) -> bool {
    match cond {
        Cond::Eq => left == right,
        Cond::Ne => left != right,
        Cond::Gt => left > right,
        Cond::Le => left <= right,
        Cond::Set => left & right != 0,
        _ => unreachable!("{cond:?} is not generated"),
    }
}

/// The constants moved to `r2` on the way from the first instruction to `exit`.
fn run_insns(program: &Program, r1: i32) -> Vec<i32> {
    let (mut at, mut trace) = (0, Vec::new());
    while trace.len() < MARKS {
        let insn = program.insns()[at];
        at += 1;
        match insn {
            Insn::Alu { op: AluOp::Mov, src: Src::Imm(imm), dst, .. } if dst == R2 => {
                trace.push(imm);
            }
            Insn::Alu { .. } => {}
            Insn::Jump { when: None, to } => at = program.target(to),
            Insn::Jump { when: Some(Test { cond, right: Src::Imm(imm), .. }), to } => {
                if holds(cond, r1, imm) {
                    at = program.target(to);
                }
            }
            Insn::Exit => return trace,
            _ => unreachable!("{insn:?} is not generated"),
        }
    }
    trace
}

/// The same of slots, with the opcodes written out, so as to share nothing with `decode`.
fn run_slots(code: &[RawInsn], r1: i32) -> Vec<i32> {
    let (mut at, mut trace) = (0_i64, Vec::new());
    while trace.len() < MARKS {
        let slot = code[usize::try_from(at).unwrap()];
        at += 1;
        let taken = match slot.op {
            0xb7 if slot.dst() == 2 => {
                trace.push(slot.imm);
                None
            }
            0xb7 => None,
            0x05 => Some(i64::from(slot.off)),
            0x06 => Some(i64::from(slot.imm)),
            0x15 => (r1 == slot.imm).then_some(i64::from(slot.off)),
            0x55 => (r1 != slot.imm).then_some(i64::from(slot.off)),
            0x25 => (r1 > slot.imm).then_some(i64::from(slot.off)),
            0xb5 => (r1 <= slot.imm).then_some(i64::from(slot.off)),
            0x45 => (r1 & slot.imm != 0).then_some(i64::from(slot.off)),
            0x95 => return trace,
            op => unreachable!("{op:#x} is not generated"),
        };
        at += taken.unwrap_or(0);
    }
    trace
}

fn pad(a: &mut Assembler, insns: usize) {
    for _ in 0..insns {
        a.mov(R0, 0);
    }
}

fn assert_same_meaning(program: &Program, isa: Isa) -> Image {
    let image = program.encode(isa).unwrap_or_else(|error| panic!("{isa}: {error}"));
    for r1 in 0..8 {
        assert_eq!(run_slots(&image.code, r1), run_insns(program, r1), "{isa}, r1 = {r1}");
    }
    let decoded = decode_image(&image).unwrap_or_else(|error| panic!("{isa}: {error}"));
    assert_eq!(decoded.encode(isa).as_ref().map(|image| &image.code), Ok(&image.code), "{isa}");
    image
}

/// Jumps over 75 000 instructions, forward and back, on every kind of condition.
fn both_ways() -> Program {
    let mut a = Assembler::new();
    let (start, low, high, out) =
        (a.label("start"), a.label("low"), a.label("high"), a.label("out"));
    a.jump(start);
    a.place(low);
    a.mov(R2, 1).jump_if(R1, Cond::Gt, 3, high).mov(R2, 2).jump(out);
    a.place(start);
    a.note(Note::new("start"));
    for (mark, cond) in (10..).zip([Cond::Eq, Cond::Ne, Cond::Set]) {
        a.mov(R2, mark).jump_if(R1, cond, 5, high);
    }
    pad(&mut a, 75_000);
    a.mov(R2, 3).jump_if(R1, Cond::Le, 4, low);
    a.place(high);
    a.mov(R2, 4).jump_if(R1, Cond::Eq, 1, low).jump_if(R1, Cond::Set, 2, out).mov(R2, 5);
    a.place(out);
    a.mov(R2, 6).exit();
    a.finish().unwrap()
}

#[test]
fn jumps_over_75_000_instructions_arrive_in_every_instruction_set() {
    let program = both_ways();
    for isa in [Isa::V2, Isa::V3, Isa::V4] {
        let image = assert_same_meaning(&program, isa);
        let long = image.code.iter().any(|slot| slot.op == 0x06);
        assert_eq!(long, isa == Isa::V4, "`gotol` is v4's");
    }
}

#[test]
fn only_programs_with_far_jumps_grow() {
    let near = |distance| {
        let mut a = Assembler::new();
        let out = a.label("out");
        a.jump_if(R1, Cond::Eq, 0, out);
        pad(&mut a, distance);
        a.place(out);
        a.exit();
        a.finish().unwrap()
    };
    let grown = |distance, isa| near(distance).encode(isa).unwrap().len() - distance - 2;
    assert_eq!(grown(16_383, Isa::V3), 0);
    assert_eq!(grown(16_384, Isa::V3), 2, "one trampoline and the slot that jumps over it");
    assert_eq!(grown(16_383, Isa::V4), 0);
    assert_eq!(grown(16_384, Isa::V4), 1, "the inverse and `gotol`");
}

#[test]
fn a_jump_back_of_16_384_is_near_and_one_of_16_385_is_not() {
    let back = |distance: usize| {
        let mut a = Assembler::new();
        let (loops, out) = (a.label("loop"), a.label("out"));
        a.place(loops);
        pad(&mut a, distance - 1);
        a.jump_if(R1, Cond::Eq, 0, loops).jump(out);
        a.place(out);
        a.exit();
        a.finish().unwrap()
    };
    let grown = |distance| back(distance).encode(Isa::V4).unwrap().len() - distance - 2;
    assert_eq!(grown(16_384), 0);
    assert_eq!(grown(16_385), 1);
}

#[test]
fn jumps_to_one_target_share_their_trampolines() {
    let mut a = Assembler::new();
    let out = a.label("out");
    for value in 0..1000 {
        a.jump_if(R1, Cond::Eq, value, out);
    }
    pad(&mut a, 100_000);
    a.place(out);
    a.mov(R2, 1).exit();
    let program = a.finish().unwrap();
    let image = assert_same_meaning(&program, Isa::V3);
    let grown = image.len() - program.insns().len();
    assert!(grown <= 2 * 10, "{grown} slots for trampolines");
}

/// As many far jumps as targets, all of them forward over 70 000 instructions.
fn forward(count: usize) -> Program {
    let mut a = Assembler::new();
    let targets: Vec<Label> = (0..count).map(|_| a.label("target")).collect();
    for (value, target) in (0..).zip(&targets) {
        a.jump_if(R1, Cond::Eq, value, *target);
    }
    pad(&mut a, 70_000);
    for (mark, target) in (0..).zip(&targets) {
        a.place(*target);
        a.mov(R2, mark);
    }
    a.exit();
    a.finish().unwrap()
}

/// The same, back.
fn back(count: usize) -> Program {
    let mut a = Assembler::new();
    let start = a.label("start");
    let targets: Vec<Label> = (0..count).map(|_| a.label("target")).collect();
    a.jump(start);
    for (mark, target) in (0..).zip(&targets) {
        a.place(*target);
        a.mov(R2, mark);
    }
    a.exit();
    a.place(start);
    pad(&mut a, 70_000);
    for (value, target) in (0..).zip(&targets) {
        a.jump_if(R1, Cond::Eq, value, *target);
    }
    a.exit();
    a.finish().unwrap()
}

#[test]
fn thousands_of_far_jumps_to_as_many_targets_arrive() {
    for program in [forward(6000), back(6000)] {
        assert_same_meaning(&program, Isa::V3);
        assert_same_meaning(&program, Isa::V4);
    }
}

#[test]
fn more_far_jumps_than_the_islands_hold_are_refused_before_v4() {
    for program in [forward(20_000), back(20_000)] {
        assert!(matches!(program.encode(Isa::V3), Err(EncodeError::JumpTooFar { .. })));
        assert_same_meaning(&program, Isa::V4);
    }
}

#[test]
fn trampolines_are_noted_as_such_and_what_follows_has_its_own_note() {
    let image = both_ways().encode(Isa::V3).unwrap();
    let islands = image.notes.iter().filter(|(_, note)| note.step == "far jumps").count();
    assert!(islands >= 2, "{islands} islands");
    assert_eq!(image.note_at(image.len() - 1), Some(&Note::new("start")));
}

#[test]
fn a_far_jump_stays_in_its_function() {
    let mut a = Assembler::new();
    let (function, out) = (a.label("function"), a.label("out"));
    a.call_sub(function).exit();
    a.place(function);
    a.jump_if(R1, Cond::Eq, 0, out);
    pad(&mut a, 70_000);
    a.place(out);
    a.exit();
    let program = a.finish().unwrap();
    for isa in [Isa::V3, Isa::V4] {
        let decoded = decode_image(&program.encode(isa).unwrap());
        assert!(decoded.is_ok(), "{decoded:?}");
    }
}

#[test]
fn a_program_that_no_kernel_takes_is_refused() {
    let mut a = Assembler::new();
    pad(&mut a, MAX_SLOTS);
    a.exit();
    let error = a.finish().unwrap().encode(Isa::V3).unwrap_err();
    assert_eq!(error, EncodeError::TooLong { slots: MAX_SLOTS + 1 });
}

#[test]
fn an_instruction_that_the_set_lacks_is_refused_by_name() {
    let mut a = Assembler::new();
    let out = a.label("out");
    a.jump32_if(R1, Cond::Eq, 8, out);
    a.place(out);
    a.exit();
    let error = a.finish().unwrap().encode(Isa::V2).unwrap_err();
    assert_eq!(
        error.to_string(),
        "instruction 0, `if w1 == 0x8 goto out`, needs instruction set v3, and v2 was asked for"
    );
}

#[derive(Clone, Debug)]
struct Block {
    pad: usize,
    jumps: Vec<(Cond, i32, usize)>,
    to: usize,
}

fn block() -> impl Strategy<Value = Block> {
    let pad = prop_oneof![2 => 0..50usize, 2 => 5_000..40_000usize];
    let jump = (select(&CONDS[..]), 0..8, any::<usize>());
    (pad, prop::collection::vec(jump, 0..6), any::<usize>()).prop_map(|(pad, jumps, to)| Block {
        pad,
        jumps,
        to,
    })
}

fn scattered(blocks: &[Block]) -> Program {
    let mut a = Assembler::new();
    let labels: Vec<Label> = blocks.iter().map(|_| a.label("block")).collect();
    for (value, label) in (0..).zip(&labels) {
        a.jump_if(R1, Cond::Eq, value, *label);
    }
    for (mark, (label, block)) in (0..).zip(labels.iter().zip(blocks)) {
        a.place(*label);
        a.mov(R2, mark);
        pad(&mut a, block.pad);
        for &(cond, right, to) in &block.jumps {
            let when = Test { cond, width: Width::W64, left: R1, right: Src::Imm(right) };
            a.push(Insn::Jump { when: Some(when), to: labels[to % labels.len()] });
        }
        match block.to % (labels.len() + 1) {
            to if to < labels.len() => a.jump(labels[to]),
            _ => a.exit(),
        };
    }
    a.finish().unwrap_or_else(|error| panic!("{error}"))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(10))]

    #[test]
    fn far_jumps_between_blocks_anywhere_arrive(
        blocks in prop::collection::vec(block(), 2..9)
    ) {
        let program = scattered(&blocks);
        for isa in [Isa::V3, Isa::V4] {
            let image = program.encode(isa).unwrap();
            for r1 in [0, 1, 2, 5, 9] {
                prop_assert_eq!(run_slots(&image.code, r1), run_insns(&program, r1));
            }
        }
    }
}
