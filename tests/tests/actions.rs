//! Actions that change packets: the bytes that come out, and what stacks make of them.
//!
//! What must come out is written as a packet of its own, whose checksums the tests compute whole. All
//! judges are asked: the oracle, the interpreter for every target, and the kernel.

use std::fs;
use std::net::{IpAddr, SocketAddr, TcpListener};
use std::os::fd::AsRawFd;
use std::process::Command;
use std::time::Duration;

use nix::sys::socket::{
    AddressFamily, MsgFlags, SockFlag, SockProtocol, SockType, SockaddrStorage, connect, recv,
    send, setsockopt, socket, sockopt,
};
use nix::sys::time::TimeVal;
use palisade_filter::Verdict;
use palisade_filter::oracle::{Given, changed};
use palisade_tests::becomes::{Case, becomes, stay};
use palisade_tests::engine::Engine;
use palisade_tests::lab::{FAR, Lab, NEAR};
use palisade_tests::packet::{
    BROADCAST, Eth, FROM4, FROM6, HERE, Ipv4, Ipv6, MULTICAST, Packet, THERE, TO4, TO6, eth, frag,
    hop_by_hop, icmp, icmp6, ipv4, ipv6, routing, sctp, service_vlan, tcp, udp, vlan,
};
use palisade_tests::privilege::{Kernel, Reason, is_installed};
use palisade_tests::skip::leave_out;

const PATIENCE: Duration = Duration::from_secs(5);
const QUIET: Duration = Duration::from_millis(300);

/// An Ethernet header for more to stand on.
fn frame(eth: Eth) -> Packet {
    Packet::new() / eth
}

/// That of a frame that goes back.
fn back() -> Eth {
    eth().src(HERE).dst(THERE)
}

#[test]
fn what_is_reflected_goes_back_with_nothing_else_changed() {
    let body = |below: Packet| below / ipv4() / udp(4000, 7) / b"there and back";
    becomes(
        "reflect",
        &[
            (body(frame(eth())), Verdict::Tx, body(frame(back()))),
            (body(eth() / vlan(7)), Verdict::Tx, body(back() / vlan(7))),
            (
                frame(eth().ethertype(0x88b5)) / &[1; 50],
                Verdict::Tx,
                frame(back().ethertype(0x88b5)) / &[1; 50],
            ),
        ],
    );
    stay("reflect", [body(frame(eth().dst(BROADCAST))), body(frame(eth().src(MULTICAST)))]);
}

/// Requests and replies over both families, with these last four bytes of the header.
fn ping(below: Packet, kind: u8, rest: [u8; 4]) -> Packet {
    below / icmp(kind, 0).rest(rest) / b"are you there?"
}

fn ping6(below: Packet, kind: u8, rest: [u8; 4]) -> Packet {
    below / icmp6(kind, 0).rest(rest) / b"are you there"
}

fn reply() -> Ipv4 {
    ipv4().src(TO4).dst(FROM4).ttl(64)
}

fn reply6() -> Ipv6 {
    ipv6().src(TO6).dst(FROM6).hop_limit(64)
}

#[test]
fn echo_requests_are_answered_with_hops_of_their_own() {
    const REST: [u8; 4] = [0x12, 0x34, 0, 9];
    let (four, six) = (|p, kind| ping(p, kind, REST), |p, kind| ping6(p, kind, REST));
    let mut cases = Vec::new();
    for ttl in [0, 1, 63, 64, 65, 128, 255] {
        let before = four(eth() / ipv4().ttl(ttl), 8);
        cases.push((before, Verdict::Tx, four(back() / reply(), 0)));
        let before = six(eth() / ipv6().hop_limit(ttl), 128);
        cases.push((before, Verdict::Tx, six(back() / reply6(), 129)));
    }
    cases.push((
        four(eth() / service_vlan(1) / vlan(2) / ipv4(), 8),
        Verdict::Tx,
        four(back() / service_vlan(1) / vlan(2) / reply(), 0),
    ));
    cases.push((
        six(eth() / vlan(2) / ipv6() / hop_by_hop(1), 128),
        Verdict::Tx,
        six(back() / vlan(2) / reply6() / hop_by_hop(1), 129),
    ));
    becomes("reply", &cases);
    stay(
        "reply",
        [
            four(eth().dst(BROADCAST) / ipv4(), 8),
            four(eth() / ipv4().dst("224.0.0.1"), 8),
            four(eth() / ipv4().dst("127.0.0.1"), 8),
            four(eth() / ipv4().src("255.255.255.255"), 8),
            six(eth() / ipv6().dst("ff02::1"), 128),
            four(eth() / ipv4().more_fragments(), 8),
            four(eth() / ipv4().options([7, 3, 4, 0]), 8),
            six(eth() / ipv6() / frag(0).more(), 128),
            eth() / ipv4() / icmp(8, 1),
            four(eth() / ipv4(), 13),
        ],
    );
}

