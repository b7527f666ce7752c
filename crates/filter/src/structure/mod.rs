//! How a set is held in the kernel: the one place where that choice is made.
//!
//! The emitter asks here for the maps that it looks up, the tool for the maps that it edits; both
//! see the same declarations. A set's first map bears the set's name, its other maps that name, a
//! colon and a part: no set can be called so.
//!
//! - A `net` set is a hash for single addresses and a trie for prefixes, each by family. An entry
//!   says until when it matches; see [`cover`] for what that means in a trie.
//! - A `service` set is a table by port that names the slot of an item for each protocol, a list
//!   of the items by slot, and their counters by slot and CPU. See [`service`].
//! - A `mac` set is a hash.
//! - Every set has a [`Fill`] besides: how many entries it holds, so that the program skips the
//!   look-up of what is empty, and what an editor has to know who may open the set's maps alone.

mod contents;
pub mod cover;
mod fill;
pub mod service;
mod stamp;

use std::net::IpAddr;

pub use contents::{Contents, NotTaken, Write};
pub use fill::{FILL_SIZE, Fill, fill_layout, fill_map};
pub use stamp::{Origin, Stamp};

use palisade_asm::btf::{Layout, MapLayout};
use palisade_asm::{MapDecl, MapFlags, MapKind};

use crate::policy::Set;
use crate::value::{Family, Prefix, SetKind};

/// Bytes of counters: packets, then bytes, each a `u64` of the machine.
pub const HITS_SIZE: u32 = 16;
/// Bytes of an entry of a `net` or `mac` set: its counters, its [`Stamp`], until when it matches and
/// when it itself ends, each a `u64` of the machine. The last two are times of `CLOCK_MONOTONIC` in
/// nanoseconds, 0 for never; they differ where an entry ends before a shorter prefix around it,
/// which it would hide ([`cover`]). The program writes the counters alone.
pub const ENTRY_SIZE: u32 = HITS_SIZE + 3 * 8;
/// Where in an entry stands until when it matches.
pub const ENTRY_UNTIL: i16 = 24;

/// The entries that a set takes when its declaration does not say.
pub const fn default_max(kind: SetKind) -> u32 {
    match kind {
        SetKind::Net => 1 << 20,
        SetKind::Service => 4096,
        SetKind::Mac => 65536,
    }
}

/// The most entries that a declaration may ask for.
pub const fn greatest_max(kind: SetKind) -> u32 {
    match kind {
        SetKind::Net => 1 << 26,
        // Slots are 16 bits and slot 0 means none.
        SetKind::Service => 65535,
        SetKind::Mac => 1 << 20,
    }
}

/// The maps of a set.
pub fn maps(set: &Set) -> Vec<MapDecl> {
    let name = set.name.as_str();
    let mut maps = match set.kind {
        SetKind::Net => NetPart::ALL.map(|part| part.map(name, set.max)).to_vec(),
        SetKind::Service => service::maps(name, set.max).to_vec(),
        SetKind::Mac => vec![mac_map(name, set.max)],
    };
    maps.push(fill_map(name));
    maps
}

/// What the maps of a set hold, in the order of [`maps`].
pub fn layouts(kind: SetKind) -> Vec<MapLayout> {
    let mut layouts = match kind {
        SetKind::Net => NetPart::ALL.map(NetPart::layout).to_vec(),
        SetKind::Service => service::layouts().to_vec(),
        SetKind::Mac => vec![mac_layout()],
    };
    layouts.push(fill_layout());
    layouts
}

/// What counters are.
pub fn hits_layout() -> Layout {
    Layout::fields("hits", [("packets", Layout::U64), ("bytes", Layout::U64)])
}

/// What an entry is.
fn entry_layout() -> Layout {
    let number = |name| (name, Layout::U64);
    let stamp = ("stamp", Stamp::layout());
    let fields = [number("packets"), number("bytes"), stamp, number("until"), number("ends")];
    Layout::fields("entry", fields)
}

/// The kind of set whose first map is of this kind and these sizes.
pub fn kind_of(kind: MapKind, key_size: u32, value_size: u32) -> Option<SetKind> {
    match (kind, key_size, value_size) {
        (MapKind::Hash, 4, ENTRY_SIZE) => Some(SetKind::Net),
        (MapKind::Array, 4, 8) => Some(SetKind::Service),
        (MapKind::Hash, 6, ENTRY_SIZE) => Some(SetKind::Mac),
        _ => None,
    }
}

/// What `status` calls the structure of a set.
pub const fn describe(kind: SetKind) -> &'static str {
    match kind {
        SetKind::Net => "hash of addresses, trie of prefixes",
        SetKind::Service => "table of ports",
        SetKind::Mac => "hash of Ethernet addresses",
    }
}

/// One of the four maps of a `net` set that hold entries.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum NetPart {
    /// Single IPv4 addresses: a hash by address.
    Host4,
    /// Single IPv6 addresses: a hash by address.
    Host6,
    /// IPv4 prefixes: a trie.
    Net4,
    /// IPv6 prefixes: a trie.
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

    /// The name of its map.
    pub fn map_name(self, set: &str) -> String {
        match self {
            Self::Host4 => set.to_owned(),
            Self::Host6 => format!("{set}:host6"),
            Self::Net4 => format!("{set}:net4"),
            Self::Net6 => format!("{set}:net6"),
        }
    }

    /// Its map. A host's key is the address, a prefix's the kernel's `bpf_lpm_trie_key`: the
    /// length as a `u32` of the machine, then the address. The value is an entry of [`ENTRY_SIZE`].
    pub fn map(self, set: &str, max: u32) -> MapDecl {
        // A trie that is full takes no new value of an entry either before Linux 6.13: it has one
        // place more than the set takes.
        let (kind, key_size, max_entries) = match self {
            Self::Host4 => (MapKind::Hash, 4, max),
            Self::Host6 => (MapKind::Hash, 16, max),
            Self::Net4 => (MapKind::LpmTrie, 8, max + 1),
            Self::Net6 => (MapKind::LpmTrie, 20, max + 1),
        };
        MapDecl {
            name: self.map_name(set),
            kind,
            key_size,
            value_size: ENTRY_SIZE,
            max_entries,
            flags: MapFlags::NO_PREALLOC,
        }
    }
}

impl NetPart {
    /// What its map holds.
    pub fn layout(self) -> MapLayout {
        let address = |bytes| ("address", Layout::bytes(bytes));
        let prefix = |bytes| [("prefixlen", Layout::U32), address(bytes)];
        let key = match self {
            Self::Host4 => Layout::fields("ip4", [address(4)]),
            Self::Host6 => Layout::fields("ip6", [address(16)]),
            Self::Net4 => Layout::fields("prefix4", prefix(4)),
            Self::Net6 => Layout::fields("prefix6", prefix(16)),
        };
        MapLayout { key, value: entry_layout() }
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

/// The address of an IPv4 prefix as bytes of the packet; `None` for IPv6.
pub fn octets4(prefix: &Prefix) -> Option<[u8; 4]> {
    match prefix.addr() {
        IpAddr::V4(addr) => Some(addr.octets()),
        IpAddr::V6(_) => None,
    }
}

/// The address of an IPv6 prefix as bytes of the packet; `None` for IPv4.
pub fn octets6(prefix: &Prefix) -> Option<[u8; 16]> {
    match prefix.addr() {
        IpAddr::V4(_) => None,
        IpAddr::V6(addr) => Some(addr.octets()),
    }
}
