//! A `net`, `mac` or `host` set: its entries in tables, and the fill.
//!
//! An edit is worked out whole before anything is written. The counts of the fill are an upper
//! bound at every instant, for the program skips what they say is empty: they are raised before
//! entries go in and lowered after entries are out. What a killed editor leaves too high is put
//! right by the next edit that reads the whole table, as every edit does before a set is called
//! full; what he left half done in a table is finished before the next edit looks at it. A set that he
//! was filling at once or emptying reads as empty until then. Into a `host` set programs put entries
//! too, and count none: its table is read whole wherever its fill is asked.

use std::sync::Arc;

use palisade_filter::structure::flat::{Flat, Part};
use palisade_filter::structure::{Fill, NetPart};
use palisade_filter::value::{Prefix, Timeout, in_order};
use palisade_filter::{Item, SetKind};
use palisade_loader::MapHandle;

use super::difference::{Difference, Growth, Tally, Why};
use super::flat::{Memory, View};
use super::held::Held;
use super::ledger::Ledger;
use super::table::{self, Table, TableError};
use super::{Carried, Change, End, Entry, Now, Work, full};
use crate::failure::{Failure, Outcome};

/// A table of at most this many entries is read whole when some of them may be past their time, so
/// that they go.
const CHEAP: u64 = 16384;

/// An open `net`, `mac` or `host` set.
pub struct EntrySet {
    pub(super) name: String,
    kind: SetKind,
    pub(super) max: u32,
    maps: Vec<MapHandle>,
    pub(super) tables: Vec<Box<dyn Table>>,
    /// The tables of a `net` set as a whole.
    pub(super) flat: Option<Arc<Flat<Memory>>>,
    pub(super) ledger: Ledger,
}

/// Entries of one table.
type Entries = Vec<(Item, Held)>;

/// An edit of such a set.
pub struct Edit {
    /// By table.
    pub(super) differences: Vec<Difference>,
    /// The fill before.
    pub(super) before: Fill,
}

impl EntrySet {
    /// The `net` set in its maps, which have that much room.
    pub fn net(name: &str, maps: Vec<MapHandle>, flat: Arc<Flat<Memory>>) -> Outcome<Self> {
        let head = maps.get(Part::Head.index()).ok_or_else(|| Failure::bug("a set has a head"))?;
        let max = flat.max();
        let (tables, ledger) =
            (View::all(&flat), Ledger::of(head.try_clone()?, max)?.mapped(&flat));
        let (name, kind) = (name.to_owned(), SetKind::Net);
        Ok(Self { name, kind, max, maps, tables, flat: Some(flat), ledger })
    }

    /// The `mac` or `host` set in its maps: that of its entries, and that of its fill.
    pub fn hashed(name: &str, kind: SetKind, max: u32, maps: [MapHandle; 2]) -> Outcome<Self> {
        let [entries, fill] = &maps;
        let entries = entries.try_clone()?;
        let table = if kind == SetKind::Host { table::hosts } else { table::macs };
        let tables = vec![table(entries)?];
        let ledger = Ledger::of(fill.try_clone()?, max)?;
        let name = name.to_owned();
        Ok(Self { name, kind, max, maps: maps.into(), tables, flat: None, ledger })
    }

    /// What it holds.
    pub fn kind(&self) -> SetKind {
        self.kind
    }

    /// The most entries it takes.
    pub fn max(&self) -> u32 {
        self.max
    }

    /// Its fill.
    pub fn ledger(&self) -> &Ledger {
        &self.ledger
    }

    /// What the fill says, unless the set is half made, and where programs put entries in too, what
    /// there is.
    fn fill(&self) -> Outcome<Fill> {
        let mut fill = self.ledger.read()?;
        if self.flat.as_ref().is_some_and(|flat| flat.is_half_made()) {
            return Ok(Fill { timeout: fill.timeout, ..Fill::default() });
        }
        if self.kind == SetKind::Host {
            recount(&mut fill, 0, &self.table(0).all()?);
        }
        Ok(fill)
    }

