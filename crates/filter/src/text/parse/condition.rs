//! Single conditions on a packet.

use super::Reader;
use super::define::hexadecimal;
use super::meant::{TERMS, meant, no_term, unknown};
use super::values::Sort;
use super::words::{Refusal, Step, Words};
use crate::diag::Diagnostic;
use crate::policy::{End, Protocol, Quantity, Relation, TCP_FLAGS, Tag, TcpFlags, Test};
use crate::value::{AddressRange, Family, PortRange, SetKind, decimal};

impl<'a> Reader<'a> {
    /// The test that is next.
    pub fn test(&mut self, words: &mut Words<'a>) -> Step<Test> {
        let Some((_, word)) = words.next() else {
            return Err(words.expected("a term").into());
        };
        if let Some(test) = self.test_called(word.text, words) {
            return test;
        }
        let wrong = no_term(word.text, word.span);
        let before = *words;
        match meant(word.text, TERMS).and_then(|near| self.test_called(near, words)) {
            // What follows makes sense of the guess; further mistakes may stand behind it.
            Some(Ok(_)) => {
                self.wrong.add(wrong);
                Err(Refusal::Said)
            }
            Some(Err(_)) | None => {
                *words = before;
                Err(wrong.into())
            }
        }
    }

    /// The test that begins with `word`; `None` if none does.
    fn test_called(&mut self, word: &str, words: &mut Words<'a>) -> Option<Step<Test>> {
        if let Some(test) = plain(word) {
            return Some(Ok(test));
        }
        Some(match word {
            "src" => self.addresses(End::Source, words),
            "dst" => self.addresses(End::Destination, words),
            "host" => self.addresses(End::Either, words),
            "sport" => self.ports(End::Source, words),
            "dport" => self.ports(End::Destination, words),
            "port" => self.ports(End::Either, words),
            "service" => self.service(words),
            "proto" => self.protocol(words),
            "ethertype" => self.ethertype(words),
            "type" => self.icmp_type(words),
            "flags" => flags(words),
            "ttl" => self.quantity(Quantity::Ttl, words),
            "length" => self.quantity(Quantity::Length, words),
            "dscp" => self.quantity(Quantity::Dscp, words),
            "vlan" => self.vlan(Tag::Outer, words),
            "inner-vlan" => self.vlan(Tag::Inner, words),
            "ether" => self.mac(words),
            "queue" => self.queue(words),
            _ => return None,
        })
    }

    fn addresses(&mut self, end: End, words: &mut Words<'a>) -> Step<Test> {
        let sort = Sort::Address(end);
        if words.take("in") {
            return Ok(Test::AddressIn(end, self.set_named(SetKind::Net, sort, words)?));
        }
        let ranges: Vec<AddressRange> = self.all_as(sort, words)?;
        Ok(Test::Address(end, ranges.into_iter().collect()))
    }

    fn ports(&mut self, end: End, words: &mut Words<'a>) -> Step<Test> {
        let sort = Sort::Port(end);
        if words.peek() == Some("in") {
            let wrong = Diagnostic::new(words.place(), "no set holds ports alone");
            let help = "a service set holds protocols with ports: `service in NAME`";
            return Err(wrong.help(help).into());
        }
        let ranges: Vec<PortRange> = self.all_as(sort, words)?;
        Ok(Test::Port(end, ranges.into_iter().collect()))
    }

    fn service(&mut self, words: &mut Words<'a>) -> Step<Test> {
        if words.take("in") {
            return Ok(Test::ServiceIn(self.set_named(SetKind::Service, Sort::Service, words)?));
        }
        let wrong = words.expected("`in` and the name of a service set");
        Err(match words.peek() {
            Some(name) if self.names.is_set(name) => {
                wrong.help(format!("write `service in {name}`"))
            }
            Some(service) => match service.split_once('/') {
                Some((transport @ ("tcp" | "udp" | "sctp"), port)) => {
                    wrong.help(format!("write `{transport} dport {port}`"))
                }
                _ => wrong,
            },
            None => wrong,
        }
        .into())
    }

    fn protocol(&mut self, words: &mut Words<'a>) -> Step<Test> {
        if let Some(named @ ("tcp" | "udp" | "sctp" | "icmp" | "icmp6")) = words.peek() {
            let wrong = words.expected("a number");
            return Err(wrong.help(format!("write `{named}` alone")).into());
        }
        let number = self.number("proto", 0..=255, words)?;
        Ok(Test::Protocol(Protocol(number as u8)))
    }

    fn ethertype(&mut self, words: &mut Words<'a>) -> Step<Test> {
        let value = self.one(Sort::Number("ethertype"), words)?;
        let number = decimal(value.text).or_else(|| hexadecimal(value.text));
        let wrong = match number.and_then(|n| u16::try_from(n).ok()) {
            Some(0x8100 | 0x88a8) => {
                let wrong = format!("`{}` is the EtherType of a VLAN tag", value.text);
                Diagnostic::new(value.span, wrong).help("tags are stepped over; write `vlan N`")
            }
            Some(number @ 0x600..) => return Ok(Test::EtherType(number)),
            Some(_) | None => {
                let wrong = format!("`{}` is not an EtherType from 0x600 to 0xffff", value.text);
                Diagnostic::new(value.span, wrong)
            }
        };
        self.wrong.add(wrong);
        Err(Refusal::Said)
    }

