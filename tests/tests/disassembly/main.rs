//! Code as text and text as code: the commands `asm` and `disasm`, and whether what they print is
//! what the kernel's verifier ([`verifier`]) and LLVM ([`llvm`]) print of the same code.

mod commands;
mod llvm;
mod verifier;

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use palisade_asm::{Image, Insn, Program, decode_image};
use palisade_filter::Target;
use palisade_loader::foreign::{self, KernelTypes};
use palisade_tests::dir::Dir;
use palisade_tests::lab::{Output, binary};
use palisade_tests::privilege::is_installed;

/// Runs the tool with something on its standard input.
fn palisade(args: &[&str], input: impl AsRef<[u8]>) -> Output {
    let (code, stdout, stderr) = raw(args, input.as_ref());
    let stdout = String::from_utf8(stdout).expect("it prints UTF-8");
    Output { code, stdout, stderr }
}

/// The same where bytes are printed.
fn raw(args: &[&str], input: &[u8]) -> (Option<i32>, Vec<u8>, String) {
    let mut command = Command::new(binary());
    command.args(args).env_remove("PALISADE_BPFFS");
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().expect("the tool runs");
    let mut stdin = child.stdin.take().expect("a pipe");
    let output = std::thread::scope(|scope| {
        // A tool that does not read all of its input is no failure of the test.
        scope.spawn(move || stdin.write_all(input).ok());
        child.wait_with_output().expect("it ends")
    });
    let stderr = String::from_utf8(output.stderr).expect("it complains in UTF-8");
    (output.status.code(), output.stdout, stderr)
}

/// Every example, by path.
fn examples() -> Vec<String> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples");
    let entries = fs::read_dir(folder).expect("the examples");
    let mut files: Vec<PathBuf> = entries.map(|file| file.expect("one").path()).collect();
    files.retain(|path| path.extension().is_some_and(|name| name == "pal"));
    files.sort();
    assert!(files.len() > 5);
    files.into_iter().map(|path| path.to_str().expect("UTF-8").to_owned()).collect()
}

/// A target as `dump --target` takes it.
fn said(target: Target) -> String {
    use palisade_filter::{Access, Buffers};
    let buffers = match target.buffers {
        Buffers::Single => "single",
        Buffers::Multi => "multi",
    };
    let access = match target.access {
        Access::Pointers => "pointers",
        Access::Helpers => "helpers",
    };
    format!("{},{buffers},{access}", target.isa)
}

/// The program of an object file.
fn object(bytes: &[u8]) -> (Program, Image) {
    let image = foreign::read(bytes, None, KernelTypes::AsCompiled).expect("an object").image;
    (decode_image(&image).expect("a program"), image)
}

/// A line of a listing as whoever does not know the program's names prints it.
struct Plain {
    slot: usize,
    insn: Insn,
    text: String,
}

/// The lines of a program, with the kernel's distances in place of labels.
fn plain(program: &Program) -> Vec<Plain> {
    let listing = program.listing();
    let lines: Vec<_> = listing.lines().collect();
    let plain = lines.iter().map(|line| {
        let insn = program.insns()[line.at];
        let mut text = line.text.clone();
        if let Some(label) = insn.label() {
            let to = i64::try_from(lines[program.target(label)].slot).expect("small");
            let by = to - i64::try_from(line.slot).expect("small") - 1;
            let keyword = ["gotol ", "goto ", "call "];
            let at = keyword.iter().find_map(|word| Some(text.find(word)? + word.len()));
            text.truncate(at.expect("a jump or a call"));
            text += &format!("pc{by:+}");
        }
        Plain { slot: line.slot, insn, text }
    });
    plain.collect()
}
