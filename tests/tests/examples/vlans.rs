//! Frames of certain VLANs are dropped, and those with a certain second tag are aborted.

use palisade_tests::packet::{ARP_REQUEST, arp, eth, ipv4, ipv6, service_vlan, tcp, udp, vlan};

use crate::{of, prove};

const DEFAULT: &str = "default pass";

#[test]
fn tags_are_told_apart_by_place_and_not_by_kind() {
    let claims = [
        of("hopping")
            .decides([
                eth() / vlan(7) / vlan(42) / ipv4() / udp(4000, 9),
                eth() / service_vlan(7) / vlan(42) / ipv6() / tcp(4000, 80),
                eth() / vlan(1) / service_vlan(42) / arp(ARP_REQUEST),
                eth() / vlan(42).pcp(7).dei() / vlan(42).pcp(7).dei() / ipv4() / udp(4000, 9),
                eth() / vlan(7) / vlan(42) / vlan(8) / ipv4() / udp(4000, 9),
            ])
            .leaves_to(
                DEFAULT,
                [
                    eth() / vlan(42) / ipv4() / udp(4000, 9),
                    eth() / vlan(42) / vlan(43) / ipv4() / udp(4000, 9),
                    eth() / vlan(7) / vlan(8) / vlan(42) / ipv4() / udp(4000, 9),
                ],
            ),
        of("unassigned")
            .decides([
                eth() / vlan(1) / ipv4() / udp(4000, 9),
                eth() / service_vlan(999) / ipv6() / udp(4000, 9),
                eth() / vlan(999).pcp(7).dei() / arp(ARP_REQUEST),
                eth() / vlan(1) / vlan(41) / ipv4() / udp(4000, 9),
            ])
            .leaves_to("hopping", [eth() / vlan(999) / vlan(42) / ipv4() / udp(4000, 9)])
            .leaves_to(
                DEFAULT,
                [
                    eth() / vlan(2) / ipv4() / udp(4000, 9),
                    eth() / vlan(998) / vlan(999) / ipv4() / udp(4000, 9),
                    eth() / vlan(0) / ipv6() / udp(4000, 9),
                    eth() / ipv4() / udp(4000, 999),
                    eth() / arp(ARP_REQUEST),
                ],
            ),
    ];
    prove("vlans", &[], &claims);
}
