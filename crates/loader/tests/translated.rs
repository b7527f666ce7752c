//! What the kernel may have made of a program, and what it cannot have: without a kernel, on
//! rewritings made by hand.

use palisade_asm::{
    Assembler, Cond, Helper, Image, Isa, MapDecl, MapFlags, MapKind, R0, R1, R2, RawInsn, Size,
};
use palisade_loader::translated::{Comparison, Difference, Reason, compare};

const MAPS: [u32; 2] = [41, 42];
const NOSPEC: RawInsn = RawInsn { op: 0xc2, regs: 0, off: 0, imm: 0 };

fn map(name: &str) -> MapDecl {
    MapDecl {
        name: name.into(),
        kind: MapKind::Array,
        key_size: 4,
        value_size: 8,
        max_entries: 1,
        flags: MapFlags::NONE,
    }
}

/// Two maps are read; a test on the first leads over a store of the second; the number is a call's.
fn image() -> Image {
    let mut a = Assembler::new();
    let (one, two) = (a.map(map("one")), a.map(map("two")));
    let out = a.label("out");
    a.load_map_value(R1, one, 0).load_map_value(R2, two, 4); // 0, 2
    a.load(Size::W, R0, R1 + 0).jump_if(R0, Cond::Eq, 7, out); // 4, 5
    a.store(Size::W, R2 + 0, R0).mov(R0, 1).mov(R1, 3); // 6, 7, 8
    a.place(out);
    a.call(Helper::KTIME_GET_NS).call(Helper::GET_PRANDOM_U32).mov(R0, 2).exit(); // 9 to 12
    a.finish().expect("a program").encode(Isa::V3).expect("an image")
}

/// The image as the kernel shows it where it rewrites nothing but addresses.
fn shown() -> Vec<RawInsn> {
    let mut code = image().link(|map| [41, 42][map.index()]);
    for (at, address) in [(9, 0x1000), (10, 0x2000)] {
        code[at].imm = address;
    }
    code
}

fn judged(found: &[RawInsn]) -> Comparison {
    compare(&image(), &MAPS, found)
}

#[track_caller]
fn same(found: &[RawInsn]) {
    assert!(matches!(judged(found), Comparison::Same(_)), "{:x?}", judged(found));
}

/// Where it differs, and why.
#[track_caller]
fn differs(found: &[RawInsn]) -> (usize, Reason) {
    match judged(found) {
        Comparison::Differs(Difference { slot, reason, .. }) => (slot, reason),
        other => panic!("{other:x?}"),
    }
}

#[track_caller]
fn unknown(found: &[RawInsn]) -> (usize, Reason) {
    match judged(found) {
        Comparison::Unknown(Difference { slot, reason, .. }) => (slot, reason),
        other => panic!("{other:x?}"),
    }
}

#[test]
fn barriers_and_moved_jumps_are_no_difference() {
    same(&shown());
    let mut found = shown();
    found.insert(7, NOSPEC);
    found[5].off += 1;
    same(&found);
    // In front of what a jump leads to, it may be jumped over or not.
    let mut found = shown();
    found.insert(9, NOSPEC);
    same(&found);
    found[5].off += 1;
    same(&found);
    found[5].off += 1;
    assert_eq!(differs(&found), (5, Reason::Target));
}

#[test]
fn hidden_addresses_are_no_difference() {
    let mut found = shown();
    (found[9].imm, found[10].imm) = (0, 0);
    same(&found);
    (found[9].imm, found[10].imm) = (5, 5);
    assert_eq!(differs(&found), (10, Reason::Callee));
}

#[test]
fn a_test_that_the_verifier_decided_is_gone_with_what_it_leads_over() {
    // Never taken.
    let mut found = shown();
    found.remove(5);
    same(&found);
    // Always taken, and what it leads over is gone with it.
    let mut found = shown();
    found.drain(5..9);
    same(&found);
    // What the way leads to does not go.
    let mut found = shown();
    found.drain(7..9);
    found.remove(5);
    assert_eq!(differs(&found), (5, Reason::Other));
}

