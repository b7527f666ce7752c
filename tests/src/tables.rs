//! The tables of a `net` set, built in the plainest way from what they are documented to say.
//!
//! Nothing is edited here: the words of each part follow from the entries, by the definition of a
//! slot. So a mistake of the tool's editor cannot hide one of the program, nor the other way round.

use std::net::IpAddr;

use palisade_filter::structure::flat::slot::{Life, Lone, Rest, Word};
use palisade_filter::structure::flat::{
    BUCKET_CELLS, FACTORS, FOLDS, HEAD_WORDS, Head, Id, Part, Room, SLOTS, Slot,
};
use palisade_filter::value::{Family, Prefix};

/// What the hash of the sets that are filled here is keyed with.
const SEED: u64 = 0x0123_4567_89ab_cdef;

/// The words of a set's parts, but for its counters.
pub struct Tables {
    room: Room,
    entries: Vec<(Prefix, u64)>,
    words: [Vec<u64>; Part::ALL.len()],
    nodes: u32,
}

impl Tables {
    /// Those of these entries, each with when it ends, in the order of their numbers from 1 on. The
    /// first words of the head are left to whoever counts the entries.
    pub fn of(entries: &[(Prefix, u64)], room: Room, max: u32) -> Self {
        let words = Part::ALL.map(|part| vec![0; room.words(part)]);
        let mut new = Self { room, entries: entries.to_vec(), words, nodes: 0 };
        new.words[Part::Head.index()] = Head::first(room, max, SEED).to_vec();
        (0..entries.len()).for_each(|at| new.put_entry(at));
        let [bits4, bits6] = [Family::V4, Family::V6].map(|family| room.roots.bits(family));
        for (family, first, bits) in [(Family::V4, 0, bits4), (Family::V6, 1 << bits4, bits6)] {
            let all: Vec<usize> =
                (0..entries.len()).filter(|at| new.is_in_trie(*at, family)).collect();
            new.regions(first, 0, bits, 0, &all);
        }
        new
    }

    /// The elements of a part that are not zero, each under its index.
    pub fn elements(&self, part: Part) -> impl Iterator<Item = (u32, &[u64])> {
        let elements = self.words[part.index()].chunks(part.element_words());
        (0..).zip(elements).filter(|(_, words)| words.iter().any(|word| *word != 0))
    }

    /// The words of the head.
    pub fn head(&self) -> [u64; HEAD_WORDS] {
        *self.words[Part::Head.index()].first_chunk().expect("a head")
    }

    fn is_in_trie(&self, at: usize, family: Family) -> bool {
        let (prefix, _) = &self.entries[at];
        prefix.family() == family && !(family == Family::V6 && prefix.is_host())
    }

    /// The slots of a root or a node, which decide the bits from `begin` to `end` of a region that
    /// begins with `bits`.
    fn regions(&mut self, first: usize, begin: u8, end: u8, bits: u128, inside: &[usize]) {
        for slot in 0..1usize << (end - begin) {
            let region = bits | (slot as u128) << (128 - u32::from(end));
            let longest = self.longest(region, end, inside);
            let meets = |at: &&usize| {
                let (prefix, _) = &self.entries[**at];
                prefix.len() > end && (aligned(prefix) ^ region) >> (128 - u32::from(end)) == 0
            };
            let longer: Vec<usize> = inside.iter().filter(meets).copied().collect();
            self.words[Part::Nodes.index()][first + slot] = match longer.as_slice() {
                [] => Slot::Leaf(self.word(longest)).bits(),
                [only] => self.lone(*only, end, longest.is_some()).bits(),
                _ => {
                    let node = self.room.roots.nodes() + self.nodes;
                    self.nodes += 1;
                    assert!(self.nodes <= self.room.nodes, "as many nodes as there are");
                    // What holds all of the region holds what is inside.
                    let below: Vec<usize> = longer.into_iter().chain(longest).collect();
                    self.regions(node as usize * SLOTS, end, end + 4, region, &below);
                    Slot::Node(node).bits()
                }
            };
        }
    }

    /// The longest of some prefixes that holds all of a region.
    fn longest(&self, region: u128, end: u8, among: &[usize]) -> Option<usize> {
        let holds = |at: &&usize| {
            let (prefix, _) = &self.entries[**at];
            prefix.len() <= end && same(aligned(prefix), region, prefix.len())
        };
        among.iter().filter(holds).max_by_key(|at| self.entries[**at].0.len()).copied()
    }

