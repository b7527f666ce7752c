//! Sets of a running policy, opened for reading and editing.
//!
//! A set is found by its pins alone, so that whoever may only use the maps of sets can edit them.
//! Edits are made under the lock of the policy's directory; one that fails leaves the set as it
//! was.

mod net;
mod service;

use std::time::{SystemTime, UNIX_EPOCH};

use palisade_asm::{MapDecl, MapKind};
use palisade_filter::policy::Set;
use palisade_filter::structure;
use palisade_filter::{Item, SetKind};
use palisade_loader::{MapHandle, PinDir};

use crate::failure::{Failure, Outcome};
use net::NetSet;
use service::ServiceSet;

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
}

impl Entry {
    /// An entry that is added now.
    pub fn new(item: Item) -> Self {
        Self { item, packets: 0, bytes: 0, added: now() }
    }
}

/// The system's clock, in seconds.
pub fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |d| d.as_secs())
}

/// An open set.
pub enum OpenSet {
    /// Of addresses and prefixes.
    Net(NetSet),
    /// Of services.
    Service(ServiceSet),
}

/// What an addition did, or would do.
pub struct Added {
    /// Entries that are new.
    pub new: usize,
    /// Entries that were there already, or stood twice in what was to be added.
    pub present: usize,
    /// The new ones, so that they can be taken out again.
    undo: Undo,
}

impl Added {
    /// Whether an item is one of the new ones.
    pub fn is_new(&self, item: &Item) -> bool {
        match (&self.undo, item) {
            (Undo::Net(new), Item::Net(prefix)) => new.contains(prefix),
            (Undo::Service(new), Item::Service(_)) => new.contains(item),
            (Undo::Net(_), Item::Service(_)) | (Undo::Service(_), Item::Net(_)) => false,
        }
    }
}

enum Undo {
    Net(net::Sorted),
    Service(Vec<Item>),
}

/// Whether an addition is made.
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
        match kind {
            Some(SetKind::Net) => {
                NetSet::of(name, shape.max_entries, pinned).map(Self::Net).map(Some)
            }
            Some(SetKind::Service) => {
                let max = ServiceSet::max_of(maps, name)?;
                ServiceSet::of(name, max, pinned).map(Self::Service).map(Some)
            }
            None => Err(Failure::refused(format!(
                "{} is not a set: {shape}",
                maps.path().join(name).display()
            ))),
        }
    }

    /// A new, empty set that no program uses yet.
    pub fn create(set: &Set) -> Outcome<Self> {
        let fresh = |decl: &MapDecl| Ok(MapHandle::create(decl)?);
        let name = set.name.as_str();
        match set.kind {
            SetKind::Net => NetSet::of(name, set.max, fresh).map(Self::Net),
            SetKind::Service => ServiceSet::of(name, set.max, fresh).map(Self::Service),
        }
    }

    /// Its maps.
    pub fn handles(&self) -> Vec<&MapHandle> {
        match self {
            Self::Net(set) => set.handles(),
            Self::Service(set) => set.handles(),
        }
    }

    /// What it holds.
    pub fn kind(&self) -> SetKind {
        match self {
            Self::Net(_) => SetKind::Net,
            Self::Service(_) => SetKind::Service,
        }
    }

    /// The most entries it takes.
    pub fn max(&self) -> u32 {
        match self {
            Self::Net(set) => set.max(),
            Self::Service(set) => set.max(),
        }
    }

    /// How many entries it has.
    pub fn len(&self) -> Outcome<u64> {
        match self {
            Self::Net(set) => set.len(),
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
            Self::Net(set) => set.entries(),
            Self::Service(set) => set.entries(),
        }
    }

    /// Adds entries of its kind: all, or none and an error.
    pub fn add(&self, entries: impl IntoIterator<Item = Entry>, carry: Carry) -> Outcome<Added> {
        match self {
            Self::Net(set) => set.add(entries, carry),
            Self::Service(set) => set.add(entries, carry),
        }
    }

    /// Takes out again what was added. What cannot be taken out stays in the set and is listed
    /// there: whoever takes something back has a failure to report already.
    pub fn take_back(&self, added: &Added) {
        match (self, &added.undo) {
            (Self::Net(set), Undo::Net(new)) => set.take_back(new),
            (Self::Service(set), Undo::Service(new)) => drop(set.remove(new)),
            (Self::Net(_), Undo::Service(_)) | (Self::Service(_), Undo::Net(_)) => {}
        }
    }

    /// Deletes items; the answer names those that were not there.
    pub fn remove(&self, items: &[Item]) -> Outcome<Vec<Item>> {
        match self {
            Self::Net(set) => set.remove(items),
            Self::Service(set) => set.remove(items),
        }
    }

    /// Deletes every entry, and tells how many there were.
    pub fn clear(&self) -> Outcome<usize> {
        match self {
            Self::Net(set) => set.clear(),
            Self::Service(set) => set.clear(),
        }
    }

    /// The entry that decides about `item`: of an address, the longest prefix that holds it; of a
    /// prefix, the longest that holds all of it; of a service, the narrowest that covers it.
    pub fn covering(&self, item: &Item) -> Outcome<Option<Entry>> {
        match self {
            Self::Net(set) => set.covering(item),
            Self::Service(set) => set.covering(item),
        }
    }
}

/// The refusal to add more than fits.
fn full(name: &str, entries: u64, max: u32, more: usize) -> Failure {
    let what = if more == 1 { "1 more does".to_owned() } else { format!("{more} more do") };
    Failure::refused(format!(
        "the set `{name}` is full: it has {entries} of {max} entries, {what} not fit"
    ))
    .note("help", format!("delete some, or declare it larger: `set {name} … {{ max N }}`"))
}
