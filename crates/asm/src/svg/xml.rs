//! Text in XML: whatever a label, a note or a map is called, it stays text.
//!
//! Widths are known without asking a font: a column of monospace type is 0.61 of its size wide in
//! the common faces, and every character outside ASCII is taken for two columns, which it fills in
//! the widest scripts.

use std::fmt::{self, Write};

/// Text between tags or inside an attribute.
pub(crate) fn escaped(text: &str) -> impl fmt::Display + '_ {
    fmt::from_fn(move |f| {
        text.chars().try_for_each(|c| match c {
            '&' => f.write_str("&amp;"),
            '<' => f.write_str("&lt;"),
            '>' => f.write_str("&gt;"),
            '"' => f.write_str("&quot;"),
            '\'' => f.write_str("&#39;"),
            // XML has no way to write these; marks of direction could reorder what stands around.
            c if c.is_control() || is_unwritable(c) => f.write_char('\u{fffd}'),
            c => f.write_char(c),
        })
    })
}

fn is_unwritable(c: char) -> bool {
    matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{fffe}' | '\u{ffff}')
}

/// How many columns a text takes.
pub(crate) fn columns(text: &str) -> i64 {
    text.chars().map(column).sum()
}

fn column(c: char) -> i64 {
    // Signs that this module's users put in themselves are one column wide.
    if c.is_ascii() || matches!(c, '…' | '→' | '·' | '↻') { 1 } else { 2 }
}

/// The text, cut to so many columns with a sign that says so.
pub(crate) fn cut(text: &str, limit: i64) -> String {
    if columns(text) <= limit {
        return text.to_owned();
    }
    let mut left = limit - 1;
    let fits = |c: &char| {
        left -= column(*c);
        left >= 0
    };
    text.chars().take_while(fits).chain(['…']).collect()
}

/// How many pixels so many columns take in type of that size.
pub(crate) fn pixels(columns: i64, size: i64) -> i64 {
    (columns * size * 61 + 99) / 100
}
