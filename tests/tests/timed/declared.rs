//! Entries that the policy declares, in sets whose entries end.

use palisade_tests::lab::{Lab, NEAR};
use serde_json::Value;

use super::{SHORT, wait};

/// A set of each kind with options and elements.
fn policy(options: &str, nets: &str, services: &str, macs: &str) -> String {
    let set = |declared: &str, elements: &str| {
        let elements =
            if elements.is_empty() { String::new() } else { format!("elements {{ {elements} }}") };
        format!("set {declared} {{ {options} {elements} }}\n")
    };
    [
        set("block net", nets),
        set("ports service", services),
        set("macs mac", macs),
        "drop src in block\ndrop service in ports\ndrop ether src in macs\ndefault pass\n"
            .to_owned(),
    ]
    .concat()
}

fn apply(lab: &Lab, policy: &str) {
    lab.palisade_with(&["apply", "/dev/stdin"], policy).ok();
}

/// The entries of all sets, each with whether it ends.
fn held(lab: &Lab) -> Vec<(String, bool)> {
    let listing = lab.palisade(&["list", "-j"]).json();
    let pair = |entry: &Value| {
        (entry["item"].as_str().expect("an item").to_owned(), entry["expires"].is_u64())
    };
    let of = |set: &str| listing["sets"][set]["entries"].as_array().expect("entries").clone();
    ["block", "ports", "macs"].iter().flat_map(|set| of(set)).map(|entry| pair(&entry)).collect()
}

#[track_caller]
fn expect(lab: &Lab, want: &[(&str, bool)]) {
    let want: Vec<_> = want.iter().map(|(item, ends)| ((*item).to_owned(), *ends)).collect();
    assert_eq!(held(lab), want);
}

const NETS: &str = "10.0.0.1, 10.1.0.0/16";
const SERVICES: &str = "udp/53";
const MACS: &str = "02:00:5e:10:00:01";

#[test]
fn declared_entries_have_the_sets_time_and_come_back_with_the_next_apply() {
    Lab::run(|lab| {
        let text = policy(&format!("timeout {SHORT}"), NETS, SERVICES, MACS);
        lab.palisade_with(&["attach", NEAR, "-p", "/dev/stdin"], &text).ok();
        let all = [("10.0.0.1", true), ("10.1.0.0/16", true), ("udp/53", true), (MACS, true)];
        expect(lab, &all);
        wait();
        expect(lab, &[]);
        apply(lab, &text);
        expect(lab, &all);
    });
}

#[test]
fn a_time_that_a_set_gets_or_loses_is_that_of_its_declared_entries() {
    Lab::run(|lab| {
        let lasting = policy("max 9", NETS, SERVICES, MACS);
        let timed = policy("max 9 timeout 1h", NETS, SERVICES, MACS);
        lab.palisade_with(&["attach", NEAR, "-p", "/dev/stdin"], &lasting).ok();
        lab.palisade(&["add", "10.0.0.9"]).ok();
        lab.palisade(&["add", "udp/99", "--timeout", "2h"]).ok();
        apply(lab, &timed);
        expect(
            lab,
            &[
                ("10.0.0.1", true),
                ("10.0.0.9", false),
                ("10.1.0.0/16", true),
                ("udp/53", true),
                ("udp/99", true),
                (MACS, true),
            ],
        );
        let said = lab.palisade(&["add", "10.0.0.8"]).ok();
        assert!(said.ends_with("for 1h\n"), "{said}");
        apply(lab, &lasting);
        expect(
            lab,
            &[
                ("10.0.0.1", false),
                ("10.0.0.8", true),
                ("10.0.0.9", false),
                ("10.1.0.0/16", false),
                ("udp/53", false),
                ("udp/99", true),
                (MACS, false),
            ],
        );
        let said = lab.palisade(&["add", "10.0.0.7"]).ok();
        assert!(!said.contains(" for "), "{said}");
    });
}

#[test]
fn what_the_text_no_longer_names_goes_and_what_was_added_stays() {
    Lab::run(|lab| {
        lab.palisade_with(
            &["attach", NEAR, "-p", "/dev/stdin"],
            &policy("max 3", NETS, SERVICES, MACS),
        )
        .ok();
        let added = ["10.0.0.9", "udp/99", "02:00:5e:10:00:09"];
        lab.palisade(&[&["add"], added.as_slice()].concat()).ok();
        // Added already, and named by the next text: it stays when the one behind names it no more.
        let named = policy(
            "max 3",
            "10.0.0.9, 10.0.0.2",
            "udp/99, udp/54",
            "02:00:5e:10:00:09, 02:00:5e:10:00:02",
        );
        apply(lab, &named);
        expect(
            lab,
            &[
                ("10.0.0.2", false),
                ("10.0.0.9", false),
                ("udp/54", false),
                ("udp/99", false),
                ("02:00:5e:10:00:02", false),
                ("02:00:5e:10:00:09", false),
            ],
        );
        apply(lab, &policy("max 3", "", "", ""));
        expect(lab, &added.map(|item| (item, false)));
    });
}

#[test]
fn more_than_a_set_takes_is_refused_and_leaves_it_as_it_was() {
    Lab::run(|lab| {
        let text = policy("max 3", NETS, SERVICES, MACS);
        lab.palisade_with(&["attach", NEAR, "-p", "/dev/stdin"], &text).ok();
        lab.palisade(&["add", "10.0.0.9", "udp/98", "udp/99"]).ok();
        let before = held(lab);
        for more in [
            policy("max 3", "10.0.0.2, 10.0.0.3, 10.0.0.4", SERVICES, MACS),
            policy("max 3", NETS, "udp/1, udp/2", MACS),
        ] {
            let said = lab.palisade_with(&["apply", "/dev/stdin"], &more).failed(3);
            assert!(said.contains("is full") && said.contains("of 3 entries"), "{said}");
            assert_eq!(held(lab), before);
        }
        apply(lab, &policy("max 3", "10.0.0.2, 10.0.0.3", "udp/1", MACS));
    });
}
