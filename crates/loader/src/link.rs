//! Network interfaces as the kernel lists them, with what is attached to each.
//!
//! Everything is asked of the kernel when it is wanted; nothing is remembered. Names are foreign
//! bytes: what is not UTF-8 is replaced, and escaping what is printed is the caller's.
//!
//! Every question is about the network namespace of the calling thread.

use std::fmt;
use std::num::NonZeroU32;
use std::os::fd::{AsFd, OwnedFd};

use netlink_packet_route::RouteNetlinkMessage;
use netlink_packet_route::link::{LinkAttribute, LinkMessage};
use nix::sys::socket::{AddressFamily, SockFlag, SockType, socket};

use crate::Errno;
use crate::netlink::{NetlinkError, Question, Reply, Rtnl, attributes, text, u32_at};
use crate::sys;
use crate::xdp::{Attached, Mode};

/// The longest name of an interface (`IFNAMSIZ` without the closing zero).
const NAME_MAX: usize = 15;

/// `struct ifinfomsg` and the attributes of `linux/if_link.h` that are read.
const IFINFOMSG: usize = 16;
const IFLA_ADDRESS: u16 = 1;
const IFLA_IFNAME: u16 = 3;
const IFLA_MTU: u16 = 4;
const IFLA_LINKINFO: u16 = 18;
const IFLA_NUM_RX_QUEUES: u16 = 32;
const IFLA_XDP: u16 = 43;
const IFLA_INFO_KIND: u16 = 1;
const IFLA_XDP_ATTACHED: u16 = 2;
const IFLA_XDP_PROG_ID: u16 = 4;
const IFLA_XDP_DRV_PROG_ID: u16 = 5;
const IFLA_XDP_SKB_PROG_ID: u16 = 6;
const IFLA_XDP_HW_PROG_ID: u16 = 7;
/// `XDP_ATTACHED_DRV`, `_SKB`, `_HW`, `_MULTI`.
const ATTACHED_DRV: u8 = 1;
const ATTACHED_SKB: u8 = 2;
const ATTACHED_HW: u8 = 3;
const ATTACHED_MULTI: u8 = 4;

/// The number of an interface; it stays while the interface lives, whatever its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct IfIndex(NonZeroU32);

impl IfIndex {
    /// The interface of that number; zero is none.
    pub fn new(number: u32) -> Option<Self> {
        NonZeroU32::new(number).map(IfIndex)
    }

    /// The number.
    pub fn number(self) -> u32 {
        self.0.get()
    }
}

impl fmt::Display for IfIndex {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A network interface.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Link {
    /// Its number.
    pub index: IfIndex,
    /// Its name.
    pub name: String,
    /// Its MTU in bytes.
    pub mtu: u32,
    /// Its hardware address, where it has one of six bytes.
    pub mac: Option<[u8; 6]>,
    /// What made it, such as `veth` or `bridge`; `None` for a device of a driver.
    pub kind: Option<String>,
    /// The most queues that it can receive on; 0 where the kernel does not tell.
    pub rx_queues: u32,
    /// The XDP program on it.
    pub xdp: Option<Attached>,
}

/// Why an interface was not found.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LinkError {
    /// There is no interface of that name.
    #[error("there is no interface `{}`", name.escape_debug())]
    NoSuchName {
        /// The name.
        name: String,
    },
    /// There is no interface of that number.
    #[error("there is no interface number {index}")]
    NoSuchIndex {
        /// The number.
        index: IfIndex,
    },
    /// The kernel could not be asked.
    #[error("cannot ask for the interfaces: {0}")]
    Netlink(#[from] NetlinkError),
}

/// All interfaces of this network namespace, by number.
pub fn list() -> Result<Vec<Link>, NetlinkError> {
    let bodies = Rtnl::open()?.list(&RouteNetlinkMessage::GetLink(LinkMessage::default()))?;
    Ok(sorted(&bodies))
}

/// The interfaces of which the datagrams of an answer tell, by number, read without a socket;
/// `None` where the answer does not end in them. The kernel is to have sent them.
pub fn in_reply<'a>(
    question: Question,
    datagrams: impl IntoIterator<Item = &'a [u8]>,
) -> Result<Option<Vec<Link>>, NetlinkError> {
    let mut reply = Reply::to(question);
    for datagram in datagrams {
        if let Some(answer) = reply.take(datagram)? {
            return Ok(Some(sorted(&answer.bodies)));
        }
    }
    Ok(None)
}

fn sorted(bodies: &[Vec<u8>]) -> Vec<Link> {
    let mut links: Vec<Link> = bodies.iter().filter_map(|body| parse(body)).collect();
    links.sort_by_key(|link| link.index);
    links
}

