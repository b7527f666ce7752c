//! Making the declared entries of a set those that its policy names.
//!
//! Elements and the entries of a set's file are put in when the policy is put in force, and go when
//! another policy without them takes its place. What somebody added is left alone, also where the
//! policy names it too.

use palisade_filter::Item;
use palisade_filter::structure::Origin;
use palisade_filter::value::{Timeout, in_order};

use super::{Carried, End, Entry, Now, OpenSet};
use crate::failure::Outcome;

/// The items that a text names for a set, each once and in order.
pub struct Named(Vec<Item>);

/// How many entries come and go with a text.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Declared {
    /// Entries that it puts in.
    pub new: usize,
    /// Entries that an earlier text has put in, and this one does not name.
    pub gone: usize,
}

impl Named {
    /// The items in any order.
    pub fn of(items: &[Item]) -> Self {
        Self(in_order(items.to_vec(), |item| *item))
    }

    /// Whether an entry goes: an earlier text has put it in, and this one does not name it.
    pub fn leaves_out(&self, entry: &Entry) -> bool {
        entry.origin == Origin::Declared && self.0.binary_search(&entry.item).is_err()
    }

    /// What comes and goes among the entries of a set, in the order of their items.
    pub fn change(&self, there: &[Entry]) -> Declared {
        let absent = |item: &&Item| there.binary_search_by_key(*item, |entry| entry.item).is_err();
        let new = self.0.iter().filter(absent).count();
        Declared { new, gone: there.iter().filter(|entry| self.leaves_out(entry)).count() }
    }
}

impl OpenSet {
    /// Makes the declared entries exactly `items`, in any order, and `timeout` the time that an
    /// entry stays; all of it, or none and an error. A declared entry that stays keeps its counters
    /// and what is left of its time; only where entries of the set begin, or cease, to have a time
    /// it gets the new one.
    pub fn declare(&self, items: &[Item], timeout: Option<Timeout>) -> Outcome<Carried> {
        let now = Now::read()?;
        let named = Named::of(items);
        let there = self.entries()?;
        let ends = timeout.map_or(End::Never, |timeout| now.after(timeout));
        let declared = |entry: &&Entry| entry.origin == Origin::Declared;
        let add = named.0.iter().filter_map(|item| {
            let new = Entry { origin: Origin::Declared, ..Entry::new(*item, ends, now) };
            match there.binary_search_by_key(item, |entry| entry.item) {
                Ok(at) => there.get(at).filter(declared).filter(|e| e.is_timed() != new.is_timed()),
                Err(_) => Some(&new),
            }
            .map(|_| new)
        });
        let gone = there.iter().filter(|entry| named.leaves_out(entry));
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
