//! Policies one behind the other: each judges what the ones before it pass, each is edited, replaced
//! and taken out alone, and a kill at any point leaves the old one in its place or the new one.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::Duration;

use palisade_filter::Buffers;
use palisade_tests::lab::{Lab, NEAR, Output};
use palisade_tests::packet::{eth, ipv4, udp};
use palisade_tests::privilege::Kernel;
use palisade_tests::struck::{FAIL, KILL, points, strace, struck, tree};
use serde_json::{Value, json};

/// What each of the three policies drops, and a port that all of them pass.
const A: u16 = 1001;
const B: u16 = 1002;
const C: u16 = 1003;
const ALL: u16 = 1004;
/// What another text of the second one drops.
const NEW: u16 = 1005;

/// A frame to a UDP port.
fn frame(port: u16) -> Vec<u8> {
    (eth() / ipv4().src("203.0.113.5") / udp(4000, port) / b"judge me").build()
}

/// A policy that drops what goes to a port, and has a set.
fn dropping(port: u16) -> String {
    format!("set s net\ndrop ip4 src in s\ndrop ip4 udp dport {port}\ndefault pass\n")
}

/// A directory of its own for the files of a test, gone with it.
struct Files(PathBuf);

impl Files {
    fn new() -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let name = format!("chain-{}-{number}", std::process::id());
        let files = Self(Path::new(env!("CARGO_TARGET_TMPDIR")).join(name));
        fs::create_dir(&files.0).expect("the target directory can be written");
        for (name, port) in [("a", A), ("b", B), ("c", C), ("new", NEW)] {
            files.write(name, port);
        }
        files
    }

    fn write(&self, name: &str, port: u16) {
        fs::write(self.path(name), dropping(port)).expect("written");
    }

    fn path(&self, name: &str) -> String {
        let path = self.0.join(format!("{name}.pal"));
        path.into_os_string().into_string().expect("a path in UTF-8")
    }
}

impl Drop for Files {
    fn drop(&mut self) {
        fs::remove_dir_all(&self.0).expect("removed");
    }
}

/// Runs a test with the three policies one behind the other.
fn with_chain(test: impl Fn(&Lab, &Files) + Send + Sync) {
    Lab::run(|lab| {
        let files = Files::new();
        chain(lab, &files, &["a", "b", "c"]).ok();
        test(lab, &files);
    });
}

fn chain(lab: &Lab, files: &Files, names: &[&str]) -> Output {
    let paths: Vec<String> = names.iter().map(|name| files.path(name)).collect();
    let paths: Vec<&str> = paths.iter().map(String::as_str).collect();
    lab.palisade(&[&["chain", NEAR][..], &paths].concat())
}

/// The tool about one of the policies.
fn of(lab: &Lab, policy: &str, args: &[&str]) -> Output {
    lab.palisade(&[&["--policy-name", policy][..], args].concat())
}

fn status(lab: &Lab, policy: &str) -> Value {
    of(lab, policy, &["-j", "status"]).json()
}

/// Whether frames get through: to the ports that the three drop, to the one that all pass, and to that
/// of the other text.
fn judged(lab: &Lab) -> [bool; 5] {
    lab.through(&[A, B, C, ALL, NEW].map(frame)).try_into().expect("five")
}

const BY_ALL: [bool; 5] = [false, false, false, true, true];
const BY_NEW: [bool; 5] = [false, true, false, true, false];

/// Whether the kernel runs what each of them says.
fn attested(lab: &Lab, policies: &[&str]) {
    for policy in policies {
        of(lab, policy, &["attest"]).ok();
    }
}

