//! AF_XDP: a socket's memory and rings, shared with the kernel, and who owns which frame.
//!
//! Three things make the functions here safe. Of the rings only atomic words are touched ([`ring`]).
//! The bytes of a frame are reached through its [`Frame`] alone, of which there is one and which is
//! given away with the frame ([`area`]). And a frame comes back only by a descriptor that the kernel
//! put into a ring, and only where the kernel had been given that frame for that ring ([`port`]): a
//! descriptor that names another, or the same twice, is refused, whatever it says.

mod abi;
mod area;
mod mapped;
mod port;
mod ring;

pub(crate) use abi::{Bind, bind, is_zero_copy, socket, statistics, wake};
pub use abi::{Ring, Statistics, Transfer};
pub(crate) use area::Area;
pub use area::{Frame, Packet};
pub use port::Fault;
pub(crate) use port::{Kernel, Port, Refusal};
