//! IPv4: the header checked as `ip_rcv_core` does, options stepped over, addresses kept for rules.
//!
//! Behind [`header`], `LEFT` bytes of the packet follow `AT` by its own length, and they lie in the
//! frame; R5 is the protocol and R4 the fragment field, in the packet's order of bytes.

use palisade_asm::{Assembler, Cond, Label, R1, R2, R3, R4, R5, Size, Swap};

use super::frame::{self, AT, DST, END, LEFT, LEN, PROTOCOL, SRC};
use super::packet::{Field, require};
use super::{Ends, length, transport};
use crate::plan::{Access, ByteOrder, Depth, Malformed, Target, Way};
use crate::policy::{Protocol, Side};
use crate::value::Family;

const HEADER: i16 = 20;
const VERSION_IHL: Field = Field::new(0, Size::B);
const TOTAL_LENGTH: Field = Field::new(2, Size::H);
const FRAGMENT: Field = Field::new(6, Size::H);
const PROTO: Field = Field::new(9, Size::B);
const ADDRESS: [(Side, frame::AddressSlot, Field); 2] = [
    (Side::Source, SRC, Field::new(12, Size::W)),
    (Side::Destination, DST, Field::new(16, Size::W)),
];

/// The bits of the fragment field that are the offset.
const FRAGMENT_OFFSET: [u8; 2] = [0x1f, 0xff];

/// Parses the packet at `AT` as deep as `way` needs it, and falls through to its rules.
pub fn ip4(a: &mut Assembler, target: Target, way: &Way<'_>, ends: &Ends<'_>) {
    header(a, target, way, ends);
    if way.depth < Depth::Layer4 {
        return;
    }
    let rules = a.label("ip4 rules");
    fragment(a, target.order, way, rules);
    transport::transport(a, target.access, Protocol::ICMP, way, ends, rules);
    a.place(rules);
}

fn header(a: &mut Assembler, target: Target, way: &Way<'_>, ends: &Ends<'_>) {
    let ip = require(a, HEADER, ends.malformed(Malformed::ShortL3));
    ip.load(a, R1, VERSION_IHL);
    a.mov(R3, R1).rsh(R3, 4);
    a.jump_if(R3, Cond::Ne, 4, ends.malformed(Malformed::BadVersion));
    a.and(R1, 0x0f).lsh(R1, 2);
    a.jump_if(R1, Cond::Lt, i32::from(HEADER), ends.malformed(Malformed::BadIhl));
    let length = a.label("ip4 length");
    a.jump_if(R1, Cond::Eq, i32::from(HEADER), length);
    options_are_there(a, target.access, ends.malformed(Malformed::ShortL3));
    a.place(length);
    ip.load(a, R2, TOTAL_LENGTH);
    // Before Linux 7 the verifier forgets at the swap that no more than two bytes were loaded.
    a.swap(Swap::Be16, R2).and(R2, 0xffff);
    a.jump_if(R2, Cond::Lt, R1, ends.malformed(Malformed::BadLength));
    length::holds(a, target, 0, ends);
    for (side, slot, field) in ADDRESS {
        if way.tests_address(side) {
            ip.load(a, R3, field);
            slot.addr.lower().store(a, R3);
            slot.bits.store(a, i32::from(Family::V4.bits()));
        }
    }
    if way.depth < Depth::Layer4 {
        return;
    }
    ip.load(a, R4, FRAGMENT);
    ip.load(a, R5, PROTO);
    PROTOCOL.store(a, R5);
    match target.access {
        Access::Pointers => a.add(AT, R1),
        Access::Helpers => a.mov(AT, LEFT).add(AT, R1),
    };
    a.mov(LEFT, R2).sub(LEFT, R1);
}

/// The header, of R1 bytes, lies in the frame.
fn options_are_there(a: &mut Assembler, access: Access, short: Label) {
    match access {
        Access::Pointers => a.mov(R3, AT).add(R3, R1).jump_if(R3, Cond::Gt, END, short),
        Access::Helpers => {
            LEN.load(a, R4);
            a.mov(R3, LEFT).add(R3, R1).jump_if(R3, Cond::Gt, R4, short)
        }
    };
}

/// A fragment that is not the first has a protocol but no ports.
fn fragment(a: &mut Assembler, order: ByteOrder, way: &Way<'_>, rules: Label) {
    let first = a.label("ip4 transport");
    transport::no_facts(a, way);
    a.and(R4, order.imm16(FRAGMENT_OFFSET)).jump_if(R4, Cond::Eq, 0, first);
    transport::later_fragment(a, way);
    a.jump(rules);
    a.place(first);
}
