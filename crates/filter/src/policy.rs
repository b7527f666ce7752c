//! A policy: what the text means, free of how it is written and of how it is run.
//!
//! A `Policy` that exists is sound: every rule can match some packet, every set that a rule names
//! is declared and of the kind the rule needs, and there is exactly one default. Rules keep the
//! order of the text, because the first match wins.

use std::fmt;

use crate::value::{Family, Name, PortRange, Prefix, SetKind};

/// What becomes of a packet; the numbers are those of `enum xdp_action`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Verdict {
    /// Dropped, and reported by the kernel's `xdp_exception` tracepoint.
    Aborted,
    /// Dropped.
    Drop,
    /// Handed to the network stack.
    Pass,
    /// Sent back through the interface it came from.
    Tx,
    /// Sent to another interface, CPU or socket.
    Redirect,
}

impl Verdict {
    /// Every verdict, in the order of their numbers.
    pub const ALL: [Self; 5] = [Self::Aborted, Self::Drop, Self::Pass, Self::Tx, Self::Redirect];

    /// The number that the program returns.
    pub const fn code(self) -> i32 {
        match self {
            Self::Aborted => 0,
            Self::Drop => 1,
            Self::Pass => 2,
            Self::Tx => 3,
            Self::Redirect => 4,
        }
    }

    /// The word in texts and JSON.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Aborted => "aborted",
            Self::Drop => "drop",
            Self::Pass => "pass",
            Self::Tx => "tx",
            Self::Redirect => "redirect",
        }
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

/// What a rule does with the packets it matches.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// Drop them.
    Drop,
    /// Pass them to the stack.
    Pass,
}

impl Action {
    /// The verdict that it gives.
    pub const fn verdict(self) -> Verdict {
        match self {
            Self::Drop => Verdict::Drop,
            Self::Pass => Verdict::Pass,
        }
    }
}

/// Whether hits of entries are counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EntryCounters {
    /// Packets and bytes are counted by entry.
    On,
    /// They are not.
    Off,
}

/// A declared set.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Set {
    /// Its name, unique in the policy.
    pub name: Name,
    /// What it holds.
    pub kind: SetKind,
    /// The most entries it takes.
    pub max: u32,
    /// Whether hits are counted by entry.
    pub counters: EntryCounters,
    /// The line that declares it.
    pub line: u32,
}

/// The place of a set in [`Policy::sets`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SetId(pub(crate) usize);

impl SetId {
    /// The index into [`Policy::sets`].
    pub const fn index(self) -> usize {
        self.0
    }
}

/// An end of a packet's way.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Side {
    /// Where it comes from.
    Source,
    /// Where it goes.
    Destination,
}

impl Side {
    /// The word before an address.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Source => "src",
            Self::Destination => "dst",
        }
    }

    /// The word before a port.
    pub const fn port_word(self) -> &'static str {
        match self {
            Self::Source => "sport",
            Self::Destination => "dport",
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

/// One condition on a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Term {
    /// The packet is of this version of IP.
    Family(Family),
    /// The frame is ARP.
    Arp,
    /// Neighbour discovery as the stack accepts it: ICMPv6 133 to 137, hop limit 255, unfragmented.
    Nd,
    /// The protocol, as far as it can be known: a later IPv6 fragment has none.
    Protocol(Protocol),
    /// ICMP over IPv4.
    Icmp,
    /// ICMPv6 over IPv6.
    Icmp6,
    /// An address lies in a prefix.
    Address(Side, Prefix),
    /// An address is covered by an entry of a `net` set.
    AddressIn(Side, SetId),
    /// The protocol has ports and this one lies in a range; never true of a later fragment.
    Port(Side, PortRange),
    /// Protocol and destination port are an entry of a `service` set; never true of a later
    /// fragment.
    ServiceIn(SetId),
}

/// What kind of frame a term can be true of.
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
}

impl Term {
    /// Whether it can be true of a frame of `class`.
    pub fn can_match(&self, class: Class) -> bool {
        let ip = matches!(class, Class::Ip4 | Class::Ip6);
        match self {
            Self::Family(family) => Class::of(*family) == class,
            Self::Address(_, prefix) => Class::of(prefix.family()) == class,
            Self::Arp => class == Class::Arp,
            Self::Icmp => class == Class::Ip4,
            Self::Icmp6 | Self::Nd => class == Class::Ip6,
            Self::Protocol(_) | Self::AddressIn(..) | Self::Port(..) | Self::ServiceIn(_) => ip,
        }
    }

    /// Whether it can be true of a packet of `protocol`.
    fn can_be(&self, protocol: Protocol) -> bool {
        match self {
            Self::Protocol(p) => *p == protocol,
            Self::Icmp => protocol == Protocol::ICMP,
            Self::Icmp6 | Self::Nd => protocol == Protocol::ICMPV6,
            Self::Port(..) | Self::ServiceIn(_) => protocol.has_ports(),
            Self::Family(_) | Self::Arp | Self::Address(..) | Self::AddressIn(..) => true,
        }
    }

