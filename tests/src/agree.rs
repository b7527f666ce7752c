//! Two readings of a policy held against each other: its program, in the kernel or in the
//! interpreter, and the oracle.
//!
//! They agree on a frame if verdict, deciding statement and the `count` rules that were met are the
//! same. That the counters have grown as they should is what [`Runs::run`] sees to.

use std::collections::HashSet;
use std::fmt;
use std::time::Duration;

use palisade_filter::oracle::{Decider, Decision, Declared, change_of, decide, verdict_of};
use palisade_filter::plan::Decider as Counted;
use palisade_filter::policy::{EntryCounters, Rule, Term};
use palisade_filter::rehearsal::Reporting;
use palisade_filter::{Item, Mode, Neighbours, Policy, Row, Target, Tenure, Verdict, parse};
use palisade_loader::LoadError;

use crate::engine::{Counts, Engine, Fault, Half, Outcome, Stay, hex};
use crate::interpreted::Interpreted;
use crate::outcome::Runs;
use crate::privilege::Kernel;

/// An entry of a set.
#[derive(Clone, Debug)]
pub struct Entry {
    /// The set.
    pub set: String,
    /// The item.
    pub item: String,
    /// How long it is to stay.
    pub life: Life,
}

/// How long an entry is to stay.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Life {
    /// For ever.
    Lasting,
    /// For longer than any test.
    Timed,
    /// It is past its time.
    Over,
}

/// A policy as its program and as the oracle read it.
pub struct Readings<R = Engine> {
    program: R,
    mode: Mode,
    policy: Policy,
    reporting: Reporting,
    contents: Declared,
}

/// A frame on which they differ.
pub struct Difference {
    program: Result<Outcome, Fault>,
    oracle: Decision,
    frame: Vec<u8>,
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.program {
            Ok(outcome) => {
                let lines = lines(&outcome.counted);
                write!(f, "program: {outcome}, line {:?}, counted {lines:?}", outcome.row.line)?;
            }
            Err(fault) => write!(f, "program: {fault}")?,
        }
        write!(f, "\noracle: {:?}\nframe: {}", self.oracle, hex(&self.frame))
    }
}

impl Difference {
    /// Whether another verdict is given, and not only for another reason or counted elsewhere.
    pub fn is_of_verdicts(&self) -> bool {
        self.program.as_ref().is_ok_and(|outcome| outcome.verdict != self.oracle.verdict)
    }
}

impl Readings {
    /// Reads a policy twice; what its sets declare is in them, and `entries`. The error is the end
    /// of what the verifier says.
    pub fn of(
        kernel: &Kernel,
        text: &str,
        entries: &[Entry],
        target: Target,
    ) -> Result<Self, String> {
        Self::beside(kernel, text, entries, (target, Tenure::Standing.into()))
    }

    /// The same, compiled for a target and for what stands beside the program.
    pub fn beside(
        kernel: &Kernel,
        text: &str,
        entries: &[Entry],
        (target, neighbours): (Target, Neighbours),
    ) -> Result<Self, String> {
        let policy = parse(text).unwrap_or_else(|e| panic!("{}", e.report("policy", text)));
        let engine = Engine::try_load_beside(kernel, text, target, neighbours);
        let mut engine = engine.map_err(|e| refusal(&e))?;
        for set in policy.sets() {
            for item in &set.elements {
                engine.add(set.name.as_str(), &[&item.to_string()]);
            }
        }
        for entry in entries {
            put(&mut engine, entry);
        }
        let contents = contents(&policy, entries);
        Ok(Self::with(engine, policy, contents))
    }

    /// What was counted in an entry of a set.
    pub fn hits(&self, set: &str, item: &str) -> Counts {
        self.program.hits(set, item)
    }
}

impl<R: Runs> Readings<R> {
    /// A program that runs, and what the oracle is to know: a policy, and what its sets hold.
    pub fn with(program: R, policy: Policy, contents: Declared) -> Self {
        let reporting = Reporting::of(&policy);
        Self { program, mode: Mode::Enforce, policy, reporting, contents }
    }

    /// Switches the mode of the program; what the oracle says is then read by it.
    pub fn switch(&mut self, mode: Mode) {
        self.program.switch(mode);
        self.mode = mode;
    }

    /// What the oracle says of a frame.
    pub fn oracle(&self, frame: &[u8]) -> Decision {
        decide(&self.policy, &self.contents, frame)
    }

    /// What both say of a frame. Those under 14 bytes no kernel's test run takes.
    pub fn decide(&mut self, frame: &[u8]) -> Result<Decision, Box<Difference>> {
        let oracle = self.oracle(frame);
        let program = self.program.run(frame).and_then(|outcome| {
            let seen = self.mode != Mode::Off;
            let least = if seen { self.reporting.least(&oracle) } else { 0 };
            let told = self.program.told(least);
            let right = match seen {
                true => self.reporting.agrees(&told, self.mode, &oracle, frame),
                false => told.records.is_empty(),
            };
            if right { Ok(outcome) } else { Err(Fault::Reported(told)) }
        });
        if program.as_ref().is_ok_and(|outcome| agree(&self.policy, self.mode, outcome, &oracle)) {
            return Ok(oracle);
        }
        Err(Box::new(Difference { program, oracle, frame: frame.to_vec() }))
    }
}

