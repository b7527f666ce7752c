//! Terms asked of facts.
//!
//! A test that needs what is not there is false; everything else follows by logic. The same logic
//! serves where an answer may be unknown: [`all_terms`] is Kleene's, with `None` for perhaps.

use std::net::IpAddr;

use super::contents::Contents;
use super::frame::{Facts, Ip, Kind, Piece};
use crate::policy::{End, Match, Protocol, Quantity, Tag, Term, Test};
use crate::value::Mac;

/// Whether a frame of these facts matches.
pub(super) fn holds(matching: &Match, facts: &Facts, contents: &impl Contents) -> bool {
    all_terms(matching, &|test| Some(is_true(test, facts, contents))) == Some(true)
}

/// Whether a frame of these facts makes a term true.
pub(super) fn term_holds(term: &Term, facts: &Facts, contents: &impl Contents) -> bool {
    of_term(term, &|test| Some(is_true(test, facts, contents))) == Some(true)
}

/// What a match says where its tests say `ask`.
pub(super) fn all_terms(matching: &Match, ask: &impl Fn(&Test) -> Option<bool>) -> Option<bool> {
    unless_one(false, matching.terms().iter().map(|term| of_term(term, ask)))
}

fn of_term(term: &Term, ask: &impl Fn(&Test) -> Option<bool>) -> Option<bool> {
    match term {
        Term::Test(test) => ask(test),
        Term::Not(term) => of_term(term, ask).map(|answer| !answer),
        Term::Any(all) => unless_one(true, all.iter().map(|one| all_terms(one, ask))),
    }
}

/// `decisive` as soon as one answer is that; unknown if one that might be is; else its opposite.
fn unless_one(decisive: bool, answers: impl Iterator<Item = Option<bool>>) -> Option<bool> {
    let mut known = Some(!decisive);
    for answer in answers {
        match answer {
            Some(answer) if answer == decisive => return Some(decisive),
            Some(_) => {}
            None => known = None,
        }
    }
    known
}

fn is_true(test: &Test, facts: &Facts, contents: &impl Contents) -> bool {
    match test {
        Test::Family(family) => facts.kind().family() == Some(*family),
        Test::Arp => facts.kind() == Kind::Arp,
        Test::EtherType(number) => facts.ethertype == Some(*number),
        Test::Vlan(tag, id) => facts.tags.get(position(*tag)) == Some(id),
        Test::Tagged(tag) => facts.tags.get(position(*tag)).is_some(),
        Test::Unicast(end) => any_mac(facts, *end, |own| own.0[0] & 1 == 0),
        Test::Queue(queue) => facts.queue == u32::from(*queue),
        Test::Mac(end, mac) => any_mac(facts, *end, |own| own == *mac),
        Test::MacIn(end, set) => any_mac(facts, *end, |own| contents.has_mac(*set, own)),
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
        | Test::Options => facts.ip.as_ref().is_some_and(|ip| is_true_of_ip(test, ip, contents)),
    }
}

const fn position(tag: Tag) -> usize {
    match tag {
        Tag::Outer => 0,
        Tag::Inner => 1,
    }
}

fn is_true_of_ip(test: &Test, ip: &Ip, contents: &impl Contents) -> bool {
    let own_icmp = if ip.source.is_ipv4() { Protocol::ICMP } else { Protocol::ICMPV6 };
    let is = |protocol: Protocol| ip.protocol == Some(protocol);
    match test {
        Test::Nd => ip.piece == Piece::Whole && ip.ttl == 255 && is_discovery(ip),
        Test::Dhcp => is(Protocol::UDP) && ip.ports.is_some_and(|ports| are_dhcp(ip, ports)),
        Test::Protocol(protocol) => is(*protocol),
        Test::Icmp => own_icmp == Protocol::ICMP && is(own_icmp),
        Test::Icmp6 => own_icmp == Protocol::ICMPV6 && is(own_icmp),
        Test::Address(end, list) => any_address(ip, *end, |addr| list.contains(addr)),
        Test::AddressIn(end, set) => any_address(ip, *end, |a| contents.has_address(*set, a)),
        Test::Port(end, list) => ip.ports.is_some_and(|[source, destination]| {
            one_of(*end, source, destination, |port| list.contains(port))
        }),
        Test::ServiceIn(set) => match (ip.protocol, ip.ports) {
            (Some(protocol), Some([_, port])) => contents.has_service(*set, protocol, port),
            (None, _) | (_, None) => false,
        },
        Test::IcmpType { kind, code } => ip.icmp.is_some_and(|[own_kind, own_code]| {
            own_kind == *kind && code.is_none_or(|code| own_code == code)
        }),
        Test::Flags(wanted) => ip.flags.is_some_and(|flags| wanted.match_bits(flags)),
        Test::Number(quantity, relation, number) => {
            relation.holds(value_of(ip, *quantity), *number)
        }
        Test::Fragment => matches!(ip.piece, Piece::First | Piece::Later),
        Test::Options => ip.options,
        Test::Family(_)
        | Test::Arp
        | Test::EtherType(_)
        | Test::Vlan(..)
        | Test::Tagged(_)
        | Test::Mac(..)
        | Test::MacIn(..)
        | Test::Unicast(_)
        | Test::Queue(_) => false,
    }
}

/// Router and neighbour solicitation and advertisement, and redirect: ICMPv6 133 to 137.
fn is_discovery(ip: &Ip) -> bool {
    ip.source.is_ipv6() && ip.icmp.is_some_and(|[kind, _]| (133..=137).contains(&kind))
}

fn are_dhcp(ip: &Ip, ports: [u16; 2]) -> bool {
    let own = if ip.source.is_ipv4() { 67..=68 } else { 546..=547 };
    ports.iter().all(|port| own.contains(port))
}

fn value_of(ip: &Ip, quantity: Quantity) -> u32 {
    match quantity {
        Quantity::Ttl => ip.ttl.into(),
        Quantity::Length => ip.length,
        Quantity::Dscp => ip.dscp.into(),
    }
}

fn any_address(ip: &Ip, end: End, wanted: impl Fn(IpAddr) -> bool) -> bool {
    one_of(end, ip.source, ip.destination, wanted)
}

fn any_mac(facts: &Facts, end: End, wanted: impl Fn(Mac) -> bool) -> bool {
    facts.macs.is_some_and(|[destination, source]| one_of(end, source, destination, wanted))
}

fn one_of<T>(end: End, source: T, destination: T, wanted: impl Fn(T) -> bool) -> bool {
    match end {
        End::Source => wanted(source),
        End::Destination => wanted(destination),
        End::Either => wanted(source) || wanted(destination),
    }
}
