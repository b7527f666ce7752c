//! The examples that change packets: which they change, and which they leave alone. What the bytes
//! are then is shown by the test `actions`.

use palisade_tests::packet::{
    ARP_REQUEST, BROADCAST, MULTICAST, Packet, arp, eth, frag, hop_by_hop, icmp, icmp6, ipv4, ipv6,
    sctp, service_vlan, tcp, udp, vlan,
};

use crate::{of, prove};

const DEFAULT: &str = "default pass";

#[test]
fn pings_are_answered_that_one_station_sends_to_another() {
    let claims = [
        of("ping")
            .decides([
                eth() / ipv4() / icmp(8, 0) / b"ping",
                eth() / vlan(7) / ipv4().ttl(1) / icmp(8, 0),
            ])
            .leaves_to(
                DEFAULT,
                [
                    eth() / ipv4() / icmp(0, 0),
                    eth() / ipv4() / icmp(8, 1),
                    eth().dst(BROADCAST) / ipv4() / icmp(8, 0),
                    eth().src(MULTICAST) / ipv4() / icmp(8, 0),
                    eth() / ipv4().dst("224.0.0.1") / icmp(8, 0),
                    eth() / ipv4().dst("255.255.255.255") / icmp(8, 0),
                    eth() / ipv4().src("0.0.0.0") / icmp(8, 0),
                    eth() / ipv4().more_fragments() / icmp(8, 0) / &[0; 8],
                    eth() / ipv4().options([1, 1, 1, 0]) / icmp(8, 0),
                    eth() / ipv4().protocol(58) / icmp(128, 0),
                    eth() / ipv4() / udp(8, 0),
                ],
            ),
        of("ping6")
            .decides([
                eth() / ipv6() / icmp6(128, 0) / b"ping",
                eth() / ipv6().hop_limit(1) / hop_by_hop(0) / icmp6(128, 0),
            ])
            .leaves_to(
                DEFAULT,
                [
                    eth() / ipv6() / icmp6(129, 0),
                    eth().dst(MULTICAST) / ipv6() / icmp6(128, 0),
                    eth() / ipv6().dst("ff02::1") / icmp6(128, 0),
                    eth() / ipv6().src("::") / icmp6(128, 0),
                    eth() / ipv6() / frag(0).more() / icmp6(128, 0) / &[0; 8],
                ],
            ),
    ];
    prove("icmp-echo", &[], &claims);
}

#[test]
fn ports_are_patched_of_whole_packets_that_have_them() {
    let claims = [
        of("web")
            .decides([eth() / ipv4() / tcp(4000, 80), eth() / vlan(7) / ipv6() / tcp(8080, 80)])
            .leaves_to(DEFAULT, [eth() / ipv4() / tcp(4000, 81), eth() / ipv4() / sctp(4000, 80)])
            .leaves_to(DEFAULT, [eth() / ipv4().more_fragments() / tcp(4000, 80) / &[0; 4]]),
        of("names")
            .decides([eth() / ipv4() / udp(4000, 53), eth() / ipv6() / udp(4000, 53).checksum(0)])
            .leaves_to(DEFAULT, [eth() / ipv4() / tcp(4000, 53), eth() / ipv6() / udp(53, 4000)]),
        of("web-back")
            .decides([eth() / ipv4() / tcp(8080, 4000), eth() / ipv6() / tcp(8080, 4000)])
            .leaves_to("web", [eth() / ipv4() / tcp(8080, 80)]),
        of("names-back")
            .decides([eth() / ipv4() / udp(5353, 4000)])
            .leaves_to("names", [eth() / ipv4() / udp(5353, 53)]),
    ];
    prove("port-patch", &[], &claims);
}

#[test]
fn frames_of_stations_are_sent_back() {
    let claims = [of("echo")
        .decides([eth() / ipv4() / udp(4000, 7), eth() / vlan(7) / ipv6() / udp(4000, 7)])
        .leaves_to(
            DEFAULT,
            [
                eth().dst(BROADCAST) / ipv4() / udp(4000, 7),
                eth().src(MULTICAST) / ipv4() / udp(4000, 7),
                eth() / ipv4() / udp(7, 4000),
                eth() / arp(ARP_REQUEST),
            ],
        )];
    prove("mac-swap", &[], &claims);
}

#[test]
fn tags_go_where_they_are_and_come_where_they_are_not() {
    let tagged: [Packet; 3] = [
        eth() / vlan(100) / ipv4() / udp(4000, 7),
        eth() / service_vlan(7) / vlan(8) / ipv6() / udp(4000, 7),
        eth() / vlan(1).pcp(7) / arp(ARP_REQUEST),
    ];
    let plain: [Packet; 2] = [eth() / ipv4() / udp(4000, 7), eth() / arp(ARP_REQUEST)];
    let claims = [
        of("untagged").decides(tagged.clone()).leaves_to("tagged", plain.clone()),
        of("tagged").decides(plain).leaves_to("untagged", tagged),
    ];
    prove("vlan-swap", &[], &claims);
}
