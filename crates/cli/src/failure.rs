//! Why a command did not do what it was asked: the one way out for every error.
//!
//! A failure has an exit code, a headline, and notes: what was asked, what was found, what the
//! kernel said in its own words, what to do now.

use std::fmt;
use std::io;

use crate::running::set::TableError;
use palisade_filter::PlanError;
use palisade_filter::diag::{Diagnostic, Diagnostics, Place};
use palisade_loader::xdp::AttachError;
use palisade_loader::xsk::XskError;
use palisade_loader::{
    BatchError, ClockError, Errno, LinkError, LoadError, MapError, NetlinkError, PinError,
};

/// What kind of failure, and so the exit code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// The answer is no.
    No,
    /// The user's mistake.
    Usage,
    /// The system refused.
    Refused,
    /// A bug of this program.
    Bug,
    /// Whoever read the output has gone; that is success.
    ClosedPipe,
}

impl Kind {
    /// The exit code.
    pub fn code(self) -> u8 {
        match self {
            Self::ClosedPipe => 0,
            Self::No => 1,
            Self::Usage => 2,
            Self::Refused => 3,
            Self::Bug => 70,
        }
    }
}

/// A failure.
#[derive(Debug)]
pub struct Failure {
    /// What kind.
    pub kind: Kind,
    headline: String,
    notes: Vec<(&'static str, String)>,
    mistakes: Vec<Mistake>,
}

/// A mistake in a text, and its place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mistake {
    /// The text that it is in, by the name that messages give it.
    pub file: String,
    /// Where.
    pub place: Place,
    /// What is wrong.
    pub message: String,
    /// What was probably meant, or what to do.
    pub help: Option<String>,
}

/// The result of a command.
pub type Outcome<T = ()> = Result<T, Failure>;

impl Failure {
    fn new(kind: Kind, headline: impl Into<String>) -> Self {
        Self { kind, headline: headline.into(), notes: Vec::new(), mistakes: Vec::new() }
    }

    /// The answer is no.
    pub fn no(headline: impl Into<String>) -> Self {
        Self::new(Kind::No, headline)
    }

    /// The user's mistake.
    pub fn usage(headline: impl Into<String>) -> Self {
        Self::new(Kind::Usage, headline)
    }

    /// The system refused.
    pub fn refused(headline: impl Into<String>) -> Self {
        Self::new(Kind::Refused, headline)
    }

    /// A bug of this program.
    pub fn bug(headline: impl Into<String>) -> Self {
        Self::new(Kind::Bug, headline)
    }

    /// Mistakes in a text, shown with their places.
    pub fn text(file: &str, text: &str, wrong: &Diagnostics) -> Self {
        let report = wrong.report(file, text).to_string();
        // The report begins with its own `error:`, which the headline prints.
        let headline = report.strip_prefix("error: ").unwrap_or(&report).trim_end();
        Self { mistakes: mistakes(file, text, wrong), ..Self::usage(headline) }
    }

    /// Ends the command from where no error can be given back.
    pub fn end(self) -> ! {
        std::panic::resume_unwind(Box::new(self))
    }

    /// The mistakes in texts that it is about, in order.
    pub fn mistakes(&self) -> &[Mistake] {
        &self.mistakes
    }

    /// What went wrong, without the notes.
    pub fn headline(&self) -> &str {
        &self.headline
    }

    /// The same with a note; `label` is one of `asked`, `found`, `kernel`, `help`, `saved`.
    #[must_use]
    pub fn note(mut self, label: &'static str, text: impl Into<String>) -> Self {
        self.notes.push((label, text.into()));
        self
    }

    /// The same as a mistake of whoever asked, under another headline.
    #[must_use]
    pub fn mistaken(self, headline: impl Into<String>) -> Self {
        Self { kind: Kind::Usage, ..self.because(headline) }
    }

    /// The same with another headline before its own, which becomes a note.
    #[must_use]
    pub fn because(self, headline: impl Into<String>) -> Self {
        let mut outer = Self::new(self.kind, headline).note("why", self.headline);
        outer.notes.extend(self.notes);
        outer.mistakes = self.mistakes;
        outer
    }
}

/// The mistakes with their places, found in one walk through the text.
fn mistakes(file: &str, text: &str, wrong: &Diagnostics) -> Vec<Mistake> {
    let (mut at, mut place) = (0, Place { line: 1, column: 1 });
    let mistake = |one: &Diagnostic| {
        let to = text.floor_char_boundary(one.span.start).max(at);
        for c in text[at..to].chars().filter(|c| *c != BYTE_ORDER_MARK) {
            place = match c {
                '\n' => Place { line: place.line + 1, column: 1 },
                _ => Place { column: place.column + 1, ..place },
            };
        }
        at = to;
        let (message, help) = (one.message.clone(), one.help.clone());
        Mistake { file: file.to_owned(), place, message, help }
    };
    wrong.iter().map(mistake).collect()
}

