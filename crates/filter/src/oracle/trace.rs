//! Why a frame fares as it does: its fields layer by layer, each statement that is asked, and what
//! every term finds.
//!
//! The answers are those that decide: a term is asked here by the code that decides, and what it
//! found is put into words beside it.

use std::fmt::Display;
use std::net::IpAddr;

use super::frame::{Facts, Ip, Kind, Piece};
use super::layers::{Layer, layers};
use super::listed::Listed;
use super::summary::{Flags, Named};
use super::{Asked, Decider, Decision, Reading, Statement, statements, terms};
use crate::policy::{End, Flaw, Match, Policy, Quantity, Rule, SetId, Tag, Term, Test};
use crate::value::Mac;

/// The judging of a frame, step by step.
#[derive(Clone, Debug)]
pub struct Trace<'a> {
    /// The headers, from the outside in.
    pub layers: Vec<Layer>,
    /// What is wrong with the frame, and whether the policy minds.
    pub flaw: Option<(Flaw, Minded)>,
    /// The statements that were asked, in order; the last one decides if it matches and is none that
    /// only counts.
    pub asked: Vec<Question<'a>>,
    /// What becomes of the frame.
    pub decision: Decision,
}

/// Whether a policy looks so far into a frame that a flaw matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Minded {
    /// It decides.
    Yes,
    /// No statement that could match looks so far.
    No,
}

/// A statement that was asked.
#[derive(Clone, Debug)]
pub struct Question<'a> {
    /// Which it is.
    pub decider: Decider,
    /// The statement.
    pub rule: &'a Rule,
    /// Whether its terms match.
    pub holds: bool,
    /// Whether the frame is over its limit, where it has one and its terms match.
    pub limit: Option<Standing>,
    /// Its terms, in order.
    pub answers: Vec<Answer<'a>>,
}

/// What a limit says of a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// The rule leaves it alone.
    Under,
    /// The rule matches.
    Over,
}

/// What became of a term.
#[derive(Clone, Debug)]
pub struct Answer<'a> {
    /// The term.
    pub term: &'a Term,
    /// Whether it is true.
    pub holds: bool,
    /// Of a test: what the frame has where it looks.
    pub found: String,
    /// Of alternatives: the terms of each; of a negation: the one term it is of.
    pub parts: Vec<Vec<Answer<'a>>>,
}

impl Reading {
    /// How a policy judges the frame while its sets hold `contents`, if it is the first one.
    pub fn trace<'a>(&self, policy: &'a Policy, contents: &Listed) -> Trace<'a> {
        self.trace_of(policy, contents, self.decide(policy, contents))
    }

    /// How a policy came to a decision on the frame while its sets held `contents`.
    pub fn trace_of<'a>(
        &self,
        policy: &'a Policy,
        contents: &Listed,
        decision: Decision,
    ) -> Trace<'a> {
        let asked = self.asked(policy);
        let minded = if matches!(asked, Asked::Malformed(_)) { Minded::Yes } else { Minded::No };
        let all: Vec<Statement<'a>> = match asked {
            Asked::Malformed(_) => Vec::new(),
            Asked::All => statements(policy).collect(),
            Asked::About(about) => about,
        };
        let asker = Asker { facts: &self.facts, contents };
        let mut questions = Vec::new();
        for (decider, rule) in all {
            let mut question = asker.question(decider, rule);
            let under = matches!(decider, Decider::Rule(at) if decision.under.contains(&at));
            let standing = if under { Standing::Under } else { Standing::Over };
            question.limit = (question.holds && rule.limit.is_some()).then_some(standing);
            questions.push(question);
            if decider == decision.decider {
                break;
            }
        }
        let flaw = self.flaw.map(|flaw| (flaw, minded));
        Trace { layers: layers(&self.facts), flaw, asked: questions, decision }
    }
}

/// Who asks the statements.
struct Asker<'a> {
    facts: &'a Facts,
    contents: &'a Listed,
}

