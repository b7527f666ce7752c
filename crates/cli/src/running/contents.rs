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
use palisade_filter::value::rank;
use palisade_filter::{Name, Policy};
use palisade_loader::MapHandle;

use super::home::{PolicyDir, Running};
use super::set::{Carried, Declared, Entry, Named, OpenSet, full};
use crate::failure::{Failure, Outcome};
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

impl Contents<'_> {
    /// All that the set is to hold, in order, each once.
    fn of(&self, from: &OpenSet) -> Outcome<Vec<Entry>> {
        match self.others {
            Others::Stay => Ok(merged(&from.entries()?, self.entries)),
            Others::Go => Ok(renewed(&from.among(self.entries)?, self.entries)),
        }
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
        Ok(Self {
            declared,
            fate: Fate::Made { new },
            set,
            from: None,
            contents: None,
            ready: RefCell::default(),
        })
    }

    fn carry(
        at: &PolicyDir,
        (before, declared): (&Set, &'a Set),
        lists: Option<&Lists>,
        contents: Option<Contents<'a>>,
    ) -> Outcome<Self> {
        let from = at.set(&declared.name)?;
        let change = match lists {
            Some(lists) => declared_anew(&from, before, declared, lists)?,
            None => Declared::default(),
        };
        let kept = |set: &Set| (set.max, set.timeout, set.counters);
        let alike = kept(before) == kept(declared);
        if alike && contents.is_none() && change == Declared::default() {
            let fate = Fate::Carried;
            return Ok(Self {
                declared,
                fate,
                set: from,
                from: None,
                contents: None,
                ready: RefCell::default(),
            });
        }
        let mut planned = Self {
            declared,
            fate: Fate::Remade(change),
            set: from,
            from: None,
            contents,
            ready: RefCell::default(),
        };
        let all = match planned.contents {
            // Which they are is known without those that they take the place of.
            Some(Contents { entries, others: Others::Go }) if lists.is_none() => Cow::from(entries),
            _ => Cow::from(planned.entries(&planned.set, lists)?),
        };
        let named = lists.map(|lists| lists.of(&declared.name)).unwrap_or_default();
        let items = all.iter().map(|entry| entry.item).chain(named.iter().copied());
        let set = OpenSet::create(declared, items)?;
        if let (Cow::Owned(all), 0) = (all, planned.set.len()?) {
            planned.ready.replace(Some(all));
        }
        planned.from = Some(std::mem::replace(&mut planned.set, set));
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
        if let Some(from) = &self.from {
            let entries = match self.ready.take() {
                Some(entries) => entries,
                None => self.entries(from, lists)?,
            };
            self.set.fill(&entries)?;
        }
        if let Some(lists) = lists {
            let items = lists.of(&self.declared.name);
            if self.set.declare(items, self.declared.timeout)? == Carried::Cramped {
                return Err(Failure::bug("a set that was made for its list is too small"));
            }
        }
        Ok(())
    }

    /// The entries with which it goes on, in order, given the set that it goes on with; those that the
    /// text names itself aside.
    fn entries(&self, from: &OpenSet, lists: Option<&Lists>) -> Outcome<Vec<Entry>> {
        let mut entries = match &self.contents {
            Some(contents) => contents.of(from)?,
            None => from.entries()?,
        };
        if let Some(lists) = lists {
            // What goes with the text before needs no room.
            let named = Named::of(lists.of(&self.declared.name));
            entries.retain(|entry| !named.leaves_out(entry));
        }
        Ok(entries)
    }
}

/// How many entries the text puts in, and how many of those that an earlier one has put in go. What
/// does not fit is refused.
fn declared_anew(from: &OpenSet, before: &Set, declared: &Set, lists: &Lists) -> Outcome<Declared> {
    let items = lists.of(&declared.name);
    // Where neither text names an entry, a large set need not be read.
    let smaller = declared.max < before.max;
    if items.is_empty() && before.elements.is_empty() && before.file.is_none() && !smaller {
        return Ok(Declared::default());
    }
    let there = from.entries()?;
    let change = Named::of(items).change(&there);
    let kept = there.len() - change.gone;
    if (kept + change.new) as u64 > declared.max.into() {
        return Err(full(declared.name.as_str(), kept as u64, declared.max, change.new));
    }
    Ok(change)
}

/// Fills the new maps of all sets.
pub fn fill_all(sets: &[PlannedSet<'_>], lists: Option<&Lists>) -> Outcome {
    sets.iter().try_for_each(|set| set.fill(lists))
}

/// What is there with entries that are added, both in order.
fn merged(there: &[Entry], new: &[Entry]) -> Vec<Entry> {
    let mut all = Vec::with_capacity(there.len() + new.len());
    let mut there = there.iter().peekable();
    for new in new {
        let place = rank(&new.item);
        while let Some(before) = there.next_if(|there| rank(&there.item) < place) {
            all.push(*before);
        }
        let same = there.next_if(|there| there.item == new.item);
        all.push(same.map_or(*new, |there| there.again(*new)));
    }
    all.extend(there);
    all
}

/// New entries where they take the place of all that is there, both in order.
fn renewed(there: &[Entry], new: &[Entry]) -> Vec<Entry> {
    let mut there = there.iter().peekable();
    let one = |new: &Entry| {
        let place = rank(&new.item);
        while there.next_if(|there| rank(&there.item) < place).is_some() {}
        match there.next_if(|there| there.item == new.item) {
            None => *new,
            Some(old) if (new.packets, new.bytes) == (0, 0) => Entry { ends: new.ends, ..*old },
            Some(Entry { added, origin, .. }) => Entry { added: *added, origin: *origin, ..*new },
        }
    };
    new.iter().map(one).collect()
}
