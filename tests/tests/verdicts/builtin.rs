//! The policy that is used when none is given.

use palisade_filter::BUILTIN;
use palisade_tests::engine::Engine;
use palisade_tests::packet::{
    ARP_REQUEST, FROM6, Packet, SYN, arp, eth, frag, icmp6, ipv4, ipv6, neighbour_solicitation,
    router_advertisement, sctp, tcp, udp, vlan,
};
use palisade_tests::privilege::Kernel;

use crate::decided;

const DEFAULT: &str = "default pass";
const ALLOW: &str = "pass src in allow";
const BLOCK: &str = "drop src in block";
const PORTS: &str = "drop service in ports";

fn from4(src: &str) -> Packet {
    eth() / ipv4().src(src) / udp(4000, 9)
}

fn from6(src: &str) -> Packet {
    eth() / ipv6().src(src) / udp(4000, 9)
}

/// Loads the policy on two targets, with these entries.
fn on_two_targets(entries: &[(&str, &[&str])], test: impl Fn(&mut Engine)) {
    let Some(kernel) = Kernel::or_skip() else { return };
    for target in kernel.two() {
        let mut engine = Engine::load(&kernel, BUILTIN, target);
        for (set, items) in entries {
            engine.add(set, items);
        }
        test(&mut engine);
    }
}

#[test]
fn without_entries_everything_meets_the_default_but_what_is_kept() {
    on_two_targets(&[], |engine| {
        assert_eq!(decided(engine, from4("198.51.100.7")), DEFAULT);
        assert_eq!(decided(engine, from6("2001:db8::7")), DEFAULT);
        assert_eq!(decided(engine, eth() / vlan(9) / ipv4() / tcp(4000, 80).flags(SYN)), DEFAULT);
        assert_eq!(decided(engine, eth().ethertype(0x88cc) / b"lldp"), DEFAULT);
        assert_eq!(decided(engine, eth() / arp(ARP_REQUEST)), "keep arp");
        let solicitation = neighbour_solicitation("2001:db8:0:1::1");
        assert_eq!(decided(engine, eth() / ipv6().hop_limit(255) / solicitation), "keep nd");
    });
}

#[test]
fn blocked_addresses_and_prefixes_are_dropped_and_their_neighbours_are_not() {
    let entries: &[&str] = &["198.51.100.7", "203.0.113.128/25", "2001:db8::7", "2001:db8:5::/48"];
    on_two_targets(&[("block", entries)], |engine| {
        for src in ["198.51.100.7", "203.0.113.128", "203.0.113.255"] {
            assert_eq!(decided(engine, from4(src)), BLOCK, "{src}");
        }
        for src in ["198.51.100.6", "198.51.100.8", "203.0.113.127", "203.0.114.0"] {
            assert_eq!(decided(engine, from4(src)), DEFAULT, "{src}");
        }
        for src in ["2001:db8::7", "2001:db8:5::", "2001:db8:5:ffff:ffff:ffff:ffff:ffff"] {
            assert_eq!(decided(engine, from6(src)), BLOCK, "{src}");
        }
        for src in ["2001:db8::8", "2001:db8:4:ffff:ffff:ffff:ffff:ffff", "2001:db8:6::"] {
            assert_eq!(decided(engine, from6(src)), DEFAULT, "{src}");
        }
        let to = eth() / ipv4().src("198.51.100.1").dst("198.51.100.7") / udp(4000, 9);
        assert_eq!(decided(engine, to), DEFAULT, "a destination is no source");
    });
}

#[test]
fn what_is_allowed_is_not_blocked_by_address_nor_by_service() {
    let entries: [(&str, &[&str]); 3] = [
        ("allow", &["198.51.100.7", "2001:db8::/64"]),
        ("block", &["198.51.100.0/24", "2001:db8::7"]),
        ("ports", &["udp/9"]),
    ];
    on_two_targets(&entries, |engine| {
        assert_eq!(decided(engine, from4("198.51.100.7")), ALLOW);
        assert_eq!(decided(engine, from6("2001:db8::7")), ALLOW);
        assert_eq!(decided(engine, from4("198.51.100.8")), BLOCK);
        assert_eq!(decided(engine, from4("203.0.113.1")), PORTS);
        assert_eq!(engine.hits("allow", "198.51.100.7"), [1, 42]);
        assert_eq!(engine.hits("block", "198.51.100.0/24"), [1, 42]);
        assert_eq!(engine.hits("block", "2001:db8::7"), [0, 0]);
        assert_eq!(engine.hits("ports", "udp/9"), [1, 42]);
    });
}

#[test]
fn arp_and_neighbour_discovery_are_kept_whoever_is_blocked() {
    on_two_targets(&[("block", &["0.0.0.0/0", "::/0"])], |engine| {
        assert_eq!(decided(engine, eth() / arp(ARP_REQUEST)), "keep arp");
        let asks = || neighbour_solicitation(FROM6);
        assert_eq!(decided(engine, eth() / ipv6().hop_limit(255) / asks()), "keep nd");
        assert_eq!(
            decided(engine, eth() / ipv6().hop_limit(255) / router_advertisement()),
            "keep nd"
        );
        assert_eq!(decided(engine, eth() / ipv6().hop_limit(254) / asks()), BLOCK);
        assert_eq!(decided(engine, eth() / ipv6().hop_limit(255) / icmp6(128, 0)), BLOCK);
        assert_eq!(decided(engine, eth() / ipv6().hop_limit(255) / icmp6(138, 0)), BLOCK);
        let fragment = eth() / ipv6().hop_limit(255) / frag(0) / asks();
        assert_eq!(decided(engine, fragment), BLOCK, "neighbour discovery is not fragmented");
        assert_eq!(decided(engine, from4("0.0.0.0")), BLOCK);
    });
}

