//! What a map answers to an edit that it does not take, as the kernel does.

use std::fmt;

/// Why a map does not take an edit.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum MapRefusal {
    /// Only a new key was to be written, and it is there.
    Exists,
    /// The key is not there.
    Missing,
    /// There is no room; of an array, it has no such index.
    TooBig,
    /// There is no room in a trie.
    NoSpace,
    /// The key or value has another size, the flags are unknown, or the map has no such edit.
    Invalid,
    /// The map was frozen.
    Frozen,
}

impl MapRefusal {
    /// The number that the kernel answers, without its sign.
    pub fn errno(self) -> i32 {
        match self {
            Self::Exists => 17,
            Self::Missing => 2,
            Self::TooBig => 7,
            Self::NoSpace => 28,
            Self::Invalid => 22,
            Self::Frozen => 1,
        }
    }
}

impl fmt::Display for MapRefusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Exists => "EEXIST: the key is there already",
            Self::Missing => "ENOENT: the key is not there",
            Self::TooBig => "E2BIG: the map is full, or has no such index",
            Self::NoSpace => "ENOSPC: the trie is full",
            Self::Invalid => "EINVAL: the map takes no such key, value or edit",
            Self::Frozen => "EPERM: the map is frozen",
        })
    }
}

impl std::error::Error for MapRefusal {}

/// Which keys an edit may meet.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Insert {
    /// Any.
    #[doc(alias = "BPF_ANY")]
    Any,
    /// Only such as are not there.
    #[doc(alias = "BPF_NOEXIST")]
    New,
    /// Only such as are there.
    #[doc(alias = "BPF_EXIST")]
    Existing,
}

impl Insert {
    /// What the flags of the kernel's calls say.
    pub(in crate::vm) fn from_flags(flags: u64) -> Result<Self, MapRefusal> {
        match flags {
            0 => Ok(Self::Any),
            1 => Ok(Self::New),
            2 => Ok(Self::Existing),
            _ => Err(MapRefusal::Invalid),
        }
    }

    /// Refuses a key that is not of the wanted sort.
    pub(super) fn check<T>(self, found: Option<T>) -> Result<Option<T>, MapRefusal> {
        match (self, found) {
            (Self::New, Some(_)) => Err(MapRefusal::Exists),
            (Self::Existing, None) => Err(MapRefusal::Missing),
            (_, found) => Ok(found),
        }
    }
}

/// Who writes a value where each CPU has its own.
#[derive(Clone, Copy)]
pub(in crate::vm) enum Writer {
    /// User space: the values of all CPUs.
    User,
    /// A program on this CPU: its own.
    Cpu(usize),
}
