//! The tests of rules that compare a fact with a constant.
//!
//! A test falls through when it is true and goes to `miss` when it is not. Facts are in slots.

use palisade_asm::{AluOp, Assembler, Cond, Label, R1, R2, Size, Swap};

use super::frame::{
    AddressSlot, CTX, DPORT, DSCP, DST, DST_MAC, ETHERTYPE, FLAGS, FRAGMENT, FRAGMENT_HEADER, ICMP,
    INNER_VLAN, LENGTH, NO_FRAGMENT_HEADER, NO_TAG, OPTIONS, PROTOCOL, SPORT, SRC, SRC_MAC, Slot,
    TTL, VLAN, ctx,
};
use crate::policy::{End, Quantity, Relation, Tag, TcpFlags};
use crate::value::{AddressRange, Addresses, Family, Mac, PortRange, Ports, Prefix};
use palisade_asm::ByteOrder;

/// Router solicitation; redirect is the last of neighbour discovery's five types.
const ND_FIRST: i32 = 133;
const ND_LAST: i32 = 137;
/// The hop limit of what no router has forwarded.
const NEIGHBOUR: i32 = 255;

/// The slot equals a number.
pub fn equals(a: &mut Assembler, slot: Slot, number: impl Into<i32>, miss: Label) {
    slot.load(a, R1);
    a.jump_if(R1, Cond::Ne, number.into(), miss);
}

/// The slot is not 0.
pub fn is_set(a: &mut Assembler, slot: Slot, miss: Label) {
    slot.load(a, R1);
    a.jump_if(R1, Cond::Eq, 0, miss);
}

/// The packet is a piece.
pub fn fragment(a: &mut Assembler, miss: Label) {
    is_set(a, FRAGMENT, miss);
}

/// The header has options.
pub fn options(a: &mut Assembler, miss: Label) {
    is_set(a, OPTIONS, miss);
}

/// The protocol.
pub fn protocol(a: &mut Assembler, number: u8, miss: Label) {
    equals(a, PROTOCOL, number, miss);
}

/// A VLAN identifier.
pub fn vlan(a: &mut Assembler, tag: Tag, number: u16, miss: Label) {
    equals(a, tag_slot(tag), number, miss);
}

/// The frame came in on this receive queue.
pub fn queue(a: &mut Assembler, number: u16, miss: Label) {
    CTX.load(a, R1);
    a.load(Size::W, R1, R1 + ctx::QUEUE).jump_if(R1, Cond::Ne, i32::from(number), miss);
}

/// There is such a tag.
pub fn tagged(a: &mut Assembler, tag: Tag, miss: Label) {
    tag_slot(tag).load(a, R1);
    a.jump_if(R1, Cond::Eq, NO_TAG, miss);
}

fn tag_slot(tag: Tag) -> Slot {
    match tag {
        Tag::Outer => VLAN,
        Tag::Inner => INNER_VLAN,
    }
}

/// The EtherType.
pub fn ethertype(a: &mut Assembler, order: ByteOrder, number: u16, miss: Label) {
    equals(a, ETHERTYPE, order.imm16(number.to_be_bytes()), miss);
}

/// Neighbour discovery as the stack accepts it: by type, from a neighbour, and without any fragment
/// header (RFC 6980).
pub fn neighbour_discovery(a: &mut Assembler, miss: Label) {
    ICMP.load(a, R1);
    a.rsh(R1, 8).jump_if(R1, Cond::Lt, ND_FIRST, miss).jump_if(R1, Cond::Gt, ND_LAST, miss);
    equals(a, TTL, NEIGHBOUR, miss);
    equals(a, FRAGMENT_HEADER, NO_FRAGMENT_HEADER, miss);
}

/// Type, and code where one is given.
pub fn icmp_type(a: &mut Assembler, kind: u8, code: Option<u8>, miss: Label) {
    ICMP.load(a, R1);
    match code {
        Some(code) => a.jump_if(R1, Cond::Ne, i32::from(u16::from_be_bytes([kind, code])), miss),
        None => a.rsh(R1, 8).jump_if(R1, Cond::Ne, i32::from(kind), miss),
    };
}

/// Flags of TCP.
pub fn flags(a: &mut Assembler, wanted: TcpFlags, miss: Label) {
    FLAGS.load(a, R1);
    a.and(R1, i32::from(wanted.mask())).jump_if(R1, Cond::Ne, i32::from(wanted.value()), miss);
}

/// A quantity of the header. It is not true of all or of no packets.
pub fn number(a: &mut Assembler, of: Quantity, how: Relation, number: u32, miss: Label) {
    let slot = match of {
        Quantity::Ttl => TTL,
        Quantity::Length => LENGTH,
        Quantity::Dscp => DSCP,
    };
    let otherwise = match how {
        Relation::Below => Cond::Ge,
        Relation::Above => Cond::Le,
        Relation::Is => Cond::Ne,
    };
    slot.load(a, R1);
    let number = i32::try_from(number).expect("a number that some packet has");
    a.jump_if(R1, otherwise, number, miss);
}

/// One of the ports.
pub fn port(a: &mut Assembler, end: End, ports: &Ports, miss: Label) {
    let ranges: Vec<PortRange> = ports.ranges().collect();
    port_slot(end).load(a, R1);
    one_of(a, &ranges, miss, |a, range, miss| {
        let (first, last) = (i32::from(range.first()), i32::from(range.last()));
        if first == last {
            a.jump_if(R1, Cond::Ne, first, miss);
            return;
        }
        if first > 0 {
            a.jump_if(R1, Cond::Lt, first, miss);
        }
        if last < i32::from(u16::MAX) {
            a.jump_if(R1, Cond::Gt, last, miss);
        }
    });
}

