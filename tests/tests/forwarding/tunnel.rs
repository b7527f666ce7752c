//! `tunnel`: the packet leaves whole behind a header whose every byte is stated here, or meets the
//! next rule.

use palisade_filter::Verdict;
use palisade_tests::becomes::{Case, becomes, stay};
use palisade_tests::engine::Engine;
use palisade_tests::lab::Lab;
use palisade_tests::packet::{
    ARP_REQUEST, BROADCAST, Eth, HERE, Ipv4, Ipv6, Mac, Packet, arp, eth, frag, hop_by_hop, icmp,
    icmp6, ipv4, ipv6, pad_to, sctp, tcp, udp, vlan,
};
use palisade_tests::privilege::Kernel;

use crate::wire::Wire;

const STATION: Mac = [2, 0, 0x5e, 0x10, 0xff, 0x80];
const FOUR: &str = "tunnel 192.0.2.1 to 203.0.113.9 mac 02:00:5e:10:ff:80";
const SIX: &str = "tunnel 2001:db8::1 to 2001:db8:9::9 mac 02:00:5e:10:ff:80";

/// That of a frame which the tunnel has taken.
fn out() -> Eth {
    eth().src(HERE).dst(STATION)
}

/// The outer header of packets of a protocol with a type of service.
fn outer4(protocol: u8, service: u8) -> Ipv4 {
    let outer = ipv4().src("192.0.2.1").dst("203.0.113.9").ttl(64).id(0).dont_fragment();
    outer.protocol(protocol).tos(service)
}

fn outer6(protocol: u8, service: u8) -> Ipv6 {
    let outer = ipv6().src("2001:db8::1").dst("2001:db8:9::9").hop_limit(64);
    outer.next(protocol).traffic_class(service)
}

/// A packet without its Ethernet header.
fn packet(of: &Packet) -> Vec<u8> {
    of.build()[14..].to_vec()
}

/// What packets of IPv4 and IPv6 become in a tunnel over either.
fn cases(four: &[(Ipv4, Packet)], six: &[(Ipv6, Packet)]) -> [Vec<Case>; 2] {
    let (mut over4, mut over6) = (Vec::new(), Vec::new());
    let inner4 = four.iter().map(|(_, whole)| (4, whole.build()[15], whole));
    let inner6 = six.iter().map(|(_, whole)| {
        let [first, second] = [whole.build()[14], whole.build()[15]];
        (41, first << 4 | second >> 4, whole)
    });
    for (protocol, service, whole) in inner4.chain(inner6) {
        let behind4 = out() / outer4(protocol, service) / packet(whole);
        let behind6 = out() / outer6(protocol, service) / packet(whole);
        over4.push((whole.clone(), Verdict::Tx, behind4));
        over6.push((whole.clone(), Verdict::Tx, behind6));
    }
    [over4, over6]
}

#[test]
fn packets_of_either_family_go_whole_behind_a_header_of_either() {
    let four = |ip: Ipv4| {
        let all = [
            eth() / ip.clone() / udp(1, 2) / b"odd",
            eth() / ip.clone() / tcp(1, 2) / b"even",
            eth() / ip.clone() / sctp(1, 2),
            eth() / ip.clone().options([1; 8]) / icmp(8, 0),
            eth() / ip.clone().more_fragments() / udp(1, 2) / &[0; 8],
            eth() / ip.clone().offset(9) / &[7; 32],
            eth() / ip.clone().protocol(4) / &[7; 32],
        ];
        all.map(|whole| (ip.clone(), whole))
    };
    let six = |ip: Ipv6| {
        let all = [
            eth() / ip.clone() / udp(1, 2) / b"odd",
            eth() / ip.clone() / hop_by_hop(0) / icmp6(128, 0),
            eth() / ip.clone() / frag(9) / &[7; 32],
            eth() / ip.clone().next(41) / &[7; 33],
        ];
        all.map(|whole| (ip.clone(), whole))
    };
    let services = [0, 1, 0xb8, 0xff, 0x0f, 0xf0];
    let four: Vec<_> = services.iter().flat_map(|tos| four(ipv4().tos(*tos).ttl(*tos))).collect();
    let six: Vec<_> = services
        .iter()
        .flat_map(|class| six(ipv6().traffic_class(*class).flow_label(0xfffff).hop_limit(1)))
        .collect();
    let [over4, over6] = cases(&four, &six);
    becomes(FOUR, &over4);
    becomes(SIX, &over6);
}

