//! `route`: what becomes of a packet by each answer of the kernel's routes, what they are asked, and
//! packets on real wires from one interface to another.

use std::fs;
use std::process::Command;

use palisade_asm::vm::Fib;
use palisade_filter::plan::Decider;
use palisade_filter::rehearsal::Rehearsal;
use palisade_filter::{Row, Verdict, compile, parse};
use palisade_loader::netns::{self, VethEnd, VethOptions};
use palisade_tests::becomes::stay;
use palisade_tests::engine::Engine;
use palisade_tests::judges::Judges;
use palisade_tests::lab::Lab;
use palisade_tests::packet::{
    ARP_REQUEST, BROADCAST, Eth, Mac, Packet, arp, eth, frag, hop_by_hop, icmp, icmp6, ipv4, ipv6,
    sctp, tcp, udp, vlan,
};
use palisade_tests::privilege::{Kernel, is_installed};
use palisade_tests::random::Made;

use serde_json::Value;

use crate::wire::Wire;

/// The second wire takes shorter packets than the first.
const SECOND_MTU: u16 = 1300;
const OUT: Mac = [2, 0, 0, 0, 9, 1];
const NEXT: Mac = [2, 0, 0x5e, 0x10, 0xff, 0x80];
const FOUND: Fib = Fib { answer: Fib::FOUND, interface: 7, source: OUT, destination: NEXT };

fn judges() -> Judges {
    let made = Made { text: "route as ways\ndefault pass\n".to_owned(), entries: Vec::new() };
    Judges::of(None, &made).unwrap_or_else(|why| panic!("{why:?}"))
}

/// A packet before and behind a router.
fn hops(body: impl Fn(Eth, u8) -> Packet, hops: u8) -> [Packet; 2] {
    [body(eth(), hops), body(eth().src(OUT).dst(NEXT), hops - 1)]
}

fn packets() -> Vec<[Packet; 2]> {
    let mut all = Vec::new();
    for left in [2, 3, 64, 128, 129, 255] {
        all.extend([
            hops(|eth, ttl| eth / ipv4().ttl(ttl) / udp(1, 2) / b"odd", left),
            hops(|eth, ttl| eth / ipv4().ttl(ttl).tos(0xff) / tcp(1, 2), left),
            hops(|eth, ttl| eth / ipv4().ttl(ttl).protocol(17).offset(9) / &[7; 32], left),
            hops(
                |eth, ttl| {
                    eth / ipv4().ttl(ttl).checksum(0x1234 ^ u16::from(ttl) << 8) / sctp(1, 2)
                },
                left,
            ),
            hops(|eth, ttl| eth / ipv6().hop_limit(ttl) / icmp6(128, 0), left),
            hops(|eth, ttl| eth / ipv6().hop_limit(ttl) / frag(9) / &[7; 32], left),
            hops(|eth, ttl| eth / ipv6().hop_limit(ttl) / hop_by_hop(0) / udp(1, 2), left),
        ]);
    }
    all
}

#[test]
fn a_packet_with_a_way_has_one_hop_less_and_the_addresses_of_that_way() {
    let mut judges = judges();
    for [before, after] in packets() {
        let judged = judges.judge_with(&before.build(), FOUND);
        let expected = judged.unwrap_or_else(|how| panic!("{how}"));
        assert_eq!(expected.decision.verdict, Verdict::Redirect, "{before:?}");
        let (out, after) = (expected.out(0), after.build());
        // A checksum that was set, and is wrong, is as wrong behind.
        let same = out == after || out[..24] == after[..24] && out[26..] == after[26..];
        assert!(same, "{before:?}");
    }
}

#[test]
fn each_answer_of_the_routes_has_its_verdict_and_its_row() {
    let mut judges = judges();
    for (answer, verdict) in [
        (0, Verdict::Redirect),
        (1, Verdict::Drop),
        (2, Verdict::Drop),
        (3, Verdict::Drop),
        (4, Verdict::Pass),
        (5, Verdict::Pass),
        (6, Verdict::Pass),
        (7, Verdict::Pass),
        (8, Verdict::Pass),
        (9, Verdict::Pass),
        (-22, Verdict::Pass),
    ] {
        for [before, _] in packets() {
            let frame = before.build();
            let judged = judges.judge_with(&frame, Fib { answer, ..FOUND });
            let expected = judged.unwrap_or_else(|how| panic!("{answer}: {how}"));
            assert_eq!(expected.decision.verdict, verdict, "{answer}");
            assert_eq!(expected.changed, answer == 0, "{answer}");
            judges.in_other_modes(&frame).unwrap_or_else(|how| panic!("{answer}: {how}"));
        }
    }
}

