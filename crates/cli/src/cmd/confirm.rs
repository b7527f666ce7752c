//! `confirm`: the policy on trial stays.
//!
//! One word of a map confirms it; from there on nothing returns. That its program is then replaced
//! by one that asks no clock is for speed alone, and may fail.

use serde_json::json;

use crate::args::Global;
use crate::failure::{Failure, Outcome};
use crate::output::Output;
use crate::running::before;
use crate::running::home::PolicyDir;
use crate::running::in_force::Running;
use crate::running::install::{Wanted, install};
use crate::running::outlets::Missing;
use crate::running::publish::{self, Writing};
use crate::running::trial::{Found, Trial};

/// Confirms the policy that is on trial; too late, the answer is no.
pub fn run(global: &Global, out: &mut Output) -> Outcome {
    let Writing { at, undone, .. } = &publish::to_change(&global.bpffs, &global.policy_name)?;
    if let Some(since) = undone {
        return Err(Failure::no(format!("too late: {}", publish::tell_undone(*since))));
    }
    let name = &at.name;
    let Found::Trial(deadline) = at.deadline()? else {
        return Err(Failure::no(format!("the policy `{name}` is not on trial")));
    };
    match deadline.trial()? {
        Trial::On { .. } => deadline.confirm()?,
        // An earlier command has confirmed it, and no more.
        Trial::Confirmed => {}
        Trial::Over { since } => {
            before::go_back(at, Missing::Lost)?;
            return Err(Failure::no(format!("too late: {}", publish::tell_undone(since))));
        }
    }
    let note = settle(at).err().map(|failure| failure.to_string());
    out.json(&json!({"policy": name.as_str(), "confirmed": true, "note": note}))?;
    out.say(format_args!("policy `{name}` confirmed"))?;
    match note {
        Some(note) => {
            out.say(format_args!("note: its program goes on asking for the time: {note}"))
        }
        None => Ok(()),
    }
}

/// A program that asks no clock, in the place of the one that was on trial.
fn settle(at: &PolicyDir) -> Outcome {
    let running = Running::get(at)?;
    install(at, Wanted::new(&running.meta.text, &running.policy)).map(drop)
}
