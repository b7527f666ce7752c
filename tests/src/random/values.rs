//! The small domains that the values of policies and frames come from.

use std::net::{Ipv4Addr, Ipv6Addr};

use super::Chance;
use crate::packet::Mac;

/// Ports: those that the language knows by itself, both ends, and some neighbours.
const PORTS: [u16; 12] = [0, 22, 53, 67, 68, 80, 81, 443, 546, 547, 8080, 65535];
/// Protocols: those with a name, extension headers, tunnels, and the last ones.
const PROTOCOLS: [u8; 14] = [1, 6, 17, 58, 132, 0, 4, 41, 43, 44, 47, 60, 253, 255];
/// EtherTypes that are no tag's.
const ETHERTYPES: [u16; 8] = [0x0800, 0x86dd, 0x0806, 0x88cc, 0x88b5, 0x0600, 0xffff, 0x8847];
/// Types of ICMP and ICMPv6: echoes, errors, and both ends of neighbour discovery.
const TYPES: [u8; 12] = [0, 3, 8, 11, 128, 129, 132, 133, 135, 137, 138, 255];

/// An address of IPv4.
pub fn v4(chance: &mut Chance) -> Ipv4Addr {
    let last = u32::from(chance.byte() % 16);
    let base = match chance.below(12) {
        0 => 0,
        1 => 0xffff_fff0,
        2 => 0x0a00_0100,
        3 => 0x0a00_00f0,
        4 => 0x8000_0000,
        _ => 0x0a00_0000,
    };
    Ipv4Addr::from_bits(base + last)
}

/// An address of IPv6; neighbours differ in one of its four words.
pub fn v6(chance: &mut Chance) -> Ipv6Addr {
    const BASE: u128 = 0x2001_0db8 << 96;
    let last = u128::from(chance.byte() % 8);
    let bits = match chance.below(12) {
        0 => 0,
        1 => u128::MAX << 4,
        2 => BASE | 1 << 64,
        3 => BASE | u128::from(chance.byte() % 4) << 62,
        4 => BASE | u128::from(chance.byte() % 4) << 94,
        5 => BASE | u128::from(chance.byte() % 4) << 30,
        6 => u128::from(v4(chance).to_bits()) | 0xffff << 32,
        _ => BASE,
    };
    Ipv6Addr::from_bits(bits + last)
}

/// The length of a prefix of an address of so many bits.
pub fn prefix_len(chance: &mut Chance, bits: u32) -> u32 {
    match chance.below(8) {
        0 => [0, 1, 8, 16, 24, 31][chance.below(6)],
        1 if bits == 128 => [33, 48, 63, 64, 65, 96][chance.below(6)],
        2 => bits,
        _ => bits - 1 - u32::from(chance.byte() % 5),
    }
}

/// A port.
pub fn port(chance: &mut Chance) -> u16 {
    chance.one(&PORTS)
}

/// The number of a protocol.
pub fn protocol(chance: &mut Chance) -> u8 {
    chance.one(&PROTOCOLS)
}

/// An EtherType that is no tag's.
pub fn ethertype(chance: &mut Chance) -> u16 {
    chance.one(&ETHERTYPES)
}

/// A type of ICMP or ICMPv6.
pub fn icmp_type(chance: &mut Chance) -> u8 {
    chance.one(&TYPES)
}

/// A code of ICMP or ICMPv6.
pub fn icmp_code(chance: &mut Chance) -> u8 {
    chance.one(&[0, 1, 255])
}

/// Time to live, or hop limit.
pub fn ttl(chance: &mut Chance) -> u8 {
    chance.one(&[0, 1, 2, 64, 254, 255, 255])
}

/// The upper six bits of type of service or traffic class.
pub fn dscp(chance: &mut Chance) -> u8 {
    chance.one(&[0, 0, 1, 31, 32, 46, 63])
}

/// The identifier of a VLAN.
pub fn vlan(chance: &mut Chance) -> u16 {
    chance.one(&[0, 1, 2, 255, 256, 4094])
}

/// An Ethernet address; they differ in the first, the fourth or the last byte.
pub fn mac(chance: &mut Chance) -> Mac {
    let mut mac = [2, 0, 0x5e, 0x10, 0, 1];
    match chance.below(4) {
        0 => mac[0] = 6,
        1 => mac[3] = 0x11,
        2 => mac[5] = 2,
        _ => {}
    }
    mac
}

/// An Ethernet address as text.
pub fn mac_text(chance: &mut Chance) -> String {
    mac(chance).map(|byte| format!("{byte:02x}")).join(":")
}
