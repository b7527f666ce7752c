//! `mode`: what the running program does with its verdicts.
//!
//! It writes one word of a map, which no driver can refuse, and takes no lock, which a stuck editor
//! may hold: the way out when nothing else works.

use palisade_filter::Mode;
use serde_json::json;

use crate::args::{FilterMode, Global, ModeArgs};
use crate::failure::Outcome;
use crate::output::Output;
use crate::running::look::look;

/// Sets or shows the mode.
pub fn run(global: &Global, args: &ModeArgs, out: &mut Output) -> Outcome {
    let mut first = None;
    let mode = look(global, |at, _| {
        let now = at.mode()?;
        first.get_or_insert(now);
        let mode = match args.mode {
            None => now,
            Some(FilterMode::Enforce) => Mode::Enforce,
            Some(FilterMode::Shadow) => Mode::Shadow,
            Some(FilterMode::Off) => Mode::Off,
        };
        if mode != now {
            at.set_mode(mode)?;
        }
        Ok(mode)
    })?;
    let before = first.unwrap_or(mode);
    out.json(&json!({"policy": global.policy_name.as_str(), "mode": mode.word()}))?;
    match args.mode {
        None => out.say(mode),
        Some(_) if mode == before => out.say(format_args!("{mode} already")),
        Some(_) => out.say(format_args!("{mode} (was {before})")),
    }
}
