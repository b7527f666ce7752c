//! A reader of JSON (RFC 8259) that knows where everything is.
//!
//! It walks the text once and keeps nothing: the caller says what it expects, is told of each
//! member or element in turn, and skips what it does not want. So the place of every value is at
//! hand for a message, keys that come twice are seen, and a listing of a million entries costs no
//! tree. A value is consumed exactly once. Whatever breaks the grammar is an error and ends the
//! reading; depth is bounded, so the stack is too.

use std::borrow::Cow;
use std::ops::Range;

use super::gather::{Mistakes, Step};
use crate::diag::Diagnostic;

/// How strictly commas are read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Commas {
    /// As the grammar says.
    Strict,
    /// Missing, doubled, leading and trailing ones are let through.
    Loose,
}

/// More objects and arrays than this are not entered.
const DEEPEST: u32 = 100;

/// A place in a JSON text; a clone is a bookmark.
#[derive(Clone)]
pub(super) struct Reader<'t> {
    text: &'t str,
    at: usize,
    depth: u32,
    commas: Commas,
}

/// A value and its place; that of an object or array is its bracket.
pub(super) struct Value<'t> {
    pub(super) what: What<'t>,
    pub(super) span: Range<usize>,
}

/// What a value is. Objects and arrays have been skipped already.
pub(super) enum What<'t> {
    Text(Cow<'t, str>),
    Number(&'t str),
    Bool,
    Null,
    Object,
    Array,
}

impl What<'_> {
    /// Its kind, in words.
    pub(super) const fn title(&self) -> &'static str {
        match self {
            Self::Text(_) => "a string",
            Self::Number(_) => "a number",
            Self::Bool => "true or false",
            Self::Null => "null",
            Self::Object => "an object",
            Self::Array => "an array",
        }
    }
}

impl Value<'_> {
    /// The mistake of being something else than was expected.
    pub(super) fn instead_of(&self, expected: &str) -> Diagnostic {
        Diagnostic::new(
            self.span.clone(),
            format!("expected {expected}, found {}", self.what.title()),
        )
    }
}

/// A key and its place, quotes included.
#[derive(Clone)]
pub(super) struct Key<'t> {
    pub(super) name: Cow<'t, str>,
    pub(super) span: Range<usize>,
}

impl<'t> Reader<'t> {
    pub(super) fn new(text: &'t str, at: usize, commas: Commas) -> Self {
        Self { text, at, depth: 0, commas }
    }

