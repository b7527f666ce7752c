//! Captures as commands read them, and what is missing of a frame that was cut.

use std::borrow::Cow;
use std::io::{self, Read};
use std::path::Path;

use palisade_filter::capture::{CaptureError, Captured, MOST_FRAME, Reader};

use super::source::{FileId, is_stdin, regular};
use crate::failure::{Failure, Outcome};

/// A capture that is being read.
pub struct Capture {
    /// What messages call it.
    name: String,
    id: Option<FileId>,
    reader: Reader<Box<dyn Read>>,
}

impl Capture {
    /// Opens a capture; `-` and `/dev/stdin` are standard input.
    pub fn open(path: &Path) -> Outcome<Self> {
        let (name, id, from): (_, _, Box<dyn Read>) = if is_stdin(path) {
            ("standard input".to_owned(), FileId::of_stdin(), Box::new(io::stdin().lock()))
        } else {
            let name = path.display().to_string();
            let file = regular(path).map_err(|why| why.of(&name))?;
            let id = file.metadata().ok().as_ref().map(FileId::of);
            (name, id, Box::new(file))
        };
        let reader = Reader::new(from).map_err(|error| unread(&name, &error))?;
        Ok(Self { name, id, reader })
    }

    /// The next packet; `None` at the end.
    pub fn next(&mut self) -> Outcome<Option<Captured<'_>>> {
        self.reader.next().map_err(|error| unread(&self.name, &error))
    }

    /// The file that was opened, where that can be told.
    pub fn id(&self) -> Option<FileId> {
        self.id
    }

    /// What messages call it.
    pub fn name(&self) -> &str {
        &self.name
    }
}

fn unread(name: &str, error: &CaptureError) -> Failure {
    let headline = format!("cannot read {name}: {error}");
    match error {
        CaptureError::Read { .. } => Failure::refused(headline),
        CaptureError::Link { .. } => Failure::usage(headline)
            .note("help", "capture on one Ethernet interface: `tcpdump -i eth0 -w FILE`"),
        CaptureError::Truncated { .. } => Failure::usage(headline).note(
            "help",
            "whoever wrote it was stopped, or is still writing; what came before was read",
        ),
        _ => Failure::usage(headline),
    }
}

/// The frame as long as it was on the wire: bytes that were not captured are zeros. Without them
/// its headers would promise more than there is, which no packet on the wire did.
pub fn whole<'a>(captured: &Captured<'a>) -> Cow<'a, [u8]> {
    let Captured { frame, wire, .. } = *captured;
    let length = usize::try_from(wire.min(MOST_FRAME)).unwrap_or(frame.len());
    if length <= frame.len() {
        return Cow::Borrowed(frame);
    }
    let mut whole = Vec::with_capacity(length);
    whole.extend_from_slice(frame);
    whole.resize(length, 0);
    Cow::Owned(whole)
}
