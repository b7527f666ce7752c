//! x
use std::collections::BTreeMap;

use palisade_filter::plan::Decider;
use palisade_filter::Verdict;
use palisade_tests::engine::{Engine, Half, hex};
use palisade_tests::odd::{self, Odd, Want};
use palisade_tests::privilege::Kernel;

/// Whether an outcome is the wanted one.
fn is(outcome: &palisade_tests::engine::Outcome, want: Want) -> bool {
    let malformed = match outcome.row.decider {
        Decider::Malformed(class) => Some(class.name()),
        _ => None,
    };
    let (verdict, class) = match want {
        Want::Pass => (Verdict::Pass, None),
        Want::Drop => (Verdict::Drop, None),
        Want::Malformed(class) => (Verdict::Drop, Some(class.name())),
    };
    outcome.half == Half::Enforced && outcome.verdict == verdict && malformed == class
}

#[test]
fn every_odd_frame_gets_its_verdict_on_every_target() {
    let Some(kernel) = Kernel::or_skip() else { return };
    let mut by_policy: BTreeMap<String, Vec<(Odd, Want)>> = BTreeMap::new();
    for odd in odd::all() {
        for (policy, want) in
            [(odd.flow.blocked(), odd.blocked), (odd.flow.allowed(), odd.allowed)]
        {
            by_policy.entry(policy).or_default().push((odd.clone(), want));
        }
    }
    let (mut runs, mut wrong) = (0, Vec::new());
    for target in &kernel.targets {
        for (policy, cases) in &by_policy {
            let mut engine = Engine::load(&kernel, policy, *target);
            for (odd, want) in cases.iter().filter(|(odd, _)| odd.frame.len() >= 14) {
                runs += 1;
                let outcome = engine.run(&odd.frame);
                if !outcome.as_ref().is_ok_and(|outcome| is(outcome, *want)) {
                    let got = outcome.map_or_else(|fault| fault.to_string(), |o| o.to_string());
                    wrong.push(format!(
                        "{} under {policy:?} ({:?}, {:?}): wanted {want:?}, got {got}\n  {}",
                        odd.name, target.buffers, target.length, hex(&odd.frame)
                    ));
                }
            }
        }
    }
    eprintln!("{runs} runs");
    assert!(wrong.is_empty(), "{} of {runs} runs:\n{}", wrong.len(), wrong.join("\n"));
}