#[test]
fn echo_requests_of_any_content_get_the_checksum_of_their_reply() {
    let rests = (0..500u32).map(|at| (at * 0x0083_0103).to_be_bytes());
    let rests = rests.chain([[0, 0, 0, 0], [0xff, 0xff, 0xff, 0xff], [0xf7, 0xff, 0, 0]]);
    let both = |rest| {
        let four = (ping(eth() / ipv4(), 8, rest), Verdict::Tx, ping(back() / reply(), 0, rest));
        let before = ping6(eth() / ipv6(), 128, rest);
        [four, (before, Verdict::Tx, ping6(back() / reply6(), 129, rest))]
    };
    becomes("reply", &rests.flat_map(both).collect::<Vec<_>>());
}

#[test]
fn ports_are_rewritten_with_the_checksum_of_their_header() {
    let mut cases: Vec<Case> = Vec::new();
    for (sport, dport) in [(4000, 80), (0, 0), (0xffff, 0xffff), (8080, 1), (0xfffe, 0x8000)] {
        cases.extend([
            (
                eth() / ipv4() / tcp(sport, dport) / b"odd",
                Verdict::Pass,
                eth() / ipv4() / tcp(sport, 8080) / b"odd",
            ),
            (
                eth() / vlan(3) / ipv4().options([1; 8]) / udp(sport, dport) / b"even",
                Verdict::Pass,
                eth() / vlan(3) / ipv4().options([1; 8]) / udp(sport, 8080) / b"even",
            ),
            (
                eth() / ipv4() / udp(sport, dport).checksum(0) / b"none",
                Verdict::Pass,
                eth() / ipv4() / udp(sport, 8080).checksum(0) / b"none",
            ),
            (
                eth() / ipv6() / routing(2, 0) / udp(sport, dport) / b"six",
                Verdict::Pass,
                eth() / ipv6() / routing(2, 0) / udp(sport, 8080) / b"six",
            ),
            (eth() / ipv6() / tcp(sport, dport), Verdict::Pass, eth() / ipv6() / tcp(sport, 8080)),
        ]);
    }
    becomes("rewrite dport 8080", &cases);
    becomes(
        "rewrite sport 1, dport 65535",
        &[(
            eth() / ipv4() / tcp(4000, 80) / b"both",
            Verdict::Pass,
            eth() / ipv4() / tcp(1, 65535) / b"both",
        )],
    );
    stay(
        "rewrite dport 8080",
        [
            eth() / ipv4() / sctp(4000, 80),
            eth() / ipv4() / icmp(8, 0),
            eth() / ipv4().more_fragments() / udp(4000, 80) / &[0; 8],
            eth() / ipv4().offset(2) / udp(4000, 80),
            eth() / ipv6() / frag(0).more() / udp(4000, 80) / &[0; 8],
        ],
    );
}

/// A checksum of UDP that comes out as 0 is written as 0xffff: some port makes it so.
/// A checksum of UDP that comes out as 0 is written as 0xffff.
#[test]
fn udp_never_gets_a_checksum_that_says_there_is_none() {
    let of = |dport, word: u16| eth() / ipv4() / udp(4000, dport) / &word.to_be_bytes();
    let sum = |word| of(8080, word).build()[40..42].to_vec();
    let word = (0..=u16::MAX).find(|word| sum(*word) == [0xff, 0xff]).expect("one of all");
    let words = [word, word ^ 1, word.wrapping_add(1), word.wrapping_sub(1)];
    becomes("rewrite dport 8080", &words.map(|w| (of(53, w), Verdict::Pass, of(8080, w))));
}

