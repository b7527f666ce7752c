//! Ring buffers: the order of records, the room for them, and who may write them when.

use palisade_asm::vm::{Packet, TrapReason, Vm, World};
use palisade_asm::{
    Assembler, Cond, FP, Helper, MapDecl, MapId, MapKind, R0, R1, R2, R3, R4, R6, Size,
};

use crate::machine;

const EAGAIN: u32 = (-11i32).cast_unsigned();

fn ring(a: &mut Assembler) -> MapId {
    a.map(MapDecl { key_size: 0, value_size: 0, ..crate::decl(MapKind::RingBuf, 4096) })
}

fn reserve(a: &mut Assembler, map: MapId, size: i32) {
    a.load_map(R1, map).mov(R2, size).mov(R3, 0).call(Helper::RINGBUF_RESERVE);
}

fn run(vm: &mut Vm) -> u32 {
    vm.run(&mut Packet::new(&[0; 14]), &World::default()).unwrap_or_else(|t| panic!("{t}")).value
}

/// Sends a record of so many bytes of the packet's.
fn sender(size: i32) -> Vm {
    machine(|a| {
        let map = ring(a);
        a.load(Size::W, R2, R1 + 0).load_map(R1, map).mov(R3, size).mov(R4, 0);
        a.call(Helper::RINGBUF_OUTPUT).exit();
    })
}

#[test]
fn records_come_out_in_their_order() {
    let mut vm = sender(3);
    for byte in [1, 2] {
        vm.run(&mut Packet::new(&[byte; 14]), &World::default()).expect("no trap");
    }
    assert_eq!(vm.maps_mut().take_records(0), [[1; 3], [2; 3]]);
    assert!(vm.maps_mut().take_records(0).is_empty());
}

#[test]
fn a_ring_that_is_full_takes_records_again_when_some_were_taken() {
    // Each takes 24 bytes of 4096, one of which always stays free.
    let mut vm = sender(14);
    let answers: Vec<u32> = (0..172).map(|_| run(&mut vm)).collect();
    assert_eq!(answers.iter().filter(|answer| **answer == 0).count(), 170);
    assert_eq!(answers[170..], [EAGAIN; 2]);
    assert_eq!(vm.maps_mut().take_records(0).len(), 170);
    // Where records would fill it to the last byte, the last one does not fit.
    let mut exact = sender(8);
    assert_eq!((0..256).filter(|_| run(&mut exact) == 0).count(), 255);
    assert_eq!(run(&mut vm), 0);
}

/// Reserves a record, writes its first byte, and hands it in.
fn writer(finish: Helper) -> Vm {
    machine(|a| {
        let map = ring(a);
        let full = a.label("full");
        reserve(a, map, 9);
        a.jump_if(R0, Cond::Eq, 0, full);
        a.store(Size::B, R0 + 8, 7).mov(R1, R0).mov(R2, 0).call(finish);
        a.place(full);
        a.mov(R0, 0).exit();
    })
}

#[test]
fn a_reserved_record_is_submitted_or_discarded() {
    let mut vm = writer(Helper::RINGBUF_SUBMIT);
    run(&mut vm);
    assert_eq!(vm.maps_mut().take_records(0), [[0, 0, 0, 0, 0, 0, 0, 0, 7]]);
    let mut vm = writer(Helper::RINGBUF_DISCARD);
    run(&mut vm);
    assert!(vm.maps_mut().take_records(0).is_empty());
}

fn trapped(build: impl FnOnce(&mut Assembler, MapId)) -> TrapReason {
    let mut vm = machine(|a| {
        let map = ring(a);
        build(a, map);
    });
    let trap = vm.run(&mut Packet::new(&[0; 14]), &World::default()).expect_err("a trap");
    assert!(vm.maps_mut().take_records(0).len() <= 1, "nothing is left reserved");
    trap.why
}

#[test]
fn records_are_not_kept_nor_used_after_they_were_handed_in_nor_beyond_their_end() {
    let map = || "ringbuf".to_owned();
    let why = trapped(|a, map| {
        reserve(a, map, 8);
        a.mov(R0, 0).exit();
    });
    assert_eq!(why, TrapReason::RecordKept { map: map() });
    let why = trapped(|a, map| {
        reserve(a, map, 8);
        a.mov(R6, R0).mov(R1, R0).mov(R2, 0).call(Helper::RINGBUF_SUBMIT);
        a.mov(R0, 0).store(Size::B, R6 + 0, 1).exit();
    });
    assert!(matches!(why, TrapReason::OutOfBounds { len: 0, .. }), "{why}");
    let why = trapped(|a, map| {
        reserve(a, map, 8);
        a.mov(R6, R0).mov(R1, R0).mov(R2, 0).call(Helper::RINGBUF_SUBMIT);
        a.mov(R1, R6).mov(R2, 0).call(Helper::RINGBUF_SUBMIT).mov(R0, 0).exit();
    });
    assert_eq!(why, TrapReason::NotRecord { reg: R1 });
    let why = trapped(|a, map| {
        reserve(a, map, 8);
        a.store(Size::B, R0 + 8, 1).exit();
    });
    assert!(matches!(why, TrapReason::OutOfBounds { off: 8, len: 8, .. }), "{why}");
    let why = trapped(|a, _| {
        a.mov(R1, FP).mov(R2, 0).call(Helper::RINGBUF_DISCARD).mov(R0, 0).exit();
    });
    assert_eq!(why, TrapReason::NotRecord { reg: R1 });
}

#[test]
fn a_ring_tells_how_full_it_is() {
    let mut vm = machine(|a| {
        let map = ring(a);
        a.load(Size::W, R6, R1 + 16);
        a.load(Size::W, R2, R1 + 0).load_map(R1, map).mov(R3, 8).mov(R4, 0);
        a.call(Helper::RINGBUF_OUTPUT);
        a.load_map(R1, map).mov(R2, R6).call(Helper::RINGBUF_QUERY).exit();
    });
    let mut ask = |queue| {
        let world = World { queue, ..World::default() };
        vm.run(&mut Packet::new(&[0; 14]), &world).expect("no trap").value
    };
    assert_eq!([0, 1, 2, 3, 9].map(&mut ask), [16, 4096, 0, 64, 0]);
}
