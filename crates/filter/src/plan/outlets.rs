//! The maps by which packets leave for elsewhere.
//!
//! A plan knows interfaces by their names alone. Which numbers they have is for whoever loads the
//! program to find out, and to put into the map of devices before the program is in force: under
//! the place of the name among [`Policy::outlets`]. The map of sockets is filled by whoever receives. A policy without such rules has no such map.

use palisade_asm::btf::MapLayout;
use palisade_asm::{MapDecl, MapFlags, MapKind};

use crate::policy::{Policy, QUEUES};
use crate::value::DeviceName;

/// The name of the map with the interfaces that packets are redirected to: by the place of a name
/// among [`Policy::outlets`], a `u32` with the number of the interface.
pub const DEVICES: &str = "_devices";

/// The name of the map with the sockets that packets are delivered to: by receive queue.
pub const SOCKETS: &str = "_sockets";

/// Where packets of a policy are sent besides to the stack and back.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Outlets {
    devices: Vec<DeviceName>,
    /// Whether packets are delivered to sockets.
    pub delivers: bool,
}

impl Outlets {
    /// Those of a policy.
    pub fn of(policy: &Policy) -> Self {
        let devices = policy.outlets().into_iter().cloned().collect();
        Self { devices, delivers: policy.delivers() }
    }

    /// Whether there is an interface among them.
    pub fn has_devices(&self) -> bool {
        !self.devices.is_empty()
    }

    /// The key of an interface.
    pub fn key(&self, device: &DeviceName) -> i32 {
        let place = self.devices.iter().position(|own| own == device);
        let place = place.expect("the plan has the interfaces of its policy");
        i32::try_from(place).expect("names are bounded by the length of a text")
    }

    /// Their maps: that of devices, then that of sockets.
    pub fn maps(&self) -> Vec<MapDecl> {
        let one = |name: &str, kind, entries| MapDecl {
            name: name.to_owned(),
            kind,
            key_size: 4,
            value_size: 4,
            max_entries: u32::try_from(entries).unwrap_or(u32::MAX),
            flags: MapFlags::NONE,
        };
        let devices = one(DEVICES, MapKind::DevMap, self.devices.len());
        let sockets = one(SOCKETS, MapKind::XskMap, usize::from(QUEUES));
        let devices = self.has_devices().then_some(devices);
        devices.into_iter().chain(self.delivers.then_some(sockets)).collect()
    }

    /// What the maps hold: the kernel takes no description of them.
    pub fn layouts(&self) -> Vec<Option<MapLayout>> {
        vec![None; self.maps().len()]
    }
}
