//! A policy on trial: kept when it is confirmed, undone by the kernel when it is not, whoever lives.

use std::thread::sleep;
use std::time::{Duration, Instant};

use palisade_tests::lab::{Lab, NEAR};

use crate::{apply, apply_on_trial, attach, frame, passes, pins, status};

const OLD: &str = "set s net { max 16 }\ndrop ip4 src in s\ndrop udp dport 1001\ndefault pass\n";
const NEW: &str = "set s net { max 16 }\ndrop ip4 src in s\ndrop udp dport 1002\ndefault pass\n";
const THIRD: &str = "set s net { max 16 }\ndrop ip4 src in s\ndrop udp dport 1003\ndefault pass\n";

/// What each of them drops, of the three ports.
const BY_OLD: [bool; 3] = [false, true, true];
const BY_NEW: [bool; 3] = [true, false, true];
const BY_THIRD: [bool; 3] = [true, true, false];

fn judged(lab: &Lab) -> [bool; 3] {
    passes(lab, [1001, 1002, 1003])
}

/// Waits for the old policy to be in force; how long that took from `start`.
fn until_old(lab: &Lab, start: Instant) -> Duration {
    while judged(lab) != BY_OLD {
        assert!(start.elapsed() < Duration::from_secs(20), "the trial does not end");
        sleep(Duration::from_millis(20));
    }
    start.elapsed()
}

#[test]
fn a_trial_that_nobody_confirms_is_undone_in_time_with_no_process_alive() {
    for mode in ["native", "generic"] {
        Lab::run(|lab| undone_in_time(lab, mode));
    }
}

fn undone_in_time(lab: &Lab, mode: &str) {
    lab.palisade_with(&["attach", NEAR, "-p", "-", "--mode", mode], OLD).ok();
    let before = pins();
    // All is cut off but what the test needs to see it.
    let cut = "pass udp dport 7\ndefault drop\n";
    let said = apply_on_trial(lab, "2s", cut).ok();
    let start = Instant::now();
    assert!(said.contains("on trial for 2s"), "{said}");
    assert_eq!(judged(lab), [false; 3], "{mode}");
    let took = until_old(lab, start);
    assert!(took > Duration::from_millis(1500), "it ended after {took:?}");
    assert!(took < Duration::from_millis(3500), "it ended after {took:?}");
    // Nothing has run since; the next command that writes puts the pins right.
    let trial = status(lab)["trial"].clone();
    assert_eq!(trial["state"], "ended", "{trial}");
    lab.palisade(&["add", "--set", "s", "203.0.113.5"]).ok();
    assert_eq!(pins(), before);
    assert!(status(lab)["trial"].is_null());
    assert_eq!(lab.through(&[frame("203.0.113.5", 1)]), [false]);
    assert_eq!(judged(lab), BY_OLD);
}

#[test]
fn a_confirmed_trial_stays_and_counts_on() {
    Lab::run(|lab| {
        attach(lab, OLD);
        apply_on_trial(lab, "2s", NEW).ok();
        assert_eq!(judged(lab), BY_NEW);
        let trial = status(lab)["trial"].clone();
        assert_eq!(trial["state"], "on trial");
        assert!(trial["seconds_left"].as_u64().is_some_and(|left| left <= 2), "{trial}");
        lab.palisade(&["confirm"]).ok();
        assert!(status(lab)["trial"].is_null());
        assert!(!pins().iter().any(|pin| pin.ends_with("maps/_deadline")), "it asks no clock");
        let dropped = || status(lab)["verdicts"]["drop"]["packets"].as_u64();
        assert_eq!(dropped(), Some(1), "what was counted on trial is still counted");
        sleep(Duration::from_millis(2500));
        assert_eq!(judged(lab), BY_NEW);
        lab.palisade(&["confirm"]).failed(1);
    });
}

#[test]
fn a_confirmation_that_comes_too_late_is_told_so_and_changes_nothing() {
    Lab::run(|lab| {
        attach(lab, OLD);
        let before = pins();
        apply_on_trial(lab, "1s", NEW).ok();
        sleep(Duration::from_millis(1300));
        let said = lab.palisade(&["confirm"]).failed(1);
        assert!(said.contains("too late"), "{said}");
        assert_eq!(judged(lab), BY_OLD);
        assert_eq!(pins(), before);
        lab.palisade(&["confirm"]).failed(1);
    });
}

