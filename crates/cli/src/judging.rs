//! A policy as it is read from a file, with the lists that its sets name, and its own tests.
//!
//! Everything is read before anything is touched: a text or a list that cannot be read, or is not
//! sound, leaves nothing behind. Only regular files and standard input are read, each with a bound,
//! so that neither a pipe nobody writes to nor an endless device holds a command up. What cannot be
//! read is never taken for empty.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{File, OpenOptions};
use std::io::{ErrorKind, Read};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use palisade_filter::diag::{Diagnostic, Diagnostics};
use palisade_filter::import::{self, Format, Group, Stay};
use palisade_filter::oracle::{self, Decider, Decision, Declared};
use palisade_filter::policy::{Set, SetFile};
use palisade_filter::{Item, Name, Policy, Verdict};
use palisade_loader::Errno;

use crate::failure::{Failure, Outcome};

/// No policy that can be compiled is longer.
const MOST_TEXT: u64 = 16 << 20;
/// No list is longer that a set could take: sixty-four million addresses are more than any does.
const MOST_LIST: u64 = 256 << 20;

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
    fn wrong(&self, mistakes: Vec<Diagnostic>) -> Outcome {
        match Diagnostics::of(mistakes) {
            Some(all) => Err(Failure::text(&self.name, &self.text, &all)),
            None => Ok(()),
        }
    }
}