    /// Whether it needs more than the headers up to layer 3.
    pub fn looks_at_layer4(&self) -> bool {
        match self {
            Self::Protocol(_) | Self::Icmp | Self::Icmp6 | Self::Nd => true,
            Self::Port(..) | Self::ServiceIn(_) => true,
            Self::Family(_) | Self::Arp | Self::Address(..) | Self::AddressIn(..) => false,
        }
    }

    /// Whether it is about IP at all, so that frames that cannot be parsed are malformed.
    pub fn looks_at_ip(&self) -> bool {
        *self != Self::Arp
    }
}

/// Terms that all must be true; without terms, every packet matches. Some packet can match.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Match {
    terms: Vec<Term>,
}

/// No packet can make all terms of a match true.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Contradiction {
    /// The terms belong to different kinds of frames.
    #[error("no packet is all of this at once: the terms are about different kinds of frames")]
    Class,
    /// The terms belong to different protocols.
    #[error("no packet is all of this at once: the terms are about different protocols")]
    Protocol,
}

impl Match {
    /// The match of all `terms`.
    pub fn new(terms: Vec<Term>) -> Result<Self, Contradiction> {
        let class = Class::ALL.iter().any(|c| terms.iter().all(|t| t.can_match(*c)));
        if !class {
            return Err(Contradiction::Class);
        }
        let protocol = (0..=u8::MAX).any(|n| terms.iter().all(|t| t.can_be(Protocol(n))));
        if protocol { Ok(Self { terms }) } else { Err(Contradiction::Protocol) }
    }

    /// The terms.
    pub fn terms(&self) -> &[Term] {
        &self.terms
    }

    /// Whether some frame of `class` can match.
    pub fn can_match(&self, class: Class) -> bool {
        self.terms.iter().all(|t| t.can_match(class))
    }
}

/// A statement that decides packets: a rule, or a `keep`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rule {
    /// What it does.
    pub action: Action,
    /// Which packets it is about.
    pub matching: Match,
    /// Its line in the text.
    pub line: u32,
    /// The statement in canonical form.
    pub text: String,
}

/// A verdict for packets that no rule decides, with its line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fallback {
    /// What becomes of them.
    pub action: Action,
    /// The line that says so; `None` where the language itself does.
    pub line: Option<u32>,
}

/// A whole policy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Policy {
    pub(crate) sets: Vec<Set>,
    pub(crate) keeps: Vec<Rule>,
    pub(crate) rules: Vec<Rule>,
    pub(crate) malformed: Fallback,
    pub(crate) fragment: Option<Fallback>,
    pub(crate) default: Fallback,
}

impl Policy {
    /// The sets, in the order of the text.
    pub fn sets(&self) -> &[Set] {
        &self.sets
    }

    /// The set called `name`.
    pub fn set(&self, name: &str) -> Option<&Set> {
        self.sets.iter().find(|s| s.name.as_str() == name)
    }

    /// What is passed before any rule is looked at.
    pub fn keeps(&self) -> &[Rule] {
        &self.keeps
    }

    /// The rules, in the order of the text.
    pub fn rules(&self) -> &[Rule] {
        &self.rules
    }

    /// What becomes of malformed packets.
    pub fn malformed(&self) -> Fallback {
        self.malformed
    }

    /// What becomes of later fragments that no rule decides, where it differs from the default.
    pub fn fragment(&self) -> Option<Fallback> {
        self.fragment
    }

    /// What becomes of the rest.
    pub fn default(&self) -> Fallback {
        self.default
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_match_that_no_packet_can_meet_is_refused() {
        let v6: Prefix = "2001:db8::/32".parse().expect("a prefix");
        for (terms, want) in [
            (vec![Term::Family(Family::V4), Term::Address(Side::Source, v6)], Contradiction::Class),
            (vec![Term::Arp, Term::Port(Side::Source, PortRange::one(1))], Contradiction::Class),
            (vec![Term::Nd, Term::Family(Family::V4)], Contradiction::Class),
            (
                vec![Term::Protocol(Protocol::TCP), Term::Protocol(Protocol::UDP)],
                Contradiction::Protocol,
            ),
            (
                vec![Term::Icmp, Term::Port(Side::Destination, PortRange::one(53))],
                Contradiction::Protocol,
            ),
        ] {
            assert_eq!(Match::new(terms), Err(want));
        }
    }

    #[test]
    fn a_match_is_for_the_classes_that_all_its_terms_allow() {
        let port = Match::new(vec![Term::Port(Side::Destination, PortRange::one(53))]).expect("ok");
        assert!(port.can_match(Class::Ip4) && port.can_match(Class::Ip6));
        assert!(!port.can_match(Class::Arp) && !port.can_match(Class::Other));
        let all = Match::new(vec![]).expect("ok");
        assert!(Class::ALL.iter().all(|c| all.can_match(*c)));
    }
}
