//! Where in a frame its headers are: of frames that the oracle has read without a flaw.

use std::ops::Range;

use crate::policy::Protocol;
use crate::value::Family;

/// The version of IP.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Version {
    Four,
    Six,
}

impl Version {
    /// The family of its addresses.
    pub const fn family(self) -> Family {
        match self {
            Self::Four => Family::V4,
            Self::Six => Family::V6,
        }
    }
}

/// Whether a packet is a piece of one.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Piece {
    Whole,
    First,
    Later,
}

impl Piece {
    /// By how far it is from the start of the whole, and whether more follows.
    const fn of(offset: u16, more: bool) -> Self {
        match (offset, more) {
            (0, false) => Self::Whole,
            (0, true) => Self::First,
            _ => Self::Later,
        }
    }
}

/// Where the headers of an IP packet are; behind the IP header of a later fragment there is none.
pub struct Place {
    pub version: Version,
    /// The IP header.
    pub ip: usize,
    /// The transport header.
    pub transport: usize,
    /// The end of the packet.
    pub end: usize,
    pub protocol: Protocol,
    pub piece: Piece,
}

impl Place {
    /// The places in a frame, if it is IP.
    pub fn of(frame: &[u8]) -> Option<Self> {
        let mut at = 12;
        loop {
            let ethertype = half(frame, at)?;
            at += 2;
            match ethertype {
                0x8100 | 0x88a8 => at += 2,
                0x0800 => return Self::of_four(frame, at),
                0x86dd => return Self::of_six(frame, at),
                _ => return None,
            }
        }
    }

    /// The same of a frame of which nothing behind the fixed IP header is known to be there.
    pub fn of_network(frame: &[u8]) -> Option<Self> {
        let (ip, version) = match half(frame, 12)? {
            0x0800 => (14, Version::Four),
            0x86dd => (14, Version::Six),
            _ => return None,
        };
        let transport = match version {
            Version::Four => ip + usize::from(frame.get(ip)? % 16) * 4,
            Version::Six => ip + 40,
        };
        let (protocol, piece) = (Protocol(0), Piece::Whole);
        Some(Self { version, ip, transport, end: frame.len(), protocol, piece })
    }

    fn of_four(frame: &[u8], ip: usize) -> Option<Self> {
        let transport = ip + usize::from(frame.get(ip)? % 16) * 4;
        let end = ip + usize::from(half(frame, ip + 2)?);
        let protocol = Protocol(*frame.get(ip + 9)?);
        let fragment = half(frame, ip + 6)?;
        let piece = Piece::of(fragment % 0x2000, fragment & 0x2000 != 0);
        Some(Self { version: Version::Four, ip, transport, end, protocol, piece })
    }

    fn of_six(frame: &[u8], ip: usize) -> Option<Self> {
        let end = ip + 40 + usize::from(half(frame, ip + 4)?);
        let (mut next, mut at) = (*frame.get(ip + 6)?, ip + 40);
        let mut piece = Piece::Whole;
        while [0, 43, 44, 51, 60].contains(&next) {
            let units = usize::from(*frame.get(at + 1)?);
            let length = match next {
                44 => 8,
                51 => units * 4 + 8,
                _ => units * 8 + 8,
            };
            if next == 44 {
                let fragment = half(frame, at + 2)?;
                piece = Piece::of(fragment / 8, fragment % 2 == 1);
            }
            next = *frame.get(at)?;
            at += length;
            if piece == Piece::Later {
                break;
            }
        }
        let (version, protocol) = (Version::Six, Protocol(next));
        Some(Self { version, ip, transport: at, end, protocol, piece })
    }

    /// The source address.
    pub fn source(&self) -> Range<usize> {
        match self.version {
            Version::Four => self.ip + 12..self.ip + 16,
            Version::Six => self.ip + 8..self.ip + 24,
        }
    }

    /// The destination address.
    pub fn destination(&self) -> Range<usize> {
        let Range { start, end } = self.source();
        end..end + (end - start)
    }

    /// Time to live or hop limit.
    pub fn hops(&self) -> usize {
        match self.version {
            Version::Four => self.ip + 8,
            Version::Six => self.ip + 7,
        }
    }

    /// The checksum of the IP header.
    pub fn ip_checksum(&self) -> Option<usize> {
        (self.version == Version::Four).then_some(self.ip + 10)
    }

    /// The checksum of the transport header.
    pub fn checksum(&self) -> Option<usize> {
        let at = match self.protocol {
            _ if self.piece == Piece::Later => return None,
            Protocol::TCP => 16,
            Protocol::UDP => 6,
            Protocol::ICMP if self.version == Version::Four => 2,
            Protocol::ICMPV6 if self.version == Version::Six => 2,
            _ => return None,
        };
        Some(self.transport + at)
    }
}

fn half(frame: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_be_bytes([*frame.get(at)?, *frame.get(at + 1)?]))
}