    /// How many bans there was no room for.
    pub fn refused(&self) -> Outcome<u64> {
        if self.kind == SetKind::Host { self.ledger.refused() } else { Ok(0) }
    }

    /// Its maps.
    pub fn handles(&self) -> Vec<&MapHandle> {
        self.maps.iter().collect()
    }

    /// How many entries it has. Only tables with entries that end are read for it.
    pub fn len(&self) -> Outcome<u64> {
        let (fill, now) = (self.fill()?, Now::read()?);
        let mut len = 0;
        for ((table, entries), timed) in self.tables.iter().zip(fill.entries).zip(fill.timed) {
            if timed == 0 {
                len += entries;
                continue;
            }
            table.scan(&mut |_, held| len += u64::from(!now.is_past(held.ends)))?;
        }
        Ok(len)
    }

    /// All entries, in order.
    pub fn entries(&self) -> Outcome<Vec<Entry>> {
        let now = Now::read()?;
        let mut entries = Vec::new();
        let fill = self.fill()?;
        for (table, _) in self.tables.iter().zip(fill.entries).filter(|(_, count)| *count > 0) {
            let alive = table.all()?.into_iter().filter(|(_, held)| !now.is_past(held.ends));
            entries.extend(alive.map(|(item, held)| held.entry(item, now)));
        }
        // Each table gave its own in order, which this sort makes use of.
        entries.sort_by_key(|entry| entry.item);
        Ok(entries)
    }

    /// Works out what it takes to add and to delete; what is in both is a mistake of the caller.
    pub fn plan(&self, add: impl IntoIterator<Item = Entry>, delete: &[Item]) -> Outcome<Change> {
        let (adds, all) = self.sorted(add)?;
        let deletes = self.sorted_items(delete)?;
        let now = Now::read()?;
        self.repair()?;
        let mut before = self.fill()?;
        let more: u64 = adds.iter().map(|add| add.len() as u64).sum();
        let tight = before.entries.iter().sum::<u64>() + more > self.max.into();
        let mut differences = Vec::new();
        let mut sum = Tally::default();
        for (at, (add, delete)) in adds.into_iter().zip(&deletes).enumerate() {
            let whole = tight || self.is_read_whole(at, &before, &add, delete);
            let there = match count(before.entries, at) {
                0 => Vec::new(),
                _ if whole => self.table(at).all()?,
                _ => self.some(at, &add, delete)?,
            };
            if whole {
                recount(&mut before, at, &there);
            }
            let (difference, tally) = Difference::of(&there, add, delete, now);
            differences.push(difference);
            sum.retimed += tally.retimed;
            sum.absent.extend(tally.absent);
        }
        let edit = Edit { differences, before };
        edit.check_room(&self.name, self.max)?;
        let new = edit.differences.iter().map(Difference::made).sum();
        Ok(Change {
            new,
            present: all - new,
            retimed: sum.retimed,
            absent: sum.absent,
            timeout: before.timeout,
            work: Work::Entries(edit),
        })
    }

    /// Finishes what an editor has left half done.
    pub(super) fn repair(&self) -> Outcome {
        match &self.flat {
            Some(flat) if flat.repair() => self.recount(self.ledger.read()?),
            Some(_) | None => Ok(()),
        }
    }

    /// Whether all entries of a table have to be read for an edit, or may well be.
    fn is_read_whole(&self, at: usize, fill: &Fill, add: &[(Item, Held)], delete: &[Item]) -> bool {
        let (entries, timed) = (count(fill.entries, at), count(fill.timed, at));
        let many = add.len() as u64 * 8 >= entries;
        let touched = !add.is_empty() || !delete.is_empty();
        touched && many || timed > 0 && entries <= CHEAP
    }

    /// Those entries of a table that are to be added or deleted.
    fn some(&self, at: usize, add: &[(Item, Held)], delete: &[Item]) -> Outcome<Vec<(Item, Held)>> {
        let mut there = Vec::new();
        for item in add.iter().map(|(item, _)| item).chain(delete) {
            there.extend(self.table(at).get(item)?.map(|held| (*item, held)));
        }
        there.sort_unstable_by_key(|(item, _)| *item);
        Ok(there)
    }

