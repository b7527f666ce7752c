//! `import`: the entries of a file, all of them or none.
//!
//! An entry whose time is past already when the file is read is none, and is told as such.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{ErrorKind, Read};
use std::path::Path;

use palisade_filter::import::{self, Group, Imported, Stay};
use palisade_filter::structure::Origin;
use palisade_filter::value::Timeout;
use palisade_filter::{Item, Name, SetKind};
use serde_json::json;

use crate::args::{Global, Import};
use crate::failure::{Failure, Outcome};
use crate::output::{Output, human};
use crate::running::contents::Contents;
use crate::running::grow;
use crate::running::home::PolicyDir;
use crate::running::in_force::Running;
use crate::running::install::{self, Wanted};
use crate::running::publish;
use crate::running::set::{Carry, Change, End, Entry, Now, OpenSet, full, rank};

/// Reads the file and brings its entries into the sets they are meant for.
pub fn run(global: &Global, args: &Import, out: &mut Output) -> Outcome {
    let imported = read(args)?;
    let now = Now::read()?;
    let (at, _lock) = publish::to_write(&global.bpffs, &global.policy_name)?;
    let parts = parts(&at, args, imported.groups, now)?;
    let mut notes: Vec<String> = imported.notes.iter().map(|note| note.to_string()).collect();
    let ended: usize = parts.iter().map(Part::ended).sum();
    if ended > 0 {
        notes.push(format!("entries left out because their time is past: {ended}"));
    }
    for note in &notes {
        out.say(format_args!("note: {note}"))?;
    }
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
    set: OpenSet,
    groups: Vec<Group>,
    /// How long an entry stays whose time the file does not tell.
    timeout: Option<Timeout>,
    now: Now,
}

impl Part {
    fn entries(&self) -> impl Iterator<Item = Entry> + Clone + '_ {
        self.groups.iter().flat_map(move |group| {
            group.items.iter().enumerate().filter_map(move |(i, item)| {
                let count = group.counters.get(i).copied().unwrap_or_default();
                let ends = self.end(group.stays.get(i).copied().unwrap_or_default())?;
                let added = count.added.unwrap_or(self.now.seconds());
                let (packets, bytes) = (count.packets, count.bytes);
                Some(Entry { item: *item, packets, bytes, added, ends, origin: Origin::Added })
            })
        })
    }

    /// When an entry ends; `None` if it has ended.
    fn end(&self, stay: Stay) -> Option<End> {
        let after = |timeout| self.now.after(timeout);
        match stay {
            Stay::Unsaid => Some(self.timeout.map_or(End::Never, after)),
            Stay::Forever => Some(End::Never),
            Stay::For(timeout) => Some(after(timeout)),
            Stay::Until(second) => self.now.at(second),
        }
    }

    /// How many entries have ended already.
    fn ended(&self) -> usize {
        let stays = self.groups.iter().flat_map(|group| &group.stays);
        stays.filter(|stay| self.end(**stay).is_none()).count()
    }

    /// How many entries there are, each counted once.
    fn count(&self) -> usize {
        let mut items: Vec<Item> = self.entries().map(|entry| entry.item).collect();
        items.sort_unstable_by_key(rank);
        items.dedup();
        items.len()
    }

    fn is_empty(&self) -> bool {
        self.entries().next().is_none()
    }
}

/// The groups of the file by the set that takes them: the one of `--set`, the one that the group
/// names, or the usual one of each kind.
fn parts(at: &PolicyDir, args: &Import, groups: Vec<Group>, now: Now) -> Outcome<Vec<Part>> {
    let mut by_set: BTreeMap<Name, Vec<Group>> = BTreeMap::new();
    for group in groups {
        match args.set.clone().or_else(|| group.set.clone()) {
            Some(name) => by_set.entry(name).or_default().push(group),
            None => {
                for kind in SetKind::ALL {
                    let group = of_kind(&group, kind);
                    if !group.items.is_empty() {
                        by_set.entry(at.default_set(kind)?).or_default().push(group);
                    }
                }
            }
        }
    }
    let mut parts = Vec::new();
    for (name, groups) in by_set {
        let set = at.set(&name)?;
        let stray = |item: &&Item| !set.kind().takes(item);
        if let Some(item) = groups.iter().flat_map(|g| &g.items).find(stray) {
            return Err(super::edit::wrong_kind(&name, &set, item));
        }
        let timeout = args.timeout.map_or_else(|| set.timeout(), |asked| Ok(Some(asked)))?;
        parts.push(Part { name, set, groups, timeout, now });
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
        stays: at.iter().filter_map(|i| group.stays.get(*i).copied()).collect(),
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
    let adding = parts.iter().map(|part| (&part.name, &part.set, part.entries()));
    let changes = grow::add(at, adding, carry)
        .map_err(|failure| failure.note("found", "nothing was imported"))?;
    let done: Vec<(Part, Change)> = parts.into_iter().zip(changes).collect();
    let sets: serde_json::Map<_, _> = done
        .iter()
        .map(|(part, change)| {
            let Change { new, present, retimed, .. } = change;
            (part.name.to_string(), json!({"added": new, "present": present, "retimed": retimed}))
        })
        .collect();
    out.json(
        &json!({"policy": at.name.as_str(), "dry_run": args.dry_run, "sets": sets, "notes": notes}),
    )?;
    let would = if args.dry_run { "would add" } else { "added" };
    for (Part { name, .. }, change) in &done {
        let (new, present) =
            (human::grouped(change.new as u64), human::grouped(change.present as u64));
        let retimed = match change.retimed {
            0 => String::new(),
            count => format!(", {} of them with a new time", human::grouped(count as u64)),
        };
        out.say(format_args!(
            "{would} {new} to `{name}`; {present} already there or twice in the file{retimed}"
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
    if parts.iter().all(Part::is_empty) {
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
        let old = part.set.len()?;
        let new = part.count();
        if new > declared.max as usize {
            return Err(full(part.name.as_str(), 0, declared.max, new));
        }
        counts.push((part.name.clone(), old, new));
        let entries = |old: &[Entry]| part.entries().map(|entry| carried(old, entry)).collect();
        contents.insert(part.name.clone(), Box::new(entries));
    }
    if !args.dry_run {
        let (text, policy) = (&running.meta.text, &running.policy);
        install::install(at, Wanted { contents, ..Wanted::new(text, policy) })?;
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

/// An entry that was there before keeps its age, what the policy says of it, and its counters if
/// the file has none.
fn carried(old: &[Entry], entry: Entry) -> Entry {
    let there = old.binary_search_by_key(&rank(&entry.item), |old| rank(&old.item));
    let old = there.ok().and_then(|at| old.get(at));
    match old {
        Some(old) if (entry.packets, entry.bytes) == (0, 0) => Entry { ends: entry.ends, ..*old },
        Some(Entry { added, origin, .. }) => Entry { added: *added, origin: *origin, ..entry },
        None => entry,
    }
}
