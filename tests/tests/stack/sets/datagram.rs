//! A transport to be cut into fragments, each built for itself.

use std::ops::Range;

use palisade_tests::packet::{Frag, Ipv4, Packet, eth, filler, frag, ipv4, ipv6};

use super::{dns, web};

/// A transport with its checksum, without the IP header around it.
pub(super) struct Datagram {
    pub(super) number: u16,
    pub(super) protocol: u8,
    pub(super) bytes: Vec<u8>,
}

impl Datagram {
    pub(super) fn udp4(number: u16, payload: usize) -> Self {
        let packet = (Packet::new() / ipv4() / dns(number) / filler(payload)).build();
        Self { number, protocol: 17, bytes: packet[20..].to_vec() }
    }

    pub(super) fn udp6(number: u16, payload: usize) -> Self {
        let packet = (Packet::new() / ipv6() / dns(number) / filler(payload)).build();
        Self { number, protocol: 17, bytes: packet[40..].to_vec() }
    }

    pub(super) fn tcp4(number: u16) -> Self {
        let packet = (Packet::new() / ipv4() / web(number).options([1; 12])).build();
        Self { number, protocol: 6, bytes: packet[20..].to_vec() }
    }

    pub(super) fn tcp6(number: u16) -> Self {
        let packet = (Packet::new() / ipv6() / web(number).options([1; 12])).build();
        Self { number, protocol: 6, bytes: packet[40..].to_vec() }
    }

    /// Where it is cut: at these offsets, and nowhere else.
    pub(super) fn ranges(&self, cuts: &[usize]) -> Vec<Range<usize>> {
        let starts = std::iter::once(0).chain(cuts.iter().copied());
        let ends = cuts.iter().copied().chain(std::iter::once(self.bytes.len()));
        starts.zip(ends).map(|(from, to)| from..to).collect()
    }

    /// A piece behind some headers and under an IPv4 header.
    pub(super) fn piece4(&self, head: Packet, ip: Ipv4, at: &Range<usize>) -> Packet {
        let offset = u16::try_from(at.start / 8).expect("inside a packet");
        let ip = ip.id(self.number).protocol(self.protocol).offset(offset);
        let ip = if at.end < self.bytes.len() { ip.more_fragments() } else { ip };
        head / ip / self.bytes[at.clone()].to_vec()
    }

    /// The fragment header of a piece.
    pub(super) fn header6(&self, at: &Range<usize>) -> Frag {
        let offset = u16::try_from(at.start / 8).expect("inside a packet");
        let header = frag(offset).id(self.number.into()).next(self.protocol);
        if at.end < self.bytes.len() { header.more() } else { header }
    }

    /// A piece behind some headers, of which the last is of IPv6.
    pub(super) fn piece6(&self, head: Packet, at: &Range<usize>) -> Packet {
        head / self.header6(at) / self.bytes[at.clone()].to_vec()
    }

    /// All pieces over IPv4.
    pub(super) fn pieces4(&self, cuts: &[usize]) -> Vec<Packet> {
        let piece = |at| self.piece4(Packet::new() / eth(), ipv4(), at);
        self.ranges(cuts).iter().map(piece).collect()
    }

    /// All pieces over IPv6.
    pub(super) fn pieces6(&self, cuts: &[usize]) -> Vec<Packet> {
        let piece = |at| self.piece6(eth() / ipv6(), at);
        self.ranges(cuts).iter().map(piece).collect()
    }
}
