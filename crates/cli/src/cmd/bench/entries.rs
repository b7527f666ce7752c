//! The entries that sets are filled with, and addresses that are in them or are not.
//!
//! Prefixes are drawn with lengths in equal shares, IPv4 from /12 to /32, IPv6 from /20 to /128
//! under 2000::/3, but of no length more than an eighth of those that exist: a set of short prefixes
//! alone would cover everything, and nothing would miss. A hit is a random address in a random
//! entry; a miss is a random address that no entry covers.

use std::collections::HashSet;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use palisade_filter::value::{Family, Prefix};

use super::random::Random;

/// What a set is filled with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Single addresses.
    Exact,
    /// Prefixes of mixed lengths.
    Prefixes,
}

impl Kind {
    /// The lengths of its entries.
    fn lengths(self, family: Family) -> Vec<u8> {
        match (self, family) {
            (Self::Exact, family) => vec![family.bits()],
            (Self::Prefixes, Family::V4) => (12..=32).collect(),
            (Self::Prefixes, Family::V6) => (20..=128).collect(),
        }
    }
}

/// What entries of a sort are called.
pub fn title(family: Family, kind: Kind) -> String {
    let family = match family {
        Family::V4 => "IPv4",
        Family::V6 => "IPv6",
    };
    let kind = match kind {
        Kind::Exact => "addresses",
        Kind::Prefixes => "prefixes",
    };
    format!("{family} {kind}")
}

/// The bits that are alike in every address of the mix: those of 2000::/3.
fn fixed_bits(family: Family) -> u32 {
    match family {
        Family::V4 => 0,
        Family::V6 => 3,
    }
}

/// An eighth of the prefixes of a length that exist; of single addresses, any number.
fn most_of(family: Family, len: u8) -> usize {
    if len == family.bits() {
        return usize::MAX;
    }
    let exist = 1_usize.checked_shl(u32::from(len) - fixed_bits(family)).unwrap_or(usize::MAX);
    exist / 8
}

/// So many entries, no two alike.
pub fn draw(family: Family, kind: Kind, count: usize, random: &mut Random) -> Vec<Prefix> {
    let mut open: Vec<(u8, usize)> =
        kind.lengths(family).into_iter().map(|len| (len, most_of(family, len))).collect();
    let (mut drawn, mut seen) = (Vec::with_capacity(count), HashSet::with_capacity(count));
    while drawn.len() < count {
        let at = random.below(open.len());
        let Some((len, left)) = open.get_mut(at) else { break };
        let Some(prefix) = Prefix::new(address(family, any(family, random)), *len) else { break };
        if seen.insert(prefix) {
            drawn.push(prefix);
            *left -= 1;
        }
        if *left == 0 {
            open.swap_remove(at);
        }
    }
    drawn
}

/// Any address of the mix, as bits.
fn any(family: Family, random: &mut Random) -> u128 {
    match family {
        Family::V4 => random.bits(32),
        Family::V6 => random.bits(125) | 1 << 125,
    }
}

/// The address of these bits.
pub fn address(family: Family, bits: u128) -> IpAddr {
    match family {
        Family::V4 => IpAddr::V4(Ipv4Addr::from_bits(u32::try_from(bits).unwrap_or(u32::MAX))),
        Family::V6 => IpAddr::V6(Ipv6Addr::from_bits(bits)),
    }
}

fn bits_of(address: IpAddr) -> u128 {
    match address {
        IpAddr::V4(address) => address.to_bits().into(),
        IpAddr::V6(address) => address.to_bits(),
    }
}

/// The bits behind a prefix, all set.
fn host_mask(prefix: &Prefix) -> u128 {
    let free = u32::from(prefix.family().bits() - prefix.len());
    u128::MAX.checked_shr(128 - free).unwrap_or(0)
}

/// Random addresses in random entries.
pub fn hits(entries: &[Prefix], count: usize, random: &mut Random) -> Vec<IpAddr> {
    (0..count)
        .filter_map(|_| {
            let entry = entries.get(random.below(entries.len().max(1)))?;
            let inside = random.bits(128) & host_mask(entry);
            Some(address(entry.family(), bits_of(entry.addr()) | inside))
        })
        .collect()
}

/// How many addresses are tried for each that is wanted, before the mix is taken to cover all.
const PATIENCE: usize = 64;

/// Random addresses that no entry covers; `None` where too few are found.
pub fn misses(
    family: Family,
    entries: &[Prefix],
    count: usize,
    random: &mut Random,
) -> Option<Vec<IpAddr>> {
    let covered = Covered::by(entries);
    let tries = (0..count.saturating_mul(PATIENCE)).map(|_| any(family, random));
    let found: Vec<IpAddr> = tries
        .filter(|bits| !covered.has(*bits))
        .take(count)
        .map(|bits| address(family, bits))
        .collect();
    (found.len() == count).then_some(found)
}

/// The addresses that some entry covers, as ranges that are sorted and apart.
struct Covered {
    ranges: Vec<(u128, u128)>,
}

impl Covered {
    fn by(entries: &[Prefix]) -> Self {
        let range = |entry: &Prefix| {
            let first = bits_of(entry.addr());
            (first, first | host_mask(entry))
        };
        let mut all: Vec<_> = entries.iter().map(range).collect();
        all.sort_unstable();
        let mut ranges: Vec<(u128, u128)> = Vec::new();
        for (first, last) in all {
            match ranges.last_mut() {
                Some(before) if first <= before.1 => before.1 = before.1.max(last),
                _ => ranges.push((first, last)),
            }
        }
        Self { ranges }
    }

    fn has(&self, bits: u128) -> bool {
        let behind = self.ranges.partition_point(|(first, _)| *first <= bits);
        let before = behind.checked_sub(1).and_then(|at| self.ranges.get(at));
        before.is_some_and(|(_, last)| bits <= *last)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mix(family: Family, count: usize) -> Vec<Prefix> {
        draw(family, Kind::Prefixes, count, &mut Random::new(7))
    }

    #[test]
    fn no_length_has_more_than_an_eighth_of_the_prefixes_that_exist() {
        for (family, shortest) in [(Family::V4, 12_u8), (Family::V6, 20)] {
            let mix = mix(family, 200_000);
            assert_eq!(mix.len(), 200_000);
            assert_eq!(mix.iter().collect::<HashSet<_>>().len(), mix.len());
            for len in shortest..=family.bits() {
                let count = mix.iter().filter(|prefix| prefix.len() == len).count();
                assert!(count > 0 && count <= most_of(family, len), "{count} of /{len}");
            }
            assert!(mix.iter().all(|prefix| prefix.len() >= shortest));
        }
    }

    #[test]
    fn hits_are_covered_and_misses_are_not() {
        for family in [Family::V4, Family::V6] {
            let (entries, mut random) = (mix(family, 2000), Random::new(8));
            let is_in = |addr: &IpAddr| entries.iter().any(|entry| entry.contains(*addr));
            assert!(hits(&entries, 500, &mut random).iter().all(is_in));
            let missed = misses(family, &entries, 500, &mut random).expect("there is room");
            assert!(missed.len() == 500 && !missed.iter().any(is_in));
        }
    }

    #[test]
    fn a_mix_that_covers_all_has_no_misses() {
        let all = [Prefix::new(IpAddr::V4(Ipv4Addr::UNSPECIFIED), 0).expect("a prefix")];
        assert!(misses(Family::V4, &all, 10, &mut Random::new(1)).is_none());
    }
}
