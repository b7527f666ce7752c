//! `import`: the entries of a file, all of them or none.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{ErrorKind, Read};
use std::path::Path;

use palisade_filter::import::{self, Group, Imported};
use palisade_filter::{Item, Name, SetKind};
use serde_json::json;

use crate::args::{Global, Import};
use crate::failure::{Failure, Outcome};
use crate::output::{Output, human};
use crate::running::home::{PolicyDir, Running};
use crate::running::install::{self, Contents, Wanted};
use crate::running::publish;
use crate::running::set::{Added, Carry, Entry, OpenSet, now};

/// Reads the file and brings its entries into the sets they are meant for.
pub fn run(global: &Global, args: &Import, out: &mut Output) -> Outcome {
    let imported = read(args)?;
    let notes: Vec<String> = imported.notes.iter().map(|note| note.to_string()).collect();
    for note in &notes {
        out.say(format_args!("note: {note}"))?;
    }
    let (at, _lock) = publish::to_write(&global.bpffs, &global.policy_name)?;
    let parts = parts(&at, args, imported.groups)?;
    if args.replace {
        replace(&at, args, &parts, &notes, out)
    } else {
        merge(&at, args, parts, &notes, out)
    }
}

/// A longer file is none that a set could take.
const MOST_BYTES: u64 = 1 << 30;

fn read(args: &Import) -> Outcome<Imported> {
    let stdin = args.file == Path::new("-");
    let name = if stdin { "standard input".to_owned() } else { args.file.display().to_string() };
    let mut bytes = Vec::new();
    let read = if stdin {
        std::io::stdin().lock().take(MOST_BYTES + 1).read_to_end(&mut bytes)
    } else {
        File::open(&args.file).and_then(|file| file.take(MOST_BYTES + 1).read_to_end(&mut bytes))
    };
    match read {
        Ok(length) if length as u64 <= MOST_BYTES => {}
        Ok(_) => return Err(Failure::usage(format!("{name} is longer than 1 GiB"))),
        Err(error) if error.kind() == ErrorKind::OutOfMemory => {
            return Err(Failure::refused(format!("there is not enough memory to read {name}")));
        }
        Err(error) => {
            let errno = palisade_loader::Errno::from_io(&error);
            return Err(Failure::usage(format!("cannot read {name}: {errno}")));
        }
    }
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
                let added = count.added.unwrap_or(added);
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
fn merge(
    at: &PolicyDir,
    args: &Import,
    parts: Vec<Part>,
    notes: &[String],
    out: &mut Output,
) -> Outcome {
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
    out.json(
        &json!({"policy": at.name.as_str(), "dry_run": args.dry_run, "sets": sets, "notes": notes}),
    )?;
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
fn replace(
    at: &PolicyDir,
    args: &Import,
    parts: &[Part],
    notes: &[String],
    out: &mut Output,
) -> Outcome {
    let running = Running::get(at)?;
    if parts.iter().all(|part| part.len() == 0) {
        return Err(Failure::usage(
            "the file holds no entries; replacing a set by nothing is most likely a mistake",
        )
        .note("help", "`palisade flush --set NAME` empties a set"));
    }
    let mut counts = Vec::new();
    let mut contents: BTreeMap<Name, Contents<'_>> = BTreeMap::new();
    for part in parts {
        let Some(declared) = running.policy.set(part.name.as_str()) else {
            return Err(Failure::usage(format!(
                "the policy does not declare the set `{}`",
                part.name
            )));
        };
        let old = at.set(&part.name)?.len()?;
        let new = OpenSet::create(declared)?.add(part.entries(), Carry::Dry)?.new;
        counts.push((part.name.clone(), old, new));
        let entries = |old: &[Entry]| part.entries().map(|entry| carried(old, entry)).collect();
        contents.insert(part.name.clone(), Box::new(entries));
    }
    if !args.dry_run {
        let (text, policy) = (&running.meta.text, &running.policy);
        install::install(at, Wanted { text, policy, devices: &[], access: None, contents })?;
    }
    let sets: serde_json::Map<_, _> = counts
        .iter()
        .map(|(name, old, new)| (name.to_string(), json!({"entries": new, "before": old})))
        .collect();
    out.json(
        &json!({"policy": at.name.as_str(), "dry_run": args.dry_run, "sets": sets, "notes": notes}),
    )?;
    let would = if args.dry_run { "would hold" } else { "holds" };
    for (name, old, new) in counts {
        out.say(format_args!(
            "`{name}` {would} {} in the place of {}",
            human::counted(new as u64, "entry", "entries"),
            human::grouped(old)
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
