//! Listings: labels, notes, maps and the names of helpers.
//!
//! The syntax of each single instruction is in the table of `rfc9669.rs`.

use expect_test::{Expect, expect};
use palisade_asm::{
    Assembler, ByteOrder, Cond, FP, Helper, Imm64, Insn, Isa, MapDecl, MapFlags, MapKind, Note,
    Program, R0, R1, R2, R6, R7, Size, decode, decode_image,
};

fn program(build: impl FnOnce(&mut Assembler)) -> Program {
    let mut a = Assembler::new();
    build(&mut a);
    a.finish().unwrap_or_else(|error| panic!("{error}"))
}

fn check(build: impl FnOnce(&mut Assembler), listing: Expect) {
    listing.assert_eq(&program(build).listing().to_string());
}

fn ethernet(a: &mut Assembler) {
    let (ipv4, pass) = (a.label("ipv4"), a.label("pass"));
    a.note(Note::new("ethernet"));
    a.load(Size::W, R6, R1 + 0).load(Size::W, R7, R1 + 4);
    a.mov(R0, R6).add(R0, 14).jump_if(R0, Cond::Gt, R7, pass);
    a.load(Size::H, R2, R6 + 12).jump_if(R2, Cond::Eq, 8, ipv4);
    a.jump(pass);
    a.place(ipv4);
    a.note(Note::line(7, "drop ip4"));
    a.mov(R0, 1).exit();
    a.place(pass);
    a.note(Note::line(8, "default pass"));
    a.mov(R0, 2).exit();
}

