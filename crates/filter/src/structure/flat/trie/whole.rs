//! A whole set at once: its tables laid down in one pass over the entries, or all of it taken out.
//!
//! In a set without entries nothing is looked for: what lies inside a region stands side by side among
//! entries in their order, those around it before them. Entries and nodes are finished before the first
//! slot of a root leads to them, and each of these slots is stored once, so that every address is judged
//! as before or as behind. The journal says that a whole set is under way, and whoever finds it cut short
//! takes all out.

use std::ops::Range;

use super::super::editor::{Edit, is_host6};
use super::super::entry::aligned;
use super::super::pool::Pool;
use super::super::slot::{Slot, Word};
use super::super::{Cells, Flat, Id, NoRoom, Part, SLOTS, Value, hosts6};
use super::{Place, STRIDE};
use crate::structure::cover::later;
use crate::value::{Family, Prefix};

impl<C: Cells> Flat<C> {
    /// Whether it has no entries.
    pub fn is_empty(&self) -> bool {
        let mut used = Pool::Entries.used(&self.cells, &self.room).map(Id);
        used.all(|id| self.entry(id).prefix().is_none())
    }

    /// Puts all of these into a set that is empty: prefixes in their order, each once. Entries get their
    /// numbers in that order, from 1 on. The error leaves the set empty.
    pub fn fill<T>(&self, all: &[T], of: impl Fn(&T) -> (Prefix, Value)) -> Result<(), NoRoom> {
        self.begin(Edit::Whole, None);
        let done = self.lay_down(all, of);
        if done.is_err() {
            self.take_all_out();
        }
        self.end();
        done
    }

    /// Takes every entry out.
    pub fn clear(&self) {
        self.begin(Edit::Whole, None);
        self.take_all_out();
        self.end();
    }

    fn lay_down<T>(&self, all: &[T], of: impl Fn(&T) -> (Prefix, Value)) -> Result<(), NoRoom> {
        let pools = [Pool::Entries, Pool::Nodes];
        if pools.into_iter().any(|pool| !pool.used(&self.cells, &self.room).is_empty()) {
            self.cells.grace();
        }
        let (in_tries, in_buckets): (Vec<usize>, Vec<usize>) =
            (0..all.len()).partition(|at| !is_host6(&of(&all[*at]).0));
        // What was never used has counted nothing.
        let clean = Pool::Entries.used(&self.cells, &self.room).end;
        let count = u32::try_from(all.len()).unwrap_or(u32::MAX);
        Pool::Entries.claim(&self.cells, &self.room, count)?;
        let nodes = Pool::Nodes.numbers(&self.room);
        let mut pass = Pass { flat: self, all, of, in_tries: &in_tries, clean, nodes };
        let roots = [Family::V4, Family::V6].map(|family| pass.root(family));
        let nodes = pass.nodes.start - Pool::Nodes.numbers(&self.room).start;
        Pool::Nodes.claim(&self.cells, &self.room, nodes)?;
        let [root4, root6] = roots;
        // What does not fit in a trie is seen before anything is in force.
        let roots = [root4?, root6?];
        debug_assert!(pass.in_tries.is_empty(), "what is filled in is in order, each once");
        in_buckets.into_iter().try_for_each(|at| pass.host6(at))?;
        for (first, slots) in roots {
            let said = (first..).zip(slots).filter(|(_, bits)| *bits != Slot::EMPTY.bits());
            said.for_each(|(word, bits)| self.cells.store(Part::Nodes, word, bits));
        }
        Ok(())
    }

    /// Takes every entry out, or finishes that.
    pub(in super::super) fn take_all_out(&self) {
        for word in 0..self.room.roots.nodes() as usize * SLOTS {
            self.set_slot(word, Slot::EMPTY);
        }
        for word in 0..self.room.words(Part::Hosts6) {
            if self.cells.load(Part::Hosts6, word) != 0 {
                self.cells.store(Part::Hosts6, word, 0);
            }
        }
        for id in Pool::Entries.used(&self.cells, &self.room).map(Id) {
            self.entry(id).clear();
        }
        self.restock();
    }
}

/// Addresses that begin alike, those that a table of slots or one slot stands for.
struct Region {
    family: Family,
    /// What they begin with, the first `end` bits of 128.
    bits: u128,
    end: u8,
}

impl Region {
    /// Whether a prefix lies inside and does not hold all of it; of all addresses, whether it is one of
    /// the family.
    fn has(&self, prefix: &Prefix) -> bool {
        let open = 128 - u32::from(self.end);
        prefix.family() == self.family
            && (prefix.len() > self.end || self.end == 0)
            && (aligned(prefix) ^ self.bits).checked_shr(open).unwrap_or(0) == 0
    }

