//! What can be said of a test from the kind of packet alone, before any of its fields is read.
//!
//! A frame belongs to one [`Class`] by its EtherType and a packet of IP to one [`Lane`] by what
//! follows its headers. A test is true of a whole lane, or of none of it, or it depends.

use super::term::{Protocol, Quantity, Relation, Test};
use crate::value::Family;

/// What kind of frame it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Class {
    /// IPv4.
    Ip4,
    /// IPv6.
    Ip6,
    /// ARP.
    Arp,
    /// Everything else.
    Other,
}

impl Class {
    /// Every class.
    pub const ALL: [Self; 4] = [Self::Ip4, Self::Ip6, Self::Arp, Self::Other];

    /// The class of an IP version.
    pub const fn of(family: Family) -> Self {
        match family {
            Family::V4 => Self::Ip4,
            Family::V6 => Self::Ip6,
        }
    }

    /// The version of IP.
    pub const fn family(self) -> Option<Family> {
        match self {
            Self::Ip4 => Some(Family::V4),
            Self::Ip6 => Some(Family::V6),
            Self::Arp | Self::Other => None,
        }
    }

    /// The EtherType; `None` for the class of all others.
    pub const fn ethertype(self) -> Option<u16> {
        match self {
            Self::Ip4 => Some(0x0800),
            Self::Ip6 => Some(0x86dd),
            Self::Arp => Some(0x0806),
            Self::Other => None,
        }
    }

    /// The ICMP of the IP version.
    pub const fn icmp(self) -> Option<Protocol> {
        match self {
            Self::Ip4 => Some(Protocol::ICMP),
            Self::Ip6 => Some(Protocol::ICMPV6),
            Self::Arp | Self::Other => None,
        }
    }
}

/// What follows the headers of IP.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Lane {
    /// A TCP header.
    Tcp,
    /// A UDP header.
    Udp,
    /// An SCTP header.
    Sctp,
    /// The ICMP of the IP version.
    Icmp,
    /// Another protocol; also the lane of frames that are not IP.
    Other,
    /// A piece of a packet that is not its first.
    LaterFragment,
}

impl Lane {
    /// Every lane of IP.
    pub const ALL: [Self; 6] =
        [Self::Tcp, Self::Udp, Self::Sctp, Self::Icmp, Self::Other, Self::LaterFragment];

    /// The lanes of a class.
    pub const fn of(class: Class) -> &'static [Self] {
        match class {
            Class::Ip4 | Class::Ip6 => &Self::ALL,
            Class::Arp | Class::Other => &[Self::Other],
        }
    }

    /// The protocol of the packets of the lane, where they have one.
    pub const fn protocol(self, class: Class) -> Option<Protocol> {
        match self {
            Self::Tcp => Some(Protocol::TCP),
            Self::Udp => Some(Protocol::UDP),
            Self::Sctp => Some(Protocol::SCTP),
            Self::Icmp => class.icmp(),
            Self::Other | Self::LaterFragment => None,
        }
    }

    /// Whether its packets have ports.
    pub const fn has_ports(self) -> bool {
        match self {
            Self::Tcp | Self::Udp | Self::Sctp => true,
            Self::Icmp | Self::Other | Self::LaterFragment => false,
        }
    }
}

/// Of how much of a lane a test is true.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Truth {
    /// Of all packets.
    Always,
    /// Of none.
    Never,
    /// Of some, perhaps.
    Depends,
}

impl Truth {
    const fn from_bool(always: bool) -> Self {
        if always { Self::Always } else { Self::Never }
    }

    /// Of the negation.
    #[must_use]
    pub const fn not(self) -> Self {
        match self {
            Self::Always => Self::Never,
            Self::Never => Self::Always,
            Self::Depends => Self::Depends,
        }
    }

    /// Of all together.
    pub fn all(of: impl IntoIterator<Item = Self>) -> Self {
        of.into_iter().fold(Self::Always, |all, one| match (all, one) {
            (Self::Never, _) | (_, Self::Never) => Self::Never,
            (Self::Always, Self::Always) => Self::Always,
            (Self::Always | Self::Depends, Self::Always | Self::Depends) => Self::Depends,
        })
    }

    /// Of at least one.
    pub fn any(of: impl IntoIterator<Item = Self>) -> Self {
        Self::all(of.into_iter().map(Self::not)).not()
    }
}

