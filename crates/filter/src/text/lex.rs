//! Text to tokens: words, strings, punctuation, and the ends of statements.
//!
//! A statement ends with its line, unless the line ends with `\` or a brace is open. Every token
//! knows its bytes; what cannot be a token becomes a diagnostic and the rest goes on.

use std::ops::Range;

use crate::diag::Diagnostic;

/// What a token is; the text is looked up by its span.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Letters, digits, and `_ . : / - *`: keywords, names, numbers, addresses, services.
    Word,
    /// Text in double quotes.
    String,
    /// One of `{ } ( ) , = < > !`.
    Punct(char),
    /// The end of a statement.
    End,
}

/// A token and where it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Token {
    /// What it is.
    pub kind: Kind,
    /// Its bytes in the text.
    pub span: Range<usize>,
}

/// The tokens of `text`; the last one is an `End`.
pub fn lex(text: &str) -> (Vec<Token>, Vec<Diagnostic>) {
    let mut lexer = Lexer { text, at: 0, open: 0, tokens: Vec::new(), wrong: Vec::new() };
    while lexer.step() {}
    let end = text.len()..text.len();
    lexer.tokens.push(Token { kind: Kind::End, span: end });
    (lexer.tokens, lexer.wrong)
}

struct Lexer<'a> {
    text: &'a str,
    at: usize,
    /// Braces that are open.
    open: usize,
    tokens: Vec<Token>,
    wrong: Vec<Diagnostic>,
}

impl Lexer<'_> {
    fn step(&mut self) -> bool {
        let rest = &self.text[self.at..];
        let Some(c) = rest.chars().next() else { return false };
        match c {
            '\n' => self.newline(),
            ' ' | '\t' | '\r' => self.at += 1,
            '\u{feff}' if self.at == 0 => self.at += c.len_utf8(),
            '#' => self.at += rest.find('\n').unwrap_or(rest.len()),
            '\\' => self.continuation(rest),
            '"' => self.string(rest),
            '{' | '}' | '(' | ')' | ',' | '=' | '<' | '>' | '!' => self.punct(c),
            c if is_word(c) => {
                let len = rest.find(|c| !is_word(c)).unwrap_or(rest.len());
                self.push(Kind::Word, len);
            }
            c => {
                let span = self.at..self.at + c.len_utf8();
                self.wrong.push(Diagnostic::new(span, format!("unexpected character `{c}`")));
                self.at += c.len_utf8();
            }
        }
        true
    }

    fn push(&mut self, kind: Kind, len: usize) {
        self.tokens.push(Token { kind, span: self.at..self.at + len });
        self.at += len;
    }

    fn newline(&mut self) {
        if self.open == 0 {
            self.push(Kind::End, 1);
        } else {
            self.at += 1;
        }
    }

    fn punct(&mut self, c: char) {
        match c {
            '{' => self.open += 1,
            '}' => self.open = self.open.saturating_sub(1),
            _ => {}
        }
        self.push(Kind::Punct(c), 1);
    }

    fn continuation(&mut self, rest: &str) {
        let line = rest.find('\n').unwrap_or(rest.len());
        let behind = rest[1..line].trim();
        if behind.is_empty() || behind.starts_with('#') {
            self.at += (line + 1).min(rest.len());
        } else {
            let span = self.at..self.at + 1;
            self.wrong
                .push(Diagnostic::new(span, "`\\` goes on to the next line; text follows it"));
            self.at += 1;
        }
    }

    fn string(&mut self, rest: &str) {
        let line = rest.find('\n').unwrap_or(rest.len());
        match rest[1..line].find('"') {
            Some(len) => self.push(Kind::String, len + 2),
            None => {
                let span = self.at..self.at + line;
                self.wrong.push(Diagnostic::new(span, "this string has no end"));
                self.at += line;
            }
        }
    }
}

fn is_word(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | ':' | '/' | '-' | '*')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(text: &str) -> String {
        let (tokens, wrong) = lex(text);
        let shown = tokens.iter().map(|t| match t.kind {
            Kind::End => "|".to_owned(),
            Kind::Word | Kind::String | Kind::Punct(_) => text[t.span.clone()].to_owned(),
        });
        let shown = shown.collect::<Vec<_>>().join(" ");
        wrong.iter().fold(shown, |all, w| format!("{all} [{}]", w.message))
    }

    #[test]
    fn a_line_is_a_statement_unless_it_goes_on() {
        assert_eq!(words("a b\nc"), "a b | c |");
        assert_eq!(words("a \\\n b"), "a b |");
        assert_eq!(words("a \\ # why\n b"), "a b |");
        assert_eq!(words("s { a,\n b }\nc"), "s { a , b } | c |");
        assert_eq!(words("a # b\r\nc"), "a | c |");
        assert_eq!(words("a }\nb"), "a } | b |");
    }

    #[test]
    fn words_hold_addresses_prefixes_and_ranges() {
        assert_eq!(words("src 2001:db8::/32 dport 80-90"), "src 2001:db8::/32 dport 80-90 |");
    }

    #[test]
    fn what_is_no_token_is_reported_and_the_rest_goes_on() {
        assert_eq!(words("a $ b"), "a b | [unexpected character `$`]");
        assert_eq!(words("a \"b\nc"), "a | c | [this string has no end]");
        assert_eq!(words("a \\ b"), "a b | [`\\` goes on to the next line; text follows it]");
    }
}
