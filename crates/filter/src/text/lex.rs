//! Text to tokens, and tokens to statements.
//!
//! A statement ends with its line, unless the line ends with `\` or a brace or a parenthesis is
//! open. One that is never closed ends all the same before the next line that can only be a new
//! statement, so that one forgotten brace hides no other mistake. Every token knows its bytes; what
//! cannot be a token becomes a diagnostic, and its statement is marked as broken.

use std::ops::Range;

use super::STATEMENTS;
use super::mistakes::Mistakes;
use crate::diag::Diagnostic;

/// What a token is; the text is looked up by its place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Letters, digits, and `_ . : / - *`: words, names, numbers, addresses, services.
    Word,
    /// Text in double quotes, with them.
    String,
    /// One of `{ } ( ) , = < > !`.
    Mark,
}

/// A token and where it stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Token {
    /// What it is.
    pub kind: Kind,
    // A text is shorter than 4 GiB, see `MOST_BYTES`; half the size for a file of a million words.
    start: u32,
    end: u32,
}

impl Token {
    fn new(kind: Kind, span: Range<usize>) -> Self {
        Self { kind, start: span.start as u32, end: span.end as u32 }
    }

    /// Its bytes in the text.
    pub fn span(&self) -> Range<usize> {
        self.start as usize..self.end as usize
    }
}

/// The tokens of one statement; at least one, unless it is broken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Statement {
    first: u32,
    behind: u32,
    /// The line of the first one.
    pub line: u32,
    /// Something in it was no token, or is not closed; that has been reported.
    pub broken: bool,
}

impl Statement {
    /// Its tokens, among all.
    pub fn of<'t>(&self, tokens: &'t [Token]) -> &'t [Token] {
        tokens.get(self.first as usize..self.behind as usize).unwrap_or(&[])
    }
}

/// Two IPv6 addresses with the end of one as an IPv4 address, and to spare.
const LONGEST_WORD: usize = 100;

/// A text in pieces.
pub struct Lexed {
    /// The tokens.
    pub tokens: Vec<Token>,
    /// The statements, in the order of the text.
    pub statements: Vec<Statement>,
}

/// The pieces of `text`; what is wrong is added to `wrong`.
pub fn lex(text: &str, wrong: &mut Mistakes) -> Lexed {
    let lexed = Lexed { tokens: Vec::new(), statements: Vec::new() };
    let mut lexer =
        Lexer { text, at: 0, line: 1, open: Vec::new(), fresh: true, current: None, lexed, wrong };
    while !lexer.wrong.is_full() && lexer.step() {}
    lexer.finish_statement();
    lexer.lexed
}

struct Lexer<'a> {
    text: &'a str,
    at: usize,
    line: u32,
    /// The places of the braces and parentheses that are open.
    open: Vec<u32>,
    /// Whether only blanks came before on the line.
    fresh: bool,
    /// The statement that is being read.
    current: Option<Statement>,
    lexed: Lexed,
    wrong: &'a mut Mistakes,
}

