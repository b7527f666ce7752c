//! Our own JSON, as `palisade -j list` and `palisade export` print it.
//!
//! What is printed is read back to the same sets with the same entries, counts and times. Keys that
//! this version does not know are passed over.

use std::collections::HashSet;

use super::gather::{Gather, Mistakes, Step};
use super::json::{Commas, Key, Reader, What, once, twice};
use super::{Counters, Group, Imported, Stay, net};
use crate::diag::Diagnostic;
use crate::value::{Item, Name, SetKind};

/// The sets of the listing that `text` holds from byte `at` on.
pub(super) fn read(text: &str, at: usize, mistakes: &mut Mistakes) -> Step<Imported> {
    let mut reader = Reader::new(text, at, Commas::Strict);
    if !reader.at_object() {
        let found = reader.value()?;
        mistakes.add(found.instead_of("an object with `sets`"))?;
        return reader.end().map(|()| Imported::default());
    }
    let open = reader.place();
    let mut groups = None;
    reader.members(|reader, key| match &*key.name {
        "sets" => {
            let all = sets(reader, mistakes)?;
            once(&mut groups, all, &key, mistakes)
        }
        _ => reader.value().map(drop),
    })?;
    reader.end()?;
    if groups.is_none() {
        mistakes.add(Diagnostic::new(open, "the object has no `sets`"))?;
    }
    Ok(Imported { groups: groups.unwrap_or_default(), notes: Vec::new() })
}

fn sets(reader: &mut Reader<'_>, mistakes: &mut Mistakes) -> Step<Vec<Group>> {
    let mut groups = Vec::new();
    let mut names = HashSet::new();
    if !reader.at_object() {
        let found = reader.value()?;
        mistakes.add(found.instead_of("an object of sets"))?;
        return Ok(groups);
    }
    reader.members(|reader, key| {
        let name = match key.name.parse::<Name>() {
            Ok(name) => name,
            Err(e) => {
                mistakes.add(Diagnostic::new(key.span, short(e.to_string())))?;
                return reader.value().map(drop);
            }
        };
        if !names.insert(name.clone()) {
            mistakes.add(twice(&key))?;
        }
        let mut group = set(reader, &key, mistakes)?;
        group.set = Some(name);
        groups.push(group);
        Ok(())
    })?;
    Ok(groups)
}

/// A message that a foreign word cannot blow up.
fn short(message: String) -> String {
    if message.len() < 200 { message } else { "this is too long for a name".to_owned() }
}

/// The kind that `type` states; `None` if it stated one that is not ours.
type Stated = Option<SetKind>;

fn set(reader: &mut Reader<'_>, set: &Key<'_>, mistakes: &mut Mistakes) -> Step<Group> {
    if !reader.at_object() {
        let found = reader.value()?;
        mistakes.add(found.instead_of("an object with `type` and `entries`"))?;
        return Ok(Group::default());
    }
    let mut stated: Option<Stated> = None;
    let mut found: Option<Group> = None;
    // The kind of the items can be known only behind the entries: then they are read at the end.
    let mut later = None;
    reader.members(|reader, key| match (&*key.name, stated) {
        ("type", _) => {
            let kind = kind(reader, mistakes)?;
            once(&mut stated, kind, &key, mistakes)
        }
        ("entries", Some(kind)) => {
            if later.is_some() {
                mistakes.add(twice(&key))?;
            }
            let group = entries(reader, kind, mistakes)?;
            once(&mut found, group, &key, mistakes)
        }
        ("entries", None) => {
            once(&mut later, reader.clone(), &key, mistakes)?;
            reader.value().map(drop)
        }
        _ => reader.value().map(drop),
    })?;
    let Some(kind) = stated else {
        mistakes.add(Diagnostic::new(set.span.clone(), "the set has no `type`"))?;
        return Ok(Group::default());
    };
    if let Some(mut bookmark) = later {
        found = Some(entries(&mut bookmark, kind, mistakes)?);
    }
    if found.is_none() {
        mistakes.add(Diagnostic::new(set.span.clone(), "the set has no `entries`"))?;
    }
    Ok(found.unwrap_or_default())
}

