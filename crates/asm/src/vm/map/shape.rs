//! Which declarations make a map here: those that the kernel takes, of the kinds that are
//! simulated, and not larger than a machine of today can hold.

use std::fmt;

use super::cells::Cells;
use crate::map::{MapDecl, MapFlags, MapKind};

/// Bytes that the values of an array may take, which are all there from the start.
const MOST_BYTES: u64 = 1 << 30;
/// CPUs that there may be.
const MOST_CPUS: u32 = 8192;

/// Why a map is not made.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum MapUnfit {
    /// Maps of this kind are not simulated.
    Kind {
        /// The map.
        map: String,
        /// Its kind.
        kind: MapKind,
    },
    /// The kernel takes no map of this kind with such a figure.
    Shape {
        /// The map.
        map: String,
        /// Its kind.
        kind: MapKind,
        /// Which figure.
        figure: Figure,
        /// What it is.
        is: u32,
    },
    /// The values would take more memory than they may here.
    TooLarge {
        /// The map.
        map: String,
        /// Bytes that they would take.
        bytes: u64,
        /// Bytes that they may take.
        limit: u64,
    },
    /// There are more maps than there are addresses for.
    TooMany {
        /// How many there may be.
        limit: usize,
    },
    /// So many CPUs there are not.
    Cpus {
        /// How many were asked for.
        cpus: u32,
        /// How many there may be; one at least.
        limit: u32,
    },
    /// A program is given fewer maps than it declares, or one that is not there.
    Missing {
        /// The map as the program declares it.
        map: String,
    },
    /// A program is given a map of another kind or of other sizes than it declares.
    Differs {
        /// The map as the program declares it.
        map: String,
    },
}

/// A figure of a declaration.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Figure {
    /// Bytes of a key.
    KeySize,
    /// Bytes of a value.
    ValueSize,
    /// How many entries at most.
    MaxEntries,
    /// The flags.
    Flags,
}

impl fmt::Display for Figure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::KeySize => "key size",
            Self::ValueSize => "value size",
            Self::MaxEntries => "number of entries",
            Self::Flags => "set of flags",
        })
    }
}

impl fmt::Display for MapUnfit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Kind { map, kind } => {
                write!(f, "map `{map}`: maps of kind {} are not simulated", kind.name())
            }
            Self::Shape { map, kind, figure, is } => {
                write!(f, "map `{map}`: the kernel takes no {} with the {figure} {is}", kind.name())
            }
            Self::TooLarge { map, bytes, limit } => {
                write!(f, "map `{map}`: its values take {bytes} bytes, and {limit} are allowed")
            }
            Self::TooMany { limit } => write!(f, "more than {limit} maps"),
            Self::Cpus { cpus, limit } => write!(f, "{cpus} CPUs, and 1 to {limit} are allowed"),
            Self::Missing { map } => write!(f, "map `{map}` of the program is not given"),
            Self::Differs { map } => {
                write!(f, "map `{map}` of the program has another shape than the one given for it")
            }
        }
    }
}

impl std::error::Error for MapUnfit {}

/// How many CPUs have values, unless there cannot be so many.
pub(super) fn cpus(cpus: u32) -> Result<usize, MapUnfit> {
    match usize::try_from(cpus) {
        Ok(count) if (1..=MOST_CPUS).contains(&cpus) => Ok(count),
        _ => Err(MapUnfit::Cpus { cpus, limit: MOST_CPUS }),
    }
}

/// Refuses what the kernel refuses, and what is too large.
pub(super) fn check(decl: &MapDecl, copies: usize) -> Result<(), MapUnfit> {
    let MapDecl { name, kind, key_size, value_size, max_entries, flags } = decl;
    if let Some((figure, is)) = wrong(*kind, [*key_size, *value_size, *max_entries], *flags) {
        return Err(MapUnfit::Shape { map: name.clone(), kind: *kind, figure, is });
    }
    // All other kinds take memory as they are filled.
    let whole = matches!(kind, MapKind::Array | MapKind::PerCpuArray | MapKind::ProgArray);
    let bytes = Cells::cost(*value_size, copies, *max_entries);
    if whole && bytes > MOST_BYTES {
        return Err(MapUnfit::TooLarge { map: name.clone(), bytes, limit: MOST_BYTES });
    }
    Ok(())
}

/// The first figure that the kernel does not take.
fn wrong(kind: MapKind, [key, value, entries]: [u32; 3], flags: MapFlags) -> Option<(Figure, u32)> {
    use Figure::{Flags, KeySize, MaxEntries, ValueSize};
    const PAGE: u32 = 4096;
    let number = |good: bool, figure, is| (!good).then_some((figure, is));
    let some = number(entries > 0, MaxEntries, entries);
    some.or_else(|| match kind {
        MapKind::Array | MapKind::PerCpuArray => {
            number(key == 4, KeySize, key).or_else(|| number(value > 0, ValueSize, value))
        }
        MapKind::Hash | MapKind::PerCpuHash | MapKind::LruHash | MapKind::LruPerCpuHash => {
            number(key > 0, KeySize, key).or_else(|| number(value > 0, ValueSize, value))
        }
        MapKind::LpmTrie => number((5..=260).contains(&key), KeySize, key)
            .or_else(|| number(value > 0, ValueSize, value))
            .or_else(|| number(flags.contains(MapFlags::NO_PREALLOC), Flags, flags.bits())),
        MapKind::ProgArray | MapKind::PerfEventArray | MapKind::XskMap => {
            number(key == 4, KeySize, key).or_else(|| number(value == 4, ValueSize, value))
        }
        MapKind::DevMap | MapKind::DevMapHash | MapKind::CpuMap => number(key == 4, KeySize, key)
            .or_else(|| number([4, 8].contains(&value), ValueSize, value)),
        MapKind::RingBuf => number(key == 0, KeySize, key)
            .or_else(|| number(value == 0, ValueSize, value))
            .or_else(|| {
                let good = entries.is_power_of_two() && entries % PAGE == 0;
                number(good, MaxEntries, entries)
            }),
        MapKind::ArrayOfMaps | MapKind::HashOfMaps | MapKind::BloomFilter => None,
    })
}
