//! Enforce, shadow and off, and what the counters say of many packets.

use palisade_filter::Verdict;
use palisade_filter::plan::Mode;
use palisade_tests::engine::{Engine, Half};
use palisade_tests::packet::{eth, ipv4, udp};
use palisade_tests::privilege::Kernel;

use crate::decided;

const POLICY: &str =
    "set block net { max 16 }\ndrop src in block\npass udp dport 53\ndefault drop\n";

#[test]
fn shadow_counts_what_would_be_dropped_apart_and_passes_it() {
    let Some(kernel) = Kernel::or_skip() else { return };
    for target in kernel.two() {
        let mut engine = Engine::load(&kernel, POLICY, target);
        engine.add("block", &["203.0.113.1"]);
        engine.set_mode(Mode::Shadow);
        for (packet, text, half) in [
            (
                (eth() / ipv4().src("203.0.113.1") / udp(1, 53)).build(),
                "drop src in block",
                Half::Shadow,
            ),
            ((eth() / ipv4() / udp(1, 53)).build(), "pass udp dport 53", Half::Enforced),
            ((eth() / ipv4() / udp(1, 54)).build(), "default drop", Half::Shadow),
            ((eth() / ipv4() / udp(1, 53)).cut(20), "short-l3", Half::Shadow),
        ] {
            let outcome = engine.run(&packet).expect("a run");
            assert_eq!((outcome.verdict, outcome.half), (Verdict::Pass, half), "{outcome}");
            assert_eq!(outcome.row.text, text);
        }
        assert_eq!(engine.hits("block", "203.0.113.1"), [1, 42]);
        engine.set_mode(Mode::Enforce);
        assert_eq!(decided(&mut engine, eth() / ipv4() / udp(1, 54)), "default drop");
    }
}

#[test]
fn off_passes_everything_unseen_and_counts_it_in_its_own_row() {
    let Some(kernel) = Kernel::or_skip() else { return };
    for target in kernel.two() {
        let mut engine = Engine::load(&kernel, POLICY, target);
        engine.add("block", &["203.0.113.1"]);
        engine.set_mode(Mode::Off);
        let blocked = eth() / ipv4().src("203.0.113.1") / udp(1, 54);
        assert_eq!(decided(&mut engine, &blocked), "mode off");
        assert_eq!(decided(&mut engine, blocked.cut(14)), "mode off");
        assert_eq!(engine.hits("block", "203.0.113.1"), [0, 0]);
        engine.set_mode(Mode::Enforce);
        assert_eq!(decided(&mut engine, &blocked), "drop src in block");
    }
}

#[test]
fn every_packet_of_a_burst_is_counted_in_its_row_and_its_entries() {
    let Some(kernel) = Kernel::or_skip() else { return };
    let policy = "set block net { max 16 }\nset ports service { max 16 }\n\
                  drop src in block service in ports\ndefault pass\n";
    for target in kernel.two() {
        let mut engine = Engine::load(&kernel, policy, target);
        engine.add("block", &["198.51.100.7"]);
        engine.add("ports", &["udp/53"]);
        let frame = (eth() / ipv4() / udp(4000, 53) / b"query").build();
        let outcome = engine.burst(&frame, 10_000).expect("all are counted in one row");
        assert_eq!(outcome.row.text, "drop src in block service in ports");
        assert_eq!(engine.hits("block", "198.51.100.7"), [10_000, 470_000]);
        assert_eq!(engine.hits("ports", "udp/53"), [10_000, 470_000]);
    }
}
