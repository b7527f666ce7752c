//! The listing: a program line by line, each block under the note that says what asked for it.
//!
//! Only labels in use are shown. On demand each line has the number of its slot and its bytes.
//! Slots are counted as the verifier counts them, a 64-bit load taking two; of a program whose
//! jumps have to be relaxed that holds once it has been encoded and decoded again.

use std::fmt;

use crate::note::Note;
use crate::order::ByteOrder;
use crate::program::Program;
use crate::raw::{RawInsn, SLOT_BYTES};
use crate::text::{Names, Text};

impl fmt::Display for Program {
    /// The listing without notes.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let listing = self.listing();
        listing.lines().try_for_each(|line| listing.line(f, &Line { note: None, ..line }))
    }
}

impl Program {
    /// The listing with each note as a comment before the first instruction it holds for.
    pub fn listing(&self) -> Listing<'_> {
        Listing { program: self, names: Names::of(self), numbers: Numbers::Hidden, code: None }
    }

    /// The text of one instruction.
    pub fn text_at(&self, at: usize) -> String {
        let names = Names::of(self);
        Text { insn: &self.insns[at], names: &names, program: self }.to_string()
    }
}

/// A program to be printed.
pub struct Listing<'a> {
    program: &'a Program,
    names: Names<'a>,
    numbers: Numbers,
    code: Option<&'a [RawInsn]>,
}

/// Whether lines have the numbers of their slots.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Numbers {
    Hidden,
    Shown,
}

/// A line of a listing: an instruction and what stands before it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Line<'a> {
    /// Which instruction it is.
    pub at: usize,
    /// Its first slot.
    pub slot: usize,
    /// How many slots it takes.
    pub slots: usize,
    /// The labels that stand before it.
    pub labels: Vec<&'a str>,
    /// The note that begins to hold here.
    pub note: Option<&'a Note>,
    /// The instruction.
    pub text: String,
}

impl<'a> Listing<'a> {
    /// The same with the number of its slot before each instruction.
    #[must_use]
    pub fn numbered(self) -> Self {
        Self { numbers: Numbers::Shown, ..self }
    }

    /// The same with the bytes of each instruction before it, as they lie in memory: a line for
    /// each slot of `code`, the encoded program.
    #[must_use]
    pub fn with_bytes(self, code: &'a [RawInsn]) -> Self {
        Self { code: Some(code), ..self }
    }

    /// The lines in their order.
    pub fn lines(&self) -> impl Iterator<Item = Line<'_>> {
        let mut next = 0;
        self.program.insns().iter().enumerate().map(move |(at, insn)| {
            let slots = insn.slots();
            let slot = next;
            next += slots;
            Line {
                at,
                slot,
                slots,
                labels: self.names.at(at).collect(),
                note: self.program.notes().starting(at),
                text: Text { insn, names: &self.names, program: self.program }.to_string(),
            }
        })
    }

    fn line(&self, f: &mut fmt::Formatter<'_>, line: &Line<'_>) -> fmt::Result {
        for label in &line.labels {
            writeln!(f, "{label}:")?;
        }
        if let Some(note) = line.note {
            writeln!(f, "; {note}")?;
        }
        self.columns(f, line.slot)?;
        writeln!(f, "{}", line.text)?;
        let further = if self.code.is_some() { line.slots } else { 1 };
        for slot in line.slot + 1..line.slot + further {
            self.columns(f, slot)?;
            writeln!(f)?;
        }
        Ok(())
    }

    /// What stands before the text of a slot.
    fn columns(&self, f: &mut fmt::Formatter<'_>, slot: usize) -> fmt::Result {
        match self.numbers {
            Numbers::Hidden => f.write_str("  ")?,
            Numbers::Shown => write!(f, "{slot:>5}: ")?,
        }
        let Some(raw) = self.code.and_then(|code| code.get(slot)) else { return Ok(()) };
        let bytes: [u8; SLOT_BYTES] = raw.to_bytes(ByteOrder::HOST);
        bytes.iter().try_for_each(|byte| write!(f, "{byte:02x} "))?;
        f.write_str(" ")
    }
}

impl fmt::Display for Listing<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.lines().try_for_each(|line| self.line(f, &line))
    }
}
