//! Lists of Spamhaus and FireHOL, with friends before them.

use palisade_tests::agree::Life;
use palisade_tests::packet::{
    ARP_REQUEST, arp, eth, icmp6, neighbour_solicitation, tcp, udp, vlan,
};

use crate::{entry, from4, from6, of, prove};

const FRIENDS: &str = "pass src in friends";
const DROP: &str = "drop src in drop";
const DROP6: &str = "drop src in drop6";
const FIREHOL: &str = "drop src in firehol";
const DEFAULT: &str = "default pass";

#[test]
fn friends_pass_and_what_the_lists_name_is_dropped() {
    let entries = [
        entry("friends", "198.51.100.200", Life::Lasting),
        entry("drop", "203.0.113.1", Life::Over),
    ];
    let listed = || from6("2001:db8:bad::7").hop_limit(255);
    let claims = [
        of("keep arp")
            .decides([eth() / arp(ARP_REQUEST).sender("198.51.100.70")])
            .leaves_to(DEFAULT, [eth().ethertype(0x88cc) / b"no ARP"]),
        of("keep nd")
            .decides([eth() / listed() / neighbour_solicitation("2001:db8:1::1")])
            .leaves_to(DROP6, [eth() / listed() / icmp6(128, 0)]),
        of(FRIENDS)
            .decides([
                eth() / from4("192.0.2.1") / udp(4000, 9),
                eth() / from4("198.51.100.130") / udp(4000, 9),
                eth() / from4("198.51.100.200") / udp(4000, 9),
                eth() / from6("2001:db8:a::1") / udp(4000, 9),
            ])
            .leaves_to(DROP, [eth() / from4("198.51.100.131") / udp(4000, 9)])
            .leaves_to(DEFAULT, [eth() / from6("2001:db8:b::1") / udp(4000, 9)]),
        of(DROP)
            .decides([
                eth() / from4("198.51.100.64") / udp(4000, 9),
                eth() / from4("198.51.100.95") / tcp(4000, 80),
                eth() / from4("198.51.100.66") / tcp(4000, 80),
                eth() / vlan(7) / from4("198.51.100.128") / tcp(4000, 80),
                eth() / from4("198.51.100.255") / udp(4000, 9),
            ])
            .leaves_to(
                DEFAULT,
                [
                    eth() / from4("198.51.100.63") / udp(4000, 9),
                    eth() / from4("198.51.100.96") / udp(4000, 9),
                    eth() / from4("198.51.100.127") / udp(4000, 9),
                    eth() / from4("203.0.113.1") / udp(4000, 9),
                ],
            ),
        of(DROP6)
            .decides([
                eth() / from6("2001:db8:bad::") / udp(4000, 9),
                eth() / from6("2001:db8:bad:ffff::1") / udp(4000, 9),
                eth() / from6("2001:db8:dead::1") / udp(4000, 9),
                eth() / from6("2001:db8:deac::1") / udp(4000, 9),
            ])
            .leaves_to(
                DEFAULT,
                [
                    eth() / from6("2001:db8:bac:ffff::1") / udp(4000, 9),
                    eth() / from6("2001:db8:bae::") / udp(4000, 9),
                    eth() / from6("2001:db8:deae::1") / udp(4000, 9),
                ],
            ),
        of(FIREHOL)
            .decides([
                eth() / from4("203.0.113.77") / udp(4000, 9),
                eth() / from4("203.0.113.128") / udp(4000, 9),
                eth() / from4("203.0.113.255") / udp(4000, 9),
            ])
            .leaves_to(FRIENDS, [eth() / from4("192.0.2.127") / udp(4000, 9)])
            .leaves_to(DROP, [eth() / from4("198.51.100.129") / udp(4000, 9)])
            .leaves_to(
                DEFAULT,
                [
                    eth() / from4("203.0.113.76") / udp(4000, 9),
                    eth() / from4("203.0.113.78") / udp(4000, 9),
                    eth() / from4("203.0.113.127") / udp(4000, 9),
                ],
            ),
    ];
    prove("feeds", &entries, &claims);
}
