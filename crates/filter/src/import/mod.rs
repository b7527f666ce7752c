//! Lists made elsewhere, read into items of sets: plain lists, JSON, `ipset save`, `nft -j`.
//!
//! A file is read whole or not at all: one mistake anywhere gives no items, and every mistake is
//! reported with its place. What a file says that a set cannot hold (an exception, a port without a
//! protocol) is a mistake too, because leaving it out would make the
//! set mean something else; what can be left out without that becomes a [`Note`]. Text of any
//! content is answered with a result, in time and memory linear in its length.
//!
//! Items come in the order of the file, and one that the file names twice comes twice.

mod detect;
mod element;
mod gather;
mod ipset;
mod json;
mod lines;
mod list;
mod net;
mod nft;
mod own;
mod spamhaus;
mod talk;

use std::fmt;
use std::str::FromStr;

use crate::diag::{Diagnostic, Diagnostics};
use crate::value::{Item, Name, Timeout};
use detect::Dialect;
use gather::Mistakes;

/// How a file is written; the words are those of the command line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// Whatever the content looks like.
    Auto,
    /// One address, prefix, range or service a line.
    List,
    /// Our own listing, that of the blacklist tool of 2017, or a Spamhaus DROP file.
    Json,
    /// What `ipset save` prints.
    Ipset,
    /// What `nft -j list set` and `nft -j list ruleset` print.
    Nft,
}

impl Format {
    /// All of them.
    pub const EACH: [Self; 5] = [Self::Auto, Self::List, Self::Json, Self::Ipset, Self::Nft];

    /// The word on the command line.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Auto => "auto",
            Self::List => "list",
            Self::Json => "json",
            Self::Ipset => "ipset",
            Self::Nft => "nft",
        }
    }
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

/// A word that names no format.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is not one of auto, list, json, ipset, nft")]
pub struct UnknownFormat {
    /// The word.
    pub text: String,
}

impl FromStr for Format {
    type Err = UnknownFormat;

    fn from_str(text: &str) -> Result<Self, UnknownFormat> {
        Self::EACH
            .into_iter()
            .find(|f| f.word() == text)
            .ok_or_else(|| UnknownFormat { text: text.to_owned() })
    }
}

/// What an entry had counted where it comes from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// Packets.
    pub packets: u64,
    /// Bytes; 0 where only packets were counted.
    pub bytes: u64,
    /// Since when it is there, in seconds of the system's clock, where that is known.
    pub added: Option<u64>,
}

/// How long a file says that an entry stays.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Stay {
    /// It does not say.
    #[default]
    Unsaid,
    /// For good.
    Forever,
    /// So long from now on.
    For(Timeout),
    /// Until a second of the system's clock.
    Until(u64),
}

impl Stay {
    /// So many seconds from now on, 0 being for good; `None` for more than an entry can stay.
    fn seconds(seconds: u64) -> Option<Self> {
        match u32::try_from(seconds).ok()? {
            0 => Some(Self::Forever),
            seconds => Timeout::seconds(seconds).map(Self::For),
        }
    }
}

/// Items that belong together.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Group {
    /// The set that the file names. Only our own JSON does: names of other systems' sets are no
    /// names of ours.
    pub set: Option<Name>,
    /// The items. With `set` they are all of one kind; without, each kind can occur.
    pub items: Vec<Item>,
    /// One for each item, or none at all if the file counts nothing.
    pub counters: Vec<Counters>,
    /// One for each item, or none at all if the file tells nothing of their time.
    pub stays: Vec<Stay>,
}

/// What a file holds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Imported {
    /// One group for each set that our JSON names, even an empty one; a single group for the
    /// other formats, or none if they hold no item.
    pub groups: Vec<Group>,
    /// What the user has to be told.
    pub notes: Vec<Note>,
}

impl Imported {
    /// Whether there is no item at all.
    pub fn is_empty(&self) -> bool {
        self.groups.iter().all(|g| g.items.is_empty())
    }
}

