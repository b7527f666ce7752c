//! What is found out about a policy before it runs: `check`, `dump` and `diff`, the first two as
//! somebody without any right runs them.

mod diff;
mod dump;
mod findings;
mod hostile;
mod mistakes;

use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

use palisade_tests::dir::Dir;
use palisade_tests::lab::Output;
use palisade_tests::nobody;

/// Runs the tool without any right, with a text on its standard input.
fn ordinary(args: &[&str], input: impl AsRef<[u8]>) -> Output {
    finish(nobody::palisade(args).current_dir("/"), input.as_ref())
}

/// `check` of a text.
fn check(text: impl AsRef<[u8]>) -> Output {
    ordinary(&["check", "-"], text)
}

/// What `check -j` prints about a text, whatever it is.
fn check_json(text: &str) -> (Option<i32>, serde_json::Value) {
    let output = ordinary(&["check", "-j", "-"], text);
    let document = serde_json::from_str(&output.stdout);
    (output.code, document.unwrap_or_else(|error| panic!("{error}: {output:?}")))
}

fn finish(command: &mut Command, input: &[u8]) -> Output {
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().expect("the tool runs");
    let mut stdin = child.stdin.take().expect("a pipe");
    let output = std::thread::scope(|scope| {
        // A tool that does not read all of its input is no failure of the test.
        scope.spawn(move || stdin.write_all(input).ok());
        child.wait_with_output().expect("it ends")
    });
    Output {
        code: output.status.code(),
        stdout: String::from_utf8(output.stdout).expect("UTF-8"),
        stderr: String::from_utf8(output.stderr).expect("UTF-8"),
    }
}

fn exists(path: &str) -> bool {
    Path::new(path).exists()
}
