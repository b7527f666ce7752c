//! `tunnel`: the two ends between which packets are carried in packets.
//!
//! A `Tunnel` that exists is sound: its ends are two hosts of one family, the frame goes to a station,
//! and its packets are no longer than a network of that family must take, or more.

use std::fmt::{self, Display, Formatter};
use std::net::IpAddr;

use super::change::{is_of_a_host, is_of_a_station};
use crate::value::{Family, Mac};

/// Packets are put behind an IP header of their own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Tunnel {
    src: IpAddr,
    dst: IpAddr,
    mac: Mac,
    mtu: u16,
}

/// Why ends are none of a tunnel.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoTunnel {
    /// An end is an address that no packet is sent to.
    #[error("no packet is sent to this address: it is no host's")]
    NoHost,
    /// They are of two families.
    #[error("the ends of a tunnel are of one family")]
    Families,
    /// They are one.
    #[error("a tunnel has two ends")]
    OneEnd,
    /// The frame would go to a group.
    #[error("this is not the Ethernet address of a station")]
    NoStation,
    /// No network of the family takes as little.
    #[error("a network of this family takes packets of {0} bytes and more")]
    Mtu(u16),
}

impl Tunnel {
    /// The length of the longest packets, where nothing is said.
    pub const MTU: u16 = 1500;
    /// Time to live, or hop limit, of the outer header.
    pub const HOPS: u8 = 64;

    /// From one end to the other, by a station that takes the frames.
    pub fn new(src: IpAddr, dst: IpAddr, mac: Mac, mtu: u16) -> Result<Self, NoTunnel> {
        let tunnel = Self { src, dst, mac, mtu };
        if !is_of_a_host(src) || !is_of_a_host(dst) {
            return Err(NoTunnel::NoHost);
        }
        if Family::of(src) != Family::of(dst) {
            return Err(NoTunnel::Families);
        }
        if src == dst {
            return Err(NoTunnel::OneEnd);
        }
        if !is_of_a_station(mac) {
            return Err(NoTunnel::NoStation);
        }
        let least = Self::least_mtu(tunnel.family());
        if mtu < least { Err(NoTunnel::Mtu(least)) } else { Ok(tunnel) }
    }

    /// What every network of a family takes (RFC 791 and RFC 8200).
    pub const fn least_mtu(family: Family) -> u16 {
        match family {
            Family::V4 => 68,
            Family::V6 => 1280,
        }
    }

    /// Where its packets come from.
    pub const fn src(&self) -> IpAddr {
        self.src
    }

    /// Where they go.
    pub const fn dst(&self) -> IpAddr {
        self.dst
    }

    /// The Ethernet address that the frames go to.
    pub const fn mac(&self) -> Mac {
        self.mac
    }

    /// The family of the outer header.
    pub const fn family(&self) -> Family {
        Family::of(self.src)
    }

    /// The length of the longest packets that still fit into it.
    pub const fn longest(&self) -> u32 {
        self.mtu as u32 - self.header() as u32
    }

    /// The length of the outer header.
    pub const fn header(&self) -> u16 {
        match self.family() {
            Family::V4 => 20,
            Family::V6 => 40,
        }
    }
}

/// What stands behind the word.
impl Display for Tunnel {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let Self { src, dst, mac, mtu } = self;
        write!(f, " {src} to {dst} mac {mac}")?;
        if *mtu == Self::MTU { Ok(()) } else { write!(f, " mtu {mtu}") }
    }
}
