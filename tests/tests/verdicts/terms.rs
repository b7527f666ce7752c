//! Every term of the language: what it is true of, what it narrowly misses, and what it is no
//! matter for.
//!
//! Frames are put to the policy that drops what matches and to the one that passes it.
//! A match is decided by its rule, a miss by the default, a frame that is cut by its class.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use palisade_tests::engine::Engine;
use palisade_tests::packet::{
    ARP_REQUEST, Packet, SYN, arp, destination, eth, frag, icmp, icmp6, ipv4, ipv6,
    neighbour_solicitation, sctp, service_vlan, tcp, udp, vlan,
};
use palisade_tests::privilege::Kernel;

use crate::decided;

/// What becomes of a frame under a rule.
#[derive(Clone, Copy)]
enum Fate {
    Match,
    Miss,
    Malformed(&'static str),
}
use Fate::{Malformed, Match, Miss};

/// Puts frames to a match: as a `drop` on the least target, and as a `pass` on the best one.
#[track_caller]
fn check(matching: &str, frames: &[(Vec<u8>, Fate)]) {
    check_with("", &[], matching, frames);
}

/// The same with declarations before the rule and entries in their sets.
#[track_caller]
fn check_with(
    before: &str,
    entries: &[(&str, &[&str])],
    matching: &str,
    frames: &[(Vec<u8>, Fate)],
) {
    let Some(kernel) = Kernel::or_skip() else { return };
    let runs = [(kernel.targets[0], "drop", "pass"), (kernel.best(), "pass", "drop")];
    for (target, action, otherwise) in runs {
        let policy = format!("{before}{action} {matching}\ndefault {otherwise}\n");
        let mut engine = Engine::load(&kernel, &policy, target);
        for (set, items) in entries {
            engine.add(set, items);
        }
        for (at, (frame, fate)) in frames.iter().enumerate() {
            let want = match fate {
                Match => engine.rows().iter().rev().nth(1).expect("a rule").text.clone(),
                Miss => format!("default {otherwise}"),
                Malformed(class) => (*class).to_owned(),
            };
            let got = decided(&mut engine, frame.clone());
            assert_eq!(got, want, "frame {at} under `{action} {matching}`");
        }
    }
}

fn is(fate: Fate, packets: impl IntoIterator<Item = Packet>) -> Vec<(Vec<u8>, Fate)> {
    packets.into_iter().map(|packet| (packet.build(), fate)).collect()
}

/// Every packet that is neither IPv4 nor IPv6.
fn not_ip() -> Vec<(Vec<u8>, Fate)> {
    is(
        Miss,
        [eth() / arp(ARP_REQUEST), eth().ethertype(0x88cc) / b"lldp", eth().ethertype(0) / b""],
    )
}

#[test]
fn families_are_told_by_ethertype_behind_any_tags() {
    let four =
        || [eth() / ipv4() / udp(1, 2), eth() / service_vlan(7) / vlan(8) / ipv4() / tcp(1, 2)];
    let six = || [eth() / ipv6() / udp(1, 2), eth() / vlan(0) / ipv6() / icmp6(128, 0)];
    let arps = || [eth() / arp(ARP_REQUEST), eth() / vlan(3) / arp(ARP_REQUEST)];
    check("ip4", &[is(Match, four()), is(Miss, six()), not_ip()].concat());
    check("ip6", &[is(Match, six()), is(Miss, four()), not_ip()].concat());
    check("arp", &[is(Match, arps()), is(Miss, four()), is(Miss, six())].concat());
}

#[test]
fn a_rule_without_terms_is_true_of_every_frame_even_a_cut_one() {
    let cut = vec![((eth() / ipv4() / udp(1, 2)).cut(15), Match)];
    let all = is(Match, [eth() / ipv4() / udp(1, 2), eth() / arp(ARP_REQUEST)]);
    check("", &[all, is(Match, [eth().ethertype(0x88cc) / b""]), cut].concat());
}

/// An address as the number it is.
fn number(addr: IpAddr) -> u128 {
    match addr {
        IpAddr::V4(addr) => addr.to_bits().into(),
        IpAddr::V6(addr) => addr.to_bits(),
    }
}

/// A packet from (or to) an address given as a number.
fn packet(side: &str, family: u32, addr: u128) -> Packet {
    if family == 32 {
        let addr = Ipv4Addr::from_bits(u32::try_from(addr).expect("32 bits"));
        let header = if side == "src" { ipv4().src(addr) } else { ipv4().dst(addr) };
        eth() / header / udp(1, 2)
    } else {
        let addr = Ipv6Addr::from_bits(addr);
        let header = if side == "src" { ipv6().src(addr) } else { ipv6().dst(addr) };
        eth() / header / udp(1, 2)
    }
}

/// The ends of a prefix, and the addresses that differ from it in its first and in its last bit.
fn around(side: &str, family: u32, base: u128, len: u32) -> Vec<(Vec<u8>, Fate)> {
    let hosts = if len == 0 { u128::MAX >> (128 - family) } else { (1u128 << (family - len)) - 1 };
    let first = base & !hosts;
    let half = hosts / 2;
    let ends = [first, first | hosts, first | half, first | (hosts ^ half)];
    let mut frames = is(Match, ends.map(|addr| packet(side, family, addr)));
    if len > 0 {
        let bits = [family - 1, family - len, family - len.div_ceil(2)];
        frames.extend(is(Miss, bits.map(|bit| packet(side, family, base ^ 1 << bit))));
    }
    let other = 160 - family;
    frames.extend(is(Miss, [packet(side, other, 1)]));
    frames.extend(not_ip());
    frames.push((
        packet(side, family, base).cut(14 + if family == 32 { 19 } else { 39 }),
        Malformed("short-l3"),
    ));
    frames
}

const BASES: [(&str, u32, &[u32]); 2] = [
    ("198.51.100.170", 32, &[0, 1, 8, 15, 16, 17, 24, 31, 32]),
    (
        "2001:db8:aaaa:5555:a5a5:5a5a:c3c3:3c3c",
        128,
        &[0, 1, 8, 31, 32, 33, 63, 64, 65, 96, 127, 128],
    ),
];

#[test]
fn addresses_are_compared_up_to_the_last_bit_of_the_prefix() {
    for (base, family, lens) in BASES {
        let addr: IpAddr = base.parse().expect("an address");
        for len in lens {
            for side in ["src", "dst"] {
                let frames = around(side, family, number(addr), *len);
                check(&format!("{side} {base}/{len}"), &frames);
            }
        }
    }
}

#[test]
fn sets_hold_prefixes_of_every_length() {
    for (base, family, lens) in BASES {
        let addr: IpAddr = base.parse().expect("an address");
        for len in lens {
            let frames = around("dst", family, number(addr), *len);
            let item = format!("{base}/{len}");
            check_with("set s net { max 8 }\n", &[("s", &[&item])], "dst in s", &frames);
        }
    }
}

/// One packet of each protocol with ports and each family.
fn ported(sport: u16, dport: u16) -> Vec<Packet> {
    vec![
        eth() / ipv4() / tcp(sport, dport).flags(SYN),
        eth() / ipv4() / udp(sport, dport),
        eth() / ipv4() / sctp(sport, dport),
        eth() / ipv6() / tcp(sport, dport).flags(SYN),
        eth() / ipv6() / udp(sport, dport),
        eth() / ipv6() / destination(0) / sctp(sport, dport),
        eth() / ipv4().options([1; 40]) / udp(sport, dport),
        eth() / ipv4().more_fragments() / udp(sport, dport),
    ]
}

/// What has no ports, whatever its bytes look like.
fn portless(port: u16) -> Vec<(Vec<u8>, Fate)> {
    let [high, low] = port.to_be_bytes();
    let mut frames = is(
        Miss,
        [
            eth() / ipv4() / icmp(high, low).rest([high, low, high, low]),
            eth() / ipv6() / icmp6(high, low).rest([high, low, high, low]),
            eth() / ipv4().protocol(136) / &[high, low, high, low, 0, 8, 0, 0],
            eth() / ipv4().offset(1) / udp(port, port),
            eth() / ipv6() / frag(8) / udp(port, port),
        ],
    );
    frames.extend(not_ip());
    let (long, short) = (eth() / ipv4() / udp(port, port), ipv4().total_len(27));
    frames.push((long.cut(41), Malformed("bad-length")));
    frames.push(((eth() / short / udp(port, port)).build(), Malformed("short-l4")));
    frames
}

#[test]
fn ports_are_compared_with_both_ends_of_a_range() {
    for (range, inside, outside) in [
        ("53", &[53][..], &[52, 54, 13_568, 0][..]),
        ("0", &[0], &[1, 65_535]),
        ("8000-8099", &[8000, 8050, 8099], &[7999, 8100, 80]),
        ("1-1023", &[1, 1023], &[0, 1024]),
        ("1024-65535", &[1024, 65_535], &[1023, 0]),
        ("0-65535", &[0, 255, 256, 65_535], &[]),
    ] {
        let far = 33_333;
        let to =
            |ports: &[u16]| ports.iter().flat_map(|port| ported(far, *port)).collect::<Vec<_>>();
        let from =
            |ports: &[u16]| ports.iter().flat_map(|port| ported(*port, far)).collect::<Vec<_>>();
        let rest = portless(inside[0]);
        check(
            &format!("dport {range}"),
            &[is(Match, to(inside)), is(Miss, to(outside)), rest.clone()].concat(),
        );
        check(
            &format!("sport {range}"),
            &[is(Match, from(inside)), is(Miss, from(outside)), rest].concat(),
        );
    }
}

#[test]
fn protocols_are_told_by_their_number_in_either_family() {
    let (tcps, udps, sctps) = (
        || [eth() / ipv4() / tcp(1, 2), eth() / ipv6() / destination(1) / tcp(1, 2)],
        || {
            [
                eth() / ipv4() / udp(1, 2),
                eth() / ipv6() / udp(1, 2),
                eth() / ipv4().offset(9) / udp(1, 2),
            ]
        },
        || [eth() / ipv4() / sctp(1, 2), eth() / ipv6() / sctp(1, 2)],
    );
    let unknown = || [eth() / ipv6() / frag(8) / udp(1, 2)];
    let rest = || [is(Miss, unknown()), not_ip()].concat();
    check("tcp", &[is(Match, tcps()), is(Miss, udps()), is(Miss, sctps()), rest()].concat());
    check("udp", &[is(Match, udps()), is(Miss, tcps()), is(Miss, sctps()), rest()].concat());
    check("sctp", &[is(Match, sctps()), is(Miss, udps()), is(Miss, tcps()), rest()].concat());
    check("proto 17", &[is(Match, udps()), is(Miss, tcps()), is(Miss, sctps()), rest()].concat());
    let gre = || [eth() / ipv4().protocol(47) / b"", eth() / ipv6().next(47) / b"x"];
    check("proto 47", &[is(Match, gre()), is(Miss, udps()), rest()].concat());
    check("proto 255", &is(Match, [eth() / ipv4().protocol(255) / b""]));
    check("proto 0", &is(Match, [eth() / ipv4().protocol(0) / b""]));
}

#[test]
fn icmp_is_of_ipv4_and_icmp6_of_ipv6() {
    let (four, six) = (|| eth() / ipv4() / icmp(8, 0), || eth() / ipv6() / icmp6(128, 0));
    let crossed4 = || eth() / ipv4().protocol(58) / b"12345678";
    let crossed6 = || eth() / ipv6().next(1) / b"12345678";
    check(
        "icmp",
        &[
            is(Match, [four()]),
            is(Miss, [six(), crossed4(), crossed6()]),
            not_ip(),
            vec![(four().shortened(7).build(), Malformed("short-l4"))],
        ]
        .concat(),
    );
    check(
        "icmp6",
        &[is(Match, [six()]), is(Miss, [four(), crossed4(), crossed6()]), not_ip()].concat(),
    );
    check("proto 1", &is(Match, [four(), crossed6()]));
    check("proto 58", &is(Match, [six(), crossed4()]));
}

#[test]
fn neighbour_discovery_is_what_the_stack_accepts_of_it() {
    let nd = |kind: u8, hops: u8| eth() / ipv6().hop_limit(hops) / icmp6(kind, 0) / &[0; 32];
    let asks = || neighbour_solicitation("2001:db8::1");
    let from = || ipv6().hop_limit(255);
    check(
        "nd",
        &[
            is(Match, (133..=137).map(|kind| nd(kind, 255))),
            is(Miss, [132, 138, 128, 0, 255].map(|kind| nd(kind, 255))),
            is(Miss, [0, 1, 64, 254].map(|hops| nd(135, hops))),
            is(Match, [eth() / vlan(0) / from() / destination(0) / asks()]),
            is(Miss, [eth() / from() / frag(0) / asks()]),
            is(Miss, [eth() / ipv4().ttl(255).protocol(58) / asks()]),
            not_ip(),
        ]
        .concat(),
    );
}

#[test]
fn all_terms_of_a_rule_must_be_true() {
    let it = || ipv4().src("203.0.113.9");
    check(
        "ip4 udp src 203.0.113.0/24 sport 1000-2000 dport 53",
        &[
            is(Match, [eth() / it() / udp(1000, 53), eth() / it() / udp(2000, 53)]),
            is(Miss, [eth() / it() / udp(999, 53), eth() / it() / udp(1000, 54)]),
            is(Miss, [eth() / it() / tcp(1000, 53), eth() / ipv4() / udp(1000, 53)]),
            is(Miss, [eth() / ipv6() / udp(1000, 53)]),
            not_ip(),
        ]
        .concat(),
    );
    check(
        "src 203.0.113.9 dst 192.0.2.0/24",
        &[
            is(Match, [eth() / it() / udp(1, 2)]),
            is(Miss, [eth() / it().dst("192.0.3.1") / udp(1, 2), eth() / ipv4() / udp(1, 2)]),
        ]
        .concat(),
    );
}
