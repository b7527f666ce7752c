//! Who receives what a policy delivers in a test run: a socket that no packet ever comes to.
//!
//! It is bound to the loopback of a network namespace of its own, as a kernel of 7.2 takes no socket
//! into a map that is bound to nothing. A thread has one, for all its engines.

use palisade_loader::netns::NetNs;
use palisade_loader::xsk::{Binding, FrameSize, Slots, Socket, Transfer, Umem};
use palisade_loader::{IfIndex, MapHandle};

/// Whether somebody receives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Receiver {
    /// Somebody does.
    There,
    /// Nobody does.
    Absent,
}

const FRAMES: u32 = 8;
const LOOPBACK: u32 = 1;

thread_local! {
    static SOCKET: Socket<'static> = bound();
}

/// A policy's map of sockets. The socket keeps a map that it is in, so it is taken out in the end.
pub struct Sockets(MapHandle);

impl Sockets {
    /// The map, with somebody who receives.
    pub fn of(map: MapHandle) -> Self {
        let sockets = Self(map);
        sockets.set(Receiver::There);
        sockets
    }

    /// Puts the socket where packets of the first queue are delivered, or takes it out.
    pub fn set(&self, receiver: Receiver) {
        let done = match receiver {
            Receiver::There => SOCKET.with(|socket| self.0.set_socket(0, socket)),
            Receiver::Absent => self.0.clear_socket(0).map(drop),
        };
        done.unwrap_or_else(|error| panic!("{error}"));
    }
}

impl Drop for Sockets {
    fn drop(&mut self) {
        self.set(Receiver::Absent);
    }
}

fn bound() -> Socket<'static> {
    // For as long as the process lives, like the socket of its first thread.
    let umem: &'static Umem =
        Box::leak(Box::new(Umem::new(FRAMES, FrameSize::Half).expect("some memory")));
    let slots = Slots { fill: FRAMES, completion: FRAMES, rx: FRAMES, tx: FRAMES };
    let interface = IfIndex::new(LOOPBACK).expect("not 0");
    let binding = Binding { interface, queue: 0, transfer: Transfer::Copy, slots };
    let (home, own) = (NetNs::current().expect("it is told"), NetNs::new().expect("root may"));
    own.enter().expect("it is ours");
    let socket = Socket::bind(umem, &binding);
    home.enter().expect("it was ours");
    socket.unwrap_or_else(|error| panic!("{error}"))
}
