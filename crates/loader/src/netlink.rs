//! One question to a family of the kernel at a time, and all of its answer.
//!
//! The family is that of routing, or a generic one, which goes by its name. Requests of the first are messages of netlink-packet-route over rtnetlink's blocking socket. Answers are
//! taken apart in `reply`: the extended acknowledgement, which says in words why something was
//! refused, is one that the crates leave unread, and one attribute that they cannot decode must not
//! make an interface unfindable. An answer counts only if the kernel sent it and it bears the number
//! of the question, and no answer is waited for forever.

mod generic;
mod reply;

use std::os::fd::AsFd;

use netlink_packet_route::RouteNetlinkMessage;
use nix::sys::socket::{setsockopt, sockopt::ReceiveTimeout};
use nix::sys::time::TimeVal;
use rtnetlink::packet_core::{
    NLM_F_ACK, NLM_F_CREATE, NLM_F_DUMP, NLM_F_EXCL, NLM_F_REPLACE, NLM_F_REQUEST, NetlinkHeader,
    NetlinkMessage, NetlinkPayload,
};
use rtnetlink::sys::{Socket, SocketAddr, protocols::NETLINK_ROUTE};

use crate::Errno;
pub(crate) use generic::Genl;
use reply::{Answer, Consistency};
pub use reply::{Ending, Question};
pub(crate) use reply::{Reply, attributes, text, u32_at};

/// The kernel answers while the question is being sent; this is for when it does not.
const PATIENCE_SECONDS: i64 = 10;
/// Larger than any datagram of the routing family.
const DATAGRAM: usize = 256 * 1024;
/// How many datagrams of others are skipped.
const STRANGERS: u32 = 1024;
/// How often a dump is repeated that a change had cut across.
const DUMPS: u32 = 5;

/// Why a question got no answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NetlinkError {
    /// There is no socket, or it failed.
    #[error("the netlink socket failed: {errno}")]
    Socket {
        /// What the kernel said.
        errno: Errno,
    },
    /// The kernel refused.
    #[error("{errno}{}", quoted(extack.as_deref()))]
    Refused {
        /// The error number.
        errno: Errno,
        /// The kernel's words, if it had any.
        extack: Option<String>,
    },
    /// The answer makes no sense.
    #[error("the kernel's netlink answer is malformed: {what}")]
    Malformed {
        /// What is wrong with it.
        what: &'static str,
    },
}

fn quoted(extack: Option<&str>) -> String {
    extack.map(|text| format!(", \"{text}\"")).unwrap_or_default()
}

/// What a request may find and leave behind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Make {
    /// Something new; what is there already is an error.
    New,
    /// Something new, or a change of what is there.
    NewOrChanged,
    /// A change of what is there.
    Changed,
}

/// A socket to a family of the kernel, in the network namespace it was opened in; to that of routing
/// unless another is said.
pub(crate) struct Rtnl {
    socket: Socket,
    port: u32,
    sequence: u32,
}

impl Rtnl {
    pub(crate) fn open() -> Result<Self, NetlinkError> {
        Self::open_to(NETLINK_ROUTE)
    }

    fn open_to(family: isize) -> Result<Self, NetlinkError> {
        let failed = |error: std::io::Error| NetlinkError::Socket { errno: Errno::from_io(&error) };
        let mut socket = Socket::new(family).map_err(failed)?;
        let port = socket.bind_auto().map_err(failed)?.port_number();
        socket.connect(&SocketAddr::new(0, 0)).map_err(failed)?;
        socket.set_ext_ack(true).map_err(failed)?;
        // Not needed for correctness: without it the request comes back whole in an error.
        let _ = socket.set_cap_ack(true);
        let patience = TimeVal::new(PATIENCE_SECONDS, 0);
        setsockopt(&socket.as_fd(), ReceiveTimeout, &patience)
            .map_err(|errno| NetlinkError::Socket { errno: errno.into() })?;
        Ok(Rtnl { socket, port, sequence: 0 })
    }

    /// Sends a request and waits for the acknowledgement; the bodies of what was answered before
    /// it.
    pub(crate) fn ask(
        &mut self,
        message: RouteNetlinkMessage,
    ) -> Result<Vec<Vec<u8>>, NetlinkError> {
        self.send(message, NLM_F_REQUEST | NLM_F_ACK)?;
        self.answer(Ending::Acknowledgement).map(|answer| answer.bodies)
    }

    /// Asks for a change and waits for the acknowledgement.
    pub(crate) fn make(
        &mut self,
        make: Make,
        message: RouteNetlinkMessage,
    ) -> Result<(), NetlinkError> {
        let how = match make {
            Make::New => NLM_F_CREATE | NLM_F_EXCL,
            Make::NewOrChanged => NLM_F_CREATE | NLM_F_REPLACE,
            Make::Changed => 0,
        };
        self.send(message, NLM_F_REQUEST | NLM_F_ACK | how)?;
        self.answer(Ending::Acknowledgement).map(drop)
    }

    /// Asks for a whole list, again when it changed while it was written.
    pub(crate) fn list(
        &mut self,
        message: &RouteNetlinkMessage,
    ) -> Result<Vec<Vec<u8>>, NetlinkError> {
        for _ in 0..DUMPS {
            self.send(message.clone(), NLM_F_REQUEST | NLM_F_DUMP)?;
            let Answer { bodies, consistency } = self.answer(Ending::List)?;
            if consistency == Consistency::Whole {
                return Ok(bodies);
            }
        }
        Err(NetlinkError::Malformed { what: "the list changed each time it was read" })
    }

    fn send(&mut self, message: RouteNetlinkMessage, flags: u16) -> Result<(), NetlinkError> {
        self.sequence = self.sequence.wrapping_add(1);
        let mut header = NetlinkHeader::default();
        header.flags = flags;
        header.sequence_number = self.sequence;
        let mut packet = NetlinkMessage::new(header, NetlinkPayload::from(message));
        packet.finalize();
        let mut bytes = vec![0; packet.buffer_len()];
        packet.serialize(&mut bytes);
        self.send_bytes(&bytes)
    }

    fn send_bytes(&mut self, bytes: &[u8]) -> Result<(), NetlinkError> {
        let sent = self.socket.send(bytes, 0);
        sent.map(drop).map_err(|error| NetlinkError::Socket { errno: Errno::from_io(&error) })
    }

    /// Reads until the answer to the last request ends.
    fn answer(&mut self, ending: Ending) -> Result<Answer, NetlinkError> {
        let question = Question { sequence: self.sequence, port: self.port, ending };
        let mut reply = Reply::to(question);
        loop {
            let datagram = self.receive()?;
            if let Some(answer) = reply.take(&datagram)? {
                return Ok(answer);
            }
        }
    }

    /// One datagram from the kernel; others are dropped.
    fn receive(&mut self) -> Result<Vec<u8>, NetlinkError> {
        let mut buffer = Vec::with_capacity(DATAGRAM);
        for _ in 0..STRANGERS {
            buffer.clear();
            match self.socket.recv_from(&mut buffer, 0) {
                Ok((_, from)) if from.port_number() == 0 => return Ok(buffer),
                Ok(_) => {}
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
                Err(error) => return Err(NetlinkError::Socket { errno: Errno::from_io(&error) }),
            }
        }
        Err(NetlinkError::Malformed { what: "datagrams from strangers" })
    }
}
