//! Lists of addresses and of ports, in normal form: ranges in order that neither touch nor overlap.
//!
//! Two lists that hold the same are equal, however they were written.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

use super::{Family, PortRange, Prefix, ValueError};

/// Addresses of one family from a first to a last one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct AddressRange {
    family: Family,
    first: u128,
    last: u128,
}

impl AddressRange {
    /// The range; `None` if it ends before it starts or mixes families.
    pub fn new(first: IpAddr, last: IpAddr) -> Option<Self> {
        let ((family, first), (other, last)) = (split(first), split(last));
        (family == other && first <= last).then_some(Self { family, first, last })
    }

    /// The addresses of a prefix.
    pub fn of(prefix: &Prefix) -> Self {
        let (family, first) = split(prefix.addr());
        let free = u32::from(family.bits() - prefix.len());
        let size_less_one = if free == 128 { u128::MAX } else { (1 << free) - 1 };
        Self { family, first, last: first + size_less_one }
    }

    /// The family.
    pub const fn family(&self) -> Family {
        self.family
    }

    /// The first and the last address as numbers.
    pub const fn bits(&self) -> (u128, u128) {
        (self.first, self.last)
    }

    /// The first address.
    pub fn first(&self) -> IpAddr {
        join(self.family, self.first)
    }

    /// The last address.
    pub fn last(&self) -> IpAddr {
        join(self.family, self.last)
    }

    /// The prefix that is the same, if there is one.
    pub fn as_prefix(&self) -> Option<Prefix> {
        match Prefix::cover(self.first(), self.last())?.as_slice() {
            [one] => Some(*one),
            _ => None,
        }
    }
}

fn split(addr: IpAddr) -> (Family, u128) {
    match addr {
        IpAddr::V4(a) => (Family::V4, a.to_bits().into()),
        IpAddr::V6(a) => (Family::V6, a.to_bits()),
    }
}

fn join(family: Family, bits: u128) -> IpAddr {
    match family {
        Family::V4 => Ipv4Addr::from_bits(bits as u32).into(),
        Family::V6 => Ipv6Addr::from_bits(bits).into(),
    }
}

impl fmt::Display for AddressRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.as_prefix() {
            Some(prefix) => prefix.fmt(f),
            None => write!(f, "{}-{}", self.first(), self.last()),
        }
    }
}

impl FromStr for AddressRange {
    type Err = ValueError;

    /// An address, a prefix, or two addresses with `-` between them.
    fn from_str(text: &str) -> Result<Self, ValueError> {
        let Some((first, last)) = text.split_once('-') else {
            return Ok(Self::of(&text.parse()?));
        };
        let addr = |text: &str| -> Result<IpAddr, ValueError> {
            text.parse().map_err(|_| ValueError::Address { text: text.to_owned() })
        };
        let (first, last) = (addr(first)?, addr(last)?);
        if first.is_ipv4() != last.is_ipv4() {
            return Err(ValueError::Mixed { text: text.to_owned() });
        }
        Self::new(first, last).ok_or_else(|| ValueError::Reversed { text: text.to_owned() })
    }
}

/// Addresses of both families, in normal form.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Addresses {
    v4: Vec<(u128, u128)>,
    v6: Vec<(u128, u128)>,
}

impl FromIterator<AddressRange> for Addresses {
    fn from_iter<T: IntoIterator<Item = AddressRange>>(ranges: T) -> Self {
        let mut all = Self::default();
        for range in ranges {
            all.side(range.family).push(range.bits());
        }
        all.v4 = normal(all.v4);
        all.v6 = normal(all.v6);
        all
    }
}

impl Addresses {
    fn side(&mut self, family: Family) -> &mut Vec<(u128, u128)> {
        match family {
            Family::V4 => &mut self.v4,
            Family::V6 => &mut self.v6,
        }
    }

    /// The ranges of a family as first and last numbers, in order.
    pub fn bits(&self, family: Family) -> &[(u128, u128)] {
        match family {
            Family::V4 => &self.v4,
            Family::V6 => &self.v6,
        }
    }

    /// Those of one family.
    #[must_use]
    pub fn only(&self, family: Family) -> Self {
        let mut all = Self::default();
        *all.side(family) = self.bits(family).to_vec();
        all
    }

    /// Whether there is any of a family.
    pub fn has(&self, family: Family) -> bool {
        !self.bits(family).is_empty()
    }

    /// Whether every address of a family is among them.
    pub fn is_all(&self, family: Family) -> bool {
        self.bits(family) == [(0, u128::MAX >> (128 - u32::from(family.bits())))]
    }

    /// Whether an address is among them.
    pub fn contains(&self, addr: IpAddr) -> bool {
        let (family, addr) = split(addr);
        within(self.bits(family), (addr, addr))
    }

    /// Whether everything of `other` in a family is among them.
    pub fn covers(&self, other: &Self, family: Family) -> bool {
        other.bits(family).iter().all(|range| within(self.bits(family), *range))
    }

    /// Whether some address of a family is in both.
    pub fn meets(&self, other: &Self, family: Family) -> bool {
        meet(self.bits(family), other.bits(family))
    }

    /// The ranges, IPv4 first, in order.
    pub fn ranges(&self) -> impl Iterator<Item = AddressRange> {
        let of = |family, ranges: &[(u128, u128)]| {
            let range = move |(first, last): &(u128, u128)| AddressRange {
                family,
                first: *first,
                last: *last,
            };
            ranges.iter().map(range).collect::<Vec<_>>()
        };
        of(Family::V4, &self.v4).into_iter().chain(of(Family::V6, &self.v6))
    }
}

