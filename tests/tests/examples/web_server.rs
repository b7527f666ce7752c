//! A web server under default-deny: what it needs gets in, and nothing beside it.

use palisade_tests::agree::Life;
use palisade_tests::packet::{
    ACK, ARP_REPLY, ARP_REQUEST, FIN, Packet, RST, SYN, arp, eth, frag, hop_by_hop, icmp, icmp6,
    ipv4, ipv6, neighbour_solicitation, redirect, router_advertisement, sctp, tcp, udp,
};

use crate::{Claim, entry, from4, from6, of, prove};

const BLOCK: &str = "drop src in block";
const SSH: &str = "keep src admins tcp dport 22";
const LATER: &str = "on fragment drop";
const DEFAULT: &str = "default drop";

#[test]
fn what_the_server_needs_gets_in_and_nothing_beside_it() {
    let entries = [
        entry("block", "203.0.113.0/24", Life::Timed),
        entry("block", "192.0.2.0/24", Life::Over),
        entry("block", "192.0.2.10", Life::Lasting),
        entry("block", "2001:db8:b::9", Life::Lasting),
        entry("block", "fe80::9", Life::Lasting),
    ];
    let claims: Vec<Claim> =
        [kept(), served(), answered(), icmp_that_lives()].into_iter().flatten().collect();
    prove("web-server", &entries, &claims);
}

fn kept() -> Vec<Claim> {
    let neighbour = || from6("fe80::9").hop_limit(255);
    vec![
        of("keep arp")
            .decides([eth() / arp(ARP_REQUEST), eth() / arp(ARP_REPLY).sender("203.0.113.1")])
            .leaves_to(DEFAULT, [eth().ethertype(0x88cc) / b"no ARP"]),
        of("keep nd")
            .decides([
                eth() / neighbour() / neighbour_solicitation("2001:db8:1::1"),
                eth() / neighbour() / router_advertisement(),
                eth() / neighbour() / redirect("fe80::1", "2001:db8::7"),
            ])
            .leaves_to(BLOCK, [eth() / from6("fe80::9") / router_advertisement()])
            .leaves_to(DEFAULT, [eth() / from6("fe80::8") / router_advertisement()]),
        of("keep dhcp")
            .decides([
                eth() / from4("192.0.2.10") / udp(67, 68),
                eth() / from6("fe80::9") / udp(547, 546),
            ])
            .leaves_to(
                DEFAULT,
                [
                    eth() / ipv4() / udp(67, 69),
                    eth() / ipv4() / tcp(67, 68),
                    eth() / ipv4() / udp(547, 546),
                ],
            ),
        of(SSH)
            .decides([
                eth() / from4("192.0.2.10") / tcp(4000, 22).flags(SYN),
                eth() / from4("192.0.2.15") / tcp(4000, 22).flags(ACK),
                eth() / from6("2001:db8:a::10") / tcp(4000, 22).flags(SYN),
            ])
            .leaves_to(BLOCK, [eth() / from4("192.0.2.10") / udp(4000, 22)])
            .leaves_to(
                DEFAULT,
                [
                    eth() / from4("192.0.2.16") / tcp(4000, 22).flags(SYN),
                    eth() / from6("2001:db8:b::10") / tcp(4000, 22).flags(SYN),
                    eth() / from4("192.0.2.5") / tcp(4000, 23).flags(SYN),
                    eth() / from4("192.0.2.5") / sctp(4000, 22),
                ],
            ),
    ]
}

fn served() -> Vec<Claim> {
    vec![
        of(BLOCK)
            .decides([
                eth() / from4("203.0.113.9") / tcp(4000, 80).flags(SYN),
                eth() / from6("2001:db8:b::9") / tcp(4000, 443).flags(SYN),
                eth() / from4("203.0.113.9") / tcp(443, 40000).flags(ACK),
                eth() / from4("203.0.113.9").offset(185) / b"a later fragment",
            ])
            .leaves_to("web", [eth() / from4("198.51.100.9") / tcp(4000, 80).flags(SYN)])
            .leaves_to(SSH, [eth() / from4("192.0.2.10") / tcp(4000, 22).flags(SYN)]),
        of("web")
            .decides([
                eth() / ipv4() / tcp(4000, 80).flags(SYN),
                eth() / ipv6() / tcp(4000, 443).flags(SYN),
                eth() / ipv6() / hop_by_hop(0) / tcp(4000, 443).flags(FIN | ACK),
                eth() / ipv4().options([1; 4]) / tcp(4000, 80).flags(ACK),
                eth() / ipv4().more_fragments() / tcp(4000, 80).flags(ACK),
                // An entry past its time.
                eth() / from4("192.0.2.77") / tcp(4000, 80).flags(SYN),
            ])
            .leaves_to(
                DEFAULT,
                [
                    eth() / ipv4() / udp(4000, 443),
                    eth() / ipv4() / tcp(80, 8080).flags(SYN),
                    eth() / ipv6() / sctp(4000, 80),
                ],
            )
            .leaves_to(
                LATER,
                [
                    eth() / ipv4().protocol(6).offset(185) / tcp(4000, 80),
                    eth() / ipv6() / frag(185) / tcp(4000, 80),
                ],
            ),
    ]
}

