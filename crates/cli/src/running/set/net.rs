//! A `net` set: four maps of entries and the counts of them.
//!
//! The counts are an upper bound at every instant, for the program skips what they say is empty:
//! they are raised before entries go in and lowered after entries are out. What a killed editor
//! leaves too high is put right when it would matter, before a set is called full.

use std::net::IpAddr;
use std::thread;

use palisade_asm::MapDecl;
use palisade_filter::Item;
use palisade_filter::structure::{self, NetPart};
use palisade_filter::value::Prefix;
use palisade_loader::{Insert, LpmKey, Map, MapError, MapHandle, Wire};

use super::{Added, Carry, Entry, Undo, full};
use crate::failure::{Failure, Outcome};

/// Packets, bytes, stamp.
type Value = [u64; 3];

/// How many entries go to the kernel in one call.
const BATCH: usize = 16384;
/// More threads than this would wait for each other.
const MOST_THREADS: usize = 4;

/// An open `net` set.
pub struct NetSet {
    name: String,
    max: u32,
    hosts4: Map<[u8; 4], Value>,
    hosts6: Map<[u8; 16], Value>,
    nets4: Map<LpmKey<4>, Value>,
    nets6: Map<LpmKey<16>, Value>,
    fill: Map<u32, [u64; 4]>,
}

/// Entries by the map they belong to.
#[derive(Default)]
pub struct Sorted {
    hosts4: Vec<([u8; 4], Value)>,
    hosts6: Vec<([u8; 16], Value)>,
    nets4: Vec<(LpmKey<4>, Value)>,
    nets6: Vec<(LpmKey<16>, Value)>,
}

/// A key of one of the four maps.
enum Key {
    Host4([u8; 4]),
    Host6([u8; 16]),
    Net4(LpmKey<4>),
    Net6(LpmKey<16>),
}

impl Key {
    fn of(prefix: &Prefix) -> Self {
        let prefix_len = u32::from(prefix.len());
        match (prefix.addr(), prefix.is_host()) {
            (IpAddr::V4(a), true) => Self::Host4(a.octets()),
            (IpAddr::V6(a), true) => Self::Host6(a.octets()),
            (IpAddr::V4(a), false) => Self::Net4(LpmKey { prefix_len, addr: a.octets() }),
            (IpAddr::V6(a), false) => Self::Net6(LpmKey { prefix_len, addr: a.octets() }),
        }
    }
}

fn prefix_of(item: &Item) -> Outcome<Prefix> {
    match item {
        Item::Net(prefix) => Ok(*prefix),
        Item::Service(_) => Err(Failure::usage(format!(
            "`{item}` is a service; this set holds addresses and prefixes"
        ))),
    }
}

fn entry(prefix: Prefix, [packets, bytes, stamp]: Value) -> Entry {
    Entry { item: Item::Net(prefix), packets, bytes, added: structure::unstamp(stamp).1 }
}

impl NetSet {
    /// The set of these maps, each from its declaration.
    pub fn of(name: &str, max: u32, map: impl Fn(&MapDecl) -> Outcome<MapHandle>) -> Outcome<Self> {
        let part = |part: NetPart| map(&part.map(name, max));
        Ok(Self {
            name: name.to_owned(),
            max,
            hosts4: Map::new(part(NetPart::Host4)?)?,
            hosts6: Map::new(part(NetPart::Host6)?)?,
            nets4: Map::new(part(NetPart::Net4)?)?,
            nets6: Map::new(part(NetPart::Net6)?)?,
            fill: Map::new(map(&structure::fill_map(name))?)?,
        })
    }

    /// The most entries it takes.
    pub fn max(&self) -> u32 {
        self.max
    }

    /// Its maps.
    pub fn handles(&self) -> Vec<&MapHandle> {
        vec![
            self.hosts4.handle(),
            self.hosts6.handle(),
            self.nets4.handle(),
            self.nets6.handle(),
            self.fill.handle(),
        ]
    }

    /// How many entries it has.
    pub fn len(&self) -> Outcome<u64> {
        Ok(self.counts()?.iter().sum())
    }

