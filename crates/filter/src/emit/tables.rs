//! Look-ups in the constant tables, by arithmetic alone: no helper is called.
//!
//! The verifier has to see that an index stays within the value: every index is masked by the room
//! of the table, a power of two, which changes none that the search can come to. So it also sees the
//! same state behind each halving and follows one path.

use palisade_asm::{Assembler, Cond, Label, MapId, R0, R1, R2, R3, R4, R5, Size, Swap};

use super::frame::{AddressSlot, Slot};
use crate::plan::{Layout, Table, TableKind};

/// The slot that holds a key.
pub enum KeySlot {
    /// Of an address.
    Address(AddressSlot),
    /// Of a port.
    Port(Slot),
}

/// Looks the key up; falls through with the row in R1, or goes to `miss`.
pub fn look_up(a: &mut Assembler, map: MapId, table: &Table, key: &KeySlot, miss: Label) {
    let layout = table.layout();
    match (table.kind, key) {
        (TableKind::Ports, KeySlot::Port(slot)) => {
            slot.load(a, R1);
            a.and(R1, 0xffff);
        }
        (TableKind::V4, KeySlot::Address(slot)) => v4(a, map, layout, *slot, miss),
        (TableKind::V6, KeySlot::Address(slot)) => v6(a, map, layout, *slot),
        (TableKind::Ports, KeySlot::Address(_))
        | (TableKind::V4 | TableKind::V6, KeySlot::Port(_)) => {
            unreachable!("a table is looked up by the key that it was made for")
        }
    }
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

/// The entry of an IPv4 address into R1: among those of its upper half, the last one that begins
/// at or before its lower half.
fn v4(a: &mut Assembler, map: MapId, layout: Layout, slot: AddressSlot, miss: Label) {
    let (lower, entry, end) = (R5, R1, R4);
    a.load(Size::W, lower, slot.addr.at(0)).swap(Swap::Be32, lower);
    a.mov(R2, lower).rsh(R2, 16).and(R2, 0xffff).lsh(R2, 2).and(lower, 0xffff);
    a.load_map_value(R3, map, 0).add(R3, R2);
    a.load(Size::W, entry, R3 + 0).load(Size::W, end, R3 + 4);
    a.jump_if(entry, Cond::Ge, end, miss);
    a.and(entry, mask(layout));
    for step in halvings(layout) {
        let before = a.label("begins behind");
        a.mov(R2, entry).add(R2, step).jump_if(R2, Cond::Ge, end, before);
        a.and(R2, mask(layout)).mov(R3, R2).lsh(R3, 1);
        a.load_map_value(R0, map, layout.starts).add(R0, R3).load(Size::H, R0, R0 + 0);
        a.jump_if(R0, Cond::Gt, lower, before);
        a.mov(entry, R2);
        a.place(before);
    }
}

/// The entry of an IPv6 address into R1: the last one that begins at or before it.
fn v6(a: &mut Assembler, map: MapId, layout: Layout, slot: AddressSlot) {
    let (upper, lower, entry) = (R4, R5, R1);
    for (reg, at) in [(upper, 0), (lower, 8)] {
        a.load(Size::D, reg, slot.addr.at(at)).swap(Swap::Be64, reg);
    }
    // Read, not set, so that the verifier does not follow each number that it can become.
    a.load_map_value(R2, map, 0).load(Size::W, entry, R2 + 0).and(entry, mask(layout));
    for step in halvings(layout) {
        let (before, begins) = (a.label("begins behind"), a.label("begins before"));
        a.mov(R2, entry).add(R2, step).and(R2, mask(layout)).mov(R3, R2).lsh(R3, 4);
        a.load_map_value(R0, map, layout.starts).add(R0, R3);
        a.load(Size::D, R3, R0 + 0);
        a.jump_if(R3, Cond::Gt, upper, before).jump_if(R3, Cond::Ne, upper, begins);
        a.load(Size::D, R3, R0 + 8).jump_if(R3, Cond::Gt, lower, before);
        a.place(begins);
        a.mov(entry, R2);
        a.place(before);
    }
}
