//! A policy and frames made of bytes: all readings of the policy decide the frames alike.

use std::sync::OnceLock;

use palisade_filter::oracle::decide;
use palisade_filter::parse;

use super::judges::Judges;
use crate::agree::{Readings, contents};
use crate::engine::hex;
use crate::judges::{forwards_nothing, routes};
use crate::privilege::Kernel;
use crate::random::{Chance, frame, policy};

/// How many frames are put to a policy: compiling it takes the most time.
const FRAMES: usize = 16;

/// The bytes choose a policy, entries of its sets and frames. The offline verifier accepts its
/// program, the interpreter decides each frame as the oracle does, what is printed of the policy
/// does so too, and where programs can be loaded, the kernel agrees.
pub fn verdict(bytes: &[u8]) {
    let mut chance = Chance::of(bytes);
    let made = policy(&mut chance);
    let policy = parse(&made.text).expect("a policy");
    let sets = contents(&policy, &made.entries);
    let printed = parse(&policy.to_string()).expect("what is printed is a policy");
    let Some(mut judges) = Judges::of(policy, &made.entries) else { return };
    let frames: Vec<Vec<u8>> = (0..FRAMES).map(|_| frame(&mut chance)).collect();
    for frame in &frames {
        let decision = judges.decide(frame);
        let again = decide(&printed, &sets, frame);
        let same = again.decider == decision.decider && again.counted == decision.counted;
        assert!(same, "{decision:?}, printed {again:?}: {}\nof:\n{}", hex(frame), made.text);
    }

    if routes(&parse(&made.text).expect("a policy")) && !forwards_nothing() {
        return;
    }
    let Some(kernel) = kernel() else { return };
    let readings = Readings::of(kernel, &made.text, &made.entries, kernel.best());
    let mut readings = readings.unwrap_or_else(|refusal| panic!("{refusal}\nof:\n{}", made.text));
    for frame in &frames {
        if let Err(difference) = readings.decide(frame) {
            panic!("{difference}\nof:\n{}", made.text);
        }
    }
}

fn kernel() -> Option<&'static Kernel> {
    static KERNEL: OnceLock<Option<Kernel>> = OnceLock::new();
    KERNEL.get_or_init(Kernel::or_skip).as_ref()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_of_any_kind_are_a_policy_and_a_frame_on_which_all_agree() {
        verdict(b"");
        for byte in [0, 1, 7, 60, 255] {
            verdict(&[byte; 300]);
        }
        for step in 1..12u8 {
            let bytes: Vec<u8> =
                (0..400u16).map(|at| at.to_le_bytes()[0].wrapping_mul(step)).collect();
            verdict(&bytes);
        }
    }
}
