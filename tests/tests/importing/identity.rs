//! What is exported and imported again is what it was.

use std::collections::BTreeSet;

use palisade_tests::lab::Lab;
use palisade_tests::sets::Entry;

use super::formats::FORMATS;

/// Numbers that look random and are the same in every run.
struct Numbers(u64);

impl Numbers {
    fn next(&mut self) -> u64 {
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        self.0 >> 24
    }

    fn below(&mut self, end: u64) -> u64 {
        self.next() % end
    }

    fn net(&mut self) -> String {
        let (a, b) = (self.next(), self.next());
        match self.below(4) {
            0 => format!("{}.{}.{}.{}", a % 224, a >> 8 & 255, a >> 16 & 255, b & 255),
            1 => format!("{}.{}.{}.{}/{}", a % 224, a >> 8 & 255, a >> 16 & 255, b & 255, b % 32),
            2 => format!("2001:db8:{:x}:{:x}::{:x}", a & 0xffff, a >> 16 & 0xffff, b & 0xffff),
            _ => format!("2001:{:x}:{:x}::/{}", a & 0xffff, b & 0xffff, 16 + b % 112),
        }
    }

    fn service(&mut self) -> String {
        let transport = ["tcp", "udp", "sctp", "any"][self.below(4) as usize];
        let first = self.below(65_536);
        match self.below(3) {
            0 => format!("{transport}/{first}-{}", (first + 1 + self.below(200)).min(65_535)),
            _ => format!("{transport}/{first}"),
        }
    }
}

/// Fills the sets of the built-in policy with a few thousand entries, some of them counted.
fn fill(lab: &Lab) {
    let mut numbers = Numbers(2026);
    let list: String = (0..3000).map(|_| numbers.net() + "\n").collect();
    lab.palisade_with(&["import", "-"], &list).ok();
    let list: String = (0..2000).map(|_| numbers.service() + "\n").collect();
    lab.palisade_with(&["import", "-"], &list).ok();
    let entries: Vec<String> = (0..500)
        .map(|_| {
            let (packets, bytes) = (numbers.next(), numbers.next());
            format!(
                r#"{{"item":"{}","packets":{packets},"bytes":{bytes},"expires":null}}"#,
                numbers.net()
            )
        })
        .collect();
    let list = entries.join(",");
    let document = format!(
        r#"{{"policy":"main","sets":{{"allow":{{"type":"net","max":9,"entries":[{list}]}}}}}}"#
    );
    lab.palisade_with(&["import", "-"], &document).ok();
}

fn all(lab: &Lab) -> [Vec<Entry>; 3] {
    ["allow", "block", "ports"].map(|set| lab.entries(set))
}

#[test]
fn importing_an_export_brings_every_set_back_to_the_byte() {
    Lab::run(|lab| {
        lab.filter();
        fill(lab);
        lab.palisade_with(&["import", "-"], FORMATS[6].2).ok();
        let (exported, entries) = (lab.palisade(&["export"]).ok(), all(lab));
        let counts: Vec<usize> = entries.iter().map(Vec::len).collect();
        assert!(counts[0] > 400 && counts[1] > 2500 && counts[2] > 1800, "{counts:?}");
        assert!(entries[0].iter().filter(|entry| entry.packets > 0).count() > 400);

        lab.palisade_with(&["import", "-"], &exported).ok();
        assert_eq!(all(lab), entries, "importing what is there changes nothing");
        for set in ["allow", "block", "ports"] {
            lab.palisade(&["flush", "--set", set]).ok();
        }
        let empty = lab.palisade(&["export"]).ok();
        assert!(!empty.contains("item"), "{empty}");
        lab.palisade_with(&["import", "-"], &exported).ok();
        assert!(lab.palisade(&["export"]).ok() == exported, "after a flush");

        lab.palisade(&["add", "--set", "allow", "203.0.113.9"]).ok();
        lab.palisade(&["add", "203.0.113.9", "any/1-65534"]).ok();
        lab.palisade_with(&["import", "--replace", "-"], &exported).ok();
        assert!(lab.palisade(&["export"]).ok() == exported, "after a replacement");
        assert_eq!(all(lab), entries);
    });
}

#[test]
fn importing_an_exported_list_brings_the_items_back() {
    Lab::run(|lab| {
        lab.filter();
        fill(lab);
        for set in ["allow", "block", "ports"] {
            let before: BTreeSet<String> = lab.items(set).into_iter().collect();
            let exported = lab.palisade(&["export", "--set", set, "--format", "list"]).ok();
            assert_eq!(exported.lines().count(), before.len());
            lab.palisade(&["flush", "--set", set]).ok();
            lab.palisade_with(&["import", "--set", set, "-"], &exported).ok();
            assert_eq!(lab.items(set).into_iter().collect::<BTreeSet<_>>(), before);
            let again = lab.palisade(&["export", "--set", set, "--format", "list"]).ok();
            assert!(again == exported, "byte for byte");
        }
    });
}

/// A list has no names of sets: what is allowed must not come back as blocked.
#[test]
fn an_exported_list_of_all_sets_does_not_come_back_in_another_set() {
    Lab::run(|lab| {
        lab.filter();
        lab.palisade(&["add", "--set", "allow", "198.51.100.66"]).ok();
        lab.palisade(&["add", "10.0.0.1"]).ok();
        let exported = lab.palisade(&["export", "--format", "list"]);
        if exported.code == Some(0) {
            lab.palisade_with(&["import", "-"], &exported.stdout).ok();
        }
        assert_eq!(lab.items("block"), ["10.0.0.1"]);
        assert_eq!(lab.items("allow"), ["198.51.100.66"]);
    });
}
