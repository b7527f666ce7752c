//! Rules that look into sets, the order of rules, and the fallbacks.

use palisade_tests::engine::Engine;
use palisade_tests::packet::{ARP_REQUEST, arp, eth, frag, icmp, ipv4, ipv6, tcp, udp};
use palisade_tests::privilege::Kernel;

use crate::decided;

/// Loads a policy on two targets.
fn with(policy: &str, entries: &[(&str, &[&str])], test: impl Fn(&mut Engine)) {
    let Some(kernel) = Kernel::or_skip() else { return };
    for target in kernel.two() {
        let mut engine = Engine::load(&kernel, policy, target);
        for (set, items) in entries {
            engine.add(set, items);
        }
        test(&mut engine);
    }
}

#[test]
fn an_entry_counts_only_when_its_whole_rule_is_true() {
    let policy = "set a net { max 8 }\nset b net { max 8 }\ndrop src in a dst in b\ndefault pass\n";
    let entries: [(&str, &[&str]); 2] =
        [("a", &["198.51.100.7", "2001:db8::/32"]), ("b", &["192.0.2.0/24", "2001:db8:0:1::1"])];
    with(policy, &entries, |engine| {
        let rule = "drop src in a dst in b";
        assert_eq!(decided(engine, eth() / ipv4().dst("192.0.3.1") / udp(1, 2)), "default pass");
        assert_eq!(decided(engine, eth() / ipv4().src("198.51.100.8") / udp(1, 2)), "default pass");
        assert_eq!(engine.hits("a", "198.51.100.7"), [0, 0]);
        assert_eq!(engine.hits("b", "192.0.2.0/24"), [0, 0]);
        assert_eq!(decided(engine, eth() / ipv4() / udp(1, 2)), rule);
        assert_eq!(decided(engine, eth() / ipv6() / udp(1, 2)), rule);
        for (set, item, bytes) in [
            ("a", "198.51.100.7", 42),
            ("b", "192.0.2.0/24", 42),
            ("a", "2001:db8::/32", 62),
            ("b", "2001:db8:0:1::1", 62),
        ] {
            assert_eq!(engine.hits(set, item), [1, bytes], "{item}");
        }
    });
}

#[test]
fn a_service_and_an_address_in_one_rule_count_together_or_not_at_all() {
    let policy = "set a net { max 8 }\nset p service { max 8 }\n\
                  drop service in p src in a dport 50-60\ndefault pass\n";
    let entries: [(&str, &[&str]); 2] = [("a", &["198.51.100.0/24"]), ("p", &["udp/0-1000"])];
    with(policy, &entries, |engine| {
        for packet in [
            eth() / ipv4() / udp(1, 49),
            eth() / ipv4() / tcp(1, 53),
            eth() / ipv4().src("198.51.101.0") / udp(1, 53),
            eth() / ipv4().offset(2) / udp(1, 53),
            eth() / ipv4() / icmp(8, 0),
        ] {
            assert_eq!(decided(engine, packet), "default pass");
        }
        assert_eq!(engine.hits("a", "198.51.100.0/24"), [0, 0]);
        assert_eq!(engine.hits("p", "udp/0-1000"), [0, 0]);
        assert_ne!(decided(engine, eth() / ipv4() / udp(1, 53)), "default pass");
        assert_eq!(engine.hits("a", "198.51.100.0/24"), [1, 42]);
        assert_eq!(engine.hits("p", "udp/0-1000"), [1, 42]);
    });
}

#[test]
fn one_set_may_stand_for_both_sides() {
    let policy = "set a net { max 8 }\npass src in a dst in a\ndrop src in a\ndefault pass\n";
    with(policy, &[("a", &["198.51.100.7", "192.0.2.1"])], |engine| {
        assert_eq!(decided(engine, eth() / ipv4() / udp(1, 2)), "pass src in a dst in a");
        let out = eth() / ipv4().dst("192.0.2.9") / udp(1, 2);
        assert_eq!(decided(engine, out), "drop src in a");
        assert_eq!(engine.hits("a", "198.51.100.7"), [2, 84]);
        assert_eq!(engine.hits("a", "192.0.2.1"), [1, 42]);
    });
}

#[test]
fn entries_of_a_set_without_counters_match_and_count_nothing() {
    let policy = "set a net { max 8 counters off }\ndrop src in a\ndefault pass\n";
    with(policy, &[("a", &["198.51.100.7"])], |engine| {
        assert_eq!(decided(engine, eth() / ipv4() / udp(1, 2)), "drop src in a");
        assert_eq!(engine.hits("a", "198.51.100.7"), [0, 0]);
    });
}

