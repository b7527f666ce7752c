//! What is in the kernel of this machine, as lines: to compare before and after a whole run.
//!
//! `cargo run -p palisade-tests --example leftovers` prints it, and tells what is new.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use palisade_loader::{Errno, ObjectId, ObjectKind, link};

use super::log;
use crate::lab::BPFFS;

/// How long the kernel may take to free what nobody holds any more.
const PATIENCE: Duration = Duration::from_secs(10);

/// Lines, each of one thing: a program, a map, a link, an interface, a pin, a complaint.
pub type Machine = BTreeSet<String>;

/// What there is now. Takes CAP_SYS_ADMIN.
pub fn now() -> Result<Machine, Errno> {
    let mut lines = Machine::new();
    for kind in [ObjectKind::Program, ObjectKind::Map, ObjectKind::Link] {
        lines.extend(ObjectId::all(kind)?.into_iter().map(|object| object.to_string()));
    }
    let links = link::list().unwrap_or_default();
    lines.extend(links.iter().map(|link| format!("interface {}", link.name.escape_debug())));
    pins(Path::new(BPFFS), &mut lines);
    lines.extend(log::all_complaints().into_iter().map(|line| format!("log {line}")));
    let taint = fs::read_to_string("/proc/sys/kernel/tainted").unwrap_or_default();
    lines.insert(format!("tainted {}", taint.trim_end()));
    Ok(lines)
}

fn pins(dir: &Path, lines: &mut Machine) {
    for entry in fs::read_dir(dir).into_iter().flatten().flatten() {
        let path = entry.path();
        lines.insert(format!("pin {}", path.display().to_string().escape_debug()));
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            pins(&path, lines);
        }
    }
}

/// What is new since then and stays, with the names of programs and maps.
pub fn new_since(before: &Machine) -> Result<Vec<String>, Errno> {
    let start = Instant::now();
    loop {
        let new: Vec<String> = now()?.difference(before).cloned().collect();
        if new.is_empty() || start.elapsed() > PATIENCE {
            return named(new);
        }
        std::thread::sleep(Duration::from_millis(100));
    }
}

/// Names what has stayed, and only that: what dies is better not opened. What the service manager
/// made for its units meanwhile is no concern.
fn named(lines: Vec<String>) -> Result<Vec<String>, Errno> {
    let mut named = Vec::new();
    let kinds = [ObjectKind::Program, ObjectKind::Map, ObjectKind::Link].map(ObjectId::all);
    let mut objects = Vec::new();
    for of_kind in kinds {
        objects.extend(of_kind?);
    }
    for line in lines {
        let object = objects.iter().find(|object| object.to_string() == line);
        let name = object.map_or(Ok(None), |object| object.name())?.unwrap_or_default();
        if !name.starts_with("sd_") {
            named.push(if name.is_empty() { line } else { format!("{line} `{name}`") });
        }
    }
    Ok(named)
}
