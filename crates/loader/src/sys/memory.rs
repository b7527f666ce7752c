//! Memory that the kernel maps into this process: taken once, and given back once.
//!
//! What its bytes are, and who else may write to them, is for those to say who hold it.

use std::os::fd::{AsRawFd, BorrowedFd, RawFd};
use std::ptr::NonNull;

use super::Errno;

/// Mapped memory, aligned to a page.
#[derive(Debug)]
pub(super) struct Memory {
    start: NonNull<u8>,
    len: usize,
}

/// What may be done with mapped memory.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Use {
    Read,
    Edit,
}

impl Use {
    fn protection(self) -> libc::c_int {
        match self {
            Self::Read => libc::PROT_READ,
            Self::Edit => libc::PROT_READ | libc::PROT_WRITE,
        }
    }
}

impl Memory {
    /// Bytes that a descriptor shows, shared with the kernel and whoever else maps them.
    pub(super) fn shared(
        fd: BorrowedFd<'_>,
        to: Use,
        len: usize,
        offset: libc::off_t,
    ) -> Result<Self, Errno> {
        Self::map(to, libc::MAP_SHARED, (fd.as_raw_fd(), offset), len)
    }

    /// The same to be edited, every page in its place from the beginning.
    pub(super) fn populated(
        fd: BorrowedFd<'_>,
        len: usize,
        offset: libc::off_t,
    ) -> Result<Self, Errno> {
        let flags = libc::MAP_SHARED | libc::MAP_POPULATE;
        Self::map(Use::Edit, flags, (fd.as_raw_fd(), offset), len)
    }

    /// Bytes of this process alone, zeros, every page in its place from the beginning.
    pub(super) fn anonymous(len: usize) -> Result<Self, Errno> {
        let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_POPULATE;
        Self::map(Use::Edit, flags, (-1, 0), len)
    }

    /// The first byte.
    pub(super) fn start(&self) -> NonNull<u8> {
        self.start
    }

    /// How many bytes were asked for; the last page is mapped whole.
    pub(super) fn len(&self) -> usize {
        self.len
    }

    fn map(
        to: Use,
        flags: libc::c_int,
        (fd, offset): (RawFd, libc::off_t),
        len: usize,
    ) -> Result<Self, Errno> {
        // SAFETY: no address is wished for, so that no other memory is replaced.
        let start =
            unsafe { libc::mmap(std::ptr::null_mut(), len, to.protection(), flags, fd, offset) };
        if start == libc::MAP_FAILED {
            return Err(Errno::from_io(&std::io::Error::last_os_error()));
        }
        Ok(Self { start: NonNull::new(start.cast()).ok_or(Errno::EFAULT)?, len })
    }
}

impl Drop for Memory {
    fn drop(&mut self) {
        // SAFETY: this is the mapping that `map` made, of the same length, and nobody borrows it any
        // more. It cannot fail with these arguments.
        unsafe { libc::munmap(self.start.as_ptr().cast(), self.len) };
    }
}

// SAFETY: a mapping belongs to the process, not to a thread, and is given up once, by its owner.
unsafe impl Send for Memory {}
