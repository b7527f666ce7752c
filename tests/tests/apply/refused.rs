//! What is not put in force: nothing changes, and the reason has its place.

use std::io::Write;
use std::process::Stdio;

use palisade_tests::lab::{Lab, NEAR};

use crate::{Files, apply, attach, pins, status};

const OLD: &str = "drop udp dport 1001\ndefault pass\n";

#[test]
fn an_apply_takes_the_place_of_something() {
    Lab::run(|lab| {
        let said = apply(lab, OLD).failed(2);
        assert!(said.contains("no policy `main` is in force"), "{said}");
        assert!(pins().is_empty(), "{:?}", pins());
    });
}

#[test]
fn an_expectation_that_does_not_hold_keeps_a_policy_out() {
    Lab::run(|lab| {
        let wrong = "drop udp dport 53\nexpect pass from 203.0.113.9 udp dport 53\ndefault pass\n";
        let said = lab.palisade_with(&["attach", NEAR, "-p", "-"], wrong).failed(1);
        assert!(said.contains("line 2") && said.contains("drop udp dport 53"), "{said}");
        assert!(pins().is_empty(), "{:?}", pins());
        attach(lab, OLD);
        let before = pins();
        apply(lab, wrong).failed(1);
        assert_eq!(pins(), before);
        assert_eq!(status(lab)["text"], OLD);
        let right = wrong.replace("expect pass", "expect drop");
        apply(lab, &right).ok();
        assert_eq!(status(lab)["text"], right);
    });
}

#[test]
fn a_file_that_is_no_policy_never_means_pass_all() {
    Lab::run(|lab| {
        attach(lab, OLD);
        let (before, files) = (pins(), Files::new());
        let refused = |path: &str, words: &str| {
            let said = lab.palisade(&["apply", path]).failed(2);
            assert!(said.contains(words), "{path}: {said}");
        };
        refused(&files.path("none.pal"), "ENOENT");
        refused(&files.path(""), "a directory");
        refused("/dev/zero", "a device");
        refused("/dev/null", "a device");
        let fifo = files.path("fifo");
        nix::unistd::mkfifo(fifo.as_str(), nix::sys::stat::Mode::S_IRWXU).expect("made");
        refused(&fifo, "a pipe");
        refused(&files.write("empty.pal", ""), "default");
        refused(&files.write("blank.pal", "\n# nothing\n"), "default");
        refused(&files.write("nul.pal", b"default pass\n\0"), "nul.pal:2:1");
        refused(&files.write("latin.pal", b"# \xe9\ndefault pass\n"), "latin.pal:1:3");
        refused(&files.write("long.pal", vec![b'#'; (16 << 20) + 1]), "longer than 16 MiB");
        apply(lab, "").failed(2);
        assert_eq!(pins(), before);
        assert_eq!(status(lab)["text"], OLD);
        // What editors of other systems put there is no mistake.
        lab.palisade(&[
            "apply",
            &files.write("crlf.pal", "\u{feff}drop udp dport 1002\r\ndefault pass\r\n"),
        ])
        .ok();
    });
}

#[test]
fn a_dry_run_says_what_would_change_and_changes_nothing() {
    Lab::run(|lab| {
        attach(
            lab,
            "set a net { max 16 }\nset b net { max 16 }\ndrop src in a\ndrop src in b\ndefault pass\n",
        );
        let before = (pins(), status(lab)["program"]["id"].clone());
        let new = "set a net { max 16 }\nset c net { max 16 elements { 203.0.113.5 } }\ndrop src in a\ndrop src in c\ndefault pass\n";
        let said = lab.palisade_with(&["apply", "-", "--dry-run"], new).ok();
        assert!(said.contains("would be replaced on pal0"), "{said}");
        let said =
            lab.palisade_with(&["-j", "apply", "-", "--dry-run", "--confirm", "60s"], new).json();
        assert_eq!(said["dry_run"], true);
        assert_eq!(said["replaced"][0], NEAR);
        assert_eq!(said["sets"]["a"]["fate"], "carried");
        assert_eq!(
            (said["sets"]["c"]["fate"].as_str(), said["sets"]["c"]["new"].as_u64()),
            (Some("made"), Some(1))
        );
        assert_eq!(said["dropped"][0], "b");
        assert_eq!(said["trial"]["seconds"], 60);
        assert_eq!((pins(), status(lab)["program"]["id"].clone()), before);
        assert_eq!(status(lab)["trial"], serde_json::Value::Null);
    });
}

#[test]
fn a_policy_that_is_still_being_written_is_read_to_its_end() {
    Lab::run(|lab| {
        attach(lab, OLD);
        let mut child =
            lab.command(&["apply", "-"]).stdin(Stdio::piped()).spawn().expect("it starts");
        let mut stdin = child.stdin.take().expect("a pipe");
        for part in ["drop udp dport 1002\n", "default ", "pass\n"] {
            stdin.write_all(part.as_bytes()).expect("written");
            std::thread::sleep(std::time::Duration::from_millis(20));
        }
        drop(stdin);
        assert!(child.wait().expect("it ends").success());
        assert_eq!(status(lab)["text"], "drop udp dport 1002\ndefault pass\n");
    });
}
