//! The file that `receive --pcap` writes.

use std::fs::File;
use std::io::{self, BufWriter, ErrorKind};
use std::path::Path;
use std::time::Duration;

use palisade_filter::capture::{Captured, Writer};
use palisade_loader::Errno;

use crate::failure::{Failure, Outcome};

/// A capture that is being written.
pub struct Capture {
    name: String,
    writer: Writer<BufWriter<File>>,
}

impl Capture {
    /// Makes the file, in the place of one that is there.
    pub fn create(path: &Path) -> Outcome<Self> {
        let name = path.display().to_string();
        let file = File::create(path).map_err(|error| unmade(&name, &error))?;
        let writer = Writer::new(BufWriter::with_capacity(1 << 18, file));
        Ok(Self { writer: writer.map_err(|error| unwritten(&name, &error))?, name })
    }

    /// Writes a packet that came at that time.
    pub fn write(&mut self, frame: &[u8], time: Duration) -> Outcome {
        let wire = u32::try_from(frame.len()).unwrap_or(u32::MAX);
        let captured = Captured { frame, wire, time: Some(time) };
        self.writer.write(&captured).map_err(|error| unwritten(&self.name, &error))
    }

    /// Writes what is held back.
    pub fn flush(&mut self) -> Outcome {
        self.writer.flush().map_err(|error| unwritten(&self.name, &error))
    }
}

/// Why there is no such file: the name may be the mistake.
fn unmade(name: &str, error: &io::Error) -> Failure {
    match error.kind() {
        ErrorKind::NotFound | ErrorKind::NotADirectory | ErrorKind::IsADirectory => Failure::usage(
            why(name, error),
        )
        .note("help", "`--pcap` takes the name of a new file, or of one that may be overwritten"),
        _ => unwritten(name, error),
    }
}

fn unwritten(name: &str, error: &io::Error) -> Failure {
    Failure::refused(why(name, error))
}

fn why(name: &str, error: &io::Error) -> String {
    format!("cannot write {name}: {}", Errno::from_io(error))
}
