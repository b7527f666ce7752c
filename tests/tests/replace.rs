//! Replacing a policy: no packet between the old and the new goes unjudged, what both have goes
//! on, and a kill at any point leaves one of the two, which the next command puts right.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicUsize, Ordering};
use std::time::Duration;

use palisade_loader::{Gid, xdp};
use palisade_tests::lab::{FENCE, Lab, NEAR, Output};
use palisade_tests::packet::{eth, ipv4, udp};
use palisade_tests::struck::{FAIL, KILL, Point, points, strace, struck, tree};
use serde_json::{Value, json};

const SOON: Duration = Duration::from_secs(5);

/// A frame from an address to a UDP port.
fn frame(src: &str, port: u16) -> Vec<u8> {
    (eth() / ipv4().src(src) / udp(4000, port) / b"judge me").build()
}

fn attach_text(lab: &Lab, text: &str) -> String {
    lab.palisade_with(&["attach", NEAR, "-p", "/dev/stdin"], text).ok()
}

fn status(lab: &Lab) -> Value {
    lab.palisade(&["-j", "status"]).json()
}

fn entries(lab: &Lab, set: &str) -> Vec<(String, u64)> {
    let list = lab.palisade(&["-j", "list", "--set", set]).json();
    let entries = list["sets"][set]["entries"].as_array().expect("entries").clone();
    let one = |e: &Value| (e["item"].as_str().map(str::to_owned), e["packets"].as_u64());
    entries.iter().map(one).map(|(i, p)| (i.expect("text"), p.expect("a number"))).collect()
}

/// Packets counted by each rule, by its text.
fn rules(lab: &Lab) -> Vec<(String, u64)> {
    let stats = lab.palisade(&["-j", "stats", "--interval", "10ms", "--count", "1"]).json();
    let rules = stats["rules"].as_array().expect("rules").clone();
    let one = |r: &Value| (r["text"].as_str().map(str::to_owned), r["packets"].as_u64());
    rules.iter().map(one).map(|(t, p)| (t.expect("text"), p.expect("a number"))).collect()
}

/// What flowed while something was done.
struct Flow {
    /// Frames sent of each kind.
    sent: u32,
    /// Frames that arrived and should not have.
    leaked: u32,
}

/// Sends a frame that nobody may see and one that must arrive, over and over, until `work` is done.
fn under_traffic(lab: &Lab, blocked: &[u8], open: &[u8], work: impl FnOnce()) -> Flow {
    let (sender, tap) = (lab.sender(), lab.tap());
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let traffic = scope.spawn(|| {
            let mut flow = Flow { sent: 0, leaked: 0 };
            while !done.load(Ordering::Relaxed) {
                sender.send(blocked);
                sender.send(open);
                flow.sent += 1;
                // One round is over before the next begins, so that no buffer overflows.
                loop {
                    let arrived = tap.next(SOON).unwrap_or_else(|| {
                        panic!("frame {} of the open flow never arrived", flow.sent)
                    });
                    flow.leaked += u32::from(arrived == blocked);
                    if arrived == open {
                        break;
                    }
                }
            }
            flow
        });
        work();
        done.store(true, Ordering::Relaxed);
        traffic.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    })
}

#[test]
fn packets_sent_while_a_policy_is_replaced_are_judged_by_the_old_or_the_new_one() {
    for mode in ["native", "generic"] {
        Lab::run(|lab| {
            let texts = [1, 2].map(|n| {
                format!("# {n}\ndrop ip4 udp dport 1001\ndrop ip4 udp dport 200{n}\ndefault pass\n")
            });
            let attach = |text: &str| {
                let args = ["attach", NEAR, "-p", "/dev/stdin", "--mode", mode];
                lab.palisade_with(&args, text).ok()
            };
            attach(&texts[1]);
            let (blocked, open) = (frame("203.0.113.5", 1001), frame("203.0.113.5", 1002));
            let flow = under_traffic(lab, &blocked, &open, || {
                for text in texts.iter().cycle().take(10) {
                    let said = attach(text);
                    assert!(said.contains("without a gap"), "{said}");
                }
            });
            assert_eq!(flow.leaked, 0, "of {} in {mode} mode", flow.sent);
            assert!(flow.sent > 100, "only {} frames were sent", flow.sent);
        });
    }
}