    fn counts(&self) -> Outcome<[u64; 4]> {
        // Whoever may edit the set may have written anything there.
        let counts = self.fill.get(&0)?.unwrap_or_default();
        Ok(counts.map(|count| count.min(self.max.into())))
    }

    fn set_counts(&self, counts: [u64; 4]) -> Outcome {
        Ok(self.fill.insert(&0, &counts, Insert::Any)?)
    }

    /// Counts the entries themselves.
    fn recount(&self) -> Outcome<[u64; 4]> {
        let counts = [
            keys(&self.hosts4)?.len() as u64,
            keys(&self.hosts6)?.len() as u64,
            keys(&self.nets4)?.len() as u64,
            keys(&self.nets6)?.len() as u64,
        ];
        self.set_counts(counts)?;
        Ok(counts)
    }

    /// All entries, in order.
    pub fn entries(&self) -> Outcome<Vec<Entry>> {
        let mut all = Vec::with_capacity(usize::try_from(self.len()?).unwrap_or(0));
        for pair in self.hosts4.iter() {
            let (key, value) = pair?;
            all.push(entry(Prefix::host(IpAddr::from(key)), value));
        }
        for pair in self.hosts6.iter() {
            let (key, value) = pair?;
            all.push(entry(Prefix::host(IpAddr::from(key)), value));
        }
        for pair in self.nets4.iter() {
            let (key, value) = pair?;
            all.extend(prefix(key.addr, key.prefix_len).map(|p| entry(p, value)));
        }
        for pair in self.nets6.iter() {
            let (key, value) = pair?;
            all.extend(prefix(key.addr, key.prefix_len).map(|p| entry(p, value)));
        }
        all.sort_unstable();
        // While another one edits, the kernel may hand out an entry twice.
        all.dedup_by_key(|entry| entry.item);
        Ok(all)
    }

    /// Adds entries: all, or none and an error.
    pub fn add(&self, entries: impl IntoIterator<Item = Entry>, carry: Carry) -> Outcome<Added> {
        let (mut sorted, all) = Sorted::of(entries)?;
        let before = self.counts()?;
        retain_new(&mut sorted.hosts4, &self.hosts4, before[0], |m, k| Ok(m.get(k)?.is_some()))?;
        retain_new(&mut sorted.hosts6, &self.hosts6, before[1], |m, k| Ok(m.get(k)?.is_some()))?;
        retain_new(&mut sorted.nets4, &self.nets4, before[2], has_prefix)?;
        retain_new(&mut sorted.nets6, &self.nets6, before[3], has_prefix)?;
        let more = sorted.lens();
        let new = more.iter().sum::<u64>();
        let before = self.room_for(before, new)?;
        let new = usize::try_from(new).unwrap_or(usize::MAX);
        if carry == Carry::Dry {
            return Ok(Added { new, present: all - new, undo: Undo::Net(sorted) });
        }
        let mut after = before;
        for (count, more) in after.iter_mut().zip(more) {
            *count += more;
        }
        self.set_counts(after)?;
        if let Err(error) = self.insert(&sorted) {
            self.take_back(&sorted);
            return Err(error.into());
        }
        Ok(Added { new, present: all - new, undo: Undo::Net(sorted) })
    }

    /// Takes out again what was, or may have been, put in.
    pub fn take_back(&self, new: &Sorted) {
        let _ = remove_all(&self.hosts4, &new.hosts4);
        let _ = remove_all(&self.hosts6, &new.hosts6);
        let _ = remove_all(&self.nets4, &new.nets4);
        let _ = remove_all(&self.nets6, &new.nets6);
        // The counts are an upper bound meanwhile.
        let _ = self.recount();
    }

    /// The counts, if `more` entries fit beside them.
    fn room_for(&self, counts: [u64; 4], more: u64) -> Outcome<[u64; 4]> {
        let fits = |counts: &[u64; 4]| counts.iter().sum::<u64>() + more <= u64::from(self.max);
        if fits(&counts) {
            return Ok(counts);
        }
        let counts = self.recount()?;
        if fits(&counts) {
            return Ok(counts);
        }
        let more = usize::try_from(more).unwrap_or(usize::MAX);
        Err(full(&self.name, counts.iter().sum(), self.max, more))
    }

