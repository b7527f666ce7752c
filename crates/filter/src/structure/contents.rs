//! What the maps of a set hold when it has certain entries.
//!
//! For whoever fills maps that no program runs on yet: everything is worked out at once, and no
//! order of writing is kept. An editor of a set in force has more to mind.

use std::collections::BTreeMap;

use super::flat::{self, Flat, Need, NoRoom, Owned, Part, Room, Value};
use super::service::{self, Placed};
use super::{Fill, NetPart, Origin, Stamp};
use crate::ByteOrder;
use crate::policy::{EntryCounters, Set};
use crate::value::{Item, Mac, Prefix, Service, SetKind};

/// The entries of a set, and when each ends: a time of `CLOCK_MONOTONIC` in nanoseconds, 0 for
/// never.
#[derive(Clone, Debug)]
pub struct Contents {
    set: Set,
    entries: BTreeMap<Item, u64>,
    /// The places of the entries in their order, from 1 on.
    places: BTreeMap<Item, u32>,
}

/// A value to be written into one of the maps of a set.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Write {
    /// The place of the map in [`super::maps`].
    pub map: usize,
    /// The key.
    pub key: Vec<u8>,
    /// The value; where each CPU has its own, that of one.
    pub value: Vec<u8>,
}

/// Why a set does not take an entry.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotTaken {
    /// The item is of another kind.
    #[error("`{item}` is no item of a {} set", kind.word())]
    Kind {
        /// The item.
        item: Item,
        /// The kind of the set.
        kind: SetKind,
    },
    /// There would be too many.
    #[error("set `{set}` takes {max} entries, and there would be {entries}")]
    Full {
        /// The set.
        set: String,
        /// How many it takes.
        max: u32,
        /// How many there would be.
        entries: usize,
    },
}

impl Contents {
    /// A set without entries.
    pub fn new(set: &Set) -> Self {
        Self { set: set.clone(), entries: BTreeMap::new(), places: BTreeMap::new() }
    }

    /// Adds entries; one that is there gets the new time. The error leaves the set as it was.
    pub fn insert(&mut self, more: impl IntoIterator<Item = (Item, u64)>) -> Result<(), NotTaken> {
        let (kind, more) = (self.set.kind, BTreeMap::from_iter(more));
        if let Some(item) = more.keys().find(|item| !kind.takes(item)) {
            return Err(NotTaken::Kind { item: *item, kind });
        }
        let new = more.keys().filter(|item| !self.entries.contains_key(item)).count();
        let (entries, max) = (self.entries.len() + new, self.set.max);
        if entries > usize::try_from(max).unwrap_or(usize::MAX) {
            return Err(NotTaken::Full { set: self.set.name.to_string(), max, entries });
        }
        self.entries.extend(more);
        self.places = self.entries.keys().copied().zip(1..).collect();
        Ok(())
    }

    /// The entries in order, and when they end.
    pub fn entries(&self) -> impl Iterator<Item = (&Item, u64)> {
        self.entries.iter().map(|(item, ends)| (item, *ends))
    }

    /// Whether an entry is there.
    pub fn has(&self, item: &Item) -> bool {
        self.entries.contains_key(item)
    }

    /// Everything that the set's maps hold, all counters at zero. What it leaves out is zero.
    pub fn writes(&self, order: ByteOrder) -> Result<Vec<Write>, NoRoom> {
        Ok(match self.set.kind {
            SetKind::Net => self.net(order)?,
            SetKind::Service => self.services(order),
            SetKind::Mac => self.hashed(mac, order),
            SetKind::Host => self.hashed(|entry| host(entry, order), order),
        })
    }

    /// The room that the maps of a `net` set have for this, on one CPU.
    pub fn room(&self) -> Room {
        let need = Need::of(self.prefixes().map(|(prefix, _)| prefix));
        Room::holding(need, self.set.max, self.set.counters, 1)
    }

    /// How many elements the maps of the set have, each by its place, where that follows from what it
    /// holds.
    pub fn sizes(&self) -> Vec<(usize, u32)> {
        let (net, room) = (self.set.kind == SetKind::Net, self.room());
        let maps = if net { super::net_maps(&self.set, room) } else { Vec::new() };
        maps.iter().enumerate().map(|(at, map)| (at, map.max_entries)).collect()
    }

    /// Under which key of which of the set's maps the counters of an entry begin; `None` where it is
    /// not there or not counted.
    pub fn counters(&self, item: &Item, order: ByteOrder) -> Option<(usize, Vec<u8>)> {
        self.entries.get(item)?;
        Some(match item {
            Item::Net(prefix) if self.set.kind == SetKind::Host => {
                (0, super::host::key(prefix.addr(), order).to_vec())
            }
            Item::Net(_) => {
                if self.set.counters == EntryCounters::Off {
                    return None;
                }
                // Entries are put in in their order.
                (Part::Hits.index(), order.bytes32(*self.places.get(item)?).to_vec())
            }
            Item::Mac(Mac(addr)) => (0, addr.to_vec()),
            Item::Service(_) => (2, order.bytes32(self.slot(item)?.into()).to_vec()),
        })
    }

    fn prefixes(&self) -> impl Iterator<Item = (&Prefix, u64)> {
        self.entries.iter().filter_map(|(item, ends)| match item {
            Item::Net(prefix) => Some((prefix, *ends)),
            Item::Service(_) | Item::Mac(_) => None,
        })
    }

