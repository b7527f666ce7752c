//! Several oddities at once: every combination of a tag, an IP header, a transport and a padding.

use palisade_tests::packet::{
    Ext, Layer, Vlan, destination, filler, frag, hop_by_hop, ipv4, ipv6, pad, pad_to, routing,
    service_vlan, vlan,
};

use super::datagram::Datagram;
use super::{MIXED_PIECES, MIXED4, MIXED6, TAGS, dns, join, priority, tagged, web};
use crate::set::{Set, Sets};

pub(super) fn add(sets: &mut Sets) {
    four(sets);
    six(sets);
    pieces4(sets);
    pieces6(sets);
}

/// The tags, and how many are read.
fn tags() -> Vec<(&'static str, Vec<Vlan>)> {
    vec![
        ("no tag", vec![]),
        ("one of priority", vec![vlan(0).pcp(3).dei()]),
        ("two of priority", priority(2)),
        ("eight of priority", priority(8)),
        ("nine of priority", priority(9)),
        ("VLAN 5", vec![vlan(5)]),
        ("VLANs 100 and 5", vec![service_vlan(100), vlan(5)]),
    ]
}

type Transport = fn(u16) -> Vec<Layer>;

/// Transports that both families deliver.
const TRANSPORTS: [(&str, Transport); 4] = [
    ("UDP", |n| vec![dns(n).into(), b"query".into()]),
    ("UDP shorter than the packet", |n| vec![dns(n).length(10).into(), b"query".into()]),
    ("SYN", |n| vec![web(n).into()]),
    ("SYN with options and data", |n| vec![web(n).options([1; 12]).into(), filler(30).into()]),
];

fn paddings() -> [(&'static str, Vec<Layer>); 3] {
    [
        ("no padding", vec![]),
        ("padded to 100", vec![pad_to(100).into()]),
        ("five bytes behind", vec![pad([0xff; 5]).into()]),
    ]
}

/// Every transport and padding behind the same tags and IP header.
fn every(sets: &mut Sets, name: &str, tags: &[Vlan], net: &dyn Fn(u16) -> Vec<Layer>) {
    for (transport, make) in TRANSPORTS {
        for (padding, tail) in paddings() {
            let added = sets.one(format!("{name}, {transport}, {padding}"), |n| {
                let packet = join(tagged(tags.iter().cloned()), net(n));
                join(join(packet, make(n)), tail)
            });
            judge_depth(added, tags);
        }
    }
}

fn judge_depth(set: &mut Set, tags: &[Vlan]) {
    if tags.len() > super::DEPTH {
        set.beyond(TAGS);
    }
}

fn four(sets: &mut Sets) {
    sets.row(MIXED4);
    let record = [[7, 39, 4].as_slice(), &[0; 37]].concat();
    let headers = [
        ("plain IPv4", ipv4()),
        ("a word of options", ipv4().options([1; 4])),
        ("record route", ipv4().options(record)),
        ("TTL 0", ipv4().ttl(0)),
        ("evil and don't fragment", ipv4().evil().dont_fragment()),
        ("all at once", ipv4().options([1; 40]).ttl(0).evil().tos(0xff)),
    ];
    for (tag, tags) in tags() {
        for (name, header) in &headers {
            let net = |_| vec![header.clone().into()];
            every(sets, &format!("{tag}, {name}"), &tags, &net);
        }
    }
}

fn six(sets: &mut Sets) {
    sets.row(MIXED6);
    let piece = |n: u16| Ext::from(frag(0).id(n.into()).reserved(0x08).reserved_bits(3));
    type Chain<'a> = (&'a str, Box<dyn Fn(u16) -> Vec<Ext>>);
    let chains: [Chain<'_>; 7] = [
        ("plain IPv6", Box::new(|_| vec![])),
        ("hop-by-hop", Box::new(|_| vec![hop_by_hop(1)])),
        (
            "three of destination",
            Box::new(|_| vec![destination(0), destination(31), destination(2)]),
        ),
        ("routing", Box::new(|_| vec![routing(0, 0)])),
        ("reserved atomic fragment", Box::new(move |n| vec![piece(n)])),
        (
            "the order of RFC 8200",
            Box::new(move |n| {
                vec![hop_by_hop(0), destination(0), routing(0, 0), piece(n), destination(1)]
            }),
        ),
        ("eight of destination", Box::new(|_| vec![destination(0); 8])),
    ];
    for (tag, tags) in tags() {
        for (name, chain) in &chains {
            let net = |n: u16| {
                let ip = ipv6().hop_limit(0).traffic_class(0xb8).flow_label(n.into());
                std::iter::once(Layer::from(ip))
                    .chain(chain(n).into_iter().map(Layer::from))
                    .collect()
            };
            every(sets, &format!("{tag}, {name}"), &tags, &net);
        }
    }
}

const ORDERS: [(&str, &[usize]); 4] = [
    ("in order", &[0, 1, 2]),
    ("turned", &[2, 1, 0]),
    ("the first one last", &[1, 2, 0]),
    ("the first one twice", &[0, 0, 1, 2]),
];

fn pieces4(sets: &mut Sets) {
    sets.row(MIXED_PIECES);
    let headers = [
        ("plain IPv4", ipv4()),
        ("options", ipv4().options([1; 12])),
        ("don't fragment", ipv4().dont_fragment()),
        ("TTL 0, evil", ipv4().ttl(0).evil()),
    ];
    for (tag, tags) in tags() {
        for (name, ip) in &headers {
            for (order, places) in ORDERS {
                let added = sets.many(format!("{tag}, {name}, pieces {order}"), |n| {
                    let data = Datagram::udp4(n, 40);
                    let ranges = data.ranges(&[8, 32]);
                    let head = || tagged(tags.iter().cloned());
                    places.iter().map(|at| data.piece4(head(), ip.clone(), &ranges[*at])).collect()
                });
                judge_depth(added, &tags);
            }
        }
    }
}

fn pieces6(sets: &mut Sets) {
    type Chain = fn() -> Vec<Ext>;
    let chains: [(&str, Chain); 4] = [
        ("plain IPv6", Vec::new),
        ("hop-by-hop", || vec![hop_by_hop(0)]),
        ("destination twice", || vec![destination(0), destination(4)]),
        ("hop-by-hop and routing", || vec![hop_by_hop(0), routing(0, 0)]),
    ];
    for (tag, tags) in tags() {
        for (name, chain) in chains {
            for (order, places) in ORDERS {
                let added = sets.many(format!("{tag}, {name}, pieces {order}"), |n| {
                    let data = Datagram::udp6(n, 40);
                    let ranges = data.ranges(&[8, 32]);
                    let net = || {
                        let packet = tagged(tags.iter().cloned()) / ipv6();
                        join(packet, chain().into_iter().map(Layer::from))
                    };
                    places.iter().map(|at| data.piece6(net(), &ranges[*at])).collect()
                });
                judge_depth(added, &tags);
            }
        }
    }
    let stripped = |n| Datagram::udp4(n, 40).pieces4(&[8, 32]);
    sets.many("a stripped tag, pieces in order", stripped).stripped();
}
