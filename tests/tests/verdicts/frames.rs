//! Frames by their size: in one buffer or several, and as long as their IP header says or not.

use palisade_filter::{Access, Buffers};
use palisade_tests::engine::{Engine, Fault};
use palisade_tests::packet::{Packet, eth, filler, ipv4, ipv6, pad_to, udp, vlan};
use palisade_tests::privilege::Kernel;

use crate::decided;

const POLICY: &str = "drop udp dport 53\ndefault pass\n";
const BLOCKED: &str = "drop udp dport 53";
/// The first buffer of a test run: a page less the kernel's head and tail room.
const FIRST_BUFFER: usize = 3520;

/// Frames of this length, filled by their packets.
fn frames(len: usize) -> Vec<Packet> {
    vec![
        eth() / ipv4() / udp(4000, 53) / filler(len - 42),
        eth() / ipv6() / udp(4000, 53) / filler(len - 62),
        eth() / vlan(0) / ipv4() / udp(4000, 53) / filler(len - 46),
    ]
}

#[test]
fn a_frame_counts_with_its_whole_length_however_many_buffers_it_takes() {
    let Some(kernel) = Kernel::or_skip() else { return };
    for target in kernel.multi() {
        let mut engine = Engine::load(&kernel, POLICY, target);
        for len in [1514, 3519, 3520, 3521, 4096, 9014, 60_000] {
            for frame in frames(len) {
                assert_eq!(frame.build().len(), len);
                assert_eq!(decided(&mut engine, frame), BLOCKED);
            }
            let other = eth().ethertype(0x88b5) / filler(len - 14);
            assert_eq!(decided(&mut engine, other), "default pass");
        }
    }
}

#[test]
fn a_frame_in_one_buffer_is_judged_alike_up_to_its_end() {
    let Some(kernel) = Kernel::or_skip() else { return };
    for target in &kernel.targets {
        let mut engine = Engine::load(&kernel, POLICY, *target);
        for len in [64, 1514, 3519, 3520] {
            for frame in frames(len) {
                assert_eq!(decided(&mut engine, frame), BLOCKED, "{len} bytes");
            }
        }
    }
}

#[test]
fn a_packet_that_is_longer_than_its_frame_is_malformed() {
    let Some(kernel) = Kernel::or_skip() else { return };
    for target in &kernel.targets {
        let mut engine = Engine::load(&kernel, POLICY, *target);
        for len in [64, 1514, 3519, 3520, 3521, 9014] {
            if len > FIRST_BUFFER && target.buffers == Buffers::Single {
                continue;
            }
            for frame in frames(len) {
                assert_eq!(decided(&mut engine, frame.cut(len - 1)), "bad-length", "{len} bytes");
                assert_eq!(decided(&mut engine, frame.cut(len)), BLOCKED, "{len} bytes");
            }
        }
    }
}

/// With pointers alone the program asks for the whole length only where the packet does not end in
/// the first buffer: padding behind that is judged rightly and counted short.
#[test]
fn padding_behind_the_first_buffer_is_counted_where_the_kernel_is_asked() {
    let Some(kernel) = Kernel::or_skip() else { return };
    let frame = (eth() / ipv4() / udp(4000, 53) / pad_to(9000)).build();
    for target in kernel.multi() {
        let mut engine = Engine::load(&kernel, POLICY, target);
        let result = engine.run(&frame);
        match target.access {
            Access::Helpers => assert_eq!(result.expect("a run").row.text, BLOCKED),
            Access::Pointers => {
                let Err(Fault::Counted(rows)) = result else { panic!("{result:?}") };
                let [(at, counts)] = rows.as_slice() else { panic!("{rows:?}") };
                assert_eq!((engine.rows()[*at].text.as_str(), *counts), (BLOCKED, [1, 3520]));
            }
        }
    }
}

/// Pointers reach the first buffer alone; the helper reads on.
#[test]
fn headers_behind_the_first_buffer_are_read_or_malformed() {
    let Some(kernel) = Kernel::or_skip() else { return };
    for target in kernel.multi() {
        let mut engine = Engine::load(&kernel, POLICY, target);
        let mut deep = eth() / ipv6();
        for _ in 0..2 {
            deep = deep / palisade_tests::packet::destination(255);
        }
        let frame = deep / udp(4000, 53);
        assert_eq!(frame.build().len(), 14 + 40 + 2 * 2048 + 8);
        let want = match target.access {
            Access::Pointers => "short-l4",
            Access::Helpers => BLOCKED,
        };
        assert_eq!(decided(&mut engine, frame), want);
    }
}
