//! `events`: what the rules of the policy report, a line each, or as a capture.
//!
//! It ends by itself after `--count` records, and cleanly on SIGINT and SIGTERM. What was reported
//! before it began and was not read yet comes first. When the policy is replaced meanwhile, it goes
//! on with the new one. What is lost or held back is told once a second, on standard error.

mod capture;
mod line;
mod source;

use std::io::Write;
use std::time::{Duration, Instant};

use palisade_filter::plan::Tally;
use serde_json::json;

use crate::args::{Events, Global};
use crate::failure::{Failure, Outcome};
use crate::output::{Form, Output, human};
use crate::stop::Stop;
use capture::Capture;
use source::{Source, Told};

/// How often losses are told of, and the policy is looked at anew.
const LOOK: Duration = Duration::from_secs(1);
/// How long is waited for the next record: programs wake the reader for the first one of a tick, and
/// those behind it are read by then.
const WAIT: Duration = Duration::from_millis(100);
/// How many records are read before anything else is looked at.
const BATCH: u64 = 4096;

/// Reads until told to stop.
pub fn run(global: &Global, args: &Events, out: &mut Output) -> Outcome {
    let stop = Stop::new()?;
    let mut source = Source::open(global, args.rule.as_deref())?;
    let mut capture = args.pcap.as_deref().map(Capture::create).transpose()?;
    if capture.is_some() && source.snap() == 0 {
        eprintln!("note: no rule reports bytes of packets; `event snap BYTES` does");
    }
    let mut sum = Sum::default();
    sum.tell(source.tally()?, out)?;
    let (mut left, mut looked) = (args.count.unwrap_or(u64::MAX), Instant::now());
    while left > 0 && !stop.came()? {
        let (mut wrong, mut shown) = (None, 0);
        let read = source.read(left.min(BATCH), |told| {
            let done = match &mut capture {
                Some(capture) => capture.write(told),
                None => show(told, out),
            };
            shown += 1;
            wrong = wrong.take().or(done.err());
        });
        if let Some(failure) = wrong {
            return Err(failure);
        }
        left -= shown;
        sum.records += shown;
        if looked.elapsed() >= LOOK {
            source.refresh(global)?;
            sum.tell(source.tally()?, out)?;
            looked = Instant::now();
        }
        // A reader that is killed has lost no more than what it read last.
        capture.as_mut().map_or(Ok(()), Capture::flush)?;
        out.flush()?;
        if read == 0 {
            source.wait(WAIT)?;
        }
    }
    sum.end(source.tally()?, out)
}

fn show(told: &Told<'_>, out: &mut Output) -> Outcome {
    match out.form() {
        Form::Json => out.json(&line::json(told)),
        Form::Text => Ok(writeln!(out.writer(), "{}", line::text(told))?),
        Form::Quiet => Ok(()),
    }
}

/// What was read, and what was told of what was not.
#[derive(Default)]
struct Sum {
    records: u64,
    told: Tally,
}

impl Sum {
    /// Tells of losses that are new. The numbers are of all since the program was loaded: what was
    /// lost before anybody read is missing as well.
    fn tell(&mut self, now: Tally, out: &mut Output) -> Outcome {
        if (now.lost, now.held) != (self.told.lost, self.told.held) {
            say_missing(now, out)?;
        }
        self.told = now;
        Ok(())
    }

    fn end(&mut self, now: Tally, out: &mut Output) -> Outcome {
        self.tell(now, out)?;
        if out.form() == Form::Text {
            out.flush()?;
            eprintln!("{}", human::counted(self.records, "record", "records"));
        }
        Ok(())
    }
}

fn say_missing(missing: Tally, out: &mut Output) -> Outcome {
    let Tally { lost, held, .. } = missing;
    match out.form() {
        Form::Json => out.json(&json!({ "lost": lost, "over_rate": held })),
        Form::Text | Form::Quiet => {
            let lost = human::grouped(lost);
            let held = human::grouped(held);
            out.flush()?;
            eprintln!(
                "{lost} lost because the ring was full, {held} not reported because of the rate"
            );
            Ok(())
        }
    }
}

impl From<palisade_loader::RingError> for Failure {
    fn from(error: palisade_loader::RingError) -> Self {
        match error {
            palisade_loader::RingError::Map(inner) => inner.into(),
            other => Self::refused(other.to_string()),
        }
    }
}