    fn icmp_type(&mut self, words: &mut Words<'a>) -> Step<Test> {
        let kind = self.number("type", 0..=255, words);
        if let Err(Refusal::Mistake(wrong)) = kind {
            return Err(wrong.into());
        }
        let code = match words.take("code") {
            true => Some(self.number("code", 0..=255, words)? as u8),
            false => None,
        };
        Ok(Test::IcmpType { kind: kind? as u8, code })
    }

    fn quantity(&mut self, quantity: Quantity, words: &mut Words<'a>) -> Step<Test> {
        let start = words.end() - quantity.word().len();
        let all = [Relation::Below, Relation::Above, Relation::Is];
        let relation = all.into_iter().find(|r| words.take(r.mark().encode_utf8(&mut [0; 4])));
        let relation = relation.ok_or_else(|| no_relation(quantity, words))?;
        if words.peek() == Some("=") {
            return Err(doubled(quantity, relation, words).into());
        }
        let most = quantity.most();
        let number = self.number(quantity.word(), 0..=most, words)?;
        if relation.holds(0, number) || relation.holds(most, number) || relation == Relation::Is {
            return Ok(Test::Number(quantity, relation, number));
        }
        let span = start..words.end();
        let wrong = format!("no packet has a `{}` {} {number}", quantity.word(), relation.mark());
        self.wrong.add(Diagnostic::new(span, wrong));
        Err(Refusal::Said)
    }

    fn vlan(&mut self, tag: Tag, words: &mut Words<'a>) -> Step<Test> {
        if words.take("any") {
            return Ok(Test::Tagged(tag));
        }
        let number = self.number(tag.word(), 0..=4094, words)?;
        Ok(Test::Vlan(tag, number as u16))
    }

    fn queue(&mut self, words: &mut Words<'a>) -> Step<Test> {
        let number = self.number("queue", 0..=u32::from(u16::MAX), words)?;
        Ok(Test::Queue(number as u16))
    }

    fn mac(&mut self, words: &mut Words<'a>) -> Step<Test> {
        let word = words.word("`src` or `dst`")?;
        let end = match word.text {
            "src" => End::Source,
            "dst" => End::Destination,
            "host" => {
                let wrong = Diagnostic::new(word.span, "there is no `ether host`");
                return Err(wrong.help("write `( ether src MAC or ether dst MAC )`").into());
            }
            other => return Err(unknown(other, word.span, &["src", "dst"]).into()),
        };
        let sort = Sort::Mac(end);
        if words.take("in") {
            return Ok(Test::MacIn(end, self.set_named(SetKind::Mac, sort, words)?));
        }
        if words.take("unicast") {
            return Ok(Test::Unicast(end));
        }
        Ok(Test::Mac(end, self.one_as(sort, words)?))
    }
}

/// Tests of one word.
fn plain(word: &str) -> Option<Test> {
    Some(match word {
        "ip4" => Test::Family(Family::V4),
        "ip6" => Test::Family(Family::V6),
        "arp" => Test::Arp,
        "nd" => Test::Nd,
        "dhcp" => Test::Dhcp,
        "icmp" => Test::Icmp,
        "icmp6" => Test::Icmp6,
        "tcp" => Test::Protocol(Protocol::TCP),
        "udp" => Test::Protocol(Protocol::UDP),
        "sctp" => Test::Protocol(Protocol::SCTP),
        "fragment" => Test::Fragment,
        "options" => Test::Options,
        _ => return None,
    })
}

/// `syn,!ack`: those that must be set, and those that must not.
fn flags(words: &mut Words<'_>) -> Step<Test> {
    let start = words.place().start;
    let (mut set, mut clear) = (0, 0);
    loop {
        let wanted = if words.take("!") { &mut clear } else { &mut set };
        let word = words.word("a flag")?;
        let bit = TCP_FLAGS.iter().find(|(name, _)| *name == word.text).map(|(_, bit)| *bit);
        *wanted |= bit.ok_or_else(|| unknown(word.text, word.span, &TCP_FLAGS.map(|f| f.0)))?;
        if !words.take(",") {
            break;
        }
    }
    let flags = TcpFlags::new(set, clear).ok_or_else(|| {
        let wrong = "a flag cannot be both set and not set";
        Diagnostic::new(start..words.end(), wrong)
    })?;
    Ok(Test::Flags(flags))
}

fn no_relation(quantity: Quantity, words: &Words<'_>) -> Diagnostic {
    let (word, wrong) = (quantity.word(), words.expected("`<`, `>` or `=`"));
    match words.peek() {
        Some("!") => wrong.help(format!("write `not {word} = N`")),
        Some(number) if decimal(number).is_some() => {
            wrong.help(format!("write `{word} = {number}`"))
        }
        _ => wrong,
    }
}

/// `<=`, `>=`, `==`.
fn doubled(quantity: Quantity, relation: Relation, words: &mut Words<'_>) -> Diagnostic {
    let end = words.place().end;
    let mark = relation.mark();
    words.take("=");
    let (word, number) = (quantity.word(), words.peek().and_then(decimal));
    let wrong = Diagnostic::new(end - 2..end, format!("there is no `{mark}=`"));
    let near = match (relation, number) {
        (Relation::Is, _) => return wrong.help("write `=`"),
        (Relation::Below, Some(n)) => n.checked_add(1),
        (Relation::Above, Some(n)) => n.checked_sub(1),
        (Relation::Below | Relation::Above, None) => None,
    };
    match near {
        Some(near) => wrong.help(format!("write `{word} {mark} {near}`")),
        None => wrong.help(format!("write `{mark}` and the next number")),
    }
}
