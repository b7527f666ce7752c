//! The interpreter against the kernel: the same program, packet and maps give the same result, the
//! same packet bytes and the same map contents.
//!
//! `PALISADE_PROGRAMS` says how many programs are made by chance, `PALISADE_POLICIES` how many
//! policies, and `PALISADE_SEED` which is the first, so that a failure can be seen again.

mod both;
mod edges;
mod exec;
mod generate;
mod limits;
mod odd;
mod oracle;
mod policies;
mod programs;

use std::str::FromStr;

/// A number from the environment.
fn number<T: FromStr>(name: &str) -> Option<T> {
    let text = std::env::var(name).ok()?;
    Some(text.parse().unwrap_or_else(|_| panic!("{name}={text} is no number")))
}
