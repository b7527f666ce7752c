//! The processor that a measurement has to itself as far as that goes, and the time it really had.

use std::fs;
use std::time::{Duration, Instant};

use nix::sched::{CpuSet, sched_getaffinity, sched_setaffinity};
use nix::unistd::Pid;

use super::refused;
use crate::failure::Outcome;

/// Keeps this thread on one processor, so that what it sends is received there too.
pub fn stay_on_one_cpu() -> Outcome {
    let failed = |errno: nix::errno::Errno| refused("stay on one processor", errno);
    let allowed = sched_getaffinity(Pid::from_raw(0)).map_err(failed)?;
    // The first one is where most interrupts go.
    let last = (0..CpuSet::count()).rev().find(|cpu| allowed.is_set(*cpu).unwrap_or(false));
    let mut one = CpuSet::new();
    one.set(last.unwrap_or(0)).map_err(failed)?;
    sched_setaffinity(Pid::from_raw(0), &one).map_err(failed)
}

/// How long something takes, without the time that this thread waited for its processor.
pub fn timed(work: impl FnOnce() -> Outcome) -> Outcome<Duration> {
    let (before, begin) = (waited(), Instant::now());
    work()?;
    let took = begin.elapsed();
    Ok(took.saturating_sub(waited().saturating_sub(before)))
}

/// How long this thread has waited for a processor; zero where the kernel does not tell.
fn waited() -> Duration {
    let told = fs::read_to_string("/proc/thread-self/schedstat").ok();
    let nanos = told.as_ref().and_then(|text| text.split_whitespace().nth(1)?.parse().ok());
    Duration::from_nanos(nanos.unwrap_or(0))
}
