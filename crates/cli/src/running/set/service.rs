//! A `service` set: its items, the table painted from them, and their counters.
//!
//! The items are marked dirty while an edit is under way. An editor that finds the mark knows that
//! one before it was cut short, and writes the whole table. Items past their time go with the next
//! edit, before it uses their slots: a cell may still name one.

use std::collections::BTreeMap;

use palisade_asm::MapDecl;
use palisade_filter::structure::service::{self as layout, DIRTY, Placed};
use palisade_filter::structure::{Origin, Stamp, fill_map};
use palisade_filter::value::Service;
use palisade_filter::{Item, SetKind};
use palisade_loader::{Insert, Map, MapHandle, PerCpu, PerCpuMap, PinDir};

use super::ledger::Ledger;
use super::{Change, End, Entry, Now, Work, full};
use crate::failure::{Failure, Outcome};

/// An open `service` set.
pub struct ServiceSet {
    name: String,
    max: u32,
    table: Map<u32, u64>,
    items: Map<u32, [u64; 3]>,
    hits: PerCpuMap<u32, [u64; 2]>,
    ledger: Ledger,
}

/// An item in its slot.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Slot {
    slot: u16,
    stamp: Stamp,
    ends: End,
}

/// The items of a set.
type Items = BTreeMap<Service, Slot>;

/// An edit of such a set.
pub struct Edit {
    /// Everything that was there, what is past among it.
    found: Items,
    /// What was there and is not past.
    before: Items,
    /// What goes out in a step of its own, because what comes in needs the slots.
    yielding: Vec<Service>,
    /// What there is to be.
    after: Items,
    /// The counters that new items begin with.
    hits: Vec<(u16, [u64; 2])>,
    /// Whether an edit before this one was cut short.
    dirty: bool,
}

