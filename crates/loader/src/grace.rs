//! Waiting until no program that runs now runs any more.
//!
//! What is taken out of a map's memory may be in the hands of a program that looked it up before.
//! After the wait every program that is run sees what was stored before the wait, so that what was
//! taken out can be used anew.

use std::sync::atomic::{Ordering, fence};
use std::time::Duration;

use crate::percpu::count_cpus;
use crate::sys;

/// The list of CPUs that run now.
const ONLINE: &str = "/sys/devices/system/cpu/online";
/// Far longer than a program takes: those of this repository take microseconds.
const SLEEP: Duration = Duration::from_millis(50);

/// What the end of a wait rests on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Waited {
    /// The kernel's word that they have ended.
    Told,
    /// Time, as the kernel did not give its word: with `nohz_full`, with a single CPU, without
    /// membarrier(2), or where a filter of system calls forbids it.
    Slept,
}

/// Waits until every program that runs now, on any CPU, has ended, and says how it knows. It takes
/// no right, and some milliseconds. Programs that may sleep, which those at XDP never do, are not
/// waited for.
#[doc(alias = "synchronize_rcu")]
#[doc(alias = "membarrier")]
pub fn wait_for_running_programs() -> Waited {
    fence(Ordering::SeqCst);
    match sys::membarrier() {
        // With one CPU online the call returns at once, though a program that a kernel of the
        // preemptible kind put aside may still be about to go on.
        Ok(()) if several_cpus() => Waited::Told,
        _ => {
            std::thread::sleep(SLEEP);
            Waited::Slept
        }
    }
}

/// Whether more than one CPU is known to run.
fn several_cpus() -> bool {
    let list = std::fs::read_to_string(ONLINE).ok();
    list.and_then(|list| count_cpus(&list)).is_some_and(|count| count > 1)
}
