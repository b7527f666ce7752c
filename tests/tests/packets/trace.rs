//! The trace of a decision says what the decision does, on policies and frames by chance.

use palisade_filter::oracle::{Decider, Listed, Minded, Reading, decide};
use palisade_filter::{Item, parse};
use palisade_tests::agree::{Life, contents};
use palisade_tests::random::{Chance, frame, policy};

#[test]
fn what_was_asked_last_decides_and_a_statement_matches_if_its_terms_hold() {
    let (mut asked, mut matched, mut malformed) = (0, 0, 0);
    for seed in 1..=80 {
        let mut chance = Chance::new(seed);
        let made = policy(&mut chance);
        let read = parse(&made.text).expect("a policy");
        let listed = Listed::with(&read, |set| {
            let own = made.entries.iter().filter(|entry| entry.set == set.name.as_str());
            let alive = own.filter(|entry| entry.life != Life::Over);
            alive.map(|entry| entry.item.parse::<Item>().expect("an item")).collect::<Vec<_>>()
        });
        let declared = contents(&read, &made.entries);
        for _ in 0..60 {
            let frame = frame(&mut chance);
            let trace = Reading::of(&frame).trace(&read, &listed);
            assert_eq!(
                trace.decision,
                decide(&read, &declared, &frame),
                "seed {seed}\n{}",
                made.text
            );
            for question in &trace.asked {
                let all = question.answers.iter().all(|answer| answer.holds);
                assert_eq!(question.holds, all, "seed {seed}: {question:?}");
                asked += 1;
                matched += usize::from(question.holds);
            }
            let last = trace.asked.last().filter(|last| last.holds).map(|last| last.decider);
            match trace.decision.decider {
                decider @ (Decider::Keep(_) | Decider::Rule(_)) => assert_eq!(last, Some(decider)),
                Decider::Malformed(flaw) => {
                    assert_eq!(trace.flaw, Some((flaw, Minded::Yes)));
                    assert!(trace.asked.is_empty());
                    malformed += 1;
                }
                Decider::Fragment | Decider::Default => {
                    assert!(trace.flaw.is_none_or(|(_, minded)| minded == Minded::No));
                }
            }
        }
    }
    assert!(asked > 10_000 && matched > 500 && malformed > 100, "{asked} {matched} {malformed}");
}
