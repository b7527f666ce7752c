//! The verifier's log, and what of it says why a program was refused, and where.
//!
//! The log of a refused program ends with the reason, after what may be thousands of lines of
//! instructions and register states, and before lines of statistics. Kernels keep in it only the
//! path on which verification ended, so that the instruction listed last before the reason is the
//! one to blame; a reason that names an instruction itself is believed. It is the kernel's text:
//! nothing here relies on its form, and a log that is empty or strange gives no reason rather than
//! a wrong one.

mod line;

use std::fmt;

use line::Line;

/// Of a reason that takes many lines the last ones are told.
const MOST_LINES: usize = 4;

/// What the verifier wrote about a program.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct VerifierLog {
    text: String,
}

impl VerifierLog {
    /// Takes the buffer that the kernel wrote, up to the first zero; what is not UTF-8 is replaced.
    pub fn from_bytes(buffer: &[u8]) -> Self {
        let text = buffer.split(|b| *b == 0).next().unwrap_or_default();
        VerifierLog { text: String::from_utf8_lossy(text).into_owned() }
    }

    /// The whole text.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Its lines.
    pub fn lines(&self) -> impl DoubleEndedIterator<Item = &str> {
        self.text.lines()
    }

    /// The reason for a refusal, in the kernel's words; the lines of one that takes several are
    /// joined by semicolons.
    pub fn summary(&self) -> Option<String> {
        let reason = self.end().reason;
        if reason.is_empty() { None } else { Some(reason.join("; ")) }
    }

    /// The instruction at which verification ended, as an index into the loaded code.
    pub fn blamed(&self) -> Option<usize> {
        let End { reason, listed } = self.end();
        reason.iter().rev().find_map(|line| line::named(line)).or(listed)
    }

    /// The text of an instruction, as the verifier lists it.
    pub fn instruction(&self, slot: usize) -> Option<&str> {
        self.lines().rev().find_map(|line| match Line::of(line) {
            Line::Instruction { slot: at, text } if at == slot => Some(text),
            _ => None,
        })
    }

    /// The last lines that stand together as a reason, and the instruction listed before them.
    fn end(&self) -> End<'_> {
        let mut reason = Vec::new();
        let mut whole = false;
        for line in self.lines().rev() {
            match Line::of(line) {
                Line::Instruction { slot, .. } => {
                    reason.reverse();
                    return End { reason, listed: Some(slot) };
                }
                Line::Reason(line) if !whole && reason.len() < MOST_LINES => reason.push(line),
                Line::Reason(_) => whole = true,
                Line::Other => whole = !reason.is_empty(),
            }
        }
        reason.reverse();
        End { reason, listed: None }
    }
}

/// How a log ends.
struct End<'a> {
    reason: Vec<&'a str>,
    listed: Option<usize>,
}

impl fmt::Display for VerifierLog {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl fmt::Debug for VerifierLog {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // As it is: a log with escaped line breaks is one that nobody reads.
        f.write_str(&self.text)
    }
}
