//! What a run has shown, and what it must have shown so that it is not void.

use std::collections::BTreeSet;
use std::fmt;

use palisade_filter::Verdict;
use palisade_filter::oracle::Decider;
use palisade_tests::floor;
use palisade_tests::judges::{Executed, Expected, forwards_nothing};
use palisade_tests::privilege::Kernel;

/// Counts of a run.
#[derive(Clone, Debug, Default)]
pub struct Tally {
    /// Policies that were judged.
    pub policies: u64,
    /// Policies that ask for more look-ups than a rule may.
    left_out: u64,
    /// Runs of the interpreter, and of programs in the kernel.
    interpreted: u64,
    in_kernel: u64,
    malformed: u64,
    kept: u64,
    by_rule: u64,
    fragments: u64,
    by_default: u64,
    /// Counted by a `count` rule before they were decided.
    counted: u64,
    /// Hits of entries of sets.
    entries: u64,
    passed: u64,
    sent_back: u64,
    /// Left otherwise than they came.
    changed: u64,
    dropped: u64,
    aborted: u64,
    /// The malformations that were met.
    flaws: BTreeSet<&'static str>,
    /// The instructions that were executed.
    pub executed: Executed,
}

impl Tally {
    /// A policy is left out.
    pub fn leave_out(&mut self) {
        self.left_out += 1;
    }

    /// A frame on which all agree.
    pub fn add(&mut self, expected: &Expected, runs: [u64; 2]) {
        self.interpreted += runs[0];
        self.in_kernel += runs[1];
        let decision = &expected.decision;
        let decider = match decision.decider {
            Decider::Malformed(flaw) => {
                self.flaws.insert(flaw.name());
                &mut self.malformed
            }
            Decider::Keep(_) => &mut self.kept,
            Decider::Rule(_) => &mut self.by_rule,
            Decider::Fragment => &mut self.fragments,
            Decider::Default => &mut self.by_default,
        };
        *decider += 1;
        let verdict = match decision.verdict {
            Verdict::Pass => &mut self.passed,
            Verdict::Aborted => &mut self.aborted,
            Verdict::Tx => &mut self.sent_back,
            Verdict::Drop | Verdict::Redirect => &mut self.dropped,
        };
        *verdict += 1;
        self.changed += u64::from(expected.changed);
        self.counted += u64::from(!decision.counted.is_empty());
        self.entries += expected.entries as u64;
    }

    /// Adds what another thread has seen.
    pub fn merge(&mut self, other: Self) {
        self.policies += other.policies;
        self.left_out += other.left_out;
        self.interpreted += other.interpreted;
        self.in_kernel += other.in_kernel;
        self.malformed += other.malformed;
        self.kept += other.kept;
        self.by_rule += other.by_rule;
        self.fragments += other.fragments;
        self.by_default += other.by_default;
        self.counted += other.counted;
        self.entries += other.entries;
        self.passed += other.passed;
        self.sent_back += other.sent_back;
        self.changed += other.changed;
        self.dropped += other.dropped;
        self.aborted += other.aborted;
        self.flaws.extend(other.flaws);
        self.executed.merge(other.executed);
    }

    /// How many pairs of policy and frame were judged.
    pub fn pairs(&self) -> u64 {
        self.malformed + self.kept + self.by_rule + self.fragments + self.by_default
    }

    /// How many of them a rule or a keep has decided.
    pub fn hits(&self) -> u64 {
        self.kept + self.by_rule
    }

    /// A run that has not shown enough says nothing: it fails.
    pub fn assert_not_void(&self, kernel: Option<&Kernel>) {
        let pairs = self.pairs();
        self.assert_floor(kernel);
        assert!(self.hits() > 0 && self.passed > 0 && self.dropped > 0, "void\n{self}");
        // Shares say something of many policies; an emulated kernel has one.
        if self.policies < FEW {
            return;
        }
        assert!(self.hits() * 2 >= pairs, "void: too few hits\n{self}");
        assert!(self.passed > pairs / 20 && self.dropped > pairs / 20, "void: one verdict\n{self}");
        assert!(self.malformed > pairs / 50 && self.by_default > pairs / 50, "void\n{self}");
        let all = self.executed.all();
        let share = all.executed * 100 / (all.executed + all.missed).max(1);
        assert!(share >= floor::least("instructions executed, percent"), "{self}");
        // A few policies need not have everything.
        if pairs > MILLION / 20 {
            let seldom = [
                self.kept,
                self.fragments,
                self.counted,
                self.entries,
                self.aborted,
                self.sent_back,
                self.changed,
            ];
            assert!(seldom.iter().all(|count| *count > pairs / 1000), "void: too little\n{self}");
            assert_eq!(self.flaws.len(), 10, "void: not every malformation\n{self}");
        }
        if pairs > MILLION / 2 {
            let never = self.executed.never().filter(|(_, emitted)| *emitted > RARE);
            let never: Vec<_> = never.filter(|(kind, _)| !FOR_VERIFIERS.contains(kind)).collect();
            assert!(never.is_empty(), "never executed: {never:#?}\n{self}");
        }
    }

    /// As much was executed as the floor says of so many pairs.
    fn assert_floor(&self, kernel: Option<&Kernel>) {
        let pairs = self.pairs();
        let least = |name| floor::least(name) * pairs / MILLION;
        assert!(self.policies >= least("policies of a million pairs"), "{self}");
        let runs = least("interpreter runs of a million pairs");
        assert!(self.interpreted >= runs, "{runs} were wanted\n{self}");
        // The floor is that of a kernel with two targets; the oldest has one.
        let targets = kernel.map_or(0, |kernel| kernel.two().len() as u64);
        let mut runs = least("kernel runs of a million pairs") * targets / 2;
        if !forwards_nothing() {
            // Policies that ask the kernel's routes are left out where the answer is not known.
            runs /= 2;
        }
        assert!(self.in_kernel >= runs, "{runs} were wanted\n{self}");
    }
}

/// What no packet can execute: the way to the end of a long lane that is there for the verifier.
const FOR_VERIFIERS: [&str; 1] = ["shown to the verifier: Jump { when: None, to: Label(N) }"];

/// What so few programs have need not meet the frame that it waits for; the forms of the language are
/// each executed by tests of their own.
const RARE: u64 = 40;

/// Of fewer policies than these a share says nothing.
const FEW: u64 = 20;

/// So many pairs the floor is about.
const MILLION: u64 = 1_000_000;

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (pairs, all) = (self.pairs().max(1), self.executed.all());
        writeln!(f, "{} policies, {} left out, {pairs} pairs", self.policies, self.left_out)?;
        writeln!(
            f,
            "decided: {} % by a rule or a keep ({} and {}), {} malformed, {} as fragments, {} by default",
            self.hits() * 100 / pairs,
            self.by_rule,
            self.kept,
            self.malformed,
            self.fragments,
            self.by_default
        )?;
        writeln!(
            f,
            "verdicts: {} pass, {} drop, {} aborted, {} tx; {} changed",
            self.passed, self.dropped, self.aborted, self.sent_back, self.changed
        )?;
        writeln!(
            f,
            "runs: {} of the interpreter, {} in the kernel",
            self.interpreted, self.in_kernel
        )?;
        writeln!(f, "counted: {} by `count` rules, {} by entries", self.counted, self.entries)?;
        writeln!(f, "malformed: {:?}", self.flaws)?;
        let emitted = all.executed + all.missed;
        write!(f, "instructions: {emitted} emitted, {} not executed", all.missed)
    }
}
