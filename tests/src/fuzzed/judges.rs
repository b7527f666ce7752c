//! A policy that has two judges: its program in the interpreter, and the oracle.

use palisade_asm::verify::Rules;
use palisade_filter::oracle::{Decision, Declared, decide};
use palisade_filter::rehearsal::{Half, Rehearsal};
use palisade_filter::{Artifact, PlanError, Policy, compile};

use crate::agree::{Entry, Life, contents};
use crate::engine::hex;

/// What kernels take the program: those that take frames in several buffers.
const RULES: Rules = Rules::since(5, 18);
/// The time at which frames come, and at which an entry ends that is over.
const NOW: u64 = 1000;
/// When an entry ends that is not over yet.
const LATER: u64 = 1 << 62;

/// A policy, its entries, and its program with its maps filled.
pub struct Judges {
    policy: Policy,
    held: Declared,
    artifact: Artifact,
    rehearsal: Rehearsal,
    longest: u64,
}

impl Judges {
    /// The judges of a policy; `None` if it is more than a program can hold. Whatever is compiled,
    /// the offline verifier accepts.
    pub fn of(policy: Policy, entries: &[Entry]) -> Option<Self> {
        let artifact = match compile(&policy, Rehearsal::TARGET) {
            Ok(artifact) => artifact,
            Err(PlanError::TooManySets { .. }) => return None,
            Err(error) => panic!("{error}\nof:\n{policy}"),
        };
        if let Err(refusal) = artifact.program.verify(&RULES) {
            panic!("{refusal}\nof:\n{policy}");
        }
        let held = contents(&policy, entries);
        let rehearsal = filled(&policy, &artifact, entries);
        let longest = u64::try_from(artifact.program.longest_path()).expect("it has few");
        Some(Self { policy, held, artifact, rehearsal, longest })
    }

    /// What both say of a frame; what they do not agree on is a find, and so is a dead rule that
    /// decides, or a path that is longer than the longest one.
    pub fn decide(&mut self, frame: &[u8]) -> Decision {
        let wanted = decide(&self.policy, &self.held, frame);
        let of = || format!("oracle: {wanted:?}\nframe: {}\nof:\n{}", hex(frame), self.policy);
        let found = match self.rehearsal.run(frame) {
            Ok(found) => found,
            Err(fault) => panic!("{fault}\n{}", of()),
        };
        let row = self.rehearsal.row(found.row);
        let agree = found.half == Half::Enforced && self.rehearsal.agrees(&found, &wanted);
        assert!(agree, "interpreter: {found:?} by {row:?}\n{}", of());
        assert!(found.steps <= self.longest, "{} steps of {}\n{}", found.steps, self.longest, of());
        let dead = self.artifact.dead.iter().find(|dead| Some(dead.line) == wanted.line);
        assert!(dead.is_none(), "{dead:?} decides\n{}", of());
        wanted
    }
}

/// The program with what its sets declare and `entries` in them, at the time when frames come.
fn filled(policy: &Policy, artifact: &Artifact, entries: &[Entry]) -> Rehearsal {
    let mut rehearsal = Rehearsal::new(policy, artifact).expect("its maps are simulated");
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