#[test]
fn readers_tell_of_the_policy_that_is_in_force_whatever_is_pinned() {
    Lab::run(|lab| {
        attach(lab, OLD);
        assert_eq!(judged(lab), BY_OLD);
        apply_on_trial(lab, "1s", "set n net { max 4 }\ndrop ip4 src in n\ndefault pass\n").ok();
        assert_eq!(judged(lab), [true; 3]);
        sleep(Duration::from_millis(1300));
        let pinned = pins();
        let found = status(lab);
        assert_eq!(found["text"], OLD);
        assert_eq!(found["trial"]["state"], "ended");
        assert_eq!(found["interfaces"].as_array().map(Vec::len), Some(1), "{found}");
        assert_eq!(found["verdicts"]["drop"]["packets"], 1);
        lab.palisade(&["list", "--set", "n"]).failed(2);
        lab.palisade(&["list", "--set", "s"]).ok();
        let stats = lab.palisade(&["-j", "stats", "--interval", "10ms", "--count", "1"]).json();
        assert_eq!(stats["rules"][1]["text"], "drop udp dport 1001");
        let said = lab.palisade(&["status"]).ok();
        assert!(said.contains("ended unconfirmed"), "{said}");
        assert_eq!(pinned, pins(), "whoever reads writes nothing");
        lab.palisade(&["mode", "off"]).ok();
        assert_eq!(judged(lab), [true; 3], "`mode` reaches the program that judges");
    });
}

#[test]
fn what_is_edited_during_a_trial_holds_after_it() {
    Lab::run(|lab| {
        attach(lab, OLD);
        lab.palisade(&["add", "--set", "s", "203.0.113.5", "203.0.113.6"]).ok();
        // Another size means maps of its own.
        let larger = NEW.replace("max 16", "max 32");
        for text in [NEW, &larger] {
            apply_on_trial(lab, "1s", text).ok();
            lab.palisade(&["add", "--set", "s", "203.0.113.7"]).ok();
            lab.palisade(&["del", "--set", "s", "203.0.113.6"]).ok();
            let sources = ["203.0.113.5", "203.0.113.6", "203.0.113.7"].map(|a| frame(a, 1));
            assert_eq!(lab.through(&sources), [false, true, false]);
            sleep(Duration::from_millis(1300));
            lab.palisade(&["add", "--set", "s", "203.0.113.9"]).ok();
            assert_eq!(judged(lab), BY_OLD);
            assert_eq!(lab.through(&sources), [false, true, false], "under {text}");
            lab.palisade(&["del", "--set", "s", "203.0.113.7", "203.0.113.9"]).ok();
            lab.palisade(&["add", "--set", "s", "203.0.113.6"]).ok();
        }
    });
}

#[test]
fn a_rollback_goes_back_one_step_and_keeps_what_was_edited() {
    Lab::run(|lab| {
        attach(lab, OLD);
        let before = pins();
        lab.palisade(&["rollback"]).failed(1);
        lab.palisade(&["add", "--set", "s", "203.0.113.5"]).ok();
        apply(lab, NEW).ok();
        lab.palisade(&["add", "--set", "s", "203.0.113.7"]).ok();
        assert_eq!(judged(lab), BY_NEW);
        let said = lab.palisade(&["rollback"]).ok();
        assert!(said.contains("the one before"), "{said}");
        assert_eq!(judged(lab), BY_OLD);
        let sources = ["203.0.113.5", "203.0.113.7"].map(|a| frame(a, 1));
        assert_eq!(lab.through(&sources), [false; 2]);
        assert_eq!(pins(), before);
        assert_eq!(status(lab)["text"], OLD);
        lab.palisade(&["rollback"]).failed(1);
        // A list that was put in the place of a shared set is no reason to lose it.
        apply(lab, NEW).ok();
        let args = ["import", "--replace", "--set", "s", "-"];
        lab.palisade_with(&args, "203.0.113.7\n203.0.113.9\n").ok();
        lab.palisade(&["rollback"]).ok();
        let sources = ["203.0.113.5", "203.0.113.7", "203.0.113.9"].map(|a| frame(a, 1));
        assert_eq!(lab.through(&sources), [true, false, false]);
    });
}

#[test]
fn sets_that_only_the_old_policy_had_come_back_as_they_were() {
    Lab::run(|lab| {
        attach(lab, OLD);
        lab.palisade(&["add", "--set", "s", "203.0.113.5"]).ok();
        apply(lab, "drop udp dport 1002\ndefault pass\n").ok();
        lab.palisade(&["list", "--set", "s"]).failed(2);
        lab.palisade(&["rollback"]).ok();
        assert_eq!(lab.items("s"), ["203.0.113.5"]);
        assert_eq!(lab.through(&[frame("203.0.113.5", 1)]), [false]);
    });
}

