//! A policy and frames in a file: what once told two judges apart, or might have.
//!
//! ```text
//! # Why the case is here.
//! [policy]
//! set block net
//! drop src in block
//! default pass
//! [entries]
//! block 192.0.2.0/24 lasting
//! [frames]
//! # What is odd about the frame.
//! drop 00005e005301 00005e005307 0800 ...
//! ```
//!
//! An entry is a set, an item, and `lasting`, `timed` (it ends long after the test) or `over` (its
//! time is past). A frame is the verdict that it must have (`pass`, `drop` or `aborted`) and its
//! bytes; blanks do not matter. `#` begins a comment, except in the policy, where it does anyway.

use std::fmt::Write;

use palisade_filter::Verdict;

use crate::agree::{Entry, Life};
use crate::engine::hex;
use crate::random::Made;

/// A case.
#[derive(Clone, Debug)]
pub struct Case {
    /// Why it is here.
    pub why: String,
    /// The policy, and what is in its sets.
    pub made: Made,
    /// Frames, and what must become of them.
    pub frames: Vec<(Verdict, Vec<u8>)>,
}

/// A line that is none of a case.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unread {
    /// Its number, from 1 on.
    pub line: usize,
    /// What is wrong with it.
    pub why: &'static str,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Section {
    Why,
    Policy,
    Entries,
    Frames,
}

const LIVES: [(&str, Life); 3] =
    [("lasting", Life::Lasting), ("timed", Life::Timed), ("over", Life::Over)];

impl Case {
    /// Reads a file.
    pub fn read(text: &str) -> Result<Self, Unread> {
        let made = Made { text: String::new(), entries: Vec::new() };
        let mut case = Self { why: String::new(), made, frames: Vec::new() };
        let mut section = Section::Why;
        for (at, line) in text.lines().enumerate() {
            let comment = line.starts_with('#');
            let wrong = |why| Unread { line: at + 1, why };
            section = match (line.trim(), section) {
                ("[policy]", Section::Why) => Section::Policy,
                ("[entries]", Section::Policy) => Section::Entries,
                ("[frames]", Section::Policy | Section::Entries) => Section::Frames,
                _ => section,
            };
            match section {
                _ if line.starts_with('[') => {}
                Section::Why if comment => writeln!(case.why, "{line}").expect("a string"),
                Section::Policy => writeln!(case.made.text, "{line}").expect("a string"),
                _ if comment || line.trim().is_empty() => {}
                Section::Why => return Err(wrong("neither a comment nor `[policy]`")),
                Section::Entries => {
                    let entry = entry(line).ok_or(wrong("not set, item and life"))?;
                    case.made.entries.push(entry);
                }
                Section::Frames => {
                    case.frames.push(frame(line).ok_or(wrong("not verdict and bytes"))?);
                }
            }
        }
        let nothing = Unread { line: text.lines().count(), why: "no frames" };
        if case.frames.is_empty() { Err(nothing) } else { Ok(case) }
    }
}

fn entry(line: &str) -> Option<Entry> {
    let [set, item, life] = line.split_whitespace().collect::<Vec<_>>().try_into().ok()?;
    let (_, life) = LIVES.into_iter().find(|(word, _)| *word == life)?;
    Some(Entry { set: set.to_owned(), item: item.to_owned(), life })
}

fn frame(line: &str) -> Option<(Verdict, Vec<u8>)> {
    let (word, bytes) = line.split_once(' ')?;
    let verdict = Verdict::ALL.into_iter().find(|verdict| verdict.word() == word)?;
    let digits: Vec<u32> =
        bytes.chars().filter(|c| *c != ' ').map(|c| c.to_digit(16)).collect::<Option<_>>()?;
    let (pairs, odd) = digits.as_chunks();
    let byte = |[high, low]: &[u32; 2]| u8::try_from(high * 16 + low).ok();
    let frame: Option<Vec<u8>> = pairs.iter().map(byte).collect();
    frame.filter(|_| odd.is_empty()).map(|frame| (verdict, frame))
}

/// The file that [`Case::read`] reads.
impl std::fmt::Display for Case {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}[policy]\n{}", self.why, self.made.text)?;
        if !self.made.entries.is_empty() {
            writeln!(f, "[entries]")?;
        }
        for Entry { set, item, life } in &self.made.entries {
            let (word, _) = LIVES.iter().find(|(_, own)| own == life).expect("one of all");
            writeln!(f, "{set} {item} {word}")?;
        }
        writeln!(f, "[frames]")?;
        self.frames.iter().try_for_each(|(verdict, frame)| writeln!(f, "{verdict} {}", hex(frame)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_case_is_printed_as_it_is_read() {
        let text = "# Why.\n[policy]\nset block net\ndrop src in block\ndefault pass\n\
                    [entries]\nblock 192.0.2.0/24 over\n\
                    [frames]\ndrop 00005e00530100005e0053070800\n";
        assert_eq!(Case::read(text).expect("a case").to_string(), text);
    }

    #[test]
    fn what_is_no_case_is_refused_by_line() {
        for (text, line) in [
            ("", 0),
            ("x\n", 1),
            ("[policy]\ndefault pass\n[frames]\n", 3),
            ("[policy]\ndefault pass\n[frames]\ndrop 0\n", 4),
            ("[policy]\ndefault pass\n[frames]\nleave 00005e00530100005e0053070800\n", 4),
            ("[policy]\ndefault pass\n[entries]\nblock 192.0.2.1 later\n", 4),
        ] {
            assert_eq!(Case::read(text).map_err(|wrong| wrong.line).err(), Some(line), "{text}");
        }
    }
}
