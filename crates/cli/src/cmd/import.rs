//! `import`: the entries of a file, all of them or none.

use std::collections::BTreeMap;
use std::io::Read;
use std::path::Path;

use palisade_filter::import::{self, Group, Imported};
use palisade_filter::{Item, Name, SetKind};
use serde_json::json;

use crate::args::{Global, Import};
use crate::failure::{Failure, Outcome};
use crate::output::{Output, human};
use crate::running::home::{PolicyDir, Running};
use crate::running::install::{self, Wanted};
use crate::running::publish;
use crate::running::set::{Added, Carry, Entry, OpenSet, now};

/// Reads the file and brings its entries into the sets they are meant for.
pub fn run(global: &Global, args: &Import, out: &mut Output) -> Outcome {
    let imported = read(args)?;
    for note in &imported.notes {
        out.say(format_args!("note: {note}"))?;
    }
    let (at, _lock) = PolicyDir::locked(&global.bpffs, &global.policy_name)?;
    publish::recover(&at)?;
    let parts = parts(&at, args, imported.groups)?;
    if args.replace { replace(&at, args, &parts, out) } else { merge(&at, args, parts, out) }
}

fn read(args: &Import) -> Outcome<Imported> {
    let name = if args.file == Path::new("-") {
        "standard input".into()
    } else {
        args.file.display().to_string()
    };
    let mut bytes = Vec::new();
    let read = if args.file == Path::new("-") {
        std::io::stdin().lock().read_to_end(&mut bytes).map(drop)
    } else {
        std::fs::read(&args.file).map(|all| bytes = all)
    };
    read.map_err(|error| {
        Failure::usage(format!("cannot read {name}: {}", palisade_loader::Errno::from_io(&error)))
    })?;
    import::read(&bytes, args.format)
        .map_err(|wrong| Failure::text(&name, &String::from_utf8_lossy(&bytes), &wrong))
}

/// What is meant for one set.
struct Part {
    name: Name,
    groups: Vec<Group>,
}

impl Part {
    fn entries(&self) -> impl Iterator<Item = Entry> + '_ {
        let added = now();
        self.groups.iter().flat_map(move |group| {
            group.items.iter().enumerate().map(move |(i, item)| {
                let count = group.counters.get(i).copied().unwrap_or_default();
                Entry { item: *item, packets: count.packets, bytes: count.bytes, added }
            })
        })
    }

    fn len(&self) -> usize {
        self.groups.iter().map(|g| g.items.len()).sum()
    }
}

/// The groups of the file by the set that takes them: the one of `--set`, the one that the group
/// names, or the usual one of each kind.
fn parts(at: &PolicyDir, args: &Import, groups: Vec<Group>) -> Outcome<Vec<Part>> {
    let mut parts: BTreeMap<Name, Vec<Group>> = BTreeMap::new();
    for group in groups {
        match args.set.clone().or_else(|| group.set.clone()) {
            Some(name) => parts.entry(name).or_default().push(group),
            None => {
                for kind in [SetKind::Net, SetKind::Service] {
                    let group = of_kind(&group, kind);
                    if !group.items.is_empty() {
                        parts.entry(at.default_set(kind)?).or_default().push(group);
                    }
                }
            }
        }
    }
    let parts: Vec<Part> = parts.into_iter().map(|(name, groups)| Part { name, groups }).collect();
    for part in &parts {
        let set = at.set(&part.name)?;
        let stray = |item: &&Item| item.kind() != set.kind();
        if let Some(item) = part.groups.iter().flat_map(|g| &g.items).find(stray) {
            return Err(super::edit::wrong_kind(&part.name, &set, item));
        }
    }
    Ok(parts)
}

fn of_kind(group: &Group, kind: SetKind) -> Group {
    let wanted = |i: &usize| group.items[*i].kind() == kind;
    let at: Vec<usize> = (0..group.items.len()).filter(wanted).collect();
    Group {
        set: None,
        items: at.iter().map(|i| group.items[*i]).collect(),
        counters: at.iter().filter_map(|i| group.counters.get(*i).copied()).collect(),
    }
}

