//! A part of a set's entries, whatever holds them; sets that are hashes.

use std::thread;

use palisade_filter::structure::flat::NoRoom;
use palisade_filter::structure::host;
use palisade_filter::value::{Mac, Prefix, in_order};
use palisade_filter::{ByteOrder, Item};
use palisade_loader::{Map, MapError, MapHandle, Wire};

use super::difference::Changed;
use super::held::Held;

/// How many entries go to the kernel in one call.
const BATCH: usize = 16384;
/// More threads than this would wait for each other.
const MOST_THREADS: usize = 4;

/// Why entries could not be read or written.
#[derive(Debug)]
pub enum TableError {
    /// The kernel refused.
    Map(MapError),
    /// The maps of the set are too small; larger ones would do.
    Room(NoRoom),
}

impl From<MapError> for TableError {
    fn from(error: MapError) -> Self {
        Self::Map(error)
    }
}

impl From<NoRoom> for TableError {
    fn from(none: NoRoom) -> Self {
        Self::Room(none)
    }
}

/// Entries by items.
pub trait Table: Send + Sync {
    /// The value of that very item.
    fn get(&self, item: &Item) -> Result<Option<Held>, TableError>;

    /// What a look-up finds: among prefixes, the value of the longest that holds the item.
    fn find(&self, item: &Item) -> Result<Option<Held>, TableError>;

    /// Shows every entry, in any order. While another one edits, it may hand out an entry twice.
    fn scan(&self, visit: &mut dyn FnMut(Item, Held)) -> Result<(), TableError>;

    /// All entries, in order, each once.
    fn all(&self) -> Result<Vec<(Item, Held)>, TableError> {
        let mut all = Vec::new();
        self.scan(&mut |item, held| all.push((item, held)))?;
        Ok(in_order(all, |(item, _)| *item))
    }

    /// Writes entries, whether they are there or not.
    fn insert(&self, entries: &[(Item, Held)]) -> Result<(), TableError>;

    /// Gives entries that are there another value.
    fn change(&self, changed: &[Changed]) -> Result<(), TableError>;

    /// Deletes items, whether they are there or not.
    fn remove(&self, items: &[Item]) -> Result<(), TableError>;
}

/// The table of a map with Ethernet addresses as its keys.
pub fn macs(handle: MapHandle) -> Result<Box<dyn Table>, TableError> {
    Ok(Box::new(Hashed::<MacKey> { map: Map::new(handle)? }))
}

/// The table of a map with addresses as its keys.
pub fn hosts(handle: MapHandle) -> Result<Box<dyn Table>, TableError> {
    Ok(Box::new(Hashed::<HostKey> { map: Map::new(handle)? }))
}

/// How an item is the key of a hash.
trait Key: Wire + Send + Sync {
    /// The key of an item that the set can hold.
    fn of(item: &Item) -> Option<Self>;

    /// The item of a key; nothing where somebody has put something else there.
    fn item(&self) -> Option<Item>;
}

type MacKey = [u8; 6];
type HostKey = [u8; host::KEY_SIZE as usize];

impl Key for MacKey {
    fn of(item: &Item) -> Option<Self> {
        match item {
            Item::Mac(mac) => Some(mac.0),
            Item::Net(_) | Item::Service(_) => None,
        }
    }

    fn item(&self) -> Option<Item> {
        Some(Item::Mac(Mac(*self)))
    }
}

impl Key for HostKey {
    fn of(item: &Item) -> Option<Self> {
        match item {
            Item::Net(prefix) if prefix.is_host() => {
                Some(host::key(prefix.addr(), ByteOrder::HOST))
            }
            Item::Net(_) | Item::Mac(_) | Item::Service(_) => None,
        }
    }

    fn item(&self) -> Option<Item> {
        host::address(self, ByteOrder::HOST).map(|addr| Item::Net(Prefix::host(addr)))
    }
}

/// A set that is a hash.
struct Hashed<K: Key> {
    map: Map<K, Held>,
}

impl<K: Key> Table for Hashed<K> {
    fn get(&self, item: &Item) -> Result<Option<Held>, TableError> {
        let Some(key) = K::of(item) else { return Ok(None) };
        Ok(self.map.get(&key)?)
    }

    fn find(&self, item: &Item) -> Result<Option<Held>, TableError> {
        self.get(item)
    }

    fn scan(&self, visit: &mut dyn FnMut(Item, Held)) -> Result<(), TableError> {
        for pair in self.map.iter() {
            let (key, held) = pair?;
            if let Some(item) = key.item() {
                visit(item, held);
            }
        }
        Ok(())
    }

    /// Many entries go in from several threads: most of the time is the kernel's.
    fn insert(&self, entries: &[(Item, Held)]) -> Result<(), TableError> {
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

    /// A new value takes the place of the old one whole: packets that hit it between the reading
    /// and the writing are not counted in it.
    fn change(&self, changed: &[Changed]) -> Result<(), TableError> {
        let behind: Vec<_> = changed.iter().map(|changed| (changed.item, changed.new)).collect();
        self.insert(&behind)
    }

    fn remove(&self, items: &[Item]) -> Result<(), TableError> {
        for batch in items.chunks(BATCH) {
            let keys: Vec<_> = batch.iter().filter_map(K::of).collect();
            self.map.remove_batch(&keys).map_err(|stopped| stopped.error)?;
        }
        Ok(())
    }
}

impl<K: Key> Hashed<K> {
    fn insert_in_batches(&self, entries: &[(Item, Held)]) -> Result<(), TableError> {
        for batch in entries.chunks(BATCH) {
            let pairs = batch.iter().filter_map(|(item, held)| Some((K::of(item)?, *held)));
            let (keys, values): (Vec<_>, Vec<Held>) = pairs.unzip();
            self.map.insert_batch(&keys, &values).map_err(|stopped| stopped.error)?;
        }
        Ok(())
    }
}
