//! Programs on raw tracepoints.

use std::ffi::CStr;
use std::os::fd::{BorrowedFd, OwnedFd};

use super::attr::RawTracepointOpen;
use super::call::{number, owned};
use super::ptr::Ptr;
use super::{Errno, bpf};

/// Has the kernel run a program at a tracepoint as long as the returned descriptor is open.
pub(crate) fn raw_tracepoint_open(
    tracepoint: &CStr,
    prog: BorrowedFd<'_>,
) -> Result<OwnedFd, Errno> {
    let mut attr = RawTracepointOpen { name: Ptr::text(tracepoint), prog_fd: number(prog), pad: 0 };
    // SAFETY: the name is ended by a zero and borrowed through the call.
    owned(unsafe { bpf(&mut attr) }?)
}
