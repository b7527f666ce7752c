//! Text to program: the kernel's syntax, as listings have it, and LLVM's.
//!
//! A line has an instruction, a label, a declaration of a map, or a comment; labels may stand
//! before an instruction on its line, a comment behind it. Slot numbers, opcodes and bytes before
//! an instruction, as listings and the verifier's log have them, are passed over. A comment right
//! above an instruction is its note.
//!
//! Every `Program` is read back from its text. All mistakes of a text are found at once: one of a
//! line, then those that the whole shows. Nothing panics, whatever the text is.

#![warn(clippy::unwrap_used, clippy::panic)]

mod atomic;
mod cursor;
mod error;
mod insn;
mod labels;
mod maps;
mod operand;

use crate::flow::{self, FlowError};
use crate::insn::Insn;
use crate::note::{Note, Notes};
use crate::parse::cursor::{Cursor, Read};
use crate::parse::error::{Fault, located};
use crate::parse::labels::Labels;
use crate::parse::maps::Maps;
use crate::program::Program;

pub use crate::parse::error::{SyntaxError, Wrong};

/// Reads a program from its text.
///
/// # Errors
///
/// Every mistake of the text, in the order of their places.
pub fn parse(text: &str) -> Result<Program, Vec<SyntaxError>> {
    let mut parser = Parser::default();
    parser.insns.reserve(text.len() / TYPICAL_LINE);
    parser.places.reserve(text.len() / TYPICAL_LINE);
    let mut start = 0;
    for line in text.split('\n') {
        parser.line(line, start);
        start += line.len() + 1;
    }
    parser.finish(text).map_err(|faults| located(text, faults))
}

/// What is known of a text so far.
#[derive(Default)]
struct Parser<'t> {
    insns: Vec<Insn>,
    /// By instruction, where in the text it begins.
    places: Vec<usize>,
    notes: Notes,
    /// The comment right above, if there is one.
    above: Option<&'t str>,
    scope: Scope<'t>,
    faults: Vec<Fault>,
}

/// What instructions name, and which one is being read.
#[derive(Default)]
struct Scope<'t> {
    labels: Labels<'t>,
    maps: Maps<'t>,
    /// The number of the instruction.
    at: usize,
    /// Its first slot.
    slot: usize,
}

impl<'t> Parser<'t> {
    fn line(&mut self, line: &'t str, start: usize) {
        let mut cursor = Cursor::new(line, start);
        if start == 0 && line.starts_with(BYTE_ORDER_MARK) {
            cursor.advance(BYTE_ORDER_MARK.len_utf8());
        }
        if let Err(fault) = self.read(&mut cursor) {
            self.faults.push(fault);
        }
    }

    fn read(&mut self, cursor: &mut Cursor<'t>) -> Read<()> {
        match cursor.next() {
            Some(b';') => {
                cursor.advance(1);
                let text = cursor.rest();
                let text = text.strip_prefix(' ').unwrap_or(text);
                self.above = Some(text.strip_suffix('\r').unwrap_or(text));
                return Ok(());
            }
            Some(b'.') => {
                self.above = None;
                return self.directive(cursor);
            }
            Some(_) => {}
            None => {
                self.above = None;
                return Ok(());
            }
        }
        let opcode = columns(cursor);
        cursor.blanks();
        let mut start = cursor.place();
        while let Some(name) = label(cursor) {
            let placed = self.scope.labels.place(name, self.insns.len());
            placed.map_err(|wrong| Fault { span: start..cursor.place(), wrong })?;
            cursor.blanks();
            start = cursor.place();
        }
        if cursor.is_end() {
            return Ok(());
        }
        let place = cursor.place();
        let insn = insn::instruction(cursor, &mut self.scope, opcode)?;
        let span = place..cursor.place();
        cursor.end()?;
        self.push(insn, span)
    }

    fn directive(&mut self, cursor: &mut Cursor<'t>) -> Read<()> {
        let start = *cursor;
        cursor.advance(1);
        if cursor.word() == "map" {
            self.scope.maps.declare(cursor)
        } else {
            Err(start.expected("`.map`, the one directive"))
        }
    }

    fn push(&mut self, insn: Insn, span: std::ops::Range<usize>) -> Read<()> {
        if let Some(text) = self.above.take() {
            self.notes.push(self.insns.len(), note(text));
        }
        self.places.push(span.start);
        self.insns.push(insn);
        self.scope.at = self.insns.len();
        self.scope.slot += insn.slots();
        match insn.flaw() {
            Some(flaw) => Err(Fault { span, wrong: Wrong::Flawed { flaw } }),
            None => Ok(()),
        }
    }

