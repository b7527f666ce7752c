//! Packets: moved ends, metadata, and bytes that are copied.

use palisade_asm::vm::{Fib, Packet, World};
use palisade_asm::{Cond, FP, Helper, R0, R1, R2, R3, R4, R6, Size};

use crate::{counting, machine};

const EINVAL: i32 = -22;
const EACCES: i32 = -13;
const EFAULT: i32 = -14;

/// What a helper gives that is called with one number, and what it leaves of the packet.
fn adjusted(packet: &mut Packet, helper: Helper, by: i32) -> i32 {
    let mut vm = machine(|a| {
        a.mov(R2, by).call(helper).exit();
    });
    let outcome = vm.run(packet, &World::default()).unwrap_or_else(|trap| panic!("{trap}"));
    outcome.value.cast_signed()
}

#[test]
fn the_head_moves_into_the_room_before_it_and_up_to_an_ethernet_header() {
    for (by, answer, len) in
        [(0, 0, 64), (10, 0, 54), (50, 0, 14), (51, EINVAL, 64), (-216, 0, 280), (-217, EINVAL, 64)]
    {
        let mut packet = Packet::new(&counting(64));
        assert_eq!(adjusted(&mut packet, Helper::XDP_ADJUST_HEAD, by), answer, "{by}");
        assert_eq!(packet.len(), len, "{by}");
        assert_eq!(packet.bytes().last(), Some(&63));
    }
}

#[test]
fn the_tail_moves_to_the_end_of_the_room_and_back_to_an_ethernet_header() {
    for (by, answer, len) in
        [(-50, 0, 14), (-51, EINVAL, 64), (3, 0, 67), (3456, 0, 3520), (3457, EINVAL, 64)]
    {
        let mut packet = Packet::new(&counting(64));
        assert_eq!(adjusted(&mut packet, Helper::XDP_ADJUST_TAIL, by), answer, "{by}");
        assert_eq!(packet.len(), len, "{by}");
    }
    let mut packet = Packet::new(&counting(64));
    adjusted(&mut packet, Helper::XDP_ADJUST_TAIL, -4);
    adjusted(&mut packet, Helper::XDP_ADJUST_TAIL, 4);
    assert_eq!(packet.bytes()[58..], [58, 59, 0, 0, 0, 0], "what comes in is zero");
}

#[test]
fn metadata_has_whole_words_and_255_bytes_at_most() {
    for (by, answer, len) in
        [(-4, 0, 4), (-216, 0, 216), (-217, EINVAL, 0), (-2, EACCES, 0), (4, EINVAL, 0), (0, 0, 0)]
    {
        let mut packet = Packet::new(&counting(64));
        assert_eq!(adjusted(&mut packet, Helper::XDP_ADJUST_META, by), answer, "{by}");
        assert_eq!(packet.metadata().len(), len, "{by}");
    }
}

#[test]
fn metadata_is_written_and_moves_with_the_head() {
    let mut vm = machine(|a| {
        let end = a.label("end");
        a.mov(R6, R1).mov(R2, -4).call(Helper::XDP_ADJUST_META);
        a.jump_if(R0, Cond::Ne, 0, end);
        a.load(Size::W, R2, R6 + 8).store(Size::W, R2 + 0, 0x5a5a_5a5a);
        a.mov(R1, R6).mov(R2, 14).call(Helper::XDP_ADJUST_HEAD);
        a.load(Size::W, R2, R6 + 8).load(Size::W, R3, R6 + 0);
        a.load(Size::W, R0, R2 + 0).sub(R3, R2);
        a.place(end);
        a.exit();
    });
    let mut packet = Packet::new(&counting(64));
    assert_eq!(vm.run(&mut packet, &World::default()).expect("no trap").value, 0x5a5a_5a5a);
    assert_eq!(vm.registers().get(R3), Some(4));
    assert_eq!(packet.metadata(), [0x5a; 4]);
    assert_eq!(packet.bytes(), counting(64)[14..]);
}

#[test]
fn metadata_and_packet_are_not_read_across_their_border() {
    let mut vm = machine(|a| {
        a.mov(R6, R1).mov(R2, -4).call(Helper::XDP_ADJUST_META);
        a.load(Size::W, R2, R6 + 8).load(Size::H, R0, R2 + 3).exit();
    });
    let trap = vm.run(&mut Packet::new(&[0; 14]), &World::default()).expect_err("a trap");
    assert_eq!(
        trap.why.to_string(),
        "reads 2 bytes at offset +3 of the metadata before the packet, which has 4 bytes"
    );
}

