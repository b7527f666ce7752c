//! What `finish` refuses, in which words, and what it lets pass.

use expect_test::{Expect, expect};
use palisade_asm::{
    AluOp, Assembler, AtomicOp, Cond, Extend, FP, Imm64, Insn, MAX_MAPS, MapDecl, MapFlags, MapId,
    MapKind, Note, Program, R0, R1, R2, R6, Size, Src, Swap, Width,
};

fn decl(name: &str) -> MapDecl {
    MapDecl {
        name: name.into(),
        kind: MapKind::Hash,
        key_size: 4,
        value_size: 8,
        max_entries: 16,
        flags: MapFlags::NONE,
    }
}

fn finished(build: impl FnOnce(&mut Assembler)) -> Program {
    let mut a = Assembler::new();
    build(&mut a);
    a.finish().unwrap_or_else(|error| panic!("{error}"))
}

fn refused(build: impl FnOnce(&mut Assembler), message: Expect) {
    let mut a = Assembler::new();
    build(&mut a);
    match a.finish() {
        Ok(program) => panic!("not refused:\n{program}"),
        Err(error) => message.assert_eq(&error.to_string()),
    }
}

#[test]
fn an_empty_program_is_refused() {
    refused(|_| {}, expect!["the program is empty"]);
}

#[test]
fn a_label_used_and_not_placed_is_refused_by_name() {
    refused(
        |a| {
            let pass = a.label("pass");
            a.mov(R0, 2).jump(pass);
        },
        expect!["label `pass` is used by instruction 1 and never placed"],
    );
}

#[test]
fn a_label_placed_twice_is_refused_with_both_places() {
    refused(
        |a| {
            let pass = a.label("pass");
            a.place(pass);
            a.mov(R0, 2);
            a.place(pass);
            a.exit();
        },
        expect!["label `pass` is placed twice, at instructions 0 and 1"],
    );
}

#[test]
fn labels_and_maps_of_another_assembler_are_refused() {
    let mut other = Assembler::new();
    let (label, map) = (other.label("theirs"), other.map(decl("theirs")));
    let message = || expect!["instruction 1 names a label or map of another assembler"];
    refused(
        |a| {
            a.mov(R0, 2).jump(label).exit();
        },
        message(),
    );
    refused(
        |a| {
            a.mov(R0, 2).load_map(R1, map).exit();
        },
        message(),
    );
    let mut a = Assembler::new();
    a.mov(R0, 2);
    a.place(label);
    a.exit();
    message().assert_eq(&a.finish().unwrap_err().to_string());
}

#[test]
fn code_that_nothing_leads_to_is_refused_with_its_note() {
    refused(
        |a| {
            a.mov(R0, 2).exit().note(Note::line(7, "drop src in block"));
            a.mov(R0, 1).exit();
        },
        expect!["instruction 2, `r0 = 1` (7: drop src in block), cannot be reached"],
    );
}

#[test]
fn a_loop_that_only_itself_leads_to_is_refused() {
    refused(
        |a| {
            let again = a.label("again");
            a.exit();
            a.place(again);
            a.jump(again);
        },
        expect!["instruction 1, `goto again`, cannot be reached"],
    );
}

#[test]
fn running_off_the_end_is_refused() {
    let end = |a: &mut Assembler| {
        a.mov(R0, 2).note(Note::new("end")).mov(R1, 0);
    };
    refused(end, expect!["instruction 1, `r1 = 0` (end), goes on past the end of its function"]);
    refused(
        |a| {
            let end = a.label("end");
            a.jump_if(R1, Cond::Eq, 0, end).exit();
            a.place(end);
        },
        expect!["instruction 0, `if r1 == 0x0 goto end`, goes on past the end of its function"],
    );
}

#[test]
fn a_function_that_runs_on_into_another_or_jumps_there_is_refused() {
    refused(
        |a| {
            let function = a.label("function");
            a.call_sub(function);
            a.place(function);
            a.exit();
        },
        expect!["instruction 0, `call function`, goes on past the end of its function"],
    );
    refused(
        |a| {
            let (function, inside) = (a.label("function"), a.label("inside"));
            a.call_sub(function).jump(inside);
            a.place(function);
            a.mov(R0, 0);
            a.place(inside);
            a.exit();
        },
        expect!["instruction 1, `goto inside`, jumps into another function"],
    );
}

#[test]
fn writing_the_frame_pointer_is_refused_in_every_way() {
    let writes = [
        Insn::Alu { op: AluOp::Add, width: Width::W64, dst: FP, src: Src::Imm(8) },
        Insn::Neg { width: Width::W32, dst: FP },
        Insn::Swap { order: Swap::Le16, dst: FP },
        Insn::LoadImm64 { dst: FP, value: Imm64::Const(0) },
        Insn::Load { size: Size::D, extend: Extend::Zero, dst: FP, mem: R1 + 0 },
        Insn::Atomic { op: AtomicOp::FetchAdd, size: Size::D, mem: R1 + 0, src: FP },
    ];
    for insn in writes {
        let mut a = Assembler::new();
        a.push(insn).exit();
        let message = a.finish().unwrap_err().to_string();
        assert!(message.ends_with("`r10`, the frame pointer, is read-only"), "{message}");
    }
}

