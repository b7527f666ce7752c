//! A row for every form: its rule, and frames in five cases.
//!
//! The cases are those of every matcher: what matches, what narrowly misses, what is of another
//! protocol, what is cut short at each boundary, and all of it under the negated rule. The expected
//! end of every frame is stated here; the oracle is held to it for frames of any length, and the
//! kernel on the least and the best target for those that a test run takes.

mod five;
mod joined;
mod link;
mod network;
mod transport;

use std::collections::BTreeSet;

use palisade_filter::{parse, text};
use palisade_tests::packet::{ARP_REQUEST, Packet, arp, eth};

use crate::shapes::{self, Shapes};
use five::check;

/// A row of the table.
#[derive(Clone)]
pub struct Form {
    /// Declarations before the rule.
    before: String,
    /// The match of the rule.
    rule: String,
    /// Frames that match, the first of which is cut.
    hits: Vec<Packet>,
    /// Frames of the right kind that narrowly miss.
    near: Vec<Packet>,
    /// Frames of another kind.
    wrong: Vec<Packet>,
    cut: Cut,
}

/// What the first frame that matches becomes where it is cut.
#[derive(Clone, Copy)]
pub enum Cut {
    /// The rule looks at the link's headers alone: it misses below this length of the frame.
    Link(usize),
    /// It looks up to the IP header.
    Network,
    /// It looks at the length of the packet.
    Length,
    /// It looks at what follows the IP header, where so many bytes must be.
    Transport(usize),
}

/// A row that has no frames yet, and looks at the transport.
fn form(rule: impl Into<String>) -> Form {
    let (hits, near, wrong) = (Vec::new(), Vec::new(), Vec::new());
    Form { before: String::new(), rule: rule.into(), hits, near, wrong, cut: Cut::Transport(8) }
}

impl Form {
    fn before(self, before: &str) -> Self {
        Self { before: before.to_owned(), ..self }
    }

    fn hits(mut self, frames: impl IntoIterator<Item = Packet>) -> Self {
        self.hits.extend(frames);
        self
    }

    fn near(mut self, frames: impl IntoIterator<Item = Packet>) -> Self {
        self.near.extend(frames);
        self
    }

    fn wrong(mut self, frames: impl IntoIterator<Item = Packet>) -> Self {
        self.wrong.extend(frames);
        self
    }

    fn cut(self, cut: Cut) -> Self {
        Self { cut, ..self }
    }

    /// The policy of the rule alone.
    fn policy(&self) -> String {
        format!("{}drop {}\ndefault pass\n", self.before, self.rule)
    }
}

/// Frames that are no IP.
fn not_ip() -> [Packet; 3] {
    [
        eth() / arp(ARP_REQUEST),
        eth().ethertype(0x88cc) / b"lldp",
        eth().ethertype(0x0042) / &[0; 66],
    ]
}

#[test]
fn forms_of_the_link() {
    check(link::forms());
}

#[test]
fn forms_of_addresses() {
    check(network::addresses());
}

#[test]
fn forms_of_the_ip_header() {
    check(network::headers());
}

#[test]
fn forms_of_protocols() {
    check(transport::protocols());
}

#[test]
fn forms_of_ports() {
    check(transport::ports());
}

#[test]
fn forms_of_messages_and_flags() {
    check([transport::messages(), transport::flags()].concat());
}

#[test]
fn forms_that_join_terms() {
    check(joined::forms());
}

fn all() -> Vec<Form> {
    let network = [network::addresses(), network::headers()].concat();
    let transport = [transport::protocols(), transport::ports(), transport::messages()].concat();
    [link::forms(), network, transport, transport::flags(), joined::forms()].concat()
}

#[test]
fn every_form_has_a_row() {
    let own = |form: &Form| shapes::of(&parse(&form.policy()).expect("a policy"));
    let rows: Shapes = all().iter().flat_map(own).collect();
    let missing: Vec<_> = shapes::all().difference(&rows).cloned().collect();
    assert!(missing.is_empty(), "no row of the table has: {missing:?}");
}

/// Words of statements, options of sets, and actions that are for later.
const NOT_OF_MATCHES: &str = "set define keep drop pass abort count default on option expect limit event \
     reflect reply redirect deliver route balance rewrite tunnel round-robin hash flow mtu ban burst per size snap \
     events rate net mac timeout max counters file elements off \
     as malformed from to push pop";

#[test]
fn every_word_of_the_language_has_a_row_or_is_of_no_match() {
    let others: BTreeSet<&str> = NOT_OF_MATCHES.split_whitespace().collect();
    let rules: Vec<String> = all().into_iter().map(|form| form.rule).collect();
    let used: BTreeSet<&str> = rules.iter().flat_map(|rule| rule.split_whitespace()).collect();
    let words = text::WORDS.iter().filter(|word| !others.contains(*word));
    let missing: Vec<_> = words.filter(|word| !used.contains(*word)).collect();
    assert!(missing.is_empty(), "no row of the table has: {missing:?}");
}
