//! Reading policies, and the lists that they name, from files.
//!
//! Only regular files and standard input are read, each with a bound, so that neither a pipe nobody
//! writes to nor an endless device holds a command up. What cannot be read is never taken for empty.

use std::fs::{File, Metadata, OpenOptions};
use std::io::{ErrorKind, Read};
use std::os::fd::AsFd;
use std::os::unix::fs::{FileTypeExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use palisade_filter::Policy;
use palisade_filter::diag::{Diagnostic, Diagnostics};
use palisade_filter::text::MOST_BYTES;
use palisade_loader::Errno;

use crate::failure::{Failure, Outcome};

/// The longest text of a policy.
const MOST_TEXT: u64 = MOST_BYTES as u64;
/// No list is longer that a set could take: sixty-four million addresses are more than any does.
pub(super) const MOST_LIST: u64 = 256 << 20;

/// A policy as it was read.
pub struct Source {
    /// What messages call the text.
    pub name: String,
    /// The text.
    pub text: String,
    /// The text, parsed.
    pub policy: Policy,
    /// What the files of its sets are relative to.
    pub dir: PathBuf,
}

impl Source {
    /// Parses a text; the failure shows all of its mistakes.
    pub fn parse(name: impl Into<String>, text: String, dir: PathBuf) -> Outcome<Self> {
        let name = name.into();
        match palisade_filter::parse(&text) {
            Ok(policy) => Ok(Self { name, text, policy, dir }),
            Err(wrong) => Err(Failure::text(&name, &text, &wrong)),
        }
    }

    /// Mistakes that show only beside the file, at their places in the text.
    pub(super) fn wrong(&self, mistakes: Vec<Diagnostic>) -> Outcome {
        match Diagnostics::of(mistakes) {
            Some(all) => Err(Failure::text(&self.name, &self.text, &all)),
            None => Ok(()),
        }
    }
}

/// Reads the policy in a file; `-` and `/dev/stdin` are standard input.
pub fn read_policy(path: &Path) -> Outcome<Source> {
    let (name, bytes) = read_bytes(path, MOST_TEXT)?;
    let text = text(&name, bytes)?;
    let dir = if is_stdin(path) { None } else { path.parent() };
    Source::parse(name, text, dir.unwrap_or(Path::new("")).to_owned())
}

/// What messages call a file, and its bytes, which are `most` at most; `-` and `/dev/stdin` are
/// standard input.
pub fn read_bytes(path: &Path, most: u64) -> Outcome<(String, Vec<u8>)> {
    let (name, bytes) = if is_stdin(path) {
        ("standard input".to_owned(), bounded(std::io::stdin().lock(), most))
    } else {
        (path.display().to_string(), regular(path).and_then(|file| bounded(file, most)))
    };
    let bytes = bytes.map_err(|why| why.of(&name))?;
    Ok((name, bytes))
}

pub(super) fn is_stdin(path: &Path) -> bool {
    path == Path::new("-") || path == Path::new("/dev/stdin")
}

/// Refuses a capture and another file, called `what`, that are both standard input: it can be read
/// once only.
pub fn apart(capture: &Path, other: &Path, what: &str) -> Outcome {
    if is_stdin(capture) && is_stdin(other) {
        return Err(Failure::usage(format!("standard input cannot be capture and {what} in one")));
    }
    Ok(())
}

/// A file as the system knows it, whatever it is called.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FileId {
    device: u64,
    inode: u64,
}

impl FileId {
    /// The file that something is said of.
    pub fn of(metadata: &Metadata) -> Self {
        Self { device: metadata.dev(), inode: metadata.ino() }
    }

    /// The file that is read where this is said; `None` if it cannot be told.
    pub fn read_as(path: &Path) -> Option<Self> {
        if is_stdin(path) { Self::of_stdin() } else { path.metadata().ok().as_ref().map(Self::of) }
    }

    pub(super) fn of_stdin() -> Option<Self> {
        let file = File::from(std::io::stdin().as_fd().try_clone_to_owned().ok()?);
        file.metadata().ok().as_ref().map(Self::of)
    }
}

