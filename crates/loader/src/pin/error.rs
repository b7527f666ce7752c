//! Why something in a pin directory could not be done, with the place it concerns.

use std::path::PathBuf;

use crate::Errno;

/// What was being done in a pin directory when the kernel refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PinOp {
    /// Opening a directory or a pin.
    Open,
    /// Making a directory.
    Create,
    /// Pinning an object.
    Pin,
    /// Renaming a pin or a directory.
    Rename,
    /// Removing a pin or a directory.
    Remove,
    /// Listing a directory.
    List,
    /// Changing owner and permissions.
    SetAccess,
    /// Locking a directory.
    Lock,
}

impl std::fmt::Display for PinOp {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            PinOp::Open => "open",
            PinOp::Create => "create",
            PinOp::Pin => "pin",
            PinOp::Rename => "rename",
            PinOp::Remove => "remove",
            PinOp::List => "list",
            PinOp::SetAccess => "set the permissions of",
            PinOp::Lock => "lock",
        })
    }
}

/// What a pin can yield.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pinned {
    /// A map.
    Map,
    /// An XDP program.
    XdpProgram,
    /// A program of another type.
    OtherProgram,
    /// A link.
    Link,
    /// Something that `/proc` does not describe.
    Unknown,
}

impl std::fmt::Display for Pinned {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Pinned::Map => "a map",
            Pinned::XdpProgram => "an XDP program",
            Pinned::OtherProgram => "a program that is not of type XDP",
            Pinned::Link => "a link",
            Pinned::Unknown => "an object of unknown kind",
        })
    }
}

/// Why something in a pin directory could not be done.
#[derive(Debug, thiserror::Error)]
pub enum PinError {
    /// The name is not one that a pin may have.
    #[error("`{}` cannot be the name of a pin: 1 to 64 of `A-Z a-z 0-9 _ : + -`", name.escape_debug())]
    Name {
        /// The name as given.
        name: String,
    },
    /// The directory is there, and no bpffs is mounted on it.
    #[error("no bpffs is mounted on {}; `mount -t bpf bpf {}` does it", path.display(), path.display())]
    NotBpffs {
        /// The directory.
        path: PathBuf,
    },
    /// There is no such directory.
    #[error("there is no directory {}", path.display())]
    NoDirectory {
        /// The directory.
        path: PathBuf,
    },
    /// There is nothing under that name.
    #[error("there is no {}", path.display())]
    Missing {
        /// Where it was looked for.
        path: PathBuf,
    },
    /// There is something under that name already.
    #[error("{} is there already", path.display())]
    Exists {
        /// What is there.
        path: PathBuf,
    },
    /// A link is followed nowhere below the root.
    #[error("{} is a symbolic link, which is not followed; somebody else may have put it there", path.display())]
    Link {
        /// The link.
        path: PathBuf,
    },
    /// It belongs to neither root nor this user.
    #[error("{} belongs to uid {owner}, neither root nor uid {user}", path.display())]
    Owner {
        /// The directory or pin.
        path: PathBuf,
        /// To whom it belongs.
        owner: u32,
        /// Who asks.
        user: u32,
    },
    /// Others than its owner may write to it.
    #[error("{} has mode {mode:04o}: others than its owner could have changed it", path.display())]
    Writable {
        /// The directory or pin.
        path: PathBuf,
        /// Its permissions.
        mode: u32,
    },
    /// It is not a directory.
    #[error("{} is not a directory", path.display())]
    NotDirectory {
        /// What is not one.
        path: PathBuf,
    },
    /// It is a directory or a special file, where a pin was expected.
    #[error("{} is not a pin", path.display())]
    NotPin {
        /// What is not one.
        path: PathBuf,
    },
    /// The pin yields something else than was asked for.
    #[error("{} is {found}, not {wanted}", path.display())]
    Kind {
        /// The pin.
        path: PathBuf,
        /// What was asked for.
        wanted: Pinned,
        /// What it is.
        found: Pinned,
    },
    /// Another process holds the lock.
    #[error("another process has been editing {} for more than {} s", path.display(), super::LOCK_WAIT.as_secs())]
    Busy {
        /// The directory.
        path: PathBuf,
    },
    /// The kernel refused.
    #[error("cannot {op} {}: {errno}", path.display())]
    Refused {
        /// What was being done.
        op: PinOp,
        /// To what.
        path: PathBuf,
        /// What the kernel said.
        errno: Errno,
    },
}

/// What the kernel refused; nothing under a name is an answer of its own.
pub(super) fn refused(op: PinOp, path: PathBuf, errno: Errno) -> PinError {
    match errno {
        Errno::ENOENT => PinError::Missing { path },
        errno => PinError::Refused { op, path, errno },
    }
}
