//! The words of a set's head behind its fill: what program and editor have to know of its tables.

use super::{Cells, Counting, Id, Part, Room};
use crate::value::Family;

/// Words of the head; the first ones are the [`Fill`](crate::structure::Fill).
pub const HEAD_WORDS: usize = 32;

/// A word of the head that a set is made with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Setting {
    /// The most entries that the set takes, by its declaration.
    Max = 9,
    /// The bits of an IPv4 address below those that number its node of the root, which is the first.
    Shift4 = 10,
    /// The number of buckets less one.
    BucketMask = 11,
    /// What the hash of IPv6 addresses is keyed with.
    Seed = 12,
    /// Elements of a copy of the counters: those of one CPU stand together, by entry.
    CopyStride = 13,
    /// The number of copies of the counters less one.
    CopyMask = 14,
    /// Not 0 where CPUs share a copy.
    Shared = 15,
    /// The bits of the upper half of an IPv6 address below those that number its node of the root.
    Shift6 = 26,
    /// The first node of that root.
    Root6 = 27,
}

impl Setting {
    /// Where it stands, in bytes.
    pub const fn offset(self) -> i16 {
        self as i16 * 8
    }
}

/// Which edit is under way: a kind in bits 32 on, the entry below; 0 for none.
pub(super) const JOURNAL: usize = 16;
/// Not 0 once an entry that ends has been put in.
pub(super) const ENDING: usize = 17;
/// The first word of the free nodes.
pub(super) const NODE_POOL: usize = 18;
/// The first word of the free entries.
pub(super) const ENTRY_POOL: usize = 22;

/// The settings of a set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Head {
    /// The most entries that the set takes.
    pub max: u32,
    /// Buckets less one.
    pub bucket_mask: u64,
    /// The key of the hash.
    pub seed: u64,
    copies: usize,
    stride: usize,
}

impl Head {
    /// The head of a new set, which has no entries; `seed` is any number that others do not know.
    pub fn first(room: Room, max: u32, seed: u64) -> [u64; HEAD_WORDS] {
        let mut words = [0; HEAD_WORDS];
        words[Setting::Max as usize] = max.into();
        words[Setting::Seed as usize] = seed;
        for (at, word) in Self::settings(room, room.counting) {
            words[at] = word;
        }
        words
    }

    /// The settings that follow from the room, each with its word.
    pub(super) fn settings(room: Room, counting: Counting) -> [(usize, u64); 7] {
        let copies = room.copies().max(1);
        [
            (Setting::Shift4, (36 - room.roots.bits(Family::V4)).into()),
            (Setting::Shift6, (68 - room.roots.bits(Family::V6)).into()),
            (Setting::Root6, room.roots.first(Family::V6).into()),
            (Setting::BucketMask, u64::from(room.buckets6) - 1),
            (Setting::CopyStride, u64::from(room.entries) + 1),
            (Setting::CopyMask, u64::from(copies) - 1),
            (Setting::Shared, matches!(counting, Counting::Shared(_)).into()),
        ]
        .map(|(setting, word)| (setting as usize, word))
    }

    /// The settings of a set with that much room; of those that follow from it, nothing is read.
    pub(super) fn read(cells: &impl Cells, room: Room) -> Self {
        let get = |setting: Setting| cells.load(Part::Head, setting as usize);
        Self {
            max: u32::try_from(get(Setting::Max)).unwrap_or(u32::MAX),
            bucket_mask: u64::from(room.buckets6) - 1,
            seed: get(Setting::Seed),
            copies: room.copies() as usize,
            stride: room.entries as usize + 1,
        }
    }

    /// Where the counters of an entry stand, in elements; nowhere if hits are not counted.
    pub(super) fn counters(&self, id: Id) -> impl Iterator<Item = usize> + use<> {
        let stride = self.stride;
        (0..self.copies).map(move |copy| copy * stride + id.index())
    }

    /// How hits are counted, where they are.
    pub fn counting(cells: &impl Cells, room: Room) -> Counting {
        // What is neither is damage, and own copies are what most sets have.
        match (room.counting, cells.load(Part::Head, Setting::Shared as usize)) {
            (Counting::Own(copies) | Counting::Shared(copies), 1) => Counting::Shared(copies),
            (Counting::Own(copies) | Counting::Shared(copies), _) => Counting::Own(copies),
            (Counting::Off, _) => Counting::Off,
        }
    }
}
