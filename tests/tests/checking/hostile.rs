//! Texts that are large or deep: bounded time, bounded memory, and an answer.

use std::os::unix::process::CommandExt;
use std::process::Command;

use nix::unistd::Uid;
use palisade_tests::lab::Output;
use palisade_tests::mixed::mixed;
use palisade_tests::nobody;

use super::check;

/// The most seconds of processor that `check` may take, built without optimisation.
const MOST_TIME: &str = "60";
/// The most memory that it may ask for, in KiB.
const MOST_MEMORY: &str = "2000000";
/// The longest text that is read.
const LONGEST: usize = 16 << 20;

/// `check` with bounded time and memory; fails where a signal ends it, as one does past the time.
#[track_caller]
fn bounded(what: &str, text: &str) -> Output {
    let tool = nobody::palisade(&["check", "-"]);
    let mut command = Command::new("sh");
    command.args([
        "-c",
        &format!("ulimit -v {MOST_MEMORY}; ulimit -t {MOST_TIME}; exec \"$0\" \"$@\""),
    ]);
    command.arg(tool.get_program()).args(tool.get_args()).current_dir("/");
    if Uid::effective().is_root() {
        command.uid(65534).gid(65534);
    }
    let output = Output::of(&mut command, text.as_bytes());
    let code =
        output.code.unwrap_or_else(|| panic!("{what}: ended by a signal: {}", output.stderr));
    assert!(code <= 2, "{what}: {code}: {}", output.stderr);
    assert!(output.stdout.len() + output.stderr.len() < 1 << 20, "{what} is told at length");
    output
}

#[test]
fn a_hundred_thousand_rules_are_compiled_or_refused_by_the_rule_that_is_too_much() {
    let alike: String = (0..100_000)
        .map(|i| format!("drop src 10.{}.{}.{}\n", i >> 16, i >> 8 & 255, i & 255))
        .collect();
    bounded("a hundred thousand addresses", &format!("{alike}default pass\n")).ok();
    let keeps = alike.replace("drop", "keep");
    bounded("a hundred thousand `keep`s", &format!("{keeps}default drop\n")).ok();
    let dead = "drop udp\n".repeat(100_000);
    bounded("a hundred thousand dead rules", &format!("{dead}default pass\n")).ok();
    let output = bounded("a hundred thousand mixed rules", &mixed(100_000));
    if output.code != Some(0) {
        assert!(output.stderr.contains("line "), "{}", output.stderr);
    }
}

#[test]
fn deep_nesting_has_an_end() {
    for (open, close) in [("( ", ") "), ("not ", ""), ("( udp or ", ") "), ("{ ", "} ")] {
        for depth in [100, 10_000, 200_000] {
            let text =
                format!("drop {}udp {}\ndefault pass\n", open.repeat(depth), close.repeat(depth));
            bounded(&format!("{depth} times `{open}`"), &text);
        }
    }
}

#[test]
fn defines_that_multiply_have_an_end() {
    let mut text = String::from("define a0 = { 10.0.0.1, 10.0.0.2 }\n");
    for i in 1..64 {
        text.push_str(&format!("define a{i} = {{ a{0}, a{0} }}\n", i - 1));
    }
    bounded("defines that double", &format!("{text}drop src a63\ndefault pass\n"));
    bounded("a define of itself", "define a = { a }\ndrop src a\ndefault pass\n").failed(2);
}

#[test]
fn the_longest_text_is_read_in_bounded_memory_whatever_is_in_it() {
    for unit in ["\n", "@", "x\n", "(", "drop udp\n", "\""] {
        let text = unit.repeat(LONGEST / unit.len());
        let output = bounded(&format!("16 MiB of {unit:?}"), &text);
        assert_ne!(output.code, Some(0), "{unit:?} says nothing of the default");
    }
    let said = check("#".repeat(LONGEST + 1)).failed(2);
    assert!(said.contains("longer than"), "{said}");
}
