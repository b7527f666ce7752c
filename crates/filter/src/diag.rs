//! What is wrong with a text, and where: line, column, the line itself and a caret under the word.
//!
//! All mistakes of a text are collected and shown together. Positions are kept as byte spans of
//! the text and become lines and columns only when they are printed; columns count characters.

use std::fmt;
use std::ops::Range;

/// One mistake.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diagnostic {
    /// The bytes of the text that are meant; empty for a place between two.
    pub span: Range<usize>,
    /// What is wrong, in lower case, without a full stop.
    pub message: String,
    /// What was probably meant, or what to do, where that can be told.
    pub help: Option<String>,
}

impl Diagnostic {
    /// A mistake without advice.
    pub fn new(span: Range<usize>, message: impl Into<String>) -> Self {
        Self { span, message: message.into(), help: None }
    }

    /// The same with advice.
    #[must_use]
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }
}

/// All mistakes of one text, in the order of their places; never empty.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diagnostics {
    items: Vec<Diagnostic>,
}

/// The place of a diagnostic in its text; both numbers start at 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// The line.
    pub line: usize,
    /// The character of the line.
    pub column: usize,
}

impl Diagnostics {
    /// The mistakes in `items`, or `None` if there are none.
    pub fn of(mut items: Vec<Diagnostic>) -> Option<Self> {
        items.sort_by_key(|d| d.span.start);
        (!items.is_empty()).then_some(Self { items })
    }

    /// The mistakes.
    pub fn iter(&self) -> impl Iterator<Item = &Diagnostic> {
        self.items.iter()
    }

    /// The report for a person: each mistake with the name of the file, its place, and the line.
    pub fn report<'a>(&'a self, file: &'a str, text: &'a str) -> Report<'a> {
        Report { items: &self.items, file, text }
    }
}

/// Where byte `at` of `text` is. A byte order mark at the start is no character.
pub fn place(text: &str, at: usize) -> Place {
    let before = &text[..floor_char(text, at)];
    let line_start = before.rfind('\n').map_or(0, |n| n + 1);
    let on_line = &before[line_start..];
    Place {
        line: before.bytes().filter(|b| *b == b'\n').count() + 1,
        column: on_line.strip_prefix(BOM).unwrap_or(on_line).chars().count() + 1,
    }
}

/// A byte order mark, which some editors put in front of a text.
const BOM: char = '\u{feff}';

/// The nearest start of a character at or before `at`.
fn floor_char(text: &str, at: usize) -> usize {
    text.floor_char_boundary(at.min(text.len()))
}

/// [`Diagnostics`] together with what is needed to print them.
pub struct Report<'a> {
    items: &'a [Diagnostic],
    file: &'a str,
    text: &'a str,
}

/// More than this many are counted instead of printed.
const MOST_SHOWN: usize = 20;

impl fmt::Display for Report<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, item) in self.items.iter().take(MOST_SHOWN).enumerate() {
            if i > 0 {
                writeln!(f)?;
            }
            self.one(item, f)?;
        }
        match self.items.len().saturating_sub(MOST_SHOWN) {
            0 => Ok(()),
            more => writeln!(f, "\nand {more} more"),
        }
    }
}

impl Report<'_> {
    fn one(&self, item: &Diagnostic, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let at = place(self.text, item.span.start);
        let start = floor_char(self.text, item.span.start);
        let line_start = self.text[..start].rfind('\n').map_or(0, |n| n + 1);
        let line = self.text[line_start..].lines().next().unwrap_or("");
        let end =
            floor_char(self.text, item.span.end).clamp(start, start.max(line_start + line.len()));
        let shown = Excerpt::of(line.strip_prefix(BOM).unwrap_or(line), at.column - 1);
        let width = self.text[start..end].chars().count().clamp(1, MOST_CHARS);
        let gutter = at.line.to_string().len();
        writeln!(f, "error: {}", printable(&item.message))?;
        writeln!(f, "{:gutter$}--> {}:{}:{}", "", self.file, at.line, at.column)?;
        writeln!(f, "{:gutter$} |", "")?;
        writeln!(f, "{} | {}", at.line, printable(&shown.text))?;
        write!(f, "{:gutter$} | {:pad$}{:^<width$}", "", "", "", pad = shown.caret)?;
        match &item.help {
            Some(help) => writeln!(f, " {}", printable(help)),
            None => writeln!(f),
        }
    }
}

/// More characters of a line than this are not shown.
const MOST_CHARS: usize = 100;

/// The part of a line that is shown, and where the caret stands below it.
struct Excerpt {
    text: String,
    caret: usize,
}

