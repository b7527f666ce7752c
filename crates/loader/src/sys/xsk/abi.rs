//! The socket options of AF_XDP, from `linux/if_xdp.h`, each as a safe function.
//!
//! Newer kernels take and give longer structs: what is handed over is as long as Linux 5.10 takes
//! it, and of what is given the kernel says the length.

use std::mem::offset_of;
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd};

use super::area::Area;
use crate::Errno;
use crate::sys::{length, lift};

const SOL_XDP: libc::c_int = 283;
const XDP_MMAP_OFFSETS: libc::c_int = 1;
const XDP_RX_RING: libc::c_int = 2;
const XDP_TX_RING: libc::c_int = 3;
const XDP_UMEM_REG: libc::c_int = 4;
const XDP_UMEM_FILL_RING: libc::c_int = 5;
const XDP_UMEM_COMPLETION_RING: libc::c_int = 6;
const XDP_STATISTICS: libc::c_int = 7;
const XDP_OPTIONS: libc::c_int = 8;

const XDP_COPY: u16 = 1 << 1;
const XDP_ZEROCOPY: u16 = 1 << 2;
const XDP_USE_NEED_WAKEUP: u16 = 1 << 3;
const XDP_OPTIONS_ZEROCOPY: u32 = 1 << 0;
/// The flag of a ring whose other side sleeps.
pub(super) const XDP_RING_NEED_WAKEUP: u32 = 1 << 0;

/// Where mmap(2) finds the rings.
const XDP_PGOFF_RX_RING: u64 = 0;
const XDP_PGOFF_TX_RING: u64 = 0x8000_0000;
const XDP_UMEM_PGOFF_FILL_RING: u64 = 0x1_0000_0000;
const XDP_UMEM_PGOFF_COMPLETION_RING: u64 = 0x1_8000_0000;

/// One of a socket's rings.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ring {
    /// Frames for the kernel to receive into.
    Fill,
    /// Frames that have been sent.
    Completion,
    /// Packets that were received.
    Rx,
    /// Packets to send.
    Tx,
}

impl Ring {
    fn option(self) -> libc::c_int {
        match self {
            Ring::Fill => XDP_UMEM_FILL_RING,
            Ring::Completion => XDP_UMEM_COMPLETION_RING,
            Ring::Rx => XDP_RX_RING,
            Ring::Tx => XDP_TX_RING,
        }
    }

    /// Where mmap(2) finds it.
    pub(super) fn offset(self) -> u64 {
        match self {
            Ring::Fill => XDP_UMEM_PGOFF_FILL_RING,
            Ring::Completion => XDP_UMEM_PGOFF_COMPLETION_RING,
            Ring::Rx => XDP_PGOFF_RX_RING,
            Ring::Tx => XDP_PGOFF_TX_RING,
        }
    }
}

impl std::fmt::Display for Ring {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Ring::Fill => "fill",
            Ring::Completion => "completion",
            Ring::Rx => "receive",
            Ring::Tx => "transmit",
        })
    }
}

/// `struct sockaddr_xdp`.
#[repr(C)]
struct SockaddrXdp {
    family: u16,
    flags: u16,
    ifindex: u32,
    queue_id: u32,
    shared_umem_fd: u32,
}
const _: () = assert!(size_of::<SockaddrXdp>() == 16 && offset_of!(SockaddrXdp, queue_id) == 8);
const _: () = assert!(size_of::<SockaddrXdp>() == size_of::<libc::sockaddr_xdp>());

/// `struct xdp_umem_reg`; where newer kernels have `tx_metadata_len`, older ones have padding.
#[repr(C)]
struct UmemReg {
    addr: u64,
    len: u64,
    chunk_size: u32,
    headroom: u32,
    flags: u32,
    tx_metadata_len: u32,
}
const _: () = assert!(size_of::<UmemReg>() == 32 && offset_of!(UmemReg, chunk_size) == 16);

/// An option that the kernel reads by the layout that it has.
///
/// # Safety
/// The layout must be what the kernel reads for every option that it is handed over for.
unsafe trait Handed {}
// SAFETY: field for field `struct xdp_umem_reg`, the only struct for `XDP_UMEM_REG`.
unsafe impl Handed for UmemReg {}
// SAFETY: an `int`, which the options that set the size of a ring take.
unsafe impl Handed for u32 {}

/// An AF_XDP socket that is not bound, without rings.
pub(crate) fn socket() -> Result<OwnedFd, Errno> {
    // SAFETY: the call takes three numbers and touches no memory of this process.
    let raw = unsafe { libc::socket(libc::AF_XDP, libc::SOCK_RAW | libc::SOCK_CLOEXEC, 0) };
    if raw < 0 {
        return Err(last());
    }
    // SAFETY: `raw` is the descriptor that was just made for us, known to nobody else.
    lift(unsafe { OwnedFd::from_raw_fd(raw) })
}

fn last() -> Errno {
    Errno::from_io(&std::io::Error::last_os_error())
}