fn answered() -> Vec<Claim> {
    let resolver = || from6("2001:db8:53::53");
    let clock = || from4("192.0.2.123");
    vec![
        of("replies")
            .decides([
                eth() / ipv4() / tcp(443, 32768).flags(SYN | ACK),
                eth() / ipv6() / tcp(25, 60999).flags(FIN | ACK),
                eth() / ipv4() / tcp(443, 40000).flags(RST),
            ])
            .leaves_to(
                DEFAULT,
                [
                    eth() / ipv4() / tcp(443, 40000).flags(SYN),
                    eth() / ipv4() / tcp(443, 40000).flags(FIN),
                    eth() / ipv4() / tcp(443, 32767).flags(ACK),
                    eth() / ipv6() / tcp(443, 61000).flags(RST),
                    eth() / ipv6() / tcp(4000, 22).flags(ACK),
                ],
            ),
        of("names")
            .decides([
                eth() / from4("192.0.2.53") / udp(53, 40000),
                eth() / resolver() / udp(53, 60999),
            ])
            .leaves_to(
                DEFAULT,
                [
                    eth() / from4("198.51.100.53") / udp(53, 40000),
                    eth() / resolver() / udp(5353, 40000),
                    eth() / resolver() / udp(53, 22),
                ],
            ),
        of("time")
            .decides([
                eth() / clock() / udp(123, 123),
                eth() / from6("2001:db8:53::123") / udp(123, 40000),
            ])
            .leaves_to(
                DEFAULT,
                [eth() / clock() / udp(40000, 123), eth() / from4("192.0.2.124") / udp(123, 123)],
            ),
    ]
}

fn icmp_that_lives() -> Vec<Claim> {
    let v4 = |kind, code| -> Packet { eth() / ipv4() / icmp(kind, code) / [0; 28].as_slice() };
    let v6 = |kind, code| -> Packet { eth() / ipv6() / icmp6(kind, code) / [0; 48].as_slice() };
    let query = |src, ttl| eth() / from6(src).hop_limit(ttl) / hop_by_hop(0) / icmp6(130, 0);
    vec![
        of("errors")
            .decides([v4(3, 4), v4(3, 1), v4(11, 0), v4(12, 0)])
            .leaves_to(DEFAULT, [v4(5, 1), v4(13, 0), v6(11, 0)]),
        of("errors6")
            .decides([v6(1, 4), v6(2, 0), v6(3, 0), v6(4, 1)])
            .leaves_to(DEFAULT, [v6(5, 0), v6(139, 0), v4(1, 0)]),
        of("mld")
            .decides([query("fe80::1", 1)])
            .leaves_to(BLOCK, [query("fe80::9", 1)])
            .leaves_to(DEFAULT, [query("fe80::1", 2), query("2001:db8::7", 1), v6(131, 0)]),
        of("ping")
            .decides([
                eth() / from4("192.0.2.5") / icmp(8, 0),
                eth() / from6("2001:db8:a::5") / icmp6(128, 0),
            ])
            .leaves_to(BLOCK, [eth() / from4("192.0.2.10") / icmp(8, 0)])
            .leaves_to(DEFAULT, [v4(8, 0), v6(128, 0), eth() / from4("192.0.2.5") / icmp(13, 0)]),
        of("pong")
            .decides([v4(0, 0), v6(129, 0)])
            .leaves_to(DEFAULT, [v4(129, 0), v6(0, 0), eth() / ipv6().next(1) / icmp6(0, 0)]),
    ]
}
