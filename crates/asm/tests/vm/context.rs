//! The context: which fields there are and what they give.

use palisade_asm::vm::{Packet, TrapReason, World};
use palisade_asm::{Extend, Insn, R0, R1, Size};

use crate::{machine, trapped};

#[test]
fn fields_that_are_numbers_come_from_the_world() {
    for (off, expected) in [(12, 3), (16, 0x8000_0000)] {
        let mut vm = machine(|a| {
            a.load(Size::W, R0, R1 + off).exit();
        });
        let world = World { ingress: 3, queue: 0x8000_0000, ..World::default() };
        vm.run(&mut Packet::new(&[0; 14]), &world).unwrap_or_else(|trap| panic!("{trap}"));
        assert_eq!(vm.registers().get(R0), Some(expected));
    }
}

#[test]
fn pointers_are_whole_though_the_fields_have_four_bytes() {
    let mut vm = machine(|a| {
        a.load(Size::W, R0, R1 + 0).exit();
    });
    let outcome = vm.run(&mut Packet::new(&[0; 14]), &World::default()).expect("no trap");
    let pointer = vm.registers().get(R0).expect("a value");
    assert!(pointer >> 47 == 0x1_ffff, "{pointer:#x} is as the kernel's pointers are");
    assert_eq!(u64::from(outcome.value), pointer & 0xffff_ffff);
}

#[test]
fn a_packet_without_metadata_has_it_begin_where_the_packet_does() {
    let mut vm = machine(|a| {
        a.load(Size::W, R0, R1 + 8).load(Size::W, R1, R1 + 0).sub(R0, R1).exit();
    });
    vm.run(&mut Packet::new(&[0; 14]), &World::default()).expect("no trap");
    assert_eq!(vm.registers().get(R0), Some(0));
}

#[test]
fn fields_are_read_whole_and_never_written() {
    for (size, off) in [(Size::B, 12), (Size::H, 12), (Size::D, 8)] {
        let (at, why) = trapped(|a| {
            a.load(size, R0, R1 + off).exit();
        });
        assert!(at == 0 && matches!(why, TrapReason::ContextSize { .. }), "{why}");
    }
    let (_, why) = trapped(|a| {
        a.load(Size::W, R0, R1 + 14).exit();
    });
    assert!(matches!(why, TrapReason::Misaligned { off: 14, size: 4, .. }), "{why}");
    let (_, why) = trapped(|a| {
        a.mov(R0, 0).store(Size::W, R1 + 16, 1).exit();
    });
    assert!(matches!(why, TrapReason::ReadOnly { .. }), "{why}");
}

#[test]
fn there_are_five_fields_for_programs_of_this_kind() {
    let (_, why) = trapped(|a| {
        a.load(Size::W, R0, R1 + 20).exit();
    });
    assert_eq!(why, TrapReason::ContextField { off: 20 });
    for off in [24, -4] {
        let (_, why) = trapped(|a| {
            a.load(Size::W, R0, R1 + off).exit();
        });
        assert!(matches!(why, TrapReason::OutOfBounds { .. }), "{why}");
    }
    let (_, why) = trapped(|a| {
        a.push(Insn::Load { size: Size::W, extend: Extend::Sign, dst: R0, mem: R1 + 22 }).exit();
    });
    assert!(matches!(why, TrapReason::OutOfBounds { .. }), "{why}");
}
