//! How far a policy looks into a kind of frame, and which statements are about it.
//!
//! A statement is not about a kind of frame if it is false of each of its lanes: of packets with one
//! transport header, with another, with none, of later fragments. Statements behind one that is true
//! of all lanes are never asked. This is the language's own definition of when a flaw is minded,
//! and it is by the text alone: no set is looked into.

use super::frame::{ARP, IP4, IP6, Kind};
use super::terms::all_terms;
use super::{Statement, statements};
use crate::policy::{LimitKey, Match, Policy, Protocol, Quantity, Relation, Rule, Test};
use crate::value::Family;

/// How far headers are looked into.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Depth {
    /// Ethernet and its tags.
    Link,
    /// The IP header.
    Network,
    /// Extension headers and the transport header.
    Transport,
}

/// What follows the headers of IP; frames that are not IP are in the lane of other things.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Lane {
    Header(Protocol),
    Other,
    LaterFragment,
}

/// What of a policy is about a kind of frame.
pub(super) struct Reach<'a> {
    /// The statements, in order.
    pub statements: Vec<Statement<'a>>,
    /// How far they look.
    pub depth: Depth,
}

impl<'a> Reach<'a> {
    /// What of `policy` is about frames of `kind`.
    pub(super) fn of(policy: &'a Policy, kind: Kind) -> Self {
        let mut about = Vec::new();
        for statement in statements(policy) {
            let rule = statement.1;
            let answer = of_kind(&rule.matching, kind);
            if answer != Some(false) {
                about.push(statement);
            }
            if answer == Some(true) && rule.ends() {
                break;
            }
        }
        let depth = depth(policy, kind, &about);
        Self { statements: about, depth }
    }
}

fn depth(policy: &Policy, kind: Kind, statements: &[Statement<'_>]) -> Depth {
    if kind.family().is_none() {
        return Depth::Link;
    }
    if policy.fragment().is_some() {
        return Depth::Transport;
    }
    // A report tells of addresses, protocol and ports, and these tell flows apart.
    let flow = |rule: &Rule| rule.limit.is_some_and(|limit| limit.key() == LimitKey::Flow);
    if statements.iter().any(|(_, rule)| rule.report.is_some() || flow(rule)) {
        return Depth::Transport;
    }
    let tests = statements.iter().flat_map(|(_, rule)| rule.matching.tests());
    tests.map(|test| wanted(test, kind)).fold(Depth::Link, Depth::max)
}

/// What a match says of every frame of a kind, where it says the same of all lanes.
fn of_kind(matching: &Match, kind: Kind) -> Option<bool> {
    same(lanes(kind).iter().map(|lane| all_terms(matching, &|test| known(test, kind, *lane))))
}

fn same(answers: impl Iterator<Item = Option<bool>>) -> Option<bool> {
    answers.reduce(|one, other| if one == other { one } else { None }).flatten()
}

const ICMP4_LANES: [Lane; 6] = ip_lanes(Protocol::ICMP);
const ICMP6_LANES: [Lane; 6] = ip_lanes(Protocol::ICMPV6);

const fn ip_lanes(icmp: Protocol) -> [Lane; 6] {
    [
        Lane::Header(Protocol::TCP),
        Lane::Header(Protocol::UDP),
        Lane::Header(Protocol::SCTP),
        Lane::Header(icmp),
        Lane::Other,
        Lane::LaterFragment,
    ]
}

const fn lanes(kind: Kind) -> &'static [Lane] {
    match kind {
        Kind::Ip4 => &ICMP4_LANES,
        Kind::Ip6 => &ICMP6_LANES,
        Kind::Arp | Kind::Other => &[Lane::Other],
    }
}

/// How far a test wants frames of a kind to be read. What the kind has decided is not read, but
/// the frame is still to be a sound one of its kind.
fn wanted(test: &Test, kind: Kind) -> Depth {
    let decided = same(lanes(kind).iter().map(|lane| known(test, kind, *lane))).is_some();
    if decided { about(test, kind).min(Depth::Network) } else { about(test, kind) }
}

