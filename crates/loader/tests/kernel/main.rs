//! What the running kernel does with what this crate asks of it.
//!
//! Every test runs as root on a thread of its own, inside a fresh network namespace and a fresh
//! mount namespace with a fresh bpffs, all of which end with the thread: a test leaves nothing
//! behind, also when it fails. Without root a test says that it was skipped, and why; with
//! `PALISADE_KERNEL=require` in the environment that is a failure.

mod attach;
mod clock;
mod features;
mod grace;
mod ground;
mod mapped;
mod maps;
mod objects;
mod pins;
mod programs;
mod rings;
#[allow(dead_code, reason = "the other tests name features that these do not")]
#[path = "../../../../tests/src/skip.rs"]
mod skip;
mod tracepoints;
mod xsk;
