//! `balance`: which backend a packet gets, that the pieces of one get the same, and that every
//! checksum is that of the packet that leaves.

use std::collections::BTreeMap;

use palisade_filter::Verdict;
use palisade_filter::oracle::{Given, changed};
use palisade_filter::parse;
use palisade_tests::becomes::{Case, becomes, stay};
use palisade_tests::engine::Engine;
use palisade_tests::judges::Judges;
use palisade_tests::lab::Lab;
use palisade_tests::packet::{
    ARP_REQUEST, BROADCAST, Eth, HERE, Ipv4, Ipv6, MULTICAST, Mac, Packet, THERE, arp, eth, frag,
    hop_by_hop, icmp, icmp6, ipv4, ipv6, sctp, service_vlan, tcp, udp, vlan,
};
use palisade_tests::privilege::Kernel;
use palisade_tests::random::Made;

use crate::wire::Wire;

/// That of a frame that goes to who sent it.
fn back() -> Eth {
    eth().src(HERE).dst(THERE)
}

#[test]
fn one_backend_gets_all_with_every_checksum_right() {
    let mut cases: Vec<Case> = Vec::new();
    for dst in ["192.0.2.1", "198.18.0.1", "10.255.0.255"] {
        let (old, new) = (|| ipv4().dst(dst), || ipv4().dst("10.0.0.7"));
        cases.extend([
            (eth() / old() / tcp(1, 2) / b"t", Verdict::Tx, back() / new() / tcp(1, 2) / b"t"),
            (eth() / old() / udp(1, 2) / b"u", Verdict::Tx, back() / new() / udp(1, 2) / b"u"),
            (eth() / old() / icmp(3, 1) / b"i", Verdict::Tx, back() / new() / icmp(3, 1) / b"i"),
            (
                eth() / vlan(1) / old().ttl(1).options([1; 4]) / udp(1, 2).checksum(0),
                Verdict::Tx,
                back() / vlan(1) / new().ttl(1).options([1; 4]) / udp(1, 2).checksum(0),
            ),
        ]);
    }
    becomes("balance 10.0.0.7", &cases);
    let mut cases: Vec<Case> = Vec::new();
    for dst in ["::2", "2001:db8:ffff:ffff:ffff:ffff:ffff:ffff", "fe80::1"] {
        let (old, new) = (|| ipv6().dst(dst), || ipv6().dst("2001:db8::ffff:0:7"));
        cases.extend([
            (eth() / old() / tcp(1, 2) / b"t", Verdict::Tx, back() / new() / tcp(1, 2) / b"t"),
            (eth() / old() / udp(1, 2) / b"u", Verdict::Tx, back() / new() / udp(1, 2) / b"u"),
            (
                eth() / service_vlan(3) / vlan(4) / old() / hop_by_hop(1) / icmp6(128, 0) / b"i",
                Verdict::Tx,
                back() / service_vlan(3) / vlan(4) / new() / hop_by_hop(1) / icmp6(128, 0) / b"i",
            ),
        ]);
    }
    becomes("balance 2001:db8::ffff:0:7", &cases);
}

#[test]
fn udp_of_any_content_keeps_a_checksum_that_says_it_has_one() {
    let four = |dst: &str, word: u16| eth() / ipv4().dst(dst) / udp(9, 9) / &word.to_be_bytes();
    let of = |dst: &str, word: u16| back() / ipv4().dst(dst) / udp(9, 9) / &word.to_be_bytes();
    let sum = |word| of("10.0.0.7", word).build()[40..42].to_vec();
    let word = (0..=u16::MAX).find(|word| sum(*word) == [0xff, 0xff]).expect("one of all");
    let words = [word, word ^ 1, word.wrapping_add(1), word.wrapping_sub(1), 0, 0xffff];
    becomes(
        "balance 10.0.0.7",
        &words.map(|word| (four("192.0.2.1", word), Verdict::Tx, of("10.0.0.7", word))),
    );
}

const MAC: Mac = [2, 0, 0x5e, 0x10, 0xff, 0x80];

#[test]
fn the_frame_goes_to_the_address_of_its_backend_and_comes_from_where_it_came_to() {
    let body = |below: Packet, dst: &str| below / ipv4().dst(dst) / udp(1, 2);
    let frame = |eth: Eth| Packet::new() / eth;
    becomes(
        "balance 10.0.0.7 mac 02:00:5e:10:ff:80",
        &[(
            body(frame(eth()), "192.0.2.1"),
            Verdict::Tx,
            body(frame(eth().src(HERE).dst(MAC)), "10.0.0.7"),
        )],
    );
}

