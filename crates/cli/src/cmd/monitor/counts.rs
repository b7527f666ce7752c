//! The counters while they run: programs at the tracepoints, and what their maps hold.
//!
//! Nothing is pinned: when a [`Watch`] is dropped, or its process dies, the kernel takes the programs
//! from the tracepoints and frees the maps.

use std::collections::BTreeMap;

use palisade_loader::{
    CpuError, Errno, Insert, LoadError, MapError, MapHandle, PerCpu, PerCpuMap, TraceError,
    TraceProgram, Tracing, cpu_list,
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
    fn of(event: Event, key: Key) -> Self {
        let error = key.error.cast_signed().unsigned_abs();
        let about = (key != Key::OTHERS).then_some(About { subject: key.subject, error });
        Self { event, about }
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

/// An event that is counted.
struct Counted {
    event: Event,
    rows: PerCpuMap<Key, Counts>,
    _program: Tracing,
}

/// The programs at the tracepoints, with their maps.
pub struct Watch {
    counted: Vec<Counted>,
    /// The tracepoints that this kernel lacks.
    pub missing: Vec<Event>,
    /// The numbers of the CPUs, in the order in which a reading has them.
    pub cpus: Vec<usize>,
}

impl Watch {
    /// Begins to count.
    pub fn begin() -> Outcome<Self> {
        let cpus = cpu_list().map_err(no_cpus)?;
        let (mut counted, mut missing) = (Vec::new(), Vec::new());
        for event in Event::ALL {
            match count(event)? {
                Some(one) => counted.push(one),
                None => missing.push(event),
            }
        }
        if counted.is_empty() {
            return Err(Failure::refused("this kernel has none of the XDP tracepoints")
                .note("help", "it takes a kernel with CONFIG_BPF_EVENTS and CONFIG_TRACEPOINTS, which those of the distributions are"));
        }
        Ok(Self { counted, missing, cpus })
    }

    /// The events that are counted.
    pub fn events(&self) -> impl Iterator<Item = Event> {
        self.counted.iter().map(|one| one.event)
    }

    /// What has been counted since the beginning.
    pub fn read(&self) -> Outcome<Reading> {
        let mut reading = Reading::new();
        for one in &self.counted {
            for entry in one.rows.iter() {
                let (key, counts) = entry?;
                if counts.sum() != [0; 3] {
                    reading.insert(Row::of(one.event, key), counts);
                }
            }
        }
        Ok(reading)
    }
}

/// Runs the program of an event at its tracepoint; `None` where the kernel has no such event.
fn count(event: Event) -> Outcome<Option<Counted>> {
    let image = programs::program(event)?;
    let map = MapHandle::create(&programs::rows(event)).map_err(no_map)?;
    let maps = [map.try_clone()?];
    let rows = PerCpuMap::new(map)?;
    for key in programs::first(event) {
        rows.set(&key, &PerCpu::of([0; 3]).map_err(no_cpus)?, Insert::New)?;
    }
    let program = TraceProgram::load(&image, &maps, event.name(), c"Dual MIT/GPL");
    match program.map_err(not_loaded)?.attach(event.name()) {
        Ok(tracing) => Ok(Some(Counted { event, rows, _program: tracing })),
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
        let row = |event: Event, subject, error| Row::of(event, Key { subject, error });
        let odd = row(Event::Exception, 42, 0);
        assert_eq!((odd.action(), odd.error(), odd.to_cpu()), (Some(Err(42)), None, None));
        let aborted = row(Event::Exception, 0, 0);
        assert_eq!(aborted.action(), Some(Ok("aborted")));
        let failed = row(Event::RedirectErr, 4, 22u32.wrapping_neg());
        assert_eq!((failed.action(), failed.error()), (Some(Ok("redirect")), Some(Errno::EINVAL)));
        let queued = row(Event::CpumapEnqueue, 3, 0);
        assert_eq!((queued.action(), queued.to_cpu()), (Some(Ok("redirect")), Some(3)));
        let others = Row::of(Event::Exception, Key::OTHERS);
        assert_eq!((others.action(), others.error(), others.about), (None, None, None));
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
