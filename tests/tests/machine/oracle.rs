//! Policies and frames by chance: the program in the interpreter decides as the oracle does.

use palisade_filter::{Mode, Neighbours, Next, PlanError, Target, Tenure, compile_as, parse};
use palisade_tests::agree::{Readings, contents};
use palisade_tests::interpreted::Interpreted;
use palisade_tests::random::{Chance, frame, policy};

use crate::number;

const POLICIES: u64 = 60;
const FRAMES: usize = 200;

#[test]
fn policies_by_chance_decide_without_a_kernel_as_the_oracle_does() {
    let first = number("PALISADE_SEED").unwrap_or(1);
    let runs = agree(Mode::Enforce, ALONE, first, number("PALISADE_POLICIES").unwrap_or(POLICIES));
    assert!(runs > 50 * FRAMES || first != 1, "{runs} runs");
}

#[test]
fn in_shadow_what_would_be_dropped_passes_and_is_counted_apart() {
    assert!(agree(Mode::Shadow, ALONE, 1, 10) > 5 * FRAMES);
}

#[test]
fn what_is_off_passes_and_counts_in_a_row_of_its_own() {
    assert!(agree(Mode::Off, ALONE, 1, 5) > 2 * FRAMES);
}

#[test]
fn what_passes_goes_on_to_the_program_behind_and_nothing_else_does() {
    let before = Neighbours { tenure: Tenure::Standing, next: Next::Slot };
    for (mode, policies) in [(Mode::Enforce, 30), (Mode::Shadow, 10), (Mode::Off, 5)] {
        assert!(agree(mode, before, 1, policies) > 2 * FRAMES);
    }
}

/// Without other programs beside it.
const ALONE: Neighbours = Neighbours { tenure: Tenure::Standing, next: Next::Stack };

/// Puts frames to policies in a mode, and says how many.
fn agree(mode: Mode, beside: Neighbours, first: u64, policies: u64) -> usize {
    let mut runs = 0;
    for seed in first..first + policies {
        let mut chance = Chance::new(seed);
        let made = policy(&mut chance);
        let policy = parse(&made.text).expect("a policy");
        let artifact = match compile_as(&policy, Target::FLOOR, beside) {
            Ok(artifact) => artifact,
            Err(PlanError::TooManySets { .. }) => continue,
            Err(error) => panic!("{error}\nof:\n{}", made.text),
        };
        let mut program = Interpreted::new(&policy, &artifact, &made.entries);
        if seed % 4 == 0 {
            program = program.with_empty_slot();
        }
        let held = contents(&policy, &made.entries);
        let mut readings = Readings::with(program, policy, held);
        readings.switch(mode);
        for _ in 0..FRAMES {
            let frame = frame(&mut chance);
            let judged = match mode {
                Mode::Enforce | Mode::Shadow => readings.decide_and_count(&frame),
                Mode::Off => readings.decide(&frame),
            };
            if let Err(difference) = judged {
                panic!("seed {seed}: {difference}\nof:\n{}", made.text);
            }
            runs += 1;
        }
    }
    runs
}
