//! Who may use a directory or a pin: its owner, or a group besides.

use nix::sys::stat::{Mode, SFlag};

use crate::Errno;

/// A group, by its number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Gid(pub u32);

impl Gid {
    /// The group of that name; `None` when there is none.
    pub fn by_name(name: &str) -> Result<Option<Gid>, Errno> {
        Ok(nix::unistd::Group::from_name(name)?.map(|group| Gid(group.gid.as_raw())))
    }
}

/// Who may use a directory or a pin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// The owner alone: directories 0700, pins 0600.
    Owner,
    /// The owner and a group: directories 0750, pins 0660.
    Group(Gid),
}

impl Access {
    pub(super) fn mode(self, kind: SFlag) -> Mode {
        let bits = match (self, kind == SFlag::S_IFDIR) {
            (Access::Owner, true) => 0o700,
            (Access::Owner, false) => 0o600,
            (Access::Group(_), true) => 0o750,
            (Access::Group(_), false) => 0o660,
        };
        Mode::from_bits_truncate(bits)
    }

    pub(super) fn group(self) -> Option<nix::unistd::Gid> {
        match self {
            Access::Owner => None,
            Access::Group(Gid(number)) => Some(nix::unistd::Gid::from_raw(number)),
        }
    }
}