impl Asker<'_> {
    fn question<'a>(&self, decider: Decider, rule: &'a Rule) -> Question<'a> {
        let holds = terms::holds(&rule.matching, self.facts, self.contents);
        Question { decider, rule, holds, limit: None, answers: self.answers(&rule.matching) }
    }

    fn answers<'a>(&self, matching: &'a Match) -> Vec<Answer<'a>> {
        matching.terms().iter().map(|term| self.answer(term)).collect()
    }

    fn answer<'a>(&self, term: &'a Term) -> Answer<'a> {
        let holds = terms::term_holds(term, self.facts, self.contents);
        let (found, parts) = match term {
            Term::Test(test) => (self.found(test), Vec::new()),
            Term::Not(inner) => (String::new(), vec![vec![self.answer(inner)]]),
            Term::Any(all) => (String::new(), all.iter().map(|one| self.answers(one)).collect()),
        };
        Answer { term, holds, found, parts }
    }

    /// What the frame has where a test looks.
    fn found(&self, test: &Test) -> String {
        let facts = self.facts;
        match test {
            Test::Family(_) | Test::Arp => kind(facts),
            Test::EtherType(_) => match facts.ethertype {
                Some(number) => format!("the EtherType is {number:#06x}"),
                None => "there is no EtherType".to_owned(),
            },
            Test::Vlan(tag, _) | Test::Tagged(tag) => match (tag, facts.tags.as_slice()) {
                (_, []) => "there is no VLAN tag".to_owned(),
                (Tag::Inner, [_]) => "there is one VLAN tag".to_owned(),
                (Tag::Outer, [own, ..]) | (Tag::Inner, [_, own, ..]) => {
                    format!("{} is {own}", tag.word())
                }
            },
            Test::Queue(_) => format!("it came in on queue {}", facts.queue),
            Test::Mac(end, _) | Test::Unicast(end) => self.mac(*end, |_| String::new()),
            Test::MacIn(end, set) => self.mac(*end, |mac| self.in_macs(*set, mac)),
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
            | Test::Options => match &facts.ip {
                Some(ip) => self.found_in_ip(test, ip),
                None => kind(facts),
            },
        }
    }

    fn found_in_ip(&self, test: &Test, ip: &Ip) -> String {
        match test {
            Test::Nd => discovery(ip),
            Test::Dhcp => ports(ip, End::Either),
            Test::Port(end, _) => ports(ip, *end),
            Test::Protocol(_) | Test::Icmp | Test::Icmp6 => protocol(ip),
            Test::Address(end, _) => addresses(ip, *end, |_| String::new()),
            Test::AddressIn(end, set) => addresses(ip, *end, |addr| self.in_net(*set, addr)),
            Test::ServiceIn(set) => self.service(*set, ip),
            Test::IcmpType { .. } => match ip.icmp {
                Some([kind, code]) => format!("type is {kind}, code is {code}"),
                None => without(ip, "type"),
            },
            Test::Flags(_) => match ip.flags {
                Some(flags) => format!("the flags are {}", Flags(flags)),
                None => without(ip, "flags"),
            },
            Test::Number(quantity, ..) => number(ip, *quantity),
            Test::Fragment => piece(ip.piece).to_owned(),
            Test::Options => match (ip.source.is_ipv4(), ip.options) {
                (true, true) => "the header is longer than 20 bytes".to_owned(),
                (true, false) => "the header has 20 bytes".to_owned(),
                (false, _) => "the packet is IPv6".to_owned(),
            },
            Test::Family(_)
            | Test::Arp
            | Test::EtherType(_)
            | Test::Vlan(..)
            | Test::Tagged(_)
            | Test::Mac(..)
            | Test::MacIn(..)
            | Test::Unicast(_)
            | Test::Queue(_) => String::new(),
        }
    }

    fn in_net(&self, set: SetId, addr: IpAddr) -> String {
        match self.contents.prefix(set, addr) {
            Some(prefix) => format!(", covered by the entry {prefix}"),
            None => ", covered by no entry".to_owned(),
        }
    }

    fn in_macs(&self, set: SetId, mac: Mac) -> String {
        use super::Contents as _;
        let is_there = self.contents.has_mac(set, mac);
        if is_there { ", an entry".to_owned() } else { ", no entry".to_owned() }
    }

    fn service(&self, set: SetId, ip: &Ip) -> String {
        let (Some(own), Some([_, port])) = (ip.protocol, ip.ports) else {
            return without(ip, "ports");
        };
        let packet = format!("the packet is for {}/{port}", Named(own, ip.source));
        match self.contents.service(set, own, port) {
            Some(service) => format!("{packet}, covered by the entry {service}"),
            None => format!("{packet}, covered by no entry"),
        }
    }

    fn mac(&self, end: End, more: impl Fn(Mac) -> String) -> String {
        match self.facts.macs {
            Some([destination, source]) => sides(end, source, destination, more),
            None => "there are no Ethernet addresses".to_owned(),
        }
    }
}