/// Some editors put it in front of a text; it is no character of the first line.
const BYTE_ORDER_MARK: char = '\u{feff}';

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "error: {}", self.headline)?;
        for (label, text) in &self.notes {
            let label = format!("{label}:");
            write!(f, "\n  {label:<7} {}", text.replace('\n', "\n          "))?;
        }
        Ok(())
    }
}

/// What to do when the system said that the caller may not.
const PRIVILEGES: &str = "run as root, or with CAP_BPF, CAP_NET_ADMIN and CAP_PERFMON; `palisade doctor` tells which are missing";

fn not_permitted(errno: Errno) -> bool {
    errno == Errno::EPERM || errno == Errno::EACCES
}

fn with_privileges(failure: Failure, errno: Option<Errno>) -> Failure {
    match errno {
        Some(errno) if not_permitted(errno) => failure.note("help", PRIVILEGES),
        _ => failure,
    }
}

impl From<PinError> for Failure {
    fn from(error: PinError) -> Self {
        let failure = Self::refused(error.to_string());
        match error {
            PinError::Refused { errno, .. } => with_privileges(failure, Some(errno)),
            PinError::Name { .. } | PinError::NoDirectory { .. } => {
                Self { kind: Kind::Usage, ..failure }
            }
            _ => failure,
        }
    }
}

impl From<MapError> for Failure {
    fn from(error: MapError) -> Self {
        match error {
            MapError::Pin(pin) => pin.into(),
            MapError::Create { errno, .. } | MapError::Refused { errno, .. } => {
                with_privileges(Self::refused(error.to_string()), Some(errno))
            }
            MapError::Shape { .. } | MapError::Sizes { .. } => Self::refused(error.to_string())
                .note("help", "this pin is not of this version's making; `palisade detach --all` with the version that made it, then attach again"),
            _ => Self::refused(error.to_string()),
        }
    }
}

impl From<TableError> for Failure {
    fn from(error: TableError) -> Self {
        match error {
            TableError::Map(error) => error.into(),
            TableError::Room(none) => Failure::bug(none.to_string()),
        }
    }
}

impl From<BatchError> for Failure {
    fn from(error: BatchError) -> Self {
        error.error.into()
    }
}

impl From<LinkError> for Failure {
    fn from(error: LinkError) -> Self {
        match error {
            LinkError::NoSuchName { .. } | LinkError::NoSuchIndex { .. } => {
                Self::usage(error.to_string()).note("help", "`ip -br link` lists the interfaces")
            }
            LinkError::Netlink(inner) => inner.into(),
        }
    }
}

impl From<NetlinkError> for Failure {
    fn from(error: NetlinkError) -> Self {
        Self::refused(error.to_string())
    }
}

impl From<AttachError> for Failure {
    fn from(error: AttachError) -> Self {
        Self::refused(error.to_string()).note("help", error.reason().help())
    }
}

impl From<XskError> for Failure {
    fn from(error: XskError) -> Self {
        let failure = Self::refused(error.to_string());
        match error.help() {
            Some(help) => failure.note("help", help),
            None => failure,
        }
    }
}

impl From<LoadError> for Failure {
    fn from(error: LoadError) -> Self {
        let mut failure = Self::refused(error.to_string());
        if let Some(help) = error.help() {
            failure = failure.note("help", help);
        }
        // With a log it is the verifier that says EACCES, and no capability would help.
        with_privileges(failure, error.errno().filter(|_| error.log().is_none()))
    }
}

impl From<ClockError> for Failure {
    fn from(error: ClockError) -> Self {
        match error {
            ClockError::Load(inner) => inner.into(),
            ClockError::Map(inner) => inner.into(),
            ClockError::Run { errno } => {
                with_privileges(Self::refused(error.to_string()), Some(errno))
            }
            ClockError::Clock { .. } => Self::refused(error.to_string()),
            ClockError::Assemble(_) | ClockError::Encode(_) => Self::bug(error.to_string()),
        }
    }
}

impl From<PlanError> for Failure {
    fn from(error: PlanError) -> Self {
        Self::usage(error.to_string())
    }
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        if error.kind() == io::ErrorKind::BrokenPipe {
            return Self::new(Kind::ClosedPipe, "closed pipe");
        }
        Self::refused(format!("cannot write: {}", Errno::from_io(&error)))
    }
}
