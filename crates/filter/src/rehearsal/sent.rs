//! Where a program in the interpreter sends packets, held against what the deciding rule says.
//!
//! Whether there is such an interface on this machine makes no difference here: every name has one.

use palisade_asm::vm::{Insert, MapRefusal, Outcome, Redirect, Vm};

use crate::plan::DEVICES;
use crate::policy::{Change, Outlet, Policy, Verdict};
use crate::value::DeviceName;

/// The outlets of a program.
#[derive(Clone, Debug)]
pub struct Sending {
    /// The map of devices, where some rule redirects.
    map: Option<usize>,
    /// The names, by their keys in it.
    devices: Vec<DeviceName>,
}

impl Sending {
    /// Of a program, which need not have what its policy asks for.
    pub fn of(vm: &Vm, policy: &Policy) -> Self {
        let devices = policy.outlets().into_iter().cloned().collect();
        Self { map: vm.maps().find(DEVICES), devices }
    }

    /// Gives every name an interface.
    pub fn fill(&self, vm: &mut Vm) -> Result<(), MapRefusal> {
        let Some(map) = self.map else { return Ok(()) };
        (0u32..).zip(&self.devices).try_for_each(|(key, _)| {
            let interface = key + 1;
            vm.maps_mut().put(map, &key.to_ne_bytes(), &interface.to_ne_bytes(), Insert::Any)
        })
    }

    /// Whether a run sends its packet where a change does that it makes, or nowhere where it makes
    /// none; and whether the kernel would do with the packet as documented if there were no such
    /// place.
    pub fn is_right(&self, outcome: &Outcome, change: Option<&Change>) -> bool {
        let redirects = i32::try_from(outcome.value) == Ok(Verdict::Redirect.code());
        let asked = outcome.effects.redirect.filter(|_| redirects);
        let wanted = change.and_then(Change::outlet).map(|outlet| self.target(outlet));
        asked == wanted.flatten() && redirects == wanted.is_some()
    }

    fn target(&self, outlet: Outlet<'_>) -> Option<Redirect> {
        match outlet {
            Outlet::Device(device) => {
                let key = self.devices.iter().position(|own| own == device)?;
                let flags = u64::try_from(Verdict::Aborted.code()).ok()?;
                Some(Redirect::Map { map: self.map?, key: u64::try_from(key).ok()?, flags })
            }
        }
    }
}
