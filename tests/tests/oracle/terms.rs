//! Every term: frames that meet it, frames that narrowly miss it or are no matter for it, the same
//! under its negation, and the first frame cut at each byte.

use palisade_filter::oracle::Decider;
use palisade_tests::packet::{
    ACK, AE, ARP_REQUEST, FIN, Packet, RST, SYN, URG, arp, destination, eth, filler, frag, icmp,
    icmp6, ipv4, ipv6, neighbour_advertisement, neighbour_solicitation, pad_to, redirect, routing,
    sctp, service_vlan, tcp, udp, vlan,
};

use crate::{decided, hex, policy};

/// What a cut frame is.
#[derive(Clone, Copy)]
enum Cut {
    /// Malformed, wherever it is cut.
    Malformed,
    /// What it was, from this length on; before, it misses.
    NeedsOnly(usize),
}
use Cut::{Malformed, NeedsOnly};

#[track_caller]
fn check(matching: &str, cut: Cut, hits: &[Packet], misses: &[Packet]) {
    check_with("", matching, cut, hits, misses);
}

/// The same with declarations before the rule.
#[track_caller]
fn check_with(before: &str, matching: &str, cut: Cut, hits: &[Packet], misses: &[Packet]) {
    let plain = policy(&format!("{before}drop {matching}\ndefault pass\n"));
    let negated = policy(&format!("{before}drop not ({matching})\ndefault pass\n"));
    let not_ip = [eth() / arp(ARP_REQUEST), eth().ethertype(0x88cc) / b"lldp"];
    let own_not_ip = hits.iter().any(|hit| not_ip.iter().any(|other| hit.build() == other.build()));
    let others = if own_not_ip { &[][..] } else { &not_ip[..] };
    for (frames, meets) in [(hits, true), (misses, false), (others, false)] {
        for frame in frames.iter().map(Packet::build) {
            for (policy, hit) in [(&plain, meets), (&negated, !meets)] {
                let want = if hit { Decider::Rule(0) } else { Decider::Default };
                let text = &policy.rules()[0].text;
                assert_eq!(decided(policy, &frame).decider, want, "{text}: {}", hex(&frame));
            }
        }
    }
    let first = hits.first().expect("a frame that meets it").build();
    // All headers end before.
    for len in 0..first.len().min(200) {
        let got = decided(&plain, &first[..len]).decider;
        let right = match cut {
            Malformed => matches!(got, Decider::Malformed(_)),
            NeedsOnly(least) if len < least => got == Decider::Default,
            NeedsOnly(_) => got == Decider::Rule(0),
        };
        assert!(right, "{matching}, cut at {len}: {got:?}");
    }
}

#[test]
fn families_and_arp_are_told_by_ethertype_behind_any_tags() {
    let four = [eth() / ipv4() / udp(1, 2), eth() / service_vlan(7) / vlan(8) / ipv4() / tcp(1, 2)];
    let six = [eth() / ipv6() / udp(1, 2), eth() / vlan(0) / ipv6() / icmp6(128, 0)];
    check("ip4", Malformed, &four, &six);
    check("ip6", Malformed, &six, &four);
    check("ethertype 0x0800", Malformed, &four, &six);
    check("ethertype 0x86dd", Malformed, &six, &four);
    let arps = [eth() / arp(ARP_REQUEST), eth() / vlan(3) / arp(ARP_REQUEST)];
    check("arp", NeedsOnly(14), &arps, &four);
    check("ethertype 0x0806", NeedsOnly(14), &arps, &six);
}

#[test]
fn an_ethertype_is_the_one_behind_the_tags() {
    let type_of = |ethertype| eth().ethertype(ethertype) / b"frame";
    let tagged = eth() / vlan(1).ethertype(0x88e5) / b"frame";
    let hits = [tagged, type_of(0x88e5)];
    check("ethertype 0x88e5", NeedsOnly(18), &hits, &[type_of(0x88e6), type_of(0x00e5)]);
}

