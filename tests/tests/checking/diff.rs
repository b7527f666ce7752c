//! `diff`: what applying a policy would change, and that it changes nothing.

use palisade_tests::lab::{Lab, NEAR};

use super::{Dir, ordinary};

const OLD: &str = "\
set block net
set hosts net
set gone net
keep arp
drop src in block
drop dst in hosts
pass tcp dport 22
drop udp dport 9
drop src in gone
default pass
";

const NEW: &str = "\
# A comment moves every line.
set block net
set hosts net { max 1000 }
set extra net { elements { 192.0.2.1, 192.0.2.2 } }
keep arp
pass tcp   dport 22
drop src in block
drop dst in hosts
drop udp dport 9-10
drop src in extra
default pass
";

#[test]
fn statements_and_sets_are_told_apart_by_what_becomes_of_them() {
    Lab::run(|lab| {
        let dir = Dir::new("diff");
        let path = dir.write("new.pal", NEW);
        lab.palisade_with(&["attach", NEAR, "-p", "-"], OLD).ok();
        lab.palisade(&["add", "--set", "block", "10.0.0.1", "10.0.0.2"]).ok();
        lab.palisade(&["add", "--set", "gone", "10.0.0.3"]).ok();
        let before = lab.palisade(&["list", "-j"]).json();
        let output = lab.palisade(&["diff", &path]);
        output.clone().failed(1);
        let said = output.stdout;
        for line in [
            "-     8        drop udp dport 9",
            "+           9  drop udp dport 9-10",
            "-     9        drop src in gone",
            "+          10  drop src in extra",
            "-     7        pass tcp dport 22   (moved to line 6)",
            "+           6  pass tcp dport 22   (moved from line 7)",
            "      5     7  drop src in block",
        ] {
            assert!(said.lines().any(|shown| shown == line), "{line:?}:\n{said}");
        }
        for part in [
            "carried over with 2 entries",
            "resized from 1,048,576 to 1,000, with 0 entries",
            "new, a net set; 2 entries put in by the text",
            "dropped, 1 entry LOST",
        ] {
            assert!(said.contains(part), "{part}:\n{said}");
        }
        let output = lab.palisade(&["diff", "-j", &path]);
        assert_eq!(output.code, Some(1));
        let document: serde_json::Value = serde_json::from_str(&output.stdout).expect("JSON");
        assert_eq!(document["same"], false);
        assert_eq!(document["sets"]["block"]["change"], "carried");
        assert_eq!(document["sets"]["hosts"]["change"], "resized");
        assert_eq!(document["sets"]["extra"]["change"], "new");
        assert_eq!(document["sets"]["extra"]["new"], 2);
        assert_eq!(document["sets"]["gone"]["change"], "dropped");
        let moved = document["statements"].as_array().expect("a list").iter();
        let moved: Vec<_> = moved.filter(|one| one["change"] == "moved").collect();
        assert!(moved.iter().any(|one| one["from"] == 7 && one["to"] == 6), "{document}");
        assert_eq!(lab.palisade(&["list", "-j"]).json(), before, "nothing was changed");
    });
}

#[test]
fn the_same_policy_in_other_words_is_no_difference() {
    Lab::run(|lab| {
        let dir = Dir::new("same");
        lab.palisade_with(&["attach", NEAR, "-p", "-"], OLD).ok();
        let said = lab.palisade(&["diff", &dir.write("same.pal", OLD)]).ok();
        assert_eq!(said, "no difference\n");
        let other = format!("# in other words\n{}", OLD.replace("dport 22", "dport   22"));
        let said = lab.palisade(&["diff", &dir.write("other.pal", other)]).ok();
        assert!(said.starts_with("no difference but"), "{said}");
        let document = lab.palisade(&["diff", "-j", &dir.path("other.pal")]).json();
        assert_eq!(document["same"], true);
    });
}

#[test]
fn a_set_of_another_kind_is_told_to_be_emptied() {
    Lab::run(|lab| {
        let dir = Dir::new("kind");
        lab.palisade_with(&["attach", NEAR, "-p", "-"], "set a net\ndrop src in a\ndefault pass\n")
            .ok();
        lab.palisade(&["add", "--set", "a", "10.0.0.1"]).ok();
        let new = dir.write("new.pal", "set a service\ndrop service in a\ndefault pass\n");
        let output = lab.palisade(&["diff", &new]);
        output.clone().failed(1);
        assert!(output.stdout.contains("1 entry LOST"), "{}", output.stdout);
    });
}

#[test]
fn entries_that_the_text_puts_in_or_names_no_more_are_counted() {
    Lab::run(|lab| {
        let dir = Dir::new("declared");
        let with = |elements: &str| {
            format!("set a net {{ elements {{ {elements} }} }}\ndrop src in a\ndefault pass\n")
        };
        lab.palisade_with(&["attach", NEAR, "-p", "-"], &with("10.0.0.1, 10.0.0.2")).ok();
        lab.palisade(&["add", "--set", "a", "10.0.0.3"]).ok();
        let new = dir.write("new.pal", with("10.0.0.2, 10.0.0.3, 10.0.0.4, 10.0.0.5"));
        let output = lab.palisade(&["diff", &new]);
        output.clone().failed(1);
        let said = output.stdout;
        assert!(said.contains("carried over with 3 entries; 2 entries put in"), "{said}");
        assert!(said.contains("1 entry taken out"), "{said}");
    });
}

#[test]
fn without_rights_or_a_policy_in_force_it_says_so() {
    let output = ordinary(&["diff", "-"], OLD);
    assert!(matches!(output.code, Some(2 | 3)), "{output:?}");
    Lab::run(|lab| {
        let dir = Dir::new("none");
        let said = lab.palisade(&["diff", &dir.write("a.pal", OLD)]).failed(2);
        assert!(said.contains("no policy `main` is in force"), "{said}");
        let said = lab.palisade(&["diff", &dir.write("b.pal", "drop\n")]).failed(2);
        assert!(said.contains("b.pal:"), "{said}");
    });
}
