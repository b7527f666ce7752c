//! Adding to sets, also where their maps are too small for it.
//!
//! Maps have the room that their entries need and some more, not all that a declaration allows. When
//! it is used up, larger maps are filled aside with the old entries and the new ones, and the program
//! that uses them takes the place of the old one: no packet sees a part of either.

use std::collections::BTreeMap;

use palisade_filter::Name;

use super::contents::Contents;
use super::home::PolicyDir;
use super::in_force::Running;
use super::install::{self, Wanted};
use super::set::{Carried, Carry, Change, Entry, OpenSet};
use crate::failure::Outcome;

/// Adds entries to sets: all of them, or none and an error. What has changed is told by set.
pub fn add<'a, E>(
    at: &PolicyDir,
    sets: impl Iterator<Item = (&'a Name, &'a OpenSet, E)>,
    carry: Carry,
) -> Outcome<Vec<Change>>
where
    E: Iterator<Item = Entry> + Clone + 'a,
{
    let sets: Vec<_> = sets.collect();
    let mut done: Vec<(Change, Carried)> = Vec::new();
    for (_, set, entries) in &sets {
        match set.add(entries.clone(), carry) {
            Ok(added) => done.push(added),
            Err(failure) => {
                take_back(&sets, &done, carry);
                return Err(failure);
            }
        }
    }
    let cramped = |(_, carried): &(Change, Carried)| *carried == Carried::Cramped;
    if done.iter().any(cramped) {
        let larger = |((name, _, entries), _): ((&'a Name, _, E), _)| {
            let more = move |old: &[Entry]| merged(old, entries.clone());
            (name.clone(), Box::new(more) as Contents<'_>)
        };
        let grown = sets.iter().cloned().zip(&done).filter(|(_, added)| cramped(added));
        let contents: BTreeMap<Name, Contents<'_>> = grown.map(larger).collect();
        if let Err(failure) = replace(at, contents) {
            take_back(&sets, &done, carry);
            return Err(failure.note(
                "found",
                "the maps of the set are full, and larger ones take another program",
            ));
        }
    }
    Ok(done.into_iter().map(|(change, _)| change).collect())
}

fn replace(at: &PolicyDir, contents: BTreeMap<Name, Contents<'_>>) -> Outcome {
    let running = Running::get(at)?;
    let (text, policy) = (&running.meta.text, &running.policy);
    install::install(at, Wanted { contents, ..Wanted::new(text, policy) }).map(drop)
}

/// What a set holds with these added: an entry that is there keeps all but its time.
fn merged(old: &[Entry], new: impl Iterator<Item = Entry>) -> Vec<Entry> {
    if old.is_empty() {
        // Whoever fills the set sees to what comes twice.
        return new.collect();
    }
    let mut all: BTreeMap<_, _> = BTreeMap::new();
    for entry in new {
        // Of an item that comes twice, the first stays.
        all.entry(entry.item).or_insert(entry);
    }
    for there in old {
        all.entry(there.item).and_modify(|new| *new = there.again(*new)).or_insert(*there);
    }
    all.into_values().collect()
}

fn take_back<E>(sets: &[(&Name, &OpenSet, E)], done: &[(Change, Carried)], carry: Carry) {
    for ((_, set, _), (change, carried)) in sets.iter().zip(done) {
        if carry == Carry::Out && *carried == Carried::Out {
            set.take_back(change);
        }
    }
}
