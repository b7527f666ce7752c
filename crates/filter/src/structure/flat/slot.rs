//! A slot of a node: what holds for the addresses of one region.

use super::Id;
use super::entry::{aligned, halves};
use crate::value::{Family, Prefix};

/// What a slot says of its region.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Slot {
    /// The longest prefix that holds all of the region, or none; no longer one lies inside.
    Leaf(Word),
    /// One prefix alone lies inside the region and does not hold all of it; what else holds is the
    /// entry's cover.
    Lone(Lone),
    /// Two prefixes or more lie inside.
    Node(u32),
}

/// How an entry is named by slots and covers: its number, and whether it ends one day. 0 is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Word(u32);

/// A prefix alone in its region.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lone {
    /// The entry.
    pub word: Word,
    /// Whether a shorter prefix holds the region.
    pub covered: bool,
    /// The prefix behind the region.
    pub rest: Rest,
}

/// What a slot says of a prefix behind its region: so most addresses that it does not hold are told
/// without its entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rest {
    /// All of it: the first `len` of these bits, of which there are [`REST_BITS`].
    Whole {
        /// The bits behind the region.
        bits: u32,
        /// How many of them the prefix has.
        len: u8,
    },
    /// The first bits; the prefix, of an IPv6 address, has more of them, or such as lie behind the
    /// word that a look-up holds.
    Part {
        /// The bits behind the region.
        bits: u32,
        /// How many of the lowest bits of an address the prefix leaves open.
        open: u8,
    },
}

/// Bits of an entry's number.
const ID: u32 = (1 << 27) - 1;
/// Set where the entry ends one day: the program then looks when.
pub const TIMED: u32 = 1 << 27;
/// Set in a lone prefix.
pub const LONE: u32 = 1 << 28;
/// Set in a lone prefix where a shorter one holds the region.
pub const COVERED: u32 = 1 << 29;
/// Set in a lone prefix of which the entry has more.
pub const PART: u32 = 1 << 30;
/// Where it says how much of the prefix is compared: if it is there as a whole, the number of bits
/// from the end of what is compared to the lowest of the slot; else those that the prefix leaves open.
pub const REACH_SHIFT: u8 = 32;
/// The mask of what stands there.
const REACH: u8 = (1 << (REST_SHIFT - REACH_SHIFT)) - 1;
/// Where the bits behind the region begin, which end below the highest bit of the slot.
pub const REST_SHIFT: u8 = 39;
/// As many bits as there is room for. No IPv4 prefix has more behind a root.
pub const REST_BITS: u8 = 63 - REST_SHIFT;
/// Set in a node, whose number is the lower half.
const NODE: u64 = 1 << 63;
/// The mask of an entry's number, for the emitter.
pub const ID_MASK: u32 = ID;

impl Word {
    /// No entry.
    pub const NONE: Self = Self(0);

    /// An entry that ends one day, or does not.
    pub const fn new(id: Id, life: Life) -> Self {
        match life {
            Life::Timed => Self(id.0 & ID | TIMED),
            Life::Lasting => Self(id.0 & ID),
        }
    }

    /// The entry; `None` if there is none.
    pub const fn id(self) -> Option<Id> {
        match self.0 & ID {
            0 => None,
            id => Some(Id(id)),
        }
    }

    /// As maps hold it.
    pub const fn bits(self) -> u32 {
        self.0
    }

    /// From what a map holds.
    pub const fn of(bits: u32) -> Self {
        Self(bits & (ID | TIMED))
    }
}

/// Whether an entry ends one day.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Life {
    /// It does.
    Timed,
    /// It does not.
    Lasting,
}

impl Rest {
    /// What the slot of a region that ends at that bit keeps of a prefix inside; of an IPv6 address, a
    /// look-up holds the bits up to `first_word` at first, and all others then.
    pub(super) fn of(prefix: &Prefix, end: u8, first_word: u8) -> Self {
        let held = match prefix.family() {
            Family::V6 if end < first_word => (first_word - end).min(64),
            Family::V4 | Family::V6 => 64,
        };
        let [behind, _] = halves(aligned(prefix).checked_shl(end.into()).unwrap_or(0));
        let beyond = u64::MAX.checked_shr(held.into()).unwrap_or(0);
        let bits = ((behind & !beyond) >> (64 - REST_BITS)) as u32;
        match prefix.len().saturating_sub(end) {
            len if len <= held.min(REST_BITS) => Self::Whole { bits, len },
            _ => Self::Part { bits, open: prefix.family().bits() - prefix.len() },
        }
    }

    fn word(self) -> u64 {
        let (bits, flag, reach) = match self {
            Self::Whole { bits, len } => (bits, 0, 63u8.saturating_sub(len)),
            Self::Part { bits, open } => (bits, PART, open & REACH),
        };
        u64::from(bits) << REST_SHIFT | u64::from(reach) << REACH_SHIFT | u64::from(flag)
    }

    fn of_word(word: u64) -> Self {
        let bits = (word >> REST_SHIFT) as u32 & ((1 << REST_BITS) - 1);
        let reach = (word >> REACH_SHIFT) as u8 & REACH;
        match word & u64::from(PART) {
            0 => Self::Whole { bits, len: 63 - (reach & 63) },
            _ => Self::Part { bits, open: reach },
        }
    }
}

impl Slot {
    /// A region that nothing holds.
    pub const EMPTY: Self = Self::Leaf(Word::NONE);

    /// As maps hold it.
    pub fn bits(self) -> u64 {
        match self {
            Self::Leaf(word) => word.0.into(),
            Self::Lone(Lone { word, covered, rest }) => {
                let flags = word.0 | LONE | if covered { COVERED } else { 0 };
                u64::from(flags) | rest.word()
            }
            Self::Node(node) => u64::from(node) | NODE,
        }
    }

    /// From what a map holds.
    pub fn of(bits: u64) -> Self {
        let [a, b, c, d, ..] = bits.to_le_bytes();
        let low = u32::from_le_bytes([a, b, c, d]);
        if bits & NODE != 0 {
            return Self::Node(low);
        }
        if low & LONE == 0 {
            return Self::Leaf(Word::of(low));
        }
        let rest = Rest::of_word(bits);
        Self::Lone(Lone { word: Word::of(low), covered: low & COVERED != 0, rest })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slot_keeps_what_it_is_given() {
        let word = Word::new(Id(ID), Life::Timed);
        let lone = |covered, rest| Slot::Lone(Lone { word, covered, rest });
        let (all, none) = ((1 << REST_BITS) - 1, 0);
        for slot in [
            Slot::EMPTY,
            Slot::Leaf(word),
            Slot::Leaf(Word::new(Id(1), Life::Lasting)),
            lone(true, Rest::Whole { bits: all, len: REST_BITS }),
            lone(false, Rest::Whole { bits: none, len: 0 }),
            lone(true, Rest::Part { bits: none, open: 127 }),
            lone(false, Rest::Part { bits: all, open: 0 }),
            Slot::Node(u32::MAX),
            Slot::Node(0),
        ] {
            assert_eq!(Slot::of(slot.bits()), slot);
        }
        assert_eq!(Word::NONE.id(), None);
        assert_eq!(word.id(), Some(Id(ID)));
    }
}