    /// Makes the change: all of it, or none.
    pub fn carry_out(&self, edit: &Edit, after: Fill) -> Outcome<Carried> {
        let room = self.flat.as_ref().map_or(self.max, |flat| flat.room().entries.min(self.max));
        // The counts are upper bounds: what adds nothing needs no room, whatever they say.
        let adds = edit.differences.iter().any(|difference| !difference.new.is_empty());
        if adds && after.entries.iter().sum::<u64>() > room.into() {
            return Ok(Carried::Cramped);
        }
        self.ledger.write(edit.bound(after.timeout))?;
        if let Some(flat) = self.to_fill(edit) {
            return self.fill_empty(flat, edit, after);
        }
        let done = edit.differences.iter().zip(&self.tables).try_for_each(|(difference, table)| {
            // What goes makes room; where there is room, no packet misses what comes instead.
            let roomy = edit.is_roomy(room);
            if !roomy {
                table.remove(&items(&difference.gone))?;
            }
            table.insert(&difference.new)?;
            table.change(&difference.changed)?;
            if roomy { table.remove(&items(&difference.gone)) } else { Ok(()) }
        });
        match done {
            Ok(()) => self.ledger.write(after).map(|()| Carried::Out),
            Err(error) => {
                self.take_back(edit);
                match error {
                    TableError::Room(_) => Ok(Carried::Cramped),
                    TableError::Map(error) => Err(error.into()),
                }
            }
        }
    }

    /// Puts back what was, or may have been, changed. What cannot be put back is listed as it is:
    /// whoever takes something back has a failure to report already.
    pub fn take_back(&self, edit: &Edit) {
        for (difference, table) in edit.differences.iter().zip(&self.tables) {
            let _ = table.remove(&items(&difference.new));
            let _ = table.insert(&difference.ahead());
            let _ = table.insert(&difference.gone);
        }
        // The counts are an upper bound meanwhile.
        let _ = self.recount(edit.before);
    }

    /// Counts the entries themselves.
    fn recount(&self, mut fill: Fill) -> Outcome {
        for (at, table) in self.tables.iter().enumerate() {
            recount(&mut fill, at, &table.all()?);
        }
        self.ledger.write(fill)
    }

    /// The entry that decides: the item's own, or the longest prefix that holds all of it and has
    /// not ended.
    pub fn covering(&self, item: &Item) -> Outcome<Option<Entry>> {
        let now = Now::read()?;
        let alive = |held: &Held| !now.is_past(held.ends);
        if let Some(held) = self.table(self.place(item)?).get(item)?.filter(alive) {
            return Ok(Some(held.entry(*item, now)));
        }
        let (SetKind::Net, Item::Net(wanted)) = (self.kind, item) else { return Ok(None) };
        let nets = self.table(NetPart::nets(wanted.family()).index());
        let mut shorter = Some(*wanted);
        while let Some(key) = shorter {
            let Some(held) = nets.find(&Item::Net(key))? else { return Ok(None) };
            let Some(found) = shortened(key, held.stamp().len) else { return Ok(None) };
            if alive(&held) {
                return Ok(Some(held.entry(Item::Net(found), now)));
            }
            shorter = found.len().checked_sub(1).and_then(|len| shortened(found, len));
        }
        Ok(None)
    }

    /// The table that holds an item; an item of another kind is refused.
    pub(super) fn place(&self, item: &Item) -> Outcome<usize> {
        match (self.kind, item) {
            (SetKind::Net, Item::Net(prefix)) => Ok(NetPart::of(prefix).index()),
            (SetKind::Mac, Item::Mac(_)) => Ok(0),
            (SetKind::Host, Item::Net(prefix)) if prefix.is_host() => Ok(0),
            (SetKind::Net | SetKind::Mac | SetKind::Host | SetKind::Service, _) => {
                Err(Failure::usage(format!("`{item}` is no item of a {} set", self.kind.word())))
            }
        }
    }

