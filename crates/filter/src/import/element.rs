//! One element of a set as `nft -j` prints it.
//!
//! It is `"192.0.2.1"`, `{"prefix":{"addr":…,"len":…}}`, `{"range":[…,…]}`, for a service
//! `{"concat":["tcp",80]}`, or one of them as `val` of an `{"elem":{…}}`, beside counters and a
//! comment. An element that says more is refused.

use std::net::IpAddr;
use std::ops::Range;

use super::gather::{Gather, Holds, Mistakes, Step, nets};
use super::json::{Reader, What, once};
use super::net::{self, Addresses};
use super::{Counters, Stay};
use crate::diag::Diagnostic;
use crate::value::{Item, PortRange, Prefix, Service, Transport};

/// An element.
#[derive(Default)]
pub(super) struct Element {
    found: Option<Found>,
    counted: Option<Counters>,
    stay: Stay,
    /// Whether it has a comment.
    pub(super) comment: bool,
}

/// What an element says, as items.
enum Found {
    Nets(Addresses),
    Service(Service),
}

impl Element {
    /// Adds the items.
    pub(super) fn give(self, gather: &mut Gather) {
        match self.found {
            Some(Found::Nets(all)) => gather.entry(nets(all.as_slice()), self.counted, self.stay),
            Some(Found::Service(service)) => {
                gather.entry([Item::Service(service)], self.counted, self.stay);
            }
            None => {}
        }
    }

    /// The element that is next; without items if they are wrong.
    pub(super) fn read(
        reader: &mut Reader<'_>,
        holds: Holds,
        mistakes: &mut Mistakes,
    ) -> Step<Self> {
        let mut element = Self::default();
        let wrapped = reader.at_object()
            && matches!(reader.clone().first_key(), Ok(Some(key)) if key == "elem");
        if !wrapped {
            element.found = value(reader, holds, mistakes)?;
            return Ok(element);
        }
        let mut seen = None;
        reader.members(|reader, key| {
            if key.name != "elem" {
                mistakes.add(Diagnostic::new(key.span, "unexpected beside `elem`"))?;
                return reader.value().map(drop);
            }
            once(&mut seen, (), &key, mistakes)?;
            element.details(reader, holds, mistakes)
        })?;
        Ok(element)
    }

    /// The object behind `elem`.
    fn details(&mut self, reader: &mut Reader<'_>, holds: Holds, mistakes: &mut Mistakes) -> Step {
        let open = reader.place();
        if !reader.at_object() {
            let found = reader.value()?;
            return mistakes.add(found.instead_of("an object with `val`"));
        }
        let (mut val, mut timeout, mut expires) = (None, None, None);
        reader.members(|reader, key| match &*key.name {
            "val" => {
                let found = value(reader, holds, mistakes)?;
                once(&mut val, found, &key, mistakes)
            }
            "counter" => {
                let counted = counters(reader, mistakes)?;
                once(&mut self.counted, counted, &key, mistakes)
            }
            "comment" => {
                self.comment = true;
                reader.value().map(drop)
            }
            "timeout" => {
                let found = stay(reader, mistakes)?;
                once(&mut timeout, found, &key, mistakes)
            }
            "expires" => {
                let found = stay(reader, mistakes)?;
                once(&mut expires, found, &key, mistakes)
            }
            _ => {
                let wrong = "an element with this cannot be imported";
                mistakes.add(Diagnostic::new(key.span, wrong))?;
                reader.value().map(drop)
            }
        })?;
        // What is left of the time, where that is told.
        self.stay = expires.or(timeout).unwrap_or_default();
        match val {
            Some(found) => self.found = found,
            None => mistakes.add(Diagnostic::new(open, "the element has no `val`"))?,
        }
        Ok(())
    }
}

/// Seconds of a time; 0 is none.
fn stay(reader: &mut Reader<'_>, mistakes: &mut Mistakes) -> Step<Stay> {
    let place = reader.place();
    let seconds = reader.count(mistakes)?;
    match seconds.map(Stay::seconds) {
        Some(Some(stay)) => Ok(stay),
        Some(None) => mistakes.add(net::too_long(place)).map(|()| Stay::Unsaid),
        None => Ok(Stay::Unsaid),
    }
}

