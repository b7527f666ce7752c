//! A policy as text, in one canonical form: sets, keeps, rules, `on`, default; one blank between
//! words.

use std::fmt::{self, Write};

use crate::policy::{Action, EntryCounters, Match, Policy, Protocol, Set, Term};
use crate::structure::default_max;
use crate::value::Family;

impl fmt::Display for Policy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for set in &self.sets {
            set_line(set, f)?;
        }
        for rule in self.keeps.iter().chain(&self.rules) {
            writeln!(f, "{}", rule.text)?;
        }
        if self.malformed.line.is_some() {
            writeln!(f, "on malformed {}", self.malformed.action.verdict())?;
        }
        if let Some(fragment) = self.fragment {
            writeln!(f, "on fragment {}", fragment.action.verdict())?;
        }
        writeln!(f, "default {}", self.default.action.verdict())
    }
}

fn set_line(set: &Set, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    write!(f, "set {} {}", set.name, set.kind.word())?;
    let mut options = Vec::new();
    if set.max != default_max(set.kind) {
        options.push(format!("max {}", set.max));
    }
    if set.counters == EntryCounters::Off {
        options.push("counters off".to_owned());
    }
    match options.as_slice() {
        [] => writeln!(f),
        options => writeln!(f, " {{ {} }}", options.join(" ")),
    }
}

/// A rule or a `keep` in canonical form.
pub(crate) fn rule_text(word: &str, matching: &Match, sets: &[Set]) -> String {
    let mut text = word.to_owned();
    for term in matching.terms() {
        text.push(' ');
        term_text(term, sets, &mut text).expect("writing to a string succeeds");
    }
    text
}

fn term_text(term: &Term, sets: &[Set], out: &mut String) -> fmt::Result {
    match term {
        Term::Family(Family::V4) => out.write_str("ip4"),
        Term::Family(Family::V6) => out.write_str("ip6"),
        Term::Arp => out.write_str("arp"),
        Term::Nd => out.write_str("nd"),
        Term::Icmp => out.write_str("icmp"),
        Term::Icmp6 => out.write_str("icmp6"),
        Term::Protocol(Protocol::TCP) => out.write_str("tcp"),
        Term::Protocol(Protocol::UDP) => out.write_str("udp"),
        Term::Protocol(Protocol::SCTP) => out.write_str("sctp"),
        Term::Protocol(Protocol(n)) => write!(out, "proto {n}"),
        Term::Address(side, prefix) => write!(out, "{} {prefix}", side.word()),
        Term::AddressIn(side, set) => {
            write!(out, "{} in {}", side.word(), sets[set.index()].name)
        }
        Term::Port(side, range) => write!(out, "{} {range}", side.port_word()),
        Term::ServiceIn(set) => write!(out, "service in {}", sets[set.index()].name),
    }
}

/// The word of a rule with this action.
pub(crate) fn action_word(action: Action) -> &'static str {
    action.verdict().word()
}