#[test]
fn every_length_has_the_checksum_of_its_outer_header() {
    let of = |len: usize| (ipv4(), eth() / ipv4() / udp(1, 2) / vec![9; len]);
    let all: Vec<_> = (0..1452).step_by(7).map(of).collect();
    let [over4, over6] = cases(&all[..all.len() - 3], &[]);
    becomes(FOUR, &over4);
    becomes(SIX, &over6);
    // A length that makes the sum all ones, whose complement is then 0 and never 0xffff.
    for last in 0..=255u8 {
        let rule =
            format!("tunnel 192.0.2.{} to 203.0.{last}.255 mac 02:00:5e:10:ff:80", 1 + last % 9);
        let whole = eth() / ipv4() / udp(1, 2);
        let outer = outer4(4, 0).src(format!("192.0.2.{}", 1 + last % 9).as_str());
        let outer = outer.dst(format!("203.0.{last}.255").as_str());
        let frame = changed_by(&rule, &whole.build());
        assert_eq!(frame, (out() / outer / packet(&whole)).build(), "{rule}");
    }
}

/// What the oracle and the interpreter make of a frame.
fn changed_by(rule: &str, frame: &[u8]) -> Vec<u8> {
    use palisade_filter::rehearsal::Rehearsal;
    let policy = palisade_filter::parse(&format!("{rule}\ndefault pass\n")).expect("a policy");
    let artifact = palisade_filter::compile(&policy, Rehearsal::TARGET).expect("a program");
    let mut rehearsal = Rehearsal::new(&policy, &artifact).expect("ready");
    let run = rehearsal.run(frame).unwrap_or_else(|fault| panic!("{rule}: {fault}"));
    run.changed.expect("it is changed")
}

/// A packet of this length, with its headers.
fn long4(len: usize) -> Packet {
    eth() / ipv4() / udp(1, 2) / vec![7; len - 28]
}

fn long6(len: usize) -> Packet {
    eth() / ipv6() / udp(1, 2) / vec![7; len - 48]
}

#[test]
fn a_packet_that_does_not_fit_meets_the_next_rule() {
    for (rule, most) in [
        (FOUR.to_owned(), 1480),
        (SIX.to_owned(), 1460),
        (format!("{FOUR} mtu 100"), 80),
        (format!("{SIX} mtu 1280"), 1240),
        (format!("{FOUR} mtu 1600"), 1580),
    ] {
        let (protocols, lens) = ([4, 41], [most - 1, most]);
        for len in lens {
            for (protocol, whole) in protocols.iter().zip([long4(len), long6(len)]) {
                let taken = match rule.starts_with(FOUR) {
                    true => out() / outer4(*protocol, 0) / packet(&whole),
                    false => out() / outer6(*protocol, 0) / packet(&whole),
                };
                becomes(&rule, &[(whole, Verdict::Tx, taken)]);
            }
        }
        stay(&rule, [long4(most + 1), long6(most + 1)]);
    }
    stay(
        FOUR,
        [
            eth() / vlan(7) / ipv4() / udp(1, 2),
            eth().dst(BROADCAST) / ipv4() / udp(1, 2),
            eth() / arp(ARP_REQUEST),
            eth().ethertype(0x88b5) / &[1; 50],
        ],
    );
}

#[test]
fn padding_behind_a_packet_is_no_part_of_the_outer_length() {
    let whole = eth() / ipv4() / udp(1, 2) / b"x";
    let taken = out() / outer4(4, 0) / packet(&whole);
    let case = (whole / pad_to(80), Verdict::Tx, taken / pad_to(100));
    becomes(FOUR, &[case]);
}

#[test]
fn a_frame_in_several_buffers_gets_its_header_too() {
    let Some(kernel) = Kernel::or_skip() else { return };
    for target in kernel.multi() {
        let text = format!("{SIX} mtu 9000\ndefault pass\n");
        let mut engine = Engine::load(&kernel, &text, target);
        for len in [5000, 8960] {
            let outcome = engine.run(&long4(len).build()).unwrap_or_else(|fault| panic!("{fault}"));
            assert_eq!(outcome.verdict, Verdict::Tx);
        }
        let outcome = engine.run(&long4(8961).build()).unwrap_or_else(|fault| panic!("{fault}"));
        assert_eq!(outcome.verdict, Verdict::Pass);
    }
}

#[test]
fn what_is_sent_to_a_service_comes_back_on_the_wire_in_a_packet() {
    Lab::run(|lab| {
        let wire = Wire::with(lab, include_str!("../../../examples/ip-tunnel.pal"));
        let query = eth() / ipv4().dst("192.0.2.80").ttl(9) / udp(4000, 53) / b"query";
        let taken = wire.back(&query.build());
        assert_eq!(taken, (out() / outer4(4, 0) / packet(&query)).build());
        wire.nothing_back(&(eth() / ipv4().dst("192.0.2.80") / udp(4000, 54)).build());
        let status = wire.lab().palisade(&["-j", "status"]).json();
        assert_eq!(status["verdicts"]["tx"]["packets"], 1, "{status:#}");
    });
}
