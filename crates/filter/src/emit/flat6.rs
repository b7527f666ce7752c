//! The function that looks an IPv6 address up in a `net` set: single addresses first, then prefixes.
//!
//! One for each set, whoever asks: in line, its thirty steps would be most of every program. It takes
//! the halves of the address as numbers in R1 and R2 and gives the number of the entry in R0, or 0.

use palisade_asm::{
    Assembler, Cond, Label, MapId, R0, R1, R2, R3, R4, R6, R7, R9, Reg, Size, Swap,
};

use super::flat::{Behind, REST, Table, differing, imm, within};
use super::frame::{AddressSlot, FUNCTION};
use super::sets::SetMaps;
use crate::structure::NetPart;
use crate::structure::flat::slot::{ID_MASK, LONE, PART, REACH_SHIFT, REST_SHIFT};
use crate::structure::flat::{
    ADDRESS_LOWER, ADDRESS_UPPER, BUCKET_CELLS, FACTORS, FOLDS, Part, Setting,
};

/// The upper half of the address, all along.
const UPPER: Reg = R6;
/// The lower half.
const LOWER: Reg = R7;
/// The tag of a single address, which has no bits left to choose slots.
const TAG: Reg = REST;
/// What chooses its first bucket.
const CHOICE: Reg = R9;
/// What follows behind `REST`.
const NEXT: Reg = R9;
/// The most steps: the root, then four bits each.
const STEPS: usize = 30;
/// The steps that `REST` has bits for.
const STEPS_OF_REST: usize = 64 / 4;

/// Looks an IPv6 address up; falls through with the number of its entry in R0.
pub fn address6(a: &mut Assembler, control: MapId, set: &SetMaps, slot: AddressSlot, miss: Label) {
    let table = Table { set, control, frame: &FUNCTION };
    table.unless_empty(a, [NetPart::Host6, NetPart::Net6], miss);
    for (at, to) in [(0, R1), (8, R2)] {
        a.load(Size::D, to, slot.addr.at(at)).swap(Swap::Be64, to);
    }
    a.call_sub(set.function).jump_if(R0, Cond::Eq, 0, miss);
}

/// The function of a set.
pub fn function(a: &mut Assembler, control: MapId, set: &SetMaps) {
    let table = Table { set, control, frame: &FUNCTION };
    let [nets, hit, miss] = ["no such host", "in set", "not in set"].map(|name| a.label(name));
    a.mov(UPPER, R1).mov(LOWER, R2);
    table.count_of(a, NetPart::Host6, R1);
    a.jump_if(R1, Cond::Eq, 0, nets);
    host(a, table, nets, hit);
    a.place(nets);
    table.count_of(a, NetPart::Net6, R1);
    a.jump_if(R1, Cond::Eq, 0, miss);
    net(a, table, miss, hit);
    a.place(miss).mov(R0, 0).place(hit).exit();
}

/// Looks for a single address; goes to `hit` with the number of its entry in R0, or to `nets`.
fn host(a: &mut Assembler, table: Table<'_>, nets: Label, hit: Label) {
    hash(a, table);
    a.mov32(TAG, R0).or(TAG, 1).rsh(R0, 32).mov(CHOICE, R0);
    let second = a.label("second bucket");
    bucket(a, table, (second, nets), hit);
    a.place(second).mov(R0, CHOICE).xor(R0, TAG);
    bucket(a, table, (nets, nets), hit);
}

/// Looks for the address in the bucket that R0 chooses; goes to `hit` as above, to `other` where it is
/// not, and to `past` where its entry has ended.
fn bucket(a: &mut Assembler, table: Table<'_>, (other, past): (Label, Label), hit: Label) {
    let found = a.label("tag");
    a.load_map_value(R1, table.part(Part::Head), 0);
    a.load(Size::D, R1, R1 + Setting::BucketMask.offset()).and(R0, R1);
    table.element(a, Part::Hosts6, past);
    for cell in 0..BUCKET_CELLS {
        let offset = i16::try_from(cell * 8).expect("a bucket is small");
        let another = a.label("another tag");
        a.load(Size::D, R1, R0 + offset).jump32_if(R1, Cond::Ne, TAG, another);
        a.jump(found).place(another);
    }
    a.jump(other).place(found);
    a.mov(R0, R1).rsh(R0, 32);
    FUNCTION.number.store(a, R0);
    table.entry(a, other);
    for (half, offset) in [(UPPER, ADDRESS_UPPER), (LOWER, ADDRESS_LOWER)] {
        a.load(Size::D, R2, R0 + offset).jump_if(R2, Cond::Ne, half, other);
    }
    table.unless_past(a, past, hit);
}