    pub(super) fn table(&self, at: usize) -> &dyn Table {
        &*self.tables[at]
    }

    /// The entries by table, in order, each item once; and how many there were.
    fn sorted(&self, entries: impl IntoIterator<Item = Entry>) -> Outcome<(Vec<Entries>, usize)> {
        let mut sorted: Vec<Entries> = self.tables.iter().map(|_| Vec::new()).collect();
        let mut all = 0;
        for entry in entries {
            all += 1;
            sorted[self.place(&entry.item)?].push((entry.item, Held::of(&entry)));
        }
        for part in &mut sorted {
            *part = in_order(std::mem::take(part), |(item, _)| *item);
        }
        Ok((sorted, all))
    }

    fn sorted_items(&self, items: &[Item]) -> Outcome<Vec<Vec<Item>>> {
        let mut sorted: Vec<Vec<Item>> = self.tables.iter().map(|_| Vec::new()).collect();
        for item in items {
            sorted[self.place(item)?].push(*item);
        }
        for part in &mut sorted {
            part.sort_unstable();
            part.dedup();
        }
        Ok(sorted)
    }
}

impl Edit {
    /// Refuses what does not fit.
    fn check_room(&self, name: &str, max: u32) -> Outcome {
        let after: u64 = self.after(None).entries.iter().sum();
        if after <= max.into() {
            return Ok(());
        }
        let new: usize = self.differences.iter().map(|d| d.new.len()).sum();
        Err(full(name, after - new as u64, max, new))
    }

    /// Whether all that is new fits beside what goes.
    fn is_roomy(&self, max: u32) -> bool {
        self.bound(None).entries.iter().sum::<u64>() <= max.into()
    }

    /// The most that there can be at any instant of the edit.
    fn bound(&self, timeout: Option<Timeout>) -> Fill {
        self.fill(timeout, |count, growth| count + growth.more as u64)
    }

    /// What there is behind it.
    pub fn after(&self, timeout: Option<Timeout>) -> Fill {
        self.fill(timeout, |count, growth| {
            (count + growth.more as u64).saturating_sub(growth.less as u64)
        })
    }

    fn fill(&self, timeout: Option<Timeout>, grown: impl Fn(u64, Growth) -> u64) -> Fill {
        let mut fill = Fill { timeout, ..self.before };
        let counts = fill.entries.iter_mut().zip(&mut fill.timed);
        for ((entries, timed), difference) in counts.zip(&self.differences) {
            let (all, ending) = difference.growth;
            *entries = grown(*entries, all);
            *timed = grown(*timed, ending);
        }
        fill
    }

    /// How an item of the set is changed by it: the table's part, where it is in one.
    pub fn makes(&self, item: &Item) -> bool {
        self.differences.iter().any(|difference| difference.makes(item))
    }

    /// Whether an item that is there gets another time.
    pub fn retimes(&self, item: &Item) -> bool {
        let changed = |d: &Difference| d.changed(item).is_some_and(|c| c.why == Why::Retimed);
        self.differences.iter().any(changed)
    }
}

/// Puts what a whole reading says of a table into the fill.
fn recount(fill: &mut Fill, at: usize, there: &[(Item, Held)]) {
    let timed = there.iter().filter(|(_, held)| held.ends != End::Never).count();
    if let (Some(entries), Some(ending)) = (fill.entries.get_mut(at), fill.timed.get_mut(at)) {
        (*entries, *ending) = (there.len() as u64, timed as u64);
    }
}

fn count(counts: [u64; 4], at: usize) -> u64 {
    counts.get(at).copied().unwrap_or(0)
}

pub(super) fn items(entries: &[(Item, Held)]) -> Vec<Item> {
    entries.iter().map(|(item, _)| *item).collect()
}

/// The prefix of that length around another one; `None` if it would be longer.
fn shortened(prefix: Prefix, len: u8) -> Option<Prefix> {
    Prefix::new(prefix.addr(), len).filter(|shorter| shorter.len() <= prefix.len())
}