#[test]
fn each_judges_what_those_before_it_pass_and_counts_that() {
    with_chain(|lab, _| {
        assert_eq!(judged(lab), BY_ALL);
        for (policy, port) in [("a", A), ("b", B), ("c", C)] {
            let stats = of(lab, policy, &["-j", "stats", "--interval", "10ms", "--count", "1"]);
            let rules = stats.json()["rules"].clone();
            let rule = format!("drop ip4 udp dport {port}");
            let mut rules = rules.as_array().expect("rules").iter();
            let own = rules.find(|r| r["text"] == rule).expect("its rule");
            assert_eq!(own["packets"], 1, "{policy}");
        }
        attested(lab, &["a", "b", "c"]);
        assert_eq!(status(lab, "b")["behind"], json!(["a"]));
        assert_eq!(status(lab, "b")["next"]["program"]["policy"], "c");
        assert_eq!(status(lab, "b")["interfaces"], json!([]));
        let said = of(lab, "b", &["status"]).ok();
        assert!(said.contains("behind policy `a`") && said.contains("policy `c`"), "{said}");
        assert!(!said.contains("NOTHING IS FILTERED"), "{said}");
        let shown = lab.palisade(&["chain", NEAR]).ok();
        let lines: Vec<&str> = shown.lines().map(str::trim).collect();
        let chain = ["a", "b", "c"].map(|name| format!("policy `{name}`, mode enforce"));
        assert_eq!(lines[1..], [&chain[0], &chain[1], &chain[2], "the stack"]);
    });
}

#[test]
fn the_same_command_again_changes_nothing_and_one_with_another_file_that_alone() {
    with_chain(|lab, files| {
        let programs = || ["a", "b", "c"].map(|name| status(lab, name)["program"]["id"].clone());
        let (pins, before) = (tree(), programs());
        chain(lab, files, &["a", "b", "c"]).ok();
        assert_eq!((tree(), programs(), judged(lab)), (pins, before.clone(), BY_ALL));
        files.write("b", NEW);
        let said = chain(lab, files, &["a", "b", "c"]).ok();
        assert!(said.contains("replaced behind policy `a`"), "{said}");
        let now = programs();
        assert_eq!([&now[0], &now[2]], [&before[0], &before[2]]);
        assert!(now[1] != before[1]);
        assert_eq!(judged(lab), BY_NEW);
        // One that is shorter leaves the rest standing.
        chain(lab, files, &["a", "b"]).ok();
        assert_eq!((programs(), judged(lab)), (now, BY_NEW));
        attested(lab, &["a", "b", "c"]);
    });
}

#[test]
fn one_in_the_middle_is_applied_tried_and_rolled_back_alone() {
    with_chain(|lab, files| {
        let new = files.path("new");
        let said = of(lab, "b", &["apply", &new]).ok();
        assert!(said.contains("policy `b` replaced behind policy `a`, without a gap"), "{said}");
        assert_eq!(judged(lab), BY_NEW);
        attested(lab, &["a", "b", "c"]);
        let said = of(lab, "b", &["rollback"]).ok();
        assert!(said.contains("behind policy `a`"), "{said}");
        assert_eq!(judged(lab), BY_ALL);
        of(lab, "b", &["apply", &new, "--confirm", "3s"]).ok();
        assert_eq!(judged(lab), BY_NEW);
        std::thread::sleep(Duration::from_millis(3100));
        assert_eq!(judged(lab), BY_ALL, "the kernel goes back");
        let untold = of(lab, "b", &["attest"]).failed(3);
        assert!(untold.contains("behind policy a") && untold.contains("a trial has"), "{untold}");
        of(lab, "b", &["add", "--set", "s", "203.0.113.77"]).ok();
        assert_eq!(judged(lab), BY_ALL, "the tool goes back");
        attested(lab, &["a", "b", "c"]);
        of(lab, "b", &["apply", &new, "--confirm", "60s"]).ok();
        attested(lab, &["a", "b", "c"]);
        of(lab, "b", &["confirm"]).ok();
        assert_eq!(judged(lab), BY_NEW);
        attested(lab, &["a", "b", "c"]);
        // The one in front, too: the others stay behind it.
        of(lab, "a", &["apply", &files.path("b")]).ok();
        assert_eq!(judged(lab), [true, false, false, true, false]);
        attested(lab, &["a", "b", "c"]);
    });
}

