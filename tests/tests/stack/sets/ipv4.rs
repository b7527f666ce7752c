//! The IPv4 header: options, lengths, and what stands behind the packet.

use palisade_tests::packet::{Ipv4, Packet, eth, filler, ipv4, ipv6, pad, pad_to, udp};

use super::{dns, web};
use crate::set::Sets;

pub(super) fn add(sets: &mut Sets) {
    options(sets);
    broken_options(sets);
    versions(sets);
    total_lengths(sets);
    padding(sets);
    fields(sets);
}

/// UDP and TCP under the same IPv4 header.
fn both(sets: &mut Sets, name: &str, header: &Ipv4) {
    sets.one(format!("{name}, UDP"), |n| eth() / header.clone() / dns(n) / b"query");
    sets.one(format!("{name}, TCP"), |n| eth() / header.clone() / web(n));
}

fn options(sets: &mut Sets) {
    sets.row(14);
    for words in 1..=10 {
        let (ihl, nops) = (5 + words, ipv4().options(vec![1; 4 * words]));
        both(sets, &format!("header of {ihl} words"), &nops);
        // The ports that a reader would find who takes every header for one of 20 bytes.
        let decoy = [9, 9, 0, 9].repeat(words);
        let option = [0x9e, u8::try_from(4 * words).expect("small")];
        let hidden = [option.as_slice(), &decoy[2..]].concat();
        both(sets, &format!("unknown option of {ihl} words"), &ipv4().options(hidden));
        let end = [vec![0], vec![0xff; 4 * words - 1]].concat();
        both(sets, &format!("end of options, {ihl} words"), &ipv4().options(end));
    }
    let known: [(&str, Vec<u8>); 5] = [
        ("record route", [[7, 39, 4].as_slice(), &[0; 37]].concat()),
        ("timestamp", [[68, 40, 5, 0].as_slice(), &[0; 36]].concat()),
        ("timestamps with addresses", [[68, 36, 5, 1].as_slice(), &[0; 32]].concat()),
        ("router alert", vec![148, 4, 0, 0]),
        ("stream identifier", vec![136, 4, 0, 1]),
    ];
    for (name, bytes) in known {
        both(sets, name, &ipv4().options(bytes));
    }
}

fn broken_options(sets: &mut Sets) {
    sets.row(15);
    let broken: [(&str, &[u8]); 7] = [
        ("loose source route", &[131, 7, 4, 192, 0, 2, 9, 0]),
        ("loose source route, arrived", &[131, 7, 8, 192, 0, 2, 9, 0]),
        ("strict source route", &[137, 7, 4, 192, 0, 2, 9, 0]),
        ("option of length 0", &[7, 0, 4, 0]),
        ("option of length 1", &[7, 1, 4, 0]),
        ("option longer than the header", &[7, 255, 4, 0]),
        ("garbage for options", &[0xff; 16]),
    ];
    for (name, bytes) in broken {
        both(sets, name, &ipv4().options(bytes));
    }
}

fn versions(sets: &mut Sets) {
    sets.row(16);
    for ihl in (0..5).chain(6..16) {
        let header = ipv4().ihl(ihl);
        sets.one(format!("header that says {ihl} words"), |n| eth() / header / dns(n) / filler(60));
    }
    for version in (0..16).filter(|version| *version != 4) {
        let header = ipv4().version(version);
        sets.one(format!("version {version} as IPv4"), |n| eth() / header / dns(n) / filler(40));
    }
    for version in (0..16).filter(|version| *version != 6) {
        let header = ipv6().version(version);
        sets.one(format!("version {version} as IPv6"), |n| eth() / header / dns(n));
    }
    sets.one("IPv6 as IPv4", |n| eth().ethertype(0x0800) / ipv6() / dns(n));
    sets.one("IPv4 as IPv6", |n| eth().ethertype(0x86dd) / ipv4() / dns(n) / filler(40));
}

fn total_lengths(sets: &mut Sets) {
    sets.row(17);
    let query = |total, n| eth() / ipv4().total_len(total) / dns(n) / b"query";
    for total in (0..=28).chain([34, 1500, 65535]) {
        sets.one(format!("total length {total}, UDP"), |n| query(total, n));
    }
    let syn = |total, n| eth() / ipv4().total_len(total) / web(n).options([1; 8]);
    for total in 20..=48 {
        sets.one(format!("total length {total}, TCP"), |n| syn(total, n));
    }
    let filled = eth() / ipv4().total_len(61);
    sets.one("one more than the padded frame", |n| filled / dns(n) / pad_to(74));
}

fn padding(sets: &mut Sets) {
    sets.row(18);
    // What would be another packet's ports to whoever reads from the end.
    let decoy = || Vec::from(Packet::new() / ipv4() / udp(9, 9) / b"decoy");
    for extra in [1, 2, 3, 4, 20, 200, 1000] {
        let behind = || pad(filler(extra));
        let name = format!("{extra} bytes behind");
        sets.one(format!("{name}, UDP over IPv4"), |n| eth() / ipv4() / dns(n) / behind());
        sets.one(format!("{name}, UDP over IPv6"), |n| eth() / ipv6() / dns(n) / behind());
        sets.one(format!("{name}, TCP over IPv4"), |n| eth() / ipv4() / web(n) / behind());
        sets.one(format!("{name}, TCP over IPv6"), |n| eth() / ipv6() / web(n) / behind());
    }
    for len in [60, 64, 80, 1514] {
        sets.one(format!("padded to {len}, IPv4"), |n| eth() / ipv4() / dns(n) / pad_to(len));
        sets.one(format!("padded to {len}, IPv6"), |n| eth() / ipv6() / dns(n) / pad_to(len));
    }
    sets.one("a packet behind the packet, IPv4", |n| eth() / ipv4() / dns(n) / pad(decoy()));
    sets.one("a packet behind the packet, IPv6", |n| eth() / ipv6() / dns(n) / pad(decoy()));
}

fn fields(sets: &mut Sets) {
    sets.row(19);
    for (name, header) in [
        ("bad header checksum", ipv4().checksum(0xdead)),
        ("header checksum 0", ipv4().checksum(0)),
        ("TTL 0", ipv4().ttl(0)),
        ("TTL 1", ipv4().ttl(1)),
        ("TTL 255", ipv4().ttl(255)),
        ("evil bit", ipv4().evil()),
        ("don't fragment", ipv4().dont_fragment()),
        ("evil and don't fragment", ipv4().evil().dont_fragment()),
        ("every bit of the type of service", ipv4().tos(0xff)),
        ("identification 0", ipv4().id(0)),
        ("identification 65535", ipv4().id(0xffff)),
    ] {
        both(sets, name, &header);
    }
    for (name, header) in [
        ("hop limit 0", ipv6().hop_limit(0)),
        ("hop limit 1", ipv6().hop_limit(1)),
        ("hop limit 255", ipv6().hop_limit(255)),
        ("every bit of the class", ipv6().traffic_class(0xff)),
        ("every bit of the label", ipv6().flow_label(0xfffff)),
    ] {
        sets.one(format!("{name}, UDP"), |n| eth() / header.clone() / dns(n) / b"query");
        sets.one(format!("{name}, TCP"), |n| eth() / header.clone() / web(n));
    }
}
