//! What is found out about a policy before it runs: `check`, `dump` and `diff`, the first two as
//! somebody without any right runs them.

mod diff;
mod dump;
mod findings;
mod hostile;
mod mistakes;

use std::path::Path;

use palisade_tests::dir::Dir;
use palisade_tests::lab::Output;
use palisade_tests::nobody;

/// Runs the tool without any right, with a text on its standard input.
fn ordinary(args: &[&str], input: impl AsRef<[u8]>) -> Output {
    Output::of(nobody::palisade(args).current_dir("/"), input.as_ref())
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

fn exists(path: &str) -> bool {
    Path::new(path).exists()
}