fn counters(reader: &mut Reader<'_>, mistakes: &mut Mistakes) -> Step<Counters> {
    if !reader.at_object() {
        let found = reader.value()?;
        mistakes.add(found.instead_of("an object with `packets` and `bytes`"))?;
        return Ok(Counters::default());
    }
    let (mut packets, mut bytes) = (None, None);
    reader.members(|reader, key| {
        let slot = match &*key.name {
            "packets" => &mut packets,
            "bytes" => &mut bytes,
            _ => return reader.value().map(drop),
        };
        let count = reader.count(mistakes)?;
        once(slot, count, &key, mistakes)
    })?;
    let count = |found: Option<Option<u64>>| found.flatten().unwrap_or(0);
    Ok(Counters { packets: count(packets), bytes: count(bytes), added: None })
}

/// What an element says, without the wrapping.
fn value(reader: &mut Reader<'_>, holds: Holds, mistakes: &mut Mistakes) -> Step<Option<Found>> {
    if !reader.at_object() {
        if holds == Holds::Services {
            let found = reader.value()?;
            return mistakes
                .add(found.instead_of("a `concat` of protocol and port"))
                .map(|()| None);
        }
        let found = address(reader, holds, mistakes)?;
        return Ok(found.map(|addr| Found::Nets(Addresses::One(Prefix::host(addr)))));
    }
    let place = reader.place();
    let mut found = None;
    reader.members(|reader, key| {
        let one = match (&*key.name, holds) {
            ("prefix", Holds::V4 | Holds::V6) => prefix(reader, holds, mistakes)?,
            ("range", Holds::V4 | Holds::V6) => range(reader, holds, mistakes)?,
            ("concat", Holds::Services) => concat(reader, mistakes)?,
            _ => {
                let wrong = format!("this does not fit into a set of {}", holds.title());
                mistakes.add(Diagnostic::new(key.span.clone(), wrong))?;
                reader.value().map(|_| None)?
            }
        };
        if found.is_some() {
            mistakes.add(Diagnostic::new(key.span, "a second value of one element"))?;
        }
        found = Some(one);
        Ok(())
    })?;
    if found.is_none() {
        mistakes.add(Diagnostic::new(place, "the element is empty"))?;
    }
    Ok(found.flatten())
}

/// An address of the family that the set holds.
fn address(reader: &mut Reader<'_>, holds: Holds, mistakes: &mut Mistakes) -> Step<Option<IpAddr>> {
    let Some((text, at)) = reader.text("an address in double quotes", mistakes)? else {
        return Ok(None);
    };
    let addr = match net::address((&text, at)) {
        Ok(addr) => addr,
        Err(mistake) => return mistakes.add(mistake).map(|()| None),
    };
    if holds.addresses_of() == Some(Prefix::host(addr).family()) {
        return Ok(Some(addr));
    }
    let wrong = format!("this does not fit into a set of {}", holds.title());
    mistakes.add(Diagnostic::new(at..at + text.len(), wrong)).map(|()| None)
}

fn prefix(reader: &mut Reader<'_>, holds: Holds, mistakes: &mut Mistakes) -> Step<Option<Found>> {
    let place = reader.place();
    if !reader.at_object() {
        let found = reader.value()?;
        let wrong = found.instead_of("an object with `addr` and `len`");
        return mistakes.add(wrong).map(|()| None);
    }
    let (mut addr, mut len) = (None, None);
    reader.members(|reader, key| match &*key.name {
        "addr" => {
            let found = address(reader, holds, mistakes)?;
            once(&mut addr, found, &key, mistakes)
        }
        "len" => {
            let found = reader.count(mistakes)?;
            once(&mut len, found, &key, mistakes)
        }
        _ => reader.value().map(drop),
    })?;
    let (Some(addr), Some(len)) = (addr, len) else {
        let wrong = Diagnostic::new(place, "the prefix lacks `addr` or `len`");
        return mistakes.add(wrong).map(|()| None);
    };
    // What is wrong with either was said above.
    let (Some(addr), Some(len)) = (addr, len) else { return Ok(None) };
    match u8::try_from(len).ok().and_then(|len| Prefix::new(addr, len)) {
        Some(prefix) => Ok(Some(Found::Nets(Addresses::One(prefix)))),
        None => {
            let most = Prefix::host(addr).len();
            let wrong = format!("the `len` of this prefix is not from 0 to {most}");
            mistakes.add(Diagnostic::new(place, wrong)).map(|()| None)
        }
    }
}