impl Lexer<'_> {
    fn rest(&self) -> &str {
        self.text.get(self.at..).unwrap_or("")
    }

    fn step(&mut self) -> bool {
        let Some(c) = self.rest().chars().next() else { return false };
        match c {
            '\n' => self.newline(),
            ' ' | '\t' | '\r' => self.at += 1,
            '\u{feff}' if self.at == 0 => self.at += c.len_utf8(),
            '#' => self.at += self.until('\n'),
            '\\' => self.continuation(),
            '"' => self.string(),
            '{' | '}' | '(' | ')' | ',' | '=' | '<' | '>' | '!' => self.mark(c),
            c if is_word(c) => self.word(),
            _ => self.strange(c),
        }
        true
    }

    /// The number of bytes before `c` or the end of the text.
    fn until(&self, c: char) -> usize {
        self.rest().find(c).unwrap_or(self.rest().len())
    }

    fn newline(&mut self) {
        if self.open.is_empty() {
            self.finish_statement();
        }
        self.at += 1;
        self.line += 1;
        self.fresh = true;
    }

    fn statement(&mut self) -> &mut Statement {
        let (at, line) = (self.lexed.tokens.len() as u32, self.line);
        self.current.get_or_insert(Statement { first: at, behind: at, line, broken: false })
    }

    fn finish_statement(&mut self) {
        if let Some(at) = self.open.pop() {
            let at = at as usize;
            let mark = self.text.get(at..at + 1).unwrap_or("");
            let wrong = format!("this `{mark}` is not closed");
            self.complain(Diagnostic::new(at..at + 1, wrong));
            self.open.clear();
        }
        if let Some(mut statement) = self.current.take() {
            statement.behind = self.lexed.tokens.len() as u32;
            self.lexed.statements.push(statement);
        }
    }

    fn complain(&mut self, wrong: Diagnostic) {
        self.statement().broken = true;
        self.wrong.add(wrong);
    }

    fn push(&mut self, kind: Kind, len: usize) {
        self.statement();
        self.lexed.tokens.push(Token::new(kind, self.at..self.at + len));
        self.at += len;
        self.fresh = false;
    }

    fn word(&mut self) {
        let len = self.rest().find(|c| !is_word(c)).unwrap_or(self.rest().len());
        if self.fresh && !self.open.is_empty() && self.starts_anew(len) {
            self.finish_statement();
        }
        if len > LONGEST_WORD {
            let span = self.at..self.at + len;
            let wrong = format!("no word is longer than {LONGEST_WORD} characters");
            self.complain(Diagnostic::new(span, wrong));
        }
        self.push(Kind::Word, len);
    }

    /// Whether the word of `len` bytes that is next, the first of its line, can only begin a
    /// statement: within braces and parentheses such a word is a name behind `in`, or `on`.
    fn starts_anew(&self, len: usize) -> bool {
        let word = self.rest().get(..len).unwrap_or("");
        let before = self.lexed.tokens.last().and_then(|t| self.text.get(t.span()));
        STATEMENTS.contains(&word) && !matches!(before, Some("in" | "counters"))
    }

    fn mark(&mut self, c: char) {
        match c {
            '{' | '(' => self.open.push(self.at as u32),
            '}' | ')' => drop(self.open.pop()),
            _ => {}
        }
        self.push(Kind::Mark, 1);
    }

    fn continuation(&mut self) {
        let behind = self.rest().get(1..).unwrap_or("");
        let blanks = behind.find(|c| !matches!(c, ' ' | '\t' | '\r')).unwrap_or(behind.len());
        match behind.get(blanks..).and_then(|b| b.chars().next()) {
            None | Some('\n' | '#') => {
                self.at += self.until('\n');
                if self.at < self.text.len() {
                    self.at += 1;
                    self.line += 1;
                }
            }
            Some(_) => {
                let span = self.at..self.at + 1;
                let wrong = "`\\` goes on to the next line, but text follows it";
                self.complain(Diagnostic::new(span, wrong));
                self.at += 1;
            }
        }
    }

    fn string(&mut self) {
        let behind = self.rest().get(1..).unwrap_or("");
        let len = behind.find(['"', '\n']).unwrap_or(behind.len());
        if behind.get(len..).is_some_and(|b| b.starts_with('"')) {
            return self.push(Kind::String, len + 2);
        }
        let shown = behind.get(..len).unwrap_or("").trim_end().len();
        let span = self.at..self.at + 1 + shown;
        self.complain(Diagnostic::new(span, "this string has no end"));
        // What would close them may be in the string.
        self.open.clear();
        self.at += 1 + len;
    }

    /// Characters that the language does not know, all that stand side by side in one mistake.
    fn strange(&mut self, first: char) {
        let known = |c: char| c.is_ascii_whitespace() || is_word(c) || "{}(),=<>!#\\\"".contains(c);
        let len = self.rest().find(known).unwrap_or(self.rest().len());
        let shown = match first {
            c if c.is_control() || c.is_whitespace() || c == '\u{feff}' => {
                format!("U+{:04X}", u32::from(c))
            }
            c => format!("`{c}`"),
        };
        let wrong =
            Diagnostic::new(self.at..self.at + len, format!("unexpected character {shown}"));
        self.complain(match meant(first) {
            Some(meant) => wrong.help(format!("write {meant}")),
            None => wrong,
        });
        self.at += len;
        self.fresh = false;
    }
}

