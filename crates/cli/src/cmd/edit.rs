//! `add` and `del`: entries of sets, one by one.
//!
//! An entry that is added again gets the time that a new one would get.

use std::collections::BTreeMap;

use palisade_filter::value::{Timeout, in_order};
use palisade_filter::{Item, Name};
use serde_json::json;

use crate::args::{Add, Del, Global};
use crate::failure::{Failure, Outcome};
use crate::output::Output;
use crate::running::grow;
use crate::running::home::PolicyDir;
use crate::running::publish;
use crate::running::set::{Carry, End, Entry, Now, OpenSet};

/// Adds entries, all of them or none; what is there already is said, and no failure.
pub fn add(global: &Global, args: &Add, out: &mut Output) -> Outcome {
    let (at, _lock) = publish::to_write(&global.bpffs, &global.policy_name)?;
    let targets = targets(&at, &args.items, args.set.as_ref())?;
    let stays = targets.iter().map(|target| target.stay(args.timeout));
    let stays = stays.collect::<Outcome<Vec<Option<Timeout>>>>()?;
    let now = Now::read()?;
    let entries = targets.iter().zip(&stays).map(|(target, stay)| {
        let ends = stay.map_or(End::Never, |timeout| now.after(timeout));
        let entries = target.items.iter().map(|item| Entry::new(*item, ends, now)).collect();
        in_order(entries, |entry| entry.item)
    });
    let entries: Vec<Vec<Entry>> = entries.collect();
    let adding = targets
        .iter()
        .zip(&entries)
        .map(|(target, entries)| (&target.name, &target.set, entries.as_slice()));
    let changes = grow::add(&at, &adding.collect::<Vec<_>>(), Carry::Out)?;
    let (mut new, mut present, mut retimed) = (Vec::new(), Vec::new(), Vec::new());
    for ((Target { name, items, .. }, change), timeout) in targets.iter().zip(&changes).zip(&stays)
    {
        for item in items {
            if change.is_new(item) {
                let stays = timeout.map(|timeout| format!(" for {timeout}")).unwrap_or_default();
                out.say(format_args!("added {item} to `{name}`{stays}"))?;
                new.push(item.to_string());
                continue;
            }
            present.push(item.to_string());
            if change.is_retimed(item) {
                let stays = timeout.map_or("for good".to_owned(), |timeout| timeout.to_string());
                out.say(format_args!("{item} is in `{name}` already; it now stays {stays}"))?;
                retimed.push(item.to_string());
            } else {
                out.say(format_args!("{item} is in `{name}` already"))?;
            }
        }
    }
    out.json(&json!({
        "policy": at.name.as_str(),
        "added": new,
        "present": present,
        "retimed": retimed,
    }))
}

/// Deletes entries; what was not there is said, and the answer is no.
pub fn del(global: &Global, args: &Del, out: &mut Output) -> Outcome {
    let (at, _lock) = publish::to_write(&global.bpffs, &global.policy_name)?;
    let sets = targets(&at, &args.items, args.set.as_ref())?;
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

impl Target {
    /// How long items stay: as long as is asked for, or as is usual in the set.
    fn stay(&self, asked: Option<Timeout>) -> Outcome<Option<Timeout>> {
        asked.map_or_else(|| self.set.timeout(), |asked| Ok(Some(asked)))
    }
}

/// The sets that the items are meant for, opened before the first one is edited.
fn targets(at: &PolicyDir, items: &[Item], set: Option<&Name>) -> Outcome<Vec<Target>> {
    let mut by_set: BTreeMap<Name, Vec<Item>> = BTreeMap::new();
    for item in items {
        let name = match set {
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
        if let Some(item) = items.iter().find(|item| !set.kind().takes(item)) {
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
