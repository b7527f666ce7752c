//! Odd frames as data: each with the verdict it must get when a rule blocks the flow it looks like,
//! and when a rule allows it.
//!
//! The judge is the Linux stack behind the filter: a frame that Linux would deliver is seen with
//! the same addresses and ports, or dropped. So every frame is one of three things for a flow:
//! part of it, not part of it (the default decides), or malformed (dropped either way).
//!
//! An entry is one frame under one flow, judged alone. A frame that is malformed at layer 4 only is
//! still part of a flow that is told by its address. Frames under 14 bytes (row 12) can be given
//! to an interpreter, but not to a kernel's test run.

mod cuts;
mod extensions;
mod fragments;
mod ipv4;
pub mod judge;
mod link;
mod outer;
mod rows;
mod transport;

use std::fmt;

/// One frame and what becomes of it.
#[derive(Clone, Debug)]
pub struct Odd {
    /// The row of the table of odd packets that the frame belongs to.
    pub row: u8,
    /// What is odd about the frame, and under which flow; unique.
    pub name: &'static str,
    /// The bytes on the wire.
    pub frame: Vec<u8>,
    /// What the two policies below match.
    pub flow: Flow,
    /// The verdict of [`Flow::blocked`].
    pub blocked: Want,
    /// The verdict of [`Flow::allowed`].
    pub allowed: Want,
}

/// The verdict a frame must get.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Want {
    /// Passed by a rule or the default.
    Pass,
    /// Dropped by a rule or the default.
    Drop,
    /// Dropped because the frame cannot be read, and counted under this class.
    Malformed(Malformed),
}

/// What is wrong with a frame that cannot be read: the first thing met on the way in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Malformed {
    /// The Ethernet header or a VLAN tag is cut.
    ShortL2,
    /// More than eight VLAN tags.
    VlanTooDeep,
    /// The IP header is cut.
    ShortL3,
    /// The version is not the one the EtherType announces.
    BadVersion,
    /// IPv4 says that its header is shorter than 20 bytes.
    BadIhl,
    /// The IP length contradicts the header or the frame, or is IPv6's zero.
    BadLength,
    /// More than eight IPv6 extension headers.
    ExtHdrTooDeep,
    /// Extension headers that no host accepts: see RFC 8200, 4.1 and 4.4.
    BadExtHdr,
    /// An extension or transport header is cut, within the IP length.
    ShortL4,
    /// TCP's data offset points into its header or behind the packet.
    BadOffset,
}

/// A flow by the terms of the policy language.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Flow {
    /// By port: DNS over UDP.
    Udp53,
    /// By port: HTTP over TCP.
    Tcp80,
    /// By port: Diameter over SCTP.
    Sctp3868,
    /// By address: the IPv4 source that packets have by default.
    Src4,
    /// By address: the IPv6 source that packets have by default.
    Src6,
    /// By protocol alone: UDP.
    Udp,
    /// By protocol alone: ICMP.
    Icmp,
    /// By protocol alone: ICMPv6.
    Icmp6,
    /// Neighbour discovery: ICMPv6 133 to 137 with hop limit 255.
    Nd,
    /// ARP.
    Arp,
    /// By the number of the IP protocol.
    Proto(u8),
}

/// Every odd frame, in the order of the rows.
pub fn all() -> Vec<Odd> {
    let mut odds = Vec::new();
    odds.extend(link::rows());
    odds.extend(cuts::rows());
    odds.extend(ipv4::rows());
    odds.extend(fragments::rows());
    odds.extend(extensions::rows());
    odds.extend(transport::rows());
    odds.extend(outer::rows());
    odds.sort_by_key(|odd| odd.row);
    odds
}

impl Want {
    /// Whether the frame must not get through, for whatever reason.
    pub fn drops(self) -> bool {
        self != Want::Pass
    }
}

