//! One ioctl: what ethtool asks and sets by a single word, and how many queues it tells of, for the
//! interface of a name.
//!
//! The interface is named, not numbered, because the ioctl takes a name; a name that does not fit
//! is refused before the call.

use std::mem::offset_of;
use std::os::fd::{AsRawFd, BorrowedFd};

use super::uapi::{ETHTOOL_GCHANNELS, ETHTOOL_GFLAGS, ETHTOOL_SGRO, SIOCETHTOOL};
use crate::Errno;

/// `struct ethtool_value`.
#[repr(C)]
struct EthtoolValue {
    cmd: u32,
    data: u32,
}

/// `struct ethtool_channels`.
#[repr(C)]
#[derive(Default)]
struct EthtoolChannels {
    cmd: u32,
    max_rx: u32,
    max_tx: u32,
    max_other: u32,
    max_combined: u32,
    rx_count: u32,
    tx_count: u32,
    other_count: u32,
    combined_count: u32,
}
const _: () = assert!(size_of::<EthtoolChannels>() == 36);

/// A struct that begins with a command, by which the kernel knows its length.
///
/// # Safety
/// The layout must be that of the struct of every command that it is handed over with.
unsafe trait Told {}
// SAFETY: field for field `struct ethtool_value`, which the commands on a word take.
unsafe impl Told for EthtoolValue {}
// SAFETY: field for field `struct ethtool_channels`, which `ETHTOOL_GCHANNELS` takes.
unsafe impl Told for EthtoolChannels {}

/// `struct ifreq` with its union read as a pointer; the union is wider than a pointer.
#[repr(C)]
struct Request<'a, T> {
    name: [u8; libc::IFNAMSIZ],
    data: &'a mut T,
    rest: [usize; 2],
}
type Plain<'a> = Request<'a, EthtoolValue>;
const _: () = assert!(size_of::<Plain<'_>>() >= size_of::<libc::ifreq>());
const _: () = assert!(offset_of!(Plain<'_>, data) == offset_of!(libc::ifreq, ifr_ifru));

/// The flags of `ETHTOOL_GFLAGS` for the interface of that name, through any socket.
pub(crate) fn ethtool_flags(socket: BorrowedFd<'_>, interface: &[u8]) -> Result<u32, Errno> {
    let told = exchange(socket, interface, EthtoolValue { cmd: ETHTOOL_GFLAGS, data: 0 });
    told.map(|value| value.data)
}

/// Has the interface of that name gather what it receives (`ETHTOOL_SGRO`), through any socket.
pub(crate) fn ethtool_gro_on(socket: BorrowedFd<'_>, interface: &[u8]) -> Result<(), Errno> {
    exchange(socket, interface, EthtoolValue { cmd: ETHTOOL_SGRO, data: 1 }).map(drop)
}

/// How many queues the interface of that name receives on (`ETHTOOL_GCHANNELS`), alone and combined
/// with ones to send from, through any socket.
pub(crate) fn ethtool_receive_queues(
    socket: BorrowedFd<'_>,
    interface: &[u8],
) -> Result<u32, Errno> {
    let asked = EthtoolChannels { cmd: ETHTOOL_GCHANNELS, ..EthtoolChannels::default() };
    let told = exchange(socket, interface, asked)?;
    Ok(told.rx_count.saturating_add(told.combined_count))
}

/// Hands a struct over; what the kernel leaves of it.
fn exchange<T: Told>(socket: BorrowedFd<'_>, interface: &[u8], mut value: T) -> Result<T, Errno> {
    let mut name = [0; libc::IFNAMSIZ];
    if interface.is_empty() || interface.len() >= name.len() || interface.contains(&0) {
        return Err(Errno::ENODEV);
    }
    for (to, from) in name.iter_mut().zip(interface) {
        *to = *from;
    }
    let mut request = Request { name, data: &mut value, rest: [0; 2] };
    // SAFETY: `request` is at least a whole `struct ifreq` whose pointer leads to a whole struct of
    // the command in it; both live and are exclusively borrowed through the call.
    let result =
        unsafe { libc::ioctl(socket.as_raw_fd(), SIOCETHTOOL, std::ptr::from_mut(&mut request)) };
    if result < 0 {
        return Err(Errno::from_io(&std::io::Error::last_os_error()));
    }
    Ok(value)
}
