//! The capture that `replay --write-dropped` makes of what is dropped.
//!
//! It takes the place of no file that is read, and of nothing that is no file.

use std::fs::{File, OpenOptions};
use std::io::{self, BufWriter, ErrorKind, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use palisade_filter::capture::{Captured, Writer};
use palisade_loader::Errno;

use crate::failure::{Failure, Outcome};
use crate::judging::{Capture, FileId, Source};

/// What the command reads besides the capture, and what messages call it.
pub struct Inputs(Vec<(FileId, &'static str)>);

impl Inputs {
    /// The policy, which was read from `path`, and the files of its sets.
    pub fn of(path: &Path, source: &Source) -> Self {
        let list = |path: &Path| Some((FileId::read_as(&source.dir.join(path))?, "a list"));
        let files = source.policy.sets().iter().filter_map(|set| set.file.as_ref());
        let lists = files.filter_map(|file| list(Path::new(&file.path)));
        let policy = FileId::read_as(path).map(|id| (id, "the policy"));
        Self(policy.into_iter().chain(lists).collect())
    }

    fn find(&self, capture: &Capture, id: FileId) -> Option<&'static str> {
        if capture.id() == Some(id) {
            return Some("the capture");
        }
        self.0.iter().find(|(own, _)| *own == id).map(|(_, what)| *what)
    }
}

/// A capture of what is dropped.
pub struct Dropped {
    name: String,
    writer: Writer<BufWriter<File>>,
}

impl Dropped {
    /// Makes the file, which must be none of those that are read.
    pub fn create(path: &Path, capture: &Capture, inputs: &Inputs) -> Outcome<Self> {
        let name = path.display().to_string();
        if path.metadata().is_ok_and(|found| !found.is_file()) {
            return Err(
                Failure::usage(format!("{name} is there, and is not a file")).note("help", HELP)
            );
        }
        // Nothing is cut off before it is known what it is; opening never waits.
        let flags = nix::fcntl::OFlag::O_NONBLOCK | nix::fcntl::OFlag::O_NOCTTY;
        let mut options = OpenOptions::new();
        options.write(true).create(true).truncate(false).custom_flags(flags.bits());
        let file = options.open(path).map_err(|error| unmade(&name, &error))?;
        let found = file.metadata().map_err(|error| unmade(&name, &error))?;
        if let Some(what) = inputs.find(capture, FileId::of(&found)) {
            return Err(Failure::usage(format!("{name} is {what} that is read")).note("help", HELP));
        }
        file.set_len(0).map_err(|error| unmade(&name, &error))?;
        let writer = Writer::new(BufWriter::with_capacity(1 << 16, file));
        Ok(Self { writer: writer.map_err(|error| unwritten(&name, &error))?, name })
    }

    /// Writes a packet as it was captured.
    pub fn write(&mut self, captured: &Captured<'_>) -> Outcome {
        self.writer.write(captured).map_err(|error| unwritten(&self.name, &error))
    }

    /// Writes what is held back.
    pub fn finish(self) -> Outcome {
        self.writer.into_inner().flush().map_err(|error| unwritten(&self.name, &error))
    }
}

const HELP: &str =
    "`--write-dropped` takes the name of a new file, or of one that may be overwritten";

/// Why there is no such file: the name may be the mistake.
fn unmade(name: &str, error: &io::Error) -> Failure {
    match error.kind() {
        ErrorKind::NotFound | ErrorKind::NotADirectory | ErrorKind::IsADirectory => {
            Failure::usage(why(name, error)).note("help", HELP)
        }
        _ => unwritten(name, error),
    }
}

fn unwritten(name: &str, error: &io::Error) -> Failure {
    Failure::refused(why(name, error))
}

fn why(name: &str, error: &io::Error) -> String {
    format!("cannot write {name}: {}", Errno::from_io(error))
}
