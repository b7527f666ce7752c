//! Reading a ring buffer: the records that programs hand over, in their order, without a system call
//! for each.
//!
//! A ring has one reader at a time: what one has read is gone for all. Nothing that the ring says is
//! trusted: lengths are held against the ring, a record that is still being written is waited for,
//! and one that was given up is passed over. The reader's place is in memory that others may write
//! to; one that cannot be is given up for the kernel's. Dying at any point does no harm: the next
//! reader goes on at the place that was published last, and may see a few records again.

use std::time::Duration;

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use palisade_asm::MapKind;

use crate::Errno;
use crate::map::{MapError, MapHandle, Shape};
use crate::sys::RingPages;

/// Bytes before each record: its length with two bits, and a number of the kernel's own.
const HEADER: u64 = 8;
/// `BPF_RINGBUF_BUSY_BIT`: the record is still being written.
const BUSY: u32 = 1 << 31;
/// `BPF_RINGBUF_DISCARD_BIT`: the record was given up.
const DISCARD: u32 = 1 << 30;
/// How many records are read before their room is given back.
const BATCH: usize = 64;

/// Why a ring cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum RingError {
    /// It is another kind of map.
    #[error("map `{name}` is no ring buffer: found {found}")]
    NotRing {
        /// Its name.
        name: String,
        /// What the kernel has.
        found: Shape,
    },
    /// The kernel did not map it.
    #[error("cannot map the ring buffer `{name}`: {errno}")]
    NotMapped {
        /// Its name.
        name: String,
        /// What the kernel said.
        errno: Errno,
    },
    /// The kernel did not wait.
    #[error("cannot wait for the ring buffer `{name}`: {errno}")]
    NotAwaited {
        /// Its name.
        name: String,
        /// What the kernel said.
        errno: Errno,
    },
    /// The map did not tell of itself.
    #[error(transparent)]
    Map(#[from] MapError),
}

/// A ring buffer that is read.
#[derive(Debug)]
pub struct Ring {
    map: MapHandle,
    pages: RingPages,
    size: u64,
    consumed: u64,
    record: Vec<u8>,
}

/// What one look at a ring gave.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Taken {
    /// How many records were read.
    pub records: usize,
    /// Bytes that made no sense and were passed over, with all that was behind them then.
    pub skipped: u64,
}

impl Ring {
    /// Maps a ring buffer to be read.
    pub fn open(map: &MapHandle) -> Result<Self, RingError> {
        let name = || map.name().to_owned();
        let found = map.info()?.shape;
        if found.kind_name() != Some(MapKind::RingBuf) {
            return Err(RingError::NotRing { name: name(), found });
        }
        let pages = RingPages::map(map.map())
            .map_err(|errno| RingError::NotMapped { name: name(), errno })?;
        let size = u64::try_from(pages.size()).unwrap_or(u64::MAX);
        let consumed = pages.consumer().load();
        Ok(Self { map: map.try_clone()?, pages, size, consumed, record: Vec::new() })
    }

    /// Waits until a program wakes the reader, at most so long; a signal ends it too.
    pub fn wait(&self, most: Duration) -> Result<(), RingError> {
        let most = PollTimeout::try_from(most).unwrap_or(PollTimeout::MAX);
        let fd = self.map.map().fd();
        let mut fds = [PollFd::new(fd, PollFlags::POLLIN)];
        match poll(&mut fds, most).map_err(Errno::from) {
            Ok(_) | Err(Errno::EINTR) => Ok(()),
            Err(errno) => Err(RingError::NotAwaited { name: self.map.name().to_owned(), errno }),
        }
    }

    /// Reads the records that are there, up to `most`, each by `each`.
    pub fn read(&mut self, most: usize, mut each: impl FnMut(&[u8])) -> Taken {
        let mut taken = Taken::default();
        let produced = self.pages.producer().load();
        if !self.is_place(produced) {
            taken.skipped = produced.abs_diff(self.consumed);
            self.consumed = produced;
        }
        while taken.records < most && self.consumed != produced {
            match self.next(produced) {
                Next::Record(whole) => {
                    each(&self.record);
                    taken.records += 1;
                    self.consumed = self.consumed.wrapping_add(whole);
                    if taken.records.is_multiple_of(BATCH) {
                        self.pages.consumer().store(self.consumed);
                    }
                }
                Next::Discarded(whole) => self.consumed = self.consumed.wrapping_add(whole),
                Next::Busy => break,
                Next::Senseless => {
                    taken.skipped = produced.wrapping_sub(self.consumed);
                    self.consumed = produced;
                }
            }
        }
        self.pages.consumer().store(self.consumed);
        taken
    }

    /// Whether the reader can be where it is while the kernel is at `produced`.
    fn is_place(&self, produced: u64) -> bool {
        self.consumed.is_multiple_of(8) && produced.wrapping_sub(self.consumed) <= self.size
    }

    /// The record at the reader's place, its bytes copied.
    fn next(&mut self, produced: u64) -> Next {
        let data = self.pages.data();
        let at = usize::try_from(self.consumed % self.size / 8).unwrap_or(usize::MAX);
        let Some(header) = data.get(at) else { return Next::Senseless };
        let [a, b, c, d, ..] = header.load().to_ne_bytes();
        let field = u32::from_ne_bytes([a, b, c, d]);
        if field & BUSY != 0 {
            return Next::Busy;
        }
        let len = field & !DISCARD;
        let whole = (u64::from(len) + HEADER).next_multiple_of(8);
        if whole > produced.wrapping_sub(self.consumed) {
            return Next::Senseless;
        }
        if field & DISCARD != 0 {
            return Next::Discarded(whole);
        }
        let len = usize::try_from(len).unwrap_or(usize::MAX);
        let Some(words) = data.get(at + 1..).and_then(|rest| rest.get(..len.div_ceil(8))) else {
            return Next::Senseless;
        };
        self.record.clear();
        self.record.extend(words.iter().flat_map(|word| word.peek().to_ne_bytes()));
        self.record.truncate(len);
        Next::Record(whole)
    }
}

/// What is at the reader's place, and how many bytes it takes in the ring.
enum Next {
    Record(u64),
    Discarded(u64),
    Busy,
    Senseless,
}
