//! What the offline verifier says, of programs compiled here and of code of any origin.
//!
//! A program compiled here that it refuses is a bug of ours: the refusal is saved for a report. Of
//! other code a refusal is an answer, and ends with 1; it may be stricter than a kernel.

use std::fmt::Write as _;
use std::io::Write as _;

use palisade_asm::verify::{Kernel, Refusal, Report, Rules};
use palisade_asm::{Isa, Program};
use palisade_filter::{Access, Buffers, Target};
use serde_json::json;

use crate::failure::{Failure, Outcome};
use crate::output::{Form, Output, human};
use crate::running::repro;

/// What a program of a target is judged by: the oldest kernel that offers it.
fn rules(target: Target) -> Rules {
    match (target.isa, target.access, target.buffers) {
        (Isa::V4, _, _) => Rules::since(6, 6),
        (_, Access::Helpers, _) | (_, _, Buffers::Multi) => Rules::since(5, 18),
        (_, Access::Pointers, Buffers::Single) => Rules::ROOT,
    }
}

/// Judges a program that was compiled from a policy for a target.
pub fn compiled(program: &Program, target: Target, text: &str) -> Outcome<Report> {
    program.verify(&rules(target)).map_err(|refusal| saved(&refusal, program, text))
}

/// The bug, with what a report needs saved in the working directory.
fn saved(refusal: &Refusal, program: &Program, text: &str) -> Failure {
    let report =
        format!("{refusal}\n\n--- policy\n{text}\n--- program\n{}", program.listing().numbered());
    let saved = repro::save(&report, "policy, program");
    let headline = "the offline verifier refused the program compiled from this policy; this is a bug in the compiler or in that verifier";
    told(Failure::bug(headline), refusal).note("saved", saved)
}

/// A failure with what a refusal says.
fn told(failure: Failure, refusal: &Refusal) -> Failure {
    let text = human::printable(&refusal.text).to_string();
    let mut at = format!("instruction {}: {text}", refusal.at);
    if let Some(note) = &refusal.note {
        let note = human::printable(&note.to_string()).to_string();
        write!(at, " (of `{note}`)").expect("a string takes it");
    }
    let failure = failure.note("found", refusal.why.to_string()).note("at", at);
    let known: Vec<String> =
        refusal.state.iter().map(|(what, holds)| format!("{what}={holds}")).collect();
    let failure = if known.is_empty() { failure } else { failure.note("known", known.join(" ")) };
    let side = |taken: bool| if taken { "taken" } else { "not taken" };
    let path: Vec<String> =
        refusal.path.iter().map(|on| format!("{} {}", on.at, side(on.taken))).collect();
    if path.is_empty() { failure } else { failure.note("path", path.join(", ")) }
}

/// From which kernel on code may have something that older ones lack, the oldest first.
const STEPS: [Rules; 5] =
    [Rules::ROOT, Rules::since(5, 12), Rules::since(5, 18), Rules::since(6, 1), Rules::since(6, 6)];

/// The oldest kernel from which on root may load code; the refusal is that of the newest.
fn oldest(program: &Program) -> Result<(Kernel, Report), Box<Refusal>> {
    let [older @ .., newest] = &STEPS;
    let report = program.verify(newest)?;
    let found = older.iter().find_map(|rules| Some((rules.oldest, program.verify(rules).ok()?)));
    Ok(found.unwrap_or((newest.oldest, report)))
}

/// Judges code of any origin, as what root loads, and prints the answer.
pub fn any(program: &Program, name: &str, out: &mut Output) -> Outcome {
    let verdict = oldest(program);
    match (&verdict, out.form()) {
        (Ok((oldest, report)), Form::Json) => out.json(&json!({
            "file": name,
            "accepted": true,
            "oldest": format!("{}.{}", oldest.major, oldest.minor),
            "processed": report.processed,
            "states": report.states,
            "jumps": report.jumps,
            "longest_path": report.longest_path,
        }))?,
        (Ok((oldest, report)), _) => writeln!(
            out.writer(),
            "accepted from {oldest} on: {} instructions followed, {} on the longest path, {} conditional jumps at most on one",
            report.processed, report.longest_path, report.jumps
        )?,
        (Err(refusal), Form::Json) => out.json(&json!({
            "file": name,
            "accepted": false,
            "instruction": refusal.at,
            "text": refusal.text,
            "reason": refusal.why.name(),
            "message": refusal.why.to_string(),
            "state": refusal.state.iter().map(|(what, holds)| json!({"in": what, "holds": holds})).collect::<Vec<_>>(),
            "path": refusal.path.iter().map(|on| json!({"instruction": on.at, "taken": on.taken})).collect::<Vec<_>>(),
        }))?,
        (Err(_), _) => {}
    }
    match verdict {
        Ok(_) => Ok(()),
        Err(refusal) => {
            let name = human::printable(name);
            Err(told(Failure::no(format!("{name}: refused by the offline verifier")), &refusal))
        }
    }
}
