//! `mode`: what the running program does with its verdicts.
//!
//! It writes one word of a map, which no driver can refuse, and takes no lock, which a stuck editor
//! may hold: the way out when nothing else works.

use palisade_filter::Mode;
use serde_json::json;

use crate::args::{FilterMode, Global, ModeArgs};
use crate::failure::Outcome;
use crate::output::Output;
use crate::running::home::PolicyDir;

/// Sets or shows the mode.
pub fn run(global: &Global, args: &ModeArgs, out: &mut Output) -> Outcome {
    let at = PolicyDir::get(&global.bpffs, &global.policy_name)?;
    let before = at.mode()?;
    let mode = match args.mode {
        None => before,
        Some(FilterMode::Enforce) => Mode::Enforce,
        Some(FilterMode::Shadow) => Mode::Shadow,
        Some(FilterMode::Off) => Mode::Off,
    };
    if mode != before {
        at.set_mode(mode)?;
    }
    out.json(&json!({"policy": at.name.as_str(), "mode": mode.word()}))?;
    match args.mode {
        None => out.say(mode),
        Some(_) if mode == before => out.say(format_args!("{mode} already")),
        Some(_) => out.say(format_args!("{mode} (was {before})")),
    }
}
