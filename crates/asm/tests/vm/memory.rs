//! Loads and stores: every size, both ways to fill a register, in every region there is.

use palisade_asm::{Extend, FP, Insn, MapKind, Mem, R0, R1, R2, R6, Size};

use crate::{decl, machine, result, run};

fn load(size: Size, extend: Extend, mem: Mem) -> Insn {
    Insn::Load { size, extend, dst: R0, mem }
}

#[rustfmt::skip] // One line per load: the size, filled with zeros, filled with the sign.
const LOADS: [(Size, u64, u64); 3] = [
    (Size::B, 0x88, 0xffff_ffff_ffff_ff88),
    (Size::H, 0x8988, 0xffff_ffff_ffff_8988),
    (Size::W, 0x8b8a_8988, 0xffff_ffff_8b8a_8988),
];

#[test]
fn loads_fill_the_register_with_zeros_or_with_the_sign() {
    if cfg!(target_endian = "big") {
        return;
    }
    for (size, zeros, sign) in LOADS {
        for (extend, expected) in [(Extend::Zero, zeros), (Extend::Sign, sign)] {
            let found = result(|a| {
                a.load_imm64(R1, 0x8f8e_8d8c_8b8a_8988).store(Size::D, FP - 8, R1);
                a.push(load(size, extend, FP - 8)).exit();
            });
            assert_eq!(found, expected, "{size:?} {extend:?}");
        }
    }
    let whole = result(|a| {
        a.load_imm64(R1, 0x8f8e_8d8c_8b8a_8988).store(Size::D, FP - 8, R1);
        a.push(load(Size::D, Extend::Zero, FP - 8)).exit();
    });
    assert_eq!(whole, 0x8f8e_8d8c_8b8a_8988);
}

#[test]
fn stores_write_as_many_bytes_as_they_say_and_no_more() {
    for (size, len) in [(Size::B, 1), (Size::H, 2), (Size::W, 4), (Size::D, 8)] {
        for by_register in [true, false] {
            let found = result(|a| {
                a.mov(R1, -1).store(Size::D, FP - 8, 0);
                if by_register {
                    a.store(size, FP - 8, R1);
                } else {
                    a.store(size, FP - 8, -1);
                }
                a.load(Size::D, R0, FP - 8).exit();
            });
            let mut bytes = [0; 8];
            bytes[..len].fill(0xff);
            assert_eq!(found.to_ne_bytes(), bytes, "{size:?}");
        }
    }
}

#[test]
fn the_packet_is_read_and_written_at_any_alignment() {
    let mut vm = machine(|a| {
        a.load(Size::W, R6, R1 + 0);
        a.load(Size::D, R0, R6 + 3).store(Size::W, R6 + 5, -1).exit();
    });
    let mut packet = palisade_asm::vm::Packet::new(&crate::counting(64));
    vm.run(&mut packet, &Default::default()).unwrap_or_else(|trap| panic!("{trap}"));
    assert_eq!(vm.registers().get(R0), Some(u64::from_ne_bytes([3, 4, 5, 6, 7, 8, 9, 10])));
    assert_eq!(packet.bytes()[4..10], [4, 0xff, 0xff, 0xff, 0xff, 9]);
}

#[test]
fn the_one_value_of_an_array_has_an_address() {
    let mut vm = machine(|a| {
        let map = a.map(decl(MapKind::Array, 1));
        a.load_map_value(R1, map, 4).store(Size::W, R1 + 0, 7);
        a.load(Size::D, R0, R1 - 4).exit();
    });
    let packet = &mut palisade_asm::vm::Packet::new(&[0; 64]);
    vm.maps_mut().put(0, &[0; 4], &[9; 8], palisade_asm::vm::Insert::Any).expect("an index");
    vm.run(packet, &Default::default()).unwrap_or_else(|trap| panic!("{trap}"));
    let mut value = [9; 8];
    value[4..].copy_from_slice(&7u32.to_ne_bytes());
    assert_eq!(vm.maps().get(0, &[0; 4]), Some(value.to_vec()));
    assert_eq!(vm.registers().get(R0), Some(u64::from_ne_bytes(value)));
}

#[test]
fn pointers_are_numbers_until_they_are_used() {
    // The length of the packet; a pointer kept on the stack and used from there.
    let found = result(|a| {
        a.load(Size::W, R2, R1 + 0).load(Size::W, R0, R1 + 4);
        a.store(Size::D, FP - 16, R2).sub(R0, R2);
        a.load(Size::D, R6, FP - 16).load(Size::B, R1, R6 + 63);
        a.add(R0, R1).exit();
    });
    assert_eq!(found, 64 + 63);
}

#[test]
fn the_stack_is_written_anew_in_each_run() {
    let mut vm = machine(|a| {
        let (first, end) = (a.label("first"), a.label("end"));
        a.load(Size::W, R2, R1 + 16);
        a.mov(R0, 0).jump_if(R2, palisade_asm::Cond::Eq, 0, first);
        a.load(Size::D, R0, FP - 8).jump(end);
        a.place(first);
        a.store(Size::D, FP - 8, 5);
        a.place(end);
        a.exit();
    });
    run(&mut vm).unwrap_or_else(|trap| panic!("{trap}"));
    let world = palisade_asm::vm::World { queue: 1, ..Default::default() };
    let trap = vm.run(&mut palisade_asm::vm::Packet::new(&[0; 64]), &world).expect_err("a trap");
    assert!(matches!(trap.why, palisade_asm::vm::TrapReason::UnwrittenStack { off: -8, size: 8 }));
}