#[test]
fn another_instruction_is_named_at_its_place() {
    for (at, change) in [(4, 0x40), (6, 2), (7, 1), (8, 1), (11, 1)] {
        let mut found = shown();
        match at {
            4 => found[at].off ^= change,
            6 => found[at].off ^= change,
            _ => found[at].imm ^= i32::from(change),
        }
        assert_eq!(differs(&found), (at, Reason::Other));
    }
    let mut found = shown();
    found[5].imm = 8;
    assert_eq!(differs(&found), (5, Reason::Other));
    let mut found = shown();
    found[5].off -= 1;
    assert_eq!(differs(&found), (5, Reason::Target));
}

#[test]
fn another_map_and_another_place_in_it_are_differences() {
    let mut found = shown();
    found[2].imm = 41;
    assert_eq!(differs(&found), (2, Reason::Map { wanted: 42 }));
    let mut found = shown();
    found[3].imm = 0;
    assert_eq!(differs(&found), (2, Reason::Other));
}

#[test]
fn a_program_that_ends_early_or_goes_on_differs() {
    let mut found = shown();
    found.push(NOSPEC);
    same(&found);
    found.push(RawInsn { op: 0x95, ..RawInsn::default() });
    assert_eq!(differs(&found), (13, Reason::Left));
    assert_eq!(differs(&shown()[..12]), (12, Reason::Missing));
    assert_eq!(differs(&[]), (0, Reason::Missing));
}

#[test]
fn blinded_constants_and_unknown_code_in_place_of_a_call_accuse_nobody() {
    let mut found = shown();
    let blinding = [
        RawInsn::new(0xb7, 11, 0, 0, 0x1234),
        RawInsn::new(0xa7, 11, 0, 0, 0x1235),
        RawInsn::new(0xbf, 0, 11, 0, 0),
    ];
    found.splice(7..8, blinding);
    assert_eq!(unknown(&found), (7, Reason::Blinded));
    let mut found = shown();
    found[9] = RawInsn::new(0xb7, 0, 0, 0, 9);
    assert_eq!(unknown(&found), (9, Reason::Rewriting));
}

/// A function is called twice; the kernel shows its number, and the distance as an offset.
fn calling() -> (Image, Vec<RawInsn>) {
    let mut a = Assembler::new();
    let (sub, out) = (a.label("sub"), a.label("out"));
    a.mov(R1, 1).call_sub(sub).jump_if(R0, Cond::Eq, 0, out).mov(R1, 2).call_sub(sub); // 0 to 4
    a.place(out);
    a.mov(R0, 2).exit(); // 5, 6
    a.place(sub).mov(R0, R1).exit(); // 7, 8
    let image = a.finish().expect("a program").encode(Isa::V3).expect("an image");
    let mut shown = image.link(|_| 0);
    for (at, off) in [(1, 5), (4, 2)] {
        (shown[at].off, shown[at].imm) = (off, 1);
    }
    (image, shown)
}

#[test]
fn a_call_of_a_function_leads_to_its_first_instruction() {
    let (image, shown) = calling();
    let judged = |found: &[RawInsn]| compare(&image, &[], found);
    assert!(matches!(judged(&shown), Comparison::Same(_)), "{:x?}", judged(&shown));
    let mut moved = shown.clone();
    moved.insert(3, NOSPEC);
    moved[1].off += 1;
    moved[2].off += 1;
    assert!(matches!(judged(&moved), Comparison::Same(_)), "{:x?}", judged(&moved));
    for (at, change) in [(1, 1), (4, -1)] {
        let mut astray = shown.clone();
        astray[at].off += change;
        let Comparison::Differs(found) = judged(&astray) else { panic!("{:x?}", judged(&astray)) };
        assert_eq!((found.slot, found.reason), (at, Reason::Target));
    }
    let mut helper = shown.clone();
    helper[4].regs = 0;
    assert!(matches!(judged(&helper), Comparison::Differs(Difference { slot: 4, .. })));
}
