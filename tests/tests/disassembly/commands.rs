//! `asm` and `disasm` as commands: formats in and out, errors with their places, nothing by halves.

use serde_json::Value;

use super::{Dir, examples, palisade, raw};

const TEXT: &str = "\
.map block hash key 4 value 8 max 1024
; 7: drop src in block
  r1 = map[block]
  r2 = r10
  r2 += -4
  *(u32 *)(r10 -4) = 7
  call bpf_map_lookup_elem#1
  if r0 == 0x0 goto one of them
  r0 = 1
  exit
one of them:
; default pass
  r0 = 2
  exit
";

#[test]
fn what_dump_lists_is_assembled_to_what_dump_encodes() {
    for policy in examples() {
        let args = |format| ["dump", "-p", policy.as_str(), "--format", format];
        let hex = palisade(&args("hex"), "").ok();
        let listing = palisade(&args("asm"), "").ok();
        assert_eq!(palisade(&["asm", "-"], &listing).ok(), hex, "{policy}");
        let again = palisade(&["asm", "-", "--format", "text"], &listing).ok();
        assert!(listing.ends_with(&again), "{policy}: notes and maps are those of the listing");
    }
}

#[test]
fn each_format_is_written_and_recognised() {
    let dir = Dir::new("formats");
    let source = dir.write("t.s", TEXT);
    let path = dir.path("out");
    for format in ["text", "hex", "raw", "elf"] {
        palisade(&["asm", &source, "--format", format, "-o", &path], "").ok();
        let read = palisade(&["disasm", "-j", &path], "").json();
        assert_eq!(read["read_as"], format);
        let texts: Vec<&str> = read["instructions"]
            .as_array()
            .expect("a list")
            .iter()
            .map(|insn| insn["text"].as_str().expect("text"))
            .collect();
        assert_eq!(texts.len(), 10, "{format}: {texts:?}");
        assert_eq!((texts[1], texts[9]), ("r2 = r10", "exit"), "{format}");
        let said = palisade(&["disasm", "--format", format, &path], "").ok();
        assert_eq!(palisade(&["disasm", &path], "").ok(), said, "{format}");
    }
}

#[test]
fn an_object_whose_variables_a_text_cannot_fill_says_so() {
    let assembled = |access| {
        let text =
            format!(".map v array key 4 value 8 max 1\n  r1 = map[v]{access}\n  r0 = 2\n  exit\n");
        raw(&["asm", "-", "--format", "elf"], text.as_bytes())
    };
    let (code, _, said) = assembled("+0");
    assert_eq!((code, said.starts_with("note: ")), (Some(0), true), "{said}");
    let (code, _, said) = assembled("");
    assert_eq!((code, said.as_str()), (Some(0), ""));
}

#[test]
fn text_comes_back_as_it_was() {
    assert_eq!(palisade(&["disasm", "-"], TEXT).ok(), TEXT);
    assert_eq!(palisade(&["asm", "-", "--format", "text"], TEXT).ok(), TEXT);
    let shown = palisade(&["disasm", "-", "--numbers", "--bytes"], TEXT).ok();
    assert_eq!(palisade(&["disasm", "-"], &shown).ok(), TEXT);
    assert!(
        shown.contains("    6: 15 00 02 00 00 00 00 00  if r0 == 0x0 goto one of them\n"),
        "{shown}"
    );
}

#[test]
fn bytes_are_of_the_order_that_is_said() {
    let little = palisade(&["asm", "-", "--order", "little"], "r1 += 258\nexit").ok();
    let big = palisade(&["asm", "-", "--order", "big"], "r1 += 258\nexit").ok();
    assert_eq!(little, "0701000002010000\n9500000000000000\n");
    assert_eq!(big, "0710000000000102\n9500000000000000\n");
    assert_eq!(palisade(&["disasm", "-", "--order", "big"], &big).ok(), "  r1 += 258\n  exit\n");
    let wrong = palisade(&["disasm", "-", "--order", "little"], &big).failed(2);
    assert!(wrong.contains("slot 0") && wrong.contains("little-endian"), "{wrong}");
}

