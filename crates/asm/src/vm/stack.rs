//! The stacks of nested calls: 512 bytes each, and of each byte whether it was written.
//!
//! The frames lie apart, so that an address one byte outside its frame is in none.

use super::number::{len, wide};
use super::trap::{Access, Region, TrapReason, Tried};

/// How many calls may be nested, the program itself among them.
pub(super) const MAX_FRAMES: usize = 8;
/// Bytes of the stack of one call.
const FRAME: usize = 512;
/// From one frame to the next in addresses.
const STRIDE: u64 = 1024;
/// The lowest byte of a frame within its stride.
const START: u64 = 256;
/// Words of a frame in which a bit stands for a byte.
const WORDS: usize = FRAME / 64;

/// The stacks of all calls there may be.
#[derive(Clone, Debug)]
pub(super) struct Stack {
    bytes: Vec<u8>,
    written: [[u64; WORDS]; MAX_FRAMES],
}

/// A place in a frame.
#[derive(Clone, Copy)]
struct Place {
    frame: usize,
    at: usize,
}

impl Stack {
    pub(super) fn new() -> Self {
        Self { bytes: vec![0; FRAME * MAX_FRAMES], written: [[0; WORDS]; MAX_FRAMES] }
    }

    /// The frame pointer of a frame, from the start of all.
    pub(super) fn pointer(frame: usize) -> u64 {
        wide(frame) * STRIDE + START + wide(FRAME)
    }

    /// Forgets what a frame holds: nothing of it is written, and all of it is zero.
    pub(super) fn clear(&mut self, frame: usize) {
        if let Some(written) = self.written.get_mut(frame) {
            *written = [0; WORDS];
            self.bytes[frame * FRAME..(frame + 1) * FRAME].fill(0);
        }
    }

    /// Where an access to one of `frames` frames lies.
    #[inline]
    fn place(frames: usize, within: u64, size: usize, access: Access) -> Tried<Place> {
        let frame = len(within / STRIDE);
        let at = len((within % STRIDE).wrapping_sub(START));
        if frame < frames && at < FRAME && size <= FRAME - at {
            return Ok(Place { frame, at });
        }
        Err(outside(frames, within, size, access))
    }

    /// Bytes that were all written before.
    #[inline]
    pub(super) fn read(&self, frames: usize, within: u64, size: usize) -> Tried<&[u8]> {
        let Place { frame, at } = Self::place(frames, within, size, Access::Read)?;
        if !self.all_written(frame, at, size) {
            return Err(Box::new(TrapReason::UnwrittenStack {
                off: off(within),
                size: wide(size),
            }));
        }
        let start = frame * FRAME + at;
        Ok(&self.bytes[start..start + size])
    }

    /// Bytes to be written, which count as written from now on.
    #[inline]
    pub(super) fn write(&mut self, frames: usize, within: u64, size: usize) -> Tried<&mut [u8]> {
        let Place { frame, at } = Self::place(frames, within, size, Access::Write)?;
        let mut done = 0;
        while done < size {
            let (word, bits, taken) = bits(at + done, size - done);
            self.written[frame][word] |= bits;
            done += taken;
        }
        let start = frame * FRAME + at;
        Ok(&mut self.bytes[start..start + size])
    }

    #[inline]
    fn all_written(&self, frame: usize, at: usize, size: usize) -> bool {
        let mut done = 0;
        while done < size {
            let (word, bits, taken) = bits(at + done, size - done);
            if self.written[frame][word] & bits != bits {
                return false;
            }
            done += taken;
        }
        true
    }

    /// Refuses an address that is no multiple of the size.
    #[inline]
    pub(super) fn aligned(within: u64, size: usize) -> Tried<()> {
        if within & wide(size - 1) == 0 {
            return Ok(());
        }
        let region = Region::Stack { frame: len(within / STRIDE) };
        Err(Box::new(TrapReason::Misaligned { region, off: off(within), size: wide(size) }))
    }
}

/// The word of a byte, the bits of as many bytes from there on as it has, and how many these are.
#[inline]
fn bits(at: usize, size: usize) -> (usize, u64, usize) {
    let (word, first) = (at / 64 % WORDS, at % 64);
    let taken = size.min(64 - first);
    let ones = if taken == 64 { u64::MAX } else { (1 << taken) - 1 };
    (word, ones << first, taken)
}

/// The offset from the frame pointer.
fn off(within: u64) -> i64 {
    let pointer = START + wide(FRAME);
    (within % STRIDE).cast_signed() - pointer.cast_signed()
}

#[cold]
fn outside(frames: usize, within: u64, size: usize, access: Access) -> Box<TrapReason> {
    let frame = len(within / STRIDE);
    let (size, off) = (wide(size), off(within));
    let len = if frame < frames { wide(FRAME) } else { 0 };
    let region = Region::Stack { frame };
    Box::new(TrapReason::OutOfBounds { access, region, off, size, len })
}
