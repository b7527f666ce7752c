//! A program that is attached for as long as somebody holds it: a BPF link.
//!
//! The kernel detaches it when the last descriptor of the link is closed, however the process that
//! had it ends. That is for programs that are of no use without their process. It takes Linux 5.9.

use std::os::fd::{AsFd, OwnedFd};

use super::{AttachError, Change, Expect, Mode, asked, query, read_back};
use crate::link::{IfIndex, LinkError};
use crate::program::Program;
use crate::sys;

/// A program that is attached until this is dropped, or the process ends.
#[derive(Debug)]
#[must_use = "the program is detached when this is dropped"]
#[doc(alias = "bpf_link")]
pub struct Hold {
    on: IfIndex,
    mode: Mode,
    program_id: u32,
    _link: OwnedFd,
}

/// Attaches a program to an interface that has none, until the [`Hold`] is dropped.
#[doc(alias = "BPF_LINK_CREATE")]
pub fn hold(on: IfIndex, program: &Program, mode: Mode) -> Result<Hold, AttachError> {
    let asked = asked(Change::Attach, on, mode, Expect::Empty);
    let info = program.info().map_err(|errno| AttachError::Program { asked, errno })?;
    let link = sys::xdp_link_create(program.as_fd(), on.number(), mode.flag())
        .map_err(|errno| AttachError::Refused { asked, errno, extack: None })?;
    let hold = Hold { on, mode, program_id: info.id, _link: link };
    match read_back(asked)? {
        Some(found) if found.in_mode(mode) == Some(info.id) => Ok(hold),
        found => Err(AttachError::Lost { asked, found }),
    }
}

impl Hold {
    /// The mode.
    pub fn mode(&self) -> Mode {
        self.mode
    }

    /// Whether the program is still there: the interface may go, and whoever may do so can take it
    /// off.
    pub fn is_in_place(&self) -> Result<bool, LinkError> {
        match query(self.on) {
            Ok(found) => {
                Ok(found.and_then(|found| found.in_mode(self.mode)) == Some(self.program_id))
            }
            Err(LinkError::NoSuchIndex { .. } | LinkError::NoSuchName { .. }) => Ok(false),
            Err(error) => Err(error),
        }
    }
}
