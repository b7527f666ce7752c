//! Reading packet bytes: the only way is through a bounds check.
//!
//! [`require`] emits the check that `n` bytes at `AT` lie in the linear part and returns the proof;
//! [`Readable::load`] loads within it, which an assertion of the generator holds.

use palisade_asm::{Assembler, Cond, Label, R1, Reg, Size};

use super::frame::{AT, END};

/// Proof that bytes from `AT` on lie in the linear part of the frame.
#[derive(Clone, Copy)]
pub struct Readable {
    upto: i16,
}

/// Goes to `short` unless `n` bytes at `AT` can be read. Clobbers R1.
pub fn require(a: &mut Assembler, n: i16, short: Label) -> Readable {
    a.mov(R1, AT).add(R1, i32::from(n)).jump_if(R1, Cond::Gt, END, short);
    Readable { upto: n }
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
        a.load(field.size, dst, AT + field.off);
    }
}
