//! Frames by chance: sound ones for the most part, and some that are odd, cut or damaged.

use std::sync::OnceLock;

use super::Chance;
use super::values::{
    dscp, ethertype, icmp_code, icmp_type, mac, port, protocol, ttl, v4, v6, vlan,
};
use crate::odd;
use crate::packet::{
    ARP_REQUEST, Ext, Packet, arp, auth, destination, eth, ext, filler, frag, hop_by_hop, icmp,
    icmp6, ipv4, ipv6, mobility, pad, routing, sctp, service_vlan, tcp, udp, vlan as tag,
};

/// What a test run takes in one buffer.
const LONGEST: usize = 3520;

/// A frame of at least 14 bytes that fits into one buffer.
pub fn frame(chance: &mut Chance) -> Vec<u8> {
    let mut frame = if chance.once_in(20) { odd_frame(chance) } else { packet(chance).build() };
    match chance.below(24) {
        0 => {
            let len = 14 + chance.below(frame.len() - 13);
            frame.truncate(len);
        }
        1 | 2 => damage(chance, &mut frame),
        _ => {}
    }
    frame
}

fn damage(chance: &mut Chance, frame: &mut [u8]) {
    for _ in 0..1 + chance.below(3) {
        let at = 12 + chance.below(frame.len().min(90) - 12);
        frame[at] = match chance.below(3) {
            0 => frame[at] ^ 1 << chance.below(8),
            1 => chance.one(&[0, 1, 5, 6, 8, 17, 0xff]),
            _ => chance.byte(),
        };
    }
}

fn odd_frame(chance: &mut Chance) -> Vec<u8> {
    static ODD: OnceLock<Vec<Vec<u8>>> = OnceLock::new();
    let frames = ODD.get_or_init(|| {
        let all = odd::all().into_iter().map(|odd| odd.frame);
        all.filter(|frame| (14..=LONGEST).contains(&frame.len())).collect()
    });
    frames[chance.below(frames.len())].clone()
}

fn packet(chance: &mut Chance) -> Packet {
    let mut packet = Packet::new() / eth().src(mac(chance)).dst(mac(chance));
    let tags = if chance.once_in(25) {
        7 + chance.below(3)
    } else {
        chance.one(&[0, 0, 0, 0, 1, 1, 2, 3])
    };
    for _ in 0..tags {
        let vid = vlan(chance);
        packet = packet / if chance.once_in(3) { service_vlan(vid) } else { tag(vid) };
    }
    let packet = match chance.below(12) {
        0 => packet / arp(ARP_REQUEST),
        1 => other(chance, packet),
        2..=6 => four(chance, packet),
        7 => discovery(chance, packet),
        _ => six(chance, packet),
    };
    if chance.once_in(6) { packet / pad(filler(chance.below(20))) } else { packet }
}

/// A frame of another EtherType: inside the tags if there are any.
fn other(chance: &mut Chance, packet: Packet) -> Packet {
    let number = ethertype(chance);
    if chance.once_in(2) {
        packet / tag(vlan(chance)).ethertype(number) / b"other"
    } else {
        Packet::new() / eth().src(mac(chance)).ethertype(number) / b"other"
    }
}

fn four(chance: &mut Chance, packet: Packet) -> Packet {
    let mut ip = ipv4().src(v4(chance)).dst(v4(chance)).ttl(ttl(chance));
    ip = ip.tos(dscp(chance) << 2 | chance.byte() & 3);
    match chance.below(10) {
        0 => ip = ip.more_fragments(),
        1 | 2 => ip = ip.offset(1 + u16::from(chance.byte())),
        3 => ip = ip.offset(0x1fff).more_fragments(),
        4 => ip = ip.dont_fragment(),
        _ => {}
    }
    if chance.once_in(6) {
        ip = ip.options(vec![1; 4 * (1 + chance.below(10))]);
    }
    if chance.once_in(8) {
        return packet / ip.protocol(protocol(chance)) / filler(chance.below(40));
    }
    transport(chance, packet / ip)
}

fn six(chance: &mut Chance, packet: Packet) -> Packet {
    let mut ip = ipv6().src(v6(chance)).dst(v6(chance)).hop_limit(ttl(chance));
    ip = ip.traffic_class(dscp(chance) << 2 | chance.byte() & 3).flow_label(0xf_ffff);
    if chance.once_in(8) {
        return packet / ip.next(protocol(chance)) / filler(1 + chance.below(40));
    }
    let mut packet = packet / ip;
    for _ in 0..chance.one(&[0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 1, 2, 2, 2, 3, 3, 4, 8, 9]) {
        packet = packet / extension(chance);
    }
    transport(chance, packet)
}

/// Something like neighbour discovery: it may come from afar, in pieces, or be of a type beside.
fn discovery(chance: &mut Chance, packet: Packet) -> Packet {
    let hops = if chance.once_in(4) { 254 } else { 255 };
    let mut packet = packet / ipv6().src(v6(chance)).hop_limit(hops);
    for _ in 0..chance.below(3) {
        packet = packet / extension(chance);
    }
    let kind = chance.one(&[132, 133, 134, 135, 136, 137, 138]);
    packet / icmp6(kind, 0) / filler(20)
}

fn extension(chance: &mut Chance) -> Ext {
    match chance.below(10) {
        0 => hop_by_hop(0),
        1 => routing(0, u8::from(chance.once_in(8))),
        2 => auth(chance.one(&[1, 2, 4])),
        3 => mobility(),
        4 => ext(chance.one(&[50, 59, 140]), [0; 7]),
        5 => frag(0).into(),
        6 => frag(0).more().into(),
        7 | 8 => frag(1 + u16::from(chance.byte())).into(),
        _ => destination(chance.one(&[0, 1])),
    }
}

fn transport(chance: &mut Chance, packet: Packet) -> Packet {
    let (from, to) = (port(chance), port(chance));
    let packet = match chance.below(10) {
        0..=2 => {
            let flags = u16::from(chance.byte()) | u16::from(chance.once_in(4)) << 8;
            let header = tcp(from, to).flags(if chance.once_in(2) { flags } else { 2 });
            packet / if chance.once_in(5) { header.options([1; 8]) } else { header }
        }
        3..=5 => packet / udp(from, to),
        6 => packet / sctp(from, to),
        7 => packet / icmp(icmp_type(chance), icmp_code(chance)),
        _ => packet / icmp6(icmp_type(chance), icmp_code(chance)),
    };
    packet / filler(chance.one(&[0, 0, 1, 8, 20]))
}
