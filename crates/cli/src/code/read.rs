//! Code of any origin, recognised by what it holds unless that is said.
//!
//! An object file says so in its first bytes. What has nothing but hexadecimal digits and blanks is
//! hexadecimal; other text is a program in the language of listings; what is no text and has whole
//! slots is raw. No program is all of its raw bytes text, since `exit` is none.

use std::fmt;
use std::path::Path;

use palisade_asm::{
    ByteOrder, DecodeError, Image, Isa, Program, RawInsn, SLOT_BYTES, SyntaxError, decode_image,
    parse,
};
use palisade_loader::foreign::{self, KernelTypes};

use crate::args::CodeFormat;
use crate::failure::{Failure, Outcome};
use crate::judging::read_bytes;
use crate::output::human;

/// The longest file: a listing of the longest program that the kernel takes fits.
const MOST_BYTES: u64 = 256 << 20;
/// More mistakes of a text than these are counted and not shown.
const MOST_SHOWN: usize = 20;

/// A program out of a file, with everything at its slot.
pub struct Code {
    /// What messages call the file.
    pub name: String,
    /// How the file was read.
    pub format: CodeFormat,
    /// The slots, maps and notes.
    pub image: Image,
    /// The same, decoded.
    pub program: Program,
    /// What a reader must know besides.
    pub remarks: Vec<String>,
}

/// How a file is to be read.
pub struct Wanted<'a> {
    /// How it is written, where that is said.
    pub format: Option<CodeFormat>,
    /// The order of raw bytes and of hexadecimal digits.
    pub order: ByteOrder,
    /// Which program of an object file, where it has several.
    pub section: Option<&'a str>,
}

/// Reads the text of a program; the failure shows its mistakes.
pub fn assemble(path: &Path) -> Outcome<(String, Program)> {
    let (name, bytes) = read_bytes(path, MOST_BYTES)?;
    let program = from_text(&name, &bytes)?;
    Ok((name, program))
}

/// Reads code.
pub fn read(path: &Path, wanted: &Wanted<'_>) -> Outcome<Code> {
    let (name, bytes) = read_bytes(path, MOST_BYTES)?;
    let format = match wanted.format {
        Some(format) => format,
        None => recognised(&name, &bytes)?,
    };
    let mut remarks = Vec::new();
    let image = match format {
        CodeFormat::Text => {
            let program = from_text(&name, &bytes)?;
            program.encode(Isa::V4).map_err(|error| Failure::usage(format!("{name}: {error}")))?
        }
        CodeFormat::Hex => {
            Image::new(slots(&name, format, &digits(&name, &bytes)?, wanted)?, Vec::new())
        }
        CodeFormat::Raw => Image::new(slots(&name, format, &bytes, wanted)?, Vec::new()),
        CodeFormat::Elf => {
            let object = foreign::read(&bytes, wanted.section, KernelTypes::AsCompiled);
            let object = object.map_err(|error| Failure::usage(format!("{name}: {error}")))?;
            remarks.push(format!("{}, license {:?}", object.name, object.license));
            if object.as_compiled > 0 {
                remarks.push(format!(
                    "note: {} as the compiler knew them",
                    human::counted(
                        u64::try_from(object.as_compiled).unwrap_or(u64::MAX),
                        "place depends on types of the kernel and is shown",
                        "places depend on types of the kernel and are shown",
                    )
                ));
            }
            object.image
        }
    };
    let program =
        decode_image(&image).map_err(|error| undecodable(&name, format, &error, wanted))?;
    Ok(Code { name, format, image, program, remarks })
}

fn undecodable(
    name: &str,
    format: CodeFormat,
    error: &DecodeError,
    wanted: &Wanted<'_>,
) -> Failure {
    Failure::usage(format!("{name}: {error}")).note("found", read_as(format, wanted))
}

/// How a file was read, since that may have been a guess.
fn read_as(format: CodeFormat, wanted: &Wanted<'_>) -> String {
    let order = match wanted.order {
        ByteOrder::Little => "little-endian",
        ByteOrder::Big => "big-endian",
    };
    match format {
        CodeFormat::Text => "read as a program's text".to_owned(),
        CodeFormat::Elf => "read as an object file".to_owned(),
        CodeFormat::Hex => format!("read as {order} hexadecimal digits"),
        CodeFormat::Raw => format!("read as {order} raw bytes"),
    }
}

