//! Packets in memory of this process, around the stack: AF_XDP sockets.
//!
//! A [`Umem`] is memory in frames of one size. A [`Socket`] binds it to one queue of an interface
//! and shares four rings with the kernel: frames go in to be received into ([`Socket::fill`]) and
//! come out with packets ([`Socket::receive`]); packets go in to be sent ([`Socket::send`]) and their
//! frames come out when that is done ([`Socket::complete`]). What brings packets there is an XDP
//! program that redirects them to a map of sockets ([`MapHandle::set_socket`]).
//!
//! A [`Frame`] is owned by whoever has it, and its bytes are reached through it alone: with the frame
//! it goes into a ring, and comes back only when the kernel is done with it. A descriptor that the
//! kernel was not given, or hands back twice, or that reaches beyond its frame, is an error and no
//! frame ([`Fault`]). A frame outlives neither its memory nor is it taken by the socket of another.
//!
//! A socket that is dropped leaves the maps it is in and lets go of its queue. The frames that the
//! kernel had of it then are not had again.
//!
//! ```no_run
//! use palisade_loader::xsk::{Binding, Slots, Socket, Transfer, Umem, FrameSize};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let umem = Umem::new(4096, FrameSize::Half)?;
//! let interface = palisade_loader::link::by_name("eth0")?.index;
//! let binding = Binding { interface, queue: 0, transfer: Transfer::Auto, slots: Slots::default() };
//! let mut socket = Socket::bind(&umem, &binding)?;
//! let (mut frames, mut packets) = (umem.take_frames(), Vec::new());
//! socket.fill(&mut frames)?;
//! // With the socket in a map, and a program that redirects to it:
//! socket.receive(&mut packets, 64)?;
//! for mut packet in packets.drain(..) {
//!     packet.bytes_mut().reverse();
//!     frames.push(packet.into_frame());
//! }
//! # Ok(())
//! # }
//! ```

mod error;
mod socket;
mod umem;

pub use error::XskError;
pub use socket::{Binding, Slots, Socket, Waited, wait};
pub use umem::{FrameSize, Umem};

pub use crate::sys::xsk::{Fault, Frame, Packet, Ring, Statistics, Transfer};

use std::os::fd::AsFd;

use crate::map::{MapError, MapHandle};

impl MapHandle {
    /// Puts a socket into this map of sockets, where `bpf_redirect_map` finds it. A packet gets there
    /// only if it came to the queue that the socket is bound to. The kernel takes the socket out when
    /// it is closed.
    #[doc(alias = "BPF_MAP_TYPE_XSKMAP")]
    pub fn set_socket(&self, place: u32, socket: &Socket<'_>) -> Result<(), MapError> {
        self.set_descriptor(place, socket.as_fd())
    }

    /// Takes the socket out of a place of this map of sockets; whether there was one.
    pub fn clear_socket(&self, place: u32) -> Result<bool, MapError> {
        self.clear_descriptor(place)
    }
}
