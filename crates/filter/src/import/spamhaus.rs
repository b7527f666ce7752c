//! The JSON files of Spamhaus DROP: one object after another, each with a `cidr`, and a last one
//! of type `metadata`.

use super::gather::{Gather, Mistakes, Step};
use super::json::{Commas, Reader, What, once};
use super::{Imported, net};
use crate::diag::Diagnostic;
use crate::value::Item;

/// The prefixes of the file that `text` holds from byte `at` on.
pub(super) fn read(text: &str, at: usize, mistakes: &mut Mistakes) -> Step<Imported> {
    let mut reader = Reader::new(text, at, Commas::Strict);
    let mut gather = Gather::default();
    while !reader.at_end() {
        record(&mut reader, &mut gather, mistakes)?;
    }
    Ok(gather.finish(Vec::new()))
}

fn record(reader: &mut Reader<'_>, gather: &mut Gather, mistakes: &mut Mistakes) -> Step {
    let open = reader.place();
    let (mut cidr, mut metadata) = (None, false);
    reader.members(|reader, key| match &*key.name {
        "cidr" => {
            let found = prefix(reader, mistakes)?;
            once(&mut cidr, found, &key, mistakes)
        }
        "type" => {
            let value = reader.value()?;
            metadata = matches!(value.what, What::Text(word) if word == "metadata");
            Ok(())
        }
        _ => reader.value().map(drop),
    })?;
    match cidr {
        Some(Some(item)) => gather.push(item),
        None if !metadata => mistakes.add(Diagnostic::new(open, "the object has no `cidr`"))?,
        Some(None) | None => {}
    }
    Ok(())
}

fn prefix(reader: &mut Reader<'_>, mistakes: &mut Mistakes) -> Step<Option<Item>> {
    let Some((text, at)) = reader.text("a prefix in double quotes", mistakes)? else {
        return Ok(None);
    };
    match net::item((&text, at)) {
        Ok(item @ Item::Net(_)) => Ok(Some(item)),
        Ok(item @ (Item::Service(_) | Item::Mac(_))) => {
            let wrong = format!("expected a prefix, found an item of a {} set", item.kind().word());
            mistakes.add(Diagnostic::new(at..at + text.len(), wrong)).map(|()| None)
        }
        Err(mistake) => mistakes.add(mistake).map(|()| None),
    }
}
