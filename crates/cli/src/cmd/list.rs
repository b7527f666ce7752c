//! `list` and `export`: the entries of sets.

use std::io::Write;

use palisade_filter::{Name, SetKind};
use serde_json::json;

use crate::args::{Export, ExportFormat, Global, List};
use crate::failure::{Failure, Outcome};
use crate::output::{Form, Output, human};
use crate::running::home::PolicyDir;
use crate::running::look::look;
use crate::running::set::{Entry, Now, OpenSet};

/// The entries with their hits.
pub fn list(global: &Global, args: &List, out: &mut Output) -> Outcome {
    let sets = look(global, |at, _| open(at, args.set.as_ref()))?;
    if out.form() == Form::Json {
        return document(&global.policy_name, &sets, out);
    }
    for (name, set) in &sets {
        let entries = set.entries()?;
        out.say(format_args!(
            "{name} ({}): {} of {} entries{}",
            set.kind().word(),
            human::grouped(entries.len() as u64),
            human::grouped(set.max().into()),
            refused(set.refused()?),
        ))?;
        table(&entries, out)?;
    }
    Ok(())
}

/// What is told of bans that a set had no room for.
fn refused(bans: u64) -> String {
    match bans {
        0 => String::new(),
        bans => format!("; no room for {}", human::counted(bans, "ban", "bans")),
    }
}

/// The entries as `import` reads them.
pub fn export(global: &Global, args: &Export, out: &mut Output) -> Outcome {
    let sets = look(global, |at, _| open(at, args.set.as_ref()))?;
    match args.format {
        ExportFormat::Json => document(&global.policy_name, &sets, out),
        ExportFormat::List => {
            told_apart(&sets)?;
            for (_, set) in &sets {
                for entry in set.entries()? {
                    writeln!(out.writer(), "{}", entry.item)?;
                }
            }
            Ok(())
        }
    }
}

/// A list names no sets: it would come back as entries of one.
fn told_apart(sets: &[(Name, OpenSet)]) -> Outcome {
    let kinds = SetKind::ALL;
    let several = |kind: &SetKind| sets.iter().filter(|(_, set)| set.kind() == *kind).count() > 1;
    if kinds.iter().any(several) {
        let names: Vec<&str> = sets.iter().map(|(name, _)| name.as_str()).collect();
        return Err(Failure::usage("a list does not say which set an entry belongs to").note(
            "help",
            format!("say which with --set: {}; or use --format json", names.join(", ")),
        ));
    }
    Ok(())
}

/// The sets that are meant: the one that is named, or all.
fn open(at: &PolicyDir, name: Option<&Name>) -> Outcome<Vec<(Name, OpenSet)>> {
    let names = match name {
        Some(name) => vec![name.clone()],
        None => at.set_names()?,
    };
    names.into_iter().map(|name| at.set(&name).map(|set| (name, set))).collect()
}

/// Lines of at most this many entries are aligned with each other; a long list goes out as it is
/// read.
const ALIGNED: usize = 4096;

fn table(entries: &[Entry], out: &mut Output) -> Outcome {
    let now = Now::read()?;
    for part in entries.chunks(ALIGNED) {
        let rows: Vec<Vec<String>> = part
            .iter()
            .map(|entry| {
                let left = now.left(entry.ends).map(|left| format!("{} left", human::time(left)));
                vec![
                    format!("  {}", entry.item),
                    human::counted(entry.packets, "packet", "packets"),
                    human::bytes(entry.bytes),
                    left.unwrap_or_default(),
                ]
            })
            .collect();
        for line in human::table(&rows, &[1, 2, 3]) {
            out.say(line)?;
        }
    }
    Ok(())
}

/// All sets as one JSON document, written as it is read: a million entries need no tree of values.
/// Items and names hold nothing that JSON would escape.
fn document(policy: &Name, sets: &[(Name, OpenSet)], out: &mut Output) -> Outcome {
    let (writer, now) = (out.writer(), Now::read()?);
    write!(writer, "{{\"policy\":{},\"sets\":{{", json!(policy.as_str()))?;
    for (i, (name, set)) in sets.iter().enumerate() {
        let comma = if i > 0 { "," } else { "" };
        let (kind, max) = (set.kind().word(), set.max());
        write!(writer, "{comma}\"{name}\":{{\"type\":\"{kind}\",\"max\":{max},\"entries\":[")?;
        for (i, entry) in set.entries()?.iter().enumerate() {
            let Entry { item, packets, bytes, added, ends, origin: _ } = entry;
            let comma = if i > 0 { "," } else { "" };
            write!(
                writer,
                "{comma}{{\"item\":\"{item}\",\"packets\":{packets},\"bytes\":{bytes},\"added\":{added},\"expires\":"
            )?;
            match now.second_of(*ends) {
                Some(second) => write!(writer, "{second}}}")?,
                None => write!(writer, "null}}")?,
            }
        }
        match set.kind() {
            SetKind::Host => write!(writer, "],\"refused\":{}}}", set.refused()?)?,
            SetKind::Net | SetKind::Service | SetKind::Mac => write!(writer, "]}}")?,
        }
    }
    writeln!(writer, "}}}}")?;
    Ok(())
}