#[test]
fn what_does_not_fit_into_the_first_buffer_is_in_further_ones() {
    let mut packet = Packet::new(&counting(5000));
    assert_eq!((packet.first().len(), packet.further().len(), packet.len()), (3520, 1480, 5000));
    let mut vm = machine(|a| {
        a.mov(R6, R1).call(Helper::XDP_GET_BUFF_LEN).exit();
    });
    assert_eq!(vm.run(&mut packet, &World::default()).expect("no trap").value, 5000);
    assert_eq!(adjusted(&mut packet, Helper::XDP_ADJUST_TAIL, 4096 - 1480 + 1), EINVAL);
    assert_eq!(adjusted(&mut packet, Helper::XDP_ADJUST_TAIL, 4096 - 1480), 0);
    assert_eq!((packet.len(), packet.bytes().last()), (3520 + 4096, Some(&0)));
    assert_eq!(adjusted(&mut packet, Helper::XDP_ADJUST_TAIL, -4097), 0);
    assert_eq!(packet.bytes(), counting(3519));
}

/// Copies bytes from a place in the packet to the stack, or the other way.
fn copied(packet: &mut Packet, helper: Helper, at: i32, len: i32) -> (i32, u64) {
    let mut vm = machine(|a| {
        a.load_imm64(R2, 0x0807_0605_0403_0201).store(Size::D, FP - 8, R2);
        a.mov(R2, at).mov(R3, FP).add(R3, -8).mov(R4, len).call(helper);
        a.load(Size::D, R6, FP - 8).exit();
    });
    let outcome = vm.run(packet, &World::default()).unwrap_or_else(|trap| panic!("{trap}"));
    (outcome.value.cast_signed(), vm.registers().get(R6).expect("loaded"))
}

#[test]
fn bytes_are_copied_across_buffers_and_never_beyond_the_end() {
    let mut packet = Packet::new(&counting(5000));
    let all = counting(5000);
    let expected = u64::from_ne_bytes(all[3516..3524].try_into().expect("eight"));
    assert_eq!(copied(&mut packet, Helper::XDP_LOAD_BYTES, 3516, 8), (0, expected));
    assert_eq!(copied(&mut packet, Helper::XDP_LOAD_BYTES, 4993, 8).0, EINVAL);
    assert_eq!(copied(&mut packet, Helper::XDP_LOAD_BYTES, 0x10000, 1).0, EFAULT);
    assert_eq!(copied(&mut packet, Helper::XDP_STORE_BYTES, 3518, 4).0, 0);
    let stored = 0x0807_0605_0403_0201u64.to_ne_bytes();
    assert_eq!(
        packet.bytes()[3517..3523],
        [all[3517], stored[0], stored[1], stored[2], stored[3], all[3522]]
    );
    assert_eq!(copied(&mut packet, Helper::XDP_STORE_BYTES, 4999, 2).0, EINVAL);
}

#[test]
fn a_packet_that_is_set_anew_is_as_if_it_were_new() {
    let mut packet = Packet::new(&counting(5000));
    adjusted(&mut packet, Helper::XDP_ADJUST_META, -8);
    packet.set(&counting(20));
    assert_eq!(packet.bytes(), counting(20));
    assert_eq!(
        (packet.metadata(), packet.further(), packet.is_empty()),
        ([].as_slice(), [].as_slice(), false)
    );
    assert!(Packet::new(&[]).is_empty());
}

#[test]
fn routes_are_asked_for_with_flags_that_every_kernel_knows_and_the_flags_are_told() {
    const EINVAL: i32 = -22;
    let fib = Fib { answer: Fib::FOUND, interface: 3, source: [2; 6], destination: [4; 6] };
    let world = World { fib: Some(fib), ..World::default() };
    for (flags, answer) in [(0, 0), (1, 0), (2, 0), (3, 0), (4, EINVAL), (64, EINVAL)] {
        let mut vm = machine(|a| {
            for word in (-64..0).step_by(8) {
                a.store(Size::D, FP + word, 0);
            }
            a.store(Size::B, FP - 64, 2).mov(R2, FP).add(R2, -64).mov(R3, 64).mov(R4, flags);
            a.call(Helper::FIB_LOOKUP).exit();
        });
        let outcome = vm.run(&mut Packet::new(&counting(64)), &world).expect("no trap");
        assert_eq!(outcome.value, answer.cast_unsigned(), "{flags}");
        assert_eq!(Ok(outcome.effects.fib_flags), u64::try_from(flags), "{flags}");
    }
}
