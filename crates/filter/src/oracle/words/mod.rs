//! Frames by words: `udp from 198.51.100.7:4000 to 192.0.2.1:53`.
//!
//! What is not said is as in an `expect`: to the documentation's addresses, from port 49152, the SYN
//! of a new connection, an echo request, protocol 253. What is said is in the frame, all of it: words
//! that say something twice, or something that the frame has no place for, are refused.

mod mistake;

use std::net::{IpAddr, SocketAddr};

use super::compose::{Content, EXPERIMENT, Packet, Sample, TO4, TO6};
use super::frame::{Piece, is_extension};
use crate::policy::{Protocol, TCP_FLAGS};
use crate::value::{Mac, decimal};
pub use mistake::WordsError;

/// What was said of a packet.
#[derive(Default)]
struct Said<'a> {
    heard: Vec<Heard<'a>>,
    protocol: Option<Named>,
    from: Option<Side>,
    to: Option<Side>,
    flags: Option<u16>,
    kind: Option<u8>,
    code: Option<u8>,
    ttl: Option<u8>,
    dscp: Option<u8>,
    length: Option<u32>,
    options: bool,
    piece: Option<Piece>,
    vlan: Option<u16>,
    inner_vlan: Option<u16>,
    /// Those behind the two that have a name.
    tags: Vec<u16>,
    source: Option<Mac>,
    destination: Option<Mac>,
    ethertype: Option<u16>,
    arp: bool,
}

/// A word that was heard.
struct Heard<'a> {
    /// What it speaks of: that is said once.
    subject: &'a str,
    at: usize,
    word: &'a str,
}

/// A protocol, by its name or its number.
#[derive(Clone, Copy)]
enum Named {
    Protocol(Protocol),
    Icmp,
    Icmp6,
}

#[derive(Clone, Copy)]
struct Side {
    addr: IpAddr,
    port: Option<u16>,
}

/// The frame that words describe.
pub fn frame_of_words(words: &[&str]) -> Result<Vec<u8>, WordsError> {
    let mut said = Said::default();
    let mut rest = words.iter().copied();
    while let Some(word) = rest.next() {
        let behind = rest.clone().next();
        said.note(words.len() - rest.len(), word, behind)?;
        said.hear(word, &mut rest)?;
    }
    Ok(said.sample()?.encode())
}

const ADDRESS: &str = "an address, with a port as in 192.0.2.1:53 or [2001:db8::1]:53";
const NUMBER: &str = "a number that fits";

impl<'a> Said<'a> {
    /// Refuses a word whose subject another one has spoken of.
    fn note(&mut self, at: usize, word: &'a str, behind: Option<&str>) -> Result<(), WordsError> {
        let subject = match (word, behind) {
            ("tcp" | "udp" | "sctp" | "icmp" | "icmp6" | "proto", _) => "protocol",
            ("arp" | "ethertype", _) => "ethertype",
            ("ether", Some("dst")) => "ether dst",
            _ => word,
        };
        let before = self.heard.iter().find(|heard| heard.subject == subject);
        let why = before.map(|before| {
            format!("what it says is said already, by word {}, `{}`", before.at, before.word)
        });
        self.heard.push(Heard { subject, at, word });
        match why {
            // Of the tags that have no name there may be many.
            Some(why) if word != "tag" => Err(self.against(word, why)),
            Some(_) | None => Ok(()),
        }
    }

    /// The last word of that spelling is wrong.
    fn against(&self, word: &str, why: impl Into<String>) -> WordsError {
        let heard = self.heard.iter().rev().find(|heard| heard.word == word);
        let at = heard.map_or(0, |heard| heard.at);
        WordsError::Against { at, word: word.to_owned(), why: why.into() }
    }

