//! Datagrams in fragments: in every order, doubled, overlapping, and each piece in its own wrapping.

use std::ops::Range;

use palisade_tests::packet::{
    ACK, Ext, Ipv4, Packet, destination, eth, filler, frag, hop_by_hop, ipv4, ipv6, pad, routing,
    service_vlan, udp, vlan,
};

use super::datagram::Datagram;
use super::{TINY, dns, priority, tagged, web};
use crate::set::Sets;

pub(super) fn add(sets: &mut Sets) {
    in_order(sets);
    tiny(sets);
    orders(sets);
    doubled(sets);
    overlapping(sets);
    wrapped(sets);
    atomic(sets);
    reserved(sets);
    renumbered(sets);
    chainless(sets);
}

const CUTS: [(&str, &[usize]); 6] = [
    ("two pieces", &[24]),
    ("three pieces", &[16, 32]),
    ("four pieces", &[16, 24, 32]),
    ("six pieces of a unit", &[8, 16, 24, 32, 40]),
    ("UDP's header alone, then the rest", &[8]),
    ("all but a unit, then the rest", &[40]),
];

fn in_order(sets: &mut Sets) {
    sets.row(20);
    for (name, cuts) in CUTS {
        sets.many(format!("{name}, IPv4"), |n| Datagram::udp4(n, 40).pieces4(cuts));
        sets.many(format!("{name}, IPv6"), |n| Datagram::udp6(n, 40).pieces6(cuts));
    }
    for cut in [24, 32] {
        let name = format!("TCP in two pieces, cut at {cut}");
        let four = sets.many(format!("{name}, IPv4"), |n| Datagram::tcp4(n).pieces4(&[cut]));
        if cut < 32 {
            four.beyond(TINY);
        }
    }
    let long = &[1400, 2800];
    sets.many("4000 bytes in three pieces, IPv4", |n| Datagram::udp4(n, 4000).pieces4(long));
    sets.many("4000 bytes in three pieces, IPv6", |n| Datagram::udp6(n, 4000).pieces6(long));
}

/// A first fragment holds a whole transport header, or nobody can judge it.
fn tiny(sets: &mut Sets) {
    sets.row(21);
    for cut in [8, 16, 24] {
        let name = format!("first {cut} bytes of TCP, then the rest");
        sets.many(format!("{name}, IPv4"), |n| Datagram::tcp4(n).pieces4(&[cut])).beyond(TINY);
        sets.many(format!("{name}, IPv6"), |n| Datagram::tcp6(n).pieces6(&[cut])).beyond(TINY);
        let turned = |mut pieces: Vec<Packet>| {
            pieces.reverse();
            pieces
        };
        let four = |n| turned(Datagram::tcp4(n).pieces4(&[cut]));
        sets.many(format!("{name}, turned, IPv4"), four).beyond(TINY);
        let six = |n| turned(Datagram::tcp6(n).pieces6(&[cut]));
        sets.many(format!("{name}, turned, IPv6"), six).beyond(TINY);
    }
    for cut in [8, 16, 32] {
        // The flags of the first piece are no SYN's; the second piece would write over them.
        let four = |n| {
            let (syn, ack) = (Datagram::tcp4(n), decoy(n, false));
            vec![syn.pieces4(&[cut]).remove(1), ack.pieces4(&[cut]).remove(0)]
        };
        sets.many(format!("the rest of a SYN, then {cut} bytes of an ACK, IPv4"), four)
            .beyond(TINY);
    }
}

/// TCP that is no SYN.
fn decoy(number: u16, six: bool) -> Datagram {
    let tcp = web(number).flags(ACK).options([1; 12]);
    let bytes = if six {
        (Packet::new() / ipv6() / tcp).build()[40..].to_vec()
    } else {
        (Packet::new() / ipv4() / tcp).build()[20..].to_vec()
    };
    Datagram { number, protocol: 6, bytes }
}

fn orders(sets: &mut Sets) {
    sets.row(23);
    for order in [[0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]] {
        let turned = |pieces: Vec<Packet>| order.map(|at| pieces[at].clone()).to_vec();
        let cuts = &[16, 32];
        sets.many(format!("order {order:?}, IPv4"), |n| {
            turned(Datagram::udp4(n, 40).pieces4(cuts))
        });
        sets.many(format!("order {order:?}, IPv6"), |n| {
            turned(Datagram::udp6(n, 40).pieces6(cuts))
        });
    }
}

