//! Attaching a program to an interface, and taking it off.
//!
//! A change says what it expects to find, and the kernel compares and changes in one step: a
//! program that somebody else put there meanwhile is never replaced by mistake. The mode is always
//! given, since a request without one falls back to the slow mode without a word. What was attached
//! is read back. Nothing is ever detached by dropping a value, but for a [`Hold`], which is there for
//! that.
//!
//! Interfaces are those of the network namespace that the calling thread is in.

mod error;
mod hold;

use std::fmt;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};

use netlink_packet_route::RouteNetlinkMessage;
use netlink_packet_route::link::{LinkAttribute, LinkMessage, LinkXdp};

pub use error::{Asked, AttachError, Change, Expected, Reason};
pub use hold::{Hold, hold};

use crate::Errno;
use crate::link::{self, IfIndex, LinkError};
use crate::netlink::{NetlinkError, Rtnl};
use crate::program::Program;

/// Flags of `IFLA_XDP_FLAGS`, from `linux/if_link.h`.
const XDP_FLAGS_UPDATE_IF_NOEXIST: u32 = 1 << 0;
const XDP_FLAGS_SKB_MODE: u32 = 1 << 1;
const XDP_FLAGS_DRV_MODE: u32 = 1 << 2;
const XDP_FLAGS_HW_MODE: u32 = 1 << 3;
const XDP_FLAGS_REPLACE: u32 = 1 << 4;
/// The descriptor that stands for "no program".
const NOTHING: i32 = -1;

/// Where on its way a packet meets the program.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Mode {
    /// In the driver, before the kernel makes a packet buffer.
    Native,
    /// In the stack, after it did; works everywhere, and slower.
    Generic,
    /// In the card.
    Offload,
}

impl Mode {
    fn flag(self) -> u32 {
        match self {
            Mode::Native => XDP_FLAGS_DRV_MODE,
            Mode::Generic => XDP_FLAGS_SKB_MODE,
            Mode::Offload => XDP_FLAGS_HW_MODE,
        }
    }
}

impl fmt::Display for Mode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Mode::Native => "native",
            Mode::Generic => "generic",
            Mode::Offload => "offload",
        })
    }
}

/// What a change expects to find.
#[derive(Clone, Copy, Debug)]
pub enum Expect<'a> {
    /// Nothing.
    Empty,
    /// This program.
    Program(BorrowedFd<'a>),
    /// Whatever is there; it is lost.
    Anything,
}

impl<'a> Expect<'a> {
    /// Expects that program.
    pub fn program(program: &'a Program) -> Self {
        Expect::Program(program.as_fd())
    }
}

/// What is attached to an interface.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Attached {
    /// How.
    pub mode: Mode,
    /// The program's number.
    pub program_id: u32,
    /// The number of a second program, which runs in the card before this one.
    pub offloaded: Option<u32>,
}

impl Attached {
    /// The mode that the program of that number is in, if it is one of these.
    pub fn mode_of(&self, program_id: u32) -> Option<Mode> {
        let modes = [self.mode, Mode::Offload];
        modes.into_iter().find(|mode| self.in_mode(*mode) == Some(program_id))
    }

    /// The number of the program in that mode, if there is one.
    pub fn in_mode(&self, mode: Mode) -> Option<u32> {
        match mode {
            _ if mode == self.mode => Some(self.program_id),
            Mode::Offload => self.offloaded,
            Mode::Native | Mode::Generic => None,
        }
    }
}

/// Puts a program on an interface, if what is there is what is expected.
pub fn attach(
    on: IfIndex,
    program: &Program,
    mode: Mode,
    expect: Expect<'_>,
) -> Result<(), AttachError> {
    let asked = asked(Change::Attach, on, mode, expect);
    let id = program.info().map_err(|errno| AttachError::Program { asked, errno })?.id;
    change(asked, Some(program.as_fd()), expect)?;
    let found = read_back(asked)?;
    match found.and_then(|attached| attached.in_mode(mode)) {
        Some(there) if there == id => Ok(()),
        _ => Err(AttachError::Lost { asked, found }),
    }
}

/// Takes the program of that mode off an interface, if it is the expected one. With
/// [`Expect::Anything`], an interface without a program is no error.
pub fn detach(on: IfIndex, mode: Mode, expect: Expect<'_>) -> Result<(), AttachError> {
    let asked = asked(Change::Detach, on, mode, expect);
    change(asked, None, expect)?;
    let found = read_back(asked)?;
    match found.and_then(|attached| attached.in_mode(mode)) {
        Some(_) => Err(AttachError::Lost { asked, found }),
        None => Ok(()),
    }
}

/// What is attached to an interface.
pub fn query(on: IfIndex) -> Result<Option<Attached>, LinkError> {
    Ok(link::by_index(on)?.xdp)
}