#[test]
fn a_listing_shows_labels_and_what_asked_for_the_instructions() {
    check(
        ethernet,
        expect![[r"
            ; ethernet
              r6 = *(u32 *)(r1 +0)
              r7 = *(u32 *)(r1 +4)
              r0 = r6
              r0 += 14
              if r0 > r7 goto pass
              r2 = *(u16 *)(r6 +12)
              if r2 == 0x8 goto ipv4
              goto pass
            ipv4:
            ; 7: drop ip4
              r0 = 1
              exit
            pass:
            ; 8: default pass
              r0 = 2
              exit
        "]],
    );
}

#[test]
fn a_program_displays_without_its_notes() {
    let listing = program(ethernet).to_string();
    assert!(!listing.contains(';'), "{listing}");
    assert_eq!(listing.lines().count(), 14);
}

#[test]
fn decoded_code_has_labels_named_after_their_slots() {
    let image = program(|a| {
        let out = a.label("out");
        a.load_imm64(R1, 1).jump_if(R1, Cond::Ne, 1, out).mov(R0, 1);
        a.place(out);
        a.exit();
    })
    .encode(palisade_asm::Isa::V1)
    .unwrap();
    expect![[r"
          r1 = 0x1 ll
          if r1 != 0x1 goto L4
          r0 = 1
        L4:
          exit
    "]]
    .assert_eq(&decode(&image.code).unwrap().to_string());
}

#[test]
fn labels_of_one_name_are_told_apart_and_unused_ones_left_out() {
    check(
        |a| {
            let (first, second) = (a.label("next"), a.label("next"));
            let (third, unused) = (a.label("next.2"), a.label("unused"));
            a.place(unused);
            a.jump_if(R1, Cond::Eq, 1, first);
            a.place(first);
            a.jump_if(R1, Cond::Eq, 2, second);
            a.place(second);
            a.jump_if(R1, Cond::Eq, 3, third);
            a.place(third);
            a.exit();
        },
        expect![[r"
              if r1 == 0x1 goto next
            next:
              if r1 == 0x2 goto next.2
            next.2:
              if r1 == 0x3 goto next.2.2
            next.2.2:
              exit
        "]],
    );
}

#[test]
fn maps_helpers_and_functions_are_listed_by_name() {
    check(
        |a| {
            let decl = |name: &str| MapDecl {
                name: name.into(),
                kind: MapKind::Array,
                key_size: 4,
                value_size: 8,
                max_entries: 1,
                flags: MapFlags::NONE,
            };
            let (block, control) = (a.map(decl("block")), a.map(decl("_control")));
            let (function, callback) = (a.label("function"), a.label("callback"));
            a.store(Size::W, FP - 4, 7).load_map(R1, block).mov(R2, FP).add(R2, -4);
            a.call(Helper::MAP_LOOKUP_ELEM).load_map_value(R1, control, 4);
            a.push(Insn::LoadImm64 { dst: R2, value: Imm64::Sub(callback) });
            a.call(Helper::from_id(9999)).call_sub(function).exit();
            a.place(function);
            a.exit();
            a.place(callback);
            a.exit();
        },
        expect![[r#"
            .map block array key 4 value 8 max 1
            .map _control array key 4 value 8 max 1
              *(u32 *)(r10 -4) = 7
              r1 = map[block]
              r2 = r10
              r2 += -4
              call bpf_map_lookup_elem#1
              r1 = map[_control]+4
              r2 = subprog[callback]
              call unknown#9999
              call function
              exit
            function:
              exit
            callback:
              exit
        "#]],
    );
}

#[test]
fn thousands_of_labels_of_one_name_are_listed_in_no_time() {
    let listing = program(|a| {
        for value in 0..30_000 {
            let next = a.label("next");
            a.jump_if(R1, Cond::Eq, value, next);
            a.place(next);
        }
        a.exit();
    })
    .to_string();
    assert!(listing.contains("\nnext.30000:\n"));
}

/// A 64-bit load, and a jump over what `between` puts there.
fn jump_over(between: impl FnOnce(&mut Assembler)) -> Program {
    program(|a| {
        let out = a.label("out");
        a.note(Note::new("start"));
        a.load_imm64(R1, 0x0102_0304_0506_0708).jump_if(R1, Cond::Ne, 1, out);
        between(a);
        a.place(out);
        a.note(Note::line(3, "default drop"));
        a.mov(R0, 1).exit();
    })
}

#[test]
fn numbers_are_those_of_slots_and_bytes_are_as_they_lie_in_memory() {
    let program = jump_over(|a| _ = a.mov(R0, 2));
    let image = program.encode(Isa::V3).unwrap();
    expect![[r"
        ; start
            0: r1 = 0x102030405060708 ll
            2: if r1 != 0x1 goto out
            3: r0 = 2
        out:
        ; 3: default drop
            4: r0 = 1
            5: exit
    "]]
    .assert_eq(&program.listing().numbered().to_string());
    {
        expect![[r"
            ; start
                0: 18 01 00 00 08 07 06 05  r1 = 0x102030405060708 ll
                1: 00 00 00 00 04 03 02 01  
                2: 55 01 01 00 01 00 00 00  if r1 != 0x1 goto out
                3: b7 00 00 00 02 00 00 00  r0 = 2
            out:
            ; 3: default drop
                4: b7 00 00 00 01 00 00 00  r0 = 1
                5: 95 00 00 00 00 00 00 00  exit
        "]]
        .assert_eq(
            &program.listing().numbered().with_bytes(&image.code, ByteOrder::Little).to_string(),
        );
    }
    let hex = image.hex(ByteOrder::Little).to_string();
    assert!(hex.starts_with("1801000008070605\n0000000004030201\n5501010001000000\n"), "{hex}");
    assert_eq!(hex.lines().count(), image.len());
}

#[test]
fn what_comes_back_from_an_image_has_the_names_and_notes_of_what_went_in() {
    let program = jump_over(|a| _ = a.mov(R0, 2));
    let again = decode_image(&program.encode(Isa::V3).unwrap()).unwrap();
    assert_eq!(again.listing().to_string(), program.listing().to_string());
}

#[test]
fn the_islands_of_far_jumps_are_listed_where_they_are() {
    let program = jump_over(|a| {
        for _ in 0..20_000 {
            a.mov(R0, 2);
        }
    });
    let image = program.encode(Isa::V3).unwrap();
    let again = decode_image(&image).unwrap();
    let listing = again.listing();
    let last = listing.lines().last().unwrap();
    assert_eq!((last.slot, last.text.as_str()), (image.len() - 1, "exit"));
    let island = listing.lines().find(|line| line.note == Some(&Note::new("far jumps"))).unwrap();
    assert!(island.text.starts_with("goto L"), "{island:?}");
    let beyond = listing.lines().nth(island.at + 1).unwrap();
    assert_eq!(beyond.text, "goto out");
    assert_eq!(beyond.labels.len(), 1, "the jump leads here first: {beyond:?}");
}
