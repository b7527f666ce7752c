//! The words of an entry, and of its counters.
//!
//! | word | holds |
//! |---|---|
//! | 0, 1 | its address: of IPv6 the upper and the lower half, of IPv4 the number and 0 |
//! | 2 | until when it matches, a time of `CLOCK_MONOTONIC` in nanoseconds; 0 for ever |
//! | 3 | when it ends itself; of an entry that is free, the one that is free next |
//! | 4 | its [`Stamp`](crate::structure::Stamp) |
//! | 5 | the entry around it, a [`Word`], in bits 0 to 31; its open bits, which people are shown, in 32 to 39; its family in 40 to 47, 0 where it is free |
//!
//! The address comes first, so that it is in one line of memory.
//!
//! The counters are packets, then bytes; those of one CPU stand together, by entry, so that a CPU
//! keeps what it counts in as little of its cache as can be.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::slot::{Life, Word};
use super::{Cells, Head, Id, Part};
use crate::structure::Stamp;
use crate::value::Prefix;

/// Words of an entry.
pub const ENTRY_WORDS: usize = 6;
/// Where the entry says until when it matches, in bytes.
pub const UNTIL: i16 = 16;
/// Where the upper half of an IPv6 address stands, in bytes.
pub const ADDRESS_UPPER: i16 = 0;
/// Where the lower half stands, in bytes.
pub const ADDRESS_LOWER: i16 = 8;
/// Where cover and open bits stand, in bytes.
pub const COVER: i16 = 40;
/// Words of the counters of one CPU.
const HITS_WORDS: usize = 2;

/// The bits of the family.
const FAMILY: u64 = 0xff << 40;
const FAMILY4: u64 = 4;
const FAMILY6: u64 = 6;

/// An entry in its place.
#[derive(Clone, Copy)]
pub(super) struct Entry<'a, C> {
    cells: &'a C,
    pub id: Id,
}

impl<'a, C: Cells> Entry<'a, C> {
    pub fn new(cells: &'a C, id: Id) -> Self {
        Self { cells, id }
    }

    fn load(&self, word: usize) -> u64 {
        self.cells.load(Part::Entries, self.id.index() * ENTRY_WORDS + word)
    }

    fn store(&self, word: usize, value: u64) {
        self.cells.store(Part::Entries, self.id.index() * ENTRY_WORDS + word, value);
    }

    pub fn until(&self) -> u64 {
        self.load(2)
    }

    pub fn set_until(&self, until: u64) {
        if self.until() != until {
            self.store(2, until);
        }
    }

    pub fn ends(&self) -> u64 {
        self.load(3)
    }

    pub fn set_ends(&self, ends: u64) {
        self.store(3, ends);
    }

    pub fn stamp(&self) -> u64 {
        self.load(4)
    }

    pub fn set_stamp(&self, stamp: u64) {
        self.store(4, stamp);
    }

    pub fn cover(&self) -> Word {
        let [a, b, c, d, ..] = self.load(5).to_le_bytes();
        Word::of(u32::from_le_bytes([a, b, c, d]))
    }

    pub fn set_cover(&self, cover: Word) {
        if self.cover() != cover {
            self.store(5, self.load(5) >> 32 << 32 | u64::from(cover.bits()));
        }
    }

    /// How slots name it.
    pub fn word(&self) -> Word {
        let life = if self.until() == 0 { Life::Lasting } else { Life::Timed };
        Word::new(self.id, life)
    }

    /// The prefix; `None` if the entry is free or what is there is none.
    pub fn prefix(&self) -> Option<Prefix> {
        let [_, _, _, _, _, family, ..] = self.load(5).to_le_bytes();
        let addr = match u64::from(family) {
            FAMILY4 => IpAddr::V4(Ipv4Addr::from_bits(u32::try_from(self.load(0)).ok()?)),
            FAMILY6 => {
                let bits = u128::from(self.load(0)) << 64 | u128::from(self.load(1));
                IpAddr::V6(Ipv6Addr::from_bits(bits))
            }
            _ => return None,
        };
        Prefix::new(addr, Stamp::of(self.stamp()).len)
    }

    /// Makes it the entry of a prefix, which it is from the last store on.
    pub fn make(&self, prefix: &Prefix, stamp: u64, ends: u64, cover: Word) {
        let open = u64::from(prefix.family().bits() - prefix.len());
        let (family, upper, lower) = match prefix.addr() {
            IpAddr::V4(addr) => (FAMILY4, addr.to_bits().into(), 0),
            IpAddr::V6(addr) => {
                let [upper, lower] = halves(addr.to_bits());
                (FAMILY6, upper, lower)
            }
        };
        let last = u64::from(cover.bits()) | open << 32 | family << 40;
        for (word, value) in [upper, lower, ends, ends, stamp, last].into_iter().enumerate() {
            self.store(word, value);
        }
    }

    /// Makes it free. A program that has its number already still finds what it asks for.
    pub fn clear(&self) {
        self.store(5, self.load(5) & !FAMILY);
    }

    /// Packets and bytes of all CPUs.
    pub fn hits(&self, head: &Head) -> [u64; 2] {
        let mut sum = [0u64; 2];
        for at in self.hit_words(head) {
            for (sum, word) in sum.iter_mut().zip(at..) {
                *sum = sum.wrapping_add(self.cells.load(Part::Hits, word));
            }
        }
        sum
    }

    /// Sets the counters, of which those of one CPU get everything.
    pub fn set_hits(&self, head: &Head, mut hits: [u64; 2]) {
        for at in self.hit_words(head) {
            for (value, word) in std::mem::take(&mut hits).into_iter().zip(at..) {
                self.cells.store(Part::Hits, word, value);
            }
        }
    }

    fn hit_words(&self, head: &Head) -> impl Iterator<Item = usize> + use<C> {
        head.counters(self.id).map(|element| element * HITS_WORDS)
    }
}

/// The upper and the lower half of an IPv6 address.
pub(super) fn halves(bits: u128) -> [u64; 2] {
    let [a, b, c, d, e, f, g, h, rest @ ..] = bits.to_be_bytes();
    [u64::from_be_bytes([a, b, c, d, e, f, g, h]), u64::from_be_bytes(rest)]
}

/// The bits of a prefix's address, from the highest of 128 on.
pub(super) fn aligned(prefix: &Prefix) -> u128 {
    match prefix.addr() {
        IpAddr::V4(addr) => u128::from(addr.to_bits()) << 96,
        IpAddr::V6(addr) => addr.to_bits(),
    }
}
