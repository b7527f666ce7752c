//! What an entry says of itself, in one word: which prefix it is, how it came there, and when.

use palisade_asm::btf::Layout;

/// How an entry came into its set.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Origin {
    /// Somebody added it; it stays when the policy is replaced.
    Added,
    /// The policy names it, as an element or in a file; it goes when the policy no longer does.
    Declared,
    /// A program put it in, because of a packet; else it is as one that somebody added.
    Banned,
}

/// The word of an entry: the length of its prefix, so that whoever looks an address up learns which
/// prefix covers it (0 in other sets), its origin, and when it was added.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stamp {
    /// The length of the prefix; bits 56 to 63.
    pub len: u8,
    /// How it came there; bit 55 is set where it is declared, bit 54 where a program put it in.
    pub origin: Origin,
    /// When, in seconds of the system's clock; where a program put it in, of `CLOCK_MONOTONIC`. Bits
    /// 0 to 53.
    pub added: u64,
}

const DECLARED: u64 = 1 << 55;
/// Bit 54: a program put the entry in.
pub const BANNED: u64 = 1 << 54;

impl Stamp {
    /// What the word is to whoever reads a map.
    pub(super) fn layout() -> Layout {
        Layout::word("stamp", [("added", 54), ("banned", 1), ("declared", 1), ("prefixlen", 8)])
    }
}

impl Stamp {
    /// As the map holds it; a time beyond its bits is cut off.
    pub const fn word(self) -> u64 {
        let origin = match self.origin {
            Origin::Added => 0,
            Origin::Declared => DECLARED,
            Origin::Banned => BANNED,
        };
        u64::from_le_bytes([0, 0, 0, 0, 0, 0, 0, self.len]) | origin | self.added & (BANNED - 1)
    }

    /// From what the map holds.
    pub const fn of(word: u64) -> Self {
        let [.., len] = word.to_le_bytes();
        let origin = match (word & DECLARED, word & BANNED) {
            (0, 0) => Origin::Added,
            (0, _) => Origin::Banned,
            (_, _) => Origin::Declared,
        };
        Self { len, origin, added: word & (BANNED - 1) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stamp_keeps_what_it_is_given() {
        for origin in [Origin::Added, Origin::Declared, Origin::Banned] {
            for (len, added) in [(0, 0), (128, 1_790_000_000), (32, BANNED - 1)] {
                let stamp = Stamp { len, origin, added };
                assert_eq!(Stamp::of(stamp.word()), stamp);
            }
        }
    }

    #[test]
    fn a_time_beyond_its_bits_changes_nothing_else() {
        let stamp = Stamp { len: 24, origin: Origin::Added, added: u64::MAX };
        let held = Stamp::of(stamp.word());
        assert_eq!((held.len, held.origin), (24, Origin::Added));
    }
}