fn doubled(sets: &mut Sets) {
    let cuts = &[16, 32];
    for order in
        [[0, 0, 1, 2], [0, 1, 0, 2], [0, 1, 1, 2], [1, 1, 0, 2], [2, 2, 1, 0], [2, 1, 2, 0]]
    {
        let twice = |pieces: Vec<Packet>| order.map(|at| pieces[at].clone()).to_vec();
        sets.many(format!("order {order:?}, IPv4"), |n| twice(Datagram::udp4(n, 40).pieces4(cuts)));
        sets.many(format!("order {order:?}, IPv6"), |n| twice(Datagram::udp6(n, 40).pieces6(cuts)));
    }
}

/// Pieces that claim the same bytes; most of these the stack throws away.
fn overlapping(sets: &mut Sets) {
    let pieces: [(&str, &[Range<usize>]); 6] = [
        ("the second over the first", &[0..24, 16..48]),
        ("the first over the second", &[16..48, 0..24]),
        ("a piece within the first", &[0..32, 8..16, 32..48]),
        ("a piece that begins another", &[0..16, 0..24, 24..48]),
        ("a piece within the last", &[24..48, 32..40, 0..24]),
        ("all, and a piece of it", &[0..48, 8..16]),
    ];
    for (name, ranges) in pieces {
        let four = |data: Datagram| {
            let piece = |at| data.piece4(Packet::new() / eth(), ipv4(), at);
            ranges.iter().map(piece).collect()
        };
        sets.many(format!("{name}, IPv4"), |n| four(Datagram::udp4(n, 40)));
        let six =
            |data: Datagram| ranges.iter().map(|at| data.piece6(eth() / ipv6(), at)).collect();
        sets.many(format!("{name}, IPv6"), |n| six(Datagram::udp6(n, 40)));
    }
    // The ports of another query, before and behind those that somebody listens on.
    let other = |n: u16| (eth() / ipv4().id(n).more_fragments() / udp(n, 9) / filler(8)).build();
    for at in 0..3 {
        sets.raw(format!("the first piece of another query, place {at}, IPv4"), |n| {
            let pieces = Datagram::udp4(n, 40).pieces4(&[16]);
            let mut frames: Vec<_> = pieces.iter().map(Packet::build).collect();
            frames.insert(at, other(n));
            frames
        });
    }
    let far = |n: u16| vec![eth() / ipv4().id(n).protocol(17).offset(0x1fff) / filler(1480)];
    sets.many("a piece that ends behind 65535", far);
}

/// The same two pieces, one of them wrapped.
fn wrapped(sets: &mut Sets) {
    type Wrap = fn() -> (Packet, Ipv4);
    let wraps: [(&str, Wrap); 11] = [
        ("a priority tag", || (tagged([vlan(0)]), ipv4())),
        ("eight priority tags", || (tagged(priority(8)), ipv4())),
        ("VLAN 5", || (tagged([vlan(5)]), ipv4())),
        ("service VLAN 100 and VLAN 5", || (tagged([service_vlan(100), vlan(5)]), ipv4())),
        ("options", || (Packet::new() / eth(), ipv4().options([1; 8]))),
        ("40 bytes of options", || (Packet::new() / eth(), ipv4().options([1; 40]))),
        ("don't fragment", || (Packet::new() / eth(), ipv4().dont_fragment())),
        ("the evil bit", || (Packet::new() / eth(), ipv4().evil())),
        ("TTL 0", || (Packet::new() / eth(), ipv4().ttl(0))),
        ("another type of service", || (Packet::new() / eth(), ipv4().tos(0xfc))),
        ("no IP checksum", || (Packet::new() / eth(), ipv4().checksum(0))),
    ];
    for (name, wrap) in wraps {
        for which in ["first", "second", "both"] {
            sets.many(format!("{name} on the {which}, IPv4"), |n| {
                let data = Datagram::udp4(n, 40);
                let ranges = data.ranges(&[24]);
                let dressed = [which != "second", which != "first"];
                let head = |on: bool| if on { wrap() } else { (Packet::new() / eth(), ipv4()) };
                let pieces = ranges.iter().zip(dressed);
                pieces
                    .map(|(at, on)| (head(on), at))
                    .map(|((head, ip), at)| data.piece4(head, ip, at))
                    .collect()
            });
        }
    }
    wrapped6(sets);
    let last = |n| {
        let mut pieces = Datagram::udp4(n, 40).pieces4(&[24]);
        pieces = pieces.into_iter().map(|piece| piece / pad(filler(20))).collect();
        pieces
    };
    sets.many("bytes behind each piece, IPv4", last);
}