    fn lone(&self, at: usize, end: u8, covered: bool) -> Slot {
        let (prefix, _) = &self.entries[at];
        // Of IPv6, a look-up holds 64 bits from the last four of the root on, and then the others.
        let first_end = self.room.roots.bits(Family::V6) + 60;
        let word_end = match prefix.family() {
            Family::V6 if end < first_end => first_end,
            Family::V4 | Family::V6 => 128,
        };
        let bit = |at: u8| at < word_end && aligned(prefix) >> (127 - at) & 1 == 1;
        let bits = (end..end + 24).fold(0, |bits, at| bits << 1 | u32::from(bit(at)));
        let rest = if prefix.len() <= (end + 24).min(word_end) {
            Rest::Whole { bits, len: prefix.len() - end }
        } else {
            Rest::Part { bits, open: prefix.family().bits() - prefix.len() }
        };
        Slot::Lone(Lone { word: self.word(Some(at)), covered, rest })
    }

    fn word(&self, at: Option<usize>) -> Word {
        let Some(at) = at else { return Word::NONE };
        let life = if self.until(at) == 0 { Life::Lasting } else { Life::Timed };
        Word::new(Id::of(u32::try_from(at + 1).expect("few entries")), life)
    }

    /// Until when an entry matches: as long as the last of those that hold it. Single IPv6 addresses
    /// stand for themselves.
    fn until(&self, at: usize) -> u64 {
        let (prefix, end) = self.entries[at];
        if prefix.family() == Family::V6 && prefix.is_host() {
            return end;
        }
        let ends: Vec<u64> =
            self.around(&prefix).map(|at| self.entries[at].1).chain([end]).collect();
        if ends.contains(&0) { 0 } else { ends.into_iter().max().unwrap_or(0) }
    }

    /// The prefixes that hold another one, itself aside.
    fn around(&self, inner: &Prefix) -> impl Iterator<Item = usize> {
        let holds = move |(_, (outer, _)): &(usize, &(Prefix, u64))| {
            outer.family() == inner.family()
                && outer.len() < inner.len()
                && outer.contains(inner.addr())
        };
        self.entries.iter().enumerate().filter(holds).map(|(at, _)| at)
    }

    fn put_entry(&mut self, at: usize) {
        let (prefix, end) = self.entries[at];
        let host6 = prefix.family() == Family::V6 && prefix.is_host();
        let cover = self.around(&prefix).filter(|_| !host6);
        let cover = cover.max_by_key(|at| self.entries[*at].0.len());
        let (family, [upper, lower]) = match prefix.addr() {
            IpAddr::V4(addr) => (4u64, [addr.to_bits().into(), 0]),
            IpAddr::V6(addr) => (6, halves(addr.to_bits())),
        };
        let open = u64::from(prefix.family().bits() - prefix.len());
        let last = u64::from(self.word(cover).bits()) | open << 32 | family << 40;
        let stamp = u64::from(prefix.len()) << 56;
        let words = [upper, lower, self.until(at), end, stamp, last];
        let first = (at + 1) * words.len();
        self.words[Part::Entries.index()][first..first + words.len()].copy_from_slice(&words);
        if host6 {
            self.put_host([upper, lower], at + 1);
        }
    }

    /// Puts a single IPv6 address into the first of its two buckets that has a cell left.
    fn put_host(&mut self, address: [u64; 2], number: usize) {
        let hash = hash(address);
        let tag = hash & 0xffff_ffff | 1;
        for choice in [hash >> 32, hash >> 32 ^ tag] {
            let bucket = (choice & (u64::from(self.room.buckets6) - 1)) as usize;
            let cells = bucket * BUCKET_CELLS..(bucket + 1) * BUCKET_CELLS;
            let cells = &mut self.words[Part::Hosts6.index()][cells];
            if let Some(free) = cells.iter_mut().find(|cell| **cell == 0) {
                *free = (number as u64) << 32 | tag;
                return;
            }
        }
        panic!("a cell for every address");
    }
}

/// The room of a set's maps as they are compiled, where CPUs may share a copy of the counters.
pub fn first_room(set: &palisade_filter::policy::Set) -> Room {
    palisade_filter::structure::first_room(set).shared()
}

fn hash([upper, lower]: [u64; 2]) -> u64 {
    let first = (upper ^ SEED).wrapping_mul(FACTORS[0]);
    let second = (first ^ first >> FOLDS[0] ^ lower).wrapping_mul(FACTORS[1]);
    let third = (second ^ second >> FOLDS[1]).wrapping_mul(FACTORS[2]);
    third ^ third >> FOLDS[2]
}

fn halves(bits: u128) -> [u64; 2] {
    [(bits >> 64) as u64, bits as u64]
}

/// The bits of an address, from the highest of 128 on.
fn aligned(prefix: &Prefix) -> u128 {
    match prefix.addr() {
        IpAddr::V4(addr) => u128::from(addr.to_bits()) << 96,
        IpAddr::V6(addr) => addr.to_bits(),
    }
}

/// Whether the first bits of two words are the same.
fn same(left: u128, right: u128, bits: u8) -> bool {
    (left ^ right).checked_shr(128 - u32::from(bits)).unwrap_or(0) == 0
}
