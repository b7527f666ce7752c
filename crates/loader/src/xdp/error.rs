//! Why a change to an interface was not made, and what that means.
//!
//! The kernel uses one error number for several causes and tells them apart in words; so the words
//! are kept, and a [`Reason`] is read from both. Words that are not known give no wrong reason.

use std::fmt;

use super::{Attached, Mode};
use crate::Errno;
use crate::link::IfIndex;
use crate::netlink::NetlinkError;

/// What was to be done to an interface.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// Put a program on it.
    Attach,
    /// Take the program off.
    Detach,
}

/// What the change expected, for messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Expected {
    /// Nothing.
    Empty,
    /// A certain program.
    Program,
    /// Whatever was there.
    Anything,
}

/// A change as it was asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Asked {
    /// What was to be done.
    pub change: Change,
    /// To which interface.
    pub index: IfIndex,
    /// In which mode.
    pub mode: Mode,
    /// Expecting what.
    pub expected: Expected,
}

impl fmt::Display for Asked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Asked { change, index, mode, expected } = self;
        let change = match change {
            Change::Attach => "attach to",
            Change::Detach => "detach from",
        };
        let expected = match expected {
            Expected::Empty => ", expecting it empty",
            Expected::Program => ", expecting a certain program there",
            Expected::Anything => "",
        };
        write!(f, "{change} interface {index} in {mode} mode{expected}")
    }
}

/// Why the kernel refuses a change, as far as its answer tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// Another program is attached.
    Occupied,
    /// A BPF link holds the interface.
    HeldByLink,
    /// Not the expected program is attached.
    Changed,
    /// A program is attached in another mode.
    OtherMode,
    /// A bond or bridge above the interface has a program.
    UpperDevice,
    /// The driver lacks the mode.
    Unsupported,
    /// The MTU is too large for a program of single buffers.
    Mtu,
    /// The interface has too few queues.
    Queues,
    /// The interface is gone.
    NoDevice,
    /// The caller may not.
    NotPermitted,
    /// The kernel gave a number and no words.
    Unexplained,
    /// The kernel's words are not known here.
    Other,
}

impl Reason {
    /// `EEXIST` and `EBUSY` stand for two things each, which only the kernel's words tell apart.
    fn of(errno: Errno, extack: Option<&str>) -> Self {
        let says = |part: &str| extack.is_some_and(|text| text.contains(part));
        match errno {
            Errno::EBUSY if says("BPF XDP link") => Reason::HeldByLink,
            // Of a link the kernel says no more than the number.
            Errno::EBUSY if says("already attached") || extack.is_none() => Reason::Occupied,
            Errno::EEXIST if says("upper device") => Reason::UpperDevice,
            Errno::EEXIST if says("at the same time") => Reason::OtherMode,
            Errno::EEXIST if says("does not match expected") => Reason::Changed,
            Errno::EOPNOTSUPP => Reason::Unsupported,
            Errno::ENODEV => Reason::NoDevice,
            Errno::EPERM | Errno::EACCES => Reason::NotPermitted,
            Errno::ERANGE => Reason::Mtu,
            Errno::EINVAL if says("MTU") => Reason::Mtu,
            _ if says("queue") => Reason::Queues,
            _ if extack.is_none() => Reason::Unexplained,
            _ => Reason::Other,
        }
    }

    /// What to do about it, in one sentence.
    pub fn help(self) -> &'static str {
        match self {
            Reason::Occupied => {
                "another XDP program is attached; it has to be detached or taken over"
            }
            Reason::HeldByLink => {
                "a BPF link holds the interface; only who holds the link, or its pin, can let it go"
            }
            Reason::Changed => {
                "somebody else changed what is attached; look at it again before trying again"
            }
            Reason::OtherMode => {
                "a program is attached in another mode; it has to be detached first, which leaves a gap"
            }
            Reason::UpperDevice => {
                "the bond or bridge above this interface has a program; attach to that, or detach it"
            }
            Reason::Unsupported => {
                "the driver does not support this mode; generic mode works everywhere, and is slower"
            }
            Reason::Mtu => {
                "the MTU is too large for this driver and program: lower it (about 3500 bytes fit one \
                 buffer), or load the program for packets of several buffers (Linux 5.18)"
            }
            Reason::Queues => {
                "the driver wants more queues for XDP: add receive queues, or reduce transmit queues"
            }
            Reason::NoDevice => "the interface is gone",
            Reason::NotPermitted => "it takes CAP_NET_ADMIN and CAP_BPF",
            Reason::Unexplained => {
                "the kernel does not say why; usual reasons are a mode that the device lacks \
                 (offload, most of all), or a program loaded for another device"
            }
            Reason::Other => "the kernel's words tell why",
        }
    }
}