#[test]
fn an_ipv6_address_is_found_in_the_second_of_its_buckets() {
    // One more than a bucket holds, and the first bucket of all of them is the same.
    let crowd: &[&str] = &[
        "2001:db8::2",
        "2001:db8::47",
        "2001:db8::67",
        "2001:db8::a9",
        "2001:db8::be",
        "2001:db8::1f5",
        "2001:db8::2df",
        "2001:db8::2f4",
        "2001:db8::2f8",
    ];
    with("set a net\ndrop src in a\ndefault pass\n", &[("a", crowd)], |engine| {
        for address in crowd {
            let source: std::net::Ipv6Addr = address.parse().expect("an address");
            assert_eq!(decided(engine, eth() / ipv6().src(source) / udp(1, 2)), "drop src in a");
            assert_eq!(engine.hits("a", address)[0], 1, "{address}");
        }
        let near = std::net::Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 0x3d);
        assert_eq!(decided(engine, eth() / ipv6().src(near) / udp(1, 2)), "default pass");
    });
}

#[test]
fn the_first_rule_that_matches_decides() {
    let policy =
        "pass src 198.51.100.7 dport 53\ndrop src 198.51.100.0/24\npass udp\ndefault drop\n";
    with(policy, &[], |engine| {
        let from = |last: u8| ipv4().src(std::net::Ipv4Addr::new(198, 51, 100, last));
        assert_eq!(decided(engine, eth() / from(7) / udp(1, 53)), "pass src 198.51.100.7 dport 53");
        assert_eq!(decided(engine, eth() / from(7) / udp(1, 54)), "drop src 198.51.100.0/24");
        assert_eq!(decided(engine, eth() / from(8) / udp(1, 53)), "drop src 198.51.100.0/24");
        assert_eq!(decided(engine, eth() / ipv4().src("203.0.113.1") / udp(1, 53)), "pass udp");
        assert_eq!(decided(engine, eth() / ipv4().src("203.0.113.1") / tcp(1, 53)), "default drop");
        assert_eq!(decided(engine, eth() / arp(ARP_REQUEST)), "default drop");
    });
}

#[test]
fn malformed_frames_pass_where_the_policy_says_so() {
    with("on malformed pass\ndrop udp dport 53\ndefault drop\n", &[], |engine| {
        let packet = eth() / ipv4() / udp(1, 53);
        assert_eq!(decided(engine, packet.cut(41)), "bad-length");
        assert_eq!(decided(engine, packet.cut(20)), "short-l3");
        assert_eq!(decided(engine, &packet), "drop udp dport 53");
        let outcome = engine.run(&packet.cut(41)).expect("a run");
        assert_eq!(outcome.verdict, palisade_filter::Verdict::Pass);
    });
}

#[test]
fn later_fragments_that_no_rule_decides_have_a_fallback_of_their_own() {
    for (word, other) in [("drop", "pass"), ("pass", "drop")] {
        let policy =
            format!("on fragment {word}\ndrop dport 53\npass src 203.0.113.1\ndefault {other}\n");
        with(&policy, &[], |engine| {
            let (fragment, default) = (format!("on fragment {word}"), format!("default {other}"));
            let later4 = |src: &str| eth() / ipv4().src(src).offset(1) / udp(1, 53);
            assert_eq!(decided(engine, later4("198.51.100.7")), fragment);
            assert_eq!(decided(engine, eth() / ipv6() / frag(8).more() / udp(1, 53)), fragment);
            assert_eq!(decided(engine, later4("203.0.113.1")), "pass src 203.0.113.1");
            for whole in [
                eth() / ipv4() / udp(1, 54),
                eth() / ipv4().more_fragments() / udp(1, 54),
                eth() / ipv6() / frag(0).more() / udp(1, 54),
                eth() / ipv6() / frag(0) / udp(1, 54),
                eth() / arp(ARP_REQUEST),
            ] {
                assert_eq!(decided(engine, whole), default);
            }
            assert_eq!(
                decided(engine, eth() / ipv6() / frag(0).more() / udp(1, 53)),
                "drop dport 53"
            );
        });
    }
}

#[test]
fn without_rules_the_default_has_every_frame() {
    for default in ["default pass", "default drop"] {
        with(&format!("{default}\n"), &[], |engine| {
            for frame in [
                (eth() / ipv4() / udp(1, 2)).build(),
                (eth() / ipv4() / udp(1, 2)).cut(14),
                (eth() / arp(ARP_REQUEST)).build(),
            ] {
                assert_eq!(decided(engine, frame), default);
            }
        });
    }
}
