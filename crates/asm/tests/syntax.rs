//! Text and back: what is printed is read as the program it was printed from, and whatever else is
//! read is read as it was meant or refused at its place.

mod random;

use expect_test::{Expect, expect};
use palisade_asm::{ByteOrder, Isa, Program, decode_image, parse};
use proptest::prelude::*;

use random::{assemble, source};

/// What the text says, as a listing.
fn read(text: &str) -> Program {
    match parse(text) {
        Ok(program) => program,
        Err(wrong) => panic!("{text}\n{}", wrong[0].report("text")),
    }
}

fn reads(text: &str, listing: Expect) {
    listing.assert_eq(&read(text).listing().to_string());
}

fn refused(text: &str, report: Expect) {
    let wrong = parse(text).expect_err("it is refused");
    let shown: Vec<String> = wrong.iter().map(|one| one.report("f.s").to_string()).collect();
    report.assert_eq(&shown.join("\n"));
}

proptest! {
    #[test]
    fn what_is_printed_is_read_back(source in source()) {
        let program = assemble(&source);
        let text = program.to_string();
        prop_assert_eq!(&read(&text), &program, "{}", text);
        let listing = program.listing().to_string();
        prop_assert_eq!(&read(&listing), &program, "{}", listing);
    }

    #[test]
    fn numbers_and_bytes_of_a_listing_are_passed_over(source in source()) {
        let program = assemble(&source);
        let image = program.encode(Isa::V4).unwrap();
        let program = decode_image(&image).unwrap();
        for order in [ByteOrder::Little, ByteOrder::Big] {
            let bytes = program.listing().with_bytes(&image.code, order).to_string();
            prop_assert_eq!(&read(&bytes), &program, "{}", bytes);
            let both = program.listing().numbered().with_bytes(&image.code, order).to_string();
            prop_assert_eq!(&read(&both), &program, "{}", both);
        }
    }

    #[test]
    fn names_and_notes_survive(source in source()) {
        let listing = assemble(&source).listing().to_string();
        let again = read(&listing).listing().to_string();
        prop_assert_eq!(read(&again).listing().to_string(), again.clone());
        // Notes that read alike follow each other as one.
        let unnoted = |text: &str| -> String {
            text.lines().filter(|line| !line.starts_with(';')).collect::<Vec<_>>().join("\n")
        };
        prop_assert_eq!(unnoted(&again), unnoted(&listing));
    }

    #[test]
    fn no_text_makes_it_panic(text in any::<String>()) {
        let _ = parse(&text);
    }

    #[test]
    fn a_listing_with_characters_changed_is_read_or_refused_inside_the_text(
        source in source(),
        changes in prop::collection::vec((any::<usize>(), any::<char>()), 1..4),
    ) {
        let mut text: Vec<char> = assemble(&source).listing().to_string().chars().collect();
        for (at, char) in changes {
            let at = at % text.len();
            text[at] = char;
        }
        let text: String = text.into_iter().collect();
        match parse(&text) {
            Ok(program) => prop_assert_eq!(&read(&program.to_string()), &program),
            Err(wrong) => for one in wrong {
                let line = text.split('\n').nth(one.line - 1).expect("a line of the text");
                prop_assert!(one.column <= line.chars().count() + 1);
                prop_assert!(!one.report("f").to_string().contains('\r'));
            },
        }
    }
}

