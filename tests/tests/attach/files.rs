//! Policy files that cannot be used: said with their place, and nothing changes.

use palisade_tests::lab::{Lab, NEAR};

use crate::{attached, pins, status};

/// A file of these bytes that only this test uses.
fn file(name: &str, bytes: &[u8]) -> String {
    let path = std::path::Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    std::fs::write(&path, bytes).expect("the target directory can be written");
    path.into_os_string().into_string().expect("a path in UTF-8")
}

#[test]
fn every_mistake_of_a_policy_is_shown_with_its_place_and_the_old_policy_stays() {
    Lab::run(|lab| {
        lab.palisade(&["attach", NEAR]).ok();
        // A late report of the interface's own may be counted at any time.
        let in_force = || ["program", "text", "interfaces"].map(|key| status(lab)[key].clone());
        let before = in_force();
        let text = "set block net\ndrop src in blok\npass tcp dport 99999\ndefault maybe\n";
        let path = file("mistakes.pal", text.as_bytes());
        let error = lab.palisade(&["attach", NEAR, "-p", &path]).failed(2);
        for (line, column, shown) in
            [(2, 13, "drop src in blok"), (3, 16, "pass tcp dport 99999"), (4, 9, "default maybe")]
        {
            let place = format!("{path}:{line}:{column}");
            assert!(error.contains(&place), "{place} in:\n{error}");
            let mut lines = error.lines().skip_while(|l| !l.contains(shown));
            let (source, caret) = (lines.next(), lines.next());
            let at = source.and_then(|s| s.find(shown)).map(|at| at + column - 1);
            assert_eq!(caret.and_then(|c| c.find('^')), at, "{error}");
        }
        assert_eq!(in_force(), before);
    });
}

#[test]
fn a_policy_file_that_cannot_be_read_is_the_users_mistake() {
    Lab::run(|lab| {
        let directory = env!("CARGO_TARGET_TMPDIR");
        let missing = format!("{directory}/no-such.pal");
        let binary = file("latin1.pal", b"# caf\xe9\ndefault pass\n");
        for (path, wanted) in
            [(missing.as_str(), "ENOENT"), (directory, "a directory"), (binary.as_str(), "UTF-8")]
        {
            let error = lab.palisade(&["attach", NEAR, "-p", path]).failed(2);
            assert!(error.contains(wanted) && error.contains(path), "{error}");
        }
        assert_eq!(attached(lab), None);
        assert_eq!(pins(), [""; 0]);
    });
}

#[test]
fn an_empty_policy_is_not_taken_for_let_everything_in() {
    Lab::run(|lab| {
        for text in ["", "# nothing\n", "pass tcp dport 22\n"] {
            let args = ["attach", NEAR, "-p", "/dev/stdin"];
            lab.palisade_with(&args, text).failed(2);
            assert_eq!(attached(lab), None, "{text:?}");
        }
    });
}
