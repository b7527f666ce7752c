//! The frames that are sent: UDP to a closed port, 60 or 80 bytes, with nothing wrong in them.

use std::net::{Ipv4Addr, Ipv6Addr};

use palisade_filter::value::Family;

/// The hardware address that frames are sent to.
pub const RECEIVER_MAC: [u8; 6] = [2, 0, 0, 0, 0, 2];
/// The address that frames are sent to.
pub const RECEIVER: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 1);
const RECEIVER6: Ipv6Addr = Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1);
const SENDER_MAC: [u8; 6] = [2, 0, 0, 0, 0, 1];
/// The port that frames are sent to unless something else is said.
pub const PORT: u16 = 9;

/// Bytes of an Ethernet header.
pub const ETHERNET: usize = 14;
/// Where the checksum of an IPv4 header stands in a frame.
pub const CHECKSUM_AT: i16 = 24;
/// Where the source address stands in a frame.
pub const fn source_at(family: Family) -> i16 {
    match family {
        Family::V4 => 26,
        Family::V6 => 22,
    }
}

/// A frame from that IPv4 address to that port.
pub fn v4(from: Ipv4Addr, port: u16) -> Vec<u8> {
    let mut ip = vec![0x45, 0, 0, 46, 0, 0, 0x40, 0, 64, 17, 0, 0];
    ip.extend(from.octets());
    ip.extend(RECEIVER.octets());
    let sum = !folded(sum_of(&ip));
    for (to, byte) in ip
        .iter_mut()
        .skip(usize::from(CHECKSUM_AT.unsigned_abs()) - ETHERNET)
        .zip(sum.to_ne_bytes())
    {
        *to = byte;
    }
    [ethernet(0x0800), ip, udp(port)].concat()
}

/// A frame of IPv6 to the usual port, from no address in particular.
pub fn v6() -> Vec<u8> {
    let mut ip = vec![0x60, 0, 0, 0, 0, 26, 17, 64];
    ip.extend(Ipv6Addr::UNSPECIFIED.octets());
    ip.extend(RECEIVER6.octets());
    [ethernet(0x86dd), ip, udp(PORT)].concat()
}

/// What the halfwords of an IPv4 header add up to, in the order of this machine, where its source
/// is 0.0.0.0 and its checksum is not filled in.
pub fn sum_without_source() -> u32 {
    let frame = v4(Ipv4Addr::UNSPECIFIED, PORT);
    let checksum_at = usize::from(CHECKSUM_AT.unsigned_abs());
    let header: Vec<u8> = frame
        .iter()
        .enumerate()
        .skip(ETHERNET)
        .take(20)
        .map(|(at, byte)| if (checksum_at..checksum_at + 2).contains(&at) { 0 } else { *byte })
        .collect();
    sum_of(&header)
}

fn ethernet(kind: u16) -> Vec<u8> {
    [&RECEIVER_MAC[..], &SENDER_MAC, &kind.to_be_bytes()].concat()
}

/// A header without a checksum, and 18 bytes.
fn udp(port: u16) -> Vec<u8> {
    let mut udp = [40_000_u16, port, 26, 0].map(u16::to_be_bytes).concat();
    udp.resize(26, 0);
    udp
}

fn sum_of(bytes: &[u8]) -> u32 {
    bytes.chunks_exact(2).map(|pair| u32::from(u16::from_ne_bytes([pair[0], pair[1]]))).sum()
}

fn folded(sum: u32) -> u16 {
    let once = (sum & 0xffff) + (sum >> 16);
    u16::try_from((once & 0xffff) + (once >> 16)).unwrap_or(u16::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_checksum_of_a_frame_is_right() {
        let frame = v4(Ipv4Addr::new(10, 16, 66, 66), PORT);
        assert_eq!(frame.len(), 60);
        assert_eq!(folded(sum_of(&frame[ETHERNET..ETHERNET + 20])), 0xffff);
        assert_eq!(v6().len(), 80);
    }

    #[test]
    fn source_and_the_rest_add_up_to_the_checksum() {
        let from = Ipv4Addr::new(10, 48, 1, 2);
        let sum = !folded(sum_without_source() + sum_of(&from.octets()));
        assert_eq!(v4(from, PORT)[24..26], sum.to_ne_bytes());
    }
}