fn set<T: Handed>(socket: BorrowedFd<'_>, option: libc::c_int, value: &T) -> Result<(), Errno> {
    let len = length(size_of::<T>())?;
    let value = std::ptr::from_ref(value).cast();
    // SAFETY: `value` is a live struct of `len` bytes, which the kernel only reads.
    let result = unsafe { libc::setsockopt(socket.as_raw_fd(), SOL_XDP, option, value, len) };
    if result < 0 { Err(last()) } else { Ok(()) }
}

/// Fills words with an option; how many bytes of them the kernel wrote.
fn get(socket: BorrowedFd<'_>, option: libc::c_int, words: &mut [u64]) -> Result<usize, Errno> {
    let room = size_of_val(words);
    let mut len = length(room)?;
    let value = words.as_mut_ptr().cast();
    let size = std::ptr::from_mut(&mut len);
    // SAFETY: `value` is an exclusively borrowed buffer of `len` bytes, and any bytes are a word;
    // the kernel writes at most so many and leaves in `len` how many.
    let result = unsafe { libc::getsockopt(socket.as_raw_fd(), SOL_XDP, option, value, size) };
    if result < 0 {
        return Err(last());
    }
    Ok(usize::try_from(len).unwrap_or(room).min(room))
}

/// Makes an area the memory of a socket. What the kernel does with it, it does to frames that it was
/// given through a ring (`port`); it pins the pages, so that they outlive the mapping.
pub(super) fn register(socket: BorrowedFd<'_>, area: &Area) -> Result<(), Errno> {
    let reg = UmemReg {
        addr: area.address()?,
        len: u64::try_from(area.len()).map_err(|_| Errno::E2BIG)?,
        chunk_size: area.frame_size(),
        headroom: 0,
        flags: 0,
        tx_metadata_len: 0,
    };
    set(socket, XDP_UMEM_REG, &reg)
}

/// Gives a socket a ring of so many slots, a power of two.
pub(super) fn set_ring(socket: BorrowedFd<'_>, ring: Ring, slots: u32) -> Result<(), Errno> {
    set(socket, ring.option(), &slots)
}

/// Where a socket is bound, and how.
#[derive(Clone, Copy)]
pub(crate) struct Bind {
    pub(crate) ifindex: u32,
    pub(crate) queue: u32,
    pub(crate) transfer: Transfer,
}

/// How packets come from the driver to the memory of a socket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Transfer {
    /// Without a copy where the driver can, else copied.
    Auto,
    /// Copied.
    #[doc(alias = "XDP_COPY")]
    Copy,
    /// Without a copy.
    #[doc(alias = "XDP_ZEROCOPY")]
    ZeroCopy,
}

/// Binds a socket to a queue; both sides say when they sleep (`XDP_USE_NEED_WAKEUP`).
pub(crate) fn bind(socket: BorrowedFd<'_>, to: Bind) -> Result<(), Errno> {
    let transfer = match to.transfer {
        Transfer::Auto => 0,
        Transfer::Copy => XDP_COPY,
        Transfer::ZeroCopy => XDP_ZEROCOPY,
    };
    let address = SockaddrXdp {
        family: u16::try_from(libc::AF_XDP).map_err(|_| Errno::EINVAL)?,
        flags: transfer | XDP_USE_NEED_WAKEUP,
        ifindex: to.ifindex,
        queue_id: to.queue,
        shared_umem_fd: 0,
    };
    let len = length(size_of::<SockaddrXdp>())?;
    let address = std::ptr::from_ref(&address).cast();
    // SAFETY: `address` is a live struct of `len` bytes, which the kernel only reads.
    let result = unsafe { libc::bind(socket.as_raw_fd(), address, len) };
    if result < 0 { Err(last()) } else { Ok(()) }
}

/// Whether a bound socket gets its packets without a copy.
pub(crate) fn is_zero_copy(socket: BorrowedFd<'_>) -> Result<bool, Errno> {
    let mut words = [0];
    get(socket, XDP_OPTIONS, &mut words)?;
    let [options] = words;
    // The option is one number of 32 bits: the first in memory.
    let [flags, _] = halves(options);
    Ok(flags & XDP_OPTIONS_ZEROCOPY != 0)
}

/// The two numbers of 32 bits in a word, in the order in which they stand in memory.
pub(super) fn halves(word: u64) -> [u32; 2] {
    let [a, b, c, d, e, f, g, h] = word.to_ne_bytes();
    [u32::from_ne_bytes([a, b, c, d]), u32::from_ne_bytes([e, f, g, h])]
}

/// The word of which these are the halves.
pub(super) fn word([first, second]: [u32; 2]) -> u64 {
    let [a, b, c, d] = first.to_ne_bytes();
    let [e, f, g, h] = second.to_ne_bytes();
    u64::from_ne_bytes([a, b, c, d, e, f, g, h])
}

