//! A map whose sizes the kernel has told, and the commands on its elements.
//!
//! The kernel copies as many bytes as the map says, however long the caller's buffer is. So the
//! sizes are asked once, of the descriptor itself, when a [`MapFd`] is made; they cannot change
//! while the map lives; and every method refuses a slice of another length with `EINVAL` before the
//! call.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use super::attr::{MapBatch, MapElem, MapFreeze};
use super::call::{MapFacts, map_info, number};
use super::ptr::{Ptr, length};
use super::uapi::*;
use super::{Errno, bpf};

/// A descriptor that is known to be a map's, with the lengths that its commands copy.
#[derive(Debug)]
pub(crate) struct MapFd {
    fd: OwnedFd,
    kind: u32,
    key_len: usize,
    value_len: usize,
    max_entries: u32,
}

/// On what condition an element is written.
#[derive(Clone, Copy)]
pub(crate) enum Update {
    Any,
    New,
    Existing,
}

/// What one call of a batch gave.
pub(crate) struct BatchRead {
    /// How many elements were filled in.
    pub(crate) count: usize,
    /// Nothing comes after these.
    pub(crate) last: bool,
}

/// A size that the kernel told, as a length.
fn bytes(size: u32) -> Result<usize, Errno> {
    usize::try_from(size).map_err(|_| Errno::E2BIG)
}

/// The bytes that reading one element copies (`bpf_map_value_size` in kernel/bpf/syscall.c).
fn value_bytes(facts: &MapFacts, cpus: usize) -> Result<usize, Errno> {
    let size = bytes(facts.value_size)?;
    match facts.kind {
        BPF_MAP_TYPE_PERCPU_HASH
        | BPF_MAP_TYPE_LRU_PERCPU_HASH
        | BPF_MAP_TYPE_PERCPU_ARRAY
        | BPF_MAP_TYPE_PERCPU_CGROUP_STORAGE => size
            .checked_next_multiple_of(8)
            .and_then(|stride| stride.checked_mul(cpus))
            .ok_or(Errno::E2BIG),
        BPF_MAP_TYPE_PROG_ARRAY
        | BPF_MAP_TYPE_PERF_EVENT_ARRAY
        | BPF_MAP_TYPE_CGROUP_ARRAY
        | BPF_MAP_TYPE_ARRAY_OF_MAPS
        | BPF_MAP_TYPE_HASH_OF_MAPS => Ok(4),
        _ => Ok(size),
    }
}

impl MapFd {
    /// Asks a map for its sizes. `cpus` is the number of possible CPUs, of which a per-CPU map
    /// holds a value each; for other kinds it is not looked at.
    pub(crate) fn new(fd: OwnedFd, cpus: usize) -> Result<Self, Errno> {
        let facts = map_info(fd.as_fd())?;
        Ok(MapFd {
            kind: facts.kind,
            key_len: bytes(facts.key_size)?,
            value_len: value_bytes(&facts, cpus)?,
            max_entries: facts.max_entries,
            fd,
        })
    }

    /// The same map through another descriptor.
    pub(crate) fn try_clone(&self) -> Result<Self, Errno> {
        let fd = self.fd.try_clone().map_err(|e| Errno::from_io(&e))?;
        Ok(MapFd { fd: super::lift(fd)?, ..*self })
    }