/// Reads the policy in a file; `-` and `/dev/stdin` are standard input.
pub fn read_policy(path: &Path) -> Outcome<Source> {
    let stdin = path == Path::new("-") || path == Path::new("/dev/stdin");
    let (name, bytes) = if stdin {
        ("standard input".to_owned(), bounded(std::io::stdin().lock(), MOST_TEXT))
    } else {
        (path.display().to_string(), regular(path).and_then(|file| bounded(file, MOST_TEXT)))
    };
    let bytes = bytes.map_err(|why| why.of(&name))?;
    let text = text(&name, bytes)?;
    let dir = if stdin { None } else { path.parent() };
    Source::parse(name, text, dir.unwrap_or(Path::new("")).to_owned())
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
enum Unread {
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
    fn in_words(self, name: &str) -> String {
        match self {
            Self::Kind(kind) => format!("{name} is {kind}, not a file"),
            Self::Long(most) => format!("{name} is longer than {} MiB", most >> 20),
            Self::Refused(errno) => format!("cannot read {name}: {errno}"),
            Self::Memory => format!("there is not enough memory to read {name}"),
        }
    }

    fn of(self, name: &str) -> Failure {
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
fn regular(path: &Path) -> Result<File, Unread> {
    let flags = nix::fcntl::OFlag::O_NONBLOCK | nix::fcntl::OFlag::O_NOCTTY;
    let file = OpenOptions::new().read(true).custom_flags(flags.bits()).open(path)?;
    let kind = file.metadata()?.file_type();
    use std::os::unix::fs::FileTypeExt;
    match kind {
        _ if kind.is_file() => Ok(file),
        _ if kind.is_dir() => Err(Unread::Kind("a directory")),
        _ if kind.is_fifo() => Err(Unread::Kind("a pipe")),
        _ if kind.is_socket() => Err(Unread::Kind("a socket")),
        _ => Err(Unread::Kind("a device")),
    }
}

fn bounded(from: impl Read, most: u64) -> Result<Vec<u8>, Unread> {
    let mut bytes = Vec::new();
    match from.take(most + 1).read_to_end(&mut bytes)? {
        length if length as u64 <= most => Ok(bytes),
        _ => Err(Unread::Long(most)),
    }
}

/// What the text itself puts into each set: its elements, then the entries of its file, each once.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Lists(pub BTreeMap<Name, Vec<Item>>);

/// Reads what the text puts into its sets.
pub fn declared(source: &Source) -> Outcome<Lists> {
    let mut lists = BTreeMap::new();
    let mut mistakes = Vec::new();
    for set in source.policy.sets() {
        let mut items = set.elements.clone();
        if let Some(file) = &set.file {
            match list(source, set, file)? {
                Ok(read) => items.extend(read),
                Err(mistake) => mistakes.push(mistake),
            }
        }
        lists.insert(set.name.clone(), items);
    }
    source.wrong(mistakes)?;
    Ok(Lists(lists))
}

/// The entries of a set's file that are not among its elements, each once. A mistake inside the
/// file is the outer failure; one of the file as a whole is told at its place in the policy.
fn list(source: &Source, set: &Set, file: &SetFile) -> Outcome<Result<Vec<Item>, Diagnostic>> {
    let path = source.dir.join(&file.path);
    let name = path.display().to_string();
    let here = |message: String| Ok(Err(Diagnostic::new(file.span.clone(), message)));
    let bytes = match regular(&path).and_then(|file| bounded(file, MOST_LIST)) {
        Ok(bytes) => bytes,
        Err(why) => return here(why.in_words(&name)),
    };
    let read = import::read(&bytes, Format::Auto)
        .map_err(|wrong| Failure::text(&name, &String::from_utf8_lossy(&bytes), &wrong))?;
    if let Some(item) = read.groups.iter().find_map(timed) {
        return here(format!(
            "{name} says when `{item}` ends; of a file of a set that is for `timeout` to say"
        ));
    }
    let mut seen: BTreeSet<Item> = set.elements.iter().copied().collect();
    let mut items = Vec::new();
    for item in read.groups.into_iter().flat_map(|group| group.items) {
        if item.kind() != set.kind {
            let (holds, is) = (set.kind.word(), item.kind().word());
            return here(format!(
                "{name} holds `{item}`, of a {is} set; `{}` is a {holds} set",
                set.name
            ));
        }
        if seen.insert(item) {
            items.push(item);
        }
    }
    if seen.len() as u64 > u64::from(set.max) {
        let (all, max) = (seen.len(), set.max);
        return here(format!("that makes {all} entries of `{}`, which takes {max}", set.name));
    }
    Ok(Ok(items))
}

/// An item that ends at a time that its file tells.
fn timed(group: &Group) -> Option<Item> {
    let ends = |stay: &Stay| matches!(stay, Stay::For(_) | Stay::Until(_));
    group.items.iter().zip(&group.stays).find(|(_, stay)| ends(stay)).map(|(item, _)| *item)
}

impl Lists {
    /// The lists as the contents of the sets of their policy.
    pub fn contents(&self, policy: &Policy) -> Declared {
        Declared::with(policy, |set| self.of(&set.name).to_vec())
    }

    /// What is put into a set.
    pub fn of(&self, set: &Name) -> &[Item] {
        self.0.get(set).map_or(&[], Vec::as_slice)
    }
}

/// An `expect`, and what came of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Expected {
    /// Its line.
    pub line: u32,
    /// The statement.
    pub text: String,
    /// What is to become of the packet.
    pub wanted: Verdict,
    /// What becomes of it.
    pub got: Verdict,
    /// What decides.
    pub by: Deciding,
    /// Whether that is what was wanted.
    pub ok: bool,
}

/// The statement that decides about a packet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Deciding {
    /// Its line; `None` where the language itself decides.
    pub line: Option<u32>,
    /// The statement.
    pub text: String,
}

impl Deciding {
    /// The statement of the policy that a decision is by.
    pub fn of(policy: &Policy, decision: &Decision) -> Self {
        let rule = |rules: &[palisade_filter::policy::Rule], at: usize| {
            rules.get(at).map(|rule| rule.text.clone()).unwrap_or_default()
        };
        let text = match decision.decider {
            Decider::Keep(at) => rule(policy.keeps(), at),
            Decider::Rule(at) => rule(policy.rules(), at),
            Decider::Malformed(flaw) => format!("malformed: {}", flaw.name()),
            Decider::Fragment => format!("on fragment {}", decision.verdict),
            Decider::Default => format!("default {}", decision.verdict),
        };
        Self { line: decision.line, text }
    }
}

impl std::fmt::Display for Deciding {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.line {
            Some(line) => write!(f, "line {line}, `{}`", self.text),
            None => write!(f, "`{}`", self.text),
        }
    }
}

