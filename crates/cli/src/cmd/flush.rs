//! `flush`: empties a set.

use palisade_filter::Name;
use serde_json::json;

use crate::args::{Flush, Global};
use crate::failure::{Failure, Outcome};
use crate::output::Output;
use crate::running::home::PolicyDir;
use crate::running::publish;

/// Deletes every entry of the set.
pub fn run(global: &Global, args: &Flush, out: &mut Output) -> Outcome {
    let (at, _lock) = publish::to_write(&global.bpffs, &global.policy_name)?;
    let name = match &args.set {
        Some(name) => name.clone(),
        None => the_only_set(&at)?,
    };
    let set = at.set(&name)?;
    let gone = set.clear()?;
    out.json(&json!({"policy": at.name.as_str(), "set": name.as_str(), "deleted": gone}))?;
    out.say(format_args!("deleted {gone} from `{name}`"))
}

/// Emptying a set can open or close the network, so it is named where there is a choice.
fn the_only_set(at: &PolicyDir) -> Outcome<Name> {
    let names = at.set_names()?;
    match names.as_slice() {
        [only] => Ok(only.clone()),
        several => {
            let several: Vec<&str> = several.iter().map(Name::as_str).collect();
            Err(Failure::usage("which set is to be emptied?")
                .note("help", format!("say it with --set: {}", several.join(", "))))
        }
    }
}
