//! One question to the kernel's routing family at a time, and all of its answer.
//!
//! Requests are messages of netlink-packet-route over rtnetlink's blocking socket. Answers are
//! taken apart here: the extended acknowledgement, which says in words why something was refused,
//! is one that the crates leave unread, and one attribute that they cannot decode must not make an
//! interface unfindable. An answer counts only if the kernel sent it and it bears the number of the
//! question. Lengths are foreign: a wrong one ends the reading, and no answer is waited for
//! forever.

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

/// The kernel answers while the question is being sent; this is for when it does not.
const PATIENCE_SECONDS: i64 = 10;
/// Larger than any datagram of the routing family.
const DATAGRAM: usize = 256 * 1024;
/// How many datagrams that are not the answer are skipped.
const STRANGERS: u32 = 1024;
/// How often a dump is repeated that a change had cut across.
const DUMPS: u32 = 5;

/// Lengths and numbers of `linux/netlink.h`.
const HEADER: usize = 16;
const NLMSG_ERROR: u16 = 2;
const NLMSG_DONE: u16 = 3;
const NLM_F_MULTI: u16 = 0x02;
const NLM_F_DUMP_INTR: u16 = 0x10;
const NLM_F_CAPPED: u16 = 0x100;
const NLM_F_ACK_TLVS: u16 = 0x200;
const NLMSGERR_ATTR_MSG: u16 = 1;
/// The two flags in an attribute's type, "nested" and "in network order".
const NLA_TYPE_MASK: u16 = 0x3fff;

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

/// One message of an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Message<'a> {
    kind: u16,
    flags: u16,
    sequence: u32,
    port: u32,
    body: &'a [u8],
}

/// A number at an offset, if there are bytes enough.
pub(crate) fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    let field = bytes.get(at..)?.first_chunk::<4>()?;
    Some(u32::from_ne_bytes(*field))
}

fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    let field = bytes.get(at..)?.first_chunk::<2>()?;
    Some(u16::from_ne_bytes(*field))
}

/// The next multiple of four; messages and attributes begin there.
fn aligned(len: usize) -> usize {
    len.checked_next_multiple_of(4).unwrap_or(len)
}

/// The messages of a datagram; the first that does not fit into it is an error and the last.
fn messages(datagram: &[u8]) -> impl Iterator<Item = Result<Message<'_>, NetlinkError>> {
    let mut rest = Some(datagram);
    std::iter::from_fn(move || {
        let here = rest.take().filter(|bytes| !bytes.is_empty())?;
        let Some((message, len)) = message(here) else {
            return Some(Err(NetlinkError::Malformed { what: "a message is cut short" }));
        };
        rest = here.get(aligned(len)..);
        Some(Ok(message))
    })
}

fn message(bytes: &[u8]) -> Option<(Message<'_>, usize)> {
    let len = usize::try_from(u32_at(bytes, 0)?).ok()?;
    let body = bytes.get(HEADER..len)?;
    let message = Message {
        kind: u16_at(bytes, 4)?,
        flags: u16_at(bytes, 6)?,
        sequence: u32_at(bytes, 8)?,
        port: u32_at(bytes, 12)?,
        body,
    };
    Some((message, len))
}

/// The attributes in `bytes`, as type and content, up to the first that does not fit.
pub(crate) fn attributes(bytes: &[u8]) -> impl Iterator<Item = (u16, &[u8])> {
    let mut rest = bytes;
    std::iter::from_fn(move || {
        let len = usize::from(u16_at(rest, 0)?);
        let kind = u16_at(rest, 2)? & NLA_TYPE_MASK;
        let content = rest.get(4..len)?;
        rest = rest.get(aligned(len)..).unwrap_or_default();
        Some((kind, content))
    })
}

/// A text with its closing zero, if it has one.
pub(crate) fn text(bytes: &[u8]) -> String {
    let letters = bytes.split(|b| *b == 0).next().unwrap_or_default();
    String::from_utf8_lossy(letters).into_owned()
}