fn from_text(name: &str, bytes: &[u8]) -> Outcome<Program> {
    let text = std::str::from_utf8(bytes).map_err(|error| {
        let line = bytes.iter().take(error.valid_up_to()).filter(|byte| **byte == b'\n').count();
        Failure::usage(format!("{name}:{}: this is not text in UTF-8", line + 1))
            .note("help", "`palisade disasm` reads code that is no text")
    })?;
    parse(text).map_err(|wrong| Failure::usage(Report { name, wrong: &wrong }.to_string()))
}

/// The mistakes of a text; the headline of a failure, which begins with `error:` by itself.
struct Report<'a> {
    name: &'a str,
    wrong: &'a [SyntaxError],
}

impl fmt::Display for Report<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown: Vec<String> = self
            .wrong
            .iter()
            .take(MOST_SHOWN)
            .map(|one| one.report(self.name).to_string())
            .collect();
        f.write_str(shown.join("\nerror: ").trim_end())?;
        match self.wrong.len().saturating_sub(MOST_SHOWN) {
            0 => Ok(()),
            more => write!(f, "\n\nand {more} more"),
        }
    }
}

/// How a file is written.
fn recognised(name: &str, bytes: &[u8]) -> Outcome<CodeFormat> {
    let is_digits = |byte: &u8| byte.is_ascii_hexdigit() || byte.is_ascii_whitespace();
    let is_text = || std::str::from_utf8(bytes).is_ok() && !bytes.contains(&0);
    match bytes {
        _ if bytes.iter().all(u8::is_ascii_whitespace) => {
            Err(Failure::usage(format!("{name} is empty")))
        }
        [0x7f, b'E', b'L', b'F', ..] => Ok(CodeFormat::Elf),
        _ if bytes.iter().all(is_digits) => Ok(CodeFormat::Hex),
        _ if is_text() => Ok(CodeFormat::Text),
        _ if bytes.len().is_multiple_of(SLOT_BYTES) => Ok(CodeFormat::Raw),
        _ => Err(Failure::usage(format!("{name} is no code that can be recognised"))
            .note(
                "found",
                format!(
                    "no object file, no hexadecimal digits, no text, and {} bytes are no whole slots of {SLOT_BYTES}",
                    bytes.len()
                ),
            )
            .note("help", "`--format` says how it is written")),
    }
}

/// The bytes that hexadecimal digits say, two for each.
fn digits(name: &str, bytes: &[u8]) -> Outcome<Vec<u8>> {
    let mut found = Vec::with_capacity(bytes.len() / 2);
    let mut high = None;
    for (line, text) in (1..).zip(bytes.split(|byte| *byte == b'\n')) {
        for byte in text.iter().filter(|byte| !byte.is_ascii_whitespace()) {
            let digit = char::from(*byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
            let digit = digit.ok_or_else(|| {
                Failure::usage(format!("{name}:{line}: this is no hexadecimal digit"))
            })?;
            match high.take() {
                None => high = Some(digit),
                Some(high) => found.push(high << 4 | digit),
            }
        }
    }
    match high {
        None => Ok(found),
        Some(_) => Err(Failure::usage(format!("{name} has half a byte at its end"))),
    }
}

fn slots(
    name: &str,
    format: CodeFormat,
    bytes: &[u8],
    wanted: &Wanted<'_>,
) -> Outcome<Vec<RawInsn>> {
    let (slots, rest) = bytes.as_chunks::<SLOT_BYTES>();
    if rest.is_empty() {
        return Ok(slots.iter().map(|slot| RawInsn::from_bytes(wanted.order, *slot)).collect());
    }
    let found = format!(
        "{}, and {} bytes are no whole slots of {SLOT_BYTES}",
        read_as(format, wanted),
        bytes.len()
    );
    Err(Failure::usage(format!("{name} ends within an instruction")).note("found", found))
}