#[test]
fn a_tag_has_its_identifier_whatever_its_other_bits() {
    let web = || Vec::from(Packet::new() / ipv4() / tcp(1, 80));
    let outer = [
        eth() / vlan(5).ethertype(0x0800) / web(),
        eth() / service_vlan(5).ethertype(0x0800) / web(),
        eth() / vlan(5).pcp(7).dei() / vlan(6).ethertype(0x0800) / web(),
        eth() / vlan(5) / arp(ARP_REQUEST),
    ];
    let others = [
        eth().ethertype(0x0800) / web(),
        eth() / vlan(4).ethertype(0x0800) / web(),
        eth() / vlan(6) / vlan(5).ethertype(0x0800) / web(),
    ];
    check("vlan 5", NeedsOnly(18), &outer, &others);
    let inner = [
        eth() / vlan(6) / vlan(5).ethertype(0x0800) / web(),
        eth() / vlan(5) / vlan(5) / vlan(1).ethertype(0x0800) / web(),
    ];
    check("inner-vlan 5", NeedsOnly(22), &inner, &outer);
    let priority = [eth() / vlan(0).pcp(3).ethertype(0x0800) / web()];
    check(
        "vlan 0",
        NeedsOnly(18),
        &priority,
        &[eth().ethertype(0x0800) / web(), eth() / vlan(4095).ethertype(0x0800) / web()],
    );
}

#[test]
fn ethernet_addresses_are_told_by_end() {
    let mac = [2, 0, 0x5e, 0x10, 0, 0x0f];
    let near = [2, 0, 0x5e, 0x10, 0, 0x0e];
    let from = |mac| eth().src(mac) / ipv4() / udp(1, 2);
    let to = |mac| eth().dst(mac) / arp(ARP_REQUEST);
    let text = "02:00:5e:10:00:0f";
    check(&format!("ether src {text}"), NeedsOnly(14), &[from(mac)], &[from(near), to(mac)]);
    check(&format!("ether dst {text}"), NeedsOnly(14), &[to(mac)], &[to(near), from(mac)]);
    let set = format!("set friends mac {{ elements {{ {text}, 02:00:5e:10:00:00 }} }}\n");
    let (hits, misses) = ([from(mac)], [from(near), to(mac)]);
    check_with(&set, "ether src in friends", NeedsOnly(14), &hits, &misses);
}

#[test]
fn protocols_are_told_behind_extension_headers() {
    let udps = [
        eth() / ipv4() / udp(1, 2),
        eth() / ipv6() / udp(1, 2),
        eth() / ipv6() / destination(0) / routing(0, 0) / frag(0).more() / udp(1, 2) / filler(8),
        eth() / ipv4().protocol(17).offset(3) / filler(8),
    ];
    let others = [
        eth() / ipv4() / tcp(1, 2),
        eth() / ipv6() / sctp(1, 2),
        eth() / ipv6() / frag(3).next(17) / filler(8),
        eth() / ipv6().next(59) / filler(8),
    ];
    check("udp", Malformed, &udps, &others);
    check("proto 17", Malformed, &udps, &others);
    check("tcp", Malformed, &others[..1], &udps);
    check("sctp", Malformed, &others[1..2], &udps);
    let gre = [eth() / ipv4().protocol(47) / filler(20), eth() / ipv6().next(47) / filler(20)];
    check("proto 47", Malformed, &gre, &udps);
}

