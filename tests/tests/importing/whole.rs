//! `--replace` puts a file in the place of a set, and `--dry-run` only tells.

use palisade_tests::lab::Lab;

use super::{from4, sorted};

#[test]
fn a_dry_run_tells_what_would_change_and_changes_nothing() {
    Lab::run(|lab| {
        lab.filter();
        lab.palisade(&["add", "10.0.0.1", "tcp/80"]).ok();
        let (before, status) =
            (lab.palisade(&["export"]).ok(), lab.palisade(&["status", "-j"]).json());
        let list = "10.0.0.1\n10.0.0.2\n10.0.0.0/8\n10.0.0.2\nudp/53\n";
        let said = lab.palisade_with(&["import", "--dry-run", "-"], list).ok();
        assert!(said.contains("would add 2 to `block`; 2 already"), "{said}");
        assert!(said.contains("would add 1 to `ports`; 0 already"), "{said}");
        let said = lab.palisade_with(&["-j", "import", "--dry-run", "-"], list).json();
        assert_eq!(said["dry_run"], true);
        assert_eq!(
            said["sets"]["block"],
            serde_json::json!({"added": 2, "present": 2, "retimed": 0})
        );
        let said = lab.palisade_with(&["import", "--replace", "--dry-run", "-"], list).ok();
        assert!(said.contains("`block` would hold 3 entries in the place of 1"), "{said}");
        assert_eq!(lab.palisade(&["export"]).ok(), before);
        assert_eq!(lab.palisade(&["status", "-j"]).json()["program"], status["program"]);
        let said = lab.palisade_with(&["-j", "import", "-"], list).json();
        assert_eq!(said["dry_run"], false);
        assert_eq!(
            said["sets"]["block"],
            serde_json::json!({"added": 2, "present": 2, "retimed": 0})
        );
        assert_eq!(lab.items("block"), ["10.0.0.0/8", "10.0.0.1", "10.0.0.2"]);
    });
}

#[test]
fn replace_puts_the_file_in_the_place_of_the_set_and_keeps_what_is_in_both() {
    Lab::run(|lab| {
        lab.filter();
        let frames =
            [from4("198.51.100.66", 9), from4("198.51.100.67", 9), from4("198.51.100.1", 53)];
        lab.palisade(&["add", "198.51.100.66", "198.51.100.67", "10.0.0.0/8", "udp/53"]).ok();
        lab.palisade(&["add", "--set", "allow", "10.7.7.7"]).ok();
        assert_eq!(lab.through(&frames), [false; 3]);
        lab.expect_hits("block", "198.51.100.66", 1);
        lab.expect_hits("ports", "udp/53", 1);
        let kept = lab.hits("block", "198.51.100.66");
        let said =
            lab.palisade_with(&["import", "--replace", "-"], "198.51.100.66\n10.1.0.0/16\n").ok();
        assert_eq!(said, "`block` holds 2 entries in the place of 3\n");
        assert_eq!(sorted(&lab.items("block")), sorted(&["198.51.100.66", "10.1.0.0/16"]));
        assert_eq!(lab.hits("block", "198.51.100.66"), kept, "its counters are kept");
        assert_eq!(lab.hits("block", "10.1.0.0/16"), (0, 0));
        assert_eq!(lab.items("allow"), ["10.7.7.7"], "other sets are left alone");
        assert_eq!(lab.hits("ports", "udp/53").0, 1, "other sets are left alone");
        assert_eq!(lab.through(&frames), [false, true, false]);
        lab.expect_hits("block", "198.51.100.66", 2);
        let status = lab.palisade(&["status", "-j"]).json();
        assert_eq!(status["verdicts"]["drop"]["packets"], 5, "the verdicts go on counting");
        assert_eq!(status["sets"]["block"]["entries"], 2);
        assert_eq!(status["interfaces"][0]["mode"], "native");
        lab.palisade(&["add", "198.51.100.67"]).ok();
        assert_eq!(lab.through(&frames), [false; 3], "the new set can be edited");
        lab.palisade_with(&["import", "--replace", "-"], "tcp/1\n").ok();
        assert_eq!(lab.through(&frames), [false, false, true]);
    });
}

#[test]
fn replace_by_a_file_without_entries_is_refused() {
    Lab::run(|lab| {
        lab.filter();
        lab.palisade(&["add", "10.0.0.1"]).ok();
        let empty_json =
            r#"{"policy":"main","sets":{"block":{"type":"net","max":9,"entries":[]}}}"#;
        for text in ["", "# nothing\n\n; here\n", empty_json, "{\n}\n"] {
            let said = lab.palisade_with(&["import", "--replace", "-"], text).failed(2);
            assert!(said.contains("no entries") && said.contains("palisade flush"), "{said}");
            assert_eq!(lab.items("block"), ["10.0.0.1"]);
            lab.palisade_with(&["import", "-"], text).ok();
            assert_eq!(lab.items("block"), ["10.0.0.1"]);
        }
    });
}