/// What an acknowledgement says: nothing, or an error with the kernel's words.
fn acknowledged(message: Message<'_>) -> Result<(), NetlinkError> {
    let code = u32_at(message.body, 0).map(u32::cast_signed);
    let code =
        code.ok_or(NetlinkError::Malformed { what: "an acknowledgement without a number" })?;
    if code == 0 {
        return Ok(());
    }
    Err(NetlinkError::Refused { errno: Errno::from_raw(code), extack: extack(message) })
}

/// The kernel's words in an acknowledgement. They stand behind the request it quotes, of which only
/// the header is there when the message is "capped"; behind the number alone in the end of a dump.
fn extack(message: Message<'_>) -> Option<String> {
    if message.flags & NLM_F_ACK_TLVS == 0 {
        return None;
    }
    let quoted = match message.kind {
        NLMSG_DONE => 0,
        _ if message.flags & NLM_F_CAPPED != 0 => HEADER,
        _ => aligned(usize::try_from(u32_at(message.body, 4)?).ok()?),
    };
    let mut words = attributes(message.body.get(4usize.checked_add(quoted)?..)?);
    let (_, content) = words.find(|(kind, _)| *kind == NLMSGERR_ATTR_MSG)?;
    Some(text(content)).filter(|text| !text.is_empty())
}

/// How an answer ends.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Ask {
    /// With an acknowledgement.
    Once,
    /// With the end of a list.
    List,
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

/// A socket to the routing family of the network namespace it was opened in.
pub(crate) struct Rtnl {
    socket: Socket,
    port: u32,
    sequence: u32,
}

impl Rtnl {
    pub(crate) fn open() -> Result<Self, NetlinkError> {
        let failed = |error: std::io::Error| NetlinkError::Socket { errno: Errno::from_io(&error) };
        let mut socket = Socket::new(NETLINK_ROUTE).map_err(failed)?;
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
        self.answer(Ask::Once).map(|(bodies, _)| bodies)
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
        self.answer(Ask::Once).map(drop)
    }

