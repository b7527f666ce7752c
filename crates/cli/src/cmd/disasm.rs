//! `disasm`: code of any origin to text.
//!
//! What is printed is a whole program, which `asm` makes the same code of again.

use std::io::Write;

use palisade_asm::ByteOrder;
use serde_json::{Value, json};

use super::verified;
use crate::args::{CodeFormat, Disasm};
use crate::code::{self, Code, Wanted};
use crate::failure::Outcome;
use crate::output::{Form, Output, human};

/// Reads and prints.
pub fn run(args: &Disasm, out: &mut Output) -> Outcome {
    let wanted =
        Wanted { format: args.format, order: args.order, section: args.section.as_deref() };
    let code = code::read(&args.file, &wanted)?;
    if args.verify {
        return verified::any(&code.program, &code.name, out);
    }
    if out.form() == Form::Json {
        return json(&code, args.order, out);
    }
    let to = out.writer();
    for remark in &code.remarks {
        writeln!(to, "; {}", human::printable(remark))?;
    }
    if !code.remarks.is_empty() {
        // So that the remarks are none about the first instruction.
        writeln!(to)?;
    }
    let mut listing = code.program.listing();
    if args.numbers {
        listing = listing.numbered();
    }
    if args.bytes {
        listing = listing.with_bytes(&code.image.code, args.order);
    }
    Ok(write!(to, "{listing}")?)
}

/// One document, whose instructions are those of `dump`.
pub fn json(code: &Code, order: ByteOrder, out: &mut Output) -> Outcome {
    let to = out.writer();
    let format = match code.format {
        CodeFormat::Text => "text",
        CodeFormat::Hex => "hex",
        CodeFormat::Raw => "raw",
        CodeFormat::Elf => "elf",
    };
    write!(to, "{{\"file\":{},\"read_as\":\"{format}\",\"instructions\":[", json!(code.name))?;
    code::instructions(&code.program, &code.image.code, order, to)?;
    let maps: Vec<Value> = code.image.maps.iter().map(code::map_json).collect();
    Ok(writeln!(to, "],\"maps\":{}}}", json!(maps))?)
}
