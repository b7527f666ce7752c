//! The fill of a set: how many entries it has, and how long a new one stays.
//!
//! Whoever may edit a set may have written anything there, so no count is believed beyond what the
//! set takes.

use std::sync::Arc;

use palisade_filter::structure::flat::{Flat, HEAD_WORDS};
use palisade_filter::structure::{FILL_WORDS, Fill};
use palisade_loader::{Insert, Map, MapHandle};

use super::flat::Memory;
use crate::failure::Outcome;

/// The map of a set's fill.
pub struct Ledger {
    map: Map<u32, [u64; HEAD_WORDS]>,
    max: u64,
    /// The head of a `net` set, which programs read while it is written: word by word.
    flat: Option<Arc<Flat<Memory>>>,
}

impl Ledger {
    /// The fill map of a set, from its declaration.
    pub fn of(head: MapHandle, max: u32) -> Outcome<Self> {
        let map = Map::new(head)?;
        Ok(Self { map, max: max.into(), flat: None })
    }

    /// That of a `net` set.
    pub fn mapped(self, flat: &Arc<Flat<Memory>>) -> Self {
        Self { flat: Some(Arc::clone(flat)), ..self }
    }

    /// The map.
    pub fn handle(&self) -> &MapHandle {
        self.map.handle()
    }

    /// What it says.
    pub fn read(&self) -> Outcome<Fill> {
        let words = self.words()?;
        let fill = words.first_chunk::<FILL_WORDS>().copied().unwrap_or_default();
        let Fill { entries, timed, timeout } = Fill::of(fill);
        let bounded = |counts: [u64; 4]| counts.map(|count| count.min(self.max));
        Ok(Fill { entries: bounded(entries), timed: bounded(timed), timeout })
    }

    /// Writes it, and leaves what stands behind it as it is.
    pub fn write(&self, fill: Fill) -> Outcome {
        if let Some(flat) = &self.flat {
            fill.store(flat.cells());
            return Ok(());
        }
        let mut words = self.words()?;
        if let Some(first) = words.first_chunk_mut() {
            *first = fill.words();
        }
        Ok(self.map.insert(&0, &words, Insert::Any)?)
    }

    /// How many bans there was no room for, of a `host` set.
    pub fn refused(&self) -> Outcome<u64> {
        Ok(self.words()?.get(FILL_WORDS).copied().unwrap_or_default())
    }

    fn words(&self) -> Outcome<[u64; HEAD_WORDS]> {
        Ok(self.map.get(&0)?.unwrap_or_default())
    }
}
