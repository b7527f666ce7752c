//! `vlan pop` and `vlan push`: the frame begins four bytes later, or earlier, and its Ethernet
//! addresses move there.

use palisade_asm::{Assembler, ByteOrder, Cond, Helper, Label, R0, R1, R2, R6, R9, Reg, Size};

use crate::emit::frame::CTX;
use crate::emit::packet::{Field, Readable, frame_again};

const TAG: i16 = 4;
const ADDRESSES: i16 = 12;
const HEADER: i16 = 14;
/// Both addresses, in registers that a call keeps.
const BOTH: [(Reg, Field); 2] = [(R6, Field::new(0, Size::D)), (R9, Field::new(8, Size::W))];
/// A tag before what was the EtherType.
const NEW_TAG: Field = Field::new(ADDRESSES, Size::W);

/// Takes off the outermost tag.
pub fn pop(a: &mut Assembler, broken: Label) {
    let frame = frame_again(a, HEADER + TAG, broken);
    let frame = moved(a, frame, TAG, ADDRESSES, broken);
    put(a, frame);
}

/// Puts a tag before all others. A frame without an Ethernet header stays as it is.
pub fn push(a: &mut Assembler, order: ByteOrder, id: u16, broken: Label) {
    let runt = a.label("no header");
    let frame = frame_again(a, HEADER, runt);
    let frame = moved(a, frame, -TAG, ADDRESSES + TAG, broken);
    put(a, frame);
    let [high, low] = id.to_be_bytes();
    frame.store(a, NEW_TAG, order.imm32([0x81, 0x00, high, low]));
    a.place(runt);
}

/// Keeps the addresses and moves the start of the frame; no pointer is good any more.
fn moved(a: &mut Assembler, frame: Readable, by: i16, n: i16, broken: Label) -> Readable {
    BOTH.into_iter().for_each(|(reg, field)| frame.load(a, reg, field));
    CTX.load(a, R1);
    a.mov(R2, i32::from(by)).call(Helper::XDP_ADJUST_HEAD).jump_if(R0, Cond::Ne, 0, broken);
    frame_again(a, n, broken)
}

fn put(a: &mut Assembler, frame: Readable) {
    BOTH.into_iter().for_each(|(reg, field)| frame.store(a, field, reg));
}
