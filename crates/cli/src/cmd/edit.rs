//! `add` and `del`: entries of sets, one by one.

use std::collections::BTreeMap;

use palisade_filter::{Item, Name};
use serde_json::json;

use crate::args::{Edit, Global};
use crate::failure::{Failure, Outcome};
use crate::output::Output;
use crate::running::home::PolicyDir;
use crate::running::set::{Carry, Entry, OpenSet};

/// Adds entries; what is there already is said, and no failure.
pub fn add(global: &Global, args: &Edit, out: &mut Output) -> Outcome {
    let (at, _lock) = PolicyDir::locked(&global.bpffs, &global.policy_name)?;
    let sets = targets(&at, args)?;
    let (mut added, mut present) = (Vec::new(), Vec::new());
    for Target { name, set, items } in &sets {
        for item in items {
            let new = set.add([Entry::new(*item)], Carry::Out)?.new == 1;
            if new {
                out.say(format_args!("added {item} to `{name}`"))?;
                added.push(item.to_string());
            } else {
                out.say(format_args!("{item} is in `{name}` already"))?;
                present.push(item.to_string());
            }
        }
    }
    out.json(&json!({"policy": at.name.as_str(), "added": added, "present": present}))
}

/// Deletes entries; what was not there is said, and the answer is no.
pub fn del(global: &Global, args: &Edit, out: &mut Output) -> Outcome {
    let (at, _lock) = PolicyDir::locked(&global.bpffs, &global.policy_name)?;
    let sets = targets(&at, args)?;
    let (mut deleted, mut missing) = (Vec::new(), Vec::new());
    for Target { name, set, items } in &sets {
        let absent = set.remove(items)?;
        for item in items {
            if absent.contains(item) {
                missing.push(format!("{item} in `{name}`"));
            } else {
                out.say(format_args!("deleted {item} from `{name}`"))?;
                deleted.push(item.to_string());
            }
        }
    }
    out.json(&json!({"policy": at.name.as_str(), "deleted": deleted, "absent": missing.len()}))?;
    match missing.as_slice() {
        [] => Ok(()),
        missing => Err(Failure::no(format!("there is no {}", missing.join(", nor ")))),
    }
}

/// A set and the items that are meant for it.
struct Target {
    name: Name,
    set: OpenSet,
    items: Vec<Item>,
}

/// The sets that the items are meant for, opened before the first one is edited.
fn targets(at: &PolicyDir, args: &Edit) -> Outcome<Vec<Target>> {
    let mut by_set: BTreeMap<Name, Vec<Item>> = BTreeMap::new();
    for item in &args.items {
        let name = match &args.set {
            Some(name) => name.clone(),
            None => at.default_set(item.kind())?,
        };
        let items = by_set.entry(name).or_default();
        if !items.contains(item) {
            items.push(*item);
        }
    }
    let mut targets = Vec::new();
    for (name, items) in by_set {
        let set = at.set(&name)?;
        if let Some(item) = items.iter().find(|item| item.kind() != set.kind()) {
            return Err(wrong_kind(&name, &set, item));
        }
        targets.push(Target { name, set, items });
    }
    Ok(targets)
}

/// The refusal of an item that a set cannot hold.
pub fn wrong_kind(name: &Name, set: &OpenSet, item: &Item) -> Failure {
    Failure::usage(format!(
        "`{name}` is a {} set and cannot hold `{item}`, an item of a {} set",
        set.kind().word(),
        item.kind().word()
    ))
}
