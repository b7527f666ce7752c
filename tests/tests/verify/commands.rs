//! `disasm --verify` as a command: an answer, its reasons and its exit code, without any right.

use std::io::Write;
use std::process::Stdio;
use std::thread;

use palisade_tests::lab::Output;
use palisade_tests::nobody;
use serde_json::{Value, json};

/// Reads two bytes behind those that were shown to be there, unless the bound is 14.
const SHORT: &str = "\
; is there an ethertype?
  r2 = *(u32 *)(r1 +0)
  r3 = *(u32 *)(r1 +4)
  r4 = r2
  r4 += 13
  if r4 > r3 goto pass
; drop what is not IPv4
  r5 = *(u16 *)(r2 +12)
  if r5 == 0x8 goto pass
  r0 = 1
  exit
pass:
  r0 = 2
  exit
";

/// The answer to a text, asked for by an ordinary user.
fn verify(text: &str, more: &[&str]) -> Output {
    let args = [&["disasm", "--verify", "-"], more].concat();
    let mut command = nobody::palisade(&args);
    command.current_dir("/").stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().expect("the tool runs");
    let mut stdin = child.stdin.take().expect("a pipe");
    let output = thread::scope(|scope| {
        // A tool that does not read all of its input is no failure of the test.
        scope.spawn(move || stdin.write_all(text.as_bytes()).ok());
        child.wait_with_output().expect("it ends")
    });
    let words = |bytes| String::from_utf8(bytes).expect("it speaks UTF-8");
    let code = output.status.code();
    Output { code, stdout: words(output.stdout), stderr: words(output.stderr) }
}

/// The one document that is printed with `-j`, and the exit code.
fn document(text: &str) -> (Option<i32>, Value) {
    let Output { code, stdout, stderr } = verify(text, &["-j"]);
    let value =
        serde_json::from_str(&stdout).unwrap_or_else(|error| panic!("{error}\n{stdout}\n{stderr}"));
    (code, value)
}

#[test]
fn what_is_accepted_ends_with_0_and_says_what_it_took() {
    let Output { code, stdout, stderr } = verify(&SHORT.replace("13", "14"), &[]);
    assert_eq!((code, stderr.as_str()), (Some(0), ""));
    assert_eq!(
        stdout,
        "accepted from Linux 5.10 on: 11 instructions followed, 9 on the longest path, 2 conditional jumps at most on one\n"
    );
    let (code, answer) = document(&SHORT.replace("13", "14"));
    assert_eq!(code, Some(0));
    let wanted = json!({
        "file": "standard input",
        "accepted": true,
        "oldest": "5.10",
        "processed": 11,
        "states": 1,
        "jumps": 2,
        "longest_path": 9,
    });
    assert_eq!(answer, wanted);
}

#[test]
fn an_answer_names_the_oldest_kernel_that_takes_the_program() {
    for (text, oldest) in [
        ("r0 = 2\n exit\n", "5.10"),
        ("*(u64 *)(r10 -8) = 1\n r0 = 1\n r0 = xchg_64(r10 -8, r0)\n r0 = 2\n exit\n", "5.12"),
        ("call bpf_xdp_get_buff_len#188\n r0 = 2\n exit\n", "5.18"),
        ("call bpf_ktime_get_tai_ns#208\n r0 = 2\n exit\n", "6.1"),
        ("r0 = 2\n r0 = (s8)r0\n exit\n", "6.6"),
    ] {
        let (code, answer) = document(text);
        assert_eq!((code, answer["oldest"].as_str()), (Some(0), Some(oldest)), "{text}: {answer}");
    }
}

#[test]
fn what_is_refused_ends_with_1_and_says_where_and_why() {
    let Output { code, stdout, stderr } = verify(SHORT, &[]);
    assert_eq!((code, stdout.as_str()), (Some(1), ""));
    for line in [
        "refused by the offline verifier",
        "  found:  invalid access to packet, off=12 size=2: R2 offset is outside of the packet, of which 13 bytes were shown to be there",
        "  at:     instruction 5: r5 = *(u16 *)(r2 +12) (of `drop what is not IPv4`)",
        "  known:  r2=pkt(r=13)",
        "  path:   4 not taken",
    ] {
        assert!(stderr.contains(line), "{line}\n{stderr}");
    }
}

#[test]
fn a_refusal_is_one_document_with_the_instruction_the_state_and_the_path() {
    let (code, answer) = document(SHORT);
    assert_eq!(code, Some(1));
    let wanted = json!({
        "file": "standard input",
        "accepted": false,
        "instruction": 5,
        "text": "r5 = *(u16 *)(r2 +12)",
        "reason": "packet range",
        "message": "invalid access to packet, off=12 size=2: R2 offset is outside of the packet, of which 13 bytes were shown to be there",
        "state": [{"in": "r2", "holds": "pkt(r=13)"}],
        "path": [{"instruction": 4, "taken": false}],
    });
    assert_eq!(answer, wanted);
}

#[test]
fn a_refused_call_shows_the_stack_as_it_was_before() {
    let text = ".map hash hash key 4 value 8 max 16\n r6 = r1\n *(u64 *)(r10 -8) = r6\n r1 = map[hash]\n \
                r2 = r10\n r2 += -8\n call bpf_map_lookup_elem#1\n r0 = 2\n exit\n";
    let (code, answer) = document(text);
    assert_eq!(
        (code, answer["reason"].as_str()),
        (Some(1), Some("part of a pointer on the stack"))
    );
    let state = answer["state"].as_array().expect("a list");
    assert!(state.contains(&json!({"in": "fp-8", "holds": "ctx()"})), "{state:?}");
}

#[test]
fn a_loop_is_out_of_scope_which_is_no_yes() {
    let text = "r0 = 0\nagain:\n r0 += 1\n if r0 < 10 goto again\n exit\n";
    let Output { code, stderr, .. } = verify(text, &[]);
    assert_eq!(code, Some(1), "{stderr}");
    assert!(stderr.contains("  found:  loops are not judged here"), "{stderr}");
    assert!(stderr.contains("  at:     instruction 2: if r0 < 0xa goto again"), "{stderr}");
    let (code, answer) = document(text);
    assert_eq!((code, &answer["reason"]), (Some(1), &json!("out of scope")));
}

#[test]
fn what_is_no_program_is_neither_accepted_nor_refused() {
    let Output { code, stdout, stderr } = verify("r0 = \n", &[]);
    assert_eq!((code, stdout.as_str()), (Some(2), ""), "{stderr}");
    assert!(!stderr.contains("verifier"), "{stderr}");
}
