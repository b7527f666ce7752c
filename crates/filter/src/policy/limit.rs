//! Limits: how many packets, or bits, a rule leaves alone before it matches.
//!
//! A rule with a limit is about the packets that are over it. Those under it are none of its
//! packets, and meet the next rule. What is counted together is the key: all that the other terms
//! match, or that of one source, destination or flow. A key implies that the packet has it, as
//! actions imply what they need.

use std::fmt::{self, Display, Formatter};

use super::{Class, Lane, Match, Term, Test, Truth};
use crate::value::Family;

/// What a rule leaves alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Limit {
    rate: Rate,
    burst: u64,
    key: LimitKey,
    size: u32,
}

/// How fast packets may come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Rate {
    /// So many packets.
    Packets {
        /// How many.
        number: u32,
        /// In what time.
        every: Every,
    },
    /// So many bits of frames, a second.
    Bits(u64),
}

/// The time that a number of packets is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Every {
    /// A second.
    Second,
    /// A minute.
    Minute,
    /// An hour.
    Hour,
}

/// What is counted together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum LimitKey {
    /// All that the rule's terms match.
    Whole,
    /// What comes from one source, or one prefix of sources.
    Source(Prefixes),
    /// What goes to one destination, or one prefix of destinations.
    Destination(Prefixes),
    /// What has addresses, protocol and ports in common; ports are 0 where a packet has none, and so
    /// is the protocol of a later fragment of IPv6.
    Flow,
}

/// How many bits of an address tell keys apart; none where the rule is not about that family.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Prefixes {
    /// Of IPv4, at most 32.
    pub v4: Option<u8>,
    /// Of IPv6, at most 128.
    pub v6: Option<u8>,
}

impl Prefixes {
    /// Whole addresses of either family.
    pub const HOSTS: Self = Self { v4: Some(32), v6: Some(128) };

    /// Those of a family.
    pub const fn of(self, family: Family) -> Option<u8> {
        match family {
            Family::V4 => self.v4,
            Family::V6 => self.v6,
        }
    }
}

/// A burst that takes too long to come back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BurstTooLong {
    /// The greatest burst at that rate.
    pub most: u64,
}

impl Every {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Second, Self::Minute, Self::Hour];

    /// In seconds.
    pub const fn seconds(self) -> u32 {
        match self {
            Self::Second => 1,
            Self::Minute => 60,
            Self::Hour => 3600,
        }
    }

    /// The letter behind the stroke.
    pub const fn letter(self) -> char {
        match self {
            Self::Second => 's',
            Self::Minute => 'm',
            Self::Hour => 'h',
        }
    }
}

impl Rate {
    /// The greatest number of packets.
    pub const MOST_PACKETS: u32 = 10_000_000;
    /// The fewest bits a second.
    pub const FEWEST_BITS: u64 = 1_000;
    /// The most bits a second.
    pub const MOST_BITS: u64 = 1_000_000_000_000;

    /// How many packets, or bits, come in how many seconds.
    const fn ratio(self) -> (u64, u64) {
        match self {
            Self::Packets { number, every } => (number as u64, every.seconds() as u64),
            Self::Bits(bits) => (bits, 1),
        }
    }

    /// The burst where none is said: a tenth of a second's worth, and five packets or the bits of
    /// the longest packet at least.
    pub const fn usual_burst(self) -> u64 {
        let (number, seconds) = self.ratio();
        let (tenth, least) = (number / seconds / 10, self.least_usual());
        if tenth > least { tenth } else { least }
    }

    const fn least_usual(self) -> u64 {
        match self {
            Self::Packets { .. } => 5,
            Self::Bits(_) => 8 * 65536,
        }
    }

    /// The smallest burst: a packet, or the bits of the shortest frame.
    pub const fn least_burst(self) -> u64 {
        match self {
            Self::Packets { .. } => 1,
            Self::Bits(_) => 8 * 64,
        }
    }

