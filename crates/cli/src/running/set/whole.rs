//! What is done to a `net`, `mac` or `host` set as a whole: an empty one filled, many entries looked up,
//! all of them deleted.

use palisade_filter::structure::Fill;
use palisade_filter::structure::flat::Flat;
use palisade_filter::value::rank;

use super::entries::{Edit, EntrySet, items};
use super::flat::{self, Memory};
use super::held::Held;
use super::{Carried, End, Entry, Now, full};
use crate::failure::Outcome;

impl EntrySet {
    /// The tables that an edit fills at once: they are empty, and it uses much of their room.
    pub(super) fn to_fill(&self, edit: &Edit) -> Option<&Flat<Memory>> {
        let new: usize = edit.differences.iter().map(|difference| difference.new.len()).sum();
        let empty = edit.before.entries.iter().all(|count| *count == 0);
        let much = |flat: &&Flat<Memory>| new as u64 * 8 >= flat.room().entries.into();
        self.flat.as_deref().filter(|_| empty).filter(much).filter(|flat| flat.is_empty())
    }

    /// Makes an edit that fills empty tables.
    pub(super) fn fill_empty(
        &self,
        flat: &Flat<Memory>,
        edit: &Edit,
        after: Fill,
    ) -> Outcome<Carried> {
        let new = edit.differences.iter().flat_map(|difference| &difference.new);
        let mut new: Vec<_> = new.map(|(item, held)| (item, held)).collect();
        new.sort_by_key(|(item, _)| rank(item));
        let (fill, carried) = match flat::fill(flat, new.into_iter(), |held| **held) {
            Ok(()) => (after, Carried::Out),
            Err(_) => (edit.before, Carried::Cramped),
        };
        self.ledger.write(fill).map(|()| carried)
    }

    /// Fills the tables of a new set at once, with entries in their order, each once; `None` if it has no
    /// tables that can be filled so.
    pub fn fill_at_once(&self, entries: &[Entry]) -> Outcome<Option<Carried>> {
        let Some(flat) = self.flat.as_deref().filter(|flat| flat.is_empty()) else {
            return Ok(None);
        };
        if entries.len() > self.max as usize {
            return Err(full(&self.name, 0, self.max, entries.len()));
        }
        let mut fill = Fill { timeout: self.ledger.read()?.timeout, ..Fill::default() };
        for entry in entries {
            let at = self.place(&entry.item)?;
            fill.entries[at] += 1;
            fill.timed[at] += u64::from(entry.ends != End::Never);
        }
        self.ledger.write(fill)?;
        let entries = entries.iter().map(|entry| (&entry.item, entry));
        let done = flat::fill(flat, entries, |entry| Held::of(entry));
        Ok(Some(done.map_or(Carried::Cramped, |()| Carried::Out)))
    }

    /// Those of some entries that are there, as they are there; they are in order, each once.
    pub fn among(&self, some: &[Entry]) -> Outcome<Vec<Entry>> {
        let (now, all) = (Now::read()?, self.ledger.read()?.entries.iter().sum::<u64>());
        let there = match &self.flat {
            Some(flat) if some.len() as u64 * 8 >= all => flat::among(flat, some),
            Some(_) | None => {
                let items = some.iter().map(|entry| entry.item);
                let held = |item| Ok(self.table(self.place(&item)?).get(&item)?.map(|h| (item, h)));
                items.map(held).filter_map(Outcome::transpose).collect::<Outcome<_>>()?
            }
        };
        let alive = there.into_iter().filter(|(_, held)| !now.is_past(held.ends));
        Ok(alive.map(|(item, held)| held.entry(item, now)).collect())
    }

    /// Deletes every entry, and tells how many there were.
    pub fn clear(&self) -> Outcome<usize> {
        let (now, mut gone) = (Now::read()?, 0);
        self.repair()?;
        let past = |held: &Held| now.is_past(held.ends);
        if let Some(flat) = &self.flat {
            flat.scan(|_| true, |_, found| gone += usize::from(!past(&flat::held(found))));
            flat.clear();
        } else {
            for table in &self.tables {
                let all = table.all()?;
                gone += all.iter().filter(|(_, held)| !past(held)).count();
                table.remove(&items(&all))?;
            }
        }
        let timeout = self.ledger.read()?.timeout;
        self.ledger.write(Fill { timeout, ..Fill::default() })?;
        Ok(gone)
    }
}
