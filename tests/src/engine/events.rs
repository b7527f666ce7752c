//! What a program in the kernel reports: its records, read as they come.

use palisade_filter::plan::{EVENT_STATE, EVENTS, Record, Tally};
use palisade_filter::rehearsal::Told;
use palisade_loader::{MapHandle, Ring};

use super::{Engine, map_named};

/// The events of an engine.
pub struct Events {
    ring: Ring,
    state: MapHandle,
    missing: u64,
}

impl Events {
    /// Of a program with these maps, if it reports something.
    pub fn of(maps: &[MapHandle]) -> Option<Self> {
        maps.iter().find(|map| map.name() == EVENTS)?;
        let ring = Ring::open(&map_named(maps, EVENTS)).unwrap_or_else(|e| panic!("{e}"));
        Some(Self { ring, state: map_named(maps, EVENT_STATE), missing: 0 })
    }

    fn tally(&self) -> Tally {
        let each = self.state.read_each(&[0; 4]).expect("it can be read").expect("one cell");
        each.iter().map(|value| Tally::read(value).expect("a tally")).fold(
            Tally::default(),
            |sum, one| Tally {
                sent: sum.sent + one.sent,
                lost: sum.lost + one.lost,
                held: sum.held + one.held,
            },
        )
    }
}

impl Engine {
    /// What was reported since the last call. Only if that is less than `least` records is it asked
    /// how many are missing.
    pub fn told(&mut self, least: usize) -> Told {
        let Some(events) = &mut self.events else { return Told::default() };
        let mut records = Vec::new();
        events.ring.read(usize::MAX, |bytes| {
            let record = Record::read(bytes).unwrap_or_else(|| panic!("no record: {bytes:02x?}"));
            assert_eq!(bytes.len(), Record::HEADER + record.bytes.len(), "{record:?}");
            records.push(record);
        });
        let mut missing = 0;
        if records.len() < least {
            let Tally { lost, held, .. } = events.tally();
            missing = lost + held - events.missing;
            events.missing = lost + held;
        }
        Told { records, missing }
    }

    /// The ring buffer, for whoever reads it in place of the engine.
    pub fn ring(&self) -> MapHandle {
        map_named(&self.maps, EVENTS)
    }

    /// What has been counted of reports by now.
    pub fn tally(&self) -> Tally {
        self.events.as_ref().map(Events::tally).unwrap_or_default()
    }
}
