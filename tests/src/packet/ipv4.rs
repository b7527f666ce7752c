//! The IPv4 header, each of its fields free to lie.

use std::net::Ipv4Addr;

use super::checksum::{self, Pseudo};
use super::{Address, FROM4, Layer, TO4, len16, number_of};

/// An IPv4 header.
#[derive(Clone, Debug)]
pub struct Ipv4 {
    src: Ipv4Addr,
    dst: Ipv4Addr,
    ttl: u8,
    tos: u8,
    id: u16,
    /// The three flag bits, at the top of the field they share with the offset.
    flags: u16,
    /// In units of eight bytes.
    offset: u16,
    options: Vec<u8>,
    version: u8,
    ihl: Option<u8>,
    total_len: Option<u16>,
    checksum: Option<u16>,
    protocol: Option<u8>,
}

const EVIL: u16 = 0x8000;
const DONT_FRAGMENT: u16 = 0x4000;
const MORE_FRAGMENTS: u16 = 0x2000;

/// An IPv4 header from `FROM4` to `TO4`, TTL 64, no options.
pub fn ipv4() -> Ipv4 {
    Ipv4 {
        src: FROM4,
        dst: TO4,
        ttl: 64,
        tos: 0,
        id: 1,
        flags: 0,
        offset: 0,
        options: Vec::new(),
        version: 4,
        ihl: None,
        total_len: None,
        checksum: None,
        protocol: None,
    }
}

impl Ipv4 {
    /// The source address.
    pub fn src(self, src: impl Address<Ipv4Addr>) -> Self {
        Self { src: src.address(), ..self }
    }

    /// The destination address.
    pub fn dst(self, dst: impl Address<Ipv4Addr>) -> Self {
        Self { dst: dst.address(), ..self }
    }

    /// The time to live.
    pub fn ttl(self, ttl: u8) -> Self {
        Self { ttl, ..self }
    }

    /// The whole byte of DSCP and ECN.
    pub fn tos(self, tos: u8) -> Self {
        Self { tos, ..self }
    }

    /// The identification that fragments of one packet share.
    pub fn id(self, id: u16) -> Self {
        Self { id, ..self }
    }

    /// Sets the reserved bit, RFC 3514's evil bit.
    pub fn evil(self) -> Self {
        Self { flags: self.flags | EVIL, ..self }
    }

    /// Sets "don't fragment".
    pub fn dont_fragment(self) -> Self {
        Self { flags: self.flags | DONT_FRAGMENT, ..self }
    }

    /// Sets "more fragments".
    pub fn more_fragments(self) -> Self {
        Self { flags: self.flags | MORE_FRAGMENTS, ..self }
    }

    /// The fragment offset, in units of eight bytes.
    pub fn offset(self, offset: u16) -> Self {
        Self { offset, ..self }
    }

    /// Options, filled up to four bytes with "end of options".
    pub fn options(self, options: impl Into<Vec<u8>>) -> Self {
        let mut options = options.into();
        options.resize(options.len().next_multiple_of(4), 0);
        Self { options, ..self }
    }

    /// The version nibble.
    pub fn version(self, version: u8) -> Self {
        Self { version, ..self }
    }

    /// The header length in units of four bytes, whatever the options take.
    pub fn ihl(self, ihl: u8) -> Self {
        Self { ihl: Some(ihl), ..self }
    }

    /// The total length, whatever follows.
    pub fn total_len(self, total_len: u16) -> Self {
        Self { total_len: Some(total_len), ..self }
    }

    /// The header checksum, right or wrong.
    pub fn checksum(self, checksum: u16) -> Self {
        Self { checksum: Some(checksum), ..self }
    }

    /// The protocol number, whatever follows.
    pub fn protocol(self, protocol: u8) -> Self {
        Self { protocol: Some(protocol), ..self }
    }

    pub(super) fn pseudo(&self) -> Pseudo {
        Pseudo::V4(self.src, self.dst)
    }

    pub(super) fn protocol_of(&self, above: Option<&Layer>) -> u8 {
        self.protocol.unwrap_or_else(|| number_of(above))
    }

    pub(super) fn encode(&self, above: Option<&Layer>, body: &[u8]) -> Vec<u8> {
        let header_len = 20 + self.options.len();
        let words = u8::try_from(header_len / 4).expect("options longer than a header can be");
        let ihl = self.ihl.unwrap_or(words);
        let total = self.total_len.unwrap_or_else(|| len16(header_len + body.len()));

        let mut out = vec![self.version << 4 | ihl, self.tos];
        out.extend(total.to_be_bytes());
        out.extend(self.id.to_be_bytes());
        out.extend((self.flags | self.offset).to_be_bytes());
        out.extend([self.ttl, self.protocol_of(above), 0, 0]);
        out.extend(self.src.octets());
        out.extend(self.dst.octets());
        out.extend(&self.options);
        let sum = self.checksum.unwrap_or_else(|| checksum::internet(&out));
        out[10..12].copy_from_slice(&sum.to_be_bytes());
        out.extend(body);
        out
    }
}
