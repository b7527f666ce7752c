//! A ring of a socket in this process's memory, as words.
//!
//! The kernel says where in the mapping the parts of the ring are. That they lie in it, aligned and
//! apart, is checked before anything is touched.

use std::os::fd::BorrowedFd;
use std::sync::atomic::{AtomicU32, AtomicU64};

use super::abi::{Facts, Offsets, Ring};
use super::ring::{self, ADDRESS, DESCRIPTOR};
use crate::Errno;
use crate::sys::memory::Memory;

/// A ring of a socket, mapped into this process.
#[derive(Debug)]
pub(crate) struct RingMap {
    memory: Memory,
    producer: usize,
    consumer: usize,
    flags: Option<usize>,
    slots: usize,
    words: usize,
}

impl RingMap {
    /// Maps a ring of so many slots, which the socket was given, at the offsets that it told.
    pub(super) fn new(
        socket: BorrowedFd<'_>,
        ring: Ring,
        slots: u32,
        facts: &Facts,
    ) -> Result<Self, Errno> {
        if cfg!(not(target_pointer_width = "64")) {
            // A slot would be written in two halves.
            return Err(Errno::EOPNOTSUPP);
        }
        let words_of_slot = match ring {
            Ring::Fill | Ring::Completion => ADDRESS,
            Ring::Rx | Ring::Tx => DESCRIPTOR,
        };
        let slots = usize::try_from(slots).map_err(|_| Errno::E2BIG)?;
        let words = slots.checked_mul(words_of_slot).ok_or(Errno::E2BIG)?;
        let Layout { producer, consumer, flags, slots, len } =
            Layout::new(facts.of_ring(ring), words).ok_or(Errno::EOPNOTSUPP)?;
        let offset = libc::off_t::try_from(ring.offset()).map_err(|_| Errno::EOPNOTSUPP)?;
        let memory = Memory::populated(socket, len, offset)?;
        Ok(Self { memory, producer, consumer, flags, slots, words })
    }

    /// A number of 32 bits at an offset that `Layout` has checked.
    fn number(&self, offset: usize) -> &AtomicU32 {
        // SAFETY: the offset lies in the mapping with four bytes behind it.
        let number = unsafe { self.memory.start().add(offset) }.cast();
        // SAFETY: it is aligned, as the mapping is to a page and the offset to four bytes; any bytes
        // are a number, which others may change at any time, as it is atomic.
        unsafe { number.as_ref() }
    }
}

impl ring::Memory for RingMap {
    fn producer(&self) -> &AtomicU32 {
        self.number(self.producer)
    }

    fn consumer(&self) -> &AtomicU32 {
        self.number(self.consumer)
    }

    fn flags(&self) -> Option<&AtomicU32> {
        self.flags.map(|offset| self.number(offset))
    }

    fn words(&self) -> &[AtomicU64] {
        // SAFETY: `Layout` has checked that the slots lie in the mapping, behind the numbers.
        let start = unsafe { self.memory.start().add(self.slots) }.cast();
        // SAFETY: they are so many words, aligned to eight bytes, and any bytes are a word, which
        // others may change at any time, as it is atomic.
        unsafe { std::slice::from_raw_parts(start.as_ptr(), self.words) }
    }
}

/// Where the parts of a ring are, checked.
#[derive(Debug, PartialEq, Eq)]
struct Layout {
    producer: usize,
    consumer: usize,
    flags: Option<usize>,
    slots: usize,
    len: usize,
}

impl Layout {
    /// The parts of a ring with so many words in its slots; `None` unless the numbers are aligned
    /// and lie before the slots, and these are aligned too.
    fn new(offsets: Offsets, words: usize) -> Option<Self> {
        let slots = usize::try_from(offsets.slots).ok().filter(|at| at.is_multiple_of(8))?;
        let number = |at: u64| {
            let at = usize::try_from(at).ok().filter(|at| at.is_multiple_of(4))?;
            at.checked_add(4).filter(|end| *end <= slots).map(|_| at)
        };
        let flags = match offsets.flags {
            Some(at) => Some(number(at)?),
            None => None,
        };
        let len = words.checked_mul(8)?.checked_add(slots)?;
        isize::try_from(len).ok()?;
        let (producer, consumer) = (number(offsets.producer)?, number(offsets.consumer)?);
        Some(Self { producer, consumer, flags, slots, len })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn offsets_that_are_not_aligned_or_lie_among_the_slots_are_refused() {
        let good = Offsets { producer: 0, consumer: 64, slots: 320, flags: Some(128) };
        let layout = Layout::new(good, 16).expect("the kernel's own");
        assert_eq!((layout.flags, layout.slots, layout.len), (Some(128), 320, 448));
        assert_eq!(Layout::new(Offsets { flags: None, ..good }, 16).expect("old").flags, None);
        for bad in [
            Offsets { producer: 2, ..good },
            Offsets { producer: 320, ..good },
            Offsets { consumer: u64::MAX - 3, ..good },
            Offsets { flags: Some(318), ..good },
            Offsets { slots: 4, ..good },
            Offsets { slots: 324, ..good },
            Offsets { slots: u64::MAX - 7, ..good },
        ] {
            assert_eq!(Layout::new(bad, 16), None, "{bad:?}");
        }
        assert_eq!(Layout::new(good, usize::MAX / 8), None);
    }
}
