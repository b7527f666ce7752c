//! A frame as the fields that a policy asks about.
//!
//! All fields are always there: those of another kind of packet than this one are just not sent.

use std::net::{Ipv4Addr, Ipv6Addr};

use crate::packet::{
    ARP_REQUEST, Ext, Mac, Packet, Vlan, arp, eth, filler, frag, icmp, icmp6, ipv4, ipv6, pad,
    sctp, tcp, udp,
};
use crate::random::{Chance, values};

/// What kind of frame it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// IPv4.
    Ip4,
    /// IPv6.
    Ip6,
    /// ARP.
    Arp,
    /// Of another EtherType.
    Other(u16),
}

/// What part of a packet it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Piece {
    /// All of it.
    Whole,
    /// All of it, behind an IPv6 fragment header; for IPv4, just whole.
    Atomic,
    /// Its beginning.
    First,
    /// What stands at this offset, in units of eight bytes.
    Later(u16),
}

/// A frame to be.
#[derive(Clone, Debug)]
pub struct Shape {
    /// What it is.
    pub kind: Kind,
    /// Source and destination.
    pub macs: [Mac; 2],
    /// The tags, the outermost first.
    pub tags: Vec<Vlan>,
    /// Source and destination over IPv4.
    pub four: [Ipv4Addr; 2],
    /// Source and destination over IPv6.
    pub six: [Ipv6Addr; 2],
    /// Time to live, or hop limit.
    pub ttl: u8,
    /// The upper six bits of type of service or traffic class.
    pub dscp: u8,
    /// Options of IPv4.
    pub options: Vec<u8>,
    /// Extension headers of IPv6 before the fragment header.
    pub extensions: Vec<Ext>,
    /// What part of a packet.
    pub piece: Piece,
    /// The protocol.
    pub protocol: u8,
    /// Source and destination port, where the protocol has ports.
    pub ports: [u16; 2],
    /// The flags of TCP.
    pub flags: u16,
    /// Options of TCP.
    pub tcp_options: Vec<u8>,
    /// Type and code of ICMP.
    pub icmp: [u8; 2],
    /// How many bytes follow the last header.
    pub payload: usize,
    /// How many bytes follow the packet.
    pub padding: usize,
}

impl Shape {
    /// A sound frame by chance, of any kind and protocol, without tags, options and extension headers.
    pub fn plain(chance: &mut Chance) -> Self {
        let kind = match chance.below(16) {
            0 => Kind::Arp,
            1 => Kind::Other(values::ethertype(chance)),
            n if n % 2 == 0 => Kind::Ip4,
            _ => Kind::Ip6,
        };
        let [icmp_type, icmp_code] = [values::icmp_type(chance), values::icmp_code(chance)];
        Self {
            kind,
            macs: [values::mac(chance), values::mac(chance)],
            tags: Vec::new(),
            four: [values::v4(chance), values::v4(chance)],
            six: [values::v6(chance), values::v6(chance)],
            ttl: values::ttl(chance),
            dscp: values::dscp(chance),
            options: Vec::new(),
            extensions: Vec::new(),
            piece: match chance.below(16) {
                0 | 1 => Piece::Later(1 + u16::from(chance.byte())),
                2 => Piece::First,
                3 => Piece::Atomic,
                _ => Piece::Whole,
            },
            protocol: match chance.below(12) {
                0..=2 => 6,
                3..=5 => 17,
                6 | 7 => 132,
                // That of the version of IP more often than not.
                8 | 9 => {
                    if kind == Kind::Ip4 {
                        1
                    } else {
                        58
                    }
                }
                _ => values::protocol(chance),
            },
            ports: [values::port(chance), values::port(chance)],
            flags: chance.one(&[2, 0x12, 0x10, 0x11, 4, 0, 0x1ff]),
            tcp_options: Vec::new(),
            icmp: [icmp_type, icmp_code],
            payload: chance.one(&[1, 2, 8, 20]),
            padding: 0,
        }
    }

    /// Whether it is a packet of IP.
    pub fn is_ip(&self) -> bool {
        matches!(self.kind, Kind::Ip4 | Kind::Ip6)
    }

    /// Where its network header begins.
    pub fn network_at(&self) -> usize {
        14 + 4 * self.tags.len()
    }

    /// Where its last header begins.
    pub fn transport_at(&self) -> usize {
        let bare = Self { protocol: 253, payload: 0, padding: 0, ..self.clone() };
        bare.encode().len()
    }

    /// The bytes on the wire.
    pub fn encode(&self) -> Vec<u8> {
        let [source, destination] = self.macs;
        let mut link = eth().src(source).dst(destination);
        let mut tags = self.tags.clone();
        if let Kind::Other(number) = self.kind {
            match tags.pop() {
                Some(last) => tags.push(last.ethertype(number)),
                None => link = link.ethertype(number),
            }
        }
        let packet = tags.into_iter().fold(Packet::new() / link, |packet, tag| packet / tag);
        let packet = match self.kind {
            Kind::Ip4 => self.four(packet),
            Kind::Ip6 => self.six(packet),
            Kind::Arp => packet / arp(ARP_REQUEST),
            Kind::Other(_) => packet / filler(self.payload),
        };
        let packet = if self.padding > 0 { packet / pad(filler(self.padding)) } else { packet };
        packet.build()
    }

    fn four(&self, packet: Packet) -> Packet {
        let [source, destination] = self.four;
        let mut ip = ipv4().src(source).dst(destination).ttl(self.ttl).tos(self.dscp << 2);
        match self.piece {
            Piece::Whole | Piece::Atomic => {}
            Piece::First => ip = ip.more_fragments(),
            Piece::Later(offset) => ip = ip.offset(offset & 0x1fff),
        }
        if !self.options.is_empty() {
            ip = ip.options(self.options.clone());
        }
        self.transport(packet / ip.protocol(self.protocol))
    }

    fn six(&self, packet: Packet) -> Packet {
        let [source, destination] = self.six;
        let mut ip = ipv6().src(source).dst(destination).hop_limit(self.ttl);
        ip = ip.traffic_class(self.dscp << 2 | 1).flow_label(0xa_5a5a);
        let mut extensions = self.extensions.clone();
        match self.piece {
            Piece::Whole => {}
            Piece::Atomic => extensions.push(frag(0).into()),
            Piece::First => extensions.push(frag(0).more().into()),
            Piece::Later(offset) => extensions.push(frag(offset & 0x1fff).into()),
        }
        match extensions.pop() {
            None => self.transport(packet / ip.next(self.protocol)),
            Some(last) => {
                let packet = extensions.into_iter().fold(packet / ip, |packet, ext| packet / ext);
                self.transport(packet / last.next(self.protocol))
            }
        }
    }

    fn transport(&self, packet: Packet) -> Packet {
        let [from, to] = self.ports;
        let [kind, code] = self.icmp;
        let packet = match self.protocol {
            1 => packet / icmp(kind, code),
            6 => packet / tcp(from, to).flags(self.flags).options(self.tcp_options.clone()),
            17 => packet / udp(from, to),
            58 => packet / icmp6(kind, code),
            132 => packet / sctp(from, to),
            _ => packet,
        };
        packet / filler(self.payload)
    }
}
