//! What a policy's text puts into its sets, by elements and files.

use palisade_tests::lab::{Lab, NEAR};

use crate::{Files, apply, attach, frame, pins, status};

fn blocked<const N: usize>(lab: &Lab, sources: [&str; N]) -> [bool; N] {
    let seen = lab.through(&sources.map(|source| frame(source, 1)));
    seen.into_iter().map(|seen| !seen).collect::<Vec<_>>().try_into().expect("an answer for each")
}

fn policy(set: &str) -> String {
    format!("set s net {{ {set} }}\ndrop ip4 src in s\ndefault pass\n")
}

#[test]
fn elements_and_files_are_in_force_from_the_first_packet() {
    Lab::run(|lab| {
        let files = Files::new();
        files.write("list.txt", "# ours\n203.0.113.64/26\n203.0.113.5\n");
        let text = policy("max 16\n elements { 203.0.113.4, 203.0.113.5 }\n file \"list.txt\"");
        let file = files.write("p.pal", text);
        lab.palisade(&["attach", NEAR, "-p", &file]).ok();
        assert_eq!(lab.items("s"), ["203.0.113.4", "203.0.113.5", "203.0.113.64/26"]);
        let sources = ["203.0.113.4", "203.0.113.5", "203.0.113.65", "203.0.113.6"];
        assert_eq!(blocked(lab, sources), [true, true, true, false]);
    });
}

#[test]
fn an_apply_changes_what_is_declared_and_leaves_what_was_added_alone() {
    Lab::run(|lab| {
        attach(lab, &policy("max 16 elements { 203.0.113.4, 203.0.113.5 }"));
        lab.palisade(&["add", "--set", "s", "203.0.113.9"]).ok();
        assert_eq!(blocked(lab, ["203.0.113.5", "203.0.113.9"]), [true, true]);
        let said = apply(lab, &policy("max 16 elements { 203.0.113.5, 203.0.113.6 }")).ok();
        assert!(said.contains("1 entry more and 1 entry less"), "{said}");
        assert_eq!(lab.items("s"), ["203.0.113.5", "203.0.113.6", "203.0.113.9"]);
        assert_eq!(lab.hits("s", "203.0.113.5").0, 1, "what stays counts on");
        assert_eq!(lab.hits("s", "203.0.113.9").0, 1);
        let sources = ["203.0.113.4", "203.0.113.5", "203.0.113.6", "203.0.113.9"];
        assert_eq!(blocked(lab, sources), [false, true, true, true]);
        lab.palisade(&["rollback"]).ok();
        assert_eq!(lab.items("s"), ["203.0.113.4", "203.0.113.5", "203.0.113.9"]);
        // Without any of them only what was added is left.
        apply(lab, &policy("max 16")).ok();
        assert_eq!(lab.items("s"), ["203.0.113.9"]);
    });
}

#[test]
fn a_set_about_which_nothing_else_is_declared_goes_on_in_the_same_maps() {
    Lab::run(|lab| {
        attach(lab, &policy("max 16 elements { 203.0.113.4 }"));
        lab.palisade(&["add", "--set", "s", "203.0.113.9"]).ok();
        let text = policy("max 16 elements { 203.0.113.4 }")
            .replace("default pass", "count arp\ndefault pass");
        let said = lab.palisade_with(&["-j", "apply", "-"], &text).json();
        assert_eq!(said["sets"]["s"]["fate"], "carried", "{said}");
        assert_eq!(lab.items("s"), ["203.0.113.4", "203.0.113.9"]);
    });
}

#[test]
fn a_list_that_has_changed_is_taken_in_under_the_same_text() {
    Lab::run(|lab| {
        let files = Files::new();
        let file = files.write("p.pal", policy("max 16 file \"list.txt\""));
        files.write("list.txt", "203.0.113.5\n");
        lab.palisade(&["attach", NEAR, "-p", &file]).ok();
        let id = status(lab)["program"]["id"].clone();
        assert!(lab.palisade(&["apply", &file]).ok().contains("already"));
        assert_eq!(status(lab)["program"]["id"], id);
        files.write("list.txt", "203.0.113.6\n");
        lab.palisade(&["apply", &file]).ok();
        assert_eq!(blocked(lab, ["203.0.113.5", "203.0.113.6"]), [false, true]);
        lab.palisade(&["rollback"]).ok();
        assert_eq!(blocked(lab, ["203.0.113.5", "203.0.113.6"]), [true, false]);
    });
}

