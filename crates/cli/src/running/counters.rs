//! The counters of the rows of a policy in force.

use palisade_loader::{MapHandle, PerCpuMap};

use super::home::CUT_SHORT;
use crate::failure::{Failure, Outcome};

/// Packets and bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Count {
    /// Packets.
    pub packets: u64,
    /// Bytes.
    pub bytes: u64,
}

impl Count {
    /// What has come since `before`; nothing if the counters were set back.
    pub fn since(self, before: Self) -> Self {
        Self {
            packets: self.packets.saturating_sub(before.packets),
            bytes: self.bytes.saturating_sub(before.bytes),
        }
    }
}

impl std::ops::Add for Count {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self { packets: self.packets + other.packets, bytes: self.bytes + other.bytes }
    }
}

/// The counters of a policy's rows.
pub struct Counters {
    map: PerCpuMap<u32, [u64; 2]>,
    /// The number of the map; another one means that the policy was replaced.
    pub id: u32,
    rows: usize,
}

/// A reading of the counters: by row, what was enforced and what shadow mode let through.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reading {
    /// Packets that met the row's verdict.
    pub enforced: Vec<Count>,
    /// Packets that the row would have dropped, and that passed.
    pub shadowed: Vec<Count>,
}

impl Counters {
    /// The counters of so many rows, in a map that is the policy's.
    pub(super) fn open(handle: MapHandle, rows: usize) -> Outcome<Self> {
        let id = handle.info()?.id;
        Ok(Self { map: PerCpuMap::new(handle)?, id, rows })
    }

    /// Reads all rows, summed over the CPUs.
    pub fn read(&self) -> Outcome<Reading> {
        let counts: Vec<Count> = self
            .map
            .get_all()?
            .iter()
            .map(|each| each.sum())
            .map(|[packets, bytes]| Count { packets, bytes })
            .collect();
        let (enforced, shadowed) = counts.split_at_checked(self.rows).ok_or_else(|| {
            Failure::refused("the map of counters does not fit the policy").note("help", CUT_SHORT)
        })?;
        Ok(Reading { enforced: enforced.to_vec(), shadowed: shadowed.to_vec() })
    }
}
