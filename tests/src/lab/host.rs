//! Hosts at the far end that talk as programs do, through sockets, and a judge of single frames.
//!
//! The ends know each other's hardware addresses, so that what a filter counts is what a test sent.

use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::os::fd::AsRawFd;
use std::time::{Duration, Instant};

use nix::sys::socket::{
    AddressFamily, SockFlag, SockType, SockaddrStorage, bind, connect, setsockopt, socket, sockopt,
};
use nix::sys::time::TimeVal;

use super::{FAR_MAC, Lab};
use crate::packet::{TO4, TO6, eth, ipv4, udp};

/// The UDP port that a policy must let pass for [`Lab::through`] to know when all is judged.
pub const FENCE: u16 = 7;

/// How long a frame that was let pass may take to arrive.
const PATIENCE: Duration = Duration::from_secs(5);
/// How much later than the fence a frame may arrive that was sent before it, by another CPU.
const STRAGGLE: Duration = Duration::from_millis(10);
/// How long a connection is tried: well before the first SYN is sent again.
const CONNECT: TimeVal = TimeVal::new(0, 600_000);

/// A host at the far end.
#[derive(Clone, Copy, Debug)]
pub struct Host<'a> {
    lab: &'a Lab,
    address: IpAddr,
}

impl Lab {
    /// A host of that address, which is in a network of the near end.
    pub fn host(&self, address: &str) -> Host<'_> {
        let address: IpAddr = address.parse().expect("an address");
        let len = if address.is_ipv4() { 32 } else { 128 };
        self.far().add_address(self.far_index(), address, len).expect("the address is free");
        self.here().add_neighbour(self.near_index(), address, FAR_MAC).expect("a neighbour");
        Host { lab: self, address }
    }

    /// Sends frames from the far end and tells of each whether it got through. The policy must
    /// pass UDP to port [`FENCE`].
    pub fn through(&self, frames: &[Vec<u8>]) -> Vec<bool> {
        let (tap, sender) = (self.tap(), self.sender());
        let fence = (eth() / ipv4() / udp(FENCE, FENCE) / b"fence").build();
        frames.iter().chain([&fence]).for_each(|frame| sender.send(frame));
        let mut seen = vec![false; frames.len()];
        let (start, mut fenced) = (Instant::now(), false);
        while !(fenced && seen.iter().all(|seen| *seen)) {
            let Some(arrived) = tap.next(if fenced { STRAGGLE } else { PATIENCE }) else { break };
            fenced |= arrived == fence;
            for (seen, _) in seen.iter_mut().zip(frames).filter(|(_, frame)| **frame == arrived) {
                *seen = true;
            }
            assert!(start.elapsed() < PATIENCE * 2, "others keep the wire busy");
        }
        assert!(fenced, "the filter holds back UDP to port {FENCE}, or nothing arrives at all");
        seen
    }
}

impl Host<'_> {
    /// Where it reaches the near end over its own family.
    fn near(&self, port: u16) -> SocketAddr {
        match self.address {
            IpAddr::V4(_) => SocketAddr::new(TO4.into(), port),
            IpAddr::V6(_) => SocketAddr::new(TO6.into(), port),
        }
    }

    /// Sends a payload over UDP to a port of the near end.
    pub fn says(&self, port: u16, payload: &[u8]) {
        let sent = self
            .lab
            .in_far(|| UdpSocket::bind((self.address, 0))?.send_to(payload, self.near(port)));
        assert_eq!(sent.expect("sent"), payload.len());
    }

    /// Whether a TCP connection to a port of the near end is made, where somebody has to listen.
    pub fn connects(&self, port: u16) -> bool {
        let family =
            if self.address.is_ipv4() { AddressFamily::Inet } else { AddressFamily::Inet6 };
        self.lab.in_far(|| {
            let fd = socket(family, SockType::Stream, SockFlag::SOCK_CLOEXEC, None);
            let fd = fd.expect("a socket");
            setsockopt(&fd, sockopt::SendTimeout, &CONNECT).expect("a time to connect");
            let own = SockaddrStorage::from(SocketAddr::new(self.address, 0));
            bind(fd.as_raw_fd(), &own).expect("the address is its own");
            connect(fd.as_raw_fd(), &SockaddrStorage::from(self.near(port))).is_ok()
        })
    }
}