#[test]
fn a_mode_and_a_set_are_of_one_policy_alone() {
    with_chain(|lab, _| {
        for (policy, passed) in [("a", 0), ("b", 1), ("c", 2)] {
            let mut by_others = BY_ALL;
            by_others[passed] = true;
            for mode in ["shadow", "off"] {
                of(lab, policy, &["mode", mode]).ok();
                assert_eq!(judged(lab), by_others, "{policy} {mode}");
            }
            of(lab, policy, &["mode", "enforce"]).ok();
            of(lab, policy, &["add", "--set", "s", "203.0.113.5"]).ok();
            assert_eq!(judged(lab), [false; 5], "{policy}");
            of(lab, policy, &["del", "--set", "s", "203.0.113.5"]).ok();
        }
        assert_eq!(judged(lab), BY_ALL);
    });
}

#[test]
fn no_packet_slips_through_while_one_in_the_middle_is_replaced() {
    with_chain(|lab, files| {
        let (sender, tap) = (lab.sender(), lab.tap());
        let (blocked, open) = (frame(C), frame(ALL));
        let done = AtomicBool::new(false);
        let sent = std::thread::scope(|scope| {
            let traffic = scope.spawn(|| {
                let mut sent = 0;
                while !done.load(Ordering::Relaxed) {
                    sender.send(&blocked);
                    sender.send(&open);
                    sent += 1;
                    loop {
                        let arrived = tap.next(Duration::from_secs(5)).expect("the open one comes");
                        assert!(arrived != blocked, "in round {sent}");
                        if arrived == open {
                            break;
                        }
                    }
                }
                sent
            });
            for name in ["new", "b", "new", "b", "new", "b"] {
                of(lab, "b", &["apply", &files.path(name)]).ok();
            }
            done.store(true, Ordering::Relaxed);
            traffic.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
        });
        assert!(sent > 50, "{sent} rounds");
    });
}

#[test]
fn a_kill_while_one_is_replaced_leaves_the_old_or_the_new_one_and_is_put_right() {
    with_chain(|lab, files| {
        if strace(lab, &[]).is_none() {
            return;
        }
        let (old, new) = (files.path("b"), files.path("new"));
        let apply = ["--policy-name", "b", "apply", new.as_str()];
        let points = points(lab, &apply);
        let good = tree();
        let (mut olds, mut news) = (0, 0);
        for at in &points {
            of(lab, "b", &["apply", &old]).ok();
            struck(lab, &apply, KILL, at);
            match judged(lab) {
                BY_ALL => olds += 1,
                BY_NEW => news += 1,
                by => panic!("at {at:?}: judged by neither: {by:?}"),
            }
            lab.palisade(&apply).ok();
            assert_eq!((judged(lab), tree()), (BY_NEW, good.clone()), "{at:?}");
            attested(lab, &["a", "b", "c"]);
        }
        assert!(olds > 0 && news > 0, "{olds} times before the exchange, {news} after it");
    });
}

#[test]
fn a_kill_while_a_chain_is_made_leaves_one_that_ends_early_and_the_same_command_goes_on() {
    Lab::run(|lab| {
        if strace(lab, &[]).is_none() {
            return;
        }
        let files = Files::new();
        let paths = ["a", "b"].map(|name| files.path(name));
        let make = ["chain", NEAR, &paths[0], &paths[1]];
        let fresh = || {
            of(lab, "b", &["detach", "--all"]);
            of(lab, "a", &["detach", "--all"]);
        };
        let points = points(lab, &make);
        let good = tree();
        let mut seen = [0; 3];
        // Each point is before or behind the attaching of one of the two, so every third will do.
        for at in points.iter().step_by(3) {
            fresh();
            struck(lab, &make, KILL, at);
            match judged(lab) {
                [true, true, true, true, true] => seen[0] += 1,
                [false, true, true, true, true] => seen[1] += 1,
                [false, false, true, true, true] => seen[2] += 1,
                by => panic!("at {at:?}: {by:?}"),
            }
            lab.palisade(&make).ok();
            assert_eq!(judged(lab), [false, false, true, true, true], "{at:?}");
            attested(lab, &["a", "b"]);
            assert_eq!(tree(), good, "{at:?}");
        }
        assert!(seen.iter().all(|seen| *seen > 0), "{seen:?}");
    });
}

