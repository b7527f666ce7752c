//! Memory in frames of one size, and the tokens by which its bytes are reached.
//!
//! Of each frame there is one [`Frame`] at most: all are made at once, by the first who asks, and
//! none can be copied. Whoever has it has the bytes for himself. A [`Ledger`] takes a token when its
//! frame goes to the kernel, remembers what for, and makes a token again only for a frame that it
//! holds: so the kernel cannot hand back what it was not given, nor the same twice.

use std::ops::Range;
use std::sync::atomic::{AtomicBool, Ordering};

use super::port::Fault;
use crate::Errno;
use crate::sys::memory::Memory;

/// Anonymous memory, aligned to a page.
#[derive(Debug)]
pub(crate) struct Area {
    /// Goes when no token borrows the area any more. Where the kernel still has frames of it, it has
    /// pinned their pages.
    memory: Memory,
    frames: u32,
    frame_size: u32,
    given: AtomicBool,
}

impl Area {
    /// Memory for so many frames of a size that is a power of two.
    pub(crate) fn new(frames: u32, frame_size: u32) -> Result<Self, Errno> {
        if frames == 0 || !frame_size.is_power_of_two() {
            return Err(Errno::EINVAL);
        }
        let len = bytes(frames, frame_size)?;
        let memory = Memory::anonymous(len)?;
        Ok(Self { memory, frames, frame_size, given: AtomicBool::new(false) })
    }

    /// Every frame, the first time; none afterwards.
    pub(crate) fn take_frames(&self) -> Vec<Frame<'_>> {
        if self.given.swap(true, Ordering::AcqRel) {
            return Vec::new();
        }
        (0..self.frames).map(|number| Frame { area: self, number }).collect()
    }

    /// How many frames there are.
    pub(crate) fn frames(&self) -> u32 {
        self.frames
    }

    /// Bytes of a frame.
    pub(crate) fn frame_size(&self) -> u32 {
        self.frame_size
    }

    /// Bytes of all frames.
    pub(super) fn len(&self) -> usize {
        self.memory.len()
    }

    /// Where it begins, as the kernel is told.
    pub(super) fn address(&self) -> Result<u64, Errno> {
        u64::try_from(self.memory.start().as_ptr().expose_provenance()).map_err(|_| Errno::EFAULT)
    }

    /// The frame in which bytes lie whole that a descriptor names, and where in it.
    fn locate(&self, address: u64, len: u32) -> Option<(u32, Range<u32>)> {
        let size = u64::from(self.frame_size);
        let number = u32::try_from(address / size).ok().filter(|number| *number < self.frames)?;
        let start = u32::try_from(address % size).ok()?;
        let end = start.checked_add(len).filter(|end| *end <= self.frame_size)?;
        Some((number, start..end))
    }
}

/// Bytes of so many frames; no more than a slice may have.
fn bytes(frames: u32, frame_size: u32) -> Result<usize, Errno> {
    let all = u64::from(frames) * u64::from(frame_size);
    let all = isize::try_from(all).map_err(|_| Errno::E2BIG)?;
    Ok(all.unsigned_abs())
}

// SAFETY: of a shared area only numbers are to be had, and tokens, each once.
unsafe impl Sync for Area {}

/// A frame of a UMEM that the holder owns, alone. Dropping it loses the frame until the UMEM goes.
#[derive(Debug)]
pub struct Frame<'a> {
    area: &'a Area,
    number: u32,
}

impl<'a> Frame<'a> {
    /// All of its bytes.
    pub fn bytes(&self) -> &[u8] {
        let (start, len) = self.place();
        // SAFETY: the frame lies in the area, which outlives the token, and whose memory is
        // initialised. Who else would write to it lacks this token: the kernel is given a frame only
        // together with it.
        unsafe { std::slice::from_raw_parts(start, len) }
    }

    /// All of its bytes, to be written.
    pub fn bytes_mut(&mut self) -> &mut [u8] {
        let (start, len) = self.place();
        // SAFETY: as in `bytes`; the token is unique, and exclusively borrowed.
        unsafe { std::slice::from_raw_parts_mut(start, len) }
    }

