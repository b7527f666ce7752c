//! Reading a whole map in bounded work, by batches where the kernel has them.
//!
//! A map may be edited while it is read. A batch of a hash is taken bucket by bucket, so an element
//! that stays put is seen once; key by key, a removal of the very key that was read last makes the
//! kernel begin anew, so elements may be seen twice. Invariant: a walk hands out at most twice as
//! many elements as the map can hold and then gives up, so it ends whatever others do.

use crate::Errno;
use crate::sys::{BatchRead, MapFd, Start};

/// About how many bytes of elements are read at once.
const BATCH_BYTES: usize = 256 * 1024;
/// At most how many elements are read at once.
const BATCH_MAX: usize = 16 * 1024;

/// Why a walk ended early.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum WalkError {
    /// The kernel refused.
    Refused(Errno),
    /// The map changed faster than it could be read.
    Unsettled,
}

/// The bytes of a key and of its value.
pub(crate) type Element<'a> = (&'a [u8], &'a [u8]);

/// Where a walk stands.
#[derive(Debug)]
enum Place {
    Batches,
    Keys,
    End,
}

/// A reading of all elements of a map, as raw bytes.
#[derive(Debug)]
pub(crate) struct Walk<'a> {
    map: &'a MapFd,
    place: Place,
    keys: Vec<u8>,
    values: Vec<u8>,
    mark: Vec<u8>,
    begun: bool,
    filled: usize,
    taken: usize,
    left: u64,
}

impl<'a> Walk<'a> {
    pub(crate) fn new(map: &'a MapFd) -> Self {
        let each = map.key_len() + map.value_len();
        let room = (BATCH_BYTES / each.max(1)).clamp(64, BATCH_MAX);
        let room = room.min(usize::try_from(map.max_entries()).unwrap_or(BATCH_MAX).max(1));
        Walk {
            map,
            place: Place::Batches,
            keys: vec![0; room * map.key_len()],
            values: vec![0; room * map.value_len()],
            mark: vec![0; map.mark_len()],
            begun: false,
            filled: 0,
            taken: 0,
            left: u64::from(map.max_entries()) * 2,
        }
    }

    /// The next element; after an error, nothing.
    pub(crate) fn next(&mut self) -> Option<Result<Element<'_>, WalkError>> {
        if self.taken == self.filled {
            match self.fill() {
                Ok(0) => return None,
                Ok(_) => {}
                Err(error) => {
                    self.place = Place::End;
                    return Some(Err(error));
                }
            }
        }
        let (k, v) = (self.map.key_len(), self.map.value_len());
        let at = self.taken;
        self.taken += 1;
        let key = self.keys.get(at * k..(at + 1) * k)?;
        let value = self.values.get(at * v..(at + 1) * v)?;
        Some(Ok((key, value)))
    }

    /// Reads on; how many elements are there now, zero at the end.
    fn fill(&mut self) -> Result<usize, WalkError> {
        (self.filled, self.taken) = (0, 0);
        while self.filled == 0 {
            match self.place {
                Place::Batches => self.fill_batch()?,
                Place::Keys => self.fill_key()?,
                Place::End => return Ok(0),
            }
        }
        let read = u64::try_from(self.filled).unwrap_or(u64::MAX);
        self.left = self.left.checked_sub(read).ok_or(WalkError::Unsettled)?;
        Ok(self.filled)
    }

    fn fill_batch(&mut self) -> Result<(), WalkError> {
        let from = if self.begun { Start::Mark } else { Start::Beginning };
        match self.map.lookup_batch(&mut self.mark, from, &mut self.keys, &mut self.values) {
            Ok(BatchRead { count, last }) => {
                self.begun = true;
                self.filled = count;
                // No element and no end is not progress; the walk ends rather than spin on it.
                if last || count == 0 {
                    self.place = Place::End;
                }
                Ok(())
            }
            // A bucket of a hash holds more than the buffers do.
            Err(Errno::ENOSPC) if self.keys.len() / self.map.key_len().max(1) < BATCH_MAX * 64 => {
                self.keys.resize(self.keys.len() * 2, 0);
                self.values.resize(self.values.len() * 2, 0);
                Ok(())
            }
            Err(Errno::ENOTSUPP | Errno::EINVAL | Errno::EOPNOTSUPP) if !self.begun => {
                self.place = Place::Keys;
                Ok(())
            }
            Err(errno) => Err(WalkError::Refused(errno)),
        }
    }

    /// One element by its key. `mark` holds the key read last.
    fn fill_key(&mut self) -> Result<(), WalkError> {
        let (k, v) = (self.map.key_len(), self.map.value_len());
        let last = self.mark.get(..k).filter(|_| self.begun);
        let Some(next) = self.keys.get_mut(..k) else { return Err(WalkError::Unsettled) };
        match self.map.next_key(last, next) {
            Ok(()) => {}
            Err(Errno::ENOENT) => {
                self.place = Place::End;
                return Ok(());
            }
            Err(errno) => return Err(WalkError::Refused(errno)),
        }
        self.begun = true;
        if let Some(mark) = self.mark.get_mut(..k) {
            mark.copy_from_slice(next);
        }
        let Some(value) = self.values.get_mut(..v) else { return Err(WalkError::Unsettled) };
        match self.map.lookup(next, value) {
            Ok(()) => self.filled = 1,
            // Removed between the two calls: it counts as a step, so that the walk stays bounded.
            Err(Errno::ENOENT) => {
                self.left = self.left.checked_sub(1).ok_or(WalkError::Unsettled)?;
            }
            Err(errno) => return Err(WalkError::Refused(errno)),
        }
        Ok(())
    }
}
