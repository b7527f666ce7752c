//! Adding to sets, also where their maps are too small for it.
//!
//! Maps have the room that their entries need and some more, not all that a declaration allows. When
//! it is used up, larger maps are filled aside with the old entries and the new ones, and the program
//! that uses them takes the place of the old one: no packet sees a part of either.

use std::collections::BTreeMap;

use palisade_filter::Name;

use super::contents::{Contents, Others};
use super::home::PolicyDir;
use super::in_force::Running;
use super::install::{self, Wanted};
use super::set::{Carried, Carry, Change, Entry, OpenSet};
use crate::failure::Outcome;

/// What is added to a set: entries in order, each once.
pub type Adding<'a> = (&'a Name, &'a OpenSet, &'a [Entry]);

/// Adds entries to sets: all of them, or none and an error. What has changed is told by set.
pub fn add(at: &PolicyDir, sets: &[Adding<'_>], carry: Carry) -> Outcome<Vec<Change>> {
    let mut done: Vec<(Change, Carried)> = Vec::new();
    for (_, set, entries) in sets {
        match set.add(entries.iter().copied(), carry) {
            Ok(added) => done.push(added),
            Err(failure) => {
                take_back(sets, &done, carry);
                return Err(failure);
            }
        }
    }
    let cramped = |(_, carried): &(Change, Carried)| *carried == Carried::Cramped;
    if done.iter().any(cramped) {
        let grown = sets.iter().zip(&done).filter(|(_, added)| cramped(added));
        let contents = grown.map(|((name, _, entries), _)| {
            ((*name).clone(), Contents { entries, others: Others::Stay })
        });
        if let Err(failure) = replace(at, contents.collect()) {
            take_back(sets, &done, carry);
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

fn take_back(sets: &[Adding<'_>], done: &[(Change, Carried)], carry: Carry) {
    for ((_, set, _), (change, carried)) in sets.iter().zip(done) {
        if carry == Carry::Out && *carried == Carried::Out {
            set.take_back(change);
        }
    }
}
