//! Whether the entries that are named are those that the program counts: of the others that cover
//! the packet too, none may have been hit.

use palisade_filter::oracle::{Listed, Reading};
use palisade_filter::policy::{Set, SetId};
use palisade_filter::rehearsal::Hits;
use palisade_filter::{Item, Policy};

use crate::failure::{Failure, Outcome};
use crate::judging::Judge;

/// The entries that cover a packet and are not named, with what they were hit by before it.
pub struct Rivals<'a> {
    all: Vec<(&'a Set, SetId, Item, Option<Hits>)>,
}

impl<'a> Rivals<'a> {
    /// Those of a packet that is yet to be judged.
    pub fn of(reading: &Reading, judge: &Judge<'_, Listed>, policy: &'a Policy) -> Self {
        let sets =
            policy.sets().iter().filter_map(|set| Some((set, policy.set_id(set.name.as_str())?)));
        let all = sets.flat_map(|(set, id)| {
            let rivals = judge.contents().rivals(id, reading).into_iter();
            rivals.map(move |item| (set, id, item, judge.hits(id, &item)))
        });
        Self { all: all.collect() }
    }

    /// Behind the judging: a bug of ours where one of them was hit.
    pub fn check(&self, judge: &Judge<'_, Listed>) -> Outcome {
        match self.all.iter().find(|(_, id, item, before)| judge.hits(*id, item) != *before) {
            Some((set, _, item, _)) => Err(Failure::bug(format!(
                "the program counts the packet with the entry {item} of `{}`, and another one is named",
                set.name
            ))),
            None => Ok(()),
        }
    }
}
