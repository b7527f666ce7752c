//! Records as a capture: pcapng, the verdict and the rule with each packet.

use std::collections::HashMap;
use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::Path;

use palisade_filter::capture::{Annotated, AnnotatedWriter};
use palisade_filter::plan::Carried;
use palisade_loader::Errno;

use super::line;
use super::source::Told;
use crate::failure::{Failure, Outcome};

/// A capture that is being written.
pub struct Capture {
    to: AnnotatedWriter<BufWriter<Box<dyn Write>>>,
    interfaces: HashMap<u32, u32>,
}

impl Capture {
    /// Begins a capture in a file, whose earlier content is gone; `-` is standard output.
    pub fn create(path: &Path) -> Outcome<Self> {
        let to: Box<dyn Write> = if path.as_os_str() == "-" {
            Box::new(std::io::stdout())
        } else {
            Box::new(File::create(path).map_err(|error| {
                let why = Errno::from_io(&error);
                Failure::usage(format!("cannot write {}: {why}", path.display()))
            })?)
        };
        let mut to = AnnotatedWriter::new(BufWriter::with_capacity(1 << 16, to))?;
        to.flush()?;
        Ok(Self { to, interfaces: HashMap::new() })
    }

    /// Writes a record. Its verdict is there only where it was carried out; else the comment says
    /// which it would have been.
    pub fn write(&mut self, told: &Told<'_>) -> Outcome {
        let record = told.record;
        let interface = match self.interfaces.get(&record.interface) {
            Some(number) => *number,
            None => {
                let number = self.to.interface(told.device)?;
                self.interfaces.insert(record.interface, number);
                number
            }
        };
        let shadowed = record.verdict.filter(|_| record.done == Carried::Not);
        let shadow =
            shadowed.map_or(String::new(), |verdict| format!(" ({verdict} in shadow mode)"));
        let comment = format!("{}{shadow}", line::rule(told));
        Ok(self.to.write(&Annotated {
            interface,
            time: told.time,
            frame: &record.bytes,
            wire: record.length,
            queue: record.queue,
            verdict: record.verdict.filter(|_| record.done == Carried::Out),
            comment: &comment,
        })?)
    }

    /// Sends on what is held back.
    pub fn flush(&mut self) -> Outcome {
        Ok(self.to.flush()?)
    }
}
