//! The examples that send packets on: which they send, and which they leave alone. What the bytes are
//! then is shown by the test `forwarding`.

use palisade_tests::packet::{BROADCAST, Ipv4, MULTICAST, eth, icmp, icmp6, ipv4, ipv6, udp, vlan};

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