    fn finish(mut self, text: &str) -> Result<Program, Vec<Fault>> {
        let places = self.scope.labels.settle(&mut self.insns, &mut self.faults);
        let maps = self.scope.maps.settle(&mut self.insns, &mut self.faults);
        if self.insns.is_empty() && self.faults.is_empty() {
            self.faults.push(Fault { span: text.len()..text.len(), wrong: Wrong::Empty });
        }
        // What is reached cannot be told from a part of a program.
        if !self.faults.is_empty() {
            return Err(self.faults);
        }
        let program = Program { insns: self.insns, places, maps, notes: self.notes };
        let Err(error) = flow::check(&program) else { return Ok(program) };
        let start = self.places.get(error.at()).copied().unwrap_or_default();
        let line = text.get(start..).unwrap_or_default().lines().next().unwrap_or_default();
        let wrong = match error {
            FlowError::Unreachable { .. } => Wrong::Unreachable,
            FlowError::FallsOffEnd { .. } => Wrong::FallsOffEnd,
            FlowError::LeavesFunction { .. } => Wrong::LeavesFunction,
        };
        Err(vec![Fault { span: start..start + line.len(), wrong }])
    }
}

/// Bytes of a line, as listings have them.
const TYPICAL_LINE: usize = 24;

/// Some editors put it in front of a text.
const BYTE_ORDER_MARK: char = '\u{feff}';

/// The note that a comment is.
fn note(text: &str) -> Note {
    let line = text.split_once(": ").and_then(|(digits, step)| {
        let plain = digits.bytes().all(|byte| byte.is_ascii_digit()) && !digits.starts_with('0');
        Some((digits.parse().ok().filter(|_| plain)?, step))
    });
    match line {
        Some((line, step)) => Note::line(line, step.to_owned()),
        None => Note::new(text.to_owned()),
    }
}

/// Passes over the name and the colon of a label, if they come next.
fn label<'t>(cursor: &mut Cursor<'t>) -> Option<std::borrow::Cow<'t, str>> {
    cursor.blanks();
    let mut ahead = *cursor;
    // As LLVM writes it.
    let angular = ahead.eat("<");
    let name = ahead.label()?;
    if angular && ahead.peek() != Some(b'>') {
        return None;
    }
    ahead.advance(usize::from(angular));
    if ahead.peek() != Some(b':') {
        return None;
    }
    ahead.advance(1);
    *cursor = ahead;
    Some(name)
}

/// Passes over the number of a slot, its opcode and its bytes, and gives the opcode.
fn columns(cursor: &mut Cursor<'_>) -> Option<u8> {
    if cursor.peek().is_some_and(|byte| byte.is_ascii_hexdigit()) {
        let mut ahead = *cursor;
        let digits = ahead.rest().bytes().take_while(u8::is_ascii_hexdigit).count();
        ahead.advance(digits);
        let decimal = cursor.rest().bytes().take(digits).all(|byte| byte.is_ascii_digit());
        if ahead.peek() == Some(b':') && decimal {
            ahead.advance(1);
            ahead.blanks();
            *cursor = ahead;
        } else if digits == ADDRESS_DIGITS && ahead.rest().starts_with(" <") {
            ahead.blanks();
            *cursor = ahead;
        }
    }
    if cursor.peek() == Some(b'(') && cursor.ahead(3) == Some(b')') {
        let opcode = octet(cursor, 1);
        cursor.advance(4);
        return opcode;
    }
    let mut opcode = None;
    while is_slot(cursor) {
        opcode = opcode.or(octet(cursor, 0));
        cursor.advance(SLOT_DIGITS);
        cursor.blanks();
    }
    opcode
}

/// Whether the bytes of a slot come next: eight pairs of digits, blanks between and behind them.
fn is_slot(cursor: &Cursor<'_>) -> bool {
    let behind = |at| cursor.ahead(at).is_none_or(|byte| byte.is_ascii_whitespace());
    (0..SLOT_DIGITS).step_by(3).all(|at| octet(cursor, at).is_some() && behind(at + 2))
}

/// The byte whose two hexadecimal digits are so many further on.
fn octet(cursor: &Cursor<'_>, by: usize) -> Option<u8> {
    let digit = |by| char::from(cursor.ahead(by)?).to_digit(16);
    u8::try_from(digit(by)? << 4 | digit(by + 1)?).ok()
}

/// Characters of the bytes of a slot: eight pairs and seven blanks.
const SLOT_DIGITS: usize = 23;
/// Digits of the address that LLVM writes before a label.
const ADDRESS_DIGITS: usize = 16;