#[test]
fn addresses_are_rewritten_with_every_checksum_that_is_over_them() {
    let mut cases: Vec<Case> = Vec::new();
    for dst in ["0.0.0.1", "255.255.255.254", "192.0.2.1", "10.255.0.255"] {
        let (old, new) = (|| ipv4().dst(dst), || ipv4().dst("192.0.2.77"));
        cases.extend([
            (eth() / old() / tcp(1, 2) / b"t", Verdict::Pass, eth() / new() / tcp(1, 2) / b"t"),
            (eth() / old() / udp(1, 2) / b"u", Verdict::Pass, eth() / new() / udp(1, 2) / b"u"),
            (eth() / old() / icmp(8, 0) / b"i", Verdict::Pass, eth() / new() / icmp(8, 0) / b"i"),
            (
                eth() / vlan(1) / old().options([1; 4]) / udp(1, 2).checksum(0),
                Verdict::Pass,
                eth() / vlan(1) / new().options([1; 4]) / udp(1, 2).checksum(0),
            ),
        ]);
    }
    becomes("rewrite dst 192.0.2.77", &cases);
    let mut cases: Vec<Case> = Vec::new();
    for src in ["::2", "2001:db8:ffff:ffff:ffff:ffff:ffff:ffff", "fe80::1"] {
        let (old, new) = (|| ipv6().src(src), || ipv6().src("2001:db8::77").dst("::ffff:0:0:9"));
        cases.extend([
            (eth() / old() / tcp(1, 2) / b"t", Verdict::Pass, eth() / new() / tcp(9, 2) / b"t"),
            (eth() / old() / udp(1, 2) / b"u", Verdict::Pass, eth() / new() / udp(9, 2) / b"u"),
        ]);
    }
    becomes("rewrite src 2001:db8::77, dst ::ffff:0:0:9, sport 9", &cases);
    becomes(
        "rewrite src 2001:db8::77",
        &[(
            eth() / ipv6() / hop_by_hop(0) / icmp6(128, 0) / b"six",
            Verdict::Pass,
            eth() / ipv6().src("2001:db8::77") / hop_by_hop(0) / icmp6(128, 0) / b"six",
        )],
    );
    stay("rewrite dst 192.0.2.77", [eth() / ipv6() / udp(1, 2), eth() / ipv4() / sctp(1, 2)]);
}

#[test]
fn tags_come_and_go_before_all_else() {
    let body = |below: Packet| below / ipv4() / udp(4000, 7) / b"tagged";
    let plain = || body(frame(eth()));
    becomes(
        "vlan pop",
        &[
            (body(eth() / vlan(7).pcp(5)), Verdict::Pass, plain()),
            (body(eth() / service_vlan(7) / vlan(8)), Verdict::Pass, body(eth() / vlan(8))),
            (plain(), Verdict::Pass, plain()),
        ],
    );
    let deep = |below: Packet| (1..=8).fold(below, |below, id| below / vlan(id));
    let long = |below: Packet| below / vec![0; 1400];
    becomes(
        "vlan push 4094",
        &[
            (plain(), Verdict::Pass, body(eth() / vlan(4094))),
            (body(eth() / vlan(7)), Verdict::Pass, body(eth() / vlan(4094) / vlan(7))),
            (body(deep(frame(eth()))), Verdict::Pass, body(deep(eth() / vlan(4094)))),
            (
                long(frame(eth().dst(BROADCAST).ethertype(0x88b5))),
                Verdict::Pass,
                long(eth().dst(BROADCAST) / vlan(4094).ethertype(0x88b5)),
            ),
        ],
    );
}

#[test]
fn a_frame_in_several_buffers_gets_its_tag_too() {
    let Some(kernel) = Kernel::or_skip() else { return };
    let long = |below: Packet| (below / ipv4() / udp(1, 2) / vec![7; 8000]).build();
    for target in kernel.multi() {
        for (policy, before, after) in [
            ("vlan push 9\ndefault pass\n", long(frame(eth())), long(eth() / vlan(9))),
            ("vlan pop\ndefault pass\n", long(eth() / vlan(9)), long(frame(eth()))),
        ] {
            let mut engine = Engine::load(&kernel, policy, target);
            let outcome = engine.run(&before).unwrap_or_else(|fault| panic!("{policy}: {fault}"));
            assert_eq!((outcome.verdict, outcome.row.line), (Verdict::Pass, Some(1)));
            assert!(outcome.row.change.is_some_and(|change| changed(
                &change,
                &before,
                &Given::FIRST
            ) == after));
        }
    }
}

/// Attaches a policy to the near end, and one that passes all to the far end: what an interface of
/// this kind sends back, only a peer takes that has a program of its own.
fn attach(lab: &Lab, policy: &str) {
    lab.attach(policy);
    patch_far(lab, "default pass\n");
}

fn patch_far(lab: &Lab, policy: &str) {
    lab.in_far(|| {
        lab.palisade_with(&["--policy-name", "far", "attach", FAR, "-p", "-"], policy).ok();
    });
}

/// What a ping socket of the far end gets back, whose stack has checked every checksum.
fn pinged(lab: &Lab, address: IpAddr) -> Option<Vec<u8>> {
    lab.in_far(|| {
        fs::write("/proc/sys/net/ipv4/ping_group_range", "0 2147483647").expect("it is ours");
        let (family, protocol, kind) = match address {
            IpAddr::V4(_) => (AddressFamily::Inet, SockProtocol::Icmp, 8),
            IpAddr::V6(_) => (AddressFamily::Inet6, SockProtocol::IcmpV6, 128),
        };
        let ping = socket(family, SockType::Datagram, SockFlag::SOCK_CLOEXEC, protocol);
        let ping = ping.expect("a ping socket");
        setsockopt(&ping, sockopt::ReceiveTimeout, &TimeVal::new(1, 0)).expect("a timeout");
        let to = SockaddrStorage::from(SocketAddr::new(address, 0));
        connect(ping.as_raw_fd(), &to).expect("a way there");
        let request = [&[kind, 0, 0, 0, 0, 0, 0, 1], b"who is there?".as_slice()].concat();
        send(ping.as_raw_fd(), &request, MsgFlags::empty()).expect("sent");
        let mut reply = vec![0; 1500];
        let len = recv(ping.as_raw_fd(), &mut reply, MsgFlags::empty()).ok()?;
        reply.truncate(len);
        Some(reply)
    })
}

