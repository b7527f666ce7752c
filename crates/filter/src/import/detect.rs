//! Which dialect a text is written in, told by its first word alone.
//!
//! The guess reads a few bytes and never fails: what fits nothing is a plain list, or our own
//! JSON, whose reader then says what is wrong.

use std::net::Ipv4Addr;

use super::Format;
use super::json::{Commas, Reader};
use super::lines::Lines;

/// A format as it is really written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Dialect {
    List,
    Own,
    Talk,
    Spamhaus,
    Ipset,
    Nft,
}

impl Dialect {
    /// The dialect of `text`, which has no byte order mark.
    pub(super) fn of(text: &str, format: Format) -> Self {
        match format {
            Format::List => Self::List,
            Format::Ipset => Self::Ipset,
            Format::Nft => Self::Nft,
            Format::Json if object(text) == Self::Nft => Self::Own,
            Format::Json => object(text),
            Format::Auto if text.trim_start().starts_with(['{', '[']) => object(text),
            Format::Auto => lines(text),
        }
    }

    /// What to call it in a message.
    pub(super) const fn title(self) -> &'static str {
        match self {
            Self::List => "a plain list",
            Self::Own => "JSON of `palisade list`",
            Self::Talk => "JSON of the blacklist tool's `--list`",
            Self::Spamhaus => "JSON of Spamhaus DROP",
            Self::Ipset => "output of `ipset save`",
            Self::Nft => "output of `nft -j list`",
        }
    }
}

/// The dialect of a JSON text, by the first key.
fn object(text: &str) -> Dialect {
    let mut reader = Reader::new(text, 0, Commas::Loose);
    match reader.first_key() {
        Ok(Some(key)) => match &*key {
            "nftables" => Dialect::Nft,
            "cidr" | "sblid" | "rir" | "type" => Dialect::Spamhaus,
            // The tool printed addresses and ports as keys.
            key if key.bytes().all(|b| b.is_ascii_digit()) => Dialect::Talk,
            key if key.parse::<Ipv4Addr>().is_ok() => Dialect::Talk,
            _ => Dialect::Own,
        },
        // An empty object is what the tool printed of an empty list.
        Ok(None) => Dialect::Talk,
        Err(_) => Dialect::Own,
    }
}

/// The dialect of a text that is no JSON, by the first line that says something.
fn lines(text: &str) -> Dialect {
    let first = Lines::new(text, 0)
        .map(|(line, _)| line.trim())
        .find(|line| !line.is_empty() && !line.starts_with(['#', ';']));
    match first.and_then(|line| line.split_whitespace().next()) {
        Some("create" | "add") => Dialect::Ipset,
        _ => Dialect::List,
    }
}
