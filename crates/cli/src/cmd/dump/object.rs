//! `dump --format elf`: the program as an object file, for loaders that know nothing of palisade.
//!
//! The file goes to stdout and what it cannot hold is said on stderr: entries of sets, and the time.
//! Everything else is in it: the constant tables, the mode (enforce), and that no set is taken to be
//! empty, so that entries that other tools put into the maps are found.

use std::collections::BTreeMap;
use std::io::{IsTerminal, Write};
use std::path::Path;

use palisade_asm::elf::{ObjectOptions, ProgramSection, object};
use palisade_filter::Buffers;

use crate::cmd::dump::Dumped;
use crate::failure::{Failure, Outcome};
use crate::output::Output;

/// The object file.
pub fn elf(dumped: &Dumped, out: &mut Output) -> Outcome {
    if std::io::stdout().is_terminal() {
        return Err(Failure::usage("an object file is nothing for a terminal")
            .note("help", "`palisade dump --format elf > FILE.o`"));
    }
    let target = dumped.target.target;
    let section = match target.buffers {
        Buffers::Single => ProgramSection::Xdp,
        Buffers::Multi => ProgramSection::XdpFrags,
    };
    let values: BTreeMap<usize, Vec<u8>> =
        dumped.artifact.values(&dumped.policy, target.order).into_iter().collect();
    let options = ObjectOptions {
        section,
        license: "Dual MIT/GPL",
        file: &file_name(dumped),
        order: target.order,
        layouts: &dumped.artifact.layouts,
        values: &values,
    };
    let bytes = object(&dumped.image, &options)
        .map_err(|error| Failure::bug(format!("the program has no object file: {error}")))?;
    remarks(dumped)?;
    Ok(out.writer().write_all(&bytes)?)
}

/// What the lines are those of.
fn file_name(dumped: &Dumped) -> String {
    let name = Path::new(&dumped.of).file_name().and_then(|name| name.to_str());
    match (name, dumped.kept) {
        (Some(name), None) => name.to_owned(),
        _ => format!("{}.pal", dumped.of),
    }
}

/// What the object does not hold.
fn remarks(dumped: &Dumped) -> Outcome {
    let mut to = std::io::stderr().lock();
    dumped.remark("", &mut to)?;
    for set in dumped.policy.sets() {
        if !set.elements.is_empty() || set.file.is_some() {
            writeln!(
                to,
                "note: an object cannot hold the entries of set `{}`: whoever loads it puts them into its maps",
                set.name
            )?;
        }
        if set.timeout.is_some() {
            writeln!(
                to,
                "note: entries of set `{}` do not end: whoever loads the object does not tell it the time",
                set.name
            )?;
        }
    }
    Ok(())
}
