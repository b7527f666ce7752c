//! What lives in the kernel, by kind and number: to see that something is gone, or what is new.
//!
//! A number is unique among its kind while the object lives, and is not given again until all higher
//! ones have been. To ask takes CAP_SYS_ADMIN.

use std::fmt;
use std::os::fd::AsFd;

use crate::program::Program;
use crate::{Errno, sys};

/// A kind of object that bpf(2) numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ObjectKind {
    /// A program of any type.
    Program,
    /// A map of any type.
    Map,
    /// A link; kernels before 5.8 have none.
    Link,
}

/// An object that lives, or lived, in the kernel.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ObjectId {
    /// Its kind.
    pub kind: ObjectKind,
    /// Its number.
    pub id: u32,
}

impl fmt::Display for ObjectId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = match self.kind {
            ObjectKind::Program => "program",
            ObjectKind::Map => "map",
            ObjectKind::Link => "link",
        };
        write!(f, "{kind} {}", self.id)
    }
}

impl ObjectId {
    /// Every object of a kind that lives now, in the order of their numbers.
    pub fn all(kind: ObjectKind) -> Result<Vec<Self>, Errno> {
        let (mut all, mut last) = (Vec::new(), 0);
        while let Some(id) = next(kind, last)? {
            all.push(ObjectId { kind, id });
            last = id;
        }
        Ok(all)
    }

    /// Whether it lives.
    pub fn is_alive(self) -> Result<bool, Errno> {
        let Some(before) = self.id.checked_sub(1) else { return Ok(false) };
        Ok(next(self.kind, before)? == Some(self.id))
    }

    /// The name that the kernel keeps of a program or a map; `None` when it has none or is gone.
    ///
    /// The object is opened for a moment, which is better not done to what somebody is giving up.
    pub fn name(self) -> Result<Option<String>, Errno> {
        let named = match self.kind {
            ObjectKind::Program => {
                Program::by_id(self.id).and_then(|program| program.info()).map(|info| info.name)
            }
            ObjectKind::Map => sys::map_by_id(self.id)
                .and_then(|fd| sys::map_info(fd.as_fd()))
                .map(|facts| facts.name),
            ObjectKind::Link => return Ok(None),
        };
        match named {
            Ok(name) => Ok(Some(name).filter(|name| !name.is_empty())),
            Err(Errno::ENOENT) => Ok(None),
            Err(errno) => Err(errno),
        }
    }
}

/// The next number of a kind.
fn next(kind: ObjectKind, above: u32) -> Result<Option<u32>, Errno> {
    let found = match kind {
        ObjectKind::Program => sys::prog_next_id(above),
        ObjectKind::Map => sys::map_next_id(above),
        ObjectKind::Link => sys::link_next_id(above),
    };
    match found {
        Ok(id) => Ok(Some(id)),
        Err(Errno::ENOENT) => Ok(None),
        Err(errno) => Err(errno),
    }
}
