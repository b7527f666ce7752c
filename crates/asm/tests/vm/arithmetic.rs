//! Arithmetic, moves and byte order: the operands, and what RFC 9669 (4.1, 4.2) makes of them.

use palisade_asm::AluOp::{
    self, Add, And, Arsh, Div, Lsh, Mod, Mov, Mul, Or, Rsh, Sdiv, Smod, Sub, Xor,
};
use palisade_asm::Width::{self, W32, W64};
use palisade_asm::{AtomicOp, ByteOrder, FP, Imm64, Insn, R0, R1, R2, Size, Src, Swap};

use crate::{machine, result, run};

const ALL: u64 = u64::MAX;
const MIN: u64 = 1 << 63;
/// -7 as 64 bits.
const MINUS_7: u64 = 0xffff_ffff_ffff_fff9;

fn constant(dst: palisade_asm::Reg, number: u64) -> Insn {
    Insn::LoadImm64 { dst, value: Imm64::Const(number) }
}

#[rustfmt::skip] // One line per case: operation, width, both operands, result.
const CASES: &[(AluOp, Width, u64, u64, u64)] = &[
    (Add, W64, 7, 8, 15),
    (Add, W64, ALL, 2, 1),
    (Add, W64, 1, ALL, 0),
    (Add, W32, 0xffff_ffff, 1, 0),
    (Add, W32, 0x1_0000_0005, 6, 11),
    (Sub, W64, 7, 8, ALL),
    (Sub, W64, 0, MINUS_7, 7),
    (Sub, W32, 0, 1, 0xffff_ffff),
    (Mul, W64, 0x1_0000_0001, 3, 0x3_0000_0003),
    (Mul, W64, MINUS_7, 3, 0xffff_ffff_ffff_ffeb),
    (Mul, W32, 0x8000_0001, 2, 2),
    (Div, W64, ALL, 2, 0x7fff_ffff_ffff_ffff),
    (Div, W64, 100, 7, 14),
    // A constant is extended by its sign, and then taken as a number without one.
    (Div, W64, ALL, ALL, 1),
    (Div, W64, 5, ALL, 0),
    (Div, W32, 0xffff_ffff, 2, 0x7fff_ffff),
    (Div, W32, 0x7_0000_0009, 2, 4),
    (Mod, W64, 100, 7, 2),
    (Mod, W64, ALL, 10, 5),
    (Mod, W32, 0xffff_ffff, 10, 5),
    (Mod, W32, 0x7_0000_0009, 2, 1),
    (Sdiv, W64, MINUS_7, 2, 0xffff_ffff_ffff_fffd),
    (Sdiv, W64, 7, 0xffff_ffff_ffff_fffe, 0xffff_ffff_ffff_fffd),
    (Sdiv, W64, MIN, ALL, MIN),
    (Sdiv, W32, 0xffff_fff9, 2, 0xffff_fffd),
    (Sdiv, W32, 0x8000_0000, 0xffff_ffff_ffff_ffff, 0x8000_0000),
    (Smod, W64, MINUS_7, 2, ALL),
    (Smod, W64, 7, 0xffff_ffff_ffff_fffe, 1),
    (Smod, W64, MIN, ALL, 0),
    (Smod, W32, 0xffff_fff9, 3, 0xffff_ffff),
    (Smod, W32, 0x8000_0000, 0xffff_ffff_ffff_ffff, 0),
    (Or, W64, 0xf0, 0x0f, 0xff),
    (Or, W64, 0, 0xffff_ffff_8000_0000, 0xffff_ffff_8000_0000),
    (Or, W32, 0x1_0000_0000, 0xff, 0xff),
    (And, W64, ALL, 0xffff_ffff_ffff_fff0, 0xffff_ffff_ffff_fff0),
    (And, W32, ALL, 0xffff_ffff_ffff_fff0, 0xffff_fff0),
    (Xor, W64, 0xff, 0x0f, 0xf0),
    (Xor, W64, 0, ALL, ALL),
    (Xor, W32, 0xff_0000_0000, ALL, 0xffff_ffff),
    (Lsh, W64, 1, 63, MIN),
    (Lsh, W32, 0xffff_ffff, 31, 0x8000_0000),
    (Rsh, W64, MIN, 63, 1),
    (Rsh, W32, 0x8_8000_0000, 31, 1),
    (Arsh, W64, MIN, 63, ALL),
    (Arsh, W64, 0x4000_0000_0000_0000, 62, 1),
    (Arsh, W32, 0x8000_0000, 31, 0xffff_ffff),
    (Arsh, W32, 0xff_4000_0000, 30, 1),
    (Mov, W64, 1, MINUS_7, MINUS_7),
    (Mov, W32, ALL, MINUS_7, 0xffff_fff9),
];

