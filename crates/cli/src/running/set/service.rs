//! A `service` set: its items, the table painted from them, and their counters.
//!
//! The items are marked dirty while an edit is under way. An editor that finds the mark knows that
//! one before it was cut short, and writes the whole table.

use std::collections::BTreeMap;

use palisade_asm::MapDecl;
use palisade_filter::Item;
use palisade_filter::structure::service::{self as layout, DIRTY};
use palisade_filter::value::Service;
use palisade_loader::{Insert, Map, MapHandle, PerCpu, PerCpuMap, PinDir};

use super::{Added, Carry, Entry, Undo, full};
use crate::failure::{Failure, Outcome};

/// An open `service` set.
pub struct ServiceSet {
    name: String,
    max: u32,
    table: Map<u32, u64>,
    items: Map<u32, [u64; 2]>,
    hits: PerCpuMap<u32, [u64; 2]>,
}

/// An item in its slot, and when it was added.
#[derive(Clone, Copy)]
struct Held {
    slot: u16,
    added: u64,
}

/// The items of a set.
type Items = BTreeMap<Service, Held>;

fn service_of(item: &Item) -> Outcome<Service> {
    match item {
        Item::Service(service) => Ok(*service),
        Item::Net(_) => Err(Failure::usage(format!(
            "`{item}` is an address; this set holds services such as tcp/80"
        ))),
    }
}

impl ServiceSet {
    /// The most items that the pinned set takes: one less than it has slots.
    pub fn max_of(maps: &PinDir, name: &str) -> Outcome<u32> {
        let slots = MapHandle::open(maps, &layout::items_name(name))?.info()?.shape.max_entries;
        Ok(slots.saturating_sub(1))
    }

    /// The set of these maps, each from its declaration.
    pub fn of(name: &str, max: u32, map: impl Fn(&MapDecl) -> Outcome<MapHandle>) -> Outcome<Self> {
        let [table, items, hits] = layout::maps(name, max).map(|decl| map(&decl));
        Ok(Self {
            name: name.to_owned(),
            max,
            table: Map::new(table?)?,
            items: Map::new(items?)?,
            hits: PerCpuMap::new(hits?)?,
        })
    }

    /// The most items it takes.
    pub fn max(&self) -> u32 {
        self.max
    }

    /// Its maps.
    pub fn handles(&self) -> Vec<&MapHandle> {
        vec![self.table.handle(), self.items.handle(), self.hits.handle()]
    }

    /// How many items it has.
    pub fn len(&self) -> Outcome<u64> {
        Ok(self.read()?.0.len() as u64)
    }

    /// The items, and whether an edit was cut short.
    fn read(&self) -> Outcome<(Items, bool)> {
        let mut items = Items::new();
        let mut dirty = false;
        for pair in self.items.iter() {
            let (slot, [code, added]) = pair?;
            let Ok(slot) = u16::try_from(slot) else { continue };
            if slot == 0 {
                dirty = code == DIRTY;
            } else if let Some(item) = layout::decode(code) {
                items.insert(item, Held { slot, added });
            }
        }
        Ok((items, dirty))
    }

    fn entry(&self, item: Service, held: Held) -> Outcome<Entry> {
        let hits = self.hits.get(&u32::from(held.slot))?;
        let [packets, bytes] = hits.map(|h| h.sum()).unwrap_or_default();
        Ok(Entry { item: Item::Service(item), packets, bytes, added: held.added })
    }

    /// All entries, in order.
    pub fn entries(&self) -> Outcome<Vec<Entry>> {
        self.read()?.0.into_iter().map(|(item, held)| self.entry(item, held)).collect()
    }

