//! TCP port 8080 is dropped, wherever in the frame it stands.

use palisade_tests::packet::{
    SYN, destination, eth, frag, hop_by_hop, icmp, ipv4, ipv6, sctp, service_vlan, tcp, udp, vlan,
};

use crate::{of, prove};

#[test]
fn the_port_is_found_behind_tags_options_and_extension_headers() {
    let syn = || tcp(4000, 8080).flags(SYN);
    let claims = [of("drop tcp dport 8080")
        .decides([
            eth() / ipv4() / syn(),
            eth() / ipv6() / syn(),
            eth() / vlan(7) / ipv4() / syn(),
            eth() / service_vlan(7) / vlan(8) / ipv6() / syn(),
            eth() / ipv4().options([1; 40]) / syn(),
            eth() / ipv6() / hop_by_hop(0) / destination(2) / syn(),
            eth() / ipv4() / tcp(4000, 8080).options([1; 40]),
            eth() / ipv4().more_fragments() / syn(),
            eth() / ipv6() / frag(0).more() / syn(),
        ])
        .leaves_to(
            "default pass",
            [
                eth() / ipv4() / tcp(4000, 8081),
                eth() / ipv4() / tcp(8080, 4000),
                eth() / ipv6() / tcp(4000, 80),
                eth() / ipv4() / udp(4000, 8080),
                eth() / ipv6() / sctp(4000, 8080),
                // Bytes that look like the ports, where no ports are.
                eth() / ipv4() / icmp(8, 0).rest([0x0f, 0xa0, 0x1f, 0x90]),
                eth() / ipv4().protocol(6).offset(1) / syn(),
                eth() / ipv6() / frag(1) / syn(),
                eth() / ipv4().options([0x1f, 0x90, 0x1f, 0x90]) / tcp(4000, 80),
                eth().ethertype(0x88cc) / b"no IP",
            ],
        )
        // A header length below 20 bytes would put the ports into the addresses.
        .leaves_to("bad-ihl", [eth() / ipv4().ihl(4) / syn()])];
    prove("drop-8080", &[], &claims);
}
