//! IPv4: the header checked as `ip_rcv_core` does, options stepped over, facts kept for rules.
//!
//! Behind the header, `left` bytes of the packet follow `AT` by its own length, and they lie in the
//! frame; R5 is the protocol.

use palisade_asm::{Assembler, Cond, Label, R1, R2, R3, R5, Reg, Size, Swap};

use super::frame::{
    AT, DSCP, DST, END, FRAGMENT, LEN, LENGTH, OFFSET, OPTIONS, PROTOCOL, SRC, TTL, left,
};
use super::needs::Needs;
use super::packet::{Field, Readable, offset, require};
use super::transport::{self, Lanes};
use super::{Ends, length};
use crate::plan::{Access, Depth, Target, Way};
use crate::policy::{Flaw, Lane};
use crate::value::Family;

/// The header without options.
pub const HEADER: i16 = 20;
const VERSION_IHL: Field = Field::new(0, Size::B);
const SERVICE: Field = Field::new(1, Size::B);
const TOTAL_LENGTH: Field = Field::new(2, Size::H);
const FRAGMENT_FIELD: Field = Field::new(6, Size::H);
const TIME_TO_LIVE: Field = Field::new(8, Size::B);
const PROTO: Field = Field::new(9, Size::B);
const SOURCE: Field = Field::new(12, Size::W);
const DESTINATION: Field = Field::new(16, Size::W);

/// Version 4 and a header of 20 bytes.
const PLAIN: i32 = 0x45;
/// The bits of the fragment field that are the offset.
const OFFSET_BITS: [u8; 2] = [0x1f, 0xff];
/// The same with the bit that more fragments follow.
const PIECE_BITS: [u8; 2] = [0x3f, 0xff];

/// Parses the packet at `AT` as deep as `way` needs it, and goes to its lanes; at layer 3 it falls
/// through to the only one.
pub fn ip4(
    a: &mut Assembler,
    target: Target,
    (way, needs): (&Way, &Needs),
    ends: &Ends<'_>,
    lanes: &Lanes,
    dispatch: Label,
) {
    let ip = header(a, target, (way.depth, needs), ends);
    if way.depth < Depth::Layer4 {
        return;
    }
    later_fragment(a, target, ip, lanes.of(Lane::LaterFragment));
    a.mov(left(target.access), R2).sub(left(target.access), R1);
    match target.access {
        Access::Pointers => {
            a.add(AT, R1);
        }
        Access::Helpers => {
            OFFSET.load(a, AT);
            a.add(AT, R1);
        }
    }
    a.place(dispatch);
    transport::transport(a, target.access, way, ends, lanes);
}

/// Goes to `later` if the packet is a piece that is not the first.
pub fn later_fragment(a: &mut Assembler, target: Target, ip: Readable, later: Label) {
    ip.load(a, R3, FRAGMENT_FIELD);
    a.jump_if(R3, Cond::Set, target.order.imm16(OFFSET_BITS), later);
}

/// The protocol, into a register.
pub fn protocol(a: &mut Assembler, ip: Readable, to: Reg) {
    ip.load(a, to, PROTO);
}

/// Stores that the header has no options.
pub fn no_options(a: &mut Assembler) {
    OPTIONS.store(a, 0);
}

/// Checks the header and keeps its facts; R1 is its length behind it, R2 that of the packet and, at
/// layer 4, R5 the protocol.
fn header(
    a: &mut Assembler,
    target: Target,
    (depth, needs): (Depth, &Needs),
    ends: &Ends<'_>,
) -> Readable {
    let ip = require(a, HEADER, ends.malformed(Flaw::ShortL3));
    if needs.ip_at {
        offset(a, target.access, OFFSET);
    }
    let (unusual, checked) = (a.label("ip4 unusual"), a.label("ip4 length"));
    ip.load(a, R1, VERSION_IHL);
    a.jump_if(R1, Cond::Ne, PLAIN, unusual);
    a.mov(R1, i32::from(HEADER));
    a.jump(checked);
    a.place(unusual);
    unusual_header(a, target.access, ends);
    a.place(checked);
    if needs.options {
        a.mov(R3, R1).sub(R3, i32::from(HEADER));
        OPTIONS.store(a, R3);
    }
    ip.load(a, R2, TOTAL_LENGTH);
    a.swap(Swap::Be16, R2);
    a.jump_if(R2, Cond::Lt, R1, ends.malformed(Flaw::BadLength));
    length::holds(a, target, 0, ends);
    facts(a, target, needs, ip);
    if depth == Depth::Layer4 {
        protocol(a, ip, R5);
        if needs.protocol {
            PROTOCOL.store(a, R5);
        }
    }
    ip
}

/// A header whose first byte, in R1, is not that of most: its version, its length, its options.
fn unusual_header(a: &mut Assembler, access: Access, ends: &Ends<'_>) {
    a.mov(R3, R1).rsh(R3, 4);
    a.jump_if(R3, Cond::Ne, 4, ends.malformed(Flaw::BadVersion));
    a.and(R1, 0x0f).lsh(R1, 2);
    a.jump_if(R1, Cond::Lt, i32::from(HEADER), ends.malformed(Flaw::BadIhl));
    let short = ends.malformed(Flaw::ShortL3);
    match access {
        Access::Pointers => {
            a.mov(R3, AT).add(R3, R1).jump_if(R3, Cond::Gt, END, short);
        }
        Access::Helpers => {
            OFFSET.load(a, R3);
            a.add(R3, R1).jump_if(R3, Cond::Gt, LEN, short);
        }
    }
}

/// Keeps what rules ask for; R2 is the length of the packet.
pub fn facts(a: &mut Assembler, target: Target, needs: &Needs, ip: Readable) {
    let addresses = [(needs.src, SRC, SOURCE), (needs.dst, DST, DESTINATION)];
    for (_, slot, field) in addresses.into_iter().filter(|(needed, ..)| *needed) {
        ip.load(a, R3, field);
        slot.of(Family::V4).addr.store(a, R3);
    }
    if needs.fragment {
        ip.load(a, R3, FRAGMENT_FIELD);
        a.and(R3, target.order.imm16(PIECE_BITS));
        FRAGMENT.store(a, R3);
    }
    if needs.ttl {
        ip.load(a, R3, TIME_TO_LIVE);
        TTL.store(a, R3);
    }
    if needs.length {
        LENGTH.store(a, R2);
    }
    if needs.dscp {
        ip.load(a, R3, SERVICE);
        a.rsh(R3, 2);
        DSCP.store(a, R3);
    }
}