#[test]
fn icmp_is_that_of_its_version_of_ip() {
    let four = || eth() / ipv4() / icmp(8, 0);
    let six = || eth() / ipv6() / icmp6(128, 0);
    let swapped = [eth() / ipv4() / icmp6(8, 0), eth() / ipv6().next(1) / filler(8)];
    check("icmp", Malformed, &[four()], &[six(), swapped[0].clone(), swapped[1].clone()]);
    check("icmp6", Malformed, &[six()], &[four(), swapped[0].clone(), swapped[1].clone()]);
    check("proto 1", Malformed, &[four(), swapped[1].clone()], &[six(), swapped[0].clone()]);
    let reply = [eth() / ipv4() / icmp(0, 0), eth() / ipv4().protocol(1).offset(2) / &[8; 16]];
    check(
        "type 8",
        Malformed,
        &[four(), eth() / ipv6() / icmp6(8, 0)],
        &[&reply[..], &swapped].concat(),
    );
    check("icmp type 8", Malformed, &[four()], &[eth() / ipv6() / icmp6(8, 0)]);
    let port = eth() / ipv4() / icmp(3, 3);
    check(
        "type 3 code 3",
        Malformed,
        &[port],
        &[eth() / ipv4() / icmp(3, 4), eth() / ipv4() / icmp(4, 3)],
    );
    check("type 3", Malformed, &[eth() / ipv4() / icmp(3, 4)], &[four()]);
}

#[test]
fn neighbour_discovery_is_unfragmented_and_comes_from_a_neighbour() {
    let from = || ipv6().hop_limit(255);
    let hits = [
        eth() / from() / neighbour_solicitation("2001:db8::1"),
        eth() / vlan(0) / from() / neighbour_advertisement("2001:db8::1"),
        eth() / from() / redirect("fe80::1", "2001:db8::1"),
        eth() / from() / destination(0) / icmp6(133, 0),
    ];
    let misses = [
        eth() / from().hop_limit(254) / neighbour_solicitation("2001:db8::1"),
        eth() / from() / frag(0) / neighbour_solicitation("2001:db8::1"),
        eth() / from() / icmp6(132, 0),
        eth() / from() / icmp6(138, 0),
        eth() / ipv4().ttl(255) / icmp(135, 0),
    ];
    check("nd", Malformed, &hits, &misses);
}

#[test]
fn dhcp_is_udp_between_its_own_ports() {
    let hits = [
        eth() / ipv4() / udp(68, 67),
        eth() / ipv4() / udp(67, 67),
        eth() / ipv6() / udp(546, 547),
        eth() / ipv6() / udp(547, 546),
    ];
    let misses = [
        eth() / ipv4() / udp(68, 66),
        eth() / ipv4() / udp(69, 67),
        eth() / ipv4() / udp(546, 547),
        eth() / ipv6() / udp(68, 67),
        eth() / ipv6() / udp(546, 548),
        eth() / ipv4() / tcp(68, 67),
    ];
    check("dhcp", Malformed, &hits, &misses);
}

#[test]
fn addresses_are_told_by_end_and_by_every_bit() {
    let v4 = |src: &str, dst: &str| eth() / ipv4().src(src).dst(dst) / udp(1, 2);
    let v6 = |src: &str, dst: &str| eth() / ipv6().src(src).dst(dst) / udp(1, 2);
    let away = "203.0.113.1";
    let inside = ["10.0.0.0", "10.127.255.255"];
    let outside = ["9.255.255.255", "10.128.0.0"];
    let from = |list: [&str; 2]| list.map(|addr| v4(addr, away));
    let to = |list: [&str; 2]| list.map(|addr| v4(away, addr));
    check("src 10.0.0.0/9", Malformed, &from(inside), &[from(outside), to(inside)].concat());
    check("dst 10.0.0.0/9", Malformed, &to(inside), &[to(outside), from(inside)].concat());
    let both = [from(inside), to(inside)].concat();
    check("host 10.0.0.0/9", Malformed, &both, &[from(outside), to(outside)].concat());
    check("src 10.0.0.0-10.127.255.255", Malformed, &from(inside), &from(outside));
    let set = "set nets net { elements { 10.0.0.0/9 } }\n";
    check_with(set, "src in nets", Malformed, &from(inside), &from(outside));
    check_with(set, "host in nets", Malformed, &both, &from(outside));
    let six = [v6("2001:db8::", "::1"), v6("2001:db8:ffff:ffff:ffff:ffff:ffff:ffff", "::1")];
    let near = [v6("2001:db9::", "::1"), v6("2001:db7:ffff::", "::1"), v6("::1", "2001:db8::")];
    check("src 2001:db8::/32", Malformed, &six, &near);
    let listed = [v4("10.0.0.1", away), v6("2001:db8::1", "::1")];
    check(
        "src { 10.0.0.1, 2001:db8::1 }",
        Malformed,
        &listed,
        &[v4("10.0.0.2", away), v6("2001:db8::2", "::1")],
    );
    let mapped = [v6("::ffff:10.0.0.1", "::1"), v6("::10.0.0.1", "::1")];
    check("src 10.0.0.1", Malformed, &[v4("10.0.0.1", away)], &mapped);
    let part = eth() / ipv4().src("10.0.0.1").protocol(17).offset(9) / filler(3);
    check("src 10.0.0.0/9", Malformed, &[part], &[]);
}