/// The interface of that name.
pub fn by_name(name: &str) -> Result<Link, LinkError> {
    let missing = || LinkError::NoSuchName { name: name.to_owned() };
    if name.is_empty() || name.len() > NAME_MAX || name.contains('\0') {
        return Err(missing());
    }
    let mut message = LinkMessage::default();
    message.attributes.push(LinkAttribute::IfName(name.to_owned()));
    get(message, missing)
}

/// The interface of that number.
pub fn by_index(index: IfIndex) -> Result<Link, LinkError> {
    let mut message = LinkMessage::default();
    message.header.index = index.number();
    get(message, || LinkError::NoSuchIndex { index })
}

fn get(message: LinkMessage, missing: impl Fn() -> LinkError) -> Result<Link, LinkError> {
    match Rtnl::open()?.ask(RouteNetlinkMessage::GetLink(message)) {
        Ok(bodies) => bodies.iter().find_map(|body| parse(body)).ok_or_else(missing),
        Err(NetlinkError::Refused { errno: Errno::ENODEV, .. }) => Err(missing()),
        Err(error) => Err(error.into()),
    }
}

/// A link out of the body of an `RTM_NEWLINK`; `None` when it lacks a number or a name.
fn parse(body: &[u8]) -> Option<Link> {
    let index = IfIndex::new(u32_at(body, 4)?)?;
    let (mut name, mut mtu, mut mac, mut kind, mut xdp) = (None, 0, None, None, None);
    let mut rx_queues = 0;
    for (attribute, content) in attributes(body.get(IFINFOMSG..)?) {
        match attribute {
            IFLA_IFNAME => name = Some(text(content)),
            IFLA_MTU => mtu = u32_at(content, 0).unwrap_or(0),
            IFLA_ADDRESS => mac = content.try_into().ok(),
            IFLA_LINKINFO => kind = nested(content, IFLA_INFO_KIND).map(text),
            IFLA_NUM_RX_QUEUES => rx_queues = u32_at(content, 0).unwrap_or(0),
            IFLA_XDP => xdp = attached(content),
            _ => {}
        }
    }
    Some(Link { index, name: name?, mtu, mac, kind, rx_queues, xdp })
}

fn nested(bytes: &[u8], wanted: u16) -> Option<&[u8]> {
    attributes(bytes).find(|(kind, _)| *kind == wanted).map(|(_, content)| content)
}

/// What is attached, out of an `IFLA_XDP`.
fn attached(bytes: &[u8]) -> Option<Attached> {
    let id = |attribute| nested(bytes, attribute).and_then(|content| u32_at(content, 0));
    let one = |mode, attribute| {
        let program_id = id(attribute).or_else(|| id(IFLA_XDP_PROG_ID))?;
        Some(Attached { mode, program_id, offloaded: None })
    };
    match *nested(bytes, IFLA_XDP_ATTACHED)?.first()? {
        ATTACHED_DRV => one(Mode::Native, IFLA_XDP_DRV_PROG_ID),
        ATTACHED_SKB => one(Mode::Generic, IFLA_XDP_SKB_PROG_ID),
        ATTACHED_HW => one(Mode::Offload, IFLA_XDP_HW_PROG_ID),
        ATTACHED_MULTI => {
            let offloaded = id(IFLA_XDP_HW_PROG_ID);
            let (mode, program_id) = id(IFLA_XDP_DRV_PROG_ID)
                .map(|id| (Mode::Native, id))
                .or_else(|| id(IFLA_XDP_SKB_PROG_ID).map(|id| (Mode::Generic, id)))?;
            Some(Attached { mode, program_id, offloaded })
        }
        _ => None,
    }
}

/// Whether an interface takes the outer VLAN tag off before XDP sees the packet.
#[doc(alias = "rx-vlan-offload")]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum VlanOffload {
    /// It does: an XDP program sees such packets without their tag.
    On,
    /// It does not.
    Off,
}

/// Whether an interface takes VLAN tags off; `EOPNOTSUPP` where its driver does not tell.
pub fn rx_vlan_offload(name: &str) -> Result<VlanOffload, Errno> {
    let flags = sys::ethtool_flags(any_socket()?.as_fd(), name.as_bytes())?;
    Ok(if flags & sys::ETH_FLAG_RXVLAN != 0 { VlanOffload::On } else { VlanOffload::Off })
}