/// What header a test is about.
fn about(test: &Test, kind: Kind) -> Depth {
    match test {
        Test::Arp
        | Test::Vlan(..)
        | Test::Tagged(_)
        | Test::Mac(..)
        | Test::MacIn(..)
        | Test::Unicast(_)
        | Test::Queue(_) => Depth::Link,
        Test::EtherType(IP4 | IP6) => Depth::Network,
        Test::EtherType(_) => Depth::Link,
        Test::Family(_)
        | Test::Address(..)
        | Test::AddressIn(..)
        | Test::Number(..)
        | Test::Options => Depth::Network,
        // IPv4 has it in its fixed header, IPv6 among the extension headers.
        Test::Fragment if kind == Kind::Ip4 => Depth::Network,
        Test::Fragment
        | Test::Nd
        | Test::Dhcp
        | Test::Protocol(_)
        | Test::Icmp
        | Test::Icmp6
        | Test::Port(..)
        | Test::ServiceIn(_)
        | Test::IcmpType { .. }
        | Test::Flags(_) => Depth::Transport,
    }
}

/// What a test says of every frame of a lane, where it says the same of all.
fn known(test: &Test, kind: Kind, lane: Lane) -> Option<bool> {
    match (test, kind.family()) {
        (Test::Family(wanted), family) => Some(family == Some(*wanted)),
        (Test::Arp, _) => Some(kind == Kind::Arp),
        (Test::EtherType(number), _) => ethertype(*number, kind),
        (
            Test::Vlan(..)
            | Test::Tagged(_)
            | Test::Mac(..)
            | Test::MacIn(..)
            | Test::Unicast(_)
            | Test::Queue(_),
            _,
        ) => None,
        (
            Test::Nd
            | Test::Dhcp
            | Test::Protocol(_)
            | Test::Icmp
            | Test::Icmp6
            | Test::Address(..)
            | Test::AddressIn(..)
            | Test::Port(..)
            | Test::ServiceIn(_)
            | Test::IcmpType { .. }
            | Test::Flags(_)
            | Test::Number(..)
            | Test::Fragment
            | Test::Options,
            None,
        ) => Some(false),
        (test, Some(family)) => known_of_ip(test, family, lane),
    }
}

fn known_of_ip(test: &Test, family: Family, lane: Lane) -> Option<bool> {
    let icmp = if family == Family::V4 { Protocol::ICMP } else { Protocol::ICMPV6 };
    let has_ports = Protocol::WITH_PORTS.iter().any(|own| lane == Lane::Header(*own));
    match test {
        Test::Nd => perhaps(family == Family::V6 && lane == Lane::Header(icmp)),
        Test::Dhcp => perhaps(lane == Lane::Header(Protocol::UDP)),
        Test::Protocol(wanted) => protocol(*wanted, family, lane),
        Test::Icmp if family == Family::V4 => protocol(icmp, family, lane),
        Test::Icmp6 if family == Family::V6 => protocol(icmp, family, lane),
        Test::Icmp | Test::Icmp6 => Some(false),
        Test::Address(_, list) if list.is_all(family) => Some(true),
        Test::Address(_, list) => perhaps(list.has(family)),
        Test::Port(_, list) if list.is_all() => Some(has_ports),
        Test::Port(..) | Test::ServiceIn(_) => perhaps(has_ports),
        Test::IcmpType { .. } => perhaps(lane == Lane::Header(icmp)),
        Test::Flags(_) => perhaps(lane == Lane::Header(Protocol::TCP)),
        Test::Number(quantity, relation, number) => compared(*quantity, *relation, *number),
        Test::Fragment if lane == Lane::LaterFragment => Some(true),
        Test::Fragment | Test::AddressIn(..) => None,
        Test::Options => perhaps(family == Family::V4),
        Test::Family(_)
        | Test::Arp
        | Test::EtherType(_)
        | Test::Vlan(..)
        | Test::Tagged(_)
        | Test::Mac(..)
        | Test::MacIn(..)
        | Test::Unicast(_)
        | Test::Queue(_) => None,
    }
}

