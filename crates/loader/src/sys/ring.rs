//! A ring buffer of the kernel, mapped into this process: where the reader is, where the kernel is,
//! and the records between the two.
//!
//! The reader's place is a page of its own that is read and written. The kernel's place and the data
//! are mapped to be read, the data twice in a row, so that a record that runs over the end is in one
//! piece (`ringbuf_map_mmap_kern` in kernel/bpf/ringbuf.c). The kernel writes to all of it at any
//! time, and whoever opens the map may write to the first page: so nothing but atomic words is
//! handed out, and what they say is for the caller to check.

use std::os::fd::AsRawFd;
use std::ptr::NonNull;

use super::mapping::{Word, WordMut};
use super::uapi::BPF_MAP_TYPE_RINGBUF;
use super::{Errno, MapFd};

const WORD: usize = size_of::<u64>();

/// The pages of a ring.
#[derive(Debug)]
pub(crate) struct RingPages {
    consumer: Pages<WordMut>,
    /// The kernel's page, then the data twice.
    producer: Pages<Word>,
    page_words: usize,
    size: usize,
}

impl RingPages {
    /// Maps a ring.
    pub(crate) fn map(map: &MapFd) -> Result<Self, Errno> {
        if cfg!(not(target_pointer_width = "64")) {
            return Err(Errno::EOPNOTSUPP);
        }
        if map.kind() != BPF_MAP_TYPE_RINGBUF {
            return Err(Errno::EINVAL);
        }
        let page = page_size()?;
        let size = usize::try_from(map.max_entries()).map_err(|_| Errno::E2BIG)?;
        if !size.is_power_of_two() || !size.is_multiple_of(page) {
            return Err(Errno::EINVAL);
        }
        let shared = size.checked_mul(2).and_then(|data| data.checked_add(page));
        let shared = shared.filter(|len| isize::try_from(*len).is_ok()).ok_or(Errno::E2BIG)?;
        let consumer = Pages::new(map, libc::PROT_READ | libc::PROT_WRITE, page, 0)?;
        let producer = Pages::new(map, libc::PROT_READ, shared, page)?;
        Ok(Self { consumer, producer, page_words: page / WORD, size })
    }

    /// Bytes of the data.
    pub(crate) fn size(&self) -> usize {
        self.size
    }

    /// Where the reader is, in the stream of all bytes.
    pub(crate) fn consumer(&self) -> &WordMut {
        self.consumer.first()
    }

    /// Where the kernel is.
    pub(crate) fn producer(&self) -> &Word {
        self.producer.first()
    }

    /// The data, twice in a row.
    pub(crate) fn data(&self) -> &[Word] {
        self.producer.words().get(self.page_words..).unwrap_or_default()
    }
}

/// Mapped pages as words: [`Word`]s that are read or [`WordMut`]s that are written.
#[derive(Debug)]
struct Pages<W> {
    start: NonNull<W>,
    len: usize,
}

impl<W> Pages<W> {
    fn new(map: &MapFd, protection: libc::c_int, len: usize, off: usize) -> Result<Self, Errno> {
        let off = libc::off_t::try_from(off).map_err(|_| Errno::E2BIG)?;
        let fd = map.fd().as_raw_fd();
        // SAFETY: no address is wished for, so that no other memory is replaced.
        let start =
            unsafe { libc::mmap(std::ptr::null_mut(), len, protection, libc::MAP_SHARED, fd, off) };
        if start == libc::MAP_FAILED {
            return Err(Errno::from_io(&std::io::Error::last_os_error()));
        }
        Ok(Self { start: NonNull::new(start.cast()).ok_or(Errno::EFAULT)?, len })
    }

    fn first(&self) -> &W {
        // SAFETY: `start` is the beginning of a mapping of at least a page, aligned to one, which
        // lives as long as `self`. `W` is an atomic word of eight bytes, one that has no store where
        // the mapping is read-only, so that others may write meanwhile.
        unsafe { self.start.as_ref() }
    }

    fn words(&self) -> &[W] {
        // SAFETY: as for `first`; the mapping has `len` bytes, whose number of words is rounded down.
        unsafe { std::slice::from_raw_parts(self.start.as_ptr(), self.len / WORD) }
    }
}

impl<W> Drop for Pages<W> {
    fn drop(&mut self) {
        // SAFETY: this is the mapping that `new` made, of the same length, and nobody borrows it
        // any more. It cannot fail with these arguments.
        unsafe { libc::munmap(self.start.as_ptr().cast(), self.len) };
    }
}

// SAFETY: a mapping belongs to the process, not to a thread, and is given up once, by its owner.
unsafe impl<W: Send> Send for Pages<W> {}

// SAFETY: all that shared pages give out is shared words.
unsafe impl<W: Sync> Sync for Pages<W> {}

fn page_size() -> Result<usize, Errno> {
    // SAFETY: the call reads no memory of ours.
    let size = unsafe { libc::sysconf(libc::_SC_PAGESIZE) };
    usize::try_from(size).ok().filter(|size| *size >= WORD).ok_or(Errno::EINVAL)
}
