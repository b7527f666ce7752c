//! The tries: what the slots say, found and changed.
//!
//! The tables have one shape for given entries, whatever led to them: a node stands exactly where two
//! prefixes or more lie inside a region, and a slot says what [`Slot`] says. All that is read may be
//! damaged: every walk is bounded, and goes nowhere beyond the tables.

mod whole;

use std::ops::Range;

use super::entry::{Entry, aligned};
use super::head::ENDING;
use super::pool::Pool;
use super::roots::LEAST;
use super::slot::{Lone, Rest, Slot, Word};
use super::{Cells, Flat, Id, NoRoom, Part, SLOTS};
use crate::structure::cover::later;
use crate::value::{Family, Prefix};

/// Prefixes that hold an address are no more than the bits of one, with the empty one.
const MOST_AROUND: usize = 129;
/// Nodes behind each other, from the smallest root on.
const MOST_NODES_DEEP: u8 = (128 - LEAST) / STRIDE;
/// Bits that a node decides.
pub(super) const STRIDE: u8 = 4;

/// A slot, and the bit at which its region ends.
#[derive(Clone, Copy)]
struct Place {
    word: usize,
    end: u8,
}

/// How far a walk may still go.
struct Left {
    nodes: u32,
    depth: u8,
}

impl Left {
    /// Whether it may enter a node.
    fn enter(&mut self) -> bool {
        let may = self.nodes > 0 && self.depth > 0;
        if may {
            self.nodes -= 1;
            self.depth -= 1;
        }
        may
    }

    fn leave(&mut self) {
        self.depth += 1;
    }
}

/// Where a prefix stands among the slots.
enum Reach {
    /// It holds all of these regions, which end at that bit.
    Around(Range<usize>, u8),
    /// It lies inside a region that has no node.
    Inside(Place),
}

impl<C: Cells> Flat<C> {
    fn slot(&self, word: usize) -> Slot {
        Slot::of(self.cells.load(Part::Nodes, word))
    }

    fn set_slot(&self, word: usize, slot: Slot) {
        let bits = slot.bits();
        if self.cells.load(Part::Nodes, word) != bits {
            self.cells.store(Part::Nodes, word, bits);
        }
    }