/// Something that a file holds and that was read differently, or left out, without changing what
/// the items mean.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Note {
    /// Several sets of the file became one group.
    Merged {
        /// Their names in the file.
        sets: Vec<String>,
    },
    /// Comments on entries were left out.
    Comments {
        /// How many.
        count: usize,
    },
    /// Rules, chains, maps and the like were left out.
    NotSets {
        /// How many.
        count: usize,
    },
    /// Ports of a set that matches TCP and UDP became two items each.
    Ports {
        /// The name of the set.
        set: String,
        /// How many entries it has.
        count: usize,
    },
    /// Counters of an entry that became several items stand with the first of them.
    Counters {
        /// How many entries.
        count: usize,
    },
}

impl fmt::Display for Note {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Merged { sets } => {
                let names: Vec<_> =
                    sets.iter().map(|s| format!("`{}`", s.escape_debug())).collect();
                write!(f, "the sets {} were read as one", names.join(", "))
            }
            Self::Comments { count } => write!(f, "comments of entries left out: {count}"),
            Self::NotSets { count } => {
                write!(f, "only sets were read; rules, chains, maps and others left out: {count}")
            }
            Self::Ports { set, count } => write!(
                f,
                "entries of the port set `{}` read as both tcp and udp: {count}",
                set.escape_debug()
            ),
            Self::Counters { count } => write!(
                f,
                "entries that became several items, with their counts at the first: {count}"
            ),
        }
    }
}

/// The byte order mark that some editors put in front of UTF-8.
const BOM: &str = "\u{feff}";

/// Reads a file. Spans of the mistakes are bytes of `text`, a byte order mark included.
pub fn read(text: &[u8], format: Format) -> Result<Imported, Diagnostics> {
    let mut mistakes = Mistakes::default();
    let dialect = match readable(text) {
        Ok(text) => {
            let start = if text.starts_with(BOM) { BOM.len() } else { 0 };
            let dialect = Dialect::of(text.get(start..).unwrap_or(""), format);
            match parse(text, start, dialect, &mut mistakes) {
                Ok(imported) if mistakes.is_empty() => return Ok(imported),
                Ok(_) => {}
                Err(last) => mistakes.last(last),
            }
            Some(dialect)
        }
        Err(mistake) => {
            mistakes.last(mistake);
            None
        }
    };
    let told = dialect.filter(|_| matches!(format, Format::Auto | Format::Json));
    match mistakes.report(told) {
        Some(all) => Err(all),
        None => Ok(Imported::default()),
    }
}

fn parse(
    text: &str,
    start: usize,
    dialect: Dialect,
    mistakes: &mut Mistakes,
) -> gather::Step<Imported> {
    match dialect {
        Dialect::List => list::read(text, start, mistakes),
        Dialect::Own => own::read(text, start, mistakes),
        Dialect::Talk => talk::read(text, start, mistakes),
        Dialect::Spamhaus => spamhaus::read(text, start, mistakes),
        Dialect::Ipset => ipset::read(text, start, mistakes),
        Dialect::Nft => nft::read(text, start, mistakes),
    }
}

/// The bytes as text. Only the first byte that is none is reported: behind it, places could not
/// be counted in characters.
fn readable(bytes: &[u8]) -> Result<&str, Diagnostic> {
    let text = std::str::from_utf8(bytes).map_err(|e| {
        let at = e.valid_up_to();
        let wrong = e.error_len().map_or(bytes.len(), |n| at + n);
        let mistake = Diagnostic::new(at..wrong, "this is not text in UTF-8");
        match bytes {
            [0xff, 0xfe, ..] | [0xfe, 0xff, ..] => mistake.help("convert the file from UTF-16"),
            [0x1f, 0x8b, ..] => mistake.help("unpack the file with gunzip"),
            _ => mistake,
        }
    })?;
    match text.find('\0') {
        Some(at) => Err(Diagnostic::new(at..at + 1, "a NUL byte, which no text has")),
        None => Ok(text),
    }
}
