//! Files that no compiler wrote: cut short, with bits turned, with sizes and places that are not
//! there. Each is refused, or read as something else; none ends the process, hangs it, or takes its
//! memory.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::process::Command;
use std::sync::Once;
use std::time::{Duration, Instant};

use palisade_loader::foreign::{self, ForeignError, KERNEL_TYPES, KernelTypes, MOST_BYTES};
use palisade_tests::lab::{Lab, NEAR};

use super::{Compiled, compiled};

/// How long one object may take: much longer than any does, much shorter than a loop without an end.
const PATIENCE: Duration = Duration::from_secs(10);
/// The memory that all of it may take above what the test began with.
const MEMORY: u64 = 512 << 20;

/// Keeps contained panics to themselves, as the tool does.
fn quiet() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let hook = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |panic| {
            if !foreign::is_contained() {
                hook(panic);
            }
        }));
    });
}

/// Reads an object, as compiled, or by the kernel's types where they are given.
fn read(bytes: &[u8], kernel: Option<&[u8]>) -> Result<foreign::Object, ForeignError> {
    quiet();
    let start = Instant::now();
    let given = || Ok(kernel.unwrap_or_default().to_vec());
    let types = if kernel.is_some() { KernelTypes::In(&given) } else { KernelTypes::AsCompiled };
    let object = foreign::read(bytes, None, types);
    assert!(start.elapsed() < PATIENCE, "{:?} for {} bytes", start.elapsed(), bytes.len());
    object
}

/// The most memory that the process has had.
fn peak() -> u64 {
    let status = fs::read_to_string("/proc/self/status").expect("it is there");
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).expect("a line");
    let kib: u64 = line.trim().trim_end_matches(" kB").trim().parse().expect("a number");
    kib << 10
}

/// An object of a few KiB: without what debuggers want, where that can be taken out.
#[track_caller]
fn small() -> Option<Vec<u8>> {
    let Compiled(object) = &compiled("whole.c", &[])?;
    let _ = Command::new("llvm-strip").arg("-g").arg(object).output();
    let bytes = fs::read(object).expect("an object");
    assert!(bytes.len() < 1 << 14, "{} bytes", bytes.len());
    read(&bytes, None).expect("it is sound");
    Some(bytes)
}

#[test]
fn an_object_that_is_cut_short_anywhere_is_refused() {
    let Some(bytes) = small() else { return };
    for len in 0..bytes.len() {
        read(&bytes[..len], None).expect_err(&format!("{len} of {} bytes", bytes.len()));
    }
}

#[test]
fn no_single_bit_ends_the_process_hangs_it_or_takes_its_memory() {
    let Some(mut bytes) = small() else { return };
    let before = peak();
    let mut outcomes: BTreeMap<&str, u32> = BTreeMap::new();
    for bit in 0..8 * bytes.len() {
        bytes[bit / 8] ^= 1 << (bit % 8);
        let outcome = match read(&bytes, None) {
            Ok(_) => "read",
            Err(ForeignError::GaveUp { .. }) => "given up",
            Err(_) => "refused",
        };
        *outcomes.entry(outcome).or_default() += 1;
        bytes[bit / 8] ^= 1 << (bit % 8);
    }
    let taken = peak().saturating_sub(before);
    assert!(taken < MEMORY, "{taken} bytes");
    assert!(outcomes["refused"] > 1000 && outcomes["read"] > 1000, "{outcomes:?}");
}

#[test]
fn bits_turned_in_what_is_said_of_the_kernel_are_no_worse() {
    let (Some(bytes), Ok(kernel)) = (small(), fs::read(KERNEL_TYPES)) else { return };
    let Some(ext) = Headers(&bytes).find(".BTF.ext") else { panic!("it has places") };
    let (start, len) = (Headers(&bytes).word(ext + 24), Headers(&bytes).word(ext + 32));
    let mut turned = bytes.clone();
    // The places stand at the end; a kernel's types take a while to be read.
    for bit in (8 * (start + len - 48)..8 * (start + len)).step_by(5) {
        turned[bit / 8] ^= 1 << (bit % 8);
        let _ = read(&turned, Some(&kernel));
        turned[bit / 8] ^= 1 << (bit % 8);
    }
}

/// The headers of an object's sections.
struct Headers<'a>(&'a [u8]);

