//! `palisade try`: it works, it is quick, and nothing is left of it.

use std::fs;
use std::ops::Range;
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

use palisade_loader::{Capabilities, Capability, Errno, Program, link};
use palisade_tests::engine::Engine;
use palisade_tests::lab::{Lab, binary};
use palisade_tests::nobody;
use palisade_tests::privilege::{self, Kernel, Reason};

/// What a leak would show in: interfaces with what they carry, mounts, pins.
#[derive(Debug, PartialEq, Eq)]
struct Surroundings {
    links: Vec<String>,
    mounts: String,
    pins: Vec<String>,
}

impl Surroundings {
    fn now() -> Self {
        let links = link::list().expect("the interfaces can be listed");
        let pins = fs::read_dir("/sys/fs/bpf").map_or(Vec::new(), |entries| {
            entries
                .flatten()
                .map(|entry| entry.file_name().to_string_lossy().into_owned())
                .collect()
        });
        Self {
            links: links.iter().map(|link| format!("{link:?}")).collect(),
            mounts: fs::read_to_string("/proc/thread-self/mountinfo").expect("proc is mounted"),
            pins,
        }
    }
}

/// The number of a program that is loaded now; programs get theirs in turn.
fn mark(kernel: &Kernel) -> u32 {
    let engine = Engine::load(kernel, "default pass\n", kernel.best());
    engine.program().info().expect("a program can be described").id
}

/// Waits until none of the programs is left. Those of tests that run meanwhile go as well.
fn until_gone(programs: Range<u32>) {
    let end = Instant::now() + Duration::from_secs(20);
    for id in programs {
        while Program::by_id(id).err() != Some(Errno::ENOENT) {
            assert!(Instant::now() < end, "program {id} is left behind");
            std::thread::sleep(Duration::from_millis(10));
        }
    }
}

fn run(mut command: Command) -> (Output, Duration) {
    let start = Instant::now();
    command.stdin(Stdio::null());
    (command.output().expect("the tool runs"), start.elapsed())
}

fn may_try() -> bool {
    let wanted = [Capability::SysAdmin, Capability::NetAdmin, Capability::Bpf];
    let missing = Capabilities::current().map(|held| held.missing(&wanted));
    if missing.is_ok_and(|missing| missing.is_empty()) {
        return true;
    }
    privilege::skip(&Reason::Right { name: "root".to_owned(), said: "`try` takes it".to_owned() });
    false
}

#[test]
fn try_shows_the_filter_at_work_and_leaves_nothing() {
    let Some(kernel) = Kernel::or_skip().filter(|_| may_try()) else { return };
    Lab::run(|lab| {
        let before = Surroundings::now();
        let first = mark(&kernel);
        let (output, took) = run(lab.command(&["try"]));
        let said = String::from_utf8(output.stdout).expect("UTF-8");
        let wrong = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{said}{wrong}");
        assert!(took < Duration::from_secs(15), "{took:?}");
        for line in [
            "$ palisade attach",
            "in native mode",
            "$ palisade add 192.0.2.66",
            "drop src in block",
            "the attacker 192.0.2.66     0 of 100 UDP messages arrive, TCP gets no connection",
            "Next, as root:",
        ] {
            assert!(said.contains(line), "{line:?} is not in:\n{said}");
        }
        let friend = "the friend   192.0.2.10   100 of 100 UDP messages arrive, TCP connects";
        assert_eq!(said.matches(friend).count(), 2, "{said}");
        let attacker = "the attacker 192.0.2.66   100 of 100 UDP messages arrive, TCP connects";
        assert_eq!(said.matches(attacker).count(), 1, "{said}");
        assert_eq!(Surroundings::now(), before);
        until_gone(first + 1..mark(&kernel));
    });
}

#[test]
fn try_in_json_is_one_document_with_what_came_through() {
    if !may_try() {
        return;
    }
    let mut command = Command::new(binary());
    command.args(["-j", "try"]);
    let (output, _) = run(command);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let told: serde_json::Value = serde_json::from_slice(&output.stdout).expect("one document");
    assert_eq!(told["before"]["attacker"]["udp"], 100);
    assert_eq!(told["before"]["attacker"]["tcp"], true);
    assert_eq!(told["after"]["attacker"]["udp"], 0);
    assert_eq!(told["after"]["attacker"]["tcp"], false);
    for when in ["before", "after"] {
        assert_eq!(told[when]["friend"]["udp"], 100);
        assert_eq!(told[when]["friend"]["tcp"], true);
    }
}

#[test]
fn try_without_rights_is_refused_and_says_why() {
    let (output, _) = run(nobody::palisade(&["try"]));
    let said = String::from_utf8(output.stderr).expect("UTF-8");
    assert_eq!(output.status.code(), Some(3), "{said}");
    assert!(said.contains("EPERM") && said.contains("root"), "{said}");
    assert!(output.stdout.is_empty());
}

/// A reader who has seen enough goes away; that ends the show, and leaves nothing.
#[test]
fn try_into_a_closed_pipe_ends_well() {
    if !may_try() {
        return;
    }
    Lab::run(|lab| {
        let before = Surroundings::now();
        let mut child = lab
            .command(&["try"])
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the tool runs");
        drop(child.stdout.take());
        let output = child.wait_with_output().expect("the tool ends");
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!((output.status.code(), said.as_ref()), (Some(0), ""));
        assert_eq!(Surroundings::now(), before);
    });
}
