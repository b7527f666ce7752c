//! Forms on a wire: the headers as a device hands them over, and what becomes of a packet that its
//! receiver puts together.

use std::time::{Duration, Instant};

use palisade_loader::xdp;
use palisade_tests::engine::{Counts, Engine, hex};
use palisade_tests::lab::Lab;
use palisade_tests::packet::{
    ARP_REQUEST, Packet, arp, destination, eth, filler, frag, icmp, icmp6, ipv4, ipv6, sctp,
    service_vlan, tcp, udp, vlan,
};
use palisade_tests::privilege::Kernel;

const SOON: Duration = Duration::from_secs(5);
const QUIET: Duration = Duration::from_millis(200);

/// A rule for each class of forms, and a frame that only this one matches.
#[rustfmt::skip] // One line per class.
fn classes() -> Vec<(&'static str, Packet)> {
    vec![
        ("drop ether src 02:00:5e:10:00:0f", eth().src([2, 0, 0x5e, 0x10, 0, 0x0f]) / ipv4() / udp(1, 1)),
        ("drop inner-vlan 6", eth() / service_vlan(7) / vlan(6) / ipv4() / udp(1, 1)),
        ("drop vlan 5", eth() / vlan(5) / ipv6() / tcp(1, 1)),
        ("drop ethertype 0x88b5", eth() / b"an experiment on the link"),
        ("drop arp", eth() / arp(ARP_REQUEST).sender("203.0.113.9")),
        ("drop ip4 ttl = 9", eth() / ipv4().ttl(9) / udp(1, 1)),
        ("drop ip6 dst 2001:db8:5::/48", eth() / ipv6().dst("2001:db8:5::1") / udp(1, 1)),
        ("drop host { 10.0.0.1-10.0.0.5, 10.0.1.0/24 }", eth() / ipv4().dst("10.0.1.77") / udp(1, 1)),
        ("drop options", eth() / ipv4().options([1; 4]) / udp(1, 1)),
        ("drop dscp > 45", eth() / ipv4().tos(0xb8) / udp(1, 1)),
        ("drop fragment length > 900", eth() / ipv6() / frag(5).next(17) / filler(900)),
        ("drop tcp flags syn,!ack dport 80", eth() / ipv6() / destination(0) / tcp(1, 80)),
        ("drop udp dport { 2, 4, 6, 8, 10, 12, 14, 16, 18, 20 }", eth() / ipv4() / udp(1, 18)),
        ("drop sctp sport 9", eth() / ipv6() / sctp(9, 1)),
        ("drop proto 47", eth() / ipv4().protocol(47) / filler(30)),
        ("drop ( icmp type 8 or icmp6 type 128 )", eth() / ipv6() / icmp6(128, 0)),
        ("drop icmp not type 0", eth() / ipv4() / icmp(13, 0)),
        ("drop service in ports", eth() / ipv4() / tcp(1, 443)),
    ]
}

/// The rows of rules that have grown, once that many packets are counted in rows of rules. What
/// the far host says of its own accord meets no rule.
fn counted(engine: &mut Engine, packets: u64) -> Vec<(String, Counts)> {
    let (start, mut all) = (Instant::now(), Vec::<(String, Counts)>::new());
    while all.iter().map(|(_, counts)| counts[0]).sum::<u64>() < packets && start.elapsed() < SOON {
        for (at, by) in engine.grown() {
            let text = engine.rows()[at].text.clone();
            if !text.starts_with("default") {
                all.push((text, by));
            }
        }
        std::thread::sleep(Duration::from_millis(1));
    }
    all
}

#[test]
fn each_class_of_forms_decides_frames_of_a_device() {
    let Some(kernel) = Kernel::or_skip() else { return };
    let rules: String = classes().iter().map(|(rule, _)| format!("{rule}\n")).collect();
    let set = "set ports service { max 8 }\n";
    let policy = format!("{set}{rules}on malformed pass\ndefault pass\n");
    Lab::run(|lab| {
        for mode in [xdp::Mode::Native, xdp::Mode::Generic] {
            let mut engine = Engine::load(&kernel, &policy, kernel.best());
            engine.add("ports", &["tcp/443"]);
            let on = lab.near_index();
            xdp::attach(on, engine.program(), mode, xdp::Expect::Empty).expect("attached");
            let sender = lab.sender();
            for (rule, packet) in classes() {
                let frame = packet.build();
                sender.send(&frame);
                let want = vec![(rule.to_owned(), [1, frame.len() as u64])];
                assert_eq!(counted(&mut engine, 1), want, "{mode}: {}", hex(&frame));
            }
            xdp::detach(on, mode, xdp::Expect::program(engine.program())).expect("detached");
        }
    });
}

/// A datagram of 4000 bytes from the far host's own stack, which sends it in three pieces.
fn long_datagram(policy: &str, from: &str) -> (bool, Vec<(String, Counts)>) {
    let kernel = Kernel::or_skip().expect("it was asked for before");
    let mut result = None;
    Lab::run(|lab| {
        let mut engine = Engine::load(&kernel, policy, kernel.best());
        let mode = xdp::Mode::Generic;
        xdp::attach(lab.near_index(), engine.program(), mode, xdp::Expect::Empty)
            .expect("attached");
        let socket = lab.udp(5353);
        lab.host(from).says(5353, &filler(4000));
        let rows = counted(&mut engine, 3);
        let arrived = socket.next(QUIET).is_some_and(|payload| payload == filler(4000));
        result = Some((arrived, rows));
    });
    result.expect("a lab can be made where programs are loaded")
}

#[test]
fn a_packet_arrives_whole_only_if_all_its_pieces_pass() {
    if Kernel::or_skip().is_none() {
        return;
    }
    let packets = |rows: &[(String, Counts)], text: &str| -> u64 {
        rows.iter().filter(|(row, _)| row == text).map(|(_, counts)| counts[0]).sum()
    };
    for (from, all) in [("192.0.2.9", "192.0.2.0/24"), ("2001:db8:0:1::9", "2001:db8:0:1::/64")] {
        let count = format!("count fragment src {all}");
        let policy = format!("{count}\ndefault pass\n");
        let (arrived, rows) = long_datagram(&policy, from);
        assert!(arrived && packets(&rows, &count) == 3, "{from}: {rows:?}");

        let (port, rest) = (format!("drop src {all} udp dport 5353"), "on fragment pass");
        let (arrived, rows) = long_datagram(&format!("{port}\n{rest}\ndefault pass\n"), from);
        let seen = (packets(&rows, &port), packets(&rows, rest));
        assert_eq!((arrived, seen), (false, (1, 2)), "{from}: only the first piece has ports");

        let (port, rest) = (format!("count src {all} udp dport 5353"), "on fragment drop");
        let (arrived, rows) = long_datagram(&format!("{port}\n{rest}\ndefault pass\n"), from);
        let seen = (packets(&rows, &port), packets(&rows, rest));
        assert_eq!((arrived, seen), (false, (1, 2)), "{from}: the later ones are dropped");
    }
}
