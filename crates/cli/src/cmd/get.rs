//! `get`: is this covered, by what, since when.

use std::time::Duration;

use palisade_filter::Name;
use serde_json::{Value, json};

use crate::args::{Get, Global};
use crate::failure::{Failure, Outcome};
use crate::output::{Output, human};
use crate::running::home::PolicyDir;
use crate::running::look::look;
use crate::running::set::{Entry, Now};

/// Looks the item up in the set that is named, or in every set that can hold it.
pub fn run(global: &Global, args: &Get, out: &mut Output) -> Outcome {
    let policy = &global.policy_name;
    let found = look(global, |at, _| covering(at, args))?;
    let now = Now::read()?;
    let matches: Vec<Value> = found.iter().map(|(name, entry)| shown(name, entry, now)).collect();
    out.json(
        &json!({"policy": policy.as_str(), "item": args.item.to_string(), "matches": matches}),
    )?;
    for (name, entry) in &found {
        let left = now.left(entry.ends).map(|left| format!(", {} left", human::time(left)));
        let age = Duration::from_secs(now.seconds().saturating_sub(entry.added));
        out.say(format_args!(
            "{} is in `{name}`: {}, added {} ago{}, {}, {}",
            args.item,
            entry.item,
            human::time(age),
            left.unwrap_or_default(),
            human::counted(entry.packets, "packet", "packets"),
            human::bytes(entry.bytes)
        ))?;
    }
    if found.is_empty() {
        return Err(Failure::no(format!("no set of the policy `{policy}` covers {}", args.item)));
    }
    Ok(())
}

/// The entries that cover it, with the names of their sets.
fn covering(at: &PolicyDir, args: &Get) -> Outcome<Vec<(Name, Entry)>> {
    let names = match &args.set {
        Some(name) => vec![name.clone()],
        None => at.set_names()?,
    };
    let mut found = Vec::new();
    for name in names {
        let set = at.set(&name)?;
        if !set.kind().takes(&args.item) {
            if args.set.is_some() {
                return Err(super::edit::wrong_kind(&name, &set, &args.item));
            }
            continue;
        }
        found.extend(set.covering(&args.item)?.map(|entry| (name, entry)));
    }
    Ok(found)
}

fn shown(name: &Name, entry: &Entry, now: Now) -> Value {
    json!({
        "set": name.as_str(),
        "entry": entry.item.to_string(),
        "packets": entry.packets,
        "bytes": entry.bytes,
        "added": entry.added,
        "expires": now.second_of(entry.ends),
    })
}
