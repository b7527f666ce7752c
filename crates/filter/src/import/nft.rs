//! What `nft -j list set` and `nft -j list ruleset` print.
//!
//! Taken are sets of `ipv4_addr` and `ipv6_addr`, single or as intervals, and sets of
//! `inet_proto . inet_service`, which are services. A set of `inet_service` alone is refused: the
//! protocol stands in the rule that uses it, and a guess would drop more than was meant. Refused
//! too are statements on elements other than counters. What is left of an element's time is kept.

use std::borrow::Cow;

use super::element::Element;
use super::gather::{Gather, Holds, Mistakes, Sources, Step};
use super::json::{Commas, Key, Reader, What, once};
use super::{Imported, Note};
use crate::diag::Diagnostic;

/// The elements of the sets that `text` holds from byte `at` on.
pub(super) fn read(text: &str, at: usize, mistakes: &mut Mistakes) -> Step<Imported> {
    let mut reader = Reader::new(text, at, Commas::Strict);
    if !reader.at_object() {
        let found = reader.value()?;
        mistakes.add(found.instead_of("an object with `nftables`"))?;
        return reader.end().map(|()| Imported::default());
    }
    let open = reader.place();
    let mut file = File::default();
    let mut found = None;
    reader.members(|reader, key| {
        if key.name != "nftables" {
            return reader.value().map(drop);
        }
        once(&mut found, (), &key, mistakes)?;
        if !reader.at_array() {
            let found = reader.value()?;
            return mistakes.add(found.instead_of("an array"));
        }
        reader.elements(|reader| file.object(reader, mistakes))
    })?;
    reader.end()?;
    if found.is_none() {
        mistakes.add(Diagnostic::new(open, "the object has no `nftables`"))?;
    }
    Ok(file.finish())
}

/// What was read so far.
#[derive(Default)]
struct File {
    sources: Sources,
    gather: Gather,
    comments: usize,
    others: usize,
}

/// What is said of a set before its elements.
#[derive(Default)]
struct Head<'t> {
    name: Option<Option<(Cow<'t, str>, usize)>>,
    holds: Option<Holds>,
    kind: Option<()>,
    elements: Option<Reader<'t>>,
}

impl File {
    /// One object of the ruleset.
    fn object(&mut self, reader: &mut Reader<'_>, mistakes: &mut Mistakes) -> Step {
        if !reader.at_object() {
            let found = reader.value()?;
            return mistakes.add(found.instead_of("an object"));
        }
        reader.members(|reader, key| match &*key.name {
            "set" => self.set(reader, &key, mistakes),
            "metainfo" | "table" => reader.value().map(drop),
            _ => {
                self.others += 1;
                reader.value().map(drop)
            }
        })
    }

    /// One set. The elements are read behind all else, since the type tells what they are.
    fn set(&mut self, reader: &mut Reader<'_>, set: &Key<'_>, mistakes: &mut Mistakes) -> Step {
        if !reader.at_object() {
            let found = reader.value()?;
            return mistakes.add(found.instead_of("a set"));
        }
        let mut head = Head::default();
        reader.members(|reader, key| match &*key.name {
            "name" => {
                let name = reader.text("a name", mistakes)?;
                once(&mut head.name, name, &key, mistakes)
            }
            "type" => {
                head.holds = holds(reader, mistakes)?;
                once(&mut head.kind, (), &key, mistakes)
            }
            "elem" => {
                once(&mut head.elements, reader.clone(), &key, mistakes)?;
                reader.value().map(drop)
            }
            _ => reader.value().map(drop),
        })?;
        if head.kind.is_none() {
            mistakes.add(Diagnostic::new(set.span.clone(), "the set has no `type`"))?;
        }
        let (Some(holds), Some(elements)) = (head.holds, head.elements) else { return Ok(()) };
        let (name, place) = match head.name.flatten() {
            Some((name, at)) => (name.clone(), at..at + name.len()),
            None => (Cow::Borrowed(""), set.span.clone()),
        };
        if let Err(other) = self.sources.claim(holds, &name) {
            return mistakes.add(second(place, holds, &other));
        }
        self.elements(elements, holds, mistakes)
    }

    fn elements(&mut self, mut all: Reader<'_>, holds: Holds, mistakes: &mut Mistakes) -> Step {
        if !all.at_array() {
            let found = all.value()?;
            return mistakes.add(found.instead_of("an array of elements"));
        }
        all.elements(|reader| {
            let element = Element::read(reader, holds, mistakes)?;
            self.comments += usize::from(element.comment);
            element.give(&mut self.gather);
            Ok(())
        })
    }

    fn finish(self) -> Imported {
        let mut notes: Vec<_> = self.sources.note().into_iter().collect();
        if self.comments > 0 {
            notes.push(Note::Comments { count: self.comments });
        }
        if self.others > 0 {
            notes.push(Note::NotSets { count: self.others });
        }
        self.gather.finish(notes)
    }
}

/// The mistake of a second set of the same sort.
fn second(place: std::ops::Range<usize>, holds: Holds, other: &str) -> Diagnostic {
    let wrong = format!("a second set of {}, beside `{}`", holds.title(), other.escape_debug());
    Diagnostic::new(place, wrong)
        .help("list and import one set at a time: `nft -j list set FAMILY TABLE NAME`")
}

/// What the `type` of a set says that it holds; something else is a mistake.
fn holds(reader: &mut Reader<'_>, mistakes: &mut Mistakes) -> Step<Option<Holds>> {
    let mut place = reader.place();
    let mut words = Vec::new();
    if reader.at_array() {
        reader.elements(|reader| {
            let value = reader.value()?;
            // A third part is enough to tell that none of ours is meant.
            if words.len() < 3 {
                words.push(value.what);
            }
            Ok(())
        })?;
    } else {
        let value = reader.value()?;
        place = value.span;
        words.push(value.what);
    }
    let words: Vec<_> = words.iter().map(word).collect();
    let wrong = match words.as_slice() {
        ["ipv4_addr"] => return Ok(Some(Holds::V4)),
        ["ipv6_addr"] => return Ok(Some(Holds::V6)),
        ["inet_proto", "inet_service"] => return Ok(Some(Holds::Services)),
        ["inet_service"] => Diagnostic::new(place, "the ports of this set have no protocol")
            .help("import them as a list of lines like `tcp/80`"),
        _ => Diagnostic::new(place, "sets of this type cannot be imported")
            .help("these can: ipv4_addr, ipv6_addr, inet_proto . inet_service"),
    };
    mistakes.add(wrong).map(|()| None)
}

fn word<'a>(what: &'a What<'_>) -> &'a str {
    match what {
        What::Text(word) => word,
        What::Number(_) | What::Bool | What::Null | What::Object | What::Array => "",
    }
}
