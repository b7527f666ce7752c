//! A socket on a queue of an interface, with its rings.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::time::{Duration, Instant};

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::socket::{getsockopt, sockopt};

use super::{Fault, Frame, Packet, Ring, Statistics, Transfer, Umem, XskError};
use crate::link::IfIndex;
use crate::sys::xsk::{self as sys, Bind, Kernel, Port, Refusal};
use crate::{Errno, memlock};

/// How long the kernel may take to let go of a queue whose socket was closed.
const BUSY: Duration = Duration::from_secs(1);
const PAUSE: Duration = Duration::from_millis(10);
/// Packets that the kernel sends a call at least, if it can (`TX_BATCH_SIZE`, until Linux 6.17).
const SENT_AT_ONCE: usize = 32;

/// What a socket is bound to, and how.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Binding {
    /// The interface.
    pub interface: IfIndex,
    /// Its queue, counted from 0; no other socket may have it.
    pub queue: u32,
    /// How packets come into the memory.
    pub transfer: Transfer,
    /// How large the rings are.
    pub slots: Slots,
}

/// How many slots the rings have, powers of two.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Slots {
    /// Frames that can wait to be received into.
    pub fill: u32,
    /// Sent frames that can wait to be taken back.
    pub completion: u32,
    /// Received packets that can wait to be taken.
    pub rx: u32,
    /// Packets that can wait to be sent.
    pub tx: u32,
}

impl Default for Slots {
    fn default() -> Self {
        Slots { fill: 4096, completion: 4096, rx: 4096, tx: 4096 }
    }
}

impl Slots {
    fn of(self, ring: Ring) -> u32 {
        match ring {
            Ring::Fill => self.fill,
            Ring::Completion => self.completion,
            Ring::Rx => self.rx,
            Ring::Tx => self.tx,
        }
    }
}

/// An AF_XDP socket that is bound.
#[derive(Debug)]
pub struct Socket<'u> {
    port: Port<'u>,
    fd: OwnedFd,
    binding: Binding,
}

impl<'u> Socket<'u> {
    /// Makes a socket with that memory and binds it. Where the memory lock limit stands in the way,
    /// it is raised once, for this process. A queue that is busy is asked for again for a while: the
    /// kernel lets go of one some time after its socket was closed (`xp_put_pool`).
    pub fn bind(umem: &'u Umem, binding: &Binding) -> Result<Self, XskError> {
        let start = Instant::now();
        loop {
            match Self::try_bind(umem, binding) {
                Err(XskError::Bind { errno: Errno::EBUSY, .. }) if start.elapsed() < BUSY => {
                    std::thread::sleep(PAUSE);
                }
                other => return other,
            }
        }
    }

    fn try_bind(umem: &'u Umem, binding: &Binding) -> Result<Self, XskError> {
        let fd = sys::socket().map_err(|errno| XskError::Socket { errno })?;
        let port = connect(fd.as_fd(), umem, binding.slots)?;
        let Binding { interface, queue, transfer, .. } = *binding;
        let to = Bind { ifindex: interface.number(), queue, transfer };
        sys::bind(fd.as_fd(), to).map_err(|errno| XskError::Bind {
            interface,
            queue,
            transfer,
            errno,
        })?;
        Ok(Socket { port, fd, binding: *binding })
    }

    /// The queue that it is bound to.
    pub fn queue(&self) -> u32 {
        self.binding.queue
    }

    /// Whether packets come without a copy.
    pub fn is_zero_copy(&self) -> Result<bool, XskError> {
        sys::is_zero_copy(self.as_fd())
            .map_err(|errno| XskError::Ask { what: "way of transfer", errno })
    }

    /// Gives frames to receive into, as many as there is room for; how many. The others stay.
    pub fn fill(&mut self, frames: &mut Vec<Frame<'u>>) -> Result<usize, XskError> {
        let filled = self.port.fill(frames).map_err(faulty(Ring::Fill))?;
        if filled > 0 && self.port.receiver() == Kernel::Sleeps {
            // To be asked for packets wakes the driver; there is nothing to wait for.
            poll_now(self.as_fd())?;
        }
        Ok(filled)
    }

    /// Takes packets that were received, in order, at most so many; how many.
    pub fn receive(
        &mut self,
        packets: &mut Vec<Packet<'u>>,
        most: usize,
    ) -> Result<usize, XskError> {
        self.port.receive(packets, most).map_err(faulty(Ring::Rx))
    }

    /// Gives packets to be sent, in order, as many as there is room for; how many. The others stay.
    pub fn send(&mut self, packets: &mut Vec<Packet<'u>>) -> Result<usize, XskError> {
        let sent = self.port.send(packets).map_err(faulty(Ring::Tx))?;
        self.push_on()?;
        Ok(sent)
    }

