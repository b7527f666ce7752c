//! How much room the maps of a `net` set have, and how much certain entries need.

use std::ops::Range;

use super::entry::aligned;
use super::trie::STRIDE;
use super::{Part, Roots};
use crate::policy::EntryCounters;
use crate::value::{Family, Prefix};

/// Depths of regions with more than one prefix inside: fewer than an address has bits.
const DEPTHS: usize = 128;
/// Entries of a set that begins empty.
const FIRST_ENTRIES: u32 = 1024;
/// Nodes of a set that begins empty.
const FIRST_NODES: u32 = 512;
/// Buckets of a set that begins empty.
const FIRST_BUCKETS: u32 = 256;
/// A set of that size has room for as much again.
const MOST_DOUBLED: usize = 16_384;
/// Cells that there are for each address at least.
const CELLS_PER_HOST: u64 = 2;
/// Bytes of counters of a set up to which every CPU has its own, however many there are.
const MOST_OWN_BYTES: u64 = 64 << 20;
/// CPUs that always have their own.
const ALWAYS_OWN: u32 = 8;

/// How hits are counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Counting {
    /// They are not.
    Off,
    /// Every CPU counts in a copy of its own; of so many copies, a power of two.
    Own(u32),
    /// Several CPUs count in a copy, with atomic additions; of so many copies, a power of two.
    Shared(u32),
}

/// How much a set can hold before it needs larger maps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Room {
    /// Entries.
    pub entries: u32,
    /// The roots.
    pub roots: Roots,
    /// Nodes besides the roots.
    pub nodes: u32,
    /// Buckets of single IPv6 addresses, a power of two.
    pub buckets6: u32,
    /// How hits are counted.
    pub counting: Counting,
}

/// What certain entries need.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Need {
    /// Entries.
    pub entries: usize,
    /// Single IPv6 addresses.
    pub hosts6: usize,
    /// What the tries of IPv4 and IPv6 need.
    tries: [Trie; 2],
}

/// What a trie needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Trie {
    /// Its prefixes.
    prefixes: usize,
    /// By the bits that lead there, the regions in which two prefixes or more lie.
    regions: [usize; DEPTHS],
}

impl Room {
    /// Of a set that begins empty and may take `max` entries, on one CPU.
    pub fn first(max: u32, counters: EntryCounters) -> Self {
        let counting = match counters {
            EntryCounters::On => Counting::Own(1),
            EntryCounters::Off => Counting::Off,
        };
        let entries = max.clamp(1, FIRST_ENTRIES);
        Self { entries, roots: Roots::LEAST, nodes: FIRST_NODES, buckets6: FIRST_BUCKETS, counting }
    }

    /// Of a set that is to hold so much, with something to spare, on a machine of `cpus`; never more
    /// entries than `max`.
    pub fn holding(need: Need, max: u32, counters: EntryCounters, cpus: u32) -> Self {
        let first = Self::first(max, counters);
        // Small sets double, large ones grow by a sixteenth and some.
        let spare = |count: usize| count / 16 + count.min(MOST_DOUBLED) + 64;
        let spared = |count: usize| u32::try_from(count + spare(count)).unwrap_or(u32::MAX);
        let entries = spared(need.entries).min(max).max(first.entries);
        let cells = (need.hosts6 as u64 * CELLS_PER_HOST).div_ceil(super::BUCKET_CELLS as u64);
        let buckets = u32::try_from(cells.next_power_of_two()).unwrap_or(1 << 31);
        let counting = match counters {
            EntryCounters::Off => Counting::Off,
            EntryCounters::On => Counting::of(entries, cpus),
        };
        let most = |trie: Trie| (trie.prefixes + spare(trie.prefixes)).min(max as usize);
        let [prefixes4, prefixes6] = need.tries.map(most);
        let roots = Roots::holding(prefixes4, prefixes6).worth(|roots| need.nodes(roots));
        let nodes = spared(need.nodes(roots)).max(first.nodes);
        Self { entries, roots, nodes, buckets6: buckets.max(first.buckets6), counting }
    }

    /// The same with counters that all CPUs of a machine can use, however many there are.
    pub const fn shared(self) -> Self {
        match self.counting {
            Counting::Own(copies) => Self { counting: Counting::Shared(copies), ..self },
            Counting::Off | Counting::Shared(_) => self,
        }
    }

