//! Every odd frame, under the policy that blocks its flow and the one that allows it.

use std::collections::BTreeMap;

use palisade_filter::plan::Decider;
use palisade_filter::{Access, Buffers, Row, Target, Verdict};
use palisade_tests::engine::{Engine, Half, hex};
use palisade_tests::odd::{self, Odd, Want};
use palisade_tests::privilege::Kernel;

/// The first buffer of a test run: a page less the kernel's head and tail room.
const FIRST_BUFFER: usize = 3520;

/// Frames under one policy, each with the verdict it must get there.
type Cases = Vec<(Odd, Want)>;

#[test]
fn every_odd_frame_gets_its_verdict_on_every_target() {
    let Some(kernel) = Kernel::or_skip() else { return };
    let policies = by_policy();
    let (mut runs, mut wrong) = (0, Vec::new());
    for target in &kernel.targets {
        for (policy, cases) in &policies {
            // Headers are read alike under both policies, and it is loading that takes the time.
            if *target != kernel.best() && policy.starts_with("pass") {
                continue;
            }
            let cases: Cases =
                cases.iter().filter(|(odd, _)| can_run(odd, *target)).cloned().collect();
            let mut engine = Engine::load(&kernel, policy, *target);
            runs += cases.len();
            if *target == kernel.best() || !agree(&mut engine, &cases) {
                let found = disagreements(&mut engine, &cases);
                let place =
                    format!("under {policy:?} with {:?}, {:?}", target.buffers, target.access);
                wrong.extend(found.into_iter().map(|what| format!("{place}: {what}")));
            }
        }
    }
    assert!(wrong.is_empty(), "{} of {runs} runs:\n{}", wrong.len(), wrong.join("\n"));
    assert!(runs > 4_000 * kernel.targets.len(), "{runs} runs");
}

fn by_policy() -> BTreeMap<String, Cases> {
    let mut policies: BTreeMap<String, Cases> = BTreeMap::new();
    for odd in odd::all() {
        for (policy, want) in [(odd.flow.blocked(), odd.blocked), (odd.flow.allowed(), odd.allowed)]
        {
            policies.entry(policy).or_default().push((odd.clone(), want));
        }
    }
    policies
}

/// Whether a test run shows what a driver would: not for runts, nor for frames that a driver would
/// not hand to the program in one piece.
fn can_run(odd: &Odd, target: Target) -> bool {
    let fits = odd.frame.len() <= FIRST_BUFFER;
    let padded = odd.name.contains("padded");
    odd.frame.len() >= 14
        && match (target.buffers, target.access) {
            (Buffers::Single, _) => fits,
            // Their bytes are another test's subject: `frames`.
            (Buffers::Multi, Access::Pointers) => fits || !padded,
            (Buffers::Multi, Access::Helpers) => true,
        }
}

/// Whether all frames get their verdicts, counted together: packets and bytes of each row.
fn agree(engine: &mut Engine, cases: &Cases) -> bool {
    let mut groups: BTreeMap<Option<&str>, Vec<&(Odd, Want)>> = BTreeMap::new();
    for case in cases {
        groups.entry(class_wanted(case.1)).or_default().push(case);
    }
    groups.into_iter().all(|(class, group)| {
        engine.grown();
        let verdicts = group.iter().all(|(odd, want)| {
            let verdict = if want.drops() { Verdict::Drop } else { Verdict::Pass };
            engine.verdict(&odd.frame).is_ok_and(|got| got == verdict)
        });
        let grown = engine.grown();
        let bytes: usize = group.iter().map(|(odd, _)| odd.frame.len()).sum();
        let sum = |at: usize| grown.iter().map(|(_, counts)| counts[at]).sum::<u64>();
        let rows = engine.rows();
        let right_rows =
            grown.iter().all(|(at, _)| rows.get(*at).is_some_and(|row| class_of(row) == class));
        verdicts && right_rows && [sum(0), sum(1)] == [group.len() as u64, bytes as u64]
    })
}

/// What each frame gets that does not get its verdict, one at a time.
fn disagreements(engine: &mut Engine, cases: &Cases) -> Vec<String> {
    engine.grown();
    let mut wrong = Vec::new();
    for (odd, want) in cases {
        let verdict = if want.drops() { Verdict::Drop } else { Verdict::Pass };
        let got = match engine.run(&odd.frame) {
            Ok(outcome) => {
                let class = class_of(&outcome.row) == class_wanted(*want);
                if outcome.half == Half::Enforced && outcome.verdict == verdict && class {
                    continue;
                }
                outcome.to_string()
            }
            Err(fault) => fault.to_string(),
        };
        wrong.push(format!("{}: wanted {want:?}, got {got}\n  {}", odd.name, hex(&odd.frame)));
    }
    wrong
}

fn class_of(row: &Row) -> Option<&'static str> {
    match row.decider {
        Decider::Malformed(class) => Some(class.name()),
        _ => None,
    }
}

fn class_wanted(want: Want) -> Option<&'static str> {
    match want {
        Want::Malformed(class) => Some(class.name()),
        Want::Pass | Want::Drop => None,
    }
}
