//! What the sets of a new policy hold: carried over, made anew, or filled for the first time.
//!
//! A set that both policies have, of one kind, goes on with its entries, their counters and the
//! times they end. Where nothing else is declared about it than before, the very maps go on, so that
//! an edit meanwhile is seen by both programs. Where anything is, the new program gets maps of its
//! own: the old one never sees an entry that only the new text declares, nor misses one.
//!
//! Nothing here changes a map that a program in force uses.

use std::borrow::Cow;
use std::cell::RefCell;
use std::collections::BTreeMap;

use palisade_filter::policy::Set;
use palisade_filter::value::side_by_side;
use palisade_filter::{Item, Name, Policy};
use palisade_loader::MapHandle;

use super::home::PolicyDir;
use super::in_force::Running;
use super::set::{Declared, Entry, Named, Now, OpenSet, full};
use crate::failure::Outcome;
use crate::judging::Lists;

/// What a set is to hold that gets other entries.
#[derive(Clone, Copy)]
pub struct Contents<'a> {
    /// Entries in order, each once.
    pub entries: &'a [Entry],
    /// What becomes of those that it holds.
    pub others: Others,
}

/// What becomes of the entries of a set that gets others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Others {
    /// They stay; one that is named again keeps all but its time.
    Stay,
    /// They go; of one that is named again, its age stays, what the policy says of it, and its counters
    /// if the new one has counted nothing.
    Go,
}

impl<'a> Contents<'a> {
    /// All that the set is to hold, in order, each once.
    fn of(&self, from: &OpenSet) -> Outcome<Cow<'a, [Entry]>> {
        if from.len()? == 0 {
            return Ok(self.entries.into());
        }
        Ok(match self.others {
            Others::Stay => merged(&from.entries()?, self.entries),
            Others::Go => renewed(&from.among(self.entries)?, self.entries),
        }
        .into())
    }
}

/// What becomes of a set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// It goes on as it is.
    Carried,
    /// It goes on in new maps.
    Remade(Declared),
    /// It is new.
    Made {
        /// Entries that the text puts in.
        new: usize,
    },
}

/// A set of the new policy.
pub struct PlannedSet<'a> {
    /// Its declaration.
    pub declared: &'a Set,
    /// What becomes of it.
    pub fate: Fate,
    /// The set in the maps that the new program uses.
    pub set: OpenSet,
    /// The set that goes on in it.
    from: Option<OpenSet>,
    /// How its entries follow from those that it has, where they are replaced.
    contents: Option<Contents<'a>>,
    /// The entries that it gets, where nothing can be counted in them meanwhile.
    ready: RefCell<Option<Vec<Entry>>>,
}

impl<'a> PlannedSet<'a> {
    /// The sets of `policy`, which takes the place of `old`. Without `lists`, what is declared is
    /// not looked at.
    pub fn all(
        at: &PolicyDir,
        old: Option<&Running<'_>>,
        policy: &'a Policy,
        lists: Option<&Lists>,
        mut contents: BTreeMap<Name, Contents<'a>>,
    ) -> Outcome<Vec<Self>> {
        let mut all = Vec::new();
        for declared in policy.sets() {
            let before = old.and_then(|old| old.policy.set(declared.name.as_str()));
            let before = before.filter(|before| before.kind == declared.kind);
            let given = contents.remove(&declared.name);
            let planned = match before {
                Some(before) => Self::carry(at, (before, declared), lists, given)?,
                None => Self::make(declared, lists)?,
            };
            all.push(planned);
        }
        Ok(all)
    }

    fn make(declared: &'a Set, lists: Option<&Lists>) -> Outcome<Self> {
        let items = lists.map(|lists| lists.of(&declared.name)).unwrap_or_default();
        let (new, set) = (items.len(), OpenSet::create(declared, items.iter().copied())?);
        Ok(Self::new(declared, Fate::Made { new }, set))
    }

    fn new(declared: &'a Set, fate: Fate, set: OpenSet) -> Self {
        Self { declared, fate, set, from: None, contents: None, ready: RefCell::default() }
    }

