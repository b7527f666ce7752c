//! Writing captures: pcap, times in nanoseconds, so that no time is rounded.

use std::io::{self, Write};

use palisade_asm::ByteOrder;

use super::pcap::{NANOSECONDS, VERSION};
use super::{Captured, LinkType, MOST_FRAME};

/// Every machine writes the same.
const ORDER: ByteOrder = ByteOrder::Little;

/// A capture that is being written. It writes little at a time: give it a buffer.
#[derive(Debug)]
pub struct Writer<W> {
    to: W,
}

impl<W: Write> Writer<W> {
    /// Writes the head of a capture.
    pub fn new(mut to: W) -> io::Result<Self> {
        let [major, minor] = VERSION.map(|number| ORDER.bytes16(number));
        to.write_all(&ORDER.bytes32(NANOSECONDS))?;
        to.write_all(&[major, minor].concat())?;
        let zone_and_accuracy = [0; 8];
        to.write_all(&zone_and_accuracy)?;
        to.write_all(&[MOST_FRAME, LinkType::ETHERNET.0].map(|n| ORDER.bytes32(n)).concat())?;
        Ok(Self { to })
    }

    /// Writes a frame, its bytes up to [`MOST_FRAME`]. A time that is not told is zero, one beyond
    /// the year 2106 the last one that pcap has.
    pub fn write(&mut self, captured: &Captured<'_>) -> io::Result<()> {
        let time = captured.time.unwrap_or_default();
        let seconds = u32::try_from(time.as_secs()).unwrap_or(u32::MAX);
        let most = usize::try_from(MOST_FRAME).unwrap_or(usize::MAX);
        let frame = captured.frame.get(..most).unwrap_or(captured.frame);
        let length = u32::try_from(frame.len()).unwrap_or(MOST_FRAME);
        for number in [seconds, time.subsec_nanos(), length, captured.wire] {
            self.to.write_all(&ORDER.bytes32(number))?;
        }
        self.to.write_all(frame)
    }

    /// Has whatever it is written to send on what it holds back.
    pub fn flush(&mut self) -> io::Result<()> {
        self.to.flush()
    }

    /// What it was written to.
    pub fn into_inner(self) -> W {
        self.to
    }
}