#[test]
fn the_spelling_of_llvm_is_read() {
    reads(
        "
        0000000000000000 <prog>:
               0:	b7 00 00 00 00 00 00 00	r0 = 0x0
               1:	18 02 00 00 01 00 00 00 00 00 00 00 02 00 00 00	r2 = 0x200000001 ll
               3:	61 11 04 00 00 00 00 00	r1 = *(u32 *)(r1 + 0x4)
               4:	1d 21 07 00 00 00 00 00	if r1 == r2 goto +0x7 <LBB0_2>
               5:	w3 = *(u8 *)(r10 - 0x8)
               6:	*(u16 *)(r10 - 4) = w3
               7:	lock *(u64 *)(r10 + 0x0) += r2
               8:	r0 = cmpxchg_64(r10 + 0x0, r0, r2)
               9:	w3 = xchg32_32(r10 - 16, w3)
              10:	w3 = atomic_fetch_add((u32 *)(r10 - 0x10), w3)
              11:	call 0x1
        0000000000000060 <LBB0_2>:
              12:	if w3 s> -0x1 goto +0x0
              13:	r0 = be16 r0
              14:	95 00 00 00 00 00 00 00	exit
        ",
        expect![[r"
              r0 = 0
              r2 = 0x200000001 ll
              r1 = *(u32 *)(r1 +4)
              if r1 == r2 goto L12
              r3 = *(u8 *)(r10 -8)
              *(u16 *)(r10 -4) = r3
              lock *(u64 *)(r10 +0) += r2
              r0 = atomic64_cmpxchg((u64 *)(r10 +0), r0, r2)
              r3 = atomic_xchg((u32 *)(r10 -16), r3)
              r3 = atomic_fetch_add((u32 *)(r10 -16), r3)
              call bpf_map_lookup_elem#1
            L12:
              if w3 s> 0xffffffff goto L13
            L13:
              r0 = be16 r0
              exit
        "]],
    );
}

#[test]
fn the_log_of_the_verifier_is_read() {
    reads(
        "0: (18) r1 = 0x1122334455             ; R1_w=0x1122334455
2: (55) if r1 != 0x1 goto pc+1        ; R1_w=0x1122334455
3: (85) call bpf_ktime_get_ns#5       ; R0=scalar()
4: (85) call pc+1
5: (95) exit
6: (b7) r0 = 1
7: (95) exit",
        expect![[r"
              r1 = 0x1122334455 ll
              if r1 != 0x1 goto L4
              call bpf_ktime_get_ns#5
            L4:
              call L6
              exit
            L6:
              r0 = 1
              exit
        "]],
    );
}

#[test]
fn labels_stand_on_their_line_or_before_an_instruction() {
    reads(
        "if r1 == 1 goto drop all // not yet\nagain: r1 += 1\nif r1 < 5 goto again\n\"a:b\":\n  goto \"a:b\" ; round\ndrop all:exit",
        expect![[r#"
              if r1 == 0x1 goto drop all
            again:
              r1 += 1
              if r1 < 0x5 goto again
            "a:b":
              goto "a:b"
            drop all:
              exit
        "#]],
    );
    let like_bytes = "\"aa bb cc dd ee ff 00 11 22\":\n  goto \"aa bb cc dd ee ff 00 11 22\"\n";
    assert_eq!(read(like_bytes).to_string(), like_bytes);
}

#[test]
fn a_comment_above_an_instruction_is_its_note_and_others_are_none() {
    reads(
        "; of the file\n.map m array key 4 value 8 max 1\n; of nothing\n\n; 7: drop src in m\nr1 = map[m] ; not this\n;no blank\nl:\nr0 = 1\nexit\n; behind",
        expect![[r"
            .map m array key 4 value 8 max 1
            ; 7: drop src in m
              r1 = map[m]
            ; no blank
              r0 = 1
              exit
        "]],
    );
    let program = read("; 7: drop\nexit");
    assert_eq!(program.note_at(0).and_then(|note| note.line), Some(7));
}

#[test]
fn maps_are_named_before_and_after_their_declaration_and_told_apart() {
    reads(
        "r1 = map[m]\nr2 = map[m#2]+8\n.map m array value 8 key 4 max 1\n.map \"a b\" hash key 4 value 8 max 0x10 flags 1\n.map m array key 4 value 64 max 1\nr3 = map[\"a b\"]\nr4 = map[fd:5]\nr5 = map[idx:-5]+8\nexit",
        expect![[r#"
            .map m array key 4 value 8 max 1
            .map "a b" hash key 4 value 8 max 16 flags 0x1
            .map m array key 4 value 64 max 1
              r1 = map[m]
              r2 = map[m#2]+8
              r3 = map["a b"]
              r4 = map[fd:5]
              r5 = map[idx:-5]+8
              exit
        "#]],
    );
}

#[test]
fn functions_of_the_kernel_are_called_by_name_or_number_and_labels_go_first() {
    reads(
        "call bpf_redirect#23\ncall bpf_redirect\ncall 23\ncall unknown#-1\ncall kernel-function#12@3\ncall bpf_ktime_get_ns\nexit\nbpf_ktime_get_ns: exit",
        expect![[r"
              call bpf_redirect#23
              call bpf_redirect#23
              call bpf_redirect#23
              call unknown#-1
              call kernel-function#12@3
              call bpf_ktime_get_ns
              exit
            bpf_ktime_get_ns:
              exit
        "]],
    );
}

#[test]
fn numbers_are_decimal_or_hexadecimal_everywhere() {
    reads(
        "r1 = -0x1\nr1 += 0xffffffff\nr1=0XfF\nr1 = -1 ll\nr1=*(u8*)(r1+0x10)\nif r1>0x10 goto+0\n*(u64 *)(r10-8)=0x7\nr0 = *(u8 *)skb[ r1 + 0x2 ]\nexit",
        expect![[r"
              r1 = -1
              r1 += -1
              r1 = 255
              r1 = 0xffffffffffffffff ll
              r1 = *(u8 *)(r1 +16)
              if r1 > 0x10 goto L7
            L7:
              *(u64 *)(r10 -8) = 7
              r0 = *(u8 *)skb[r1 + 2]
              exit
        "]],
    );
}

#[test]
fn all_mistakes_are_shown_at_once_with_their_places() {
    refused(
        "  r11 = 5\n  r1 = 4294967296\n\tif r1 = 5 goto x\n  goto nowhere\nx:\nx: r1 <<= 64\n  call bpf_redirect#1\n  r1 = map[gone]\n.maps\n  goto +9\n  w1 = r2\n  call absent\n  exit now",
        expect![[r#"
            expected a register, r0 to r10 or w0 to w10
             --> f.s:1:3
              |
            1 |   r11 = 5
              |   ^^^

            a constant of more than 32 bits ends in ` ll`
             --> f.s:2:8
              |
            2 |   r1 = 4294967296
              |        ^^^^^^^^^^

            expected a comparison such as `==` or `s>`
             --> f.s:3:8
              |
            3 |  if r1 = 5 goto x
              |        ^

            no label is called `nowhere`
             --> f.s:4:8
              |
            4 |   goto nowhere
              |        ^^^^^^^

            label `x` stands in two places
             --> f.s:6:1
              |
            6 | x: r1 <<= 64
              | ^^

            function 1 of the kernel is `bpf_map_lookup_elem`
             --> f.s:7:8
              |
            7 |   call bpf_redirect#1
              |        ^^^^^^^^^^^^^^

            no map `gone` is declared
             --> f.s:8:12
              |
            8 |   r1 = map[gone]
              |            ^^^^

            expected `.map`, the one directive
             --> f.s:9:1
              |
            9 | .maps
              | ^

            both operands are of one width, `r` or `w`
              --> f.s:11:8
               |
            11 |   w1 = r2
               |        ^^

            no label and no function of the kernel is called `absent`
              --> f.s:12:8
               |
            12 |   call absent
               |        ^^^^^^

            expected the end of the line
              --> f.s:13:8
               |
            13 |   exit now
               |        ^^^
        "#]],
    );
}

#[test]
fn the_shape_of_the_whole_is_checked_when_every_line_is_right() {
    refused(
        "r0 = 1",
        expect![[r#"
        this instruction goes on past the end of its function
         --> f.s:1:1
          |
        1 | r0 = 1
          | ^^^^^^
    "#]],
    );
    refused(
        "exit\n  r0 = 1 ; never\nexit",
        expect![[r#"
        no path from the start leads to this instruction
         --> f.s:2:3
          |
        2 |   r0 = 1 ; never
          |   ^^^^^^^^^^^^^^
    "#]],
    );
    refused(
        "call f\nif r1 == 2 goto f\nexit\nf: exit",
        expect![[r#"
        this instruction jumps into another function
         --> f.s:2:1
          |
        2 | if r1 == 2 goto f
          | ^^^^^^^^^^^^^^^^^
    "#]],
    );
    refused(
        "goto +1\nexit",
        expect![[r#"
        there is no instruction at slot 2 to go to
         --> f.s:1:6
          |
        1 | goto +1
          |      ^^
    "#]],
    );
    refused(
        "; nothing",
        expect![[r#"
        the text has no instruction
         --> f.s:1:10
          |
        1 | ; nothing
          |          ^
    "#]],
    );
}

#[test]
fn a_long_line_is_shown_around_its_mistake() {
    let text = format!("{}r1 ? 5{}", " ".repeat(300), " ".repeat(300));
    refused(
        &text,
        expect![[r#"
        expected `=` or an operation such as `+=`
         --> f.s:1:304
          |
        1 | …                                               r1 ? 5
          |                                                    ^
    "#]],
    );
}