/// Adds what is new. When one set cannot take its part, the sets before it give theirs back.
fn merge(at: &PolicyDir, args: &Import, parts: Vec<Part>, out: &mut Output) -> Outcome {
    let carry = if args.dry_run { Carry::Dry } else { Carry::Out };
    let mut done: Vec<(Name, OpenSet, Added)> = Vec::new();
    for part in parts {
        let set = at.set(&part.name)?;
        match set.add(part.entries(), carry) {
            Ok(added) => done.push((part.name, set, added)),
            Err(failure) => {
                for (_, set, added) in done.iter().filter(|_| carry == Carry::Out) {
                    set.take_back(added);
                }
                return Err(failure.note("found", "nothing was imported"));
            }
        }
    }
    let sets: serde_json::Map<_, _> = done
        .iter()
        .map(|(name, _, added)| {
            (name.to_string(), json!({"added": added.new, "present": added.present}))
        })
        .collect();
    out.json(&json!({"policy": at.name.as_str(), "dry_run": args.dry_run, "sets": sets}))?;
    let would = if args.dry_run { "would add" } else { "added" };
    for (name, _, added) in &done {
        let (new, present) =
            (human::grouped(added.new as u64), human::grouped(added.present as u64));
        out.say(format_args!(
            "{would} {new} to `{name}`; {present} already there or twice in the file"
        ))?;
    }
    if done.is_empty() {
        out.say("the file holds no entries")?;
    }
    Ok(())
}

/// Puts the file in the place of what its sets hold: new maps are filled aside, and the program
/// that uses them takes the place of the old one.
fn replace(at: &PolicyDir, args: &Import, parts: &[Part], out: &mut Output) -> Outcome {
    let running = Running::get(at)?;
    if parts.iter().all(|part| part.len() == 0) {
        return Err(Failure::usage(
            "the file holds no entries; replacing a set by nothing is most likely a mistake",
        )
        .note("help", "`palisade flush --set NAME` empties a set"));
    }
    let mut maps = BTreeMap::new();
    let mut counts = Vec::new();
    for part in parts {
        let old = at.set(&part.name)?.entries()?;
        let declared = running.policy.set(part.name.as_str());
        let declared = declared.ok_or_else(|| {
            Failure::usage(format!("the policy does not declare the set `{}`", part.name))
        })?;
        let new = OpenSet::create(declared)?;
        let added = new.add(part.entries().map(|entry| carried(&old, entry)), Carry::Out)?;
        for handle in new.handles() {
            maps.insert(handle.name().to_owned(), handle.try_clone()?);
        }
        counts.push((part.name.clone(), old.len(), added.new));
    }
    if !args.dry_run {
        let (text, policy) = (&running.meta.text, &running.policy);
        install::install(at, Wanted { text, policy, devices: &[], access: None, maps })?;
    }
    let sets: serde_json::Map<_, _> = counts
        .iter()
        .map(|(name, old, new)| (name.to_string(), json!({"entries": new, "before": old})))
        .collect();
    out.json(&json!({"policy": at.name.as_str(), "dry_run": args.dry_run, "sets": sets}))?;
    let would = if args.dry_run { "would hold" } else { "holds" };
    for (name, old, new) in counts {
        out.say(format_args!(
            "`{name}` {would} {} entries in the place of {}",
            human::grouped(new as u64),
            human::grouped(old as u64)
        ))?;
    }
    Ok(())
}

/// An entry that was there before keeps its age, and its counters if the file has none.
fn carried(old: &[Entry], entry: Entry) -> Entry {
    match old.binary_search_by_key(&entry.item, |old| old.item) {
        Ok(at) if (entry.packets, entry.bytes) == (0, 0) => old[at],
        Ok(at) => Entry { added: old[at].added, ..entry },
        Err(_) => entry,
    }
}
