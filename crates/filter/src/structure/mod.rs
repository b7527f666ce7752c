//! How a set is held in the kernel: the one place where that choice is made.
//!
//! The emitter asks here for the maps that it looks up, the tool for the maps that it edits; both
//! see the same declarations. A set's first map bears the set's name, its other maps that name, a
//! colon and a part: no set can be called so.
//!
//! - A `net` set is tables in arrays: tries for IPv4 and for IPv6 prefixes, a hash for single IPv6
//!   addresses. See [`flat`], and [`cover`] for what an entry's end means where prefixes nest. How
//!   large its maps are follows from what it holds, not from its declaration; the code that reads
//!   them is the same whatever their size.
//! - A `service` set is a table by port that names the slot of an item for each protocol, a list
//!   of the items by slot, and their counters by slot and CPU. See [`service`].
//! - A `mac` set is a hash.
//! - A `host` set is a hash of single addresses, which programs write too. See [`host`].
//! - Every set has a [`Fill`] besides: how many entries it holds, so that the program skips the
//!   look-up of what is empty, and what an editor has to know who may open the set's maps alone.

mod contents;
pub mod cover;
mod fill;
pub mod flat;
pub mod host;
pub mod service;
mod stamp;

pub use contents::{Contents, NotTaken, Write};
pub use fill::{FILL_SIZE, FILL_WORDS, Fill, fill_layout, fill_map};
pub use stamp::{BANNED, Origin, Stamp};

use palisade_asm::btf::{Layout, MapLayout};
use palisade_asm::{MapDecl, MapFlags, MapKind};

use crate::policy::{EntryCounters, Set};
use crate::value::{Family, Prefix, SetKind};
use flat::{Counting, Part, Room};

/// Bytes of counters: packets, then bytes, each a `u64` of the machine.
pub const HITS_SIZE: u32 = 16;
/// Bytes of an entry of a `mac` or `host` set: its counters, its [`Stamp`], until when it matches and when it
/// itself ends, each a `u64` of the machine. The last two are times of `CLOCK_MONOTONIC` in
/// nanoseconds, 0 for never, and the same. The program writes the counters, and a ban the end and the stamp.
pub const ENTRY_SIZE: u32 = HITS_SIZE + 3 * 8;
/// Bytes of an entry of a `net` set; see [`flat`].
pub const NET_ENTRY_SIZE: u32 = flat::ENTRY_WORDS as u32 * 8;
/// Where in an entry of a `mac` or `host` set stands until when it matches.
pub const ENTRY_UNTIL: i16 = 24;

/// The entries that a set takes when its declaration does not say.
pub const fn default_max(kind: SetKind) -> u32 {
    match kind {
        SetKind::Net => 1 << 20,
        SetKind::Service => 4096,
        SetKind::Mac | SetKind::Host => 65536,
    }
}

/// The most entries that a declaration may ask for.
pub const fn greatest_max(kind: SetKind) -> u32 {
    match kind {
        SetKind::Net => 1 << 26,
        // Slots are 16 bits and slot 0 means none.
        SetKind::Service => 65535,
        SetKind::Mac | SetKind::Host => 1 << 20,
    }
}

/// The maps of a set.
pub fn maps(set: &Set) -> Vec<MapDecl> {
    let name = set.name.as_str();
    let fill = || fill_map(name);
    match set.kind {
        SetKind::Net => net_maps(set, first_room(set)),
        SetKind::Service => service::maps(name, set.max).into_iter().chain([fill()]).collect(),
        SetKind::Mac => vec![mac_map(name, set.max), fill()],
        SetKind::Host => vec![host::map(name, set.max), fill()],
    }
}

/// How many of the maps of a set a program looks at.
pub fn looked_at(set: &Set) -> usize {
    let unseen = if set.kind == SetKind::Net { [Part::Links].len() } else { 0 };
    maps(set).len() - unseen
}

/// The maps of a `net` set with that much room.
pub fn net_maps(set: &Set, room: Room) -> Vec<MapDecl> {
    let parts = Part::ALL.into_iter().filter(|part| is_there(set.counters, *part));
    parts.map(|part| part.map(set.name.as_str(), room)).collect()
}

/// The maps of a set with the room that those have which are there, given how many elements a map of
/// that name has; with the first room, for as many CPUs, where they do not belong together.
pub fn maps_of_size(set: &Set, elements: impl Fn(&str) -> Option<u32>) -> Vec<MapDecl> {
    if set.kind != SetKind::Net {
        return maps(set);
    }
    let part = |part: Part| elements(&part.map_name(set.name.as_str()));
    let first = || {
        let room = first_room(set);
        let copies = part(Part::Hits).map(|hits| hits / room.elements(Part::Entries));
        match copies.filter(|copies| copies.is_power_of_two()) {
            Some(copies) => Room { counting: Counting::Own(copies), ..room },
            None => room,
        }
    };
    net_maps(set, Room::of_elements(part).unwrap_or_else(first))
}