    pub(crate) fn fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }

    /// The kernel's number for the kind of map.
    pub(crate) fn kind(&self) -> u32 {
        self.kind
    }

    pub(crate) fn key_len(&self) -> usize {
        self.key_len
    }

    /// The bytes of one element as it is read: for a per-CPU map, those of every CPU.
    pub(crate) fn value_len(&self) -> usize {
        self.value_len
    }

    pub(crate) fn max_entries(&self) -> u32 {
        self.max_entries
    }

    fn fits(&self, key: &[u8], value: Option<&[u8]>) -> Result<(), Errno> {
        let value_fits = value.is_none_or(|v| v.len() == self.value_len);
        if key.len() == self.key_len && value_fits { Ok(()) } else { Err(Errno::EINVAL) }
    }

    fn element<'a, const CMD: libc::c_int>(
        &self,
        key: Ptr<'a>,
        value: Ptr<'a>,
        flags: u64,
    ) -> MapElem<'a, CMD> {
        MapElem { map_fd: number(self.fd()), pad: 0, key, value, flags }
    }

    /// Reads the element of a key into `value`.
    pub(crate) fn lookup(&self, key: &[u8], value: &mut [u8]) -> Result<(), Errno> {
        self.fits(key, Some(value))?;
        let mut attr =
            self.element::<BPF_MAP_LOOKUP_ELEM>(Ptr::read(key), Ptr::write(value), BPF_ANY);
        // SAFETY: key and value have the lengths of this map, checked above.
        unsafe { bpf(&mut attr) }.map(drop)
    }

    /// Writes one element.
    pub(crate) fn update(&self, key: &[u8], value: &[u8], how: Update) -> Result<(), Errno> {
        self.fits(key, Some(value))?;
        let flags = match how {
            Update::Any => BPF_ANY,
            Update::New => BPF_NOEXIST,
            Update::Existing => BPF_EXIST,
        };
        let mut attr = self.element::<BPF_MAP_UPDATE_ELEM>(Ptr::read(key), Ptr::read(value), flags);
        // SAFETY: key and value have the lengths of this map, checked above.
        unsafe { bpf(&mut attr) }.map(drop)
    }

    /// Removes one element.
    pub(crate) fn delete(&self, key: &[u8]) -> Result<(), Errno> {
        self.fits(key, None)?;
        let mut attr = self.element::<BPF_MAP_DELETE_ELEM>(Ptr::read(key), Ptr::NULL, BPF_ANY);
        // SAFETY: the key has the length of this map's keys, checked above.
        unsafe { bpf(&mut attr) }.map(drop)
    }

    /// Puts the key that follows `key`, or the first one, into `next`.
    pub(crate) fn next_key(&self, key: Option<&[u8]>, next: &mut [u8]) -> Result<(), Errno> {
        self.fits(key.unwrap_or(next), None)?;
        self.fits(next, None)?;
        let from = key.map_or(Ptr::NULL, Ptr::read);
        let mut attr = self.element::<BPF_MAP_GET_NEXT_KEY>(from, Ptr::write(next), BPF_ANY);
        // SAFETY: both keys have the length of this map's keys, checked above.
        unsafe { bpf(&mut attr) }.map(drop)
    }

    /// The bytes of the mark by which a batch of reads goes on: four, or a key where that is
    /// longer.
    pub(crate) fn mark_len(&self) -> usize {
        self.key_len.max(4)
    }

    /// Reads as many elements as the two buffers hold, from `mark` or from the beginning, and
    /// leaves the place to go on from in `mark`. Which it is, `from_start` says: a mark is opaque.
    pub(crate) fn lookup_batch(
        &self,
        mark: &mut [u8],
        from: Start,
        keys: &mut [u8],
        values: &mut [u8],
    ) -> Result<BatchRead, Errno> {
        let count = self.elements(keys, values)?;
        if mark.len() != self.mark_len() {
            return Err(Errno::EINVAL);
        }
        let origin = mark.to_vec();
        let in_batch = match from {
            Start::Beginning => Ptr::NULL,
            Start::Mark => Ptr::read(&origin),
        };
        let mut attr = MapBatch::<BPF_MAP_LOOKUP_BATCH> {
            in_batch,
            out_batch: Ptr::write(mark),
            keys: Ptr::write(keys),
            values: Ptr::write(values),
            count,
            map_fd: number(self.fd()),
            elem_flags: 0,
            flags: 0,
        };
        // SAFETY: both buffers hold `count` elements of this map's sizes, checked above; a mark is
        // four bytes or a key, and `mark` and `origin` have room for either.
        match unsafe { bpf(&mut attr) } {
            Ok(_) => Ok(BatchRead { count: bytes(attr.count.min(count))?, last: false }),
            Err(Errno::ENOENT) => {
                Ok(BatchRead { count: bytes(attr.count.min(count))?, last: true })
            }
            Err(errno) => Err(errno),
        }
    }

    /// Writes elements in order; on an error the second part is how many were written.
    pub(crate) fn update_batch(&self, keys: &[u8], values: &[u8]) -> Result<(), (Errno, usize)> {
        let count = self.elements(keys, values).map_err(|errno| (errno, 0))?;
        let mut attr = MapBatch::<BPF_MAP_UPDATE_BATCH> {
            in_batch: Ptr::NULL,
            out_batch: Ptr::NULL,
            keys: Ptr::read(keys),
            values: Ptr::read(values),
            count,
            map_fd: number(self.fd()),
            elem_flags: BPF_ANY,
            flags: 0,
        };
        // SAFETY: both buffers hold `count` elements of this map's sizes, checked above.
        let result = unsafe { bpf(&mut attr) };
        result.map(drop).map_err(|errno| (errno, done(attr.count, count)))
    }

    /// Removes elements in order, up to the first that is not there (`ENOENT`); on an error the
    /// second part is how many were removed.
    pub(crate) fn delete_batch(&self, keys: &[u8]) -> Result<(), (Errno, usize)> {
        let count = self.keys(keys).map_err(|errno| (errno, 0))?;
        let mut attr = MapBatch::<BPF_MAP_DELETE_BATCH> {
            in_batch: Ptr::NULL,
            out_batch: Ptr::NULL,
            keys: Ptr::read(keys),
            values: Ptr::NULL,
            count,
            map_fd: number(self.fd()),
            elem_flags: BPF_ANY,
            flags: 0,
        };
        // SAFETY: the buffer holds `count` keys of this map's size, checked above.
        let result = unsafe { bpf(&mut attr) };
        result.map(drop).map_err(|errno| (errno, done(attr.count, count)))
    }

    /// Forbids user space every further write, for good.
    pub(crate) fn freeze(&self) -> Result<(), Errno> {
        let mut attr = MapFreeze { map_fd: number(self.fd()) };
        // SAFETY: the attribute holds no pointer.
        unsafe { bpf(&mut attr) }.map(drop)
    }

    /// How many keys a buffer holds exactly.
    fn keys(&self, keys: &[u8]) -> Result<u32, Errno> {
        match (keys.len().checked_div(self.key_len), keys.len().checked_rem(self.key_len)) {
            (Some(count), Some(0)) => length(count),
            _ => Err(Errno::EINVAL),
        }
    }

    /// How many elements two buffers hold exactly.
    fn elements(&self, keys: &[u8], values: &[u8]) -> Result<u32, Errno> {
        let count = self.keys(keys)?;
        let fits = bytes(count)?.checked_mul(self.value_len) == Some(values.len());
        if fits { Ok(count) } else { Err(Errno::EINVAL) }
    }
}

