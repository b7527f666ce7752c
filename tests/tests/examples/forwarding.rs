//! The examples that send packets on: which they send, and which they leave alone. What the bytes are
//! then is shown by the test `forwarding`.

use palisade_tests::packet::{
    BROADCAST, Ipv4, MULTICAST, eth, icmp, icmp6, ipv4, ipv6, tcp, udp, vlan,
};

use crate::{of, prove};

const DEFAULT: &str = "default pass";

#[test]
fn pings_of_the_service_are_shared_out_and_no_others() {
    fn service() -> Ipv4 {
        ipv4().dst("192.0.2.80")
    }
    let claims = [of("pings")
        .decides([
            eth() / service() / icmp(8, 0) / b"ping",
            eth() / vlan(7) / service().options([1; 4]) / icmp(8, 0),
            eth() / service().more_fragments() / icmp(8, 0) / &[0; 8],
            eth() / service().protocol(1).offset(2) / &[0; 8],
        ])
        .leaves_to(
            DEFAULT,
            [
                eth() / ipv4().dst("192.0.2.81") / icmp(8, 0),
                eth() / service() / udp(8, 0),
                eth().dst(BROADCAST) / service() / icmp(8, 0),
                eth().src(MULTICAST) / service() / icmp(8, 0),
                eth() / ipv6() / icmp6(128, 0),
            ],
        )];
    prove("icmp-balancer", &[], &claims);
}

#[test]
fn what_comes_for_the_services_is_tunnelled_as_far_as_it_fits() {
    fn vip() -> Ipv4 {
        ipv4().dst("192.0.2.80")
    }
    let claims = [
        of("web")
            .decides([eth() / vip() / tcp(4000, 80), eth() / vip().options([1; 4]) / tcp(9, 443)])
            .leaves_to(
                DEFAULT,
                [
                    eth() / vip() / tcp(4000, 22),
                    eth() / vip() / udp(4000, 80),
                    eth() / ipv4() / tcp(4000, 80),
                    eth() / vlan(7) / vip() / tcp(4000, 80),
                    eth() / vip() / tcp(4000, 80) / vec![0; 1480 - 39],
                    eth().dst(BROADCAST) / vip() / tcp(4000, 80),
                    eth() / ipv6() / tcp(4000, 80),
                ],
            ),
        of("names")
            .decides([
                eth() / vip() / udp(4000, 53),
                eth() / vip() / udp(4000, 53) / vec![0; 1480 - 28],
            ])
            .leaves_to(
                DEFAULT,
                [eth() / vip() / tcp(4000, 53), eth() / vip() / udp(4000, 53) / vec![0; 1480 - 27]],
            ),
    ];
    prove("ip-tunnel", &[], &claims);
}

#[test]
fn what_has_hops_left_is_asked_about() {
    let claims = [of("ways")
        .decides([
            eth() / ipv4().ttl(2) / udp(4000, 53),
            eth() / ipv6().hop_limit(255) / tcp(4000, 22),
            eth() / ipv4().more_fragments() / udp(4000, 53) / &[0; 8],
        ])
        .leaves_to(
            DEFAULT,
            [
                eth() / ipv4().ttl(1) / udp(4000, 53),
                eth() / ipv6().hop_limit(1) / udp(4000, 53),
                eth() / ipv4().options([1; 4]) / udp(4000, 53),
                eth() / vlan(7) / ipv4() / udp(4000, 53),
                eth().dst(BROADCAST) / ipv4() / udp(4000, 53),
            ],
        )];
    prove("router", &[], &claims);
}
