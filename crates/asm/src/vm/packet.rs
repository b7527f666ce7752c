//! A packet: its first buffer with the room around it, and the bytes of further buffers.
//!
//! Programs reach the bytes from the metadata to the end of the first buffer. The room before and
//! behind, and how it may be taken, are those of the kernel's test run: 256 bytes before the
//! packet, of which the first 40 are the kernel's own, and a page in all.

use super::number::{len, wide};
use super::trap::{Access, Region, TrapReason, Tried};

/// Bytes before a packet that has not been moved.
const HEADROOM: usize = 256;
/// Bytes of the headroom that the kernel keeps for itself (`struct xdp_frame`).
const KEPT: usize = 40;
/// Bytes of the first buffer, headroom and all, that a packet can have.
const HARD_END: usize = 4096 - 320;
/// What the first buffer takes of a frame; the rest goes to further buffers.
const FIRST: usize = HARD_END - HEADROOM;
/// Bytes of each further buffer.
const PAGE: usize = 4096;
/// What always stays of a packet: an Ethernet header.
const LEAST: usize = 14;
/// What metadata can have at most.
const MOST_METADATA: usize = 255;
/// How much of the addresses belongs to one position of the packet.
const ROOM: u64 = 1 << 20;
/// How many positions there are before addresses are used again.
const POSITIONS: u64 = 1 << 15;

/// A packet as programs see and change it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Packet {
    buffer: Vec<u8>,
    metadata: usize,
    start: usize,
    end: usize,
    further: Vec<u8>,
    /// How often it was moved.
    moves: u64,
}

/// Why the kernel does not move a packet: the number of its error.
pub(super) type Errno = i32;
const EFAULT: Errno = 14;
const EINVAL: Errno = 22;
const EACCES: Errno = 13;

impl Packet {
    /// The most bytes of a frame that its first buffer takes.
    pub const FIRST: usize = FIRST;

    /// A packet of these bytes, with no metadata; what does not fit into the first buffer, 3520
    /// bytes, is in further ones.
    pub fn new(frame: &[u8]) -> Self {
        let mut packet = Self {
            buffer: vec![0; HARD_END],
            metadata: HEADROOM,
            start: HEADROOM,
            end: HEADROOM,
            further: Vec::new(),
            moves: 0,
        };
        packet.set(frame);
        packet
    }

    /// Makes it a packet of these bytes as if it were new, without asking for memory again.
    pub fn set(&mut self, frame: &[u8]) {
        let (first, further) = frame.split_at(frame.len().min(FIRST));
        let end = HEADROOM + first.len();
        self.buffer[HEADROOM..end].copy_from_slice(first);
        (self.metadata, self.start, self.end, self.moves) = (HEADROOM, HEADROOM, end, 0);
        self.further.clear();
        self.further.extend_from_slice(further);
    }

    /// The bytes of its first buffer.
    pub fn first(&self) -> &[u8] {
        &self.buffer[self.start..self.end]
    }

    /// The bytes of its further buffers.
    pub fn further(&self) -> &[u8] {
        &self.further
    }

    /// The bytes before it that were made room for.
    pub fn metadata(&self) -> &[u8] {
        &self.buffer[self.metadata..self.start]
    }

    /// All its bytes.
    pub fn bytes(&self) -> Vec<u8> {
        [self.first(), self.further()].concat()
    }

    /// How many bytes it has, those of further buffers among them.
    pub fn len(&self) -> usize {
        self.end - self.start + self.further.len()
    }

