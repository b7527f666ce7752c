//! What goes over the lab's wire: raw frames from the far end, and what arrives at the near end.
//!
//! A frame that was sent is on its way through the near end's receive path when the call returns,
//! but need not have arrived: whoever expects nothing waits for a while, or for a frame sent later.

use std::io::ErrorKind;
use std::net::{IpAddr, Ipv6Addr, SocketAddr, UdpSocket};
use std::os::fd::{AsRawFd, OwnedFd};
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::ifaddrs::getifaddrs;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::socket::{
    AddressFamily, LinkAddr, MsgFlags, SockFlag, SockProtocol, SockType, bind, recv, sendto,
    setsockopt, socket, sockopt,
};
use std::os::fd::AsFd;

use super::{FAR, Lab};

/// Bytes that a tap holds: long frames take several times their length.
const TAP_BUFFER: usize = 8 << 20;
/// How long a frame waits for room on the wire.
const FULL_AT_MOST: Duration = Duration::from_secs(2);

/// Sends frames from the far end, as they are.
#[derive(Debug)]
pub struct Sender {
    socket: OwnedFd,
    to: LinkAddr,
}

/// Sees the frames that pass the filter of the near end, and those that leave by it.
#[derive(Debug)]
pub struct Tap {
    socket: OwnedFd,
}

/// Receives what is sent to a UDP port of the near end, over IPv4 and IPv6.
#[derive(Debug)]
pub struct Udp {
    socket: UdpSocket,
}

impl Lab {
    /// A sender on the far end.
    pub fn sender(&self) -> Sender {
        self.sender_on(FAR)
    }

    /// A sender on an interface of the far namespace.
    pub fn sender_on(&self, interface: &str) -> Sender {
        self.in_far(|| {
            let raw = (AddressFamily::Packet, SockType::Raw, SockFlag::SOCK_CLOEXEC);
            let socket = socket(raw.0, raw.1, raw.2, None).expect("a packet socket");
            Sender { socket, to: link_address(interface) }
        })
    }

    /// Sends one frame from the far end.
    pub fn send(&self, frame: &[u8]) {
        self.sender().send(frame);
    }

    /// A tap on the lab's side, behind the filter.
    pub fn tap(&self) -> Tap {
        let flags = SockFlag::SOCK_CLOEXEC;
        let socket = socket(AddressFamily::Packet, SockType::Raw, flags, SockProtocol::EthAll);
        let socket = socket.expect("a packet socket");
        // What the test sent before it looks must fit, or the tap has missed it.
        setsockopt(&socket, sockopt::RcvBufForce, &TAP_BUFFER).expect("a lab takes CAP_NET_ADMIN");
        Tap { socket }
    }

    /// A tap on one interface of the far namespace.
    pub fn far_tap_on(&self, interface: &str) -> Tap {
        self.in_far(|| {
            let tap = self.tap();
            bind(tap.socket.as_raw_fd(), &link_address(interface)).expect("it is up");
            tap
        })
    }

    /// A socket for a UDP port of the near end.
    pub fn udp(&self, port: u16) -> Udp {
        let any = SocketAddr::new(IpAddr::V6(Ipv6Addr::UNSPECIFIED), port);
        Udp { socket: UdpSocket::bind(any).expect("the port is free in a lab") }
    }
}

impl Sender {
    /// Sends a frame of at least 14 bytes.
    pub fn send(&self, frame: &[u8]) {
        let try_once = || sendto(self.socket.as_raw_fd(), frame, &self.to, MsgFlags::empty());
        let (mut sent, began) = (try_once(), Instant::now());
        // The ring of the interface is full: its other end has not got round to it yet.
        while sent == Err(Errno::ENOBUFS) && began.elapsed() < FULL_AT_MOST {
            std::thread::sleep(Duration::from_millis(1));
            sent = try_once();
        }
        assert_eq!(sent, Ok(frame.len()), "a frame of {} bytes is sent", frame.len());
    }
}

impl Tap {
    /// The next frame, unless none comes in the time.
    pub fn next(&self, within: Duration) -> Option<Vec<u8>> {
        let timeout = PollTimeout::try_from(within).expect("a timeout that poll takes");
        let mut wanted = [PollFd::new(self.socket.as_fd(), PollFlags::POLLIN)];
        if poll(&mut wanted, timeout).expect("a socket can be waited for") == 0 {
            return None;
        }
        let mut frame = vec![0; 1 << 17];
        let len = recv(self.socket.as_raw_fd(), &mut frame, MsgFlags::empty());
        frame.truncate(len.expect("a frame that is there"));
        Some(frame)
    }

    /// Whether these very bytes come within a time.
    pub fn arrives(&self, frame: &[u8], within: Duration) -> bool {
        let end = Instant::now() + within;
        std::iter::from_fn(|| self.next(end.saturating_duration_since(Instant::now())))
            .any(|seen| seen == frame)
    }

    /// How many frames of these bytes come until it is quiet for so long.
    pub fn count(&self, frame: &[u8], quiet: Duration) -> usize {
        std::iter::from_fn(|| self.next(quiet)).filter(|seen| seen == frame).count()
    }
}

impl Udp {
    /// The next payload, unless none comes in the time.
    pub fn next(&self, within: Duration) -> Option<Vec<u8>> {
        self.socket.set_read_timeout(Some(within)).expect("a timeout that is not zero");
        let mut payload = vec![0; 1 << 16];
        match self.socket.recv(&mut payload) {
            Ok(len) => {
                payload.truncate(len);
                Some(payload)
            }
            Err(error) if error.kind() == ErrorKind::WouldBlock => None,
            Err(error) => panic!("a UDP socket of the lab: {error}"),
        }
    }

    /// How many payloads come until it is quiet for so long.
    pub fn count(&self, quiet: Duration) -> usize {
        std::iter::from_fn(|| self.next(quiet)).count()
    }
}

/// The address by which packet sockets name an interface of this thread's namespace.
fn link_address(name: &str) -> LinkAddr {
    let mut interfaces = getifaddrs().expect("the interfaces can be listed");
    let found = interfaces.find_map(|interface| {
        let address = interface.address.filter(|_| interface.interface_name == name)?;
        address.as_link_addr().copied()
    });
    found.unwrap_or_else(|| panic!("there is no interface `{name}`"))
}
