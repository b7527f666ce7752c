//! A text cut into lines, and lines into words, each with its place.

use std::ops::Range;

/// A piece of a text with the place of its first byte.
pub(super) type Piece<'t> = (&'t str, usize);

/// The lines of a text, without their ends.
pub(super) struct Lines<'t> {
    rest: &'t str,
    at: usize,
}

impl<'t> Lines<'t> {
    /// The lines of `text` from byte `at` on.
    pub(super) fn new(text: &'t str, at: usize) -> Self {
        Self { rest: text.get(at..).unwrap_or(""), at }
    }
}

impl<'t> Iterator for Lines<'t> {
    type Item = Piece<'t>;

    fn next(&mut self) -> Option<Piece<'t>> {
        if self.rest.is_empty() {
            return None;
        }
        let at = self.at;
        let (line, rest, end) = match self.rest.split_once('\n') {
            Some((line, rest)) => (line, rest, 1),
            None => (self.rest, "", 0),
        };
        self.rest = rest;
        self.at += line.len() + end;
        Some((line, at))
    }
}

/// Whether `byte` may stand around a word. A carriage return is what is left of a line end of DOS.
pub(super) const fn blank(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\r')
}

/// `piece` without blanks around it. Bytes are looked at, not characters: this runs for each line.
pub(super) fn trimmed((text, at): Piece<'_>) -> Piece<'_> {
    let start = text.bytes().position(|b| !blank(b)).unwrap_or(text.len());
    let end = text.bytes().rposition(|b| !blank(b)).map_or(start, |n| n + 1);
    (text.get(start..end).unwrap_or(""), at + start)
}

/// The words of a line; a word in double quotes can hold blanks and keeps its quotes.
pub(super) struct Words<'t> {
    rest: Piece<'t>,
}

impl<'t> Words<'t> {
    pub(super) fn new(line: Piece<'t>) -> Self {
        Self { rest: trimmed(line) }
    }

    /// The place behind the last word.
    pub(super) fn end(&self) -> Range<usize> {
        let end = self.rest.1 + self.rest.0.len();
        end..end
    }
}

impl<'t> Iterator for Words<'t> {
    type Item = Piece<'t>;

    fn next(&mut self) -> Option<Piece<'t>> {
        let (text, at) = self.rest;
        if text.is_empty() {
            return None;
        }
        let len = match text.strip_prefix('"') {
            Some(inside) => inside.find('"').map(|n| n + 2),
            None => text.bytes().position(blank),
        };
        let (word, rest) = text.split_at_checked(len.unwrap_or(text.len())).unwrap_or((text, ""));
        self.rest = trimmed((rest, at + word.len()));
        Some((word, at))
    }
}

/// The bytes of a piece.
pub(super) const fn span((text, at): Piece<'_>) -> Range<usize> {
    at..at + text.len()
}