    fn hear(
        &mut self,
        word: &'a str,
        rest: &mut impl Iterator<Item = &'a str>,
    ) -> Result<(), WordsError> {
        let protocol = |number| Some(Named::Protocol(number));
        match word {
            "tcp" => self.protocol = protocol(Protocol::TCP),
            "udp" => self.protocol = protocol(Protocol::UDP),
            "sctp" => self.protocol = protocol(Protocol::SCTP),
            "icmp" => self.protocol = Some(Named::Icmp),
            "icmp6" => self.protocol = Some(Named::Icmp6),
            "proto" => self.protocol = protocol(Protocol(number(word, rest)?)),
            "arp" => self.arp = true,
            "options" => self.options = true,
            "from" => self.from = Some(next(word, rest, ADDRESS, side)?),
            "to" => self.to = Some(next(word, rest, ADDRESS, side)?),
            "flags" => {
                self.flags = Some(next(word, rest, "flags such as syn,ack, or none", flags)?)
            }
            "type" => self.kind = Some(number(word, rest)?),
            "code" => self.code = Some(number(word, rest)?),
            "ttl" => self.ttl = Some(number(word, rest)?),
            "dscp" => {
                let wanted = "a number from 0 to 63";
                let dscp = |text: &str| small(text).filter(|number| *number < 64);
                self.dscp = Some(next(word, rest, wanted, dscp)?);
            }
            "length" => self.length = Some(next(word, rest, NUMBER, decimal)?),
            "fragment" => self.piece = Some(next(word, rest, "`first` or `later`", piece)?),
            "vlan" | "inner-vlan" | "tag" => {
                let wanted = "a number from 0 to 4095";
                let tag = |text: &str| small(text).filter(|number: &u16| *number < 4096);
                let id = next(word, rest, wanted, tag)?;
                match word {
                    "vlan" => self.vlan = Some(id),
                    "inner-vlan" => self.inner_vlan = Some(id),
                    _ => self.tags.push(id),
                }
            }
            "ethertype" => {
                let wanted = "a number from 0x600 to 0xffff";
                self.ethertype = Some(next(word, rest, wanted, ethertype)?);
            }
            "ether" => {
                let end = next(word, rest, "`src` or `dst`", |text| match text {
                    "src" => Some(&mut self.source),
                    "dst" => Some(&mut self.destination),
                    _ => None,
                })?;
                *end = Some(next(word, rest, "an Ethernet address", |text| text.parse().ok())?);
            }
            _ => return Err(WordsError::Word { word: word.to_owned() }),
        }
        Ok(())
    }

    fn sample(self) -> Result<Sample, WordsError> {
        let content = match (self.arp, self.ethertype) {
            (true, _) => self.not_ip("an IP packet").map(|()| Content::Arp),
            (false, Some(number)) => self.not_ip("an IP packet").map(|()| Content::Other(number)),
            (false, None) => self.packet().map(Content::Ip),
        }?;
        let tags = self.all_tags()?;
        let usual = Sample::new(content);
        Ok(Sample {
            source: self.source.unwrap_or(usual.source),
            destination: self.destination.unwrap_or(usual.destination),
            tags,
            ..usual
        })
    }

    /// The tags, the outermost first, each by its name.
    fn all_tags(&self) -> Result<Vec<u16>, WordsError> {
        if self.inner_vlan.is_some() && self.vlan.is_none() {
            return Err(self.against("inner-vlan", "it is the tag behind `vlan`, which is missing"));
        }
        if !self.tags.is_empty() && self.inner_vlan.is_none() {
            let why = "it is a tag behind `vlan` and `inner-vlan`, which are missing";
            return Err(self.against("tag", why));
        }
        let named = [self.vlan, self.inner_vlan].into_iter().flatten();
        Ok(named.chain(self.tags.iter().copied()).collect())
    }

    /// Refuses what only packets of IP have.
    fn not_ip(&self, of: &'static str) -> Result<(), WordsError> {
        let said = [
            ("a protocol", self.protocol.is_some()),
            ("addresses", self.from.is_some() || self.to.is_some()),
            ("flags", self.flags.is_some()),
            ("a type", self.kind.is_some() || self.code.is_some()),
            (
                "a number of the IP header",
                self.ttl.is_some() || self.dscp.is_some() || self.length.is_some(),
            ),
            ("options", self.options),
            ("fragments", self.piece.is_some()),
        ];
        none_of(said, of)
    }

    fn packet(&self) -> Result<Packet, WordsError> {
        let from = self.from.ok_or(WordsError::NoSource)?;
        let usual = if from.addr.is_ipv4() { TO4.into() } else { TO6.into() };
        let to = self.to.unwrap_or(Side { addr: usual, port: None });
        if from.addr.is_ipv4() != to.addr.is_ipv4() {
            return Err(WordsError::Mixed { from: from.addr, to: to.addr });
        }
        let protocol = match self.protocol {
            Some(Named::Protocol(protocol)) => protocol,
            Some(Named::Icmp) if from.addr.is_ipv4() => Protocol::ICMP,
            Some(Named::Icmp6) if from.addr.is_ipv6() => Protocol::ICMPV6,
            Some(Named::Icmp) => return Err(WordsError::Place { what: "icmp", of: "IPv4" }),
            Some(Named::Icmp6) => return Err(WordsError::Place { what: "icmp6", of: "IPv6" }),
            None => EXPERIMENT,
        };
        let mut packet = Packet::new(from.addr, to.addr, protocol);
        self.check(&packet, [from, to])?;
        for (port, side) in packet.ports.iter_mut().zip([from, to]) {
            *port = side.port.unwrap_or(*port);
        }
        packet.flags = self.flags.unwrap_or(packet.flags);
        let [kind, code] = packet.icmp;
        packet.icmp = [self.kind.unwrap_or(kind), self.code.unwrap_or(code)];
        packet.ttl = self.ttl.unwrap_or(packet.ttl);
        packet.dscp = self.dscp.unwrap_or(packet.dscp);
        packet.options = self.options;
        packet.piece = self.piece.unwrap_or(packet.piece);
        self.check_length(&packet)?;
        packet.length = self.length;
        Ok(packet)
    }

