//! One map of entries, whatever its keys are.

use std::net::IpAddr;
use std::thread;

use palisade_filter::Item;
use palisade_filter::structure::{octets4, octets6};
use palisade_filter::value::{Mac, Prefix};
use palisade_loader::{LpmKey, Map, MapError, MapHandle, Wire};

use super::held::Held;

/// How many entries go to the kernel in one call.
const BATCH: usize = 16384;
/// More threads than this would wait for each other.
const MOST_THREADS: usize = 4;

/// A map of entries by items.
pub trait Table: Send + Sync {
    /// The map.
    fn handle(&self) -> &MapHandle;

    /// The value of that very item.
    fn get(&self, item: &Item) -> Result<Option<Held>, MapError>;

    /// What the program finds: in a trie, the value of the longest prefix that holds the item.
    fn find(&self, item: &Item) -> Result<Option<Held>, MapError>;

    /// Shows every entry, in the kernel's order. While another one edits, it may hand out an entry
    /// twice.
    fn scan(&self, visit: &mut dyn FnMut(Item, Held)) -> Result<(), MapError>;

    /// All entries, in order, each once.
    fn all(&self) -> Result<Vec<(Item, Held)>, MapError> {
        let mut all = Vec::new();
        self.scan(&mut |item, held| all.push((item, held)))?;
        all.sort_unstable_by_key(|(item, _)| rank(item));
        all.dedup_by_key(|(item, _)| *item);
        Ok(all)
    }

    /// Writes entries, whether they are there or not.
    fn insert(&self, entries: &[(Item, Held)]) -> Result<(), MapError>;

    /// Deletes items, whether they are there or not.
    fn remove(&self, items: &[Item]) -> Result<(), MapError>;
}

/// The table of a map with keys of the type `K`.
pub fn table<K: Key + 'static>(handle: MapHandle) -> Result<Box<dyn Table>, MapError> {
    Ok(Box::new(Typed::<K> { map: Map::new(handle)? }))
}

/// What stands for an item in a map.
pub trait Key: Wire + Copy + Send + Sync {
    /// The key of an item; `None` if such keys stand for other items.
    fn of(item: &Item) -> Option<Self>;

    /// The item; `None` if the key stands for none.
    fn item(&self) -> Option<Item>;

    /// Whether what was found by this key is its own value.
    fn owns(&self, found: &Held) -> bool;
}

impl Key for [u8; 4] {
    fn of(item: &Item) -> Option<Self> {
        prefix_of(item).filter(Prefix::is_host).and_then(|prefix| octets4(&prefix))
    }

    fn item(&self) -> Option<Item> {
        Some(Item::Net(Prefix::host(IpAddr::from(*self))))
    }

    fn owns(&self, _: &Held) -> bool {
        true
    }
}

impl Key for [u8; 16] {
    fn of(item: &Item) -> Option<Self> {
        prefix_of(item).filter(Prefix::is_host).and_then(|prefix| octets6(&prefix))
    }

    fn item(&self) -> Option<Item> {
        Some(Item::Net(Prefix::host(IpAddr::from(*self))))
    }

    fn owns(&self, _: &Held) -> bool {
        true
    }
}

impl Key for [u8; 6] {
    fn of(item: &Item) -> Option<Self> {
        match item {
            Item::Mac(mac) => Some(mac.0),
            Item::Net(_) | Item::Service(_) => None,
        }
    }

    fn item(&self) -> Option<Item> {
        Some(Item::Mac(Mac(*self)))
    }

    fn owns(&self, _: &Held) -> bool {
        true
    }
}

impl Key for LpmKey<4> {
    fn of(item: &Item) -> Option<Self> {
        let prefix = prefix_of(item)?;
        Some(Self { prefix_len: prefix.len().into(), addr: octets4(&prefix)? })
    }

    fn item(&self) -> Option<Item> {
        network(self.addr, self.prefix_len)
    }

    fn owns(&self, found: &Held) -> bool {
        self.prefix_len == u32::from(found.stamp().len)
    }
}

