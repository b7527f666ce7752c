//! A place in a line, and the smallest parts of the language that can be read there.
//!
//! Blanks between the parts are free: whatever reads a part passes over those before it. Nothing
//! is allocated, and no byte is looked at that is not there.

use std::borrow::Cow;

use crate::name;
use crate::parse::error::{Fault, Wrong};

pub(super) type Read<T> = Result<T, Fault>;

/// A place in one line of a text.
#[derive(Clone, Copy)]
pub(super) struct Cursor<'t> {
    line: &'t str,
    /// Where in the text the line begins.
    base: usize,
    at: usize,
}

/// A number as it was written.
#[derive(Clone, Copy)]
pub(super) struct Number {
    negative: bool,
    magnitude: u64,
    base: Base,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Base {
    Decimal,
    Hexadecimal,
}

impl<'t> Cursor<'t> {
    pub(super) fn new(line: &'t str, base: usize) -> Self {
        Self { line, base, at: 0 }
    }

    /// Where in the text this is.
    pub(super) fn place(&self) -> usize {
        self.base + self.at
    }

    pub(super) fn rest(&self) -> &'t str {
        self.line.get(self.at..).unwrap_or_default()
    }

    /// The next byte.
    pub(super) fn peek(&self) -> Option<u8> {
        self.ahead(0)
    }

    /// The byte so many further on.
    pub(super) fn ahead(&self, by: usize) -> Option<u8> {
        self.line.as_bytes().get(self.at + by).copied()
    }

    pub(super) fn advance(&mut self, by: usize) {
        self.at += by;
    }

    /// Passes over blanks.
    pub(super) fn blanks(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t' | b'\r')) {
            self.at += 1;
        }
    }

    /// The next byte behind blanks.
    pub(super) fn next(&mut self) -> Option<u8> {
        self.blanks();
        self.peek()
    }

    /// Passes over `token` if it comes next.
    pub(super) fn eat(&mut self, token: &str) -> bool {
        self.blanks();
        let found = self.line.as_bytes().get(self.at..);
        let found = found.is_some_and(|rest| rest.starts_with(token.as_bytes()));
        if found {
            self.at += token.len();
        }
        found
    }

    /// Passes over `token`, which must come next; `what` says so.
    pub(super) fn want(&mut self, token: &str, what: &'static str) -> Read<()> {
        if self.eat(token) { Ok(()) } else { Err(self.expected(what)) }
    }

    /// Passes over the word that comes next, which may be empty.
    pub(super) fn word(&mut self) -> &'t str {
        self.blanks();
        let start = self.at;
        while self.peek().is_some_and(|byte| byte.is_ascii_alphanumeric() || byte == b'_') {
            self.at += 1;
        }
        self.line.get(start..self.at).unwrap_or_default()
    }

    /// Whether the line ends here, but for a comment.
    pub(super) fn is_end(&mut self) -> bool {
        match self.next() {
            None | Some(b';' | b'#') => true,
            Some(b'/') => self.ahead(1) == Some(b'/'),
            Some(_) => false,
        }
    }

    /// The end of the line, which must be here.
    pub(super) fn end(&mut self) -> Read<()> {
        if self.is_end() { Ok(()) } else { Err(self.expected("the end of the line")) }
    }

    /// A label's name, quoted or bare.
    pub(super) fn label(&mut self) -> Option<Cow<'t, str>> {
        if self.eat("\"") {
            return self.quoted();
        }
        let start = self.at;
        self.peek().filter(|byte| name::begins(*byte))?;
        let mut end = start;
        while let Some(byte) = self.peek() {
            if byte == b' ' && self.at == end {
                self.at += 1;
            } else if name::in_label(byte) && !(byte == b'/' && self.ahead(1) == Some(b'/')) {
                self.at += 1;
                end = self.at;
            } else {
                break;
            }
        }
        self.at = end;
        Some(Cow::Borrowed(self.line.get(start..end)?))
    }

    /// A map's name, quoted or bare.
    pub(super) fn map(&mut self) -> Option<Cow<'t, str>> {
        if self.eat("\"") {
            return self.quoted();
        }
        let start = self.at;
        self.peek().filter(|byte| name::begins(*byte))?;
        while self.peek().is_some_and(name::in_map) {
            self.at += 1;
        }
        Some(Cow::Borrowed(self.line.get(start..self.at)?))
    }

    /// A name whose first quote is behind.
    fn quoted(&mut self) -> Option<Cow<'t, str>> {
        let (name, length) = name::unquoted(self.rest())?;
        self.at += length;
        Some(name)
    }

    /// A number with a sign or none, decimal or hexadecimal.
    pub(super) fn number(&mut self) -> Read<Number> {
        let negative = self.eat("-");
        if !negative {
            self.eat("+");
        }
        self.blanks();
        self.unsigned(negative)
    }

    fn unsigned(&mut self, negative: bool) -> Read<Number> {
        let start = self.at;
        let hex = self.peek() == Some(b'0') && matches!(self.ahead(1), Some(b'x' | b'X'));
        let (base, radix) = if hex { (Base::Hexadecimal, 16) } else { (Base::Decimal, 10) };
        self.at += if hex { 2 } else { 0 };
        let first = self.at;
        let mut magnitude = Some(0u64);
        while let Some(digit) = self.peek().and_then(|byte| char::from(byte).to_digit(radix)) {
            let more = magnitude.and_then(|sum| sum.checked_mul(radix.into()));
            magnitude = more.and_then(|sum| sum.checked_add(digit.into()));
            self.at += 1;
        }
        if self.at == first {
            return Err(self.fault(start, Wrong::Expected { what: "a number" }));
        }
        match magnitude {
            Some(magnitude) => Ok(Number { negative, magnitude, base }),
            None => Err(self.fault(start, range(i64::MIN, u64::MAX))),
        }
    }

    /// A mistake from `start` to here, or at the next character where that is nothing.
    pub(super) fn fault(&self, start: usize, wrong: Wrong) -> Fault {
        let end = self.at.max(start + 1);
        Fault { span: self.base + start..self.base + end, wrong }
    }

    /// A mistake from `start`, a cursor of the same line, to here.
    pub(super) fn since(&self, start: &Self, wrong: Wrong) -> Fault {
        self.fault(start.at, wrong)
    }

    /// Something else must stand here.
    pub(super) fn expected(&self, what: &'static str) -> Fault {
        let mut end = *self;
        end.blanks();
        let start = end.at;
        end.word();
        end.fault(start, Wrong::Expected { what })
    }
}

impl Number {
    /// The number as a field of 32 bits; hexadecimal digits may be those of the bits.
    pub(super) fn bits32(self) -> Option<i32> {
        if self.base == Base::Hexadecimal && !self.negative {
            return u32::try_from(self.magnitude).ok().map(u32::cast_signed);
        }
        i32::try_from(self.value()?).ok()
    }

    /// The number as a field of 64 bits.
    pub(super) fn bits64(self) -> Option<u64> {
        if self.negative { self.value().map(i64::cast_unsigned) } else { Some(self.magnitude) }
    }

    /// The number by its value, where it is not above the greatest of 64 bits with a sign.
    pub(super) fn value(self) -> Option<i64> {
        let number = i128::from(self.magnitude);
        i64::try_from(if self.negative { -number } else { number }).ok()
    }
}

pub(super) fn range(least: impl Into<i64>, most: impl Into<u64>) -> Wrong {
    Wrong::Range { least: least.into(), most: most.into() }
}
