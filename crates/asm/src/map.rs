//! Map declarations: what a program needs from the kernel, under a name instead of a descriptor.
//!
//! A `MapId` comes only from `Assembler::map` or from decoding and is an index into the
//! declarations in their order; the loader makes the maps and `Image::link` puts descriptors in.

use std::ops::BitOr;

/// A map of one program, by the order of declaration.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct MapId(pub(crate) u16);

impl MapId {
    /// Its place in `Program::maps` and `Image::maps`.
    pub fn index(self) -> usize {
        usize::from(self.0)
    }
}

macro_rules! kinds {
    ($($(#[$doc:meta])* $kind:ident = $number:literal $name:literal;)*) => {
        /// What sort of map; the numbers are those of the kernel's `enum bpf_map_type`.
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
        pub enum MapKind {
            $($(#[$doc])* $kind,)*
        }

        impl MapKind {
            /// The kernel's number for it.
            pub fn number(self) -> u32 {
                match self { $(Self::$kind => $number,)* }
            }

            /// The kind with this number, where this crate knows it.
            pub fn from_number(number: u32) -> Option<Self> {
                match number { $($number => Some(Self::$kind),)* _ => None }
            }

            /// The kind with this name, where this crate knows it.
            pub fn from_name(name: &str) -> Option<Self> {
                match name { $($name => Some(Self::$kind),)* _ => None }
            }

            /// The kernel's name for it, in lower case.
            pub fn name(self) -> &'static str {
                match self { $(Self::$kind => $name,)* }
            }
        }
    };
}

#[rustfmt::skip] // One line per kind, in the kernel's order.
kinds! {
    /// A hash table.
    Hash = 1 "hash";
    /// An array of values, all there from the start.
    Array = 2 "array";
    /// An array of programs, for tail calls.
    ProgArray = 3 "prog_array";
    /// An array of perf events.
    PerfEventArray = 4 "perf_event_array";
    /// A hash table with one value for each CPU.
    PerCpuHash = 5 "percpu_hash";
    /// An array with one value for each CPU.
    PerCpuArray = 6 "percpu_array";
    /// A hash table that forgets what was used least lately.
    LruHash = 9 "lru_hash";
    /// The same with one value for each CPU.
    LruPerCpuHash = 10 "lru_percpu_hash";
    /// Longest prefix match.
    LpmTrie = 11 "lpm_trie";
    /// An array of maps.
    ArrayOfMaps = 12 "array_of_maps";
    /// A hash table of maps.
    HashOfMaps = 13 "hash_of_maps";
    /// Interfaces to redirect to.
    DevMap = 14 "devmap";
    /// CPUs to redirect to.
    CpuMap = 16 "cpumap";
    /// AF_XDP sockets to redirect to.
    XskMap = 17 "xskmap";
    /// Interfaces to redirect to, hashed.
    DevMapHash = 25 "devmap_hash";
    /// A ring of records, shared by all CPUs.
    RingBuf = 27 "ringbuf";
    /// A set that answers "perhaps" or "no".
    BloomFilter = 30 "bloom_filter";
}

/// Flags of a map at creation, a set of bits.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub struct MapFlags(u32);

impl MapFlags {
    /// No flag.
    pub const NONE: Self = Self(0);
    /// Entries are allocated as they come; an LPM trie must say so.
    #[doc(alias = "BPF_F_NO_PREALLOC")]
    pub const NO_PREALLOC: Self = Self(1);
    /// Each CPU has an LRU list of its own.
    #[doc(alias = "BPF_F_NO_COMMON_LRU")]
    pub const NO_COMMON_LRU: Self = Self(1 << 1);
    /// User space can only read.
    #[doc(alias = "BPF_F_RDONLY")]
    pub const RDONLY: Self = Self(1 << 3);
    /// User space can only write.
    #[doc(alias = "BPF_F_WRONLY")]
    pub const WRONLY: Self = Self(1 << 4);
    /// Programs can only read.
    #[doc(alias = "BPF_F_RDONLY_PROG")]
    pub const RDONLY_PROG: Self = Self(1 << 7);
    /// Programs can only write.
    #[doc(alias = "BPF_F_WRONLY_PROG")]
    pub const WRONLY_PROG: Self = Self(1 << 8);
    /// User space can map the values into memory.
    #[doc(alias = "BPF_F_MMAPABLE")]
    pub const MMAPABLE: Self = Self(1 << 10);
    /// An array that may stand in a map of maps beside others of another size.
    #[doc(alias = "BPF_F_INNER_MAP")]
    pub const INNER_MAP: Self = Self(1 << 12);

    /// Flags of those bits, known here or not.
    pub fn from_bits(bits: u32) -> Self {
        Self(bits)
    }

    /// The bits as `bpf(2)` takes them.
    pub fn bits(self) -> u32 {
        self.0
    }

    /// Whether every flag of `other` is among these.
    pub fn contains(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }
}

impl BitOr for MapFlags {
    type Output = Self;

    fn bitor(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

/// A map as a program declares it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct MapDecl {
    /// Its name, for listings and pins; what the kernel gets is the loader's business.
    pub name: String,
    /// Its kind.
    pub kind: MapKind,
    /// Bytes of a key.
    pub key_size: u32,
    /// Bytes of a value, on each CPU where there is one for each.
    pub value_size: u32,
    /// How many entries at most.
    pub max_entries: u32,
    /// Its flags.
    pub flags: MapFlags,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_is_found_again_by_its_number() {
        let known: Vec<MapKind> = (0..64).filter_map(MapKind::from_number).collect();
        assert_eq!(known.len(), 17);
        assert!(known.iter().all(|kind| MapKind::from_number(kind.number()) == Some(*kind)));
    }

    #[test]
    fn flags_join_and_are_found_in_the_join() {
        let both = MapFlags::NO_PREALLOC | MapFlags::RDONLY_PROG;
        assert_eq!(both.bits(), 0x81);
        assert!(both.contains(MapFlags::RDONLY_PROG));
        assert!(!both.contains(MapFlags::RDONLY_PROG | MapFlags::MMAPABLE));
        assert!(both.contains(MapFlags::NONE));
    }
}
