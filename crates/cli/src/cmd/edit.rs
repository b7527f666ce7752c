//! `add` and `del`: entries of sets, one by one.

use std::collections::BTreeMap;

use palisade_filter::{Item, Name};
use serde_json::json;

use crate::args::{Edit, Global};
use crate::failure::{Failure, Outcome};
use crate::output::Output;
use crate::running::home::PolicyDir;
use crate::running::publish;
use crate::running::set::{Added, Carry, Entry, OpenSet};

/// Adds entries, all of them or none; what is there already is said, and no failure.
pub fn add(global: &Global, args: &Edit, out: &mut Output) -> Outcome {
    let (at, _lock) = publish::to_write(&global.bpffs, &global.policy_name)?;
    let targets = targets(&at, args)?;
    let mut done: Vec<(&Target, Added)> = Vec::new();
    for target in &targets {
        match target.set.add(target.items.iter().copied().map(Entry::new), Carry::Out) {
            Ok(added) => done.push((target, added)),
            Err(failure) => {
                for (target, added) in &done {
                    target.set.take_back(added);
                }
                return Err(failure);
            }
        }
    }
    let (mut new, mut present) = (Vec::new(), Vec::new());
    for (Target { name, items, .. }, added) in &done {
        for item in items {
            if added.is_new(item) {
                out.say(format_args!("added {item} to `{name}`"))?;
                new.push(item.to_string());
            } else {
                out.say(format_args!("{item} is in `{name}` already"))?;
                present.push(item.to_string());
            }
        }
    }
    out.json(&json!({"policy": at.name.as_str(), "added": new, "present": present}))
}

/// Deletes entries; what was not there is said, and the answer is no.
pub fn del(global: &Global, args: &Edit, out: &mut Output) -> Outcome {
    let (at, _lock) = publish::to_write(&global.bpffs, &global.policy_name)?;
    let sets = targets(&at, args)?;
    let (mut deleted, mut absent, mut missing) = (Vec::new(), Vec::new(), Vec::new());
    for Target { name, set, items } in &sets {
        let not_there = set.remove(items)?;
        for item in items {
            if not_there.contains(item) {
                absent.push(item.to_string());
                missing.push(format!("{item} in `{name}`"));
            } else {
                out.say(format_args!("deleted {item} from `{name}`"))?;
                deleted.push(item.to_string());
            }
        }
    }
    out.json(&json!({"policy": at.name.as_str(), "deleted": deleted, "absent": absent}))?;
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
