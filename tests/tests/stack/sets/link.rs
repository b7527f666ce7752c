//! Plain packets, VLAN tags, and what is not IP to Linux.

use palisade_tests::packet::{
    Layer, Packet, Vlan, eth, filler, ipv4, ipv6, llc, service_vlan, snap, vlan,
};

use super::{DEPTH, TAGS, dns, priority, tagged, web};
use crate::set::Sets;

pub(super) fn add(sets: &mut Sets) {
    plain(sets);
    one_tag(sets);
    stacked(sets);
    vlans(sets);
    no_tags(sets);
    stripped(sets);
    not_ip(sets);
    cut(sets);
}

fn plain(sets: &mut Sets) {
    sets.row(1);
    sets.one("UDP over IPv4", |n| eth() / ipv4() / dns(n) / b"query");
    sets.one("UDP over IPv6", |n| eth() / ipv6() / dns(n) / b"query");
    sets.one("TCP over IPv4", |n| eth() / ipv4() / web(n));
    sets.one("TCP over IPv6", |n| eth() / ipv6() / web(n));
    sets.one("UDP without payload, IPv4", |n| eth() / ipv4() / dns(n));
    sets.one("UDP without payload, IPv6", |n| eth() / ipv6() / dns(n));
    sets.one("UDP of 1400 bytes, IPv4", |n| eth() / ipv4() / dns(n) / filler(1400));
    sets.one("UDP of 1400 bytes, IPv6", |n| eth() / ipv6() / dns(n) / filler(1400));
}

/// All four packets behind the same tags.
fn all_four(sets: &mut Sets, name: &str, tags: &[Vlan]) {
    let deep = tags.len() > DEPTH;
    let head = || tagged(tags.iter().cloned());
    let added = [
        sets.one(format!("{name}, UDP over IPv4"), |n| head() / ipv4() / dns(n) / b"query").number,
        sets.one(format!("{name}, UDP over IPv6"), |n| head() / ipv6() / dns(n) / b"query").number,
        sets.one(format!("{name}, TCP over IPv4"), |n| head() / ipv4() / web(n)).number,
        sets.one(format!("{name}, TCP over IPv6"), |n| head() / ipv6() / web(n)).number,
    ];
    for number in added.into_iter().filter(|_| deep) {
        sets.of(number).beyond(TAGS);
    }
}

fn one_tag(sets: &mut Sets) {
    sets.row(2);
    for pcp in 0..8 {
        for (kind, tag) in [("customer", vlan(0)), ("service", service_vlan(0))] {
            let tag = tag.pcp(pcp);
            all_four(sets, &format!("{kind} tag, priority {pcp}"), std::slice::from_ref(&tag));
            all_four(sets, &format!("{kind} tag, priority {pcp}, drop eligible"), &[tag.dei()]);
        }
    }
}

fn stacked(sets: &mut Sets) {
    sets.row(3);
    for count in 2..=30 {
        all_four(sets, &format!("{count} tags of both kinds"), &priority(count));
    }
    for count in [2, 3, 7, 8, 9, 10, 16, 30] {
        all_four(sets, &format!("{count} customer tags"), &vec![vlan(0); count]);
        all_four(sets, &format!("{count} service tags"), &vec![service_vlan(0).pcp(5); count]);
    }
}

fn vlans(sets: &mut Sets) {
    sets.row(4);
    for vid in [1, 6, 2048, 4094, 4095] {
        all_four(sets, &format!("VLAN {vid}"), &[vlan(vid)]);
        all_four(sets, &format!("priority, then VLAN {vid}"), &[vlan(0), vlan(vid)]);
    }
    sets.row(5);
    let (zero, five, hundred) = (|| vlan(0), || vlan(5), || service_vlan(100));
    let stacks: [(&str, Vec<Vlan>); 9] = [
        ("VLAN 5", vec![five()]),
        ("VLAN 5, priority 7", vec![five().pcp(7).dei()]),
        ("priority, then VLAN 5", vec![zero(), five()]),
        ("VLAN 5, then priority", vec![five(), zero()]),
        ("VLAN 5, then seven of priority", [vec![five()], priority(7)].concat()),
        ("seven of priority, then VLAN 5", [priority(7), vec![five()]].concat()),
        ("service VLAN 100, then VLAN 5", vec![hundred(), five()]),
        ("service VLAN 100, priority, VLAN 5", vec![hundred(), zero(), five()]),
        ("service VLAN 100, VLAN 5, priority twice", vec![hundred(), five(), zero(), zero()]),
    ];
    for (name, tags) in stacks {
        all_four(sets, name, &tags);
    }
    let deep = [priority(8), vec![five()]].concat();
    all_four(sets, "eight of priority, then VLAN 5", &deep);
}

