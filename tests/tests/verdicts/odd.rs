//! Every odd frame, under the policy that blocks its flow and the one that allows it.

use std::collections::BTreeMap;

use palisade_filter::Target;
use palisade_tests::engine::Engine;
use palisade_tests::odd::Odd;
use palisade_tests::odd::judge::{Case, by_policy, can_show, class_of, disagreements, told_by};
use palisade_tests::privilege::Kernel;

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
            let cases: Vec<Case> =
                cases.iter().filter(|(odd, _)| can_run(odd, *target)).cloned().collect();
            let mut engine = Engine::load(&kernel, policy, *target);
            runs += cases.len();
            if *target == kernel.best() || !agree(&mut engine, &cases) {
                engine.grown();
                let found = disagreements(&cases, |frame| told_by(&mut engine, frame));
                let place =
                    format!("under {policy:?} with {:?}, {:?}", target.buffers, target.access);
                wrong.extend(found.map(|what| format!("{place}: {what}")));
            }
        }
    }
    assert!(wrong.is_empty(), "{} of {runs} runs:\n{}", wrong.len(), wrong.join("\n"));
    assert!(runs > 4_000 * kernel.targets.len(), "{runs} runs");
}

/// Whether a test run takes the frame, and it shows there what a driver would.
fn can_run(odd: &Odd, target: Target) -> bool {
    odd.frame.len() >= 14 && can_show(odd, target)
}

/// Whether all frames get their verdicts, counted together: packets and bytes of each row.
fn agree(engine: &mut Engine, cases: &[Case]) -> bool {
    let mut groups: BTreeMap<Option<&str>, Vec<&Case>> = BTreeMap::new();
    for case in cases {
        groups.entry(case.1.told().1).or_default().push(case);
    }
    groups.into_iter().all(|(class, group)| {
        engine.grown();
        let verdicts = group
            .iter()
            .all(|(odd, want)| engine.verdict(&odd.frame).is_ok_and(|got| got == want.told().0));
        let grown = engine.grown();
        let bytes: usize = group.iter().map(|(odd, _)| odd.frame.len()).sum();
        let sum = |at: usize| grown.iter().map(|(_, counts)| counts[at]).sum::<u64>();
        let rows = engine.rows();
        let right_rows =
            grown.iter().all(|(at, _)| rows.get(*at).is_some_and(|row| class_of(row) == class));
        verdicts && right_rows && [sum(0), sum(1)] == [group.len() as u64, bytes as u64]
    })
}
