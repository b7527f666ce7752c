//! Conditions on a packet: single tests, and how they are joined.
//!
//! A test that needs a header is false of a packet without that header; `not` is true exactly where
//! its term is false, whatever kind of packet it is.

use super::SetId;
use super::truth::{Class, Lane, Truth};
use crate::value::{Addresses, Family, Mac, Ports};

/// Which end of a packet's way is meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum End {
    /// Where it comes from.
    Source,
    /// Where it goes.
    Destination,
    /// One of the two, whichever makes the test true.
    Either,
}

impl End {
    /// The word before an address.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Source => "src",
            Self::Destination => "dst",
            Self::Either => "host",
        }
    }

    /// The word before a port.
    pub const fn port_word(self) -> &'static str {
        match self {
            Self::Source => "sport",
            Self::Destination => "dport",
            Self::Either => "port",
        }
    }
}

/// An IP protocol number (IPv4 protocol, IPv6 last next header).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Protocol(pub u8);

impl Protocol {
    /// ICMP.
    pub const ICMP: Self = Self(1);
    /// TCP.
    pub const TCP: Self = Self(6);
    /// UDP.
    pub const UDP: Self = Self(17);
    /// ICMPv6.
    pub const ICMPV6: Self = Self(58);
    /// SCTP.
    pub const SCTP: Self = Self(132);
    /// Those whose header begins with two ports, in the order of `Transport::EACH`.
    pub const WITH_PORTS: [Self; 3] = [Self::TCP, Self::UDP, Self::SCTP];

    /// Whether its header begins with two ports.
    pub fn has_ports(self) -> bool {
        Self::WITH_PORTS.contains(&self)
    }
}

/// A number in an IP header.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Quantity {
    /// IPv4's time to live, IPv6's hop limit.
    Ttl,
    /// IPv4's total length; IPv6's payload length plus 40.
    Length,
    /// The upper six bits of type of service or traffic class.
    Dscp,
}

impl Quantity {
    /// The word in the language.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Ttl => "ttl",
            Self::Length => "length",
            Self::Dscp => "dscp",
        }
    }

    /// The largest value that it can have.
    pub const fn most(self) -> u32 {
        match self {
            Self::Ttl => 255,
            // An IPv6 payload of 65535 bytes behind 40 of header.
            Self::Length => 65575,
            Self::Dscp => 63,
        }
    }
}

/// How a quantity is compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Relation {
    /// `<`.
    Below,
    /// `>`.
    Above,
    /// `=`.
    Is,
}

impl Relation {
    /// The mark in the language.
    pub const fn mark(self) -> char {
        match self {
            Self::Below => '<',
            Self::Above => '>',
            Self::Is => '=',
        }
    }

    /// Whether it holds between two numbers.
    pub const fn holds(self, left: u32, right: u32) -> bool {
        match self {
            Self::Below => left < right,
            Self::Above => left > right,
            Self::Is => left == right,
        }
    }
}

/// Flags of TCP, by the names in the language and their bits in bytes 12 and 13 of the header.
#[rustfmt::skip] // One line per flag.
pub const TCP_FLAGS: [(&str, u16); 9] = [
    ("fin", 0x001), ("syn", 0x002), ("rst", 0x004),
    ("psh", 0x008), ("ack", 0x010), ("urg", 0x020),
    ("ece", 0x040), ("cwr", 0x080), ("ae", 0x100),
];

/// Which TCP flags must be set and which must not; the others may be either.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct TcpFlags {
    set: u16,
    clear: u16,
}

impl TcpFlags {
    /// Flags by their bits; `None` if none is named or one is wanted both ways.
    pub fn new(set: u16, clear: u16) -> Option<Self> {
        (set & clear == 0 && set | clear != 0).then_some(Self { set, clear })
    }

    /// The bits that are looked at.
    pub const fn mask(self) -> u16 {
        self.set | self.clear
    }

    /// What those bits must be.
    pub const fn value(self) -> u16 {
        self.set
    }

    /// Whether the nine flags of a header are as wanted.
    pub const fn match_bits(self, flags: u16) -> bool {
        flags & self.mask() == self.set
    }
}

