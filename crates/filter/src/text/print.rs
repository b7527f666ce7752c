//! A policy as text, in one canonical form: sets, keeps, rules, `on`, default, expects; one blank
//! between words, no defines, lists as the fewest ranges.

use std::fmt::{self, Display, Formatter, Write};

use crate::policy::{
    End, EntryCounters, Expect, Match, Policy, Protocol, Rule, Set, SetId, TCP_FLAGS, TcpFlags,
    Term, Test,
};
use crate::structure::default_max;
use crate::value::{Family, Name};

impl Display for Policy {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        for set in &self.sets {
            set_line(set, f)?;
        }
        for keep in &self.keeps {
            f.write_str("keep")?;
            match_text(&keep.matching, &self.sets, f)?;
            writeln!(f)?;
        }
        for rule in &self.rules {
            if let Some(limit) = &rule.limit {
                write!(f, "limit {limit} ")?;
            }
            statement_word(rule, &self.sets, f)?;
            terms_text(rule.own_terms(), &self.sets, f)?;
            if let Some(name) = &rule.name {
                write!(f, " as {name}")?;
            }
            writeln!(f)?;
        }
        if self.malformed.line.is_some() {
            writeln!(f, "on malformed {}", self.malformed.verdict)?;
        }
        if let Some(fragment) = self.fragment {
            writeln!(f, "on fragment {}", fragment.verdict)?;
        }
        if self.events.line.is_some() {
            writeln!(f, "option events rate {}/s", self.events.rate)?;
        }
        writeln!(f, "default {}", self.default.verdict)?;
        self.expects.iter().try_for_each(|expect| expect_line(expect, f))
    }
}

/// What a rule does, in words.
fn statement_word(rule: &Rule, sets: &[Set], f: &mut Formatter<'_>) -> fmt::Result {
    if let Some(ban) = rule.action.ban() {
        return write!(f, "ban {} set {}", ban.time, set_name(ban.set, sets)?);
    }
    let Some(report) = rule.report else { return write!(f, "{}", rule.action) };
    if rule.action.verdict().is_some() {
        write!(f, "{} ", rule.action.word())?;
    }
    f.write_str("event")?;
    if report.one_in() > 1 {
        write!(f, " 1/{}", report.one_in())?;
    }
    if report.snap() > 0 {
        write!(f, " snap {}", report.snap())?;
    }
    Ok(())
}

fn set_line(set: &Set, f: &mut Formatter<'_>) -> fmt::Result {
    write!(f, "set {} {}", set.name, set.kind.word())?;
    let mut options = String::new();
    if let Some(timeout) = set.timeout {
        write!(options, " timeout {timeout}")?;
    }
    if set.max != default_max(set.kind) {
        write!(options, " max {}", set.max)?;
    }
    if set.counters == EntryCounters::Off {
        options.push_str(" counters off");
    }
    if let Some(file) = &set.file {
        write!(options, " file \"{}\"", file.path)?;
    }
    if !set.elements.is_empty() {
        options.push_str(" elements ");
        list(set.elements.iter(), &mut options)?;
    }
    if options.is_empty() { writeln!(f) } else { writeln!(f, " {{{options} }}") }
}

fn expect_line(expect: &Expect, f: &mut Formatter<'_>) -> fmt::Result {
    write!(f, "expect {} from {}", expect.verdict, expect.from)?;
    if let Some(to) = expect.to {
        write!(f, " to {to}")?;
    }
    match expect.protocol {
        Some(Protocol::ICMP) if expect.from.is_ipv4() => f.write_str(" icmp")?,
        Some(Protocol::ICMPV6) if expect.from.is_ipv6() => f.write_str(" icmp6")?,
        Some(other) => {
            f.write_char(' ')?;
            protocol(other, f)?;
        }
        None => {}
    }
    if let Some(port) = expect.sport {
        write!(f, " sport {port}")?;
    }
    if let Some(port) = expect.dport {
        write!(f, " dport {port}")?;
    }
    writeln!(f)
}

/// A term of a policy, as the policy prints it.
pub fn term(policy: &Policy, term: &Term) -> String {
    let shown = fmt::from_fn(|f| term_text(term, &policy.sets, f));
    shown.to_string()
}

/// All terms, a blank before each.
fn match_text(matching: &Match, sets: &[Set], f: &mut Formatter<'_>) -> fmt::Result {
    terms_text(matching.terms().iter(), sets, f)
}

fn terms_text<'a>(
    mut terms: impl Iterator<Item = &'a Term>,
    sets: &[Set],
    f: &mut Formatter<'_>,
) -> fmt::Result {
    terms.try_for_each(|term| {
        f.write_char(' ')?;
        term_text(term, sets, f)
    })
}

