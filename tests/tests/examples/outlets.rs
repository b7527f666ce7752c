//! The examples that send packets elsewhere: which they send, and which they leave alone. That they
//! arrive there is shown by the tests `redirect` and `deliver`.

use palisade_tests::packet::{
    ARP_REQUEST, BROADCAST, Eth, arp, eth, icmp6, ipv4, ipv6, tcp, udp, vlan,
};

use crate::{of, prove};

fn left() -> Eth {
    eth().src([2, 0, 0x5e, 0x10, 0, 1])
}

fn right() -> Eth {
    eth().src([2, 0, 0x5e, 0x10, 0, 2])
}

#[test]
fn what_stations_send_goes_to_the_other_side() {
    let claims = [
        of("to-right")
            .decides([
                left() / ipv4() / udp(4000, 53),
                left().dst(BROADCAST) / arp(ARP_REQUEST),
                left() / vlan(7) / ipv6() / icmp6(128, 0),
            ])
            .leaves_to("to-left", [right() / ipv4() / udp(4000, 53)])
            .leaves_to("default pass", [eth() / ipv4() / udp(4000, 53)]),
        of("to-left")
            .decides([right() / ipv4() / udp(4000, 53), right() / arp(ARP_REQUEST)])
            .leaves_to("to-right", [left() / ipv6() / udp(4000, 53)])
            .leaves_to("default pass", [eth().dst([2, 0, 0x5e, 0x10, 0, 2]) / ipv4() / udp(1, 2)]),
    ];
    prove("redirect", &[], &claims);
}

#[test]
fn what_is_for_the_echo_port_is_for_sockets() {
    let claims = [of("echo")
        .decides([eth() / ipv4() / udp(4000, 7), eth() / vlan(7) / ipv6() / udp(7, 7)])
        .leaves_to(
            "default pass",
            [
                eth() / ipv4() / udp(7, 4000),
                eth() / ipv4() / tcp(4000, 7),
                eth() / ipv4().offset(5) / b"a later piece",
                eth() / arp(ARP_REQUEST),
            ],
        )];
    prove("af-xdp-echo", &[], &claims);
}
