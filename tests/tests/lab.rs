//! The lab keeps what it promises: its ends hear each other, a filter stands between them, and
//! nothing of it can be seen from outside.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

use palisade_loader::{PinDir, link, xdp};
use palisade_tests::engine::Engine;
use palisade_tests::lab::{BPFFS, Lab, NEAR};
use palisade_tests::packet::{eth, ipv4, ipv6, udp};
use palisade_tests::privilege::Kernel;

const SOON: Duration = Duration::from_secs(5);
const QUIET: Duration = Duration::from_millis(100);

#[test]
fn what_the_far_end_sends_arrives_over_both_families() {
    Lab::run(|lab| {
        let socket = lab.udp(53);
        lab.send(&(eth() / ipv4() / udp(4000, 53) / b"four").build());
        assert_eq!(socket.next(SOON).as_deref(), Some(&b"four"[..]));
        lab.send(&(eth() / ipv6() / udp(4000, 53) / b"six").build());
        assert_eq!(socket.next(SOON).as_deref(), Some(&b"six"[..]));
    });
}

#[test]
fn an_attached_filter_stands_between_the_ends() {
    let Some(kernel) = Kernel::or_skip() else { return };
    Lab::run(|lab| {
        let engine = Engine::load(&kernel, "drop udp dport 53\ndefault pass\n", kernel.best());
        let expect = xdp::Expect::Empty;
        xdp::attach(lab.near_index(), engine.program(), xdp::Mode::Generic, expect)
            .expect("attached");
        let (dropped, passed) = (eth() / ipv4() / udp(4000, 53), eth() / ipv4() / udp(4000, 54));
        let (tap, sender) = (lab.tap(), lab.sender());
        for _ in 0..3 {
            sender.send(&dropped.build());
            sender.send(&passed.build());
        }
        let mut seen: Vec<Vec<u8>> = Vec::new();
        while let Some(frame) = tap.next(QUIET) {
            seen.push(frame);
        }
        assert_eq!(seen.iter().filter(|frame| **frame == passed.build()).count(), 3);
        assert_eq!(seen.iter().filter(|frame| **frame == dropped.build()).count(), 0);
    });
}

#[test]
fn nothing_of_a_lab_is_seen_outside_even_if_its_test_panics() {
    Lab::run(|_| {
        let dir = PinDir::open_root(BPFFS.as_ref()).expect("a bpffs");
        assert_eq!(dir.names().expect("names"), Vec::<String>::new(), "a fresh bpffs is empty");
    });
    let panicked = catch_unwind(AssertUnwindSafe(|| {
        Lab::run(|_| {
            let dir = PinDir::open_root(BPFFS.as_ref()).expect("a bpffs");
            dir.create_subdir("left-behind", palisade_loader::Access::Owner).expect("made");
            std::panic::resume_unwind(Box::new("on purpose"));
        });
    }));
    if Kernel::or_skip().is_some() {
        assert!(panicked.is_err());
    }
    let host = PinDir::open_root(BPFFS.as_ref()).and_then(|dir| dir.names());
    assert!(!host.is_ok_and(|names| names.iter().any(|name| name == "left-behind")));
    assert!(link::by_name(NEAR).is_err(), "`{NEAR}` is not an interface of the host");
}
