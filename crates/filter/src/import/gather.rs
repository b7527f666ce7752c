//! What a reader collects: items with their counters and times, mistakes, and the sets they stem
//! from.
//!
//! Mistakes are bounded: a file of another kind must not fill the memory with complaints. Counters
//! and times are kept only from the first entry on that has some, so that a list of a million
//! addresses costs its items alone.

use super::detect::Dialect;
use super::{Counters, Group, Imported, Note, Stay};
use crate::diag::{Diagnostic, Diagnostics};
use crate::value::{Family, Item, Prefix};

/// The outcome of a part of the reading; an error is the mistake behind which nothing is read.
pub(super) type Step<T = ()> = Result<T, Diagnostic>;

/// More mistakes than this are not looked for.
const MOST: usize = 100;

/// The mistakes so far.
#[derive(Default)]
pub(super) struct Mistakes {
    all: Vec<Diagnostic>,
}

impl Mistakes {
    /// Notes one more; an error if there are too many to go on.
    pub(super) fn add(&mut self, mistake: Diagnostic) -> Step {
        if self.all.len() < MOST {
            self.all.push(mistake);
            return Ok(());
        }
        let many = format!("more than {MOST} mistakes; the rest of the file was not looked at");
        Err(Diagnostic::new(mistake.span, many))
    }

    /// Notes the mistake that ended the reading.
    pub(super) fn last(&mut self, mistake: Diagnostic) {
        self.all.push(mistake);
    }

    pub(super) fn is_empty(&self) -> bool {
        self.all.is_empty()
    }

    /// All of them; the first says what the file was `taken` for, if that was a guess.
    pub(super) fn report(mut self, taken: Option<Dialect>) -> Option<Diagnostics> {
        self.all.sort_by_key(|d| d.span.start);
        if let (Some(dialect), Some(first)) = (taken, self.all.first_mut()) {
            let told = format!("(the file was read as {})", dialect.title());
            first.help = Some(match first.help.take() {
                Some(help) => format!("{help} {told}"),
                None => told,
            });
        }
        Diagnostics::of(self.all)
    }
}

/// Items and their counters, in the order of the file.
#[derive(Default)]
pub(super) struct Gather {
    group: Group,
    shared: usize,
}

impl Gather {
    /// One entry that is one item.
    pub(super) fn push(&mut self, item: Item) {
        self.group.items.push(item);
        if !self.group.counters.is_empty() {
            self.group.counters.push(Counters::default());
        }
        if !self.group.stays.is_empty() {
            self.group.stays.push(Stay::Unsaid);
        }
    }

    /// One entry that is all of `items`, with its time, which each of them has, and its counters if
    /// it has any. These cannot be divided, so the first item takes them and the sum stays right.
    pub(super) fn entry(
        &mut self,
        items: impl IntoIterator<Item = Item>,
        counted: Option<Counters>,
        stay: Stay,
    ) {
        let first = self.group.items.len();
        for item in items {
            self.push(item);
        }
        if stay != Stay::Unsaid {
            self.group.stays.resize(first, Stay::Unsaid);
            self.group.stays.resize(self.group.items.len(), stay);
        }
        let Some(counted) = counted else { return };
        self.group.counters.resize(self.group.items.len(), Counters::default());
        if let Some(slot) = self.group.counters.get_mut(first) {
            *slot = counted;
        }
        let several = self.group.items.len() - first > 1;
        self.shared += usize::from(several && counted != Counters::default());
    }

    /// The group of a set of ours.
    pub(super) fn group(self) -> Group {
        self.group
    }

    /// The result for a format that names no set of ours.
    pub(super) fn finish(self, mut notes: Vec<Note>) -> Imported {
        if self.shared > 0 {
            notes.push(Note::Counters { count: self.shared });
        }
        let groups = if self.group.items.is_empty() { Vec::new() } else { vec![self.group] };
        Imported { groups, notes }
    }
}

/// The items of prefixes.
pub(super) fn nets(prefixes: &[Prefix]) -> impl Iterator<Item = Item> {
    prefixes.iter().copied().map(Item::Net)
}

/// What a set of another system holds, as far as ours can.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Holds {
    V4,
    V6,
    Services,
}

impl Holds {
    /// The family of the addresses, if these are addresses.
    pub(super) const fn addresses_of(self) -> Option<Family> {
        match self {
            Self::V4 => Some(Family::V4),
            Self::V6 => Some(Family::V6),
            Self::Services => None,
        }
    }

    /// The entries, in words.
    pub(super) const fn title(self) -> &'static str {
        match self {
            Self::V4 => "IPv4 addresses",
            Self::V6 => "IPv6 addresses",
            Self::Services => "ports",
        }
    }
}

/// The sets that entries were taken from. One of each sort is taken: which of two belongs where
/// (is one of them the allow list?) is not for the reader to guess.
#[derive(Default)]
pub(super) struct Sources {
    taken: Vec<(Holds, String)>,
}

impl Sources {
    /// Takes the set `name`; the name of the other one if there is one of its sort.
    pub(super) fn claim(&mut self, holds: Holds, name: &str) -> Result<(), String> {
        match self.taken.iter().find(|(h, _)| *h == holds) {
            Some((_, other)) => Err(other.clone()),
            None => {
                self.taken.push((holds, name.to_owned()));
                Ok(())
            }
        }
    }

    /// What to say about them.
    pub(super) fn note(self) -> Option<Note> {
        let sets: Vec<_> = self.taken.into_iter().map(|(_, name)| name).collect();
        (sets.len() > 1).then_some(Note::Merged { sets })
    }
}
