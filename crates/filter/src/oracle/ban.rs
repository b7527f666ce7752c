//! Bans as the oracle keeps them: who is in which set, and until when.

use std::collections::HashMap;
use std::net::IpAddr;

use super::{Decider, Decision, Reading};
use crate::policy::{Policy, SetId};
use crate::value::Timeout;

/// Who was banned.
#[derive(Clone, Debug, Default)]
pub struct Bans {
    now: u64,
    until: HashMap<(SetId, IpAddr), u64>,
}

impl Bans {
    /// What time it is, in nanoseconds.
    pub fn set_now(&mut self, nanoseconds: u64) {
        self.now = nanoseconds;
    }

    /// Bans an address; one that is banned for longer stays so.
    pub fn ban(&mut self, set: SetId, addr: IpAddr, until: u64) {
        let own = self.until.entry((set, addr)).or_default();
        *own = until.max(*own);
    }

    /// Whether an address is banned.
    pub fn has(&self, set: SetId, addr: IpAddr) -> bool {
        self.until.get(&(set, addr)).is_some_and(|until| *until > self.now)
    }
}

/// Whom a decision on a frame bans: the set, the address, and for how long.
pub fn banned(
    policy: &Policy,
    decision: &Decision,
    reading: &Reading,
) -> Option<(SetId, IpAddr, Timeout)> {
    let Decider::Rule(at) = decision.decider else { return None };
    let ban = policy.rules().get(at)?.action.ban()?;
    let source = reading.facts.ip.as_ref()?.source;
    Some((ban.set, source, ban.time))
}
