//! What holds of every example: it is sound, has no rule for nothing, and keeps its own word.

use std::collections::BTreeSet;
use std::fs;

use palisade_filter::oracle::{decide, expected_frame};
use palisade_filter::plan::{Access, Buffers};
use palisade_filter::{Target, Verdict, compile, parse};
use palisade_tests::agree::contents;
use palisade_tests::examples::names;

use crate::{Example, folder};

/// One target for each shape of programs.
const TARGETS: [Target; 2] =
    [Target::FLOOR, Target { buffers: Buffers::Multi, access: Access::Helpers, ..Target::FLOOR }];

#[test]
fn every_file_among_the_examples_is_tested_or_read_by_one() {
    let mut known: BTreeSet<String> = names().map(|name| format!("{name}.pal")).collect();
    for name in names() {
        let policy = Example::read(name).policy;
        known.extend(policy.sets().iter().filter_map(|set| set.file.clone()).map(|file| file.path));
    }
    known.insert("fail2ban.conf".into());
    let mut found = BTreeSet::new();
    for sub in ["", "lists"] {
        for entry in fs::read_dir(folder().join(sub)).expect("a folder") {
            let path = entry.expect("an entry").path();
            if path.is_file() {
                let name = path.strip_prefix(folder()).expect("below the folder");
                found.insert(name.display().to_string());
            }
        }
    }
    assert_eq!(found, known);
}

#[test]
fn examples_compile_on_every_shape_and_have_no_dead_rule() {
    for name in names() {
        let policy = Example::read(name).policy;
        for target in TARGETS {
            let artifact = compile(&policy, target).unwrap_or_else(|e| panic!("{name}: {e}"));
            assert_eq!(artifact.dead, [], "{name}");
            artifact.program.encode(target.isa).unwrap_or_else(|e| panic!("{name}: {e}"));
        }
    }
}

#[test]
fn examples_print_in_canonical_form_and_mean_the_same_there() {
    for name in names() {
        let Example { policy, lists, .. } = Example::read(name);
        let printed = policy.to_string();
        let again = parse(&printed).unwrap_or_else(|e| panic!("{}", e.report(name, &printed)));
        assert_eq!(again.to_string(), printed, "{name}");
        let [first, second] = [&policy, &again].map(|policy| {
            let contents = contents(policy, &lists);
            let frames = policy.expects().iter().map(expected_frame);
            let decided = |frame: Vec<u8>| {
                let decision = decide(policy, &contents, &frame);
                (decision.decider, decision.verdict)
            };
            frames.map(decided).collect::<Vec<_>>()
        });
        assert_eq!(first, second, "{name}");
    }
}

#[test]
fn what_examples_expect_holds_and_each_expects_something() {
    for name in names() {
        let Example { policy, lists, .. } = Example::read(name);
        let contents = contents(&policy, &lists);
        assert!(!policy.expects().is_empty(), "{name} expects nothing");
        for expect in policy.expects() {
            let decision = decide(&policy, &contents, &expected_frame(expect));
            let dropped = decision.verdict != Verdict::Pass;
            let wanted = expect.verdict == Verdict::Drop;
            assert_eq!(dropped, wanted, "{name}: {}: {decision:?}", expect.text);
        }
    }
}
