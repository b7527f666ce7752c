//! The short way of most packets: IPv4 without a VLAN tag and without options, in one buffer.
//!
//! Everything that the careful way checks is checked here too, in fewer steps; a frame that is not
//! plainly in order takes the careful way from the start of the frame on, which finds out what is
//! wrong with it, if anything. Only pointers make it worth while.

use palisade_asm::{AluOp, Assembler, Cond, Label, R1, R2, R4, R5, Size, Swap};

use super::frame::{AT, LEN, OFFSET, PROTOCOL};
use super::ip4;
use super::needs::Needs;
use super::packet::{Field, require};
use super::transport::{self, Lanes};
use crate::plan::{Access, Depth, Target, Way};
use crate::policy::{Class, Lane, Protocol};

const ETHERNET: i16 = 14;
/// EtherType, version and header length, and type of service.
const BEGINNING: Field = Field::new(12, Size::W);
/// All of these but the type of service.
const BEGINNING_MASK: [u8; 4] = [0xff, 0xff, 0xff, 0];
/// IPv4, and a header of 20 bytes.
const PLAIN: [u8; 4] = [0x08, 0x00, 0x45, 0];
const TOTAL_LENGTH: Field = Field::new(ETHERNET + 2, Size::H);
/// What every transport header has at least.
const TRANSPORT: i16 = 8;

/// Whether there is a short way for these packets.
pub fn is_there(target: Target, way: &Way, all: &Needs) -> bool {
    way.class == Class::Ip4
        && way.depth > Depth::Layer2
        && target.access == Access::Pointers
        && !all.src_mac
        && !all.dst_mac
}

/// Takes the packets that are in order from `AT`, the start of the frame, to their lane, or, with a
/// header that is longer than most, to `dispatch`; the others to `careful`.
pub fn plain(
    a: &mut Assembler,
    target: Target,
    (way, needs): (&Way, &Needs),
    lanes: &Lanes,
    dispatch: Label,
    careful: Label,
) {
    let transport = if way.depth == Depth::Layer4 { TRANSPORT } else { 0 };
    let header = ETHERNET + ip4::HEADER;
    let frame = require(a, header + transport, careful);
    frame.load(a, R1, BEGINNING);
    a.alu32(AluOp::And, R1, target.order.imm32(BEGINNING_MASK));
    a.jump32_if(R1, Cond::Ne, target.order.imm32(PLAIN), careful);
    frame.load(a, R2, TOTAL_LENGTH);
    a.swap(Swap::Be16, R2).jump_if(R2, Cond::Lt, i32::from(ip4::HEADER + transport), careful);
    a.add(R2, i32::from(ETHERNET)).jump_if(R2, Cond::Gt, LEN, careful);
    a.add(AT, i32::from(header));
    if needs.length {
        a.sub(R2, i32::from(ETHERNET));
    }
    let ip = frame.behind(header - ETHERNET, header);
    ip4::facts(a, target, needs, ip);
    if needs.ip_at {
        OFFSET.store(a, i32::from(ETHERNET));
    }
    if needs.options {
        ip4::no_options(a);
    }
    if way.depth < Depth::Layer4 {
        a.jump(lanes.of(Lane::Other));
        return;
    }
    ip4::protocol(a, ip, R5);
    if needs.protocol {
        PROTOCOL.store(a, R5);
    }
    ip4::later_fragment(a, target, ip, lanes.of(Lane::LaterFragment));
    let udp = a.label("plain udp");
    a.jump_if(R5, Cond::Eq, i32::from(Protocol::UDP.0), udp);
    let before = if needs.length { ip4::HEADER } else { header };
    a.mov(R4, R2).sub(R4, i32::from(before));
    a.jump(dispatch).place(udp);
    transport::facts(a, target.access, &Needs::of_lane(way, Lane::Udp), frame.behind(0, header));
}