/// A VLAN tag of a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Tag {
    /// The outermost.
    Outer,
    /// The one behind it.
    Inner,
}

impl Tag {
    /// The word in the language.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Outer => "vlan",
            Self::Inner => "inner-vlan",
        }
    }
}

/// One condition on a packet.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Test {
    /// The packet is of this version of IP.
    Family(Family),
    /// The frame is ARP.
    Arp,
    /// The EtherType behind all VLAN tags; at least 0x600, and none of a tag.
    EtherType(u16),
    /// Neighbour discovery as the stack accepts it: ICMPv6 133 to 137, hop limit 255, unfragmented.
    Nd,
    /// UDP between ports 67 and 68 over IPv4, or 546 and 547 over IPv6.
    Dhcp,
    /// The protocol, as far as it can be known: a later IPv6 fragment has none.
    Protocol(Protocol),
    /// ICMP over IPv4.
    Icmp,
    /// ICMPv6 over IPv6.
    Icmp6,
    /// An address is in a list, which is not empty.
    Address(End, Addresses),
    /// An address is covered by an entry of a `net` set.
    AddressIn(End, SetId),
    /// The protocol has ports and one is in a list, which is not empty; false of a later fragment.
    Port(End, Ports),
    /// Protocol and destination port are an entry of a `service` set; false of a later fragment.
    ServiceIn(SetId),
    /// ICMP over IPv4 or ICMPv6 over IPv6, of a type, and of a code where one is given; false of a
    /// later fragment.
    IcmpType {
        /// The type.
        kind: u8,
        /// The code.
        code: Option<u8>,
    },
    /// TCP with these flags; false of a later fragment.
    Flags(TcpFlags),
    /// A quantity of the IP header compared with a number.
    Number(Quantity, Relation, u32),
    /// A piece of a fragmented packet, the first or a later one.
    Fragment,
    /// An IPv4 header longer than 20 bytes.
    Options,
    /// A VLAN tag has this identifier.
    Vlan(Tag, u16),
    /// An Ethernet address; never `End::Either`.
    Mac(End, Mac),
    /// An Ethernet address is an entry of a `mac` set; never `End::Either`.
    MacIn(End, SetId),
    /// An Ethernet address is that of one station, not of a group; never `End::Either`.
    Unicast(End),
    /// There is such a VLAN tag.
    Tagged(Tag),
    /// The frame came in on this receive queue.
    Queue(u16),
}

impl Test {
    /// The protocol that it asks for.
    const fn protocol(&self) -> Option<Protocol> {
        match self {
            Self::Protocol(protocol) => Some(*protocol),
            Self::Icmp => Some(Protocol::ICMP),
            Self::Icmp6 => Some(Protocol::ICMPV6),
            Self::Family(_)
            | Self::Arp
            | Self::EtherType(_)
            | Self::Nd
            | Self::Dhcp
            | Self::Address(..)
            | Self::AddressIn(..)
            | Self::Port(..)
            | Self::ServiceIn(_)
            | Self::IcmpType { .. }
            | Self::Flags(_)
            | Self::Number(..)
            | Self::Fragment
            | Self::Options
            | Self::Vlan(..)
            | Self::Tagged(_)
            | Self::Mac(..)
            | Self::MacIn(..)
            | Self::Unicast(_)
            | Self::Queue(_) => None,
        }
    }

    /// The set that it looks into.
    pub const fn set(&self) -> Option<SetId> {
        match self {
            Self::AddressIn(_, set) | Self::ServiceIn(set) | Self::MacIn(_, set) => Some(*set),
            Self::Family(_)
            | Self::Arp
            | Self::EtherType(_)
            | Self::Nd
            | Self::Dhcp
            | Self::Protocol(_)
            | Self::Icmp
            | Self::Icmp6
            | Self::Address(..)
            | Self::Port(..)
            | Self::IcmpType { .. }
            | Self::Flags(_)
            | Self::Number(..)
            | Self::Fragment
            | Self::Options
            | Self::Vlan(..)
            | Self::Tagged(_)
            | Self::Mac(..)
            | Self::Unicast(_)
            | Self::Queue(_) => None,
        }
    }
}