#[test]
fn ports_are_those_of_tcp_udp_and_sctp() {
    let each = |from: u16, to: u16| {
        [
            eth() / ipv4() / tcp(from, to),
            eth() / ipv4() / udp(from, to),
            eth() / ipv6() / sctp(from, to),
        ]
    };
    let portless = [
        eth() / ipv4().protocol(17).offset(1) / filler(16),
        eth() / ipv6() / frag(1).next(17) / filler(16),
        eth() / ipv4().protocol(136) / Vec::from(Packet::new() / udp(53, 53)),
        eth() / ipv4() / icmp(0, 53),
    ];
    let misses = [each(52, 52), each(56, 56)].concat();
    check(
        "dport 53-55",
        Malformed,
        &[each(1, 53), each(1, 55)].concat(),
        &[&misses, &portless[..], &each(53, 1)].concat(),
    );
    check(
        "sport 53-55",
        Malformed,
        &[each(53, 1), each(55, 1)].concat(),
        &[&misses, &portless[..], &each(1, 53)].concat(),
    );
    check(
        "port { 53, 55 }",
        Malformed,
        &[each(53, 1), each(1, 55)].concat(),
        &[&misses, &portless[..], &each(54, 54)].concat(),
    );
    check("dport 0-65535", Malformed, &[each(0, 0), each(65535, 65535)].concat(), &portless);
    check(
        "udp dport 53",
        Malformed,
        &each(1, 53)[1..2],
        &[&each(1, 53)[..1], &portless[..]].concat(),
    );
}

#[test]
fn services_are_protocol_and_destination_port_together() {
    let set = "set ports service { elements { tcp/80, udp/5000-5001, any/7 } }\n";
    let hits = [
        eth() / ipv4() / tcp(1, 80),
        eth() / ipv6() / udp(1, 5001),
        eth() / ipv4() / sctp(1, 7),
        eth() / ipv4() / udp(1, 7),
    ];
    let misses = [
        eth() / ipv4() / udp(1, 80),
        eth() / ipv4() / tcp(80, 81),
        eth() / ipv6() / udp(1, 5002),
        eth() / ipv6() / tcp(1, 5000),
        eth() / ipv6() / frag(1).next(6) / filler(16),
        eth() / ipv4().protocol(47) / filler(16),
    ];
    check_with(set, "service in ports", Malformed, &hits, &misses);
}

#[test]
fn flags_are_compared_where_they_are_named() {
    let flagged = |flags| eth() / ipv4() / tcp(1, 2).flags(flags);
    let hits = [flagged(SYN), flagged(SYN | FIN | RST | URG), flagged(SYN | AE)];
    let later = eth() / ipv4().protocol(6).offset(1) / filler(40);
    let misses = [flagged(ACK), flagged(SYN | ACK), flagged(0), eth() / ipv4() / udp(2, 2), later];
    check("flags syn,!ack", Malformed, &hits, &misses);
    let ae = [flagged(AE), eth() / ipv6() / tcp(1, 2).flags(0xfff)];
    check("flags ae", Malformed, &ae, &[flagged(0x0ff), flagged(0xe00)]);
    check("flags !fin", Malformed, &[flagged(0)], &[flagged(FIN), eth() / ipv4() / udp(1, 2)]);
}