    fn check(&self, packet: &Packet, sides: [Side; 2]) -> Result<(), WordsError> {
        if !packet.protocol.has_ports() {
            let ports = sides.iter().any(|side| side.port.is_some());
            none_of([("ports", ports)], "tcp, udp and sctp")?;
        }
        if packet.protocol != Protocol::TCP {
            none_of([("flags", self.flags.is_some())], "tcp")?;
        }
        if !packet.is_icmp() {
            none_of([("a type", self.kind.is_some() || self.code.is_some())], "icmp and icmp6")?;
        }
        if packet.source.is_ipv6() {
            none_of([("options", self.options)], "IPv4")?;
            let Protocol(number) = packet.protocol;
            if is_extension(number) {
                let why = format!("{number} is no protocol over IPv6 but an extension header");
                return Err(self.against("proto", why));
            }
        }
        self.check_piece(sides)
    }

    /// Refuses what stands in the transport header, which a later fragment is without.
    fn check_piece(&self, sides: [Side; 2]) -> Result<(), WordsError> {
        let [from, to] = sides.map(|side| side.port.is_some());
        let said = [
            ("from", "port", from),
            ("to", "port", to),
            ("flags", "flags", self.flags.is_some()),
            ("type", "type", self.kind.is_some()),
            ("code", "code", self.code.is_some()),
        ];
        match said.into_iter().find(|(_, _, is_said)| *is_said) {
            Some((word, what, _)) if self.piece == Some(Piece::Later) => {
                Err(self.against(word, format!("a later fragment has no {what}")))
            }
            Some(_) | None => Ok(()),
        }
    }

    /// Refuses a length that the headers do not leave or cannot tell.
    fn check_length(&self, packet: &Packet) -> Result<(), WordsError> {
        let Some(length) = self.length else { return Ok(()) };
        let (version, most) =
            if packet.source.is_ipv4() { ("IPv4", 65_535) } else { ("IPv6", 65_575) };
        if length > most {
            let why = format!("an {version} packet has at most {most} bytes");
            return Err(self.against("length", why));
        }
        let least = packet.least_length();
        if usize::try_from(length).is_ok_and(|length| length < least) {
            let why = format!("the headers of this packet alone have {least} bytes");
            return Err(self.against("length", why));
        }
        Ok(())
    }
}

fn none_of<const N: usize>(
    said: [(&'static str, bool); N],
    of: &'static str,
) -> Result<(), WordsError> {
    match said.into_iter().find(|(_, is_said)| *is_said) {
        Some((what, _)) => Err(WordsError::Place { what, of }),
        None => Ok(()),
    }
}

/// What stands behind a word.
fn next<'a, T>(
    word: &str,
    rest: &mut impl Iterator<Item = &'a str>,
    wanted: &'static str,
    parse: impl FnOnce(&'a str) -> Option<T>,
) -> Result<T, WordsError> {
    let word = word.to_owned();
    let Some(found) = rest.next() else { return Err(WordsError::Missing { word, wanted }) };
    let value = parse(found);
    value.ok_or_else(|| WordsError::Value { word, found: found.to_owned(), wanted })
}

fn number<'a, T: TryFrom<u32>>(
    word: &str,
    rest: &mut impl Iterator<Item = &'a str>,
) -> Result<T, WordsError> {
    next(word, rest, NUMBER, small)
}

fn small<T: TryFrom<u32>>(text: &str) -> Option<T> {
    decimal(text).and_then(|number| T::try_from(number).ok())
}

fn side(text: &str) -> Option<Side> {
    if let Ok(addr) = text.parse() {
        return Some(Side { addr, port: None });
    }
    let side: SocketAddr = text.parse().ok()?;
    Some(Side { addr: side.ip(), port: Some(side.port()) })
}

fn flags(text: &str) -> Option<u16> {
    if text == "none" {
        return Some(0);
    }
    text.split(',').try_fold(0, |all, name| {
        let (_, bit) = TCP_FLAGS.iter().find(|(known, _)| *known == name)?;
        Some(all | bit)
    })
}

fn piece(text: &str) -> Option<Piece> {
    match text {
        "first" => Some(Piece::First),
        "later" => Some(Piece::Later),
        _ => None,
    }
}

fn ethertype(text: &str) -> Option<u16> {
    let number = match text.strip_prefix("0x") {
        Some(digits) if digits.bytes().all(|b| b.is_ascii_hexdigit()) => {
            u16::from_str_radix(digits, 16).ok()
        }
        Some(_) => None,
        None => small(text),
    };
    number.filter(|number| *number >= 0x600)
}
