//! Hash tables: a value for each key that was put, up to a number of them; the LRU kind makes room
//! for a new key by forgetting the one that was used least lately.
//!
//! The kernel forgets by approximation, in batches and by CPU; here it is the exact rule.

use std::collections::{BTreeMap, HashMap};

use super::cells::Cells;
use super::refusal::{Insert, MapRefusal, Writer};

/// A hash table.
#[derive(Clone, Debug)]
pub(super) struct Hash {
    pub(super) cells: Cells,
    /// Where the value of a key is.
    places: HashMap<Box<[u8]>, usize>,
    /// Places whose key was deleted, the last one last.
    free: Vec<usize>,
    /// Places there are.
    made: usize,
    most: usize,
    uses: Option<Uses>,
}

/// When keys were used last.
#[derive(Clone, Debug, Default)]
struct Uses {
    clock: u64,
    by_time: BTreeMap<u64, Box<[u8]>>,
    /// By place.
    times: Vec<u64>,
}

/// What a full table does with a new key.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Full {
    Refuses,
    Forgets,
}

impl Hash {
    pub(super) fn new(size: usize, copies: usize, most: u32, full: Full) -> Self {
        Self {
            cells: Cells::new(size, copies),
            places: HashMap::new(),
            free: Vec::new(),
            made: 0,
            most: usize::try_from(most).unwrap_or(usize::MAX),
            uses: (full == Full::Forgets).then(Uses::default),
        }
    }

    /// The value of a key.
    #[inline]
    pub(super) fn find(&self, key: &[u8]) -> Option<usize> {
        self.places.get(key).copied()
    }

    /// The same for a program, which counts as a use.
    #[inline]
    pub(super) fn find_and_use(&mut self, key: &[u8]) -> Option<usize> {
        let at = self.find(key)?;
        if let Some(uses) = &mut self.uses {
            uses.again(at, key);
        }
        Some(at)
    }

    pub(super) fn put(
        &mut self,
        key: &[u8],
        value: &[u8],
        how: Insert,
        writer: Writer,
    ) -> Result<(), MapRefusal> {
        let at = match how.check(self.find(key))? {
            Some(at) => at,
            None => self.add(key)?,
        };
        if let Some(uses) = &mut self.uses {
            uses.again(at, key);
        }
        match writer {
            Writer::User => self.cells.put_all(at, value),
            Writer::Cpu(cpu) => self.cells.put_own(at, cpu, value),
        }
        Ok(())
    }

    /// A place for a new key, its value zero.
    fn add(&mut self, key: &[u8]) -> Result<usize, MapRefusal> {
        if self.places.len() >= self.most {
            let oldest = self.uses.as_ref().and_then(Uses::oldest).ok_or(MapRefusal::TooBig)?;
            self.delete(&oldest)?;
        }
        let at = self.free.pop().unwrap_or_else(|| {
            self.cells.grow(1);
            self.made += 1;
            self.made - 1
        });
        self.cells.zero(at);
        self.places.insert(key.into(), at);
        Ok(at)
    }

    pub(super) fn delete(&mut self, key: &[u8]) -> Result<(), MapRefusal> {
        let at = self.places.remove(key).ok_or(MapRefusal::Missing)?;
        if let Some(uses) = &mut self.uses {
            uses.forget(at);
        }
        self.free.push(at);
        Ok(())
    }

    pub(super) fn len(&self) -> usize {
        self.places.len()
    }

    /// The keys in the order of their bytes.
    pub(super) fn keys(&self) -> Vec<Vec<u8>> {
        let mut keys: Vec<Vec<u8>> = self.places.keys().map(|key| key.to_vec()).collect();
        keys.sort_unstable();
        keys
    }
}

impl Uses {
    /// Times begin at 1; 0 is never.
    fn again(&mut self, at: usize, key: &[u8]) {
        if self.times.len() <= at {
            self.times.resize(at + 1, 0);
        }
        let kept = self.by_time.remove(&self.times[at]);
        self.clock += 1;
        self.times[at] = self.clock;
        self.by_time.insert(self.clock, kept.unwrap_or_else(|| key.into()));
    }

    fn forget(&mut self, at: usize) {
        if let Some(time) = self.times.get_mut(at) {
            self.by_time.remove(time);
            *time = 0;
        }
    }

    fn oldest(&self) -> Option<Box<[u8]>> {
        self.by_time.first_key_value().map(|(_, key)| key.clone())
    }
}
