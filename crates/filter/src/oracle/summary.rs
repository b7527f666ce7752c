//! A frame in a few words, those in which one can be asked for: `udp from 198.51.100.7:4000 to
//! 192.0.2.1:53`.

use std::fmt::{self, Display, Formatter};
use std::net::{IpAddr, SocketAddr};

use super::Reading;
use super::frame::{Facts, Ip, Kind, Piece};
use crate::policy::{Protocol, TCP_FLAGS};

impl Display for Reading {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match (&self.facts.ip, self.flaw) {
            (_, None) => frame(&self.facts, f),
            (Some(_), Some(flaw)) => {
                frame(&self.facts, f)?;
                write!(f, ", malformed: {}", flaw.name())
            }
            (None, Some(flaw)) => {
                tags(&self.facts, f)?;
                match self.facts.kind() {
                    Kind::Ip4 => f.write_str("ip4, ")?,
                    Kind::Ip6 => f.write_str("ip6, ")?,
                    Kind::Arp | Kind::Other => {}
                }
                write!(f, "malformed: {}", flaw.name())
            }
        }
    }
}

fn frame(facts: &Facts, f: &mut Formatter<'_>) -> fmt::Result {
    tags(facts, f)?;
    match (&facts.ip, facts.kind(), facts.ethertype) {
        (Some(packet), _, _) => ip(packet, f),
        (None, Kind::Arp, _) => f.write_str("arp"),
        (None, _, Some(ethertype)) => write!(f, "ethertype {ethertype:#06x}"),
        (None, _, None) => f.write_str("no frame"),
    }
}

fn tags(facts: &Facts, f: &mut Formatter<'_>) -> fmt::Result {
    let mut words = ["vlan", "inner-vlan"].into_iter();
    facts.tags.iter().try_for_each(|tag| match words.next() {
        Some(word) => write!(f, "{word} {tag} "),
        None => write!(f, "tag {tag} "),
    })
}

fn ip(ip: &Ip, f: &mut Formatter<'_>) -> fmt::Result {
    match ip.protocol {
        Some(protocol) => write!(f, "{}", Named(protocol, ip.source))?,
        None => f.write_str(if ip.source.is_ipv4() { "ip4" } else { "ip6" })?,
    }
    if let Some([kind, code]) = ip.icmp {
        write!(f, " type {kind} code {code}")?;
    }
    if let Some(flags) = ip.flags {
        write!(f, " flags {}", Flags(flags))?;
    }
    let [from, to] = match ip.ports {
        Some([from, to]) => [Side(ip.source, Some(from)), Side(ip.destination, Some(to))],
        None => [Side(ip.source, None), Side(ip.destination, None)],
    };
    write!(f, " from {from} to {to}")?;
    match ip.piece {
        Piece::Whole | Piece::Atomic => Ok(()),
        Piece::First => f.write_str(" fragment first"),
        Piece::Later => f.write_str(" fragment later"),
    }
}

/// A protocol beside the version of IP that it is over.
pub(super) struct Named(pub Protocol, pub IpAddr);

impl Display for Named {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self.0 {
            Protocol::TCP => f.write_str("tcp"),
            Protocol::UDP => f.write_str("udp"),
            Protocol::SCTP => f.write_str("sctp"),
            Protocol::ICMP if self.1.is_ipv4() => f.write_str("icmp"),
            Protocol::ICMPV6 if self.1.is_ipv6() => f.write_str("icmp6"),
            Protocol(number) => write!(f, "proto {number}"),
        }
    }
}

/// The flags that are set, or `none`.
pub(super) struct Flags(pub u16);

impl Display for Flags {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let mut set = TCP_FLAGS.iter().filter(|(_, bit)| self.0 & bit != 0).map(|(name, _)| name);
        f.write_str(set.next().unwrap_or(&"none"))?;
        set.try_for_each(|name| write!(f, ",{name}"))
    }
}

/// An address, with a port where there is one.
struct Side(IpAddr, Option<u16>);

impl Display for Side {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self.1 {
            Some(port) => SocketAddr::new(self.0, port).fmt(f),
            None => self.0.fmt(f),
        }
    }
}