impl Test {
    /// Of how much of a lane it is true.
    pub fn truth(&self, class: Class, lane: Lane) -> Truth {
        let only_if = |may: bool| if may { Truth::Depends } else { Truth::Never };
        let ip = class.family();
        match self {
            Self::Family(family) => Truth::from_bool(ip == Some(*family)),
            Self::Arp => Truth::from_bool(class == Class::Arp),
            Self::EtherType(number) => match class.ethertype() {
                Some(own) => Truth::from_bool(own == *number),
                None => only_if(Class::ALL.iter().all(|c| c.ethertype() != Some(*number))),
            },
            Self::Nd => only_if(class == Class::Ip6 && lane == Lane::Icmp),
            Self::Dhcp => only_if(ip.is_some() && lane == Lane::Udp),
            Self::Protocol(wanted) => protocol(*wanted, class, lane),
            Self::Icmp if class == Class::Ip4 => protocol(Protocol::ICMP, class, lane),
            Self::Icmp6 if class == Class::Ip6 => protocol(Protocol::ICMPV6, class, lane),
            Self::Icmp | Self::Icmp6 => Truth::Never,
            Self::Address(_, addresses) => match ip {
                Some(family) if addresses.is_all(family) => Truth::Always,
                Some(family) => only_if(addresses.has(family)),
                None => Truth::Never,
            },
            Self::AddressIn(..) => only_if(ip.is_some()),
            Self::Port(_, ports) if ports.is_all() => {
                Truth::from_bool(ip.is_some() && lane.has_ports())
            }
            Self::Port(..) | Self::ServiceIn(_) => only_if(ip.is_some() && lane.has_ports()),
            Self::IcmpType { .. } => only_if(ip.is_some() && lane == Lane::Icmp),
            Self::Flags(_) => only_if(ip.is_some() && lane == Lane::Tcp),
            Self::Number(quantity, relation, number) => match ip {
                Some(_) => number_truth(*quantity, *relation, *number),
                None => Truth::Never,
            },
            Self::Fragment => match (ip, lane) {
                (None, _) => Truth::Never,
                (Some(_), Lane::LaterFragment) => Truth::Always,
                (Some(_), _) => Truth::Depends,
            },
            Self::Options => only_if(class == Class::Ip4),
            Self::Vlan(..)
            | Self::Tagged(_)
            | Self::Mac(..)
            | Self::MacIn(..)
            | Self::Unicast(_)
            | Self::Queue(_) => Truth::Depends,
        }
    }

    /// Whether it needs more than the headers up to layer 3: a term on protocol, ports, flags or
    /// types, and on fragments of IPv6, whose header is one among the extension headers.
    pub fn looks_at_layer4(&self, class: Class) -> bool {
        match self {
            Self::Protocol(_) | Self::Icmp | Self::Icmp6 | Self::Nd | Self::Dhcp => true,
            Self::Port(..) | Self::ServiceIn(_) | Self::IcmpType { .. } | Self::Flags(_) => true,
            Self::Fragment => class == Class::Ip6,
            Self::Family(_)
            | Self::Arp
            | Self::EtherType(_)
            | Self::Address(..)
            | Self::AddressIn(..)
            | Self::Number(..)
            | Self::Options
            | Self::Vlan(..)
            | Self::Tagged(_)
            | Self::Mac(..)
            | Self::MacIn(..)
            | Self::Unicast(_)
            | Self::Queue(_) => false,
        }
    }

    /// Whether it is about IP at all, so that frames that cannot be parsed are malformed.
    pub fn looks_at_ip(&self) -> bool {
        match self {
            Self::Arp
            | Self::Vlan(..)
            | Self::Tagged(_)
            | Self::Mac(..)
            | Self::MacIn(..)
            | Self::Unicast(_)
            | Self::Queue(_) => false,
            Self::EtherType(number) => [0x0800, 0x86dd].contains(number),
            Self::Family(_)
            | Self::Nd
            | Self::Dhcp
            | Self::Protocol(_)
            | Self::Icmp
            | Self::Icmp6
            | Self::Address(..)
            | Self::AddressIn(..)
            | Self::Port(..)
            | Self::ServiceIn(_)
            | Self::IcmpType { .. }
            | Self::Flags(_)
            | Self::Number(..)
            | Self::Fragment
            | Self::Options => true,
        }
    }
}

fn protocol(wanted: Protocol, class: Class, lane: Lane) -> Truth {
    let own = |lane: &Lane| lane.protocol(class) == Some(wanted);
    match (class.family(), lane) {
        (None, _) => Truth::Never,
        // What a later fragment of IPv6 says of its protocol is not to be believed.
        (Some(Family::V6), Lane::LaterFragment) => Truth::Never,
        (Some(_), Lane::LaterFragment) => Truth::Depends,
        (Some(_), Lane::Other) if Lane::ALL.iter().any(own) => Truth::Never,
        (Some(_), Lane::Other) => Truth::Depends,
        (Some(_), Lane::Tcp | Lane::Udp | Lane::Sctp | Lane::Icmp) => Truth::from_bool(own(&lane)),
    }
}

fn number_truth(quantity: Quantity, relation: Relation, number: u32) -> Truth {
    let (least, most) = (relation.holds(0, number), relation.holds(quantity.most(), number));
    match relation {
        Relation::Is if number > quantity.most() => Truth::Never,
        Relation::Is => Truth::Depends,
        Relation::Below | Relation::Above if least && most => Truth::Always,
        Relation::Below | Relation::Above if !least && !most => Truth::Never,
        Relation::Below | Relation::Above => Truth::Depends,
    }
}