    /// Asks for a whole list, again when it changed while it was written.
    pub(crate) fn list(
        &mut self,
        message: &RouteNetlinkMessage,
    ) -> Result<Vec<Vec<u8>>, NetlinkError> {
        for _ in 0..DUMPS {
            self.send(message.clone(), NLM_F_REQUEST | NLM_F_DUMP)?;
            let (bodies, whole) = self.answer(Ask::List)?;
            if whole {
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
        let sent = self.socket.send(&bytes, 0);
        sent.map(drop).map_err(|error| NetlinkError::Socket { errno: Errno::from_io(&error) })
    }

    /// Reads until the answer to the last request ends: its bodies, and whether nothing changed
    /// meanwhile.
    fn answer(&mut self, ask: Ask) -> Result<(Vec<Vec<u8>>, bool), NetlinkError> {
        let (mut bodies, mut whole, mut strangers) = (Vec::new(), true, 0);
        loop {
            let datagram = self.receive()?;
            // An empty datagram answers nothing either.
            strangers += u32::from(datagram.is_empty());
            for message in messages(&datagram) {
                let message = message?;
                if message.sequence != self.sequence || message.port != self.port {
                    strangers += 1;
                    continue;
                }
                whole &= message.flags & NLM_F_DUMP_INTR == 0;
                match message.kind {
                    NLMSG_ERROR => return acknowledged(message).map(|()| (bodies, whole)),
                    NLMSG_DONE => return acknowledged(message).map(|()| (bodies, whole)),
                    _ if ask == Ask::List && message.flags & NLM_F_MULTI == 0 => {
                        return Err(NetlinkError::Malformed { what: "a list that is not one" });
                    }
                    _ => bodies.push(message.body.to_vec()),
                }
            }
            if strangers > STRANGERS {
                return Err(NetlinkError::Malformed { what: "answers to other questions" });
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

#[cfg(test)]
mod tests {
    use super::*;

    /// A message with a header that fits it.
    fn packed(kind: u16, flags: u16, body: &[u8]) -> Vec<u8> {
        let len = u32::try_from(HEADER + body.len()).expect("short");
        let header = [&len.to_ne_bytes()[..], &kind.to_ne_bytes(), &flags.to_ne_bytes()].concat();
        [&header[..], &1u32.to_ne_bytes(), &2u32.to_ne_bytes(), body].concat()
    }

    fn attribute(kind: u16, content: &[u8]) -> Vec<u8> {
        let len = u16::try_from(4 + content.len()).expect("short");
        let mut out = [&len.to_ne_bytes()[..], &kind.to_ne_bytes(), content].concat();
        out.resize(aligned(out.len()), 0);
        out
    }

    /// The refusal that a kernel sends for `EBUSY`: the number, the quoted request, the words.
    fn refusal(flags: u16, quoted: &[u8], words: &[u8]) -> Vec<u8> {
        let request = packed(19, 5, quoted);
        let body = [&(-16i32).to_ne_bytes()[..], &request, words].concat();
        packed(NLMSG_ERROR, flags, &body)
    }

    fn words() -> Vec<u8> {
        let text = attribute(NLMSGERR_ATTR_MSG, b"XDP program already attached\0");
        [attribute(2, &7u32.to_ne_bytes()), text].concat()
    }

    fn answered(datagram: &[u8]) -> Vec<Result<(), NetlinkError>> {
        messages(datagram).map(|message| message.and_then(acknowledged)).collect()
    }

    fn busy(extack: Option<&str>) -> Vec<Result<(), NetlinkError>> {
        let extack = extack.map(str::to_owned);
        vec![Err(NetlinkError::Refused { errno: Errno::EBUSY, extack })]
    }

    #[test]
    fn the_kernels_words_are_found_behind_a_whole_and_a_capped_request() {
        let said = busy(Some("XDP program already attached"));
        assert_eq!(answered(&refusal(NLM_F_ACK_TLVS, &[9; 31], &[])).len(), 1);
        assert_eq!(answered(&refusal(NLM_F_ACK_TLVS | NLM_F_CAPPED, &[], &words())), said);
        assert_eq!(answered(&refusal(NLM_F_ACK_TLVS, &[9; 32], &words())), said);
        assert_eq!(answered(&refusal(0, &[9; 32], &words())), busy(None));
    }

    #[test]
    fn an_acknowledgement_is_no_error_and_the_end_of_a_list_may_be_one() {
        assert_eq!(answered(&packed(NLMSG_ERROR, 0, &0i32.to_ne_bytes())), [Ok(())]);
        let end = [&(-16i32).to_ne_bytes()[..], &words()].concat();
        let said = busy(Some("XDP program already attached"));
        assert_eq!(answered(&packed(NLMSG_DONE, NLM_F_ACK_TLVS, &end)), said);
        assert!(answered(&packed(NLMSG_ERROR, 0, &[0, 0]))[0].is_err());
    }

    #[test]
    fn a_datagram_cut_or_changed_anywhere_ends_without_panic_or_loop() {
        let whole = [refusal(NLM_F_ACK_TLVS, &[9; 32], &words()), packed(16, 2, &words())].concat();
        for at in 0..whole.len() {
            for value in [0, 1, 4, 0x7f, 0xff] {
                let mut changed = whole.clone();
                changed[at] = value;
                for bytes in [&changed[..], &whole[..at]] {
                    assert!(answered(bytes).len() <= bytes.len(), "more messages than bytes");
                    for message in messages(bytes).flatten() {
                        assert!(attributes(message.body).count() <= message.body.len());
                    }
                }
            }
        }
    }

    #[test]
    fn attributes_end_at_the_first_that_does_not_fit() {
        let good = attribute(3 | 0x8000, b"lo\0");
        let all = |bytes: &[u8]| attributes(bytes).map(|(kind, _)| kind).collect::<Vec<_>>();
        assert_eq!(all(&good), [3], "the nested flag is no part of the type");
        for odd in [0u16, 3, 200, u16::MAX] {
            let bad = [odd.to_ne_bytes(), [4, 0], [0; 2], [0; 2]].concat();
            assert_eq!(all(&[&good[..], &bad, &good].concat()), [3], "a length of {odd}");
        }
    }
}
