//! `next`: which program gets what the policy passes.

use palisade_filter::Buffers;
use serde_json::json;

use crate::args::{Global, Next, NextAction};
use crate::failure::Outcome;
use crate::output::Output;
use crate::running::chain::{self, Aim};
use crate::running::home::PolicyDir;
use crate::running::in_force::Running;
use crate::running::look::look;
use crate::running::next::{Behind, Frames, Seen, Slot, no_slot};
use crate::running::program::program_id;
use crate::running::publish::{self, Writing};

/// Shows, sets or clears it.
pub fn run(global: &Global, args: &Next, out: &mut Output) -> Outcome {
    match &args.action {
        None => {
            let seen = look(global, |at, _| Seen::of(at, &Running::get(at)?.program))?;
            out.json(&json!({"policy": global.policy_name.as_str(), "next": seen.json()}))?;
            out.say(format_args!("next: {}", seen.words()))
        }
        Some(NextAction::Set { pin, one_buffer }) => {
            let aim = Aim::at(pin, &global.bpffs, &global.policy_name)?;
            let Writing { at, undone, .. } =
                &publish::to_change(&global.bpffs, &global.policy_name)?;
            let running = Running::get(at)?;
            let next = aim.program.as_ref();
            chain::refuse_endless(at, &at.name, (None, next.map(program_id).transpose()?))?;
            let frames = if *one_buffer { Frames::OneBuffer } else { Frames::Any };
            match Slot::find(at, &running.program)? {
                Some(slot) if frames == Frames::Any || slot.buffers()? == Buffers::Single => {
                    slot.put(next)?;
                }
                _ => chain::compile_again(at, &running, Behind::Slot(next, frames))?,
            }
            report(at, undone.map(publish::tell_undone), out)
        }
        Some(NextAction::Clear { slot: take_out }) => {
            let Writing { at, undone, .. } =
                &publish::to_change(&global.bpffs, &global.policy_name)?;
            let running = Running::get(at)?;
            let Some(slot) = Slot::find(at, &running.program)? else {
                return Err(no_slot(&at.name));
            };
            if *take_out {
                chain::compile_again(at, &running, Behind::Stack)?;
            } else {
                slot.clear()?;
            }
            report(at, undone.map(publish::tell_undone), out)
        }
    }
}

fn report(at: &PolicyDir, note: Option<String>, out: &mut Output) -> Outcome {
    let seen = Seen::of(at, &Running::get(at)?.program)?;
    out.json(&json!({"policy": at.name.as_str(), "next": seen.json(), "note": note}))?;
    if let Some(note) = note {
        out.say(format_args!("note: {note}"))?;
    }
    out.say(format_args!("what policy `{}` passes goes to {}", at.name, seen.words()))
}
