//! Rows 1 to 12: plain frames, VLAN tags, everything that is not IP, and runts.

use super::Malformed::{ShortL2, VlanTooDeep};
use super::rows::{Row, TCP4, TCP6, UDP4, UDP6};
use super::{Flow, Odd};
use crate::packet::{
    ARP_REPLY, ARP_REQUEST, BROADCAST, FROM4, Layer, Packet, Vlan, arp, eth, filler, ipv4, ipv6,
    llc, pad_to, sctp, service_vlan, snap, tcp, udp, vlan,
};

/// Frames without a network header are malformed under any rule that looks for one.
const ANY: &[Flow] = &[Flow::Udp53, Flow::Tcp80, Flow::Src4, Flow::Src6];

pub(super) fn rows() -> Vec<Odd> {
    [
        plain(),
        priority_tag(),
        stacked_tags(),
        one_tag(),
        double_tags(),
        unknown_tags(),
        cut_tags(),
        ieee_802_3(),
        arp_packets(),
        other_ethertypes(),
        runts(),
    ]
    .into_iter()
    .flat_map(Row::finish)
    .collect()
}

fn dns4() -> Packet {
    Packet::new() / ipv4() / udp(4000, 53) / b"query"
}

fn plain() -> Row {
    let mut row = Row::new(1);
    row.part("UDP over IPv4", UDP4, eth() / ipv4() / udp(4000, 53) / b"query");
    row.part("UDP over IPv6", UDP6, eth() / ipv6() / udp(4000, 53) / b"query");
    row.part("TCP over IPv4", TCP4, eth() / ipv4() / tcp(4000, 80));
    row.part("TCP over IPv6", TCP6, eth() / ipv6() / tcp(4000, 80));
    let diameter = [Flow::Sctp3868];
    let init = filler(20);
    row.part("SCTP over IPv4", &diameter, eth() / ipv4() / sctp(4000, 3868) / init.clone());
    row.part("SCTP over IPv6", &diameter, eth() / ipv6() / sctp(4000, 3868) / init);
    row.part("UDP without payload", UDP4, eth() / ipv4() / udp(4000, 53));
    row.stranger("another port", &[Flow::Udp53], eth() / ipv4() / udp(4000, 54));
    row.stranger("the port as source", &[Flow::Udp53], eth() / ipv4() / udp(53, 4000));
    row.stranger("port 53 with its bytes swapped", &[Flow::Udp53], eth() / ipv4() / udp(1, 0x3500));
    row.stranger("the port of another protocol", &[Flow::Udp53], eth() / ipv4() / tcp(4000, 53));
    row.stranger("the port over SCTP", &[Flow::Tcp80], eth() / ipv4() / sctp(4000, 80));
    let neighbour = ipv4().src("198.51.100.8").dst(FROM4);
    row.stranger("the address as destination", &[Flow::Src4], eth() / neighbour / udp(1, 53));
    row
}

fn priority_tag() -> Row {
    let mut row = Row::new(2);
    for pcp in 0..8 {
        let frame = eth() / vlan(0).pcp(pcp) / ipv4() / udp(4000, 53);
        row.part(format!("priority tag, priority {pcp}"), UDP4, frame);
    }
    let eligible = vlan(0).dei();
    row.part("priority tag, drop eligible", UDP6, eth() / eligible / ipv6() / udp(4000, 53));
    row.part("priority tag, all bits", TCP4, eth() / vlan(0).pcp(7).dei() / ipv4() / tcp(1, 80));
    row
}