fn service_of(item: &Item) -> Outcome<Service> {
    match item {
        Item::Service(service) => Ok(*service),
        Item::Net(_) | Item::Mac(_) => {
            Err(Failure::usage(format!("`{item}` is no item of a {} set", SetKind::Service.word())))
        }
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
            ledger: Ledger::of(map(&fill_map(name))?, max)?,
        })
    }

    /// The most items it takes.
    pub fn max(&self) -> u32 {
        self.max
    }

    /// Its fill, of which it uses the timeout alone.
    pub fn ledger(&self) -> &Ledger {
        &self.ledger
    }

    /// Its maps.
    pub fn handles(&self) -> Vec<&MapHandle> {
        vec![self.table.handle(), self.items.handle(), self.hits.handle(), self.ledger.handle()]
    }

    /// How many items it has.
    pub fn len(&self) -> Outcome<u64> {
        Ok(alive(&self.read()?.0, Now::read()?).len() as u64)
    }

    /// The items, and whether an edit was cut short.
    fn read(&self) -> Outcome<(Items, bool)> {
        let mut items = Items::new();
        let mut dirty = false;
        for pair in self.items.iter() {
            let (slot, [code, stamp, until]) = pair?;
            let Ok(slot) = u16::try_from(slot) else { continue };
            if slot == 0 {
                dirty = code == DIRTY;
            } else if let Some(item) = layout::decode(code) {
                let (stamp, ends) = (Stamp::of(stamp), End::of(until));
                items.insert(item, Slot { slot, stamp, ends });
            }
        }
        Ok((items, dirty))
    }

    fn entry(&self, item: Service, held: Slot) -> Outcome<Entry> {
        let hits = self.hits.get(&u32::from(held.slot))?;
        let [packets, bytes] = hits.map(|h| h.sum()).unwrap_or_default();
        let Stamp { added, origin, .. } = held.stamp;
        Ok(Entry { item: Item::Service(item), packets, bytes, added, ends: held.ends, origin })
    }

    /// All entries, in order.
    pub fn entries(&self) -> Outcome<Vec<Entry>> {
        let items = alive(&self.read()?.0, Now::read()?);
        items.into_iter().map(|(item, held)| self.entry(item, held)).collect()
    }

    /// Works out what it takes to add and to delete; what is in both is a mistake of the caller.
    pub fn plan(&self, add: impl IntoIterator<Item = Entry>, delete: &[Item]) -> Outcome<Change> {
        let (found, dirty) = self.read()?;
        let before = alive(&found, Now::read()?);
        let mut after = before.clone();
        let (mut deleted, mut absent) = (Vec::new(), Vec::new());
        for item in delete {
            match after.remove(&service_of(item)?) {
                Some(held) => deleted.push((service_of(item)?, held.slot)),
                None => absent.push(*item),
            }
        }
        let (mut hits, mut all, mut retimed, mut missing) = (Vec::new(), 0, 0, 0);
        let unused = free_slots(&before, self.max).count();
        let given_up: Vec<u16> = deleted.iter().map(|(_, slot)| *slot).collect();
        let mut free = free_slots(&before, self.max).chain(given_up);
        for entry in add {
            all += 1;
            let item = service_of(&entry.item)?;
            let stamp = Stamp { len: 0, origin: entry.origin, added: entry.added };
            match after.get_mut(&item) {
                Some(held) => {
                    // What somebody adds is no more the policy's own.
                    if entry.origin == Origin::Added {
                        held.stamp.origin = Origin::Added;
                    }
                    if !held.ends.is_about(entry.ends) {
                        held.ends = entry.ends;
                        retimed += 1;
                    }
                }
                None => match free.next() {
                    Some(slot) => {
                        after.insert(item, Slot { slot, stamp, ends: entry.ends });
                        hits.push((slot, [entry.packets, entry.bytes]));
                    }
                    None => missing += 1,
                },
            }
        }
        let new = hits.len();
        if missing > 0 {
            let kept = before.len() - deleted.len();
            return Err(full(&self.name, kept as u64, self.max, new + missing));
        }
        let mut yielding = Vec::new();
        if new > unused {
            yielding.extend(deleted.iter().map(|(item, _)| *item));
        }
        let timeout = self.ledger.read()?.timeout;
        let edit = Edit { found, before, yielding, after, hits, dirty };
        Ok(Change { new, present: all - new, retimed, absent, timeout, work: Work::Services(edit) })
    }

    /// Makes the change.
    pub fn carry_out(&self, edit: &Edit) -> Outcome {
        let Edit { found, before, yielding, after, hits, dirty } = edit;
        let mut kept = before.clone();
        kept.retain(|item, _| !yielding.contains(item));
        // A cell names the slot of an item until the table is painted without it.
        if found.len() > kept.len() {
            self.write(found, &kept, *dirty)?;
        }
        for (slot, hits) in hits {
            self.set_hits(*slot, *hits)?;
        }
        self.write(&kept, after, *dirty)
    }

    /// Puts back what was changed. What cannot be put back is listed as it is: whoever takes
    /// something back has a failure to report already.
    pub fn take_back(&self, edit: &Edit) {
        let _ = self.write(&edit.after, &edit.before, true);
    }

    /// Deletes every item, and tells how many there were.
    pub fn clear(&self) -> Outcome<usize> {
        let (found, dirty) = self.read()?;
        self.write(&found, &Items::new(), dirty)?;
        Ok(alive(&found, Now::read()?).len())
    }

    /// Of the items that cover all of `item`, the one that has its ports.
    pub fn covering(&self, item: &Item) -> Outcome<Option<Entry>> {
        let wanted = service_of(item)?;
        let covers = |have: &Service| {
            let transport =
                have.transport == wanted.transport || have.transport.covers(wanted.transport);
            let (first, last) = (wanted.ports.first(), wanted.ports.last());
            transport && have.ports.contains(first) && have.ports.contains(last)
        };
        let items = alive(&self.read()?.0, Now::read()?);
        let found = items.into_iter().filter(|(have, _)| covers(have));
        let found = found.max_by(|a, b| placed(&a.0, &a.1).precedence(&placed(&b.0, &b.1)));
        found.map(|(have, held)| self.entry(have, held)).transpose()
    }

    /// Writes the items and the cells of the table that differ.
    fn write(&self, before: &Items, after: &Items, dirty: bool) -> Outcome {
        self.items.insert(&0, &[DIRTY, 0, 0], Insert::Any)?;
        for (item, held) in before {
            if !after.contains_key(item) {
                self.items.insert(&u32::from(held.slot), &[0; 3], Insert::Any)?;
            }
        }
        for (item, held) in after {
            if before.get(item) != Some(held) {
                let value = [layout::encode(item), held.stamp.word(), held.ends.word()];
                self.items.insert(&u32::from(held.slot), &value, Insert::Any)?;
            }
        }
        let (old, new) = (paint(before), paint(after));
        for (port, (old, new)) in (0..).zip(old.iter().zip(&new)) {
            if dirty || old != new {
                self.table.insert(&port, new, Insert::Any)?;
            }
        }
        Ok(self.items.insert(&0, &[0; 3], Insert::Any)?)
    }

    fn set_hits(&self, slot: u16, hits: [u64; 2]) -> Outcome {
        let values =
            PerCpu::first(hits, [0; 2]).map_err(|error| Failure::refused(error.to_string()))?;
        Ok(self.hits.set(&u32::from(slot), &values, Insert::Any)?)
    }
}

impl Edit {
    /// Whether an item is new.
    pub fn makes(&self, item: &Item) -> bool {
        service_of(item).is_ok_and(|service| {
            self.after.contains_key(&service) && !self.before.contains_key(&service)
        })
    }

    /// Whether an item that is there gets another time.
    pub fn retimes(&self, item: &Item) -> bool {
        let ends = |items: &Items, item: &Service| items.get(item).map(|held| held.ends);
        service_of(item).is_ok_and(|service| {
            let (before, after) = (ends(&self.before, &service), ends(&self.after, &service));
            before.is_some() && after.is_some() && before != after
        })
    }
}

/// The items whose time is not past.
fn alive(items: &Items, now: Now) -> Items {
    let alive = items.iter().filter(|(_, held)| !now.is_past(held.ends));
    alive.map(|(item, held)| (*item, *held)).collect()
}

fn placed(item: &Service, held: &Slot) -> Placed {
    Placed { slot: held.slot, item: *item, until: held.ends.word() }
}

fn paint(items: &Items) -> Vec<u64> {
    let items: Vec<Placed> = items.iter().map(|(item, held)| placed(item, held)).collect();
    layout::paint(&items)
}

/// Slots that no item has, the lowest first.
fn free_slots(items: &Items, max: u32) -> impl Iterator<Item = u16> + use<> {
    let mut used: Vec<u16> = items.values().map(|held| held.slot).collect();
    used.sort_unstable();
    let last = u16::try_from(max).unwrap_or(u16::MAX);
    (1..=last).filter(move |slot| used.binary_search(slot).is_err())
}