    /// A packet of these bytes in this frame; the frame as it was where they do not fit.
    pub fn packet(mut self, content: &[u8]) -> Result<Packet<'a>, Self> {
        let Some(to) = self.bytes_mut().get_mut(..content.len()) else { return Err(self) };
        to.copy_from_slice(content);
        match u32::try_from(content.len()) {
            Ok(len) => Ok(Packet { frame: self, range: 0..len }),
            Err(_) => Err(self),
        }
    }

    fn place(&self) -> (*mut u8, usize) {
        let size = usize::try_from(self.area.frame_size).unwrap_or(0);
        let offset = usize::try_from(self.number).unwrap_or(0).wrapping_mul(size);
        // SAFETY: tokens have numbers below `frames`, so that the offset lies in the mapping of the
        // area, whose length is no more than `isize` holds.
        (unsafe { self.area.memory.start().as_ptr().add(offset) }, size)
    }
}

/// A frame and which of its bytes are a packet.
#[derive(Debug)]
pub struct Packet<'a> {
    frame: Frame<'a>,
    range: Range<u32>,
}

impl<'a> Packet<'a> {
    /// The bytes of the packet, from the Ethernet header on.
    pub fn bytes(&self) -> &[u8] {
        // The range lies in the frame, by `locate` and by `Frame::packet`.
        self.frame.bytes().get(self.range()).unwrap_or_default()
    }

    /// The bytes of the packet, to be changed.
    pub fn bytes_mut(&mut self) -> &mut [u8] {
        let range = self.range();
        self.frame.bytes_mut().get_mut(range).unwrap_or_default()
    }

    /// The frame that it is in.
    pub(super) fn frame(&self) -> &Frame<'a> {
        &self.frame
    }

    /// The frame, without its packet.
    pub fn into_frame(self) -> Frame<'a> {
        self.frame
    }

    fn range(&self) -> Range<usize> {
        let at = |n: u32| usize::try_from(n).unwrap_or(usize::MAX);
        at(self.range.start)..at(self.range.end)
    }
}

/// What the kernel was given a frame for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Lent {
    /// Nothing: somebody has its token, or another socket's ledger.
    No,
    /// To receive into.
    ToReceive,
    /// To be sent.
    ToSend,
}

/// Which frames the kernel has, of one area and through one socket.
#[derive(Debug)]
pub(super) struct Ledger<'a> {
    area: &'a Area,
    lent: Vec<Lent>,
}

impl<'a> Ledger<'a> {
    /// Nothing is lent yet.
    pub(super) fn new(area: &'a Area) -> Self {
        let lent = (0..area.frames).map(|_| Lent::No).collect();
        Self { area, lent }
    }

    /// Takes a token for a frame to receive into; the address of it. A frame of another area comes
    /// back.
    pub(super) fn lend(&mut self, frame: Frame<'a>) -> Result<u64, Frame<'a>> {
        match self.mark(&frame, Lent::ToReceive) {
            Some(address) => Ok(address),
            None => Err(frame),
        }
    }

    /// Takes a packet to be sent; its address and length.
    pub(super) fn send(&mut self, packet: Packet<'a>) -> Result<(u64, u32), Packet<'a>> {
        let Range { start, end } = packet.range;
        match self.mark(&packet.frame, Lent::ToSend) {
            Some(address) => Ok((address + u64::from(start), end - start)),
            None => Err(packet),
        }
    }

    /// Whether a frame is of this area.
    pub(super) fn owns(&self, frame: &Frame<'_>) -> bool {
        std::ptr::eq(self.area, frame.area)
    }

    /// Writes down that a frame is lent; where it begins.
    fn mark(&mut self, frame: &Frame<'a>, what_for: Lent) -> Option<u64> {
        let ours = self.owns(frame);
        *self.lent.get_mut(index(frame.number)).filter(|_| ours)? = what_for;
        Some(u64::from(frame.number) * u64::from(self.area.frame_size))
    }

    /// Makes the token of a frame that the kernel has received a packet into.
    pub(super) fn received(&mut self, address: u64, len: u32) -> Result<Packet<'a>, Fault> {
        let (frame, range) = self.take_back(address, len, Lent::ToReceive)?;
        Ok(Packet { frame, range })
    }

    /// Makes the token of a frame that the kernel has sent.
    pub(super) fn sent(&mut self, address: u64) -> Result<Frame<'a>, Fault> {
        self.take_back(address, 0, Lent::ToSend).map(|(frame, _)| frame)
    }