/// Puts every `expect` of a policy to it, while its sets hold what the text puts there and nothing
/// else.
pub fn expects(source: &Source, lists: &Lists) -> Vec<Expected> {
    let policy = &source.policy;
    let contents = lists.contents(policy);
    let one = |expect: &palisade_filter::policy::Expect| {
        let decision = oracle::decide(policy, &contents, &oracle::expected_frame(expect));
        // An abort drops the packet too.
        let got = match decision.verdict {
            Verdict::Aborted => Verdict::Drop,
            other => other,
        };
        Expected {
            line: expect.line,
            text: expect.text.clone(),
            wanted: expect.verdict,
            got: decision.verdict,
            by: Deciding::of(policy, &decision),
            ok: got == expect.verdict,
        }
    };
    policy.expects().iter().map(one).collect()
}

/// A policy that is fit to be put in force.
pub struct Fit {
    /// The policy.
    pub source: Source,
    /// What its text puts into its sets.
    pub lists: Lists,
}

impl Fit {
    /// Reads the policy in a file with its lists; all of its expectations have to hold.
    pub fn read(path: &Path) -> Outcome<Self> {
        let source = read_policy(path)?;
        let lists = declared(&source)?;
        must_hold(&source, &expects(&source, &lists))?;
        Ok(Self { source, lists })
    }
}

/// More than this many are counted instead of told.
const MOST_TOLD: usize = 20;

/// The answer is no where an `expect` does not hold; all of those are told.
pub fn must_hold(source: &Source, expected: &[Expected]) -> Outcome {
    let failed: Vec<&Expected> = expected.iter().filter(|one| !one.ok).collect();
    if failed.is_empty() {
        return Ok(());
    }
    let (all, name) = (expected.len(), &source.name);
    let headline = format!("{name}: {} of {all} expectations do not hold", failed.len());
    let mut failure = Failure::no(headline);
    for Expected { line, text, got, by, .. } in failed.iter().take(MOST_TOLD) {
        failure = failure.note("found", format!("line {line}: `{text}`: {got}, by {by}"));
    }
    match failed.len().saturating_sub(MOST_TOLD) {
        0 => Err(failure),
        more => Err(failure.note("found", format!("and {more} more"))),
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

    #[test]
    fn an_expectation_that_does_not_hold_names_what_decides() {
        let text = "drop src 10.0.0.1\nexpect pass from 10.0.0.1\nexpect drop from 10.0.0.1\ndefault pass\n";
        let source = Source::parse("p.pal", text.to_owned(), PathBuf::new()).expect("a policy");
        let expected = expects(&source, &Lists::default());
        assert_eq!(expected.iter().map(|one| one.ok).collect::<Vec<_>>(), [false, true]);
        let wrong = told(must_hold(&source, &expected));
        assert!(
            wrong.contains("1 of 2") && wrong.contains("line 1, `drop src 10.0.0.1`"),
            "{wrong}"
        );
        assert!(must_hold(&source, &expected[1..]).is_ok());
    }

    #[test]
    fn a_list_that_is_missing_is_shown_where_the_policy_names_it() {
        let text = "set s net { file \"none.txt\" }\ndrop src in s\ndefault pass\n";
        let source = Source::parse("p.pal", text.to_owned(), PathBuf::from("/nowhere"));
        let wrong = told(declared(&source.expect("a policy")));
        assert!(wrong.contains("cannot read /nowhere/none.txt: ENOENT"), "{wrong}");
        assert!(wrong.contains("p.pal:1:"), "{wrong}");
    }
}
