//! docs/bytecode.md and docs/explain.md keep their word: their commands are run, and print what they
//! say.
//!
//! Blocks of policies and programs become files, blocks of commands are run one after the other,
//! those of the bytecode in a lab whose interface goes by the name that the page uses. A line `…`
//! stands for any lines.

use std::path::Path;
use std::process::Command;

use palisade_filter::capture::{Captured, Writer};
use palisade_filter::oracle::frame_of_words;
use palisade_tests::dir::Dir;
use palisade_tests::lab::{Lab, NEAR, binary};
use palisade_tests::privilege::is_installed;

/// A page of the documentation.
struct Page {
    text: &'static str,
    /// What it calls the policy that it shows.
    policy: &'static str,
}

const BYTECODE: Page = Page { text: include_str!("../../docs/bytecode.md"), policy: "lldp.pal" };
const EXPLAIN: Page = Page { text: include_str!("../../docs/explain.md"), policy: "shop.pal" };
/// What the pages call the interface.
const INTERFACE: &str = "eth0";

/// The blocks of a page: what stands behind the fence, and the lines.
fn blocks(page: &Page) -> Vec<(&'static str, Vec<&'static str>)> {
    let mut found = Vec::new();
    let mut lines = page.text.lines();
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

/// Runs the commands of a page in a directory; how many of its lines were compared.
fn walk(page: &Page, dir: &Dir) -> usize {
    let mut compared = 0;
    for (info, lines) in blocks(page) {
        match info.split_once(' ') {
            Some(("asm", file)) => drop(dir.write(file, lines.join("\n") + "\n")),
            _ if info == "pal" => drop(dir.write(page.policy, lines.join("\n") + "\n")),
            _ => {
                compared +=
                    steps(&lines).iter().map(|step| step.take(dir.as_path())).sum::<usize>();
            }
        }
    }
    compared
}

#[test]
fn every_command_of_the_page_on_bytecode_prints_what_the_page_says() {
    Lab::run(|_| {
        let compared = walk(&BYTECODE, &Dir::new("walkthrough"));
        assert!(compared > 60, "only {compared} lines were compared");
    });
}

/// The packets that the page on explanations asks about, in order.
fn asked_about() -> Vec<Vec<u8>> {
    let commands = blocks(&EXPLAIN).into_iter().flat_map(|(_, lines)| lines);
    let words = commands.filter_map(|line| line.strip_prefix("$ palisade explain -p shop.pal \""));
    let frame = |words: &str| {
        let words: Vec<&str> = words.split('"').next().unwrap_or_default().split(' ').collect();
        match frame_of_words(&words) {
            Ok(frame) => frame,
            Err(_) => words.iter().map(|byte| u8::from_str_radix(byte, 16).expect(byte)).collect(),
        }
    };
    words.map(frame).collect()
}

#[test]
fn every_command_of_the_page_on_explanations_prints_what_the_page_says() {
    let dir = Dir::new("explanations");
    // The page replays the packets that it explains.
    let mut writer = Writer::new(Vec::new()).expect("memory");
    let packets = asked_about();
    for frame in &packets {
        let wire = u32::try_from(frame.len()).expect("short");
        writer.write(&Captured { frame, wire, time: None }).expect("memory");
    }
    dir.write("ten.pcap", writer.into_inner());
    assert_eq!(packets.len(), 10);
    let compared = walk(&EXPLAIN, &dir);
    assert!(compared > 100, "only {compared} lines were compared");
}

#[test]
fn an_ellipsis_stands_for_any_lines_and_for_nothing_else() {
    assert!(is_as_said(&["a", "b", "c"], &["a", "…", "c"]));
    assert!(is_as_said(&["a", "c"], &["a", "…", "c"]));
    assert!(!is_as_said(&["a", "b"], &["a"]));
    assert!(!is_as_said(&["a"], &["…", "b"]));
}