impl Readings<Interpreted> {
    /// What both say of a frame, whose hits must be counted in as many entries as the deciding rules
    /// found; where these have alternatives, that is not known.
    pub fn decide_and_count(&mut self, frame: &[u8]) -> Result<Decision, Box<Difference>> {
        let decision = self.decide(frame);
        let hits = self.program.grown_hits();
        let decision = decision?;
        let len = u64::try_from(frame.len()).expect("a frame");
        match found(&self.policy, &decision) {
            Some(entries) if hits != [entries, entries * len] => {
                let program = Err(Fault::Hits { hits, entries });
                Err(Box::new(Difference { program, oracle: decision, frame: frame.to_vec() }))
            }
            Some(_) | None => Ok(decision),
        }
    }
}

/// How many entries the statements that a frame met have found, if there is one answer.
fn found(policy: &Policy, decision: &Decision) -> Option<u64> {
    let decider = match decision.decider {
        Decider::Keep(at) => policy.keeps().get(at),
        Decider::Rule(at) => policy.rules().get(at),
        Decider::Malformed(_) | Decider::Fragment | Decider::Default => None,
    };
    let counted = decision.counted.iter().map(|at| &policy.rules()[*at]);
    counted.chain(decider).try_fold(0, |sum, rule| Some(sum + found_by(policy, rule)?))
}

/// How many entries a rule that matches has found: a test that it makes twice finds one.
fn found_by(policy: &Policy, rule: &Rule) -> Option<u64> {
    let counts = |set: &palisade_filter::policy::Set| set.counters == EntryCounters::On;
    let mut made = HashSet::new();
    rule.matching.terms().iter().try_fold(0, |sum, term| match term {
        Term::Test(test) => {
            let set = test.set().map(|set| &policy.sets()[set.index()]);
            Some(sum + u64::from(set.is_some_and(counts) && made.insert(test)))
        }
        Term::Not(term) if matches!(**term, Term::Test(_)) => Some(sum),
        Term::Not(_) | Term::Any(_) => None,
    })
}

/// Whether what became of a frame in a mode is what the oracle says of it.
pub fn agree(policy: &Policy, mode: Mode, outcome: &Outcome, decision: &Decision) -> bool {
    let wanted = verdict_of(policy, decision, &outcome.given.fib);
    let changes = change_of(policy, decision).is_some_and(|change| change.verdict() == wanted);
    let passes = wanted == Verdict::Pass && !changes;
    let (half, verdict) = match mode {
        Mode::Enforce => (Half::Enforced, wanted),
        Mode::Shadow if passes => (Half::Enforced, Verdict::Pass),
        Mode::Shadow => (Half::Shadow, Verdict::Pass),
        Mode::Off => {
            let unseen = outcome.row.decider == Counted::Off && outcome.counted.is_empty();
            return unseen && outcome.half == Half::Enforced && outcome.verdict == Verdict::Pass;
        }
    };
    let rules = policy.rules();
    let counted: Vec<_> = decision.counted.iter().map(|at| Some(rules[*at].line)).collect();
    let decider = match (outcome.row.decider, decision.decider) {
        (Counted::Malformed(class), Decider::Malformed(flaw)) => class.name() == flaw.name(),
        (Counted::Keep, Decider::Keep(_))
        | (Counted::Rule, Decider::Rule(_))
        | (Counted::Unrouted(_), Decider::Rule(_))
        | (Counted::Fragment, Decider::Fragment)
        | (Counted::Default, Decider::Default) => true,
        _ => false,
    };
    decider
        && outcome.row.verdict == Some(wanted)
        && outcome.half == half
        && outcome.verdict == verdict
        && outcome.row.line == decision.line
        && lines(&outcome.counted) == counted
}

fn refusal(error: &LoadError) -> String {
    let log: Vec<&str> = error.log().map(|log| log.lines().collect()).unwrap_or_default();
    let last = log.len().saturating_sub(12);
    format!("{error}\n{}", log[last..].join("\n"))
}

fn lines(rows: &[Row]) -> Vec<Option<u32>> {
    rows.iter().map(|row| row.line).collect()
}

fn put(engine: &mut Engine, entry: &Entry) {
    const LONG: Duration = Duration::from_secs(3600);
    match entry.life {
        Life::Lasting => engine.add(&entry.set, &[&entry.item]),
        Life::Timed => engine.add_for(&entry.set, &entry.item, Stay::For(LONG)),
        Life::Over => engine.add_for(&entry.set, &entry.item, Stay::Ended(LONG)),
    }
}

/// What the sets of a policy hold by the oracle's lights: its elements, and those of `entries` that
/// are not past their time.
pub fn contents(policy: &Policy, entries: &[Entry]) -> Declared {
    Declared::with(policy, |set| {
        let own = entries.iter().filter(|entry| entry.set == set.name.as_str());
        let alive = own.filter(|entry| entry.life != Life::Over);
        let items = alive.map(|entry| entry.item.parse::<Item>().expect("an item"));
        items.collect::<Vec<_>>()
    })
}