    /// Whether it has no byte.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    fn base(&self) -> u64 {
        self.moves % POSITIONS * ROOM
    }

    /// Where the metadata, the packet, and what is behind it begin, as addresses in their region.
    pub(super) fn pointers(&self) -> [u64; 3] {
        [self.metadata, self.start, self.end].map(|at| self.base() + wide(at))
    }

    /// The range of an access in the buffer.
    #[inline]
    fn range(&self, within: u64, size: usize, access: Access) -> Tried<std::ops::Range<usize>> {
        let at = len(within.wrapping_sub(self.base()));
        let limit = if at < self.start { self.start } else { self.end };
        if at >= self.metadata && at <= limit && size <= limit - at {
            return Ok(at..at + size);
        }
        Err(self.outside(within, size, access))
    }

    #[inline]
    pub(super) fn read(&self, within: u64, size: usize) -> Tried<&[u8]> {
        let range = self.range(within, size, Access::Read)?;
        Ok(&self.buffer[range])
    }

    #[inline]
    pub(super) fn write(&mut self, within: u64, size: usize) -> Tried<&mut [u8]> {
        let range = self.range(within, size, Access::Write)?;
        Ok(&mut self.buffer[range])
    }

    #[cold]
    fn outside(&self, within: u64, size: usize, access: Access) -> Box<TrapReason> {
        if within / ROOM != self.moves % POSITIONS {
            return Box::new(TrapReason::Stale { access });
        }
        let at = (within % ROOM).cast_signed();
        let signed = |number: usize| wide(number).cast_signed();
        let metadata = at < signed(self.start) && self.metadata < self.start;
        let (region, from, len) = if metadata {
            (Region::Metadata, self.metadata, self.start - self.metadata)
        } else {
            (Region::Packet, self.start, self.end - self.start)
        };
        let (off, size) = (at - signed(from), wide(size));
        Box::new(TrapReason::OutOfBounds { access, region, off, size, len: wide(len) })
    }

    /// What pointers into it were before is void from here on.
    fn moved(&mut self) {
        self.moves += 1;
    }

    /// Moves the start, and the metadata with it.
    pub(super) fn adjust_head(&mut self, by: i32) -> Result<(), Errno> {
        self.moved();
        let metadata = self.start - self.metadata;
        let start = shifted(self.start, by).ok_or(EINVAL)?;
        if start < KEPT + metadata || start + LEAST > self.end {
            return Err(EINVAL);
        }
        self.buffer.copy_within(self.metadata..self.start, start - metadata);
        (self.metadata, self.start) = (start - metadata, start);
        Ok(())
    }

    /// Moves the start of the metadata.
    pub(super) fn adjust_metadata(&mut self, by: i32) -> Result<(), Errno> {
        self.moved();
        let metadata = shifted(self.metadata, by).ok_or(EINVAL)?;
        if metadata < KEPT || metadata > self.start {
            return Err(EINVAL);
        }
        let size = self.start - metadata;
        if !size.is_multiple_of(4) || size > MOST_METADATA {
            return Err(EACCES);
        }
        self.metadata = metadata;
        Ok(())
    }

    /// Moves the end; what comes in is zero.
    pub(super) fn adjust_tail(&mut self, by: i32) -> Result<(), Errno> {
        self.moved();
        if !self.further.is_empty() {
            return self.adjust_further(by);
        }
        let end = shifted(self.end, by).ok_or(EINVAL)?;
        if end > HARD_END || end < self.start + LEAST {
            return Err(EINVAL);
        }
        if end > self.end {
            self.buffer[self.end..end].fill(0);
        }
        self.end = end;
        Ok(())
    }

    /// Moves the end of a packet in several buffers: back as far as it goes, on to the end of the
    /// last one.
    fn adjust_further(&mut self, by: i32) -> Result<(), Errno> {
        let len = shifted(self.len(), by).filter(|len| *len >= LEAST).ok_or(EINVAL)?;
        let first = self.end - self.start;
        let further = len.saturating_sub(first);
        if further > self.further.len().next_multiple_of(PAGE) {
            return Err(EINVAL);
        }
        self.further.resize(further, 0);
        self.end = self.start + first.min(len);
        Ok(())
    }

    /// Copies bytes from anywhere in the packet.
    pub(super) fn load(&self, from: u64, into: &mut [u8]) -> Result<(), Errno> {
        let (from, first) = (self.inside(from, into.len())?, self.first());
        for (byte, at) in into.iter_mut().zip(from..) {
            let found =
                if at < first.len() { first.get(at) } else { self.further.get(at - first.len()) };
            *byte = found.copied().unwrap_or(0);
        }
        Ok(())
    }

    /// Copies bytes to anywhere in the packet.
    pub(super) fn store(&mut self, to: u64, bytes: &[u8]) -> Result<(), Errno> {
        let to = self.inside(to, bytes.len())?;
        let first = self.end - self.start;
        for (byte, at) in bytes.iter().zip(to..) {
            let place = if at < first {
                self.buffer.get_mut(self.start + at)
            } else {
                self.further.get_mut(at - first)
            };
            if let Some(place) = place {
                *place = *byte;
            }
        }
        Ok(())
    }

    fn inside(&self, from: u64, size: usize) -> Result<usize, Errno> {
        const MOST: usize = 0xffff;
        let from = len(from);
        if from > MOST || size > MOST {
            return Err(EFAULT);
        }
        if from + size > self.len() { Err(EINVAL) } else { Ok(from) }
    }
}

/// A place so many bytes further, unless that is before everything.
fn shifted(at: usize, by: i32) -> Option<usize> {
    at.checked_add_signed(isize::try_from(by).ok()?)
}
