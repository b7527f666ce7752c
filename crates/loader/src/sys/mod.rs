//! The only unsafe code of the repository: bpf(2), one ioctl, AF_XDP, and mapped memory, behind
//! functions that are safe.
//!
//! What makes them safe is stated once. A command's attribute struct has the layout of the kernel's
//! union member, asserted when it is compiled ([`attr`]). A pointer in it borrows the buffer it
//! points to ([`ptr`]). A buffer whose length the kernel does not take as an argument, because a
//! map fixes it, is checked against the sizes that the kernel itself told ([`map`]). Descriptors
//! come back owned, close-on-exec, and above 2 ([`call`]). Of memory that is shared with the kernel
//! only atomic words are given out ([`mapping`]), and the frames of AF_XDP to one owner each
//! ([`xsk`]).

#![deny(
    clippy::cast_possible_truncation,
    clippy::cast_possible_wrap,
    clippy::cast_sign_loss,
    clippy::as_conversions
)]

mod attr;
mod barrier;
mod call;
mod ethtool;
mod map;
mod mapping;
mod memory;
mod ptr;
mod ring;
mod tracepoint;
mod uapi;
mod xlated;
pub(crate) mod xsk;

pub(crate) use barrier::membarrier;
pub use call::kept_name;
pub(crate) use call::{
    Debug, Load, Log, MapTypes, Records, TestRun, btf_load, lift, link, link_next_id, map_by_id,
    map_create, map_info, map_next_id, obj_get, obj_pin, prog_by_id, prog_info, prog_load,
    prog_next_id, prog_test_run, xdp_link_create,
};
pub(crate) use ethtool::{ethtool_flags, ethtool_gro_on, ethtool_receive_queues};
pub(crate) use map::{BatchRead, MapFd, Start, Update};
pub(crate) use mapping::{Mapping, words_of};
pub use mapping::{Word, WordMut};
pub(crate) use ptr::length;
pub(crate) use ring::RingPages;
pub(crate) use tracepoint::raw_tracepoint_open;
pub(crate) use uapi::*;
pub(crate) use xlated::{Xlated, prog_xlated};

use crate::Errno;
use attr::Attr;

/// How often a load that met `EAGAIN` is repeated: the kernel returns it when a signal interrupts
/// verification, and a profiler's timer may do so many times over.
const LOAD_ATTEMPTS: u32 = 10;

/// Issues one bpf(2) command; the result is what the system call returned, never negative.
///
/// # Safety
/// Every pointer in `attr` must be good for what the command reads and writes through it, with the
/// lengths that `attr`, or the object it names, gives.
unsafe fn bpf<A: Attr>(attr: &mut A) -> Result<libc::c_long, Errno> {
    let size = length(size_of::<A>())?;
    let attempts = if A::CMD == BPF_PROG_LOAD { LOAD_ATTEMPTS } else { 1 };
    let mut last = Errno::EAGAIN;
    for _ in 0..attempts {
        // SAFETY: `attr` is a live, exclusively borrowed struct of `size` bytes; its pointers are
        // the caller's promise.
        let result =
            unsafe { libc::syscall(libc::SYS_bpf, A::CMD, std::ptr::from_mut(attr), size) };
        if result >= 0 {
            return Ok(result);
        }
        last = Errno::from_io(&std::io::Error::last_os_error());
        if last != Errno::EAGAIN {
            break;
        }
    }
    Err(last)
}
