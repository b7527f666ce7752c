//! What the planner may not change, whatever it puts together or leaves out.

use palisade_filter::oracle::decide;
use palisade_filter::{PlanError, Policy, Target, compile, parse};
use palisade_tests::agree::contents;
use palisade_tests::engine::{Engine, hex};
use palisade_tests::privilege::Kernel;
use palisade_tests::random::{Chance, frame, matching, policy, rules};

/// Rules that no frame here matches, as no frame has that address: between two rules they keep the
/// planner from putting these together.
const BETWEEN: &str = "count ether src 0a:0a:0a:0a:0a:0a\n";

/// The rules as a policy, each called by its place, `between` standing between them.
fn policy_of<'a>(rules: impl IntoIterator<Item = (usize, &'a str)>, between: &str) -> String {
    let named = rules.into_iter().map(|(at, rule)| format!("{rule} as r{at}\n"));
    let rules: Vec<String> = named.collect();
    format!("{}default pass\n", rules.join(between))
}

/// Rules that the parser takes, that look into no set, and that decide.
fn sound_rules(chance: &mut Chance) -> Vec<String> {
    let mut all = rules(chance);
    all.retain(|rule| {
        let decides = !rule.starts_with("count") && !rule.contains(" in ");
        decides && parse(&policy_of([(0, rule.as_str())], "")).is_ok()
    });
    all
}

/// What decides the frames: the rule's name, or the text of the row.
fn deciders(kernel: &Kernel, text: &str, target: Target, frames: &[Vec<u8>]) -> Vec<String> {
    let mut engine = Engine::load(kernel, text, target);
    let mut decided = |frame: &Vec<u8>| match engine.run(frame) {
        Ok(outcome) => outcome.row.name.map_or(outcome.row.text, |name| name.to_string()),
        Err(fault) => panic!("{fault}: {}\nof:\n{text}", hex(frame)),
    };
    frames.iter().map(&mut decided).collect()
}

#[track_caller]
fn assert_same(kernel: &Kernel, texts: [&str; 2], target: Target, frames: &[Vec<u8>]) {
    let [one, other] = texts.map(|text| deciders(kernel, text, target, frames));
    for ((one, other), frame) in one.iter().zip(&other).zip(frames) {
        let [first, second] = texts;
        assert_eq!(one, other, "{}\nof:\n{first}\nand:\n{second}", hex(frame));
    }
}

#[test]
fn rules_decide_the_same_frames_whether_they_can_be_put_together_or_not() {
    let Some(kernel) = Kernel::or_skip() else { return };
    for seed in 0..24 {
        let mut chance = Chance::new(seed);
        let rules = sound_rules(&mut chance);
        let frames: Vec<_> = (0..60).map(|_| frame(&mut chance)).collect();
        let numbered = || rules.iter().map(String::as_str).enumerate();
        let (together, apart) = (policy_of(numbered(), ""), policy_of(numbered(), BETWEEN));
        assert_same(&kernel, [&together, &apart], kernel.best(), &frames);
    }
}

#[test]
fn rules_that_exclude_each_other_may_stand_in_any_order() {
    let Some(kernel) = Kernel::or_skip() else { return };
    for seed in 0..16 {
        let mut chance = Chance::new(seed);
        let key = chance.one(&["dport", "sport"]);
        let ports = [0u16, 22, 53, 67, 68, 80, 81, 82, 83, 84, 443, 546, 547, 8080, 65535];
        let shared = matching(&mut chance, 0);
        let mut rule = |port: &u16| {
            let action = chance.one(&["drop", "drop", "drop", "pass"]);
            let more = if chance.once_in(4) { matching(&mut chance, 0) } else { shared.clone() };
            format!("{action} {more} {key} {port}")
        };
        let mut rules: Vec<String> = ports.iter().map(&mut rule).collect();
        rules.retain(|rule| {
            !rule.contains(" in ") && parse(&policy_of([(0, rule.as_str())], "")).is_ok()
        });
        let mut numbered: Vec<_> = rules.iter().map(String::as_str).enumerate().collect();
        let ordered = policy_of(numbered.iter().copied(), "");
        for at in (1..numbered.len()).rev() {
            numbered.swap(at, chance.below(at + 1));
        }
        let shuffled = policy_of(numbered, "");
        let frames: Vec<_> = (0..80).map(|_| frame(&mut chance)).collect();
        assert_same(&kernel, [&ordered, &shuffled], kernel.best(), &frames);
    }
}

/// The lines that no frame reaches, by what the planner says.
fn dead_lines(policy: &Policy) -> Vec<u32> {
    match compile(policy, Target::FLOOR) {
        Ok(artifact) => artifact.dead.iter().map(|dead| dead.line).collect(),
        Err(PlanError::TooManySets { .. }) => Vec::new(),
        Err(error) => panic!("{error}"),
    }
}

#[test]
fn a_policy_that_was_printed_and_read_again_decides_the_same() {
    for seed in 0..250 {
        let mut chance = Chance::new(seed);
        let made = policy(&mut chance);
        let policy = parse(&made.text).expect("a policy");
        let printed = policy.to_string();
        let again = parse(&printed).unwrap_or_else(|e| panic!("{}", e.report("printed", &printed)));
        let sets = contents(&policy, &made.entries);
        for _ in 0..40 {
            let frame = frame(&mut chance);
            let [one, other] = [&policy, &again].map(|policy| decide(policy, &sets, &frame));
            let same = (one.decider, &one.counted) == (other.decider, &other.counted);
            assert!(same, "{}\nof:\n{}\nand:\n{printed}", hex(&frame), made.text);
        }
    }
}

#[test]
fn what_is_called_dead_decides_and_counts_nothing() {
    let (mut dead_rules, mut asked) = (0, 0);
    for seed in 0..250 {
        let mut chance = Chance::new(seed);
        let made = policy(&mut chance);
        let policy = parse(&made.text).expect("a policy");
        let dead = dead_lines(&policy);
        if dead.is_empty() {
            continue;
        }
        dead_rules += dead.len();
        let sets = contents(&policy, &made.entries);
        for _ in 0..150 {
            asked += 1;
            let frame = frame(&mut chance);
            let decision = decide(&policy, &sets, &frame);
            let counted = decision.counted.iter().map(|at| policy.rules()[*at].line);
            let hit: Vec<u32> = counted.chain(decision.line).filter(|l| dead.contains(l)).collect();
            assert!(hit.is_empty(), "seed {seed}, lines {hit:?}: {}\nof:\n{policy}", hex(&frame));
        }
    }
    assert!(dead_rules > 100 && asked > 5_000, "{dead_rules} dead rules, {asked} frames");
}