#[rustfmt::skip] // As above; as constants, the assembler and the kernel refuse these operands.
const BY_REGISTER_ALONE: &[(AluOp, Width, u64, u64, u64)] = &[
    (Div, W64, 9, 0, 0),
    (Div, W32, 9, 0, 0),
    // The lower half is zero, whatever the upper one is.
    (Div, W32, 9, 0x1_0000_0000, 0),
    (Sdiv, W64, 9, 0, 0),
    (Sdiv, W32, 9, 0x1_0000_0000, 0),
    (Mod, W64, ALL, 0, ALL),
    (Mod, W32, ALL, 0, 0xffff_ffff),
    (Smod, W64, MINUS_7, 0, MINUS_7),
    (Smod, W32, MINUS_7, 0, 0xffff_fff9),
    (Lsh, W64, 1, 64, 1),
    (Lsh, W64, 1, 65, 2),
    (Lsh, W32, 1, 32, 1),
    (Lsh, W32, 1, 33, 2),
    (Rsh, W64, 4, 65, 2),
    (Rsh, W32, 4, 0xffff_ffff_0000_0021, 2),
    (Arsh, W64, MIN, 127, ALL),
    (Arsh, W32, 0x8000_0000, 63, 0xffff_ffff),
    (Mul, W64, 0x1_2345_6789, 0x1_0000_0001, 0x2345_678a_2345_6789),
];

fn worked_out(op: AluOp, width: Width, left: u64, src: Src, right: u64) -> u64 {
    result(|a| {
        a.push(constant(R0, left)).push(constant(R1, right));
        a.push(Insn::Alu { op, width, dst: R0, src }).exit();
    })
}

#[test]
fn arithmetic_by_registers_is_that_of_the_standard() {
    for &(op, width, left, right, expected) in CASES.iter().chain(BY_REGISTER_ALONE) {
        let found = worked_out(op, width, left, R1.into(), right);
        assert_eq!(found, expected, "{left:#x} {op:?} {right:#x} of {width:?}: {found:#x}");
    }
}

#[test]
fn arithmetic_by_constants_is_that_of_the_standard() {
    let mut tried = 0;
    for &(op, width, left, right, expected) in CASES {
        let Ok(imm) = i32::try_from(right.cast_signed()) else { continue };
        let found = worked_out(op, width, left, imm.into(), 0);
        assert_eq!(found, expected, "{left:#x} {op:?} {imm} of {width:?}: {found:#x}");
        tried += 1;
    }
    assert_eq!(tried, CASES.len(), "all of them fit");
}

#[test]
fn every_operation_is_in_the_table_in_both_widths() {
    use std::collections::HashSet;
    let seen: HashSet<_> = CASES.iter().map(|(op, width, ..)| (op, width)).collect();
    assert_eq!(seen.len(), 14 * 2);
}

#[test]
fn negation_is_that_of_the_width() {
    for (width, number, expected) in [
        (W64, 7, MINUS_7),
        (W64, MIN, MIN),
        (W32, 7, 0xffff_fff9),
        (W32, 0x5_0000_0000, 0),
        (W32, 0x8000_0000, 0x8000_0000),
    ] {
        let found = result(|a| {
            a.push(constant(R0, number)).push(Insn::Neg { width, dst: R0 }).exit();
        });
        assert_eq!(found, expected, "{width:?} of {number:#x}");
    }
}

#[test]
fn moves_that_extend_a_sign_clear_the_upper_half_where_they_are_narrow() {
    const NUMBER: u64 = 0x1122_3344_8566_8798;
    for (width, size, expected) in [
        (W64, Size::B, 0xffff_ffff_ffff_ff98),
        (W64, Size::H, 0xffff_ffff_ffff_8798),
        (W64, Size::W, 0xffff_ffff_8566_8798),
        (W32, Size::B, 0xffff_ff98),
        (W32, Size::H, 0xffff_8798),
    ] {
        let found = result(|a| {
            a.push(constant(R1, NUMBER));
            a.push(Insn::MoveSigned { width, size, dst: R0, src: R1 }).exit();
        });
        assert_eq!(found, expected, "{width:?} {size:?}");
        let positive = result(|a| {
            a.push(constant(R1, 0x1122_3344_0566_0718));
            a.push(Insn::MoveSigned { width, size, dst: R0, src: R1 }).exit();
        });
        let kept = match size {
            Size::B => 0x18,
            Size::H => 0x0718,
            Size::W | Size::D => 0x0566_0718,
        };
        assert_eq!(positive, kept, "{width:?} {size:?}");
    }
}

