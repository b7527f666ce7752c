//! Policies and frames by chance: the program in the kernel decides as the oracle does.
//!
//! `PALISADE_POLICIES` says how many policies are tried and `PALISADE_SEED` which is the first, so
//! that a failure can be seen again. What fails is made smaller before it is shown.

use std::fmt::Write;
use std::str::FromStr;

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
    let (mut runs, mut wrong) = (0, Vec::new());
    for seed in first..first + number("PALISADE_POLICIES").unwrap_or(POLICIES) {
        let mut chance = Chance::new(seed);
        let made = policy(&mut chance);
        let frames: Vec<Vec<u8>> = (0..FRAMES).map(|_| frame(&mut chance)).collect();
        for target in kernel.two() {
            if !fits(&made.text, target) {
                continue;
            }
            runs += frames.len();
            if let Some((at, _)) = difference(&kernel, &made, target, &frames) {
                let small = smaller(&kernel, made.clone(), target, &frames[at]);
                wrong.push(shown(&kernel, seed, &small, target, &frames[at]));
                eprintln!("{}", wrong.last().expect("the last one"));
                break;
            }
        }
        if wrong.len() == MOST_SHOWN {
            break;
        }
    }
    assert!(wrong.is_empty(), "{} in {runs} runs:\n{}", wrong.len(), wrong.join("\n"));
    assert!(runs >= FRAMES * 60, "{runs} runs");
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
) -> Option<(usize, String)> {
    let mut readings = match Readings::of(kernel, &made.text, &made.entries, target) {
        Ok(readings) => readings,
        Err(refusal) => return Some((0, refusal)),
    };
    let mut decided = frames.iter().enumerate().map(|(at, frame)| (at, readings.decide(frame)));
    decided.find_map(|(at, result)| result.err().map(|difference| (at, difference.to_string())))
}

/// The policy without every line and entry that the difference does not need.
fn smaller(kernel: &Kernel, mut made: Made, target: Target, frame: &[u8]) -> Made {
    let differs = |made: &Made| {
        let whole = parse(&made.text).is_ok() && fits(&made.text, target);
        whole && difference(kernel, made, target, &[frame.to_vec()]).is_some()
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
    let how = difference(kernel, made, target, &[frame.to_vec()]);
    out + &how.map_or_else(|| "only together with other frames".to_owned(), |(_, how)| how)
}