fn stacked_tags() -> Row {
    let mut row = Row::new(3);
    let mixed = |at: usize| if at.is_multiple_of(2) { service_vlan(0) } else { vlan(0) };
    for count in 2..=30 {
        stack(&mut row, count, "mixed tags", mixed);
    }
    for count in [2, 7, 8, 9, 10, 16, 30] {
        stack(&mut row, count, "customer tags", |_| vlan(0));
        stack(&mut row, count, "service tags", |_| service_vlan(0));
    }
    let mut deep = Packet::new() / eth();
    for vid in 0..9 {
        deep = deep / vlan(vid);
    }
    row.malformed(VlanTooDeep, "nine tags, then ARP", UDP4, deep.clone() / arp(ARP_REQUEST));
    row.malformed(VlanTooDeep, "nine tags, then IPv6", UDP6, deep / ipv6() / udp(4000, 53));
    row
}

fn stack(row: &mut Row, count: usize, kind: &str, tag: impl Fn(usize) -> Vlan) {
    let tagged = (0..count).fold(Packet::new() / eth(), |packet, at| packet / tag(at));
    let frame = tagged / ipv4() / udp(4000, 53);
    let name = format!("{count} {kind}");
    if count <= 8 {
        row.part(name, UDP4, frame);
    } else {
        row.malformed(VlanTooDeep, name, UDP4, frame);
    }
}

fn one_tag() -> Row {
    let mut row = Row::new(4);
    for vid in [1, 5, 2048, 4094, 4095] {
        row.part(format!("VLAN {vid}"), UDP4, eth() / vlan(vid) / ipv4() / udp(4000, 53));
        row.part(
            format!("service VLAN {vid}"),
            TCP6,
            eth() / service_vlan(vid) / ipv6() / tcp(1, 80),
        );
    }
    row
}

fn double_tags() -> Row {
    let mut row = Row::new(5);
    let qinq = Packet::new() / eth() / service_vlan(100) / vlan(5);
    row.part("service and customer tag, IPv4", UDP4, qinq.clone() / ipv4() / udp(4000, 53));
    row.part("service and customer tag, IPv6", TCP6, qinq / ipv6() / tcp(4000, 80));
    let twice = Packet::new() / eth() / vlan(100) / vlan(5);
    row.part("two customer tags", UDP4, twice / ipv4() / udp(4000, 53));
    let turned = Packet::new() / eth() / vlan(5) / service_vlan(100);
    row.part("service tag inside a customer tag", UDP4, turned / ipv4() / udp(4000, 53));
    row
}

/// Linux takes these for no tags at all, so they are protocols like any other.
fn unknown_tags() -> Row {
    let mut row = Row::new(6);
    for tpid in [0x9100, 0x9200, 0x9300] {
        let tag = vlan(0).announced_as(tpid);
        let outer = eth() / tag.clone() / ipv4() / udp(4000, 53);
        row.stranger(format!("tag {tpid:#x}"), UDP4, outer);
        let inner = eth() / vlan(0) / tag / ipv4() / udp(4000, 53);
        row.stranger(format!("tag {tpid:#x} inside a tag"), UDP4, inner);
    }
    row
}

fn cut_tags() -> Row {
    let mut row = Row::new(7);
    let customer = eth() / vlan(0) / ipv4() / udp(4000, 53);
    let service = eth() / service_vlan(5) / ipv6() / udp(4000, 53);
    let second = eth() / service_vlan(5) / vlan(6) / ipv4() / udp(4000, 53);
    for len in 14..18 {
        row.malformed(ShortL2, format!("customer tag cut at {len}"), ANY, customer.cut(len));
        row.malformed(ShortL2, format!("service tag cut at {len}"), ANY, service.cut(len));
        row.malformed(ShortL2, format!("second tag cut at {}", len + 4), ANY, second.cut(len + 4));
    }
    row
}

