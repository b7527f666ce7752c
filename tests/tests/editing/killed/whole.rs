//! A command that fills an empty set, or empties it, is killed at any time: the set holds all or nothing,
//! for whoever reads it next and for packets once it is repaired.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use palisade_filter::structure::flat::HEAD_WORDS;
use palisade_loader::{Map, MapHandle, PinDir};
use palisade_tests::lab::{BPFFS, Lab};

use super::{struck, time};
use crate::{from4, from6};

/// How often a command is killed in a round.
const KILLS: u32 = 12;
/// Rounds, at most: another one is timed anew, for a machine that has more or less to do by then may
/// let every command of a round end, or none.
const ROUNDS: u32 = 6;
/// Entries of a list: a command is at their stores for long enough to be killed there.
const LONG: u32 = 100_000;

/// The list in a file of its own: addresses of IPv4 and IPv6, and prefixes around some of them.
fn list(name: &str) -> String {
    let mut text = String::new();
    for n in 0..LONG {
        match n % 4 {
            0 => writeln!(text, "2001:db8:{:x}::{:x}:{:x}", n % 5, n >> 16, n & 0xffff),
            1 => writeln!(text, "10.{}.{}.0/24", n / 4 / 250, n / 4 % 250),
            _ => writeln!(text, "10.{}.{}.{}", n / 40_000, n / 160 % 250, n % 160),
        }
        .expect("text");
    }
    let dir = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("killed");
    fs::create_dir_all(&dir).expect("the target directory can be written");
    let path = dir.join(name);
    fs::write(&path, text).expect("the target directory can be written");
    path.to_str().expect("a path in UTF-8").to_owned()
}

/// Frames that the list tells from others, and whether they pass then.
fn judged() -> ([Vec<u8>; 6], [bool; 6]) {
    let frames = [
        from4("10.0.0.2", 1),
        from4("10.99.249.1", 1),
        from6("2001:db8::0", 1),
        from6("2001:db8:4::4", 1),
        from4("10.200.0.1", 1),
        from6("2001:db8:1::4", 1),
    ];
    (frames, [false, false, false, false, true, true])
}

/// How many entries the set is said to have.
fn count(lab: &Lab) -> usize {
    lab.palisade(&["export", "--set", "block", "--format", "list"]).ok().lines().count()
}

/// Whether the head of the set says that an edit was cut short.
fn is_cut_short() -> bool {
    let mut dir = PinDir::open_root(Path::new(BPFFS)).expect("a bpffs");
    for name in ["palisade", "main", "maps"] {
        dir = dir.subdir(name).expect("it can be opened").expect("it is there");
    }
    let head = Map::new(MapHandle::open(&dir, "block:fill").expect("the head"));
    let head: Map<u32, [u64; HEAD_WORDS]> = head.expect("of a `net` set");
    head.get(&0).expect("it can be read").expect("an element")[16] != 0
}

#[test]
fn a_kill_of_an_import_into_an_empty_set_leaves_all_of_it_or_nothing() {
    Lab::run(|lab| {
        let list = list("import.txt");
        let (frames, in_force) = judged();
        lab.attach("set block net\ndrop src in block\ndefault pass\n");
        lab.palisade(&["import", &list]).ok();
        let all = count(lab);
        assert_eq!(lab.through(&frames), in_force);
        let (mut none, mut done, mut short) = (0, 0, 0);
        for _ in 0..ROUNDS {
            // Where something was before, it is waited for programs that may be at it.
            lab.palisade(&["flush", "--set", "block"]).ok();
            let whole = time(lab, &["import", &list], "");
            for kill in 0..KILLS {
                lab.palisade(&["flush", "--set", "block"]).ok();
                assert_eq!(lab.through(&frames), [true; 6], "kill {kill}");
                struck(lab, &["import", &list], "", whole * (KILLS + 2 * kill) / (KILLS * 5 / 2));
                let (is_short, read) = (is_cut_short(), count(lab));
                short += u32::from(is_short);
                assert!(read == all && !is_short || read == 0, "kill {kill}: {read}");
                lab.palisade(&["add", "198.51.100.1"]).ok();
                lab.palisade(&["del", "198.51.100.1"]).ok();
                let wanted = if read == 0 { [true; 6] } else { in_force };
                let found = (count(lab), lab.through(&frames));
                assert_eq!(found, (read, wanted.to_vec()), "kill {kill}");
                *if read == 0 { &mut none } else { &mut done } += 1;
            }
            if none > 0 && done > 0 && short > 0 {
                break;
            }
        }
        eprintln!("{none} undone, {short} of them cut short, {done} done");
        assert!(none > 0 && done > 0 && short > 0, "{none} undone, {short} cut short, {done} done");
    });
}

#[test]
fn what_is_applied_behind_a_kill_of_a_flush_goes_on_with_all_or_nothing() {
    Lab::run(|lab| {
        let list = list("flush.txt");
        let policy =
            format!("set block net {{ file \"{list}\" }}\ndrop src in block\ndefault pass\n");
        let (frames, in_force) = judged();
        lab.attach(&policy);
        let all = count(lab);
        let mut short = 0;
        for _ in 0..ROUNDS {
            let whole = time(lab, &["flush", "--set", "block"], "");
            lab.palisade_with(&["apply", "/dev/stdin"], &policy).ok();
            // Much of the time nothing is stored: two that meet the stores are enough.
            for kill in 0..KILLS {
                if short == 2 {
                    break;
                }
                let after = whole * (KILLS + 5 * kill % KILLS) / (KILLS * 2);
                struck(lab, &["flush", "--set", "block"], "", after);
                let (is_short, read) = (is_cut_short(), count(lab));
                short += u32::from(is_short);
                assert!(read == all && !is_short || read == 0, "kill {kill}: {read}");
                // What was flushed comes back with the text that names it, the same as before.
                lab.palisade_with(&["apply", "/dev/stdin"], &policy).ok();
                let found = (count(lab), lab.through(&frames));
                assert_eq!(found, (all, in_force.to_vec()), "kill {kill}");
            }
            if short > 0 {
                break;
            }
        }
        eprintln!("{short} cut short");
        assert!(short > 0);
    });
}
