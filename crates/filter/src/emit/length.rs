//! The length of a frame, and whether it holds the packet that its IP header promises.
//!
//! Of a frame in several buffers the pointers show the first one only. The kernel is asked for the
//! whole length where it matters: when the IP length points beyond the linear part, and for frames
//! that are not IP.

use palisade_asm::{Assembler, Cond, Helper, R0, R1, R2, R3, R4, Size};

use super::Ends;
use super::frame::{AT, CTX, END, LEFT, LEN, SAVED, ctx};
use crate::plan::{Access, Buffers, Malformed, Target};

/// Stores the length of the frame, as far as the target lets the program know it for free.
pub fn first(a: &mut Assembler, target: Target) {
    match target.access {
        Access::Pointers => {
            a.load(Size::W, R1, CTX + ctx::DATA).load(Size::W, R2, CTX + ctx::DATA_END);
            a.sub(R2, R1);
            LEN.store(a, R2);
        }
        Access::Helpers => ask(a),
    }
}

/// Stores the whole length of a frame that is not parsed as IP.
pub fn whole(a: &mut Assembler, target: Target) {
    if (target.buffers, target.access) == (Buffers::Multi, Access::Pointers) {
        ask(a);
    }
}

/// Stores the length that the kernel tells. Clobbers R0 to R5.
fn ask(a: &mut Assembler) {
    a.mov(R1, CTX).call(Helper::XDP_GET_BUFF_LEN);
    LEN.store(a, R0);
}

/// Goes to `bad-length` unless the frame holds the packet of `R2` plus `more` bytes at `AT`. Keeps
/// R1 and R2, which must be below 65536; clobbers the other scratch registers.
pub fn holds(a: &mut Assembler, target: Target, more: i32, ends: &Ends<'_>) {
    let bad = ends.malformed(Malformed::BadLength);
    if target.access == Access::Helpers {
        // The whole length is known, and the end of the packet is compared as a number.
        promised(a, more);
        LEN.load(a, R4);
        a.jump_if(R3, Cond::Gt, R4, bad);
        return;
    }
    a.mov(R3, AT).add(R3, R2);
    if more != 0 {
        a.add(R3, more);
    }
    if target.buffers == Buffers::Single {
        a.jump_if(R3, Cond::Gt, END, bad);
        return;
    }
    let held = a.label("packet in frame");
    a.jump_if(R3, Cond::Le, END, held);
    for (slot, reg) in SAVED.into_iter().zip([R1, R2]) {
        slot.store(a, reg);
    }
    ask(a);
    for (slot, reg) in SAVED.into_iter().zip([R1, R2]) {
        slot.load(a, reg);
    }
    promised(a, more);
    a.jump_if(R3, Cond::Gt, R0, bad);
    a.place(held);
}

/// The offset in the frame where the packet should end, into R3.
fn promised(a: &mut Assembler, more: i32) {
    a.mov(R3, LEFT).add(R3, R2);
    if more != 0 {
        a.add(R3, more);
    }
}
