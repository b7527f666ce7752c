//! Programs as JSON: an object for each instruction, and one for each map.

use std::io::Write;

use palisade_asm::{ByteOrder, MapDecl, Program, RawInsn};
use serde_json::{Value, json};

use crate::failure::Outcome;
use crate::output::human;

/// The instructions of a program and their bytes, as the members of a list; each is written as it
/// is made, since a long program needs no tree of values.
pub fn instructions(
    program: &Program,
    code: &[RawInsn],
    order: ByteOrder,
    to: &mut impl Write,
) -> Outcome {
    let listing = program.listing();
    for line in listing.lines() {
        let comma = if line.at > 0 { "," } else { "" };
        let slots = code.iter().skip(line.slot).take(line.slots);
        let bytes: Vec<u8> = slots.flat_map(|raw| raw.to_bytes(order)).collect();
        let note = program.note_at(line.at);
        let document = json!({
            "slot": line.slot,
            "bytes": human::hex(&bytes),
            "labels": line.labels,
            "text": line.text,
            "line": note.and_then(|note| note.line),
            "step": note.map(|note| &note.step),
        });
        write!(to, "{comma}{document}")?;
    }
    Ok(())
}

/// A map as its program declares it.
pub fn map_json(map: &MapDecl) -> Value {
    json!({
        "name": map.name, "kind": map.kind.name(), "key_size": map.key_size,
        "value_size": map.value_size, "max_entries": map.max_entries, "flags": map.flags.bits(),
    })
}
