//! The oracle as a judge: what it expects of the counters of a program.

use palisade_filter::oracle::{
    Decider, Decision, Declared, Fib, Given, change_of, decide, frame_out, verdict_of,
};
use palisade_filter::plan::Decider as Counted;
use palisade_filter::policy::Change;
use palisade_filter::{Policy, Row};

use super::hits::{Hits, Total};
use crate::agree::{Entry, contents};

/// A policy as the oracle was told it, and the rows of the program it is held against.
pub struct Told {
    policy: Policy,
    contents: Declared,
    hits: Hits,
    places: Places,
    fib: Fib,
}

/// What the oracle says of a frame.
#[derive(Clone, Debug)]
pub struct Expected {
    /// What becomes of it.
    pub decision: Decision,
    /// How many entries count it.
    pub entries: usize,
    /// What leaves the filter, by how many packets the deciding row had counted before: after the
    /// last it begins anew.
    outs: Vec<Vec<u8>>,
    /// Whether that is not the frame as it came.
    pub changed: bool,
    row: Option<usize>,
    counted: Option<Vec<usize>>,
}

impl Expected {
    /// What leaves the filter where the deciding row had counted so many packets before.
    pub fn out(&self, turn: u64) -> &[u8] {
        &self.outs[usize::try_from(turn % self.outs.len() as u64).expect("few turns")]
    }

    /// The rows that count the frame, the deciding one first; none if the program lacks one.
    pub fn rows(&self) -> Option<Vec<usize>> {
        let mut rows = vec![self.row?];
        rows.extend(self.counted.as_ref()?);
        Some(rows)
    }
}

/// The rows of statements, by their places in the policy.
struct Places {
    rows: Vec<Row>,
    keeps: Vec<Option<usize>>,
    rules: Vec<Option<usize>>,
}

impl Told {
    /// Reads what sets hold, and which row is whose.
    pub fn new(policy: Policy, entries: &[Entry], rows: Vec<Row>) -> Self {
        let contents = contents(&policy, entries);
        let hits = Hits::of(&policy, entries);
        let places = Places::of(&policy, rows);
        let fib = Given::FIRST.fib;
        Self { policy, contents, hits, places, fib }
    }

    /// What the kernel's routes say of the packets from here on.
    pub fn set_fib(&mut self, fib: Fib) {
        self.fib = fib;
    }

    /// The policy.
    pub fn policy(&self) -> &Policy {
        &self.policy
    }

    /// The rows of the program.
    pub fn rows(&self) -> &[Row] {
        &self.places.rows
    }

    /// What becomes of a frame.
    pub fn decide(&self, frame: &[u8]) -> Decision {
        decide(&self.policy, &self.contents, frame)
    }

    /// The same with the rows, and with the entries counted that are hit.
    pub fn expect(&mut self, frame: &[u8]) -> Expected {
        let expected = self.expect_by(frame, self.fib);
        let entries = self.hits.count(&self.contents, &expected.decision, frame);
        Expected { entries, ..expected }
    }

    /// The same, where the kernel's routes say this; no entries are counted.
    pub fn expect_by(&self, frame: &[u8], fib: Fib) -> Expected {
        let mut decision = self.decide(frame);
        decision.verdict = verdict_of(&self.policy, &decision, &fib);
        let places = &self.places;
        let counted = decision.counted.iter().map(|at| places.rules[*at]).collect();
        let row = places.of_decider(&decision);
        let turns = change_of(&self.policy, &decision).map_or(1, Change::turns);
        let given = |turn| Given { turn, fib };
        let out = |turn| frame_out(&self.policy, &decision, frame, &given(turn));
        let outs: Vec<Vec<u8>> = (0..turns).map(out).collect();
        let changed = outs.iter().any(|out| out != frame);
        Expected { decision, entries: 0, outs, changed, row, counted }
    }

    /// What every entry has counted by now.
    pub fn hits(&self) -> impl Iterator<Item = Total> {
        self.hits.all()
    }
}

impl Places {
    fn of(policy: &Policy, rows: Vec<Row>) -> Self {
        let place = |line: u32, deciders: &[Counted]| {
            let is = |row: &Row| row.line == Some(line) && deciders.contains(&row.decider);
            rows.iter().position(is)
        };
        let keeps = policy.keeps().iter().map(|keep| place(keep.line, &[Counted::Keep]));
        let own = [Counted::Rule, Counted::Count];
        let rules = policy.rules().iter().map(|rule| place(rule.line, &own));
        let (keeps, rules) = (keeps.collect(), rules.collect());
        Self { rows, keeps, rules }
    }

    fn of_decider(&self, decision: &Decision) -> Option<usize> {
        let with = |is: &dyn Fn(Counted) -> bool| {
            self.rows.iter().position(|row| is(row.decider) && row.line == decision.line)
        };
        match decision.decider {
            Decider::Malformed(flaw) => with(&|counted| match counted {
                Counted::Malformed(own) => own.name() == flaw.name(),
                _ => false,
            }),
            Decider::Keep(at) => self.keeps[at],
            Decider::Rule(at) => {
                let unrouted = self.rows.iter().enumerate().filter(|(_, row)| {
                    row.decider == Counted::Unrouted(at) && row.verdict == Some(decision.verdict)
                });
                unrouted.map(|(place, _)| place).next().or(self.rules[at])
            }
            Decider::Fragment => with(&|counted| counted == Counted::Fragment),
            Decider::Default => with(&|counted| counted == Counted::Default),
        }
    }
}
