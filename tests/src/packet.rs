//! Frames composed by layer, so that a test reads as the packet it sends.
//!
//! ```
//! use palisade_tests::packet::{eth, ipv4, udp, vlan};
//! let frame = (eth() / vlan(5) / ipv4().ttl(1) / udp(4000, 53) / b"hello").build();
//! assert_eq!(frame.len(), 14 + 4 + 20 + 8 + 5);
//! ```
//!
//! Every field that follows from the rest (lengths, checksums, the number of the next protocol) is
//! right unless a test says otherwise; a field that a test sets is sent as set, however wrong.
//! Addresses default to the documentation ranges: nothing built here can name a real host.
//!
//! Invariant: layers are encoded from the innermost outwards, so a length or checksum is computed
//! over exactly the bytes that follow on the wire, without the padding behind the packet.

mod checksum;
mod fragments;
mod icmp;
mod ipv4;
mod ipv6;
mod link;
mod transport;
#[cfg(test)]
mod vectors;

use std::fmt::Debug;
use std::net::{Ipv4Addr, Ipv6Addr};
use std::ops::Div;

pub use icmp::{
    Icmp, Icmp6, icmp, icmp6, neighbour_advertisement, neighbour_solicitation, redirect,
    router_advertisement, router_solicitation,
};
pub use ipv4::{Ipv4, ipv4};
pub use ipv6::{
    Ext, Frag, Ipv6, auth, destination, ext, frag, hop_by_hop, ipv6, mobility, routing, routing_via,
};
pub use link::{
    ARP_REPLY, ARP_REQUEST, Arp, BROADCAST, Eth, HERE, Llc, MULTICAST, Mac, Snap, THERE, Vlan, arp,
    eth, llc, service_vlan, snap, vlan,
};
pub use transport::{ACK, AE, CWR, ECE, FIN, PSH, RST, SYN, Sctp, Tcp, URG, Udp, sctp, tcp, udp};

use checksum::Pseudo;

/// The IPv4 address that packets come from unless a test says otherwise.
pub const FROM4: Ipv4Addr = Ipv4Addr::new(198, 51, 100, 7);
/// The IPv4 address that packets go to unless a test says otherwise.
pub const TO4: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 1);
/// The IPv6 address that packets come from unless a test says otherwise.
pub const FROM6: Ipv6Addr = Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 7);
/// The IPv6 address that packets go to unless a test says otherwise.
pub const TO6: Ipv6Addr = Ipv6Addr::new(0x2001, 0xdb8, 0, 1, 0, 0, 0, 1);

/// One header, a payload, or the padding behind a packet.
#[derive(Clone, Debug)]
pub enum Layer {
    /// An Ethernet header.
    Eth(Eth),
    /// A VLAN tag.
    Vlan(Vlan),
    /// An 802.2 LLC header; the field before it becomes a length.
    Llc(Llc),
    /// An 802.2 SNAP header; the field before it becomes a length.
    Snap(Snap),
    /// An ARP packet.
    Arp(Arp),
    /// An IPv4 header.
    Ipv4(Ipv4),
    /// An IPv6 header.
    Ipv6(Ipv6),
    /// An IPv6 extension header, or anything else whose first byte numbers the next one.
    Ext(Ext),
    /// A UDP header.
    Udp(Udp),
    /// A TCP header.
    Tcp(Tcp),
    /// An SCTP common header.
    Sctp(Sctp),
    /// An ICMP message.
    Icmp(Icmp),
    /// An ICMPv6 message.
    Icmp6(Icmp6),
    /// Bytes as they are.
    Raw(Vec<u8>),
    /// Bytes behind the packet that no length counts.
    Pad(Pad),
}

/// Bytes behind the packet, as a switch or a short frame adds them.
#[derive(Clone, Debug)]
pub enum Pad {
    /// These bytes.
    With(Vec<u8>),
    /// Zeros up to this length of the frame; nothing if it is that long already.
    To(usize),
}

/// Zeros behind the packet, up to `len` bytes of frame.
pub fn pad_to(len: usize) -> Pad {
    Pad::To(len)
}

/// Given bytes behind the packet.
pub fn pad(bytes: impl Into<Vec<u8>>) -> Pad {
    Pad::With(bytes.into())
}

/// Payload of `len` bytes that count upwards.
pub fn filler(len: usize) -> Vec<u8> {
    (0u8..=255).cycle().take(len).collect()
}

/// A frame in the making: layers joined by `/`, outermost first.
#[derive(Clone, Debug, Default)]
pub struct Packet {
    layers: Vec<Layer>,
}

impl Packet {
    /// A packet with no Ethernet header yet; what is put on with `/` comes first.
    pub fn new() -> Self {
        Self::default()
    }

    /// The bytes on the wire.
    pub fn build(&self) -> Vec<u8> {
        let mut frame = self.encode_from(0);
        for layer in &self.layers {
            match layer {
                Layer::Pad(Pad::With(bytes)) => frame.extend(bytes),
                Layer::Pad(Pad::To(len)) => frame.resize(frame.len().max(*len), 0),
                _ => {}
            }
        }
        frame
    }

    /// The first `len` bytes on the wire: a frame cut short, with all its fields as they were.
    pub fn cut(&self, len: usize) -> Vec<u8> {
        let mut frame = self.build();
        frame.truncate(len);
        frame
    }

    /// Layers from the one at `first` on, encoded, without padding.
    fn encode_from(&self, first: usize) -> Vec<u8> {
        let mut body = Vec::new();
        for at in (first..self.layers.len()).rev() {
            body = self.encode_layer(at, body);
        }
        body
    }

