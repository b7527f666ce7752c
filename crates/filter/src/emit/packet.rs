//! Reading packet bytes: the only way is through a check that they are there.
//!
//! [`require`] emits the check that `n` bytes at the pointer `AT` lie in the linear part, and
//! [`require_at`] the one for a place that only the packet tells: by the same comparison, or, where
//! the target allows no such pointer, by copying the bytes to the stack. Both return the proof, and
//! [`Readable::load`] loads within it, which an assertion of the generator holds.

use palisade_asm::{Assembler, Cond, FP, Helper, Label, Mem, R0, R1, R2, R3, R4, R5, Reg, Size};

use super::frame::{AT, COPY, CTX, END, MOST_COPIED, ctx};
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
    /// In the copy on the stack.
    Copy,
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
            Readable { from: 0, upto: n, place: Place::Copy }
        }
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

    /// The header that begins `back` bytes before `AT`, after `AT` was moved by `moved`.
    pub fn behind(self, back: i16, moved: i16) -> Self {
        Self { from: -back, upto: self.upto - moved + back, ..self }
    }

    fn mem(self, off: i16) -> Mem {
        match self.place {
            Place::Packet => AT + (self.from + off),
            Place::Copy => COPY.at(self.from + off),
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
