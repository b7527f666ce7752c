//! How a command ends when its reader goes away, the disk is full, or its user may not; and what
//! `-q` leaves out.

use std::fs::{File, OpenOptions};
use std::process::Stdio;

use palisade_tests::lab::{BPFFS, Lab, NEAR};
use palisade_tests::nobody;

use super::{finish, wait};

#[test]
fn a_reader_who_goes_away_is_no_failure() {
    Lab::run(|lab| {
        lab.filter();
        let many: String = (0..20_000).map(|i| format!("10.1.{}.{}\n", i / 256, i % 256)).collect();
        lab.palisade_with(&["import", "-"], &many).ok();
        let commands: [&[&str]; 7] = [
            &["list"],
            &["list", "-j"],
            &["export"],
            &["export", "--format", "list", "--set", "block"],
            &["stats", "--interval", "20ms"],
            &["stats", "-j", "--interval", "20ms"],
            &["man"],
        ];
        for args in commands {
            let mut child = lab
                .command(args)
                .stdout(Stdio::piped())
                .stderr(Stdio::piped())
                .spawn()
                .expect("it runs");
            let mut byte = [0; 1];
            let mut out = child.stdout.take().expect("a pipe");
            std::io::Read::read_exact(&mut out, &mut byte).expect("something is printed");
            drop(out);
            assert_eq!(wait(&mut child), Some(0), "{args:?}");
            let output = child.wait_with_output().expect("it ended");
            assert_eq!(String::from_utf8_lossy(&output.stderr), "", "{args:?}");
        }
    });
}

#[test]
fn a_full_disk_is_told_and_is_a_failure() {
    Lab::run(|lab| {
        lab.filter();
        let full =
            || -> File { OpenOptions::new().write(true).open("/dev/full").expect("it is there") };
        let commands: [&[&str]; 9] = [
            &["list"],
            &["list", "-j"],
            &["export"],
            &["status"],
            &["stats", "--count", "1", "--interval", "10ms"],
            &["stats", "-j", "--interval", "10ms"],
            &["doctor"],
            &["completions", "bash"],
            &["man"],
        ];
        for args in commands {
            let mut child =
                lab.command(args).stdout(full()).stderr(Stdio::piped()).spawn().expect("it runs");
            assert_eq!(wait(&mut child), Some(3), "{args:?}");
            let output = child.wait_with_output().expect("it ended");
            let said = String::from_utf8_lossy(&output.stderr);
            assert!(said.contains("ENOSPC"), "{args:?}: {said}");
        }
        // What was to be changed is changed, even though nobody can be told.
        let mut add = lab.command(&["add", "10.0.0.1"]);
        let mut child = add.stdout(full()).stderr(Stdio::null()).spawn().expect("it runs");
        assert_eq!(wait(&mut child), Some(3));
        assert_eq!(lab.items("block"), ["10.0.0.1"]);
    });
}

#[test]
fn quiet_prints_nothing_where_all_goes_well_and_errors_all_the_same() {
    Lab::run(|lab| {
        let commands: [(&[&str], &str); 13] = [
            (&["-q", "attach", NEAR], ""),
            (&["-q", "add", "10.0.0.1", "tcp/80"], ""),
            (&["add", "-q", "10.0.0.1"], ""),
            (&["-q", "get", "10.0.0.1"], ""),
            (&["-q", "list"], ""),
            (&["-q", "import", "-"], "10.0.0.2\n"),
            (&["-q", "import", "--replace", "-"], "10.0.0.2\n"),
            (&["-q", "status"], ""),
            (&["-q", "mode", "shadow"], ""),
            (&["-q", "stats", "--count", "1", "--interval", "10ms"], ""),
            (&["-q", "del", "10.0.0.2"], ""),
            (&["-q", "flush", "--set", "ports"], ""),
            (&["-q", "detach", "--all"], ""),
        ];
        for (args, input) in commands {
            let output = lab.palisade_with(args, input);
            assert_eq!(output.stderr, "", "{args:?}");
            assert_eq!(output.ok(), "", "{args:?}");
        }
        lab.filter();
        let output = lab.palisade(&["-q", "del", "10.0.0.1"]);
        assert_eq!(output.stdout, "");
        assert!(output.failed(1).contains("10.0.0.1"));
    });
}

#[test]
fn an_ordinary_user_is_refused_with_what_is_missing() {
    Lab::run(|lab| {
        lab.filter();
        let commands: [&[&str]; 6] = [
            &["list"],
            &["add", "10.0.0.1"],
            &["status"],
            &["mode", "off"],
            &["stats", "--count", "1"],
            &["detach", NEAR],
        ];
        for args in commands {
            let said = finish(&mut nobody::palisade(args)).failed(3);
            assert!(said.contains("EPERM") || said.contains("EACCES"), "{args:?}: {said}");
            assert!(said.contains("help:"), "{args:?}: {said}");
        }
        let said = finish(&mut nobody::palisade(&["attach", NEAR])).failed(3);
        assert!(said.contains("help:"), "{said}");
        assert_eq!(lab.items("block"), Vec::<String>::new());
        assert_eq!(lab.palisade(&["mode"]).ok(), "enforce\n");
    });
}

#[test]
fn the_environment_names_the_bpffs_unless_it_says_nothing() {
    Lab::run(|lab| {
        lab.filter();
        let list = |bpffs: &str, args: &[&str]| {
            finish(
                lab.command(&[&["list", "--set", "allow"], args].concat())
                    .env("PALISADE_BPFFS", bpffs),
            )
        };
        assert!(list("/no/such/dir", &[]).failed(2).contains("/no/such/dir"));
        list("/no/such/dir", &["--bpffs", BPFFS]).ok();
        list(BPFFS, &[]).ok();
        list("", &[]).ok();
    });
}