impl Headers<'_> {
    fn word(&self, at: usize) -> usize {
        u64::from_le_bytes(self.0[at..at + 8].try_into().expect("eight bytes")) as usize
    }

    fn half(&self, at: usize) -> usize {
        u32::from_le_bytes(self.0[at..at + 4].try_into().expect("four bytes")) as usize
    }

    fn short(&self, at: usize) -> usize {
        u16::from_le_bytes(self.0[at..at + 2].try_into().expect("two bytes")).into()
    }

    fn header(&self, number: usize) -> usize {
        self.word(0x28) + 64 * number
    }

    /// Where the header of a section is.
    fn find(&self, name: &str) -> Option<usize> {
        let names = self.word(self.header(self.short(0x3e)) + 24);
        let headers = (0..self.short(0x3c)).map(|number| self.header(number));
        headers.into_iter().find(|header| {
            let at = names + self.half(*header);
            self.0[at..].starts_with(name.as_bytes()) && self.0[at + name.len()] == 0
        })
    }

    /// Where the first symbol is that others may name, of a kind.
    fn global(&self, kind: u8) -> usize {
        let (start, header) = (self.place(".symtab"), self.find(".symtab").expect("symbols"));
        let mut all = (0..self.word(header + 32) / 24).map(|number| start + 24 * number);
        all.find(|at| self.0[at + 4] == 0x10 | kind).expect("a symbol of that kind")
    }

    /// Where the first relocation of a call in the program is.
    fn call(&self) -> usize {
        let (start, header) = (self.place(".relxdp"), self.find(".relxdp").expect("relocations"));
        let mut all = (0..self.word(header + 32) / 16).map(|number| start + 16 * number);
        all.find(|at| self.half(at + 8) == 10).expect("a call")
    }

    /// Where a section is.
    fn place(&self, name: &str) -> usize {
        self.word(self.find(name).expect(name) + 24)
    }
}

/// A change of an object: where, and what is put there.
type Change = (usize, Vec<u8>);

fn put(at: usize, number: u64, bytes: usize) -> Change {
    (at, number.to_le_bytes()[..bytes].to_vec())
}

