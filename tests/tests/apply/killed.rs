//! A kill at any moment leaves the old policy or the new one, whole, and the next command works; a
//! trial whose author was killed is undone by the kernel all the same.

use std::collections::BTreeSet;
use std::thread::sleep;
use std::time::{Duration, Instant};

use palisade_loader::xdp;
use palisade_tests::lab::Lab;
use palisade_tests::struck::{FAIL, KILL, Point, points, strace, struck, tree};

use crate::{Files, apply, attach, frame, status};

/// The new policy declares another entry of the set, which so gets new maps.
const OLD: &str = "set s net { max 16 elements { 203.0.113.4 } }\nset o net { max 16 }\ndrop ip4 src in s\ndrop ip4 src in o\ndrop udp dport 1001\ndefault pass\n";
const NEW: &str = "set s net { max 16 elements { 203.0.113.5 } }\nset n net { max 16 }\ndrop ip4 src in s\ndrop ip4 src in n\ndrop udp dport 1002\ndefault pass\n";

/// Which of the two policies judges; an error if it is neither.
fn judge(lab: &Lab) -> Result<Policy, String> {
    let by_port = [1001, 1002].map(|port| frame("203.0.113.8", port));
    let by_set = ["203.0.113.4", "203.0.113.5"].map(|source| frame(source, 1));
    match lab.through(&[by_port, by_set].concat()).as_slice() {
        [false, true, false, true] => Ok(Policy::Old),
        [true, false, true, false] => Ok(Policy::New),
        other => Err(format!("judged by neither: {other:?}")),
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Policy {
    Old,
    New,
}

/// How many moments of a command, from its first change to its last: ten, or as many as somebody
/// asks for.
fn moments(lab: &Lab, args: &[&str]) -> Vec<Point> {
    let asked = std::env::var("PALISADE_MOMENTS").ok();
    let count = asked.map_or(10, |count| count.parse().expect("a number in PALISADE_MOMENTS"));
    let all = points(lab, args);
    let last = all.len().saturating_sub(1);
    let at: BTreeSet<usize> = (0..count).map(|i| i * last / (count - 1).max(1)).collect();
    all.into_iter().enumerate().filter(|(i, _)| at.contains(i)).map(|(_, point)| point).collect()
}

/// Strikes a command at ten moments. `before` prepares each; `after` is told who judges then.
fn sweep(
    lab: &Lab,
    (args, fault): (&[&str], &str),
    before: impl Fn(),
    after: impl Fn(Policy) -> Result<(), String>,
) -> Vec<Policy> {
    if strace(lab, &[]).is_none() {
        return Vec::new();
    }
    before();
    let (mut left, mut wrong) = (Vec::new(), Vec::new());
    for at in moments(lab, args) {
        before();
        let code = struck(lab, args, fault, &at);
        assert!(fault == KILL || matches!(code, Some(0 | 3)), "{fault} at {at:?}: {code:?}");
        match judge(lab).and_then(|policy| after(policy).map(|()| policy)) {
            Ok(policy) => left.push(policy),
            Err(complaint) => wrong.push(format!("{fault} at {at:?}: {complaint}")),
        }
    }
    assert!(wrong.is_empty(), "{} moments:\n{}", wrong.len(), wrong.join("\n"));
    left
}

/// The moments lay before the change and after it.
#[track_caller]
fn both(left: &[Policy]) {
    let both = left.contains(&Policy::Old) && left.contains(&Policy::New);
    assert!(left.is_empty() || both, "{left:?}");
}

/// The old policy in force, and one before it that is kept.
fn fresh(lab: &Lab) {
    lab.palisade(&["detach", "--all"]);
    attach(lab, "default pass\n");
    apply(lab, OLD).ok();
}

/// An entry that is said to be added is in force.
fn edits_hold(lab: &Lab) -> Result<(), String> {
    lab.palisade(&["add", "--set", "s", "203.0.113.100"]).ok();
    let seen = lab.through(&[frame("203.0.113.100", 1)]);
    lab.palisade(&["del", "--set", "s", "203.0.113.100"]).ok();
    if seen == [false] { Ok(()) } else { Err("an entry that was added has no effect".to_owned()) }
}

/// The program on the near end is the one that is pinned, and the pins are these.
fn whole(lab: &Lab, good: &BTreeSet<String>) -> Result<(), String> {
    let on = xdp::query(lab.near_index()).expect("asked").map(|on| u64::from(on.program_id));
    if status(lab)["program"]["id"].as_u64() != on {
        return Err(format!("{on:?} is attached, and not what is pinned"));
    }
    let strays: Vec<String> = tree().symmetric_difference(good).cloned().collect();
    if strays.is_empty() { Ok(()) } else { Err(format!("pins differ: {strays:?}")) }
}

#[test]
fn a_struck_apply_leaves_the_old_policy_or_the_new_one_and_the_next_command_works() {
    Lab::run(|lab| {
        let files = Files::new();
        let new = files.write("new.pal", NEW);
        fresh(lab);
        lab.palisade(&["apply", &new]).ok();
        let good = tree();
        for fault in [KILL, FAIL] {
            let left = sweep(
                lab,
                (&["apply", &new], fault),
                || fresh(lab),
                |_| {
                    edits_hold(lab)?;
                    lab.palisade(&["apply", &new]).ok();
                    whole(lab, &good)?;
                    lab.palisade(&["rollback"]).ok();
                    if judge(lab)? == Policy::Old { Ok(()) } else { Err("no way back".to_owned()) }
                },
            );
            both(&left);
        }
    });
}

#[test]
fn a_trial_whose_author_was_killed_returns_in_time() {
    Lab::run(|lab| {
        let files = Files::new();
        let new = files.write("new.pal", NEW);
        fresh(lab);
        lab.palisade(&["apply", &new]).ok();
        lab.palisade(&["rollback"]).ok();
        let gone_back = tree();
        fresh(lab);
        let untouched = tree();
        let on_trial = ["apply", &new, "--confirm", "2s"];
        let left = sweep(
            lab,
            (&on_trial, KILL),
            || fresh(lab),
            |policy| {
                let start = Instant::now();
                // At the very moment some packets meet the one policy and some the other.
                while policy == Policy::New && judge(lab) != Ok(Policy::Old) {
                    if start.elapsed() > Duration::from_secs(4) {
                        return Err("the trial does not end".to_owned());
                    }
                    sleep(Duration::from_millis(50));
                }
                edits_hold(lab)?;
                whole(lab, &untouched).or_else(|_| whole(lab, &gone_back))
            },
        );
        both(&left);
    });
}

#[test]
fn a_struck_rollback_leaves_the_new_policy_or_the_old_one_and_the_next_command_works() {
    Lab::run(|lab| {
        let files = Files::new();
        let new = files.write("new.pal", NEW);
        let before = || {
            fresh(lab);
            lab.palisade(&["apply", &new]).ok();
        };
        before();
        let good = tree();
        for fault in [KILL, FAIL] {
            let left = sweep(lab, (&["rollback"], fault), before, |_| {
                edits_hold(lab)?;
                lab.palisade(&["apply", &new]).ok();
                whole(lab, &good)
            });
            both(&left);
        }
    });
}

#[test]
fn a_killed_confirmation_leaves_the_new_policy_on_trial_or_confirmed() {
    Lab::run(|lab| {
        let files = Files::new();
        let new = files.write("new.pal", NEW);
        fresh(lab);
        lab.palisade(&["apply", &new]).ok();
        let good = tree();
        let before = || {
            fresh(lab);
            lab.palisade(&["apply", &new, "--confirm", "60s"]).ok();
        };
        let left = sweep(lab, (&["confirm"], KILL), before, |_| {
            edits_hold(lab)?;
            // It says no where nothing is left to confirm.
            let again = lab.palisade(&["confirm"]);
            if !matches!(again.code, Some(0 | 1)) {
                return Err(again.stderr);
            }
            whole(lab, &good)
        });
        assert!(left.iter().all(|policy| *policy == Policy::New), "{left:?}");
    });
}