#[test]
fn one_that_is_taken_out_leaves_no_gap() {
    with_chain(|lab, _| {
        let kept = of(lab, "b", &["detach", NEAR]).failed(3);
        assert!(kept.contains("not of this policy"), "{kept}");
        let said = of(lab, "b", &["detach", "--all"]).ok();
        assert!(said.contains("policy `b` taken from behind policy `a`"), "{said}");
        assert!(!said.contains("NOTHING IS FILTERED"), "{said}");
        assert_eq!(judged(lab), [false, true, false, true, true]);
        assert_eq!(status(lab, "c")["behind"], json!(["a"]));
        assert!(!Path::new("/sys/fs/bpf/palisade/b").exists());
        of(lab, "c", &["detach", "--all", "--keep"]).ok();
        assert_eq!(judged(lab), [false, true, true, true, true]);
        assert!(of(lab, "c", &["status"]).ok().contains("NOTHING IS FILTERED"));
        of(lab, "c", &["attest"]).failed(1);
        of(lab, "c", &["attach", "--behind", "a"]).ok();
        assert_eq!(judged(lab), [false, true, false, true, true]);
        of(lab, "a", &["detach", "--all"]).ok();
        assert_eq!(judged(lab), [true; 5]);
    });
}

#[test]
fn behind_a_policy_that_is_attached_nowhere_nothing_is_filtered_and_that_is_said() {
    with_chain(|lab, files| {
        let said = of(lab, "a", &["detach", "--all", "--keep"]).ok();
        assert_eq!(judged(lab), [true; 5]);
        for policy in ["b", "c"] {
            assert!(said.contains(&format!("to policy `{policy}` any more")), "{said}");
            let said = of(lab, policy, &["status"]).ok();
            assert!(said.contains("NOTHING IS FILTERED") && said.contains("behind"), "{said}");
            assert_eq!(status(lab, policy)["reached"], false);
            let said = of(lab, policy, &["attest"]).failed(1);
            assert!(said.contains("nothing is filtered"), "{said}");
        }
        let said = of(lab, "b", &["attach", "-p", &files.path("new"), "--behind", "a"]).ok();
        assert!(said.contains("NOTHING IS FILTERED"), "{said}");
        of(lab, "a", &["attach", NEAR]).ok();
        assert_eq!((judged(lab), &status(lab, "c")["reached"]), (BY_NEW, &json!(true)));
        attested(lab, &["a", "b", "c"]);
    });
}

#[test]
fn behind_what_only_a_return_leads_to_nothing_is_filtered_and_that_is_said() {
    with_chain(|lab, files| {
        let pin = "/sys/fs/bpf/palisade/c/prog";
        of(lab, "a", &["attach", NEAR, "-p", &files.path("new"), "--next", pin]).ok();
        assert_eq!(judged(lab), [true, true, false, true, false]);
        let said = of(lab, "b", &["status"]).ok();
        assert!(said.contains("NOTHING IS FILTERED"), "{said}");
        assert_eq!(status(lab, "b")["behind"], json!([]));
        of(lab, "b", &["attest"]).failed(1);
        attested(lab, &["a", "c"]);
        of(lab, "a", &["rollback"]).ok();
        assert_eq!(judged(lab), BY_ALL);
        attested(lab, &["a", "b", "c"]);
    });
}

#[test]
fn a_policy_that_is_named_by_its_pin_comes_along_when_it_is_replaced() {
    Lab::run(|lab| {
        let files = Files::new();
        of(lab, "a", &["attach", NEAR, "-p", &files.path("a")]).ok();
        chain(lab, &files, &["a", "b"]).ok();
        of(lab, "a", &["next", "clear"]).ok();
        assert_eq!(judged(lab), [false, true, true, true, true]);
        of(lab, "a", &["next", "set", "/sys/fs/bpf/palisade/b/prog"]).ok();
        assert_eq!(judged(lab), [false, false, true, true, true]);
        of(lab, "b", &["apply", &files.path("new")]).ok();
        assert_eq!(judged(lab), [false, true, true, true, false]);
        attested(lab, &["a", "b"]);
    });
}

