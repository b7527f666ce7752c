//! IPv6: the fixed header as `ip6_rcv_core` checks it, then the extension headers as the stack
//! walks them.
//!
//! The list is the kernel's `ipv6_ext_hdr` (hop-by-hop, routing, fragment, authentication,
//! destination options); anything else is the packet's protocol. Lengths are computed in more bits
//! than they are stored in. A fragment header is eight bytes whatever its reserved byte says, and
//! behind one that is not the first nothing is believed, the protocol included (RFC 8200, 4.5).
//! Up to eight headers are walked; then the packet is malformed.
//!
//! During the walk by pointers, `BASE` is the fixed header and `WALKED` the distance of `AT` from it.
//! The verifier forgets at each header what it knows of the distance, so that all ways to a header
//! look alike to it and it follows one of them. By helpers, `AT` is an offset and just grows.

use palisade_asm::{Assembler, Cond, Label, R0, R1, R2, R3, R5, Reg, Size, Swap};

use super::frame::{
    A_FRAGMENT_HEADER, AT, DSCP, DST, FORGETFUL, FRAGMENT, FRAGMENT_HEADER, LENGTH,
    NO_FRAGMENT_HEADER, OFFSET, PROTOCOL, SRC, TTL, left,
};
use super::needs::Needs;
use super::packet::{Field, Readable, offset, require, require_at};
use super::transport::{self, Lanes};
use super::{Ends, length};
use crate::plan::{Access, Depth, Target, Way};
use crate::policy::{Flaw, Lane, Protocol};
use crate::value::Family;
use palisade_asm::ByteOrder;

/// The fixed header.
const BASE: Reg = R3;
/// The distance of `AT` from `BASE`.
const WALKED: Reg = R0;

/// The most extension headers that are walked.
pub const MOST_HEADERS: usize = 8;

const HEADER: i16 = 40;
const VERSION: Field = Field::new(0, Size::B);
const VERSION_AND_CLASS: Field = Field::new(0, Size::H);
const PAYLOAD_LENGTH: Field = Field::new(4, Size::H);
const NEXT_HEADER: Field = Field::new(6, Size::B);
const HOPS: Field = Field::new(7, Size::B);
const SOURCE: [Field; 2] = [Field::new(8, Size::D), Field::new(16, Size::D)];
const DESTINATION: [Field; 2] = [Field::new(24, Size::D), Field::new(32, Size::D)];

/// Every extension header has at least this many bytes.
const EXTENSION: i16 = 8;
const EXTENSION_NEXT: Field = Field::new(0, Size::B);
const EXTENSION_LENGTH: Field = Field::new(1, Size::B);
const SEGMENTS_LEFT: Field = Field::new(3, Size::B);
const FRAGMENT_FIELD: Field = Field::new(2, Size::H);
/// The bits of the fragment field that are the offset.
const OFFSET_BITS: [u8; 2] = [0xff, 0xf8];
/// The same with the bit that more fragments follow.
const PIECE_BITS: [u8; 2] = [0xff, 0xf9];

/// An extension header, by how it is walked.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Extension {
    HopByHop,
    Destination,
    Routing,
    Fragment,
    Authentication,
}

impl Extension {
    const ALL: [Self; 5] =
        [Self::HopByHop, Self::Destination, Self::Routing, Self::Fragment, Self::Authentication];

    const fn number(self) -> i32 {
        match self {
            Self::HopByHop => 0,
            Self::Destination => 60,
            Self::Routing => 43,
            Self::Fragment => 44,
            Self::Authentication => 51,
        }
    }

    const fn name(self) -> &'static str {
        match self {
            Self::HopByHop => "hop-by-hop",
            Self::Destination => "destination options",
            Self::Routing => "routing",
            Self::Fragment => "fragment",
            Self::Authentication => "authentication",
        }
    }
}

