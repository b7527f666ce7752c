//! Forms that the link's headers decide: the class of a frame, its tags, its addresses.

use palisade_tests::packet::{
    ARP_REPLY, ARP_REQUEST, BROADCAST, MULTICAST, Mac, Packet, arp, eth, icmp6, ipv4, ipv6, llc,
    service_vlan, snap, tcp, udp, vlan,
};

use super::Cut::{Link, Network};
use super::{Form, form, not_ip};

const ONE: Mac = [0x02, 0x00, 0x5e, 0x10, 0x00, 0x0f];

pub fn forms() -> Vec<Form> {
    [classes(), tags(), addresses(), queues()].concat()
}

/// Frames of every kind come in on the first queue, which is the one of a test run.
fn queues() -> Vec<Form> {
    vec![form("queue 0").hits(four()).hits(six()).hits(arps()).hits(not_ip()).cut(Link(0))]
}

fn four() -> [Packet; 3] {
    [
        eth() / ipv4() / udp(1, 2),
        eth() / service_vlan(7) / vlan(8) / ipv4() / tcp(1, 2),
        eth() / vlan(1) / ipv4().options([1; 8]).offset(5) / b"piece",
    ]
}

fn six() -> [Packet; 2] {
    [eth() / ipv6() / udp(1, 2), eth() / vlan(0) / ipv6() / icmp6(128, 0)]
}

fn arps() -> [Packet; 2] {
    [eth() / arp(ARP_REQUEST), eth() / vlan(3) / service_vlan(4) / arp(ARP_REPLY)]
}

/// The last byte of an EtherType differs from that of IPv4, of ARP.
fn next_types() -> [Packet; 2] {
    [eth().ethertype(0x0801) / &[0x45; 40], eth().ethertype(0x0807) / &[0; 40]]
}

/// IPv4 that no EtherType announces: behind SNAP, whose field is a length.
fn behind_a_length() -> [Packet; 2] {
    [eth() / snap() / ipv4() / udp(1, 2), eth() / llc(0x42) / &[0x45; 40]]
}

fn classes() -> Vec<Form> {
    let of_type = |number: u16| eth().ethertype(number) / b"frame";
    let tagged = |number: u16| eth() / vlan(1) / vlan(2).ethertype(number) / b"frame";
    vec![
        form("ip4")
            .hits(four())
            .near(next_types())
            .near(behind_a_length())
            .wrong(six())
            .wrong(not_ip())
            .cut(Network),
        form("ip6").hits(six()).near([of_type(0x86dc)]).wrong(four()).wrong(not_ip()).cut(Network),
        form("arp").hits(arps()).near(next_types()).wrong(four()).wrong(six()).cut(Link(14)),
        form("ethertype 0x0800").hits(four()).near(next_types()).wrong(six()).cut(Network),
        form("ethertype 34525").hits(six()).near([of_type(0x86de)]).wrong(four()).cut(Network),
        form("ethertype 0x0806").hits(arps()).near(next_types()).wrong(four()).cut(Link(14)),
        form("ethertype 0x88e5")
            .hits([tagged(0x88e5), of_type(0x88e5)])
            .near([of_type(0x88e4), of_type(0xe588), tagged(0x89e5)])
            .wrong(six())
            .wrong(not_ip())
            .cut(Link(22)),
        form("ethertype 0x600")
            .hits([of_type(0x600), tagged(0x600)])
            .near([of_type(0x5ff), of_type(0x0006)])
            .wrong(arps())
            .cut(Link(14)),
    ]
}