fn kind(facts: &Facts) -> String {
    let packet = match (facts.kind(), facts.ethertype) {
        (Kind::Ip4, _) => "IPv4".to_owned(),
        (Kind::Ip6, _) => "IPv6".to_owned(),
        (Kind::Arp, _) => "ARP".to_owned(),
        (Kind::Other, Some(number)) => format!("of EtherType {number:#06x}"),
        (Kind::Other, None) => "too short to be any".to_owned(),
    };
    format!("the frame is {packet}")
}

fn addresses(ip: &Ip, end: End, more: impl Fn(IpAddr) -> String) -> String {
    sides(end, ip.source, ip.destination, more)
}

/// One end of the packet's way or both, each with something more about it.
fn sides<T: Display + Copy>(
    end: End,
    source: T,
    destination: T,
    more: impl Fn(T) -> String,
) -> String {
    let source = || format!("src is {source}{}", more(source));
    let destination = || format!("dst is {destination}{}", more(destination));
    match end {
        End::Source => source(),
        End::Destination => destination(),
        End::Either => format!("{}; {}", source(), destination()),
    }
}

fn protocol(ip: &Ip) -> String {
    match ip.protocol {
        Some(own) => format!("the protocol is {}", Named(own, ip.source)),
        None if ip.piece == Piece::Later => {
            "the protocol of a later IPv6 fragment is not known".to_owned()
        }
        None => "the protocol is not known".to_owned(),
    }
}

fn ports(ip: &Ip, end: End) -> String {
    let Some([source, destination]) = ip.ports else { return without(ip, "ports") };
    match end {
        End::Source => format!("sport is {source}"),
        End::Destination => format!("dport is {destination}"),
        End::Either => format!("sport is {source}, dport is {destination}"),
    }
}

/// Why a packet does not have something that some transport headers have.
fn without(ip: &Ip, what: &str) -> String {
    match (ip.piece, ip.protocol) {
        (Piece::Later, _) => format!("a later fragment has no {what}"),
        (_, Some(own)) => format!("{} has no {what}", Named(own, ip.source)),
        (_, None) => format!("no {what} could be read"),
    }
}

fn discovery(ip: &Ip) -> String {
    match ip.icmp {
        Some([kind, _]) if ip.source.is_ipv6() => {
            format!("ICMPv6 type {kind}, hop limit {}, {}", ip.ttl, piece(ip.piece))
        }
        _ => protocol(ip),
    }
}

fn number(ip: &Ip, quantity: Quantity) -> String {
    let own = match quantity {
        Quantity::Ttl => ip.ttl.into(),
        Quantity::Length => ip.length,
        Quantity::Dscp => ip.dscp.into(),
    };
    format!("{} is {own}", quantity.word())
}

const fn piece(piece: Piece) -> &'static str {
    match piece {
        Piece::Whole => "not a fragment",
        Piece::Atomic => "not a fragment, though behind a fragment header",
        Piece::First => "the first fragment",
        Piece::Later => "a later fragment",
    }
}
