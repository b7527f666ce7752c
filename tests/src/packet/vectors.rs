//! Frames of this builder against the same frames made by scapy 2.8.
//!
//! The expected bytes are another program's, checksums included: what both agree on was computed
//! twice.

use super::*;

#[track_caller]
fn same(packet: Packet, scapy: &str) {
    let ours: String = packet.build().iter().map(|byte| format!("{byte:02x}")).collect();
    assert_eq!(ours, scapy.split_whitespace().collect::<String>());
}

#[test]
fn udp_over_ipv4_is_scapys() {
    same(
        eth() / ipv4() / udp(4000, 53) / b"hello",
        "00005e00530100005e0053070800450000210001000040118e8fc6336407c00002010fa00035 \
         000dbff068656c6c6f",
    );
}

#[test]
fn udp_over_ipv6_is_scapys() {
    same(
        eth() / ipv6() / udp(4000, 53) / b"hello",
        "00005e00530100005e00530786dd60000000000d114020010db8000000000000000000000007 \
         20010db80000000100000000000000010fa00035000d50b268656c6c6f",
    );
}

#[test]
fn tcp_over_ipv4_with_options_everywhere_is_scapys() {
    same(
        eth()
            / ipv4().dont_fragment().tos(0x28).options([1, 1, 1])
            / tcp(4000, 80).flags(SYN | ECE | CWR).options([2, 4, 0x05, 0xb4])
            / b"x",
        "00005e00530100005e0053070800462800310001400040064b61c6336407c000020101010100 \
         0fa00050000000010000000060c2ffff23380000020405b478",
    );
}

#[test]
fn tcp_over_ipv6_with_class_and_label_is_scapys() {
    same(
        eth() / ipv6().traffic_class(0xb8).flow_label(0x12345) / tcp(4000, 80).flags(ACK),
        "00005e00530100005e00530786dd6b8123450014064020010db8000000000000000000000007 \
         20010db80000000100000000000000010fa0005000000001000000005010ffff44690000",
    );
}

#[test]
fn sctp_over_ipv4_is_scapys() {
    same(
        eth() / ipv4() / sctp(4000, 3868).tag(7) / &[0, 0, 0, 4],
        "00005e00530100005e0053070800450000240001000040848e19c6336407c00002010fa00f1c \
         00000007e094a5bc00000004",
    );
}

#[test]
fn icmp_echo_is_scapys() {
    same(
        eth() / ipv4() / icmp(8, 0).rest([0, 1, 0, 2]) / b"ping",
        "00005e00530100005e0053070800450000200001000040018ea0c6336407c00002010800192c \
         0001000270696e67",
    );
}

#[test]
fn icmpv6_echo_is_scapys() {
    same(
        eth() / ipv6() / icmp6(128, 0).rest([0, 1, 0, 2]) / b"ping",
        "00005e00530100005e00530786dd60000000000c3a4020010db8000000000000000000000007 \
         20010db80000000100000000000000018000456a0001000270696e67",
    );
}

#[test]
fn neighbour_solicitation_with_link_address_is_scapys() {
    same(
        eth() / ipv6().hop_limit(255) / neighbour_solicitation(TO6),
        "00005e00530100005e00530786dd6000000000203aff20010db8000000000000000000000007 \
         20010db800000001000000000000000187003d660000000020010db800000001000000000000 \
         0001010100005e005307",
    );
}

#[test]
fn service_and_customer_tag_is_scapys() {
    same(
        eth() / service_vlan(100) / vlan(5).pcp(7).dei() / ipv4() / udp(4000, 53),
        "00005e00530100005e00530788a800648100f00508004500001c0001000040118e94c6336407 \
         c00002010fa00035000803cd",
    );
}

#[test]
fn arp_request_is_scapys() {
    same(
        eth() / arp(ARP_REQUEST),
        "00005e00530100005e0053070806000108000604000100005e005307c6336407000000000000 \
         c0000201",
    );
}

#[test]
fn snap_in_802_3_is_scapys() {
    same(
        eth() / snap() / ipv4() / udp(4000, 53),
        "00005e00530100005e0053070024aaaa0300000008004500001c0001000040118e94c6336407 \
         c00002010fa00035000803cd",
    );
}

