//! What a lab has in the kernel, noted at its end, however it ends.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::sync::{Mutex, PoisonError};

use palisade_loader::{MapHandle, ObjectId, ObjectKind, PinDir, Program, link};

use super::{GIVEN_UP, Objects};
use crate::lab::{BPFFS, Lab};

/// The objects and namespaces of a lab.
#[derive(Debug, Default)]
pub(crate) struct Notes {
    objects: Mutex<Objects>,
    namespaces: Mutex<BTreeSet<String>>,
}

/// Notes what a lab has when it is dropped, which is before the lab is.
pub(crate) struct AtTheEnd<'a> {
    notes: &'a Notes,
    lab: &'a Lab,
    /// The device number of its bpffs: another one there is not its own.
    bpffs: Option<u64>,
}

impl Notes {
    /// Begins on the lab's thread, when it has been set up.
    pub(crate) fn begin<'a>(&'a self, lab: &'a Lab) -> AtTheEnd<'a> {
        GIVEN_UP.with_borrow_mut(|given_up| *given_up = Some(Objects::new()));
        let here = namespace();
        let far = lab.in_far(namespace);
        let mut namespaces = self.namespaces.lock().unwrap_or_else(PoisonError::into_inner);
        namespaces.extend(here.into_iter().chain(far));
        AtTheEnd { notes: self, lab, bpffs: device() }
    }

    /// The programs and maps that it had.
    pub(crate) fn objects(&self) -> Objects {
        self.objects.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Its network namespaces, as links in `/proc` name them.
    pub(crate) fn namespaces(&self) -> BTreeSet<String> {
        self.namespaces.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// The network namespace of this thread.
fn namespace() -> Option<String> {
    fs::read_link("/proc/thread-self/ns/net").ok()?.into_os_string().into_string().ok()
}

/// The device number of what is mounted where the lab's bpffs is.
fn device() -> Option<u64> {
    fs::metadata(BPFFS).ok().map(|found| found.dev())
}

impl Drop for AtTheEnd<'_> {
    fn drop(&mut self) {
        let mut found = attached();
        // A test may have left a bad state in the far namespace; then nothing is known of it.
        found.extend(self.lab.far().run(attached).unwrap_or_default());
        if self.bpffs.is_some()
            && self.bpffs == device()
            && let Ok(root) = PinDir::open_root(Path::new(BPFFS))
        {
            pinned(&root, &mut found);
        }
        let given_up = GIVEN_UP.with_borrow_mut(Option::take);
        found.extend(given_up.into_iter().flatten());
        self.notes.objects.lock().unwrap_or_else(PoisonError::into_inner).extend(found);
    }
}

/// The programs on the interfaces of this thread's namespace, and their maps.
fn attached() -> Objects {
    let links = link::list().unwrap_or_default();
    let ids = links.iter().filter_map(|link| link.xdp.as_ref()).map(|xdp| xdp.program_id);
    let programs = ids.filter_map(|id| Program::by_id(id).ok());
    programs.flat_map(|program| with_maps(&program)).collect()
}

/// The programs and maps under a directory of a bpffs. What cannot be opened is of another kind, or
/// was put there to be refused.
fn pinned(dir: &PinDir, found: &mut Objects) {
    for name in dir.names().unwrap_or_default() {
        if let Ok(Some(inner)) = dir.subdir(&name) {
            pinned(&inner, found);
        } else if let Ok(program) = Program::open(dir, &name) {
            found.extend(with_maps(&program));
        } else if let Ok(info) = MapHandle::open(dir, &name).and_then(|map| map.info()) {
            found.insert(ObjectId { kind: ObjectKind::Map, id: info.id }, info.name);
        }
    }
}

/// A program that is held, and its maps, which it holds.
fn with_maps(program: &Program) -> Objects {
    let Ok(info) = program.info() else { return Objects::new() };
    let maps = info.map_ids.iter().map(|id| ObjectId { kind: ObjectKind::Map, id: *id });
    // Their names are known where they are pinned.
    let maps = maps.map(|map| (map, format!("of {}", info.name)));
    maps.chain([(ObjectId { kind: ObjectKind::Program, id: info.id }, info.name.clone())]).collect()
}
