//! Why something about a map could not be done, in words that name the map and its limits.

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

/// Why something about a map could not be done.
#[derive(Debug, thiserror::Error)]
pub enum MapError {
    /// The kernel did not create it.
    #[error("cannot create map `{name}`: {errno}{}", create_hint(*.errno))]
    Create {
        /// The declared name.
        name: String,
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

/// What to do about a map that was not created.
fn create_hint(errno: Errno) -> &'static str {
    match errno {
        Errno::EPERM => {
            "; it takes CAP_BPF and CAP_NET_ADMIN, and before Linux 5.11 a memory lock limit \
             (`ulimit -l`) that the map fits in"
        }
        Errno::ENOMEM => "; there is not enough memory for that many entries",
        Errno::E2BIG => "; the kernel does not make maps that large",
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