/// Why a change was not made.
#[derive(Debug, thiserror::Error)]
pub enum AttachError {
    /// The kernel refused.
    #[error("cannot {asked}: {errno}{}", extack.as_ref().map(|text| format!(", \"{text}\"")).unwrap_or_default())]
    Refused {
        /// What was asked.
        asked: Asked,
        /// The error number.
        errno: Errno,
        /// The kernel's words, if it had any.
        extack: Option<String>,
    },
    /// The kernel could not be asked.
    #[error("cannot {asked}: {source}")]
    Netlink {
        /// What was asked.
        asked: Asked,
        /// Why not.
        source: NetlinkError,
    },
    /// The kernel agreed, and what was found afterwards is something else.
    #[error("asked to {asked}, the kernel agreed, and yet {}", found_text(*found))]
    Lost {
        /// What was asked.
        asked: Asked,
        /// What was found.
        found: Option<Attached>,
    },
    /// The program to attach cannot be described.
    #[error("cannot {asked}: the program's number is not to be had: {errno}")]
    Program {
        /// What was asked.
        asked: Asked,
        /// What the kernel said.
        errno: Errno,
    },
}

fn found_text(found: Option<Attached>) -> String {
    match found {
        Some(Attached { mode, program_id, .. }) => {
            format!("program {program_id} is attached in {mode} mode")
        }
        None => "nothing is attached".to_owned(),
    }
}

impl AttachError {
    /// The change that was asked for.
    pub fn asked(&self) -> Asked {
        match self {
            AttachError::Refused { asked, .. }
            | AttachError::Netlink { asked, .. }
            | AttachError::Lost { asked, .. }
            | AttachError::Program { asked, .. } => *asked,
        }
    }

    /// The error number, where the kernel gave one.
    pub fn errno(&self) -> Option<Errno> {
        match self {
            AttachError::Refused { errno, .. } | AttachError::Program { errno, .. } => Some(*errno),
            AttachError::Netlink { .. } | AttachError::Lost { .. } => None,
        }
    }

    /// The kernel's own words, where it had any.
    pub fn extack(&self) -> Option<&str> {
        match self {
            AttachError::Refused { extack, .. } => extack.as_deref(),
            _ => None,
        }
    }

    /// Why, as far as can be told.
    pub fn reason(&self) -> Reason {
        match self {
            AttachError::Refused { errno, extack, .. } => Reason::of(*errno, extack.as_deref()),
            AttachError::Lost { .. } => Reason::Changed,
            AttachError::Netlink { .. } | AttachError::Program { .. } => Reason::Other,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_meanings_of_one_number_are_told_apart_by_the_kernels_words() {
        #[rustfmt::skip] // One refusal a line, as the kernel words it.
        let refusals = [
            (Errno::EBUSY, Some("XDP program already attached"), Reason::Occupied),
            (Errno::EBUSY, None, Reason::Occupied),
            (Errno::EBUSY, Some("Can't replace active BPF XDP link"), Reason::HeldByLink),
            (Errno::EEXIST, Some("Active program does not match expected"), Reason::Changed),
            (Errno::EEXIST, Some("Native and generic XDP can't be active at the same time"), Reason::OtherMode),
            (Errno::EEXIST, Some("Cannot attach when an upper device already has a program"), Reason::UpperDevice),
            (Errno::EOPNOTSUPP, Some("Underlying driver does not support XDP in native mode"), Reason::Unsupported),
            (Errno::ERANGE, Some("veth: Peer MTU is too large to set XDP"), Reason::Mtu),
            (Errno::EINVAL, Some("MTU too large to enable XDP"), Reason::Mtu),
            (Errno::ENOSPC, Some("XDP expects number of rx queues not less than peer tx queues"), Reason::Queues),
            (Errno::EINVAL, None, Reason::Unexplained),
            (Errno::EINVAL, Some("words of a driver"), Reason::Other),
            (Errno::ENODEV, None, Reason::NoDevice),
            (Errno::EPERM, None, Reason::NotPermitted),
        ];
        for (errno, extack, reason) in refusals {
            assert_eq!(Reason::of(errno, extack), reason, "{errno} {extack:?}");
        }
    }

    #[test]
    fn a_refusal_says_what_was_asked_and_what_the_kernel_said() {
        let index = IfIndex::new(3).expect("a number");
        let (change, expected) = (Change::Attach, Expected::Empty);
        let asked = Asked { change, index, mode: Mode::Native, expected };
        let extack = Some("XDP program already attached".to_owned());
        let error = AttachError::Refused { asked, errno: Errno::EBUSY, extack };
        assert_eq!(
            error.to_string(),
            "cannot attach to interface 3 in native mode, expecting it empty: EBUSY (device or \
             resource busy), \"XDP program already attached\""
        );
    }
}
