//! How full a set is, in a map of its own beside those of its entries.
//!
//! The counts are upper bounds at every instant: an editor raises them before an entry goes in and
//! lowers them after one is out, for the program skips the look-up of what is empty. The editor of
//! a set may be allowed to open its maps and nothing else, so the time that a new entry stays is
//! kept here too.

use palisade_asm::btf::{Layout, MapLayout};
use palisade_asm::{MapDecl, MapFlags, MapKind};

use super::flat::{self, Cells, Head, Part};
use crate::policy::Set;
use crate::value::{SetKind, Timeout};

/// Bytes of the value of a fill map.
pub const FILL_SIZE: u32 = flat::HEAD_WORDS as u32 * 8;
/// Words of the value that are the [`Fill`]; those behind are the head of a `net` set.
pub const FILL_WORDS: usize = 9;

/// The first words of the value of a fill map, each a `u64` of the machine. A `net` set counts each of its parts in the
/// order of [`NetPart::index`](super::NetPart::index); a `mac` set has the first count alone; a
/// `service` set, whose items are all read for every edit, has none, and those of a `host` set are of
/// what was edited, for programs put entries in too.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Fill {
    /// How many entries there are, those past their time among them; words 0 to 3.
    pub entries: [u64; 4],
    /// How many of them end one day; words 4 to 7.
    pub timed: [u64; 4],
    /// How long an entry stays that is added without a time of its own; word 8, in seconds, 0 for
    /// ever.
    pub timeout: Option<Timeout>,
}

impl Fill {
    /// Of a set that others than us put entries into: that none of its parts is empty is an upper
    /// bound whatever they do.
    const ANYTHING: Self = Self { entries: [u32::MAX as u64; 4], timed: [0; 4], timeout: None };

    /// The whole value of the map for a set that others than us put entries into; it has the room
    /// that it is compiled with.
    pub fn anything(set: &Set) -> [u64; flat::HEAD_WORDS] {
        let mut words = match set.kind {
            SetKind::Net => Head::first(super::first_room(set).shared(), set.max, 0),
            SetKind::Service | SetKind::Mac | SetKind::Host => [0; flat::HEAD_WORDS],
        };
        words[..FILL_WORDS].copy_from_slice(&Self::ANYTHING.words());
        words
    }

    /// As the map holds it.
    pub fn words(self) -> [u64; FILL_WORDS] {
        let [a, b, c, d] = self.entries;
        let [e, f, g, h] = self.timed;
        [a, b, c, d, e, f, g, h, self.timeout.map_or(0, |timeout| timeout.as_secs().into())]
    }

    /// Writes it into the head of a `net` set.
    pub fn store(self, cells: &impl Cells) {
        for (at, word) in self.words().into_iter().enumerate() {
            cells.store(Part::Head, at, word);
        }
    }

    /// From what the map holds; a time that no set can have is none.
    pub fn of([a, b, c, d, e, f, g, h, seconds]: [u64; FILL_WORDS]) -> Self {
        let timeout = u32::try_from(seconds).ok().and_then(Timeout::seconds);
        Self { entries: [a, b, c, d], timed: [e, f, g, h], timeout }
    }
}

/// The map of a set's [`Fill`]: one value.
pub fn fill_map(set: &str) -> MapDecl {
    MapDecl {
        name: format!("{set}:fill"),
        kind: MapKind::Array,
        key_size: 4,
        value_size: FILL_SIZE,
        max_entries: 1,
        flags: MapFlags::MMAPABLE,
    }
}

/// What that map holds.
pub fn fill_layout() -> MapLayout {
    let counts = || {
        let parts = ["host4", "host6", "net4", "net6"].map(|part| (part, Layout::U64));
        Layout::fields("parts", parts)
    };
    let head = Layout::words((flat::HEAD_WORDS - FILL_WORDS) as u32);
    MapLayout::array(Layout::fields(
        "fill",
        [
            ("entries", counts()),
            ("timed", counts()),
            ("timeout_seconds", Layout::U64),
            ("head", head),
        ],
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fill_keeps_what_it_is_given() {
        let timeout = Timeout::seconds(3600);
        for timeout in [None, timeout] {
            let fill = Fill { entries: [1, 2, 3, 4], timed: [5, 6, 7, 8], timeout };
            assert_eq!(Fill::of(fill.words()), fill);
        }
        assert_eq!(Fill::of([0, 0, 0, 0, 0, 0, 0, 0, u64::MAX]), Fill::default());
        const { assert!(FILL_WORDS < flat::HEAD_WORDS) };
    }
}
