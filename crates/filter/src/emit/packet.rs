//! Reading packet bytes: the only way is through a check that they are there.
//!
//! [`require`] emits the check that `n` bytes at the pointer `AT` lie in the linear part, and
//! [`require_at`] the one for a place that only the packet tells: by the same comparison, or, where
//! the target allows no such pointer, by copying the bytes to the stack. Both return the proof, and
//! [`Readable::load`] loads within it, which an assertion of the generator holds. What is changed is
//! changed through the same proof, taken anew: [`frame_again`] and [`header_again`] rely on nothing
//! but the context and the slots.

use palisade_asm::{
    Assembler, Cond, FP, Helper, Label, Mem, R0, R1, R2, R3, R4, R5, Reg, Size, Src,
};

use super::frame::{AT, CHANGED, COPY, CTX, END, MOST_CHANGED, MOST_COPIED, Slot, ctx};
use crate::plan::Access;

/// Proof that bytes of the packet can be read.
#[derive(Clone, Copy)]
pub struct Readable {
    /// Where the header begins, seen from `AT`.
    from: i16,
    /// Where the bytes that can be read end, seen from there.
    upto: i16,
    place: Place,
}

#[derive(Clone, Copy)]
enum Place {
    /// From `AT` on.
    Packet,
    /// In a copy on the stack.
    Copy(Slot),
}

/// Goes to `short` unless `n` bytes at the pointer `AT` can be read. Clobbers R1.
pub fn require(a: &mut Assembler, n: i16, short: Label) -> Readable {
    a.mov(R1, AT).add(R1, i32::from(n)).jump_if(R1, Cond::Gt, END, short);
    Readable { from: 0, upto: n, place: Place::Packet }
}

/// The same where `AT` was moved by what the packet tells: a pointer, or, for
/// [`Access::Helpers`], the offset in the frame. Clobbers R0 to R5.
pub fn require_at(a: &mut Assembler, access: Access, n: i16, short: Label) -> Readable {
    match access {
        Access::Pointers => require(a, n, short),
        Access::Helpers => {
            assert!(n <= MOST_COPIED, "a header larger than its copy");
            CTX.load(a, R1);
            a.mov(R2, AT).mov(R3, FP).add(R3, COPY.off()).mov(R4, i32::from(n));
            a.call(Helper::XDP_LOAD_BYTES).jump_if(R0, Cond::Ne, 0, short);
            Readable { from: 0, upto: n, place: Place::Copy(COPY) }
        }
    }
}

/// The first `n` bytes of the frame, `AT` and `END` read anew. Clobbers R1.
pub fn frame_again(a: &mut Assembler, n: i16, short: Label) -> Readable {
    CTX.load(a, R1);
    a.load(Size::W, AT, R1 + ctx::DATA).load(Size::W, END, R1 + ctx::DATA_END);
    require(a, n, short)
}

/// More than the offset of any header.
const FARTHEST: i32 = 0x7fff;

/// The `n` bytes of the header whose offset in the frame is in a slot, to be changed, and then
/// [put back](put_back). Clobbers R0 to R5.
pub fn header_again(a: &mut Assembler, access: Access, at: Slot, n: i16, short: Label) -> Readable {
    if access == Access::Pointers {
        CTX.load(a, R1);
        a.load(Size::W, AT, R1 + ctx::DATA).load(Size::W, END, R1 + ctx::DATA_END);
        at.load(a, R2);
        a.and(R2, FARTHEST).add(AT, R2);
        return require(a, n, short);
    }
    assert!(n <= MOST_CHANGED, "a header larger than its copy");
    // Before 6.9, without CAP_PERFMON, nothing shorter may be stored over a register.
    for word in (0..n).step_by(8) {
        a.store(Size::D, CHANGED.at(word), 0);
    }
    CTX.load(a, R1);
    at.load(a, R2);
    a.mov(R3, FP).add(R3, CHANGED.off()).mov(R4, i32::from(n));
    a.call(Helper::XDP_LOAD_BYTES).jump_if(R0, Cond::Ne, 0, short);
    Readable { from: 0, upto: n, place: Place::Copy(CHANGED) }
}