#[test]
fn quantities_are_those_of_the_ip_header() {
    let ttl = |n| [eth() / ipv4().ttl(n) / udp(1, 2), eth() / ipv6().hop_limit(n) / udp(1, 2)];
    check("ttl < 5", Malformed, &[ttl(4), ttl(0)].concat(), &[ttl(5), ttl(255)].concat());
    check("ttl > 5", Malformed, &[ttl(6), ttl(255)].concat(), &[ttl(5), ttl(0)].concat());
    check("ttl = 5", Malformed, &ttl(5), &[ttl(4), ttl(6)].concat());
    let length = |n: usize| {
        [
            eth() / ipv4() / udp(1, 2) / filler(n - 28) / pad_to(100),
            eth() / ipv6() / udp(1, 2) / filler(n - 48) / pad_to(200),
        ]
    };
    let unpadded = eth() / ipv4() / udp(1, 2) / filler(32);
    check(
        "length = 60",
        Malformed,
        &[&[unpadded][..], &length(60)].concat(),
        &[length(59), length(61)].concat(),
    );
    check("length > 65574", Malformed, &[eth() / ipv6() / udp(1, 2) / filler(65527)], &length(100));
    let dscp = |n: u8| {
        [
            eth() / ipv4().tos(n << 2 | 3) / udp(1, 2),
            eth() / ipv6().traffic_class(n << 2 | 3).flow_label(0xfffff) / udp(1, 2),
        ]
    };
    check("dscp = 46", Malformed, &dscp(46), &[dscp(45), dscp(47), dscp(0)].concat());
    check("dscp > 31", Malformed, &[dscp(32), dscp(63)].concat(), &[dscp(31), dscp(0)].concat());
}

#[test]
fn fragments_are_pieces_and_not_atoms() {
    let hits = [
        eth() / ipv4().more_fragments() / udp(1, 2) / filler(8),
        eth() / ipv4().protocol(17).offset(1) / filler(8),
        eth() / ipv4().protocol(17).offset(0x1000) / filler(8),
        eth() / ipv4().protocol(17).more_fragments().offset(0x1fff) / filler(8),
        eth() / ipv6() / frag(0).more() / udp(1, 2) / filler(8),
        eth() / ipv6() / destination(0) / frag(1).next(17) / filler(8),
    ];
    let misses = [
        eth() / ipv4().dont_fragment().evil() / udp(1, 2),
        eth() / ipv6() / udp(1, 2),
        eth() / ipv6() / frag(0).reserved(0xff).reserved_bits(3) / udp(1, 2),
    ];
    check("fragment", Malformed, &hits, &misses);
}

#[test]
fn options_are_those_of_ipv4() {
    let hits =
        [eth() / ipv4().options([1; 4]) / udp(1, 2), eth() / ipv4().options([1; 40]) / udp(1, 2)];
    let misses = [eth() / ipv4() / udp(1, 2), eth() / ipv6() / destination(0) / udp(1, 2)];
    check("options", Malformed, &hits, &misses);
}

#[test]
fn terms_are_joined_by_and_or_and_not() {
    let hits =
        [eth() / ipv4().src("10.0.0.1") / tcp(1, 22), eth() / ipv4().src("10.0.0.1") / udp(1, 53)];
    let misses = [
        eth() / ipv4().src("10.0.0.2") / tcp(1, 22),
        eth() / ipv4().src("10.0.0.1") / tcp(1, 53),
        eth() / ipv4().src("10.0.0.1") / udp(1, 22),
        eth() / ipv4().src("10.0.0.1") / udp(67, 53),
    ];
    check("src 10.0.0.1 (tcp dport 22 or udp not sport 67 dport 53)", Malformed, &hits, &misses);
}
