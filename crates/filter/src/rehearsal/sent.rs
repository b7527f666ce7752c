//! Where a program in the interpreter sends packets, held against what the deciding rule says.
//!
//! Whether there is such an interface or socket on this machine makes no difference here: every name
//! and every queue has one.

use palisade_asm::vm::{Fib, Outcome, Redirect, Vm, World};

use super::fault::Unready;
use crate::plan::{DEVICES, SOCKETS};
use crate::policy::{Change, Outlet, Policy, QUEUES, Verdict};
use crate::value::DeviceName;

/// The outlets of a program.
#[derive(Clone, Debug)]
pub struct Sending {
    /// The map of devices, where some rule redirects.
    map: Option<usize>,
    /// The names, by their keys in it.
    devices: Vec<DeviceName>,
    /// The map of sockets, where some rule delivers.
    sockets: Option<usize>,
    /// What becomes of packets whose queue has no socket.
    fallback: Verdict,
}

impl Sending {
    /// Of a program, which need not have what its policy asks for.
    pub fn of(vm: &Vm, policy: &Policy) -> Self {
        let devices = policy.outlets().into_iter().cloned().collect();
        let (map, sockets) = (vm.maps().find(DEVICES), vm.maps().find(SOCKETS));
        Self { map, devices, sockets, fallback: policy.default().verdict }
    }

    /// Gives every name an interface, and every queue a socket.
    pub fn fill(&self, vm: &mut Vm) -> Result<(), Unready> {
        let devices = self
            .map
            .into_iter()
            .flat_map(|map| (0..).zip(&self.devices).map(move |(key, _)| (map, key)));
        let sockets =
            self.sockets.into_iter().flat_map(|map| (0..QUEUES.into()).map(move |key| (map, key)));
        for (map, key) in devices.chain(sockets) {
            let key: u32 = key;
            let there = key + 1;
            super::put(vm, map, &key.to_ne_bytes(), &there.to_ne_bytes())?;
        }
        Ok(())
    }

    /// Whether a run sends its packet where a change does that it makes, or nowhere where it makes
    /// none, in a world with a queue and routes; and whether the kernel would do with the packet as
    /// documented if there were no such place.
    pub fn is_right(&self, outcome: &Outcome, world: &World, change: Option<&Change>) -> bool {
        let redirects = i32::try_from(outcome.value) == Ok(Verdict::Redirect.code());
        let asked = outcome.effects.redirect.filter(|_| redirects);
        let wanted = match change {
            Some(Change::Route) => world
                .fib
                .filter(|fib| fib.answer == Fib::FOUND)
                .map(|fib| Some(Redirect::Interface { index: fib.interface })),
            _ => change.and_then(Change::outlet).map(|outlet| self.target(outlet, world.queue)),
        };
        // Routes are asked for as they stand, with no flag.
        let plainly = outcome.effects.fib_flags == 0;
        plainly && asked == wanted.flatten() && redirects == wanted.is_some()
    }

    fn target(&self, outlet: Outlet<'_>, queue: u32) -> Option<Redirect> {
        let (map, key, otherwise) = match outlet {
            Outlet::Device(device) => {
                let key = self.devices.iter().position(|own| own == device)?;
                (self.map?, u64::try_from(key).ok()?, Verdict::Aborted)
            }
            Outlet::Socket => (self.sockets?, queue.into(), self.fallback),
        };
        Some(Redirect::Map { map, key, flags: u64::try_from(otherwise.code()).ok()? })
    }
}
