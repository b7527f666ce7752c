//! The listing against the log of the kernel's verifier at level 2, which prints every instruction
//! that it comes to.
//!
//! `bpftool -d` asks for that log and prints it, whether the program is taken or not.

use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;

use palisade_asm::{ByteOrder, Imm64, Insn};
use palisade_tests::lab::Lab;
use palisade_tests::privilege::Kernel;

use super::{Dir, Plain, examples, is_installed, object, palisade, plain, raw, said};

/// What the verifier prints of the instructions that it comes to, by slot.
fn logged(path: &str, pin: &str) -> BTreeMap<usize, String> {
    let mut load = Command::new("bpftool");
    load.args(["-d", "prog", "load", path, pin, "type", "xdp"]);
    let output = load.output().expect("it starts");
    let log = String::from_utf8_lossy(&output.stderr).into_owned()
        + &String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{log}");
    let lines = log.lines().filter_map(|line| {
        let (slot, rest) = line.split_once(": (")?;
        let text = rest.split_once(") ")?.1;
        let text = text.split(" ; ").next().unwrap_or(text).trim_end();
        Some((slot.trim().parse().ok()?, text.to_owned()))
    });
    lines.collect()
}

/// The text as the verifier has it: what has a name here is an address there.
fn in_its_words(line: &Plain) -> String {
    match line.insn {
        Insn::LoadImm64 { value: Imm64::Const(_), .. } => {
            line.text.trim_end_matches(" ll").to_owned()
        }
        Insn::LoadImm64 { dst, .. } => format!("{dst} = 0x"),
        _ => line.text.clone(),
    }
}

/// Compares, and gives the opcodes of the instructions that the verifier came to.
fn agree(bytes: &[u8], log: &BTreeMap<usize, String>, name: &str) -> BTreeSet<u8> {
    let (program, image) = object(bytes);
    let lines = plain(&program);
    for line in &lines {
        let Some(its) = log.get(&line.slot) else { continue };
        let ours = in_its_words(line);
        let same = match line.insn {
            Insn::LoadImm64 { value: Imm64::Const(_), .. } => *its == ours,
            Insn::LoadImm64 { .. } => its.starts_with(&ours),
            _ => *its == ours,
        };
        assert!(same, "{name}, slot {}: `{ours}`, and the verifier says `{its}`", line.slot);
    }
    let seen: Vec<&Plain> = lines.iter().filter(|line| log.contains_key(&line.slot)).collect();
    assert_eq!(seen.len(), log.len(), "{name}: the verifier lists what is no instruction");
    assert!(seen.len() * 10 > lines.len() * 9, "{name}: {} of {}", seen.len(), lines.len());
    seen.iter().map(|line| image.code[line.slot].op).collect()
}

#[test]
fn policies_are_listed_as_the_verifier_lists_them() {
    let Some(kernel) = Kernel::or_skip() else { return };
    if !is_installed("bpftool") {
        return;
    }
    Lab::run(|_| {
        let dir = Dir::new("verifier");
        for (number, policy) in examples().iter().enumerate() {
            for (which, target) in kernel.targets.iter().enumerate() {
                let args = ["dump", "-p", policy, "--format", "elf", "--target", &said(*target)];
                let (code, bytes, stderr) = raw(&args, b"");
                assert_eq!(code, Some(0), "{stderr}");
                let path = dir.write("policy.o", &bytes);
                let log = logged(&path, &format!("/sys/fs/bpf/p{number}t{which}"));
                agree(&bytes, &log, policy);
            }
        }
    });
}