#[test]
fn packets_sent_while_a_set_is_replaced_see_the_old_set_or_the_new_one() {
    Lab::run(|lab| {
        attach_text(lab, "set s net { max 16 }\ndrop ip4 src in s\ndefault pass\n");
        lab.palisade(&["add", "--set", "s", "203.0.113.5", "203.0.113.6"]).ok();
        let (blocked, open) = (frame("203.0.113.5", 1001), frame("203.0.113.8", 1001));
        let flow = under_traffic(lab, &blocked, &open, || {
            let lists = ["203.0.113.5\n203.0.113.7\n", "203.0.113.5\n203.0.113.6\n"];
            for list in lists.iter().cycle().take(10) {
                let args = ["import", "--replace", "--set", "s", "-"];
                lab.palisade_with(&args, list).ok();
            }
        });
        assert_eq!(flow.leaked, 0, "of {}", flow.sent);
        let [five, six, seven] =
            ["203.0.113.5", "203.0.113.6", "203.0.113.7"].map(|a| frame(a, 1001));
        assert_eq!(lab.through(&[five, six, seven]), [false, false, true]);
        let before = entries(lab, "s");
        lab.palisade_with(&["import", "--replace", "--set", "s", "-"], "203.0.113.5\n").ok();
        assert_eq!(entries(lab, "s"), before[..1], "counters go on over a replace");
        assert!(before[0].1 > 0);
    });
}

#[test]
fn sets_that_both_policies_have_keep_entries_and_counters_and_rules_count_anew() {
    Lab::run(|lab| {
        let first = "set s net { max 16 }\nset t service\ndrop ip4 src in s\ndrop service in t\ndefault pass\n";
        let second = "set n net { max 16 }\nset t service\nset s net { max 16 }\ndrop service in t\ndrop ip4 src in s\ndefault pass\n";
        attach_text(lab, first);
        lab.palisade(&["add", "--set", "s", "203.0.113.5", "203.0.113.64/26"]).ok();
        lab.palisade(&["add", "--set", "t", "udp/1053"]).ok();
        let frames =
            [frame("203.0.113.5", 1), frame("203.0.113.65", 1), frame("203.0.113.6", 1053)];
        assert_eq!(lab.through(&frames), [false; 3]);
        attach_text(lab, second);
        let kept = [("203.0.113.5".to_owned(), 1), ("203.0.113.64/26".to_owned(), 1)];
        assert_eq!(entries(lab, "s"), kept);
        assert_eq!(entries(lab, "t"), [("udp/1053".to_owned(), 1)]);
        assert_eq!(entries(lab, "n"), []);
        // What the kernel at the far end sends of its own meets the default.
        let anew = |(rule, packets): &(String, u64)| *packets == 0 || rule == "default pass";
        assert!(rules(lab).iter().all(anew), "{:?}", rules(lab));
        assert_eq!(lab.through(&frames), [false; 3]);
        assert_eq!(entries(lab, "s")[0].1, 2);
        assert!(rules(lab).contains(&("drop ip4 src in s".to_owned(), 2)), "{:?}", rules(lab));
        // The very same text once more changes nothing.
        let id = status(lab)["program"]["id"].clone();
        assert!(attach_text(lab, second).contains("already"));
        assert_eq!(status(lab)["program"]["id"], id);
        assert!(rules(lab).contains(&("drop ip4 src in s".to_owned(), 2)), "{:?}", rules(lab));
        // The set `t` goes, and comes back empty.
        attach_text(lab, "set s net { max 16 }\ndrop ip4 src in s\ndefault pass\n");
        lab.palisade(&["list", "--set", "t"]).failed(2);
        attach_text(lab, first);
        assert_eq!(entries(lab, "t"), []);
        assert_eq!(entries(lab, "s").len(), 2);
    });
}

