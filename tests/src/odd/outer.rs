//! Rows 38 to 42: addresses that should not be there, tunnels, and frames of great length.

use super::rows::{Row, TCP4, UDP4, UDP6};
use super::{Flow, Odd};
use crate::packet::{
    BROADCAST, FROM4, FROM6, Layer, MULTICAST, Packet, TO4, TO6, eth, filler, ipv4, ipv6, pad_to,
    tcp, udp,
};

pub(super) fn rows() -> Vec<Odd> {
    [link_addresses(), martians(), tunnels(), jumbo(), boundaries()]
        .into_iter()
        .flat_map(Row::finish)
        .collect()
}

fn link_addresses() -> Row {
    let mut row = Row::new(38);
    let others = [0x00, 0x00, 0x5e, 0x00, 0x53, 0xff];
    let to = [
        ("everybody", BROADCAST),
        ("an IPv6 group", MULTICAST),
        ("an IPv4 group", [0x01, 0x00, 0x5e, 0x00, 0x00, 0x01]),
        ("somebody else", others),
        ("nobody", [0; 6]),
    ];
    for (name, mac) in to {
        row.part(format!("frame to {name}, IPv4"), UDP4, eth().dst(mac) / ipv4() / udp(4000, 53));
        row.part(format!("frame to {name}, IPv6"), UDP6, eth().dst(mac) / ipv6() / udp(4000, 53));
    }
    row.part("frame from everybody", UDP4, eth().src(BROADCAST) / ipv4() / udp(4000, 53));
    row
}

/// Addresses are bytes to compare: none is refused for what it is, and none stands for another.
fn martians() -> Row {
    let mut row = Row::new(39);
    let dns = &[Flow::Udp53];
    for src in ["127.0.0.1", "0.0.0.0", "255.255.255.255", "224.0.0.1", "240.0.0.1", "192.0.2.1"] {
        let frame = Packet::new() / eth() / ipv4().src(src) / udp(4000, 53);
        row.part(format!("from {src}"), dns, frame.clone());
        row.stranger(format!("from {src}"), &[Flow::Src4], frame);
    }
    for src in ["::1", "::", "ff02::1", "fe80::7", "2002:c633:6407::7", "64:ff9b::c633:6407"] {
        let frame = Packet::new() / eth() / ipv6().src(src) / udp(4000, 53);
        row.part(format!("from {src}"), dns, frame.clone());
        row.stranger(format!("from {src}"), &[Flow::Src4, Flow::Src6], frame);
    }
    let mapped = Packet::new() / eth() / ipv6().src(FROM4.to_ipv6_mapped()) / udp(4000, 53);
    row.part("from an IPv4 address mapped into IPv6", dns, mapped.clone());
    row.stranger("from an IPv4 address mapped into IPv6", &[Flow::Src4, Flow::Src6], mapped);
    row.part("to oneself, IPv4", UDP4, eth() / ipv4().dst(FROM4) / udp(4000, 53));
    row.part("to oneself, IPv6", UDP6, eth() / ipv6().dst(FROM6) / udp(4000, 53));
    row.part("to loopback", UDP4, eth() / ipv4().dst("127.0.0.1") / udp(4000, 53));
    row.part("to everybody", UDP4, eth() / ipv4().dst("255.255.255.255") / udp(4000, 53));
    row.part("to a group", UDP6, eth() / ipv6().dst("ff02::1") / udp(4000, 53));
    row
}