/// The room of a `net` set that begins empty, as it is compiled.
pub fn first_room(set: &Set) -> Room {
    Room::first(set.max, set.counters)
}

/// Whether a set has a part.
fn is_there(counters: EntryCounters, part: Part) -> bool {
    part != Part::Hits || counters == EntryCounters::On
}

/// What the maps of a set hold, in the order of [`maps`].
pub fn layouts(set: &Set) -> Vec<MapLayout> {
    let parts = Part::ALL.into_iter().filter(|part| is_there(set.counters, *part));
    match set.kind {
        SetKind::Net => parts.map(Part::layout).collect(),
        SetKind::Service => service::layouts().into_iter().chain([fill_layout()]).collect(),
        SetKind::Mac => vec![mac_layout(), fill_layout()],
        SetKind::Host => vec![host::layout(), fill_layout()],
    }
}

/// What counters are.
pub fn hits_layout() -> Layout {
    Layout::fields("hits", [("packets", Layout::U64), ("bytes", Layout::U64)])
}

/// What an entry of a `mac` or `host` set is.
fn entry_layout() -> Layout {
    let number = |name| (name, Layout::U64);
    let stamp = ("stamp", Stamp::layout());
    let fields = [number("packets"), number("bytes"), stamp, number("until"), number("ends")];
    Layout::fields("entry", fields)
}

/// The kind of set whose first map is of this kind and these sizes.
pub fn kind_of(kind: MapKind, key_size: u32, value_size: u32) -> Option<SetKind> {
    match (kind, key_size, value_size) {
        (MapKind::Array, 4, NET_ENTRY_SIZE) => Some(SetKind::Net),
        (MapKind::Array, 4, 8) => Some(SetKind::Service),
        (MapKind::Hash, 6, ENTRY_SIZE) => Some(SetKind::Mac),
        (MapKind::Hash, host::KEY_SIZE, ENTRY_SIZE) => Some(SetKind::Host),
        _ => None,
    }
}

/// What `status` calls the structure of a set.
pub const fn describe(kind: SetKind) -> &'static str {
    match kind {
        SetKind::Net => "flat tables",
        SetKind::Service => "table of ports",
        SetKind::Mac => "hash of Ethernet addresses",
        SetKind::Host => "hash of addresses",
    }
}

/// The four sorts of entries of a `net` set, which its fill counts apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum NetPart {
    /// Single IPv4 addresses.
    Host4,
    /// Single IPv6 addresses.
    Host6,
    /// IPv4 prefixes.
    Net4,
    /// IPv6 prefixes.
    Net6,
}

impl NetPart {
    /// Every part, in the order of the fill map's counts.
    pub const ALL: [Self; 4] = [Self::Host4, Self::Host6, Self::Net4, Self::Net6];

    /// The part that holds single addresses of a family.
    pub const fn hosts(family: Family) -> Self {
        match family {
            Family::V4 => Self::Host4,
            Family::V6 => Self::Host6,
        }
    }

    /// The part that holds prefixes of a family.
    pub const fn nets(family: Family) -> Self {
        match family {
            Family::V4 => Self::Net4,
            Family::V6 => Self::Net6,
        }
    }

    /// The part that holds `prefix`.
    pub const fn of(prefix: &Prefix) -> Self {
        match (prefix.is_host(), prefix.family()) {
            (true, family) => Self::hosts(family),
            (false, family) => Self::nets(family),
        }
    }

    /// The place of its count in the fill map's value, in `u64`s.
    pub const fn index(self) -> usize {
        match self {
            Self::Host4 => 0,
            Self::Host6 => 1,
            Self::Net4 => 2,
            Self::Net6 => 3,
        }
    }
}

/// What the map of a `mac` set holds.
pub fn mac_layout() -> MapLayout {
    let key = Layout::fields("mac", [("address", Layout::bytes(6))]);
    MapLayout { key, value: entry_layout() }
}

/// The map of a `mac` set: a hash by the six bytes of the address, its values entries.
pub fn mac_map(set: &str, max: u32) -> MapDecl {
    MapDecl {
        name: set.to_owned(),
        kind: MapKind::Hash,
        key_size: 6,
        value_size: ENTRY_SIZE,
        max_entries: max,
        flags: MapFlags::NO_PREALLOC,
    }
}