fn range(reader: &mut Reader<'_>, holds: Holds, mistakes: &mut Mistakes) -> Step<Option<Found>> {
    let ends = pair(reader, mistakes, |reader, mistakes| address(reader, holds, mistakes))?;
    let Some((place, first, last)) = ends else { return Ok(None) };
    match net::range(place, first, last) {
        Ok(all) => Ok(Some(Found::Nets(Addresses::Range(all)))),
        Err(mistake) => mistakes.add(mistake).map(|()| None),
    }
}

/// The two values of the array that is next, with the place of its bracket.
fn pair<'t, T>(
    reader: &mut Reader<'t>,
    mistakes: &mut Mistakes,
    mut one: impl FnMut(&mut Reader<'t>, &mut Mistakes) -> Step<Option<T>>,
) -> Step<Option<(Range<usize>, T, T)>> {
    let place = reader.place();
    if !reader.at_array() {
        let found = reader.value()?;
        return mistakes.add(found.instead_of("an array of two")).map(|()| None);
    }
    let (mut count, mut first, mut last) = (0usize, None, None);
    reader.elements(|reader| {
        count += 1;
        match count {
            1 => first = one(reader, mistakes)?,
            2 => last = one(reader, mistakes)?,
            _ => drop(reader.value()?),
        }
        Ok(())
    })?;
    if count != 2 {
        mistakes.add(Diagnostic::new(place, "expected two values here"))?;
        return Ok(None);
    }
    Ok(first.zip(last).map(|(first, last)| (place, first, last)))
}

/// Protocol and ports.
fn concat(reader: &mut Reader<'_>, mistakes: &mut Mistakes) -> Step<Option<Found>> {
    let mut part = 0;
    let parts = pair(reader, mistakes, |reader, mistakes| {
        part += 1;
        let found = if part == 1 {
            transport(reader, mistakes)?.map(Part::Protocol)
        } else {
            ports(reader, mistakes)?.map(Part::Ports)
        };
        Ok(found)
    })?;
    match parts {
        Some((_, Part::Protocol(transport), Part::Ports(ports))) => {
            Ok(Some(Found::Service(Service { transport, ports })))
        }
        Some(_) | None => Ok(None),
    }
}

/// A part of a service.
enum Part {
    Protocol(Transport),
    Ports(PortRange),
}

fn transport(reader: &mut Reader<'_>, mistakes: &mut Mistakes) -> Step<Option<Transport>> {
    let value = reader.value()?;
    let found = match &value.what {
        What::Text(word) => Transport::EACH.into_iter().find(|t| t.word() == *word),
        // Printed with `--numeric-protocol`.
        What::Number("6") => Some(Transport::Tcp),
        What::Number("17") => Some(Transport::Udp),
        What::Number("132") => Some(Transport::Sctp),
        What::Number(_) | What::Bool | What::Null | What::Object | What::Array => None,
    };
    if found.is_none() {
        mistakes.add(Diagnostic::new(value.span, "expected one of `tcp`, `udp`, `sctp`"))?;
    }
    Ok(found)
}

/// A port, or an object with a range of them.
fn ports(reader: &mut Reader<'_>, mistakes: &mut Mistakes) -> Step<Option<PortRange>> {
    if !reader.at_object() {
        return Ok(port(reader, mistakes)?.map(PortRange::one));
    }
    let open = reader.place();
    let mut found = None;
    reader.members(|reader, key| {
        if key.name != "range" {
            mistakes.add(Diagnostic::new(key.span, "expected `range`"))?;
            return reader.value().map(drop);
        }
        let ends = pair(reader, mistakes, port)?;
        once(&mut found, ends, &key, mistakes)
    })?;
    match found {
        None => mistakes.add(Diagnostic::new(open, "expected a range of ports")).map(|()| None),
        Some(None) => Ok(None),
        Some(Some((place, first, last))) => match PortRange::new(first, last) {
            Some(ports) => Ok(Some(ports)),
            None => {
                let wrong = Diagnostic::new(place, "the range ends before it starts");
                mistakes.add(wrong).map(|()| None)
            }
        },
    }
}

fn port(reader: &mut Reader<'_>, mistakes: &mut Mistakes) -> Step<Option<u16>> {
    let value = reader.value()?;
    let found = match &value.what {
        What::Number(digits) => digits.parse().ok(),
        What::Text(_) | What::Bool | What::Null | What::Object | What::Array => None,
    };
    if found.is_none() {
        mistakes.add(Diagnostic::new(value.span, "expected a port from 0 to 65535"))?;
    }
    Ok(found)
}