/// Ports, in normal form.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Ports {
    ranges: Vec<(u128, u128)>,
}

impl FromIterator<PortRange> for Ports {
    fn from_iter<T: IntoIterator<Item = PortRange>>(ranges: T) -> Self {
        let ranges = ranges.into_iter().map(|r| (r.first().into(), r.last().into())).collect();
        Self { ranges: normal(ranges) }
    }
}

impl Ports {
    /// The ranges, in order.
    pub fn ranges(&self) -> impl Iterator<Item = PortRange> {
        let range = |(first, last): &(u128, u128)| PortRange::new(*first as u16, *last as u16);
        self.ranges.iter().filter_map(range)
    }

    /// How many ranges there are.
    pub fn count(&self) -> usize {
        self.ranges.len()
    }

    /// Whether every port is among them.
    pub fn is_all(&self) -> bool {
        self.ranges == [(0, 65535)]
    }

    /// Whether a port is among them.
    pub fn contains(&self, port: u16) -> bool {
        within(&self.ranges, (port.into(), port.into()))
    }

    /// Whether everything of `other` is among them.
    pub fn covers(&self, other: &Self) -> bool {
        other.ranges.iter().all(|range| within(&self.ranges, *range))
    }

    /// Whether some port is in both.
    pub fn meets(&self, other: &Self) -> bool {
        meet(&self.ranges, &other.ranges)
    }
}

/// Sorted, and what touches or overlaps made one.
fn normal(mut ranges: Vec<(u128, u128)>) -> Vec<(u128, u128)> {
    ranges.sort_unstable();
    let mut out: Vec<(u128, u128)> = Vec::with_capacity(ranges.len());
    for (first, last) in ranges {
        match out.last_mut() {
            Some(before) if first <= before.1.saturating_add(1) => before.1 = before.1.max(last),
            _ => out.push((first, last)),
        }
    }
    out
}

/// Whether one of the ranges holds all of `wanted`.
fn within(ranges: &[(u128, u128)], wanted: (u128, u128)) -> bool {
    let after = ranges.partition_point(|(first, _)| *first <= wanted.0);
    after.checked_sub(1).is_some_and(|at| wanted.1 <= ranges[at].1)
}

fn meet(a: &[(u128, u128)], b: &[(u128, u128)]) -> bool {
    let (mut i, mut j) = (0, 0);
    while let (Some(x), Some(y)) = (a.get(i), b.get(j)) {
        if x.1 < y.0 {
            i += 1;
        } else if y.1 < x.0 {
            j += 1;
        } else {
            return true;
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    fn addresses(text: &str) -> Addresses {
        text.split_whitespace().map(|t| t.parse::<AddressRange>().expect(t)).collect()
    }

    #[test]
    fn lists_that_hold_the_same_are_equal_however_written() {
        assert_eq!(addresses("10.0.0.0/25 10.0.0.128/25"), addresses("10.0.0.0-10.0.0.255"));
        assert_eq!(addresses("::2 ::1 ::2"), addresses("::1-::2"));
        assert_eq!(addresses("0.0.0.0/0 1.2.3.4"), addresses("0.0.0.0/0"));
        let all = addresses("::/0 ::1");
        assert!(all.is_all(Family::V6) && !all.has(Family::V4));
    }

    #[test]
    fn a_list_contains_its_ends_and_no_neighbour() {
        let list = addresses("10.0.0.1-10.0.0.3 10.0.0.9 2001:db8::/127");
        for (addr, inside) in [
            ("10.0.0.0", false),
            ("10.0.0.1", true),
            ("10.0.0.3", true),
            ("10.0.0.4", false),
            ("10.0.0.9", true),
            ("2001:db8::1", true),
            ("2001:db8::2", false),
            ("::a00:1", false),
        ] {
            assert_eq!(list.contains(addr.parse().expect(addr)), inside, "{addr}");
        }
    }

    #[test]
    fn lists_cover_and_meet_by_family() {
        let (wide, host) = (addresses("10.0.0.0/8 ::1"), addresses("10.1.1.1 ::2"));
        assert!(wide.covers(&host, Family::V4) && !wide.covers(&host, Family::V6));
        assert!(wide.meets(&host, Family::V4) && !wide.meets(&host, Family::V6));
    }

    #[test]
    fn a_range_that_is_a_prefix_prints_as_one() {
        for (text, printed) in [
            ("10.0.0.0-10.0.0.255", "10.0.0.0/24"),
            ("10.0.0.1-10.0.0.2", "10.0.0.1-10.0.0.2"),
            ("::1-::1", "::1"),
        ] {
            assert_eq!(text.parse::<AddressRange>().expect(text).to_string(), printed);
        }
        for text in ["10.0.0.2-10.0.0.1", "10.0.0.1-::1", "10.0.0.1-", "-", "10.0.0.0/8-10.0.0.1"] {
            assert!(text.parse::<AddressRange>().is_err(), "{text}");
        }
    }

    #[test]
    fn ports_are_kept_in_normal_form_too() {
        let ports: Ports = ["80", "81-90", "0-65535"]
            .map(|t| t.parse::<PortRange>().expect(t))
            .into_iter()
            .collect();
        assert!(ports.is_all() && ports.contains(443) && ports.count() == 1);
    }
}
