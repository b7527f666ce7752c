//! `dump --format bundle`: where a program comes from, as one document.
//!
//! Who has the bundle can tell without the tool, and without the host, which rule asked for which
//! instruction, and which tag a kernel will give to the program. It is made of the policy and of the
//! target alone: no name of a file or a host, no time, no version of a kernel. So two hosts that
//! compile the same text for the same target get the same bytes, and the bundle of a running policy
//! is that of its file.
//!
//! The digest of the image is that of `meta` and `status`: its slots in little-endian order, then of
//! each map its name, kind, sizes, number of entries and flags.

use std::io::Write;

use palisade_asm::{ByteOrder, MapDecl};
use palisade_filter::plan::Decider;
use palisade_filter::{Filling, Next, Row, Tenure};
use palisade_loader::{Tag, TagDigest};
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};

use super::target_json;
use crate::cmd::dump::Dumped;
use crate::code::map_json;
use crate::failure::{Failure, Outcome};
use crate::output::{Output, human};
use crate::running::meta;

/// What the keys of a bundle mean; raised when that changes.
const SCHEMA: u32 = 1;

/// The bundle: a line for each part, and for each instruction, so that two can be compared by eye.
pub fn bundle(dumped: &Dumped, out: &mut Output) -> Outcome {
    if dumped.as_loaded() == Some(false) {
        return Err(Failure::refused(format!(
            "the text of the policy `{}` does not compile to the program recorded with it",
            dumped.of
        ))
        .note("help", "`palisade attest` tells more; `-p FILE.pal` makes the bundle of a file"));
    }
    let to = out.writer();
    write!(to, "{{\"schema\":{SCHEMA},\n\"palisade\":{},\n", json!(env!("CARGO_PKG_VERSION")))?;
    let canonical = dumped.policy.to_string();
    part(to, "policy", &text_json(&dumped.text))?;
    part(to, "canonical", &text_json(&canonical))?;
    part(to, "target", &target(dumped))?;
    part(to, "tags", &tags(dumped))?;
    part(to, "image_sha256", &human::hex(&meta::digest(&dumped.image)).into())?;
    let artifact = &dumped.artifact;
    let map = |(at, map): (usize, &MapDecl)| {
        map_of(map, artifact.fillings.iter().find(|filling| filling.map == at))
    };
    list(to, "maps", artifact.maps.iter().enumerate().map(map))?;
    writeln!(to, ",")?;
    list(to, "rows", artifact.rows.iter().map(row))?;
    writeln!(to, ",")?;
    let dead = artifact.dead.iter();
    let dead = dead.map(|dead| json!({"line": dead.line, "text": dead.text, "by": dead.by}));
    list(to, "dead", dead)?;
    writeln!(to, ",")?;
    instructions(dumped, to)?;
    Ok(writeln!(to, "}}")?)
}

fn part(to: &mut impl Write, name: &str, value: &Value) -> Outcome {
    Ok(writeln!(to, "{}:{value},", json!(name))?)
}

fn list(to: &mut impl Write, name: &str, values: impl Iterator<Item = Value>) -> Outcome {
    write!(to, "{}:[", json!(name))?;
    for (at, value) in values.enumerate() {
        let comma = if at > 0 { "," } else { "" };
        write!(to, "{comma}\n{value}")?;
    }
    Ok(write!(to, "]")?)
}

fn sha256(bytes: &[u8]) -> String {
    human::hex(&Sha256::digest(bytes))
}

fn text_json(text: &str) -> Value {
    json!({"text": text, "sha256": sha256(text.as_bytes())})
}

/// The target without who chose it, for that is not part of what is made for it.
fn target(dumped: &Dumped) -> Value {
    let mut document = target_json(dumped.target.target, "");
    if let Some(fields) = document.as_object_mut() {
        fields.remove("from");
        let order = match dumped.target.target.order {
            ByteOrder::Little => "little",
            ByteOrder::Big => "big",
        };
        fields.insert("order".to_owned(), order.into());
        let tenure = match dumped.neighbours.tenure {
            Tenure::Standing => "standing",
            Tenure::OnTrial => "on trial",
        };
        fields.insert("tenure".to_owned(), tenure.into());
        if dumped.neighbours.next == Next::Slot {
            fields.insert("next".to_owned(), "slot".into());
        }
    }
    document
}

/// The tag that a kernel gives to the program, by each of the digests that kernels take.
fn tags(dumped: &Dumped) -> Value {
    let order = dumped.target.target.order;
    let tag = |digest: TagDigest| {
        let tag = Tag::predict(&dumped.image, order, digest).to_string();
        (digest.name().to_owned(), tag.into())
    };
    TagDigest::ALL.map(tag).into_iter().collect::<Map<String, Value>>().into()
}

/// A map, and what it holds where that never changes: the digest of its keys and values in a row.
fn map_of(map: &MapDecl, filling: Option<&Filling>) -> Value {
    let mut document = map_json(map);
    let constant = filling.map(|filling| {
        let bytes: Vec<u8> = filling
            .entries
            .iter()
            .flat_map(|(key, value)| key.iter().chain(value))
            .copied()
            .collect();
        json!({"entries": filling.entries.len(), "sha256": sha256(&bytes)})
    });
    document["constant"] = json!(constant);
    document
}

fn row(row: &Row) -> Value {
    let by = match row.decider {
        Decider::Off => "off",
        Decider::Malformed(_) => "malformed",
        Decider::Keep => "keep",
        Decider::Rule => "rule",
        Decider::Unrouted(_) => "unrouted",
        Decider::Count => "count",
        Decider::Fragment => "fragment",
        Decider::Default => "default",
    };
    json!({
        "by": by, "verdict": row.verdict.map(|verdict| verdict.word()), "line": row.line,
        "name": row.name.as_ref().map(ToString::to_string), "text": row.text,
    })
}

/// The instructions, each with what asked for it.
fn instructions(dumped: &Dumped, to: &mut impl Write) -> Outcome {
    let (program, order) = (dumped.program()?, dumped.target.target.order);
    let listing = program.listing();
    let insns = listing.lines().map(|line| {
        let slots = dumped.image.code.iter().skip(line.slot).take(line.slots);
        let bytes: Vec<u8> = slots.flat_map(|raw| raw.to_bytes(order)).collect();
        let note = program.note_at(line.at);
        json!({
            "slot": line.slot, "bytes": human::hex(&bytes), "labels": line.labels,
            "text": line.text, "line": note.and_then(|note| note.line),
            "step": note.map(|note| &note.step),
        })
    });
    list(to, "instructions", insns)
}
