//! The IPv6 header and its extension headers, each field free to lie.
//!
//! A header with nothing behind it says "no next header"; raw bytes are announced by the protocol
//! number for experiments.

use std::net::Ipv6Addr;

use super::checksum::Pseudo;
use super::{Address, FROM6, Layer, TO6, len16, number_of};

/// The protocol number that says "nothing follows".
const NO_NEXT: u8 = 59;

/// An IPv6 header.
#[derive(Clone, Debug)]
pub struct Ipv6 {
    src: Ipv6Addr,
    dst: Ipv6Addr,
    hop_limit: u8,
    traffic_class: u8,
    flow_label: u32,
    version: u8,
    payload_len: Option<u16>,
    next: Option<u8>,
}

/// An IPv6 header from `FROM6` to `TO6`, hop limit 64.
pub fn ipv6() -> Ipv6 {
    Ipv6 {
        src: FROM6,
        dst: TO6,
        hop_limit: 64,
        traffic_class: 0,
        flow_label: 0,
        version: 6,
        payload_len: None,
        next: None,
    }
}

impl Ipv6 {
    /// The source address.
    pub fn src(self, src: impl Address<Ipv6Addr>) -> Self {
        Self { src: src.address(), ..self }
    }

    /// The destination address.
    pub fn dst(self, dst: impl Address<Ipv6Addr>) -> Self {
        Self { dst: dst.address(), ..self }
    }

    /// The hop limit.
    pub fn hop_limit(self, hop_limit: u8) -> Self {
        Self { hop_limit, ..self }
    }

    /// The whole byte of DSCP and ECN.
    pub fn traffic_class(self, traffic_class: u8) -> Self {
        Self { traffic_class, ..self }
    }

    /// The flow label, 20 bits.
    pub fn flow_label(self, flow_label: u32) -> Self {
        Self { flow_label, ..self }
    }

    /// The version nibble.
    pub fn version(self, version: u8) -> Self {
        Self { version, ..self }
    }

    /// The payload length, whatever follows.
    pub fn payload_len(self, payload_len: u16) -> Self {
        Self { payload_len: Some(payload_len), ..self }
    }

    /// The number of the next header, whatever follows.
    pub fn next(self, next: u8) -> Self {
        Self { next: Some(next), ..self }
    }

    pub(super) fn pseudo(&self) -> Pseudo {
        Pseudo::V6(self.src, self.dst)
    }

    pub(super) fn next_of(&self, above: Option<&Layer>) -> u8 {
        next(self.next, above)
    }

    pub(super) fn encode(&self, above: Option<&Layer>, body: &[u8]) -> Vec<u8> {
        let first = u32::from(self.version) << 28
            | u32::from(self.traffic_class) << 20
            | self.flow_label & 0xf_ffff;
        let len = self.payload_len.unwrap_or_else(|| len16(body.len()));

        let mut out = first.to_be_bytes().to_vec();
        out.extend(len.to_be_bytes());
        out.extend([self.next_of(above), self.hop_limit]);
        out.extend(self.src.octets());
        out.extend(self.dst.octets());
        out.extend(body);
        out
    }
}

fn next(said: Option<u8>, above: Option<&Layer>) -> u8 {
    said.unwrap_or_else(|| above.map_or(NO_NEXT, |layer| number_of(Some(layer))))
}

/// A header whose first byte is the number of the next one.
#[derive(Clone, Debug)]
pub struct Ext {
    number: u8,
    next: Option<u8>,
    /// All bytes after the first.
    rest: Vec<u8>,
}

/// Any header of this number, with these bytes after the one that numbers the next header.
pub fn ext(number: u8, rest: impl Into<Vec<u8>>) -> Ext {
    Ext { number, next: None, rest: rest.into() }
}

/// A hop-by-hop header of `8 * (units + 1)` bytes, full of options to be skipped.
pub fn hop_by_hop(units: u8) -> Ext {
    options(0, units)
}