    fn carry(
        at: &PolicyDir,
        (before, declared): (&Set, &'a Set),
        lists: Option<&Lists>,
        contents: Option<Contents<'a>>,
    ) -> Outcome<Self> {
        let from = at.set(&declared.name)?;
        let kept = |set: &Set| (set.max, set.timeout, set.counters);
        let goes_on = kept(before) == kept(declared) && contents.is_none();
        if goes_on && lists.is_none_or(|lists| says_nothing(before, lists.of(&declared.name))) {
            return Ok(Self::new(declared, Fate::Carried, from));
        }
        let (all, change) = match contents {
            // Which they are is known without those that they take the place of.
            Some(Contents { entries, others: Others::Go }) => (Cow::from(entries), None),
            Some(contents) => (contents.of(&from)?, None),
            None => {
                let there = from.entries()?;
                let change =
                    lists.map(|lists| declared_anew(&there, declared, lists)).transpose()?;
                if goes_on && change == Some(Declared::default()) {
                    return Ok(Self::new(declared, Fate::Carried, from));
                }
                (Cow::from(with_lists(there, declared, lists)?), change)
            }
        };
        let set = OpenSet::create(declared, all.iter().map(|entry| entry.item))?;
        let mut planned = Self::new(declared, Fate::Remade(change.unwrap_or_default()), set);
        if let (Cow::Owned(all), 0) = (all, from.len()?) {
            planned.ready.replace(Some(all));
        }
        (planned.from, planned.contents) = (Some(from), contents);
        Ok(planned)
    }

    /// Its maps, and whether they are new.
    pub fn maps(&self) -> impl Iterator<Item = (&MapHandle, bool)> {
        let fresh = self.fate != Fate::Carried;
        self.set.handles().into_iter().map(move |handle| (handle, fresh))
    }

    /// The set that holds now what it goes on with.
    pub fn now(&self) -> Option<&OpenSet> {
        match self.fate {
            Fate::Carried => Some(&self.set),
            Fate::Remade(_) => self.from.as_ref(),
            Fate::Made { .. } => None,
        }
    }

    /// Fills new maps, which no program that is in force uses.
    fn fill(&self, lists: Option<&Lists>) -> Outcome {
        if self.fate == Fate::Carried {
            return Ok(());
        }
        let entries = match (self.ready.take(), &self.contents, &self.from) {
            (Some(ready), ..) => Cow::from(ready),
            (None, Some(contents), Some(from)) => contents.of(from)?,
            (None, _, from) => {
                let there = from.as_ref().map(OpenSet::entries).transpose()?;
                with_lists(there.unwrap_or_default(), self.declared, lists)?.into()
            }
        };
        self.set.fill(&entries)
    }
}

/// Whether neither text names an entry, the one before nor, with these items, the new one.
fn says_nothing(before: &Set, items: &[Item]) -> bool {
    items.is_empty() && before.elements.is_empty() && before.file.is_none()
}

/// How many entries the text puts in, and how many of those that an earlier one has put in go. What
/// does not fit is refused.
fn declared_anew(there: &[Entry], declared: &Set, lists: &Lists) -> Outcome<Declared> {
    let change = Named::of(lists.of(&declared.name)).change(there);
    let kept = there.len() - change.gone;
    if (kept + change.new) as u64 > declared.max.into() {
        return Err(full(declared.name.as_str(), kept as u64, declared.max, change.new));
    }
    Ok(change)
}

/// What a set holds that holds these entries now, in order, once the lists are put in.
fn with_lists(there: Vec<Entry>, declared: &Set, lists: Option<&Lists>) -> Outcome<Vec<Entry>> {
    Ok(match lists {
        Some(lists) => {
            Named::of(lists.of(&declared.name)).with(&there, declared.timeout, Now::read()?)
        }
        None => there,
    })
}

/// Fills the new maps of all sets.
pub fn fill_all(sets: &[PlannedSet<'_>], lists: Option<&Lists>) -> Outcome {
    sets.iter().try_for_each(|set| set.fill(lists))
}

/// What is there with entries that are added, both in order.
fn merged(there: &[Entry], new: &[Entry]) -> Vec<Entry> {
    let both = side_by_side(there, new, |there| there.item, |new| new.item);
    both.filter_map(|both| match both {
        (Some(there), Some(new)) => Some(there.again(*new)),
        (there, new) => there.or(new).copied(),
    })
    .collect()
}

/// New entries where they take the place of all that is there, both in order.
fn renewed(there: &[Entry], new: &[Entry]) -> Vec<Entry> {
    let both = side_by_side(there, new, |there| there.item, |new| new.item);
    both.filter_map(|both| match both {
        (Some(old), Some(new)) if (new.packets, new.bytes) == (0, 0) => {
            Some(Entry { ends: new.ends, ..*old })
        }
        (Some(Entry { added, origin, .. }), Some(new)) => {
            Some(Entry { added: *added, origin: *origin, ..*new })
        }
        (_, new) => new.copied(),
    })
    .collect()
}

#[cfg(test)]
mod tests {
    use palisade_filter::structure::Origin;

    use super::*;
    use crate::running::set::End;

    fn entry(text: &str, packets: u64, ends: u64) -> Entry {
        let (item, ends) = (text.parse().expect("an item"), End::of(ends));
        let (added, origin) = (packets, Origin::Declared);
        Entry { item, packets, bytes: packets, added, ends, origin }
    }

    const SECOND: u64 = 1_000_000_000;

    #[test]
    fn what_is_added_again_keeps_all_but_its_time() {
        let there = [entry("10.0.0.1", 5, 0), entry("10.0.0.3", 6, 0)];
        let new = [entry("10.0.0.0/8", 1, 9), entry("10.0.0.3", 2, 9 * SECOND)];
        let again = there[1].again(new[1]);
        assert_eq!((again.packets, again.ends), (6, End::of(9 * SECOND)));
        assert_eq!(merged(&there, &new), [new[0], there[0], again]);
        assert_eq!(merged(&[], &new), new);
    }

    #[test]
    fn what_takes_the_place_of_all_keeps_age_and_counters_of_what_was_there() {
        let there = [entry("10.0.0.1", 5, 0), entry("10.0.0.2", 6, 0), entry("::1", 7, 0)];
        let new = [entry("10.0.0.2", 0, 9), entry("10.0.0.9", 0, 9), entry("::1", 3, 9)];
        let wanted = [Entry { ends: End::of(9), ..there[1] }, new[1], Entry { added: 7, ..new[2] }];
        assert_eq!(renewed(&there, &new), wanted);
    }
}