#[test]
fn an_instruction_set_that_does_not_suffice_is_refused_by_name() {
    let wrong = palisade(&["asm", "-", "--isa", "v3"], "r1 s/= r2\nexit").failed(2);
    assert!(wrong.contains("`r1 s/= r2`, needs instruction set v4"), "{wrong}");
    palisade(&["asm", "-", "--isa", "v4"], "r1 s/= r2\nexit").ok();
}

#[test]
fn all_mistakes_of_a_text_are_shown_and_nothing_else() {
    let dir = Dir::new("mistakes");
    let (source, path) = (dir.write("bad.s", "r1 = r11\nr1 += 1\ngoto nowhere\n"), dir.path("out"));
    for command in [&["asm", &source, "-o", &path][..], &["disasm", &source]] {
        let output = palisade(command, "");
        assert_eq!(output.stdout, "");
        let wrong = output.failed(2);
        assert!(wrong.starts_with("error: expected "), "{wrong}");
        assert!(wrong.contains(&format!("{source}:1:6\n")), "{wrong}");
        assert!(wrong.contains(&format!("{source}:3:6\n")), "{wrong}");
        assert_eq!(wrong.matches("error: ").count(), 2, "{wrong}");
    }
    assert!(!std::path::Path::new(&path).exists());
}

#[test]
fn code_that_is_none_is_refused_with_its_slot_and_reason() {
    for (hex, reason) in [
        ("ff00000000000000", "slot 0: unknown opcode 0xff"),
        ("b700000001000000\n0500050000000000", "slot 1: there is no instruction at slot 7"),
        ("b700000001000000\n1801000001000000", "slot 1: the second half"),
        ("b700000001000000", "slot 0: goes on past the end"),
        ("b7000000010000", "14"),
        ("b70000000100000", "half a byte"),
    ] {
        let output = palisade(&["disasm", "-", "--format", "hex"], hex);
        assert_eq!(output.stdout, "");
        let wrong = output.failed(2);
        assert!(wrong.contains(reason) || hex.len() == 14 && wrong.contains("7 bytes"), "{wrong}");
    }
}

#[test]
fn what_is_no_code_at_all_is_refused_with_what_was_tried() {
    let (code, stdout, wrong) = raw(&["disasm", "-"], &[0xff, 0xfe, 0, 1, 2]);
    assert_eq!((code, stdout.len()), (Some(2), 0));
    assert!(
        wrong.contains("no object file, no hexadecimal digits, no text, and 5 bytes"),
        "{wrong}"
    );
    assert!(palisade(&["disasm", "-"], "").failed(2).contains("is empty"));
    assert!(palisade(&["asm", "-"], "; nothing\n").failed(2).contains("has no instruction"));
    let (_, _, wrong) = raw(&["disasm", "-"], b"\x7fELF and no more");
    assert!(wrong.contains("standard input: "), "{wrong}");
    assert!(palisade(&["disasm", "/"], "").failed(2).contains("a directory"));
    assert!(
        palisade(&["asm", "/nowhere/at/all"], "").failed(2).contains("cannot read /nowhere/at/all")
    );
}

#[test]
fn the_document_has_what_the_document_of_dump_has() {
    let policy = &examples()[0];
    let dumped: Value = palisade(&["dump", "-p", policy, "-j"], "").json();
    let listing = palisade(&["dump", "-p", policy], "").ok();
    for command in ["asm", "disasm"] {
        let document: Value = palisade(&[command, "-", "-j"], &listing).json();
        assert_eq!(document["instructions"], dumped["instructions"], "{command}");
        assert_eq!(document["maps"], dumped["maps"], "{command}");
    }
}

#[test]
fn a_document_is_asked_for_without_a_file_or_a_format_that_would_be_passed_over() {
    let dir = Dir::new("document");
    let path = dir.path("out");
    for args in [["-j", "asm", "-", "-o", &path], ["asm", "-", "-j", "-o", &path]] {
        let wrong = palisade(&args, TEXT).failed(2);
        assert!(wrong.contains("goes to standard output"), "{wrong}");
    }
    assert!(!std::path::Path::new(&path).exists());
    palisade(&["asm", "-", "-j", "--format", "elf"], TEXT).failed(2);
}
