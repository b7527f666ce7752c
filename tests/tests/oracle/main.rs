//! The oracle on frames that are composed without it: the table of odd frames, and every term of
//! the language with what it matches, what it narrowly misses, and what it is no matter for.

mod odd;
mod terms;

use palisade_filter::oracle::{Decider, Decision, Declared, decide};
use palisade_filter::{Policy, parse};

fn policy(text: &str) -> Policy {
    parse(text).unwrap_or_else(|errors| panic!("{errors:?}\nof:\n{text}"))
}

fn decided(policy: &Policy, frame: &[u8]) -> Decision {
    decide(policy, &Declared::of(policy), frame)
}

/// The name of the flaw for which a frame was judged, if it was.
fn flaw(decision: &Decision) -> Option<&'static str> {
    match decision.decider {
        Decider::Malformed(flaw) => Some(flaw.name()),
        Decider::Keep(_) | Decider::Rule(_) | Decider::Fragment | Decider::Default => None,
    }
}

fn hex(frame: &[u8]) -> String {
    frame.iter().map(|byte| format!("{byte:02x}")).collect()
}