    /// The greatest burst: what comes in a year.
    pub fn most_burst(self) -> u64 {
        const YEAR: u128 = 365 * 86400;
        let (number, seconds) = self.ratio();
        u64::try_from(u128::from(number) * YEAR / u128::from(seconds)).unwrap_or(u64::MAX)
    }
}

impl Limit {
    /// How many keys are remembered where nothing is said.
    pub const USUAL_SIZE: u32 = 65536;
    /// The fewest keys: with fewer, the kernel forgets keys before as many are there.
    pub const LEAST_SIZE: u32 = 1024;
    /// The most keys.
    pub const MOST_SIZE: u32 = 1 << 24;

    /// The limit of a rate, with the usual burst unless one is said.
    pub fn new(
        rate: Rate,
        burst: Option<u64>,
        key: LimitKey,
        size: u32,
    ) -> Result<Self, BurstTooLong> {
        let most = rate.most_burst();
        let burst = burst.unwrap_or_else(|| rate.usual_burst().min(most));
        if burst > most { Err(BurstTooLong { most }) } else { Ok(Self { rate, burst, key, size }) }
    }

    /// How fast packets may come.
    pub const fn rate(&self) -> Rate {
        self.rate
    }

    /// What may come at once behind a pause, in packets or bits.
    pub const fn burst(&self) -> u64 {
        self.burst
    }

    /// What is counted together.
    pub const fn key(&self) -> LimitKey {
        self.key
    }

    /// How many keys are remembered.
    pub const fn size(&self) -> u32 {
        self.size
    }

    /// What it implies of a packet, as terms beside those of its rule.
    pub fn implied(&self) -> Vec<Term> {
        match self.key {
            LimitKey::Whole => Vec::new(),
            LimitKey::Source(_) | LimitKey::Destination(_) | LimitKey::Flow => vec![of_ip()],
        }
    }
}

/// That a packet is one of IP.
pub fn of_ip() -> Term {
    let one = |family| Match::new(vec![Term::Test(Test::Family(family))]).expect("one term");
    Term::Any([Family::V4, Family::V6].map(one).into())
}

/// Whether some packet of a class can meet a match.
pub fn can_be(matching: &Match, class: Class) -> bool {
    Lane::of(class).iter().any(|lane| matching.truth(class, *lane) != Truth::Never)
}

/// As it stands behind `limit`.
impl Display for Limit {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        self.rate.fmt(f)?;
        if self.burst != self.rate.usual_burst() {
            match self.rate {
                Rate::Packets { .. } => write!(f, " burst {}", self.burst)?,
                Rate::Bits(_) => write!(f, " burst {}", Bits(self.burst))?,
            }
        }
        match self.key {
            LimitKey::Whole => return Ok(()),
            LimitKey::Source(prefixes) => write!(f, " per src{prefixes}")?,
            LimitKey::Destination(prefixes) => write!(f, " per dst{prefixes}")?,
            LimitKey::Flow => f.write_str(" per flow")?,
        }
        if self.size == Self::USUAL_SIZE { Ok(()) } else { write!(f, " size {}", self.size) }
    }
}

impl Display for Rate {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Packets { number, every } => write!(f, "{number}/{}", every.letter()),
            Self::Bits(bits) => write!(f, "{}/s", Bits(*bits)),
        }
    }
}

/// The units of bits, the largest first.
pub const BITS: [(&str, u64); 4] =
    [("gbit", 1_000_000_000), ("mbit", 1_000_000), ("kbit", 1_000), ("bit", 1)];

/// A number of bits in its largest whole unit.
struct Bits(u64);

impl Display for Bits {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let whole = BITS.into_iter().find(|(_, unit)| self.0.is_multiple_of(*unit));
        let (word, unit) = whole.unwrap_or(("bit", 1));
        write!(f, "{}{word}", self.0 / unit)
    }
}

/// Nothing for whole addresses, else the bits of those families that the rule is about.
impl Display for Prefixes {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        if *self == Self::HOSTS {
            return Ok(());
        }
        [self.v4, self.v6].into_iter().flatten().try_for_each(|bits| write!(f, "/{bits}"))
    }
}
