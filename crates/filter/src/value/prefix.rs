//! Addresses and prefixes of both families, and ranges as the prefixes that cover them.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

use super::{ValueError, decimal};

/// The two versions of the Internet Protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Family {
    /// IPv4.
    V4,
    /// IPv6.
    V6,
}

impl Family {
    /// That of an address.
    pub const fn of(addr: IpAddr) -> Self {
        match addr {
            IpAddr::V4(_) => Self::V4,
            IpAddr::V6(_) => Self::V6,
        }
    }

    /// Bits of an address.
    pub const fn bits(self) -> u8 {
        match self {
            Self::V4 => 32,
            Self::V6 => 128,
        }
    }
}

/// An address prefix without host bits; a single address is a prefix of full length.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Prefix {
    addr: IpAddr,
    len: u8,
}

impl Prefix {
    /// The prefix of `len` bits that holds `addr`; `None` if an address has fewer bits.
    pub fn new(addr: IpAddr, len: u8) -> Option<Self> {
        let addr = match addr {
            IpAddr::V4(a) => {
                let mask = high_bits(128 - 32 + u32::from(len)) as u32;
                (len <= 32).then(|| IpAddr::V4(Ipv4Addr::from_bits(a.to_bits() & mask)))
            }
            IpAddr::V6(a) => {
                let mask = high_bits(u32::from(len));
                (len <= 128).then(|| IpAddr::V6(Ipv6Addr::from_bits(a.to_bits() & mask)))
            }
        }?;
        Some(Self { addr, len })
    }

    /// The prefix that holds `addr` alone.
    pub const fn host(addr: IpAddr) -> Self {
        let len = if addr.is_ipv4() { 32 } else { 128 };
        Self { addr, len }
    }

    /// The first address.
    pub const fn addr(&self) -> IpAddr {
        self.addr
    }

    /// The number of bits that are fixed.
    #[expect(clippy::len_without_is_empty, reason = "a prefix length, not a number of elements")]
    pub const fn len(&self) -> u8 {
        self.len
    }

    /// The family of the address.
    pub const fn family(&self) -> Family {
        if self.addr.is_ipv4() { Family::V4 } else { Family::V6 }
    }

    /// Whether this is a single address.
    pub const fn is_host(&self) -> bool {
        self.len == self.family().bits()
    }

    /// Whether `addr` lies inside.
    pub fn contains(&self, addr: IpAddr) -> bool {
        Self::new(addr, self.len).is_some_and(|p| p == *self)
    }

    /// The fewest prefixes that together hold the addresses from `first` to `last`; `None` if the
    /// families differ or the range is reversed.
    pub fn cover(first: IpAddr, last: IpAddr) -> Option<Vec<Self>> {
        match (first, last) {
            (IpAddr::V4(a), IpAddr::V4(b)) if a <= b => Some(
                cover_bits(u128::from(a.to_bits()), u128::from(b.to_bits()), 32)
                    .into_iter()
                    .map(|(bits, len)| Self {
                        addr: IpAddr::V4(Ipv4Addr::from_bits(bits as u32)),
                        len,
                    })
                    .collect(),
            ),
            (IpAddr::V6(a), IpAddr::V6(b)) if a <= b => Some(
                cover_bits(a.to_bits(), b.to_bits(), 128)
                    .into_iter()
                    .map(|(bits, len)| Self { addr: IpAddr::V6(Ipv6Addr::from_bits(bits)), len })
                    .collect(),
            ),
            _ => None,
        }
    }
}

/// A word whose `n` highest bits of 128 are ones.
const fn high_bits(n: u32) -> u128 {
    match n {
        0 => 0,
        1..=127 => u128::MAX << (128 - n),
        _ => u128::MAX,
    }
}

/// Aligned blocks from `first` to `last` (inclusive) of numbers of `width` bits, largest first.
fn cover_bits(mut first: u128, last: u128, width: u8) -> Vec<(u128, u8)> {
    let mut out = Vec::new();
    loop {
        let aligned = first.trailing_zeros().min(u32::from(width));
        let left = last - first;
        // A block of 2^k numbers fits when 2^k - 1 of them still follow the first.
        let fits = if left == u128::MAX { 128 } else { (left + 1).ilog2() };
        let k = aligned.min(fits);
        out.push((first, width - k as u8));
        let size_less_one = if k == 128 { u128::MAX } else { (1 << k) - 1 };
        match first.checked_add(size_less_one) {
            Some(end) if end < last => first = end + 1,
            _ => return out,
        }
    }
}

impl fmt::Display for Prefix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_host() { self.addr.fmt(f) } else { write!(f, "{}/{}", self.addr, self.len) }
    }
}

impl FromStr for Prefix {
    type Err = ValueError;

    fn from_str(text: &str) -> Result<Self, ValueError> {
        let (addr, len) = match text.split_once('/') {
            Some((addr, len)) => (addr, Some(len)),
            None => (text, None),
        };
        let addr: IpAddr =
            addr.parse().map_err(|_| ValueError::Address { text: addr.to_owned() })?;
        let Some(len) = len else { return Ok(Self::host(addr)) };
        let max = Self::host(addr).len;
        let wrong = || ValueError::PrefixLength { text: len.to_owned(), max };
        let bits = decimal(len).and_then(|n| u8::try_from(n).ok()).ok_or_else(wrong)?;
        Self::new(addr, bits).ok_or_else(wrong)
    }
}