#[test]
fn a_list_that_cannot_be_read_changes_nothing() {
    Lab::run(|lab| {
        attach(lab, &policy("max 2"));
        let (before, files) = (pins(), Files::new());
        let file = files.write("p.pal", policy("max 2 file \"list.txt\""));
        let mut refusals = Vec::new();
        let mut refused = |what: &str| {
            let said = lab.palisade(&["apply", &file]).failed(2);
            assert!(said.contains("list.txt"), "{what}: {said}");
            refusals.push(said);
        };
        refused("it is missing");
        std::fs::create_dir(files.path("list.txt")).expect("made");
        refused("it is a directory");
        std::fs::remove_dir(files.path("list.txt")).expect("removed");
        let path = files.path("list.txt");
        nix::unistd::mkfifo(path.as_str(), nix::sys::stat::Mode::S_IRWXU).expect("made");
        refused("it is a pipe");
        std::fs::remove_file(&path).expect("removed");
        files.write("list.txt", "203.0.113.5\n203.0.113.6\n203.0.113.7\n");
        refused("it holds more than the set takes");
        files.write("list.txt", "tcp/80\n");
        refused("it holds what the set does not");
        files.write("list.txt", "203.0.113.5\n\0\n");
        refused("it is no text");
        assert_eq!(pins(), before);
        assert!(refusals[0].contains("p.pal:1:"), "{}", refusals[0]);
        assert_eq!(status(lab)["text"], policy("max 2"));
    });
}

#[test]
fn what_somebody_added_besides_the_text_stays_when_the_text_no_longer_names_it() {
    Lab::run(|lab| {
        let text = "set p service { max 16 elements { tcp/80, tcp/81 } }\n".to_owned()
            + &policy("max 16 elements { 203.0.113.4, 203.0.113.5 }");
        attach(lab, &text);
        let said = lab.palisade(&["add", "--set", "s", "203.0.113.5"]).ok();
        assert!(said.contains("already"), "{said}");
        lab.palisade(&["add", "--set", "p", "tcp/81"]).ok();
        apply(lab, &format!("set p service {{ max 16 }}\n{}", policy("max 16"))).ok();
        assert_eq!(lab.items("s"), ["203.0.113.5"]);
        assert_eq!(lab.items("p"), ["tcp/81"]);
        // The policy that declared it finds it added, and so does the one behind that.
        lab.palisade(&["rollback"]).ok();
        apply(lab, &policy("max 16")).ok();
        assert_eq!(lab.items("s"), ["203.0.113.5"]);
    });
}

#[test]
fn a_smaller_set_is_refused_only_where_what_it_is_to_hold_does_not_fit() {
    Lab::run(|lab| {
        attach(lab, &policy("max 4 elements { 203.0.113.4, 203.0.113.5, 203.0.113.6 }"));
        lab.palisade(&["add", "--set", "s", "203.0.113.9"]).ok();
        let smaller = policy("max 2 elements { 203.0.113.4 }");
        let said = lab.palisade_with(&["apply", "-", "--dry-run"], &smaller).ok();
        assert!(said.contains("0 entries more and 2 entries less"), "{said}");
        let (before, full) = (pins(), policy("max 2 elements { 203.0.113.4, 203.0.113.7 }"));
        for args in [&["apply", "-", "--dry-run"][..], &["apply", "-"]] {
            let said = lab.palisade_with(args, &full).failed(3);
            assert!(said.contains("full: it has 2 of 2 entries, 1 more does not fit"), "{said}");
        }
        for args in [&["apply", "-", "--dry-run"][..], &["apply", "-"]] {
            let said = lab.palisade_with(args, &policy("max 1")).ok();
            assert!(said.contains("3 entries less"), "{said}");
            lab.palisade(&["rollback"]);
        }
        assert_eq!(pins(), before);
        apply(lab, &smaller).ok();
        assert_eq!(lab.items("s"), ["203.0.113.4", "203.0.113.9"]);
        assert_eq!(
            blocked(lab, ["203.0.113.4", "203.0.113.5", "203.0.113.9"]),
            [true, false, true]
        );
    });
}