#[test]
fn a_return_of_the_one_in_front_leads_to_what_stands_behind_it_now() {
    with_chain(|lab, files| {
        // The one before keeps a slot of its own, for this one names what is to come next.
        let pin = "/sys/fs/bpf/palisade/b/prog";
        of(lab, "a", &["attach", NEAR, "-p", &files.path("c"), "--next", pin]).ok();
        assert_eq!(judged(lab), [true, false, false, true, true]);
        of(lab, "b", &["apply", &files.path("new")]).ok();
        assert_eq!(judged(lab), [true, true, false, true, false]);
        of(lab, "a", &["rollback"]).ok();
        assert_eq!(judged(lab), BY_NEW);
        attested(lab, &["a", "b", "c"]);
    });
}

#[test]
fn rings_chains_without_end_and_places_that_are_taken_are_refused() {
    with_chain(|lab, files| {
        let pins = tree();
        let refused = |policy: &str, args: &[&str], code: i32, word: &str| {
            let said = of(lab, policy, args).failed(code);
            assert!(said.contains(word) && said.contains("help:"), "{args:?}: {said}");
            assert_eq!((tree(), judged(lab)), (pins.clone(), BY_ALL), "{args:?}");
        };
        let pin = |name: &str| format!("/sys/fs/bpf/palisade/{name}/prog");
        refused("c", &["next", "set", &pin("a")], 2, "round");
        refused("c", &["next", "set", &pin("c")], 2, "round");
        refused("c", &["attach", NEAR, "--next", &pin("b")], 2, "round");
        refused("a", &["attach", "--behind", "c"], 2, "round");
        refused("a", &["attach", "--behind", "a"], 2, "round");
        refused("a", &["attach", "--behind", "nobody"], 2, "nobody");
        refused("c", &["attach", "--behind", "a"], 3, "another program stands there");
        let new = files.path("new");
        refused("d", &["attach", "-p", &new, "--behind", "a"], 3, "--take-over");
        let said = of(lab, "d", &["attach", "-p", &new]).failed(2);
        assert!(said.contains("DEV"), "{said}");
        let said = chain(lab, files, &["a", "a"]).failed(2);
        assert!(said.contains("called `a`"), "{said}");
        of(lab, "d", &["attach", "-p", &new, "--behind", "a", "--take-over"]).ok();
        assert_eq!(judged(lab), [false, true, true, true, false]);
    });
}

#[test]
fn a_policy_that_does_not_come_behind_another_leaves_that_one_as_it_was() {
    Lab::run(|lab| {
        let files = Files::new();
        of(lab, "main", &["attach", NEAR, "-p", &files.path("a")]).ok();
        let (pins, program) = (tree(), status(lab, "main")["program"].clone());
        fs::write(files.path("away"), "redirect nowhere0 ip4\ndefault pass\n").expect("written");
        let said = of(lab, "m", &["attach", "-p", &files.path("away"), "--behind", "main"]);
        let said = said.failed(2);
        assert!(said.contains("nowhere0"), "{said}");
        assert_eq!((tree(), &status(lab, "main")["program"]), (pins.clone(), &program));
        // Where that shows only once there is a slot, the slot goes again.
        let said = of(lab, "m", &["attach", NEAR, "-p", &files.path("b"), "--behind", "main"]);
        said.failed(3);
        assert_eq!((tree(), &status(lab, "main")["next"]), (pins, &Value::Null));
        attested(lab, &["main"]);
        of(lab, "main", &["rollback"]).failed(1);
        of(lab, "m", &["attach", "-p", &files.path("b"), "--behind", "main"]).ok();
        assert_eq!(judged(lab), [false, false, true, true, true]);
    });
}

