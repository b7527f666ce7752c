//! The interfaces that a policy redirects to: found by their names, and put into its map of devices
//! before its program is in force.
//!
//! The kernel takes an interface out of such maps when it goes. One that comes back has another
//! number: it is found when the policy is put in force the next time.

use palisade_filter::Policy;
use palisade_filter::plan::DEVICES;
use palisade_filter::policy::Outlet;
use palisade_filter::value::DeviceName;
use palisade_loader::netdev::{TakesFrames, takes_frames};
use palisade_loader::{IfIndex, Link, LinkError, MapError, MapHandle, PinDir, PinError, link};

use super::in_force::Running;
use super::meta::Meta;
use super::pins::MAPS;
use crate::failure::{Failure, Outcome};
use crate::output::human;

/// The interfaces that a policy redirects to, in the order of its map.
pub struct Outlets {
    found: Vec<Found>,
}

struct Found {
    link: Link,
    /// The line of the first rule that redirects there.
    line: u32,
}

/// What is done about an interface that is not there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Missing {
    /// It is an error.
    Refused,
    /// What would go there is lost, as the kernel has decided already.
    Lost,
}

impl Outlets {
    /// Looks all of them up in this network namespace; one that is not there is an error.
    pub fn find(policy: &Policy) -> Outcome<Self> {
        let one = |device: &DeviceName| {
            let line = line_of(policy, device);
            let link = link::by_name(device.as_str()).map_err(|error| missing(error, line))?;
            Ok(Found { link, line })
        };
        let found = policy.outlets().into_iter().map(one).collect::<Outcome<_>>()?;
        Ok(Self { found })
    }

    /// Whether there is one.
    pub fn are_any(&self) -> bool {
        !self.found.is_empty()
    }

    /// Puts them into the map of devices.
    pub fn write(&self, map: &MapHandle) -> Outcome {
        let entry = |(key, found): (u32, &Found)| {
            let number = found.link.index.number();
            (key.to_ne_bytes().to_vec(), number.to_ne_bytes().to_vec())
        };
        let entries: Vec<_> = (0..).zip(&self.found).map(entry).collect();
        Ok(map.fill(&entries)?)
    }

    /// Whether the map of devices has them, as they are now.
    pub fn are_in(&self, map: &MapHandle) -> Outcome<bool> {
        for (key, Found { link, .. }) in (0u32..).zip(&self.found) {
            let number = link.index.number().to_ne_bytes();
            if map.read(&key.to_ne_bytes())?.as_deref() != Some(&number) {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Refuses interfaces that do not take frames from a program in native mode, of those that are
    /// meant. Where the kernel does not tell, frames that are not taken are lost, and it says so.
    pub fn check(&self, meant: impl Fn(IfIndex) -> bool) -> Outcome {
        for found in self.found.iter().filter(|found| meant(found.link.index)) {
            if takes_frames(found.link.index)? == TakesFrames::No {
                return Err(found.takes_none());
            }
        }
        Ok(())
    }
}

impl Found {
    fn takes_none(&self) -> Failure {
        let name = human::printable(&self.link.name);
        let help = match self.link.kind.as_deref() {
            Some("veth") => format!(
                "a veth takes them if its peer has an XDP program or gathers what it receives: `ethtool -K PEER gro on`, PEER being the other end of {name}; in generic mode (`--mode generic`) every interface takes them"
            ),
            _ => "its driver may take them once it has an XDP program of its own: attach one there; in generic mode (`--mode generic`) every interface takes them".to_owned(),
        };
        Failure::refused(format!(
            "{name} takes no frames from another interface; line {} redirects to it",
            self.line
        ))
        .note("found", "the kernel's `xdp-features` of it lack `ndo-xmit`: what is redirected there would be lost")
        .note("help", help)
    }
}

/// The interfaces that the policy in force redirects to, with their numbers in its map of devices, as
/// far as they are there.
pub fn held(running: &Running<'_>) -> Outcome<Vec<(String, Option<u32>)>> {
    let names = running.policy.outlets();
    if names.is_empty() {
        return Ok(Vec::new());
    }
    let map = running.at.map_of(&running.program, DEVICES)?;
    let one = |(key, name): (u32, &DeviceName)| {
        let number = map.read(&key.to_ne_bytes())?;
        let number = number.and_then(|bytes| bytes.first_chunk().copied()).map(u32::from_ne_bytes);
        Ok((name.to_string(), number))
    };
    (0..).zip(names).map(one).collect()
}

/// Brings the map of devices of a policy up to date that is about to be in force again; its pins
/// are in `kept`.
pub fn renew(kept: &PinDir, missing: Missing) -> Outcome {
    let Some(maps) = kept.subdir(MAPS)? else { return Ok(()) };
    let map = match MapHandle::open(&maps, DEVICES) {
        Ok(map) => map,
        Err(MapError::Pin(PinError::Missing { .. })) => return Ok(()),
        Err(error) => return Err(error.into()),
    };
    let text = Meta::open(kept)?.text;
    // A text that is in force has been read before.
    let Ok(policy) = palisade_filter::parse(&text) else { return Ok(()) };
    match (Outlets::find(&policy), missing) {
        (Ok(found), _) => found.write(&map),
        (Err(failure), Missing::Refused) => Err(failure),
        (Err(_), Missing::Lost) => Ok(()),
    }
}

fn line_of(policy: &Policy, device: &DeviceName) -> u32 {
    let is_there = |rule: &&palisade_filter::policy::Rule| {
        rule.outlet().is_some_and(|outlet| outlet == Outlet::Device(device))
    };
    policy.rules().iter().find(is_there).map_or(0, |rule| rule.line)
}

fn missing(error: LinkError, line: u32) -> Failure {
    match error {
        LinkError::NoSuchName { .. } => {
            Failure::usage(format!("{error}; line {line} redirects to it")).note(
                "help",
                "make the interface first, or take the rule out; `ip -br link` lists those of this network namespace",
            )
        }
        LinkError::NoSuchIndex { .. } | LinkError::Netlink(_) => error.into(),
    }
}
