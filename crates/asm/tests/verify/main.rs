//! What the offline verifier accepts and refuses, claim by claim.

mod claims;
mod corpus;

use palisade_asm::verify::{Reason, Refusal, Report, Rules};
use palisade_asm::{Program, parse};

/// Maps that a text may name; the flag is the one that lets programs only read.
const MAPS: &str = "\
.map hash hash key 4 value 24 max 16
.map only array key 4 value 64 max 1
.map table array key 4 value 300 max 1 flags 0x80
.map calls prog_array key 4 value 4 max 1
";

fn program(text: &str) -> Program {
    let whole = format!("{MAPS}{text}");
    parse(&whole).unwrap_or_else(|errors| {
        let told: Vec<String> = errors.iter().map(ToString::to_string).collect();
        panic!("{}\n{whole}", told.join("\n"))
    })
}

/// Root on every kernel that has the instructions of version 4.
const NEW: Rules = Rules::since(6, 6);

#[track_caller]
fn accepted_by(rules: &Rules, text: &str) -> Report {
    program(text).verify(rules).unwrap_or_else(|refusal| panic!("{refusal}"))
}

#[track_caller]
fn accepted(text: &str) -> Report {
    accepted_by(&NEW, text)
}

#[track_caller]
fn refused_by(rules: &Rules, text: &str) -> Box<Refusal> {
    match program(text).verify(rules) {
        Ok(report) => panic!("accepted: {report:?}\n{text}"),
        Err(refusal) => refusal,
    }
}

#[track_caller]
fn refused(text: &str) -> Reason {
    refused_by(&NEW, text).why
}
