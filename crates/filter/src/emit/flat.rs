//! Look-ups in the tables of a `net` set; [`crate::structure::flat`] says what they hold.
//!
//! A step reads one slot: the element of the map is found without a call, for Linux puts the
//! arithmetic of arrays in the place of the helper. The four bits that choose the slot are always the
//! highest of a register, so that every step is the same code. A table of any size is read by the
//! same program; what differs, the head says.
//!
//! Where a look-up may end early or go on, going on is the jump. The verifier puts jumps off and walks
//! what follows: so it sees the rest of the rules behind the first step, and all that it comes to by
//! further steps it has seen already. The other way round it would keep every step of every look-up
//! in mind at once, and there is a limit to that.

use palisade_asm::{
    Assembler, AtomicOp, Cond, Helper, Label, MapId, R0, R1, R2, R3, R5, Reg, Size, Swap,
};

use super::frame::{AddressSlot, KEY, LEN, SAVED, Slot, VERDICT};
use super::sets::{SetMaps, look_up, now};
use super::verdict::add_to_counters;
use crate::structure::NetPart;
use crate::structure::flat::slot::{
    COVERED, ID_MASK, LONE, OPEN_SHIFT, SUFFIX_BITS, SUFFIX_SHIFT, TIMED,
};
use crate::structure::flat::{
    ADDRESS_LOWER, ADDRESS_UPPER, BUCKET_CELLS, COVER, FACTORS, FOLDS, Part, ROOT6_BITS,
    ROOT6_NODES, Setting, UNTIL,
};

/// The bits of the address that are still to choose slots, the next ones highest; in the look-up of
/// a single address, its tag. No row is chosen yet that the register were needed for.
const REST: Reg = VERDICT;
/// A word of an entry, or a slot, across a call.
const ENTRY: usize = 1;
/// The most steps of IPv4: the smallest root, then four bits each.
const STEPS4: usize = 6;
/// The same of IPv6.
const STEPS6: usize = 30;

/// Looks an IPv4 address up; falls through with the number of its entry in R0.
pub fn address4(a: &mut Assembler, control: MapId, set: &SetMaps, slot: AddressSlot, miss: Label) {
    let [leaf, lone, found, hit] = ["leaf", "lone", "found", "in set"].map(|name| a.label(name));
    let head = set.part(Part::Head);
    count_of(a, head, NetPart::Host4, R1);
    count_of(a, head, NetPart::Net4, R2);
    a.or(R1, R2).jump_if(R1, Cond::Eq, 0, miss);

    address(a, slot, REST);
    a.load_map_value(R1, head, 0).load(Size::D, R1, R1 + Setting::Shift4.offset());
    a.mov(R0, REST).rsh(R0, R1).add(R0, imm(ROOT6_NODES));
    a.mov(R2, 64).sub(R2, R1).lsh(REST, R2);
    (0..STEPS4).for_each(|_| step(a, set, miss, leaf));
    a.jump(miss);

    a.place(leaf).jump_if(R0, Cond::Set, imm(LONE), lone);
    a.place(found);
    entry_of(a, control, set, miss, hit);

    a.place(lone).mov(R1, R0).rsh(R1, i32::from(SUFFIX_SHIFT));
    address(a, slot, R2);
    a.xor(R1, R2).and(R1, (1 << SUFFIX_BITS) - 1);
    a.mov(R2, R0).rsh(R2, i32::from(OPEN_SHIFT)).and(R2, 31).rsh(R1, R2);
    a.jump_if(R1, Cond::Eq, 0, found);
    let covered = a.label("covered");
    a.jump_if(R0, Cond::Set, imm(COVERED), covered).jump(miss);
    a.place(covered).and(R0, imm(ID_MASK));
    entry(a, set, miss);
    a.load(Size::D, R0, R0 + COVER).mov32(R0, R0).jump(found);
    a.place(hit);
}

/// The same of IPv6: single addresses first, then prefixes.
pub fn address6(a: &mut Assembler, control: MapId, set: &SetMaps, slot: AddressSlot, miss: Label) {
    let (head, nets, hit) = (set.part(Part::Head), a.label("no such host"), a.label("in set"));
    count_of(a, head, NetPart::Host6, R1);
    a.jump_if(R1, Cond::Eq, 0, nets);
    host6(a, control, set, slot, nets, hit);
    a.place(nets);
    count_of(a, head, NetPart::Net6, R1);
    a.jump_if(R1, Cond::Eq, 0, miss);
    net6(a, control, set, slot, miss, hit);
    a.place(hit);
}

