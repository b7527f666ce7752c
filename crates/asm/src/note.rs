//! Provenance: which line of a policy asked for an instruction, and in which step.
//!
//! Notes are kept as runs, so that a note costs the same for one instruction as for a thousand.
//! Invariant: the runs are in ascending order of their start, and no two neighbours are equal.

use std::borrow::Cow;
use std::fmt;

/// Where an instruction comes from.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Default)]
pub struct Note {
    /// The line of the policy, counted from 1; none for what no line asked for.
    pub line: Option<u32>,
    /// What is being done, in a few words.
    pub step: Cow<'static, str>,
}

impl Note {
    /// A note of something that no line of the policy asked for.
    pub fn new(step: impl Into<Cow<'static, str>>) -> Self {
        Self { line: None, step: step.into() }
    }

    /// A note of something that a line of the policy asked for.
    pub fn line(line: u32, step: impl Into<Cow<'static, str>>) -> Self {
        Self { line: Some(line), step: step.into() }
    }
}

impl fmt::Display for Note {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            Some(line) => write!(f, "{line}: {}", self.step),
            None => f.write_str(&self.step),
        }
    }
}

/// The notes of a row of instructions or slots: each holds from its start to the next one's.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Notes {
    runs: Vec<(usize, Note)>,
}

impl Notes {
    /// The note that holds at `at`; none before the first one.
    pub fn at(&self, at: usize) -> Option<&Note> {
        let after = self.runs.partition_point(|(start, _)| *start <= at);
        Some(&self.runs[after.checked_sub(1)?].1)
    }

    /// The runs: where each note begins to hold, and the note.
    pub fn iter(&self) -> impl Iterator<Item = (usize, &Note)> {
        self.runs.iter().map(|(start, note)| (*start, note))
    }

    /// The note that begins last.
    pub(crate) fn last(&self) -> Option<&Note> {
        self.runs.last().map(|(_, note)| note)
    }

    /// Lets `note` hold from `from` on, which is not before where the last one started.
    pub(crate) fn push(&mut self, from: usize, note: Note) {
        self.runs.pop_if(|(start, _)| *start == from);
        if self.runs.last().is_none_or(|(_, last)| *last != note) {
            self.runs.push((from, note));
        }
    }

    /// The note that starts to hold exactly at `at`.
    pub(crate) fn starting(&self, at: usize) -> Option<&Note> {
        let found = self.runs.binary_search_by_key(&at, |(start, _)| *start).ok()?;
        Some(&self.runs[found].1)
    }
}

impl FromIterator<(usize, Note)> for Notes {
    /// Notes with where each begins to hold; one that comes before its forerunner is left out.
    fn from_iter<T: IntoIterator<Item = (usize, Note)>>(notes: T) -> Self {
        let mut all = Self::default();
        let mut last = 0;
        for (from, note) in notes {
            if from >= last {
                all.push(from, note);
                last = from;
            }
        }
        all
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_note_holds_until_the_next_one() {
        let mut notes = Notes::default();
        notes.push(2, Note::new("parse"));
        notes.push(5, Note::line(7, "drop src in block"));
        assert_eq!(notes.at(1), None);
        assert_eq!(notes.at(2), Some(&Note::new("parse")));
        assert_eq!(notes.at(4), Some(&Note::new("parse")));
        assert_eq!(notes.at(5), Some(&Note::line(7, "drop src in block")));
        assert_eq!(notes.at(500), Some(&Note::line(7, "drop src in block")));
    }

    #[test]
    fn a_note_repeated_or_replaced_at_once_leaves_one_run() {
        let mut notes = Notes::default();
        notes.push(0, Note::new("a"));
        notes.push(3, Note::new("b"));
        notes.push(3, Note::new("a"));
        notes.push(9, Note::new("a"));
        assert_eq!(notes.iter().count(), 1);
        assert_eq!(notes.at(9), Some(&Note::new("a")));
    }

    #[test]
    fn notes_are_collected_in_their_order() {
        let given = [(0, Note::new("a")), (4, Note::new("b")), (2, Note::new("c"))];
        let notes: Notes = given.into_iter().collect();
        let runs: Vec<_> = notes.iter().map(|(from, note)| (from, note.step.as_ref())).collect();
        assert_eq!(runs, [(0, "a"), (4, "b")]);
    }

    #[test]
    fn notes_print_their_line_first() {
        assert_eq!(Note::line(7, "drop src in block").to_string(), "7: drop src in block");
        assert_eq!(Note::new("ethernet").to_string(), "ethernet");
    }
}
