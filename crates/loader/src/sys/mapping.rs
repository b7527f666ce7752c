//! The elements of an array, mapped into this process.
//!
//! The kernel and other processes write to the same memory at any time, so nothing but atomic words
//! is handed out, and of a mapping that is read-only none that can be stored to. The memory stays
//! as long as the mapping, whatever becomes of the descriptor: the kernel holds the map for it, has
//! put every page in its place when it returns (`remap_vmalloc_range`), and never takes one out.
//! The words do not run into what lies behind the last element, which the kernel maps too, to the
//! end of the page.

use std::marker::PhantomData;
use std::ops::Range;
use std::sync::atomic::{AtomicU64, Ordering, fence};

use super::memory::{Memory, Use};
use super::uapi::BPF_MAP_TYPE_ARRAY;
use super::{Errno, MapFd};

/// Bytes of a word; also what the kernel rounds an array's elements up to.
pub(super) const WORD: usize = size_of::<AtomicU64>();
const _: () = assert!(size_of::<Word>() == WORD && size_of::<WordMut>() == WORD);

/// Eight bytes of a mapped element, to be read.
#[derive(Debug)]
#[repr(transparent)]
pub struct Word(AtomicU64);

impl Word {
    /// What it holds now; what was stored before that, by the same hand, is seen as well.
    pub fn load(&self) -> u64 {
        // Memory that is mapped read-only bears relaxed loads only; a fence makes up for the rest
        // ("Atomic accesses to read-only memory" in `core::sync::atomic`).
        let value = self.0.load(Ordering::Relaxed);
        fence(Ordering::Acquire);
        value
    }

    /// What it holds, where a word before it was loaded that says that it is there.
    pub(crate) fn peek(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// Eight bytes of a mapped element, to be read and written.
#[derive(Debug)]
#[repr(transparent)]
pub struct WordMut(AtomicU64);

impl WordMut {
    /// What it holds now; what was stored before that, by the same hand, is seen as well.
    pub fn load(&self) -> u64 {
        self.0.load(Ordering::Acquire)
    }

    /// Stores a value in one piece; who sees it sees what was stored before it.
    pub fn store(&self, value: u64) {
        self.0.store(value, Ordering::Release);
    }

    /// Adds to it, wrapping, in one piece; what it held before.
    pub fn fetch_add(&self, more: u64) -> u64 {
        self.0.fetch_add(more, Ordering::AcqRel)
    }
}

/// Mapped memory as words: [`Word`]s that are read or [`WordMut`]s that are written, and of no other
/// type, as there is no other way to make one.
#[derive(Debug)]
pub(crate) struct Mapping<W> {
    memory: Memory,
    of: PhantomData<W>,
}

impl Mapping<Word> {
    /// Maps the elements of an array to be read.
    pub(crate) fn read(map: &MapFd) -> Result<Self, Errno> {
        Self::readable(map, words_of(map)? * WORD, 0)
    }

    /// Maps bytes that a map shows to be read, from an offset on that begins a page.
    pub(super) fn readable(map: &MapFd, len: usize, offset: usize) -> Result<Self, Errno> {
        Self::new(map, Use::Read, len, offset)
    }
}

impl Mapping<WordMut> {
    /// Maps the elements of an array to be read and written.
    pub(crate) fn edit(map: &MapFd) -> Result<Self, Errno> {
        Self::edit_some(map, 0..words_of(map)?)
    }

    /// The same of some of their words; the first one begins a page.
    pub(crate) fn edit_some(map: &MapFd, words: Range<usize>) -> Result<Self, Errno> {
        if words.is_empty() || words.end > words_of(map)? {
            return Err(Errno::EINVAL);
        }
        Self::writable(map, words.len() * WORD, words.start * WORD)
    }

    /// Maps bytes that a map shows to be read and written, from an offset on that begins a page.
    pub(super) fn writable(map: &MapFd, len: usize, offset: usize) -> Result<Self, Errno> {
        Self::new(map, Use::Edit, len, offset)
    }
}

impl<W> Mapping<W> {
    /// The words, in order; how many is rounded down.
    pub(crate) fn words(&self) -> &[W] {
        let (start, words) = (self.memory.start().cast::<W>(), self.memory.len() / WORD);
        // SAFETY: `start` is the beginning of a mapping of at least that many words, aligned to a
        // page, which lives as long as `self`; its bytes came from the kernel, and any are a word.
        // `W` is an atomic word, so that others may write meanwhile, and one that has no store
        // where the mapping is read-only.
        unsafe { std::slice::from_raw_parts(start.as_ptr(), words) }
    }

    /// The first word.
    pub(super) fn first(&self) -> &W {
        // SAFETY: as for `words`; the kernel maps no less than a page.
        unsafe { self.memory.start().cast::<W>().as_ref() }
    }

    fn new(map: &MapFd, to: Use, len: usize, offset: usize) -> Result<Self, Errno> {
        let offset = libc::off_t::try_from(offset).map_err(|_| Errno::E2BIG)?;
        Ok(Self { memory: Memory::shared(map.fd(), to, len, offset)?, of: PhantomData })
    }
}

// SAFETY: all that a shared mapping gives out is shared words.
unsafe impl<W: Sync> Sync for Mapping<W> {}

/// How many words the elements of an array take. Its values must be whole words, so that elements
/// follow each other without a gap. The kernel rounds the length up to pages by itself.
pub(crate) fn words_of(map: &MapFd) -> Result<usize, Errno> {
    if cfg!(not(target_pointer_width = "64")) {
        // A word would be read in two halves, or by an exchange, which read-only memory does not
        // bear.
        return Err(Errno::EOPNOTSUPP);
    }
    if map.kind() != BPF_MAP_TYPE_ARRAY || !map.value_len().is_multiple_of(WORD) {
        return Err(Errno::EINVAL);
    }
    let elements = usize::try_from(map.max_entries()).map_err(|_| Errno::E2BIG)?;
    let bytes = map.value_len().checked_mul(elements).ok_or(Errno::E2BIG)?;
    // No slice may be longer than this.
    isize::try_from(bytes).map_err(|_| Errno::E2BIG)?;
    Ok(bytes / WORD)
}
