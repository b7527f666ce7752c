//! Frames made of what they are to say: the opposite of reading.
//!
//! Lengths are exact and every header is whole, so that a frame composed here has no flaw, as long
//! as its protocol is none of IPv6's extension headers. Checksums are zero: no filter asks for them.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::frame::{ARP, IP4, IP6, Piece};
use crate::policy::Protocol;
use crate::value::Mac;

/// Where frames come from unless somebody says otherwise: locally administered.
pub(super) const THERE: Mac = Mac([0x02, 0, 0, 0, 0, 0x01]);
/// Where they go.
pub(super) const HERE: Mac = Mac([0x02, 0, 0, 0, 0, 0x02]);
/// The IPv4 address of documentation (RFC 5737) that packets go to.
pub(super) const TO4: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 1);
/// The IPv6 address of documentation (RFC 3849) that packets go to.
pub(super) const TO6: Ipv6Addr = Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1);
/// A port that no service has.
pub(super) const FREE_PORT: u16 = 49152;
/// A number for experiments, RFC 3692.
pub(super) const EXPERIMENT: Protocol = Protocol(253);

pub(super) const SYN: u16 = 0x002;
pub(super) const ACK: u16 = 0x010;

/// No next header: what stands behind it is nobody's.
const NO_NEXT: u8 = 59;
/// Bytes behind the IP header of a protocol that has no header here.
const PAYLOAD: usize = 20;
/// Where a later fragment begins, in units of eight bytes: behind a packet of 1500 bytes.
const OFFSET: u16 = 185;

/// A frame to be.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Sample {
    pub source: Mac,
    pub destination: Mac,
    pub tags: Vec<u16>,
    pub content: Content,
}

/// What is behind the tags.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) enum Content {
    /// A request for [`TO4`].
    Arp,
    /// Something of another EtherType.
    Other(u16),
    /// A packet.
    Ip(Packet),
}

/// A packet of IP; what its protocol has no place for is left out.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Packet {
    pub source: IpAddr,
    pub destination: IpAddr,
    pub protocol: Protocol,
    pub ttl: u8,
    pub dscp: u8,
    /// Four bytes of IPv4 options.
    pub options: bool,
    pub piece: Piece,
    pub ports: [u16; 2],
    pub flags: u16,
    /// Type and code.
    pub icmp: [u8; 2],
    /// What follows the transport header.
    pub payload: Vec<u8>,
    /// How long it is to be by its own word, as far as its headers leave the choice.
    pub length: Option<u32>,
}

impl Packet {
    /// The plainest packet of a protocol: a SYN, an echo request, or ports and nothing more. An
    /// address of another family than the first is replaced by the one of documentation.
    pub(super) fn new(source: IpAddr, destination: IpAddr, protocol: Protocol) -> Self {
        let (echo, to): (u8, IpAddr) =
            if source.is_ipv4() { (8, TO4.into()) } else { (128, TO6.into()) };
        let same = source.is_ipv4() == destination.is_ipv4();
        Self {
            source,
            destination: if same { destination } else { to },
            protocol,
            ttl: 64,
            dscp: 0,
            options: false,
            piece: Piece::Whole,
            ports: [FREE_PORT; 2],
            flags: SYN,
            icmp: [echo, 0],
            payload: Vec::new(),
            length: None,
        }
    }

    /// Whether it is of the protocol that is ICMP to its version of IP.
    pub(super) fn is_icmp(&self) -> bool {
        let own = if self.source.is_ipv4() { Protocol::ICMP } else { Protocol::ICMPV6 };
        self.protocol == own
    }

    /// The transport header, empty for a protocol without.
    fn header(&self) -> Vec<u8> {
        let [source, destination] = self.ports.map(u16::to_be_bytes);
        let ports = [source, destination].concat();
        match self.protocol {
            Protocol::TCP => {
                let offset_and_flags = (0x5000 | self.flags).to_be_bytes();
                [
                    &ports[..],
                    &[0, 0, 0, 1, 0, 0, 0, 1],
                    &offset_and_flags,
                    &[0xff, 0xff, 0, 0, 0, 0],
                ]
                .concat()
            }
            Protocol::UDP => {
                let length = u16::try_from(8 + self.payload.len()).unwrap_or(0).to_be_bytes();
                [&ports[..], &length, &[0, 0]].concat()
            }
            Protocol::SCTP => [&ports[..], &[0, 0, 0, 1, 0, 0, 0, 0]].concat(),
            _ if self.is_icmp() => [&self.icmp[..], &[0, 0, 0, 1, 0, 1]].concat(),
            _ => Vec::new(),
        }
    }