    fn rest(&self) -> &'t str {
        self.text.get(self.at..).unwrap_or("")
    }

    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn blanks(&mut self) {
        while let Some(b' ' | b'\t' | b'\r' | b'\n') = self.peek() {
            self.at += 1;
        }
    }

    fn eat(&mut self, byte: u8) -> bool {
        let there = self.peek() == Some(byte);
        self.at += usize::from(there);
        there
    }

    /// Whether an object is next.
    pub(super) fn at_object(&mut self) -> bool {
        self.blanks();
        self.peek() == Some(b'{')
    }

    /// Whether an array is next.
    pub(super) fn at_array(&mut self) -> bool {
        self.blanks();
        self.peek() == Some(b'[')
    }

    /// The place of the character that is next.
    pub(super) fn place(&mut self) -> Range<usize> {
        self.blanks();
        self.at..self.at + 1
    }

    /// Whether nothing but blanks is left.
    pub(super) fn at_end(&mut self) -> bool {
        self.blanks();
        self.at >= self.text.len()
    }

    /// Nothing but blanks may follow.
    pub(super) fn end(&mut self) -> Step {
        if self.at_end() { Ok(()) } else { Err(self.unexpected("the end of the file")) }
    }

    /// The mistake of what is here.
    fn unexpected(&self, expected: &str) -> Diagnostic {
        match self.rest().chars().next() {
            Some(c) => {
                let found = if c.is_control() {
                    format!("U+{:04X}", u32::from(c))
                } else {
                    format!("`{c}`")
                };
                let wrong = format!("expected {expected}, found {found}");
                Diagnostic::new(self.at..self.at + c.len_utf8(), wrong)
            }
            None => Diagnostic::new(
                self.at..self.at,
                format!("expected {expected}, but the file ends here"),
            ),
        }
    }

    /// The members of the object that is next, one after the other. `each` consumes the value.
    pub(super) fn members(&mut self, mut each: impl FnMut(&mut Self, Key<'t>) -> Step) -> Step {
        self.sequence(b'{', b'}', |reader| {
            let key = reader.key()?;
            each(reader, key)
        })
    }

    /// The elements of the array that is next, one after the other. `each` consumes the value.
    pub(super) fn elements(&mut self, each: impl FnMut(&mut Self) -> Step) -> Step {
        self.sequence(b'[', b']', each)
    }

    fn sequence(&mut self, open: u8, close: u8, mut one: impl FnMut(&mut Self) -> Step) -> Step {
        let (open, title) = (char::from(open), char::from(close).to_string());
        if !self.rest().starts_with(open) {
            return Err(self.unexpected(&format!("`{open}`")));
        }
        if self.depth == DEEPEST {
            let deep = format!("nested deeper than {DEEPEST} levels");
            return Err(Diagnostic::new(self.at..self.at + 1, deep));
        }
        self.depth += 1;
        self.at += 1;
        let mut first = true;
        loop {
            self.blanks();
            match self.commas {
                Commas::Loose => {
                    while self.eat(b',') {
                        self.blanks();
                    }
                }
                Commas::Strict if first || self.peek() == Some(close) => {}
                Commas::Strict => {
                    if !self.eat(b',') {
                        return Err(self.unexpected(&format!("`,` or `{title}`")));
                    }
                    self.blanks();
                    if self.peek() == Some(close) {
                        return Err(self.unexpected("something behind the comma"));
                    }
                }
            }
            if self.eat(close) {
                self.depth -= 1;
                return Ok(());
            }
            one(self)?;
            first = false;
        }
    }

    fn key(&mut self) -> Step<Key<'t>> {
        let start = self.at;
        if self.peek() != Some(b'"') {
            return Err(self.unexpected("a key in double quotes"));
        }
        let name = self.string()?;
        let span = start..self.at;
        self.blanks();
        if !self.eat(b':') {
            return Err(self.unexpected("`:`"));
        }
        self.blanks();
        Ok(Key { name, span })
    }

    /// The first key of the object that is next; `None` if it has no members.
    pub(super) fn first_key(&mut self) -> Step<Option<Cow<'t, str>>> {
        self.blanks();
        if !self.eat(b'{') {
            return Err(self.unexpected("`{`"));
        }
        while let Some(b',' | b' ' | b'\t' | b'\r' | b'\n') = self.peek() {
            self.at += 1;
        }
        match self.peek() {
            Some(b'}') => Ok(None),
            Some(b'"') => self.string().map(Some),
            _ => Err(self.unexpected("a key in double quotes")),
        }
    }

    /// The value that is next. Of an object or array only the grammar is checked.
    pub(super) fn value(&mut self) -> Step<Value<'t>> {
        self.blanks();
        let start = self.at;
        let what = match self.peek() {
            Some(b'"') => What::Text(self.string()?),
            Some(b'-' | b'0'..=b'9') => What::Number(self.number()?),
            Some(b'{') => {
                self.members(|reader, _| reader.value().map(drop))?;
                return Ok(Value { what: What::Object, span: start..start + 1 });
            }
            Some(b'[') => {
                self.elements(|reader| reader.value().map(drop))?;
                return Ok(Value { what: What::Array, span: start..start + 1 });
            }
            _ => self.word()?,
        };
        Ok(Value { what, span: start..self.at })
    }

    fn word(&mut self) -> Step<What<'t>> {
        for (word, what) in [("true", What::Bool), ("false", What::Bool), ("null", What::Null)] {
            if self.rest().starts_with(word) {
                self.at += word.len();
                return Ok(what);
            }
        }
        Err(self.unexpected("a value"))
    }

    fn digits(&mut self) -> Step {
        let start = self.at;
        while let Some(b'0'..=b'9') = self.peek() {
            self.at += 1;
        }
        if self.at > start { Ok(()) } else { Err(self.unexpected("a digit")) }
    }

    fn number(&mut self) -> Step<&'t str> {
        let start = self.at;
        self.eat(b'-');
        if self.eat(b'0') {
            if let Some(b'0'..=b'9') = self.peek() {
                return Err(Diagnostic::new(start..self.at, "a number with a leading zero"));
            }
        } else {
            self.digits()?;
        }
        if self.eat(b'.') {
            self.digits()?;
        }
        if self.eat(b'e') || self.eat(b'E') {
            let _sign = self.eat(b'+') || self.eat(b'-');
            self.digits()?;
        }
        Ok(self.text.get(start..self.at).unwrap_or(""))
    }

    /// The string that starts here, without its quotes, borrowed unless it has escapes.
    fn string(&mut self) -> Step<Cow<'t, str>> {
        let open = self.at;
        self.at += 1;
        let mut text = Cow::Borrowed("");
        loop {
            let plain = self.rest().bytes().position(|b| matches!(b, b'"' | b'\\' | 0..0x20));
            let Some(plain) = plain else {
                let start = open..open + 1;
                return Err(Diagnostic::new(start, "a string without an end"));
            };
            // The first piece is borrowed; adding to it copies only when there is a second one.
            text += self.rest().get(..plain).unwrap_or("");
            self.at += plain;
            if self.eat(b'"') {
                return Ok(text);
            }
            if !self.eat(b'\\') {
                return Err(self.unexpected("the end of the string"));
            }
            text.to_mut().push(self.escape()?);
        }
    }

    /// The character behind a backslash.
    fn escape(&mut self) -> Step<char> {
        let plain = match self.peek() {
            Some(b @ (b'"' | b'\\' | b'/')) => char::from(b),
            Some(b'b') => '\u{8}',
            Some(b'f') => '\u{c}',
            Some(b'n') => '\n',
            Some(b'r') => '\r',
            Some(b't') => '\t',
            Some(b'u') => return self.unicode(),
            _ => return Err(self.unexpected("an escape")),
        };
        self.at += 1;
        Ok(plain)
    }

    /// The character of `u` and four hexadecimal digits, or of two such as a surrogate pair.
    fn unicode(&mut self) -> Step<char> {
        let start = self.at - 1;
        let mut units = vec![self.unit()?];
        if matches!(units.first(), Some(0xd800..=0xdbff)) && self.rest().starts_with("\\u") {
            self.at += 1;
            units.push(self.unit()?);
        }
        match char::decode_utf16(units).next() {
            Some(Ok(c)) => Ok(c),
            _ => Err(Diagnostic::new(start..self.at, "half of a character")),
        }
    }

    fn unit(&mut self) -> Step<u16> {
        self.at += 1;
        let digits = self.rest().get(..4).filter(|d| d.bytes().all(|b| b.is_ascii_hexdigit()));
        match digits.map(|d| u16::from_str_radix(d, 16)) {
            Some(Ok(unit)) => {
                self.at += 4;
                Ok(unit)
            }
            _ => Err(self.unexpected("four hexadecimal digits")),
        }
    }

    /// A string and the place of its content; something else is a mistake and `None`.
    pub(super) fn text(
        &mut self,
        expected: &str,
        mistakes: &mut Mistakes,
    ) -> Step<Option<(Cow<'t, str>, usize)>> {
        let value = self.value()?;
        if let What::Text(text) = value.what {
            return Ok(Some((text, value.span.start + 1)));
        }
        mistakes.add(value.instead_of(expected)).map(|()| None)
    }

    /// A count; something else is a mistake and `None`.
    pub(super) fn count(&mut self, mistakes: &mut Mistakes) -> Step<Option<u64>> {
        let value = self.value()?;
        let What::Number(digits) = value.what else {
            return mistakes.add(value.instead_of("a count")).map(|()| None);
        };
        match digits.parse() {
            Ok(count) => Ok(Some(count)),
            Err(_) => {
                let wrong = format!("a count is a whole number from 0 to {}", u64::MAX);
                mistakes.add(Diagnostic::new(value.span, wrong)).map(|()| None)
            }
        }
    }
}

