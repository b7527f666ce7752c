//! The gate at the end of a test: what it had in the kernel must be gone, or the test fails.
//!
//! A lab knows its own at its end: the programs and maps that are pinned in its bpffs or attached to
//! its interfaces, and its two network namespaces. When its thread has ended none of these may
//! live, no process and no descriptor of this one may keep a namespace, no interface of its may
//! stand outside, and the kernel must not have complained. An [`Engine`](crate::engine::Engine) has
//! its own program and maps, which must be gone when it is, or with the lab that it was attached in.
//!
//! Tests run beside one another and beside those of others, so that nothing is told by counting: an
//! object is known by its number. The kernel frees some of it late, so that the gate waits.
//! What a whole run leaves behind is told by [`machine`], before and after it.

mod log;
pub mod machine;
mod notes;

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use palisade_loader::{ObjectId, link};

use crate::lab::{FAR, NEAR};

pub(crate) use notes::Notes;

/// How long the kernel may take to free what nobody holds any more, in milliseconds.
static PATIENCE: AtomicU64 = AtomicU64::new(10_000);
/// The longest pause between two looks.
const PAUSE: Duration = Duration::from_millis(50);

/// Waits no longer than this from now on: for those who leave something behind on purpose.
pub fn wait_at_most(patience: Duration) {
    let millis = u64::try_from(patience.as_millis()).unwrap_or(u64::MAX);
    PATIENCE.store(millis, Ordering::Relaxed);
}

/// Objects by their numbers, with the names that the kernel keeps.
///
/// The names are asked for while somebody holds the objects. To open a dying prog array by its
/// number, and close it, may make the kernel (6.18) count its clearing twice and keep it for good.
pub type Objects = BTreeMap<ObjectId, String>;

/// Objects that are held on purpose by tests that still run.
static HELD: Mutex<BTreeMap<ObjectId, usize>> = Mutex::new(BTreeMap::new());

thread_local! {
    /// Inside a lab, what was given up and still lives, for it may be attached; it must go with the lab.
    static GIVEN_UP: RefCell<Option<Objects>> = const { RefCell::new(None) };
}

/// Objects that must be gone when this is dropped: the last field of what holds them.
#[derive(Debug)]
pub struct Watch(Objects);

impl Watch {
    /// Watches objects that the caller holds.
    pub fn new(objects: Objects) -> Self {
        let mut held = HELD.lock().unwrap_or_else(PoisonError::into_inner);
        for object in objects.keys() {
            *held.entry(*object).or_default() += 1;
        }
        Watch(objects)
    }

    /// They are not held any more.
    fn release(&self) {
        let mut held = HELD.lock().unwrap_or_else(PoisonError::into_inner);
        for object in self.0.keys() {
            match held.get_mut(object) {
                Some(count) if *count > 1 => *count -= 1,
                _ => drop(held.remove(object)),
            }
        }
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.release();
        let mut alive = std::mem::take(&mut self.0);
        alive.retain(|object, _| lives(*object));
        if alive.is_empty() {
            return;
        }
        let in_lab = GIVEN_UP.with_borrow_mut(|given_up| match given_up {
            Some(given_up) => {
                given_up.append(&mut alive);
                true
            }
            None => false,
        });
        if !in_lab {
            settle(|| living(&alive));
        }
    }
}

/// Whether an object lives and no test that still runs holds it.
fn lives(object: ObjectId) -> bool {
    let held = HELD.lock().unwrap_or_else(PoisonError::into_inner).contains_key(&object);
    // To ask takes CAP_SYS_ADMIN, without which there are no labs: nothing is known then.
    !held && object.is_alive().unwrap_or(false)
}

fn living(objects: &Objects) -> Vec<String> {
    let alive = objects.iter().filter(|(object, _)| lives(**object));
    alive.map(|(object, name)| format!("{object} `{}`", name.escape_debug())).collect()
}

/// Waits until nothing is left; what stays is a failure of the calling test, unless it fails already.
#[track_caller]
fn settle(left: impl Fn() -> Vec<String>) {
    let (start, mut pause) = (Instant::now(), Duration::from_millis(1));
    let patience = Duration::from_millis(PATIENCE.load(Ordering::Relaxed));
    let mut found = left();
    while !found.is_empty() && start.elapsed() < patience {
        std::thread::sleep(pause);
        pause = (pause * 2).min(PAUSE);
        found = left();
    }
    if !std::thread::panicking() {
        assert!(found.is_empty(), "the test leaves behind: {}", found.join(", "));
    }
}

/// Waits until nothing is left of a lab, whose thread has ended.
#[track_caller]
pub(crate) fn leave(notes: &Notes) {
    settle(|| {
        let mut left = living(&notes.objects());
        left.extend(notes.namespaces().iter().flat_map(|namespace| keepers(namespace)));
        let outside = [NEAR, FAR].into_iter().filter(|name| link::by_name(name).is_ok());
        left.extend(outside.map(|name| format!("interface `{name}` outside the lab")));
        left
    });
    let said = log::complaints();
    assert!(said.is_empty(), "the kernel complains:\n{}", said.join("\n"));
    assert_eq!(taint(), *at_first(), "the kernel is tainted; see its log");
}

/// Begins to watch the kernel, before the first lab is made.
pub(crate) fn begin() {
    at_first();
    log::begin();
}

/// The kernel's mark of what befell it, as it was when the first test began.
fn at_first() -> &'static String {
    static FIRST: OnceLock<String> = OnceLock::new();
    FIRST.get_or_init(taint)
}

fn taint() -> String {
    fs::read_to_string("/proc/sys/kernel/tainted").unwrap_or_default()
}

/// The processes that are in a namespace, and the threads and descriptors of this one that keep it.
fn keepers(namespace: &str) -> Vec<String> {
    let is_it = |path: &Path| fs::read_link(path).is_ok_and(|to| to.as_os_str() == namespace);
    let entries = |dir: &str| fs::read_dir(dir).into_iter().flatten().flatten();
    let mut found = Vec::new();
    for process in entries("/proc").filter(|entry| is_it(&entry.path().join("ns/net"))) {
        let name = fs::read_to_string(process.path().join("comm")).unwrap_or_default();
        let number = process.file_name();
        found.push(format!("process {} `{}`", number.display(), name.trim_end()));
    }
    for thread in entries("/proc/self/task").filter(|entry| is_it(&entry.path().join("ns/net"))) {
        found.push(format!("thread {}", thread.file_name().display()));
    }
    for descriptor in entries("/proc/self/fd").filter(|entry| is_it(&entry.path())) {
        found.push(format!("descriptor {} of {namespace}", descriptor.file_name().display()));
    }
    found
}
