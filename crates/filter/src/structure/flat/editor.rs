//! Reading a set, editing one entry of it, and finishing edits.
//!
//! An edit says in the head what it is before it changes anything, and takes that back at its end.
//! [`Flat::repair`] finishes what was cut short. Until then a whole set that is half made reads as
//! empty, which is what becomes of it.

use super::entry::aligned;
use super::head::{ENDING, JOURNAL};
use super::pool::Pool;
use super::{Cells, Counting, Head, Id, NoRoom, Part, Room, hosts6};
use crate::structure::cover::later;
use crate::value::{Family, Prefix};

/// A set in its memory.
pub struct Flat<C> {
    pub(super) cells: C,
    pub(super) room: Room,
    pub(super) head: Head,
}

/// What is said of a prefix that is put in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Value {
    /// Packets and bytes to begin with, where hits are counted.
    pub hits: [u64; 2],
    /// The word of its [`Stamp`](crate::structure::Stamp).
    pub stamp: u64,
    /// When it ends, in nanoseconds of `CLOCK_MONOTONIC`; 0 for never.
    pub ends: u64,
}

/// What is there of a prefix.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Found {
    /// What was put in, and the hits by now.
    pub value: Value,
    /// Until when it matches: as long as anything around it.
    pub until: u64,
}

/// What becomes of the hits of an entry that gets another value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hits {
    /// They go on.
    Kept,
    /// They begin anew, with those of the value.
    Anew,
}

/// The kinds of edits in the journal.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Edit {
    Insert = 1,
    Remove = 2,
    Replace = 3,
    /// All entries of a set that is to be, or was, empty.
    Whole = 4,
}

impl<C: Cells> Flat<C> {
    /// The set in a memory that was made for it.
    pub fn open(cells: C, room: Room) -> Self {
        let head = Head::read(&cells, room);
        Self { cells, room, head }
    }

    /// An empty set in a memory of zeros; `seed` is any number that others do not know.
    pub fn create(cells: C, room: Room, max: u32, seed: u64) -> Self {
        for (at, word) in Head::first(room, max, seed).into_iter().enumerate() {
            cells.store(Part::Head, at, word);
        }
        Self::open(cells, room)
    }

    /// Its memory.
    pub fn cells(&self) -> &C {
        &self.cells
    }

    /// Its room.
    pub fn room(&self) -> Room {
        self.room
    }

    /// The most entries that it takes, by its declaration.
    pub fn max(&self) -> u32 {
        self.head.max
    }

    /// How hits are counted.
    pub fn counting(&self) -> Counting {
        Head::counting(&self.cells, self.room)
    }

    /// Whether all its entries are being put in or taken out, or that was cut short.
    pub fn is_half_made(&self) -> bool {
        let [.., kind, _, _, _] = self.cells.load(Part::Head, JOURNAL).to_le_bytes();
        kind == Edit::Whole as u8
    }

    /// The number of a prefix's entry.
    pub fn id(&self, prefix: &Prefix) -> Option<Id> {
        if self.is_half_made() {
            return None;
        }
        let bits = aligned(prefix);
        let is = |id: &Id| self.entry(*id).prefix() == Some(*prefix);
        if is_host6(prefix) {
            return hosts6::find(&self.cells, &self.head, bits, |id| is(&id));
        }
        self.around(self.longest(prefix.family(), bits)).find(is)
    }

    /// What is there of a prefix.
    pub fn get(&self, prefix: &Prefix) -> Option<Found> {
        self.id(prefix).map(|id| self.found(id))
    }

    /// The longest prefix that holds all of another one, single IPv6 addresses aside: what programs find,
    /// also where the set is half made.
    pub fn longest_around(&self, prefix: &Prefix) -> Option<(Prefix, Found)> {
        let mut around = self.around(self.longest(prefix.family(), aligned(prefix)));
        around.find_map(|id| {
            let there = self.entry(id).prefix().filter(|there| there.len() <= prefix.len())?;
            Some((there, self.found(id)))
        })
    }

