//! The end of a packet that passes: the stack, or first the program in the slot.
//!
//! Whoever ends a packet goes through here, counted and changed as it is: what is behind sees what
//! the stack would have seen. Without a slot nothing is emitted for it.

use palisade_asm::{Assembler, Helper, Label, MapId, Note, R0, R1, R2, R3};

use super::frame::CTX;
use crate::policy::Verdict;

/// Where packets go that pass.
#[derive(Clone, Copy)]
pub enum WayOut {
    /// To the stack.
    Stack,
    /// To the program in the slot of `programs`.
    Slot {
        /// The array of programs.
        programs: MapId,
        /// Where that is done.
        label: Label,
    },
}

impl WayOut {
    /// Through the slot of that array, if there is one.
    pub fn new(a: &mut Assembler, programs: Option<MapId>) -> Self {
        match programs {
            None => Self::Stack,
            Some(programs) => Self::Slot { programs, label: a.label("next") },
        }
    }

    /// Ends a packet that has been counted and changed.
    pub fn end(self, a: &mut Assembler, verdict: Verdict) {
        match (self, verdict) {
            (Self::Slot { label, .. }, Verdict::Pass) => {
                a.jump(label);
            }
            _ => {
                a.mov(R0, verdict.code()).exit();
            }
        }
    }

    /// The end of all packets that pass, which have been counted and changed: where the slot is
    /// empty or the kernel calls no further tail, the stack gets them.
    pub fn pass(self, a: &mut Assembler) {
        if let Self::Slot { programs, label } = self {
            a.note(Note::new("next")).place(label);
            CTX.load(a, R1);
            a.load_map(R2, programs).mov(R3, 0).call(Helper::TAIL_CALL);
        }
        a.mov(R0, Verdict::Pass.code()).exit();
    }
}
