//! What the running policy reports: its ring buffer, read by one reader at a time, and what each
//! CPU has counted of it.
//!
//! The reader holds a lock on the directory of the maps, which nobody else locks; dying gives it
//! back. A ring goes on under another policy where that takes the same room, so that records of the
//! old one may stand in it still: each bears what tells its rows from others.

use palisade_filter::Row;
use palisade_filter::plan::{EVENT_STATE, EVENTS, Events, Tally, rows_checksum};
use palisade_loader::{Locked, MapHandle, Ring};

use super::home::PolicyDir;
use super::in_force::Running;
use crate::failure::{Failure, Outcome};

/// The events of a policy, opened to be read.
pub struct Reading {
    /// The ring.
    pub ring: Ring,
    /// The number of the ring's map.
    pub id: u32,
    state: MapHandle,
    _lock: Locked,
}

/// The rows that records of a policy speak of.
pub struct Rows {
    /// What tells them from those of others.
    pub checksum: u32,
    /// The rows.
    pub rows: Vec<Row>,
    /// The most bytes of a packet that any of its rules reports.
    pub snap: u32,
}

impl Rows {
    /// Those of the policy in force, and the number of its ring; nothing if it reports nothing.
    pub fn of(running: &Running<'_>) -> Outcome<Option<(Self, u32)>> {
        let Some(events) = Events::of(&running.policy, &running.rows) else { return Ok(None) };
        let (checksum, rows) = (rows_checksum(&running.policy), running.rows.clone());
        let id = running.at.map_of(&running.program, EVENTS)?.info()?.id;
        Ok(Some((Self { checksum, rows, snap: events.snap }, id)))
    }
}

/// The failure of whoever wants to read where nothing is reported.
pub fn none(at: &PolicyDir) -> Failure {
    Failure::usage(format!("the policy `{}` reports nothing", at.name))
        .note("help", "write `event` or `drop event` into it; see docs/events.md")
}

impl Reading {
    /// Opens the ring of the policy in force; an error if somebody reads it.
    pub fn open(running: &Running<'_>) -> Outcome<Self> {
        let at = running.at;
        let Some(lock) = at.maps()?.try_lock()? else {
            return Err(Failure::refused(format!("the events of `{}` are being read", at.name))
                .note("help", "a ring has one reader: what one has read is gone for all"));
        };
        let ring = at.map_of(&running.program, EVENTS)?;
        let state = at.map_of(&running.program, EVENT_STATE)?;
        let id = ring.info()?.id;
        let ring = Ring::open(&ring)?;
        Ok(Self { ring, id, state, _lock: lock })
    }

    /// What all CPUs have counted, since the program was loaded.
    pub fn tally(&self) -> Outcome<Tally> {
        let each = self.state.read_each(&[0; 4])?.unwrap_or_default();
        Ok(each.iter().filter_map(|value| Tally::read(value)).fold(Tally::default(), |sum, one| {
            Tally {
                sent: sum.sent.wrapping_add(one.sent),
                lost: sum.lost.wrapping_add(one.lost),
                held: sum.held.wrapping_add(one.held),
            }
        }))
    }
}