    /// The place, among the slots that end at `end`, of the one that an address is in.
    fn place(&self, bits: u128, end: u8) -> usize {
        (bits << u32::from(self.end) >> (128 - u32::from(end - self.end))) as usize
    }
}

/// A pass over entries in their order.
struct Pass<'a, C, T, F> {
    flat: &'a Flat<C>,
    all: &'a [T],
    of: F,
    /// The places of those to come that belong into tries.
    in_tries: &'a [usize],
    /// The first number of an entry that was never used.
    clean: u32,
    /// The nodes that are not taken.
    nodes: Range<u32>,
}

impl<C: Cells, T, F: Fn(&T) -> (Prefix, Value)> Pass<'_, C, T, F> {
    /// A prefix that comes so many behind the next one.
    fn ahead(&self, behind: usize) -> Option<Prefix> {
        let at = *self.in_tries.get(behind)?;
        Some((self.of)(&self.all[at]).0)
    }

    /// The slots of a root, as maps hold them, and where they begin.
    fn root(&mut self, family: Family) -> Result<(usize, Vec<u64>), NoRoom> {
        let Place { word, end } = self.flat.root(family, 0);
        let mut slots = vec![Slot::EMPTY.bits(); 1 << end];
        self.paint(&mut slots, &Region { family, bits: 0, end: 0 }, end)?;
        Ok((word, slots))
    }

    /// Makes slots that end at `end` say what is inside the region of all of them.
    fn paint(&mut self, slots: &mut [u64], region: &Region, end: u8) -> Result<(), NoRoom> {
        while let Some(next) = self.ahead(0).filter(|next| region.has(next)) {
            let (bits, len) = (aligned(&next), next.len());
            let at = region.place(bits, end);
            // The longest that holds all of this slot came before.
            let around = match Slot::of(slots[at]) {
                Slot::Leaf(word) => word,
                Slot::Lone(_) | Slot::Node(_) => Word::NONE,
            };
            if len <= end {
                let leaf = Slot::Leaf(self.take(around));
                slots[at..at + (1 << (end - len))].fill(leaf.bits());
            } else {
                let region = Region { family: region.family, bits, end };
                slots[at] = self.inside(&region, around)?.bits();
            }
        }
        Ok(())
    }

    /// What a slot says that has the next one inside, and perhaps more; the longest around it is given.
    fn inside(&mut self, region: &Region, around: Word) -> Result<Slot, NoRoom> {
        let alone = self.ahead(1).is_none_or(|second| !region.has(&second));
        if alone {
            let word = self.take(around);
            return Ok(word.id().map_or(Slot::EMPTY, |id| self.flat.lone(id, region.end)));
        }
        let node = self.nodes.next().ok_or(NoRoom::Nodes(self.flat.room.nodes))?;
        let mut slots = [Slot::Leaf(around).bits(); SLOTS];
        self.paint(&mut slots, region, region.end + STRIDE)?;
        for (word, bits) in (node as usize * SLOTS..).zip(slots) {
            self.flat.cells.store(Part::Nodes, word, bits);
        }
        Ok(Slot::Node(node))
    }

    /// Makes the next one of the tries an entry; its word.
    fn take(&mut self, around: Word) -> Word {
        let Some((at, behind)) = self.in_tries.split_first() else { return Word::NONE };
        self.in_tries = behind;
        self.make(*at, around)
    }

    fn make(&self, at: usize, around: Word) -> Word {
        let (prefix, value) = (self.of)(&self.all[at]);
        let id = Id::of(u32::try_from(at + 1).unwrap_or(u32::MAX));
        let entry = self.flat.entry(id);
        if id.number() < self.clean || value.hits != [0, 0] {
            entry.set_hits(&self.flat.head, value.hits);
        }
        self.flat.note_end(value.ends);
        entry.make(&prefix, value.stamp, value.ends, around);
        if let Some(outer) = around.id().filter(|_| value.ends != 0) {
            entry.set_until(later(value.ends, self.flat.entry(outer).until()));
        }
        entry.word()
    }

    fn host6(&self, at: usize) -> Result<(), NoRoom> {
        let (prefix, _) = (self.of)(&self.all[at]);
        let word = self.make(at, Word::NONE);
        let Some(id) = word.id() else { return Ok(()) };
        let (cells, head) = (&self.flat.cells, &self.flat.head);
        hosts6::insert(cells, head, aligned(&prefix), id).ok_or(NoRoom::Hosts6)
    }
}
