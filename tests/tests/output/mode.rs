//! `mode`: what is dropped and what is counted, and how `status` tells it.

use palisade_tests::lab::Lab;
use palisade_tests::packet::{ARP_REQUEST, arp, eth};
use serde_json::Value;

use super::from4;

#[test]
fn the_mode_decides_what_becomes_of_verdicts() {
    Lab::run(|lab| {
        lab.filter();
        lab.palisade(&["add", "198.51.100.66"]).ok();
        let frames = [from4("198.51.100.66", 9), from4("198.51.100.1", 9)];
        let drops = || {
            let told = lab.palisade(&["status", "-j"]).json();
            let packets = |value: &Value| value["packets"].as_u64().expect("a count");
            (packets(&told["verdicts"]["drop"]), packets(&told["would_drop"]))
        };
        assert_eq!(lab.palisade(&["mode"]).ok(), "enforce\n");
        assert_eq!(lab.through(&frames), [false, true]);
        assert_eq!(drops(), (1, 0));

        assert_eq!(lab.palisade(&["mode", "shadow"]).ok(), "shadow (was enforce)\n");
        assert_eq!(lab.through(&frames), [true, true]);
        assert_eq!(drops(), (1, 1), "what would be dropped is counted apart");
        let told = lab.palisade(&["stats", "-j", "--count", "1", "--interval", "10ms"]).json();
        let rules = told["rules"].as_array().expect("rules").iter();
        let passed = rules.filter(|rule| rule["verdict"] == "pass");
        let passed: u64 = passed.map(|rule| rule["packets"].as_u64().expect("a count")).sum();
        let verdict = told["verdicts"]["pass"]["packets"].as_u64();
        assert_eq!(verdict, Some(passed + 1), "and it has passed: {told}");
        let status = lab.palisade(&["status"]).ok();
        assert!(status.contains("mode shadow") && status.contains("would drop"), "{status}");
        assert_eq!(lab.palisade(&["-j", "mode"]).json()["mode"], "shadow");

        assert_eq!(lab.palisade(&["mode", "off"]).ok(), "off (was shadow)\n");
        assert_eq!(lab.through(&frames), [true, true]);
        assert_eq!(drops(), (1, 1), "nothing is judged");
        assert_eq!(lab.palisade(&["status", "-j"]).json()["mode"], "off");

        lab.palisade_with(&["import", "--replace", "-"], "198.51.100.66\n").ok();
        assert_eq!(lab.palisade(&["mode"]).ok(), "off\n", "a replacement keeps the mode");
        assert_eq!(lab.through(&frames), [true, true]);

        assert_eq!(lab.palisade(&["-j", "mode", "enforce"]).json()["mode"], "enforce");
        assert_eq!(lab.palisade(&["mode", "enforce"]).ok(), "enforce already\n");
        assert_eq!(lab.through(&frames), [false, true]);
        assert_eq!(drops(), (2, 1));
        let said = lab.palisade(&["mode", "on"]).failed(2);
        assert!(said.contains("enforce, shadow, off"), "{said}");
    });
}

#[test]
fn what_is_kept_is_never_dropped_and_is_counted_as_kept() {
    Lab::run(|lab| {
        lab.filter_by("keep arp\nkeep udp dport 7\ndefault drop\n");
        let frames = [(eth() / arp(ARP_REQUEST)).build(), from4("198.51.100.1", 9)];
        assert_eq!(lab.through(&frames), [true, false]);
        let said = lab.palisade(&["status"]).ok();
        let line = said.lines().find(|line| line.contains("keep arp")).expect("the rule");
        assert_eq!(line.split_whitespace().nth(4), Some("1"), "{said}");
    });
}
