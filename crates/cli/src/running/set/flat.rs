//! The tables of a `net` set, mapped into memory: an edit is a store that the program sees at once.

use std::sync::Arc;

use palisade_filter::Item;
use palisade_filter::structure::NetPart;
use palisade_filter::structure::flat::{Cells, Flat, Found, Hits, Need, NoRoom, Part, Room, Value};
use palisade_filter::value::{Prefix, in_order, side_by_side};
use palisade_loader::{MapHandle, Pieces, WordMut, wait_for_running_programs};

use super::difference::{Changed, Why};
use super::held::Held;
use super::table::{Table, TableError};
use super::{End, Entry};
use crate::failure::Failure;

/// The maps of a set, as its parts.
pub struct Memory {
    parts: Vec<Pieces>,
}

impl Memory {
    /// Those of parts that the set does not have are left out at the end.
    pub fn new(maps: &[MapHandle]) -> Result<Self, TableError> {
        let parts = maps.iter().map(Pieces::edit).collect::<Result<_, _>>()?;
        Ok(Self { parts })
    }

    /// A word. If the kernel has no memory to show it, the command ends in the midst of the edit, which
    /// the next editor finishes.
    fn word(&self, part: Part, word: usize) -> Option<&WordMut> {
        match self.parts.get(part.index())?.word(word) {
            Ok(found) => found,
            Err(error) => Failure::from(error).end(),
        }
    }
}

impl Cells for Memory {
    fn load(&self, part: Part, word: usize) -> u64 {
        self.word(part, word).map_or(0, WordMut::load)
    }

    fn store(&self, part: Part, word: usize, value: u64) {
        if let Some(word) = self.word(part, word) {
            word.store(value);
        }
    }

    fn grace(&self) {
        wait_for_running_programs();
    }
}

/// The entries of one sort in a set.
pub struct View {
    flat: Arc<Flat<Memory>>,
    part: NetPart,
}

impl View {
    /// The four sorts, in the order of their places in the fill.
    pub fn all(flat: &Arc<Flat<Memory>>) -> Vec<Box<dyn Table>> {
        let view = |part| -> Box<dyn Table> { Box::new(Self { flat: Arc::clone(flat), part }) };
        NetPart::ALL.map(view).into()
    }
}

/// The set in maps that have that much room.
pub fn open(maps: &[MapHandle], room: Room) -> Result<Arc<Flat<Memory>>, TableError> {
    Ok(Arc::new(Flat::open(Memory::new(maps)?, room)))
}

/// An empty set in new maps that have that much room.
pub fn create(
    maps: &[MapHandle],
    room: Room,
    max: u32,
    seed: u64,
) -> Result<Arc<Flat<Memory>>, TableError> {
    Ok(Arc::new(Flat::create(Memory::new(maps)?, room, max, seed)))
}

impl Table for View {
    fn get(&self, item: &Item) -> Result<Option<Held>, TableError> {
        Ok(prefix_of(item).and_then(|prefix| self.flat.get(&prefix)).map(held))
    }

    fn find(&self, item: &Item) -> Result<Option<Held>, TableError> {
        let prefix = prefix_of(item).filter(|_| !self.flat.is_half_made());
        let around = prefix.and_then(|prefix| self.flat.longest_around(&prefix));
        Ok(around.map(|(_, found)| held(found)))
    }

    fn scan(&self, visit: &mut dyn FnMut(Item, Held)) -> Result<(), TableError> {
        let wanted = |prefix: &Prefix| NetPart::of(prefix) == self.part;
        self.flat.scan(wanted, |prefix, found| visit(Item::Net(prefix), held(found)));
        Ok(())
    }

    fn insert(&self, entries: &[(Item, Held)]) -> Result<(), TableError> {
        for (item, held) in entries {
            if let Some(prefix) = prefix_of(item) {
                self.flat.insert(&prefix, value(held))?;
            }
        }
        Ok(())
    }

    fn change(&self, changed: &[Changed]) -> Result<(), TableError> {
        for Changed { item, new, why, .. } in changed {
            let hits = if *why == Why::Revived { Hits::Anew } else { Hits::Kept };
            if let Some(prefix) = prefix_of(item) {
                self.flat.replace(&prefix, value(new), hits);
            }
        }
        Ok(())
    }

    fn remove(&self, items: &[Item]) -> Result<(), TableError> {
        for prefix in items.iter().filter_map(prefix_of) {
            self.flat.remove(&prefix);
        }
        Ok(())
    }
}

fn prefix_of(item: &Item) -> Option<Prefix> {
    match item {
        Item::Net(prefix) => Some(*prefix),
        Item::Service(_) | Item::Mac(_) => None,
    }
}

fn value(held: &Held) -> Value {
    let Held { packets, bytes, stamp, until: _, ends } = *held;
    Value { hits: [packets, bytes], stamp, ends: ends.word() }
}

/// What is there of an entry.
pub fn held(found: Found) -> Held {
    let Found { value: Value { hits: [packets, bytes], stamp, ends }, until } = found;
    let [until, ends] = [until, ends].map(End::of);
    Held { packets, bytes, stamp, until, ends }
}

/// What certain items need of a set's maps; the items in any order, and perhaps twice.
pub fn need(items: impl Iterator<Item = Item>) -> Need {
    let prefixes = items.filter_map(|item| prefix_of(&item)).collect();
    Need::of(&in_order(prefixes, |prefix| Item::Net(*prefix)))
}

/// Puts entries into a set that is empty, all of them or none; they are in order, each once.
pub fn fill<'a, T>(
    flat: &Flat<Memory>,
    entries: impl Iterator<Item = (&'a Item, T)>,
    of: impl Fn(&T) -> Held,
) -> Result<(), NoRoom> {
    let prefixes = entries.filter_map(|(item, entry)| match item {
        Item::Net(prefix) => Some((prefix, entry)),
        Item::Service(_) | Item::Mac(_) => None,
    });
    let prefixes: Vec<(&Prefix, T)> = prefixes.collect();
    flat.fill(&prefixes, |(prefix, entry)| (**prefix, value(&of(entry))))
}

/// Those entries of a set that are among certain ones, which are in order; in that order.
pub fn among(flat: &Flat<Memory>, some: &[Entry]) -> Vec<(Item, Held)> {
    let there = flat.ids().map(|(id, prefix)| (Item::Net(prefix), id)).collect();
    let there = in_order(there, |(item, _)| *item);
    let both = side_by_side(&there, some, |(item, _)| *item, |entry| entry.item);
    let found = both.filter_map(|(there, some)| {
        let (item, id) = there.filter(|_| some.is_some())?;
        Some((*item, held(flat.at(*id, &prefix_of(item)?)?)))
    });
    found.collect()
}