fn wrapped6(sets: &mut Sets) {
    type Wrap = fn() -> Packet;
    let wraps: [(&str, Wrap); 9] = [
        ("a priority tag", || tagged([vlan(0)]) / ipv6()),
        ("eight priority tags", || tagged(priority(8)) / ipv6()),
        ("VLAN 5", || tagged([vlan(5)]) / ipv6()),
        ("hop-by-hop", || eth() / ipv6() / hop_by_hop(0)),
        ("destination options", || eth() / ipv6() / destination(2)),
        ("a routing header", || eth() / ipv6() / routing(0, 0)),
        ("five destination headers", || {
            (0..5).fold(Packet::new() / eth() / ipv6(), |packet, _| packet / destination(0))
        }),
        ("hop limit 0", || eth() / ipv6().hop_limit(0)),
        ("another class", || eth() / ipv6().traffic_class(0xfc)),
    ];
    for (name, wrap) in wraps {
        for which in ["first", "second", "both"] {
            sets.many(format!("{name} on the {which}, IPv6"), |n| {
                let data = Datagram::udp6(n, 40);
                let dressed = [which != "second", which != "first"];
                let head = |on: bool| if on { wrap() } else { eth() / ipv6() };
                let pieces = data.ranges(&[24]).into_iter().zip(dressed);
                pieces.map(|(at, on)| data.piece6(head(on), &at)).collect()
            });
        }
    }
}

fn atomic(sets: &mut Sets) {
    sets.row(24);
    let header = |n: u16| frag(0).id(n.into());
    sets.one("atomic, UDP", |n| eth() / ipv6() / header(n) / dns(n) / b"query");
    sets.one("atomic, TCP", |n| eth() / ipv6() / header(n) / web(n));
    sets.one("atomic, identification 0", |n| eth() / ipv6() / frag(0).id(0) / dns(n));
    for (name, before) in [("hop-by-hop", hop_by_hop(0)), ("destination", destination(3))] {
        let head = || eth() / ipv6() / before.clone();
        sets.one(format!("{name}, atomic, UDP"), |n| head() / header(n) / dns(n));
        sets.one(format!("{name}, atomic, TCP"), |n| head() / header(n) / web(n));
        let behind = || destination(1);
        sets.one(format!("{name}, atomic, destination, UDP"), |n| {
            head() / header(n) / behind() / dns(n)
        });
    }
}

/// The fragment header has no length field: what stands in its place means nothing.
fn reserved(sets: &mut Sets) {
    sets.row(25);
    for byte in [0x01, 0x02, 0x08, 0x11, 0x7f, 0xff] {
        for bits in 0..4 {
            let header = |n: u16| frag(0).id(n.into()).reserved(byte).reserved_bits(bits);
            let name = format!("reserved byte {byte:#04x} and bits {bits}");
            sets.one(format!("{name}, UDP"), |n| eth() / ipv6() / header(n) / dns(n) / b"query");
            sets.one(format!("{name}, TCP"), |n| eth() / ipv6() / header(n) / web(n));
            sets.many(format!("{name}, two pieces"), |n| {
                let data = Datagram::udp6(n, 40);
                let piece = |at: Range<usize>| {
                    let header = data.header6(&at).reserved(byte).reserved_bits(bits);
                    eth() / ipv6() / header / data.bytes[at].to_vec()
                };
                data.ranges(&[24]).into_iter().map(piece).collect()
            });
        }
    }
}

fn renumbered(sets: &mut Sets) {
    sets.row(27);
    for next in [0, 6, 43, 44, 50, 51, 58, 59, 60, 253] {
        sets.many(format!("a later fragment that says {next} follows"), |n| {
            let data = Datagram::udp6(n, 40);
            let ranges = data.ranges(&[24]);
            let later = data.header6(&ranges[1]).next(next);
            let bytes = data.bytes[ranges[1].clone()].to_vec();
            vec![data.piece6(eth() / ipv6(), &ranges[0]), eth() / ipv6() / later / bytes]
        });
    }
}

/// A first fragment must hold the whole chain up to the transport (RFC 7112).
fn chainless(sets: &mut Sets) {
    sets.row(28);
    type Make = fn() -> Ext;
    let behind: [(&str, Make, &[usize]); 3] = [
        ("cut behind a header", || destination(0), &[8]),
        ("cut within a header", || destination(2), &[8]),
        ("cut within the second unit", || destination(1), &[8, 16]),
    ];
    for (name, header, cuts) in behind {
        sets.many(name, |number| {
            let packet = (Packet::new() / ipv6() / header() / dns(number) / filler(24)).build();
            let data = Datagram { number, protocol: 60, bytes: packet[40..].to_vec() };
            data.pieces6(cuts)
        });
    }
    sets.many("the rest of a SYN, then 8 bytes of an ACK, IPv6", |n| {
        let (syn, ack) = (Datagram::tcp6(n), decoy(n, true));
        vec![syn.pieces6(&[8]).remove(1), ack.pieces6(&[8]).remove(0)]
    });
}