#[test]
fn a_set_that_is_declared_larger_keeps_its_entries() {
    Lab::run(|lab| {
        let text =
            |max: u32| format!("set s net {{ max {max} }}\ndrop ip4 src in s\ndefault pass\n");
        attach_text(lab, &text(16));
        lab.palisade(&["add", "--set", "s", "203.0.113.5"]).ok();
        let blocked = [frame("203.0.113.5", 1)];
        assert_eq!(lab.through(&blocked), [false]);
        attach_text(lab, &text(32));
        assert_eq!(entries(lab, "s").len(), 1, "nobody asked to unblock an attacker");
        assert_eq!(lab.through(&blocked), [false]);
        assert_eq!(status(lab)["sets"]["s"]["max"], 32);
    });
}

#[test]
fn a_replace_reaches_every_interface_that_carries_the_policy() {
    Lab::run(|lab| {
        let text = |n| format!("drop ip4 udp dport 100{n}\ndefault pass\n");
        lab.palisade_with(&["attach", NEAR, "lo", "-p", "/dev/stdin"], &text(1)).ok();
        let said = lab.palisade_with(&["-j", "attach", NEAR, "-p", "/dev/stdin"], &text(2)).json();
        assert_eq!(said["replaced"].as_array().map(Vec::len), Some(2), "{said}");
        let interfaces = status(lab)["interfaces"].clone();
        assert_eq!(interfaces.as_array().map(Vec::len), Some(2), "{interfaces}");
        let modes = |i: usize| (interfaces[i]["name"].clone(), interfaces[i]["mode"].clone());
        assert_eq!(
            [modes(0), modes(1)],
            [(json!("lo"), json!("generic")), (json!(NEAR), json!("native")),]
        );
    });
}

#[test]
fn an_entry_added_while_its_set_is_being_replaced_is_in_force_if_it_is_said_to_be() {
    Lab::run(|lab| {
        attach_text(lab, "set s net { max 16 }\ndrop ip4 src in s\ndefault pass\n");
        let Some(mut command) = strace(lab, &["add", "--set", "s", "203.0.113.9"]) else { return };
        // The editor is held up where it takes the lock, while somebody else replaces the set.
        let mut editor = command(&["-e", "trace=flock", "-e", "inject=flock:delay_enter=1500000"])
            .spawn()
            .expect("strace starts");
        std::thread::sleep(Duration::from_millis(500));
        let args = ["import", "--replace", "--set", "s", "-"];
        lab.palisade_with(&args, "203.0.113.5\n").ok();
        let added = editor.wait().expect("it ends").success();
        assert_eq!(lab.through(&[frame("203.0.113.9", 1)]), [!added]);
        assert!(added, "there is room");
    });
}

/// A file that only one test at a time uses.
fn scratch(suffix: &str) -> PathBuf {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("{}-{number}{suffix}", std::process::id()))
}

/// A policy in a file.
fn file(text: &str) -> String {
    let path = scratch(".pal");
    fs::write(&path, text).expect("the target directory can be written");
    path.into_os_string().into_string().expect("a path in UTF-8")
}

/// The policy of a file again: by a replace, or from nothing where that does not restore its pins.
fn back_to(lab: &Lab, file: &str, pins: &BTreeSet<String>, fresh: impl Fn()) {
    let replaced = lab.palisade(&["attach", NEAR, "-p", file]);
    if replaced.code != Some(0) || tree() != *pins {
        fresh();
    }
}

/// The program on the near end is the one that is pinned.
fn attached_is_pinned(lab: &Lab) -> Result<(), String> {
    let on = xdp::query(lab.near_index()).expect("asked").map(|on| u64::from(on.program_id));
    is(status(lab)["program"]["id"].as_u64(), &on)
}

