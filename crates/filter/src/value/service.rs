//! Ports, ranges of them, and services: ports of a protocol.

use std::fmt;
use std::str::FromStr;

use super::{ValueError, decimal};

/// Ports from `first` to `last`, both included.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct PortRange {
    first: u16,
    last: u16,
}

impl PortRange {
    /// The range; `None` if it would be empty.
    pub fn new(first: u16, last: u16) -> Option<Self> {
        (first <= last).then_some(Self { first, last })
    }

    /// One port.
    pub const fn one(port: u16) -> Self {
        Self { first: port, last: port }
    }

    /// The lowest port.
    pub const fn first(self) -> u16 {
        self.first
    }

    /// The highest port.
    pub const fn last(self) -> u16 {
        self.last
    }

    /// How many ports.
    pub fn count(self) -> u32 {
        u32::from(self.last) - u32::from(self.first) + 1
    }

    /// Whether `port` is one of them.
    pub fn contains(self, port: u16) -> bool {
        (self.first..=self.last).contains(&port)
    }
}

impl fmt::Display for PortRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.first == self.last {
            self.first.fmt(f)
        } else {
            write!(f, "{}-{}", self.first, self.last)
        }
    }
}

impl FromStr for PortRange {
    type Err = ValueError;

    fn from_str(text: &str) -> Result<Self, ValueError> {
        let port = |text: &str| {
            decimal(text)
                .and_then(|n| u16::try_from(n).ok())
                .ok_or_else(|| ValueError::Port { text: text.to_owned() })
        };
        let Some((first, last)) = text.split_once('-') else { return Ok(Self::one(port(text)?)) };
        if first.is_empty() || last.is_empty() {
            return Err(ValueError::Port { text: text.to_owned() });
        }
        Self::new(port(first)?, port(last)?)
            .ok_or_else(|| ValueError::Reversed { text: text.to_owned() })
    }
}

/// A transport protocol that has ports, or any of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Transport {
    /// TCP.
    Tcp,
    /// UDP.
    Udp,
    /// SCTP.
    Sctp,
    /// Each of the three.
    Any,
}

impl Transport {
    /// The three protocols, without `Any`.
    pub const EACH: [Self; 3] = [Self::Tcp, Self::Udp, Self::Sctp];

    /// The word in the language.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Tcp => "tcp",
            Self::Udp => "udp",
            Self::Sctp => "sctp",
            Self::Any => "any",
        }
    }

    /// Whether `one` (not `Any`) is meant.
    pub fn covers(self, one: Self) -> bool {
        self == Self::Any || self == one
    }
}

/// A protocol and destination ports: an entry of a `service` set.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Service {
    /// The protocol.
    pub transport: Transport,
    /// The destination ports.
    pub ports: PortRange,
}

impl fmt::Display for Service {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.transport.word(), self.ports)
    }
}

impl FromStr for Service {
    type Err = ValueError;

    fn from_str(text: &str) -> Result<Self, ValueError> {
        let (word, ports) =
            text.split_once('/').ok_or_else(|| ValueError::Item { text: text.to_owned() })?;
        let transport = [Transport::Tcp, Transport::Udp, Transport::Sctp, Transport::Any]
            .into_iter()
            .find(|t| t.word() == word)
            .ok_or_else(|| ValueError::Transport { text: word.to_owned() })?;
        Ok(Self { transport, ports: ports.parse()? })
    }
}