    /// Adds entries: all, or none and an error.
    pub fn add(&self, entries: impl IntoIterator<Item = Entry>, carry: Carry) -> Outcome<Added> {
        let (before, dirty) = self.read()?;
        let mut after = before.clone();
        let mut new: Vec<(u16, Entry)> = Vec::new();
        let mut present = 0;
        let mut free = free_slots(&before, self.max);
        let mut missing = 0;
        for entry in entries {
            let item = service_of(&entry.item)?;
            if after.contains_key(&item) {
                present += 1;
                continue;
            }
            match free.next() {
                Some(slot) => {
                    after.insert(item, Held { slot, added: entry.added });
                    new.push((slot, entry));
                }
                None => missing += 1,
            }
        }
        if missing > 0 {
            let more = new.len() + missing;
            return Err(full(&self.name, before.len() as u64, self.max, more));
        }
        let undo = Undo::Service(new.iter().map(|(_, entry)| entry.item).collect());
        let added = Added { new: new.len(), present, undo };
        if carry == Carry::Dry {
            return Ok(added);
        }
        for (slot, entry) in new {
            self.set_hits(slot, [entry.packets, entry.bytes])?;
        }
        self.change(&before, &after, dirty)?;
        Ok(added)
    }

    /// Deletes items; the answer names those that were not there.
    pub fn remove(&self, items: &[Item]) -> Outcome<Vec<Item>> {
        let (before, dirty) = self.read()?;
        let mut after = before.clone();
        let mut absent = Vec::new();
        for item in items {
            if after.remove(&service_of(item)?).is_none() {
                absent.push(*item);
            }
        }
        self.change(&before, &after, dirty)?;
        Ok(absent)
    }

    /// Deletes every item, and tells how many there were.
    pub fn clear(&self) -> Outcome<usize> {
        let (before, dirty) = self.read()?;
        self.change(&before, &Items::new(), dirty)?;
        Ok(before.len())
    }

    /// The narrowest item that covers all of `item`.
    pub fn covering(&self, item: &Item) -> Outcome<Option<Entry>> {
        let wanted = service_of(item)?;
        let (items, _) = self.read()?;
        let covers = |have: &Service| {
            let transport =
                have.transport == wanted.transport || have.transport.covers(wanted.transport);
            let (first, last) = (wanted.ports.first(), wanted.ports.last());
            transport && have.ports.contains(first) && have.ports.contains(last)
        };
        let found = items
            .into_iter()
            .filter(|(have, _)| covers(have))
            .min_by_key(|(have, _)| (layout::width(have), *have));
        found.map(|(have, held)| self.entry(have, held)).transpose()
    }

    /// Writes the items and the cells of the table that differ.
    fn change(&self, before: &Items, after: &Items, dirty: bool) -> Outcome {
        self.items.insert(&0, &[DIRTY, 0], Insert::Any)?;
        for (item, held) in before {
            if !after.contains_key(item) {
                self.items.insert(&u32::from(held.slot), &[0, 0], Insert::Any)?;
            }
        }
        for (item, held) in after {
            if !before.contains_key(item) {
                let value = [layout::encode(item), held.added];
                self.items.insert(&u32::from(held.slot), &value, Insert::Any)?;
            }
        }
        let (old, new) = (paint(before), paint(after));
        for (port, (old, new)) in (0..).zip(old.iter().zip(&new)) {
            if dirty || old != new {
                self.table.insert(&port, new, Insert::Any)?;
            }
        }
        Ok(self.items.insert(&0, &[0, 0], Insert::Any)?)
    }

    fn set_hits(&self, slot: u16, hits: [u64; 2]) -> Outcome {
        let values =
            PerCpu::first(hits, [0; 2]).map_err(|error| Failure::refused(error.to_string()))?;
        Ok(self.hits.set(&u32::from(slot), &values, Insert::Any)?)
    }
}

fn paint(items: &Items) -> Vec<u64> {
    let items: Vec<(u16, Service)> = items.iter().map(|(item, held)| (held.slot, *item)).collect();
    layout::paint(&items)
}

/// Slots that no item has, the lowest first.
fn free_slots(items: &Items, max: u32) -> impl Iterator<Item = u16> {
    let mut used: Vec<u16> = items.values().map(|held| held.slot).collect();
    used.sort_unstable();
    let last = u16::try_from(max).unwrap_or(u16::MAX);
    (1..=last).filter(move |slot| used.binary_search(slot).is_err())
}