const OLD: &str = "set s net { max 16 }\nset o net { max 16 }\ndrop ip4 src in s\ndrop ip4 src in o\ndrop ip4 udp dport 1001\ndefault pass\n";
const NEW: &str = "set s net { max 16 }\nset n net { max 16 }\ndrop ip4 src in s\ndrop ip4 src in n\ndrop ip4 udp dport 1002\ndefault pass\n";

/// How the two policies judge: a port that the old one drops, one that the new one drops, an
/// address in a set of both.
fn judged(lab: &Lab) -> [bool; 3] {
    let frames =
        [frame("203.0.113.8", 1001), frame("203.0.113.8", 1002), frame("203.0.113.5", FENCE + 1)];
    lab.through(&frames).try_into().expect("three answers")
}
const BY_NONE: [bool; 3] = [true, true, true];
const BY_OLD: [bool; 3] = [false, true, false];
const BY_NEW: [bool; 3] = [true, false, false];
/// The same while the set is empty.
const BY_OPEN_OLD: [bool; 3] = [false, true, true];
const BY_OPEN_NEW: [bool; 3] = [true, false, true];

/// An entry that an editor says it added is in force; one that it refused was refused for a reason.
fn edits_take_effect(lab: &Lab, set: &str) -> Result<(), String> {
    let Output { code, stderr, .. } = lab.palisade(&["add", "--set", set, "203.0.113.100"]);
    let through = lab.through(&[frame("203.0.113.100", 1)]) == [true];
    lab.palisade(&["del", "--set", set, "203.0.113.100"]);
    match code {
        Some(0) if through => Err("an entry that was added has no effect".to_owned()),
        Some(0) => Ok(()),
        Some(2 | 3) if stderr.contains("help:") => Ok(()),
        _ => Err(format!("{code:?}: {stderr}")),
    }
}

/// What `found` is not, if it is not what was wanted.
fn is<T: PartialEq + std::fmt::Debug>(found: T, wanted: &T) -> Result<(), String> {
    if found == *wanted { Ok(()) } else { Err(format!("{found:?}, wanted {wanted:?}")) }
}

/// What is pinned and how packets are judged is as it was in `good`.
fn same<const N: usize>(
    found: (BTreeSet<String>, [bool; N]),
    good: &(BTreeSet<String>, [bool; N]),
) -> Result<(), String> {
    let pins: Vec<&String> = found.0.symmetric_difference(&good.0).collect();
    is(pins, &Vec::new())?;
    is(found.1, &good.1)
}

/// What a kill left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Left {
    Old,
    New,
}

/// A part of a sweep: so many labs share its points, for the kernel makes the tool wait more than
/// it works.
struct Part<'a> {
    number: usize,
    olds: &'a AtomicUsize,
    news: &'a AtomicUsize,
}

const PARTS: usize = 4;

/// Runs a sweep in several labs at once. Faults must have befallen before and after the change.
fn in_parts(test: impl Fn(&Lab, &Part<'_>) + Sync) {
    let (olds, news, asked) = (AtomicUsize::new(0), AtomicUsize::new(0), AtomicUsize::new(0));
    let name = std::thread::current().name().unwrap_or("sweep").to_owned();
    std::thread::scope(|scope| {
        let start = |number| {
            let part = Part { number, olds: &olds, news: &news };
            let (test, asked) = (&test, &asked);
            let run = move || {
                Lab::run(|lab| {
                    if strace(lab, &[]).is_some() {
                        asked.fetch_add(1, Ordering::Relaxed);
                        test(lab, &part);
                    }
                });
            };
            std::thread::Builder::new()
                .name(name.clone())
                .spawn_scoped(scope, run)
                .expect("a thread")
        };
        let threads: Vec<_> = (0..PARTS).map(start).collect();
        for thread in threads {
            thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
        }
    });
    let [olds, news, asked] = [olds, news, asked].map(AtomicUsize::into_inner);
    let both = olds > 0 && news > 0;
    assert!(both || asked == 0, "{olds} times before the change, {news} after it");
}

impl Part<'_> {
    /// Lets a fault befall the tool at every point of this part, and `after` look at what it left,
    /// given the number of the point and the exit code; every complaint is told.
    fn sweep(
        &self,
        lab: &Lab,
        (args, fault): (&[&str], &str),
        points: &[Point],
        before: impl Fn(),
        after: impl Fn(usize, Option<i32>) -> Result<Left, String>,
    ) {
        let mut wrong = Vec::new();
        for (i, at) in points.iter().enumerate().filter(|(i, _)| i % PARTS == self.number) {
            before();
            let code = struck(lab, args, fault, at);
            match after(i / PARTS, code) {
                Ok(Left::Old) => self.olds.fetch_add(1, Ordering::Relaxed),
                Ok(Left::New) => self.news.fetch_add(1, Ordering::Relaxed),
                Err(complaint) => {
                    wrong.push(format!("{fault} at {at:?}: {complaint}"));
                    0
                }
            };
        }
        assert!(wrong.is_empty(), "{} of {}:\n{}", wrong.len(), points.len(), wrong.join("\n"));
    }
}