    fn insert(&self, sorted: &Sorted) -> Result<(), MapError> {
        insert(&self.hosts4, &sorted.hosts4)?;
        insert(&self.hosts6, &sorted.hosts6)?;
        insert(&self.nets4, &sorted.nets4)?;
        insert(&self.nets6, &sorted.nets6)
    }

    /// Deletes items; the answer names those that were not there.
    pub fn remove(&self, items: &[Item]) -> Outcome<Vec<Item>> {
        let mut absent = Vec::new();
        let mut counts = self.counts()?;
        for item in items {
            let prefix = prefix_of(item)?;
            let there = match Key::of(&prefix) {
                Key::Host4(key) => self.hosts4.remove(&key)?,
                Key::Host6(key) => self.hosts6.remove(&key)?,
                Key::Net4(key) => self.nets4.remove(&key)?,
                Key::Net6(key) => self.nets6.remove(&key)?,
            };
            if there {
                let count = &mut counts[NetPart::of(&prefix).index()];
                *count = count.saturating_sub(1);
            } else {
                absent.push(*item);
            }
        }
        self.set_counts(counts)?;
        Ok(absent)
    }

    /// Deletes every entry, and tells how many there were.
    pub fn clear(&self) -> Outcome<usize> {
        let gone =
            clear(&self.hosts4)? + clear(&self.hosts6)? + clear(&self.nets4)? + clear(&self.nets6)?;
        self.set_counts([0; 4])?;
        Ok(gone)
    }

    /// The entry with the longest prefix that holds all of `item`.
    pub fn covering(&self, item: &Item) -> Outcome<Option<Entry>> {
        let wanted = prefix_of(item)?;
        let host = match Key::of(&wanted) {
            Key::Host4(key) => self.hosts4.get(&key)?,
            Key::Host6(key) => self.hosts6.get(&key)?,
            Key::Net4(_) | Key::Net6(_) => None,
        };
        if let Some(value) = host {
            return Ok(Some(entry(wanted, value)));
        }
        let prefix_len = u32::from(wanted.len());
        let value = match wanted.addr() {
            IpAddr::V4(a) => self.nets4.get(&LpmKey { prefix_len, addr: a.octets() })?,
            IpAddr::V6(a) => self.nets6.get(&LpmKey { prefix_len, addr: a.octets() })?,
        };
        Ok(value.and_then(|value| {
            let (len, _) = structure::unstamp(value[2]);
            Prefix::new(wanted.addr(), len).map(|p| entry(p, value))
        }))
    }
}

fn prefix<const N: usize>(addr: [u8; N], len: u32) -> Option<Prefix>
where
    IpAddr: From<[u8; N]>,
{
    Prefix::new(IpAddr::from(addr), u8::try_from(len).ok()?)
}

/// A trie answers with the longest prefix up to the key's length; its stamp tells whether that is
/// the key itself.
fn has_prefix<const N: usize>(
    map: &Map<LpmKey<N>, Value>,
    key: &LpmKey<N>,
) -> Result<bool, MapError> {
    let found = map.get(key)?;
    Ok(found.is_some_and(|value| u32::from(structure::unstamp(value[2]).0) == key.prefix_len))
}

fn keys<K: Wire, V: Wire>(map: &Map<K, V>) -> Result<Vec<K>, MapError> {
    map.iter().map(|pair| pair.map(|(key, _)| key)).collect()
}

/// Leaves the entries whose keys the map does not have yet. Few are asked for one by one; for many,
/// all keys of the map are read once.
fn retain_new<K: Wire + Ord + Copy>(
    entries: &mut Vec<(K, Value)>,
    map: &Map<K, Value>,
    count: u64,
    has: impl Fn(&Map<K, Value>, &K) -> Result<bool, MapError>,
) -> Outcome {
    if count == 0 || entries.is_empty() {
        return Ok(());
    }
    if entries.len() as u64 * 8 < count {
        let mut kept = Vec::with_capacity(entries.len());
        for entry in entries.iter() {
            if !has(map, &entry.0)? {
                kept.push(*entry);
            }
        }
        *entries = kept;
        return Ok(());
    }
    let mut there = keys(map)?;
    there.sort_unstable();
    entries.retain(|(key, _)| there.binary_search(key).is_err());
    Ok(())
}