/// What every change makes of an object; each is to be refused with words that hold these.
fn changes(bytes: &[u8]) -> Vec<(&'static str, Change, &'static str)> {
    let h = Headers(bytes);
    let header = |name: &str| h.find(name).unwrap_or_else(|| panic!("no section {name}"));
    let function = h.global(2);
    let (code, btf, ext) = (h.place("xdp"), h.place(".BTF"), h.place(".BTF.ext"));
    let rel = h.place(".relxdp");
    let types = btf + 24;
    let map_load = h.word(rel);
    let call = h.call();
    let variable = (h.global(1) - h.place(".symtab")) / 24;
    let max = u64::MAX;
    vec![
        ("another magic", put(0, 0x7e, 1), "does not begin as an ELF file"),
        ("32 bits", put(4, 1, 1), "32-bit"),
        ("another order", put(5, 2, 1), "for another machine"),
        ("no order", put(5, 9, 1), "ELF header is cut short or of no version"),
        ("another machine", put(0x12, 62, 2), "for another machine"),
        ("an executable", put(0x10, 2, 2), "not relocatable"),
        ("headers beyond the end", put(0x28, max, 8), "the table of sections"),
        ("headers in the header", put(0x28, 8, 8), "the table of sections"),
        ("headers off their place", put(0x28, h.word(0x28) as u64 + 1, 8), "the table of sections"),
        ("no headers", put(0x3c, 0, 2), "the table of sections is missing"),
        ("too many headers", put(0x3c, 0xffff, 2), "65535 sections, and at most 1024"),
        ("headers of another size", put(0x3a, 63, 2), "entries of a strange size"),
        ("no names", put(0x3e, 0xfff0, 2), "a table of names is missing"),
        ("code for names", put(0x3e, 2, 2), "a table of names is of another kind"),
        ("an absurd size", put(header("xdp") + 32, max, 8), "does not lie in the file"),
        (
            "a size of a gigabyte",
            put(header(".rodata") + 32, 1 << 30, 8),
            "does not lie in the file",
        ),
        ("a place that wraps", put(header("xdp") + 24, max - 8, 8), "does not lie in the file"),
        ("variables of a terabyte", put(header(".bss") + 32, 1 << 40, 8), "bytes of zeros"),
        (
            "sections that overlap",
            put(header(".data") + 24, code as u64, 8),
            "two sections overlap",
        ),
        ("a section on the header", put(header(".data") + 24, 0, 8), "two sections overlap"),
        ("a name beyond the names", put(header("xdp"), 0xffff_fff0, 4), "has no readable name"),
        (
            "a compressed section",
            put(header(".text") + 8, 0x806, 8),
            "section `.text` is compressed",
        ),
        ("code with an address", put(header("xdp") + 16, 8, 8), "has an address already"),
        ("code of half an instruction", put(header("xdp") + 32, 4, 8), "lies beyond the end"),
        ("code that is not in the file", put(header("xdp") + 4, 8, 4), "section `xdp` is no code"),
        ("no symbols", put(header(".symtab") + 4, 0, 4), "has no symbols"),
        ("half a symbol", put(header(".symtab") + 32, 25, 8), "ends in the middle of a symbol"),
        (
            "symbols with no names",
            put(header(".symtab") + 40, 0xffff, 4),
            "a table of names is missing",
        ),
        ("a symbol with no name", put(function, 0x7fff_ffff, 4), "has no readable name"),
        ("a symbol nowhere", put(function + 6, 0xfe00, 2), "in a section that is not there"),
        (
            "a symbol beyond its section",
            put(function + 8, 1 << 20, 8),
            "beyond the end of its section",
        ),
        ("a symbol that wraps", put(function + 8, max, 8), "beyond the end of its section"),
        ("a function with no end", put(function + 16, max, 8), "beyond the end of its section"),
        ("a function of half an instruction", put(function + 16, 100, 8), "whole instructions"),
        (
            "a function of half a load",
            put(function + 16, map_load as u64 + 8, 8),
            "whole instructions",
        ),
        ("a program that is none", put(function + 4, 0x11, 1), "has no program"),
        ("a relocation beyond the code", put(rel, 1 << 40, 8), "relocates what is no call"),
        ("a relocation between instructions", put(rel, 17, 8), "relocates what is no call"),
        ("a relocation of an exit", put(rel, 0, 8), "relocates what is no call"),
        ("a symbol that is not there", put(rel + 12, 0xffff_ffff, 4), "a symbol that is not there"),
        ("a symbol that is not defined", put(rel + 12, 0, 4), "which the object does not define"),
        ("a function that is a variable", put(call + 12, variable as u64, 4), "no function"),
        ("another sort of relocation", put(rel + 8, 10, 4), "relocates what is no call"),
        ("symbols elsewhere", put(header(".relxdp") + 40, 2, 4), "has its symbols elsewhere"),
        ("types without a magic", put(btf, 0, 2), "has no sound header"),
        ("a header of types with no end", put(btf + 4, max, 4), "has no sound header"),
        ("types beyond their section", put(btf + 12, max, 4), "ends beyond its section"),
        ("names beyond their section", put(btf + 16, max, 4), "ends beyond its section"),
        ("a type of an unknown kind", put(types + 7, 0x1f, 1), "of an unknown kind"),
        ("a type with no name", put(types, 0x00ff_ffff, 4), "a name that cannot be read"),
        ("a type of a type that is not there", put(types + 8, 0x00ff_ffff, 4), "refers to a type"),
        ("lines without a magic", put(ext, 0, 2), "has no sound header"),
        ("lines beyond their section", put(ext + 20, max, 4), "ends beyond its section"),
        ("records of no size", put(ext + 32, 0, 4), "records of a strange size"),
        ("records of a gigabyte", put(ext + 32, 1 << 30, 4), "records of a strange size"),
        ("records without an end", put(ext + 40, 0xffff_fff0, 4), "in the middle of a record"),
        (
            "code that names a map by a number",
            put(code + map_load + 1, 0x11, 1),
            "names a map by a number",
        ),
    ]
}

#[test]
fn what_contradicts_itself_is_refused_by_the_name_of_the_part() {
    let Some(bytes) = small() else { return };
    if cfg!(target_endian = "big") {
        return;
    }
    let mut wrong = String::new();
    for (what, (at, put), want) in changes(&bytes) {
        let mut changed = bytes.clone();
        changed[at..at + put.len()].copy_from_slice(&put);
        match read(&changed, None) {
            Err(error) if error.to_string().contains(want) => {}
            Err(error) => writeln!(wrong, "{what}: {error}; not: {want}").expect("written"),
            Ok(_) => writeln!(wrong, "{what}: read").expect("written"),
        }
    }
    assert!(wrong.is_empty(), "\n{wrong}");
}