#[test]
fn a_chain_is_16_policies_long_and_no_longer() {
    Lab::run(|lab| {
        let files = Files::new();
        let names: Vec<String> = (0..17).map(|n| format!("p{n}")).collect();
        for (port, name) in (2000..).zip(&names) {
            files.write(name, port);
        }
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        let before = tree();
        let said = chain(lab, &files, &names).failed(2);
        assert!(said.contains("17 policies long"), "{said}");
        assert_eq!(tree(), before);
        chain(lab, &files, &names[..16]).ok();
        let ports: Vec<Vec<u8>> = (2000..2016).map(frame).collect();
        assert_eq!(lab.through(&ports), [false; 16]);
        let said = of(lab, "p16", &["attach", "-p", &files.path("p16"), "--behind", "p15"]);
        assert!(said.failed(2).contains("17 policies long"));
    });
}

#[test]
fn a_chain_of_which_one_will_not_do_is_not_begun() {
    Lab::run(|lab| {
        let files = Files::new();
        fs::write(files.path("wrong"), "drop upd\ndefault pass\n").expect("written");
        fs::write(files.path("away"), "redirect nowhere0 ip4\ndefault pass\n").expect("written");
        let refused = |names: &[&str], code: i32, word: &str| {
            let before = tree();
            let said = chain(lab, &files, names).failed(code);
            assert!(said.contains(word), "{names:?}: {said}");
            assert_eq!(tree(), before, "{names:?}");
        };
        refused(&["a", "missing"], 2, "missing.pal");
        refused(&["a", "wrong"], 2, "upd");
        refused(&["a", "b", "away"], 2, "nowhere0");
        chain(lab, &files, &["a", "b"]).ok();
        refused(&["new", "b", "a"], 2, "round");
        refused(&["new", "a", "c"], 3, "another program stands there");
        assert_eq!(judged(lab), [false, false, true, true, true]);
        attested(lab, &["a", "b"]);
        chain(lab, &files, &["a", "b", "c"]).ok();
    });
}

#[test]
fn each_reports_what_it_sees_to_its_own_reader() {
    Lab::run(|lab| {
        let files = Files::new();
        for (name, port) in [("a", A), ("b", B)] {
            let text = format!("drop event ip4 udp dport {port}\ndefault pass\n");
            fs::write(files.path(name), text).expect("written");
        }
        chain(lab, &files, &["a", "b"]).ok();
        assert_eq!(judged(lab), [false, false, true, true, true]);
        for (policy, port) in [("a", A), ("b", B)] {
            let event = of(lab, policy, &["-j", "events", "--count", "1"]).json();
            assert_eq!(event["dport"], port, "{policy}: {event}");
        }
    });
}

#[test]
fn one_is_put_in_between_by_saying_both_who_is_before_and_who_is_behind() {
    Lab::run(|lab| {
        let files = Files::new();
        chain(lab, &files, &["a", "c"]).ok();
        let (b, pin) = (files.path("b"), "/sys/fs/bpf/palisade/c/prog");
        let between = ["attach", "-p", &b, "--behind", "a", "--next", pin, "--take-over"];
        of(lab, "b", &between).ok();
        assert_eq!(judged(lab), BY_ALL);
        attested(lab, &["a", "b", "c"]);
        assert_eq!(status(lab, "c")["behind"], json!(["b"]));
    });
}

