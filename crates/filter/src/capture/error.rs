//! Why a capture cannot be read, and where.

use std::fmt;
use std::io;

use super::LinkType;

/// Why a capture cannot be read. Offsets are in bytes from its beginning.
#[derive(Debug, thiserror::Error)]
pub enum CaptureError {
    /// There is no byte.
    #[error("the capture is empty")]
    Empty,
    /// It begins as neither format does.
    #[error("this is neither pcap nor pcapng")]
    NotACapture,
    /// It is of a version that nobody writes.
    #[error("version {major}.{minor} of the format is not known, at byte {offset}")]
    Version {
        /// Where the version stands.
        offset: u64,
        /// Its first number.
        major: u16,
        /// Its second number.
        minor: u16,
    },
    /// A packet is no Ethernet frame.
    #[error("packets of link type {link} are not read, only Ethernet's, at byte {offset}")]
    Link {
        /// Where the packet, or the head of the capture, begins.
        offset: u64,
        /// What it is.
        link: LinkType,
    },
    /// The capture ends too early.
    #[error("the capture ends inside {part}, which begins at byte {offset}")]
    Truncated {
        /// Where the part begins that is not whole.
        offset: u64,
        /// The part.
        part: Part,
    },
    /// A packet claims more bytes than are captured of any.
    #[error("a packet of {length} bytes, and {most} are the most, at byte {offset}")]
    TooLong {
        /// Where the packet begins.
        offset: u64,
        /// The bytes that it claims.
        length: u32,
        /// The most that are read.
        most: u32,
    },
    /// A section says its order of bytes in no way there is.
    #[error("the order of bytes of the section at byte {offset} is not told")]
    Order {
        /// Where the section begins.
        offset: u64,
    },
    /// A block has a length that none of its kind can have.
    #[error("the block at byte {offset} cannot have {length} bytes")]
    BlockLength {
        /// Where the block begins.
        offset: u64,
        /// The length that it tells.
        length: u32,
    },
    /// A block tells two lengths.
    #[error("the block at byte {offset} begins with the length {begins} and ends with {ends}")]
    BlockEnd {
        /// Where the block begins.
        offset: u64,
        /// The length that it begins with.
        begins: u32,
        /// The length that it ends with.
        ends: u32,
    },
    /// A packet is of an interface that its section does not describe.
    #[error("the packet at byte {offset} is of interface {interface}, which is not described")]
    NoInterface {
        /// Where the packet begins.
        offset: u64,
        /// The number of the interface.
        interface: u32,
    },
    /// A section describes more interfaces than are kept.
    #[error("more than {most} interfaces, at byte {offset}")]
    Interfaces {
        /// Where the one too many is described.
        offset: u64,
        /// How many are kept.
        most: usize,
    },
    /// The system does not give the bytes.
    #[error("at byte {offset}: {why}")]
    Read {
        /// How far reading came.
        offset: u64,
        /// What the system said.
        why: io::Error,
    },
}

/// A part of a capture.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// The first four bytes.
    Magic,
    /// What the capture begins with.
    Head,
    /// What stands before the bytes of a packet.
    PacketHead,
    /// The bytes of a packet.
    Packet,
    /// A block of pcapng.
    Block,
}

impl fmt::Display for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Magic => "its first four bytes",
            Self::Head => "its head",
            Self::PacketHead => "the head of a packet",
            Self::Packet => "a packet",
            Self::Block => "a block",
        })
    }
}
