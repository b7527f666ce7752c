//! `monitor`: what the kernel tells of XDP at its tracepoints, counted live.
//!
//! The events are those of the whole machine, whoever's program causes them. It ends by itself after
//! `--count` measurements, and cleanly on SIGINT and SIGTERM; however it ends, nothing of it stays in
//! the kernel.

mod counts;
mod events;
mod programs;
mod table;

use std::io::{IsTerminal, Write};
use std::time::Instant;

use crate::args::Monitor;
use crate::failure::Outcome;
use crate::output::{Form, Output};
use crate::stop::Stop;
use counts::{Reading, Watch};
use table::{Detail, Sample};

/// Measures until told to stop.
pub fn run(args: &Monitor, out: &mut Output) -> Outcome {
    let stop = Stop::new()?;
    let begun = Watch::begin();
    let watch = begun.map_err(|failure| failure.because("cannot count the kernel's XDP events"))?;
    let detail = if args.per_cpu { Detail::EachCpu } else { Detail::Sums };
    let (mut last, mut at) = (Reading::new(), Instant::now());
    for round in 0..args.count.unwrap_or(u64::MAX) {
        if stop.within(args.interval)? {
            break;
        }
        let (reading, now) = (watch.read()?, Instant::now());
        let sample = Sample::new(&reading, &last, now.duration_since(at).as_secs_f64());
        match out.form() {
            Form::Json => out.json(&sample.json(&watch, detail))?,
            Form::Text => say(&sample, &watch, detail, round == 0, out)?,
            Form::Quiet => {}
        }
        out.flush()?;
        (last, at) = (reading, now);
    }
    Ok(())
}

/// Prints a table. What the kernel lacks is said once: on a terminal, where a table takes the place
/// of the one before, under each.
fn say(sample: &Sample, watch: &Watch, detail: Detail, first: bool, out: &mut Output) -> Outcome {
    let terminal = std::io::stdout().is_terminal();
    if terminal {
        write!(out.writer(), "\x1b[H\x1b[2J")?;
    }
    for line in sample.table(watch, detail) {
        out.say(line)?;
    }
    if (first || terminal)
        && let Some(note) = table::note(&watch.missing)
    {
        out.say(note)?;
    }
    out.say("")
}