    fn net(&self, order: ByteOrder) -> Result<Vec<Write>, NoRoom> {
        let room = self.room();
        let flat = Flat::create(Owned::new(room), room, self.set.max, 0);
        let mut fill = Fill { timeout: self.set.timeout, ..Fill::default() };
        let all: Vec<(Prefix, u64)> = self.prefixes().map(|(p, ends)| (*p, ends)).collect();
        let value = |len: u8, ends| Value { hits: [0, 0], stamp: stamp(len), ends };
        flat.fill(&all, |(prefix, ends)| (*prefix, value(prefix.len(), *ends)))?;
        for (prefix, ends) in &all {
            let part = NetPart::of(prefix).index();
            fill.entries[part] += 1;
            fill.timed[part] += u64::from(*ends != 0);
        }
        fill.store(flat.cells());
        let parts = Part::ALL.into_iter().take(self.sizes().len());
        let writes = parts.flat_map(|part| {
            let words: Vec<u64> = flat.cells().words(part).collect();
            let mut writes = Vec::new();
            for (at, element) in (0u32..).zip(words.chunks(part.element_words())) {
                if element.iter().any(|word| *word != 0) {
                    let value = element.iter().flat_map(|word| order.bytes64(*word)).collect();
                    writes.push(Write {
                        map: part.index(),
                        key: order.bytes32(at).to_vec(),
                        value,
                    });
                }
            }
            writes
        });
        Ok(writes.collect())
    }

    /// The entries of a set that is a hash, by what their keys are.
    fn hashed<const N: usize>(
        &self,
        key: impl Fn((&Item, &u64)) -> Option<([u8; N], u64)>,
        order: ByteOrder,
    ) -> Vec<Write> {
        let all: Vec<([u8; N], u64)> = self.entries.iter().filter_map(key).collect();
        let mut writes = vec![self.fill(1, [&all], order)];
        writes.extend(all.into_iter().map(|(key, ends)| Write {
            map: 0,
            key: key.to_vec(),
            value: entry(0, ends, ends, order),
        }));
        writes
    }

    fn services(&self, order: ByteOrder) -> Vec<Write> {
        let placed: Vec<Placed> = (1..)
            .zip(self.entries.iter().filter_map(service))
            .map(|(slot, (item, until))| Placed { slot, item, until })
            .collect();
        let key = |number: u32| order.bytes32(number).to_vec();
        let mut writes = vec![self.fill::<(), 0>(3, [], order)];
        for Placed { slot, item, until } in &placed {
            let words = [service::encode(item), stamp(0), *until];
            let value = words.map(|word| order.bytes64(word)).concat();
            writes.push(Write { map: 1, key: key((*slot).into()), value });
            writes.push(Write { map: 2, key: key((*slot).into()), value: vec![0; 16] });
        }
        for (port, cell) in (0u32..).zip(service::paint(&placed)).filter(|(_, cell)| *cell != 0) {
            writes.push(Write { map: 0, key: key(port), value: order.bytes64(cell).to_vec() });
        }
        writes
    }

    /// The slot of a service: they are given in the order of the items.
    fn slot(&self, item: &Item) -> Option<u16> {
        u16::try_from(*self.places.get(item)?).ok()
    }

    /// The fill of a set with these entries in its parts, the map `at`.
    fn fill<T, const N: usize>(
        &self,
        at: usize,
        parts: [&Vec<(T, u64)>; N],
        order: ByteOrder,
    ) -> Write {
        let mut fill = Fill { timeout: self.set.timeout, ..Fill::default() };
        for ((entries, timed), part) in fill.entries.iter_mut().zip(&mut fill.timed).zip(parts) {
            *entries = part.len() as u64;
            *timed = part.iter().filter(|(_, ends)| *ends != 0).count() as u64;
        }
        let mut value = fill.words().map(|word| order.bytes64(word)).concat();
        value.resize(flat::HEAD_WORDS * 8, 0);
        Write { map: at, key: vec![0; 4], value }
    }
}

fn mac((item, ends): (&Item, &u64)) -> Option<([u8; 6], u64)> {
    match item {
        Item::Mac(Mac(addr)) => Some((*addr, *ends)),
        Item::Net(_) | Item::Service(_) => None,
    }
}

fn host(
    (item, ends): (&Item, &u64),
    order: ByteOrder,
) -> Option<([u8; super::host::KEY_SIZE as usize], u64)> {
    match item {
        Item::Net(prefix) => Some((super::host::key(prefix.addr(), order), *ends)),
        Item::Service(_) | Item::Mac(_) => None,
    }
}

fn service((item, ends): (&Item, &u64)) -> Option<(Service, u64)> {
    match item {
        Item::Service(service) => Some((*service, *ends)),
        Item::Net(_) | Item::Mac(_) => None,
    }
}

/// The value of an entry that nothing has hit yet.
fn entry(len: u8, until: u64, ends: u64, order: ByteOrder) -> Vec<u8> {
    [0, 0, stamp(len), until, ends].map(|word| order.bytes64(word)).concat()
}

/// What an entry says of itself that was put in at no time in particular.
fn stamp(len: u8) -> u64 {
    Stamp { len, origin: Origin::Declared, added: 0 }.word()
}
