//! Sets of a running policy, opened for reading and editing.
//!
//! A set is found by its pins alone, so that whoever may only use the maps of sets can edit them.
//! Edits are made under the lock of the policy's directory; one that fails leaves the set as it
//! was. An entry past its time is none: it is not listed, not counted and not in the way, and the
//! next edit that comes by takes it out.

mod declare;
mod difference;
mod entries;
mod flat;
mod held;
mod ledger;
mod service;
mod table;
mod time;
mod whole;

use std::hash::{BuildHasher, RandomState};

use palisade_asm::{MapDecl, MapKind};
use palisade_filter::policy::Set;
use palisade_filter::structure::flat::{Part, Room};
use palisade_filter::structure::{self, Origin};
use palisade_filter::value::Timeout;
use palisade_filter::{Item, SetKind};
use palisade_loader::{MapHandle, PinDir};

use crate::failure::{Failure, Outcome};
pub use declare::{Declared, Named};
use entries::EntrySet;
use ledger::Ledger;
use service::ServiceSet;
pub use table::TableError;
pub use time::{End, Now, monotonic};

/// An entry of a set.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Entry {
    /// What is in the set.
    pub item: Item,
    /// Packets that it decided or helped to decide.
    pub packets: u64,
    /// Their bytes.
    pub bytes: u64,
    /// When it was added, in seconds of the system's clock.
    pub added: u64,
    /// When it ends.
    pub ends: End,
    /// How it came there.
    pub origin: Origin,
}

impl Entry {
    /// An entry that somebody adds now.
    pub fn new(item: Item, ends: End, now: Now) -> Self {
        let added = now.seconds();
        Self { item, packets: 0, bytes: 0, added, ends, origin: Origin::Added }
    }

    /// What an entry that is there is once another one of the same item is added.
    pub fn again(self, new: Self) -> Self {
        let ends = if self.ends.is_about(new.ends) { self.ends } else { new.ends };
        let origin = if new.origin == Origin::Added { new.origin } else { self.origin };
        Self { ends, origin, ..self }
    }
}

/// An open set.
pub enum OpenSet {
    /// Of addresses and prefixes, of single addresses, or of Ethernet addresses.
    Entries(EntrySet),
    /// Of services.
    Service(ServiceSet),
}

/// What an edit did, or would do.
pub struct Change {
    /// Entries that are new.
    pub new: usize,
    /// Additions that were there already, or stood twice in what was to be added.
    pub present: usize,
    /// Those of them that got another time.
    pub retimed: usize,
    /// Deletions of what was not there.
    pub absent: Vec<Item>,
    /// How long an entry stays that is added without a time of its own: what it was before.
    timeout: Option<Timeout>,
    work: Work,
}

enum Work {
    Entries(entries::Edit),
    Services(service::Edit),
}

impl Change {
    /// Whether an item is one of the new ones.
    pub fn is_new(&self, item: &Item) -> bool {
        match &self.work {
            Work::Entries(edit) => edit.makes(item),
            Work::Services(edit) => edit.makes(item),
        }
    }

    /// Whether an item was there and has another time now.
    pub fn is_retimed(&self, item: &Item) -> bool {
        match &self.work {
            Work::Entries(edit) => edit.retimes(item),
            Work::Services(edit) => edit.retimes(item),
        }
    }
}

/// Whether an edit is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Carry {
    /// It is made.
    Out,
    /// It is checked and counted.
    Dry,
}

/// What became of an edit that was to be made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Carried {
    /// It is made.
    Out,
    /// Nothing is changed: the set may hold all that, but its maps are too small.
    Cramped,
}