/// One of the addresses, which are all of one family.
pub fn address(a: &mut Assembler, order: ByteOrder, end: End, all: &Addresses, miss: Label) {
    let ranges: Vec<AddressRange> = all.ranges().collect();
    one_of(a, &ranges, miss, |a, range, miss| {
        let slot = address_slot(end, range.family());
        match range.as_prefix() {
            Some(prefix) => in_prefix(a, order, slot, &prefix, miss),
            None => in_range(a, slot, range, miss),
        }
    });
}

/// Tries one after the other; the last one misses where all do.
fn one_of<T>(
    a: &mut Assembler,
    all: &[T],
    miss: Label,
    mut each: impl FnMut(&mut Assembler, &T, Label),
) {
    let Some((last, others)) = all.split_last() else { return };
    if others.is_empty() {
        each(a, last, miss);
        return;
    }
    let hit = a.label("one of them");
    for one in others {
        let next = a.label("or");
        each(a, one, next);
        a.jump(hit).place(next);
    }
    each(a, last, miss);
    a.place(hit);
}

/// Compares the fixed bits of the address, a word at a time.
fn in_prefix(a: &mut Assembler, order: ByteOrder, slot: AddressSlot, prefix: &Prefix, miss: Label) {
    let octets = match prefix.addr() {
        std::net::IpAddr::V4(addr) => addr.octets().to_vec(),
        std::net::IpAddr::V6(addr) => addr.octets().to_vec(),
    };
    let mut bits = u32::from(prefix.len());
    for (word, at) in octets.chunks_exact(4).zip((0i16..).step_by(4)) {
        if bits == 0 {
            break;
        }
        a.load(Size::W, R1, slot.addr.at(at));
        if bits < 32 {
            let mask = (u32::MAX << (32 - bits)).to_be_bytes();
            a.alu32(AluOp::And, R1, order.imm32(mask));
        }
        let word = [word[0], word[1], word[2], word[3]];
        a.jump32_if(R1, Cond::Ne, order.imm32(word), miss);
        bits = bits.saturating_sub(32);
    }
}

/// Compares the address, as a number, with the first and the last one.
fn in_range(a: &mut Assembler, slot: AddressSlot, range: &AddressRange, miss: Label) {
    let bits = range.bits();
    let outside = [(bits.0, Cond::Lt), (bits.1, Cond::Gt)];
    match range.family() {
        Family::V4 => {
            a.load(Size::W, R1, slot.addr.at(0)).swap(Swap::Be32, R1);
            for (end, outside) in outside {
                let end = u64::try_from(end).expect("an IPv4 address has 32 bits");
                a.load_imm64(R2, end).jump_if(R1, outside, R2, miss);
            }
        }
        Family::V6 => {
            for (end, outside) in outside {
                wide_compare(a, slot, end, outside, miss);
            }
        }
    }
}

/// Goes to `miss` where the 128 bits of the address are `outside` of `end`: below, or above.
fn wide_compare(a: &mut Assembler, slot: AddressSlot, end: u128, outside: Cond, miss: Label) {
    let inside = a.label("upper half decides");
    let halves = [(end >> 64) as u64, end as u64];
    a.load(Size::D, R1, slot.addr.at(0)).swap(Swap::Be64, R1);
    a.load_imm64(R2, halves[0]).jump_if(R1, outside, R2, miss).jump_if(R1, Cond::Ne, R2, inside);
    a.load(Size::D, R1, slot.addr.at(8)).swap(Swap::Be64, R1);
    a.load_imm64(R2, halves[1]).jump_if(R1, outside, R2, miss);
    a.place(inside);
}

/// An Ethernet address; a frame without one has all ones in the slot's upper half.
pub fn mac(a: &mut Assembler, order: ByteOrder, end: End, mac: Mac, miss: Label) {
    let [b0, b1, b2, b3, b4, b5] = mac.0;
    let bytes = [b0, b1, b2, b3, b4, b5, 0, 0];
    let wanted = match order {
        ByteOrder::Little => u64::from_le_bytes(bytes),
        ByteOrder::Big => u64::from_be_bytes(bytes),
    };
    mac_slot(end).load(a, R1);
    a.load_imm64(R2, wanted).jump_if(R1, Cond::Ne, R2, miss);
}

/// The address of one station: the lowest bit of its first byte is clear, as it is not where a frame
/// has no address.
pub fn unicast(a: &mut Assembler, end: End, miss: Label) {
    a.load(Size::B, R1, mac_slot(end).at(0)).jump_if(R1, Cond::Set, 1, miss);
}

/// The slot of an Ethernet address.
pub fn mac_slot(end: End) -> Slot {
    match end {
        End::Source => SRC_MAC,
        End::Destination | End::Either => DST_MAC,
    }
}

/// The slot of an address.
pub fn address_slot(end: End, family: Family) -> AddressSlot {
    match end {
        End::Source => SRC.of(family),
        End::Destination | End::Either => DST.of(family),
    }
}

/// The slot of a port.
pub fn port_slot(end: End) -> Slot {
    match end {
        End::Source => SPORT,
        End::Destination | End::Either => DPORT,
    }
}
