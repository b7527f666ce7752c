//! Programs: opened from a pin, described, and what a descriptor of one can do.
//!
//! Dropping a [`Program`] closes its descriptor: what is attached or pinned stays.

mod load;
mod refusal;
mod run;

use std::fmt;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::time::Duration;

use crate::Errno;
use crate::pin::{PinDir, PinError};
use crate::sys;

pub use load::{AttachType, Buffers, LoadOptions};
pub(crate) use load::{linked, load_or_explain, refused};
pub use refusal::{Blamed, LoadError};
pub use run::{LiveRun, TestRun, TestRunResult};

/// The first bytes of the digest of a program's instructions, as the kernel computes it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Tag(pub [u8; 8]);

impl fmt::Display for Tag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

/// What the kernel tells of a program.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProgramInfo {
    /// Its number, unique while it lives.
    pub id: u32,
    /// The digest of its instructions.
    pub tag: Tag,
    /// The name the kernel keeps.
    pub name: String,
    /// How many instructions it has after the kernel's rewriting; zero for whoever may not know.
    pub instructions: u32,
    /// Bytes of machine code; zero when it is interpreted, or for whoever may not know.
    pub jited_len: u32,
    /// When it was loaded, since the machine started.
    pub loaded_at: Duration,
    /// The maps it uses.
    pub map_ids: Vec<u32>,
    /// Who loaded it.
    pub uid: u32,
}

/// An XDP program in the kernel, by an owned descriptor.
#[derive(Debug)]
pub struct Program {
    fd: OwnedFd,
}

impl Program {
    /// Opens the XDP program pinned under a name; anything else under that name is an error.
    pub fn open(dir: &PinDir, name: &str) -> Result<Self, PinError> {
        Ok(Program { fd: dir.open_program(name)? })
    }

    /// Opens any program by its number; takes CAP_SYS_ADMIN. `ENOENT` when it is gone.
    pub fn by_id(id: u32) -> Result<Self, Errno> {
        Ok(Program { fd: sys::prog_by_id(id)? })
    }

    /// Another descriptor of the same program.
    pub fn try_clone(&self) -> Result<Self, Errno> {
        self.fd.try_clone().map(|fd| Program { fd }).map_err(|error| Errno::from_io(&error))
    }

    /// Pins it under a name that must be free.
    pub fn pin(&self, dir: &PinDir, name: &str) -> Result<(), PinError> {
        dir.pin(self.as_fd(), name)
    }

    /// What the kernel tells of it.
    pub fn info(&self) -> Result<ProgramInfo, Errno> {
        let count = usize::try_from(sys::prog_info(self.as_fd(), 0)?.maps);
        let facts = sys::prog_info(self.as_fd(), count.map_err(|_| Errno::E2BIG)?)?;
        Ok(ProgramInfo {
            id: facts.id,
            tag: Tag(facts.tag),
            name: facts.name,
            instructions: facts.xlated_len / 8,
            jited_len: facts.jited_len,
            loaded_at: Duration::from_nanos(facts.load_time),
            map_ids: facts.map_ids,
            uid: facts.uid,
        })
    }
}

impl AsFd for Program {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tag_prints_as_sixteen_hexadecimal_digits() {
        assert_eq!(Tag([0, 1, 0xab, 0, 0, 0, 0, 0xff]).to_string(), "0001ab00000000ff");
    }
}