impl OpenSet {
    /// Opens the set of that name; `None` if the policy has none.
    pub fn open(maps: &PinDir, name: &str) -> Outcome<Option<Self>> {
        let handle = match MapHandle::open(maps, name) {
            Ok(handle) => handle,
            Err(palisade_loader::MapError::Pin(palisade_loader::PinError::Missing { .. })) => {
                return Ok(None);
            }
            Err(error) => return Err(error.into()),
        };
        let shape = handle.info()?.shape;
        let pinned = |decl: &MapDecl| -> Outcome<MapHandle> {
            let handle = MapHandle::open(maps, &decl.name)?;
            handle.check_shape(decl)?;
            Ok(handle)
        };
        let kind = MapKind::from_number(shape.kind)
            .and_then(|kind| structure::kind_of(kind, shape.key_size, shape.value_size));
        Ok(Some(match kind {
            Some(SetKind::Net) => Self::open_net(maps, name)?,
            Some(kind @ (SetKind::Mac | SetKind::Host)) => {
                let max = shape.max_entries;
                let [entries, fill] = hashed_maps(name, kind, max).each_ref().map(pinned);
                Self::Entries(EntrySet::hashed(name, kind, max, [entries?, fill?])?)
            }
            Some(SetKind::Service) => {
                let max = ServiceSet::max_of(maps, name)?;
                Self::Service(ServiceSet::of(name, max, pinned)?)
            }
            None => {
                return Err(Failure::refused(format!(
                    "{} is not a set: {shape}",
                    maps.path().join(name).display()
                )));
            }
        }))
    }

    /// How much room a `net` set has, its maps say themselves, if they say the same.
    fn open_net(maps: &PinDir, name: &str) -> Outcome<Self> {
        let mut handles = Vec::new();
        for part in Part::ALL {
            match MapHandle::open(maps, &part.map_name(name)) {
                Ok(handle) => handles.push(handle),
                Err(palisade_loader::MapError::Pin(palisade_loader::PinError::Missing {
                    ..
                })) if part == Part::Hits => {}
                Err(error) => return Err(error.into()),
            }
        }
        let shapes: Vec<_> = handles.iter().map(|h| Ok(h.info()?.shape)).collect::<Outcome<_>>()?;
        let room = Room::of_elements(|part| shapes.get(part.index()).map(|s| s.max_entries));
        let room = room.ok_or_else(|| {
            Failure::refused(format!("the maps of the set `{name}` do not belong together"))
        })?;
        for (part, handle) in Part::ALL.into_iter().zip(&handles) {
            handle.check_shape(&part.map(name, room))?;
        }
        let flat = flat::open(&handles, room)?;
        Ok(Self::Entries(EntrySet::net(name, handles, flat)?))
    }

    /// A new, empty set that no program uses yet, with room for these items.
    pub fn create(set: &Set, items: impl Iterator<Item = Item>) -> Outcome<Self> {
        let name = set.name.as_str();
        let maps = match set.kind {
            SetKind::Net => {
                let cpus = palisade_loader::cpu_numbers()
                    .map_err(|why| Failure::refused(format!("cannot count the CPUs: {why}")))?;
                let room = room(set, items, cpus);
                let maps = Self::make(set, &structure::net_maps(set, room))?;
                let seed = RandomState::new().hash_one(name);
                let flat = flat::create(&maps, room, set.max, seed)?;
                let new = Self::Entries(EntrySet::net(name, maps, flat)?);
                new.set_timeout(set.timeout)?;
                return Ok(new);
            }
            SetKind::Mac | SetKind::Host | SetKind::Service => {
                Self::make(set, &structure::maps(set))?
            }
        };
        let made = |decl: &MapDecl| {
            let made = maps.iter().find(|map| map.name() == decl.name);
            let made = made.ok_or_else(|| Failure::bug(format!("no map `{}`", decl.name)))?;
            Ok(made.try_clone()?)
        };
        let new = match set.kind {
            SetKind::Service => Self::Service(ServiceSet::of(name, set.max, made)?),
            kind @ (SetKind::Net | SetKind::Mac | SetKind::Host) => {
                let [entries, fill] = hashed_maps(name, kind, set.max).each_ref().map(made);
                Self::Entries(EntrySet::hashed(name, kind, set.max, [entries?, fill?])?)
            }
        };
        new.set_timeout(set.timeout)?;
        Ok(new)
    }