#[test]
fn what_the_reader_of_objects_gives_up_on_is_the_objects_fault_and_no_bug_of_the_tool() {
    let Some(object) = compiled("whole.c", &[]) else { return };
    let mut bytes = object.bytes();
    let at = Headers(&bytes);
    // A call so far back that the reader's arithmetic overflows, where that is checked.
    let call = at.place("xdp") + at.word(at.call());
    bytes[call + 4..call + 8].copy_from_slice(&(i32::MIN + 8).to_le_bytes());
    let error = read(&bytes, None).expect_err("refused");
    let gave_up = matches!(error, ForeignError::GaveUp { .. });
    assert_eq!(gave_up, cfg!(debug_assertions), "{error}");
    fs::write(&object.0, bytes).expect("written");
    Lab::run(|lab| {
        let error = lab.palisade(&["load", object.path(), NEAR]).failed(2);
        let want = if gave_up { "its reader gave up, saying" } else { "cannot be linked" };
        assert!(error.contains(want), "{error}");
        assert!(!error.contains("bug") && !error.contains("panicked"), "{error}");
    });
}

#[test]
fn files_that_are_no_objects_at_all_are_refused() {
    for bytes in [&b""[..], b"\x7f", b"\x7fELF", b"drop src in block\ndefault pass\n", &[0; 4096]] {
        let error = read(bytes, None).expect_err("no object");
        assert!(matches!(error, ForeignError::NotAnObject { .. }), "{error}");
    }
    let large = vec![0; MOST_BYTES + 1];
    let error = read(&large, None).expect_err("too large").to_string();
    assert_eq!(error, "the object has 16777217 bytes, and at most 16777216 are read");
}

#[test]
fn functions_that_call_one_another_deeply_are_linked_and_too_many_are_refused() {
    let chain = |count: u32| {
        let mut text = String::from("#include \"bpf.h\"\n");
        for number in 0..count {
            let next = match number {
                0 => "return a * a;".to_owned(),
                n => format!("return f{}(a + 1) * 3;", n - 1),
            };
            writeln!(text, "__attribute__((noinline)) int f{number}(int a) {{ {next} }}")
                .expect("written");
        }
        let last = count - 1;
        text + &format!("SEC(\"xdp\") int x(struct xdp_md *c) {{ return f{last}(c->data); }}\n")
    };
    let object = |count| {
        let here = concat!("-I", env!("CARGO_MANIFEST_DIR"), "/tests/foreign");
        let at = format!("{}/chain-{count}.c", env!("CARGO_TARGET_TMPDIR"));
        fs::write(&at, chain(count)).expect("written");
        // Absolute, and so not beside this file.
        let object = compiled(&at, &[here]);
        fs::remove_file(&at).expect("removed");
        object.map(|object| object.bytes())
    };
    let Some(deep) = object(500) else { return };
    let deep = read(&deep, None).expect("linked");
    assert_eq!(deep.image.labels.len(), 501);
    let many = object(600).expect("clang is there");
    let error = read(&many, None).expect_err("too many").to_string();
    assert_eq!(error, "the object has 601 functions, and at most 512 are read");
}

#[test]
fn zeros_that_are_not_in_the_file_count_together() {
    let text = "#include \"bpf.h\"\n\
                SEC(\".bss.a\") char a[9 << 20];\n\
                SEC(\".bss.b\") char b[9 << 20];\n\
                SEC(\"xdp\") int x(struct xdp_md *c) { return a[1] + b[1]; }\n";
    let here = concat!("-I", env!("CARGO_MANIFEST_DIR"), "/tests/foreign");
    let at = format!("{}/zeros.c", env!("CARGO_TARGET_TMPDIR"));
    fs::write(&at, text).expect("written");
    let object = compiled(&at, &[here]);
    fs::remove_file(&at).expect("removed");
    let Some(object) = object else { return };
    let error = read(&object.bytes(), None).expect_err("too many").to_string();
    assert_eq!(error, "the object has 18874368 bytes of zeros, and at most 16777216 are read");
}

#[test]
fn the_tool_says_why_and_exits_with_2() {
    Lab::run(|lab| {
        for (file, want) in [
            ("/", "EISDIR"),
            ("/dev/null", "does not begin as an ELF file"),
            ("/dev/zero", "at most 16777216 are read"),
            ("/nowhere/at/all.o", "ENOENT"),
        ] {
            let error = lab.palisade(&["load", file, NEAR, "--name", "x"]).failed(2);
            assert!(error.contains(want) && !error.contains("bug"), "{file}: {error}");
        }
    });
}
