//! `rollback`: back to the policy before the last `apply` or `attach -p`.
//!
//! Sets that both policies have keep what has been edited meanwhile. There is one step back, not a
//! history: behind it nothing is left to go back to.

use serde_json::json;

use super::attach::say_mode;
use crate::args::Global;
use crate::failure::{Failure, Outcome};
use crate::output::{Output, human};
use crate::running::before::{self, Returned};
use crate::running::outlets::Missing;
use crate::running::publish::{self, Writing};

/// Goes back; the answer is no where there is nothing to go back to.
pub fn run(global: &Global, out: &mut Output) -> Outcome {
    let Writing { at, undone, .. } = &publish::to_change(&global.bpffs, &global.policy_name)?;
    let name = &at.name;
    if let Some(since) = undone {
        let told = publish::tell_undone(*since);
        out.json(
            &json!({"policy": name.as_str(), "replaced": [], "not_updated": [], "note": told}),
        )?;
        return out.say(told);
    }
    let Some(Returned { replaced, not_updated }) = before::go_back(at, Missing::Refused)? else {
        return Err(Failure::no(format!("there is no policy before `{name}` to go back to")).note(
            "help",
            "one is kept from an `apply` or `attach -p` to the next, and gone once it is back",
        ));
    };
    let replaced: Vec<String> = replaced.into_iter().map(|link| link.name).collect();
    out.json(&json!({
        "policy": name.as_str(), "replaced": replaced, "not_updated": not_updated, "note": null,
    }))?;
    for interface in &replaced {
        let interface = human::printable(interface);
        out.say(format_args!("policy `{name}` is the one before again on {interface}"))?;
    }
    if replaced.is_empty() {
        out.say(format_args!("policy `{name}` is the one before again; it is attached nowhere"))?;
    }
    for set in &not_updated {
        out.say(format_args!(
            "note: `{set}` is as it was then; what was edited since does not fit it"
        ))?;
    }
    say_mode(at.mode()?, out)
}