#[test]
fn pings_are_answered_by_the_program_in_the_place_of_the_stack() {
    Lab::run(|lab| {
        for path in ["ipv4/icmp_echo_ignore_all", "ipv6/icmp/echo_ignore_all"] {
            fs::write(format!("/proc/sys/net/{path}"), "1").expect("it is ours");
        }
        for address in [IpAddr::from(TO4), TO6.into()] {
            assert_eq!(pinged(lab, address), None, "the stack was told to be silent");
        }
        attach(lab, "reply icmp as ping\nreply icmp6 as ping6\ndefault pass\n");
        for (address, kind) in [(IpAddr::from(TO4), 0), (TO6.into(), 129)] {
            let reply = pinged(lab, address).unwrap_or_else(|| panic!("no reply of {address}"));
            assert_eq!((reply[0], &reply[8..]), (kind, b"who is there?".as_slice()));
        }
        let status = lab.palisade(&["-j", "status"]).json();
        assert_eq!(status["verdicts"]["tx"]["packets"], 2, "{status:#}");
        lab.palisade(&["mode", "shadow"]).ok();
        assert_eq!(pinged(lab, TO4.into()), None, "nothing is answered in shadow");
    });
}

#[test]
fn a_patched_port_reaches_the_socket_that_listens_on_the_other() {
    Lab::run(|lab| {
        let (udp_server, any) = (lab.udp(5353), "[::]:8080");
        let _tcp_server = TcpListener::bind(any).expect("the port is free");
        attach(
            lab,
            "rewrite dport 8080 tcp dport 80\nrewrite dport 5353 udp dport 53\ndefault pass\n",
        );
        // The checksum of these is checked by the stack; what sockets of the far end send over such a
        // wire has none yet.
        for frame in [
            eth() / ipv4() / udp(4000, 53) / b"four",
            eth() / ipv6() / udp(4000, 53) / b"six!",
            eth() / ipv4() / udp(4000, 53).checksum(0) / b"none",
        ] {
            lab.send(&frame.build());
            assert!(udp_server.next(PATIENCE).is_some(), "{frame:?}");
        }
        let hosts = ["192.0.2.10", "2001:db8:0:1::10"].map(|address| lab.host(address));
        for host in &hosts {
            host.says(53, b"from a socket");
            assert_eq!(udp_server.next(PATIENCE).as_deref(), Some(b"from a socket".as_slice()));
            assert!(!host.connects(80), "the answers come from another port");
        }
        lab.in_far(|| lab.palisade(&["--policy-name", "far", "detach", FAR]).ok());
        patch_far(lab, "rewrite sport 80 tcp sport 8080\ndefault pass\n");
        for host in &hosts {
            assert!(host.connects(80), "patched both ways");
        }
    });
}

#[test]
fn a_tag_taken_off_lets_a_frame_in_and_one_put_on_takes_it_to_another_interface() {
    Lab::run(|lab| {
        let server = lab.udp(53);
        let query = |tagged| {
            let below = if tagged { eth() / vlan(7) } else { frame(eth()) };
            below / ipv4() / udp(4000, 53) / b"query"
        };
        lab.palisade_with(&["attach", NEAR, "-p", "-"], "vlan pop\nvlan push 7\ndefault pass\n")
            .ok();
        lab.send(&query(true).build());
        assert!(server.next(PATIENCE).is_some(), "without its tag it is for this host");
        lab.send(&query(false).build());
        assert!(server.next(QUIET).is_none(), "there is no interface for VLAN 7");
        if !is_installed("ip") {
            return;
        }
        let args = format!("link add link {NEAR} name {NEAR}.7 type vlan id 7");
        let made = Command::new("ip").args(args.split(' ')).output().expect("iproute2");
        if !made.status.success() {
            let said = String::from_utf8_lossy(&made.stderr).into_owned();
            leave_out(&Reason::Machine { name: "vlan-devices", said });
            return;
        }
        let up = Command::new("ip").args(["link", "set", "pal0.7", "up"]).status();
        assert!(up.expect("iproute2").success());
        lab.send(&query(false).build());
        assert!(server.next(PATIENCE).is_some(), "now there is");
    });
}