#[test]
fn a_kill_while_a_policy_is_replaced_leaves_the_old_or_the_new_one_and_is_put_right() {
    in_parts(|lab, part| {
        let (old, new) = (file(OLD), file(NEW));
        let replace = ["attach", NEAR, "-p", &new];
        // Permissions are a part of what is put right.
        let shared = matches!(Gid::by_name("daemon"), Ok(Some(_)));
        let group: &[&str] = if shared { &["--group", "daemon"] } else { &[] };
        let fresh = || {
            lab.palisade(&["detach", "--all"]);
            lab.palisade(&[&["attach", NEAR, "-p", &old], group].concat()).ok();
            lab.palisade(&["add", "--set", "s", "203.0.113.5"]).ok();
        };
        fresh();
        let old_tree = tree();
        let before = || back_to(lab, &old, &old_tree, fresh);
        let points = points(lab, &replace);
        let good = (tree(), BY_NEW);
        part.sweep(lab, (&replace, KILL), &points, before, |i, _| {
            let left = match judged(lab) {
                BY_OLD => Left::Old,
                BY_NEW => Left::New,
                by => return Err(format!("judged by neither: {by:?}")),
            };
            // All of these points are before or behind the same exchange, so every third will do.
            if i % 3 == 0 {
                edits_take_effect(lab, "s")?;
            }
            lab.palisade(&replace).ok();
            same((tree(), judged(lab)), &good)?;
            attached_is_pinned(lab)?;
            Ok(left)
        });
        fs::remove_file(old).and_then(|()| fs::remove_file(new)).expect("removed");
    });
}

/// Half of the users attach again, the others change their minds: both get what they want.
fn settles(
    lab: &Lab,
    user: usize,
    attach: &[&str],
    [good, nothing]: [&(BTreeSet<String>, [bool; 3]); 2],
) -> Result<(), String> {
    if user.is_multiple_of(2) {
        lab.palisade(attach).ok();
        same((tree(), judged(lab)), good)?;
        attached_is_pinned(lab)
    } else {
        lab.palisade(&["detach", "--all"]);
        same((tree(), judged(lab)), nothing)
    }
}

#[test]
fn a_kill_while_a_first_policy_is_attached_leaves_it_or_nothing_and_is_put_right() {
    in_parts(|lab, part| {
        let new = file(&NEW.replace("src in s", "src 203.0.113.5"));
        let attach = ["attach", NEAR, "-p", &new];
        let points = points(lab, &attach);
        let (good, nothing) = ((tree(), BY_NEW), (BTreeSet::new(), BY_NONE));
        let before = || drop(lab.palisade(&["detach", "--all"]));
        part.sweep(lab, (&attach, KILL), &points, before, |i, _| {
            let left = match judged(lab) {
                BY_NONE => Left::Old,
                BY_NEW => Left::New,
                by => return Err(format!("judged by neither: {by:?}")),
            };
            edits_take_effect(lab, "n")?;
            settles(lab, i, &attach, [&good, &nothing])?;
            Ok(left)
        });
        fs::remove_file(new).expect("removed");
    });
}