impl Key for LpmKey<16> {
    fn of(item: &Item) -> Option<Self> {
        let prefix = prefix_of(item)?;
        Some(Self { prefix_len: prefix.len().into(), addr: octets6(&prefix)? })
    }

    fn item(&self) -> Option<Item> {
        network(self.addr, self.prefix_len)
    }

    fn owns(&self, found: &Held) -> bool {
        self.prefix_len == u32::from(found.stamp().len)
    }
}

fn prefix_of(item: &Item) -> Option<Prefix> {
    match item {
        Item::Net(prefix) => Some(*prefix),
        Item::Service(_) | Item::Mac(_) => None,
    }
}

fn network<const N: usize>(addr: [u8; N], len: u32) -> Option<Item>
where
    IpAddr: From<[u8; N]>,
{
    Prefix::new(IpAddr::from(addr), u8::try_from(len).ok()?).map(Item::Net)
}

/// The place of an item among those of its table, quicker to compare than the items are.
fn rank(item: &Item) -> (u128, u8) {
    match item {
        Item::Net(prefix) => match prefix.addr() {
            IpAddr::V4(addr) => (addr.to_bits().into(), prefix.len()),
            IpAddr::V6(addr) => (addr.to_bits(), prefix.len()),
        },
        Item::Mac(Mac([a, b, c, d, e, f])) => {
            (u64::from_be_bytes([0, 0, *a, *b, *c, *d, *e, *f]).into(), 0)
        }
        Item::Service(service) => (service.ports.first().into(), 0),
    }
}

struct Typed<K> {
    map: Map<K, Held>,
}

impl<K: Key> Table for Typed<K> {
    fn handle(&self) -> &MapHandle {
        self.map.handle()
    }

    fn get(&self, item: &Item) -> Result<Option<Held>, MapError> {
        let Some(key) = K::of(item) else { return Ok(None) };
        Ok(self.map.get(&key)?.filter(|found| key.owns(found)))
    }

    fn find(&self, item: &Item) -> Result<Option<Held>, MapError> {
        K::of(item).map_or(Ok(None), |key| self.map.get(&key))
    }

    fn scan(&self, visit: &mut dyn FnMut(Item, Held)) -> Result<(), MapError> {
        for pair in self.map.iter() {
            let (key, held) = pair?;
            if let Some(item) = key.item() {
                visit(item, held);
            }
        }
        Ok(())
    }

    /// Many entries go in from several threads: most of the time is the kernel's.
    fn insert(&self, entries: &[(Item, Held)]) -> Result<(), MapError> {
        let threads = thread::available_parallelism().map_or(1, usize::from).min(MOST_THREADS);
        if entries.len() <= BATCH || threads == 1 {
            return self.insert_in_batches(entries);
        }
        thread::scope(|scope| {
            let parts = entries.chunks(entries.len().div_ceil(threads));
            let workers: Vec<_> =
                parts.map(|part| scope.spawn(|| self.insert_in_batches(part))).collect();
            // A thread that panics takes the process with it, as it would have alone.
            workers.into_iter().try_for_each(|worker| match worker.join() {
                Ok(done) => done,
                Err(panic) => std::panic::resume_unwind(panic),
            })
        })
    }

    fn remove(&self, items: &[Item]) -> Result<(), MapError> {
        for batch in items.chunks(BATCH) {
            let keys: Vec<K> = batch.iter().filter_map(K::of).collect();
            self.map.remove_batch(&keys).map_err(|stopped| stopped.error)?;
        }
        Ok(())
    }
}

impl<K: Key> Typed<K> {
    fn insert_in_batches(&self, entries: &[(Item, Held)]) -> Result<(), MapError> {
        for batch in entries.chunks(BATCH) {
            let pairs = batch.iter().filter_map(|(item, held)| Some((K::of(item)?, *held)));
            let (keys, values): (Vec<K>, Vec<Held>) = pairs.unzip();
            self.map.insert_batch(&keys, &values).map_err(|stopped| stopped.error)?;
        }
        Ok(())
    }
}