#[test]
fn an_exchange_that_fails_leaves_the_old_one_in_the_slot_and_on_the_interface() {
    with_chain(|lab, files| {
        if strace(lab, &[]).is_none() {
            return;
        }
        of(lab, "b", &["attach", "lo"]).ok();
        let (old, new) = (files.path("b"), files.path("new"));
        let apply = ["--policy-name", "b", "apply", new.as_str()];
        let points = points(lab, &apply);
        let (mut olds, mut news) = (0, 0);
        for at in &points {
            of(lab, "b", &["apply", &old]).ok();
            let code = struck(lab, &apply, FAIL, at);
            let by = judged(lab);
            match by {
                BY_ALL => olds += 1,
                BY_NEW => news += 1,
                _ => panic!("at {at:?}: judged by neither: {by:?}"),
            }
            match code {
                Some(0) => assert_eq!(by, BY_NEW, "{at:?}"),
                // Where an interface is asked, nothing has been moved into place yet.
                _ if at.0.starts_with("send") => assert_eq!(by, BY_ALL, "{at:?}"),
                _ => {}
            }
            lab.palisade(&apply).ok();
            assert_eq!(judged(lab), BY_NEW, "{at:?}");
            attested(lab, &["a", "b", "c"]);
        }
        assert!(olds > 0 && news > 0, "{olds} times the old, {news} the new");
    });
}

#[test]
fn whoever_names_no_policy_of_a_chain_is_told_which_there_are() {
    with_chain(|lab, files| {
        for args in [&["status"][..], &["next", "clear"], &["detach", NEAR], &["attest"]] {
            let said = lab.palisade(args).failed(2);
            assert!(said.contains("`a`, `b`, `c`") && said.contains("--policy-name a"), "{said}");
            assert!(!said.contains("palisade attach"), "{said}");
        }
        let said = of(lab, "d", &["attach", NEAR, "-p", &files.path("new")]).failed(3);
        assert!(said.contains("carries the policy `a`") && said.contains("--behind a"), "{said}");
        of(lab, "b", &["mode", "shadow"]).ok();
        let shown = lab.palisade(&["chain", NEAR]).ok();
        let told = |args| of(lab, "b", args).ok();
        for said in
            [shown, told(&["status"]), told(&["attest"]), told(&["attach", "--behind", "a"])]
        {
            assert!(said.contains("`palisade --policy-name b mode enforce`"), "{said}");
        }
        let said = lab.palisade(&["attach", "-p", &files.path("a"), "--behind", "main"]).failed(2);
        assert!(said.contains("round") && said.contains("--policy-name NAME"), "{said}");
        for args in [&["chain", NEAR][..], &["receive", NEAR]] {
            let said = of(lab, "b", args).failed(2);
            assert!(said.contains("`--policy-name` says nothing here"), "{said}");
        }
    });
}

#[test]
fn policies_that_take_frames_otherwise_are_named_with_the_command_that_loads_them_alike() {
    let Some(kernel) = Kernel::or_skip() else { return };
    if kernel.best().buffers == Buffers::Single {
        return;
    }
    Lab::run(|lab| {
        let files = Files::new();
        of(lab, "a", &["attach", NEAR, "-p", &files.path("a")]).ok();
        let (b, pins) = (files.path("b"), tree());
        let behind = ["attach", "-p", &b, "--behind", "a"];
        let single = [&behind[..], &["--next", "none", "--one-buffer"]].concat();
        let said = of(lab, "b", &single).failed(3);
        assert!(said.contains("policy `a` cannot hand on to policy `b`"), "{said}");
        assert_eq!(tree(), pins);
        // The command that it names.
        let alike = "palisade --policy-name a next set none --one-buffer";
        assert!(said.contains(alike), "{said}");
        of(lab, "a", &["next", "set", "none", "--one-buffer"]).ok();
        of(lab, "b", &single).ok();
        assert_eq!(judged(lab), [false, false, true, true, true]);
        let pins = tree();
        let said = of(lab, "b", &["next", "clear", "--slot"]).failed(3);
        assert!(said.contains("policy `a` is loaded for frames in one buffer"), "{said}");
        let said = of(lab, "c", &behind).failed(3);
        assert!(said.contains("another program stands there"), "{said}");
        let said = of(lab, "c", &[&behind[..], &["--take-over"]].concat()).failed(3);
        assert!(said.contains("--next none --one-buffer"), "{said}");
        chain(lab, &files, &["a", "b"]).ok();
        assert_eq!((judged(lab), tree()), ([false, false, true, true, true], pins));
        attested(lab, &["a", "b"]);
    });
}