fn asked(change: Change, index: IfIndex, mode: Mode, expect: Expect<'_>) -> Asked {
    let expected = match expect {
        Expect::Empty => Expected::Empty,
        Expect::Program(_) => Expected::Program,
        Expect::Anything => Expected::Anything,
    };
    Asked { change, index, mode, expected }
}

/// The attributes of a change. The expectation is spelt in the only ways that the kernel heeds: an
/// expected descriptor counts with `REPLACE` alone, and `UPDATE_IF_NOEXIST` contradicts both.
fn attributes(asked: Asked, program: Option<BorrowedFd<'_>>, expect: Expect<'_>) -> Vec<LinkXdp> {
    let fd = program.map_or(NOTHING, |fd| fd.as_raw_fd());
    let (flag, expected) = match (expect, asked.change) {
        (Expect::Anything, _) => (0, None),
        (Expect::Empty, Change::Attach) => (XDP_FLAGS_UPDATE_IF_NOEXIST, None),
        (Expect::Empty, Change::Detach) => (XDP_FLAGS_REPLACE, Some(NOTHING)),
        (Expect::Program(old), _) => (XDP_FLAGS_REPLACE, Some(old.as_raw_fd())),
    };
    let mut xdp = vec![LinkXdp::Fd(fd), LinkXdp::Flags(asked.mode.flag() | flag)];
    xdp.extend(expected.map(|fd| LinkXdp::ExpectedFd(fd.cast_unsigned())));
    xdp
}

fn change(
    asked: Asked,
    program: Option<BorrowedFd<'_>>,
    expect: Expect<'_>,
) -> Result<(), AttachError> {
    let mut message = LinkMessage::default();
    message.header.index = asked.index.number();
    message.attributes.push(LinkAttribute::Xdp(attributes(asked, program, expect)));
    let answer = Rtnl::open().and_then(|mut rtnl| rtnl.ask(RouteNetlinkMessage::SetLink(message)));
    answer.map(drop).map_err(|error| match error {
        NetlinkError::Refused { errno, extack } => AttachError::Refused { asked, errno, extack },
        source => AttachError::Netlink { asked, source },
    })
}

fn read_back(asked: Asked) -> Result<Option<Attached>, AttachError> {
    query(asked.index).map_err(|error| match error {
        LinkError::Netlink(source) => AttachError::Netlink { asked, source },
        LinkError::NoSuchIndex { .. } | LinkError::NoSuchName { .. } => {
            AttachError::Refused { asked, errno: Errno::ENODEV, extack: None }
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spelt(change: Change, expect: Expect<'_>) -> (u32, Option<u32>) {
        let index = IfIndex::new(1).expect("a number");
        let asked = asked(change, index, Mode::Native, expect);
        let attributes = attributes(asked, None, expect);
        let flags = attributes.iter().find_map(|attribute| match attribute {
            LinkXdp::Flags(flags) => Some(*flags),
            _ => None,
        });
        let expected = attributes.iter().find_map(|attribute| match attribute {
            LinkXdp::ExpectedFd(fd) => Some(*fd),
            _ => None,
        });
        (flags.expect("flags"), expected)
    }

    #[test]
    fn the_mode_is_always_given_and_no_pair_of_flags_contradicts_itself() {
        let file = std::fs::File::open("/dev/null").expect("a descriptor");
        let fd = file.as_raw_fd().cast_unsigned();
        let (none, mode) = (u32::MAX, XDP_FLAGS_DRV_MODE);
        let program = Expect::Program(file.as_fd());
        for change in [Change::Attach, Change::Detach] {
            assert_eq!(spelt(change, program), (mode | XDP_FLAGS_REPLACE, Some(fd)));
            assert_eq!(spelt(change, Expect::Anything), (mode, None));
        }
        let empty = spelt(Change::Attach, Expect::Empty);
        assert_eq!(empty, (mode | XDP_FLAGS_UPDATE_IF_NOEXIST, None));
        let empty = spelt(Change::Detach, Expect::Empty);
        assert_eq!(empty, (mode | XDP_FLAGS_REPLACE, Some(none)));
    }

    #[test]
    fn a_program_in_the_card_is_seen_beside_the_one_in_the_driver() {
        let both = Attached { mode: Mode::Native, program_id: 1, offloaded: Some(2) };
        assert_eq!(both.in_mode(Mode::Native), Some(1));
        assert_eq!(both.in_mode(Mode::Generic), None);
        assert_eq!(both.in_mode(Mode::Offload), Some(2));
        let card = Attached { mode: Mode::Offload, program_id: 2, offloaded: None };
        assert_eq!(card.in_mode(Mode::Offload), Some(2));
    }
}