impl Malformed {
    /// The class by the name that its counter bears.
    pub fn name(self) -> &'static str {
        match self {
            Malformed::ShortL2 => "short-l2",
            Malformed::VlanTooDeep => "vlan-too-deep",
            Malformed::ShortL3 => "short-l3",
            Malformed::BadVersion => "bad-version",
            Malformed::BadIhl => "bad-ihl",
            Malformed::BadLength => "bad-length",
            Malformed::ExtHdrTooDeep => "ext-hdr-too-deep",
            Malformed::BadExtHdr => "bad-ext-hdr",
            Malformed::ShortL4 => "short-l4",
            Malformed::BadOffset => "bad-offset",
        }
    }

    /// Whether a policy meets the class only when it looks behind the IP header.
    ///
    /// Extension headers are among these: nobody who looks at addresses alone walks them.
    pub fn is_of_layer_4(self) -> bool {
        match self {
            Malformed::ShortL2
            | Malformed::VlanTooDeep
            | Malformed::ShortL3
            | Malformed::BadVersion
            | Malformed::BadIhl
            | Malformed::BadLength => false,
            Malformed::ExtHdrTooDeep
            | Malformed::BadExtHdr
            | Malformed::ShortL4
            | Malformed::BadOffset => true,
        }
    }
}

impl fmt::Display for Malformed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl Flow {
    /// The policy that drops the flow and passes all else.
    pub fn blocked(self) -> String {
        format!("drop {self}\ndefault pass\n")
    }

    /// The policy that passes the flow and drops all else.
    pub fn allowed(self) -> String {
        format!("pass {self}\ndefault drop\n")
    }

    /// Whether the flow is told by an address, so that nobody looks behind the IP header.
    pub fn is_by_address(self) -> bool {
        matches!(self, Flow::Src4 | Flow::Src6)
    }
}

/// The match, as a policy spells it.
impl fmt::Display for Flow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Flow::Udp53 => f.write_str("udp dport 53"),
            Flow::Tcp80 => f.write_str("tcp dport 80"),
            Flow::Sctp3868 => f.write_str("sctp dport 3868"),
            Flow::Src4 => f.write_str("src 198.51.100.7"),
            Flow::Src6 => f.write_str("src 2001:db8::7"),
            Flow::Udp => f.write_str("udp"),
            Flow::Icmp => f.write_str("icmp"),
            Flow::Icmp6 => f.write_str("icmp6"),
            Flow::Nd => f.write_str("nd"),
            Flow::Arp => f.write_str("arp"),
            Flow::Proto(number) => write!(f, "proto {number}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeSet, HashSet};

    use super::*;
    use crate::packet::{FROM4, FROM6};

    #[test]
    fn every_row_that_one_frame_can_show_is_covered() {
        let covered: BTreeSet<u8> = all().iter().map(|odd| odd.row).collect();
        // Row 8 takes a card that strips tags; from row 43 on, more than one frame and its verdict.
        let wanted: BTreeSet<u8> = (1..=42).filter(|row| *row != 8).collect();
        assert_eq!(covered, wanted);
    }

    #[test]
    fn names_are_unique() {
        let mut seen = HashSet::new();
        for odd in all() {
            assert!(seen.insert(odd.name), "twice: {}", odd.name);
        }
    }

    #[test]
    fn there_are_hundreds_of_different_frames() {
        let frames: HashSet<Vec<u8>> = all().into_iter().map(|odd| odd.frame).collect();
        assert!(frames.len() >= 200, "{}", frames.len());
    }

    #[test]
    fn blocking_and_allowing_differ_unless_the_frame_is_malformed() {
        for odd in all() {
            let malformed = matches!(odd.blocked, Want::Malformed(_));
            assert_eq!(odd.blocked == odd.allowed, malformed, "{}", odd.name);
            assert_eq!(odd.blocked.drops() == odd.allowed.drops(), malformed, "{}", odd.name);
        }
    }

    #[test]
    fn every_class_occurs() {
        let classes = |odd: Odd| match odd.blocked {
            Want::Malformed(class) => Some(class.name()),
            Want::Pass | Want::Drop => None,
        };
        let names: BTreeSet<&str> = all().into_iter().filter_map(classes).collect();
        assert_eq!(names.len(), 10, "{names:?}");
    }

    #[test]
    fn the_flows_name_the_addresses_that_packets_have() {
        assert_eq!(Flow::Src4.to_string(), format!("src {FROM4}"));
        assert_eq!(Flow::Src6.to_string(), format!("src {FROM6}"));
        assert_eq!(Flow::Udp53.blocked(), "drop udp dport 53\ndefault pass\n");
        assert_eq!(Flow::Tcp80.allowed(), "pass tcp dport 80\ndefault drop\n");
    }
}
