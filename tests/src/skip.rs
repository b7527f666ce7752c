//! Why a test is skipped, as a type, and what becomes of it then.
//!
//! A skip is one line on stderr, `skipped: TEST: KIND:NAME: words`, for readers and for
//! `tests/kernels/judge`, which compares those of each kernel with a list. With
//! `PALISADE_KERNEL=require` in the environment it is a failure. Of a feature the version of Linux
//! is known since which it must be there: lacking it on that version or a later one is a failure
//! everywhere. A test that is tried but for a part says so in a line that begins with `left out:`.
//!
//! The loader's kernel tests include this file, as they cannot import this crate: it uses the
//! standard library alone.

use std::fmt;
use std::io::Write;
use std::panic::Location;

/// Something that not every supported kernel has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Feature {
    name: &'static str,
    words: &'static str,
    since: Release,
}

impl Feature {
    /// Atomic operations other than adding, and those that return what was there.
    pub const ATOMICS: Self = Self::new("atomics", "atomics but adding", 5, 12);
    /// Tries of prefixes written in batches.
    pub const BATCH_LPM: Self = Self::new("batch-lpm", "batches for tries", 5, 13);
    /// Per-CPU arrays read in batches.
    pub const BATCH_PER_CPU: Self = Self::new("batch-per-cpu", "batches for per-CPU arrays", 5, 13);
    /// Redirects to every target of a map.
    pub const BROADCAST: Self = Self::new("broadcast", "redirects to every target", 5, 14);
    /// Test runs that are told the interface, and give back what stands before the packet.
    pub const TEST_CONTEXT: Self = Self::new("test-context", "test runs with a context", 5, 15);
    /// Programs for packets of several buffers.
    pub const MULTI_BUFFER: Self = Self::new("multi-buffer", "frames in several buffers", 5, 18);
    /// The helper that tells the length of such a packet.
    pub const BUFF_LEN: Self = Self::new("buff-len", "the helper for the length", 5, 18);
    /// Test runs whose packets really travel.
    pub const LIVE_FRAMES: Self = Self::new("live-frames", "test runs that travel", 5, 18);
    /// Pinned maps edited by whoever their file permissions let, without a capability.
    pub const EDIT_BY_MODE: Self = Self::new("edit-by-mode", "editing without CAP_BPF", 5, 19);
    /// Test runs that refuse a frame without a whole Ethernet header.
    pub const RUNTS_REFUSED: Self = Self::new("runts-refused", "test runs that refuse runts", 6, 1);
    /// More than 32 bytes of metadata before a packet.
    pub const WIDE_METADATA: Self = Self::new("wide-metadata", "metadata above 32 bytes", 6, 3);
    /// Error numbers of maps that fill the register of 64 bits which a program is answered in.
    pub const WIDE_ANSWERS: Self = Self::new("wide-answers", "error numbers of 64 bits", 6, 4);
    /// Sums of the helper for differences of checksums that are folded to 16 bits.
    pub const FOLDED_SUMS: Self = Self::new("folded-sums", "checksums of 16 bits", 6, 13);
    /// All of version 4 of the instruction set.
    pub const ISA_V4: Self = Self::new("isa-v4", "version 4 of the instruction set", 6, 6);

    const fn new(name: &'static str, words: &'static str, major: u32, minor: u32) -> Self {
        Self { name, words, since: Release(major, minor) }
    }
}

/// A version of Linux.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Release(pub u32, pub u32);

impl Release {
    /// The version that runs.
    pub fn running() -> Self {
        let text = std::fs::read_to_string("/proc/sys/kernel/osrelease").expect("/proc tells");
        Self::parse(&text).unwrap_or_else(|| panic!("no version: {text:?}"))
    }

    fn parse(text: &str) -> Option<Self> {
        let mut numbers = text.trim().split(|c: char| !c.is_ascii_digit()).map(str::parse);
        Some(Self(numbers.next()?.ok()?, numbers.next()?.ok()?))
    }
}

impl fmt::Display for Release {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.0, self.1)
    }
}

