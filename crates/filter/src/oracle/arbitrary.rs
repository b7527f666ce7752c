//! Terms and frames by chance, close enough to each other to meet often.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use proptest::prelude::*;
use proptest::sample::select;

use super::compose::{Content, Packet, Sample};
use super::contents::Contents;
use super::frame::Piece;
use crate::policy::{End, Match, Protocol, Quantity, Relation, SetId, Tag, TcpFlags, Term, Test};
use crate::value::{AddressRange, Addresses, Family, Mac, PortRange, Ports};

/// Sets that all hold every fourth address, port and Ethernet address.
#[derive(Clone, Copy)]
pub(super) struct Quarters;

impl Contents for Quarters {
    fn has_address(&self, _: SetId, addr: IpAddr) -> bool {
        match addr {
            IpAddr::V4(addr) => addr.to_bits().is_multiple_of(4),
            IpAddr::V6(addr) => addr.to_bits().is_multiple_of(4),
        }
    }

    fn has_service(&self, _: SetId, protocol: Protocol, port: u16) -> bool {
        protocol.has_ports() && port.is_multiple_of(4)
    }

    fn has_mac(&self, _: SetId, mac: Mac) -> bool {
        mac.0[5].is_multiple_of(4)
    }
}

const PROTOCOLS: [u8; 9] = [1, 6, 17, 58, 132, 4, 59, 253, 255];
const ETHERTYPES: [u16; 7] = [0x0800, 0x86dd, 0x0806, 0x88cc, 0x0600, 0xffff, 0x88e5];

fn address() -> impl Strategy<Value = IpAddr> {
    let last = (0u8..4, any::<bool>());
    last.prop_map(|(last, v4)| match v4 {
        true => Ipv4Addr::new(192, 0, 2, last).into(),
        false => Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, last.into()).into(),
    })
}

fn addresses() -> impl Strategy<Value = Addresses> {
    let some = prop::collection::vec((address(), address()), 1..4).prop_map(|pairs| {
        pairs
            .into_iter()
            .map(|(a, b)| AddressRange::new(a.min(b), a.max(b)).unwrap_or_else(|| one(a)))
            .collect()
    });
    let all = select(vec!["0.0.0.0/0", "::/0"])
        .prop_map(|text| [text.parse::<AddressRange>().expect("a prefix")].into_iter().collect());
    prop_oneof![8 => some, 1 => all]
}

fn one(addr: IpAddr) -> AddressRange {
    AddressRange::new(addr, addr).expect("a range of one")
}

fn port() -> impl Strategy<Value = u16> {
    prop_oneof![select(vec![0, 53, 67, 68, 80, 546, 547, 65535]), 60u16..70]
}

fn ports() -> impl Strategy<Value = Ports> {
    let range = |(a, b): (u16, u16)| PortRange::new(a.min(b), a.max(b)).expect("in order");
    let some = prop::collection::vec((port(), port()).prop_map(range), 1..3);
    let all = Just(vec![PortRange::new(0, 65535).expect("in order")]);
    prop_oneof![8 => some, 1 => all].prop_map(|ranges| ranges.into_iter().collect())
}

fn flags() -> impl Strategy<Value = TcpFlags> {
    (0u16..0x200, 0u16..0x200)
        .prop_filter_map("no flags", |(set, clear)| TcpFlags::new(set, clear & !set))
}

fn number() -> impl Strategy<Value = Test> {
    let quantity = select(vec![Quantity::Ttl, Quantity::Length, Quantity::Dscp]);
    let relation = select(vec![Relation::Below, Relation::Above, Relation::Is]);
    (quantity, relation, 0u32..5, any::<bool>()).prop_map(|(quantity, relation, by, low)| {
        let number = if low { by } else { quantity.most() + 2 - by };
        Test::Number(quantity, relation, number)
    })
}

fn mac() -> impl Strategy<Value = Mac> {
    let first = prop_oneof![6 => Just(2u8), 1 => Just(3)];
    (first, 0u8..4).prop_map(|(first, last)| Mac([first, 0, 0, 0, 0, last]))
}

