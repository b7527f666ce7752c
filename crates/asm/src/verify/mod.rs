//! An offline verifier: whether every supported kernel takes a loop-free XDP program, found out
//! without one.
//!
//! Programs are followed path by path with the kernel's own domains: what a pointer leads to, how
//! much of the packet was shown to be there, values of maps that may be null, slots of the stack,
//! intervals and known bits. Kernels differ in what they conclude, so nothing is concluded here that
//! one of them does not, from Linux 5.10 on. What is accepted, they accept from root, or whoever has
//! CAP_BPF, CAP_NET_ADMIN and CAP_PERFMON; without the last one a kernel follows more than is
//! followed here, and nothing is said. What is refused, a kernel may still accept, and the
//! [`Refusal`] says what was not known.
//!
//! Not judged, and refused as such: loops, callbacks, functions of the program that call others or
//! are given pointers, functions of the kernel that are no helpers, helpers that give other things than numbers and values of maps. The
//! million instructions that a kernel follows at most are counted as they are followed here: that
//! count is near a kernel's for code whose paths meet early, and no bound for code whose paths do
//! not.
//!
//! ```
//! use palisade_asm::verify::{Reason, Rules};
//! use palisade_asm::{Assembler, Cond, R0, R1, R2, R3, Size};
//!
//! let mut a = Assembler::new();
//! let short = a.label("short");
//! a.load(Size::W, R2, R1 + 0).load(Size::W, R3, R1 + 4);
//! a.mov(R1, R2).add(R1, 14).jump_if(R1, Cond::Gt, R3, short);
//! a.load(Size::H, R0, R2 + 13);
//! a.place(short);
//! a.mov(R0, 2).exit();
//! let refusal = a.finish()?.verify(&Rules::ROOT).unwrap_err();
//! assert_eq!(refusal.at, 5);
//! assert!(matches!(refusal.why, Reason::PacketRange { off: 13, size: 2, range: 14, .. }));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod arith;
mod branch;
mod call;
mod compare;
mod explore;
mod functions;
mod helper;
mod interval;
mod kept;
mod live;
mod memory;
mod pointer;
mod refusal;
mod rules;
mod scalar;
mod stack;
mod state;
mod step;
mod tnum;
mod value;

pub use refusal::{Decision, Reason, Refusal, Scope};
pub use rules::{Kernel, Rules};

use crate::program::Program;

/// How many instructions a kernel follows (`BPF_COMPLEXITY_LIMIT_INSNS`).
const MOST_FOLLOWED: usize = 1_000_000;

/// How many branches a kernel keeps in mind (`BPF_COMPLEXITY_LIMIT_JMP_SEQ`).
const MOST_JUMPS: usize = 8192;

/// What following a program took; where kernels differ, for the one that it took most for.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Report {
    /// Instructions that were followed, each as often as it was.
    pub processed: usize,
    /// States that were kept where paths meet.
    pub states: usize,
    /// The most of them at one instruction.
    pub most_states: usize,
    /// The most ways that were open at once.
    pub pending: usize,
    /// The most conditional jumps on one path.
    pub jumps: usize,
    /// Instructions on the longest path.
    pub longest_path: usize,
}

impl Report {
    /// The greater figure of each kind.
    fn most(self, other: Self) -> Self {
        Self {
            processed: self.processed.max(other.processed),
            states: self.states.max(other.states),
            most_states: self.most_states.max(other.most_states),
            pending: self.pending.max(other.pending),
            jumps: self.jumps.max(other.jumps),
            longest_path: self.longest_path.max(other.longest_path),
        }
    }
}

impl Program {
    /// Whether every kernel that the rules name takes this as an XDP program from a loader with
    /// CAP_PERFMON.
    ///
    /// # Errors
    ///
    /// The first instruction found that one of them may refuse.
    pub fn verify(&self, rules: &Rules) -> Result<Report, Box<Refusal>> {
        explore::explore(self, *rules)
    }
}