#[test]
fn byte_order_is_changed_where_the_machine_has_the_other_one() {
    const NUMBER: u64 = 0x0102_0304_0506_0708;
    let kept = [0x0708, 0x0506_0708, NUMBER];
    let turned = [0x0807, 0x0807_0605, 0x0807_0605_0403_0201];
    let (little, big) = match ByteOrder::HOST {
        ByteOrder::Little => (kept, turned),
        ByteOrder::Big => (turned, kept),
    };
    let of = |orders: [Swap; 3], expected: [u64; 3]| {
        for (order, expected) in orders.into_iter().zip(expected) {
            let found = result(|a| {
                a.push(constant(R0, NUMBER)).push(Insn::Swap { order, dst: R0 }).exit();
            });
            assert_eq!(found, expected, "{order:?}");
        }
    };
    of([Swap::Le16, Swap::Le32, Swap::Le64], little);
    of([Swap::Be16, Swap::Be32, Swap::Be64], big);
    of([Swap::Bswap16, Swap::Bswap32, Swap::Bswap64], turned);
}

#[test]
fn constants_of_64_bits_are_taken_whole() {
    assert_eq!(
        result(|a| {
            a.push(constant(R0, 0x8877_6655_4433_2211)).exit();
        }),
        0x8877_6655_4433_2211
    );
}

#[rustfmt::skip] // One line per operation: what 64-bit memory, source and r0 are after it.
const ATOMICS: &[(AtomicOp, [u64; 3])] = &[
    (AtomicOp::Add,      [0x1_0000_0008, 0x1_0000_0003, 5]),
    (AtomicOp::Or,       [0x1_0000_0007, 0x1_0000_0003, 5]),
    (AtomicOp::And,      [0x0_0000_0001, 0x1_0000_0003, 5]),
    (AtomicOp::Xor,      [0x1_0000_0006, 0x1_0000_0003, 5]),
    (AtomicOp::FetchAdd, [0x1_0000_0008, 5, 5]),
    (AtomicOp::FetchOr,  [0x1_0000_0007, 5, 5]),
    (AtomicOp::FetchAnd, [0x0_0000_0001, 5, 5]),
    (AtomicOp::FetchXor, [0x1_0000_0006, 5, 5]),
    (AtomicOp::Xchg,     [0x1_0000_0003, 5, 5]),
    (AtomicOp::CmpXchg,  [0x1_0000_0003, 0x1_0000_0003, 5]),
];

/// Memory that holds 5 and then the operation with 0x1_0000_0003, `r0` being 5.
fn atomic(op: AtomicOp, size: Size) -> [u64; 3] {
    let mut vm = machine(|a| {
        a.push(constant(R1, 0x1_0000_0003)).mov(R0, 5);
        a.store(Size::D, FP - 8, 5);
        a.push(Insn::Atomic { op, size, mem: FP - 8, src: R1 });
        a.load(Size::D, R2, FP - 8).exit();
    });
    run(&mut vm).unwrap_or_else(|trap| panic!("{trap}"));
    [R2, R1, R0].map(|reg| vm.registers().get(reg).expect("a value"))
}

#[test]
fn atomic_operations_change_memory_and_give_the_old_value() {
    for (op, expected) in ATOMICS {
        assert_eq!(atomic(*op, Size::D), *expected, "{op:?}");
    }
    assert_eq!(ATOMICS.len(), 10);
}

#[test]
fn atomic_operations_of_four_bytes_leave_the_others_alone_and_give_zeros_above() {
    if ByteOrder::HOST == ByteOrder::Big {
        return;
    }
    for (op, [memory, source, r0]) in ATOMICS {
        let low = memory & 0xffff_ffff;
        assert_eq!(atomic(*op, Size::W), [low, *source, *r0], "{op:?}");
    }
}

#[test]
fn an_exchange_on_comparison_that_fails_changes_r0_alone() {
    let mut vm = machine(|a| {
        a.mov(R1, 3).mov(R0, 6).store(Size::D, FP - 8, 5);
        a.push(Insn::Atomic { op: AtomicOp::CmpXchg, size: Size::D, mem: FP - 8, src: R1 });
        a.load(Size::D, R2, FP - 8).exit();
    });
    run(&mut vm).unwrap_or_else(|trap| panic!("{trap}"));
    let found = [R2, R1, R0].map(|reg| vm.registers().get(reg).expect("a value"));
    assert_eq!(found, [5, 3, 5]);
}
