//! How a `net` set is held: tables in arrays that programs reach without a call, and that are edited
//! in place while packets are judged.
//!
//! An entry is named by its number, from 1 on. Three tables lead to it:
//!
//! - IPv4, single addresses and prefixes, is a trie. Its root has a slot for each value of the upper
//!   12, 16, 20 or 22 bits, by how many there are; a node has sixteen, one for each value of the four
//!   bits that follow. Behind 22 bits the last node decides two: its slots say the same by fours. A
//!   slot says what holds for its region ([`Slot`]): the longest prefix around all of it, a single
//!   prefix inside, or the node with the rest. So a look-up ends at the first slot that is no node.
//! - IPv6 prefixes are such a trie, with a root of 12, 16 or 20 bits.
//! - Single IPv6 addresses are in a hash table of buckets of eight; an address may be in either of
//!   two, and its hash is keyed by a number that each set draws anew.
//!
//! What is in the set is said by the entries alone; the tables follow from them. Each entry names the
//! next shorter prefix around it, its cover, so that whoever has the longest prefix of an address
//! knows all. At every instant an address is judged as before or as behind an edit: tables change by
//! single stores, and an entry or a node is used anew only when no program can be at it any more. An
//! edit that was cut short is finished by the next one: the head says which it was. Where it was about all
//! entries, of a set that was or is to be empty, there are none then.
//!
//! Hits are counted apart from the entries, for each CPU by itself or, where that would be too much
//! memory, in a few copies with atomic additions.

mod cells;
mod editor;
mod entry;
mod head;
mod hosts6;
mod pool;
mod room;
mod roots;
pub mod slot;
mod trie;

pub use cells::{Cells, Owned};
pub use editor::{Flat, Found, Hits, Value};
pub use entry::{ADDRESS_LOWER, ADDRESS_UPPER, COVER, ENTRY_WORDS, UNTIL};
pub use head::{HEAD_WORDS, Head, Setting};
pub use hosts6::{BUCKET_CELLS, FACTORS, FOLDS};
pub use room::{Counting, Need, Room};
pub use roots::Roots;
pub use slot::Slot;

use palisade_asm::btf::{Layout, MapLayout};
use palisade_asm::{MapDecl, MapFlags, MapKind};

use super::{Stamp, fill_layout, hits_layout};

/// The number of an entry; 0 is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Id(u32);

impl Id {
    fn index(self) -> usize {
        self.0 as usize
    }

    /// The entry of a number.
    pub const fn of(number: u32) -> Self {
        Self(number)
    }

    /// The number.
    pub const fn number(self) -> u32 {
        self.0
    }
}

/// Slots of a node.
pub const SLOTS: usize = 16;

/// Why a set cannot take what it is given.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoRoom {
    /// Its maps hold no more entries.
    #[error("its maps have room for {0} entries")]
    Entries(u32),
    /// Its maps hold no more nodes.
    #[error("its maps have room for {0} nodes of prefixes")]
    Nodes(u32),
    /// Both buckets of an address are full.
    #[error("its table of IPv6 addresses is too full")]
    Hosts6,
}

/// One of the maps of a `net` set.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Part {
    /// The entries, by number; the map bears the set's name.
    Entries,
    /// The nodes: the root of IPv4, that of IPv6, then all others.
    Nodes,
    /// The buckets of single IPv6 addresses.
    Hosts6,
    /// By node that is in no root, which one is free behind it; programs do not look at it.
    Links,
    /// The fill, and what program and editor have to know of the other parts.
    Head,
    /// The counters, by entry and CPU; not there where hits are not counted.
    Hits,
}

impl Part {
    /// Every part, in the order of the set's maps.
    pub const ALL: [Self; 6] =
        [Self::Entries, Self::Nodes, Self::Hosts6, Self::Links, Self::Head, Self::Hits];

    /// Its place among the set's maps.
    pub const fn index(self) -> usize {
        self as usize
    }

    /// The name of its map.
    pub fn map_name(self, set: &str) -> String {
        match self {
            Self::Entries => set.to_owned(),
            Self::Nodes => format!("{set}:nodes"),
            Self::Hosts6 => format!("{set}:hosts6"),
            Self::Links => format!("{set}:links"),
            Self::Head => format!("{set}:fill"),
            Self::Hits => format!("{set}:hits"),
        }
    }

    /// Words of an element of its map.
    pub const fn element_words(self) -> usize {
        match self {
            Self::Entries => ENTRY_WORDS,
            Self::Nodes => SLOTS,
            Self::Hosts6 => BUCKET_CELLS,
            Self::Links => 1,
            Self::Head => HEAD_WORDS,
            Self::Hits => 2,
        }
    }

    /// Its map in a set with that much room.
    pub fn map(self, set: &str, room: Room) -> MapDecl {
        MapDecl {
            name: self.map_name(set),
            kind: MapKind::Array,
            key_size: 4,
            value_size: (self.element_words() * 8) as u32,
            max_entries: room.elements(self),
            flags: MapFlags::MMAPABLE,
        }
    }

    /// What its map holds.
    pub fn layout(self) -> MapLayout {
        MapLayout::array(match self {
            Self::Entries => entry_layout(),
            Self::Nodes => Layout::fields("node", [("slots", Layout::words(SLOTS as u32))]),
            Self::Hosts6 => {
                Layout::fields("bucket", [("cells", Layout::words(BUCKET_CELLS as u32))])
            }
            Self::Links => Layout::U64,
            Self::Head => fill_layout().value,
            Self::Hits => hits_layout(),
        })
    }
}

/// What an entry is.
fn entry_layout() -> Layout {
    let number = |name| (name, Layout::U64);
    let place = Layout::word("place", [("cover", 32), ("open", 8), ("family", 8)]);
    Layout::fields(
        "entry",
        [
            ("address", Layout::words(2)),
            number("until"),
            number("ends"),
            ("stamp", Stamp::layout()),
            ("place", place),
        ],
    )
}