/// What a test lacks.
#[derive(Clone, Debug)]
pub enum Reason {
    /// The kernel is older than something.
    Feature(Feature),
    /// A tool of others is not installed.
    Tool(&'static str),
    /// The caller may not do what the test does.
    Right {
        /// The capability or user that it takes.
        name: String,
        /// What was refused.
        said: String,
    },
    /// The machine has something not, or shows it not.
    Machine {
        /// What that is, in a word.
        name: &'static str,
        /// How that was seen.
        said: String,
    },
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Feature(Feature { name, words, since }) => {
                write!(f, "kernel:{name}: Linux has {words} since {since}")
            }
            Self::Tool(name) => write!(f, "tool:{name}: it is not installed"),
            Self::Right { name, said } => write!(f, "right:{name}: {said}"),
            Self::Machine { name, said } => write!(f, "machine:{name}: {said}"),
        }
    }
}

/// What came of looking for a feature.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Found {
    /// It was used.
    There,
    /// It was refused.
    Missing,
}

impl From<bool> for Found {
    /// What a sign of the feature says.
    fn from(seen: bool) -> Self {
        if seen { Self::There } else { Self::Missing }
    }
}

/// Whether the kernel has a feature, which the caller has looked for: says that the calling test is
/// skipped where not, and fails where this kernel is not too old for it.
#[track_caller]
pub fn need(feature: Feature, found: Found) -> bool {
    must(feature, found);
    match found {
        Found::There => true,
        Found::Missing => {
            skip(&Reason::Feature(feature));
            false
        }
    }
}

/// Fails where a feature is missing and the kernel is not too old for it.
#[track_caller]
pub fn must(feature: Feature, found: Found) {
    if found == Found::Missing
        && let Err(wrong) = may_lack(Release::running(), feature)
    {
        panic!("{wrong}");
    }
}

/// Whether a version of Linux is too old for a feature; what is wrong with lacking it, if not.
fn may_lack(running: Release, Feature { words, since, .. }: Feature) -> Result<(), String> {
    if running < since {
        return Ok(());
    }
    Err(format!("Linux {running} must have {words}, as any since {since}"))
}

/// Says on stderr that the calling test is skipped, or fails where nothing may be.
#[track_caller]
pub fn skip(reason: &Reason) {
    let test = calling();
    if std::env::var_os("PALISADE_KERNEL").is_some_and(|value| value == "require") {
        panic!("{test} may not be skipped: {reason}");
    }
    say(&format!("skipped: {test}: {reason}"));
}

/// Says on stderr that a part of what the calling test claims is left out, and is tried nowhere on
/// this machine. The rest is tried, so that this is no failure anywhere.
#[track_caller]
pub fn leave_out(reason: &Reason) {
    say(&format!("left out: {}: {reason}", calling()));
}

/// The name of the calling test.
#[track_caller]
fn calling() -> String {
    let thread = std::thread::current();
    // Run one at a time, tests have no thread of their own: their place must do.
    match thread.name() {
        Some(name) if name != "main" => name.to_owned(),
        _ => Location::caller().to_string(),
    }
}

/// Not `eprintln!`, which the test harness keeps to itself when a test passes; and in one piece, as
/// other tests write meanwhile.
fn say(line: &str) {
    let line = line.replace('\n', " ") + "\n";
    std::io::stderr().write_all(line.as_bytes()).expect("stderr takes it");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_read_as_distributions_write_them_and_compared_as_numbers() {
        assert_eq!(Release::parse("6.12.118+deb13-cloud-amd64\n"), Some(Release(6, 12)));
        assert_eq!(Release::parse("7.2-rc1"), Some(Release(7, 2)));
        assert_eq!(Release::parse("linux"), None);
        assert!(Release(5, 9) < Release(5, 10) && Release(5, 10) < Release(6, 1));
    }

    #[test]
    fn a_feature_that_a_kernel_must_have_is_not_skipped() {
        let lacking = |running| may_lack(running, Feature::LIVE_FRAMES);
        assert_eq!(lacking(Release(5, 17)), Ok(()));
        let wrong = "Linux 5.18 must have test runs that travel, as any since 5.18";
        assert_eq!(lacking(Release(5, 18)), Err(wrong.to_owned()));
        assert!(lacking(Release(6, 1)).is_err());
    }

    #[test]
    fn a_reason_begins_with_its_kind_and_name() {
        let reason = Reason::Feature(Feature::LIVE_FRAMES).to_string();
        assert_eq!(reason, "kernel:live-frames: Linux has test runs that travel since 5.18");
        assert!(Reason::Tool("strace").to_string().starts_with("tool:strace: "));
    }
}
