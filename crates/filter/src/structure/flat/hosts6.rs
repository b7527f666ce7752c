//! Single IPv6 addresses: a hash table of buckets.
//!
//! A cell is a tag in its lower half and, above it, the number of an entry. The tag is 31 bits of the
//! hash that choose no first bucket, and the lowest bit set, so that no tag is that of an empty cell.
//! A bucket has each tag at most once, so that whoever finds a tag has one entry to compare. Cells
//! keep their place for as long as they are used: a program that reads a bucket misses none that is
//! there throughout.

use super::entry::halves;
use super::{Cells, Head, Id, Part};

/// Cells of a bucket.
pub const BUCKET_CELLS: usize = 8;
/// What is multiplied by, odd numbers without a pattern: the upper half of an address, that with the
/// lower half, and the whole once more, without which addresses that differ in few bits would meet in
/// few buckets.
pub const FACTORS: [u64; 3] = [0x9e37_79b9_7f4a_7c15, 0xd6e8_feb8_6659_fd93, 0xa076_1d64_78bd_642f];
/// By how many bits each product is folded; the last not by the bits of a tag, or a second bucket would
/// follow from the lowest bits alone.
pub const FOLDS: [u32; 3] = [32, 29, 29];

/// Where an address is looked for.
#[derive(Clone, Copy)]
struct Place {
    tag: u32,
    buckets: [usize; 2],
}

impl Place {
    fn of(head: &Head, bits: u128) -> Self {
        let [upper, lower] = halves(bits);
        let fold = |word: u64, at: usize| {
            let product = word.wrapping_mul(FACTORS[at]);
            product ^ product >> FOLDS[at]
        };
        let hash = fold(fold(fold(upper ^ head.seed, 0) ^ lower, 1), 2);
        let [a, b, c, d, e, f, g, h] = hash.to_le_bytes();
        let tag = u32::from_le_bytes([a, b, c, d]) | 1;
        let choice = u32::from_le_bytes([e, f, g, h]);
        let bucket = |number: u32| (u64::from(number) & head.bucket_mask) as usize;
        Self { tag, buckets: [bucket(choice), bucket(choice ^ tag)] }
    }

    fn cells(bucket: usize) -> std::ops::Range<usize> {
        bucket * BUCKET_CELLS..(bucket + 1) * BUCKET_CELLS
    }

    fn tag_of(cell: u64) -> u32 {
        let [a, b, c, d, ..] = cell.to_le_bytes();
        u32::from_le_bytes([a, b, c, d])
    }

    fn id_of(cell: u64) -> Option<Id> {
        let [.., a, b, c, d] = cell.to_le_bytes();
        match u32::from_le_bytes([a, b, c, d]) {
            0 => None,
            id => Some(Id(id)),
        }
    }
}

/// The entry of an address, whose own address `is` confirms.
pub(super) fn find(
    cells: &impl Cells,
    head: &Head,
    bits: u128,
    is: impl Fn(Id) -> bool,
) -> Option<Id> {
    let place = Place::of(head, bits);
    place.buckets.into_iter().flat_map(Place::cells).find_map(|at| {
        let cell = cells.load(Part::Hosts6, at);
        Place::id_of(cell).filter(|id| Place::tag_of(cell) == place.tag && is(*id))
    })
}

/// Puts an entry in, in the emptier of its buckets; `None` if neither takes it.
pub(super) fn insert(cells: &impl Cells, head: &Head, bits: u128, id: Id) -> Option<()> {
    let place = Place::of(head, bits);
    let mut best: Option<(usize, usize)> = None;
    for bucket in place.buckets {
        let all = || Place::cells(bucket).map(|at| (at, cells.load(Part::Hosts6, at)));
        if all().any(|(_, cell)| Place::id_of(cell) == Some(id)) {
            return Some(());
        }
        let same = |cell: u64| Place::id_of(cell).is_some() && Place::tag_of(cell) == place.tag;
        if all().any(|(_, cell)| same(cell)) {
            continue;
        }
        let mut free = all().filter(|(_, cell)| *cell == 0).map(|(at, _)| at);
        if let Some(first) = free.next() {
            let count = 1 + free.count();
            if best.is_none_or(|(_, most)| count > most) {
                best = Some((first, count));
            }
        }
    }
    let (at, _) = best?;
    cells.store(Part::Hosts6, at, u64::from(id.0) << 32 | u64::from(place.tag));
    Some(())
}

/// Takes an entry out.
pub(super) fn remove(cells: &impl Cells, head: &Head, bits: u128, id: Id) {
    for at in Place::of(head, bits).buckets.into_iter().flat_map(Place::cells) {
        if Place::id_of(cells.load(Part::Hosts6, at)) == Some(id) {
            cells.store(Part::Hosts6, at, 0);
        }
    }
}
