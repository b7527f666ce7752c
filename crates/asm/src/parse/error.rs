//! What is wrong with a text, and where: line, column, the line itself and a caret under the word.
//!
//! Columns count characters. A long line is shown around the place that is meant, and nothing of
//! it that a terminal would obey.

use std::fmt;
use std::ops::Range;

use crate::flaw::Flaw;

/// One mistake in a text, and its place.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SyntaxError {
    /// The line, counted from 1.
    pub line: usize,
    /// The character of the line, counted from 1.
    pub column: usize,
    /// What is wrong.
    pub wrong: Wrong,
    /// The line, or what of it is near the place.
    excerpt: String,
    /// How many characters of the excerpt come before the place.
    indent: usize,
    /// How many characters are meant.
    width: usize,
}

/// What is wrong with a line.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Wrong {
    /// Something else must stand here.
    Expected {
        /// What.
        what: &'static str,
    },
    /// A number is outside what the field holds.
    Range {
        /// The least that it holds.
        least: i64,
        /// The most that it holds.
        most: u64,
    },
    /// A constant needs 64 bits, and does not say that it has them.
    Wide,
    /// Operands that must be the same or of one width are not.
    Differ {
        /// What must be.
        rule: &'static str,
    },
    /// A function of the kernel has another name than the number says.
    Helper {
        /// The number.
        id: u32,
        /// The name of the function of that number.
        name: &'static str,
    },
    /// No label has this name.
    Unplaced {
        /// The name.
        label: String,
    },
    /// What is called is no label and no function of the kernel.
    UnknownFunction {
        /// The name.
        name: String,
    },
    /// A label stands at two places.
    PlacedTwice {
        /// The name.
        label: String,
    },
    /// No map of this name is declared, or none at this place of the declarations.
    UnknownMap {
        /// The name.
        map: String,
    },
    /// More maps are declared than can be numbered.
    TooManyMaps,
    /// No instruction begins at the slot that a distance leads to.
    Target {
        /// The slot.
        to: i64,
    },
    /// The instruction is none that the machine has.
    Flawed {
        /// What is wrong with it.
        flaw: Flaw,
    },
    /// There is no instruction.
    Empty,
    /// No path from the start leads to the instruction.
    Unreachable,
    /// After the instruction there is none, or the first one of another function.
    FallsOffEnd,
    /// The instruction jumps into another function.
    LeavesFunction,
}

impl fmt::Display for Wrong {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Expected { what } => write!(f, "expected {what}"),
            Self::Range { least, most } => write!(f, "expected a number from {least} to {most}"),
            Self::Wide => f.write_str("a constant of more than 32 bits ends in ` ll`"),
            Self::Differ { rule } => f.write_str(rule),
            Self::Helper { id, name } => {
                write!(f, "function {id} of the kernel is `{name}`")
            }
            Self::Unplaced { label } => write!(f, "no label is called `{label}`"),
            Self::UnknownFunction { name } => {
                write!(f, "no label and no function of the kernel is called `{name}`")
            }
            Self::PlacedTwice { label } => write!(f, "label `{label}` stands in two places"),
            Self::UnknownMap { map } => write!(f, "no map `{map}` is declared"),
            Self::TooManyMaps => f.write_str("more maps than can be numbered"),
            Self::Target { to } => write!(f, "there is no instruction at slot {to} to go to"),
            Self::Flawed { flaw } => flaw.fmt(f),
            Self::Empty => f.write_str("the text has no instruction"),
            Self::Unreachable => f.write_str("no path from the start leads to this instruction"),
            Self::FallsOffEnd => {
                f.write_str("this instruction goes on past the end of its function")
            }
            Self::LeavesFunction => f.write_str("this instruction jumps into another function"),
        }
    }
}

impl SyntaxError {
    /// The report for a person, with the name of the text.
    pub fn report<'a>(&'a self, name: &'a str) -> impl fmt::Display + 'a {
        fmt::from_fn(move |f| {
            let gutter = self.line.to_string().len();
            let message = self.wrong.to_string();
            writeln!(f, "{}", message.chars().map(printable).collect::<String>())?;
            writeln!(f, "{:gutter$}--> {name}:{}:{}", "", self.line, self.column)?;
            writeln!(f, "{:gutter$} |", "")?;
            writeln!(f, "{} | {}", self.line, self.excerpt)?;
            writeln!(
                f,
                "{:gutter$} | {:indent$}{:^<width$}",
                "",
                "",
                "",
                indent = self.indent,
                width = self.width
            )
        })
    }
}

impl fmt::Display for SyntaxError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}, column {}: {}", self.line, self.column, self.wrong)
    }
}

impl std::error::Error for SyntaxError {}

/// A mistake at its bytes of the text.
#[derive(Clone, Debug)]
pub(super) struct Fault {
    pub(super) span: Range<usize>,
    pub(super) wrong: Wrong,
}

/// The mistakes in the order of their places, found in one walk through the text.
pub(super) fn located(text: &str, mut faults: Vec<Fault>) -> Vec<SyntaxError> {
    faults.sort_by_key(|fault| fault.span.start);
    let (mut line, mut start) = (1, 0);
    let locate = |fault: Fault| {
        let at = text.floor_char_boundary(fault.span.start);
        while let Some(end) = text[start..at].find('\n') {
            (line, start) = (line + 1, start + end + 1);
        }
        let whole = text[start..].split('\n').next().unwrap_or_default().trim_end();
        let end = text.floor_char_boundary(fault.span.end).clamp(at, at.max(start + whole.len()));
        let before = text[start..at].chars().count();
        let (excerpt, indent) = excerpt(whole, before);
        let width = text[at..end].chars().count().clamp(1, MOST_CHARS);
        SyntaxError { line, column: before + 1, wrong: fault.wrong, excerpt, indent, width }
    };
    faults.into_iter().map(locate).collect()
}

/// More characters of a line are not shown.
const MOST_CHARS: usize = 100;

/// What of a line is shown, and how much of that is before the character `at`.
fn excerpt(line: &str, at: usize) -> (String, usize) {
    let skipped = if at < MOST_CHARS { 0 } else { at - MOST_CHARS / 2 };
    let shown = line.chars().skip(skipped).take(MOST_CHARS).map(printable);
    let mark = if skipped > 0 { "…" } else { "" };
    (mark.chars().chain(shown).collect(), at - skipped + mark.chars().count())
}

fn printable(c: char) -> char {
    match c {
        '\t' => ' ',
        c if c.is_control() || crate::name::is_unseen(c) => char::REPLACEMENT_CHARACTER,
        c => c,
    }
}