    /// Everything behind the IP header, which has `before` bytes.
    fn body(&self, before: usize) -> Vec<u8> {
        let mut body = if self.piece == Piece::Later { Vec::new() } else { self.header() };
        let header = body.len();
        body.extend(&self.payload);
        if body.is_empty() {
            // Should the number be one of an extension header, then this is one, and the last.
            body.push(NO_NEXT);
            body.resize(PAYLOAD, 0);
        }
        let wanted = self.length.and_then(|length| usize::try_from(length).ok());
        if let Some(wanted) = wanted {
            body.resize(wanted.saturating_sub(before).max(header), 0);
        } else if self.piece == Piece::First {
            // All pieces but the last are multiples of eight bytes.
            body.resize(body.len().next_multiple_of(8), 0);
        }
        body
    }

    /// How long it is with its headers and nothing more.
    pub(super) fn least_length(&self) -> usize {
        Self { length: Some(0), ..self.clone() }.encode().len()
    }

    fn encode(&self) -> Vec<u8> {
        match (self.source, self.destination) {
            (IpAddr::V4(source), IpAddr::V4(destination)) => self.encode4(source, destination),
            (source, destination) => self.encode6(as_v6(source), as_v6(destination)),
        }
    }

    fn encode4(&self, source: Ipv4Addr, destination: Ipv4Addr) -> Vec<u8> {
        // Four times "no operation".
        let options: &[u8] = if self.options { &[1; 4] } else { &[] };
        let header = 20 + options.len();
        let body = self.body(header);
        let [high, low] = length16(header + body.len());
        let fragment: u16 = match self.piece {
            Piece::Whole | Piece::Atomic => 0,
            Piece::First => 0x2000,
            Piece::Later => OFFSET,
        };
        let [f, g] = fragment.to_be_bytes();
        let version = 0x40 | if self.options { 6 } else { 5 };
        let fixed =
            [version, self.dscp << 2, high, low, 0, 1, f, g, self.ttl, self.protocol.0, 0, 0];
        [&fixed[..], &source.octets(), &destination.octets(), options, &body].concat()
    }

    fn encode6(&self, source: Ipv6Addr, destination: Ipv6Addr) -> Vec<u8> {
        let field: Option<u16> = match self.piece {
            Piece::Whole => None,
            Piece::Atomic => Some(0),
            Piece::First => Some(1),
            Piece::Later => Some(OFFSET << 3),
        };
        let extension = field.map(|field| {
            let [high, low] = field.to_be_bytes();
            [self.protocol.0, 0, high, low, 0, 0, 0, 1]
        });
        let extension = extension.as_ref().map_or(&[][..], |bytes| bytes);
        let body = self.body(40 + extension.len());
        let next = if extension.is_empty() { self.protocol.0 } else { 44 };
        let [high, low] = length16(extension.len() + body.len());
        let fixed = [0x60 | self.dscp >> 2, self.dscp << 6, 0, 0, high, low, next, self.ttl];
        [&fixed[..], &source.octets(), &destination.octets(), extension, &body].concat()
    }
}

impl Sample {
    /// A frame between the usual Ethernet addresses.
    pub(super) fn new(content: Content) -> Self {
        Self { source: THERE, destination: HERE, tags: Vec::new(), content }
    }

    /// The bytes on the wire.
    pub(super) fn encode(&self) -> Vec<u8> {
        let (ethertype, body) = match &self.content {
            Content::Arp => (ARP, self.arp()),
            Content::Other(ethertype) => (*ethertype, vec![0; 46]),
            Content::Ip(packet) if packet.source.is_ipv4() => (IP4, packet.encode()),
            Content::Ip(packet) => (IP6, packet.encode()),
        };
        let mut frame = [self.destination.0, self.source.0].concat();
        for tag in &self.tags {
            frame.extend([[0x81, 0], tag.to_be_bytes()].concat());
        }
        frame.extend(ethertype.to_be_bytes());
        frame.extend(body);
        frame
    }

    /// A request, RFC 826.
    fn arp(&self) -> Vec<u8> {
        let kind = [0, 1, 8, 0, 6, 4, 0, 1];
        let from = Ipv4Addr::new(192, 0, 2, 2).octets();
        [&kind[..], &self.source.0, &from, &[0; 6], &TO4.octets()].concat()
    }
}

fn as_v6(addr: IpAddr) -> Ipv6Addr {
    match addr {
        IpAddr::V4(addr) => addr.to_ipv6_mapped(),
        IpAddr::V6(addr) => addr,
    }
}

/// A length as a header holds it.
fn length16(length: usize) -> [u8; 2] {
    u16::try_from(length).unwrap_or(u16::MAX).to_be_bytes()
}
