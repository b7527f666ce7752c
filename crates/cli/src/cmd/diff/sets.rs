//! What becomes of the sets and their entries.

use palisade_filter::policy::Set;
use palisade_filter::{Item, Name, Policy, SetKind};
use serde_json::{Value, json};

use crate::failure::Outcome;
use crate::judging::Lists;
use crate::output::{Output, human};
use crate::running::in_force::Running;
use crate::running::set::{Declared, Named};

/// What becomes of one set.
pub struct SetChange {
    /// Its name.
    pub name: Name,
    fate: Fate,
    /// Entries that it holds now.
    entries: u64,
    /// Entries that the text puts in, or takes out because it names them no more.
    declared: Declared,
}

enum Fate {
    /// It stays as it is, with its entries.
    Carried,
    /// Its entries are copied into one of another size.
    Resized { from: u32, to: u32 },
    /// One of another kind takes its name: its entries are lost.
    Emptied { from: SetKind, to: SetKind },
    /// There was none of that name.
    New { kind: SetKind },
    /// The policy has it no more: its entries are lost.
    Dropped,
}

impl SetChange {
    /// What becomes of all sets, those of the new policy first.
    pub fn all(running: &Running<'_>, new: &Policy, lists: &Lists) -> Outcome<Vec<Self>> {
        let sets = new.sets().iter().map(|set| Self::of(running, set, lists.of(&set.name)));
        let dropped =
            running.policy.sets().iter().filter(|old| new.set(old.name.as_str()).is_none());
        sets.chain(dropped.map(|old| Self::dropped(running, old))).collect()
    }

    fn of(running: &Running<'_>, set: &Set, named: &[Item]) -> Outcome<Self> {
        let name = set.name.clone();
        let Some(old) = running.policy.set(name.as_str()) else {
            let declared = Named::of(named).change(&[]);
            return Ok(Self { name, fate: Fate::New { kind: set.kind }, entries: 0, declared });
        };
        let there = running.at.set(&name)?;
        let entries = there.len()?;
        if old.kind != set.kind {
            let fate = Fate::Emptied { from: old.kind, to: set.kind };
            return Ok(Self { name, fate, entries, declared: Named::of(named).change(&[]) });
        }
        let fate = match (old.max, set.max) {
            (from, to) if from == to => Fate::Carried,
            (from, to) => Fate::Resized { from, to },
        };
        // A set that neither text fills is not read: it may hold millions.
        let declares = |set: &Set| set.file.is_some() || !set.elements.is_empty();
        let declared = match declares(old) || declares(set) {
            true => Named::of(named).change(&there.entries()?),
            false => Declared::default(),
        };
        Ok(Self { name, fate, entries, declared })
    }

    fn dropped(running: &Running<'_>, old: &Set) -> Outcome<Self> {
        let entries = running.at.set(&old.name)?.len()?;
        let (name, declared) = (old.name.clone(), Declared::default());
        Ok(Self { name, fate: Fate::Dropped, entries, declared })
    }

    /// Whether it stays as it is.
    pub fn is_none(&self) -> bool {
        matches!(self.fate, Fate::Carried) && self.declared == Declared::default()
    }

    /// The change as a document.
    pub fn json(&self) -> Value {
        let (change, from, to) = match self.fate {
            Fate::Carried => ("carried", Value::Null, Value::Null),
            Fate::Resized { from, to } => ("resized", from.into(), to.into()),
            Fate::Emptied { from, to } => ("emptied", from.word().into(), to.word().into()),
            Fate::New { kind } => ("new", Value::Null, kind.word().into()),
            Fate::Dropped => ("dropped", Value::Null, Value::Null),
        };
        let Declared { new, gone } = self.declared;
        json!({
            "change": change, "from": from, "to": to, "entries": self.entries,
            "new": new, "gone": gone,
        })
    }

    fn in_words(&self) -> String {
        let entries = human::counted(self.entries, "entry", "entries");
        let fate = match self.fate {
            Fate::Carried => format!("carried over with {entries}"),
            Fate::Resized { from, to } => {
                let (from, to) = (human::grouped(from.into()), human::grouped(to.into()));
                format!("resized from {from} to {to}, with {entries}")
            }
            Fate::Emptied { from, to } => {
                format!("a {} set in the place of a {} set, {entries} LOST", to.word(), from.word())
            }
            Fate::New { kind } => format!("new, a {} set", kind.word()),
            Fate::Dropped => format!("dropped, {entries} LOST"),
        };
        let Declared { new, gone } = self.declared;
        let counted = |number: usize| human::counted(number as u64, "entry", "entries");
        let new = (new > 0).then(|| format!("; {} put in by the text", counted(new)));
        let gone = (gone > 0)
            .then(|| format!("; {} taken out, which the text names no more", counted(gone)));
        [Some(fate), new, gone].into_iter().flatten().collect()
    }
}

/// A line for each set.
pub fn say(changes: &[SetChange], out: &mut Output) -> Outcome {
    let rows: Vec<Vec<String>> = changes
        .iter()
        .map(|change| vec![format!("  {}", change.name), change.in_words()])
        .collect();
    if !rows.is_empty() {
        out.say("sets:")?;
    }
    human::table(&rows, &[]).iter().try_for_each(|line| out.say(line))
}