/// Where a batch of reads begins.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Start {
    Beginning,
    Mark,
}

/// The count that a failed batch left. A call refused before its first element leaves what was
/// asked, which is then not a count of what was done.
fn done(left: u32, asked: u32) -> usize {
    if left >= asked { 0 } else { usize::try_from(left).unwrap_or(0) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn facts(kind: u32, value_size: u32) -> MapFacts {
        let name = String::new();
        MapFacts { kind, id: 1, key_size: 4, value_size, max_entries: 1, flags: 0, name }
    }

    #[test]
    fn a_per_cpu_value_takes_eight_byte_steps_for_every_cpu() {
        assert_eq!(value_bytes(&facts(BPF_MAP_TYPE_PERCPU_ARRAY, 4), 3), Ok(24));
        assert_eq!(value_bytes(&facts(BPF_MAP_TYPE_PERCPU_HASH, 16), 2), Ok(32));
        assert_eq!(value_bytes(&facts(BPF_MAP_TYPE_ARRAY, 5), 9), Ok(5));
        assert_eq!(value_bytes(&facts(BPF_MAP_TYPE_PROG_ARRAY, 4), 9), Ok(4));
    }

    #[test]
    fn a_batch_refused_at_once_has_done_nothing() {
        assert_eq!(done(10, 10), 0);
        assert_eq!(done(4, 10), 4);
    }
}