    pub(super) fn entry(&self, id: Id) -> Entry<'_, C> {
        Entry::new(&self.cells, id)
    }

    fn len_of(&self, id: Id) -> u8 {
        self.entry(id).prefix().map_or(0, |prefix| prefix.len())
    }

    fn root(&self, family: Family, bits: u128) -> Place {
        let roots = self.room.roots;
        let (first, end) = (roots.first(family) as usize * SLOTS, roots.bits(family));
        Place { word: first + (bits >> (128 - u32::from(end))) as usize, end }
    }

    /// The slot below a node whose region ends at `end`.
    fn below(node: u32, end: u8, bits: u128) -> Place {
        let nibble = (bits << u32::from(end) >> (128 - u32::from(STRIDE))) as usize;
        Place { word: node as usize * SLOTS + nibble, end: end + STRIDE }
    }

    /// The longest prefix that holds an address.
    pub(super) fn longest(&self, family: Family, bits: u128) -> Word {
        let mut place = self.root(family, bits);
        loop {
            match self.slot(place.word) {
                Slot::Node(node) if place.end < family.bits() => {
                    place = Self::below(node, place.end, bits);
                }
                Slot::Node(_) => return Word::NONE,
                Slot::Leaf(word) => return word,
                Slot::Lone(Lone { word, .. }) => {
                    let Some(id) = word.id() else { return word };
                    let entry = self.entry(id);
                    return if holds(entry.prefix(), bits) { word } else { entry.cover() };
                }
            }
        }
    }

    /// An entry, the one around it, and so on.
    pub(super) fn around(&self, word: Word) -> impl Iterator<Item = Id> {
        std::iter::successors(word.id(), |id| self.entry(*id).cover().id()).take(MOST_AROUND)
    }

    fn reach(&self, prefix: &Prefix, path: &mut Vec<Place>) -> Reach {
        let bits = aligned(prefix);
        let mut place = self.root(prefix.family(), bits);
        loop {
            if prefix.len() <= place.end {
                let count = 1 << (place.end - prefix.len());
                return Reach::Around(place.word..place.word + count, place.end);
            }
            match self.slot(place.word) {
                Slot::Node(node) => {
                    path.push(place);
                    place = Self::below(node, place.end, bits);
                }
                Slot::Leaf(_) | Slot::Lone(_) => return Reach::Inside(place),
            }
        }
    }

    /// Shows every slot without a node among some and below.
    fn ends(
        &self,
        slots: Range<usize>,
        end: u8,
        left: &mut Left,
        visit: &mut impl FnMut(Place, Slot),
    ) {
        for word in slots {
            match self.slot(word) {
                Slot::Node(node) if left.enter() => {
                    let first = node as usize * SLOTS;
                    self.ends(first..first + SLOTS, end + STRIDE, left, visit);
                    left.leave();
                }
                slot @ (Slot::Node(_) | Slot::Leaf(_) | Slot::Lone(_)) => {
                    visit(Place { word, end }, slot);
                }
            }
        }
    }

    /// As much as a walk meets at most.
    fn left(&self) -> Left {
        Left { nodes: self.room.nodes, depth: MOST_NODES_DEEP }
    }

    /// A slot of a region that ends at that bit, with one entry alone inside.
    fn lone(&self, id: Id, end: u8) -> Slot {
        let entry = self.entry(id);
        // Only damage says so, and what is no prefix holds no address.
        let Some(prefix) = entry.prefix() else { return Slot::Leaf(entry.cover()) };
        let rest = Rest::of(&prefix, end, self.room.roots.first_word6());
        let covered = entry.cover().id().is_some();
        Slot::Lone(Lone { word: entry.word(), covered, rest })
    }

    /// Puts an entry that is made into the slots, or finishes that.
    pub(super) fn link(&self, id: Id, prefix: &Prefix) -> Result<(), NoRoom> {
        loop {
            let mut path = Vec::new();
            let place = match self.reach(prefix, &mut path) {
                Reach::Around(slots, end) => {
                    self.ends(slots, end, &mut self.left(), &mut |place, slot| {
                        self.cover(place, slot, id, prefix.len());
                    });
                    break;
                }
                Reach::Inside(place) => place,
            };
            match self.slot(place.word) {
                Slot::Lone(Lone { word, .. }) => match word.id() {
                    Some(other) if other != id => {
                        if let Err(none) = self.split(place, other) {
                            self.join(&path);
                            return Err(none);
                        }
                    }
                    Some(_) | None => {
                        self.set_slot(place.word, self.lone(id, place.end));
                        break;
                    }
                },
                Slot::Leaf(_) => {
                    self.set_slot(place.word, self.lone(id, place.end));
                    break;
                }
                Slot::Node(_) => break,
            }
        }
        self.settle(prefix);
        Ok(())
    }

    /// Gives the region of a lone entry a node.
    fn split(&self, place: Place, lone: Id) -> Result<(), NoRoom> {
        let node = Pool::Nodes.take(&self.cells, &self.room);
        let node = node.ok_or(NoRoom::Nodes(self.room.nodes))?;
        let (first, entry) = (node as usize * SLOTS, self.entry(lone));
        for word in first..first + SLOTS {
            self.set_slot(word, Slot::Leaf(entry.cover()));
        }
        // A shorter one does not stand alone in the region; only damage says so.
        if let Some(prefix) = entry.prefix().filter(|prefix| prefix.len() > place.end) {
            let Place { word, end } = Self::below(node, place.end, aligned(&prefix));
            if prefix.len() <= end {
                let count = 1 << (end - prefix.len());
                (word..word + count).for_each(|word| self.set_slot(word, Slot::Leaf(entry.word())));
            } else {
                self.set_slot(word, self.lone(lone, end));
            }
        }
        self.set_slot(place.word, Slot::Node(node));
        Ok(())
    }

    /// A slot of whose region an entry of that length holds all.
    fn cover(&self, Place { word, end }: Place, slot: Slot, id: Id, len: u8) {
        match slot {
            Slot::Leaf(there) => match there.id() {
                Some(inner) if inner != id && self.len_of(inner) > len => {
                    self.adopt(inner, id, len)
                }
                Some(_) | None => self.set_slot(word, Slot::Leaf(self.entry(id).word())),
            },
            Slot::Lone(Lone { word: there, .. }) => {
                if let Some(inner) = there.id() {
                    self.adopt(inner, id, len);
                    self.set_slot(word, self.lone(inner, end));
                }
            }
            Slot::Node(_) => {}
        }
    }

    /// Puts an entry of that length among those around an entry that it holds.
    fn adopt(&self, inner: Id, id: Id, len: u8) {
        let outermost = self
            .around(self.entry(inner).word())
            .take_while(|there| *there != id && self.len_of(*there) > len)
            .last();
        if let Some(there) = outermost {
            self.entry(there).set_cover(self.entry(id).word());
        }
    }

    /// Takes an entry out of the slots, or finishes that.
    pub(super) fn unlink(&self, id: Id, prefix: &Prefix) {
        let (mut path, cover) = (Vec::new(), self.entry(id).cover());
        match self.reach(prefix, &mut path) {
            Reach::Around(slots, end) => {
                self.ends(slots, end, &mut self.left(), &mut |place, slot| {
                    self.uncover(place, slot, id, cover);
                });
            }
            Reach::Inside(place) => {
                self.uncover(place, self.slot(place.word), id, cover);
            }
        }
        self.join(&path);
        self.settle(prefix);
    }

    fn uncover(&self, Place { word, end }: Place, slot: Slot, id: Id, cover: Word) {
        match slot {
            Slot::Leaf(there) | Slot::Lone(Lone { word: there, .. }) if there.id() == Some(id) => {
                self.set_slot(word, Slot::Leaf(cover));
            }
            Slot::Leaf(there) => self.disown(there, id, cover),
            Slot::Lone(Lone { word: there, .. }) => {
                self.disown(there, id, cover);
                if let Some(inner) = there.id() {
                    self.set_slot(word, self.lone(inner, end));
                }
            }
            Slot::Node(_) => {}
        }
    }

    /// Takes an entry from among those around another one.
    fn disown(&self, inner: Word, id: Id, cover: Word) {
        let below = self.around(inner).find(|there| self.entry(*there).cover().id() == Some(id));
        if let Some(there) = below {
            self.entry(there).set_cover(cover);
        }
    }

    /// Frees the nodes of a path with fewer than two prefixes inside, from the lowest on.
    fn join(&self, path: &[Place]) {
        for place in path.iter().rev() {
            let Slot::Node(node) = self.slot(place.word) else { return };
            let Some(slot) = self.joined(node, place.end) else { return };
            self.set_slot(place.word, slot);
            Pool::Nodes.give(&self.cells, &self.room, node);
        }
    }

    /// What a region says without its node; `None` if it needs one.
    fn joined(&self, node: u32, end: u8) -> Option<Slot> {
        let first = node as usize * SLOTS;
        let (mut inside, mut base) = (None, Word::NONE);
        for word in first..first + SLOTS {
            let there = match self.slot(word) {
                Slot::Node(_) => return None,
                Slot::Leaf(there) | Slot::Lone(Lone { word: there, .. }) => there,
            };
            let mut around = self.around(there).peekable();
            while let Some(id) = around.next_if(|id| self.len_of(*id) > end) {
                if inside.is_some_and(|other| other != id) {
                    return None;
                }
                inside = Some(id);
            }
            base = around.next().map_or(Word::NONE, |id| self.entry(id).word());
        }
        Some(inside.map_or(Slot::Leaf(base), |id| self.lone(id, end)))
    }

    /// Makes every entry inside a prefix, itself included, match as long as those around it do.
    pub(super) fn settle(&self, prefix: &Prefix) {
        if self.cells.load(Part::Head, ENDING) == 0 {
            return;
        }
        let mut visit = |Place { word, end }: Place, slot: Slot| {
            let (Slot::Leaf(there) | Slot::Lone(Lone { word: there, .. })) = slot else { return };
            self.settle_around(there, prefix.len());
            if let Some(id) = there.id() {
                let lone = matches!(slot, Slot::Lone(_));
                let leaf = Slot::Leaf(self.entry(id).word());
                self.set_slot(word, if lone { self.lone(id, end) } else { leaf });
            }
        };
        match self.reach(prefix, &mut Vec::new()) {
            Reach::Around(slots, end) => self.ends(slots, end, &mut self.left(), &mut visit),
            Reach::Inside(place) => visit(place, self.slot(place.word)),
        }
    }

    /// The same for an entry and those around it that are no shorter than `len`.
    fn settle_around(&self, word: Word, len: u8) {
        let around = self.around(word).take_while(|id| self.len_of(*id) >= len);
        let inward: Vec<Id> = around.collect();
        for id in inward.into_iter().rev() {
            let entry = self.entry(id);
            if let Some(outer) = entry.cover().id() {
                let outer = self.entry(outer);
                entry.set_until(later(entry.ends(), outer.until()));
                entry.set_cover(outer.word());
            } else {
                entry.set_until(entry.ends());
            }
        }
    }

    /// Shows every node that a root leads to.
    pub(super) fn nodes(&self, visit: &mut impl FnMut(u32)) {
        let roots = 0..self.room.roots.nodes() as usize * SLOTS;
        self.nodes_below(roots, &mut self.left(), visit);
    }

    fn nodes_below(&self, slots: Range<usize>, left: &mut Left, visit: &mut impl FnMut(u32)) {
        for word in slots {
            if let Slot::Node(node) = self.slot(word)
                && left.enter()
            {
                visit(node);
                let first = node as usize * SLOTS;
                self.nodes_below(first..first + SLOTS, left, visit);
                left.leave();
            }
        }
    }
}

/// Whether an entry's prefix holds an address.
fn holds(prefix: Option<Prefix>, bits: u128) -> bool {
    prefix.is_some_and(|prefix| {
        let open = 128 - u32::from(prefix.len());
        (aligned(&prefix) ^ bits).checked_shr(open).unwrap_or(0) == 0
    })
}
