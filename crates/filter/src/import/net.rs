//! Addresses, prefixes and ranges as other programs write them.
//!
//! `quick` is the short way that the lines of a large list take: it allocates nothing and either
//! agrees with the general parser of values or says nothing at all.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::ops::Range;

use super::lines::{Piece, span, trimmed};
use crate::diag::Diagnostic;
use crate::value::{Item, Prefix, ValueError};

/// One prefix, or the prefixes of a range.
pub(super) enum Addresses {
    One(Prefix),
    Range(Vec<Prefix>),
}

impl Addresses {
    pub(super) fn as_slice(&self) -> &[Prefix] {
        match self {
            Self::One(prefix) => std::slice::from_ref(prefix),
            Self::Range(prefixes) => prefixes,
        }
    }

    pub(super) fn as_mut_slice(&mut self) -> &mut [Prefix] {
        match self {
            Self::One(prefix) => std::slice::from_mut(prefix),
            Self::Range(prefixes) => prefixes,
        }
    }
}

/// An address or prefix at the start of `text`, and what follows it; `None` if it takes the
/// general parser to tell.
pub(super) fn quick(text: &[u8]) -> Option<(Prefix, &[u8])> {
    v4(text).or_else(|| v6(text))
}

fn v4(text: &[u8]) -> Option<(Prefix, &[u8])> {
    let (a, text) = octet(text)?;
    let (b, text) = octet(text.strip_prefix(b".")?)?;
    let (c, text) = octet(text.strip_prefix(b".")?)?;
    let (d, text) = octet(text.strip_prefix(b".")?)?;
    prefix(IpAddr::V4(Ipv4Addr::new(a, b, c, d)), text)
}

/// The groups in front of a `::` are counted from the first bit, those behind it from the last.
fn v6(mut text: &[u8]) -> Option<(Prefix, &[u8])> {
    let (mut head, mut tail) = (0u128, 0u128);
    let (mut groups, mut gap) = (0, None);
    if let Some(behind) = text.strip_prefix(b"::") {
        (gap, text) = (Some(0), behind);
    }
    loop {
        match group(text) {
            Some((value, behind)) => {
                let into = if gap.is_none() { &mut head } else { &mut tail };
                *into = *into << 16 | u128::from(value);
                groups += 1;
                text = behind;
            }
            // Only a gap may end the address.
            None if gap == Some(groups) => break,
            None => return None,
        }
        if groups == 8 {
            break;
        }
        if let Some(behind) = text.strip_prefix(b"::") {
            if gap.replace(groups).is_some() {
                return None;
            }
            text = behind;
        } else if let Some(behind) = text.strip_prefix(b":") {
            text = behind;
        } else {
            break;
        }
    }
    let bits = match (gap, groups) {
        (None, 8) => head,
        (Some(0), 0..8) => tail,
        (Some(before @ 1..8), 1..8) => head << (16 * (8 - before)) | tail,
        _ => return None,
    };
    prefix(IpAddr::V6(Ipv6Addr::from_bits(bits)), text)
}

/// One to four hexadecimal digits, and what follows them.
fn group(text: &[u8]) -> Option<(u16, &[u8])> {
    let (mut value, mut rest, mut digits) = (0u16, text, 0);
    while let Some((next, behind)) = rest.split_first()
        && let Some(low) = char::from(*next).to_digit(16)
    {
        if digits == 4 {
            return None;
        }
        value = value << 4 | u16::try_from(low).ok()?;
        digits += 1;
        rest = behind;
    }
    (digits > 0).then_some((value, rest))
}

/// `addr` with the length that stands behind a slash, if there is one.
fn prefix(addr: IpAddr, text: &[u8]) -> Option<(Prefix, &[u8])> {
    match text.strip_prefix(b"/") {
        None => Some((Prefix::host(addr), text)),
        Some(text) => {
            let (len, text) = octet(text)?;
            Some((Prefix::new(addr, len)?, text))
        }
    }
}

/// A decimal number below 256 without a leading zero, and what follows its last digit.
fn octet(text: &[u8]) -> Option<(u8, &[u8])> {
    let (first, mut rest) = text.split_first()?;
    let mut value = digit(*first)?;
    while let Some((next, behind)) = rest.split_first()
        && let Some(low) = digit(*next)
    {
        if value == 0 {
            return None;
        }
        value = value.checked_mul(10)?.checked_add(low)?;
        rest = behind;
    }
    Some((value, rest))
}

fn digit(byte: u8) -> Option<u8> {
    byte.is_ascii_digit().then(|| byte - b'0')
}

/// The mistake of an entry that would stay longer than any can.
pub(super) fn too_long(place: Range<usize>) -> Diagnostic {
    Diagnostic::new(place, "an entry stays for ten years at most")
        .help("make it 0 to keep the entry for good")
}

/// An item as [`Item`] reads it.
pub(super) fn item(piece: Piece<'_>) -> Result<Item, Diagnostic> {
    if let Some((prefix, [])) = quick(piece.0.as_bytes()) {
        return Ok(Item::Net(prefix));
    }
    bounded(piece)?;
    piece.0.parse().map_err(|e| mistake(piece, &e))
}

/// An address, a prefix, or a range `a-b` with or without blanks around the dash.
pub(super) fn addresses(piece: Piece<'_>) -> Result<Addresses, Diagnostic> {
    if let Some((prefix, [])) = quick(piece.0.as_bytes()) {
        return Ok(Addresses::One(prefix));
    }
    bounded(piece)?;
    let Some((first, last)) = piece.0.split_once('-') else {
        return piece.0.parse().map(Addresses::One).map_err(|e| mistake(piece, &e));
    };
    let first = address(trimmed((first, piece.1)));
    let last = address(trimmed((last, piece.1 + piece.0.len() - last.len())));
    match (first, last) {
        (Ok(first), Ok(last)) => range(span(piece), first, last).map(Addresses::Range),
        // A word that merely has a dash is not a range with two wrong ends.
        (Err(_), Err(_)) => Err(mistake(piece, &ValueError::Address { text: piece.0.to_owned() })),
        (Err(one), Ok(_)) | (Ok(_), Err(one)) => Err(one),
    }
}