/// Many entries go in from several threads: most of the time is the kernel's.
fn insert<K: Wire + Copy + Sync>(
    map: &Map<K, Value>,
    entries: &[(K, Value)],
) -> Result<(), MapError> {
    let threads = thread::available_parallelism().map_or(1, usize::from).min(MOST_THREADS);
    if entries.len() <= BATCH || threads == 1 {
        return insert_in_batches(map, entries);
    }
    thread::scope(|scope| {
        let parts = entries.chunks(entries.len().div_ceil(threads));
        let workers: Vec<_> =
            parts.map(|part| scope.spawn(|| insert_in_batches(map, part))).collect();
        // A thread that panics takes the process with it, as it would have alone.
        workers.into_iter().try_for_each(|worker| match worker.join() {
            Ok(done) => done,
            Err(panic) => std::panic::resume_unwind(panic),
        })
    })
}

fn insert_in_batches<K: Wire + Copy>(
    map: &Map<K, Value>,
    entries: &[(K, Value)],
) -> Result<(), MapError> {
    for batch in entries.chunks(BATCH) {
        let (keys, values): (Vec<K>, Vec<Value>) = batch.iter().copied().unzip();
        map.insert_batch(&keys, &values).map_err(|stopped| stopped.error)?;
    }
    Ok(())
}

fn clear<K: Wire>(map: &Map<K, Value>) -> Outcome<usize> {
    Ok(map.remove_batch(&keys(map)?)?)
}

impl Sorted {
    /// The entries by map, in order, each key once; and how many there were.
    fn of(entries: impl IntoIterator<Item = Entry>) -> Outcome<(Self, usize)> {
        let mut sorted = Self::default();
        let mut all = 0;
        for Entry { item, packets, bytes, added } in entries {
            all += 1;
            let prefix = prefix_of(&item)?;
            let value = [packets, bytes, structure::stamp(prefix.len(), added)];
            match Key::of(&prefix) {
                Key::Host4(key) => sorted.hosts4.push((key, value)),
                Key::Host6(key) => sorted.hosts6.push((key, value)),
                Key::Net4(key) => sorted.nets4.push((key, value)),
                Key::Net6(key) => sorted.nets6.push((key, value)),
            }
        }
        once(&mut sorted.hosts4);
        once(&mut sorted.hosts6);
        once(&mut sorted.nets4);
        once(&mut sorted.nets6);
        Ok((sorted, all))
    }

    /// Whether an entry is among them.
    pub fn contains(&self, prefix: &Prefix) -> bool {
        match Key::of(prefix) {
            Key::Host4(key) => has(&self.hosts4, &key),
            Key::Host6(key) => has(&self.hosts6, &key),
            Key::Net4(key) => has(&self.nets4, &key),
            Key::Net6(key) => has(&self.nets6, &key),
        }
    }

    fn lens(&self) -> [u64; 4] {
        [self.hosts4.len(), self.hosts6.len(), self.nets4.len(), self.nets6.len()].map(|n| n as u64)
    }
}

fn has<K: Ord>(sorted: &[(K, Value)], key: &K) -> bool {
    sorted.binary_search_by(|(have, _)| have.cmp(key)).is_ok()
}

fn once<K: Ord>(entries: &mut Vec<(K, Value)>) {
    entries.sort_by(|a, b| a.0.cmp(&b.0));
    entries.dedup_by(|a, b| a.0 == b.0);
}

fn remove_all<K: Wire + Copy>(map: &Map<K, Value>, entries: &[(K, Value)]) -> Result<(), MapError> {
    for (key, _) in entries {
        map.remove(key)?;
    }
    Ok(())
}