#[test]
fn what_cannot_be_sent_to_a_backend_meets_the_next_rule() {
    stay(
        "balance 10.0.0.7",
        [
            eth() / ipv4() / sctp(1, 2),
            eth() / ipv4().protocol(47) / &[0; 8],
            eth() / ipv6() / udp(1, 2),
            eth().dst(BROADCAST) / ipv4() / udp(1, 2),
            eth().src(MULTICAST) / ipv4() / udp(1, 2),
            eth() / arp(ARP_REQUEST),
        ],
    );
    stay(
        "balance 2001:db8::7",
        [eth() / ipv4() / udp(1, 2), eth() / ipv6() / sctp(1, 2), eth() / ipv6() / icmp(8, 0)],
    );
}

/// Judges of a rule alone.
fn judges(rule: &str) -> Judges {
    let made = Made { text: format!("{rule}\ndefault pass\n"), entries: Vec::new() };
    let kernel = Kernel::or_skip();
    let bench = kernel.as_ref().map(|kernel| (kernel, kernel.targets.as_slice()));
    Judges::of(bench, &made).unwrap_or_else(|why| panic!("{why:?}"))
}

/// The last byte of the address to which a packet goes, the `turn`th of its rule.
fn backend(judges: &mut Judges, packet: &Packet, turn: u64) -> u8 {
    let frame = packet.build();
    let expected = judges.judge(&frame).unwrap_or_else(|how| panic!("{how}"));
    assert_eq!(expected.decision.verdict, Verdict::Tx, "{packet:?}");
    let out = expected.out(turn);
    match out[12..14] {
        [0x08, 0x00] => out[33],
        _ => out[53],
    }
}

#[test]
fn by_turns_each_backend_gets_one_packet_after_the_other() {
    for n in [2, 3, 4, 5, 7, 64] {
        let all: Vec<String> = (0..n).map(|at| format!("10.0.0.{}", at + 1)).collect();
        let mut judges = judges(&format!("balance {} round-robin icmp", all.join(", ")));
        for turn in 0..2 * n + 1 {
            let ping = eth() / ipv4() / icmp(8, 0).rest([0, 1, 0, 9]);
            let wanted = u8::try_from(turn % n + 1).expect("few");
            assert_eq!(backend(&mut judges, &ping, turn), wanted, "{turn} of {n}");
        }
    }
}

/// All pieces of one packet.
fn pieces(of: &Packet) -> Vec<Packet> {
    of.fragments(&[64, 128])
}

#[test]
fn the_pieces_of_a_packet_go_to_one_backend_whatever_the_choice() {
    let four = |port| eth() / ipv4().id(port) / udp(port, 53) / vec![7; 300];
    let six = |port| eth() / ipv6() / udp(port, 53) / vec![7; 300];
    for choice in ["round-robin", "hash src", "hash flow"] {
        let four_backends = "10.0.0.1, 10.0.0.2, 10.0.0.3, 10.0.0.4";
        let six_backends = "2001:db8::1, 2001:db8::2, 2001:db8::3, 2001:db8::4";
        let mut rules = [
            judges(&format!("balance {four_backends} {choice} ( udp or icmp )")),
            judges(&format!("balance {six_backends} {choice}")),
        ];
        for (place, judges) in rules.iter_mut().enumerate() {
            for port in 4000..4010u16 {
                let whole = if place == 0 { four(port) } else { six(port) };
                let all: Vec<u8> =
                    pieces(&whole).iter().map(|piece| backend(judges, piece, 0)).collect();
                assert!(all.len() > 2 && all.iter().all(|one| *one == all[0]), "{choice} {all:?}");
            }
        }
    }
}

#[test]
fn flows_are_spread_evenly_and_each_keeps_its_backend() {
    for n in [2u64, 3, 5, 64] {
        let all: Vec<String> = (0..n).map(|at| format!("10.0.0.{}", at + 1)).collect();
        for choice in ["hash flow", "hash src"] {
            let text = format!("balance {} {choice}\ndefault pass\n", all.join(", "));
            let policy = parse(&text).expect("a policy");
            let change = policy.rules()[0].action.change().expect("a change").clone();
            let mut shares: BTreeMap<u8, u64> = BTreeMap::new();
            const FLOWS: u16 = 6400;
            for at in 0..FLOWS {
                let [high, low] = at.to_be_bytes();
                let frame = match choice {
                    "hash src" => {
                        eth() / ipv4().src(format!("10.9.{high}.{low}").as_str()) / udp(1, 2)
                    }
                    _ => eth() / ipv4() / udp(1024 + at, 80),
                };
                *shares.entry(changed(&change, &frame.build(), &Given::FIRST)[33]).or_default() +=
                    1;
            }
            let fair = u64::from(FLOWS) / n;
            assert_eq!(shares.len() as u64, n, "{choice}");
            for (backend, share) in shares {
                let near = (fair - fair / 2)..=(fair + fair / 2);
                assert!(near.contains(&share), "{choice} of {n}: {backend} gets {share}");
            }
        }
    }
}

