//! The differential suite: for a policy and a frame, oracle, interpreter and kernel say the same.
//!
//! They are compared in verdict, deciding row, `count` rows, all counters in packets and bytes, the
//! counters of the entries of sets, and the bytes of the frame. Policies are made by chance from the
//! grammar ([`palisade_tests::random`]); frames are made for each policy
//! ([`palisade_tests::derived`]), and at least half of them must be decided by a rule or a keep.
//! The interpreter runs every shape of target, the kernel the least and the best.
//!
//! ```text
//! cargo test -p palisade-tests --test differential
//! PALISADE_PAIRS=100000 cargo test -p palisade-tests --test differential by_chance
//! PALISADE_MINUTES=30 PALISADE_SEED=7000000 \
//!     cargo test --release -p palisade-tests --test differential by_chance -- --nocapture
//! ```
//!
//! `PALISADE_PAIRS` says how many pairs of policy and frame are judged, `PALISADE_SEED` which
//! policy is the first, `PALISADE_MINUTES` for how long there are more of them. A disagreement is made smaller and printed as a case, which joins `tests/corpus/` as a file: all
//! of that folder is judged by every `cargo test`.
//!
//! [`chance`] runs the pairs, [`tally`] holds what a run must have shown so that it is not void;
//! [`canary`] sees that a wrong expectation is found; [`relations`] needs no oracle.

mod canary;
mod chance;
mod corpus;
mod relations;
mod round;
mod tally;

use std::str::FromStr;

/// A number from the environment.
fn number<T: FromStr>(name: &str) -> Option<T> {
    let text = std::env::var(name).ok()?;
    Some(text.parse().unwrap_or_else(|_| panic!("{name}={text} is no number")))
}
