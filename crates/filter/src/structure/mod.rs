//! How a set is held in the kernel: the one place where that choice is made.
//!
//! The emitter asks here for the maps that it looks up, the tool for the maps that it edits; both
//! see the same declarations. A set's first map bears the set's name, its other maps that name, a
//! colon and a part: no set can be called so.
//!
//! - A `net` set is a hash for single addresses and a trie for prefixes, each by family, and a
//!   *fill* map that says how many entries each of the four holds, so that the program skips the
//!   look-up of what is empty. The fill is an upper bound at every instant: it is raised before an
//!   entry goes in and lowered after one is out.
//! - A `service` set is a table by port that names the slot of an item for each protocol, a list
//!   of the items by slot, and their counters by slot and CPU. See [`service`].

pub mod service;

use std::net::IpAddr;

use palisade_asm::{MapDecl, MapFlags, MapKind};

use crate::policy::Set;
use crate::value::{Family, Prefix, SetKind};

/// Bytes of counters: packets, then bytes, each a `u64` of the machine.
pub const HITS_SIZE: u32 = 16;
/// Bytes of an entry of a `net` set: its counters, then its [`stamp`], a `u64` of the machine. The
/// program touches the counters alone.
pub const ENTRY_SIZE: u32 = HITS_SIZE + 8;

/// What an entry says of itself: the length of its prefix in the upper eight bits, so that whoever
/// looks an address up learns which prefix covers it, and when it was added, in seconds of the
/// system's clock, in the others.
pub const fn stamp(len: u8, added: u64) -> u64 {
    (len as u64) << STAMP_TIME_BITS | added & ((1 << STAMP_TIME_BITS) - 1)
}

/// The length of the prefix and the time in a [`stamp`].
pub const fn unstamp(stamp: u64) -> (u8, u64) {
    ((stamp >> STAMP_TIME_BITS) as u8, stamp & ((1 << STAMP_TIME_BITS) - 1))
}

const STAMP_TIME_BITS: u32 = 56;

/// The entries that a set takes when its declaration does not say.
pub const fn default_max(kind: SetKind) -> u32 {
    match kind {
        SetKind::Net => 1 << 20,
        SetKind::Service => 4096,
    }
}

/// The most entries that a declaration may ask for.
pub const fn greatest_max(kind: SetKind) -> u32 {
    match kind {
        SetKind::Net => 1 << 26,
        // Slots are 16 bits and slot 0 means none.
        SetKind::Service => 65535,
    }
}

/// The maps of a set.
pub fn maps(set: &Set) -> Vec<MapDecl> {
    let name = set.name.as_str();
    match set.kind {
        SetKind::Net => {
            let parts = NetPart::ALL.iter().map(|part| part.map(name, set.max));
            parts.chain([fill_map(name)]).collect()
        }
        SetKind::Service => service::maps(name, set.max).to_vec(),
    }
}

/// The kind of set whose first map is of this kind and these sizes.
pub fn kind_of(kind: MapKind, key_size: u32, value_size: u32) -> Option<SetKind> {
    match (kind, key_size, value_size) {
        (MapKind::Hash, 4, ENTRY_SIZE) => Some(SetKind::Net),
        (MapKind::Array, 4, 8) => Some(SetKind::Service),
        _ => None,
    }
}

/// What `status` calls the structure of a set.
pub const fn describe(kind: SetKind) -> &'static str {
    match kind {
        SetKind::Net => "hash of addresses, trie of prefixes",
        SetKind::Service => "table of ports",
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
        let (kind, key_size) = match self {
            Self::Host4 => (MapKind::Hash, 4),
            Self::Host6 => (MapKind::Hash, 16),
            Self::Net4 => (MapKind::LpmTrie, 8),
            Self::Net6 => (MapKind::LpmTrie, 20),
        };
        MapDecl {
            name: self.map_name(set),
            kind,
            key_size,
            value_size: ENTRY_SIZE,
            max_entries: max,
            flags: MapFlags::NO_PREALLOC,
        }
    }
}

/// The map that holds the count of entries of each part: one value of four `u64`.
pub fn fill_map(set: &str) -> MapDecl {
    MapDecl {
        name: format!("{set}:fill"),
        kind: MapKind::Array,
        key_size: 4,
        value_size: 32,
        max_entries: 1,
        flags: MapFlags::NONE,
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