/// Puts a header that was changed back to where it is from. Clobbers R0 to R5; where the header was
/// copied, no proof holds any more.
pub fn put_back(a: &mut Assembler, header: Readable, at: Slot, short: Label) {
    let Place::Copy(copy) = header.place else { return };
    CTX.load(a, R1);
    at.load(a, R2);
    a.mov(R3, FP).add(R3, copy.off()).mov(R4, i32::from(header.upto));
    a.call(Helper::XDP_STORE_BYTES).jump_if(R0, Cond::Ne, 0, short);
}

/// Stores where in the frame the pointer `AT` is; by helpers the slot has it already. Clobbers R2 and
/// R3.
pub fn offset(a: &mut Assembler, access: Access, slot: Slot) {
    if access == Access::Pointers {
        CTX.load(a, R3);
        a.load(Size::W, R3, R3 + ctx::DATA).mov(R2, AT).sub(R2, R3);
        slot.store(a, R2);
    }
}

/// A field of a header: where it is and how long.
#[derive(Clone, Copy)]
pub struct Field {
    off: i16,
    size: Size,
}

impl Field {
    /// The field of `size` at `off` in its header.
    pub const fn new(off: i16, size: Size) -> Self {
        Self { off, size }
    }

    fn end(self) -> i16 {
        self.off
            + match self.size {
                Size::B => 1,
                Size::H => 2,
                Size::W => 4,
                Size::D => 8,
            }
    }
}

impl Readable {
    /// Loads a field, in the packet's order of bytes.
    pub fn load(self, a: &mut Assembler, dst: Reg, field: Field) {
        assert!(field.end() <= self.upto, "a load beyond the check before it");
        a.load(field.size, dst, self.mem(field.off));
    }

    /// Stores a field, in the packet's order of bytes.
    pub fn store(self, a: &mut Assembler, field: Field, src: impl Into<Src>) {
        assert!(field.end() <= self.upto, "a store beyond the check before it");
        a.store(field.size, self.mem(field.off), src);
    }

    /// The header that begins `back` bytes before `AT`, after `AT` was moved by `moved`.
    pub fn behind(self, back: i16, moved: i16) -> Self {
        Self { from: -back, upto: self.upto - moved + back, ..self }
    }

    fn mem(self, off: i16) -> Mem {
        match self.place {
            Place::Packet => AT + (self.from + off),
            Place::Copy(copy) => copy.at(self.from + off),
        }
    }
}

/// Copies the first bytes of the frame, as many as `taken` says, at most `most`, to `to` and what
/// lies behind it, by loads and stores; then goes to `copied`, or to `none` if they are not there.
/// Clobbers R1 to R5.
pub fn copy(
    a: &mut Assembler,
    (to, off): (Reg, i16),
    (taken, most): (Reg, i16),
    copied: Label,
    none: Label,
) {
    let (tail, few) = (a.label("last eight"), a.label("fewer than eight"));
    let (data, end) = (R2, R3);
    CTX.load(a, R1);
    a.load(Size::W, data, R1 + ctx::DATA).load(Size::W, end, R1 + ctx::DATA_END);
    if most >= 8 {
        a.jump_if(taken, Cond::Lt, 8, few);
        for at in (0..most / 8).map(|word| word * 8) {
            a.mov(R4, data).add(R4, i32::from(at + 8)).jump_if(R4, Cond::Gt, end, tail);
            a.load(Size::D, R5, data + at).store(Size::D, to + (off + at), R5);
        }
        // The last eight bytes, some of them for the second time.
        a.place(tail).mov(R4, taken).sub(R4, 8).mov(R1, data).add(R1, R4);
        a.mov(R5, R1).add(R5, 8).jump_if(R5, Cond::Gt, end, none);
        a.load(Size::D, R5, R1 + 0).mov(R1, to).add(R1, R4).store(Size::D, R1 + off, R5);
        a.jump(copied).place(few);
    }
    for at in 0..most.min(7) {
        a.jump_if(taken, Cond::Le, i32::from(at), copied);
        a.mov(R4, data).add(R4, i32::from(at + 1)).jump_if(R4, Cond::Gt, end, none);
        a.load(Size::B, R5, data + at).store(Size::B, to + (off + at), R5);
    }
    a.jump(copied);
}