#[test]
fn what_a_router_leaves_to_the_stack_is_not_asked_about() {
    stay(
        "route",
        [
            eth() / ipv4().ttl(1) / udp(1, 2),
            eth() / ipv4().ttl(0) / udp(1, 2),
            eth() / ipv6().hop_limit(1) / udp(1, 2),
            eth() / ipv4().options([1; 4]) / udp(1, 2),
            eth() / vlan(7) / ipv4() / udp(1, 2),
            eth().dst(BROADCAST) / ipv4() / udp(1, 2),
            eth() / arp(ARP_REQUEST),
        ],
    );
}

/// The question about a packet.
fn asked(packet: &Packet) -> Vec<u8> {
    let policy = parse("route\ndefault pass\n").expect("a policy");
    let artifact = compile(&policy, Rehearsal::TARGET).expect("a program");
    let mut rehearsal = Rehearsal::new(&policy, &artifact).expect("ready");
    let run = rehearsal.run(&packet.build()).expect("no fault");
    run.asked.expect("a question").to_vec()
}

#[test]
fn the_routes_are_asked_by_addresses_service_length_and_interface() {
    let four =
        eth() / ipv4().src("198.51.100.7").dst("203.0.113.9").tos(0xbb) / udp(1, 2) / &[0; 72];
    let (one, none) = (1u32.to_ne_bytes(), [0; 12]);
    let (length, vlan_and_macs) = (100u16.to_ne_bytes(), [0; 16]);
    let head = [[2, 0, 0, 0, 0, 0].as_slice(), &length, &one, &[0xb8, 0, 0, 0]].concat();
    let ends = [[198, 51, 100, 7].as_slice(), &none, &[203, 0, 113, 9], &none].concat();
    assert_eq!(asked(&four), [head, ends, vlan_and_macs.to_vec()].concat());
    let six = eth() / ipv6().traffic_class(0xbb).flow_label(0xabcde) / udp(1, 2) / &[0; 52];
    let head = [[10, 0, 0, 0, 0, 0].as_slice(), &length, &one, &[0x0b, 0x80, 0, 0]].concat();
    let whole = six.build();
    assert_eq!(asked(&six), [&head, &whole[22..54], &vlan_and_macs].concat());
}

const STATS: [&str; 6] = ["-j", "stats", "--interval", "10ms", "--count", "1"];

/// Runs `ip` in the lab.
fn ip(args: &str) {
    let done = Command::new("ip").args(args.split(' ')).output().expect("iproute2");
    assert!(done.status.success(), "ip {args}: {}", String::from_utf8_lossy(&done.stderr));
}

/// A second wire: its near end has a network, and a host in it.
fn second_wire(lab: &Lab) {
    let near = VethEnd { ns: lab.here(), name: "out0" };
    let far = VethEnd { ns: lab.far(), name: "out1" };
    let (near, far) = netns::veth_pair(
        near,
        far,
        VethOptions { mtu: SECOND_MTU.into(), ..VethOptions::default() },
    )
    .expect("a second wire");
    lab.here().set_mac(near, OUT).expect("it is ours");
    lab.here().set_up(near).expect("it is ours");
    lab.far().set_up(far).expect("it is ours");
    for (own, len, next) in
        [("203.0.113.1", 24, "203.0.113.9"), ("2001:db8:9::1", 64, "2001:db8:9::9")]
    {
        lab.here().add_address(near, own.parse().expect("an address"), len).expect("it is ours");
        let next = next.parse().expect("an address");
        lab.here().add_neighbour(near, next, NEXT).expect("it is ours");
    }
    lab.in_far(|| {
        let args = ["--policy-name", "out", "attach", "out1", "-p", "-"];
        lab.palisade_with(&args, "default pass\n").ok();
    });
}

fn forwarding(switch: &str) {
    for path in ["ipv4/ip_forward", "ipv6/conf/all/forwarding"] {
        fs::write(format!("/proc/sys/net/{path}"), switch).expect("it is ours");
    }
}

/// Ways that lead nowhere, of either family.
const NOWHERE: [(&str, u8); 3] = [("blackhole", 1), ("unreachable", 2), ("prohibit", 3)];

fn routes() {
    for (kind, third) in NOWHERE {
        ip(&format!("route add {kind} 198.18.{third}.0/24"));
        ip(&format!("route add {kind} 2001:db8:18:{third}::/64"));
    }
    ip("route add 198.18.9.0/24 via 203.0.113.9");
    ip("route add 198.18.8.0/24 via 203.0.113.8");
}

/// Packets that no way leads to.
fn nowhere() -> Vec<Packet> {
    let both = |(_, third): (&str, u8)| {
        [
            eth() / ipv4().dst(format!("198.18.{third}.1").as_str()) / udp(1, 2),
            eth() / ipv6().dst(format!("2001:db8:18:{third}::1").as_str()) / udp(1, 2),
        ]
    };
    NOWHERE.into_iter().flat_map(both).collect()
}

