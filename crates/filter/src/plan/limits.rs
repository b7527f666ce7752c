//! Limits as the program keeps them: for each key one time, from which on nothing is owed.
//!
//! Every packet that a limit leaves alone puts that time off by what the packet costs; a packet that
//! would put it off by more than the burst from now on is over the limit. This is the generic cell
//! rate algorithm, which holds a rate with one number and no timer. Times are in 64ths of a
//! nanosecond, which no rate is too fast for. They are `u64` that go round after nine years.
//!
//! Rules with a limit as a whole have their times in one value of an array; a rule with a limit by
//! key has a map of its own, which forgets the key that was not seen for longest when it is full.

use palisade_asm::btf::{Layout, MapLayout};
use palisade_asm::{MapDecl, MapFlags, MapKind};

use super::rows::{FIRST_RULE, RowId};
use crate::policy::{Limit, LimitKey, Policy, Rate};

/// How the names of maps begin in which limits are kept.
pub const LIMITS: &str = "_limit";

/// The binary logarithm of how many units of time a nanosecond has.
pub const UNIT_BITS: u32 = 6;
/// By so many bits the price of a byte is finer than a unit of time.
pub const PRICE_BITS: u32 = 16;

const SECOND: u64 = 1_000_000_000 << UNIT_BITS;

/// The limits of a policy, by rows.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Limits {
    whole: Vec<RowId>,
    keyed: Vec<(RowId, Limit)>,
}

/// Where a rule's limit is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LimitPlace {
    /// So many bytes into the value of the map of limits as a whole.
    Whole(u32),
    /// In the map of keys of this place.
    Keyed(usize),
}

/// What a packet costs, in units of time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cost {
    /// This, whatever its length.
    Packet(u64),
    /// This for each byte, in units of time that are finer by [`PRICE_BITS`].
    Byte(u64),
}

impl Cost {
    /// At a rate. It is rounded up: no limit lets more by than it says.
    pub fn of(rate: Rate) -> Self {
        match rate {
            Rate::Packets { number, every } => {
                let time = SECOND * u64::from(every.seconds());
                Self::Packet(time.div_ceil(number.into()))
            }
            Rate::Bits(bits) => Self::Byte(((8 * SECOND) << PRICE_BITS).div_ceil(bits)),
        }
    }
}

/// How far from now the time of a key may be put off.
pub fn room(limit: &Limit) -> u64 {
    match Cost::of(limit.rate()) {
        Cost::Packet(cost) => cost.saturating_mul(limit.burst()),
        Cost::Byte(_) => match limit.rate() {
            Rate::Bits(bits) => {
                let time = (u128::from(limit.burst()) * u128::from(SECOND)).div_ceil(bits.into());
                u64::try_from(time).unwrap_or(u64::MAX)
            }
            Rate::Packets { .. } => u64::MAX,
        },
    }
}

impl Limits {
    /// Of the rules of a policy.
    pub fn of(policy: &Policy) -> Self {
        let mut limits = Self::default();
        for (at, rule) in policy.rules().iter().enumerate() {
            let row = RowId(FIRST_RULE + policy.keeps().len() + at);
            match rule.limit.map(|limit| (limit, limit.key())) {
                Some((_, LimitKey::Whole)) => limits.whole.push(row),
                Some((limit, _)) => limits.keyed.push((row, limit)),
                None => {}
            }
        }
        limits
    }

    /// The rows of rules that have a map of their own.
    pub fn keyed(&self) -> impl Iterator<Item = RowId> {
        self.keyed.iter().map(|(row, _)| *row)
    }

    /// Where the limit of a rule is kept.
    pub fn place_of(&self, row: RowId) -> LimitPlace {
        match self.keyed.iter().position(|(own, _)| *own == row) {
            Some(at) => LimitPlace::Keyed(at),
            None => {
                let at = self.whole.iter().position(|own| *own == row);
                let at = at.expect("every limit has its place");
                LimitPlace::Whole(u32::try_from(8 * at).unwrap_or(u32::MAX))
            }
        }
    }

    /// Whether some limit is one as a whole.
    pub fn has_whole(&self) -> bool {
        !self.whole.is_empty()
    }

    /// The maps: that of limits as a whole, if there are such, then one for each of the others.
    pub fn maps(&self) -> Vec<MapDecl> {
        let times = u32::try_from(8 * self.whole.len()).unwrap_or(u32::MAX);
        let whole = MapDecl {
            name: format!("{LIMITS}s"),
            kind: MapKind::Array,
            key_size: 4,
            value_size: times,
            max_entries: 1,
            flags: MapFlags::NONE,
        };
        let keyed = self.keyed.iter().zip(1..).map(|((_, limit), number)| MapDecl {
            name: format!("{LIMITS}_{number}"),
            kind: MapKind::LruHash,
            key_size: key_size(limit.key()),
            value_size: 8,
            max_entries: limit.size(),
            flags: MapFlags::NONE,
        });
        self.has_whole().then_some(whole).into_iter().chain(keyed).collect()
    }

    /// What those maps hold.
    pub fn layouts(&self) -> Vec<MapLayout> {
        let times = u32::try_from(self.whole.len()).unwrap_or(u32::MAX);
        let whole = MapLayout::array(Layout::fields("limits", [("times", Layout::words(times))]));
        let keyed = self.keyed.iter().map(|(_, limit)| MapLayout {
            key: Layout::fields("key", [("bytes", Layout::bytes(key_size(limit.key())))]),
            value: Layout::U64,
        });
        self.has_whole().then_some(whole).into_iter().chain(keyed).collect()
    }
}

/// Bytes of an address key: sixteen of the address, those of IPv4 in the first four, then the
/// version of IP in four.
pub const ADDRESS_KEY: u32 = 20;
/// Bytes of the key of a flow: destination and source, ports, protocol and version of IP.
pub const FLOW_KEY: u32 = 40;

const fn key_size(key: LimitKey) -> u32 {
    match key {
        LimitKey::Flow => FLOW_KEY,
        LimitKey::Whole | LimitKey::Source(_) | LimitKey::Destination(_) => ADDRESS_KEY,
    }
}
