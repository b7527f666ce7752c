//! A ring buffer of the kernel, mapped into this process: where the reader is, where the kernel is,
//! and the records between the two.
//!
//! The reader's place is a page of its own that is read and written. The kernel's place and the data
//! are mapped to be read, the data twice in a row, so that a record that runs over the end is in one
//! piece (`ringbuf_map_mmap_kern` in kernel/bpf/ringbuf.c). The kernel writes to all of it at any
//! time, and whoever opens the map may write to the first page: so nothing but atomic words is
//! handed out, and what they say is for the caller to check.

use super::mapping::{Mapping, WORD, Word, WordMut};
use super::uapi::BPF_MAP_TYPE_RINGBUF;
use super::{Errno, MapFd};

/// The pages of a ring.
#[derive(Debug)]
pub(crate) struct RingPages {
    consumer: Mapping<WordMut>,
    /// The kernel's page, then the data twice.
    producer: Mapping<Word>,
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
        let consumer = Mapping::writable(map, page, 0)?;
        let producer = Mapping::readable(map, shared, page)?;
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

fn page_size() -> Result<usize, Errno> {
    // SAFETY: the call reads no memory of ours.
    let size = unsafe { libc::sysconf(libc::_SC_PAGESIZE) };
    usize::try_from(size).ok().filter(|size| *size >= WORD).ok_or(Errno::EINVAL)
}
