//! Jumps: for which operands each condition holds, and that only what is jumped over is not
//! executed.

use palisade_asm::Cond::{self, Eq, Ge, Gt, Le, Lt, Ne, Set, Sge, Sgt, Sle, Slt};
use palisade_asm::Width::{self, W32, W64};
use palisade_asm::{Imm64, Insn, R0, R1, R2, Src, Test};

use crate::result;

const ALL: u64 = u64::MAX;
/// Zero below and something above.
const HIGH: u64 = 1 << 32;
const MINUS_BELOW: u64 = 0x0000_0001_ffff_ffff;

#[rustfmt::skip] // One line per pair of operands: the conditions that hold, in the whole and below.
const PAIRS: &[(u64, u64, &[Cond], &[Cond])] = &[
    (5, 5, &[Eq, Ge, Le, Set, Sge, Sle], &[Eq, Ge, Le, Set, Sge, Sle]),
    (0, 0, &[Eq, Ge, Le, Sge, Sle], &[Eq, Ge, Le, Sge, Sle]),
    (5, 6, &[Ne, Lt, Le, Set, Slt, Sle], &[Ne, Lt, Le, Set, Slt, Sle]),
    (6, 1, &[Ne, Gt, Ge, Sgt, Sge], &[Ne, Gt, Ge, Sgt, Sge]),
    // The greatest number, and the one below zero.
    (ALL, 1, &[Ne, Gt, Ge, Set, Slt, Sle], &[Ne, Gt, Ge, Set, Slt, Sle]),
    (1, ALL, &[Ne, Lt, Le, Set, Sgt, Sge], &[Ne, Lt, Le, Set, Sgt, Sge]),
    (HIGH, 0, &[Ne, Gt, Ge, Sgt, Sge], &[Eq, Ge, Le, Sge, Sle]),
    (MINUS_BELOW, 1, &[Ne, Gt, Ge, Set, Sgt, Sge], &[Ne, Gt, Ge, Set, Slt, Sle]),
    (1 << 63, 1, &[Ne, Gt, Ge, Slt, Sle], &[Ne, Lt, Le, Slt, Sle]),
];

const CONDITIONS: [Cond; 11] = [Eq, Ne, Gt, Ge, Lt, Le, Set, Sgt, Sge, Slt, Sle];

fn taken(cond: Cond, width: Width, left: u64, right: Src, in_register: u64) -> bool {
    let value = result(|a| {
        let to = a.label("taken");
        a.push(Insn::LoadImm64 { dst: R1, value: Imm64::Const(left) });
        a.push(Insn::LoadImm64 { dst: R2, value: Imm64::Const(in_register) });
        a.push(Insn::Jump { when: Some(Test { cond, width, left: R1, right }), to });
        a.mov(R0, 10).exit();
        a.place(to);
        a.mov(R0, 11).exit();
    });
    assert!([10, 11].contains(&value));
    value == 11
}

#[test]
fn conditions_hold_for_the_operands_that_the_standard_says() {
    for (left, right, whole, below) in PAIRS {
        for cond in CONDITIONS {
            for (width, holding) in [(W64, whole), (W32, below)] {
                let expected = holding.contains(&cond);
                let found = taken(cond, width, *left, R2.into(), *right);
                assert_eq!(found, expected, "{left:#x} {cond:?} {right:#x} of {width:?}");
                let Ok(imm) = i32::try_from(right.cast_signed()) else { continue };
                let found = taken(cond, width, *left, imm.into(), 0);
                assert_eq!(found, expected, "{left:#x} {cond:?} {imm} of {width:?}");
            }
        }
    }
}

#[test]
fn jumps_lead_forwards_and_backwards() {
    // Sums 1 to 10, by a loop with both forms of the jump that is always taken.
    let sum = result(|a| {
        let (again, out, back) = (a.label("again"), a.label("out"), a.label("back"));
        a.mov(R0, 0).mov(R1, 10);
        a.place(again);
        a.jump_if(R1, Eq, 0, out);
        a.add(R0, R1).sub(R1, 1);
        a.jump(back);
        a.place(out);
        a.exit();
        a.place(back);
        a.push(Insn::JumpLong { to: again });
    });
    assert_eq!(sum, 55);
}
