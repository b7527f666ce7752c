//! The answer to one question, out of datagrams, without a socket.
//!
//! Every byte is foreign. A length that does not fit ends the reading, each message takes at least
//! its header off what is left, and messages that answer another question are skipped and counted:
//! whatever comes, the reading ends, and nothing of what a stranger says is in the answer.

use std::mem;

use super::NetlinkError;
use crate::Errno;

/// How many messages that answer another question are skipped.
const STRANGERS: u32 = 1024;

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

/// How an answer ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// With an acknowledgement.
    Acknowledgement,
    /// With the end of a list.
    List,
}

/// A question, as its answer is known by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Question {
    /// The number it was sent with.
    pub sequence: u32,
    /// The port it was sent from.
    pub port: u32,
    /// How its answer ends.
    pub ending: Ending,
}

/// A whole answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Answer {
    /// The bodies of its messages.
    pub(crate) bodies: Vec<Vec<u8>>,
    /// Whether what was listed stood still meanwhile.
    pub(crate) consistency: Consistency,
}

/// Whether what was listed stood still while it was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Consistency {
    /// It did.
    Whole,
    /// A change cut across.
    Interrupted,
}

/// An answer as it comes in.
#[derive(Debug)]
pub(crate) struct Reply {
    question: Question,
    bodies: Vec<Vec<u8>>,
    consistency: Consistency,
    strangers: u32,
}

impl Reply {
    /// Nothing of the answer to a question yet.
    pub(crate) fn to(question: Question) -> Self {
        Reply { question, bodies: Vec::new(), consistency: Consistency::Whole, strangers: 0 }
    }

    /// Takes a datagram from the kernel; the answer, if it ends in it.
    pub(crate) fn take(&mut self, datagram: &[u8]) -> Result<Option<Answer>, NetlinkError> {
        if datagram.is_empty() {
            // It answers nothing either.
            self.stranger()?;
        }
        for message in messages(datagram) {
            let message = message?;
            if (message.sequence, message.port) != (self.question.sequence, self.question.port) {
                self.stranger()?;
                continue;
            }
            if message.flags & NLM_F_DUMP_INTR != 0 {
                self.consistency = Consistency::Interrupted;
            }
            match message.kind {
                NLMSG_ERROR | NLMSG_DONE => {
                    acknowledged(message)?;
                    let bodies = mem::take(&mut self.bodies);
                    return Ok(Some(Answer { bodies, consistency: self.consistency }));
                }
                _ if self.question.ending == Ending::List && message.flags & NLM_F_MULTI == 0 => {
                    return Err(NetlinkError::Malformed { what: "a list that is not one" });
                }
                _ => self.bodies.push(message.body.to_vec()),
            }
        }
        Ok(None)
    }

    fn stranger(&mut self) -> Result<(), NetlinkError> {
        self.strangers += 1;
        if self.strangers > STRANGERS {
            return Err(NetlinkError::Malformed { what: "answers to other questions" });
        }
        Ok(())
    }
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
