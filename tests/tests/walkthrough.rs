//! docs/bytecode.md keeps its word: its commands are run, and print what it says.
//!
//! Blocks of policies and programs become files, blocks of commands are run one after the other, in
//! a lab whose interface goes by the name that the page uses. A line `…` stands for any lines.

use std::path::Path;
use std::process::Command;

use palisade_tests::dir::Dir;
use palisade_tests::lab::{Lab, NEAR, binary};
use palisade_tests::privilege::is_installed;

const PAGE: &str = include_str!("../../docs/bytecode.md");
/// What the page calls the interface.
const INTERFACE: &str = "eth0";
/// What the page calls the policy that it shows.
const POLICY: &str = "lldp.pal";

/// The blocks of the page: what stands behind the fence, and the lines.
fn blocks() -> Vec<(&'static str, Vec<&'static str>)> {
    let mut found = Vec::new();
    let mut lines = PAGE.lines();
    while let Some(line) = lines.next() {
        if let Some(info) = line.strip_prefix("```") {
            found.push((info, lines.by_ref().take_while(|line| *line != "```").collect()));
        }
    }
    found
}

/// A command and what the page says that it prints.
struct Step {
    command: &'static str,
    printed: Vec<&'static str>,
}

fn steps(block: &[&'static str]) -> Vec<Step> {
    let mut steps: Vec<Step> = Vec::new();
    for line in block {
        match (line.strip_prefix("$ "), steps.last_mut()) {
            (Some(command), _) => steps.push(Step { command, printed: Vec::new() }),
            (None, Some(step)) => step.printed.push(line),
            (None, None) => panic!("a block of commands begins with `{line}`"),
        }
    }
    steps
}

impl Step {
    /// Runs the command and compares what it prints; how many lines of the page that were.
    #[track_caller]
    fn take(&self, dir: &Path) -> usize {
        let Self { command, printed: said } = self;
        let tool = command.split(' ').next().unwrap_or_default();
        if tool != "palisade" && !is_installed(tool) {
            return 0;
        }
        let printed = run(command, dir);
        let lines: Vec<&str> = printed.lines().collect();
        assert!(is_as_said(&lines, said), "$ {command}\n{printed}");
        said.len()
    }
}

/// What a command of the page prints, errors behind the rest.
fn run(command: &str, dir: &Path) -> String {
    let tools = binary().parent().expect("it lies in a directory").display().to_string();
    let path = format!("{tools}:{}", std::env::var("PATH").unwrap_or_default());
    let output = Command::new("sh")
        .args(["-c", &command.replace(INTERFACE, NEAR)])
        .current_dir(dir)
        .env("PATH", path)
        .output()
        .expect("a shell");
    let text = [output.stdout, output.stderr].concat();
    String::from_utf8(text).expect("text").replace(NEAR, INTERFACE)
}

/// Whether what was printed is what the page has, where `…` stands for any lines.
fn is_as_said(printed: &[&str], said: &[&str]) -> bool {
    match said.split_first() {
        None => printed.is_empty(),
        Some((&"…", rest)) => (0..=printed.len()).any(|at| is_as_said(&printed[at..], rest)),
        Some((line, rest)) => printed.first() == Some(line) && is_as_said(&printed[1..], rest),
    }
}

#[test]
fn every_command_of_the_page_prints_what_the_page_says() {
    Lab::run(|_| {
        let dir = Dir::new("walkthrough");
        let mut compared = 0;
        for (info, lines) in blocks() {
            match info.split_once(' ') {
                Some(("asm", file)) => drop(dir.write(file, lines.join("\n") + "\n")),
                _ if info == "pal" => drop(dir.write(POLICY, lines.join("\n") + "\n")),
                _ => {
                    compared +=
                        steps(&lines).iter().map(|step| step.take(dir.as_path())).sum::<usize>()
                }
            }
        }
        assert!(compared > 60, "only {compared} lines were compared");
    });
}

#[test]
fn an_ellipsis_stands_for_any_lines_and_for_nothing_else() {
    assert!(is_as_said(&["a", "b", "c"], &["a", "…", "c"]));
    assert!(is_as_said(&["a", "c"], &["a", "…", "c"]));
    assert!(!is_as_said(&["a", "b"], &["a"]));
    assert!(!is_as_said(&["a"], &["…", "b"]));
}
