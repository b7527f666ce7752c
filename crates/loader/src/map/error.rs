//! Why something about a map could not be done, in words that name the map and its limits.

use palisade_asm::MapFlags;

use super::Shape;
use crate::Errno;
use crate::percpu::CpuError;
use crate::pin::PinError;

/// What was asked of a map when the kernel refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MapOp {
    /// Its facts.
    Describe,
    /// Reading an element, or all of them.
    Read,
    /// Writing an element.
    Insert,
    /// Removing an element.
    Remove,
    /// Forbidding further writes.
    Freeze,
    /// A second descriptor.
    Clone,
}

impl std::fmt::Display for MapOp {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            MapOp::Describe => "describe",
            MapOp::Read => "read",
            MapOp::Insert => "write to",
            MapOp::Remove => "remove from",
            MapOp::Freeze => "freeze",
            MapOp::Clone => "open again",
        })
    }
}

/// What a map's elements are mapped into memory for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum View {
    /// To be read.
    Read,
    /// To be read and written.
    Edit,
}

impl std::fmt::Display for View {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            View::Read => "read",
            View::Edit => "edit",
        })
    }
}

/// What a map lacks whose elements cannot be mapped into memory as words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unmappable {
    /// It is no array, or one with a value for every CPU.
    Kind,
    /// It was made without `BPF_F_MMAPABLE`.
    Flag,
    /// Its values do not end with a word.
    Words,
}

impl std::fmt::Display for Unmappable {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Unmappable::Kind => "only an array with one value for all CPUs can",
            Unmappable::Flag => "it was made without the flag BPF_F_MMAPABLE",
            Unmappable::Words => "its values are not whole words of 8 bytes",
        })
    }
}

/// Why something about a map could not be done.
#[derive(Debug, thiserror::Error)]
pub enum MapError {
    /// The kernel did not create it.
    #[error("cannot create map `{name}`: {errno}{}", create_hint(*.errno, *.flags))]
    Create {
        /// The declared name.
        name: String,
        /// The declared flags.
        flags: MapFlags,
        /// What the kernel said.
        errno: Errno,
    },
    /// A pin could not be opened or made.
    #[error(transparent)]
    Pin(#[from] PinError),
    /// The map is not the one that was declared.
    #[error("map `{name}` is not of the declared shape: found {found}; wanted {want}")]
    Shape {
        /// Its name.
        name: String,
        /// What was declared.
        want: Shape,
        /// What the kernel has.
        found: Shape,
    },
    /// Keys or values are not of the type's size, or the map is per CPU where that was not
    /// expected.
    #[error(
        "map `{name}` holds {found}, which is not {want_key}-byte keys and {want_value}-byte values {per}"
    )]
    Sizes {
        /// Its name.
        name: String,
        /// The size of the key's type.
        want_key: usize,
        /// The size of the value's type.
        want_value: usize,
        /// Whether a value for every CPU was expected, in words.
        per: &'static str,
        /// What the kernel has.
        found: Shape,
    },
    /// There is no room for another entry.
    #[error("map `{name}` is full: it holds {max_entries} entries, all in use")]
    Full {
        /// Its name.
        name: String,
        /// How many entries it can hold.
        max_entries: u32,
    },
    /// The index lies beyond the end of an array.
    #[error("map `{name}` has {max_entries} elements, and the index lies beyond them")]
    OutOfRange {
        /// Its name.
        name: String,
        /// How many elements it has.
        max_entries: u32,
    },
    /// An entry was to be new and is there already.
    #[error("map `{name}` has an entry of that key already")]
    Exists {
        /// Its name.
        name: String,
    },
    /// An entry was to be there and is not.
    #[error("map `{name}` has no entry of that key")]
    Absent {
        /// Its name.
        name: String,
    },
    /// As many values as keys were wanted.
    #[error("{keys} keys were given for map `{name}` with {values} values")]
    Uneven {
        /// Its name.
        name: String,
        /// How many keys.
        keys: usize,
        /// How many values.
        values: usize,
    },
    /// Others edited the map faster than it could be read.
    #[error("map `{name}` changed faster than it could be read; read it again")]
    Unsettled {
        /// Its name.
        name: String,
    },
    /// The number of CPUs could not be found out.
    #[error("cannot size the values of map `{name}`: {source}")]
    Cpus {
        /// Its name.
        name: String,
        /// Why.
        source: CpuError,
    },
    /// It is no map whose elements can be mapped into memory as words.
    #[error("map `{name}` cannot be mapped into memory: {why}; found {found}")]
    Unmappable {
        /// Its name.
        name: String,
        /// What it lacks.
        why: Unmappable,
        /// What the kernel has.
        found: Shape,
    },
    /// The kernel did not map its elements into memory.
    #[error("cannot map `{name}` into memory to {view} it: {errno}{}", view_hint(*.errno, *.view))]
    NotMapped {
        /// Its name.
        name: String,
        /// What for.
        view: View,
        /// What the kernel said.
        errno: Errno,
    },
    /// The kernel refused something else.
    #[error("cannot {op} map `{name}`: {errno}")]
    Refused {
        /// Its name.
        name: String,
        /// What was asked.
        op: MapOp,
        /// What the kernel said.
        errno: Errno,
    },
}

impl MapError {
    /// What the kernel said, where that is all that is known.
    pub fn errno(&self) -> Option<Errno> {
        match self {
            MapError::Create { errno, .. } | MapError::Refused { errno, .. } => Some(*errno),
            _ => None,
        }
    }
}

/// What to do about a map that was not created.
fn create_hint(errno: Errno, flags: MapFlags) -> &'static str {
    match errno {
        Errno::EINVAL if flags.contains(MapFlags::MMAPABLE) => {
            "; the flag BPF_F_MMAPABLE takes an array, and Linux 5.5"
        }
        Errno::EPERM => {
            "; it takes CAP_BPF and CAP_NET_ADMIN, and before Linux 5.11 a memory lock limit \
             (`ulimit -l`) that the map fits in"
        }
        Errno::ENOMEM => "; there is not enough memory for that many entries",
        Errno::E2BIG => "; the kernel does not make maps that large",
        _ => "",
    }
}

/// What to do about a map that was not mapped into memory.
fn view_hint(errno: Errno, view: View) -> &'static str {
    match (errno, view) {
        (Errno::EPERM, View::Edit) => "; a frozen map can only be read",
        // What is opened to be read only, the kernel does not map at all: `EINVAL`.
        (Errno::EACCES | Errno::EINVAL, _) => {
            "; it takes one that was made and opened to be read and written"
        }
        (Errno::ENOMEM, _) => "; this process has no room for that many elements",
        (Errno::EOPNOTSUPP, _) => "; it takes a 64-bit machine",
        _ => "",
    }
}

/// A batch that stopped midway.
#[derive(Debug, thiserror::Error)]
#[error("{done} entries were dealt with, then: {error}")]
pub struct BatchError {
    /// How many entries, from the first on, were dealt with before the error.
    pub done: usize,
    /// Why it stopped.
    pub error: MapError,
}
