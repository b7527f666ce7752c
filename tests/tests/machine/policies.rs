//! Compiled policies: the examples, and policies by chance with entries in their sets.

use palisade_asm::ByteOrder;
use palisade_filter::plan::{CONTROL, Control};
use palisade_filter::policy::Rule;
use palisade_filter::{Buffers, Mode, PlanError, Target, compile, parse};
use palisade_tests::examples::EXAMPLES;
use palisade_tests::filled::{self, Ends, Maps};
use palisade_tests::judges::{forwards_nothing, routes};
use palisade_tests::privilege::Kernel;
use palisade_tests::random::{Chance, frame, policy};

use crate::both::Both;
use crate::number;

const POLICIES: u64 = 40;
const FRAMES: usize = 60;

#[rustfmt::skip] // One line per example.
/// The examples whose verdicts are compared: lists are read from files, and records bear times.
const LEFT_OUT: [&str; 2] = ["events", "feeds"];

/// The clocks differ, but what ends at 1 is over by both, and what ends at 2^62 by neither.
const ENDS: Ends = Ends { over: 1, timed: 1 << 62 };

/// A policy in both, its clock running; none where it asks for too much, or the kernel for a way.
fn load(text: &str, target: Target) -> Option<Both> {
    let policy = parse(text).unwrap_or_else(|errors| panic!("{errors:?}\nof:\n{text}"));
    if routes(&policy) && !forwards_nothing() {
        return None;
    }
    let artifact = match compile(&policy, target) {
        Ok(artifact) => artifact,
        Err(PlanError::TooManySets { .. }) => return None,
        Err(error) => panic!("{error}\nof:\n{text}"),
    };
    let buffers = match target.buffers {
        Buffers::Single => palisade_loader::Buffers::Single,
        Buffers::Multi => palisade_loader::Buffers::Multi,
    };
    let both = Both::load(&artifact.program, target.isa, buffers);
    let mut both = both.unwrap_or_else(|log| panic!("{log}\nof:\n{text}"));
    for (map, value) in artifact.values(&policy, ByteOrder::HOST) {
        both.write(map, &[0; 4], &value);
    }
    let control = Control { mode: Mode::Enforce.code().into(), first_tick: 0, tick: 1 };
    let words = control.words().map(u64::to_ne_bytes).concat();
    let at = both.place(CONTROL);
    both.write(at, &[0; 4], &words);
    Some(both)
}

#[test]
fn the_examples_decide_here_as_in_the_kernel() {
    let Some(kernel) = Kernel::or_skip() else { return };
    let mut chance = Chance::new(number("PALISADE_SEED").unwrap_or(1));
    let examples = EXAMPLES.iter().filter(|(name, _)| !LEFT_OUT.contains(name)).copied();
    for (name, text) in examples.chain([("the built-in one", palisade_filter::BUILTIN)]) {
        // An example is within all limits.
        let Some(mut both) = load(text, kernel.best()) else { continue };
        let mut results = std::collections::HashSet::new();
        for _ in 0..300 {
            let frame = frame(&mut chance);
            results.insert(both.run(&frame).unwrap_or_else(|how| panic!("{name}: {how}")));
        }
        both.compare_maps().unwrap_or_else(|how| panic!("{name}: {how}"));
        // One that changes packets may pass them all.
        let changes = |rule: &Rule| rule.action.change().is_some();
        let changes = parse(text).is_ok_and(|policy| policy.rules().iter().any(changes));
        assert!(changes || results.len() > 1, "{name}: every frame has the same verdict");
    }
}

#[test]
fn policies_by_chance_decide_here_as_in_the_kernel() {
    let Some(kernel) = Kernel::or_skip() else { return };
    let first = number("PALISADE_SEED").unwrap_or(1);
    let (mut runs, mut dropped) = (0, 0);
    for seed in first..first + number("PALISADE_POLICIES").unwrap_or(POLICIES) {
        let mut chance = Chance::new(seed);
        let made = policy(&mut chance);
        for target in kernel.two() {
            let Some(mut both) = load(&made.text, target) else { continue };
            let policy = palisade_filter::parse(&made.text).expect("a policy");
            filled::fill(&mut both, &policy, &made.entries, ENDS);
            let shown = |how: String| format!("seed {seed}, {target:?}: {how}\n{}", made.text);
            for _ in 0..FRAMES {
                let frame = frame(&mut chance);
                let verdict = both.run(&frame).unwrap_or_else(|how| panic!("{}", shown(how)));
                runs += 1;
                dropped += usize::from(verdict == 1);
            }
            both.compare_maps().unwrap_or_else(|how| panic!("{}", shown(how)));
        }
    }
    eprintln!("{runs} runs, {dropped} dropped");
    assert!(dropped > runs / 20 && dropped < runs * 19 / 20, "{dropped} dropped of {runs}");
}