/// Whether a word may hold the character.
pub fn is_word(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | ':' | '/' | '-' | '*')
}

/// What to write instead of a character that looks like one of the language, or means the same
/// elsewhere.
fn meant(c: char) -> Option<&'static str> {
    Some(match c {
        '\u{2010}'..='\u{2015}' | '\u{2212}' => "`-`",
        '\u{201c}'..='\u{201f}' | '\'' | '\u{2018}'..='\u{201b}' => "`\"`",
        '\u{a0}' | '\u{2000}'..='\u{200b}' | '\u{202f}' | '\u{3000}' => "a blank",
        ';' => "each statement on a line of its own",
        '|' => "`( a or b )`",
        '&' => "terms side by side: all must be true",
        '@' => "`in` and the name of the set",
        '[' | ']' => "a list in braces: `{ a, b }`",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(text: &str) -> String {
        let mut wrong = Mistakes::default();
        let lexed = lex(text, &mut wrong);
        let statement = |s: &Statement| {
            let shown = s.of(&lexed.tokens).iter().map(|t| &text[t.span()]);
            let shown = shown.collect::<Vec<_>>().join(" ");
            format!("{}{}: {shown}", s.line, if s.broken { "!" } else { "" })
        };
        let shown = lexed.statements.iter().map(statement).collect::<Vec<_>>().join(" | ");
        let wrong = wrong.report().map_or(Vec::new(), |all| all.iter().cloned().collect());
        wrong.iter().fold(shown, |all, w| format!("{all} [{}]", w.message))
    }

    #[test]
    fn a_line_is_a_statement_unless_it_goes_on() {
        assert_eq!(words("a b\nc"), "1: a b | 2: c");
        assert_eq!(words("\n\na \\\n b\nc"), "3: a b | 5: c");
        assert_eq!(words("a \\ # why\n b"), "1: a b");
        assert_eq!(words("s { a,\n b }\nc"), "1: s { a , b } | 3: c");
        assert_eq!(words("s ( a\n or b )\nc"), "1: s ( a or b ) | 3: c");
        assert_eq!(words("a # b\r\nc\r\n"), "1: a | 2: c");
        assert_eq!(words("a }\nb"), "1: a } | 2: b");
        assert_eq!(words(""), "");
        assert_eq!(words("\u{feff}a \\"), "1: a");
    }

    #[test]
    fn words_hold_addresses_prefixes_and_ranges() {
        assert_eq!(words("src 2001:db8::/32 dport 80-90"), "1: src 2001:db8::/32 dport 80-90");
        assert_eq!(words("ttl<5 flags syn,!ack"), "1: ttl < 5 flags syn , ! ack");
    }

    #[test]
    fn what_is_no_token_is_reported_and_the_rest_goes_on() {
        assert_eq!(words("a $ b\nc"), "1!: a b | 2: c [unexpected character `$`]");
        assert_eq!(words("\0\0 a"), "1!: a [unexpected character U+0000]");
        assert_eq!(words("a \"b\nc"), "1!: a | 2: c [this string has no end]");
        let text_follows = "1!: a b [`\\` goes on to the next line, but text follows it]";
        assert_eq!(words("a \\ b"), text_follows);
    }

    #[test]
    fn what_is_not_closed_ends_before_the_next_statement() {
        let open = "1!: set a net { max 5 | 2: drop src in | 3: in b [this `{` is not closed]";
        assert_eq!(words("set a net { max 5\ndrop src in\nin b"), open);
        assert_eq!(words("drop ( tcp\n"), "1!: drop ( tcp [this `(` is not closed]");
        assert_eq!(words("drop ( src in\ndrop )"), "1: drop ( src in drop )");
        assert_eq!(words("set a net { counters\non }"), "1: set a net { counters on }");
    }
}
