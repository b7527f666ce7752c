//! Policies and frames by chance: the program in the kernel decides as the oracle does.
//!
//! `PALISADE_POLICIES` says how many policies are tried and `PALISADE_SEED` which is the first, so
//! that a failure can be seen again. What fails is made smaller before it is shown.

use std::fmt::Write;
use std::str::FromStr;

use palisade_filter::oracle::{Decider, Decision};
use palisade_filter::{PlanError, Target, compile, parse};
use palisade_tests::agree::Readings;
use palisade_tests::privilege::Kernel;
use palisade_tests::random::{Chance, Made, frame, policy};

/// Enough for a few seconds.
const POLICIES: u64 = 60;
const FRAMES: usize = 60;
/// More failures are not made smaller and shown.
const MOST_SHOWN: usize = 12;

/// A number from the environment.
pub fn number<T: FromStr>(name: &str) -> Option<T> {
    let text = std::env::var(name).ok()?;
    Some(text.parse().unwrap_or_else(|_| panic!("{name}={text} is no number")))
}

#[test]
fn the_kernel_decides_as_the_oracle_does() {
    let Some(kernel) = Kernel::or_skip() else { return };
    let first = number("PALISADE_SEED").unwrap_or(1);
    let (mut tally, mut wrong) = (Tally::default(), Vec::new());
    for seed in first..first + number("PALISADE_POLICIES").unwrap_or(POLICIES) {
        let mut chance = Chance::new(seed);
        let made = policy(&mut chance);
        let frames: Vec<Vec<u8>> = (0..FRAMES).map(|_| frame(&mut chance)).collect();
        // What tells the targets apart is not the rules: the others need to be seen less often.
        let targets = if seed % 4 == 0 { kernel.targets.clone() } else { kernel.two() };
        for target in targets {
            if !fits(&made.text, target) {
                continue;
            }
            if let Some((at, _)) = difference(&kernel, &made, target, &frames, &mut tally) {
                let small = smaller(&kernel, made.clone(), target, &frames[at]);
                wrong.push(shown(&kernel, seed, &small, target, &frames[at]));
                eprintln!("{}", wrong.last().expect("the last one"));
                break;
            }
        }
        if seed % 1000 == 0 {
            eprintln!("before {seed}: {tally:?}");
        }
        if wrong.len() == MOST_SHOWN {
            break;
        }
    }
    assert!(wrong.is_empty(), "{} in {tally:?}:\n{}", wrong.len(), wrong.join("\n"));
    eprintln!("{tally:?}");
    tally.assert_colourful();
}

/// How many frames were decided by what, so that chance is seen to bring all of it.
#[derive(Debug, Default)]
struct Tally {
    malformed: usize,
    kept: usize,
    by_rule: usize,
    fragments: usize,
    by_default: usize,
    /// Decided by whatever else, these were counted before.
    counted: usize,
}

impl Tally {
    fn add(&mut self, decision: &Decision) {
        let of = match decision.decider {
            Decider::Malformed(_) => &mut self.malformed,
            Decider::Keep(_) => &mut self.kept,
            Decider::Rule(_) => &mut self.by_rule,
            Decider::Fragment => &mut self.fragments,
            Decider::Default => &mut self.by_default,
        };
        *of += 1;
        self.counted += usize::from(!decision.counted.is_empty());
    }

    fn assert_colourful(&self) {
        let Self { malformed, kept, by_rule, fragments, by_default, counted } = *self;
        let runs = malformed + kept + by_rule + fragments + by_default;
        let rare = runs / 200;
        assert!(by_rule > runs / 10 && by_default > runs / 10 && malformed > runs / 20, "{self:?}");
        assert!(kept > rare && fragments > rare && counted > rare, "{self:?}");
    }
}

/// Whether a policy is within the limit of set look-ups of a rule; it is within all others.
fn fits(text: &str, target: Target) -> bool {
    match compile(&parse(text).expect("a policy"), target) {
        Ok(_) => true,
        Err(PlanError::TooManySets { .. }) => false,
        Err(error) => panic!("{error}\nof:\n{text}"),
    }
}

/// The first frame on which the readings differ and how; the first of all if the policy cannot be
/// loaded.
fn difference(
    kernel: &Kernel,
    made: &Made,
    target: Target,
    frames: &[Vec<u8>],
    tally: &mut Tally,
) -> Option<(usize, String)> {
    let mut readings = match Readings::of(kernel, &made.text, &made.entries, target) {
        Ok(readings) => readings,
        Err(refusal) => return Some((0, refusal)),
    };
    for (at, frame) in frames.iter().enumerate() {
        match readings.decide(frame) {
            Ok(decision) => tally.add(&decision),
            Err(difference) => return Some((at, difference.to_string())),
        }
    }
    None
}

/// How the readings differ on a frame.
fn alone(kernel: &Kernel, made: &Made, target: Target, frame: &[u8]) -> Option<String> {
    let found = difference(kernel, made, target, &[frame.to_vec()], &mut Tally::default());
    found.map(|(_, how)| how)
}

/// The policy without every line and entry that the difference does not need.
fn smaller(kernel: &Kernel, mut made: Made, target: Target, frame: &[u8]) -> Made {
    let differs = |made: &Made| {
        let whole = parse(&made.text).is_ok() && fits(&made.text, target);
        whole && alone(kernel, made, target, frame).is_some()
    };
    if !differs(&made) {
        return made;
    }
    let lines: Vec<String> = made.text.lines().map(str::to_owned).collect();
    for line in lines.iter().rev().filter(|line| !line.starts_with("set ")) {
        let text = made.text.replacen(&format!("{line}\n"), "", 1);
        let without = Made { text, entries: made.entries.clone() };
        if differs(&without) {
            made = without;
        }
    }
    for at in (0..made.entries.len()).rev() {
        let mut without = made.clone();
        without.entries.remove(at);
        if differs(&without) {
            made = without;
        }
    }
    made
}

fn shown(kernel: &Kernel, seed: u64, made: &Made, target: Target, frame: &[u8]) -> String {
    let mut out = format!("seed {seed}, {target:?}\n{}", made.text);
    for entry in &made.entries {
        writeln!(out, "in {}: {} ({:?})", entry.set, entry.item, entry.life).expect("a string");
    }
    let how = alone(kernel, made, target, frame);
    out + &how.unwrap_or_else(|| "only together with other frames".to_owned())
}
