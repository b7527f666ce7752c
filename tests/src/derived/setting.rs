//! A field of a frame, given a value.

use std::net::IpAddr;

use palisade_filter::policy::{End, Tag};
use palisade_filter::value::Transport;

use super::{Kind, Piece, Shape};
use crate::packet::{Mac, vlan};
use crate::random::Chance;

/// A field and its value. What the field needs comes with it: a port makes the packet one of a
/// protocol with ports, unless it is one already.
#[derive(Clone, Debug)]
pub enum Setting {
    /// What kind of frame.
    Kind(Kind),
    /// An address, and with it the version of IP.
    Address(End, IpAddr),
    /// A port.
    Port(End, u16),
    /// A destination port of a protocol.
    Service(Transport, u16),
    /// The protocol.
    Protocol(u8),
    /// Type and code of the ICMP of whichever version of IP.
    Icmp(u8, u8),
    /// The flags of TCP.
    Flags(u16),
    /// Time to live, or hop limit.
    Ttl(u8),
    /// The upper six bits of type of service or traffic class.
    Dscp(u8),
    /// The length of the IP packet.
    Length(u32),
    /// What part of a packet.
    Piece(Piece),
    /// So many words of options of IPv4.
    Options(usize),
    /// The identifier of a tag.
    Vlan(Tag, u16),
    /// The tag is not there.
    NoVlan(Tag),
    /// An Ethernet address; `End::Either` is the destination.
    Mac(End, Mac),
    /// All of these, in order.
    All(Vec<Setting>),
}

impl Setting {
    /// Both ends of an IP packet have this address.
    pub fn both(addr: IpAddr) -> Self {
        Self::All([End::Source, End::Destination].map(|end| Self::Address(end, addr)).into())
    }

    /// Both ports are this one.
    pub fn both_ports(port: u16) -> Self {
        Self::All([End::Source, End::Destination].map(|end| Self::Port(end, port)).into())
    }

    /// Gives the field of a frame its value.
    pub fn apply(&self, shape: &mut Shape, chance: &mut Chance) {
        match self {
            Self::Kind(kind) => shape.kind = *kind,
            Self::Address(end, addr) => address(shape, place(*end, chance), *addr),
            Self::Port(end, port) => {
                with_ports(shape, chance);
                shape.ports[place(*end, chance)] = *port;
            }
            Self::Service(transport, port) => {
                internet(shape, chance);
                shape.protocol = match transport {
                    Transport::Tcp => 6,
                    Transport::Udp => 17,
                    Transport::Sctp => 132,
                    Transport::Any => chance.one(&[6, 17, 132]),
                };
                with_ports(shape, chance);
                shape.ports[1] = *port;
            }
            Self::Protocol(protocol) => {
                internet(shape, chance);
                shape.protocol = *protocol;
            }
            Self::Icmp(kind, code) => {
                internet(shape, chance);
                shape.protocol = if shape.kind == Kind::Ip4 { 1 } else { 58 };
                shape.icmp = [*kind, *code];
                headed(shape);
            }
            Self::Flags(flags) => {
                internet(shape, chance);
                (shape.protocol, shape.flags) = (6, *flags);
                headed(shape);
            }
            Self::Ttl(ttl) => (shape.ttl, _) = (*ttl, internet(shape, chance)),
            Self::Dscp(dscp) => (shape.dscp, _) = (*dscp, internet(shape, chance)),
            Self::Length(length) => {
                internet(shape, chance);
                long(shape, *length);
            }
            Self::Piece(piece) => {
                internet(shape, chance);
                shape.piece = *piece;
            }
            Self::Options(words) => {
                shape.kind = Kind::Ip4;
                shape.options = vec![1; words * 4];
            }
            Self::Vlan(tag, id) => tagged(shape, *tag, *id, chance),
            Self::NoVlan(Tag::Outer) => shape.tags.clear(),
            Self::NoVlan(Tag::Inner) => shape.tags.truncate(1),
            Self::Mac(end, mac) => shape.macs[usize::from(*end != End::Source)] = *mac,
            Self::All(all) => all.iter().for_each(|one| one.apply(shape, chance)),
        }
    }
}

fn place(end: End, chance: &mut Chance) -> usize {
    match end {
        End::Source => 0,
        End::Destination => 1,
        End::Either => chance.below(2),
    }
}

fn address(shape: &mut Shape, place: usize, addr: IpAddr) {
    match addr {
        IpAddr::V4(addr) => (shape.kind, shape.four[place]) = (Kind::Ip4, addr),
        IpAddr::V6(addr) => (shape.kind, shape.six[place]) = (Kind::Ip6, addr),
    }
}

fn internet(shape: &mut Shape, chance: &mut Chance) {
    if !shape.is_ip() {
        shape.kind = chance.one(&[Kind::Ip4, Kind::Ip6]);
    }
}

/// What carries the header of its protocol.
fn headed(shape: &mut Shape) {
    if matches!(shape.piece, Piece::Later(_)) {
        shape.piece = Piece::Whole;
    }
}

fn with_ports(shape: &mut Shape, chance: &mut Chance) {
    internet(shape, chance);
    headed(shape);
    if ![6, 17, 132].contains(&shape.protocol) {
        shape.protocol = chance.one(&[6, 17, 17, 132]);
    }
}

fn tagged(shape: &mut Shape, tag: Tag, id: u16, chance: &mut Chance) {
    let at = usize::from(tag == Tag::Inner);
    while shape.tags.len() <= at {
        shape.tags.push(vlan(chance.one(&[0, 1, 7])));
    }
    let tag = vlan(id).pcp(u16::from(chance.byte()) & 7);
    shape.tags[at] = if chance.once_in(2) { tag.dei() } else { tag };
}

/// Makes the IP packet so long, if that can be.
fn long(shape: &mut Shape, length: u32) {
    const LONGEST: usize = 2000;
    let bytes = usize::try_from(length).unwrap_or(usize::MAX);
    let of = |shape: &Shape| {
        let bare = Shape { payload: 0, padding: 0, ..shape.clone() };
        bare.encode().len() - bare.network_at()
    };
    if bytes < of(shape) {
        (shape.protocol, shape.piece) = (253, Piece::Whole);
        shape.options.clear();
        shape.extensions.clear();
    }
    shape.payload = bytes.min(LONGEST).saturating_sub(of(shape));
}