    fn encode_layer(&self, at: usize, body: Vec<u8>) -> Vec<u8> {
        let above = self.layers.get(at + 1);
        match &self.layers[at] {
            Layer::Eth(h) => h.encode(above, &body),
            Layer::Vlan(h) => h.encode(above, &body),
            Layer::Llc(h) => h.encode(&body),
            Layer::Snap(h) => h.encode(above, &body),
            Layer::Arp(h) => h.encode(&body),
            Layer::Ipv4(h) => h.encode(above, &body),
            Layer::Ipv6(h) => h.encode(above, &body),
            Layer::Ext(h) => h.encode(above, &body),
            Layer::Udp(h) => h.encode(self.pseudo(at), &body),
            Layer::Tcp(h) => h.encode(self.pseudo(at), &body),
            Layer::Sctp(h) => h.encode(&body),
            Layer::Icmp(h) => h.encode(&body),
            Layer::Icmp6(h) => h.encode(self.pseudo(at), &body),
            Layer::Raw(bytes) => [bytes.as_slice(), &body].concat(),
            Layer::Pad(_) => body,
        }
    }

    /// The addresses that a transport checksum at this layer covers: those of the IP header around it.
    fn pseudo(&self, at: usize) -> Pseudo {
        let around = self.layers[..at].iter().rev();
        let mut found = around.filter_map(|layer| match layer {
            Layer::Ipv4(h) => Some(h.pseudo()),
            Layer::Ipv6(h) => Some(h.pseudo()),
            _ => None,
        });
        found.next().unwrap_or(Pseudo::None)
    }
}

impl Layer {
    /// The EtherType by which a link header announces this layer.
    fn ethertype(&self) -> Option<u16> {
        match self {
            Layer::Vlan(h) => Some(h.tpid()),
            Layer::Arp(_) => Some(0x0806),
            Layer::Ipv4(_) => Some(0x0800),
            Layer::Ipv6(_) => Some(0x86dd),
            _ => None,
        }
    }

    /// The protocol number by which an IP or extension header announces this layer.
    fn protocol(&self) -> Option<u8> {
        match self {
            Layer::Ext(h) => Some(h.number()),
            Layer::Icmp(_) => Some(1),
            Layer::Ipv4(_) => Some(4),
            Layer::Tcp(_) => Some(6),
            Layer::Udp(_) => Some(17),
            Layer::Ipv6(_) => Some(41),
            Layer::Icmp6(_) => Some(58),
            Layer::Sctp(_) => Some(132),
            _ => None,
        }
    }
}

/// The number for experiments (RFC 3692): what a payload of raw bytes is announced as.
const EXPERIMENT: u8 = 253;

/// The protocol number that announces `above`.
fn number_of(above: Option<&Layer>) -> u8 {
    above.and_then(Layer::protocol).unwrap_or(EXPERIMENT)
}

/// A length as a 16-bit field holds it; a packet too long for its field must say what it claims.
fn len16(len: usize) -> u16 {
    u16::try_from(len).expect("longer than the length field can say: set the field, or pad")
}

impl From<Packet> for Vec<u8> {
    fn from(packet: Packet) -> Vec<u8> {
        packet.build()
    }
}

impl<L: Into<Layer>> Div<L> for Packet {
    type Output = Packet;

    fn div(mut self, above: L) -> Packet {
        self.layers.push(above.into());
        self
    }
}

impl<L: Into<Layer>> Div<L> for Eth {
    type Output = Packet;

    fn div(self, above: L) -> Packet {
        Packet::new() / self / above
    }
}

macro_rules! layers {
    ($($name:ident)*) => { $(
        impl From<$name> for Layer {
            fn from(header: $name) -> Layer {
                Layer::$name(header)
            }
        }
    )* };
}
layers! { Eth Vlan Llc Snap Arp Ipv4 Ipv6 Ext Udp Tcp Sctp Icmp Icmp6 Pad }

impl From<Frag> for Layer {
    fn from(header: Frag) -> Layer {
        Layer::Ext(header.into())
    }
}

impl From<Vec<u8>> for Layer {
    fn from(bytes: Vec<u8>) -> Layer {
        Layer::Raw(bytes)
    }
}

impl From<&[u8]> for Layer {
    fn from(bytes: &[u8]) -> Layer {
        Layer::Raw(bytes.to_vec())
    }
}

impl<const N: usize> From<&[u8; N]> for Layer {
    fn from(bytes: &[u8; N]) -> Layer {
        Layer::Raw(bytes.to_vec())
    }
}

/// What a test may write where an address is wanted: the address, or its text.
pub trait Address<A>: Debug {
    /// The address meant; text that is none is the test's own mistake and panics.
    fn address(self) -> A;
}

impl Address<Ipv4Addr> for Ipv4Addr {
    fn address(self) -> Ipv4Addr {
        self
    }
}

impl Address<Ipv6Addr> for Ipv6Addr {
    fn address(self) -> Ipv6Addr {
        self
    }
}

impl Address<Ipv4Addr> for &str {
    fn address(self) -> Ipv4Addr {
        self.parse().unwrap_or_else(|_| panic!("`{self}` is no IPv4 address"))
    }
}

impl Address<Ipv6Addr> for &str {
    fn address(self) -> Ipv6Addr {
        self.parse().unwrap_or_else(|_| panic!("`{self}` is no IPv6 address"))
    }
}
