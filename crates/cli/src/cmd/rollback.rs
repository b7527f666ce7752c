//! `rollback`: back to the policy before the last `apply` or `attach -p`.
//!
//! Sets that both policies have keep what has been edited meanwhile. There is one step back, not a
//! history: behind it nothing is left to go back to.

use serde_json::json;

use super::attach::say_mode;
use crate::args::Global;
use crate::failure::{Failure, Outcome};
use crate::output::Output;
use crate::running::before::{self, Returned};
use crate::running::home::PolicyDir;
use crate::running::next::Seen;
use crate::running::outlets::Missing;
use crate::running::publish::{self, Writing};

/// Goes back; the answer is no where there is nothing to go back to.
pub fn run(global: &Global, out: &mut Output) -> Outcome {
    let Writing { at, undone, .. } = &publish::to_change(&global.bpffs, &global.policy_name)?;
    let name = &at.name;
    if let Some(since) = undone {
        let told = publish::tell_undone(*since);
        out.json(&json!({
            "policy": name.as_str(), "replaced": [], "behind": [], "not_updated": [],
            "note": told,
        }))?;
        return out.say(told);
    }
    let next_before = next(at)?;
    let Some(Returned { replaced, not_updated }) = before::go_back(at, Missing::Refused)? else {
        return Err(Failure::no(format!("there is no policy before `{name}` to go back to")).note(
            "help",
            "one is kept from an `apply` or `attach -p` to the next, and gone once it is back",
        ));
    };
    let note = tell_next(next_before, next(at)?);
    out.json(&json!({
        "policy": name.as_str(), "replaced": replaced.names(), "behind": replaced.policies(),
        "not_updated": not_updated, "note": note,
    }))?;
    let places = replaced.places();
    for place in &places {
        out.say(format_args!("policy `{name}` is the one before again {place}"))?;
    }
    if places.is_empty() {
        out.say(format_args!("policy `{name}` is the one before again; it is attached nowhere"))?;
    }
    for set in &not_updated {
        out.say(format_args!(
            "note: `{set}` is as it was then; what was edited since does not fit it"
        ))?;
    }
    if let Some(note) = note {
        out.say(format_args!("note: {note}"))?;
    }
    say_mode(name, at.mode()?, out)
}

/// What comes behind the program in force.
fn next(at: &PolicyDir) -> Outcome<Seen> {
    at.program()?.map_or(Ok(Seen::Stack), |program| Seen::of(at, &program))
}

/// A slot is part of a program, so that a return may lead to one without.
fn tell_next(before: Seen, now: Seen) -> Option<String> {
    match (before, now) {
        (Seen::Program { id: before, .. }, Seen::Program { id: now, .. }) if before == now => None,
        (Seen::Program { .. }, now) => {
            Some(format!("what passes goes, as before, to {}", now.words()))
        }
        (Seen::Stack | Seen::Empty, _) => None,
    }
}
