//! A policy that has two judges: its program in the interpreter, and the oracle.

use palisade_asm::verify::Rules;
use palisade_filter::oracle::{Decision, Declared, decide};
use palisade_filter::rehearsal::{Half, Rehearsal};
use palisade_filter::{Artifact, PlanError, Policy, compile};

use crate::agree::{Entry, contents};
use crate::engine::hex;
use crate::rehearsed::rehearsed;

/// What kernels take the program: those that take frames in several buffers.
const RULES: Rules = Rules::since(5, 18);

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
        let rehearsal = rehearsed(&policy, &artifact, entries);
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
        let tells = self.rehearsal.tells(&found, &wanted, frame);
        assert!(tells, "interpreter reports: {:?}\n{}", found.told, of());
        assert!(found.steps <= self.longest, "{} steps of {}\n{}", found.steps, self.longest, of());
        let dead = self.artifact.dead.iter().find(|dead| Some(dead.line) == wanted.line);
        assert!(dead.is_none(), "{dead:?} decides\n{}", of());
        wanted
    }
}