fn term_text(term: &Term, sets: &[Set], f: &mut Formatter<'_>) -> fmt::Result {
    match term {
        Term::Test(test) => test_text(test, sets, f),
        Term::Not(term) => {
            f.write_str("not ")?;
            term_text(term, sets, f)
        }
        Term::Any(all) => {
            f.write_char('(')?;
            for (i, matching) in all.iter().enumerate() {
                f.write_str(if i > 0 { " or" } else { "" })?;
                match_text(matching, sets, f)?;
            }
            f.write_str(" )")
        }
    }
}

fn test_text(test: &Test, sets: &[Set], f: &mut Formatter<'_>) -> fmt::Result {
    match test {
        Test::Family(Family::V4) => f.write_str("ip4"),
        Test::Family(Family::V6) => f.write_str("ip6"),
        Test::Arp => f.write_str("arp"),
        Test::EtherType(number) => write!(f, "ethertype {number:#06x}"),
        Test::Nd => f.write_str("nd"),
        Test::Dhcp => f.write_str("dhcp"),
        Test::Protocol(number) => protocol(*number, f),
        Test::Icmp => f.write_str("icmp"),
        Test::Icmp6 => f.write_str("icmp6"),
        Test::Address(end, all) => {
            write!(f, "{} ", end.word())?;
            values(all.ranges(), f)
        }
        Test::AddressIn(end, set) => in_set(end.word(), *set, sets, f),
        Test::Port(end, all) => {
            write!(f, "{} ", end.port_word())?;
            values(all.ranges(), f)
        }
        Test::ServiceIn(set) => in_set("service", *set, sets, f),
        Test::IcmpType { kind, code: None } => write!(f, "type {kind}"),
        Test::IcmpType { kind, code: Some(code) } => write!(f, "type {kind} code {code}"),
        Test::Flags(flags) => flags_text(*flags, f),
        Test::Number(quantity, relation, number) => {
            write!(f, "{} {} {number}", quantity.word(), relation.mark())
        }
        Test::Fragment => f.write_str("fragment"),
        Test::Options => f.write_str("options"),
        Test::Vlan(tag, number) => write!(f, "{} {number}", tag.word()),
        Test::Tagged(tag) => write!(f, "{} any", tag.word()),
        Test::Queue(queue) => write!(f, "queue {queue}"),
        Test::Unicast(end) => write!(f, "ether {} unicast", end.word()),
        Test::Mac(end, mac) => write!(f, "ether {} {mac}", end.word()),
        Test::MacIn(End::Destination, set) => in_set("ether dst", *set, sets, f),
        Test::MacIn(End::Source | End::Either, set) => in_set("ether src", *set, sets, f),
    }
}

fn protocol(protocol: Protocol, f: &mut Formatter<'_>) -> fmt::Result {
    match protocol {
        Protocol::TCP => f.write_str("tcp"),
        Protocol::UDP => f.write_str("udp"),
        Protocol::SCTP => f.write_str("sctp"),
        Protocol(number) => write!(f, "proto {number}"),
    }
}

fn in_set(what: &str, set: SetId, sets: &[Set], f: &mut Formatter<'_>) -> fmt::Result {
    write!(f, "{what} in {}", set_name(set, sets)?)
}

fn set_name(set: SetId, sets: &[Set]) -> Result<&Name, fmt::Error> {
    sets.get(set.index()).map(|set| &set.name).ok_or(fmt::Error)
}

fn flags_text(flags: TcpFlags, f: &mut Formatter<'_>) -> fmt::Result {
    let wanted = TCP_FLAGS.iter().filter(|(_, bit)| flags.mask() & bit != 0);
    wanted.enumerate().try_for_each(|(i, (name, bit))| {
        let before = if i == 0 { "flags " } else { "," };
        let not = if flags.value() & bit == 0 { "!" } else { "" };
        write!(f, "{before}{not}{name}")
    })
}

/// One value as it is, several as a list.
fn values<T: Display>(mut all: impl Iterator<Item = T>, f: &mut Formatter<'_>) -> fmt::Result {
    match (all.next(), all.next()) {
        (Some(one), None) => one.fmt(f),
        (first, second) => list(first.into_iter().chain(second).chain(all), f),
    }
}

fn list<T: Display>(all: impl Iterator<Item = T>, f: &mut impl Write) -> fmt::Result {
    f.write_char('{')?;
    for (i, one) in all.enumerate() {
        write!(f, "{} {one}", if i == 0 { "" } else { "," })?;
    }
    f.write_str(" }")
}