/// Parses the packet at `AT` as deep as `way` needs it, and goes to its lanes; at layer 3 it falls
/// through to the only one.
pub fn ip6(
    a: &mut Assembler,
    target: Target,
    (way, needs): (&Way, &Needs),
    ends: &Ends<'_>,
    lanes: &Lanes,
) {
    header(a, target, way, needs, ends);
    if way.depth < Depth::Layer4 {
        return;
    }
    let last = a.label("ip6 transport");
    for step in 0..MOST_HEADERS {
        let next = a.label("next header");
        let later = lanes.of(Lane::LaterFragment);
        extension(a, target, step, &Steps { needs, next, last, later }, ends);
        a.place(next);
    }
    for kind in Extension::ALL {
        let exit = match kind {
            Extension::HopByHop => Flaw::BadExtHdr,
            Extension::Destination
            | Extension::Routing
            | Extension::Fragment
            | Extension::Authentication => Flaw::ExtHdrTooDeep,
        };
        a.jump_if(R5, Cond::Eq, kind.number(), ends.malformed(exit));
    }
    a.place(last);
    if needs.protocol {
        PROTOCOL.store(a, R5);
    }
    transport::transport(a, target.access, way, ends, lanes);
}

fn header(a: &mut Assembler, target: Target, way: &Way, needs: &Needs, ends: &Ends<'_>) {
    let ip = require(a, HEADER, ends.malformed(Flaw::ShortL3));
    if needs.ip_at {
        offset(a, target.access, OFFSET);
    }
    ip.load(a, R1, VERSION);
    a.rsh(R1, 4);
    a.jump_if(R1, Cond::Ne, 6, ends.malformed(Flaw::BadVersion));
    ip.load(a, R2, PAYLOAD_LENGTH);
    a.swap(Swap::Be16, R2);
    a.jump_if(R2, Cond::Eq, 0, ends.malformed(Flaw::BadLength));
    length::holds(a, target, i32::from(HEADER), ends);
    facts(a, needs, ip);
    if way.depth < Depth::Layer4 {
        return;
    }
    FRAGMENT_HEADER.store(a, NO_FRAGMENT_HEADER);
    if needs.fragment {
        FRAGMENT.store(a, 0);
    }
    ip.load(a, R5, NEXT_HEADER);
    match target.access {
        Access::Pointers => {
            a.mov(BASE, AT).mov(WALKED, i32::from(HEADER)).add(AT, i32::from(HEADER));
        }
        Access::Helpers => {
            OFFSET.load(a, AT);
            a.add(AT, i32::from(HEADER));
        }
    }
    a.mov(left(target.access), R2);
}

fn facts(a: &mut Assembler, needs: &Needs, ip: Readable) {
    for (needed, slot, halves) in [(needs.src, SRC, SOURCE), (needs.dst, DST, DESTINATION)] {
        if needed {
            let slot = slot.of(Family::V6);
            for (half, at) in halves.into_iter().zip([0, 8]) {
                ip.load(a, R3, half);
                a.store(Size::D, slot.addr.at(at), R3);
            }
        }
    }
    if needs.ttl {
        ip.load(a, R3, HOPS);
        TTL.store(a, R3);
    }
    if needs.length {
        a.mov(R3, R2).add(R3, i32::from(HEADER));
        LENGTH.store(a, R3);
    }
    if needs.dscp {
        ip.load(a, R3, VERSION_AND_CLASS);
        a.swap(Swap::Be16, R3).rsh(R3, 6).and(R3, 0x3f);
        DSCP.store(a, R3);
    }
}

/// Where a step of the walk goes.
struct Steps<'a> {
    /// The facts that rules ask for.
    needs: &'a Needs,
    /// The next step.
    next: Label,
    /// The transport header.
    last: Label,
    /// The rules for pieces of which nothing more is known.
    later: Label,
}