#[test]
fn flows_by_hash_go_where_every_judge_says() {
    let ip4 = |at: u8| {
        ipv4().src(format!("203.0.113.{at}").as_str()).dst(format!("192.0.2.{at}").as_str())
    };
    let ip6 = |at: u8| ipv6().src(format!("2001:db8:{at}::{at}").as_str());
    let four = |ip: Ipv4, at: u16| {
        [
            eth() / ip.clone() / tcp(1000 * at, at),
            eth() / ip.clone() / udp(at, 0xffff - at),
            eth() / ip.clone() / icmp(8, 0),
            eth() / ip.clone().more_fragments() / udp(at, 9) / &[0; 8],
            eth() / ip.protocol(17).offset(5) / &[3; 24],
        ]
    };
    let six = |ip: Ipv6, at: u16| {
        [
            eth() / ip.clone() / tcp(1000 * at, at),
            eth() / ip.clone() / udp(at, 0xffff - at),
            eth() / ip.clone() / icmp6(128, 0),
            eth() / ip.clone() / frag(0) / udp(at, 9),
            eth() / ip.clone() / frag(0).more() / sctp(at, 9) / &[0; 8],
            eth() / ip / frag(9) / &[3; 24],
        ]
    };
    for choice in ["hash src", "hash flow", "round-robin"] {
        let mut rules = [
            judges(&format!("balance 10.0.0.1, 10.0.0.2 mac 02:00:5e:10:ff:80, 10.0.0.3 {choice}")),
            judges(&format!(
                "balance 2001:db8::1, ::2:3, 2001:db8::3 mac 02:00:5e:10:ff:80 {choice}"
            )),
        ];
        for at in 1..40u8 {
            let packets = (four(ip4(at), at.into()).to_vec(), six(ip6(at), at.into()).to_vec());
            for (judges, packets) in rules.iter_mut().zip([packets.0, packets.1]) {
                for packet in packets {
                    let judged = judges.judge(&packet.build());
                    let expected = judged.unwrap_or_else(|how| panic!("{choice}: {how}"));
                    assert_eq!(expected.decision.verdict, Verdict::Tx, "{packet:?}");
                }
            }
        }
    }
}

#[test]
fn a_run_of_packets_in_the_kernel_is_counted_in_turns() {
    let Some(kernel) = Kernel::or_skip() else { return };
    // Backends that are again for the rule, so that every run of a burst is balanced.
    let text = "balance 10.0.0.1, 10.0.0.2, 10.0.0.3 round-robin icmp\ndefault pass\n";
    for target in &kernel.targets {
        let mut engine = Engine::load(&kernel, text, *target);
        let frame = (eth() / ipv4() / icmp(8, 0)).build();
        for times in [1, 2, 5, 1000] {
            let outcome = engine.burst(&frame, times).unwrap_or_else(|fault| panic!("{fault}"));
            assert_eq!(outcome.verdict, Verdict::Tx);
        }
    }
}

#[test]
fn pings_on_a_wire_go_to_two_machines_in_turn() {
    const MACHINES: [Mac; 2] = [[2, 0, 0x5e, 0x10, 0, 0x11], [2, 0, 0x5e, 0x10, 0, 0x12]];
    Lab::run(|lab| {
        let wire = Wire::with(lab, include_str!("../../../examples/icmp-balancer.pal"));
        let ping = |below: Eth, ip: Ipv4| {
            below / ip.ttl(9) / icmp(8, 0).rest([0, 1, 0, 7]) / b"are you there?"
        };
        for turn in 0..6 {
            let back = wire.back(&ping(eth(), ipv4().dst("192.0.2.80")).build());
            let address = ["198.51.100.11", "198.51.100.12"][turn % 2];
            let frame = eth().src(HERE).dst(MACHINES[turn % 2]);
            assert_eq!(back, ping(frame, ipv4().dst(address)).build(), "{turn}");
        }
        let status = wire.lab().palisade(&["-j", "status"]).json();
        assert_eq!(status["verdicts"]["tx"]["packets"], 6, "{status:#}");
    });
}
