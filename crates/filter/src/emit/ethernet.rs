//! Ethernet and its VLAN tags: each class of frames goes to its own label.
//!
//! Tags 0x8100 and 0x88a8 are walked as the stack's `__netif_receive_skb_core` does, up to eight;
//! a ninth is malformed. At a class's label `AT` is behind the EtherType and `LEFT` is the offset
//! of that place in the frame.

use palisade_asm::{Assembler, Cond, Label, R2, Size};

use super::frame::{AT, LEFT};
use super::packet::{Field, require};
use crate::plan::ByteOrder;
use crate::policy::Class;

/// The most VLAN tags that are walked.
pub const MOST_TAGS: usize = 8;

const HEADER: i16 = 14;
const ETHERTYPE: Field = Field::new(12, Size::H);
const TAG: i16 = 4;
const TAG_ETHERTYPE: Field = Field::new(2, Size::H);

const VLAN: [u8; 2] = [0x81, 0x00];
const SERVICE_VLAN: [u8; 2] = [0x88, 0xa8];

/// The EtherType of a class; `None` for the class of all others.
fn ethertype(class: Class) -> Option<[u8; 2]> {
    match class {
        Class::Ip4 => Some([0x08, 0x00]),
        Class::Ip6 => Some([0x86, 0xdd]),
        Class::Arp => Some([0x08, 0x06]),
        Class::Other => None,
    }
}

/// Where frames go.
pub struct Exits {
    /// A class and its label.
    pub classes: Vec<(Class, Label)>,
    /// Frames of no such class.
    pub other: Label,
    /// Frames cut within the Ethernet header or a tag.
    pub short: Label,
    /// Frames with more than [`MOST_TAGS`] tags.
    pub too_deep: Label,
}

/// Walks the Ethernet header and the tags from `AT`, the start of the frame.
pub fn ethernet(a: &mut Assembler, order: ByteOrder, exits: &Exits) {
    let frame = require(a, HEADER, exits.short);
    frame.load(a, R2, ETHERTYPE);
    advance(a, HEADER);
    for _ in 0..MOST_TAGS {
        let tagged = a.label("vlan");
        dispatch(a, order, exits);
        a.jump_if(R2, Cond::Eq, order.imm16(VLAN), tagged);
        a.jump_if(R2, Cond::Ne, order.imm16(SERVICE_VLAN), exits.other);
        a.place(tagged);
        let tag = require(a, TAG, exits.short);
        tag.load(a, R2, TAG_ETHERTYPE);
        advance(a, TAG);
    }
    dispatch(a, order, exits);
    a.jump_if(R2, Cond::Eq, order.imm16(VLAN), exits.too_deep);
    a.jump_if(R2, Cond::Eq, order.imm16(SERVICE_VLAN), exits.too_deep);
    a.jump(exits.other);
}

/// Sends the EtherType in R2 to its class.
fn dispatch(a: &mut Assembler, order: ByteOrder, exits: &Exits) {
    for (class, to) in &exits.classes {
        if let Some(bytes) = ethertype(*class) {
            a.jump_if(R2, Cond::Eq, order.imm16(bytes), *to);
        }
    }
}

fn advance(a: &mut Assembler, by: i16) {
    a.add(AT, i32::from(by)).add(LEFT, i32::from(by));
}
