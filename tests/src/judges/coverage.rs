//! Which of the instructions that were emitted some frame has executed.
//!
//! Instructions of one *kind* have the same form and the same note; a note that quotes a rule
//! counts as `rule`, and numbers, maps and labels do not matter.

use std::collections::BTreeMap;

use palisade_asm::{Insn, Program};

/// What was executed of many programs.
#[derive(Clone, Debug, Default)]
pub struct Executed {
    kinds: BTreeMap<String, Count>,
}

/// Instructions of a kind.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Count {
    /// Those that some frame has executed.
    pub executed: u64,
    /// Those that none has.
    pub missed: u64,
}

impl Executed {
    /// Adds a program of which `executed` says how often each instruction was.
    pub fn add(&mut self, program: &Program, executed: impl Fn(usize) -> u64) {
        for (at, insn) in program.insns().iter().enumerate() {
            let count = self.kinds.entry(kind(program, at, insn)).or_default();
            if executed(at) > 0 {
                count.executed += 1;
            } else {
                count.missed += 1;
            }
        }
    }

    /// Adds what another has.
    pub fn merge(&mut self, other: Self) {
        for (kind, count) in other.kinds {
            let own = self.kinds.entry(kind).or_default();
            own.executed += count.executed;
            own.missed += count.missed;
        }
    }

    /// All instructions together.
    pub fn all(&self) -> Count {
        self.kinds.values().fold(Count::default(), |sum, one| Count {
            executed: sum.executed + one.executed,
            missed: sum.missed + one.missed,
        })
    }

    /// The kinds of which not one instruction was executed, and how many there are.
    pub fn never(&self) -> impl Iterator<Item = (&str, u64)> {
        let never = self.kinds.iter().filter(|(_, count)| count.executed == 0);
        never.map(|(kind, count)| (kind.as_str(), count.missed))
    }

    /// The instructions that were not executed, by note.
    pub fn missed_by_note(&self) -> BTreeMap<&str, Count> {
        let mut notes: BTreeMap<&str, Count> = BTreeMap::new();
        for (kind, count) in &self.kinds {
            let note = kind.split_once(": ").map_or(kind.as_str(), |(note, _)| note);
            let sum = notes.entry(note).or_default();
            sum.executed += count.executed;
            sum.missed += count.missed;
        }
        notes.retain(|_, count| count.missed > 0);
        notes
    }
}

/// The note of an instruction and its form.
fn kind(program: &Program, at: usize, insn: &Insn) -> String {
    let note = match program.note_at(at) {
        Some(note) if note.line.is_some() => "rule",
        Some(note) => without_values(&note.step),
        None => "none",
    };
    let form = format!("{insn:?}");
    // Which helper is called does matter.
    if form.starts_with("Call") {
        format!("{note}: {form}")
    } else {
        format!("{note}: {}", numberless(&form))
    }
}

/// A note, without the new values of what a change replaces.
fn without_values(step: &str) -> &str {
    match step.split_once(' ') {
        Some((word @ ("rewrite" | "vlan" | "balance" | "tunnel"), _)) => word,
        Some(_) | None => step,
    }
}

/// The text with `N` for each number that does not belong to a word.
fn numberless(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut last = ' ';
    for letter in text.chars() {
        let in_number = letter.is_ascii_digit() && !last.is_ascii_alphabetic();
        match (in_number, last) {
            (false, _) => out.push(letter),
            (true, '0') => {}
            (true, _) => out.push('N'),
        }
        // Further digits are told from those of a word by what stands before the first one.
        if !letter.is_ascii_digit() {
            last = letter;
        } else if in_number {
            last = '0';
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::numberless;

    #[test]
    fn numbers_do_not_matter_but_those_in_words_do() {
        assert_eq!(
            numberless("W64 Reg(10), off: -316, Imm(0) Be16"),
            "W64 Reg(N), off: -N, Imm(N) Be16"
        );
    }
}
