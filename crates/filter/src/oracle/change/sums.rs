//! How wrong the checksums of a packet are, and such checksums that they are so again.

use super::place::{Place, Version};
use crate::policy::Protocol;

/// What the bytes that a checksum is of add up to, modulo 65535: 0 where it is right.
pub struct Sums {
    header: u64,
    packet: u64,
}

impl Sums {
    /// Those of a packet.
    pub fn of(frame: &[u8], place: &Place) -> Self {
        Self { header: header(frame, place), packet: packet(frame, place) }
    }

    /// That of its IP header alone.
    pub fn of_header(frame: &[u8], place: &Place) -> Self {
        Self { header: header(frame, place), packet: 0 }
    }

    /// Gives the IP header a checksum with which it is this.
    pub fn restore_header(&self, frame: &mut [u8], place: &Place) {
        if let Some(at) = place.ip_checksum() {
            set(frame, at, 0);
            set(frame, at, missing(self.header, header(frame, place)));
        }
    }

    /// Gives a packet checksums with which they are these.
    pub fn restore(&self, frame: &mut [u8], place: &Place) {
        self.restore_header(frame, place);
        let Some(at) = place.checksum() else { return };
        // It is not over the addresses: where nothing else has changed it is not touched.
        if is_icmp4(place) && packet(frame, place) == self.packet {
            return;
        }
        let udp = place.protocol == Protocol::UDP;
        if udp && frame.get(at..at + 2) == Some(&[0, 0]) {
            return;
        }
        set(frame, at, 0);
        let sum = missing(self.packet, packet(frame, place));
        set(frame, at, if udp && sum == 0 { 0xffff } else { sum });
    }
}

fn is_icmp4(place: &Place) -> bool {
    place.protocol == Protocol::ICMP && place.version == Version::Four
}

/// What is missing to a sum, below 65535.
fn missing(wanted: u64, is: u64) -> u16 {
    u16::try_from((wanted + 0xffff - is) % 0xffff).unwrap_or(0)
}

fn set(frame: &mut [u8], at: usize, sum: u16) {
    if let Some(place) = frame.get_mut(at..at + 2) {
        place.copy_from_slice(&sum.to_be_bytes());
    }
}

fn header(frame: &[u8], place: &Place) -> u64 {
    match place.version {
        Version::Four => sum(frame.get(place.ip..place.transport)),
        Version::Six => 0,
    }
}

fn packet(frame: &[u8], place: &Place) -> u64 {
    let body = sum(frame.get(place.transport..place.end));
    if is_icmp4(place) {
        return body;
    }
    let addresses = sum(frame.get(place.source())) + sum(frame.get(place.destination()));
    let length = place.end.saturating_sub(place.transport) as u64;
    (body + addresses + length + u64::from(place.protocol.0)) % 0xffff
}

/// The sum of the words of some bytes, a last odd one followed by 0, modulo 65535.
fn sum(bytes: Option<&[u8]>) -> u64 {
    let word = |word: &[u8]| u64::from(word[0]) << 8 | word.get(1).map_or(0, |low| u64::from(*low));
    bytes.unwrap_or_default().chunks(2).map(word).sum::<u64>() % 0xffff
}