    fn take_back(
        &mut self,
        address: u64,
        len: u32,
        lent_for: Lent,
    ) -> Result<(Frame<'a>, Range<u32>), Fault> {
        let stray = Fault::Stray { address, len };
        let (number, range) = self.area.locate(address, len).ok_or(stray)?;
        let lent = self.lent.get_mut(index(number)).filter(|lent| **lent == lent_for);
        *lent.ok_or(stray)? = Lent::No;
        Ok((Frame { area: self.area, number }, range))
    }
}

fn index(number: u32) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_frame_has_its_own_bytes_and_is_given_out_once() {
        let area = Area::new(8, 2048).expect("memory");
        let mut frames = area.take_frames();
        assert_eq!((frames.len(), area.take_frames().len()), (8, 0));
        for (n, frame) in (0..).zip(&mut frames) {
            assert_eq!(frame.bytes(), [0; 2048]);
            frame.bytes_mut().fill(n);
        }
        for (n, frame) in (0..).zip(&frames) {
            assert_eq!(frame.bytes(), [n; 2048]);
        }
    }

    #[test]
    fn no_memory_is_made_of_sizes_that_the_kernel_does_not_take() {
        for (frames, size) in [(0, 2048), (1, 0), (1, 2047), (1, 3000)] {
            assert_eq!(Area::new(frames, size).expect_err("refused"), Errno::EINVAL);
        }
    }

    #[test]
    fn a_packet_that_does_not_fit_leaves_the_frame() {
        let area = Area::new(1, 2048).expect("memory");
        let frame = area.take_frames().pop().expect("a frame");
        let frame = frame.packet(&[1; 2049]).expect_err("too long");
        let mut packet = frame.packet(&[7; 60]).expect("it fits");
        packet.bytes_mut()[0] = 8;
        assert_eq!((packet.bytes().len(), packet.bytes()[0], packet.bytes()[59]), (60, 8, 7));
        assert_eq!(packet.into_frame().bytes()[..2], [8, 7]);
    }

    #[test]
    fn a_frame_is_handed_back_once_for_what_it_was_lent_and_where_it_lies() {
        let area = Area::new(4, 2048).expect("memory");
        let mut frames = area.take_frames();
        let mut ledger = Ledger::new(&area);
        let stray = |address, len| Some(Fault::Stray { address, len });
        let third = frames.remove(2);
        assert_eq!(ledger.lend(third).expect("ours"), 2 * 2048);
        let (first, len) = (frames.remove(0).packet(&[1; 60]).expect("it fits"), 60);
        assert_eq!(ledger.send(first).expect("ours"), (0, len));
        for (address, len) in [
            (2 * 2048 + 256, 1793),
            (3 * 2048, 60),
            (0, 60),
            (4 * 2048, 0),
            (u64::MAX, 0),
            (2 * 2048 + 256, u32::MAX),
        ] {
            assert_eq!(ledger.received(address, len).err(), stray(address, len));
        }
        assert_eq!(ledger.sent(2 * 2048).err(), stray(2 * 2048, 0));
        let packet = ledger.received(2 * 2048 + 256, 1792).expect("it lies in the frame");
        assert_eq!(packet.bytes().len(), 1792);
        assert_eq!(ledger.received(2 * 2048 + 256, 60).err(), stray(2 * 2048 + 256, 60));
        ledger.sent(0).expect("it was lent to be sent");
        assert_eq!(ledger.sent(0).err(), stray(0, 0));
    }

    #[test]
    fn a_frame_of_another_area_is_not_taken() {
        let (one, other) = (Area::new(1, 2048).expect("memory"), Area::new(1, 2048).expect("more"));
        let mut ledger = Ledger::new(&one);
        let frame = other.take_frames().pop().expect("a frame");
        let frame = ledger.lend(frame).expect_err("not of this area");
        ledger.send(frame.packet(&[0; 60]).expect("it fits")).expect_err("nor a packet");
    }
}
