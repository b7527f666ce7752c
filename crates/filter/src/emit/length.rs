//! The length of a frame, and whether it holds the packet that its IP header promises.
//!
//! Of a frame in several buffers the pointers show the first one only. The kernel is asked for the
//! whole length where it matters: when the IP length points beyond the linear part, and for frames
//! that are not IP.

use palisade_asm::{Assembler, Cond, Helper, R0, R1, R2, R3};

use super::Ends;
use super::frame::{AT, CTX, END, LEN, OFFSET, SAVED};
use crate::plan::{Access, Buffers, Target};
use crate::policy::Flaw;

/// Puts the length of the frame from `AT`, its start, to `END` into `LEN`, or asks for it where
/// pointers cannot be subtracted.
pub fn first(a: &mut Assembler, target: Target) {
    match target.access {
        Access::Pointers => {
            a.mov(LEN, END).sub(LEN, AT);
        }
        Access::Helpers => ask(a),
    }
}

/// Puts the whole length of a frame that is not parsed as IP into `LEN`.
pub fn whole(a: &mut Assembler, target: Target) {
    if (target.buffers, target.access) == (Buffers::Multi, Access::Pointers) {
        ask(a);
    }
}

/// Puts the length that the kernel tells into `LEN`. Clobbers R0 to R5.
fn ask(a: &mut Assembler) {
    CTX.load(a, R1);
    a.call(Helper::XDP_GET_BUFF_LEN).mov(LEN, R0);
}

/// Goes to `bad-length` unless the frame holds the packet of `R2` plus `more` bytes at `AT`. Keeps
/// R1 and R2; clobbers the other scratch registers.
pub fn holds(a: &mut Assembler, target: Target, more: i32, ends: &Ends<'_>) {
    let bad = ends.malformed(Flaw::BadLength);
    if target.access == Access::Helpers {
        // The whole length is known, and the end of the packet is compared as a number.
        OFFSET.load(a, R3);
        a.add(R3, R2);
        if more != 0 {
            a.add(R3, more);
        }
        a.jump_if(R3, Cond::Gt, LEN, bad);
        return;
    }
    a.mov(R3, END).sub(R3, AT);
    if more != 0 {
        a.sub(R3, more);
    }
    if target.buffers == Buffers::Single {
        a.jump_if(R2, Cond::Sgt, R3, bad);
        return;
    }
    let held = a.label("packet in frame");
    a.jump_if(R2, Cond::Sle, R3, held);
    for (slot, reg) in SAVED.into_iter().zip([R1, R2, R3]) {
        slot.store(a, reg);
    }
    CTX.load(a, R1);
    a.call(Helper::XDP_GET_BUFF_LEN);
    for (slot, reg) in SAVED.into_iter().zip([R1, R2, R3]) {
        slot.load(a, reg);
    }
    // What is held beyond the linear part comes to what was there.
    a.add(R3, R0).sub(R3, LEN).mov(LEN, R0);
    a.jump_if(R2, Cond::Sgt, R3, bad);
    a.place(held);
}
