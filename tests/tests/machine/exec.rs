//! The command `exec`: verdict and registers, the trace, and traps as answers.

use std::io::Write;
use std::process::{Command, Stdio};

use palisade_tests::lab::{Output, binary};
use serde_json::Value;

const EXAMPLE: &str = "\
; ethernet
  r6 = *(u32 *)(r1 +0)
  r7 = *(u16 *)(r6 +12)
  if r7 == 0x8 goto ip
  r0 = 2
  exit
ip:
; 3: drop version 4
  r0 = *(u8 *)(r6 +14)
  r0 >>= 6
  exit
";

/// Runs the tool with a program on its standard input.
fn exec(args: &[&str], program: &str) -> Output {
    let mut command = Command::new(binary());
    command.args(args).env_remove("PALISADE_BPFFS");
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().expect("the tool runs");
    // Arguments that are refused end it before it reads.
    let _ = child.stdin.take().expect("a pipe").write_all(program.as_bytes());
    let output = child.wait_with_output().expect("it ends");
    let text = |bytes| String::from_utf8(bytes).expect("UTF-8");
    Output { code: output.status.code(), stdout: text(output.stdout), stderr: text(output.stderr) }
}

const IPV4: &str = "020000000001 020000000002 0800 45";
const OTHER: &str = "02:00:00:00:00:01:02:00:00:00:00:02:88:cc";

#[test]
fn a_run_shows_its_verdict_and_registers() {
    let shown = exec(&["exec", "-", "--packet", IPV4], EXAMPLE).ok();
    assert!(shown.starts_with("verdict: drop (1), after 6 instructions\n  r0 = 0x1\n"), "{shown}");
    let document = exec(&["-j", "exec", "-", "--packet", OTHER], EXAMPLE).json();
    assert_eq!((&document["verdict"], &document["executed"]), (&"pass".into(), &5.into()));
    assert_eq!((&document["registers"]["r0"], &document["value"]), (&"0x2".into(), &2.into()));
    assert_eq!(document["packet"], Value::from(OTHER.replace(':', "")));
    let zeros = exec(&["exec", "-"], EXAMPLE).ok();
    assert!(zeros.starts_with("verdict: pass (2)"), "{zeros}");
}

#[test]
fn a_trace_shows_each_instruction_and_what_it_changed() {
    let shown = exec(&["exec", "-", "--trace", "--packet", IPV4], EXAMPLE).ok();
    let lines: Vec<&str> = shown.lines().collect();
    assert_eq!(lines[1], "    1: r7 = *(u16 *)(r6 +12)                    ; r7=0x8");
    assert_eq!(lines[2], "    2: if r7 == 0x8 goto ip");
    assert_eq!(lines[3], "    5: r0 = *(u8 *)(r6 +14)                     ; r0=0x45");
    assert_eq!(lines[6], "verdict: drop (1), after 6 instructions");
    let streamed = exec(&["-j", "exec", "-", "--trace", "--packet", IPV4], EXAMPLE).ok();
    let documents: Vec<Value> =
        streamed.lines().map(|line| serde_json::from_str(line).expect("a document")).collect();
    assert_eq!(documents.len(), 7);
    assert_eq!(documents[4]["changed"]["r0"], Value::from("0x1"));
    assert_eq!(documents[6]["verdict"], Value::from("drop"));
}

#[test]
fn a_trap_is_an_answer_that_names_instruction_note_and_reason() {
    let packet = &IPV4[..IPV4.len() - 3];
    let failed = exec(&["exec", "-", "--packet", packet], EXAMPLE).failed(1);
    let expected = "\
error: the program trapped
  found:  reads 1 byte at offset +14 of the packet, which has 14 bytes
  at:     instruction 5: r0 = *(u8 *)(r6 +14) (of `3: drop version 4`)
";
    assert!(failed.starts_with(expected), "{failed}");
    let output = exec(&["-j", "exec", "-", "--packet", packet], EXAMPLE);
    let document: Value = serde_json::from_str(&output.stdout).expect("a document");
    assert_eq!((&document["trap"]["instruction"], output.code), (&5.into(), Some(1)));
}

#[test]
fn packets_that_are_no_digits_are_mistakes() {
    for packet in ["0", "zz", "00 0"] {
        exec(&["exec", "-", "--packet", packet], EXAMPLE).failed(2);
    }
}

#[test]
fn our_own_programs_are_run_from_their_listing() {
    let policy = include_str!("../../../examples/drop-8080.pal");
    let listing = exec(&["dump", "-p", "-"], policy).ok();
    let shown = exec(&["exec", "-", "--packet", OTHER], &listing).ok();
    assert!(shown.starts_with("verdict: pass (2)"), "{shown}");
}
