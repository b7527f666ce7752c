//! `reply`: an echo request becomes its reply, and goes back.
//!
//! Addresses are exchanged, of Ethernet and of IP; the type becomes that of a reply, and the hops are
//! those of a packet that begins here. No sum changes by exchanging what it adds.

use palisade_asm::{Assembler, Label, R1, R2, R3, R4, Size};

use super::checksum::{self, SUM, Terms};
use super::network::{IP4, IP4_CHECKSUM, IP6, Network};
use super::reflect;
use crate::emit::frame::{OFFSET, TRANSPORT};
use crate::emit::packet::{Field, Readable, header_again, put_back};
use crate::plan::Target;
use crate::policy::{Class, Protocol, REPLY_HOPS};

const HOPS_AND_PROTOCOL: Field = Field::new(IP4.hops, Size::H);
const IP4_HOPS: Field = Field::new(IP4.hops, Size::B);
const IP4_SOURCE: Field = Field::new(IP4.source, Size::W);
const IP4_DESTINATION: Field = Field::new(IP4.destination, Size::W);

const IP6_HOPS: Field = Field::new(IP6.hops, Size::B);
const IP6_SOURCE: [Field; 2] = halves(IP6.source);
const IP6_DESTINATION: [Field; 2] = halves(IP6.destination);

const ICMP: i16 = 8;
const TYPE: Field = Field::new(0, Size::B);
const TYPE_AND_CODE: Field = Field::new(0, Size::H);
const CHECKSUM: Field = Field::new(2, Size::H);

const fn halves(at: i16) -> [Field; 2] {
    [Field::new(at, Size::D), Field::new(at + 8, Size::D)]
}

/// Makes the request a reply.
pub fn reply(a: &mut Assembler, target: Target, class: Class, broken: Label) {
    reflect::reflect(a, broken);
    let kind = if class == Class::Ip6 { 129 } else { 0 };
    let ip = header_again(a, target.access, OFFSET, Network::of(class).size, broken);
    match class {
        Class::Ip6 => ip6(a, ip),
        Class::Ip4 | Class::Arp | Class::Other => ip4(a, target, ip),
    }
    put_back(a, ip, OFFSET, broken);
    let icmp = header_again(a, target.access, TRANSPORT, ICMP, broken);
    icmp.load(a, SUM, CHECKSUM);
    checksum::begin(a);
    icmp.load(a, R2, TYPE_AND_CODE);
    checksum::without_half(a, SUM, R2);
    checksum::with(a, target.order, &[kind, 0]);
    checksum::finish(a, Terms::Halves);
    icmp.store(a, CHECKSUM, SUM);
    icmp.store(a, TYPE, i32::from(kind));
    put_back(a, icmp, TRANSPORT, broken);
}

fn ip4(a: &mut Assembler, target: Target, ip: Readable) {
    ip.load(a, R1, IP4_SOURCE);
    ip.load(a, R2, IP4_DESTINATION);
    ip.store(a, IP4_SOURCE, R2);
    ip.store(a, IP4_DESTINATION, R1);
    ip.load(a, SUM, IP4_CHECKSUM);
    checksum::begin(a);
    ip.load(a, R2, HOPS_AND_PROTOCOL);
    checksum::without_half(a, SUM, R2);
    checksum::with(a, target.order, &[REPLY_HOPS, Protocol::ICMP.0]);
    checksum::finish(a, Terms::Halves);
    ip.store(a, IP4_CHECKSUM, SUM);
    ip.store(a, IP4_HOPS, i32::from(REPLY_HOPS));
}

fn ip6(a: &mut Assembler, ip: Readable) {
    let (from, to) = ([R1, R2], [R3, R4]);
    for (regs, fields) in [(from, IP6_SOURCE), (to, IP6_DESTINATION)] {
        regs.into_iter().zip(fields).for_each(|(reg, field)| ip.load(a, reg, field));
    }
    for (regs, fields) in [(to, IP6_SOURCE), (from, IP6_DESTINATION)] {
        regs.into_iter().zip(fields).for_each(|(reg, field)| ip.store(a, field, reg));
    }
    ip.store(a, IP6_HOPS, i32::from(REPLY_HOPS));
}
