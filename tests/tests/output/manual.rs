//! What the tool says of itself: help, completions, the manual page, and mistakes in the asking.

use std::collections::BTreeSet;
use std::process::{Command, Stdio};

use super::{plain, wait};

/// The commands of DESIGN.md that there are.
const COMMANDS: [&str; 27] = [
    "attach",
    "detach",
    "apply",
    "confirm",
    "rollback",
    "add",
    "del",
    "get",
    "list",
    "flush",
    "import",
    "export",
    "status",
    "stats",
    "monitor",
    "mode",
    "next",
    "chain",
    "check",
    "diff",
    "dump",
    "receive",
    "try",
    "bench",
    "doctor",
    "completions",
    "man",
];

#[test]
fn every_command_has_help_that_names_its_options() {
    let all = plain(&["--help"]).ok();
    for command in COMMANDS {
        assert!(all.contains(&format!("\n  {command} ")), "{command}: {all}");
        let help = plain(&[command, "--help"]).ok();
        assert!(help.contains(&format!("Usage: palisade {command}")), "{help}");
        for option in ["--policy-name <NAME>", "--bpffs <DIR>", "--json", "--quiet", "--help"] {
            assert!(help.contains(option), "{command}: {option}: {help}");
        }
        let short = plain(&[command, "-h"]).ok();
        assert!(short.contains("Usage: "), "{short}");
    }
    for (command, options) in [
        (
            "attach",
            &[
                "--policy",
                "--mode",
                "--group",
                "--take-over",
                "--force",
                "--next",
                "--behind",
                "--one-buffer",
            ] as &[&str],
        ),
        ("apply", &["--confirm", "--dry-run", "--force"]),
        ("detach", &["--all", "--keep"]),
        ("chain", &["--mode", "--take-over", "--force"]),
        ("dump", &["--policy", "--format", "--numbers", "--bytes"]),
        ("import", &["--set", "--format", "--replace", "--dry-run"]),
        ("export", &["--set", "--format"]),
        ("stats", &["--interval", "--count"]),
        ("monitor", &["--interval", "--count", "--per-cpu"]),
        ("add", &["--set"]),
        ("receive", &["--queue", "--pcap", "--echo", "--count", "--mode", "--transfer"]),
        ("bench", &["--against", "--sizes", "--rounds", "--quick", "--out"]),
    ] {
        let help = plain(&[command, "--help"]).ok();
        for option in options {
            assert!(help.contains(option), "{command}: {option}: {help}");
        }
    }
    assert!(all.contains("Exit codes: 0 done; 1 "), "{all}");
    let help = plain(&["flush", "--help"]).ok();
    assert!(!help.contains("all of the policy"), "`flush` wants one set named: {help}");
}

#[test]
fn no_command_and_an_unknown_one_are_mistakes() {
    let said = plain(&[]).failed(2);
    assert!(said.contains("Usage: palisade"), "{said}");
    let said = plain(&["atach", "eth0"]).failed(2);
    assert!(said.contains("'atach'") && said.contains("attach"), "{said}");
    for args in
        [&["list", "--bogus"] as &[&str], &["list", "--set"], &["add"], &["detach"], &["list", "x"]]
    {
        let output = plain(args);
        assert_eq!(output.stdout, "");
        assert!(output.failed(2).starts_with("error: "), "{args:?}");
    }
    let version = plain(&["--version"]).ok();
    assert_eq!(version, format!("palisade {}\n", env!("CARGO_PKG_VERSION")));
}

#[test]
fn completions_are_scripts_that_their_shells_accept() {
    for shell in ["bash", "zsh", "fish"] {
        let script = plain(&["completions", shell]).ok();
        for command in COMMANDS {
            assert!(script.contains(command), "{shell}: {command}");
        }
        assert!(script.contains("take-over") && script.contains("policy-name"), "{shell}");
        // A shell that is not installed cannot judge.
        let judge = Command::new(shell).args(["-n", "/dev/stdin"]).stdin(Stdio::piped()).spawn();
        if let Ok(mut judge) = judge {
            let mut stdin = judge.stdin.take().expect("a pipe");
            std::io::Write::write_all(&mut stdin, script.as_bytes()).expect("it reads");
            drop(stdin);
            assert_eq!(wait(&mut judge), Some(0), "{shell}");
        }
    }
    plain(&["completions", "csh"]).failed(2);
}

#[test]
fn the_manual_page_renders_and_tells_of_every_command() {
    let page = plain(&["man"]).ok();
    assert!(page.contains(".TH palisade 1"), "{}", page.lines().next().unwrap_or(""));
    let sections: BTreeSet<&str> = page.lines().filter(|line| line.starts_with(".SH")).collect();
    for command in COMMANDS {
        assert!(
            sections.contains(format!(".SH \"{}\"", command.to_uppercase()).as_str()),
            "{command}"
        );
    }
    for (program, args) in
        [("groff", &["-man", "-Tutf8", "-ww", "-z"] as &[&str]), ("mandoc", &["-Tlint", "-Werror"])]
    {
        let judge = Command::new(program)
            .args(args)
            .stdin(Stdio::piped())
            .stderr(Stdio::piped())
            .stdout(Stdio::null())
            .spawn();
        if let Ok(mut judge) = judge {
            let mut stdin = judge.stdin.take().expect("a pipe");
            std::io::Write::write_all(&mut stdin, page.as_bytes()).expect("it reads");
            drop(stdin);
            let output = judge.wait_with_output().expect("it ends");
            assert!(
                output.status.success(),
                "{program}: {}",
                String::from_utf8_lossy(&output.stderr)
            );
        }
    }
}
