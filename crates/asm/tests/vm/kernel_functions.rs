//! Helpers that read the world, and those that leave something behind.

use palisade_asm::vm::{Event, Packet, Redirect, World};
use palisade_asm::{Assembler, FP, Helper, MapDecl, MapKind, R0, R1, R2, R3, R4, R5, R6, R7, Size};

use crate::{decl, machine, result};

#[test]
fn clocks_places_and_chance_are_the_callers() {
    let world = World {
        monotonic: 1 << 40,
        coarse: 2,
        boot: 3,
        tai: 4,
        jiffies: 5,
        cpu: 0,
        node: 6,
        random: vec![7, 8],
        ..World::default()
    };
    for (helper, expected) in [
        (Helper::KTIME_GET_NS, 1 << 40),
        (Helper::KTIME_GET_COARSE_NS, 2),
        (Helper::KTIME_GET_BOOT_NS, 3),
        (Helper::KTIME_GET_TAI_NS, 4),
        (Helper::JIFFIES64, 5),
        (Helper::GET_SMP_PROCESSOR_ID, 0),
        (Helper::GET_NUMA_NODE_ID, 6),
        (Helper::GET_PRANDOM_U32, 7),
    ] {
        let mut vm = machine(|a| {
            a.call(helper).exit();
        });
        vm.run(&mut Packet::new(&[0; 14]), &world).expect("no trap");
        assert_eq!(vm.registers().get(R0), Some(expected), "{}", helper.name());
    }
    let mut vm = machine(|a| {
        a.call(Helper::GET_PRANDOM_U32).call(Helper::GET_PRANDOM_U32).mov(R6, R0);
        a.call(Helper::GET_PRANDOM_U32).lsh(R6, 8).or(R0, R6).exit();
    });
    assert_eq!(vm.run(&mut Packet::new(&[0; 14]), &world).expect("no trap").value, 0x807);
}

/// The sum of the first words of the stack as old bytes, the next ones as new bytes.
fn difference(old: usize, new: usize, seed: i32) -> u64 {
    result(|a| {
        a.load_imm64(R1, u64::from_ne_bytes([0, 1, 0, 2, 0xff, 0xff, 0, 3]));
        a.store(Size::D, FP - 8, R1);
        a.load_imm64(R1, u64::from_ne_bytes([0x12, 0x34, 0, 0, 0xab, 0xcd, 0xff, 0xff]));
        a.store(Size::D, FP - 16, R1);
        a.mov(R1, FP).add(R1, -8).mov(R2, i32::try_from(old).expect("small"));
        a.mov(R3, FP).add(R3, -16).mov(R4, i32::try_from(new).expect("small"));
        a.mov(R5, seed).call(Helper::CSUM_DIFF).exit();
    })
}

#[test]
fn checksums_are_sums_of_words_in_ones_complement() {
    // The sums by hand, of words of 16 bits in network order, and turned to those of the machine.
    let of = |network: u16| u64::from(u16::from_ne_bytes(network.to_be_bytes()));
    assert_eq!(difference(0, 4, 0), of(0x1234));
    assert_eq!(difference(0, 8, 0), of(0xbe01));
    assert_eq!(difference(0, 0, 5), 5);
    assert_eq!(difference(4, 4, 0), of(0x1234 - 3));
    assert_eq!(difference(8, 8, 0), of(0xbe01 - 6));
    assert_eq!(difference(3, 4, 0), (-22i64).cast_unsigned());
}

#[test]
fn a_redirect_names_the_interface_unless_it_has_flags() {
    let to = |flags: i32| {
        let mut vm = machine(|a| {
            a.mov(R1, 7).mov(R2, flags).call(Helper::REDIRECT).exit();
        });
        let outcome = vm.run(&mut Packet::new(&[0; 14]), &World::default()).expect("no trap");
        (outcome.value, outcome.effects.redirect)
    };
    assert_eq!(to(0), (4, Some(Redirect::Interface { index: 7 })));
    assert_eq!(to(1), (0, None));
}

#[test]
fn a_redirect_by_a_map_finds_a_target_or_gives_the_answer_for_that() {
    let to = |kind: MapKind, key: u64, flags: u64| {
        let mut vm = machine(|a| {
            let map = a.map(MapDecl { value_size: 4, ..decl(kind, 4) });
            a.load_map(R1, map).load_imm64(R2, key).load_imm64(R3, flags);
            a.call(Helper::REDIRECT_MAP).exit();
        });
        let (key, target) = (2u32.to_ne_bytes(), 9u32.to_ne_bytes());
        vm.maps_mut().put(0, &key, &target, palisade_asm::vm::Insert::Any).expect("an index");
        let outcome = vm.run(&mut Packet::new(&[0; 14]), &World::default()).expect("no trap");
        (outcome.value, outcome.effects.redirect)
    };
    use MapKind::{CpuMap, DevMap, DevMapHash, XskMap};
    for kind in [DevMap, DevMapHash, CpuMap, XskMap] {
        assert_eq!(to(kind, 2, 0), (4, Some(Redirect::Map { map: 0, key: 2, flags: 0 })));
        assert_eq!(to(kind, 3, 0), (0, None));
        assert_eq!(to(kind, 3, 2), (2, None), "the answer where there is none");
        assert_eq!(to(kind, 2, 4), (0, None), "unknown flags");
    }
    assert_eq!(to(DevMap, 3, 8).0, 4, "to all of them");
    assert_eq!(to(CpuMap, 3, 8).0, 0, "that is for devices");
}

#[test]
fn events_and_prints_are_handed_to_the_caller() {
    let mut vm = machine(|a| {
        let map = a.map(MapDecl { value_size: 4, ..decl(MapKind::PerfEventArray, 2) });
        a.mov(R6, R1).load_imm64(R1, u64::from_ne_bytes(*b"%d %x%%\0"));
        a.store(Size::D, FP - 8, R1).mov(R1, FP).add(R1, -8).mov(R2, 8);
        a.mov(R3, -5).mov(R4, 255).call(Helper::TRACE_PRINTK).mov(R7, R0);
        a.mov(R1, R6).load_map(R2, map).load_imm64(R3, 3 << 32 | 0xffff_ffff);
        a.mov(R4, FP).add(R4, -8).mov(R5, 2).call(Helper::PERF_EVENT_OUTPUT);
        a.add(R0, R7).exit();
    });
    let outcome = vm.run(&mut Packet::new(&[1; 14]), &World::default()).expect("no trap");
    assert_eq!(outcome.value, 6, "the length of the text");
    assert_eq!(outcome.effects.printed, ["-5 ff%"]);
    let event = Event { map: 0, bytes: b"%d".to_vec(), packet: vec![1; 3] };
    assert_eq!(outcome.effects.events, [event]);
}

#[test]
fn a_helper_leaves_the_registers_that_are_kept() {
    let kept = |a: &mut Assembler| {
        a.mov(R6, 1).mov(R7, 2).call(Helper::JIFFIES64).mov(R0, R6).add(R0, R7).exit();
    };
    assert_eq!(result(kept), 3);
}
