//! A set that outgrows the maps that it was made with goes on in larger ones.

use std::fmt::Write as _;

use palisade_tests::lab::{Lab, NEAR};
use serde_json::Value;

use crate::{from4, items};

/// More than there is room for at first.
const MANY: usize = 1500;

/// That many addresses, a line each.
fn many(net: &str) -> String {
    let mut text = String::new();
    for n in 0..MANY {
        writeln!(text, "{net}.{}.{}", n / 250, n % 250).expect("text");
    }
    text
}

fn program(lab: &Lab) -> Value {
    lab.palisade(&["status", "-j"]).json()["program"]["id"].clone()
}

#[test]
fn a_set_that_outgrows_its_maps_keeps_its_entries_and_their_hits() {
    Lab::run(|lab| {
        lab.palisade(&["attach", NEAR]).ok();
        lab.palisade(&["add", "192.0.2.1", "--timeout", "1h"]).ok();
        lab.palisade(&["add", "2001:db8::1"]).ok();
        let frames = ["192.0.2.1", "10.1.5.249", "192.0.2.2"].map(|source| from4(source, 1));
        assert_eq!(lab.through(&frames), [false, true, true]);
        lab.expect_hits("block", "192.0.2.1", 1);
        let before = (program(lab), lab.hits("block", "192.0.2.1"));
        lab.palisade_with(&["import", "-"], &many("10.1")).ok();
        assert_ne!(program(lab), before.0, "larger maps take another program");
        assert_eq!(items(lab, "block").len(), MANY + 2);
        assert_eq!(lab.hits("block", "192.0.2.1"), before.1, "with its hits");
        let timed = lab.palisade(&["list", "-j", "--set", "block"]).json();
        let entries = timed["sets"]["block"]["entries"].as_array().expect("entries").clone();
        let of = |item: &str| entries.iter().find(|entry| entry["item"] == item).expect("there");
        assert!(!of("192.0.2.1")["expires"].is_null() && of("2001:db8::1")["expires"].is_null());
        assert_eq!(lab.through(&frames), [false, false, true]);
        lab.palisade(&["attest"]).ok();
        // There is room again: the next edit is one in place.
        let grown = program(lab);
        lab.palisade(&["add", "10.2.0.1"]).ok();
        lab.palisade(&["del", "10.1.0.0"]).ok();
        assert_eq!(program(lab), grown);
        assert_eq!(items(lab, "block").len(), MANY + 2);
    });
}

#[test]
fn two_sets_that_outgrow_their_maps_at_once_both_go_on() {
    Lab::run(|lab| {
        lab.palisade(&["attach", NEAR]).ok();
        let set = |name: &str, net: &str| {
            let text = many(net);
            let entries: Vec<Value> =
                text.lines().map(|item| serde_json::json!({"item": item})).collect();
            (name.to_owned(), serde_json::json!({"type": "net", "entries": entries}))
        };
        let sets: serde_json::Map<String, Value> =
            [set("allow", "10.3"), set("block", "10.4")].into_iter().collect();
        let document = serde_json::json!({"policy": "main", "sets": sets}).to_string();
        lab.palisade_with(&["import", "--format", "json", "-"], &document).ok();
        assert_eq!([items(lab, "allow").len(), items(lab, "block").len()], [MANY; 2]);
        lab.palisade(&["attest"]).ok();
    });
}

#[test]
fn a_set_does_not_outgrow_its_maps_while_the_policy_is_on_trial() {
    Lab::run(|lab| {
        lab.palisade(&["attach", NEAR]).ok();
        lab.palisade(&["add", "192.0.2.1"]).ok();
        let policy = "set block net\ndrop src in block\ndrop udp dport 9\ndefault pass\n";
        lab.palisade_with(&["apply", "--confirm", "10m", "-"], policy).ok();
        let error = lab.palisade_with(&["import", "-"], &many("10.1")).failed(3);
        assert!(error.contains("on trial") && error.contains("larger ones"), "{error}");
        assert_eq!(items(lab, "block"), ["192.0.2.1"], "nothing was imported");
        lab.palisade(&["confirm"]).ok();
        lab.palisade_with(&["import", "-"], &many("10.1")).ok();
        assert_eq!(items(lab, "block").len(), MANY + 1);
    });
}
