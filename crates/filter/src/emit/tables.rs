//! Look-ups in the constant tables, by arithmetic alone: no helper is called.
//!
//! The verifier has to see that an index stays within the value: every index is masked by the room
//! of the table, a power of two, which changes none that the search can come to. So it also sees the
//! same state behind each halving and follows one path.

use palisade_asm::{Assembler, Cond, Label, MapId, R0, R1, R2, R3, R4, R5, Size, Swap};

use super::frame::{AddressSlot, Slot};
use crate::plan::{Form, Layout};

/// Looks a port up; falls through with the row in R1, or goes to `miss`.
pub fn by_port(a: &mut Assembler, map: MapId, layout: Layout, slot: Slot, miss: Label) {
    slot.load(a, R1);
    a.and(R1, 0xffff);
    row(a, map, layout, miss);
}

/// Looks an address up; falls through with the row in R1, or goes to `miss`.
pub fn by_address(a: &mut Assembler, map: MapId, layout: Layout, slot: AddressSlot, miss: Label) {
    match layout.form {
        Form::Indexed => indexed(a, map, layout, slot, miss),
        Form::Sorted6 => sorted6(a, map, layout, slot),
        Form::Sorted4 | Form::Ports => sorted4(a, map, layout, slot),
    }
    row(a, map, layout, miss);
}

/// The row of the entry in R1 into R1.
fn row(a: &mut Assembler, map: MapId, layout: Layout, miss: Label) {
    a.lsh(R1, 2).load_map_value(R2, map, layout.rows).add(R2, R1).load(Size::W, R1, R2 + 0);
    a.jump_if(R1, Cond::Eq, 0, miss);
}

fn mask(layout: Layout) -> i32 {
    i32::try_from(layout.room - 1).expect("a table is smaller than 2^31")
}

/// The steps of a binary search, the widest first.
fn halvings(layout: Layout) -> impl Iterator<Item = i32> {
    (0..layout.halvings).rev().map(|bit| 1 << bit)
}

/// The first entry, 0, into R1: read, not set, so that the verifier does not follow each number that
/// it can become.
fn first(a: &mut Assembler, map: MapId, layout: Layout) {
    a.load_map_value(R2, map, layout.base).load(Size::W, R1, R2 + 0).and(R1, mask(layout));
}

/// The entry of an IPv4 address into R1: the last one that begins at or before it.
fn sorted4(a: &mut Assembler, map: MapId, layout: Layout, slot: AddressSlot) {
    let (address, entry) = (R5, R1);
    a.load(Size::W, address, slot.addr.at(0)).swap(Swap::Be32, address);
    first(a, map, layout);
    for step in halvings(layout) {
        let behind = a.label("begins behind");
        a.mov(R2, entry).add(R2, step).and(R2, mask(layout)).mov(R3, R2).lsh(R3, 2);
        a.load_map_value(R0, map, layout.starts).add(R0, R3).load(Size::W, R0, R0 + 0);
        a.jump_if(R0, Cond::Gt, address, behind);
        a.mov(entry, R2).place(behind);
    }
}

/// The entry of an IPv4 address into R1: among those of its upper half, the last one that begins
/// at or before its lower half.
fn indexed(a: &mut Assembler, map: MapId, layout: Layout, slot: AddressSlot, miss: Label) {
    let (lower, entry, end) = (R5, R1, R4);
    a.load(Size::W, lower, slot.addr.at(0)).swap(Swap::Be32, lower);
    a.mov(R2, lower).rsh(R2, 16).and(R2, 0xffff).lsh(R2, 2).and(lower, 0xffff);
    a.load_map_value(R3, map, layout.base).add(R3, R2);
    a.load(Size::W, entry, R3 + 0).load(Size::W, end, R3 + 4);
    a.jump_if(entry, Cond::Ge, end, miss);
    a.and(entry, mask(layout));
    for step in halvings(layout) {
        let behind = a.label("begins behind");
        a.mov(R2, entry).add(R2, step).jump_if(R2, Cond::Ge, end, behind);
        a.and(R2, mask(layout)).mov(R3, R2).lsh(R3, 1);
        a.load_map_value(R0, map, layout.starts).add(R0, R3).load(Size::H, R0, R0 + 0);
        a.jump_if(R0, Cond::Gt, lower, behind);
        a.mov(entry, R2).place(behind);
    }
    // Linux 6.12 forgets at the comparison of what comes from the entry how large the entry is.
    a.and(entry, mask(layout));
}

/// The entry of an IPv6 address into R1: the last one that begins at or before it.
fn sorted6(a: &mut Assembler, map: MapId, layout: Layout, slot: AddressSlot) {
    let (upper, lower, entry) = (R4, R5, R1);
    for (reg, at) in [(upper, 0), (lower, 8)] {
        a.load(Size::D, reg, slot.addr.at(at)).swap(Swap::Be64, reg);
    }
    first(a, map, layout);
    for step in halvings(layout) {
        let (behind, begins) = (a.label("begins behind"), a.label("begins before"));
        a.mov(R2, entry).add(R2, step).and(R2, mask(layout)).mov(R3, R2).lsh(R3, 4);
        a.load_map_value(R0, map, layout.starts).add(R0, R3);
        a.load(Size::D, R3, R0 + 0);
        a.jump_if(R3, Cond::Gt, upper, behind).jump_if(R3, Cond::Ne, upper, begins);
        a.load(Size::D, R3, R0 + 8).jump_if(R3, Cond::Gt, lower, behind);
        a.place(begins).mov(entry, R2).place(behind);
    }
}