/// Looks a single address up; goes to `hit` with the number of its entry in R0, or to `nets`.
fn host6(
    a: &mut Assembler,
    control: MapId,
    set: &SetMaps,
    slot: AddressSlot,
    nets: Label,
    hit: Label,
) {
    let [_, choice, _] = SAVED;
    hash(a, set, slot);
    a.mov32(REST, R0).or(REST, 1).rsh(R0, 32);
    choice.store(a, R0);
    let second = a.label("second bucket");
    bucket(a, control, set, slot, (second, nets), hit);
    a.place(second);
    choice.load(a, R0);
    a.xor(R0, REST);
    bucket(a, control, set, slot, (nets, nets), hit);
}

/// Looks for the address in the bucket that R0 chooses; goes to `hit` as above, to `other` where it is
/// not, and to `past` where its entry has ended.
fn bucket(
    a: &mut Assembler,
    control: MapId,
    set: &SetMaps,
    slot: AddressSlot,
    (other, past): (Label, Label),
    hit: Label,
) {
    let found = a.label("tag");
    a.load_map_value(R1, set.part(Part::Head), 0);
    a.load(Size::D, R1, R1 + Setting::BucketMask.offset()).and(R0, R1);
    KEY.store(a, R0);
    look_up(a, set.part(Part::Hosts6), KEY);
    a.jump_if(R0, Cond::Eq, 0, past);
    for cell in 0..BUCKET_CELLS {
        let offset = i16::try_from(cell * 8).expect("a bucket is small");
        let another = a.label("another tag");
        a.load(Size::D, R1, R0 + offset).jump32_if(R1, Cond::Ne, REST, another);
        a.jump(found).place(another);
    }
    a.jump(other).place(found);
    is_host(a, control, set, slot, (other, past), hit);
}

/// The hash of the address into R0.
fn hash(a: &mut Assembler, set: &SetMaps, slot: AddressSlot) {
    half(a, slot, 0, R0);
    half(a, slot, 8, R1);
    a.load_map_value(R2, set.part(Part::Head), 0);
    a.load(Size::D, R2, R2 + Setting::Seed.offset()).xor(R0, R2);
    for (factor, fold) in FACTORS.into_iter().zip(FOLDS) {
        a.load_imm64(R2, factor).mul(R0, R2).mov(R2, R0).rsh(R2, imm(fold)).xor(R0, R2);
        if factor == FACTORS[0] {
            a.xor(R0, R1);
        }
    }
}

/// Goes to `hit` if the entry of the cell in R1 is that of the address, to `other` if it is not, and
/// to `past` if it has ended.
fn is_host(
    a: &mut Assembler,
    control: MapId,
    set: &SetMaps,
    slot: AddressSlot,
    (other, past): (Label, Label),
    hit: Label,
) {
    let [_, _, number] = SAVED;
    a.rsh(R1, 32);
    number.store(a, R1);
    KEY.store(a, R1);
    look_up(a, set.part(Part::Entries), KEY);
    a.jump_if(R0, Cond::Eq, 0, other);
    for (at, offset) in [(0, ADDRESS_UPPER), (8, ADDRESS_LOWER)] {
        half(a, slot, at, R1);
        a.load(Size::D, R2, R0 + offset).jump_if(R1, Cond::Ne, R2, other);
    }
    unless_past(a, control, number, past, hit);
}

/// Goes to `hit` with the number in R0 that is kept in `number`, or to `past` if the entry at R0, of
/// which it is, has ended.
fn unless_past(a: &mut Assembler, control: MapId, number: Slot, past: Label, hit: Label) {
    let ([until, ..], alive) = (SAVED, a.label("alive"));
    a.load(Size::D, R1, R0 + UNTIL).jump_if(R1, Cond::Eq, 0, alive);
    until.store(a, R1);
    now(a, control);
    until.load(a, R1);
    a.jump_if(R1, Cond::Le, R0, past);
    a.place(alive);
    number.load(a, R0);
    a.jump(hit);
}

/// Looks the address up among prefixes; goes to `hit` with the number of the entry in R0, or to
/// `miss`.
fn net6(
    a: &mut Assembler,
    control: MapId,
    set: &SetMaps,
    slot: AddressSlot,
    miss: Label,
    hit: Label,
) {
    let [leaf, lone, found] = ["leaf", "lone", "found"].map(|name| a.label(name));
    let root = i32::from(ROOT6_BITS - 4);
    half(a, slot, 0, REST);
    a.mov(R0, REST).rsh(R0, 64 - root).lsh(REST, root);
    for at in 0..STEPS6 {
        if at * 4 + 8 == 64 {
            half(a, slot, 8, REST);
        }
        step(a, set, miss, leaf);
    }
    a.jump(miss);
    a.place(leaf).jump_if(R0, Cond::Set, imm(LONE), lone);
    a.place(found);
    entry_of(a, control, set, miss, hit);
    a.place(lone);
    lone6(a, set, slot, (found, miss));
}

