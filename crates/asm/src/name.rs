//! Names of labels and maps in text: bare where that can only be read as a name, else quoted.
//!
//! What is written is read back as the same name whatever it contains, so that every program has a
//! text. A label's name may have single blanks between its words, since nothing but a name stands
//! where it does: before a colon at the start of a line, and last in a jump or call.

use std::borrow::Cow;

use crate::raw::SLOT_BYTES;

/// Whether a byte can be part of the bare name of a label, besides single blanks.
pub(crate) fn in_label(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.' | b'-' | b',' | b'/')
}

/// Whether a byte can be part of the bare name of a map.
pub(crate) fn in_map(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.' | b'-' | b':')
}

/// Whether a bare name can begin with this byte.
pub(crate) fn begins(byte: u8) -> bool {
    byte.is_ascii_alphabetic() || byte == b'_'
}

/// The name of a label as text has it.
pub(crate) fn label(name: Cow<'_, str>) -> Cow<'_, str> {
    if bare_label(&name) { name } else { Cow::Owned(quoted(&name)) }
}

/// The name of a map as text has it.
pub(crate) fn map(name: &str) -> Cow<'_, str> {
    let bare = begins(first(name)) && name.bytes().all(in_map) && !is_number(name);
    if bare { Cow::Borrowed(name) } else { Cow::Owned(quoted(name)) }
}

fn bare_label(name: &str) -> bool {
    let words = |byte| in_label(byte) || byte == b' ';
    begins(first(name))
        && name.bytes().all(words)
        && !name.contains("  ")
        && !name.ends_with(' ')
        && !name.contains("//")
        // The kernel writes the distance of a jump so.
        && !name.starts_with("pc-")
        && !like_bytes(name)
}

/// Whether the name begins like the bytes of a slot, which listings have before an instruction.
fn like_bytes(name: &str) -> bool {
    let pair = |word: &&str| word.len() == 2 && word.bytes().all(|byte| byte.is_ascii_hexdigit());
    name.split(' ').take(SLOT_BYTES).filter(pair).count() == SLOT_BYTES
}

/// Whether the text of a map's name says a number instead.
fn is_number(name: &str) -> bool {
    name.starts_with("fd:") || name.starts_with("idx:")
}

fn first(name: &str) -> u8 {
    name.bytes().next().unwrap_or_default()
}

/// The name between quotes; what a terminal would not show is written by its number.
fn quoted(name: &str) -> String {
    let mut out = String::with_capacity(name.len() + 2);
    out.push('"');
    for c in name.chars() {
        match c {
            '"' | '\\' => out.extend(['\\', c]),
            c if c.is_control() || is_unseen(c) => out.extend(c.escape_unicode()),
            c => out.push(c),
        }
    }
    out.push('"');
    out
}

/// Marks that turn the direction of what follows, or take no room.
pub(crate) fn is_unseen(c: char) -> bool {
    matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}')
}

/// Reads what stands between quotes and how many bytes it takes with the second one; `text` begins
/// behind the first.
pub(crate) fn unquoted(text: &str) -> Option<(Cow<'_, str>, usize)> {
    let end = text.find(['"', '\\'])?;
    let (plain, rest) = text.split_at(end);
    if rest.starts_with('"') {
        return Some((Cow::Borrowed(plain), end + 1));
    }
    let (mut name, mut chars) = (plain.to_owned(), rest.char_indices());
    while let Some((at, c)) = chars.next() {
        match c {
            '"' => return Some((Cow::Owned(name), end + at + 1)),
            '\\' => match chars.next()?.1 {
                'u' => {
                    let digits = rest.get(at + 2..)?.strip_prefix('{')?;
                    let (digits, _) = digits.split_once('}')?;
                    let number = u32::from_str_radix(digits, 16).ok()?;
                    name.push(char::from_u32(number)?);
                    // The braces and what is between them.
                    chars.nth(digits.chars().count() + 1)?;
                }
                c @ ('"' | '\\') => name.push(c),
                _ => return None,
            },
            c => name.push(c),
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quoted_names_are_read_back() {
        for name in ["", "a b", "\"", "\\", "a\nb", "\u{202e}x", "ä\u{0}\\u{41}", "}\"{"] {
            let text = quoted(name);
            assert!(!text.contains('\n'));
            let rest = format!("{}]", &text[1..]);
            assert_eq!(unquoted(&rest), Some((name.into(), rest.len() - 1)), "{text}");
        }
    }

    #[test]
    fn what_is_not_closed_or_escaped_wrongly_is_no_name() {
        for text in
            ["", "a", "a\\", "a\\\"", "\\n\"", "\\u{}\"", "\\u{d800}\"", "\\u{41\"", "\\u41}\""]
        {
            assert_eq!(unquoted(text), None, "{text}");
        }
    }

    #[test]
    fn only_what_can_be_read_as_nothing_else_is_bare() {
        for name in ["pass", "one of them", "past line 5", "L4", "tcp/udp rules", "next.2", "be ad"]
        {
            assert_eq!(label(name.into()), name);
        }
        for name in
            ["", " a", "a ", "a  b", "4", "pc-1", "a;b", "a//b", "a:b", "+3", "bpf#1", "\u{e4}"]
        {
            assert!(label(name.into()).starts_with('"'), "{name}");
        }
        assert!(label("aa bb cc dd ee ff 00 11 22".into()).starts_with('"'));
        assert_eq!(map("w:items"), "w:items");
        for name in ["", "a b", "fd:5", "idx:5", "a]", "5"] {
            assert!(map(name).starts_with('"'), "{name}");
        }
    }
}