/// Puts the value of `key` into `slot`; a key that was there already is a mistake.
pub(super) fn once<T>(
    slot: &mut Option<T>,
    value: T,
    key: &Key<'_>,
    mistakes: &mut Mistakes,
) -> Step {
    match slot.replace(value) {
        None => Ok(()),
        Some(_) => mistakes.add(twice(key)),
    }
}

/// The mistake of a key that comes twice.
pub(super) fn twice(key: &Key<'_>) -> Diagnostic {
    let name: String = key.name.chars().take(40).collect();
    Diagnostic::new(key.span.clone(), format!("a second `{name}` in the same object"))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The message and place of what is wrong with the grammar of `text`, or `Ok`.
    fn check(text: &str, commas: Commas) -> Result<(), (Range<usize>, String)> {
        let mut reader = Reader::new(text, 0, commas);
        let all = reader.value().and_then(|_| reader.end());
        all.map_err(|d| (d.span, d.message))
    }

    #[test]
    fn what_the_grammar_allows_is_read() {
        for text in [
            "{}",
            "[]",
            " [ ] ",
            "0",
            "-0",
            "1.5e-3",
            "12E+4",
            "true",
            "false",
            "null",
            "\"\"",
            "[1,2,[3,{\"a\":{}}]]",
            "{\"a\":1,\"a\":2}",
            r#""\"\\\/\b\f\n\r\té😀""#,
        ] {
            assert_eq!(check(text, Commas::Strict), Ok(()), "{text}");
        }
    }

    #[test]
    fn what_the_grammar_forbids_is_refused_where_it_stands() {
        for (text, at, message) in [
            ("", 0, "expected a value, but the file ends here"),
            ("{", 1, "expected a key in double quotes, but the file ends here"),
            ("[1,]", 3, "expected something behind the comma, found `]`"),
            ("[,1]", 1, "expected a value, found `,`"),
            ("[1,,2]", 3, "expected a value, found `,`"),
            ("[1 2]", 3, "expected `,` or `]`, found `2`"),
            ("[1}", 2, "expected `,` or `]`, found `}`"),
            ("{\"a\" 1}", 5, "expected `:`, found `1`"),
            ("{a:1}", 1, "expected a key in double quotes, found `a`"),
            ("{'a':1}", 1, "expected a key in double quotes, found `'`"),
            ("[1] x", 4, "expected the end of the file, found `x`"),
            ("012", 0, "a number with a leading zero"),
            ("+1", 0, "expected a value, found `+`"),
            ("-", 1, "expected a digit, but the file ends here"),
            ("1.", 2, "expected a digit, but the file ends here"),
            ("1e", 2, "expected a digit, but the file ends here"),
            ("NaN", 0, "expected a value, found `N`"),
            ("\"abc", 0, "a string without an end"),
            ("\"a\nb\"", 2, "expected the end of the string, found U+000A"),
            (r#""\x""#, 2, "expected an escape, found `x`"),
            (r#""\u12g4""#, 3, "expected four hexadecimal digits, found `1`"),
            (r#""\ud800""#, 1, "half of a character"),
            (r#""\ud800A""#, 1, "half of a character"),
            ("[/*1*/]", 1, "expected a value, found `/`"),
        ] {
            let (span, found) = check(text, Commas::Strict).expect_err(text);
            assert_eq!((span.start, found.as_str()), (at, message), "{text}");
        }
    }

    #[test]
    fn loose_commas_change_nothing_else() {
        for text in ["[1 2]", "[,1]", "[1,,2]", "[1,]", "[,]", "{,\"a\":1,,\"b\":2 \"c\":3,}"] {
            assert_eq!(check(text, Commas::Loose), Ok(()), "{text}");
        }
        for text in ["[1;2]", "[1}", "{\"a\",1}", "[1],", ",[1]", "{a:1}", "[01]"] {
            assert!(check(text, Commas::Loose).is_err(), "{text}");
        }
    }

    #[test]
    fn depth_is_bounded() {
        let nested = |n: usize| format!("{}{}", "[".repeat(n), "]".repeat(n));
        assert_eq!(check(&nested(100), Commas::Strict), Ok(()));
        let beside = format!("[{}{{}}]", "[],".repeat(200));
        assert_eq!(check(&beside, Commas::Strict), Ok(()));
        for deep in [nested(101), nested(10_000), "{\"a\":".repeat(10_000)] {
            let (_, message) = check(&deep, Commas::Strict).expect_err("too deep");
            assert_eq!(message, "nested deeper than 100 levels");
        }
    }

    #[test]
    fn escapes_are_undone() {
        let text = r#""\u0031\/\t\ud83d\ude00é""#;
        let value = Reader::new(text, 0, Commas::Strict).value().expect("a string");
        assert!(matches!(value.what, What::Text(t) if t == "1/\t\u{1f600}é"));
    }
}
