//! Addresses that packets are given.

use std::net::IpAddr;

use palisade_asm::{Assembler, ByteOrder, Size};

use crate::emit::packet::{Field, Readable};
use crate::value::Mac;

const DESTINATION: Field = Field::new(0, Size::W);
const DESTINATION_REST: Field = Field::new(4, Size::H);

/// Makes a station the destination of the frame.
pub fn to_station(a: &mut Assembler, order: ByteOrder, frame: Readable, mac: Mac) {
    let Mac([b0, b1, b2, b3, b4, b5]) = mac;
    frame.store(a, DESTINATION, order.imm32([b0, b1, b2, b3]));
    frame.store(a, DESTINATION_REST, order.imm16([b4, b5]));
}

/// The bytes of an address.
pub fn octets(addr: IpAddr) -> Vec<u8> {
    match addr {
        IpAddr::V4(addr) => addr.octets().to_vec(),
        IpAddr::V6(addr) => addr.octets().to_vec(),
    }
}
