//! The listing: a program line by line, each block under the note that says what asked for it.
//!
//! The declarations of maps come first; of labels only those in use are shown. On demand each line
//! has the number of its slot and its bytes. Slots are counted as the verifier counts them, a
//! 64-bit load taking two; of a program whose jumps have to be relaxed that holds once it has been
//! encoded and decoded again. Whatever is shown, `parse` reads the listing back as the program.

use std::fmt;

use crate::digits::{byte, decimal, hexadecimal};
use crate::insn::Insn;
use crate::map::{MapDecl, MapFlags};
use crate::name;
use crate::note::Note;
use crate::order::ByteOrder;
use crate::program::Program;
use crate::raw::RawInsn;
use crate::text::{Names, Standing, Text};

impl fmt::Display for Program {
    /// The listing without notes.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Listing { comments: Comments::Hidden, ..self.listing() }.fmt(f)
    }
}

impl Program {
    /// The listing with each note as a comment before the first instruction it holds for.
    pub fn listing(&self) -> Listing<'_> {
        Listing {
            program: self,
            names: Names::of(self),
            comments: Comments::Shown,
            numbers: Numbers::Hidden,
            code: None,
        }
    }

    /// The text of one instruction.
    pub fn text_at(&self, at: usize) -> String {
        let mut text = String::new();
        Text { insn: &self.insns[at], names: &Names::of(self) }.write(&mut text);
        text
    }
}

/// A program to be printed.
pub struct Listing<'a> {
    program: &'a Program,
    names: Names<'a>,
    comments: Comments,
    numbers: Numbers,
    code: Option<(&'a [RawInsn], ByteOrder)>,
}

/// Whether notes are shown.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Comments {
    Hidden,
    Shown,
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

/// An instruction and what the listing shows with it.
struct Item<'a> {
    at: usize,
    slot: usize,
    labels: Standing,
    note: Option<&'a Note>,
    insn: &'a Insn,
}

impl<'a> Listing<'a> {
    /// The same with the number of its slot before each instruction.
    #[must_use]
    pub fn numbered(self) -> Self {
        Self { numbers: Numbers::Shown, ..self }
    }

    /// The same with the bytes of each instruction before it, as they lie in the memory of a
    /// machine of that order: a line for each slot of `code`, the encoded program.
    #[must_use]
    pub fn with_bytes(self, code: &'a [RawInsn], order: ByteOrder) -> Self {
        Self { code: Some((code, order)), ..self }
    }

    /// The lines of the instructions in their order.
    pub fn lines(&self) -> impl Iterator<Item = Line<'_>> {
        self.items().map(|item| {
            let mut text = String::new();
            Text { insn: item.insn, names: &self.names }.write(&mut text);
            Line {
                at: item.at,
                slot: item.slot,
                slots: item.insn.slots(),
                labels: item.labels.map(|label| self.names.nth(label)).collect(),
                note: item.note,
                text,
            }
        })
    }

    fn items(&self) -> impl Iterator<Item = Item<'a>> {
        let program = self.program;
        let (mut next, mut label) = (0, 0);
        let mut notes = program.notes().iter().peekable();
        program.insns().iter().enumerate().map(move |(at, insn)| {
            let slot = next;
            next += insn.slots();
            let labels = self.names.standing(label, at);
            label = labels.end;
            let note = notes.next_if(|(start, _)| *start == at).map(|(_, note)| note);
            Item { at, slot, labels, note, insn }
        })
    }

    /// Appends everything that belongs to an instruction.
    fn item(&self, out: &mut String, item: Item<'_>) {
        for label in item.labels {
            out.push_str(self.names.nth(label));
            out.push_str(":\n");
        }
        if let Some(note) = item.note
            && self.comments == Comments::Shown
        {
            comment(out, note);
        }
        self.columns(out, item.slot);
        Text { insn: item.insn, names: &self.names }.write(out);
        out.push('\n');
        let further = if self.code.is_some() { item.insn.slots() } else { 1 };
        for slot in item.slot + 1..item.slot + further {
            self.columns(out, slot);
            out.push('\n');
        }
    }

    /// What stands before the text of a slot.
    fn columns(&self, out: &mut String, slot: usize) {
        match self.numbers {
            Numbers::Hidden => out.push_str("  "),
            Numbers::Shown => {
                let width = slot.checked_ilog10().unwrap_or(0);
                (width..4).for_each(|_| out.push(' '));
                decimal(out, u64::try_from(slot).unwrap_or(u64::MAX));
                out.push_str(": ");
            }
        }
        let Some((code, order)) = self.code else { return };
        let Some(raw) = code.get(slot) else { return };
        for octet in raw.to_bytes(order) {
            byte(out, octet);
            out.push(' ');
        }
        out.push(' ');
    }
}

/// How much text is gathered before it is handed on.
const CHUNK: usize = 1 << 14;

impl fmt::Display for Listing<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut out = String::with_capacity(2 * CHUNK);
        for map in self.program.maps() {
            declaration(&mut out, map);
        }
        for item in self.items() {
            self.item(&mut out, item);
            if out.len() >= CHUNK {
                f.write_str(&out)?;
                out.clear();
            }
        }
        f.write_str(&out)
    }
}

/// A note as a comment of one line, without what a terminal would obey or not show.
fn comment(out: &mut String, note: &Note) {
    out.push_str("; ");
    if let Some(line) = note.line {
        decimal(out, line.into());
        out.push_str(": ");
    }
    let shown = |c: char| if c.is_control() || name::is_unseen(c) { ' ' } else { c };
    out.extend(note.step.chars().map(shown));
    out.push('\n');
}

/// A map as `parse` reads it.
fn declaration(out: &mut String, map: &MapDecl) {
    let MapDecl { name, kind, key_size, value_size, max_entries, flags } = map;
    for part in [".map ", &name::map(name), " ", kind.name()] {
        out.push_str(part);
    }
    for (word, number) in [(" key ", key_size), (" value ", value_size), (" max ", max_entries)] {
        out.push_str(word);
        decimal(out, u64::from(*number));
    }
    if *flags != MapFlags::NONE {
        out.push_str(" flags ");
        hexadecimal(out, flags.bits().into());
    }
    out.push('\n');
}
