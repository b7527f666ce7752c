//! `stats`: its table, its end, and a policy that changes under it.

use std::io::{BufRead, BufReader};
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use palisade_tests::lab::{Lab, NEAR};
use serde_json::Value;

use super::{PATIENCE, from4, wait};

fn signal(child: &Child, signal: Signal) {
    let pid = i32::try_from(child.id()).expect("a process number");
    kill(Pid::from_raw(pid), signal).expect("it is there");
}

/// Waits until a process holds a signal back, to take it up in its own time.
fn until_blocked(child: &Child, signal: Signal) {
    let end = Instant::now() + PATIENCE;
    while Instant::now() < end {
        let path = format!("/proc/{}/status", child.id());
        let status = std::fs::read_to_string(path).expect("the process lives");
        let line = status.lines().find_map(|line| line.strip_prefix("SigBlk:\t"));
        let mask = u64::from_str_radix(line.expect("a mask"), 16).expect("a mask");
        if mask >> (signal as u32 - 1) & 1 == 1 {
            return;
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    panic!("{signal} is not held back");
}

#[test]
fn stats_shows_the_table_of_actions_and_rules() {
    Lab::run(|lab| {
        lab.filter();
        let said = lab.palisade(&["stats", "--count", "1", "--interval", "100ms"]).ok();
        let mut lines = said.lines();
        let head: Vec<&str> = lines.next().expect("a head").split_whitespace().collect();
        assert_eq!(head, ["action", "pps", "pps-human-readable", "period/sec"]);
        for action in ["aborted", "drop", "pass", "tx"] {
            let cells: Vec<&str> = lines.next().expect("a line").split_whitespace().collect();
            assert_eq!(cells[0], action, "{said}");
            cells[1].parse::<u64>().expect("a rate");
            assert!(cells[3].parse::<f64>().is_ok_and(|period| (0.1..5.0).contains(&period)));
        }
        for rule in ["line 4: keep arp", "line 7: drop src in block", "line 9: default pass"] {
            assert!(said.contains(rule), "{said}");
        }
        assert!(!said.contains('\u{1b}'), "no terminal, no control sequences");
        let said = lab.palisade(&["stats", "--count", "3", "--interval", "20ms"]).ok();
        assert_eq!(said.matches("period/sec").count(), 3);
        for bad in ["0", "-1", "x", "1e99", "NaN", "1m"] {
            lab.palisade(&["stats", "--count", "1", &format!("--interval={bad}")]).failed(2);
        }
    });
}

#[test]
fn large_rates_are_grouped_for_people() {
    Lab::run(|lab| {
        lab.filter();
        lab.palisade(&["add", "198.51.100.66"]).ok();
        let args = ["stats", "--count", "1", "--interval", "1s"];
        let child = lab.command(&args).stdout(Stdio::piped()).spawn().expect("it runs");
        let (sender, frame) = (lab.sender(), from4("198.51.100.66", 9));
        let end = Instant::now() + Duration::from_millis(800);
        while Instant::now() < end {
            sender.send(&frame);
        }
        let output = child.wait_with_output().expect("it ends");
        let said = String::from_utf8(output.stdout).expect("UTF-8");
        let line = said.lines().find(|line| line.starts_with("drop ")).expect("a line of drops");
        let cells: Vec<&str> = line.split_whitespace().collect();
        let rate: u64 = cells[1].parse().expect("a rate");
        assert!(rate > 1000, "{said}");
        assert!(cells[2].contains(',') && cells[2].replace(',', "") == cells[1], "{said}");
    });
}

#[test]
fn signals_end_stats_cleanly() {
    Lab::run(|lab| {
        lab.filter();
        for (interval, which) in
            [("50ms", Signal::SIGINT), ("50ms", Signal::SIGTERM), ("600s", Signal::SIGINT)]
        {
            let args = ["stats", "-j", "--interval", interval];
            let mut child = lab
                .command(&args)
                .stdout(Stdio::piped())
                .stderr(Stdio::piped())
                .spawn()
                .expect("it runs");
            if interval == "50ms" {
                let mut line = String::new();
                let mut out = BufReader::new(child.stdout.as_mut().expect("a pipe"));
                out.read_line(&mut line).expect("a line");
                assert!(serde_json::from_str::<Value>(&line).is_ok(), "{line}");
            } else {
                until_blocked(&child, which);
            }
            signal(&child, which);
            assert_eq!(wait(&mut child), Some(0), "{which}");
            let output = child.wait_with_output().expect("it ended");
            assert_eq!(String::from_utf8_lossy(&output.stderr), "");
        }
        lab.palisade(&["status"]).ok();
    });
}

#[test]
fn stats_goes_on_with_the_policy_that_replaces_the_one_it_shows() {
    Lab::run(|lab| {
        lab.filter();
        let args = ["stats", "-j", "--interval", "50ms"];
        let mut child = lab
            .command(&args)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("it runs");
        let mut lines = BufReader::new(child.stdout.take().expect("a pipe")).lines();
        let mut until = |text: &str| {
            let end = Instant::now() + PATIENCE;
            while !lines.next().expect("a line").expect("UTF-8").contains(text) {
                assert!(Instant::now() < end, "`{text}` is not shown");
            }
        };
        until("drop src in block");
        lab.filter_by("set block net\ndrop dst in block\ndefault pass\n");
        until("drop dst in block");
        lab.palisade_with(&["import", "--replace", "-"], "10.0.0.1\n").ok();
        until("drop dst in block");
        lab.palisade(&["detach", NEAR]).ok();
        let code = wait(&mut child);
        let output = child.wait_with_output().expect("it ended");
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(matches!(code, Some(2 | 3)), "{code:?}: {said}");
        assert!(said.contains("the policy was removed while it was measured"), "{said}");
    });
}
