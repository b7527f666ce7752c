//! pcap: a head, then packets, each behind sixteen bytes
//! (<https://ietf-opsawg-wg.github.io/draft-ietf-opsawg-pcap/draft-ietf-opsawg-pcap.html>).

use std::io::Read;
use std::time::Duration;

use palisade_asm::ByteOrder;

use super::source::Source;
use super::{CaptureError, Head, LinkType, Part};

/// The first four bytes as a number in the order of the capture, times in microseconds.
const MICROSECONDS: u32 = 0xa1b2_c3d4;
/// The same, times in nanoseconds.
pub(super) const NANOSECONDS: u32 = 0xa1b2_3c4d;
/// The one version there is.
pub(super) const VERSION: [u16; 2] = [2, 4];
/// The bits of the last field of the head that say the link type; others are about checksums.
const LINK_BITS: u32 = 0x03ff_ffff;

/// How a capture is written.
#[derive(Clone, Copy, Debug)]
pub struct Pcap {
    order: ByteOrder,
    /// Nanoseconds of a unit of time.
    unit: u32,
}

impl Pcap {
    /// Reads the head behind the first four bytes.
    pub fn begin(magic: [u8; 4], from: &mut Source<impl Read>) -> Result<Self, CaptureError> {
        let known = [
            (ByteOrder::Little, MICROSECONDS, 1000),
            (ByteOrder::Big, MICROSECONDS, 1000),
            (ByteOrder::Little, NANOSECONDS, 1),
            (ByteOrder::Big, NANOSECONDS, 1),
        ];
        let found = known.into_iter().find(|(order, number, _)| order.bytes32(*number) == magic);
        let (order, _, unit) = found.ok_or(CaptureError::NotACapture)?;
        let head: [u8; 20] = from.must(Part::Head, 0)?;
        let [a, b, c, d, rest @ ..] = head;
        let [major, minor] = [order.read16([a, b]), order.read16([c, d])];
        if major != VERSION[0] {
            return Err(CaptureError::Version { offset: 4, major, minor });
        }
        let [.., w, x, y, z] = rest;
        let link = LinkType(order.read32([w, x, y, z]) & LINK_BITS);
        if link != LinkType::ETHERNET {
            return Err(CaptureError::Link { offset: 20, link });
        }
        Ok(Self { order, unit })
    }

    /// Reads the next packet.
    pub fn next(
        self,
        from: &mut Source<impl Read>,
        frame: &mut Vec<u8>,
    ) -> Result<Option<Head>, CaptureError> {
        let start = from.offset();
        let Some(head) = from.next::<16>(Part::PacketHead)? else { return Ok(None) };
        let [seconds, fraction, length, wire] = words(self.order, head);
        from.packet(length, start, frame)?;
        let nanoseconds = u64::from(fraction) * u64::from(self.unit);
        let time = Duration::from_secs(seconds.into()) + Duration::from_nanos(nanoseconds);
        Ok(Some(Head { wire, time: Some(time) }))
    }
}

/// Four words.
pub(super) fn words(order: ByteOrder, bytes: [u8; 16]) -> [u32; 4] {
    let (words, _) = bytes.as_chunks();
    [0, 1, 2, 3].map(|at| words.get(at).map_or(0, |word| order.read32(*word)))
}
