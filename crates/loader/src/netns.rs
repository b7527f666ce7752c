//! Private network namespaces with interfaces in them: a place to try, measure and test in.
//!
//! Nothing here touches an interface that it did not make. A namespace lives as long as something
//! refers to it, a descriptor or a thread inside, and its interfaces die with it, so nothing is
//! left behind however the process ends. Each request goes through a socket that is opened inside
//! the namespace, on a thread of its own.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::os::fd::{AsRawFd, OwnedFd};
use std::path::{Path, PathBuf};

use netlink_packet_route::address::{AddressHeaderFlags, AddressMessage};
use netlink_packet_route::link::{InfoData, InfoVeth, LinkAttribute, LinkMessage};
use netlink_packet_route::neighbour::{NeighbourAttribute, NeighbourMessage, NeighbourState};
use netlink_packet_route::{AddressFamily, RouteNetlinkMessage};
use nix::fcntl::OFlag;
use nix::mount::{MsFlags, mount};
use nix::sched::{CloneFlags, setns, unshare};
use nix::sys::stat::Mode;
use rtnetlink::{AddressMessageBuilder, LinkUnspec, LinkVeth};

use crate::link::{self, IfIndex, LinkError};
use crate::netlink::{Make, NetlinkError, Rtnl};
use crate::{Errno, sys};

/// The loopback interface, the first that a namespace has.
const LOOPBACK: u32 = 1;

/// Why a namespace, or something in it, was not made.
#[derive(Debug, thiserror::Error)]
pub enum NsError {
    /// A namespace could not be made or entered.
    #[error("cannot {doing}: {errno}; it takes CAP_SYS_ADMIN")]
    Namespace {
        /// What was being done.
        doing: &'static str,
        /// What the kernel said.
        errno: Errno,
    },
    /// A file system could not be mounted.
    #[error("cannot mount a bpffs on {}: {errno}", path.display())]
    Mount {
        /// Where.
        path: PathBuf,
        /// What the kernel said.
        errno: Errno,
    },
    /// An interface could not be made or changed.
    #[error("cannot {doing}: {error}")]
    Interface {
        /// What was being done.
        doing: String,
        /// What the kernel said.
        error: NetlinkError,
    },
    /// An interface that was just made is not there.
    #[error(transparent)]
    Link(#[from] LinkError),
}

/// An open network namespace.
#[derive(Debug)]
pub struct NetNs {
    fd: OwnedFd,
}

/// One end of a pair of interfaces.
#[derive(Clone, Copy, Debug)]
pub struct VethEnd<'a> {
    /// The namespace it is to be in.
    pub ns: &'a NetNs,
    /// Its name.
    pub name: &'a str,
}

/// What the two ends of a pair have in common.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct VethOptions {
    /// The MTU in bytes.
    pub mtu: u32,
    /// How many queues to send from; native XDP wants at least as many to receive on at the other
    /// end.
    pub tx_queues: u32,
    /// How many queues to receive on.
    pub rx_queues: u32,
}

impl Default for VethOptions {
    fn default() -> Self {
        VethOptions { mtu: 1500, tx_queues: 1, rx_queues: 1 }
    }
}

fn namespace(doing: &'static str) -> impl FnOnce(nix::errno::Errno) -> NsError {
    move |errno| NsError::Namespace { doing, errno: errno.into() }
}

impl NetNs {
    /// The one that the calling thread is in.
    pub fn current() -> Result<Self, NsError> {
        let flags = OFlag::O_RDONLY | OFlag::O_CLOEXEC;
        let fd = nix::fcntl::open("/proc/thread-self/ns/net", flags, Mode::empty())
            .map_err(namespace("open the network namespace"))?;
        let fd = sys::lift(fd)
            .map_err(|errno| NsError::Namespace { doing: "open the network namespace", errno })?;
        Ok(NetNs { fd })
    }

    /// Moves the calling thread into a fresh namespace, in which the loopback interface is up.
    pub fn private() -> Result<Self, NsError> {
        unshare(CloneFlags::CLONE_NEWNET).map_err(namespace("make a network namespace"))?;
        let ns = Self::current()?;
        if let Some(loopback) = IfIndex::new(LOOPBACK) {
            ns.set_up(loopback)?;
        }
        Ok(ns)
    }

    /// Makes a fresh namespace and leaves the caller where it is.
    pub fn new() -> Result<Self, NsError> {
        on_a_thread(Self::private)
    }

    /// Moves the calling thread into it.
    pub fn enter(&self) -> Result<(), NsError> {
        setns(&self.fd, CloneFlags::CLONE_NEWNET).map_err(namespace("enter a network namespace"))
    }

    /// Does something inside it, on a thread of its own; the caller waits, and stays where it is.
    pub fn run<T: Send>(&self, work: impl FnOnce() -> T + Send) -> Result<T, NsError> {
        on_a_thread(|| self.enter().map(|()| work()))
    }

    /// Takes an interface up.
    pub fn set_up(&self, index: IfIndex) -> Result<(), NsError> {
        let message = LinkUnspec::new_with_index(index.number()).up().build();
        self.set(index, "take it up", message)
    }

    /// Takes an interface down.
    pub fn set_down(&self, index: IfIndex) -> Result<(), NsError> {
        let message = LinkUnspec::new_with_index(index.number()).down().build();
        self.set(index, "take it down", message)
    }

    /// Changes the MTU of an interface.
    pub fn set_mtu(&self, index: IfIndex, mtu: u32) -> Result<(), NsError> {
        let message = LinkUnspec::new_with_index(index.number()).mtu(mtu).build();
        self.set(index, "set its MTU", message)
    }