/// Goes to `found` with the word in R0 that names the entry of a lone slot, or the one around it.
fn lone6(a: &mut Assembler, set: &SetMaps, slot: AddressSlot, (found, miss): (Label, Label)) {
    let [is, short, covered] = ["is it", "short prefix", "covered"].map(|name| a.label(name));
    SAVED[ENTRY].store(a, R0);
    a.and(R0, imm(ID_MASK));
    entry(a, set, miss);
    a.load(Size::D, R1, R0 + COVER).mov(R5, R1).rsh(R5, i32::from(OPEN_SHIFT)).and(R5, 0xff);
    half(a, slot, 0, R2);
    a.load(Size::D, R3, R0 + ADDRESS_UPPER).xor(R2, R3);
    a.jump_if(R5, Cond::Ge, 64, short).jump_if(R2, Cond::Ne, 0, covered);
    half(a, slot, 8, R2);
    a.load(Size::D, R3, R0 + ADDRESS_LOWER).xor(R2, R3).rsh(R2, R5).jump(is);
    a.place(short).sub(R5, 64).rsh(R2, R5);
    a.place(is).jump_if(R2, Cond::Ne, 0, covered);
    SAVED[ENTRY].load(a, R0);
    a.jump(found);
    a.place(covered).mov32(R0, R1).jump(found);
}

/// Reads the slot of the highest bits of `REST` in the node in R0 into R0; goes to `leaf` unless it is
/// another node.
fn step(a: &mut Assembler, set: &SetMaps, miss: Label, leaf: Label) {
    KEY.store(a, R0);
    look_up(a, set.part(Part::Nodes), KEY);
    a.jump_if(R0, Cond::Eq, 0, miss);
    // Eight times the highest four bits.
    a.mov(R1, REST).rsh(R1, 57).and(R1, 0x78).add(R0, R1).lsh(REST, 4).load(Size::D, R0, R0 + 0);
    let node = a.label("node");
    a.jump_if(R0, Cond::Slt, 0, node).jump(leaf).place(node);
}

/// Goes to `hit` with the number of the entry that the word in R0 names, unless there is none or
/// none any more.
fn entry_of(a: &mut Assembler, control: MapId, set: &SetMaps, miss: Label, hit: Label) {
    let ([_, number, _], timed) = (SAVED, a.label("timed"));
    a.jump_if(R0, Cond::Set, imm(TIMED), timed);
    a.and(R0, imm(ID_MASK)).jump_if(R0, Cond::Ne, 0, hit).jump(miss);
    a.place(timed).and(R0, imm(ID_MASK));
    number.store(a, R0);
    entry(a, set, miss);
    unless_past(a, control, number, miss, hit);
}

/// The pointer to the entry whose number is in R0.
fn entry(a: &mut Assembler, set: &SetMaps, miss: Label) {
    KEY.store(a, R0);
    look_up(a, set.part(Part::Entries), KEY);
    a.jump_if(R0, Cond::Eq, 0, miss);
}

/// Counts the packet in the entry whose number is in R0.
pub fn count(a: &mut Assembler, hits: MapId, head: MapId) {
    let [shared, done] = ["shared", "entry counted"].map(|name| a.label(name));
    KEY.store(a, R0);
    a.call(Helper::GET_SMP_PROCESSOR_ID).load_map_value(R3, head, 0);
    a.load(Size::D, R1, R3 + Setting::CopyMask.offset()).and(R0, R1);
    a.load(Size::D, R1, R3 + Setting::CopyStride.offset()).mul(R0, R1);
    KEY.load(a, R2);
    a.add(R0, R2);
    KEY.store(a, R0);
    look_up(a, hits, KEY);
    a.jump_if(R0, Cond::Eq, 0, done);
    a.load_map_value(R3, head, 0).load(Size::D, R1, R3 + Setting::Shared.offset());
    a.jump_if(R1, Cond::Ne, 0, shared);
    add_to_counters(a);
    a.jump(done).place(shared).mov(R1, 1);
    a.atomic(AtomicOp::Add, Size::D, R0 + 0, R1).atomic(AtomicOp::Add, Size::D, R0 + 8, LEN);
    a.place(done);
}

/// How many entries of a sort there are.
fn count_of(a: &mut Assembler, head: MapId, part: NetPart, to: Reg) {
    let offset = i16::try_from(part.index() * 8).expect("four words");
    a.load_map_value(to, head, 0).load(Size::D, to, to + offset);
}

/// An IPv4 address as a number.
fn address(a: &mut Assembler, slot: AddressSlot, to: Reg) {
    a.load(Size::W, to, slot.addr.at(0)).swap(Swap::Be32, to);
}

/// Half of an IPv6 address as a number.
fn half(a: &mut Assembler, slot: AddressSlot, at: i16, to: Reg) {
    a.load(Size::D, to, slot.addr.at(at)).swap(Swap::Be64, to);
}

fn imm(number: u32) -> i32 {
    i32::try_from(number).expect("31 bits are enough")
}