/// A test, its negation, or alternatives.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Term {
    /// A test.
    Test(Test),
    /// Everything that the term is not true of.
    Not(Box<Term>),
    /// At least one of them is true; there is at least one.
    Any(Vec<Match>),
}

impl Term {
    /// What it says of all packets of a lane.
    pub fn truth(&self, class: Class, lane: Lane) -> Truth {
        self.truth_of(class, lane, None)
    }

    /// The same of those of a protocol, where one is given.
    fn truth_of(&self, class: Class, lane: Lane, protocol: Option<Protocol>) -> Truth {
        match self {
            Self::Test(test) => match (test.truth(class, lane), test.protocol(), protocol) {
                (Truth::Depends, Some(wanted), Some(own)) if wanted == own => Truth::Always,
                (Truth::Depends, Some(_), Some(_)) => Truth::Never,
                (truth, _, _) => truth,
            },
            Self::Not(term) => term.truth_of(class, lane, protocol).not(),
            Self::Any(all) => Truth::any(all.iter().map(|m| m.truth_of(class, lane, protocol))),
        }
    }

    fn each<'a>(&'a self, visit: &mut impl FnMut(&'a Test)) {
        match self {
            Self::Test(test) => visit(test),
            Self::Not(term) => term.each(visit),
            Self::Any(all) => all.iter().flat_map(|m| &m.terms).for_each(|term| term.each(visit)),
        }
    }
}

/// Whether no more than one queue is asked for by terms that stand by themselves.
fn one_queue(terms: &[Term]) -> bool {
    let mut queues = terms.iter().filter_map(|term| match term {
        Term::Test(Test::Queue(queue)) => Some(queue),
        Term::Test(_) | Term::Not(_) | Term::Any(_) => None,
    });
    let first = queues.next();
    queues.all(|queue| Some(queue) == first)
}

/// Terms that all must be true; without terms, every packet matches.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Match {
    terms: Vec<Term>,
}

/// No packet can make all terms of a match true.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Contradiction {
    /// The terms belong to different kinds of frames.
    #[error("no packet is all of this at once: the terms are about different kinds of frames")]
    Class,
    /// The terms belong to different queues.
    #[error("no packet is all of this at once: it comes in on one queue")]
    Queue,
    /// The terms belong to different protocols.
    #[error("no packet is all of this at once: the terms are about different protocols")]
    Protocol,
}

impl Match {
    /// The match of all `terms`, which some kind of packet must be able to meet.
    pub fn new(terms: Vec<Term>) -> Result<Self, Contradiction> {
        let possible = |term: &Term, class: Class| {
            Lane::of(class).iter().any(|lane| term.truth(class, *lane) != Truth::Never)
        };
        if !Class::ALL.iter().any(|c| terms.iter().all(|term| possible(term, *c))) {
            return Err(Contradiction::Class);
        }
        if !one_queue(&terms) {
            return Err(Contradiction::Queue);
        }
        let matching = Self { terms };
        // The lanes alone do not tell that a later fragment is of one protocol only.
        let protocol = matching.terms.iter().find_map(|term| match term {
            Term::Test(test) => test.protocol(),
            Term::Not(_) | Term::Any(_) => None,
        });
        let met = |class: &Class| {
            let truth = |lane: &Lane| matching.truth_of(*class, *lane, protocol);
            Lane::of(*class).iter().any(|lane| truth(lane) != Truth::Never)
        };
        if Class::ALL.iter().any(met) { Ok(matching) } else { Err(Contradiction::Protocol) }
    }

    /// The terms.
    pub fn terms(&self) -> &[Term] {
        &self.terms
    }

    /// What it says of all packets of a lane.
    pub fn truth(&self, class: Class, lane: Lane) -> Truth {
        self.truth_of(class, lane, None)
    }

    fn truth_of(&self, class: Class, lane: Lane, protocol: Option<Protocol>) -> Truth {
        Truth::all(self.terms.iter().map(|term| term.truth_of(class, lane, protocol)))
    }

    /// Every test in it, however deep.
    pub fn tests(&self) -> Vec<&Test> {
        let mut all = Vec::new();
        for term in &self.terms {
            term.each(&mut |test| all.push(test));
        }
        all
    }
}
