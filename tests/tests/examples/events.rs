//! Packets are sampled whatever becomes of them, pings of chosen hosts are dropped and told of.

use palisade_filter::oracle::decide;
use palisade_tests::agree::{Life, contents};
use palisade_tests::packet::{Packet, eth, icmp, icmp6, tcp, udp};

use crate::{Example, called, entry, from4, from6, of, prove};

fn ping() -> Packet {
    eth() / from4("203.0.113.9") / icmp(8, 0) / b"ping"
}

#[test]
fn pings_of_chosen_hosts_are_dropped_and_told_of() {
    let claims = [of("pings")
        .decides([
            ping(),
            eth() / from4("203.0.113.10") / icmp(8, 0),
            eth() / from6("2001:db8:9::9") / icmp6(128, 0),
        ])
        .leaves_to(
            "default pass",
            [
                eth() / from4("203.0.113.9") / icmp(0, 0),
                eth() / from4("203.0.113.8") / icmp(8, 0),
                eth() / from4("203.0.113.9") / udp(8, 0),
                eth() / from6("2001:db8:9::9") / tcp(4000, 80),
                eth() / from6("2001:db8:9::9") / icmp6(129, 0),
            ],
        )];
    prove("events", &[entry("silent", "203.0.113.10", Life::Lasting)], &claims);
}

#[test]
fn every_packet_of_ip_may_be_a_sample() {
    let example = Example::read("events");
    let held = contents(&example.policy, &[]);
    for (frame, wanted) in [
        (ping(), vec!["metadata", "pings"]),
        (eth() / from4("203.0.113.8") / tcp(1, 2), vec!["metadata"]),
        (eth() / from6("2001:db8::1") / udp(1, 2), vec!["metadata6"]),
    ] {
        let reported = decide(&example.policy, &held, &frame.build()).reported;
        let rules = reported.iter().map(|at| called(&example.policy.rules()[*at]));
        assert_eq!(rules.collect::<Vec<_>>(), wanted);
    }
}
