//! What a policy's text names, and its neighbours, in packets of every kind: each number in each
//! field that may be compared with it, each address as source and destination.
//!
//! A program has its rules once for each kind of packet: a mistake in those for SCTP over IPv6 is
//! seen on SCTP over IPv6.

use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use palisade_filter::Item;
use palisade_filter::value::Prefix;

use crate::packet::{
    ACK, Eth, Ipv4, Ipv6, Packet, RST, SYN, destination, eth, filler, frag, icmp, icmp6, ipv4,
    ipv6, sctp, tcp, udp, vlan,
};

/// The frames for a text, and for items that its sets hold.
pub fn lanes<'a>(text: &'a str, items: impl IntoIterator<Item = &'a str>) -> Vec<Vec<u8>> {
    let apart = |c: char| !(c.is_ascii_alphanumeric() || ".:/".contains(c));
    let mut words: BTreeSet<&str> = text.split(apart).collect();
    words.extend(items);
    let mut all = Vec::new();
    for word in words {
        if let Some(number) = word.rsplit('/').next().and_then(|word| word.parse::<u16>().ok()) {
            let near = [number.saturating_sub(1), number, number.saturating_add(1)];
            all.extend(near.into_iter().flat_map(numbered));
        }
        match word.parse::<Item>() {
            Ok(Item::Net(prefix)) => {
                all.extend(
                    edges(&prefix)
                        .into_iter()
                        .flat_map(|addr| [addressed(addr, ipv4(), ipv6())].concat()),
                );
            }
            Ok(Item::Mac(mac)) => {
                let mut beside = mac.0;
                beside[5] ^= 1;
                all.extend([mac.0, beside].into_iter().flat_map(|mac| {
                    [eth().src(mac), eth().dst(mac)]
                        .into_iter()
                        .flat_map(|link| kinds(link, ipv4(), ipv6()))
                }));
            }
            Ok(Item::Service(_)) | Err(_) => {}
        }
    }
    for (flags, to) in (0..512).flat_map(|flags| [(flags, 80), (flags, 40_000)]) {
        all.push((eth() / ipv4() / tcp(4000, to).flags(flags)).build());
        all.push((eth() / ipv6() / tcp(4000, to).flags(flags)).build());
    }
    // What `dhcp` is about is said in no text.
    for (from, to) in (0..4).flat_map(|from| (0..4).map(move |to| (from, to))) {
        all.push((eth() / ipv4() / udp(66 + from, 66 + to)).build());
        all.push((eth() / ipv6() / udp(545 + from, 545 + to)).build());
    }
    super::unlike(all)
}

/// The lowest bit of the first byte of a word: the one beside it for whoever reads bytes turned.
const LOWEST_OF_FIRST: u32 = 1 << 24;

/// The first and the last address of a prefix, and those beside them.
fn edges(prefix: &Prefix) -> Vec<IpAddr> {
    match prefix.addr() {
        IpAddr::V4(addr) => {
            let first = addr.to_bits();
            let last = first | u32::MAX.checked_shr(prefix.len().into()).unwrap_or(0);
            let all =
                [first.wrapping_sub(1), first, last, last.wrapping_add(1), first ^ LOWEST_OF_FIRST];
            all.map(|bits| Ipv4Addr::from_bits(bits).into()).to_vec()
        }
        IpAddr::V6(addr) => {
            let first = addr.to_bits();
            let last = first | u128::MAX.checked_shr(prefix.len().into()).unwrap_or(0);
            let words = (0..4).map(|word| first ^ u128::from(LOWEST_OF_FIRST) << (32 * word));
            let all = [first.wrapping_sub(1), first, last, last.wrapping_add(1)];
            let all = all.into_iter().chain(words);
            all.map(|bits| Ipv6Addr::from_bits(bits).into()).collect()
        }
    }
}

fn addressed(addr: IpAddr, four: Ipv4, six: Ipv6) -> Vec<Vec<u8>> {
    match addr {
        IpAddr::V4(addr) => {
            [four4(eth(), four.clone().src(addr)), four4(eth(), four.dst(addr))].concat()
        }
        IpAddr::V6(addr) => {
            [six6(eth(), six.clone().src(addr)), six6(eth(), six.dst(addr))].concat()
        }
    }
}

