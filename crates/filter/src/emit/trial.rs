//! The start of a program on trial: past its deadline, the program before it takes every packet.

use palisade_asm::{Assembler, Cond, Helper, MapId, R0, R1, R2, R3, Size};

use super::frame::{CTX, SAVED};
use super::sets::now;

/// Calls the program before as the tail, once the deadline has passed. Where the kernel cannot, the
/// program goes on by itself.
pub fn deadline(a: &mut Assembler, control: MapId, deadline: MapId, before: MapId) {
    let going_on = a.label("still on trial");
    let [kept, ..] = SAVED;
    a.load_map_value(R1, deadline, 0).load(Size::D, R1, R1 + 0);
    a.jump_if(R1, Cond::Eq, 0, going_on);
    kept.store(a, R1);
    now(a, control);
    kept.load(a, R1);
    a.jump_if(R1, Cond::Gt, R0, going_on);
    CTX.load(a, R1);
    a.load_map(R2, before).mov(R3, 0).call(Helper::TAIL_CALL);
    a.place(going_on);
}
