//! Generic netlink: families that are found by their name.

use rtnetlink::packet_core::{NLM_F_ACK, NLM_F_REQUEST};
use rtnetlink::sys::protocols::NETLINK_GENERIC;

use super::reply::{Ending, attributes};
use super::{NetlinkError, Rtnl};
use crate::Errno;

/// Numbers of `linux/genetlink.h`.
const GENL_ID_CTRL: u16 = 16;
const CTRL_CMD_GETFAMILY: u8 = 3;
const CTRL_ATTR_FAMILY_ID: u16 = 1;
const CTRL_ATTR_FAMILY_NAME: u16 = 2;
/// `struct genlmsghdr`.
const HEADER: usize = 4;
/// `struct nlmsghdr`.
const OUTER: usize = 16;

/// A socket to a generic family.
pub(crate) struct Genl {
    socket: Rtnl,
    family: u16,
}

impl Genl {
    /// The family of that name; `None` if the kernel has none.
    pub(crate) fn open(name: &str) -> Result<Option<Self>, NetlinkError> {
        let socket = Rtnl::open_to(NETLINK_GENERIC)?;
        let mut control = Self { socket, family: GENL_ID_CTRL };
        let name = [name.as_bytes(), &[0]].concat();
        let answer = match control.ask(CTRL_CMD_GETFAMILY, CTRL_ATTR_FAMILY_NAME, &name) {
            Err(NetlinkError::Refused { errno: Errno::ENOENT, .. }) => return Ok(None),
            answer => answer?,
        };
        let found = answer.iter().find(|(kind, _)| *kind == CTRL_ATTR_FAMILY_ID);
        let id = found.and_then(|(_, content)| content.first_chunk().copied());
        let what = "a family without a number";
        let id = id.ok_or(NetlinkError::Malformed { what })?;
        Ok(Some(Self { family: u16::from_ne_bytes(id), ..control }))
    }

    /// Asks with one attribute; the attributes of what was answered.
    pub(crate) fn ask(
        &mut self,
        command: u8,
        attribute: u16,
        content: &[u8],
    ) -> Result<Vec<(u16, Vec<u8>)>, NetlinkError> {
        self.socket.sequence = self.socket.sequence.wrapping_add(1);
        let flags = NLM_F_REQUEST | NLM_F_ACK;
        let sequence = self.socket.sequence;
        self.socket.send_bytes(&message(
            self.family,
            (flags, sequence),
            command,
            (attribute, content),
        )?)?;
        let answer = self.socket.answer(Ending::Acknowledgement)?;
        let told = |body: &Vec<u8>| {
            let all = attributes(body.get(HEADER..).unwrap_or_default());
            all.map(|(kind, content)| (kind, content.to_vec())).collect::<Vec<_>>()
        };
        Ok(answer.bodies.iter().flat_map(told).collect())
    }
}

/// The bytes of a request with one attribute.
fn message(
    family: u16,
    (flags, sequence): (u16, u32),
    command: u8,
    (attribute, content): (u16, &[u8]),
) -> Result<Vec<u8>, NetlinkError> {
    let long = |_| NetlinkError::Malformed { what: "a question that is too long" };
    let own = u16::try_from(4 + content.len()).map_err(long)?;
    let padding = vec![0; content.len().next_multiple_of(4) - content.len()];
    let body =
        [&[command, 1, 0, 0][..], &own.to_ne_bytes(), &attribute.to_ne_bytes(), content, &padding];
    let body = body.concat();
    let len = u32::try_from(OUTER + body.len()).map_err(long)?;
    Ok([
        &len.to_ne_bytes()[..],
        &family.to_ne_bytes(),
        &flags.to_ne_bytes(),
        &sequence.to_ne_bytes(),
        &[0; 4],
        &body,
    ]
    .concat())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_is_its_headers_and_one_attribute() {
        let made = message(0x1234, (5, 7), 3, (2, b"ab\0")).expect("short");
        let wanted = [
            &28u32.to_ne_bytes()[..],
            &0x1234u16.to_ne_bytes(),
            &5u16.to_ne_bytes(),
            &7u32.to_ne_bytes(),
            &[0; 4],
            &[3, 1, 0, 0],
            &7u16.to_ne_bytes(),
            &2u16.to_ne_bytes(),
            b"ab\0\0",
        ];
        assert_eq!(made, wanted.concat());
        assert!(message(1, (0, 0), 1, (1, &vec![0; 70_000])).is_err());
    }
}