    fn make(set: &Set, maps: &[MapDecl]) -> Outcome<Vec<MapHandle>> {
        let layouts = structure::layouts(set);
        let made = maps.iter().zip(&layouts);
        made.map(|(decl, layout)| Ok(MapHandle::create_described(decl, layout)?)).collect()
    }

    /// Its maps.
    pub fn handles(&self) -> Vec<&MapHandle> {
        match self {
            Self::Entries(set) => set.handles(),
            Self::Service(set) => set.handles(),
        }
    }

    /// What it holds.
    pub fn kind(&self) -> SetKind {
        match self {
            Self::Entries(set) => set.kind(),
            Self::Service(_) => SetKind::Service,
        }
    }

    /// The most entries it takes.
    pub fn max(&self) -> u32 {
        match self {
            Self::Entries(set) => set.max(),
            Self::Service(set) => set.max(),
        }
    }

    /// How many entries it has.
    pub fn len(&self) -> Outcome<u64> {
        match self {
            Self::Entries(set) => set.len(),
            Self::Service(set) => set.len(),
        }
    }

    /// How many bans there was no room for.
    pub fn refused(&self) -> Outcome<u64> {
        match self {
            Self::Entries(set) => set.refused(),
            Self::Service(_) => Ok(0),
        }
    }

    /// The bytes that its maps take in the kernel.
    pub fn memory(&self) -> Outcome<u64> {
        self.handles().into_iter().map(|h| Ok(h.info()?.memory.unwrap_or(0))).sum()
    }

    /// All entries, in order.
    pub fn entries(&self) -> Outcome<Vec<Entry>> {
        match self {
            Self::Entries(set) => set.entries(),
            Self::Service(set) => set.entries(),
        }
    }

    /// Those of some entries that are there, as they are there; they are in order, each once.
    pub fn among(&self, some: &[Entry]) -> Outcome<Vec<Entry>> {
        match self {
            Self::Entries(set) => set.among(some),
            Self::Service(set) => {
                let named = |entry: &Entry| {
                    some.binary_search_by_key(&entry.item, |named| named.item).is_ok()
                };
                Ok(set.entries()?.into_iter().filter(named).collect())
            }
        }
    }

    /// How long an entry stays that is added without a time of its own; `None` for ever.
    pub fn timeout(&self) -> Outcome<Option<Timeout>> {
        Ok(self.ledger().read()?.timeout)
    }

    fn set_timeout(&self, timeout: Option<Timeout>) -> Outcome {
        let fill = self.ledger().read()?;
        self.ledger().write(structure::Fill { timeout, ..fill })
    }

    fn ledger(&self) -> &Ledger {
        match self {
            Self::Entries(set) => set.ledger(),
            Self::Service(set) => set.ledger(),
        }
    }

    /// Adds entries of its kind: all, or none. An entry that is there gets the time of the one that
    /// is added.
    pub fn add(
        &self,
        entries: impl IntoIterator<Item = Entry>,
        carry: Carry,
    ) -> Outcome<(Change, Carried)> {
        let change = self.plan(entries, &[])?;
        let carried = match carry {
            Carry::Out => self.carry_out(&change, change.timeout)?,
            Carry::Dry => Carried::Out,
        };
        Ok((change, carried))
    }

    /// The same to a new set, which has room for certain; the entries are in order, each once.
    pub fn fill(&self, entries: &[Entry]) -> Outcome {
        if entries.is_empty() {
            return Ok(());
        }
        let at_once = match self {
            Self::Entries(set) => set.fill_at_once(entries)?,
            Self::Service(_) => None,
        };
        let carried = match at_once {
            Some(carried) => carried,
            None => self.add(entries.iter().copied(), Carry::Out)?.1,
        };
        match carried {
            Carried::Out => Ok(()),
            Carried::Cramped => {
                Err(Failure::bug("a set that was made for its entries is too small"))
            }
        }
    }

