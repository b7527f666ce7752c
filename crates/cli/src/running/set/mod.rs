//! Sets of a running policy, opened for reading and editing.
//!
//! A set is found by its pins alone, so that whoever may only use the maps of sets can edit them.
//! Edits are made under the lock of the policy's directory; one that fails leaves the set as it
//! was. An entry past its time is none: it is not listed, not counted and not in the way, and the
//! next edit that comes by takes it out.

mod declare;
mod difference;
mod entries;
mod held;
mod ledger;
mod service;
mod table;
mod time;

use palisade_asm::{MapDecl, MapKind};
use palisade_filter::policy::Set;
use palisade_filter::structure::{self, Origin};
use palisade_filter::value::Timeout;
use palisade_filter::{Item, SetKind};
use palisade_loader::{MapHandle, PinDir};

use crate::failure::{Failure, Outcome};
pub use declare::{Declared, Named};
use entries::EntrySet;
use ledger::Ledger;
use service::ServiceSet;
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
}

/// An open set.
pub enum OpenSet {
    /// Of addresses and prefixes, or of Ethernet addresses.
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
        let Some(kind) = kind else {
            return Err(Failure::refused(format!(
                "{} is not a set: {shape}",
                maps.path().join(name).display()
            )));
        };
        let max = match kind {
            SetKind::Net | SetKind::Mac => shape.max_entries,
            SetKind::Service => ServiceSet::max_of(maps, name)?,
        };
        Self::of_kind(kind, name, max, pinned).map(Some)
    }

    /// A new, empty set that no program uses yet.
    pub fn create(set: &Set) -> Outcome<Self> {
        let (maps, layouts) = (structure::maps(set), structure::layouts(set.kind));
        let new = Self::of(set, |decl| {
            let layout = maps.iter().zip(&layouts).find(|(map, _)| *map == decl);
            let (_, layout) = layout.ok_or_else(|| {
                Failure::bug(format!("the set `{}` declares no map `{}`", set.name, decl.name))
            })?;
            Ok(MapHandle::create_described(decl, layout)?)
        })?;
        new.set_timeout(set.timeout)?;
        Ok(new)
    }

    /// The set of these maps, each from its declaration.
    pub fn of(set: &Set, map: impl Fn(&MapDecl) -> Outcome<MapHandle>) -> Outcome<Self> {
        Self::of_kind(set.kind, set.name.as_str(), set.max, map)
    }

    fn of_kind(
        kind: SetKind,
        name: &str,
        max: u32,
        map: impl Fn(&MapDecl) -> Outcome<MapHandle>,
    ) -> Outcome<Self> {
        match kind {
            SetKind::Net => EntrySet::net(name, max, map).map(Self::Entries),
            SetKind::Mac => EntrySet::mac(name, max, map).map(Self::Entries),
            SetKind::Service => ServiceSet::of(name, max, map).map(Self::Service),
        }
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

    /// Adds entries of its kind: all, or none and an error. An entry that is there gets the time of
    /// the one that is added.
    pub fn add(&self, entries: impl IntoIterator<Item = Entry>, carry: Carry) -> Outcome<Change> {
        let change = self.plan(entries, &[])?;
        if carry == Carry::Out {
            self.carry_out(&change, change.timeout)?;
        }
        Ok(change)
    }

    /// Deletes items; the answer names those that were not there.
    pub fn remove(&self, items: &[Item]) -> Outcome<Vec<Item>> {
        let change = self.plan([], items)?;
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
    fn carry_out(&self, change: &Change, timeout: Option<Timeout>) -> Outcome {
        match (self, &change.work) {
            (Self::Entries(set), Work::Entries(edit)) => set.carry_out(edit, edit.after(timeout)),
            (Self::Service(set), Work::Services(edit)) => {
                set.carry_out(edit)?;
                self.set_timeout(timeout)
            }
            (Self::Entries(_), Work::Services(_)) | (Self::Service(_), Work::Entries(_)) => Ok(()),
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
