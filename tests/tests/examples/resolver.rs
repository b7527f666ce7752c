//! A resolver answers its clients, hears every name server, and is open to nobody else.

use palisade_tests::packet::{
    ACK, ARP_REQUEST, FIN, PSH, RST, SYN, arp, eth, frag, icmp, icmp6, ipv4, ipv6,
    neighbour_advertisement, router_advertisement, sctp, tcp, udp,
};

use crate::{from4, from6, of, prove};

const QUERIES: &str = "queries";
const STRANGERS: &str = "strangers";
const LATER: &str = "on fragment pass";
const DEFAULT: &str = "default drop";

#[test]
fn clients_ask_servers_answer_and_strangers_do_neither() {
    let claims = [
        of("keep arp")
            .decides([eth() / arp(ARP_REQUEST)])
            .leaves_to(DEFAULT, [eth().ethertype(0x88cc) / b"no ARP"]),
        of("keep nd")
            .decides([
                eth() / ipv6().hop_limit(255) / neighbour_advertisement("2001:db8:1::1"),
                eth() / ipv6().hop_limit(255) / router_advertisement(),
            ])
            .leaves_to(DEFAULT, [eth() / ipv6().hop_limit(64) / router_advertisement()]),
        of("keep src admins tcp dport 22")
            .decides([
                eth() / from4("192.0.2.10") / tcp(4000, 22).flags(SYN),
                eth() / from6("2001:db8:c:a::10") / tcp(4000, 22).flags(ACK | PSH),
            ])
            .leaves_to(
                DEFAULT,
                [
                    eth() / from4("192.0.2.16") / tcp(4000, 22).flags(SYN),
                    eth() / from4("192.0.2.10") / udp(4000, 22),
                    eth() / from6("2001:db8:c:b::10") / tcp(4000, 22).flags(SYN),
                ],
            ),
        of(QUERIES)
            .decides([
                eth() / from4("192.0.2.77") / udp(4000, 53),
                eth() / from4("192.0.2.77") / tcp(4000, 53).flags(SYN),
                eth() / from4("192.0.2.77") / tcp(4000, 53).flags(FIN | ACK),
                eth() / from6("2001:db8:c:ffff::7") / udp(4000, 53),
                eth() / from6("2001:db8:c:ffff::7") / tcp(4000, 53).flags(SYN),
            ])
            .leaves_to(
                STRANGERS,
                [
                    eth() / from4("192.0.3.77") / udp(4000, 53),
                    eth() / from4("192.0.2.77") / sctp(4000, 53),
                ],
            )
            .leaves_to(DEFAULT, [eth() / from4("192.0.2.77") / udp(4000, 54)]),
        of(STRANGERS)
            .decides([
                eth() / from4("198.51.100.7") / udp(4000, 53),
                eth() / from6("2001:db8:d::7") / tcp(4000, 53).flags(SYN),
                // A question that pretends to be an answer.
                eth() / from4("198.51.100.7") / udp(53, 53),
            ])
            .leaves_to(DEFAULT, [eth() / from4("198.51.100.7") / udp(4000, 5353)]),
        of("answers")
            .decides([
                eth() / from4("198.51.100.7") / udp(53, 1024),
                eth() / from6("2001:db8:d::7") / udp(53, 65535),
                eth() / from4("198.51.100.7").more_fragments() / udp(53, 40000),
                eth() / from6("2001:db8:d::7") / frag(0).more() / udp(53, 40000),
            ])
            .leaves_to(
                DEFAULT,
                [
                    eth() / from4("198.51.100.7") / udp(53, 1023),
                    eth() / from4("198.51.100.7") / udp(52, 1024),
                    eth() / from6("2001:db8:d::7") / sctp(53, 1024),
                ],
            )
            .leaves_to(
                LATER,
                [
                    eth() / from4("198.51.100.7").offset(185) / udp(53, 40000),
                    eth() / from6("2001:db8:d::7") / frag(185) / udp(53, 40000),
                ],
            ),
        of("tcp-answers")
            .decides([
                eth() / ipv4() / tcp(53, 40000).flags(SYN | ACK),
                eth() / ipv4() / tcp(53, 40000).flags(ACK | PSH),
                eth() / ipv6() / tcp(53, 40000).flags(RST),
            ])
            .leaves_to(
                DEFAULT,
                [
                    eth() / ipv4() / tcp(53, 40000).flags(SYN),
                    eth() / ipv4() / tcp(53, 40000).flags(FIN | PSH),
                    eth() / ipv4() / tcp(53, 80).flags(ACK),
                    eth() / ipv6() / tcp(54, 40000).flags(RST),
                ],
            ),
        of("errors")
            .decides([
                eth() / ipv4() / icmp(3, 4).rest([0, 0, 5, 0xdc]) / [0; 28].as_slice(),
                eth() / ipv4() / icmp(3, 3) / [0; 28].as_slice(),
                eth() / ipv4() / icmp(11, 0) / [0; 28].as_slice(),
            ])
            .leaves_to(
                DEFAULT,
                [eth() / ipv4() / icmp(5, 1), eth() / from4("192.0.2.77") / icmp(8, 0)],
            ),
        of("errors6")
            .decides([1, 2, 3].map(|kind| eth() / ipv6() / icmp6(kind, 0) / [0; 48].as_slice()))
            .leaves_to(
                DEFAULT,
                [eth() / ipv6() / icmp6(128, 0), eth() / ipv4().protocol(58) / icmp(2, 0)],
            ),
    ];
    prove("resolver", &[], &claims);
}
