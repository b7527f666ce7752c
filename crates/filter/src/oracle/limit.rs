//! Limits as the oracle keeps them: a bucket for each key, which packets fill and time empties.
//!
//! The contents of a bucket are in 64ths of a nanosecond, the time that it takes to empty, and a
//! packet that does not fit in is over the limit. No key is ever forgotten, and no number goes round.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::frame::{Facts, Ip};
use crate::policy::{Limit, LimitKey, Prefixes, Rate};

/// What the limits of a policy have seen.
#[derive(Clone, Debug, Default)]
pub struct Limits {
    now: u64,
    buckets: HashMap<(usize, Key), Bucket>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Key {
    Whole,
    Address(IpAddr),
    Flow([IpAddr; 2], u8, [u16; 2]),
}

#[derive(Clone, Copy, Debug, Default)]
struct Bucket {
    contents: u128,
    /// When that was so.
    at: u64,
}

/// Parts of a nanosecond.
const PARTS: u128 = 64;
const SECOND: u128 = 1_000_000_000 * PARTS;

impl Limits {
    /// Sets the clock, in nanoseconds.
    pub fn set_now(&mut self, nanoseconds: u64) {
        self.now = nanoseconds;
    }

    /// Whether a frame of so many bytes is over the limit of the rule at a place; it is counted where
    /// it is not.
    pub(super) fn is_over(&mut self, at: usize, limit: &Limit, facts: &Facts) -> bool {
        let Some(key) = key(limit.key(), facts) else { return false };
        let fresh = Bucket { contents: 0, at: self.now };
        let bucket = self.buckets.entry((at, key)).or_insert(fresh);
        let passed = u128::from(self.now.saturating_sub(bucket.at)) * PARTS;
        bucket.contents = bucket.contents.saturating_sub(passed);
        bucket.at = self.now;
        let more = bucket.contents + cost(limit.rate(), facts.length);
        if more > size(limit) {
            return true;
        }
        bucket.contents = more;
        false
    }
}

/// The parts that a packet fills: as long as it takes at the rate, rounded up by less than one; of a
/// byte, by less than a 65536th of one.
fn cost(rate: Rate, length: usize) -> u128 {
    match rate {
        Rate::Packets { number, every } => {
            (SECOND * u128::from(every.seconds())).div_ceil(number.into())
        }
        Rate::Bits(bits) => length as u128 * (8 * SECOND * 65536).div_ceil(bits.into()) / 65536,
    }
}

/// What the bucket takes.
fn size(limit: &Limit) -> u128 {
    let burst = u128::from(limit.burst());
    match limit.rate() {
        Rate::Packets { .. } => burst * cost(limit.rate(), 0),
        Rate::Bits(bits) => (burst * SECOND).div_ceil(bits.into()),
    }
}

fn key(key: LimitKey, facts: &Facts) -> Option<Key> {
    let ip = facts.ip.as_ref();
    Some(match key {
        LimitKey::Whole => Key::Whole,
        LimitKey::Source(prefixes) => Key::Address(prefix(ip?.source, prefixes)),
        LimitKey::Destination(prefixes) => Key::Address(prefix(ip?.destination, prefixes)),
        LimitKey::Flow => {
            let Ip { source, destination, protocol, ports, .. } = ip?;
            let protocol = protocol.map_or(0, |own| own.0);
            Key::Flow([*source, *destination], protocol, ports.unwrap_or_default())
        }
    })
}

/// The address without the bits behind the prefix.
fn prefix(addr: IpAddr, prefixes: Prefixes) -> IpAddr {
    match addr {
        IpAddr::V4(addr) => {
            let cut = 32 - u32::from(prefixes.v4.unwrap_or(32));
            Ipv4Addr::from_bits(addr.to_bits() >> cut << cut).into()
        }
        IpAddr::V6(addr) => {
            let cut = 128 - u32::from(prefixes.v6.unwrap_or(128));
            Ipv6Addr::from_bits(addr.to_bits() >> cut << cut).into()
        }
    }
}