/// Every opcode that the kernel takes of an XDP program, in a row that it walks to the end.
fn every_instruction(isa: &str) -> String {
    let mut text = String::from(
        ".map m array key 4 value 8 max 1
  r6 = r1
  call bpf_get_prandom_u32#7
  *(u64 *)(r10 -8) = r0
  *(u64 *)(r10 -16) = 0
  *(u32 *)(r10 -16) = -7
  *(u16 *)(r10 -16) = r0
  *(u16 *)(r10 -14) = 70
  *(u8 *)(r10 -13) = r0
  *(u8 *)(r10 -12) = -1
  *(u32 *)(r10 -12) = r0
  r1 = 0x1122334455667788 ll
  r1 = map[m]
  r1 = r0
  r2 = r0
  r1 = *(u8 *)(r10 -16)
  r1 = *(u16 *)(r10 -16)
  r1 = *(u32 *)(r6 +0)
  r1 = *(u32 *)(r10 -16)
  r1 = *(u64 *)(r10 -8)
  call after
  r1 = r0
  r2 = r0
",
    );
    let v4 = isa == "v4";
    for (r, width) in [("r", 63), ("w", 31)] {
        for op in ["+=", "-=", "*=", "/=", "|=", "&=", "%=", "^=", "="] {
            text += &format!("  {r}1 {op} 7\n  {r}1 {op} {r}2\n  {r}1 = {r}2\n");
        }
        for op in ["<<=", ">>=", "s>>="] {
            text += &format!("  {r}1 {op} {width}\n  {r}1 {op} {r}2\n  {r}1 = {r}2\n");
        }
        text += &format!("  {r}1 = -{r}1\n");
        for op in ["==", "!=", ">", ">=", "<", "<=", "&", "s>", "s>=", "s<", "s<="] {
            text += &format!("  if {r}1 {op} 0x8 goto +0\n  if {r}1 {op} {r}2 goto +0\n");
            text += "  call bpf_get_prandom_u32#7\n  r1 = r0\n  r2 = *(u64 *)(r10 -8)\n";
        }
        if v4 {
            text += &format!("  {r}1 s/= -7\n  {r}1 s/= {r}2\n  {r}1 s%= 7\n  {r}1 s%= {r}2\n");
            text += &format!("  {r}1 = (s8){r}2\n  {r}1 = (s16){r}2\n");
        }
    }
    for order in ["le", "be"].iter().chain(v4.then_some(&"bswap")) {
        [16, 32, 64].iter().for_each(|bits| text += &format!("  r1 = {order}{bits} r1\n"));
    }
    if v4 {
        text += "  r1 = (s32)r2\n  gotol +0\n";
        ["s8", "s16", "s32"].iter().for_each(|size| {
            text += &format!("  r1 = *({size} *)(r10 -16)\n");
        });
    }
    for (size, name) in [("u32", "atomic"), ("u64", "atomic64")] {
        for op in ["+=", "|=", "&=", "^="] {
            text += &format!("  lock *({size} *)(r10 -16) {op} r2\n");
        }
        for op in ["fetch_add", "fetch_or", "fetch_and", "fetch_xor", "xchg"] {
            text += &format!("  r2 = {name}_{op}(({size} *)(r10 -16), r2)\n");
        }
        text += &format!("  r0 = {name}_cmpxchg(({size} *)(r10 -16), r0, r2)\n");
    }
    text + "  goto +0\n  r0 = 2\n  exit\nafter:\n  r0 = 0\n  exit\n"
}

#[test]
fn every_instruction_that_the_kernel_takes_is_listed_as_the_verifier_lists_it() {
    let Some(kernel) = Kernel::or_skip() else { return };
    if !is_installed("bpftool") {
        return;
    }
    let isa = kernel.best().isa.to_string();
    Lab::run(|_| {
        let dir = Dir::new("every");
        let (source, path) = (dir.write("every.s", every_instruction(&isa)), dir.path("every.o"));
        palisade(&["asm", &source, "--format", "elf", "-o", &path], "").ok();
        let bytes = std::fs::read(&path).expect("it was written");
        let seen = agree(&bytes, &logged(&path, "/sys/fs/bpf/every"), "every instruction");
        // The opcodes of the RFC, but for access to packets, which XDP has in another way.
        let registered = include_str!("../../../crates/asm/tests/data/rfc9669_appendix.txt");
        let all: BTreeSet<u8> = registered
            .lines()
            .filter(|line| !line.ends_with("packet"))
            .map(|line| u8::from_str_radix(&line[..2], 16).expect("an opcode"))
            .collect();
        let v4 = [0x06, 0x81, 0x89, 0x91, 0xd7];
        let missing: Vec<&u8> =
            all.difference(&seen).filter(|op| isa == "v4" || !v4.contains(op)).collect();
        assert!(missing.is_empty(), "{missing:02x?}");
        let listing = palisade(&["disasm", &path], "").ok();
        let hex = object(&bytes).1.hex(ByteOrder::HOST).to_string();
        assert_eq!(palisade(&["asm", "-"], &listing).ok(), hex, "{listing}");
    });
}