fn kind(reader: &mut Reader<'_>, mistakes: &mut Mistakes) -> Step<Stated> {
    let value = reader.value()?;
    let kind = SetKind::ALL
        .into_iter()
        .find(|k| matches!(&value.what, What::Text(word) if *word == k.word()));
    if kind.is_none() {
        let wrong = "sets that can be imported are of type `net`, `service`, `mac` or `host`";
        mistakes.add(Diagnostic::new(value.span, wrong))?;
    }
    Ok(kind)
}

fn entries(reader: &mut Reader<'_>, kind: Stated, mistakes: &mut Mistakes) -> Step<Group> {
    let mut gather = Gather::default();
    if !reader.at_array() {
        let found = reader.value()?;
        mistakes.add(found.instead_of("an array of entries"))?;
        return Ok(Group::default());
    }
    reader.elements(|reader| {
        if let Some((item, counted, stay)) = entry(reader, kind, mistakes)? {
            gather.entry([item], Some(counted), stay);
        }
        Ok(())
    })?;
    Ok(gather.group())
}

fn entry(
    reader: &mut Reader<'_>,
    kind: Stated,
    mistakes: &mut Mistakes,
) -> Step<Option<(Item, Counters, Stay)>> {
    if !reader.at_object() {
        let found = reader.value()?;
        mistakes.add(found.instead_of("an object with an `item`"))?;
        return Ok(None);
    }
    let open = reader.place();
    let (mut item, mut packets, mut bytes, mut added) = (None, None, None, None);
    let mut stay = None;
    reader.members(|reader, key| match &*key.name {
        "item" => {
            let found = self::item(reader, kind, mistakes)?;
            once(&mut item, found, &key, mistakes)
        }
        "packets" => {
            let count = reader.count(mistakes)?;
            once(&mut packets, count, &key, mistakes)
        }
        "bytes" => {
            let count = reader.count(mistakes)?;
            once(&mut bytes, count, &key, mistakes)
        }
        "added" => {
            let time = reader.count(mistakes)?;
            once(&mut added, time, &key, mistakes)
        }
        "expires" => {
            let found = expires(reader, mistakes)?;
            once(&mut stay, found, &key, mistakes)
        }
        _ => reader.value().map(drop),
    })?;
    if item.is_none() {
        mistakes.add(Diagnostic::new(open, "the entry has no `item`"))?;
    }
    let count = |found: Option<Option<u64>>| found.flatten().unwrap_or(0);
    let counted = Counters { packets: count(packets), bytes: count(bytes), added: added.flatten() };
    Ok(item.flatten().map(|item| (item, counted, stay.unwrap_or_default())))
}

/// When an entry ends: a second of the system's clock, or null.
fn expires(reader: &mut Reader<'_>, mistakes: &mut Mistakes) -> Step<Stay> {
    let value = reader.value()?;
    let second = match value.what {
        What::Null => return Ok(Stay::Forever),
        What::Number(digits) => digits.parse().ok(),
        What::Text(_) | What::Bool | What::Object | What::Array => None,
    };
    match second {
        Some(second) => Ok(Stay::Until(second)),
        None => {
            mistakes.add(value.instead_of("seconds since 1970, or null")).map(|()| Stay::Unsaid)
        }
    }
}

fn item(reader: &mut Reader<'_>, kind: Stated, mistakes: &mut Mistakes) -> Step<Option<Item>> {
    let Some((text, at)) = reader.text("an item in double quotes", mistakes)? else {
        return Ok(None);
    };
    let item = match net::item((&text, at)) {
        Ok(item) => item,
        Err(mistake) => return mistakes.add(mistake).map(|()| None),
    };
    match kind {
        Some(kind) if !kind.takes(&item) => {
            let wrong = format!("`{item}` does not fit into a set of type `{}`", kind.word());
            mistakes.add(Diagnostic::new(at..at + text.len(), wrong)).map(|()| None)
        }
        _ => Ok(Some(item)),
    }
}
