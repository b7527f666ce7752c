//! A place of its own for a test: interfaces, namespaces, a bpffs, and the built tool in it.
//!
//! A lab is a thread in a network and a mount namespace that nobody else is in; its bpffs lies over
//! `/sys/fs/bpf`. The near end of a pair of interfaces, [`NEAR`], is in the lab, the far end,
//! [`FAR`], in a second namespace, from where frames are sent. Nothing of the host is touched, and all
//! of it ends with the thread, however the test ends: that it does is seen to ([`leak`]).

mod host;
mod receiving;
mod tool;
mod wire;

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::path::Path;
use std::thread::Builder;

use palisade_loader::netns::{self, NetNs, NsError, VethEnd, VethOptions};
use palisade_loader::{Capabilities, Capability, Errno, IfIndex, link};

use crate::leak::{self, Notes};
use crate::packet::{FROM4, FROM6, HERE, Mac, THERE, TO4, TO6};
use crate::privilege::{self, Reason};

pub use host::{FENCE, Host};
pub use receiving::Receiving;
pub use tool::{Output, binary};
pub use wire::{Sender, Tap, Udp};

/// The name of the filtered interface.
pub const NEAR: &str = "pal0";
/// The name of the interface that frames are sent from.
pub const FAR: &str = "pal1";
/// The hardware address of the near end: where frames go unless a test says otherwise.
pub const NEAR_MAC: Mac = HERE;
/// The hardware address of the far end: where frames come from unless a test says otherwise.
pub const FAR_MAC: Mac = THERE;
/// Where the lab's bpffs is mounted.
pub const BPFFS: &str = "/sys/fs/bpf";

/// The addresses of the near end, with the lengths of their prefixes.
pub const NEAR_ADDRESSES: [(IpAddr, u8); 2] = [(IpAddr::V4(TO4), 24), (IpAddr::V6(TO6), 64)];
/// The addresses of the far end. What packets come from by default is one of each family.
pub const FAR_ADDRESSES: [(IpAddr, u8); 4] = [
    (IpAddr::V4(Ipv4Addr::new(192, 0, 2, 2)), 24),
    (IpAddr::V6(Ipv6Addr::new(0x2001, 0xdb8, 0, 1, 0, 0, 0, 2)), 64),
    (IpAddr::V4(FROM4), 32),
    (IpAddr::V6(FROM6), 128),
];

/// The namespaces of one test and what is in them.
#[derive(Debug)]
pub struct Lab {
    here: NetNs,
    far: NetNs,
    near_index: IfIndex,
    far_index: IfIndex,
}

impl Lab {
    /// Runs a test in a lab of its own; says that it is skipped where no lab can be made.
    #[track_caller]
    pub fn run(test: impl FnOnce(&Lab) + Send) {
        Self::run_with(VethOptions::default(), test);
    }

    /// Runs a test in a lab whose interfaces are as `options` say.
    #[track_caller]
    pub fn run_with(options: VethOptions, test: impl FnOnce(&Lab) + Send) {
        if let Err((name, said)) = permitted() {
            privilege::skip(&Reason::Right { name, said });
            return;
        }
        let name = std::thread::current().name().unwrap_or("lab").to_owned();
        leak::begin();
        let notes = Notes::default();
        std::thread::scope(|scope| {
            let work = || {
                let lab = Lab::set_up(options).unwrap_or_else(|error| panic!("no lab: {error}"));
                let _noted = notes.begin(&lab);
                test(&lab);
            };
            let thread = Builder::new().name(name).spawn_scoped(scope, work).expect("a thread");
            if let Err(panic) = thread.join() {
                std::panic::resume_unwind(panic);
            }
        });
        leak::leave(&notes);
    }

    fn set_up(options: VethOptions) -> Result<Self, NsError> {
        netns::private_mounts()?;
        netns::mount_bpffs(Path::new(BPFFS))?;
        let here = NetNs::private()?;
        let far = NetNs::new()?;
        let near_end = VethEnd { ns: &here, name: NEAR };
        let far_end = VethEnd { ns: &far, name: FAR };
        let (near_index, far_index) = netns::veth_pair(near_end, far_end, options)?;
        let lab = Self { here, far, near_index, far_index };
        lab.furnish(&lab.here, near_index, NEAR_MAC, &NEAR_ADDRESSES)?;
        lab.furnish(&lab.far, far_index, FAR_MAC, &FAR_ADDRESSES)?;
        // Nobody has to ask for a neighbour, so a frame on the wire is one that a test sent.
        for (address, _) in FAR_ADDRESSES {
            lab.here.add_neighbour(near_index, address, FAR_MAC)?;
        }
        for (address, _) in NEAR_ADDRESSES {
            lab.far.add_neighbour(far_index, address, NEAR_MAC)?;
        }
        Ok(lab)
    }

    fn furnish(
        &self,
        ns: &NetNs,
        index: IfIndex,
        mac: Mac,
        addresses: &[(IpAddr, u8)],
    ) -> Result<(), NsError> {
        ns.set_mac(index, mac)?;
        ns.set_up(index)?;
        addresses.iter().try_for_each(|(address, len)| ns.add_address(index, *address, *len))
    }

    /// The namespace of the lab, which the test's thread is in.
    pub fn here(&self) -> &NetNs {
        &self.here
    }

    /// The number of the filtered interface.
    pub fn near_index(&self) -> IfIndex {
        self.near_index
    }

    /// The number of the far interface, in its own namespace.
    pub fn far_index(&self) -> IfIndex {
        self.far_index
    }

    /// The namespace of the far end.
    pub fn far(&self) -> &NetNs {
        &self.far
    }

    /// Another pair of interfaces between the lab and the far namespace. The near one takes frames that
    /// are redirected to it, as its peer gathers what it receives.
    pub fn wire(&self, near: &str, far: &str) -> IfIndex {
        let index = self.deaf_wire(near, far);
        self.in_far(|| link::gather_received(far)).expect("a veth can");
        index
    }

    /// The same, but nothing says that the near one takes redirected frames.
    pub fn deaf_wire(&self, near: &str, far: &str) -> IfIndex {
        let near_end = VethEnd { ns: &self.here, name: near };
        let far_end = VethEnd { ns: &self.far, name: far };
        let made = netns::veth_pair(near_end, far_end, VethOptions::default());
        let (near, far) = made.expect("the names are free");
        self.here.set_up(near).expect("up");
        self.far.set_up(far).expect("up");
        near
    }

    /// Does something in the far namespace, on a thread of its own.
    pub fn in_far<T: Send>(&self, work: impl FnOnce() -> T + Send) -> T {
        self.far.run(work).unwrap_or_else(|error| panic!("{error}"))
    }
}

/// Whether namespaces can be made and filled here; what that takes, and what was seen.
fn permitted() -> Result<(), (String, String)> {
    let unknown = |errno: Errno| ("capabilities".to_owned(), errno.to_string());
    let wanted = [Capability::SysAdmin, Capability::NetAdmin];
    let missing = Capabilities::current().map_err(unknown)?.missing(&wanted);
    if let Some(capability) = missing.first() {
        return Err((capability.to_string(), "a lab takes it".to_owned()));
    }
    let attempt = std::thread::scope(|scope| {
        scope.spawn(|| netns::private_mounts().and_then(|()| NetNs::private().map(drop))).join()
    });
    match attempt {
        Ok(result) => result.map_err(|error| ("namespaces".to_owned(), error.to_string())),
        Err(panic) => std::panic::resume_unwind(panic),
    }
}
