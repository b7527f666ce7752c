//! Where records come from: the ring of the policy in force, whichever that is by now.

use std::collections::HashMap;
use std::time::Duration;

use palisade_filter::Row;
use palisade_filter::plan::{Record, Tally};
use palisade_loader::{IfIndex, clock, link};

use crate::args::Global;
use crate::failure::{Failure, Outcome};
use crate::running::events::{self, Reading, Rows};
use crate::running::in_force::Running;
use crate::running::look::look;

/// The events of a policy.
pub struct Source {
    reading: Reading,
    /// The rows of this policy and of those before it, by what tells them apart.
    rows: HashMap<u32, Vec<Row>>,
    wanted: Option<String>,
    snap: u32,
    /// By how much the wall clock is ahead of the records'.
    ahead: Duration,
    names: HashMap<u32, String>,
}

/// A record, and what is known besides.
pub struct Told<'a> {
    /// The record.
    pub record: &'a Record,
    /// The row that it speaks of; none if it is of a policy that is gone.
    pub row: Option<&'a Row>,
    /// When it was, from the beginning of 1970 on.
    pub time: Duration,
    /// The interface.
    pub device: &'a str,
}

impl Source {
    /// Opens the events of the policy in force.
    pub fn open(global: &Global, wanted: Option<&str>) -> Outcome<Self> {
        let (reading, rows) = open(global)?;
        let known = |name: &str| rows.rows.iter().any(|row| is_called(row, name));
        if let Some(name) = wanted.filter(|name| !known(name)) {
            let name = crate::output::human::printable(name);
            return Err(Failure::usage(format!("no rule in line `{name}`, or of that name"))
                .note("help", "`palisade stats` lists the rules"));
        }
        Ok(Self {
            reading,
            snap: rows.snap,
            rows: HashMap::from([(rows.checksum, rows.rows)]),
            wanted: wanted.map(str::to_owned),
            ahead: ahead()?,
            names: HashMap::new(),
        })
    }

    /// The most bytes of a packet that any rule reports.
    pub fn snap(&self) -> u32 {
        self.snap
    }

    /// What was counted.
    pub fn tally(&self) -> Outcome<Tally> {
        self.reading.tally()
    }

    /// Reads what is there, up to so many; those that are wanted come to `each`. How many there
    /// were.
    pub fn read(&mut self, most: u64, mut each: impl FnMut(&Told<'_>)) -> usize {
        let Self { reading, rows, wanted, ahead, names, .. } = self;
        let taken = reading.ring.read(usize::try_from(most).unwrap_or(usize::MAX), |bytes| {
            let Some(record) = Record::read(bytes) else { return };
            let place = usize::try_from(record.row).unwrap_or(usize::MAX);
            let row = rows.get(&record.rows).and_then(|rows| rows.get(place));
            if wanted.as_ref().is_some_and(|name| !row.is_some_and(|row| is_called(row, name))) {
                return;
            }
            let device = names.entry(record.interface).or_insert_with(|| name_of(record.interface));
            let time = *ahead + Duration::from_nanos(record.time);
            each(&Told { record: &record, row, time, device });
        });
        taken.records
    }

    /// Waits for the next record.
    pub fn wait(&self, most: Duration) -> Outcome {
        Ok(self.reading.ring.wait(most)?)
    }

    /// Looks whether another policy is in force, and what the wall clock says by now.
    pub fn refresh(&mut self, global: &Global) -> Outcome {
        self.ahead = ahead()?;
        self.names.clear();
        let now = look(global, |at, _| {
            let running = Running::get(at)?;
            Rows::of(&running)?.ok_or_else(|| events::none(at))
        });
        let (rows, id) = now.map_err(|failure| {
            failure.because("the policy was removed or replaced while its events were read")
        })?;
        self.snap = rows.snap;
        self.rows.insert(rows.checksum, rows.rows);
        if id != self.reading.id {
            self.reading = open(global)?.0;
        }
        Ok(())
    }
}

fn open(global: &Global) -> Outcome<(Reading, Rows)> {
    look(global, |at, look| {
        let running = Running::get(at)?;
        let (rows, _) = Rows::of(&running)?.ok_or_else(|| events::none(at))?;
        let reading = Reading::open(&running)?;
        look.confirm()?;
        Ok((reading, rows))
    })
}

fn ahead() -> Outcome<Duration> {
    clock::wall_ahead().map_err(|errno| Failure::refused(format!("cannot read the clock: {errno}")))
}

fn name_of(interface: u32) -> String {
    let found = IfIndex::new(interface).and_then(|index| link::by_index(index).ok());
    found.map_or_else(|| format!("if{interface}"), |link| link.name)
}

fn is_called(row: &Row, name: &str) -> bool {
    let line = row.line.is_some_and(|line| line.to_string() == name);
    line || row.name.as_ref().is_some_and(|own| own.as_str() == name)
}
