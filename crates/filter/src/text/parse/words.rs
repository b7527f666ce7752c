//! The tokens of one statement, read from left to right, and how a reader gives up.

use std::ops::Range;

use crate::diag::Diagnostic;
use crate::text::lex::{Kind, Token};

/// Why a part of a statement has no meaning.
pub enum Refusal {
    /// The rest of the statement makes no sense any more.
    Mistake(Diagnostic),
    /// It has been reported, and what it is about was read to its end: the next part can be read.
    Said,
}

impl From<Diagnostic> for Refusal {
    fn from(mistake: Diagnostic) -> Self {
        Self::Mistake(mistake)
    }
}

/// What reading a part of a statement gives.
pub type Step<T = ()> = Result<T, Refusal>;

/// A word of the text.
#[derive(Clone, Debug)]
pub struct Word<'a> {
    /// The word.
    pub text: &'a str,
    /// Its bytes.
    pub span: Range<usize>,
}

/// The tokens of a statement that are still to be read.
#[derive(Clone, Copy)]
pub struct Words<'a> {
    text: &'a str,
    left: &'a [Token],
    /// Where the token before ends: the place of whatever is missing.
    end: usize,
}

impl<'a> Words<'a> {
    /// All `tokens` of a statement of `text`.
    pub fn new(text: &'a str, tokens: &'a [Token]) -> Self {
        Self { text, left: tokens, end: tokens.first().map_or(0, |t| t.span().start) }
    }

    fn shown(&self, token: &Token) -> Word<'a> {
        let span = token.span();
        Word { text: self.text.get(span.clone()).unwrap_or(""), span }
    }

    /// Whether all has been read.
    pub fn is_empty(&self) -> bool {
        self.left.is_empty()
    }

    /// Where the token that was read last ends.
    pub fn end(&self) -> usize {
        self.end
    }

    /// The next token, whatever it is, and what it is.
    pub fn next(&mut self) -> Option<(Kind, Word<'a>)> {
        let (first, rest) = self.left.split_first()?;
        self.left = rest;
        self.end = first.span().end;
        Some((first.kind, self.shown(first)))
    }

    /// The text of the next token; a string's begins with its quote.
    pub fn peek(&self) -> Option<&'a str> {
        self.left.first().map(|t| self.shown(t).text)
    }

    /// The place of the next token, or of what is missing.
    pub fn place(&self) -> Range<usize> {
        self.left.first().map_or(self.end..self.end, Token::span)
    }

    /// Takes the next token if it is this word or mark.
    pub fn take(&mut self, text: &str) -> bool {
        let found = self.peek() == Some(text);
        if found {
            self.next();
        }
        found
    }

    /// The next token, which must be a word; `what` says what is expected.
    pub fn word(&mut self, what: &str) -> Result<Word<'a>, Diagnostic> {
        match self.left.first() {
            Some(token) if token.kind == Kind::Word => {
                let word = self.shown(token);
                self.next();
                Ok(word)
            }
            Some(_) | None => Err(self.expected(what)),
        }
    }

    /// What to say of the next token, or of its lack, where `what` was expected.
    pub fn expected(&self, what: &str) -> Diagnostic {
        let wrong = match self.peek() {
            Some(found) => format!("expected {what}, found `{}`", cut(found)),
            None => format!("expected {what}"),
        };
        Diagnostic::new(self.place(), wrong)
    }

    /// The statement must end here.
    pub fn done(&self) -> Result<(), Diagnostic> {
        match self.left.first() {
            None => Ok(()),
            Some(token) => Err(Diagnostic::new(token.span(), "the statement should end here")),
        }
    }

    /// What is left, as written, but for comments and with single blanks.
    pub fn as_written(&self) -> String {
        let mut out = String::new();
        let mut before = None;
        for token in self.left {
            if before.is_some_and(|end| end != token.span().start) {
                out.push(' ');
            }
            out.push_str(self.shown(token).text);
            before = Some(token.span().end);
        }
        out
    }
}

/// A token for a message: a string of a megabyte is cut.
fn cut(word: &str) -> String {
    const MOST: usize = 60;
    match word.char_indices().nth(MOST) {
        Some((at, _)) => format!("{}…", word.get(..at).unwrap_or("")),
        None => word.to_owned(),
    }
}
