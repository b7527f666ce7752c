//! What the names of a text stand for: sets and defines, which share no name.

use std::collections::HashMap;

use super::Reader;
use super::values::{Shape, Sort};
use super::words::{Refusal, Step, Word, Words};
use crate::diag::{Diagnostic, nearest};
use crate::policy::SetId;
use crate::value::SetKind;

/// What a name stands for.
#[derive(Clone, Copy)]
pub enum Named {
    /// A set.
    Set(SetId),
    /// A set whose kind cannot be told; that has been reported.
    WrongSet,
    /// A define, by its place among them.
    Define(usize),
}

impl Named {
    const fn title(self) -> &'static str {
        match self {
            Self::Set(_) | Self::WrongSet => "set",
            Self::Define(_) => "define",
        }
    }
}

/// All names, with the lines that declare them.
#[derive(Default)]
pub struct Names<'a> {
    known: HashMap<&'a str, (Named, u32)>,
    /// In the order of the text.
    sets: Vec<&'a str>,
    defines: Vec<&'a str>,
}

/// Among more names than this, no similar one is looked for.
const MOST_COMPARED: usize = 500;

impl<'a> Names<'a> {
    /// What `name` stands for.
    pub fn get(&self, name: &str) -> Option<Named> {
        self.known.get(name).map(|(named, _)| *named)
    }

    /// Adds a name, which must be new.
    pub fn declare(&mut self, word: &Word<'a>, named: Named, line: u32) -> Result<(), Diagnostic> {
        if let Some((before, line)) = self.known.get(word.text) {
            let wrong = format!("the {} `{}` is in line {line} already", before.title(), word.text);
            return Err(Diagnostic::new(word.span.clone(), wrong));
        }
        self.known.insert(word.text, (named, line));
        match named {
            Named::Set(_) | Named::WrongSet => self.sets.push(word.text),
            Named::Define(_) => self.defines.push(word.text),
        }
        Ok(())
    }

    /// Whether a set has this name.
    pub fn is_set(&self, name: &str) -> bool {
        matches!(self.get(name), Some(Named::Set(_) | Named::WrongSet))
    }
}

impl<'a> Reader<'a> {
    /// The define that `name` was probably meant to be.
    pub fn near_define(&self, name: &str) -> Option<&'a str> {
        self.near(name, &self.names.defines)
    }

    /// The set that `name` was probably meant to be.
    pub fn near_set(&self, name: &str) -> Option<&'a str> {
        self.near(name, &self.names.sets)
    }

    fn near(&self, name: &str, all: &[&'a str]) -> Option<&'a str> {
        let compared = if self.wrong.are_few() { MOST_COMPARED } else { 0 };
        nearest(name, all.iter().copied().take(compared))
    }

    /// The set of a kind whose name is next; `in` was before it.
    pub fn set_named(&mut self, kind: SetKind, sort: Sort, words: &mut Words<'a>) -> Step<SetId> {
        let word = words.word("the name of a set")?;
        let wrong = match self.names.get(word.text) {
            Some(Named::Set(id)) => match self.sets.get(id.index()) {
                Some(set) if set.kind == kind => return Ok(id),
                // Either holds addresses.
                Some(set) if (kind, set.kind) == (SetKind::Net, SetKind::Host) => return Ok(id),
                Some(set) => wrong_kind(&word, set.kind, kind),
                None => return Err(Refusal::Said),
            },
            Some(Named::WrongSet) => return Err(Refusal::Said),
            Some(Named::Define(_)) => not_a_set(&word, &sort, "is a define, not a set"),
            None if !matches!(Shape::of(word.text), Shape::Name) => {
                not_a_set(&word, &sort, "is not the name of a set")
            }
            None => {
                let wrong = format!("there is no set `{}`", word.text);
                let wrong = Diagnostic::new(word.span.clone(), wrong);
                wrong.help(match self.near_set(word.text) {
                    Some(near) => format!("did you mean `{near}`?"),
                    None => format!("declare it: `set {} {}`", word.text, kind.word()),
                })
            }
        };
        self.wrong.add(wrong);
        Err(Refusal::Said)
    }
}

fn wrong_kind(word: &Word<'_>, is: SetKind, needed: SetKind) -> Diagnostic {
    let (name, is, needed) = (word.text, is, needed.word());
    let wrong = format!("`{name}` is a {} set; a {needed} set is needed", is.word());
    Diagnostic::new(word.span.clone(), wrong).help(found_by(is, name))
}

/// How a rule looks into a set of a kind.
pub fn found_by(kind: SetKind, name: &str) -> String {
    let before = match kind {
        SetKind::Net | SetKind::Host => "src",
        SetKind::Service => "service",
        SetKind::Mac => "ether src",
    };
    format!("its entries are found by `{before} in {name}`")
}

fn not_a_set(word: &Word<'_>, sort: &Sort, what: &str) -> Diagnostic {
    let shown = word.text;
    let wrong = Diagnostic::new(word.span.clone(), format!("`{shown}` {what}"));
    match sort.before() {
        Some(before) => wrong.help(format!("write `{before} {shown}`")),
        None => wrong,
    }
}