/// How many queues an interface receives on now, at least one: as its driver tells, and where it
/// does not, or not to whoever asks, as many as it can at most.
#[doc(alias = "ethtool -l")]
pub fn receive_queues(link: &Link) -> Result<u32, Errno> {
    match sys::ethtool_receive_queues(any_socket()?.as_fd(), link.name.as_bytes()) {
        Ok(0) | Err(Errno::EOPNOTSUPP | Errno::EPERM) => Ok(link.rx_queues.max(1)),
        other => other,
    }
}

/// Has an interface gather what it receives into larger packets. A veth that does so takes
/// redirected frames without an XDP program of its own.
#[doc(alias = "gro")]
pub fn gather_received(name: &str) -> Result<(), Errno> {
    sys::ethtool_gro_on(any_socket()?.as_fd(), name.as_bytes())
}

/// What an ioctl about interfaces goes through, in the namespace of the calling thread.
fn any_socket() -> Result<OwnedFd, Errno> {
    Ok(socket(AddressFamily::Inet, SockType::Datagram, SockFlag::SOCK_CLOEXEC, None)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn attribute(kind: u16, content: &[u8]) -> Vec<u8> {
        let len = u16::try_from(4 + content.len()).expect("short");
        let mut out = [&len.to_ne_bytes()[..], &kind.to_ne_bytes(), content].concat();
        out.resize(out.len().next_multiple_of(4), 0);
        out
    }

    fn number(kind: u16, value: u32) -> Vec<u8> {
        attribute(kind, &value.to_ne_bytes())
    }

    fn body(parts: &[Vec<u8>]) -> Vec<u8> {
        let mut body = vec![0; IFINFOMSG];
        body[4..8].copy_from_slice(&7u32.to_ne_bytes());
        [body, parts.concat()].concat()
    }

    fn veth() -> Vec<u8> {
        let xdp = [attribute(IFLA_XDP_ATTACHED, &[ATTACHED_DRV]), number(IFLA_XDP_PROG_ID, 12)];
        body(&[
            attribute(IFLA_IFNAME, b"v0\0"),
            number(IFLA_MTU, 1500),
            attribute(IFLA_ADDRESS, &[2, 0, 0, 0, 0, 1]),
            number(IFLA_NUM_RX_QUEUES, 2),
            attribute(IFLA_LINKINFO, &attribute(IFLA_INFO_KIND, b"veth\0")),
            attribute(IFLA_XDP, &xdp.concat()),
        ])
    }

    #[test]
    fn a_link_is_read_with_what_is_attached_to_it() {
        let link = parse(&veth()).expect("a link");
        let attached = Attached { mode: Mode::Native, program_id: 12, offloaded: None };
        assert_eq!((link.index.number(), link.name.as_str(), link.mtu), (7, "v0", 1500));
        assert_eq!(link.rx_queues, 2);
        assert_eq!((link.mac, link.kind.as_deref()), (Some([2, 0, 0, 0, 0, 1]), Some("veth")));
        assert_eq!(link.xdp, Some(attached));
    }

    #[test]
    fn every_way_of_being_attached_is_told() {
        let state = |how: u8, ids: &[(u16, u32)]| {
            let ids = ids.iter().map(|(kind, id)| number(*kind, *id));
            let parts = std::iter::once(attribute(IFLA_XDP_ATTACHED, &[how])).chain(ids);
            attached(&parts.collect::<Vec<_>>().concat())
        };
        let is = |mode, program_id, offloaded| Some(Attached { mode, program_id, offloaded });
        assert_eq!(state(0, &[]), None);
        assert_eq!(state(ATTACHED_SKB, &[(6, 5), (4, 5)]), is(Mode::Generic, 5, None));
        assert_eq!(state(ATTACHED_HW, &[(7, 5), (4, 5)]), is(Mode::Offload, 5, None));
        assert_eq!(state(ATTACHED_MULTI, &[(5, 1), (7, 2)]), is(Mode::Native, 1, Some(2)));
        assert_eq!(state(ATTACHED_MULTI, &[(6, 1), (7, 2)]), is(Mode::Generic, 1, Some(2)));
        assert_eq!(state(9, &[(4, 5)]), None);
        assert_eq!(state(ATTACHED_DRV, &[]), None);
    }

    #[test]
    fn a_link_message_cut_or_changed_anywhere_never_panics() {
        let whole = veth();
        for at in 0..whole.len() {
            let mut changed = whole.clone();
            changed[at] ^= 0xff;
            let _ = parse(&changed);
            let _ = parse(&whole[..at]);
        }
        let name = attribute(IFLA_IFNAME, b"\xff\x1b\0");
        assert_eq!(parse(&body(&[name])).map(|link| link.name), Some("\u{fffd}\u{1b}".to_owned()));
        assert_eq!(parse(&body(&[])), None, "a link without a name is none");
    }
}
