//! The names of what can be wrong with a frame.
//!
//! Names alone: the generated program and the oracle each find out for themselves what is wrong
//! with a frame, and share none of that.

/// Why a frame cannot be read to the end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Flaw {
    /// The Ethernet header or a VLAN tag is cut.
    ShortL2,
    /// More than eight VLAN tags.
    VlanTooDeep,
    /// The fixed IP header is cut.
    ShortL3,
    /// The IP version is not the one that the EtherType announces.
    BadVersion,
    /// IPv4 says that its header is shorter than 20 bytes.
    BadIhl,
    /// The IP length contradicts the header or the frame, or is IPv6's zero.
    BadLength,
    /// More than eight IPv6 extension headers.
    ExtHdrTooDeep,
    /// An extension header where the stack takes none, or with segments left.
    BadExtHdr,
    /// An extension or transport header is cut.
    ShortL4,
    /// The TCP data offset is below 20 bytes or beyond the packet.
    BadOffset,
}

impl Flaw {
    /// Every flaw, in the order of their rows.
    pub const ALL: [Self; 10] = [
        Self::ShortL2,
        Self::VlanTooDeep,
        Self::ShortL3,
        Self::BadVersion,
        Self::BadIhl,
        Self::BadLength,
        Self::ExtHdrTooDeep,
        Self::BadExtHdr,
        Self::ShortL4,
        Self::BadOffset,
    ];

    /// What is wrong, in a sentence.
    pub const fn meaning(self) -> &'static str {
        match self {
            Self::ShortL2 => "the Ethernet header or a VLAN tag is cut",
            Self::VlanTooDeep => "there are more than eight VLAN tags",
            Self::ShortL3 => "the IP header is cut",
            Self::BadVersion => "the IP version is not the one that the EtherType announces",
            Self::BadIhl => "the IPv4 header says that it is shorter than 20 bytes",
            Self::BadLength => {
                "the IP length contradicts the header or the frame, or is IPv6's zero"
            }
            Self::ExtHdrTooDeep => "there are more than eight IPv6 extension headers",
            Self::BadExtHdr => {
                "an extension header stands where the stack takes none, or has segments left"
            }
            Self::ShortL4 => "an extension or transport header is cut",
            Self::BadOffset => "the TCP data offset is below 20 bytes or beyond the packet",
        }
    }

    /// The name in texts and JSON, and of its counter.
    pub const fn name(self) -> &'static str {
        match self {
            Self::ShortL2 => "short-l2",
            Self::VlanTooDeep => "vlan-too-deep",
            Self::ShortL3 => "short-l3",
            Self::BadVersion => "bad-version",
            Self::BadIhl => "bad-ihl",
            Self::BadLength => "bad-length",
            Self::ExtHdrTooDeep => "ext-hdr-too-deep",
            Self::BadExtHdr => "bad-ext-hdr",
            Self::ShortL4 => "short-l4",
            Self::BadOffset => "bad-offset",
        }
    }
}