#[test]
fn a_kill_while_a_set_is_replaced_leaves_the_old_set_or_the_new_one_and_is_put_right() {
    in_parts(|lab, part| {
        let text = "set s net { max 16 }\ndrop ip4 src in s\ndefault pass\n";
        let (old, new) = (file("203.0.113.5\n203.0.113.6\n"), file("203.0.113.5\n203.0.113.7\n"));
        let replace = ["import", "--replace", "--set", "s", &new];
        let judged = || {
            let frames = ["203.0.113.5", "203.0.113.6", "203.0.113.7"].map(|a| frame(a, 1));
            <[bool; 3]>::try_from(lab.through(&frames)).expect("three answers")
        };
        let before = || {
            lab.palisade(&["detach", "--all"]);
            attach_text(lab, text);
            lab.palisade(&["import", "--set", "s", &old]).ok();
        };
        before();
        let points = points(lab, &replace);
        let good = (tree(), [false, true, false]);
        part.sweep(lab, (&replace, KILL), &points, before, |_, _| {
            let left = match judged() {
                [false, false, true] => Left::Old,
                [false, true, false] => Left::New,
                _ => return Err(format!("judged by neither: {:?}", judged())),
            };
            edits_take_effect(lab, "s")?;
            lab.palisade(&replace).ok();
            same((tree(), judged()), &good)?;
            Ok(left)
        });
        fs::remove_file(old).and_then(|()| fs::remove_file(new)).expect("removed");
    });
}

#[test]
fn a_kill_while_a_policy_is_detached_is_put_right_by_the_next_detach_or_attach() {
    in_parts(|lab, part| {
        let new = file(&NEW.replace("src in s", "src 203.0.113.5"));
        let attach = ["attach", NEAR, "-p", &new];
        let detach = ["detach", NEAR];
        let before = || drop(lab.palisade(&attach).ok());
        before();
        let (good, nothing) = ((tree(), BY_NEW), (BTreeSet::new(), BY_NONE));
        let points = points(lab, &detach);
        part.sweep(lab, (&detach, KILL), &points, before, |i, _| {
            let left = match judged(lab) {
                BY_NEW => Left::Old,
                BY_NONE => Left::New,
                by => return Err(format!("judged by neither: {by:?}")),
            };
            settles(lab, i, &attach, [&good, &nothing])?;
            Ok(left)
        });
        fs::remove_file(new).expect("removed");
    });
}

#[test]
fn an_error_at_any_step_of_a_replace_leaves_the_old_policy_or_the_new_one_and_says_so() {
    in_parts(|lab, part| {
        let (old, new) = (file(OLD), file(NEW));
        let replace = ["attach", NEAR, "-p", &new];
        let fresh = || {
            lab.palisade(&["detach", "--all"]);
            lab.palisade(&["attach", NEAR, "-p", &old]).ok();
        };
        fresh();
        let old_tree = tree();
        let before = || back_to(lab, &old, &old_tree, fresh);
        let points = points(lab, &replace);
        let good = (tree(), BY_OPEN_NEW);
        part.sweep(lab, (&replace, FAIL), &points, before, |_, code| {
            let left = match judged(lab) {
                BY_OPEN_OLD => Left::Old,
                BY_OPEN_NEW => Left::New,
                by => return Err(format!("judged by neither: {by:?}")),
            };
            match (code, left) {
                (Some(3), _) | (Some(0), Left::New) => {}
                _ => return Err(format!("{left:?} is in force, and the exit code {code:?}")),
            }
            if left == Left::Old {
                // What failed is gone: no pin of it is left behind.
                let leftover = tree().into_iter().find(|line| line.contains("/next:"));
                is(leftover, &None)?;
            }
            lab.palisade(&replace).ok();
            same((tree(), judged(lab)), &good)?;
            attached_is_pinned(lab)?;
            Ok(left)
        });
        fs::remove_file(old).and_then(|()| fs::remove_file(new)).expect("removed");
    });
}
