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
//!
//! IPv4 is looked up in line; [`super::flat6`] has the function that looks IPv6 up.

use palisade_asm::{
    Assembler, AtomicOp, Cond, Helper, Label, MapId, R0, R1, R2, R3, Reg, Size, Swap,
};

use super::frame::{AddressSlot, KEY, LEN, MAIN, Scratch, VERDICT};
use super::sets::{SetMaps, look_up, now};
use super::verdict::add_to_counters;
use crate::structure::NetPart;
use crate::structure::flat::slot::{COVERED, ID_MASK, LONE, REACH_SHIFT, TIMED};
use crate::structure::flat::{COVER, Part, Setting, UNTIL};

/// The bits of the address that are still to choose slots, the next ones highest. No row is chosen yet
/// that the register were needed for.
pub const REST: Reg = VERDICT;
/// The most steps: the smallest root, then four bits each.
const STEPS4: usize = 6;

/// Looks an IPv4 address up; falls through with the number of its entry in R0.
pub fn address4(a: &mut Assembler, control: MapId, set: &SetMaps, slot: AddressSlot, miss: Label) {
    let [leaf, lone, found, hit] = ["leaf", "lone", "found", "in set"].map(|name| a.label(name));
    let table = Table { set, control, frame: &MAIN };
    table.unless_empty(a, [NetPart::Host4, NetPart::Net4], miss);

    address(a, slot, REST);
    a.load(Size::D, R1, R3 + Setting::Shift4.offset());
    a.mov(R0, REST).rsh(R0, R1);
    a.mov(R2, 64).sub(R2, R1).lsh(REST, R2);
    (0..STEPS4).for_each(|_| table.step(a, Behind::Rest, miss, leaf));
    a.jump(miss);

    a.place(leaf).jump_if(R0, Cond::Set, imm(LONE), lone);
    a.place(found);
    table.entry_of(a, miss, hit);

    a.place(lone);
    differing(a);
    within(a, found);
    table.around(a, miss, found);
    a.place(hit);
}

/// Where the bits behind those of a step are.
#[derive(Clone, Copy)]
pub enum Behind {
    /// In `REST`, below them.
    Rest,
    /// In another register, for `REST` is at its end.
    In(Reg),
}

/// The tables of a set, and the frame in which they are read.
#[derive(Clone, Copy)]
pub struct Table<'a> {
    pub set: &'a SetMaps,
    pub control: MapId,
    pub frame: &'a Scratch,
}

impl Table<'_> {
    /// The map of a part.
    pub fn part(self, part: Part) -> MapId {
        self.set.part(part)
    }

    /// Goes to `miss` if the set has nothing of either sort; the head is in R3 behind it.
    pub fn unless_empty(self, a: &mut Assembler, [hosts, nets]: [NetPart; 2], miss: Label) {
        a.load_map_value(R3, self.part(Part::Head), 0);
        a.load(Size::D, R1, R3 + fill(hosts)).load(Size::D, R2, R3 + fill(nets));
        a.or(R1, R2).jump_if(R1, Cond::Eq, 0, miss);
    }

    /// How many entries of a sort there are.
    pub fn count_of(self, a: &mut Assembler, part: NetPart, to: Reg) {
        a.load_map_value(to, self.part(Part::Head), 0).load(Size::D, to, to + fill(part));
    }

    /// The pointer to the element of a part whose number is in R0; goes to `miss` if there is none.
    pub fn element(self, a: &mut Assembler, part: Part, miss: Label) {
        self.frame.key.store(a, R0);
        look_up(a, self.part(part), self.frame.key);
        a.jump_if(R0, Cond::Eq, 0, miss);
    }

    /// The pointer to the entry whose number is in R0.
    pub fn entry(self, a: &mut Assembler, miss: Label) {
        self.element(a, Part::Entries, miss);
    }

    /// Reads the slot of the highest bits of `REST` in the node in R0 into R0; goes to `leaf` unless it
    /// is another node.
    pub fn step(self, a: &mut Assembler, behind: Behind, miss: Label, leaf: Label) {
        self.element(a, Part::Nodes, miss);
        // Eight times the highest four bits.
        a.mov(R1, REST).rsh(R1, 57).and(R1, 0x78).add(R0, R1);
        match behind {
            Behind::Rest => a.lsh(REST, 4),
            Behind::In(next) => a.mov(REST, next),
        };
        let node = a.label("node");
        a.load(Size::D, R0, R0 + 0).jump_if(R0, Cond::Slt, 0, node).jump(leaf).place(node);
    }

    /// Goes to `found` with the word of the entry around the lone slot in R0, or to `miss` if there is none.
    pub fn around(self, a: &mut Assembler, miss: Label, found: Label) {
        let covered = a.label("covered");
        a.jump_if(R0, Cond::Set, imm(COVERED), covered).jump(miss);
        a.place(covered).and(R0, imm(ID_MASK));
        self.entry(a, miss);
        a.load(Size::D, R0, R0 + COVER).mov32(R0, R0).jump(found);
    }

    /// Goes to `hit` with the number of the entry that the word in R0 names, unless there is none or
    /// none any more.
    pub fn entry_of(self, a: &mut Assembler, miss: Label, hit: Label) {
        let timed = a.label("timed");
        a.jump_if(R0, Cond::Set, imm(TIMED), timed);
        a.and(R0, imm(ID_MASK)).jump_if(R0, Cond::Ne, 0, hit).jump(miss);
        a.place(timed).and(R0, imm(ID_MASK));
        self.frame.number.store(a, R0);
        self.entry(a, miss);
        self.unless_past(a, miss, hit);
    }

    /// Goes to `hit` with the number in R0 that the frame keeps, or to `past` if the entry at R0, of
    /// which it is, has ended.
    pub fn unless_past(self, a: &mut Assembler, past: Label, hit: Label) {
        let alive = a.label("alive");
        a.load(Size::D, R1, R0 + UNTIL).jump_if(R1, Cond::Eq, 0, alive);
        self.frame.saved.store(a, R1);
        now(a, self.control);
        self.frame.saved.load(a, R1);
        a.jump_if(R1, Cond::Le, R0, past);
        a.place(alive);
        self.frame.number.load(a, R0);
        a.jump(hit);
    }
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

/// The bits of `REST` that are not those of the lone slot in R0 into R1, from the second highest on.
pub fn differing(a: &mut Assembler) {
    a.mov(R1, REST).rsh(R1, 1).xor(R1, R0);
}

/// Goes to `found` if none of them is a bit of the prefix, which is in the slot as a whole.
pub fn within(a: &mut Assembler, found: Label) {
    a.mov(R2, R0).rsh(R2, i32::from(REACH_SHIFT)).and(R2, 63).rsh(R1, R2);
    a.jump_if(R1, Cond::Eq, 0, found);
}

/// Where the head counts the entries of a sort.
fn fill(part: NetPart) -> i16 {
    i16::try_from(part.index() * 8).expect("four words")
}

/// An IPv4 address as a number.
fn address(a: &mut Assembler, slot: AddressSlot, to: Reg) {
    a.load(Size::W, to, slot.addr.at(0)).swap(Swap::Be32, to);
}

pub fn imm(number: u32) -> i32 {
    i32::try_from(number).expect("31 bits are enough")
}
