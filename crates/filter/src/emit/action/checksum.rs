//! Internet checksums, changed by what changes in the bytes that they are of (RFC 1624, equation 3).
//!
//! `SUM` gathers, as a number wide enough, the complement of the old checksum, the complement of every
//! old word and every new word; its complement, folded, is the new checksum. A sum of ones' complement
//! does not depend on the order of bytes, so that words stay as the packet has them. New words come
//! last, and as no zero: the checksum is then what computing it whole would give, never 0xffff for 0.
//! A checksum that was wrong stays as wrong as it was.

use palisade_asm::{AluOp, Assembler, ByteOrder, Cond, R1, R6, Reg};

/// The sum.
pub const SUM: Reg = R6;

/// How wide the terms of a sum are.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Terms {
    /// All are of 16 bits, and there are few.
    Halves,
    /// Some are of 32 bits.
    Words,
}

/// The sum of the checksum in `SUM` and no change.
pub fn begin(a: &mut Assembler) {
    a.xor(SUM, 0xffff);
}

/// Takes an old word of 16 bits out of a sum.
pub fn without_half(a: &mut Assembler, sum: Reg, old: Reg) {
    a.xor(old, 0xffff).add(sum, old);
}

/// Takes an old word of 32 bits out of a sum.
pub fn without_word(a: &mut Assembler, sum: Reg, old: Reg) {
    a.alu32(AluOp::Xor, old, -1).add(sum, old);
}

/// Adds new bytes, an even number of them, which are known beforehand.
pub fn with(a: &mut Assembler, order: ByteOrder, new: &[u8]) {
    let (halves, _) = new.as_chunks();
    let sum = halves.iter().map(|half| order.imm16(*half)).sum::<i32>() % 0xffff;
    a.add(SUM, if sum == 0 { 0xffff } else { sum });
}

/// Makes the sum the checksum. Clobbers R1.
pub fn finish(a: &mut Assembler, terms: Terms) {
    let folds = match terms {
        Terms::Halves => 2,
        Terms::Words => 3,
    };
    for _ in 0..folds {
        a.mov(R1, SUM).rsh(R1, 16).and(SUM, 0xffff).add(SUM, R1);
    }
    a.xor(SUM, 0xffff);
}

/// UDP writes its checksum 0 as 0xffff: 0 says that there is none.
pub fn not_zero(a: &mut Assembler) {
    let fine = a.label("not zero");
    a.jump_if(SUM, Cond::Ne, 0, fine).mov(SUM, 0xffff).place(fine);
}