fn tags() -> Vec<Form> {
    let web = || Vec::from(Packet::new() / ipv4() / tcp(1, 80));
    let outer = |vid| eth() / vlan(vid).ethertype(0x0800) / web();
    let behind = |vid| eth() / vlan(6) / service_vlan(vid).ethertype(0x0800) / web();
    let untagged = || [eth().ethertype(0x0800) / web(), eth() / arp(ARP_REQUEST)];
    let depths = [
        eth() / vlan(5) / arp(ARP_REQUEST),
        eth() / service_vlan(5).pcp(7).dei() / vlan(6) / vlan(7) / ipv6() / udp(1, 2),
    ];
    vec![
        form("vlan 5")
            .hits([outer(5)])
            .hits(depths)
            .near([outer(4), outer(0x105), outer(0x500), behind(5)])
            .wrong(untagged())
            .cut(Link(18)),
        form("vlan 0")
            .hits([outer(0)])
            .near([outer(1), outer(4095)])
            .wrong(untagged())
            .cut(Link(18)),
        form("vlan 4094").hits([outer(4094)]).near([outer(4095)]).wrong(untagged()).cut(Link(18)),
        form("inner-vlan 5")
            .hits([behind(5), eth() / vlan(5) / vlan(5) / vlan(1) / arp(ARP_REQUEST)])
            .near([behind(4), outer(5), eth() / vlan(1) / vlan(2) / vlan(5) / arp(ARP_REQUEST)])
            .wrong(untagged())
            .cut(Link(22)),
        form("vlan any")
            .hits([outer(5), outer(0), outer(4095), behind(7)])
            .near([eth().ethertype(0x9100) / web(), eth().ethertype(0x8101) / web()])
            .wrong(untagged())
            .cut(Link(18)),
        form("inner-vlan any")
            .hits([behind(5), behind(0), eth() / vlan(1) / vlan(2) / vlan(3) / arp(ARP_REQUEST)])
            .near([outer(5), eth() / vlan(1).ethertype(0x9100) / web()])
            .wrong(untagged())
            .cut(Link(22)),
    ]
}

fn addresses() -> Vec<Form> {
    let from = |mac| [eth().src(mac) / ipv4() / udp(1, 2), eth().src(mac) / vlan(1) / ipv6() / b""];
    let to = |mac| [eth().dst(mac) / arp(ARP_REQUEST), eth().dst(mac).ethertype(0x88cc) / b"lldp"];
    let others: Vec<Mac> = (0..6)
        .map(|byte| {
            let mut mac = ONE;
            mac[byte] ^= 1;
            mac
        })
        .collect();
    let text = "02:00:5e:10:00:0f";
    let set = &format!("set friends mac {{ elements {{ {text}, 02:00:5e:10:00:00 }} }}\n");
    let nears = |make: fn(Mac) -> [Packet; 2]| others.iter().copied().flat_map(make).collect();
    let (near_from, near_to): (Vec<Packet>, Vec<Packet>) = (
        nears(|mac| [eth().src(mac) / arp(ARP_REQUEST), eth().src(mac) / ipv4() / udp(1, 2)]),
        nears(|mac| [eth().dst(mac) / arp(ARP_REQUEST), eth().dst(mac) / ipv4() / udp(1, 2)]),
    );
    let src = |rule: String| form(rule).hits(from(ONE)).near(near_from.clone()).wrong(to(ONE));
    let dst = |rule: String| form(rule).hits(to(ONE)).near(near_to.clone()).wrong(from(ONE));
    vec![
        src(format!("ether src {text}")).cut(Link(14)),
        dst(format!("ether dst {text}")).cut(Link(14)),
        src("ether src in friends".to_owned()).before(set).cut(Link(14)),
        dst("ether dst in friends".to_owned()).before(set).cut(Link(14)),
        form("ether src unicast")
            .hits(from(ONE))
            .hits([eth().src([0xfe; 6]) / arp(ARP_REQUEST)])
            .near(from([0x03, 0x00, 0x5e, 0x10, 0x00, 0x0f]))
            .wrong([MULTICAST, BROADCAST].map(|mac| eth().src(mac) / ipv6() / udp(1, 2)))
            .cut(Link(14)),
        form("ether dst unicast")
            .hits(to(ONE))
            .hits([eth().dst([0; 6]) / ipv4() / udp(1, 2)])
            .near(to([0x03, 0x00, 0x5e, 0x10, 0x00, 0x0f]))
            .wrong([MULTICAST, BROADCAST].map(|mac| eth().dst(mac) / ipv6() / udp(1, 2)))
            .cut(Link(14)),
    ]
}