    fn found(&self, id: Id) -> Found {
        let entry = self.entry(id);
        let hits = entry.hits(&self.head);
        let value = Value { hits, stamp: entry.stamp(), ends: entry.ends() };
        Found { value, until: entry.until() }
    }

    /// Shows every entry that is wanted, in the order of their numbers.
    pub fn scan(&self, wanted: impl Fn(&Prefix) -> bool, mut visit: impl FnMut(Prefix, Found)) {
        for (id, prefix) in self.ids() {
            let mut there = Some(prefix);
            while let Some(prefix) = there.filter(&wanted) {
                if let Some(found) = self.at(id, &prefix) {
                    visit(prefix, found);
                    break;
                }
                // It became another one while it was read.
                there = self.entry(id).prefix();
            }
        }
    }

    /// The numbers of all entries, in their order.
    pub fn ids(&self) -> impl Iterator<Item = (Id, Prefix)> {
        let used = (!self.is_half_made()).then(|| Pool::Entries.used(&self.cells, &self.room));
        let used = used.into_iter().flatten().map(Id);
        used.filter_map(|id| Some((id, self.entry(id).prefix()?)))
    }

    /// What is there of a prefix, if that is its number.
    pub fn at(&self, id: Id, prefix: &Prefix) -> Option<Found> {
        let found = self.found(id);
        (self.entry(id).prefix() == Some(*prefix)).then_some(found)
    }

    /// Puts a prefix in; one that is there gets another value, and keeps its hits.
    pub fn insert(&self, prefix: &Prefix, value: Value) -> Result<(), NoRoom> {
        if self.replace(prefix, value, Hits::Kept) {
            return Ok(());
        }
        self.begin(Edit::Insert, None);
        let done = self.make(prefix, value);
        self.end();
        done
    }

    fn make(&self, prefix: &Prefix, value: Value) -> Result<(), NoRoom> {
        let id = Pool::Entries.take(&self.cells, &self.room).map(Id);
        let id = id.ok_or(NoRoom::Entries(self.room.entries))?;
        let entry = self.entry(id);
        entry.set_hits(&self.head, value.hits);
        self.note_end(value.ends);
        let around = match is_host6(prefix) {
            true => None,
            false => {
                let mut around = self.around(self.longest(prefix.family(), aligned(prefix)));
                around.find(|id| {
                    self.entry(*id).prefix().is_some_and(|there| there.len() < prefix.len())
                })
            }
        };
        let cover = around.map_or(super::slot::Word::NONE, |id| self.entry(id).word());
        entry.make(prefix, value.stamp, value.ends, cover);
        if let Some(outer) = around {
            entry.set_until(later(value.ends, self.entry(outer).until()));
        }
        self.begin(Edit::Insert, Some(id));
        let linked = self.put(id, prefix);
        if linked.is_err() {
            entry.clear();
            Pool::Entries.give(&self.cells, &self.room, id.0);
        }
        linked
    }

    /// Puts an entry into its table.
    fn put(&self, id: Id, prefix: &Prefix) -> Result<(), NoRoom> {
        if is_host6(prefix) {
            let bits = aligned(prefix);
            return hosts6::insert(&self.cells, &self.head, bits, id).ok_or(NoRoom::Hosts6);
        }
        self.link(id, prefix)
    }

    /// Gives a prefix another value; whether it was there.
    pub fn replace(&self, prefix: &Prefix, value: Value, hits: Hits) -> bool {
        let Some(id) = self.id(prefix) else { return false };
        let entry = self.entry(id);
        if entry.stamp() != value.stamp {
            entry.set_stamp(value.stamp);
        }
        if hits == Hits::Anew {
            entry.set_hits(&self.head, value.hits);
        }
        if entry.ends() != value.ends {
            self.begin(Edit::Replace, Some(id));
            self.note_end(value.ends);
            entry.set_ends(value.ends);
            self.follow_end(id, prefix);
            self.end();
        }
        true
    }

    /// Makes an entry, and those inside it, match as long as its end says.
    fn follow_end(&self, id: Id, prefix: &Prefix) {
        if is_host6(prefix) {
            self.entry(id).set_until(self.entry(id).ends());
        } else {
            self.settle(prefix);
        }
    }

