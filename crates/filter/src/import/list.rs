//! Plain lists: one address, prefix, range or service a line, comments behind `#` or `;`.
//!
//! FireHOL's `.ipset` and `.netset` files and the text of Spamhaus DROP are such lists. A line
//! that is an address or prefix is read in one pass over its bytes; all others take the
//! longer way, which is the one that knows what to say of a mistake.

use super::gather::{Gather, Mistakes, Step, nets};
use super::lines::{Lines, Piece, blank, trimmed};
use super::net;
use super::{Imported, Stay};
use crate::diag::Diagnostic;
use crate::value::Item;

/// The items of the list that `text` holds from byte `at` on.
pub(super) fn read(text: &str, at: usize, mistakes: &mut Mistakes) -> Step<Imported> {
    let mut gather = Gather::default();
    for line in Lines::new(text, at) {
        if let Some((prefix, rest)) = net::quick(line.0.as_bytes())
            && nothing(rest)
        {
            gather.push(Item::Net(prefix));
        } else if let Err(mistake) = statement(line, &mut gather) {
            mistakes.add(mistake)?;
        }
    }
    Ok(gather.finish(Vec::new()))
}

/// Whether the rest of a line is blank, or blanks and a comment.
fn nothing(rest: &[u8]) -> bool {
    let said = rest.iter().find(|b| !blank(**b));
    matches!(said, None | Some(b'#' | b';'))
}

/// Any line.
fn statement(line: Piece<'_>, gather: &mut Gather) -> Step {
    let end = line.0.bytes().position(|b| matches!(b, b'#' | b';'));
    let said = end.map_or(Some(line.0), |end| line.0.get(..end));
    let piece = trimmed((said.unwrap_or(""), line.1));
    let text = piece.0;
    if text.is_empty() {
        return Ok(());
    }
    if text.bytes().any(|b| b == b'-') && !text.contains('/') {
        gather.entry(nets(net::addresses(piece)?.as_slice()), None, Stay::Unsaid);
        return Ok(());
    }
    match net::item(piece) {
        Ok(item) => gather.push(item),
        Err(mistake) => return Err(trailing(piece).unwrap_or(mistake)),
    }
    Ok(())
}

/// The mistake of a line that starts with an item and goes on.
fn trailing(piece: Piece<'_>) -> Option<Diagnostic> {
    let (text, at) = piece;
    let (first, rest) = text.split_at_checked(text.bytes().position(blank)?)?;
    net::item((first, at)).ok()?;
    let rest = trimmed((rest, at + first.len()));
    let place = rest.1..rest.1 + rest.0.len();
    Some(
        Diagnostic::new(place, format!("unexpected text behind `{first}`"))
            .help("write one item a line, and comments behind `#`"),
    )
}
