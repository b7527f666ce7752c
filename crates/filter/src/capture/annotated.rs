//! Writing captures that say more than the frames: pcapng, with what became of each, and why.
//!
//! Each interface is described once, times are in nanoseconds. A verdict is what Wireshark shows as
//! that of an XDP program: option 7 of a packet, a kind of two, then the action.

use std::io::{self, Write};
use std::time::Duration;

use palisade_asm::ByteOrder;

use super::{LinkType, MOST_FRAME};
use crate::policy::Verdict;

/// Every machine writes the same.
const ORDER: ByteOrder = ByteOrder::Little;

const SECTION: u32 = 0x0a0d_0d0a;
const INTERFACE: u32 = 1;
const PACKET: u32 = 6;
const BYTE_ORDER_MAGIC: u32 = 0x1a2b_3c4d;

const OPTION_END: u16 = 0;
const OPTION_COMMENT: u16 = 1;
/// Of an interface.
const OPTION_NAME: u16 = 2;
const OPTION_RESOLUTION: u16 = 9;
/// Of a packet.
const OPTION_QUEUE: u16 = 6;
const OPTION_VERDICT: u16 = 7;
/// The verdict is that of an XDP program.
const VERDICT_XDP: u8 = 2;
/// Ticks of 10^-9 seconds.
const NANOSECONDS: u8 = 9;

/// A capture that is being written. It writes little at a time: give it a buffer.
#[derive(Debug)]
pub struct AnnotatedWriter<W> {
    to: W,
    interfaces: u32,
}

/// A frame, and what is said of it.
#[derive(Clone, Copy, Debug)]
pub struct Annotated<'a> {
    /// The number of its interface, as [`AnnotatedWriter::interface`] gave it.
    pub interface: u32,
    /// When it came, from the beginning of 1970 on.
    pub time: Duration,
    /// Its bytes, as far as they are known.
    pub frame: &'a [u8],
    /// How many it had.
    pub wire: u32,
    /// The receive queue.
    pub queue: u32,
    /// What became of it.
    pub verdict: Option<Verdict>,
    /// What is said besides.
    pub comment: &'a str,
}

impl<W: Write> AnnotatedWriter<W> {
    /// Writes the head of a capture.
    pub fn new(to: W) -> io::Result<Self> {
        let mut new = Self { to, interfaces: 0 };
        let mut body = ORDER.bytes32(BYTE_ORDER_MAGIC).to_vec();
        for number in [1, 0] {
            body.extend(ORDER.bytes16(number));
        }
        // How long the section is, is not told.
        body.extend([0xff; 8]);
        new.block(SECTION, &body)?;
        Ok(new)
    }

    /// Describes an interface; its number.
    pub fn interface(&mut self, name: &str) -> io::Result<u32> {
        let link = u16::try_from(LinkType::ETHERNET.0).unwrap_or_default();
        let mut body = [ORDER.bytes16(link), [0; 2]].concat();
        body.extend(ORDER.bytes32(MOST_FRAME));
        option(&mut body, OPTION_NAME, name.as_bytes());
        option(&mut body, OPTION_RESOLUTION, &[NANOSECONDS]);
        option(&mut body, OPTION_END, &[]);
        self.block(INTERFACE, &body)?;
        self.interfaces += 1;
        Ok(self.interfaces - 1)
    }

    /// Writes a frame.
    pub fn write(&mut self, frame: &Annotated<'_>) -> io::Result<()> {
        let time = u64::try_from(frame.time.as_nanos()).unwrap_or(u64::MAX);
        let bytes = frame.frame.get(..MOST_FRAME as usize).unwrap_or(frame.frame);
        let captured = u32::try_from(bytes.len()).unwrap_or(MOST_FRAME);
        let mut body = Vec::with_capacity(64 + bytes.len() + frame.comment.len());
        for number in [frame.interface, (time >> 32) as u32, time as u32, captured, frame.wire] {
            body.extend(ORDER.bytes32(number));
        }
        body.extend(bytes);
        pad(&mut body);
        option(&mut body, OPTION_COMMENT, frame.comment.as_bytes());
        option(&mut body, OPTION_QUEUE, &ORDER.bytes32(frame.queue));
        if let Some(verdict) = frame.verdict {
            let action = ORDER.bytes64(verdict.code().unsigned_abs().into());
            option(&mut body, OPTION_VERDICT, &[&[VERDICT_XDP], action.as_slice()].concat());
        }
        option(&mut body, OPTION_END, &[]);
        self.block(PACKET, &body)
    }

    /// Sends on what is held back.
    pub fn flush(&mut self) -> io::Result<()> {
        self.to.flush()
    }

    fn block(&mut self, kind: u32, body: &[u8]) -> io::Result<()> {
        let length = ORDER.bytes32(u32::try_from(body.len() + 12).unwrap_or(u32::MAX));
        self.to.write_all(&ORDER.bytes32(kind))?;
        self.to.write_all(&length)?;
        self.to.write_all(body)?;
        self.to.write_all(&length)
    }
}

fn option(body: &mut Vec<u8>, code: u16, value: &[u8]) {
    // What is longer than an option can be is cut.
    let length = u16::try_from(value.len()).unwrap_or(u16::MAX);
    body.extend(ORDER.bytes16(code));
    body.extend(ORDER.bytes16(length));
    body.extend(value.iter().take(length.into()));
    pad(body);
}

fn pad(body: &mut Vec<u8>) {
    body.resize(body.len().next_multiple_of(4), 0);
}
