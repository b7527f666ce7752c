//! The fill of a set: how many entries it has, and how long a new one stays.
//!
//! Whoever may edit a set may have written anything there, so no count is believed beyond what the
//! set takes.

use palisade_asm::MapDecl;
use palisade_filter::structure::{self, Fill};
use palisade_loader::{Insert, Map, MapHandle};

use crate::failure::Outcome;

/// The map of a set's fill.
pub struct Ledger {
    map: Map<u32, [u64; 9]>,
    max: u64,
}

impl Ledger {
    /// The fill map of a set, from its declaration.
    pub fn of(name: &str, max: u32, map: impl Fn(&MapDecl) -> Outcome<MapHandle>) -> Outcome<Self> {
        let map = Map::new(map(&structure::fill_map(name))?)?;
        Ok(Self { map, max: max.into() })
    }

    /// The map.
    pub fn handle(&self) -> &MapHandle {
        self.map.handle()
    }

    /// What it says.
    pub fn read(&self) -> Outcome<Fill> {
        let Fill { entries, timed, timeout } = Fill::of(self.map.get(&0)?.unwrap_or_default());
        let bounded = |counts: [u64; 4]| counts.map(|count| count.min(self.max));
        Ok(Fill { entries: bounded(entries), timed: bounded(timed), timeout })
    }

    /// Writes it.
    pub fn write(&self, fill: Fill) -> Outcome {
        Ok(self.map.insert(&0, &fill.words(), Insert::Any)?)
    }
}
