//! Echo requests and replies of chosen hosts are dropped, and nothing else of theirs.

use palisade_tests::agree::Life;
use palisade_tests::packet::{
    Packet, eth, hop_by_hop, icmp, icmp6, neighbour_solicitation, tcp, udp, vlan,
};

use crate::{entry, from4, from6, of, prove};

#[test]
fn pings_of_chosen_hosts_are_dropped_and_their_other_icmp_lives() {
    let v4 = |kind| -> Packet { eth() / from4("203.0.113.9") / icmp(kind, 0) / b"ping" };
    let v6 = |kind| -> Packet { eth() / from6("2001:db8:9::9") / icmp6(kind, 0) / b"ping" };
    let claims = [of("pings")
        .decides([
            v4(8),
            v4(0),
            v6(128),
            v6(129),
            eth() / from4("203.0.113.10") / icmp(8, 0),
            eth() / from4("198.51.100.7").dst("203.0.113.9") / icmp(8, 0),
            eth() / from6("2001:db8::7").dst("2001:db8:9::1") / icmp6(129, 0),
            eth() / vlan(7) / from4("203.0.113.9") / icmp(8, 0),
            eth() / from6("2001:db8:9::9") / hop_by_hop(0) / icmp6(128, 0),
        ])
        .leaves_to("default pass", [3, 4, 5, 11, 12, 13].map(v4))
        .leaves_to("default pass", [1, 2, 3, 4, 127, 130, 135].map(v6))
        .leaves_to(
            "default pass",
            [
                eth() / from4("203.0.113.8") / icmp(8, 0),
                eth() / from6("2001:db8:8::9") / icmp6(128, 0),
                eth() / from4("203.0.113.9") / udp(8, 0),
                eth() / from4("203.0.113.9") / tcp(4000, 80),
                // ICMPv6's number over IPv4 is no ping, and the other way round.
                eth() / from4("203.0.113.9").protocol(58) / icmp(128, 0),
                eth() / from6("2001:db8:9::9").next(1) / icmp6(8, 0),
                eth() / from6("2001:db8:9::9").hop_limit(255) / neighbour_solicitation("::1"),
            ],
        )];
    prove("block-pings", &[entry("silent", "203.0.113.10", Life::Lasting)], &claims);
}