#[test]
fn services_are_told_apart_by_protocol_and_port() {
    let entries: &[&str] = &["udp/53", "tcp/8000-8099", "any/4500", "sctp/0", "tcp/65535"];
    on_two_targets(&[("ports", entries)], |engine| {
        for (dport, blocked) in [
            (53, "udp"),
            (52, ""),
            (54, ""),
            (7999, ""),
            (8000, "tcp"),
            (8050, "tcp"),
            (8099, "tcp"),
            (8100, ""),
            (4500, "tcp udp sctp"),
            (4499, ""),
            (4501, ""),
            (0, "sctp"),
            (65535, "tcp"),
            (65534, ""),
        ] {
            for (protocol, v4, v6) in [
                ("tcp", eth() / ipv4() / tcp(53, dport), eth() / ipv6() / tcp(53, dport)),
                ("udp", eth() / ipv4() / udp(53, dport), eth() / ipv6() / udp(53, dport)),
                ("sctp", eth() / ipv4() / sctp(53, dport), eth() / ipv6() / sctp(53, dport)),
            ] {
                let want = if blocked.contains(protocol) { PORTS } else { DEFAULT };
                assert_eq!(decided(engine, v4), want, "{protocol}/{dport} over IPv4");
                assert_eq!(decided(engine, v6), want, "{protocol}/{dport} over IPv6");
            }
        }
    });
}

#[test]
fn a_protocol_without_ports_has_no_service() {
    on_two_targets(&[("ports", &["any/0-65535"])], |engine| {
        let echo = eth() / ipv6() / icmp6(128, 0).rest([0, 53, 0, 53]);
        assert_eq!(decided(engine, echo), DEFAULT);
        assert_eq!(decided(engine, eth() / ipv4().protocol(47) / b"0123456789abcdef"), DEFAULT);
        let later = eth() / ipv4().offset(1) / udp(4000, 53);
        assert_eq!(decided(engine, later), DEFAULT, "a later fragment has no ports");
        assert_eq!(decided(engine, eth() / ipv4().more_fragments() / udp(4000, 53)), PORTS);
    });
}

#[test]
fn a_packet_counts_in_one_entry_and_the_narrowest_one() {
    let entries: [(&str, &[&str]); 2] = [
        (
            "block",
            &["198.51.100.7", "198.51.100.0/24", "198.51.0.0/16", "2001:db8::/32", "2001:db8::/64"],
        ),
        ("ports", &["any/0-65535", "udp/50-60", "udp/53"]),
    ];
    on_two_targets(&entries, |engine| {
        for (src, times) in [("198.51.100.7", 1), ("198.51.100.8", 2), ("198.51.101.1", 3)] {
            for _ in 0..times {
                assert_eq!(decided(engine, from4(src)), BLOCK);
            }
        }
        assert_eq!(engine.hits("block", "198.51.100.7"), [1, 42]);
        assert_eq!(engine.hits("block", "198.51.100.0/24"), [2, 84]);
        assert_eq!(engine.hits("block", "198.51.0.0/16"), [3, 126]);
        decided(engine, from6("2001:db8::7"));
        decided(engine, from6("2001:db8:0:1::7"));
        assert_eq!(engine.hits("block", "2001:db8::/64"), [1, 62]);
        assert_eq!(engine.hits("block", "2001:db8::/32"), [1, 62]);

        let other = || ipv4().src("203.0.113.1");
        for packet in [
            eth() / other() / udp(4000, 53),
            eth() / other() / udp(4000, 54),
            eth() / other() / udp(4000, 61),
            eth() / other() / tcp(4000, 53),
        ] {
            assert_eq!(decided(engine, packet), PORTS);
        }
        assert_eq!(engine.hits("ports", "udp/53"), [1, 42]);
        assert_eq!(engine.hits("ports", "udp/50-60"), [1, 42]);
        assert_eq!(engine.hits("ports", "any/0-65535"), [2, 42 + 54]);
    });
}

#[test]
fn a_part_of_a_set_that_is_said_to_be_empty_is_not_looked_into() {
    let entries: &[&str] = &["198.51.100.7", "203.0.113.0/24", "2001:db8::7", "2001:db8:5::/48"];
    on_two_targets(&[("block", entries)], |engine| {
        let packets = [
            from4("198.51.100.7"),
            from6("2001:db8::7"),
            from4("203.0.113.1"),
            from6("2001:db8:5::1"),
        ];
        for (part, packet) in packets.iter().enumerate() {
            let fill = engine.fill("block");
            assert_eq!(fill, [1; 4]);
            let mut without = fill;
            without[part] = 0;
            engine.set_fill("block", without);
            // IPv4 has one table for addresses and prefixes.
            let looked_into = if part % 2 == 0 { BLOCK } else { DEFAULT };
            assert_eq!(decided(engine, packet), looked_into, "part {part} is empty");
            without = [0; 4];
            engine.set_fill("block", without);
            assert_eq!(decided(engine, packet), DEFAULT, "all parts are empty");
            engine.set_fill("block", fill);
            assert_eq!(decided(engine, packet), BLOCK, "part {part} is not");
        }
    });
}