    /// The room that maps of these numbers of elements have; `None` if they do not belong together.
    pub fn of_elements(elements: impl Fn(Part) -> Option<u32>) -> Option<Self> {
        let entries = elements(Part::Entries)?.checked_sub(1)?;
        let nodes = elements(Part::Links)?;
        let roots = Roots::of_nodes(elements(Part::Nodes)?.checked_sub(nodes)?)?;
        let copies = elements(Part::Hits).map(|hits| hits.checked_div(entries + 1).unwrap_or(0));
        let counting = copies.map_or(Counting::Off, Counting::Own);
        let room = Self { entries, roots, nodes, buckets6: elements(Part::Hosts6)?, counting };
        let alike = Part::ALL.iter().all(|part| {
            let none = *part == Part::Hits && counting == Counting::Off;
            none || elements(*part) == Some(room.elements(*part))
        });
        let powers = room.buckets6.is_power_of_two()
            && (counting == Counting::Off || room.copies().is_power_of_two());
        (alike && powers).then_some(room)
    }

    /// Copies of the counters.
    pub const fn copies(&self) -> u32 {
        match self.counting {
            Counting::Off => 0,
            Counting::Own(copies) | Counting::Shared(copies) => copies,
        }
    }

    /// Elements of a part's map.
    pub fn elements(&self, part: Part) -> u32 {
        match part {
            Part::Entries => self.entries.saturating_add(1),
            Part::Nodes => self.roots.nodes().saturating_add(self.nodes),
            Part::Links => self.nodes,
            Part::Hosts6 => self.buckets6,
            Part::Head => 1,
            Part::Hits => self.entries.saturating_add(1).saturating_mul(self.copies()),
        }
    }

    /// Words of a part.
    pub fn words(&self, part: Part) -> usize {
        self.elements(part) as usize * part.element_words()
    }

    /// Bytes of all parts.
    pub fn bytes(&self) -> u64 {
        Part::ALL.iter().map(|part| self.words(*part) as u64 * 8).sum()
    }
}

impl Counting {
    /// How a set of so many entries counts on so many CPUs.
    fn of(entries: u32, cpus: u32) -> Self {
        let copies = cpus.max(1).checked_next_power_of_two().unwrap_or(1 << 31);
        let bytes = (u64::from(entries) + 1) * u64::from(copies) * 16;
        if copies <= ALWAYS_OWN || bytes <= MOST_OWN_BYTES {
            Self::Own(copies)
        } else {
            Self::Shared(ALWAYS_OWN)
        }
    }
}

impl Trie {
    const EMPTY: Self = Self { prefixes: 0, regions: [0; DEPTHS] };
}

impl Need {
    /// What these prefixes need, which are in their order, each once.
    ///
    /// A node is needed for every region inside which two of them lie: those that are longer and
    /// share its bits, which stand side by side: what is shorter and begins alike comes before both.
    pub fn of<'a>(sorted: impl IntoIterator<Item = &'a Prefix>) -> Self {
        let mut need = Self { entries: 0, hosts6: 0, tries: [Trie::EMPTY; 2] };
        let mut before = [Before::default(); 2];
        for prefix in sorted {
            need.entries += 1;
            let at = match (prefix.family(), prefix.is_host()) {
                (Family::V6, true) => {
                    need.hosts6 += 1;
                    continue;
                }
                (Family::V4, _) => 0,
                (Family::V6, false) => 1,
            };
            let trie = &mut need.tries[at];
            trie.prefixes += 1;
            for depth in before[at].next(prefix) {
                trie.regions[depth] += 1;
            }
        }
        need
    }

    /// The nodes besides such roots.
    pub fn nodes(&self, roots: Roots) -> usize {
        let families = [Family::V4, Family::V6].into_iter().zip(&self.tries);
        let below = families.map(|(family, trie)| {
            let depths = trie.regions.iter().skip(roots.bits(family).into());
            depths.step_by(STRIDE.into()).sum::<usize>()
        });
        below.sum()
    }
}

/// The prefix before, and how many of the regions that it lies inside have had another one by then.
#[derive(Clone, Copy, Default)]
struct Before {
    bits: u128,
    len: u8,
    shared: usize,
}

impl Before {
    /// The depths of the regions in which this one is the second.
    fn next(&mut self, prefix: &Prefix) -> Range<usize> {
        let (bits, len) = (aligned(prefix), prefix.len());
        let alike = (bits ^ self.bits).leading_zeros() as usize;
        let inside = usize::from(len.min(self.len));
        let shared = inside.min(alike + 1);
        let new = self.shared..shared;
        *self = Self { bits, len, shared };
        new
    }
}
