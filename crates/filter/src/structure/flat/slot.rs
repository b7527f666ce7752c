//! A slot of a node: what holds for the addresses of one region.

use super::Id;

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
    /// How many of the lowest bits of an IPv4 address the prefix leaves open; 0 for IPv6.
    pub open: u8,
    /// The lowest bits of the prefix's address, [`SUFFIX_BITS`] of them; 0 for IPv6.
    pub suffix: u32,
}

/// Bits of an entry's number.
const ID: u32 = (1 << 27) - 1;
/// Set where the entry ends one day: the program then looks when.
pub const TIMED: u32 = 1 << 27;
/// Set in a lone prefix.
pub const LONE: u32 = 1 << 28;
/// Set in a lone prefix where a shorter one holds the region.
pub const COVERED: u32 = 1 << 29;
/// Where the number of open bits begins.
pub const OPEN_SHIFT: u8 = 32;
/// Where the suffix begins.
pub const SUFFIX_SHIFT: u8 = 40;
/// The bits of an IPv4 address that a suffix has: all that no root decides.
pub const SUFFIX_BITS: u8 = 20;
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

impl Slot {
    /// A region that nothing holds.
    pub const EMPTY: Self = Self::Leaf(Word::NONE);

    /// As maps hold it.
    pub fn bits(self) -> u64 {
        match self {
            Self::Leaf(word) => word.0.into(),
            Self::Lone(Lone { word, covered, open, suffix }) => {
                let flags = word.0 | LONE | if covered { COVERED } else { 0 };
                u64::from(flags) | u64::from(open) << OPEN_SHIFT | u64::from(suffix) << SUFFIX_SHIFT
            }
            Self::Node(node) => u64::from(node) | NODE,
        }
    }

    /// From what a map holds.
    pub fn of(bits: u64) -> Self {
        let [a, b, c, d, open, e, f, g] = bits.to_le_bytes();
        let low = u32::from_le_bytes([a, b, c, d]);
        if bits & NODE != 0 {
            return Self::Node(low);
        }
        if low & LONE == 0 {
            return Self::Leaf(Word::of(low));
        }
        let suffix = u32::from_le_bytes([e, f, g, 0]);
        Self::Lone(Lone { word: Word::of(low), covered: low & COVERED != 0, open, suffix })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slot_keeps_what_it_is_given() {
        let word = Word::new(Id(ID), Life::Timed);
        let lone = |covered, open, suffix| Slot::Lone(Lone { word, covered, open, suffix });
        for slot in [
            Slot::EMPTY,
            Slot::Leaf(word),
            Slot::Leaf(Word::new(Id(1), Life::Lasting)),
            lone(true, 31, (1 << SUFFIX_BITS) - 1),
            lone(false, 0, 0),
            Slot::Node(u32::MAX),
            Slot::Node(0),
        ] {
            assert_eq!(Slot::of(slot.bits()), slot);
        }
        assert_eq!(Word::NONE.id(), None);
        assert_eq!(word.id(), Some(Id(ID)));
    }
}
