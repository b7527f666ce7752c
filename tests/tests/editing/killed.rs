//! A command that edits a set in place is killed at any time: nothing that was there is lost, nothing
//! is judged wrong, and the next command puts right what was left half done.

mod whole;

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::process::Stdio;
use std::time::{Duration, Instant};

use palisade_tests::lab::{Lab, NEAR};

use crate::{from4, from6, items};

/// How often a command is killed.
const KILLS: u32 = 24;
/// Entries that come or go in one command; there is room for them.
const MANY: u32 = 700;

/// Prefixes that nest, and addresses: each takes several stores.
fn many() -> Vec<String> {
    let v4 = |n: u32| format!("10.{}.{}.0/{}", n % 7, n % 250, 18 + n % 13);
    let v6 = |n: u32| format!("2001:db8:{:x}::{:x}", n % 5, n);
    let all: BTreeSet<String> = (0..MANY)
        .map(|n| if n % 3 == 0 { v6(n) } else { v4(n) })
        .map(|item| item.parse::<palisade_filter::Item>().expect("an item").to_string())
        .collect();
    all.into_iter().collect()
}

#[test]
fn a_kill_at_any_time_of_an_edit_in_place_loses_nothing_and_the_next_one_repairs() {
    Lab::run(|lab| {
        lab.palisade(&["attach", NEAR]).ok();
        let stays = ["172.16.0.0/12", "192.0.2.1", "2001:db8:ffff::/48", "2001:db8:9::9"];
        lab.palisade(&[&["add"][..], &stays].concat()).ok();
        let judged = [
            from4("172.17.0.1", 1),
            from4("192.0.2.1", 1),
            from6("2001:db8:ffff::1", 1),
            from6("2001:db8:9::9", 1),
            from4("192.0.2.2", 1),
            from6("2001:db8:9::a", 1),
        ];
        let verdicts = [false, false, false, false, true, true];
        let many = many();
        let mut text = String::new();
        many.iter().for_each(|item| writeln!(text, "{item}").expect("text"));
        let known: BTreeSet<String> =
            many.iter().cloned().chain(stays.map(str::to_owned)).collect();
        let whole = time(lab, &["import", "-"], &text);
        let (mut short, mut all) = (0, 0);
        for kill in 0..KILLS {
            let adds = kill % 2 == 1;
            let after = whole * kill / KILLS * 5 / 4;
            if adds {
                struck(lab, &["import", "-"], &text, after);
            } else {
                struck(lab, &["flush", "--set", "block"], "", after);
                // What a flush takes is put back: here it is the half of it that counts.
                lab.palisade(&[&["add"][..], &stays].concat()).ok();
            }
            let there: BTreeSet<String> = items(lab, "block").into_iter().collect();
            assert!(there.is_subset(&known), "{kill}: {:?}", there.difference(&known));
            assert!(stays.iter().all(|item| there.contains(*item)), "{kill}");
            assert_eq!(lab.through(&judged), verdicts, "kill {kill}");
            for item in there.iter().step_by(97) {
                lab.palisade(&["get", item]).ok();
            }
            lab.palisade(&["add", "198.51.100.1"]).ok();
            lab.palisade(&["del", "198.51.100.1"]).ok();
            assert_eq!(lab.through(&judged), verdicts, "kill {kill}, repaired");
            let now: BTreeSet<String> = items(lab, "block").into_iter().collect();
            assert_eq!(now, there, "{kill}");
            if there.len() == known.len() { all += 1 } else { short += 1 }
        }
        eprintln!("{short} cut short, {all} whole");
        assert!(short > 0 && all > 0, "{short} cut short, {all} whole");
        lab.palisade_with(&["import", "-"], &text).ok();
        assert_eq!(items(lab, "block").len(), known.len());
    });
}

#[test]
fn a_flush_behind_a_kill_leaves_no_ghost() {
    Lab::run(|lab| {
        lab.palisade(&["attach", NEAR]).ok();
        let mut text = String::new();
        many().iter().for_each(|item| writeln!(text, "{item}").expect("text"));
        let whole = time(lab, &["import", "-"], &text);
        lab.palisade(&["flush", "--set", "block"]).ok();
        for kill in 0..KILLS / 2 {
            struck(lab, &["import", "-"], &text, whole * (kill + 4) / KILLS * 2);
            lab.palisade(&["flush", "--set", "block"]).ok();
            assert!(items(lab, "block").is_empty(), "kill {kill}");
            lab.palisade(&["add", "198.51.100.1"]).ok();
            assert_eq!(items(lab, "block"), ["198.51.100.1"], "kill {kill}");
            lab.palisade(&["del", "198.51.100.1"]).ok();
        }
    });
}

/// How long a command takes.
fn time(lab: &Lab, args: &[&str], input: &str) -> Duration {
    let begin = Instant::now();
    lab.palisade_with(args, input).ok();
    begin.elapsed()
}

/// Runs a command and kills it after a while, if it is still there.
fn struck(lab: &Lab, args: &[&str], input: &str, after: Duration) {
    let mut command = lab.command(args);
    command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
    let mut child = command.spawn().expect("it starts");
    let mut stdin = child.stdin.take().expect("a pipe");
    // Whoever is killed reads no more.
    let _ = std::io::Write::write_all(&mut stdin, input.as_bytes());
    drop(stdin);
    std::thread::sleep(after);
    let _ = child.kill();
    child.wait().expect("it ends");
}