/// Packets of every kind with a number in each of their fields.
fn numbered(number: u16) -> Vec<Vec<u8>> {
    let mut all = Vec::new();
    if let Ok(byte) = u8::try_from(number) {
        all.extend(kinds(eth(), ipv4().ttl(byte), ipv6().hop_limit(byte)));
        all.extend(kinds(eth(), ipv4().tos(byte << 2), ipv6().traffic_class(byte << 2)));
        for (kind, code) in [(byte, 0), (byte, 1), (8, byte), (3, byte)] {
            all.push((eth() / ipv4() / icmp(kind, code)).build());
            all.push((eth() / ipv6() / icmp6(kind, code)).build());
            all.push((eth() / ipv6().hop_limit(255) / icmp6(kind, code)).build());
        }
        all.push((eth() / ipv4().protocol(byte) / filler(40)).build());
        all.push((eth() / ipv6().next(byte) / filler(40)).build());
    }
    for [from, to] in [[number, 4000], [4000, number], [number, number]] {
        for link in ips(eth(), ipv4(), ipv6()) {
            all.push((link.clone() / udp(from, to)).build());
            for flags in [SYN, ACK, RST] {
                all.push((link.clone() / tcp(from, to).flags(flags)).build());
            }
            all.push((link / sctp(from, to)).build());
        }
    }
    if number < 4095 {
        let link = Packet::new() / eth() / vlan(number);
        all.push((link.clone() / ipv4() / udp(4000, 53)).build());
        all.push((link / vlan(number) / ipv6() / udp(4000, 53)).build());
    }
    if (100..3000).contains(&number) {
        for (link, header) in ips(eth(), ipv4(), ipv6()).into_iter().zip([20, 24, 40, 48]) {
            let rest = usize::from(number) - header;
            all.push((link.clone() / udp(4000, 53) / filler(rest - 8)).build());
            all.push((link.clone() / tcp(4000, 80) / filler(rest - 20)).build());
            all.push((link.clone() / sctp(4000, 80) / filler(rest - 12)).build());
            all.push((link.clone() / icmp(200, 0) / filler(rest - 8)).build());
            all.push((link.clone() / icmp6(200, 0) / filler(rest - 8)).build());
            all.push((link / filler(rest)).build());
        }
        let rest = usize::from(number) - 48;
        all.push((eth() / ipv4().offset(2) / filler(rest + 28)).build());
        all.push((eth() / ipv6() / frag(2) / filler(rest)).build());
    }
    all
}

/// Packets with options or extension headers and without.
fn ips(link: Eth, four: Ipv4, six: Ipv6) -> [Packet; 4] {
    let options = four.clone().options([1; 4]);
    [
        link.clone() / four,
        link.clone() / options,
        link.clone() / six.clone(),
        link / six / destination(0),
    ]
}

fn kinds(link: Eth, four: Ipv4, six: Ipv6) -> Vec<Vec<u8>> {
    [four4(link.clone(), four), six6(link, six)].concat()
}

fn four4(link: Eth, four: Ipv4) -> Vec<Vec<u8>> {
    let later = link.clone() / four.clone().protocol(17).offset(2) / filler(24);
    let first = link.clone() / four.clone().more_fragments() / udp(4000, 4001);
    let [plain, options, ..] = ips(link, four, ipv6());
    let whole = [plain, options].into_iter().flat_map(|ip| transports(&ip));
    whole.chain([first.build(), later.build()]).collect()
}

fn six6(link: Eth, six: Ipv6) -> Vec<Vec<u8>> {
    let later = link.clone() / six.clone() / frag(2) / filler(24);
    let first = link.clone() / six.clone() / frag(0).more() / udp(4000, 4001);
    let [.., plain, extended] = ips(link, ipv4(), six);
    let whole = [plain, extended].into_iter().flat_map(|ip| transports(&ip));
    whole.chain([first.build(), later.build()]).collect()
}

/// The kinds of transport, each to a port and from one that rules may name.
fn transports(ip: &Packet) -> Vec<Vec<u8>> {
    [
        ip.clone() / udp(4000, 4001),
        ip.clone() / tcp(4000, 4001),
        ip.clone() / sctp(4000, 4001),
        ip.clone() / icmp(200, 0),
        ip.clone() / icmp6(200, 0),
        ip.clone() / filler(24),
    ]
    .map(|packet| packet.build())
    .to_vec()
}