/// Any test.
pub(super) fn test() -> impl Strategy<Value = Test> {
    let end = || select(vec![End::Source, End::Destination, End::Either]);
    let side = || select(vec![End::Source, End::Destination]);
    let tag = || select(vec![Tag::Outer, Tag::Inner]);
    let plain = vec![
        Test::Family(Family::V4),
        Test::Family(Family::V6),
        Test::Arp,
        Test::Nd,
        Test::Dhcp,
        Test::Icmp,
        Test::Icmp6,
        Test::ServiceIn(SetId(0)),
        Test::Fragment,
        Test::Options,
    ];
    prop_oneof![
        4 => select(plain),
        1 => select(ETHERTYPES.to_vec()).prop_map(Test::EtherType),
        2 => select(PROTOCOLS.to_vec()).prop_map(|number| Test::Protocol(Protocol(number))),
        2 => (end(), addresses()).prop_map(|(end, list)| Test::Address(end, list)),
        1 => end().prop_map(|end| Test::AddressIn(end, SetId(0))),
        2 => (end(), ports()).prop_map(|(end, list)| Test::Port(end, list)),
        1 => (select(vec![8, 128, 133, 135]), prop::option::of(0u8..2))
            .prop_map(|(kind, code)| Test::IcmpType { kind, code }),
        1 => flags().prop_map(Test::Flags),
        2 => number(),
        1 => (tag(), 0u16..3).prop_map(|(tag, id)| Test::Vlan(tag, id)),
        1 => tag().prop_map(Test::Tagged),
        1 => side().prop_map(Test::Unicast),
        1 => (0u16..2).prop_map(Test::Queue),
        1 => (side(), mac()).prop_map(|(end, mac)| Test::Mac(end, mac)),
        1 => side().prop_map(|end| Test::MacIn(end, SetId(0))),
    ]
}

/// A match that some packet may meet.
pub(super) fn matching() -> impl Strategy<Value = Match> {
    let leaf = test().prop_map(Term::Test);
    let term = leaf.prop_recursive(3, 12, 3, |inner| {
        let alternative = prop::collection::vec(inner.clone(), 1..3)
            .prop_filter_map("a contradiction", |terms| Match::new(terms).ok());
        prop_oneof![
            inner.prop_map(|term| Term::Not(Box::new(term))),
            prop::collection::vec(alternative, 1..3).prop_map(Term::Any),
        ]
    });
    prop::collection::vec(term, 0..4)
        .prop_filter_map("a contradiction", |terms| Match::new(terms).ok())
}

fn packet() -> impl Strategy<Value = Packet> {
    let fields = (
        address(),
        address(),
        select(PROTOCOLS.to_vec()),
        prop_oneof![2 => select(vec![0u8, 1, 64, 254]), 1 => Just(255)],
        select(vec![0u8, 1, 62, 63]),
        any::<bool>(),
        select(vec![Piece::Whole, Piece::Whole, Piece::First, Piece::Later]),
        [port(), port()],
        0u16..0x200,
        (select(vec![8, 128, 133, 135]), 0u8..2),
    );
    fields.prop_map(
        |(source, destination, protocol, ttl, dscp, options, piece, ports, flags, (kind, code))| {
            let packet = Packet::new(source, destination, Protocol(protocol));
            Packet { ttl, dscp, options, piece, ports, flags, icmp: [kind, code], ..packet }
        },
    )
}

/// Any frame without a flaw.
pub(super) fn sample() -> impl Strategy<Value = Sample> {
    let content = prop_oneof![
        8 => packet().prop_map(Content::Ip),
        1 => Just(Content::Arp),
        1 => select(vec![0x88cc, 0x88e5, 0x0600, 0x0042]).prop_map(Content::Other),
    ];
    (mac(), mac(), prop::collection::vec(0u16..3, 0..3), content).prop_map(
        |(source, destination, tags, content)| Sample { source, destination, tags, content },
    )
}
