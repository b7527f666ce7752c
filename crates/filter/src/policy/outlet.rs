//! Where packets are sent that neither go on to the stack nor back.

use std::fmt::{self, Display, Formatter};

use super::{Change, Policy, Rule};
use crate::value::{DeviceName, Mac};

/// Sent out through another interface.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Redirect {
    /// The interface.
    pub device: DeviceName,
    /// The Ethernet address that the frame goes to from there; `None`: the one that it came with.
    pub mac: Option<Mac>,
}

/// Sockets are found by receive queues below this number; a packet of another queue has none.
pub const QUEUES: u16 = 256;

/// A place that packets of a rule are sent to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Outlet<'a> {
    /// An interface.
    Device(&'a DeviceName),
    /// The AF_XDP socket of the packet's receive queue.
    Socket,
}

impl Change {
    /// Where the packet is sent, if it neither goes on nor back.
    pub const fn outlet(&self) -> Option<Outlet<'_>> {
        match self {
            Self::Redirect(redirect) => Some(Outlet::Device(&redirect.device)),
            Self::Deliver(_) => Some(Outlet::Socket),
            Self::Reflect
            | Self::Reply
            | Self::Rewrite(_)
            | Self::Pop
            | Self::Push(_)
            | Self::Balance(_)
            | Self::Route
            | Self::Tunnel(_) => None,
        }
    }
}

impl Rule {
    /// Where its packets are sent, if they neither go on nor back.
    pub fn outlet(&self) -> Option<Outlet<'_>> {
        self.action.change()?.outlet()
    }
}

impl Policy {
    /// The interfaces that packets are sent out through, each once, in the order of the text.
    pub fn outlets(&self) -> Vec<&DeviceName> {
        let mut all = Vec::new();
        for rule in &self.rules {
            match rule.outlet() {
                Some(Outlet::Device(device)) if !all.contains(&device) => all.push(device),
                Some(Outlet::Device(_) | Outlet::Socket) | None => {}
            }
        }
        all
    }

    /// Whether packets are given to AF_XDP sockets.
    pub fn delivers(&self) -> bool {
        self.rules.iter().any(|rule| rule.outlet() == Some(Outlet::Socket))
    }
}

/// In words.
impl Display for Outlet<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Device(device) => write!(f, "interface {device}"),
            Self::Socket => f.write_str("the AF_XDP socket of its receive queue"),
        }
    }
}

/// Behind the word of the statement, each part behind a blank.
impl Display for Redirect {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let name = self.device.as_str();
        if crate::text::is_plain(name) {
            write!(f, " {name}")?
        } else {
            write!(f, " \"{name}\"")?
        }
        match self.mac {
            Some(mac) => write!(f, " mac {mac}"),
            None => Ok(()),
        }
    }
}