/// The hash of the address into R0.
fn hash(a: &mut Assembler, table: Table<'_>) {
    a.load_map_value(R2, table.part(Part::Head), 0);
    a.mov(R0, UPPER).load(Size::D, R2, R2 + Setting::Seed.offset()).xor(R0, R2);
    for (factor, fold) in FACTORS.into_iter().zip(FOLDS) {
        a.load_imm64(R2, factor).mul(R0, R2).mov(R2, R0).rsh(R2, imm(fold)).xor(R0, R2);
        if factor == FACTORS[0] {
            a.xor(R0, LOWER);
        }
    }
}

/// Looks the address up among prefixes; goes to `hit` with the number of the entry in R0, or to
/// `miss`.
fn net(a: &mut Assembler, table: Table<'_>, miss: Label, hit: Label) {
    let [leaf, lone, found] = ["leaf", "lone", "found"].map(|name| a.label(name));
    a.load_map_value(R1, table.part(Part::Head), 0);
    a.load(Size::D, R0, R1 + Setting::Root6.offset());
    a.load(Size::D, R1, R1 + Setting::Shift6.offset()).mov(R2, 64).sub(R2, R1);
    a.mov(R3, UPPER).rsh(R3, R1).add(R0, R3);
    a.mov(REST, UPPER).lsh(REST, R2).mov(R3, LOWER).rsh(R3, R1).or(REST, R3);
    a.mov(NEXT, LOWER).lsh(NEXT, R2);
    for at in 1..=STEPS {
        let behind = if at == STEPS_OF_REST { Behind::In(NEXT) } else { Behind::Rest };
        table.step(a, behind, miss, leaf);
    }
    a.jump(miss);
    a.place(leaf).jump_if(R0, Cond::Set, imm(LONE), lone);
    a.place(found);
    table.entry_of(a, miss, hit);
    a.place(lone);
    alone(a, table, (found, miss));
}

/// Goes to `found` with the word in R0 that names the entry of a lone slot, or the one around it.
fn alone(a: &mut Assembler, table: Table<'_>, (found, miss): (Label, Label)) {
    let [part, differs] = ["part", "differs"].map(|name| a.label(name));
    differing(a);
    a.jump_if(R0, Cond::Set, imm(PART), part);
    within(a, found);
    a.place(differs);
    table.around(a, miss, found);

    a.place(part).rsh(R1, i32::from(REST_SHIFT)).jump_if(R1, Cond::Ne, 0, differs);
    entry_differs(a, table, differs, miss);
    a.jump(found);
}

/// Goes to `differs` if the entry of the lone slot in R0 does not hold the address; the slot stays.
/// Without a branch for prefixes that end in the upper half, which no processor could foresee.
fn entry_differs(a: &mut Assembler, table: Table<'_>, differs: Label, miss: Label) {
    let slot = REST;
    a.mov(slot, R0).and(R0, imm(ID_MASK));
    table.entry(a, miss);
    a.load(Size::D, R1, R0 + ADDRESS_UPPER).xor(R1, UPPER);
    a.load(Size::D, R2, R0 + ADDRESS_LOWER).xor(R2, LOWER).mov(R0, slot);
    a.mov(R3, R0).rsh(R3, i32::from(REACH_SHIFT)).mov(R4, R3).rsh(R4, 6).and(R4, 1);
    // Where open bits fill the lower half, R4 becomes 0, and else all ones.
    a.and(R3, 63).rsh(R2, R3).sub(R4, 1).and(R2, R4);
    a.xor(R4, -1).and(R3, R4).rsh(R1, R3).or(R1, R2);
    a.jump_if(R1, Cond::Ne, 0, differs);
}