/// The prefixes from `first` to `last`; `place` is that of the whole range.
pub(super) fn range(
    place: Range<usize>,
    first: IpAddr,
    last: IpAddr,
) -> Result<Vec<Prefix>, Diagnostic> {
    Prefix::cover(first, last).ok_or_else(|| {
        let wrong = if first.is_ipv4() == last.is_ipv4() {
            "the range ends before it starts"
        } else {
            "the range starts with one version of IP and ends with the other"
        };
        Diagnostic::new(place, wrong)
    })
}

/// One address.
pub(super) fn address(piece: Piece<'_>) -> Result<IpAddr, Diagnostic> {
    bounded(piece)?;
    let text = piece.0;
    text.parse().map_err(|_| mistake(piece, &ValueError::Address { text: text.to_owned() }))
}

/// The longest text that can mean something: two addresses, blanks, a dash.
const LONGEST: usize = 160;

/// Refuses what is far too long before it is copied into a message.
pub(super) fn bounded(piece: Piece<'_>) -> Result<(), Diagnostic> {
    match piece.0.len() {
        0..=LONGEST => Ok(()),
        len => {
            let start = piece.1..piece.1 + piece.0.floor_char_boundary(LONGEST);
            Err(Diagnostic::new(start, format!("{len} bytes are too long for an item")))
        }
    }
}

/// The mistake in `piece`, at the part of it that is wrong.
pub(super) fn mistake(piece: Piece<'_>, error: &ValueError) -> Diagnostic {
    let (text, at) = piece;
    let slash = text.find('/');
    let place = match (error, slash) {
        (ValueError::Address { .. } | ValueError::Transport { .. }, Some(n)) => at..at + n,
        (
            ValueError::PrefixLength { .. } | ValueError::Port { .. } | ValueError::Reversed { .. },
            Some(n),
        ) => at + n + 1..at + text.len(),
        _ => span(piece),
    };
    let mistake = Diagnostic::new(place, error.to_string());
    let bare = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    if bare && matches!(error, ValueError::Item { .. }) {
        return mistake.help(format!("a port needs its protocol: `tcp/{text}` or `udp/{text}`"));
    }
    mistake
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// What the short way makes of a whole text.
    fn whole(text: &str) -> Option<Prefix> {
        quick(text.as_bytes()).filter(|(_, rest)| rest.is_empty()).map(|(prefix, _)| prefix)
    }

    #[test]
    fn the_short_way_takes_usual_addresses() {
        for text in [
            "0.0.0.0",
            "255.255.255.255",
            "10.1.2.3/8",
            "1.2.3.4/0",
            "1.2.3.4/32",
            "::",
            "::1",
            "1::",
            "2001:db8::1",
            "2001:db8::/32",
            "1:2:3:4:5:6:7:8",
            "1:2:3:4:5:6:7::",
            "::2:3:4:5:6:7:8",
            "FFFF::00ab/128",
            "::/0",
        ] {
            assert_eq!(whole(text), text.parse().ok(), "{text}");
            assert!(whole(text).is_some(), "{text}");
        }
    }

    #[test]
    fn the_short_way_leaves_what_it_does_not_know() {
        for text in [
            "",
            "1.2.3",
            "1.2.3.4.5",
            "01.2.3.4",
            "256.1.1.1",
            "1.2.3.4/33",
            "1.2.3.4/",
            "1.2.3.4/08",
            ":",
            ":::",
            "1:::2",
            "1::2::3",
            "1:2:3:4::5:6:7:8",
            "1:2:3:4:5:6:7:8:9",
            "12345::",
            "1:2",
            "1:",
            ":1",
            "::1:",
            "::/129",
            "::ffff:1.2.3.4",
            "g::",
            "٣.2.3.4",
        ] {
            assert_eq!(whole(text), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn the_short_way_agrees_with_the_general_parser(text in "[0-9a-f:./]{0,20}") {
            if let Some(prefix) = whole(&text) {
                prop_assert_eq!(text.parse::<Prefix>(), Ok(prefix));
            }
        }

        #[test]
        fn every_address_goes_the_short_way(bits: u128, low: u32, len in 0u8..=128) {
            for addr in [
                IpAddr::V6(Ipv6Addr::from_bits(bits)),
                IpAddr::V6(Ipv6Addr::from_bits(bits & 0xffff_0000_ffff << 40)),
                IpAddr::V4(Ipv4Addr::from_bits(low)),
            ] {
                // An embedded IPv4 address is what the general parser is for.
                let shown = addr.to_string();
                prop_assert!(whole(&shown) == Some(Prefix::host(addr)) || shown.contains("::ffff:"));
                let shown = format!("{addr}/{len}");
                prop_assert_eq!(whole(&shown), shown.parse().ok().filter(|_| whole(&shown).is_some()));
            }
        }

        #[test]
        fn groups_and_gaps_mean_what_they_mean(
            before in prop::collection::vec(0u16.., 0..9),
            behind in prop::collection::vec(0u16.., 0..9),
        ) {
            let join = |groups: &[u16]| -> String {
                groups.iter().map(|g| format!("{g:x}")).collect::<Vec<_>>().join(":")
            };
            let text = format!("{}::{}", join(&before), join(&behind));
            prop_assert_eq!(whole(&text), text.parse().ok());
        }
    }
}