/// Unknown where it is possible, else false.
fn perhaps(possible: bool) -> Option<bool> {
    if possible { None } else { Some(false) }
}

fn ethertype(number: u16, kind: Kind) -> Option<bool> {
    match kind {
        Kind::Ip4 => Some(number == IP4),
        Kind::Ip6 => Some(number == IP6),
        Kind::Arp => Some(number == ARP),
        Kind::Other => perhaps(Kind::of(number) == Kind::Other),
    }
}

fn protocol(wanted: Protocol, family: Family, lane: Lane) -> Option<bool> {
    let kind = if family == Family::V4 { Kind::Ip4 } else { Kind::Ip6 };
    match lane {
        Lane::Header(own) => Some(own == wanted),
        Lane::Other => perhaps(!lanes(kind).contains(&Lane::Header(wanted))),
        // What a later fragment of IPv6 says of its protocol is not to be believed.
        Lane::LaterFragment => perhaps(family == Family::V4),
    }
}

fn compared(quantity: Quantity, relation: Relation, number: u32) -> Option<bool> {
    match relation {
        Relation::Below if number > quantity.most() => Some(true),
        Relation::Below => perhaps(number > 0),
        Relation::Above => perhaps(number < quantity.most()),
        Relation::Is => perhaps(number <= quantity.most()),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::arbitrary::{Quarters, matching, sample, test};
    use super::super::frame::{self, Facts};
    use super::super::terms;
    use super::*;
    use crate::policy::{self, Class, Truth};

    const KINDS: [(Kind, Class); 4] = [
        (Kind::Ip4, Class::Ip4),
        (Kind::Ip6, Class::Ip6),
        (Kind::Arp, Class::Arp),
        (Kind::Other, Class::Other),
    ];

    fn as_truth(answer: Option<bool>) -> Truth {
        match answer {
            Some(true) => Truth::Always,
            Some(false) => Truth::Never,
            None => Truth::Depends,
        }
    }

    fn lane_of(facts: &Facts) -> Lane {
        let Some(ip) = &facts.ip else { return Lane::Other };
        match ip.protocol {
            _ if facts.is_later_fragment() => Lane::LaterFragment,
            Some(own) if lanes(facts.kind()).contains(&Lane::Header(own)) => Lane::Header(own),
            Some(_) | None => Lane::Other,
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2000))]

        #[test]
        fn both_readings_of_what_a_lane_decides_agree(test in test(), matching in matching()) {
            for (kind, class) in KINDS {
                prop_assert_eq!(lanes(kind).len(), policy::Lane::of(class).len());
                for (lane, other) in lanes(kind).iter().zip(policy::Lane::of(class)) {
                    let answer = known(&test, kind, *lane);
                    prop_assert_eq!(as_truth(answer), test.truth(class, *other));
                    let answer = all_terms(&matching, &|test| known(test, kind, *lane));
                    prop_assert_eq!(as_truth(answer), matching.truth(class, *other));
                }
                if kind.family().is_some() {
                    let about = about(&test, kind);
                    prop_assert_eq!(about > Depth::Link, test.looks_at_ip());
                    prop_assert_eq!(about == Depth::Transport, test.looks_at_layer4(class));
                }
            }
        }

        #[test]
        fn what_a_lane_decides_is_true_of_its_frames(matching in matching(), sample in sample()) {
            let (facts, flaw) = frame::read(&sample.encode());
            prop_assert_eq!(flaw, None);
            let (kind, lane) = (facts.kind(), lane_of(&facts));
            if let Some(answer) = all_terms(&matching, &|test| known(test, kind, lane)) {
                prop_assert_eq!(terms::holds(&matching, &facts, &Quarters), answer);
            }
        }
    }
}
