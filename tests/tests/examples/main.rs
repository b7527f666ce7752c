//! The policies in `examples/` do what their comments say, on packets.
//!
//! Every statement of each example that decides packets has packets that it decides and near misses
//! that something else does; kernel and oracle must say the same. No example is without such a test.
//! What stands beside the policies, for other programs, is run as these would.

mod block_list;
mod block_pings;
mod changes;
mod drop_8080;
mod events;
mod fail2ban;
mod feeds;
mod forwarding;
mod limits;
mod outlets;
mod resolver;
mod tool;
mod vlans;
mod web_server;
mod whole;

use std::fs;
use std::path::{Path, PathBuf};

use palisade_filter::import::{self, Format};
use palisade_filter::oracle::{Decider, Decision, decide};
use palisade_filter::parse;
use palisade_filter::policy::{Policy, Rule};
use palisade_tests::agree::{Entry, Life, Readings, contents};
use palisade_tests::engine::hex;
use palisade_tests::judges::routes;
use palisade_tests::packet::{Ipv4, Ipv6, Packet, ipv4, ipv6};
use palisade_tests::privilege::Kernel;

/// Where the examples are.
fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples")
}

/// A policy of the examples, with what its files hold.
struct Example {
    text: String,
    policy: Policy,
    lists: Vec<Entry>,
}

impl Example {
    fn read(name: &str) -> Self {
        let path = folder().join(name).with_extension("pal");
        let text = fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
        let policy = parse(&text).unwrap_or_else(|wrong| panic!("{}", wrong.report(name, &text)));
        let lists = policy.sets().iter().flat_map(|set| {
            let path = set.file.iter().map(|file| folder().join(&file.path));
            path.flat_map(|path| entries(set.name.as_str(), &path))
        });
        let lists = lists.collect();
        Self { text, policy, lists }
    }

    /// The statements that may decide a packet whatever came before it, as tests call them.
    fn statements(&self) -> Vec<&str> {
        let all = self.policy.keeps().iter().chain(self.policy.rules());
        all.filter(|rule| rule.ends()).map(called).collect()
    }

    /// What a test calls the statement that decides.
    fn decider(&self, decision: &Decision) -> String {
        match decision.decider {
            Decider::Malformed(flaw) => flaw.name().to_owned(),
            Decider::Keep(at) => called(&self.policy.keeps()[at]).to_owned(),
            Decider::Rule(at) => called(&self.policy.rules()[at]).to_owned(),
            Decider::Fragment => format!("on fragment {}", decision.verdict),
            Decider::Default => format!("default {}", decision.verdict),
        }
    }
}

/// A statement by its name; by its text, where it has none.
fn called(rule: &Rule) -> &str {
    rule.name.as_ref().map_or(&rule.text, |name| name.as_str())
}

/// The entries of a list.
fn entries(set: &str, path: &Path) -> Vec<Entry> {
    let bytes = fs::read(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let read = import::read(&bytes, Format::Auto).expect("a list");
    let items = read.groups.iter().flat_map(|group| &group.items);
    items.map(|item| entry(set, &item.to_string(), Life::Lasting)).collect()
}

fn entry(set: &str, item: &str, life: Life) -> Entry {
    Entry { set: set.to_owned(), item: item.to_owned(), life }
}

/// What is said of a statement: packets that it decides, and near misses with what decides those.
struct Claim {
    statement: &'static str,
    hits: Vec<Vec<u8>>,
    misses: Vec<(&'static str, Vec<u8>)>,
}

/// A claim about a statement, still to be filled.
fn of(statement: &'static str) -> Claim {
    Claim { statement, hits: Vec::new(), misses: Vec::new() }
}

impl Claim {
    /// It decides these packets.
    fn decides(mut self, packets: impl IntoIterator<Item = Packet>) -> Self {
        self.hits.extend(packets.into_iter().map(|packet| packet.build()));
        self
    }

    /// These packets it does not decide, but `other` does.
    fn leaves_to(mut self, other: &'static str, packets: impl IntoIterator<Item = Packet>) -> Self {
        self.misses.extend(packets.into_iter().map(|packet| (other, packet.build())));
        self
    }
}

/// Puts the packets of the claims to an example, with these entries besides those that it declares.
/// There is one claim for each statement, in the order of the text.
fn prove(name: &str, entries: &[Entry], claims: &[Claim]) {
    let example = Example::read(name);
    let claimed: Vec<&str> = claims.iter().map(|claim| claim.statement).collect();
    assert_eq!(claimed, example.statements());
    let mut wanted = Vec::new();
    for Claim { statement, hits, misses } in claims {
        assert!(!hits.is_empty() && !misses.is_empty(), "`{statement}` is not shown both ways");
        assert!(misses.iter().all(|(other, _)| other != statement), "a miss of `{statement}`");
        wanted.extend(hits.iter().map(|frame| (*statement, frame)));
        wanted.extend(misses.iter().map(|(other, frame)| (*other, frame)));
    }
    let entries = [&example.lists, entries].concat();
    let held = contents(&example.policy, &entries);
    for (statement, frame) in &wanted {
        let decision = decide(&example.policy, &held, frame);
        assert_eq!(example.decider(&decision), *statement, "{}", hex(frame));
    }
    // What the routes of this kernel say is nobody's to state: the test `forwarding` has its own.
    if routes(&example.policy) {
        return;
    }
    let Some(kernel) = Kernel::or_skip() else { return };
    for target in kernel.two() {
        let readings = Readings::of(&kernel, &example.text, &entries, target);
        let mut readings = readings.unwrap_or_else(|log| panic!("{log}"));
        for (statement, frame) in &wanted {
            let decision = readings.decide(frame).unwrap_or_else(|wrong| panic!("{wrong}"));
            assert_eq!(example.decider(&decision), *statement, "{}", hex(frame));
        }
    }
}

fn from4(src: &str) -> Ipv4 {
    ipv4().src(src)
}

fn from6(src: &str) -> Ipv6 {
    ipv6().src(src)
}
