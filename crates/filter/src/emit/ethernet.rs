//! Ethernet and its VLAN tags: each class of frames goes to its own label.
//!
//! Tags 0x8100 and 0x88a8 are walked as the stack's `__netif_receive_skb_core` does, up to eight;
//! a ninth is malformed. At a class's label `AT` is behind the EtherType; at the label of all others
//! R2 is the EtherType in the order of the packet, or 0, where some rule asks for it.
//!
//! Behind tags the verifier forgets how many there were: it follows the headers once for frames
//! without tags and once for all others, and not for each number of tags. By helpers it does not,
//! for that takes a pointer moved by a number that it does not know, and CAP_PERFMON.

use palisade_asm::{Assembler, Cond, Label, R1, R2, R3, Reg, Size, Swap};

use super::frame::{
    AT, CTX, DST_MAC, FORGETFUL, INNER_VLAN, NO_TAG, OFFSET, SRC_MAC, Slot, VLAN, ctx,
};
use super::needs::Needs;
use super::packet::{Field, Readable, require};
use crate::plan::{Access, Target};
use crate::policy::Class;

/// The most VLAN tags that are walked.
pub const MOST_TAGS: usize = 8;

const HEADER: i16 = 14;
const DESTINATION: Field = Field::new(0, Size::W);
const DESTINATION_REST: Field = Field::new(4, Size::H);
const SOURCE: Field = Field::new(6, Size::W);
const SOURCE_REST: Field = Field::new(10, Size::H);
const ETHERTYPE: Field = Field::new(12, Size::H);
const TAG: i16 = 4;
const TAG_CONTROL: Field = Field::new(0, Size::H);
const TAG_ETHERTYPE: Field = Field::new(2, Size::H);

/// The distance of `AT` from the start of the frame, behind a tag.
const WALKED: Reg = R3;

/// A mask that no such distance goes beyond.
const FARTHEST: i32 = 0x3f;

const VLAN_TYPES: [u16; 2] = [0x8100, 0x88a8];

/// Where frames go.
pub struct Exits {
    /// A class and its label.
    pub classes: Vec<(Class, Label)>,
    /// Those of them whose headers are read.
    pub read: Vec<Class>,
    /// Frames of no such class.
    pub other: Label,
    /// Frames cut within the Ethernet header or a tag.
    pub short: Label,
    /// Frames with more than [`MOST_TAGS`] tags.
    pub too_deep: Label,
}

/// Stores that no tag has been seen yet.
pub fn no_tags(a: &mut Assembler, needs: &Needs) {
    for (slot, needed) in [(VLAN, needs.vlan), (INNER_VLAN, needs.inner_vlan)] {
        if needed {
            slot.store(a, NO_TAG);
        }
    }
}

