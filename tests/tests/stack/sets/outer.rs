//! Addresses that should not be there, tunnels, and long frames.

use palisade_tests::packet::{BROADCAST, FROM4, FROM6, Packet, eth, filler, ipv4, ipv6, pad_to};

use super::{dns, web};
use crate::set::Sets;

pub(super) fn add(sets: &mut Sets) {
    link_addresses(sets);
    martians(sets);
    tunnels(sets);
    jumbo(sets);
}

fn link_addresses(sets: &mut Sets) {
    sets.row(38);
    for (name, mac) in [
        ("everybody", BROADCAST),
        ("an IPv6 group", [0x33, 0x33, 0, 0, 0, 1]),
        ("an IPv4 group", [0x01, 0x00, 0x5e, 0x00, 0x00, 0x01]),
        ("somebody else", [0x00, 0x00, 0x5e, 0x00, 0x53, 0xff]),
        ("nobody", [0; 6]),
    ] {
        sets.one(format!("to {name}, UDP over IPv4"), |n| eth().dst(mac) / ipv4() / dns(n));
        sets.one(format!("to {name}, UDP over IPv6"), |n| eth().dst(mac) / ipv6() / dns(n));
        sets.one(format!("to {name}, TCP over IPv4"), |n| eth().dst(mac) / ipv4() / web(n));
    }
    sets.one("frame from everybody", |n| eth().src(BROADCAST) / ipv4() / dns(n));
    let all = || eth().dst(BROADCAST);
    sets.one("to 255.255.255.255", |n| all() / ipv4().dst("255.255.255.255") / dns(n));
    sets.one("to the network's last address", |n| all() / ipv4().dst("192.0.2.255") / dns(n));
    sets.one("to all hosts", |n| all() / ipv4().dst("224.0.0.1") / dns(n));
    let group = || eth().dst([0x33, 0x33, 0, 0, 0, 1]);
    sets.one("to all nodes", |n| group() / ipv6().dst("ff02::1") / dns(n));
    sets.one("to all nodes of the interface", |n| group() / ipv6().dst("ff01::1") / dns(n));
}

fn martians(sets: &mut Sets) {
    sets.row(39);
    for src in [
        "127.0.0.1",
        "0.0.0.0",
        "255.255.255.255",
        "224.0.0.1",
        "240.0.0.1",
        "192.0.2.1",
        "169.254.1.1",
        "100.64.0.1",
    ] {
        let name = format!("from {src}");
        sets.one(name, |n| eth() / ipv4().src(src) / dns(n)).elsewhere();
    }
    for src in ["::1", "::", "ff02::1", "fe80::7", "2002:c633:6407::7", "64:ff9b::c633:6407"] {
        let name = format!("from {src}");
        sets.one(name, |n| eth() / ipv6().src(src) / dns(n)).elsewhere();
    }
    let mapped = || ipv6().src(FROM4.to_ipv6_mapped());
    sets.one("from an IPv4 address mapped into IPv6", |n| eth() / mapped() / dns(n)).elsewhere();
    sets.one("to oneself, IPv4", |n| eth() / ipv4().dst(FROM4) / dns(n));
    sets.one("to oneself, IPv6", |n| eth() / ipv6().dst(FROM6) / dns(n));
    sets.one("to loopback, IPv4", |n| eth() / ipv4().dst("127.0.0.1") / dns(n));
    sets.one("to loopback, IPv6", |n| eth() / ipv6().dst("::1") / dns(n));
}

/// No device takes these apart, so nothing of them arrives.
fn tunnels(sets: &mut Sets) {
    sets.row(40);
    let in4 = |n| Vec::from(Packet::new() / ipv4() / dns(n) / b"query");
    let in6 = |n| Vec::from(Packet::new() / ipv6() / dns(n) / b"query");
    sets.one("IPv4 in IPv4", |n| eth() / ipv4().protocol(4) / in4(n));
    sets.one("IPv6 in IPv4", |n| eth() / ipv4().protocol(41) / in6(n));
    sets.one("IPv4 in IPv6", |n| eth() / ipv6().next(4) / in4(n));
    sets.one("IPv6 in IPv6", |n| eth() / ipv6().next(41) / in6(n));
    let gre = |n| [vec![0, 0, 8, 0], in4(n)].concat();
    sets.one("IPv4 in GRE", |n| eth() / ipv4().protocol(47) / gre(n));
    sets.one("a whole query inside the query", |n| eth() / ipv4() / dns(n) / in4(9));
}

/// Headers lie in the first buffer, so the rest of the frame changes nothing.
fn jumbo(sets: &mut Sets) {
    sets.row(41);
    for len in [1500, 3504, 3505, 3506, 3507, 3520, 4096, 8192, 9000] {
        let name = format!("packet of {len} bytes");
        sets.one(format!("{name}, UDP over IPv4"), |n| eth() / ipv4() / dns(n) / filler(len - 28));
        sets.one(format!("{name}, UDP over IPv6"), |n| eth() / ipv6() / dns(n) / filler(len - 48));
        sets.one(format!("{name}, TCP over IPv4"), |n| eth() / ipv4() / web(n) / filler(len - 40));
    }
    sets.one("padded to 9000 bytes, IPv4", |n| eth() / ipv4() / dns(n) / pad_to(9000));
    sets.one("padded to 9000 bytes, IPv6", |n| eth() / ipv6() / dns(n) / pad_to(9000));
}
