//! Tests that a policy brings along: `expect drop from 192.0.2.7 to 192.0.2.1 tcp dport 22`.

use std::net::IpAddr;

use super::meant::unknown;
use super::values::Sort;
use super::words::{Refusal, Step, Word, Words};
use super::{Reader, verdict};
use crate::diag::Diagnostic;
use crate::policy::{Expect, Protocol};
use crate::value::{Family, Prefix};

/// What may follow the verdict.
const PARTS: &[&str] =
    &["from", "to", "tcp", "udp", "sctp", "icmp", "icmp6", "proto", "sport", "dport"];

/// The packet as far as it has been read; each part at most once.
#[derive(Default)]
struct Packet {
    from: Option<IpAddr>,
    to: Option<IpAddr>,
    protocol: Option<Protocol>,
    sport: Option<u16>,
    dport: Option<u16>,
}

impl<'a> Reader<'a> {
    /// A test; `all` is the whole statement, of which `expect` has been read.
    pub fn expect(&mut self, line: u32, all: Words<'a>, words: &mut Words<'a>) -> Step<Expect> {
        let verdict = verdict(words)?;
        if words.peek() != Some("from") {
            return Err(words.expected("`from` and an address").into());
        }
        let mut packet = Packet::default();
        let mut seen: Vec<&str> = Vec::new();
        let mut fine = true;
        while !words.is_empty() {
            let word = words.word("`to`, a protocol, `sport` or `dport`")?;
            let part = if protocol(word.text).is_some() { "proto" } else { word.text };
            if seen.contains(&part) {
                let wrong = match part {
                    "proto" => "a packet has one protocol".to_owned(),
                    part => format!("`{part}` is said twice"),
                };
                self.wrong.add(Diagnostic::new(word.span.clone(), wrong));
                fine = false;
            }
            seen.push(part);
            match self.part(&mut packet, &word, words) {
                Ok(()) => {}
                Err(Refusal::Said) => fine = false,
                Err(mistake) => return Err(mistake),
            }
        }
        let Packet { from: Some(from), to, protocol, sport, dport } = packet else {
            return Err(Refusal::Said);
        };
        if !fine {
            return Err(Refusal::Said);
        }
        Ok(Expect { verdict, from, to, protocol, sport, dport, line, text: all.as_written() })
    }

    fn part(&mut self, packet: &mut Packet, word: &Word<'a>, words: &mut Words<'a>) -> Step {
        let wrong = |why: String| Diagnostic::new(word.span.clone(), why);
        match word.text {
            "from" => packet.from = Some(self.one_address(words)?),
            "to" => {
                let start = words.place().start;
                let to = self.one_address(words)?;
                if packet.from.is_some_and(|from| from.is_ipv4() != to.is_ipv4()) {
                    let wrong = "a packet goes from and to addresses of one family";
                    self.wrong.add(Diagnostic::new(start..words.end(), wrong));
                    return Err(Refusal::Said);
                }
                packet.to = Some(to);
            }
            "proto" => {
                packet.protocol = Some(Protocol(self.number("proto", 0..=255, words)? as u8))
            }
            "sport" | "dport" => {
                let is_source = word.text == "sport";
                let name = if is_source { "sport" } else { "dport" };
                let port = self.number(name, 0..=65535, words)? as u16;
                if !packet.protocol.is_some_and(Protocol::has_ports) {
                    let wrong = wrong(format!("`{name}` needs a protocol with ports before it"));
                    self.wrong.add(wrong.help(format!("`tcp {name} {port}`, for one")));
                    return Err(Refusal::Said);
                }
                *(if is_source { &mut packet.sport } else { &mut packet.dport }) = Some(port);
            }
            named => {
                let Some((protocol, family)) = protocol(named) else {
                    return Err(unknown(named, word.span.clone(), PARTS).into());
                };
                packet.protocol = Some(protocol);
                let of = packet.from.map(|from| Prefix::host(from).family());
                if let (Some(of), Some(family)) = (of, family)
                    && of != family
                {
                    let other = if family == Family::V4 { "icmp6" } else { "icmp" };
                    let wrong = wrong(format!("`{named}` is not of the family of these addresses"));
                    self.wrong.add(wrong.help(format!("write `{other}`")));
                    return Err(Refusal::Said);
                }
            }
        }
        Ok(())
    }

    fn one_address(&mut self, words: &mut Words<'a>) -> Step<IpAddr> {
        let start = words.place().start;
        let prefix: Prefix = self.one_as(Sort::OneAddress, words)?;
        if prefix.is_host() {
            return Ok(prefix.addr());
        }
        let wrong = "a packet has one address, not a prefix of them";
        self.wrong.add(Diagnostic::new(start..words.end(), wrong));
        Err(Refusal::Said)
    }
}

/// The protocol of a word, and the family where only one has it.
fn protocol(word: &str) -> Option<(Protocol, Option<Family>)> {
    Some(match word {
        "tcp" => (Protocol::TCP, None),
        "udp" => (Protocol::UDP, None),
        "sctp" => (Protocol::SCTP, None),
        "icmp" => (Protocol::ICMP, Some(Family::V4)),
        "icmp6" => (Protocol::ICMPV6, Some(Family::V6)),
        _ => return None,
    })
}