/// Linux takes these for protocols like any other.
fn no_tags(sets: &mut Sets) {
    sets.row(6);
    for tpid in [0x9100, 0x9200, 0x9300] {
        let tag = vlan(0).announced_as(tpid);
        all_four(sets, &format!("tag {tpid:#x}"), std::slice::from_ref(&tag));
        all_four(sets, &format!("tag {tpid:#x} inside a tag"), &[vlan(0), tag]);
    }
    sets.row(7);
    for len in 14..18 {
        let whole = |n| tagged([vlan(0)]) / ipv4() / dns(n);
        sets.raw(format!("tag cut at {len}"), |n| vec![whole(n).cut(len)]);
    }
}

fn stripped(sets: &mut Sets) {
    sets.row(8);
    sets.one("stripped, UDP over IPv4", |n| eth() / ipv4() / dns(n) / b"query").stripped();
    sets.one("stripped, UDP over IPv6", |n| eth() / ipv6() / dns(n) / b"query").stripped();
    sets.one("stripped, TCP over IPv4", |n| eth() / ipv4() / web(n)).stripped();
    sets.one("stripped, TCP over IPv6", |n| eth() / ipv6() / web(n)).stripped();
    for count in [1, 2, 8] {
        let head = || tagged(priority(count));
        let name = format!("stripped, then {count} of priority");
        sets.one(format!("{name}, IPv4"), |n| head() / ipv4() / dns(n) / b"query").stripped();
        sets.one(format!("{name}, IPv6"), |n| head() / ipv6() / dns(n) / b"query").stripped();
    }
}

fn not_ip(sets: &mut Sets) {
    sets.row(9);
    sets.one("IPv4 in SNAP", |n| eth() / snap() / ipv4() / dns(n));
    sets.one("IPv6 in SNAP", |n| eth() / snap() / ipv6() / dns(n));
    sets.one("SNAP behind a tag", |n| eth() / vlan(0) / snap() / ipv4() / dns(n));
    let bare = |n| Vec::from(Packet::new() / ipv4() / dns(n));
    sets.one("IP by its service access point", |n| eth() / llc(0x06) / bare(n));
    for length in [0, 46, 1500, 0x05ff] {
        let head = eth().ethertype(length);
        sets.one(format!("length {length} before IPv4"), |n| head / ipv4() / dns(n));
    }
    sets.row(11);
    let behind = |head: &[u8], n| Layer::Raw([head, &bare(n)[..]].concat());
    for (ethertype, name, head) in [
        (0x8864, "PPPoE", &[0x11, 0, 0, 1, 0, 0x1e, 0, 0x21][..]),
        (0x8847, "MPLS", &[0, 1, 1, 0x40]),
        (0x88e5, "MACsec", &[]),
        (0x0801, "one more than IPv4", &[]),
        (0x0008, "IPv4 with its bytes swapped", &[]),
    ] {
        sets.one(name, |n| eth().ethertype(ethertype) / behind(head, n));
        let tag = || vlan(0).ethertype(ethertype);
        sets.one(format!("{name} behind a tag"), |n| eth() / tag() / behind(head, n));
    }
}

/// The IP length still counts what is gone.
fn cut(sets: &mut Sets) {
    sets.row(13);
    type Make = fn(u16) -> Packet;
    let whole: [(&str, Make); 6] = [
        ("UDP over IPv4", |n| eth() / ipv4() / dns(n) / b"query"),
        ("UDP over IPv6", |n| eth() / ipv6() / dns(n) / b"query"),
        ("TCP over IPv4", |n| eth() / ipv4() / web(n)),
        ("TCP over IPv6", |n| eth() / ipv6() / web(n)),
        ("UDP with IPv4 options", |n| eth() / ipv4().options([1; 8]) / dns(n)),
        ("UDP behind two tags", |n| tagged(priority(2)) / ipv4() / dns(n)),
    ];
    for (name, make) in whole {
        for len in 14..make(0).build().len() {
            sets.raw(format!("{name}, cut at {len}"), |n| vec![make(n).cut(len)]);
        }
    }
}