impl Excerpt {
    /// All of a short line; of a long one, what surrounds the character `at`.
    fn of(line: &str, at: usize) -> Self {
        let skipped = at.saturating_sub(MOST_CHARS / 2);
        let mut chars = line.chars().skip(skipped);
        let mut text: String = chars.by_ref().take(MOST_CHARS).collect();
        if chars.next().is_some() {
            text.push('…');
        }
        if skipped == 0 {
            return Self { text, caret: at };
        }
        Self { text: format!("…{text}"), caret: at - skipped + 1 }
    }
}

/// The text with every character that a terminal would act on replaced; tabs become one blank, so
/// that a column stays a column.
fn printable(text: &str) -> String {
    text.chars()
        .map(|c| match c {
            '\t' => ' ',
            c if c.is_control() => '\u{fffd}',
            c => c,
        })
        .collect()
}

/// The word of `known` that `word` was probably meant to be: at most two edits away, and closer
/// than half of its length.
pub fn nearest<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let most = (word.chars().count() / 2).min(2);
    known
        .into_iter()
        .map(|k| (edits(word, k), k))
        .filter(|(n, _)| *n <= most)
        .min_by_key(|(n, _)| *n)
        .map(|(_, k)| k)
}

/// The number of insertions, deletions, replacements and swaps of neighbours between two words.
fn edits(a: &str, b: &str) -> usize {
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().take(40).collect(), b.chars().collect());
    let mut rows = vec![vec![0; b.len() + 1]; a.len() + 1];
    for i in 0..=a.len() {
        for j in 0..=b.len() {
            rows[i][j] = if i == 0 || j == 0 {
                i + j
            } else {
                let replaced = rows[i - 1][j - 1] + usize::from(a[i - 1] != b[j - 1]);
                let swapped = i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1];
                let moved = if swapped { rows[i - 2][j - 2] + 1 } else { usize::MAX };
                replaced.min(rows[i - 1][j] + 1).min(rows[i][j - 1] + 1).min(moved)
            };
        }
    }
    rows[a.len()][b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;
    use expect_test::expect;

    #[test]
    fn a_report_shows_the_place_the_line_and_a_caret() {
        let text = "default pass\ndrop sorce in block\n";
        let all = Diagnostics::of(vec![
            Diagnostic::new(18..23, "unknown word `sorce`").help("did you mean `src`?"),
            Diagnostic::new(0..7, "first"),
        ])
        .expect("two");
        expect![[r#"
            error: first
             --> a.pal:1:1
              |
            1 | default pass
              | ^^^^^^^

            error: unknown word `sorce`
             --> a.pal:2:6
              |
            2 | drop sorce in block
              |      ^^^^^ did you mean `src`?
        "#]]
        .assert_eq(&all.report("a.pal", text).to_string());
    }

    #[test]
    fn places_outside_the_text_and_inside_a_character_do_not_panic() {
        let text = "ä\u{1b}[31m\nb";
        for at in 0..20 {
            let all = Diagnostics::of(vec![Diagnostic::new(at..at + 3, "x")]).expect("one");
            let shown = all.report("f", text).to_string();
            assert!(!shown.contains('\u{1b}'));
        }
    }

    #[test]
    fn a_long_line_is_shown_around_the_caret() {
        let text = format!("{}bad{}", "a".repeat(1000), "b".repeat(1000));
        let all = Diagnostics::of(vec![Diagnostic::new(1000..1003, "x")]).expect("one");
        let shown = all.report("f", &text).to_string();
        let lines: Vec<&str> = shown.lines().collect();
        let caret = lines[4].find('^').expect("a caret");
        // The ellipsis before it is one character of three bytes.
        assert_eq!(&lines[3][caret + 2..caret + 5], "bad");
        assert!(shown.len() < 400);
    }

    #[test]
    fn a_byte_order_mark_shifts_no_column() {
        let text = "\u{feff}bad";
        let all = Diagnostics::of(vec![Diagnostic::new(3..6, "x")]).expect("one");
        expect![[r#"
            error: x
             --> f:1:1
              |
            1 | bad
              | ^^^
        "#]]
        .assert_eq(&all.report("f", text).to_string());
    }

    #[test]
    fn columns_count_characters() {
        assert_eq!(place("ää b", 5), Place { line: 1, column: 4 });
    }

    #[test]
    fn a_word_is_found_by_its_misspelling_and_only_when_close() {
        let words = ["drop", "pass", "default"];
        assert_eq!(nearest("dorp", words), Some("drop"));
        assert_eq!(nearest("defualt", words), Some("default"));
        assert_eq!(nearest("reject", words), None);
        assert_eq!(nearest("x", words), None);
    }
}
