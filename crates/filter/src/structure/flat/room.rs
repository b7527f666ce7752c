//! How much room the maps of a `net` set have, and how much certain entries need.

use super::entry::aligned;
use super::{Part, SLOTS};
use crate::policy::EntryCounters;
use crate::value::{Family, Prefix};

/// Bits that the root of IPv6 decides.
pub const ROOT6_BITS: u8 = 12;
/// Bits that the smallest root of IPv4 decides.
const ROOT4_LEAST: u8 = 12;
/// Nodes that the root of IPv6 takes, the first ones.
pub const ROOT6_NODES: u32 = (1 << ROOT6_BITS) / SLOTS as u32;
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
    /// Nodes besides the roots.
    pub nodes: u32,
    /// Buckets of single IPv6 addresses, a power of two.
    pub buckets6: u32,
    /// How hits are counted.
    pub counting: Counting,
}

/// What certain entries need.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Need {
    /// Entries.
    pub entries: usize,
    /// Nodes of IPv4 by the bits that lead to them: 12, 16, 20, 24, 28.
    pub nodes4: [usize; 5],
    /// Nodes of IPv6 besides the root.
    pub nodes6: usize,
    /// Single IPv6 addresses.
    pub hosts6: usize,
}

impl Room {
    /// Of a set that begins empty and may take `max` entries, on one CPU.
    pub fn first(max: u32, counters: EntryCounters) -> Self {
        let counting = match counters {
            EntryCounters::On => Counting::Own(1),
            EntryCounters::Off => Counting::Off,
        };
        let entries = max.clamp(1, FIRST_ENTRIES);
        Self { entries, nodes: FIRST_NODES, buckets6: FIRST_BUCKETS, counting }
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
        let room = Self { entries, nodes: 0, buckets6: buckets.max(first.buckets6), counting };
        let in_root = usize::from((room.root4_bits() - ROOT4_LEAST) / 4);
        let nodes = need.nodes6 + need.nodes4.iter().skip(in_root).sum::<usize>();
        Self { nodes: spared(nodes).max(first.nodes), ..room }
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
        let plain = Self { entries, nodes: 0, buckets6: 0, counting: Counting::Off };
        let nodes = elements(Part::Nodes)?.checked_sub(plain.elements(Part::Nodes))?;
        let copies = elements(Part::Hits).map(|hits| hits.checked_div(entries + 1).unwrap_or(0));
        let counting = copies.map_or(Counting::Off, Counting::Own);
        let room = Self { entries, nodes, buckets6: elements(Part::Hosts6)?, counting };
        let alike = Part::ALL.iter().all(|part| {
            let none = *part == Part::Hits && counting == Counting::Off;
            none || elements(*part) == Some(room.elements(*part))
        });
        let powers = room.buckets6.is_power_of_two()
            && (counting == Counting::Off || room.copies().is_power_of_two());
        (alike && powers).then_some(room)
    }

    /// Bits that the root of IPv4 decides.
    pub const fn root4_bits(&self) -> u8 {
        match self.entries {
            0..=4095 => 12,
            4096..=131_071 => 16,
            _ => 20,
        }
    }

    /// The nodes of both roots.
    pub const fn roots(&self) -> u32 {
        ROOT6_NODES + (1 << self.root4_bits()) / SLOTS as u32
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
            Part::Nodes | Part::Links => self.roots().saturating_add(self.nodes),
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

impl Need {
    /// What these prefixes need, which are in their order, each once.
    ///
    /// A node is needed for every region inside which two of them lie: those that are longer and
    /// share its bits, which stand side by side among those that are longer.
    pub fn of<'a>(sorted: impl IntoIterator<Item = &'a Prefix>) -> Self {
        let mut need = Self::default();
        let [mut before4, mut before6] = [Regions::default(), Regions::default()];
        for prefix in sorted {
            need.entries += 1;
            match (prefix.family(), prefix.is_host()) {
                (Family::V6, true) => need.hosts6 += 1,
                (Family::V6, false) => before6.add(prefix, |_| need.nodes6 += 1),
                (Family::V4, _) => before4.add(prefix, |at| need.nodes4[at] += 1),
            }
        }
        need
    }
}

/// By depth, the last prefix that is longer, and whether its region has a node.
#[derive(Default)]
struct Regions {
    last: [Option<(u128, bool)>; 30],
}

impl Regions {
    /// One more prefix: each region that gets a node by it, by its place among the depths.
    fn add(&mut self, prefix: &Prefix, mut node: impl FnMut(usize)) {
        let bits = aligned(prefix);
        let depths = (ROOT4_LEAST..prefix.len()).step_by(4);
        for ((at, last), depth) in self.last.iter_mut().enumerate().zip(depths) {
            let region = bits >> (128 - u32::from(depth));
            *last = match *last {
                Some((same, has_node)) if same == region => {
                    if !has_node {
                        node(at);
                    }
                    Some((region, true))
                }
                Some(_) | None => Some((region, false)),
            };
        }
    }
}