#[test]
fn chain_of_extension_headers_is_scapys() {
    same(
        eth()
            / ipv6()
            / hop_by_hop(0)
            / routing(0, 0)
            / frag(0)
            / destination(0)
            / udp(4000, 53)
            / b"hello",
        "00005e00530100005e00530786dd60000000002d004020010db8000000000000000000000007 \
         20010db80000000100000000000000012b001e04000000002c000000000000003c0000000000 \
         000111001e04000000000fa00035000d50b268656c6c6f",
    );
}

#[test]
fn fragments_are_scapys() {
    let whole = eth() / ipv4() / udp(4000, 53) / filler(24);
    let [first, last] = <[Packet; 2]>::try_from(whole.fragments(&[16])).expect("two fragments");
    same(
        first,
        "00005e00530100005e0053070800450000240001200040116e8cc6336407c00002010fa00035 \
         00207f0c0001020304050607",
    );
    same(
        last,
        "00005e00530100005e0053070800450000240001000240118e8ac6336407c000020108090a0b \
         0c0d0e0f1011121314151617",
    );
}

#[test]
fn ipv6_fragments_together_are_the_packet() {
    let whole = eth() / ipv6() / hop_by_hop(0) / destination(0) / tcp(4000, 80) / filler(20);
    let pieces: Vec<Vec<u8>> = whole.fragments(&[16, 32]).iter().map(Packet::build).collect();
    // Ethernet, IPv6, hop-by-hop, fragment header: what every piece repeats.
    let joined = pieces.iter().flat_map(|piece| piece[14 + 40 + 8 + 8..].to_vec());
    assert_eq!(joined.collect::<Vec<_>>(), whole.build()[14 + 40 + 8..]);
    let places = pieces.iter().map(|piece| piece[62..66].to_vec()).collect::<Vec<_>>();
    assert_eq!(places, [[60, 0, 0, 1], [60, 0, 0, 0x11], [60, 0, 0, 0x20]]);
}

#[test]
fn what_a_test_sets_is_sent_as_set() {
    let liar = ipv4().version(5).ihl(15).total_len(7).checksum(0xdead).protocol(6).offset(3).evil();
    let frame = (eth().ethertype(0x1234) / liar / udp(1, 2).length(3).checksum(4)).build();
    assert_eq!(frame[12..14], [0x12, 0x34]);
    assert_eq!(frame[14], 0x5f);
    assert_eq!(frame[16..18], [0, 7]);
    assert_eq!(frame[20..22], [0x80, 3]);
    assert_eq!(frame[23..26], [6, 0xde, 0xad]);
    assert_eq!(frame[34..], [0, 1, 0, 2, 0, 3, 0, 4]);
}

#[test]
fn udps_sum_covers_what_its_length_says() {
    let short = (eth() / ipv4() / udp(4000, 53).length(8) / b"hello").build();
    // The pseudo-header, the ports and the length, without the five bytes behind.
    let bare = (eth() / ipv4() / udp(4000, 53)).build();
    assert_eq!(short[34..42], bare[34..42]);
}

#[test]
fn padding_is_counted_by_no_length() {
    let plain = eth() / ipv4() / udp(4000, 53) / b"hello";
    let padded = (plain.clone() / pad_to(60)).build();
    assert_eq!(padded.len(), 60);
    assert_eq!(padded[..47], plain.build());
    assert_eq!((plain.clone() / pad_to(20)).build(), plain.build());
    assert_eq!((plain.clone() / pad([1, 2])).build()[47..], [1, 2]);
}

#[test]
fn a_cut_keeps_the_lengths_and_a_shortening_mends_them() {
    let whole = eth() / ipv4() / udp(4000, 53) / b"hello";
    assert_eq!(whole.cut(38), whole.build()[..38]);
    let short = whole.shortened(4).build();
    assert_eq!(short.len(), 38);
    assert_eq!(short[16..18], [0, 24]);
    assert_eq!(short[34..], whole.build()[34..38]);
}

#[test]
fn a_header_is_as_long_as_its_length_field_says() {
    for units in [0, 1, 31, 32, 33, 254, 255] {
        let frame = (Packet::new() / destination(units)).build();
        assert_eq!(frame.len(), 8 * (usize::from(units) + 1));
        assert_eq!(frame[1], units);
    }
    assert_eq!((Packet::new() / auth(4)).build().len(), 24);
    assert_eq!((Packet::new() / routing_via(4, 0, &[TO6, FROM6])).build().len(), 40);
    assert_eq!((Packet::new() / mobility()).build().len(), 8);
}
