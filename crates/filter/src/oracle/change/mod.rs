//! What a frame is after an action that changes it, found the plain way.
//!
//! The bytes are moved and replaced in a copy. Checksums are not updated but computed whole, before and
//! after: a changed packet is exactly as right, or as wrong, as it was.

mod balance;
mod given;
mod place;
mod route;
mod sums;
mod tunnel;

use std::net::IpAddr;

use super::{Decider, Decision};
use crate::policy::{Change, Outlet, Policy, Protocol, REPLY_HOPS, Rewrite};
use crate::value::Mac;
pub use given::{Fib, Given, verdict_of};
use place::{Place, Version};
use sums::Sums;

/// Where a frame goes of which the policy decides so and is enforced, if neither to the stack nor
/// back.
pub fn outlet<'a>(policy: &'a Policy, decision: &Decision) -> Option<Outlet<'a>> {
    change_of(policy, decision)?.outlet()
}

/// What a policy does to a frame that it decides so.
pub fn change_of<'a>(policy: &'a Policy, decision: &Decision) -> Option<&'a Change> {
    match decision.decider {
        Decider::Rule(at) => policy.rules().get(at).and_then(|rule| rule.action.change()),
        Decider::Malformed(_) | Decider::Keep(_) | Decider::Fragment | Decider::Default => None,
    }
}

/// What leaves the filter, where the policy decides so of a frame and is enforced.
pub fn frame_out(policy: &Policy, decision: &Decision, frame: &[u8], given: &Given) -> Vec<u8> {
    let change = change_of(policy, decision);
    change.map_or_else(|| frame.to_vec(), |change| changed(change, frame, given))
}

/// A frame after a change; as it is where the change is not for such frames, or the kernel does not
/// let it.
pub fn changed(change: &Change, frame: &[u8], given: &Given) -> Vec<u8> {
    let done = match change {
        Change::Reflect => reflected(frame),
        Change::Reply => reply(frame),
        Change::Rewrite(new) => rewritten(frame, new),
        Change::Pop => popped(frame),
        Change::Push(id) => pushed(frame, *id),
        Change::Redirect(redirect) => redirect.mac.and_then(|mac| sent_to(mac, frame)),
        Change::Deliver(_) => None,
        Change::Balance(balance) => balance::balanced(frame, balance, given.turn),
        Change::Route => route::routed(frame, &given.fib),
        Change::Tunnel(tunnel) => tunnel::tunnelled(frame, tunnel),
    };
    done.unwrap_or_else(|| frame.to_vec())
}

fn reflected(frame: &[u8]) -> Option<Vec<u8>> {
    let (to, rest) = frame.split_first_chunk::<6>()?;
    let (from, rest) = rest.split_first_chunk::<6>()?;
    Some([from.as_slice(), to, rest].concat())
}

fn sent_to(mac: Mac, frame: &[u8]) -> Option<Vec<u8>> {
    Some([mac.0.as_slice(), frame.get(6..)?].concat())
}

fn popped(frame: &[u8]) -> Option<Vec<u8>> {
    Some([frame.get(..12)?, frame.get(16..)?].concat())
}

fn pushed(frame: &[u8], id: u16) -> Option<Vec<u8>> {
    let [high, low] = id.to_be_bytes();
    frame.get(..14)?;
    Some([frame.get(..12)?, &[0x81, 0x00, high, low], frame.get(12..)?].concat())
}

fn reply(frame: &[u8]) -> Option<Vec<u8>> {
    let place = Place::of(frame)?;
    let sums = Sums::of(frame, &place);
    let mut new = reflected(frame)?;
    let (source, destination) = (place.source(), place.destination());
    new.get_mut(source.clone())?.copy_from_slice(frame.get(destination.clone())?);
    new.get_mut(destination)?.copy_from_slice(frame.get(source)?);
    *new.get_mut(place.hops())? = REPLY_HOPS;
    *new.get_mut(place.transport)? = match place.version {
        Version::Four => 0,
        Version::Six => 129,
    };
    sums.restore(&mut new, &place);
    Some(new)
}

fn rewritten(frame: &[u8], to: &Rewrite) -> Option<Vec<u8>> {
    let place = Place::of(frame)?;
    if to.family().is_some_and(|family| family != place.version.family()) {
        return None;
    }
    let sums = Sums::of(frame, &place);
    let mut new = frame.to_vec();
    for (addr, range) in [(to.src, place.source()), (to.dst, place.destination())] {
        match addr {
            Some(IpAddr::V4(addr)) => new.get_mut(range)?.copy_from_slice(&addr.octets()),
            Some(IpAddr::V6(addr)) => new.get_mut(range)?.copy_from_slice(&addr.octets()),
            None => {}
        }
    }
    for (port, at) in [(to.sport, place.transport), (to.dport, place.transport + 2)] {
        if let (Some(port), Protocol::TCP | Protocol::UDP) = (port, place.protocol) {
            new.get_mut(at..at + 2)?.copy_from_slice(&port.to_be_bytes());
        }
    }
    sums.restore(&mut new, &place);
    Some(new)
}