    /// Changes the hardware address of an interface.
    pub fn set_mac(&self, index: IfIndex, mac: [u8; 6]) -> Result<(), NsError> {
        let message = LinkUnspec::new_with_index(index.number()).address(mac.to_vec()).build();
        self.set(index, "set its hardware address", message)
    }

    fn set(&self, index: IfIndex, what: &str, message: LinkMessage) -> Result<(), NsError> {
        let doing = format!("{what}: interface {index}");
        self.tell(doing, Make::Changed, RouteNetlinkMessage::SetLink(message))
    }

    /// Gives an interface an address, usable at once: nobody is asked whether it is taken.
    pub fn add_address(&self, to: IfIndex, address: IpAddr, prefix_len: u8) -> Result<(), NsError> {
        let doing = format!("add {address}/{prefix_len} to interface {to}");
        let message = address_message(to, address, prefix_len);
        self.tell(doing, Make::New, RouteNetlinkMessage::NewAddress(message))
    }

    /// Tells an interface the hardware address of a neighbour, for good.
    pub fn add_neighbour(&self, on: IfIndex, address: IpAddr, mac: [u8; 6]) -> Result<(), NsError> {
        let doing = format!("add neighbour {address} on interface {on}");
        let mut message = NeighbourMessage::default();
        message.header.family = family(address);
        message.header.ifindex = on.number();
        message.header.state = NeighbourState::Permanent;
        message.attributes.push(NeighbourAttribute::Destination(address.into()));
        message.attributes.push(NeighbourAttribute::LinkLayerAddress(mac.to_vec()));
        self.tell(doing, Make::NewOrChanged, RouteNetlinkMessage::NewNeighbour(message))
    }

    /// Removes an interface.
    pub fn delete(&self, index: IfIndex) -> Result<(), NsError> {
        let doing = format!("remove interface {index}");
        let message = LinkUnspec::new_with_index(index.number()).build();
        self.tell(doing, Make::Changed, RouteNetlinkMessage::DelLink(message))
    }

    /// Asks the kernel inside the namespace for a change.
    fn tell(&self, doing: String, make: Make, message: RouteNetlinkMessage) -> Result<(), NsError> {
        let told = self.run(|| Rtnl::open().and_then(|mut rtnl| rtnl.make(make, message)))?;
        told.map_err(|error| NsError::Interface { doing, error })
    }
}

/// Runs something on a fresh thread, which may change its namespaces without a trace.
fn on_a_thread<T: Send>(work: impl FnOnce() -> Result<T, NsError> + Send) -> Result<T, NsError> {
    std::thread::scope(|scope| match scope.spawn(work).join() {
        Ok(result) => result,
        Err(panic) => std::panic::resume_unwind(panic),
    })
}

/// An address on an interface, usable at once.
fn address_message(to: IfIndex, address: IpAddr, prefix_len: u8) -> AddressMessage {
    let index = to.number();
    let mut message = match address {
        IpAddr::V4(address) => AddressMessageBuilder::<Ipv4Addr>::new()
            .index(index)
            .address(address, prefix_len)
            .build(),
        IpAddr::V6(address) => AddressMessageBuilder::<Ipv6Addr>::new()
            .index(index)
            .address(address, prefix_len)
            .build(),
    };
    message.header.flags |= AddressHeaderFlags::Nodad;
    message
}

fn family(address: IpAddr) -> AddressFamily {
    match address {
        IpAddr::V4(_) => AddressFamily::Inet,
        IpAddr::V6(_) => AddressFamily::Inet6,
    }
}

/// Makes a pair of interfaces, down and without addresses; their numbers, in the order of the ends.
pub fn veth_pair(
    a: VethEnd<'_>,
    b: VethEnd<'_>,
    options: VethOptions,
) -> Result<(IfIndex, IfIndex), NsError> {
    let VethOptions { mtu, tx_queues, rx_queues } = options;
    let common = [
        LinkAttribute::Mtu(mtu),
        LinkAttribute::NumTxQueues(tx_queues),
        LinkAttribute::NumRxQueues(rx_queues),
    ];
    let mut peer = LinkMessage::default();
    peer.attributes.push(LinkAttribute::IfName(b.name.to_owned()));
    peer.attributes.push(LinkAttribute::NetNsFd(b.ns.fd.as_raw_fd()));
    peer.attributes.extend(common.clone());
    let mut builder =
        LinkVeth::new(a.name, b.name).set_info_data(InfoData::Veth(InfoVeth::Peer(peer)));
    for attribute in common {
        builder = builder.append_extra_attribute(attribute);
    }
    let message = builder.build();
    let doing = format!("make the pair of interfaces `{}` and `{}`", a.name, b.name);
    a.ns.tell(doing, Make::New, RouteNetlinkMessage::NewLink(message))?;
    let index = |end: VethEnd<'_>| end.ns.run(|| link::by_name(end.name))?.map_err(NsError::from);
    Ok((index(a)?.index, index(b)?.index))
}

/// Moves the calling thread into a mount namespace of its own, whose mounts nobody else sees.
pub fn private_mounts() -> Result<(), NsError> {
    unshare(CloneFlags::CLONE_NEWNS).map_err(namespace("make a mount namespace"))?;
    let nothing: Option<&str> = None;
    mount(nothing, "/", nothing, MsFlags::MS_REC | MsFlags::MS_PRIVATE, nothing)
        .map_err(namespace("make the mounts private"))
}

/// Mounts a fresh bpffs, for its owner alone, on a directory; meant for a thread that has called
/// [`private_mounts`].
pub fn mount_bpffs(path: &Path) -> Result<(), NsError> {
    mount(Some("bpf"), path, Some("bpf"), MsFlags::empty(), Some("mode=0700"))
        .map_err(|errno| NsError::Mount { path: path.to_owned(), errno: errno.into() })
}