    /// Deletes items; the answer names those that were not there.
    pub fn remove(&self, items: &[Item]) -> Outcome<Vec<Item>> {
        let change = self.plan([], items)?;
        // What goes needs no room.
        self.carry_out(&change, change.timeout)?;
        Ok(change.absent)
    }

    fn plan(&self, add: impl IntoIterator<Item = Entry>, delete: &[Item]) -> Outcome<Change> {
        match self {
            Self::Entries(set) => set.plan(add, delete),
            Self::Service(set) => set.plan(add, delete),
        }
    }

    /// Makes a change that was worked out for this set.
    fn carry_out(&self, change: &Change, timeout: Option<Timeout>) -> Outcome<Carried> {
        match (self, &change.work) {
            (Self::Entries(set), Work::Entries(edit)) => set.carry_out(edit, edit.after(timeout)),
            (Self::Service(set), Work::Services(edit)) => {
                set.carry_out(edit)?;
                self.set_timeout(timeout)?;
                Ok(Carried::Out)
            }
            (Self::Entries(_), Work::Services(_)) | (Self::Service(_), Work::Entries(_)) => {
                Ok(Carried::Out)
            }
        }
    }

    /// Takes back a change that was made. What cannot be taken back is listed as it is: whoever
    /// takes something back has a failure to report already.
    pub fn take_back(&self, change: &Change) {
        match (self, &change.work) {
            (Self::Entries(set), Work::Entries(edit)) => set.take_back(edit),
            (Self::Service(set), Work::Services(edit)) => {
                set.take_back(edit);
                let _ = self.set_timeout(change.timeout);
            }
            (Self::Entries(_), Work::Services(_)) | (Self::Service(_), Work::Entries(_)) => {}
        }
    }

    /// Deletes every entry, and tells how many there were.
    pub fn clear(&self) -> Outcome<usize> {
        match self {
            Self::Entries(set) => set.clear(),
            Self::Service(set) => set.clear(),
        }
    }

    /// The entry that decides about `item`: of an address, the longest prefix that holds it; of a
    /// prefix, the longest that holds all of it; of a service, the one that ends last of those that
    /// cover it, and of these the narrowest.
    pub fn covering(&self, item: &Item) -> Outcome<Option<Entry>> {
        match self {
            Self::Entries(set) => set.covering(item),
            Self::Service(set) => set.covering(item),
        }
    }
}

/// The maps of a set that is a hash: that of its entries, and that of its fill.
fn hashed_maps(name: &str, kind: SetKind, max: u32) -> [MapDecl; 2] {
    let entries = match kind {
        SetKind::Host => structure::host::map(name, max),
        SetKind::Net | SetKind::Service | SetKind::Mac => structure::mac_map(name, max),
    };
    [entries, structure::fill_map(name)]
}

/// The room that a `net` set is made with for these items, on a machine whose CPUs have so many
/// numbers.
pub fn room(set: &Set, items: impl Iterator<Item = Item>, cpus: usize) -> Room {
    let cpus = u32::try_from(cpus).unwrap_or(u32::MAX);
    Room::holding(flat::need(items), set.max, set.counters, cpus)
}

/// The refusal to add more than fits.
pub fn full(name: &str, entries: u64, max: u32, more: usize) -> Failure {
    let headline = match more {
        0 => format!("the set `{name}` takes {max} entries, and it has {entries}"),
        1 => format!(
            "the set `{name}` is full: it has {entries} of {max} entries, 1 more does not fit"
        ),
        _ => format!(
            "the set `{name}` is full: it has {entries} of {max} entries, {more} more do not fit"
        ),
    };
    Failure::refused(headline)
        .note("help", format!("delete some, or declare it larger: `set {name} … {{ max N }}`"))
}
