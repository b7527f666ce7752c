//! Frames of every depth: each kind of tag and extension header as the outermost, as the ninth, and
//! at every place between; and the shortest packets of each protocol, with all that is near them.
//!
//! What is read again for every header is not read by the same instructions: a mistake at the sixth
//! is seen on the sixth.

use super::{IP6_PAYLOAD, around, changed, shortened};
use crate::packet::{
    ARP_REQUEST, Ext, Ipv4, Packet, arp, auth, destination, eth, ext, filler, frag, hop_by_hop,
    icmp, icmp6, ipv4, ipv6, mobility, routing, sctp, service_vlan, tcp, udp, vlan,
};

/// One more than is stepped over.
const DEEPEST: usize = 9;

/// The frames.
pub fn deep() -> Vec<Vec<u8>> {
    let mut all = Vec::new();
    for depth in 0..=DEEPEST {
        all.extend(tagged(depth));
        all.extend(extended(depth));
    }
    all.extend(shortest());
    all.extend(long());
    super::unlike(all)
}

/// Frames with so many tags; the last one is changed, and cut behind.
fn tagged(depth: usize) -> Vec<Vec<u8>> {
    let mut all = Vec::new();
    let tags = |last: bool| {
        let mut packet = Packet::new() / eth();
        for at in 0..depth {
            packet = packet / if (at + 1 == depth) == last { service_vlan(0) } else { vlan(2) };
        }
        packet
    };
    for packet in [tags(true), tags(false)] {
        for whole in [
            packet.clone() / ipv4() / udp(4000, 53) / b"query",
            packet.clone() / ipv6() / udp(4000, 53) / b"query",
            packet.clone() / ipv4() / tcp(4000, 80),
            packet.clone() / arp(ARP_REQUEST),
        ] {
            let (whole, last) = (whole.build(), 12 + 4 * depth);
            all.extend((last..last + 2).flat_map(|at| changed(&whole, at)));
            all.extend((last..last + 4).map(|len| whole[..len].to_vec()));
            all.push(whole);
        }
        // A link header and nothing behind it.
        let other =
            if depth > 0 { packet.build() } else { (eth().ethertype(0x88b5) / b"").build() };
        let mut bare = other.clone();
        let end = 14 + 4 * depth;
        bare.resize(end, 0);
        bare[end - 2..].copy_from_slice(&0x88b5u16.to_be_bytes());
        all.push(bare);
    }
    all
}

/// The kinds of extension headers, some of them two in one.
fn kinds() -> Vec<Vec<Ext>> {
    vec![
        vec![],
        vec![hop_by_hop(0)],
        vec![destination(0)],
        vec![destination(1)],
        vec![routing(0, 0)],
        vec![routing(0, 1)],
        vec![auth(1)],
        vec![auth(4)],
        // The shortest that there can be.
        vec![ext(51, [0; 7])],
        vec![frag(0).into()],
        vec![frag(0).more().into()],
        vec![frag(1).into()],
        vec![frag(0).into(), frag(0).into()],
        vec![frag(0).into(), destination(0), frag(0).into()],
        vec![mobility()],
        vec![ext(59, [0; 7])],
        vec![ext(50, [0; 7])],
    ]
}

/// IPv6 packets with so many extension headers before another one, which is changed and cut.
fn extended(depth: usize) -> Vec<Vec<u8>> {
    let mut all = Vec::new();
    for kind in kinds() {
        let mut packet = Packet::new() / eth() / ipv6();
        for _ in 0..depth {
            packet = packet / destination(0);
        }
        let before = IP6_PAYLOAD + 8 * depth;
        for header in kind {
            packet = packet / header;
        }
        let whole = (packet.clone() / udp(4000, 53) / b"query").build();
        let (first, end) = (before.min(whole.len()), (before + 12).min(whole.len()));
        all.extend((first..end).flat_map(|at| changed(&whole, at)));
        all.extend((first..whole.len()).filter(|at| *at > IP6_PAYLOAD).flat_map(|at| {
            let padded = shortened(&whole, at);
            [padded[..at].to_vec(), padded, whole[..at].to_vec()]
        }));
        // The numbers of the offset, each bit alone.
        if whole.len() >= first + 4 {
            all.extend((0..16).map(|bit| {
                let mut other = whole.clone();
                other[first + 2] ^= (1u16 << bit).to_be_bytes()[0];
                other[first + 3] ^= (1u16 << bit).to_be_bytes()[1];
                other
            }));
        }
        all.push(whole);
        // Nothing behind the headers.
        all.push(packet.build());
        all.push((packet.clone() / tcp(4000, 80)).build());
        all.push((packet / icmp6(128, 0)).build());
    }
    all
}

/// The shortest packets of each protocol, with all that is near them, IPv4 with options and without.
fn shortest() -> Vec<Vec<u8>> {
    let mut all = Vec::new();
    let four: [Ipv4; 2] = [ipv4(), ipv4().options([1; 4])];
    let links: Vec<Packet> = four.into_iter().map(|ip| Packet::new() / eth() / ip).collect();
    for link in links.iter().cloned().chain([Packet::new() / eth() / ipv6()]) {
        for packet in [
            link.clone() / udp(4000, 53),
            link.clone() / tcp(4000, 80),
            link.clone() / tcp(4000, 80).options([1; 4]),
            link.clone() / sctp(4000, 443),
            link.clone() / icmp(8, 1),
            link.clone() / icmp6(128, 0),
        ] {
            let whole = packet.build();
            let header = if whole[14] >> 4 == 4 { 34 } else { 54 };
            all.extend((header..whole.len()).filter(|at| *at > 54 || header == 34).flat_map(
                |at| {
                    let padded = shortened(&whole, at);
                    [padded[..at].to_vec(), padded]
                },
            ));
            all.extend(around(&whole));
            all.push(whole);
        }
    }
    for bit in 0..13 {
        let ip = ipv4().options([1; 4]).offset(1 << bit);
        all.push((eth() / ip / udp(4000, 53)).build());
    }
    all
}

/// Packets that are longer than the first buffer, whole and cut.
fn long() -> Vec<Vec<u8>> {
    let mut all = Vec::new();
    for ip in [Packet::new() / eth() / ipv4(), Packet::new() / eth() / ipv6()] {
        for packet in [ip.clone() / udp(4000, 53), ip / tcp(4000, 80)] {
            let whole = (packet / filler(5000)).build();
            all.push(whole[..whole.len() - 1].to_vec());
            all.push(whole);
        }
    }
    all
}
