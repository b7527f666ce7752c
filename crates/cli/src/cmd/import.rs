//! `import`: the entries of a file, all of them or none.
//!
//! An entry whose time is past already when the file is read is none, and is told as such.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{ErrorKind, Read};
use std::path::Path;

use palisade_filter::import::{self, Group, Imported, Stay};
use palisade_filter::structure::Origin;
use palisade_filter::value::{Timeout, in_order};
use palisade_filter::{Item, Name, SetKind};
use serde_json::json;

use crate::args::{Global, Import};
use crate::failure::{Failure, Outcome};
use crate::output::{Output, human};
use crate::running::contents::{Contents, Others};
use crate::running::grow;
use crate::running::home::PolicyDir;
use crate::running::in_force::Running;
use crate::running::install::{self, Wanted};
use crate::running::publish;
use crate::running::set::{Carry, Change, End, Entry, Now, OpenSet, full};

/// Reads the file and brings its entries into the sets they are meant for.
pub fn run(global: &Global, args: &Import, out: &mut Output) -> Outcome {
    let imported = read(args)?;
    let now = Now::read()?;
    let (at, _lock) = publish::to_write(&global.bpffs, &global.policy_name)?;
    let parts = parts(&at, args, imported.groups, now)?;
    let mut notes: Vec<String> = imported.notes.iter().map(|note| note.to_string()).collect();
    let ended: usize = parts.iter().map(|part| part.ended).sum();
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
    /// In order, each once: the first that the file names.
    entries: Vec<Entry>,
    /// How many more the file names that are among them.
    twice: usize,
    /// How many have ended already.
    ended: usize,
}

impl Part {
    fn of(name: Name, set: OpenSet, groups: &[Group], times: Times) -> Self {
        let named: usize = groups.iter().map(|group| group.items.len()).sum();
        let places =
            groups.iter().flat_map(|group| (0..group.items.len()).map(move |i| (group, i)));
        let alive: Vec<Entry> = places.filter_map(|(group, i)| times.entry(group, i)).collect();
        let (ended, count) = (named - alive.len(), alive.len());
        let entries = in_order(alive, |entry| entry.item);
        Self { name, set, twice: count - entries.len(), entries, ended }
    }
}

/// What the times of entries follow from.
#[derive(Clone, Copy)]
struct Times {
    /// How long an entry stays whose time the file does not tell.
    timeout: Option<Timeout>,
    now: Now,
}

impl Times {
    /// An entry of a group; `None` if it has ended.
    fn entry(self, group: &Group, i: usize) -> Option<Entry> {
        let count = group.counters.get(i).copied().unwrap_or_default();
        let ends = self.end(group, i)?;
        let added = count.added.unwrap_or(self.now.seconds());
        let (item, packets, bytes) = (*group.items.get(i)?, count.packets, count.bytes);
        Some(Entry { item, packets, bytes, added, ends, origin: Origin::Added })
    }

    /// When it ends; `None` if it has ended.
    fn end(self, group: &Group, i: usize) -> Option<End> {
        let after = |timeout| self.now.after(timeout);
        match group.stays.get(i).copied().unwrap_or_default() {
            Stay::Unsaid => Some(self.timeout.map_or(End::Never, after)),
            Stay::Forever => Some(End::Never),
            Stay::For(timeout) => Some(after(timeout)),
            Stay::Until(second) => self.now.at(second),
        }
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
                for (kind, group) in by_kind(group) {
                    by_set.entry(at.default_set(kind)?).or_default().push(group);
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
        parts.push(Part::of(name, set, &groups, Times { timeout, now }));
    }
    Ok(parts)
}

/// A group by the kinds of its items.
fn by_kind(group: Group) -> Vec<(SetKind, Group)> {
    let Some(first) = group.items.first().map(Item::kind) else { return Vec::new() };
    if group.items.iter().all(|item| item.kind() == first) {
        return vec![(first, group)];
    }
    let parts = SetKind::ALL.map(|kind| (kind, of_kind(&group, kind)));
    parts.into_iter().filter(|(_, group)| !group.items.is_empty()).collect()
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
    let adding = parts.iter().map(|part| (&part.name, &part.set, part.entries.as_slice()));
    let changes = grow::add(at, &adding.collect::<Vec<_>>(), carry)
        .map_err(|failure| failure.note("found", "nothing was imported"))?;
    let done: Vec<(Part, Change)> = parts.into_iter().zip(changes).collect();
    let sets: serde_json::Map<_, _> = done
        .iter()
        .map(|(part, change)| {
            let Change { new, retimed, .. } = change;
            let present = change.present + part.twice;
            (part.name.to_string(), json!({"added": new, "present": present, "retimed": retimed}))
        })
        .collect();
    out.json(
        &json!({"policy": at.name.as_str(), "dry_run": args.dry_run, "sets": sets, "notes": notes}),
    )?;
    let would = if args.dry_run { "would add" } else { "added" };
    for (Part { name, twice, .. }, change) in &done {
        let present = human::grouped((change.present + twice) as u64);
        let new = human::grouped(change.new as u64);
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
    if parts.iter().all(|part| part.entries.is_empty()) {
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
        let new = part.entries.len();
        if new > declared.max as usize {
            return Err(full(part.name.as_str(), 0, declared.max, new));
        }
        counts.push((part.name.clone(), old, new));
        let of = Contents { entries: &part.entries, others: Others::Go };
        contents.insert(part.name.clone(), of);
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
