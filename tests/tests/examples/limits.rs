//! Senders are held to their rates, and banned where they go beyond.

use palisade_filter::{Mode, Target, Verdict, compile};
use palisade_tests::agree::Life;
use palisade_tests::limited::Limited;
use palisade_tests::packet::{
    ACK, Packet, SYN, arp, eth, icmp, icmp6, neighbour_solicitation, tcp, udp,
};

use crate::{Example, entry, from4, from6, of, prove};

const SECOND: u64 = 1_000_000_000;

/// An example whose clock the test sets.
fn in_time(name: &str) -> Limited {
    let policy = Example::read(name).policy;
    let artifact = compile(&policy, Target::FLOOR).expect("a program");
    Limited::new(&policy, &artifact, &artifact.program, Mode::Enforce)
}

/// How many of so many packets at once pass.
fn passed(limited: &mut Limited, now: u64, packet: &Packet, times: usize) -> usize {
    let one = |_: &usize| {
        let verdict = limited.at(now, &packet.build());
        verdict.unwrap_or_else(|wrong| panic!("{wrong}")) == Verdict::Pass
    };
    (0..times).filter(one).count()
}

#[test]
fn what_comes_too_often_is_dropped_by_host_by_network_and_all_together() {
    let mut limited = in_time("rate-limit");
    let query = |from: &str| -> Packet { eth() / from4(from) / udp(4000, 53) };
    let syn = |from: &str| -> Packet { eth() / from4(from) / tcp(4000, 80) };
    let syn6 = |from: &str| -> Packet { eth() / from6(from) / tcp(4000, 80) };
    for (packet, burst) in [
        (query("203.0.113.9"), 200),
        (query("203.0.113.10"), 200),
        (syn("203.0.113.9"), 100),
        (syn("203.0.113.10"), 0),
        (syn("203.0.114.9"), 100),
        (syn6("2001:db8:9::1"), 100),
        (syn6("2001:db8:9::2"), 0),
        (syn6("2001:db8:9:1::1"), 100),
        (eth() / from4("203.0.113.9") / icmp(8, 0), 5),
        (eth() / from6("2001:db8:9::9") / icmp6(128, 0), 0),
    ] {
        assert_eq!(passed(&mut limited, SECOND, &packet, 300), burst, "{packet:?}");
    }
    assert_eq!(passed(&mut limited, 2 * SECOND, &query("203.0.113.9"), 300), 100, "a second later");
    assert_eq!(passed(&mut limited, 2 * SECOND, &syn("203.0.113.10"), 300), 20);
    let long: Packet = eth() / from4("203.0.113.9") / udp(4000, 4000) / vec![0; 1458];
    // A tenth of a second's worth of frames of 1500 bytes, and what queries have left.
    let many = passed(&mut limited, 100 * SECOND, &long, 3000);
    assert_eq!(many, 20_000_000 / (8 * 1500));
}

#[test]
fn what_is_no_query_no_connection_and_no_ping_has_no_limit() {
    let mut limited = in_time("rate-limit");
    for packet in [
        eth() / from4("203.0.113.9") / tcp(4000, 80).flags(ACK),
        eth() / from4("203.0.113.9") / tcp(4000, 80).flags(SYN | ACK),
        eth() / from4("203.0.113.9") / icmp(3, 4),
        eth() / arp(1),
        eth() / from6("2001:db8:9::9").hop_limit(255) / neighbour_solicitation("2001:db8::1"),
    ] {
        assert_eq!(passed(&mut limited, SECOND, &packet, 1000), 1000, "{packet:?}");
    }
}

#[test]
fn whoever_knocks_too_often_is_sent_away_for_ten_minutes() {
    let mut limited = in_time("ban");
    let knock = |from: &str| -> Packet { eth() / from4(from) / tcp(4000, 22) };
    let web: Packet = eth() / from4("203.0.113.9") / tcp(4000, 80);
    assert_eq!(passed(&mut limited, SECOND, &knock("203.0.113.9"), 10), 10);
    assert_eq!(passed(&mut limited, SECOND, &web, 5), 5, "not yet");
    assert_eq!(passed(&mut limited, SECOND, &knock("203.0.113.9"), 5), 0);
    assert_eq!(passed(&mut limited, 600 * SECOND, &web, 5), 0, "from everything");
    assert_eq!(passed(&mut limited, 601 * SECOND, &web, 5), 5, "until the time is over");
    assert_eq!(passed(&mut limited, SECOND, &knock("192.0.2.7"), 50), 50, "friends knock freely");
}

#[test]
fn the_banned_and_those_in_the_trap_are_dropped() {
    let trapped = |from: &str, port| -> Packet { eth() / from4(from) / tcp(4000, port) };
    let claims = [
        of("keep arp")
            .decides([eth() / arp(1)])
            .leaves_to("default pass", [eth() / from4("203.0.113.9") / udp(1, 2)]),
        of("keep nd")
            .decides([eth()
                / from6("2001:db8:9::9").hop_limit(255)
                / neighbour_solicitation("2001:db8::1")])
            .leaves_to("default pass", [eth() / from6("2001:db8:9::9") / icmp6(128, 0)]),
        of("keep src in friends")
            .decides([trapped("192.0.2.7", 23), eth() / from6("2001:db8:a::1") / tcp(1, 23)])
            .leaves_to("default pass", [eth() / from4("192.0.3.7") / tcp(4000, 80)]),
        of("out")
            .decides([
                eth() / from4("203.0.113.10") / udp(1, 2),
                eth() / from6("2001:db8:9::10") / tcp(1, 80),
            ])
            .leaves_to("default pass", [eth() / from4("203.0.113.11") / udp(1, 2)]),
        // Each from somebody else: who is in the trap is banned behind it.
        of("trap")
            .decides([
                trapped("203.0.113.20", 23),
                trapped("203.0.113.21", 2323),
                eth() / from6("2001:db8:9::20") / tcp(1, 23),
            ])
            .leaves_to(
                "default pass",
                [trapped("203.0.113.22", 24), eth() / from4("203.0.113.22") / udp(1, 23)],
            ),
    ];
    let banned = [
        entry("banned", "203.0.113.10", Life::Timed),
        entry("banned", "2001:db8:9::10", Life::Lasting),
        entry("banned", "203.0.113.11", Life::Over),
    ];
    prove("ban", &banned, &claims);
}
