//! `balance`: the backends among which packets are shared out, and by what.
//!
//! A `Balance` that exists is sound: it has a backend, not too many, all of one family, none of them
//! twice, and each is an address that a host can have.

use std::fmt::{self, Display, Formatter};
use std::net::IpAddr;

use super::Lane;
use super::change::{is_of_a_host, is_of_a_station};
use crate::value::{Family, Mac};

/// One of those that packets are sent to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Backend {
    /// Its address.
    pub addr: IpAddr,
    /// The Ethernet address of it, or of the router before it; `None`: that of whoever sent the
    /// frame.
    pub mac: Option<Mac>,
}

/// By what a packet gets its backend.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Choice {
    /// One after the other.
    Turns,
    /// By its source address.
    Source,
    /// By addresses, protocol and ports.
    Flow,
}

/// Packets are shared out among backends.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Balance {
    backends: Vec<Backend>,
    choice: Choice,
}

/// Why backends cannot stand side by side.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unfit {
    /// It is an address that no packet is sent to.
    #[error("no packet is sent to this address: it is no host's")]
    NoHost,
    /// It is an Ethernet address of a group, or none at all.
    #[error("this is not the Ethernet address of a station")]
    NoStation,
    /// It is of the other family than the first.
    #[error("the backends are of one family, and those before this are of the other")]
    Family,
    /// It stands there already.
    #[error("this backend stands there already")]
    Twice,
    /// There are too many.
    #[error("{0} backends are the most")]
    TooMany(usize),
}

impl Choice {
    /// How it is written behind the backends; nothing for what is meant unsaid.
    const fn words(self) -> &'static str {
        match self {
            Self::Turns => " round-robin",
            Self::Source => " hash src",
            Self::Flow => "",
        }
    }
}

impl Balance {
    /// The most backends.
    pub const MOST: usize = 64;

    /// Packets go to this one.
    pub fn to(first: Backend, choice: Choice) -> Result<Self, Unfit> {
        let mut balance = Self { backends: Vec::new(), choice };
        balance.add(first)?;
        Ok(balance)
    }

    /// Packets go to this one as well.
    pub fn add(&mut self, backend: Backend) -> Result<(), Unfit> {
        let Backend { addr, mac } = backend;
        if !is_of_a_host(addr) {
            return Err(Unfit::NoHost);
        }
        if mac.is_some_and(|mac| !is_of_a_station(mac)) {
            return Err(Unfit::NoStation);
        }
        if self.backends.iter().any(|other| Family::of(other.addr) != Family::of(addr)) {
            return Err(Unfit::Family);
        }
        if self.backends.contains(&backend) {
            return Err(Unfit::Twice);
        }
        if self.backends.len() == Self::MOST {
            return Err(Unfit::TooMany(Self::MOST));
        }
        self.backends.push(backend);
        Ok(())
    }

    /// The same backends, chosen otherwise.
    #[must_use]
    pub fn by(self, choice: Choice) -> Self {
        Self { choice, ..self }
    }

    /// The backends, at least one.
    pub fn backends(&self) -> &[Backend] {
        &self.backends
    }

    /// By what a packet gets its backend.
    pub const fn choice(&self) -> Choice {
        self.choice
    }

    /// Whether all packets of some lanes that are balanced are pieces of packets.
    pub fn only_pieces(lanes: &[Lane]) -> bool {
        lanes.iter().all(|lane| match lane {
            Lane::Tcp | Lane::Udp | Lane::Icmp => false,
            Lane::Sctp | Lane::Other | Lane::LaterFragment => true,
        })
    }

    /// The family of all its addresses.
    pub fn family(&self) -> Family {
        self.backends.first().map_or(Family::V4, |first| Family::of(first.addr))
    }
}

/// What stands behind the word.
impl Display for Balance {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        for (at, Backend { addr, mac }) in self.backends.iter().enumerate() {
            f.write_str(if at == 0 { " " } else { ", " })?;
            write!(f, "{addr}")?;
            mac.iter().try_for_each(|mac| write!(f, " mac {mac}"))?;
        }
        f.write_str(self.choice.words())
    }
}
