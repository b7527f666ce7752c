//! A policy's program in the interpreter, with entries in its sets that last, that end later, and
//! that are over.

use palisade_filter::rehearsal::Rehearsal;
use palisade_filter::{Artifact, Policy};

use crate::agree::{Entry, Life};

/// The time at which frames come: an entry that is over ends now.
const NOW: u64 = 1000;
/// When an entry ends that is not over yet.
const LATER: u64 = 1 << 62;

/// The program with what its sets declare and `entries` in them, at the time when frames come.
pub fn rehearsed(policy: &Policy, artifact: &Artifact, entries: &[Entry]) -> Rehearsal {
    let ready = Rehearsal::new(policy, artifact);
    let mut rehearsal = ready.unwrap_or_else(|why| panic!("{why}\nof:\n{policy}"));
    rehearsal.insert_declared(policy).expect("what is declared fits");
    rehearsal.set_now(NOW);
    for set in policy.sets() {
        let own = entries.iter().filter(|entry| entry.set == set.name.as_str());
        let items = own.map(|entry| (entry.item.parse().expect("an item"), ends(entry.life)));
        let id = policy.set_id(set.name.as_str()).expect("a set of the policy");
        rehearsal.insert(id, items.collect::<Vec<_>>()).expect("there is room");
    }
    rehearsal
}

fn ends(life: Life) -> u64 {
    match life {
        Life::Lasting => 0,
        Life::Timed => LATER,
        Life::Over => NOW,
    }
}
