//! The counters while they run: programs at the tracepoints, and what their maps hold.
//!
//! Nothing is pinned: when a [`Watch`] is dropped, or its process dies, the kernel takes the programs
//! from the tracepoints and frees the maps.

use std::collections::BTreeMap;

use palisade_loader::{
    CpuError, Errno, LoadError, MapError, MapHandle, PerCpu, PerCpuMap, TraceError, TraceProgram,
    Tracing, cpu_list,
};

use super::events::{Event, Subject, action_word};
use super::programs::{self, Counts, Key};
use crate::failure::{Failure, Outcome};

/// What a row is about. The order is the one in which rows are shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Row {
    /// The event.
    pub event: Event,
    /// Its details; `None` for the row of all that found no room.
    pub about: Option<About>,
}

/// The details of a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct About {
    /// The verdict of the program, or the CPU that packets go to, as [`Event::subject`] says.
    pub subject: u32,
    /// The error, without its sign; zero for none.
    pub error: u32,
}

impl Row {
    fn of(key: Key) -> Option<Self> {
        let error = key.error.cast_signed().unsigned_abs();
        let about = Some(About { subject: key.subject, error });
        Some(Self { event: Event::from_number(key.event)?, about })
    }

    /// The verdict that it is about: a number where it has no word.
    pub fn action(self) -> Option<Result<&'static str, u32>> {
        match (self.event.subject(), self.about?) {
            (Subject::Action, about) => Some(action_word(about.subject).ok_or(about.subject)),
            (Subject::Cpu, _) => Some(Ok("redirect")),
        }
    }

    /// The CPU that its packets go to.
    pub fn to_cpu(self) -> Option<u32> {
        match (self.event.subject(), self.about?) {
            (Subject::Cpu, about) => Some(about.subject),
            (Subject::Action, _) => None,
        }
    }

    /// The error that it is about.
    pub fn error(self) -> Option<Errno> {
        let number = self.about?.error;
        (number != 0).then(|| Errno::from_raw(i32::try_from(number).unwrap_or(i32::MAX)))
    }
}

/// What has been counted, by row and CPU.
pub type Reading = BTreeMap<Row, PerCpu<Counts>>;

/// The programs at the tracepoints, with their maps.
pub struct Watch {
    rows: PerCpuMap<Key, Counts>,
    others: PerCpuMap<u32, Counts>,
    tracing: Vec<(Event, Tracing)>,
    /// The tracepoints that this kernel lacks.
    pub missing: Vec<Event>,
    /// The numbers of the CPUs, in the order in which a reading has them.
    pub cpus: Vec<usize>,
}

impl Watch {
    /// Begins to count.
    pub fn begin() -> Outcome<Self> {
        let cpus = cpu_list().map_err(no_cpus)?;
        let [rows, others] = programs::maps().each_ref().map(MapHandle::create);
        let maps = [rows.map_err(no_map)?, others.map_err(no_map)?];
        let (mut tracing, mut missing) = (Vec::new(), Vec::new());
        for event in Event::ALL {
            match attach(event, &maps)? {
                Some(link) => tracing.push((event, link)),
                None => missing.push(event),
            }
        }
        if tracing.is_empty() {
            return Err(Failure::refused("this kernel has none of the XDP tracepoints")
                .note("help", "it takes a kernel with CONFIG_BPF_EVENTS and CONFIG_TRACEPOINTS, which those of the distributions are"));
        }
        let [rows, others] = maps;
        Ok(Self {
            rows: PerCpuMap::new(rows)?,
            others: PerCpuMap::new(others)?,
            tracing,
            missing,
            cpus,
        })
    }

    /// The events that are counted.
    pub fn events(&self) -> impl Iterator<Item = Event> {
        self.tracing.iter().map(|(event, _)| *event)
    }

    /// What has been counted since the beginning.
    pub fn read(&self) -> Outcome<Reading> {
        let mut reading = Reading::new();
        for entry in self.rows.iter() {
            let (key, counts) = entry?;
            if let Some(row) = Row::of(key) {
                reading.insert(row, counts);
            }
        }
        for (event, counts) in (0..).map_while(Event::from_number).zip(self.others.get_all()?) {
            if counts.sum() != [0; 3] {
                reading.insert(Row { event, about: None }, counts);
            }
        }
        Ok(reading)
    }
}

/// Runs the program of an event at its tracepoint; `None` where the kernel has no such event.
fn attach(event: Event, [rows, others]: &[MapHandle; 2]) -> Outcome<Option<Tracing>> {
    let image = programs::program(event)?;
    let maps = [rows.try_clone()?, others.try_clone()?];
    let program = TraceProgram::load(&image, &maps, event.name(), c"Dual MIT/GPL");
    match program.map_err(not_loaded)?.attach(event.name()) {
        Ok(tracing) => Ok(Some(tracing)),
        Err(TraceError::Missing { .. }) => Ok(None),
        Err(TraceError::Refused { errno: Errno::EINVAL, .. }) => Err(Failure::bug(format!(
            "`{event}` of this kernel has fewer arguments than palisade knows"
        ))),
        Err(error @ TraceError::Refused { .. }) => {
            Err(Failure::refused(error.to_string()).note("help", RIGHTS))
        }
    }
}

/// What it takes.
const RIGHTS: &str = "counting the kernel's XDP events takes CAP_BPF and CAP_PERFMON: run as root; `palisade doctor` tells which are missing";

fn not_loaded(error: LoadError) -> Failure {
    match error.errno() {
        Some(Errno::EPERM | Errno::EACCES) if error.log().is_none() => {
            Failure::refused(error.to_string()).note("help", RIGHTS)
        }
        // Before anything is verified, the type of a program is looked up.
        Some(Errno::EINVAL) if error.log().is_none() => Failure::refused(
            "this kernel runs no programs at tracepoints",
        )
        .note("kernel", error.to_string())
        .note(
            "help",
            "it takes a kernel with CONFIG_BPF_EVENTS, which those of the distributions are",
        ),
        _ => error.into(),
    }
}

fn no_map(error: MapError) -> Failure {
    match error {
        MapError::Create { errno: Errno::EPERM | Errno::EACCES, .. } => {
            Failure::refused(error.to_string()).note("help", RIGHTS)
        }
        _ => error.into(),
    }
}

fn no_cpus(error: CpuError) -> Failure {
    Failure::refused(error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_says_what_its_key_means() {
        let row = |event: Event, subject, error| {
            let key = Key { event: event.number().into(), subject, error };
            Row::of(key).expect("an event")
        };
        let odd = row(Event::Exception, 42, 0);
        assert_eq!((odd.action(), odd.error(), odd.to_cpu()), (Some(Err(42)), None, None));
        let aborted = row(Event::Exception, 0, 0);
        assert_eq!(aborted.action(), Some(Ok("aborted")));
        let failed = row(Event::RedirectErr, 4, 22u32.wrapping_neg());
        assert_eq!((failed.action(), failed.error()), (Some(Ok("redirect")), Some(Errno::EINVAL)));
        let queued = row(Event::CpumapEnqueue, 3, 0);
        assert_eq!((queued.action(), queued.to_cpu()), (Some(Ok("redirect")), Some(3)));
        assert_eq!(Row::of(Key { event: 99, subject: 0, error: 0 }), None);
    }

    #[test]
    fn what_found_no_room_stands_before_the_other_rows_of_its_event_and_after_those_before() {
        let about = Some(About { subject: 0, error: 0 });
        let rows = [
            Row { event: Event::Exception, about },
            Row { event: Event::Redirect, about: None },
            Row { event: Event::Redirect, about },
        ];
        assert!(rows.is_sorted());
    }
}
