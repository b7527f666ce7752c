//! What `tunnel` makes of a frame.

use std::net::IpAddr;

use crate::policy::Tunnel;

/// The frame with the outer header between Ethernet and the packet.
pub fn tunnelled(frame: &[u8], tunnel: &Tunnel) -> Option<Vec<u8>> {
    let (ethernet, packet) = frame.split_at_checked(14)?;
    let (kind, service, length) = match ethernet.get(12..)? {
        [0x08, 0x00] => (4, *packet.get(1)?, half(packet, 2)?),
        [0x86, 0xdd] => {
            let class = packet.first()? % 16 * 16 + packet.get(1)? / 16;
            (41, class, half(packet, 4)?.checked_add(40)?)
        }
        _ => return None,
    };
    let (ethertype, outer) = match (tunnel.src(), tunnel.dst()) {
        (IpAddr::V4(src), IpAddr::V4(dst)) => {
            let [high, low] = length.checked_add(20)?.to_be_bytes();
            let fixed = [0x45, service, high, low, 0, 0, 0x40, 0, Tunnel::HOPS, kind, 0, 0];
            let mut header = [fixed.as_slice(), &src.octets(), &dst.octets()].concat();
            let words = header.chunks(2).map(|word| u32::from(word[0]) * 256 + u32::from(word[1]));
            let [high, low] =
                u16::try_from(0xffff - words.sum::<u32>() % 0xffff).ok()?.to_be_bytes();
            header.splice(10..12, if [high, low] == [0xff, 0xff] { [0, 0] } else { [high, low] });
            ([0x08, 0x00], header)
        }
        (IpAddr::V6(src), IpAddr::V6(dst)) => {
            let [high, low] = length.to_be_bytes();
            let first = [0x60 + service / 16, service % 16 * 16, 0, 0];
            let fixed = [first, [high, low, kind, Tunnel::HOPS]].concat();
            ([0x86, 0xdd], [fixed.as_slice(), &src.octets(), &dst.octets()].concat())
        }
        _ => return None,
    };
    let old_destination = ethernet.get(..6)?;
    Some([&tunnel.mac().0, old_destination, &ethertype, &outer, packet].concat())
}

fn half(bytes: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_be_bytes([*bytes.get(at)?, *bytes.get(at + 1)?]))
}
