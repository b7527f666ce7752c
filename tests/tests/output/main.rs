//! What the tool prints and how it ends: JSON with the keys that others rely on, tables for people,
//! exit codes, signals, pipes that close, and what it says of itself and of the machine.

mod doctor;
mod ends;
mod json;
mod manual;
mod mode;
mod stats;

use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use palisade_tests::lab::{Output, binary};
use palisade_tests::packet::{eth, ipv4, udp};

/// How long a command that was told to end may take.
const PATIENCE: Duration = Duration::from_secs(10);

fn from4(address: &str, port: u16) -> Vec<u8> {
    (eth() / ipv4().src(address) / udp(4000, port)).build()
}

/// Runs the tool outside of any lab.
fn plain(args: &[&str]) -> Output {
    finish(Command::new(binary()).args(args).env_remove("PALISADE_BPFFS"))
}

fn finish(command: &mut Command) -> Output {
    let output = command.stdin(Stdio::null()).output().expect("the tool runs");
    Output {
        code: output.status.code(),
        stdout: String::from_utf8(output.stdout).expect("UTF-8"),
        stderr: String::from_utf8(output.stderr).expect("UTF-8"),
    }
}

/// Waits for a child; one that does not end is killed, and fails the test.
#[track_caller]
fn wait(child: &mut Child) -> Option<i32> {
    let end = Instant::now() + PATIENCE;
    while Instant::now() < end {
        if let Some(status) = child.try_wait().expect("a child can be waited for") {
            return status.code();
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    child.kill().expect("a child can be killed");
    panic!("it does not end");
}
