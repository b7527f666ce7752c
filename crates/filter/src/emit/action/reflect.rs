//! `reflect`: the Ethernet addresses are exchanged, and the frame goes back.

use palisade_asm::{Assembler, Label, R2, R3, R4, R5, Size};

use crate::emit::packet::{Field, Readable, frame_again};

const ADDRESSES: i16 = 12;
const DESTINATION: [Field; 2] = [Field::new(0, Size::W), Field::new(4, Size::H)];
const SOURCE: [Field; 2] = [Field::new(6, Size::W), Field::new(10, Size::H)];

/// Exchanges the Ethernet addresses, which can be read and changed from here on.
pub fn reflect(a: &mut Assembler, broken: Label) -> Readable {
    let frame = frame_again(a, ADDRESSES, broken);
    let (to, from) = ([R2, R3], [R4, R5]);
    for (regs, fields) in [(to, DESTINATION), (from, SOURCE)] {
        regs.into_iter().zip(fields).for_each(|(reg, field)| frame.load(a, reg, field));
    }
    for (regs, fields) in [(from, DESTINATION), (to, SOURCE)] {
        regs.into_iter().zip(fields).for_each(|(reg, field)| frame.store(a, field, reg));
    }
    frame
}