    /// Has the kernel send what it was given, where it sleeps until it is told.
    pub fn push_on(&self) -> Result<(), XskError> {
        // Where it copies, it sends some packets a call and says that there are more; whatever else
        // makes it say so, it is not asked without end.
        let mut calls = self.port.sending().div_ceil(SENT_AT_ONCE);
        while calls > 0 && self.port.sender() == Kernel::Sleeps {
            calls -= 1;
            match sys::wake(self.as_fd()) {
                Ok(()) => break,
                Err(Errno::EAGAIN | Errno::EBUSY | Errno::EINTR) => {}
                Err(Errno::ENOBUFS) => break,
                Err(errno) => return Err(XskError::Wake { errno }),
            }
        }
        Ok(())
    }

    /// Takes the frames of packets that have been sent; how many.
    pub fn complete(&mut self, frames: &mut Vec<Frame<'u>>) -> Result<usize, XskError> {
        self.port.complete(frames).map_err(faulty(Ring::Completion))
    }

    /// Packets that were given to be sent and whose frames have not been taken back.
    pub fn sending(&self) -> usize {
        self.port.sending()
    }

    /// What the kernel counts.
    pub fn statistics(&self) -> Result<Statistics, XskError> {
        sys::statistics(self.as_fd()).map_err(|errno| XskError::Ask { what: "statistics", errno })
    }

    /// An error where the kernel says that the socket has come to its end.
    fn check(&self) -> Result<(), XskError> {
        let Binding { interface, queue, .. } = self.binding;
        let broken = |errno| XskError::Broken { interface, queue, errno };
        match getsockopt(&self.fd, sockopt::SocketError) {
            Ok(0) => Ok(()),
            Ok(number) => Err(broken(Errno::from_raw(number))),
            Err(errno) => Err(broken(errno.into())),
        }
    }
}

impl AsFd for Socket<'_> {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

fn faulty(ring: Ring) -> impl FnOnce(Fault) -> XskError {
    move |fault| XskError::Fault { ring, fault }
}

/// The memory and the rings of a socket.
fn connect<'u>(socket: BorrowedFd<'_>, umem: &'u Umem, slots: Slots) -> Result<Port<'u>, XskError> {
    let area = umem.area();
    let once = || Port::connect(socket, area, |ring| slots.of(ring));
    let connected = match once() {
        Err(Refusal::Memory(Errno::ENOBUFS | Errno::EPERM)) if memlock::raise() => once(),
        other => other,
    };
    connected.map_err(|refusal| match refusal {
        Refusal::Memory(errno) => {
            XskError::Register { frames: area.frames(), bytes: area.frame_size(), errno }
        }
        Refusal::Ring(ring, errno) => XskError::MakeRing { ring, slots: slots.of(ring), errno },
        Refusal::Offsets(errno) => XskError::Ask { what: "offsets of its rings", errno },
    })
}

fn poll_now(socket: BorrowedFd<'_>) -> Result<(), XskError> {
    let mut wanted = [PollFd::new(socket, PollFlags::POLLIN)];
    match poll(&mut wanted, PollTimeout::ZERO) {
        Ok(_) | Err(nix::errno::Errno::EINTR) => Ok(()),
        Err(errno) => Err(XskError::Wait { errno: errno.into() }),
    }
}

/// Why waiting ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Waited {
    /// A socket may have packets, or the other descriptor has something to read, or a signal came.
    Ready,
    /// The time is over.
    Over,
}

/// Waits until a socket has packets, or another descriptor something to read, but no longer than
/// that.
pub fn wait<'u: 's, 's>(
    sockets: impl IntoIterator<Item = &'s Socket<'u>>,
    other: Option<BorrowedFd<'_>>,
    within: Duration,
) -> Result<Waited, XskError> {
    let sockets: Vec<&Socket<'_>> = sockets.into_iter().collect();
    let fds = sockets.iter().map(|socket| socket.as_fd()).chain(other);
    let mut wanted: Vec<PollFd<'_>> = fds.map(|fd| PollFd::new(fd, PollFlags::POLLIN)).collect();
    let timeout = PollTimeout::try_from(within).unwrap_or(PollTimeout::MAX);
    let ready = match poll(&mut wanted, timeout) {
        Ok(ready) => ready,
        Err(nix::errno::Errno::EINTR) => return Ok(Waited::Ready),
        Err(errno) => return Err(XskError::Wait { errno: errno.into() }),
    };
    // Of a socket whose interface is gone poll(2) says nothing, whatever it says of others.
    sockets.iter().try_for_each(|socket| socket.check())?;
    Ok(if ready == 0 { Waited::Over } else { Waited::Ready })
}