/// `struct xdp_statistics`: what the kernel counts of a socket.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Statistics {
    /// Packets that were dropped because they were too long for a frame, or no frame was free.
    pub rx_dropped: u64,
    /// Descriptors in the fill ring that the kernel did not take.
    pub rx_invalid_descs: u64,
    /// Descriptors in the transmit ring that the kernel did not take.
    pub tx_invalid_descs: u64,
    /// Packets that were dropped, besides, because the receive ring was full; `None` before Linux 5.9.
    pub rx_ring_full: Option<u64>,
    /// How often the fill ring was empty when a packet came; `None` before Linux 5.9.
    pub rx_fill_ring_empty_descs: Option<u64>,
    /// How often the transmit ring was empty when the kernel looked; `None` before Linux 5.9.
    pub tx_ring_empty_descs: Option<u64>,
}

/// What the kernel counts of a socket.
pub(crate) fn statistics(socket: BorrowedFd<'_>) -> Result<Statistics, Errno> {
    let mut words = [0; 6];
    let told = get(socket, XDP_STATISTICS, &mut words)? / size_of::<u64>();
    let [rx_dropped, rx_invalid_descs, tx_invalid_descs, rest @ ..] = words;
    let [full, fill_empty, tx_empty] = rest.map(|count| (told == words.len()).then_some(count));
    Ok(Statistics {
        rx_dropped,
        rx_invalid_descs,
        tx_invalid_descs,
        rx_ring_full: full,
        rx_fill_ring_empty_descs: fill_empty,
        tx_ring_empty_descs: tx_empty,
    })
}

/// `struct xdp_ring_offset`: where in a ring's mapping its parts are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Offsets {
    pub(super) producer: u64,
    pub(super) consumer: u64,
    pub(super) slots: u64,
    /// Kernels before 5.4 have no flags.
    pub(super) flags: Option<u64>,
}

/// `struct xdp_mmap_offsets`: the offsets of each ring.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Facts {
    rx: Offsets,
    tx: Offsets,
    fill: Offsets,
    completion: Offsets,
}

/// Words of the struct, with and without the offset of the flags in each of its four parts.
const WITH_FLAGS: usize = 16;
const WITHOUT_FLAGS: usize = 12;

impl Facts {
    /// Asks a socket for the offsets of its rings.
    pub(super) fn of(socket: BorrowedFd<'_>) -> Result<Self, Errno> {
        let mut words = [0; WITH_FLAGS];
        let told = get(socket, XDP_MMAP_OFFSETS, &mut words)?;
        let words = words.get(..told / size_of::<u64>()).unwrap_or_default();
        Self::read(words).ok_or(Errno::EOPNOTSUPP)
    }

    /// Reads the struct as far as the kernel told it; `None` where it has no length that is known.
    fn read(words: &[u64]) -> Option<Self> {
        let stride = match words.len() {
            WITH_FLAGS => 4,
            WITHOUT_FLAGS => 3,
            _ => return None,
        };
        let mut parts = words.chunks_exact(stride).map(|part| match *part {
            [producer, consumer, slots] => Some(Offsets { producer, consumer, slots, flags: None }),
            [producer, consumer, slots, flags] => {
                Some(Offsets { producer, consumer, slots, flags: Some(flags) })
            }
            _ => None,
        });
        let mut next = || parts.next().flatten();
        Some(Self { rx: next()?, tx: next()?, fill: next()?, completion: next()? })
    }

    /// The offsets of a ring.
    pub(super) fn of_ring(&self, ring: Ring) -> Offsets {
        match ring {
            Ring::Fill => self.fill,
            Ring::Completion => self.completion,
            Ring::Rx => self.rx,
            Ring::Tx => self.tx,
        }
    }
}

/// Has the kernel look at the transmit ring. `EAGAIN` and its like say that it has more to do.
pub(crate) fn wake(socket: BorrowedFd<'_>) -> Result<(), Errno> {
    let (fd, flags) = (socket.as_raw_fd(), libc::MSG_DONTWAIT);
    // SAFETY: no bytes are handed over and no address.
    let result = unsafe { libc::sendto(fd, std::ptr::null(), 0, flags, std::ptr::null(), 0) };
    if result < 0 { Err(last()) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn offsets_are_read_with_flags_and_without_and_of_no_other_length() {
        let words: Vec<u64> = (0..20).collect();
        let new = Facts::read(&words[..16]).expect("with flags");
        let tx = Offsets { producer: 4, consumer: 5, slots: 6, flags: Some(7) };
        assert_eq!((new.of_ring(Ring::Tx), new.of_ring(Ring::Completion).flags), (tx, Some(15)));
        let old = Facts::read(&words[..12]).expect("without");
        let fill = Offsets { producer: 6, consumer: 7, slots: 8, flags: None };
        assert_eq!((old.of_ring(Ring::Fill), old.of_ring(Ring::Rx).producer), (fill, 0));
        for len in [0, 1, 11, 13, 15, 17, 20] {
            assert_eq!(Facts::read(&words[..len]), None, "{len}");
        }
    }

    #[test]
    fn the_halves_of_a_word_stand_as_in_memory() {
        let both = [0x1122_3344, 0x5566_7788];
        assert_eq!(halves(word(both)), both);
        assert_eq!(word([1, 0]).to_ne_bytes()[..4], 1u32.to_ne_bytes());
    }
}
