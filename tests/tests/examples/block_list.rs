//! The default block list, with times and an allow list from the start.

use palisade_tests::agree::Life;
use palisade_tests::packet::{
    ARP_REQUEST, SYN, arp, eth, icmp6, ipv6, neighbour_solicitation, sctp, tcp, udp, vlan,
};

use crate::{entry, from4, from6, of, prove};

const ALLOW: &str = "pass src in allow";
const BLOCK: &str = "drop src in block";
const PORTS: &str = "drop service in ports";
const DEFAULT: &str = "default pass";

#[test]
fn what_is_blocked_leaves_by_itself_and_who_is_allowed_stays() {
    let entries = [
        entry("block", "203.0.113.9", Life::Timed),
        entry("block", "2001:db8:9::/48", Life::Timed),
        entry("block", "198.51.100.9", Life::Over),
        entry("block", "198.51.100.0/28", Life::Over),
        entry("block", "192.0.2.0/24", Life::Timed),
        entry("block", "2001:db8:a::5", Life::Lasting),
        entry("allow", "203.0.113.80", Life::Lasting),
        entry("ports", "sctp/3868", Life::Lasting),
    ];
    let claims = [
        of("keep arp")
            .decides([eth() / arp(ARP_REQUEST), eth() / arp(ARP_REQUEST).sender("203.0.113.9")])
            .leaves_to(DEFAULT, [eth().ethertype(0x88cc) / b"no ARP"]),
        of("keep nd")
            .decides([eth()
                / from6("2001:db8:9::9").hop_limit(255)
                / neighbour_solicitation("2001:db8::")])
            .leaves_to(BLOCK, [eth() / from6("2001:db8:9::9").hop_limit(255) / icmp6(128, 0)])
            .leaves_to(DEFAULT, [eth() / ipv6().hop_limit(254) / neighbour_solicitation("::1")]),
        of(ALLOW)
            .decides([
                eth() / from4("192.0.2.5") / udp(4000, 9),
                eth() / from4("192.0.2.5") / tcp(4000, 445).flags(SYN),
                eth() / from6("2001:db8:a::5") / udp(4000, 1900),
                eth() / from4("203.0.113.80") / tcp(4000, 445),
            ])
            .leaves_to(BLOCK, [eth() / from4("192.0.2.16") / udp(4000, 9)])
            .leaves_to(PORTS, [eth() / from4("203.0.113.81") / tcp(4000, 445)]),
        of(BLOCK)
            .decides([
                eth() / from4("203.0.113.9") / udp(4000, 9),
                eth() / vlan(7) / from4("203.0.113.9") / tcp(4000, 445),
                eth() / from6("2001:db8:9:ffff::1") / tcp(4000, 443),
            ])
            .leaves_to(
                DEFAULT,
                [
                    eth() / from4("203.0.113.8").dst("203.0.113.9") / udp(4000, 9),
                    eth() / from6("2001:db8:8::9") / tcp(4000, 443),
                    // Past their time.
                    eth() / from4("198.51.100.9") / udp(4000, 9),
                    eth() / from4("198.51.100.1") / udp(4000, 9),
                ],
            ),
        of(PORTS)
            .decides([
                eth() / from4("203.0.113.1") / tcp(4000, 445).flags(SYN),
                eth() / from6("2001:db8::1") / udp(4000, 1900),
                eth() / from6("2001:db8::1") / sctp(4000, 3868),
            ])
            .leaves_to(
                DEFAULT,
                [
                    eth() / from4("203.0.113.1") / udp(4000, 445),
                    eth() / from4("203.0.113.1") / tcp(445, 446),
                    eth() / from6("2001:db8::1") / sctp(4000, 1900),
                ],
            ),
    ];
    prove("block-list", &entries, &claims);
}