#[test]
fn a_rollback_ends_a_trial_and_an_apply_in_a_trial_forgets_what_was_on_trial() {
    Lab::run(|lab| {
        attach(lab, OLD);
        apply_on_trial(lab, "60s", NEW).ok();
        lab.palisade(&["rollback"]).ok();
        assert_eq!(judged(lab), BY_OLD);
        assert!(status(lab)["trial"].is_null());
        // The second trial returns to what was in force before the first.
        apply_on_trial(lab, "60s", NEW).ok();
        apply_on_trial(lab, "1s", THIRD).ok();
        assert_eq!(judged(lab), BY_THIRD);
        sleep(Duration::from_millis(1300));
        assert_eq!(judged(lab), BY_OLD);
        apply_on_trial(lab, "60s", NEW).ok();
        apply(lab, THIRD).ok();
        assert_eq!(judged(lab), BY_THIRD);
        assert!(status(lab)["trial"].is_null());
        lab.palisade(&["rollback"]).ok();
        assert_eq!(judged(lab), BY_OLD);
    });
}

#[test]
fn what_would_end_a_trial_by_the_way_is_refused() {
    Lab::run(|lab| {
        attach(lab, OLD);
        lab.palisade(&["confirm"]).failed(1);
        apply_on_trial(lab, "60s", NEW).ok();
        let args = ["import", "--replace", "--set", "s", "-"];
        let said = lab.palisade_with(&args, "203.0.113.7\n").failed(3);
        assert!(said.contains("on trial") && said.contains("palisade confirm"), "{said}");
        // The same text again, and another interface, change nothing about it.
        let said = apply(lab, NEW).ok();
        assert!(said.contains("already") && said.contains("on trial"), "{said}");
        lab.palisade(&["attach", "lo"]).ok();
        let found = status(lab);
        assert_eq!(found["trial"]["state"], "on trial");
        assert_eq!(found["interfaces"].as_array().map(Vec::len), Some(2), "{found}");
        lab.palisade(&["rollback"]).ok();
        assert_eq!(status(lab)["interfaces"].as_array().map(Vec::len), Some(2));
        assert_eq!(judged(lab), BY_OLD);
    });
}

#[test]
fn the_same_text_with_confirm_during_its_trial_sets_the_time_anew() {
    Lab::run(|lab| {
        attach(lab, OLD);
        apply_on_trial(lab, "2s", NEW).ok();
        let left = || status(lab)["trial"]["seconds_left"].as_u64().expect("on trial");
        let program = status(lab)["program"]["id"].clone();
        let said = apply(lab, NEW).ok();
        assert!(said.contains("on trial for 1 s more"), "{said}");
        let args = ["apply", "-", "--confirm", "60s"];
        let dry = lab.palisade_with(&[&args[..], &["--dry-run"]].concat(), NEW).ok();
        assert!(dry.contains("would be on trial for 1m"), "{dry}");
        assert!(left() <= 2);
        let said = apply_on_trial(lab, "60s", NEW).ok();
        assert!(said.contains("only its trial changes"), "{said}");
        assert!(said.contains("is on trial for 1m"), "{said}");
        assert!(left() > 50);
        assert_eq!(status(lab)["program"]["id"], program);
        sleep(Duration::from_millis(2300));
        assert_eq!(judged(lab), BY_NEW);
        // Shorter works as well, and what stays is no trial.
        apply_on_trial(lab, "1s", NEW).ok();
        sleep(Duration::from_millis(1300));
        assert_eq!(judged(lab), BY_OLD);
        let said = apply_on_trial(lab, "60s", OLD).ok();
        assert!(said.contains("nothing changes"), "{said}");
        assert!(status(lab)["trial"].is_null());
    });
}

#[test]
fn a_trial_that_is_over_is_undone_on_every_interface_and_may_be_detached() {
    Lab::run(|lab| {
        attach(lab, OLD);
        lab.palisade(&["attach", "lo"]).ok();
        apply_on_trial(lab, "1s", NEW).ok();
        sleep(Duration::from_millis(1300));
        lab.palisade(&["detach", "lo"]).ok();
        let found = status(lab);
        assert_eq!(found["interfaces"].as_array().map(Vec::len), Some(1), "{found}");
        assert!(found["trial"].is_null());
        apply_on_trial(lab, "1s", NEW).ok();
        sleep(Duration::from_millis(1300));
        lab.palisade(&["detach", "--all"]).ok();
        assert_eq!(judged(lab), [true; 3]);
        assert!(pins().is_empty(), "{:?}", pins());
    });
}
