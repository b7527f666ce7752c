//! What becomes of a packet and is not in it: how many came before, and what the kernel's routes say.

use super::{Decision, change_of};
use crate::policy::{Change, Policy, Verdict};

/// What a change may ask of what is around a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Given {
    /// How many packets the deciding rule has decided before, on the same CPU.
    pub turn: u64,
    /// What the kernel's routes say of the packet.
    pub fib: Fib,
}

/// What the kernel's routes say of a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fib {
    /// The result of `bpf_fib_lookup`: 0 where there is a way.
    pub answer: i32,
    /// The Ethernet address of the interface that it leaves by.
    pub source: [u8; 6],
    /// That of the next host.
    pub destination: [u8; 6],
}

impl Given {
    /// The first packet of its rule, and a way for it whose Ethernet addresses are not known.
    pub const FIRST: Self =
        Self { turn: 0, fib: Fib { answer: 0, source: [0; 6], destination: [0; 6] } };

    /// So many packets of its rule came before.
    pub const fn behind(turn: u64) -> Self {
        Self { turn, ..Self::FIRST }
    }
}

/// The verdict of a decision where the kernel's routes say this.
pub fn verdict_of(policy: &Policy, decision: &Decision, fib: &Fib) -> Verdict {
    match (change_of(policy, decision), fib.answer) {
        (Some(Change::Route), 0) => Verdict::Redirect,
        (Some(Change::Route), 1..=3) => Verdict::Drop,
        (Some(Change::Route), _) => Verdict::Pass,
        _ => decision.verdict,
    }
}