/// Walks the Ethernet header and the tags from `AT`, the start of the frame.
pub fn ethernet(a: &mut Assembler, target: Target, needs: &Needs, exits: &Exits) {
    if needs.ethertype {
        a.mov(R2, 0);
    }
    let runt = if needs.src_mac || needs.dst_mac { a.label("runt") } else { exits.short };
    let frame = require(a, HEADER, runt);
    addresses(a, needs, frame);
    frame.load(a, R2, ETHERTYPE);
    a.add(AT, i32::from(HEADER));
    if target.access == Access::Helpers {
        OFFSET.store(a, i32::from(HEADER));
    }
    let order = target.order;
    let behind_tags = behind_tags(a, target, exits);
    for depth in 0..MOST_TAGS {
        let tagged = a.label("vlan");
        dispatch(a, target, if depth == 0 { &exits.classes } else { &behind_tags });
        let [vlan, service] = VLAN_TYPES.map(|number| order.imm16(number.to_be_bytes()));
        a.jump_if(R2, Cond::Eq, vlan, tagged);
        a.jump_if(R2, Cond::Ne, service, exits.other);
        a.place(tagged);
        let tag = require(a, TAG, exits.short);
        match depth {
            0 if needs.vlan => identifier(a, tag, VLAN),
            1 if needs.inner_vlan => identifier(a, tag, INNER_VLAN),
            _ => {}
        }
        tag.load(a, R2, TAG_ETHERTYPE);
        // Behind the last tag no other is read, and pointers to the headers are computed anew.
        if depth + 1 < MOST_TAGS || target.access == Access::Helpers {
            a.add(AT, i32::from(TAG));
        }
        let offset = i32::from(HEADER + i16::try_from(depth + 1).expect("few tags") * TAG);
        if target.access == Access::Helpers {
            OFFSET.store(a, offset);
        } else if !exits.read.is_empty() {
            a.mov(WALKED, offset);
        }
    }
    dispatch(a, target, &behind_tags);
    for number in VLAN_TYPES {
        a.jump_if(R2, Cond::Eq, order.imm16(number.to_be_bytes()), exits.too_deep);
    }
    a.jump(exits.other);
    if target.access == Access::Pointers {
        for ((class, from), (_, to)) in behind_tags.iter().zip(&exits.classes) {
            if exits.read.contains(class) {
                a.place(*from);
                forget_walked(a);
                a.jump(*to);
            }
        }
    }
    if runt != exits.short {
        a.place(runt);
        no_addresses(a, needs);
        a.jump(exits.short);
    }
}

/// Where frames with tags go, for each class.
fn behind_tags(a: &mut Assembler, target: Target, exits: &Exits) -> Vec<(Class, Label)> {
    match target.access {
        Access::Helpers => exits.classes.clone(),
        Access::Pointers => {
            let label = |(class, to): &(Class, Label)| {
                let is_read = exits.read.contains(class);
                (*class, if is_read { a.label("behind tags") } else { *to })
            };
            exits.classes.iter().map(label).collect()
        }
    }
}

/// Computes `AT` anew, from a distance of which nothing but its bound is known.
fn forget_walked(a: &mut Assembler) {
    FORGETFUL.store(a, WALKED);
    FORGETFUL.load(a, WALKED);
    CTX.load(a, R1);
    a.and(WALKED, FARTHEST).load(Size::W, AT, R1 + ctx::DATA).add(AT, WALKED);
}

/// Sends the EtherType in R2 to its class.
fn dispatch(a: &mut Assembler, target: Target, classes: &[(Class, Label)]) {
    for (class, to) in classes {
        if let Some(number) = class.ethertype() {
            a.jump_if(R2, Cond::Eq, target.order.imm16(number.to_be_bytes()), *to);
        }
    }
}

/// The VLAN identifier of a tag, the lower twelve bits of its first field.
fn identifier(a: &mut Assembler, tag: Readable, slot: Slot) {
    tag.load(a, R1, TAG_CONTROL);
    a.swap(Swap::Be16, R1).and(R1, 0xfff);
    slot.store(a, R1);
}

fn no_addresses(a: &mut Assembler, needs: &Needs) {
    for (slot, needed) in [(SRC_MAC, needs.src_mac), (DST_MAC, needs.dst_mac)] {
        if needed {
            slot.store(a, -1);
        }
    }
}

fn addresses(a: &mut Assembler, needs: &Needs, frame: Readable) {
    for (slot, needed, fields) in [
        (SRC_MAC, needs.src_mac, [SOURCE, SOURCE_REST]),
        (DST_MAC, needs.dst_mac, [DESTINATION, DESTINATION_REST]),
    ] {
        if needed {
            // The first word last: before 6.9, without CAP_PERFMON, nothing may be stored beside a
            // word on a multiple of eight.
            frame.load(a, R1, fields[1]);
            a.store(Size::H, slot.at(4), R1).store(Size::H, slot.at(6), 0);
            frame.load(a, R1, fields[0]);
            a.store(Size::W, slot.at(0), R1);
        }
    }
}
