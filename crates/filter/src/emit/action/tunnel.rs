//! `tunnel`: the head of the frame is moved, and a packet that holds the whole of the old one begins
//! there. The frame goes back through the interface it came from.
//!
//! What is known of the old headers is read before the head moves, and no pointer is kept. The outer
//! header has no identification, as its packets are not to be fragmented (RFC 6864), and the type of
//! service, or traffic class, of the inner one, with what says of congestion (RFC 6040).

use palisade_asm::{Assembler, Cond, Helper, Label, R0, R1, R2, R6, R9, Reg, Size, Swap};

use super::address::{octets, to_station};
use super::checksum::{self, SUM, Terms};
use super::network::IP4;
use crate::emit::frame::{CTX, LENGTH};
use crate::emit::packet::{Field, Readable, frame_again};
use crate::plan::Target;
use crate::policy::{Class, Tunnel};
use crate::value::Family;

/// The old destination and what is behind it, over a call.
const OLD_DESTINATION: Reg = R6;
/// The type of service, or the traffic class, over a call.
const SERVICE: Reg = R9;

const ETHERNET: i16 = 14;
/// Frames that are tunnelled have no tags: the IP header begins behind the Ethernet header.
const INNER_SERVICE: Field = Field::new(ETHERNET + 1, Size::B);
const INNER_VERSION_AND_CLASS: Field = Field::new(ETHERNET, Size::H);

const EIGHT_FROM_DESTINATION: Field = Field::new(0, Size::D);
const EIGHT_FROM_SOURCE: Field = Field::new(6, Size::D);
const ETHERTYPE: Field = Field::new(12, Size::H);

/// A field of the outer header.
const fn outer(off: i16, size: Size) -> Field {
    Field::new(ETHERNET + off, size)
}

/// Puts the packet, which is of `class`, behind a header of the tunnel.
pub fn tunnel(a: &mut Assembler, target: Target, tunnel: &Tunnel, class: Class, broken: Label) {
    let frame = frame_again(a, ETHERNET + 2, broken);
    frame.load(a, OLD_DESTINATION, EIGHT_FROM_DESTINATION);
    if class == Class::Ip6 {
        frame.load(a, SERVICE, INNER_VERSION_AND_CLASS);
        a.swap(Swap::Be16, SERVICE).rsh(SERVICE, 4).and(SERVICE, 0xff);
    } else {
        frame.load(a, SERVICE, INNER_SERVICE);
    }
    let header = i16::try_from(tunnel.header()).expect("an IP header");
    CTX.load(a, R1);
    a.mov(R2, -i32::from(header)).call(Helper::XDP_ADJUST_HEAD).jump_if(R0, Cond::Ne, 0, broken);
    let frame = frame_again(a, ETHERNET + header, broken);
    ethernet(a, target, frame, tunnel);
    match tunnel.family() {
        Family::V4 => ip4(a, target, frame, tunnel, class),
        Family::V6 => ip6(a, target, frame, tunnel, class),
    }
}

/// The frame comes from where it came to, and goes to the station of the tunnel.
fn ethernet(a: &mut Assembler, target: Target, frame: Readable, tunnel: &Tunnel) {
    // Two bytes too many, in the place of the EtherType.
    frame.store(a, EIGHT_FROM_SOURCE, OLD_DESTINATION);
    to_station(a, target.order, frame, tunnel.mac());
    let ethertype = match tunnel.family() {
        Family::V4 => [0x08, 0x00],
        Family::V6 => [0x86, 0xdd],
    };
    frame.store(a, ETHERTYPE, target.order.imm16(ethertype));
}

/// The number by which an IP packet is carried in another.
const fn protocol(class: Class) -> u8 {
    match class {
        Class::Ip6 => 41,
        Class::Ip4 | Class::Arp | Class::Other => 4,
    }
}

fn ip4(a: &mut Assembler, target: Target, frame: Readable, tunnel: &Tunnel, class: Class) {
    let addresses = [octets(tunnel.src()), octets(tunnel.dst())].concat();
    let fixed = [[0x45, 0], [0, 0], [0, 0], [0x40, 0], [Tunnel::HOPS, protocol(class)], [0, 0]];
    let header: Vec<u8> = fixed.concat().into_iter().chain(addresses).collect();
    let (halves, _) = header.as_chunks();
    let sum: i32 = halves.iter().map(|half| i32::from(u16::from_be_bytes(*half))).sum();
    for (half, at) in halves.iter().zip((0..).step_by(2)) {
        frame.store(a, outer(at, Size::H), target.order.imm16(*half));
    }
    frame.store(a, outer(1, Size::B), SERVICE);
    LENGTH.load(a, R2);
    a.add(R2, i32::from(IP4.size)).mov(SUM, R2).add(SUM, SERVICE).add(SUM, sum);
    a.swap(Swap::Be16, R2);
    frame.store(a, outer(2, Size::H), R2);
    checksum::finish(a, Terms::Halves);
    a.swap(Swap::Be16, SUM);
    frame.store(a, outer(10, Size::H), SUM);
}

fn ip6(a: &mut Assembler, target: Target, frame: Readable, tunnel: &Tunnel, class: Class) {
    const VERSION: i32 = 6 << 28;
    a.lsh(SERVICE, 20).or(SERVICE, VERSION).swap(Swap::Be32, SERVICE);
    frame.store(a, outer(0, Size::W), SERVICE);
    LENGTH.load(a, R2);
    a.swap(Swap::Be16, R2);
    frame.store(a, outer(4, Size::H), R2);
    let next = [protocol(class), Tunnel::HOPS];
    frame.store(a, outer(6, Size::H), target.order.imm16(next));
    let addresses = [octets(tunnel.src()), octets(tunnel.dst())].concat();
    let (words, _) = addresses.as_chunks();
    for (word, at) in words.iter().zip((8..).step_by(4)) {
        frame.store(a, outer(at, Size::W), target.order.imm32(*word));
    }
}