/// A destination options header of `8 * (units + 1)` bytes, full of options to be skipped.
pub fn destination(units: u8) -> Ext {
    options(60, units)
}

/// Options for experiments (RFC 4727) that say "skip me" fill the header: Linux refuses more than
/// seven bytes of padding, and more than eight options.
fn options(number: u8, units: u8) -> Ext {
    const SKIP_ME: u8 = 0x1e;
    let len = 8 * (usize::from(units) + 1);
    let mut rest = vec![units];
    while rest.len() + 1 < len {
        let room = (len - rest.len() - 3).min(255);
        rest.extend([SKIP_ME, u8::try_from(room).expect("at most 255")]);
        rest.resize(rest.len() + room, 0);
    }
    ext(number, rest)
}

/// A routing header of this type, with no addresses.
pub fn routing(kind: u8, segments_left: u8) -> Ext {
    ext(43, [0, kind, segments_left, 0, 0, 0, 0])
}

/// A routing header of this type with addresses; the fields of a segment routing header are right.
pub fn routing_via(kind: u8, segments_left: u8, via: &[Ipv6Addr]) -> Ext {
    let count = u8::try_from(via.len()).expect("few addresses");
    let last = if kind == 4 { count - 1 } else { 0 };
    let mut rest = vec![2 * count, kind, segments_left, last, 0, 0, 0];
    rest.extend(via.iter().flat_map(Ipv6Addr::octets));
    ext(43, rest)
}

/// An authentication header whose length field is `len`: `4 * (len + 2)` bytes.
pub fn auth(len: u8) -> Ext {
    let mut rest = vec![0; 4 * (usize::from(len) + 2) - 1];
    rest[0] = len;
    ext(51, rest)
}

/// A mobility header of eight bytes.
pub fn mobility() -> Ext {
    ext(135, [0; 7])
}

impl Ext {
    /// The number of the next header, whatever follows.
    pub fn next(self, next: u8) -> Self {
        Self { next: Some(next), ..self }
    }

    /// The length field (the second byte), whatever the header's length.
    pub fn len_field(mut self, len: u8) -> Self {
        self.rest[0] = len;
        self
    }

    pub(super) fn number(&self) -> u8 {
        self.number
    }

    pub(super) fn encode(&self, above: Option<&Layer>, body: &[u8]) -> Vec<u8> {
        [&[next(self.next, above)], self.rest.as_slice(), body].concat()
    }
}

/// A fragment header.
#[derive(Clone, Debug)]
pub struct Frag {
    offset: u16,
    more: u16,
    reserved: u8,
    reserved_bits: u16,
    id: u32,
    next: Option<u8>,
}

/// A fragment header at this offset, in units of eight bytes; the last fragment unless `more`.
pub fn frag(offset: u16) -> Frag {
    Frag { offset, more: 0, reserved: 0, reserved_bits: 0, id: 1, next: None }
}

impl Frag {
    /// Sets "more fragments".
    pub fn more(self) -> Self {
        Self { more: 1, ..self }
    }

    /// The reserved byte, where other headers have their length.
    pub fn reserved(self, reserved: u8) -> Self {
        Self { reserved, ..self }
    }

    /// The two reserved bits beside "more fragments".
    pub fn reserved_bits(self, reserved_bits: u16) -> Self {
        Self { reserved_bits, ..self }
    }

    /// The identification that fragments of one packet share.
    pub fn id(self, id: u32) -> Self {
        Self { id, ..self }
    }

    /// The number of the next header, whatever follows.
    pub fn next(self, next: u8) -> Self {
        Self { next: Some(next), ..self }
    }
}

impl From<Frag> for Ext {
    fn from(header: Frag) -> Ext {
        let place = header.offset << 3 | header.reserved_bits << 1 | header.more;
        let mut rest = vec![header.reserved];
        rest.extend(place.to_be_bytes());
        rest.extend(header.id.to_be_bytes());
        Ext { number: 44, next: header.next, rest }
    }
}
