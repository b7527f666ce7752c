//! Listings: labels, notes, maps and the names of helpers.
//!
//! The syntax of each single instruction is in the table of `rfc9669.rs`.

use expect_test::{Expect, expect};
use palisade_asm::{
    Assembler, Cond, FP, Helper, Imm64, Insn, MapDecl, MapFlags, MapKind, Note, Program, R0, R1,
    R2, R6, R7, Size, decode,
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
        expect![[r"
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
        "]],
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
