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

#[cfg(test)]
mod tests {
    use palisade_asm::vm::{Packet, Vm, World};
    use palisade_asm::{Program, R1, R2, R7, R8, Size};

    use super::*;

    /// The checksum at 0 is changed for the word at 2, or the two at 4, and stored.
    fn program(terms: Terms, new: [u8; 4]) -> Program {
        let mut a = Assembler::new();
        let short = a.label("short");
        a.load(Size::W, R7, R1 + 0).load(Size::W, R8, R1 + 4);
        a.mov(R2, R7).add(R2, 14).jump_if(R2, Cond::Gt, R8, short);
        a.load(Size::H, SUM, R7 + 0);
        begin(&mut a);
        match terms {
            Terms::Halves => {
                a.load(Size::H, R2, R7 + 2);
                without_half(&mut a, SUM, R2);
                with(&mut a, ByteOrder::HOST, &new[..2]);
            }
            Terms::Words => {
                a.load(Size::W, R2, R7 + 4);
                without_word(&mut a, SUM, R2);
                with(&mut a, ByteOrder::HOST, &new);
            }
        }
        finish(&mut a, terms);
        a.store(Size::H, R7 + 0, SUM).place(short).mov(palisade_asm::R0, 2).exit();
        a.finish().expect("a program")
    }

    /// What the checksum becomes by plain arithmetic: below 65535, and wrong by as much as before.
    fn plainly(checksum: u16, old: &[u8], new: &[u8]) -> u16 {
        let sum = |bytes: &[u8]| -> u32 {
            bytes.chunks(2).map(|half| u32::from(u16::from_be_bytes([half[0], half[1]]))).sum()
        };
        let all = u32::from(checksum) + sum(old) + 0xffff * 4 - sum(new);
        u16::try_from(all % 0xffff).expect("below 65535")
    }

    fn holds(terms: Terms, checksums: impl Iterator<Item = u16>, old: [u8; 4], new: [u8; 4]) {
        let mut vm = Vm::new(&program(terms, new)).expect("it has no maps");
        let (at, n) = if terms == Terms::Halves { (2, 2) } else { (4, 4) };
        for checksum in checksums {
            let mut frame = [0; 14];
            frame[..2].copy_from_slice(&checksum.to_be_bytes());
            frame[at..at + n].copy_from_slice(&old[..n]);
            let mut packet = Packet::new(&frame);
            vm.run(&mut packet, &World::default()).expect("no trap");
            let found = u16::from_be_bytes([packet.first()[0], packet.first()[1]]);
            assert_eq!(
                found,
                plainly(checksum, &old[..n], &new[..n]),
                "{checksum:#06x} {old:?} {new:?}"
            );
        }
    }

    const SOME: [[u8; 4]; 8] = [
        [0, 0, 0, 0],
        [0xff, 0xff, 0xff, 0xff],
        [0, 1, 0, 0],
        [0xff, 0xfe, 0, 1],
        [0x80, 0, 0x80, 0],
        [0x00, 0x50, 0x1f, 0x90],
        [192, 0, 2, 1],
        [0xff, 0xff, 0, 0],
    ];

    #[test]
    fn every_checksum_is_changed_as_plain_arithmetic_changes_it() {
        for (old, new) in [(SOME[0], SOME[1]), (SOME[1], SOME[0]), (SOME[5], SOME[6])] {
            holds(Terms::Halves, 0..=u16::MAX, old, new);
            holds(Terms::Words, 0..=u16::MAX, old, new);
        }
    }

    #[test]
    fn words_of_all_ones_and_zeros_are_changed_for_each_other() {
        let checksums = [0, 1, 0x7fff, 0x8000, 0xfffe, 0xffff];
        for old in SOME {
            for new in SOME {
                holds(Terms::Halves, checksums.into_iter(), old, new);
                holds(Terms::Words, checksums.into_iter(), old, new);
            }
        }
    }

    #[test]
    fn every_word_is_left_out_as_plain_arithmetic_does() {
        for old in 0..=u16::MAX {
            let [high, low] = old.to_be_bytes();
            let new = SOME[usize::from(low) % SOME.len()];
            holds(Terms::Halves, [0x1234].into_iter(), [high, low, 0, 0], new);
        }
    }
}