/// The bytes as text; the first that is none is shown with its place.
fn text(name: &str, bytes: Vec<u8>) -> Outcome<String> {
    let wrong = |text: &str, at: usize, message: &str| {
        let one = Diagnostics::of(vec![Diagnostic::new(at..at + 1, message)]);
        match one {
            Some(all) => Failure::text(name, text, &all),
            None => Failure::usage(format!("{name}: {message}")),
        }
    };
    let text = String::from_utf8(bytes).map_err(|error| {
        let at = error.utf8_error().valid_up_to();
        let shown = String::from_utf8_lossy(error.as_bytes());
        wrong(&shown, at, "this is not text in UTF-8")
    })?;
    match text.find('\0') {
        Some(at) => Err(wrong(&text, at, "a NUL byte, which no text has")),
        None => Ok(text),
    }
}

/// Why a file was not read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unread {
    /// It is something else than a file.
    Kind(&'static str),
    /// It is longer than so many bytes.
    Long(u64),
    /// The system said so.
    Refused(Errno),
    /// There is no room for it.
    Memory,
}

impl Unread {
    pub(super) fn in_words(self, name: &str) -> String {
        match self {
            Self::Kind(kind) => format!("{name} is {kind}, not a file"),
            Self::Long(most) => format!("{name} is longer than {} MiB", most >> 20),
            Self::Refused(errno) => format!("cannot read {name}: {errno}"),
            Self::Memory => format!("there is not enough memory to read {name}"),
        }
    }

    pub(super) fn of(self, name: &str) -> Failure {
        match self {
            Self::Memory => Failure::refused(self.in_words(name)),
            Self::Kind("a pipe") => Failure::usage(self.in_words(name))
                .note("help", "`-` reads standard input, wherever that comes from"),
            _ => Failure::usage(self.in_words(name)),
        }
    }
}

impl From<std::io::Error> for Unread {
    fn from(error: std::io::Error) -> Self {
        match error.kind() {
            ErrorKind::OutOfMemory => Self::Memory,
            _ => Self::Refused(Errno::from_io(&error)),
        }
    }
}

/// Opens a regular file. Opening never waits, and nothing but a regular file is ever read.
pub(super) fn regular(path: &Path) -> Result<File, Unread> {
    let flags = nix::fcntl::OFlag::O_NONBLOCK | nix::fcntl::OFlag::O_NOCTTY;
    let file = OpenOptions::new().read(true).custom_flags(flags.bits()).open(path)?;
    let kind = file.metadata()?.file_type();
    match kind {
        _ if kind.is_file() => Ok(file),
        _ if kind.is_dir() => Err(Unread::Kind("a directory")),
        _ if kind.is_fifo() => Err(Unread::Kind("a pipe")),
        _ if kind.is_socket() => Err(Unread::Kind("a socket")),
        _ => Err(Unread::Kind("a device")),
    }
}

pub(super) fn bounded(from: impl Read, most: u64) -> Result<Vec<u8>, Unread> {
    let mut bytes = Vec::new();
    match from.take(most + 1).read_to_end(&mut bytes)? {
        length if length as u64 <= most => Ok(bytes),
        _ => Err(Unread::Long(most)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(done: Outcome<impl Sized>) -> String {
        done.err().map(|failure| failure.to_string()).unwrap_or_default()
    }

    #[test]
    fn what_is_no_text_is_refused_with_its_place() {
        let wrong = told(text("p.pal", b"default pass\n\xff\n".to_vec()));
        assert!(wrong.contains("UTF-8") && wrong.contains("p.pal:2:1"), "{wrong}");
        let wrong = told(text("p.pal", b"default\0pass\n".to_vec()));
        assert!(wrong.contains("NUL") && wrong.contains("p.pal:1:8"), "{wrong}");
        assert_eq!(text("p.pal", b"default pass".to_vec()).expect("text"), "default pass");
    }

    #[test]
    fn only_regular_files_are_read_and_only_so_far() {
        assert_eq!(regular(Path::new("/")).err(), Some(Unread::Kind("a directory")));
        assert_eq!(regular(Path::new("/dev/zero")).err(), Some(Unread::Kind("a device")));
        let missing = regular(Path::new("/nowhere/at/all")).err();
        assert_eq!(missing, Some(Unread::Refused(Errno::ENOENT)));
        assert_eq!(bounded(&b"four"[..], 4), Ok(b"four".to_vec()));
        assert_eq!(bounded(&b"five!"[..], 4), Err(Unread::Long(4)));
    }
}