/// The outer header is judged; the inner one is the tunnel device's concern.
fn tunnels() -> Row {
    let mut row = Row::new(40);
    let in4 = || Packet::new() / ipv4() / udp(4000, 53) / b"query";
    let in6 = || Packet::new() / ipv6() / udp(4000, 53) / b"query";
    let gre = |ethertype: [u8; 2]| [&[0, 0], ethertype.as_slice()].concat();
    let bodies: [(&str, u8, Vec<u8>); 4] = [
        ("IPv4 in IP", 4, in4().into()),
        ("IPv6 in IP", 41, in6().into()),
        ("IPv4 in GRE", 47, [gre([0x08, 0x00]), in4().into()].concat()),
        ("IPv6 in GRE", 47, [gre([0x86, 0xdd]), in6().into()].concat()),
    ];
    for (name, number, body) in bodies {
        let proto = [Flow::Proto(number)];
        let over4 =
            |src: &str| Packet::new() / eth() / ipv4().src(src).protocol(number) / body.clone();
        let over6 = |src: &str| Packet::new() / eth() / ipv6().src(src).next(number) / body.clone();
        row.stranger(format!("{name}, over IPv4, the flow inside"), UDP4, over4("203.0.113.9"));
        row.stranger(format!("{name}, over IPv6, the flow inside"), UDP6, over6("2001:db8:f::9"));
        row.part(format!("{name}, over IPv4, by address"), &[Flow::Src4], over4("198.51.100.7"));
        row.part(format!("{name}, over IPv6, by address"), &[Flow::Src6], over6("2001:db8::7"));
        row.part(format!("{name}, over IPv4, by number"), &proto, over4("203.0.113.9"));
        row.part(format!("{name}, over IPv6, by number"), &proto, over6("2001:db8:f::9"));
    }
    udp_tunnels(&mut row, in4().into(), in6().into());
    row
}

fn udp_tunnels(row: &mut Row, in4: Vec<u8>, in6: Vec<u8>) {
    let ethernet = Vec::from(eth() / ipv4() / udp(4000, 53));
    let bodies: [(&str, u16, Vec<u8>); 5] = [
        ("VXLAN", 4789, [&[8, 0, 0, 0, 0, 0, 1, 0], ethernet.as_slice()].concat()),
        ("GENEVE", 6081, [&[0, 0, 0x65, 0x58, 0, 0, 1, 0], ethernet.as_slice()].concat()),
        ("GUE", 6080, [&[0, 4, 0, 0], in4.as_slice()].concat()),
        ("ESP in UDP", 4500, [&[0, 0, 0, 1, 0, 0, 0, 1], in4.as_slice()].concat()),
        ("Teredo", 3544, in6),
    ];
    for (name, port, body) in bodies {
        let outer = ipv4().src("203.0.113.9");
        let inside = eth() / outer.clone() / udp(4000, port) / body.clone();
        row.stranger(format!("{name}, the flow inside"), UDP4, inside);
        let outside = eth() / ipv4() / udp(4000, 53) / body;
        row.part(format!("{name}, the flow outside"), UDP4, outside);
    }
}

/// Headers lie in the first buffer, so the rest of the frame changes nothing.
fn jumbo() -> Row {
    let mut row = Row::new(41);
    for len in [1500, 9000, 9216] {
        let dns4 = eth() / ipv4() / udp(4000, 53) / filler(len - 28);
        row.part(format!("IPv4 packet of {len} bytes"), UDP4, dns4);
        let dns6 = eth() / ipv6() / udp(4000, 53) / filler(len - 48);
        row.part(format!("IPv6 packet of {len} bytes"), UDP6, dns6);
        let web = eth() / ipv4() / tcp(4000, 80) / filler(len - 40);
        row.part(format!("IPv4 packet of {len} bytes, TCP"), TCP4, web);
    }
    let later = eth() / ipv4().protocol(17).offset(2) / filler(8980);
    row.portless("later fragment of 9000 bytes", UDP4, later);
    row
}

fn boundaries() -> Row {
    let mut row = Row::new(42);
    let heads: [(&str, &[Flow], usize, Layer); 2] =
        [("IPv4", UDP4, 20, ipv4().dst(TO4).into()), ("IPv6", UDP6, 40, ipv6().dst(TO6).into())];
    for (name, flows, header, head) in heads {
        for len in [3519, 3520, 3521, 4095, 4096, 4097] {
            let dns = udp(4000, 53);
            let whole = eth() / head.clone() / dns.clone() / filler(len - 14 - header - 8);
            row.part(format!("{name} frame of {len} bytes"), flows, whole);
            let padded = eth() / head.clone() / dns / pad_to(len);
            row.part(format!("{name} frame padded to {len} bytes"), flows, padded);
        }
    }
    let longest = filler(65535 - 20 - 8);
    let frame = eth() / ipv4() / udp(4000, 53) / longest / pad_to(70_000);
    row.part("the longest IPv4 packet in a frame of 70000 bytes", UDP4, frame);
    let longest = filler(65535 - 8);
    let frame = eth() / ipv6() / udp(4000, 53) / longest / pad_to(70_000);
    row.part("the longest IPv6 packet in a frame of 70000 bytes", UDP6, frame);
    row
}
