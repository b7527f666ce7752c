//! What the fuzz targets check, so that `cargo test` can check it too of every file of their corpus.
//!
//! Each function takes bytes of any origin. It returns when all is as it should be, and panics when
//! it is not.

mod capture;
mod judges;
mod log;
mod netlink;
mod object;
mod packet;
mod program;
mod translated;
mod verdict;

use std::collections::BTreeMap;

use palisade_asm::verify::Rules;
use palisade_asm::{Image, decode_image};
use palisade_filter::diag::place;
use palisade_filter::import::{self, Format, Imported};
use palisade_filter::{Item, Policy, Target, compile, parse};

pub use capture::capture;
pub use log::log;
pub use netlink::netlink;
pub use object::object;
pub use packet::packet;
pub use program::{assembly, border, code};
pub use translated::translated;
pub use verdict::verdict;

/// A text that is a policy is one for ever: printed and parsed again it compiles to the same
/// program, and the program survives its encoding.
pub fn policy(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    let policy = match parse(&text) {
        Ok(policy) => policy,
        Err(wrong) => {
            let report = wrong.report("fuzzed.pal", &text).to_string();
            assert!(report.starts_with("error: "), "{report}");
            return;
        }
    };
    let printed = policy.to_string();
    let again =
        parse(&printed).unwrap_or_else(|wrong| panic!("{}", wrong.report("printed.pal", &printed)));
    assert_eq!(again.to_string(), printed, "what is printed is canonical");
    let (first, second) = (compiled(&policy), compiled(&again));
    match (&first, &second) {
        (Some(first), Some(second)) => {
            assert_eq!(first.code, second.code, "{printed}");
            assert_eq!(first.maps, second.maps, "{printed}");
        }
        (None, None) => {}
        _ => panic!("only one of a policy and its print compiles:\n{printed}"),
    }
}

/// Slots of a program that the offline verifier is asked about: larger ones take it too long.
const MOST_FOLLOWED: usize = 1500;

/// The policy for the oldest kernel, which the offline verifier says will take it; `None` if it is more than a program can hold.
fn compiled(policy: &Policy) -> Option<Image> {
    let artifact = compile(policy, Target::FLOOR).ok()?;
    let image = artifact.program.encode(Target::FLOOR.isa).expect("what is emitted can be encoded");
    if image.len() <= MOST_FOLLOWED
        && let Err(refusal) = artifact.program.verify(&Rules::ROOT)
    {
        panic!("{refusal}\nof:\n{policy}");
    }
    let decoded = decode_image(&image).expect("what is encoded can be decoded");
    assert!(decoded == artifact.program, "decoding is the inverse of encoding");
    Some(image)
}

/// A file that can be imported, in the format that its first byte chooses, gives items that print
/// as they are read; one that cannot gives mistakes at places inside it.
pub fn import(bytes: &[u8]) {
    let Some((first, text)) = bytes.split_first() else { return };
    let format = Format::EACH[usize::from(*first) % Format::EACH.len()];
    match import::read(text, format) {
        Ok(imported) => items_last(&imported),
        Err(wrong) => {
            let shown = String::from_utf8_lossy(text);
            assert!(wrong.report("fuzzed", &shown).to_string().starts_with("error: "));
            for mistake in wrong.iter() {
                assert!(mistake.span.start <= mistake.span.end, "{mistake:?}");
                assert!(mistake.span.start <= text.len(), "{mistake:?} in {} bytes", text.len());
                assert!(place(&shown, mistake.span.start).column > 0);
            }
        }
    }
}

/// Items print and are parsed back, one by one, as a list and as our JSON with their counters.
fn items_last(imported: &Imported) {
    let mut sets = BTreeMap::new();
    for (i, group) in imported.groups.iter().enumerate() {
        assert!(group.counters.is_empty() || group.counters.len() == group.items.len());
        for item in &group.items {
            assert_eq!(item.to_string().parse::<Item>().as_ref(), Ok(item));
        }
        let Some(first) = group.items.first() else { continue };
        let lines: String = group.items.iter().map(|item| format!("{item}\n")).collect();
        let list = import::read(lines.as_bytes(), Format::List).expect("a list of items");
        assert_eq!(list.groups[0].items, group.items);
        // Our JSON has sets of one kind.
        if group.items.iter().all(|item| item.kind() == first.kind()) {
            sets.insert(format!("s{i}"), group);
        }
    }
    let document: serde_json::Map<_, _> =
        sets.iter().map(|(name, group)| (name.clone(), listed(group))).collect();
    let document = serde_json::json!({"policy": "main", "sets": document}).to_string();
    let again = import::read(document.as_bytes(), Format::Json).expect("our own JSON");
    for (group, again) in sets.values().zip(&again.groups) {
        assert_eq!(again.items, group.items);
        let none = vec![import::Counters::default(); group.items.len()];
        let counters = if group.counters.is_empty() { &none } else { &group.counters };
        assert_eq!(&again.counters, counters);
    }
    assert_eq!(again.groups.len(), sets.len());
}

fn listed(group: &import::Group) -> serde_json::Value {
    let entries: Vec<_> = group
        .items
        .iter()
        .enumerate()
        .map(|(i, item)| {
            let count = group.counters.get(i).copied().unwrap_or_default();
            serde_json::json!({
                "item": item.to_string(), "packets": count.packets, "bytes": count.bytes,
                "expires": null,
            })
        })
        .collect();
    let kind = group.items.first().map_or("net", |item| item.kind().word());
    serde_json::json!({"type": kind, "max": 1_048_576, "entries": entries})
}