#[test]
fn reading_the_frame_pointer_is_allowed() {
    finished(|a| {
        a.mov(R2, FP).store(Size::D, FP - 8, FP).exit();
    });
    finished(|a| {
        a.atomic(AtomicOp::Add, Size::D, FP - 8, FP);
        a.atomic(AtomicOp::CmpXchg, Size::D, FP - 8, FP).exit();
    });
}

#[test]
fn nonsense_constants_are_refused() {
    refused(
        |a| {
            a.lsh(R1, 64).exit();
        },
        expect!["instruction 0, `r1 <<= 64`: a shift by 64 does not fit 64 bits"],
    );
    refused(
        |a| {
            a.alu32(AluOp::Arsh, R1, 32).exit();
        },
        expect!["instruction 0, `w1 s>>= 32`: a shift by 32 does not fit 32 bits"],
    );
    refused(
        |a| {
            a.rsh(R1, -1).exit();
        },
        expect!["instruction 0, `r1 >>= -1`: a shift by -1 does not fit 64 bits"],
    );
    refused(
        |a| {
            a.modulo(R1, 0).exit();
        },
        expect!["instruction 0, `r1 %= 0`: division by the constant zero"],
    );
    refused(
        |a| {
            a.note(Note::line(3, "count")).atomic(AtomicOp::Add, Size::H, R6 + 0, R1).exit();
        },
        expect![
            "instruction 0, `lock *(u16 *)(r6 +0) += r1` (3: count): atomic operations exist for 4 and 8 bytes only"
        ],
    );
    finished(|a| {
        a.lsh(R1, 63).alu32(AluOp::Lsh, R1, 31).div(R1, R2).exit();
    });
}

#[test]
fn a_label_says_whether_anything_leads_to_it() {
    let mut a = Assembler::new();
    let (pass, drop) = (a.label("pass"), a.label("drop"));
    assert!(!a.wanted(pass));
    a.jump_if(R1, Cond::Eq, 0, pass);
    assert!(a.wanted(pass));
    assert!(!a.wanted(drop), "and `drop` may stay unplaced");
    a.place(pass);
    a.exit();
    assert!(a.finish().is_ok());
}

#[test]
fn more_maps_than_the_kernel_allows_are_refused_if_they_are_used() {
    let with = |used: usize| {
        move |a: &mut Assembler| {
            let maps: Vec<MapId> = (0..100).map(|_| a.map(decl("map"))).collect();
            maps.iter().take(used).for_each(|map| {
                a.load_map(R1, *map).load_map(R1, *map);
            });
            a.exit();
        }
    };
    finished(with(MAX_MAPS));
    let message = expect!["the program uses 65 maps, and the kernel allows 64"];
    refused(with(MAX_MAPS + 1), message);
}

#[test]
fn programs_are_equal_by_meaning_and_not_by_names() {
    let program = |name: &'static str, value: i32, unused: usize| {
        finished(move |a| {
            (0..unused).for_each(|_| {
                a.label("unused");
            });
            let to = a.label(name);
            a.note(Note::new(name)).jump_if(R1, Cond::Eq, value, to).mov(R0, 1);
            a.place(to);
            a.exit();
        })
    };
    assert_eq!(program("pass", 0, 0), program("drop", 0, 3));
    assert_ne!(program("pass", 0, 0), program("pass", 1, 0));
    let elsewhere = finished(|a| {
        let to = a.label("pass");
        a.jump_if(R1, Cond::Eq, 0, to);
        a.place(to);
        a.mov(R0, 1).exit();
    });
    assert_ne!(program("pass", 0, 0), elsewhere);
    let with_map = finished(|a| {
        a.map(decl("block"));
        a.exit();
    });
    let without = finished(|a| {
        a.exit();
    });
    assert_ne!(with_map, without);
}

#[test]
fn the_longest_path_takes_the_longer_branch_and_goes_round_no_loop() {
    let program = finished(|a| {
        let (again, short) = (a.label("again"), a.label("short"));
        a.place(again);
        a.jump_if(R1, Cond::Eq, 0, short);
        a.mov(R2, 0).mov(R2, 1).mov(R2, 2);
        a.jump_if(R1, Cond::Eq, 1, again);
        a.place(short);
        a.exit();
    });
    assert_eq!(program.longest_path(), 6);
}

#[test]
fn the_longest_path_counts_what_calls_execute() {
    let program = finished(|a| {
        let function = a.label("function");
        a.call_sub(function).call_sub(function).exit();
        a.place(function);
        a.mov(R0, 0).mov(R0, 1).exit();
    });
    assert_eq!(program.longest_path(), 3 + 2 * 3);
}

#[test]
fn the_longest_path_of_a_recursion_ends() {
    let program = finished(|a| {
        let function = a.label("function");
        a.call_sub(function).exit();
        a.place(function);
        a.call_sub(function).exit();
    });
    assert_eq!(program.longest_path(), 4);
}

#[test]
fn instructions_of_the_last_version_have_words_too() {
    let program = finished(|a| {
        let end = a.label("end");
        a.mov_signed(Size::H, R1, R2).sdiv(R1, -7).smodulo(R1, R2);
        a.load_signed(Size::W, R6, FP - 8).jump_long(end);
        a.place(end);
        a.exit();
    });
    expect![[r"
          r1 = (s16)r2
          r1 s/= -7
          r1 s%= r2
          r6 = *(s32 *)(r10 -8)
          gotol end
        end:
          exit
    "]]
    .assert_eq(&program.to_string());
}
