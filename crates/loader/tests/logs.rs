//! What is read out of the logs that kernels from 5.10 to 7.2 wrote for programs that they refused.
//!
//! Under `logs` lies a folder for each kernel, and in it a log for each class of mistake; of long
//! logs the last lines. `expected.txt` says of each what is wrong, at which slot, and how that
//! instruction reads. `UPDATE_EXPECT=1` writes it anew, for a reader to judge.

use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};

use expect_test::expect_file;
use palisade_loader::VerifierLog;

fn sorted(dir: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(dir).expect("a folder").map(|entry| entry.expect("an entry").path());
    let mut paths: Vec<PathBuf> = entries.collect();
    paths.sort();
    paths
}

fn stem(path: &Path) -> &str {
    path.file_stem().and_then(|name| name.to_str()).expect("a name")
}

/// The folders of the kernels, oldest first, with their names.
fn kernels() -> Vec<(String, Vec<PathBuf>)> {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/logs");
    let folders = sorted(&dir).into_iter().filter(|path| path.is_dir());
    let name = |path: &Path| path.file_name().and_then(|n| n.to_str()).expect("a name").to_owned();
    let mut all: Vec<_> = folders.map(|folder| (name(&folder), sorted(&folder))).collect();
    let version = |name: &str| -> Vec<u32> {
        name.split('.').map(|part| part.parse().expect("a number")).collect()
    };
    all.sort_by_key(|(name, _)| version(name));
    all
}

fn log(path: &Path) -> VerifierLog {
    VerifierLog::from_bytes(&fs::read(path).expect("a log"))
}

/// Where verification ended and why, as a line of the table.
fn verdict(log: &VerifierLog) -> String {
    let slot = log.blamed();
    let at = match slot.map(|slot| (slot, log.instruction(slot))) {
        Some((slot, Some(text))) => format!("{slot}: {text}"),
        Some((slot, None)) => format!("{slot}:"),
        None => "-".to_owned(),
    };
    format!("at {at}\n  {}", log.summary().as_deref().unwrap_or("-"))
}

#[test]
fn every_log_gives_its_reason_and_its_instruction() {
    let mut table = String::new();
    for (kernel, logs) in kernels() {
        for path in logs {
            writeln!(table, "{kernel} {} {}", stem(&path), verdict(&log(&path))).expect("written");
        }
    }
    expect_file!["logs/expected.txt"].assert_eq(&table);
}

#[test]
fn a_log_cut_at_its_head_gives_the_same_reason_while_a_listed_instruction_is_left() {
    for (kernel, logs) in kernels() {
        for path in logs {
            let whole = log(&path);
            let Some(text) = whole.blamed().and_then(|slot| whole.instruction(slot)) else {
                continue;
            };
            let slot = format!("{}: ", whole.blamed().expect("blamed"));
            let listed = |line: &&str| line.starts_with(&slot) && line.contains(text);
            let line = whole.lines().rfind(listed).expect("it is listed");
            let line = whole.text().rfind(&format!("\n{line}\n")).map_or(0, |at| at + 1);
            for cut in line.saturating_sub(200)..=line {
                if !whole.text().is_char_boundary(cut) {
                    continue;
                }
                let rest = VerifierLog::from_bytes(&whole.text().as_bytes()[cut..]);
                let at = || format!("{kernel} {} cut at {cut}", stem(&path));
                assert_eq!(verdict(&rest), verdict(&whole), "{}", at());
            }
        }
    }
}

#[test]
fn a_log_that_is_empty_or_strange_gives_no_reason_and_no_panic() {
    let reason = |log: &str| {
        let log = VerifierLog::from_bytes(log.as_bytes());
        (log.summary(), log.blamed())
    };
    assert_eq!(reason(""), (None, None));
    assert_eq!(reason("\n\n \n"), (None, None));
    assert_eq!(reason("processed 2 insns (limit 1000000)\n"), (None, None));
    assert_eq!(reason("0: R1=ctx() R10=fp0\n0: (95) exit\n"), (None, Some(0)));
    assert_eq!(reason("\tat last\n"), (Some("at last".into()), None));
    assert_eq!(reason("99999999999999999999999: (95) exit\n").1, None);
    assert_eq!(reason("R\u{e9}: (").1, None);
    let bytes = b"\xff\xfe: (95) exit\ninsn \xff\n\0behind the zero";
    assert_eq!(VerifierLog::from_bytes(bytes).blamed(), None);
    assert_eq!(VerifierLog::from_bytes(&[]).text(), "");
}

#[test]
fn a_log_cut_anywhere_or_with_any_byte_changed_never_panics() {
    for (_, logs) in kernels() {
        for log in logs.iter().filter(|path| ["branch", "function"].contains(&stem(path))) {
            let log = fs::read(log).expect("a log");
            for cut in 0..log.len() {
                let mut changed = log.clone();
                changed[cut] ^= 0x55;
                for bytes in [&log[..cut], &changed] {
                    let log = VerifierLog::from_bytes(bytes);
                    let _ = (log.summary(), log.blamed(), log.instruction(1));
                }
            }
        }
    }
}