fn ieee_802_3() -> Row {
    let mut row = Row::new(9);
    let bridges = eth().dst([0x01, 0x80, 0xc2, 0, 0, 0]);
    row.stranger("spanning tree", UDP4, bridges / llc(0x42) / &[0; 35] / pad_to(60));
    row.stranger("IS-IS", UDP4, eth() / llc(0xfe) / filler(40));
    row.stranger("IP by its service access point", UDP4, eth() / llc(0x06) / Vec::from(dns4()));
    row.stranger("IPv4 in SNAP", UDP4, eth() / snap() / ipv4() / udp(4000, 53));
    row.stranger("IPv6 in SNAP", UDP6, eth() / snap() / ipv6() / udp(4000, 53));
    row.stranger(
        "SNAP behind a priority tag",
        UDP4,
        eth() / vlan(0) / snap() / ipv4() / udp(1, 53),
    );
    row.stranger("ARP in SNAP", &[Flow::Arp], eth() / snap() / arp(ARP_REQUEST));
    for length in [0, 3, 46, 1500, 0x05ff] {
        let lies = eth().ethertype(length) / ipv4() / udp(4000, 53);
        row.stranger(format!("length {length} in front of bare IPv4"), UDP4, lies);
    }
    row
}

/// The addresses inside ARP are no packet's: rules on addresses do not see them.
fn arp_packets() -> Row {
    let mut row = Row::new(10);
    let ip = UDP4;
    let all = eth().dst(BROADCAST);
    let frames: [(&str, Packet); 5] = [
        ("ARP request", all.clone() / arp(ARP_REQUEST) / pad_to(60)),
        ("ARP reply", eth() / arp(ARP_REPLY) / pad_to(60)),
        ("gratuitous ARP", all.clone() / arp(ARP_REQUEST).target(FROM4) / pad_to(60)),
        ("ARP probe", all.clone() / arp(ARP_REQUEST).sender("0.0.0.0").target(FROM4)),
        ("ARP request behind a tag", all / vlan(5) / arp(ARP_REQUEST)),
    ];
    for (name, frame) in frames {
        row.stranger(name, ip, frame.clone());
        row.part(name, &[Flow::Arp], frame);
    }
    row.stranger("ARP that is cut", ip, (eth() / arp(ARP_REQUEST)).cut(20));
    row.stranger("IPv4 is not ARP", &[Flow::Arp], eth() / ipv4() / udp(4000, 53));
    row
}

fn other_ethertypes() -> Row {
    let mut row = Row::new(11);
    let pppoe =
        [&[0x11, 0x00, 0x00, 0x01, 0x00, 0x23, 0x00, 0x21], &Vec::from(dns4())[..]].concat();
    let mpls = [&[0x00, 0x01, 0x01, 0x40], &Vec::from(dns4())[..]].concat();
    let kinds: [(u16, &str, Vec<u8>); 13] = [
        (0x0600, "XNS", dns4().into()),
        (0x0801, "one more than IPv4", dns4().into()),
        (0x0008, "IPv4 with its bytes swapped", dns4().into()),
        (0x8035, "RARP", filler(28)),
        (0x86dc, "one less than IPv6", dns4().into()),
        (0x8863, "PPPoE discovery", pppoe.clone()),
        (0x8864, "PPPoE session", pppoe),
        (0x8847, "MPLS", mpls.clone()),
        (0x8848, "MPLS multicast", mpls),
        (0x888e, "EAPOL", filler(10)),
        (0x88cc, "LLDP", filler(46)),
        (0x88e5, "MACsec", dns4().into()),
        (0xffff, "the last EtherType", dns4().into()),
    ];
    for (ethertype, name, bytes) in kinds {
        let tagged = eth() / vlan(0).ethertype(ethertype) / Layer::Raw(bytes.clone());
        row.stranger(
            format!("{name} ({ethertype:#06x})"),
            UDP4,
            eth().ethertype(ethertype) / bytes,
        );
        row.stranger(format!("{name} ({ethertype:#06x}) behind a tag"), UDP4, tagged);
    }
    row.stranger("an EtherType and nothing else", UDP4, eth().ethertype(0x88cc) / &[]);
    row
}

fn runts() -> Row {
    let mut row = Row::new(12);
    for len in 0..14 {
        let runt = (eth() / ipv4() / udp(4000, 53)).cut(len);
        row.malformed(ShortL2, format!("runt of {len} bytes"), ANY, runt);
    }
    row
}
