//! Policies and frames by chance: the program in the interpreter decides as the oracle does.

use palisade_filter::{PlanError, Target, compile, parse};
use palisade_tests::agree::{Readings, contents};
use palisade_tests::interpreted::Interpreted;
use palisade_tests::random::{Chance, frame, policy};

use crate::number;

const POLICIES: u64 = 60;
const FRAMES: usize = 200;

#[test]
fn policies_by_chance_decide_without_a_kernel_as_the_oracle_does() {
    let first = number("PALISADE_SEED").unwrap_or(1);
    let mut runs = 0;
    for seed in first..first + number("PALISADE_POLICIES").unwrap_or(POLICIES) {
        let mut chance = Chance::new(seed);
        let made = policy(&mut chance);
        let policy = parse(&made.text).expect("a policy");
        let artifact = match compile(&policy, Target::FLOOR) {
            Ok(artifact) => artifact,
            Err(PlanError::TooManySets { .. }) => continue,
            Err(error) => panic!("{error}\nof:\n{}", made.text),
        };
        let program = Interpreted::new(&policy, &artifact, &made.entries);
        let held = contents(&policy, &made.entries);
        let mut readings = Readings::with(program, policy, held);
        for _ in 0..FRAMES {
            let frame = frame(&mut chance);
            if let Err(difference) = readings.decide(&frame) {
                panic!("seed {seed}: {difference}\nof:\n{}", made.text);
            }
            runs += 1;
        }
    }
    assert!(runs > 50 * FRAMES || first != 1, "{runs} runs");
}