/// Packets that the stack sees to: for a neighbour that nobody knows, for this host, too long for
/// their way, and for a group.
fn for_the_stack() -> [Packet; 5] {
    let too_long = vec![0; usize::from(SECOND_MTU)];
    [
        eth() / ipv4().dst("198.18.8.1") / udp(1, 2),
        eth() / ipv4() / udp(1, 2),
        eth() / ipv6() / udp(1, 2),
        eth() / ipv4().dst("203.0.113.9").dont_fragment() / icmp(8, 0) / too_long.clone(),
        eth() / ipv6().dst("2001:db8:9::9") / icmp6(128, 0) / too_long,
    ]
}

#[test]
fn packets_go_from_one_wire_to_the_other_as_the_kernel_knows_the_way() {
    if !is_installed("ip") {
        return;
    }
    Lab::run(|lab| {
        second_wire(lab);
        routes();
        forwarding("1");
        let wire = Wire::with(lab, include_str!("../../../examples/router.pal"));
        let sent = ways();
        for (before, after) in &sent {
            assert_eq!(wire.back(&before.build()), after.build(), "{before:?}");
        }
        for frame in nowhere() {
            wire.nothing_back(&frame.build());
        }
        wire.send(for_the_stack());
        let counted = |text: &str| {
            let status = lab.palisade(&STATS).json();
            let rows = status["rules"].as_array().cloned().unwrap_or_default();
            let is = |row: &&Value| row["text"].as_str().is_some_and(|own| own.starts_with(text));
            let row = rows.iter().find(is).unwrap_or_else(|| panic!("{text}: {status:#}"));
            row["packets"].as_u64().expect("a number")
        };
        assert_eq!(counted("route"), sent.len() as u64);
        assert_eq!(counted("no way: route"), 6);
        assert_eq!(counted("left to the stack: route"), 5);
        forwarding("0");
        wire.nothing_back(&sent[0].0.build());
        assert_eq!(counted("left to the stack: route"), 6, "forwarding is off");
        let status = lab.palisade(&["-j", "status"]).json();
        let by = |verdict: &str| status["verdicts"][verdict]["packets"].as_u64();
        assert_eq!((by("redirect"), by("drop")), (Some(sent.len() as u64), Some(6)), "{status:#}");
    });
}

#[test]
fn programs_for_every_target_do_in_the_kernel_what_the_oracle_says_of_its_answers() {
    let Some(kernel) = Kernel::or_skip() else { return };
    if !is_installed("ip") {
        return;
    }
    Lab::run(|lab| {
        second_wire(lab);
        routes();
        for target in &kernel.targets {
            let mut engine = Engine::load(&kernel, "route\ndefault pass\n", *target);
            let rows = engine.rows().to_vec();
            let row = |is: &dyn Fn(&Row) -> bool| rows.iter().position(is).expect("a row");
            let found = row(&|row| row.decider == Decider::Rule);
            let unrouted = |verdict| {
                row(&|row| row.decider == Decider::Unrouted(0) && row.verdict == Some(verdict))
            };
            let (pass, drop) = (unrouted(Verdict::Pass), unrouted(Verdict::Drop));
            let mut judge = |before: &Packet, row, verdict, after: &Packet| {
                let out = after.build();
                let said = engine.verdict_in(&before.build(), &[row], |_| &out);
                assert_eq!(said.expect("no fault"), verdict, "{before:?}");
            };
            forwarding("1");
            for (before, after) in ways() {
                judge(&before, found, Verdict::Redirect, &after);
            }
            for frame in nowhere() {
                judge(&frame, drop, Verdict::Drop, &frame);
            }
            for frame in for_the_stack() {
                judge(&frame, pass, Verdict::Pass, &frame);
            }
            forwarding("0");
            for (before, _) in ways() {
                judge(&before, pass, Verdict::Pass, &before);
            }
            assert_eq!(engine.grown(), [], "nothing else is counted");
        }
    });
}

/// Packets before and behind the router, over IPv4 and IPv6.
fn ways() -> Vec<(Packet, Packet)> {
    let near = |eth, ttl| eth / ipv4().dst("203.0.113.9").ttl(ttl) / udp(1, 2) / b"near";
    let far = || ipv4().dst("198.18.9.1");
    let all = [
        hops(near, 64),
        hops(|eth, ttl| eth / far().ttl(ttl) / tcp(1, 2) / b"far", 2),
        hops(|eth, ttl| eth / far().ttl(ttl).protocol(17).offset(3) / &[1; 24], 9),
        hops(|eth, ttl| eth / ipv6().dst("2001:db8:9::9").hop_limit(ttl) / udp(1, 2) / b"six", 64),
    ];
    all.map(|[before, after]| (before, after)).into()
}
