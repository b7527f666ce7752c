//! One ioctl: what ethtool asks and sets by a single word, for the interface of a name.
//!
//! The interface is named, not numbered, because the ioctl takes a name; a name that does not fit
//! is refused before the call.

use std::mem::offset_of;
use std::os::fd::{AsRawFd, BorrowedFd};

use super::uapi::{ETHTOOL_GFLAGS, ETHTOOL_SGRO, SIOCETHTOOL};
use crate::Errno;

/// `struct ethtool_value`.
#[repr(C)]
struct EthtoolValue {
    cmd: u32,
    data: u32,
}

/// `struct ifreq` with its union read as a pointer; the union is wider than a pointer.
#[repr(C)]
struct Request<'a> {
    name: [u8; libc::IFNAMSIZ],
    data: &'a mut EthtoolValue,
    rest: [usize; 2],
}
const _: () = assert!(size_of::<Request<'_>>() >= size_of::<libc::ifreq>());
const _: () = assert!(offset_of!(Request<'_>, data) == offset_of!(libc::ifreq, ifr_ifru));

/// The flags of `ETHTOOL_GFLAGS` for the interface of that name, through any socket.
pub(crate) fn ethtool_flags(socket: BorrowedFd<'_>, interface: &[u8]) -> Result<u32, Errno> {
    exchange(socket, interface, EthtoolValue { cmd: ETHTOOL_GFLAGS, data: 0 })
}

/// Has the interface of that name gather what it receives (`ETHTOOL_SGRO`), through any socket.
pub(crate) fn ethtool_gro_on(socket: BorrowedFd<'_>, interface: &[u8]) -> Result<(), Errno> {
    exchange(socket, interface, EthtoolValue { cmd: ETHTOOL_SGRO, data: 1 }).map(drop)
}

/// Hands a word over; the answer is the word that the kernel leaves.
fn exchange(
    socket: BorrowedFd<'_>,
    interface: &[u8],
    mut value: EthtoolValue,
) -> Result<u32, Errno> {
    let mut name = [0; libc::IFNAMSIZ];
    if interface.is_empty() || interface.len() >= name.len() || interface.contains(&0) {
        return Err(Errno::ENODEV);
    }
    for (to, from) in name.iter_mut().zip(interface) {
        *to = *from;
    }
    let mut request = Request { name, data: &mut value, rest: [0; 2] };
    // SAFETY: `request` is at least a whole `struct ifreq` whose pointer leads to a whole
    // `struct ethtool_value`; both live and are exclusively borrowed through the call.
    let result =
        unsafe { libc::ioctl(socket.as_raw_fd(), SIOCETHTOOL, std::ptr::from_mut(&mut request)) };
    if result < 0 {
        return Err(Errno::from_io(&std::io::Error::last_os_error()));
    }
    Ok(request.data.data)
}
