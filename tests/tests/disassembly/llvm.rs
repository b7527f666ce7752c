//! The listing against `llvm-objdump -d`: what it prints of our objects is read as our programs.
//!
//! It knows nothing of maps, and prints calls of functions as it prints those of helpers; these
//! lines are taken from our own listing, as are those that old versions do not know.

use std::process::Command;

use palisade_asm::{Call, Cond, Imm64, Insn, Isa, Src, Test, parse};
use palisade_filter::Target;

use super::{Dir, examples, is_installed, object, palisade, plain, raw, said};

/// The instructions of a section as LLVM prints them, by slot: label lines and headers left out.
fn disassembled(path: &str, section: &str) -> Vec<(usize, String)> {
    let mut dump = Command::new("llvm-objdump");
    dump.args([
        "-d",
        "--mattr=+alu32",
        "--no-show-raw-insn",
        &format!("--section={section}"),
        path,
    ]);
    let output = dump.output().expect("it starts");
    let text = String::from_utf8(output.stdout).expect("UTF-8");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let lines = text.lines().filter_map(|line| {
        let (slot, text) = line.split_once(':')?;
        let text = text.trim();
        (!text.is_empty()).then_some(())?;
        Some((slot.trim().parse().ok()?, text.to_owned()))
    });
    lines.collect()
}

/// Whether LLVM's text of an instruction says what it is.
fn is_told(insn: &Insn, text: &str) -> bool {
    match insn {
        // Version 14 does not know these.
        Insn::Store { src: Src::Imm(_), .. }
        | Insn::Jump { when: Some(Test { cond: Cond::Set, .. }), .. } => text != "<unknown>",
        Insn::LoadImm64 { value, .. } => matches!(value, Imm64::Const(_)),
        Insn::Call(call) => matches!(call, Call::Helper(_)),
        _ => true,
    }
}

/// Reads what LLVM prints of the section, and of the one with its functions, and compares with what we
/// read of them.
fn agree(bytes: &[u8], path: &str, section: &str) {
    let (program, _) = object(bytes);
    let mut its = disassembled(path, section);
    let ours = plain(&program);
    if let (Some((last, _)), true) = (its.last(), its.len() < ours.len()) {
        let behind = last + 1;
        let functions = disassembled(path, ".text").into_iter();
        its.extend(functions.map(|(slot, told)| (slot + behind, told)));
    }
    assert_eq!(its.len(), ours.len(), "{path}: {its:?}");
    let listing = program.listing().to_string();
    let mut text: String = listing
        .lines()
        .filter(|line| line.starts_with(".map"))
        .map(|line| format!("{line}\n"))
        .collect();
    for (line, (slot, told)) in ours.iter().zip(&its) {
        assert_eq!(line.slot, *slot, "{path}: {told}");
        text += if is_told(&line.insn, told) { told } else { &line.text };
        text += "\n";
    }
    let read = parse(&text).unwrap_or_else(|wrong| panic!("{}", wrong[0].report(path)));
    for ((a, b), line) in read.insns().iter().zip(program.insns()).zip(&its) {
        assert!(a.written() == b.written() && a.needs() == b.needs(), "{path}: {line:?} is {a:?}");
    }
    assert!(read == program, "{path}");
}

#[test]
fn what_llvm_prints_of_policies_is_read_as_their_programs() {
    if !is_installed("llvm-objdump") {
        return;
    }
    let dir = Dir::new("llvm");
    // LLVM 14 knows the instruction sets up to v3.
    let target = Target { isa: Isa::V3, ..Target::FLOOR };
    for policy in examples() {
        let args = ["dump", "-p", &policy, "--format", "elf", "--target", &said(target)];
        let (code, bytes, stderr) = raw(&args, b"");
        assert_eq!(code, Some(0), "{stderr}");
        let path = dir.write("policy.o", &bytes);
        agree(&bytes, &path, "xdp");
    }
}

/// Every spelling that LLVM has of its own, of instructions up to v3.
const SPELLINGS: &str = "
  r1 = *(u32 *)(r1 +4)
  w1 = w2
  r0 = atomic64_cmpxchg((u64 *)(r10 -8), r0, r2)
  r0 = atomic_cmpxchg((u32 *)(r10 -8), r0, r2)
  r2 = atomic64_xchg((u64 *)(r10 -8), r2)
  r2 = atomic_xchg((u32 *)(r10 -8), r2)
  r2 = atomic64_fetch_add((u64 *)(r10 -8), r2)
  r2 = atomic_fetch_xor((u32 *)(r10 -8), r2)
  lock *(u64 *)(r10 -8) += r2
  lock *(u32 *)(r10 -8) |= r2
  *(u16 *)(r10 -8) = r2
  r1 = 0xfffffffffffffff0 ll
  r1 += -16
  r1 = -r1
  w1 = -w1
  r1 = be16 r1
  r1 = le64 r1
  r1 s>>= 3
  w1 >>= w2
  if w1 s> 0xfffffff0 goto next
next:
  if r1 & 0x8 goto next
  r0 = *(u8 *)skb[23]
  r0 = *(u16 *)skb[r1 + 0]
  call bpf_ktime_get_ns#5
  goto over
over:
  exit
";

#[test]
fn the_spellings_of_llvm_are_read_as_what_they_were_printed_from() {
    if !is_installed("llvm-objdump") {
        return;
    }
    let dir = Dir::new("spellings");
    let (source, path) = (dir.write("s.s", SPELLINGS), dir.path("s.o"));
    palisade(&["asm", &source, "--format", "elf", "-o", &path], "").ok();
    agree(&std::fs::read(&path).expect("it was written"), &path, "xdp");
}