/// One step: what R5 names is stepped over, or is the protocol.
fn extension(a: &mut Assembler, target: Target, step: usize, to: &Steps<'_>, ends: &Ends<'_>) {
    let bad = ends.malformed(Flaw::BadExtHdr);
    // The common protocols leave the walk first.
    if step == 0 {
        for protocol in [Protocol::UDP, Protocol::TCP] {
            a.jump_if(R5, Cond::Eq, i32::from(protocol.0), to.last);
        }
    }
    // Hop-by-hop options come first or not at all.
    let walked = |kind: &Extension| step == 0 || *kind != Extension::HopByHop;
    let kinds: Vec<(Extension, Label)> = Extension::ALL
        .into_iter()
        .filter(walked)
        .map(|kind| (kind, a.label(kind.name())))
        .collect();
    for (kind, label) in &kinds {
        a.jump_if(R5, Cond::Eq, kind.number(), *label);
    }
    if step > 0 {
        a.jump_if(R5, Cond::Eq, Extension::HopByHop.number(), bad);
    }
    a.jump(to.last);
    for (kind, label) in &kinds {
        a.place(*label);
        walk(a, target, *kind, to, ends);
    }
}

/// Steps over one header and puts what follows it into R5.
fn walk(a: &mut Assembler, target: Target, kind: Extension, to: &Steps<'_>, ends: &Ends<'_>) {
    let (short, bad) = (ends.malformed(Flaw::ShortL4), ends.malformed(Flaw::BadExtHdr));
    if kind == Extension::Fragment {
        FRAGMENT_HEADER.load(a, R1);
        a.jump_if(R1, Cond::Ne, NO_FRAGMENT_HEADER, bad);
        FRAGMENT_HEADER.store(a, A_FRAGMENT_HEADER);
    }
    let left = left(target.access);
    a.jump_if(left, Cond::Lt, i32::from(EXTENSION), short);
    let header = require_at(a, target.access, EXTENSION, short);
    if kind == Extension::Routing {
        header.load(a, R2, SEGMENTS_LEFT);
        a.jump_if(R2, Cond::Ne, 0, bad);
    }
    if kind == Extension::Fragment {
        fragment(a, target.order, to, header);
    }
    length(a, kind, header, R1);
    // A fragment header has no more than the bytes that have been compared.
    if kind != Extension::Fragment {
        a.jump_if(R1, Cond::Gt, left, short);
    }
    a.sub(left, R1);
    header.load(a, R5, EXTENSION_NEXT);
    match target.access {
        Access::Helpers => {
            a.add(AT, R1);
        }
        Access::Pointers => {
            // Computed anew: what moves a pointer is tracked precisely, and so would be all that
            // it was compared with. All headers together are shorter than 2^15 bytes.
            length(a, kind, header, R1);
            a.add(WALKED, R1);
            FORGETFUL.store(a, WALKED);
            FORGETFUL.load(a, WALKED);
            a.and(WALKED, 0x7fff).mov(AT, BASE).add(AT, WALKED);
        }
    }
    a.jump(to.next);
}

/// The length of a header, in bytes.
fn length(a: &mut Assembler, kind: Extension, header: Readable, to: Reg) {
    match kind {
        Extension::HopByHop | Extension::Destination | Extension::Routing => {
            header.load(a, to, EXTENSION_LENGTH);
            a.add(to, 1).lsh(to, 3);
        }
        Extension::Authentication => {
            header.load(a, to, EXTENSION_LENGTH);
            a.add(to, 2).lsh(to, 2);
        }
        Extension::Fragment => {
            a.mov(to, i32::from(EXTENSION));
        }
    }
}

/// A fragment that is not the first goes to its lane as it is, its protocol unknown.
fn fragment(a: &mut Assembler, order: ByteOrder, to: &Steps<'_>, header: Readable) {
    header.load(a, R2, FRAGMENT_FIELD);
    if to.needs.fragment {
        a.mov(R1, R2).and(R1, order.imm16(PIECE_BITS));
        FRAGMENT.store(a, R1);
    }
    a.jump_if(R2, Cond::Set, order.imm16(OFFSET_BITS), to.later);
}
