//! Policies and frames by chance, the same for the same seed on every machine.
//!
//! Addresses, ports and all other values come from small domains, so that rules and frames meet
//! often: near misses are as frequent as matches. Nothing here knows what a rule means; a policy
//! is made of text, and what the parser refuses is left out.

mod frame;
mod policy;
mod term;
pub(crate) mod values;

pub use frame::frame;
pub use policy::{Made, policy, rules};
pub use term::matching;

/// Numbers by chance: those that were given, then SplitMix64.
#[derive(Clone, Debug)]
pub struct Chance {
    /// The last one comes first.
    given: Vec<u8>,
    state: u64,
}

impl Chance {
    /// Chance that begins with this seed.
    pub fn new(seed: u64) -> Self {
        Self { given: Vec::new(), state: seed }
    }

    /// Chance that takes its first numbers from these bytes, one from each.
    pub fn of(bytes: &[u8]) -> Self {
        Self { given: bytes.iter().rev().copied().collect(), state: 0 }
    }

    /// A number of 64 bits.
    pub fn number(&mut self) -> u64 {
        if let Some(byte) = self.given.pop() {
            return byte.into();
        }
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.state;
        mixed = (mixed ^ mixed >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ mixed >> 31
    }

    /// A number below `bound`, which is not 0.
    pub fn below(&mut self, bound: usize) -> usize {
        let bound = u64::try_from(bound).expect("a small bound");
        usize::try_from(self.number() % bound).expect("below a small bound")
    }

    /// Whether what happens once in `many` times happens.
    pub fn once_in(&mut self, many: usize) -> bool {
        self.below(many) == 0
    }

    /// One of these.
    pub fn one<T: Copy>(&mut self, of: &[T]) -> T {
        of[self.below(of.len())]
    }

    /// A byte.
    pub fn byte(&mut self) -> u8 {
        u8::try_from(self.below(256)).expect("a byte")
    }
}

#[cfg(test)]
mod tests {
    use palisade_filter::{Target, compile, parse};

    use super::*;

    #[test]
    fn the_same_seed_makes_the_same_policy_and_frames() {
        let of = |seed| {
            let mut chance = Chance::new(seed);
            (policy(&mut chance).text, frame(&mut chance))
        };
        assert_eq!(of(7), of(7));
        assert_ne!(of(7).0, of(8).0);
    }

    #[test]
    fn some_policies_are_so_long_that_the_verifier_is_shown_their_end_first() {
        let shown = |seed: &u64| {
            let text = policy(&mut Chance::new(*seed)).text;
            let compiled = compile(&parse(&text).expect("a policy"), Target::FLOOR);
            compiled.is_ok_and(|c| c.program.listing().to_string().contains("end of the rules"))
        };
        assert!((1..60).filter(shown).count() >= 2);
    }

    #[test]
    fn every_policy_is_one() {
        for seed in 0..300 {
            let text = policy(&mut Chance::new(seed)).text;
            assert!(parse(&text).is_ok(), "{seed}:\n{text}");
        }
    }
}