    /// Takes a prefix out; whether it was there.
    pub fn remove(&self, prefix: &Prefix) -> bool {
        let Some(id) = self.id(prefix) else { return false };
        self.begin(Edit::Remove, Some(id));
        self.take_out(id, prefix);
        self.end();
        true
    }

    fn take_out(&self, id: Id, prefix: &Prefix) {
        if is_host6(prefix) {
            hosts6::remove(&self.cells, &self.head, aligned(prefix), id);
        } else {
            self.unlink(id, prefix);
        }
        self.entry(id).clear();
        Pool::Entries.give(&self.cells, &self.room, id.0);
    }

    pub(super) fn note_end(&self, ends: u64) {
        if ends != 0 && self.cells.load(Part::Head, ENDING) == 0 {
            self.cells.store(Part::Head, ENDING, 1);
        }
    }

    pub(super) fn begin(&self, edit: Edit, id: Option<Id>) {
        let number = id.map_or(0, Id::number);
        self.cells.store(Part::Head, JOURNAL, (edit as u64) << 32 | u64::from(number));
    }

    pub(super) fn end(&self) {
        self.cells.store(Part::Head, JOURNAL, 0);
    }

    /// Finishes an edit that was cut short; whether there was one. To be called before any other
    /// edit, by whoever may edit. Settings that follow from the maps are put right where they are not.
    pub fn repair(&self) -> bool {
        for (at, word) in Head::settings(self.room, self.counting()) {
            if self.cells.load(Part::Head, at) != word {
                self.cells.store(Part::Head, at, word);
            }
        }
        let journal = self.cells.load(Part::Head, JOURNAL);
        if journal == 0 {
            return false;
        }
        if self.is_half_made() {
            self.take_all_out();
            self.end();
            return true;
        }
        let [a, b, c, d, kind, ..] = journal.to_le_bytes();
        let id = Id(u32::from_le_bytes([a, b, c, d]));
        if let Some(prefix) = self.entry(id).prefix() {
            match kind {
                kind if kind == Edit::Remove as u8 => self.take_out(id, &prefix),
                kind if kind == Edit::Replace as u8 => self.follow_end(id, &prefix),
                _ => self.put_or_drop(id, &prefix),
            }
        }
        self.put_what_is_left_out();
        self.restock();
        self.end();
        true
    }

    fn put_or_drop(&self, id: Id, prefix: &Prefix) {
        if self.put(id, prefix).is_err() {
            self.entry(id).clear();
        }
    }

    /// Puts entries into their table that were made, and not put there.
    fn put_what_is_left_out(&self) {
        let mut left_out = Vec::new();
        for id in Pool::Entries.used(&self.cells, &self.room).map(Id) {
            left_out.extend(
                self.entry(id).prefix().filter(|p| self.id(p) != Some(id)).map(|p| (id, p)),
            );
        }
        for (id, prefix) in left_out {
            // Of one that is there twice, the one that the table leads to stays.
            if self.id(&prefix).is_some() {
                self.entry(id).clear();
            } else {
                self.put_or_drop(id, &prefix);
            }
        }
    }

    /// Finds out what is free.
    pub(super) fn restock(&self) {
        let used = Pool::Nodes.used(&self.cells, &self.room);
        let mut reached = vec![false; used.len()];
        self.nodes(&mut |node| {
            let at = node.checked_sub(used.start).map(|at| at as usize);
            if let Some(reached) = at.and_then(|at| reached.get_mut(at)) {
                *reached = true;
            }
        });
        let free = used.zip(reached).filter(|(_, reached)| !reached).map(|(node, _)| node);
        Pool::Nodes.restock(&self.cells, &self.room, free);
        let entries = Pool::Entries.used(&self.cells, &self.room);
        let free = entries.filter(|id| self.entry(Id(*id)).prefix().is_none());
        Pool::Entries.restock(&self.cells, &self.room, free);
    }
}

/// Whether a prefix is a single IPv6 address, which no trie holds.
pub(super) fn is_host6(prefix: &Prefix) -> bool {
    prefix.family() == Family::V6 && prefix.is_host()
}
