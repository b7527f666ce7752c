//! Making the declared entries of a set those that its policy names.
//!
//! Elements and the entries of a set's file are put in when the policy is put in force, and go when
//! another policy without them takes its place. What somebody added is left alone, also where the
//! policy names it too.

use palisade_filter::Item;
use palisade_filter::structure::Origin;
use palisade_filter::value::Timeout;

use super::{End, Entry, Now, OpenSet};
use crate::failure::Outcome;

impl OpenSet {
    /// Makes the declared entries exactly `items`, in any order, and `timeout` the time that an
    /// entry stays; all of it, or none and an error. A declared entry that stays keeps its counters
    /// and what is left of its time; only where entries of the set begin, or cease, to have a time
    /// it gets the new one.
    pub fn declare(&self, items: &[Item], timeout: Option<Timeout>) -> Outcome {
        let now = Now::read()?;
        let mut wanted = items.to_vec();
        wanted.sort_unstable();
        wanted.dedup();
        let there = self.entries()?;
        let ends = timeout.map_or(End::Never, |timeout| now.after(timeout));
        let declared = |entry: &&Entry| entry.origin == Origin::Declared;
        let add = wanted.iter().filter_map(|item| {
            let new = Entry { origin: Origin::Declared, ..Entry::new(*item, ends, now) };
            match there.binary_search_by_key(item, |entry| entry.item) {
                Ok(at) => there.get(at).filter(declared).filter(|e| e.is_timed() != new.is_timed()),
                Err(_) => Some(&new),
            }
            .map(|_| new)
        });
        let unnamed = |entry: &&Entry| wanted.binary_search(&entry.item).is_err();
        let gone = there.iter().filter(declared).filter(unnamed);
        let gone: Vec<Item> = gone.map(|entry| entry.item).collect();
        let change = self.plan(add, &gone)?;
        self.carry_out(&change, timeout)
    }
}

impl Entry {
    fn is_timed(&self) -> bool {
        self.ends != End::Never
    }
}
