//! The values that policies and set entries are made of: prefixes, port ranges, services, names.
//!
//! Each type holds only what makes sense: a prefix has no host bits, a port range is not empty, a
//! name is one that the language and a file system both take. All of them print the way they are
//! written, and parsing what was printed gives the same value.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

/// The two versions of the Internet Protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Family {
    /// IPv4.
    V4,
    /// IPv6.
    V6,
}

impl Family {
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

/// What is wrong with the text of a value.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ValueError {
    /// Not an IPv4 or IPv6 address.
    #[error("`{text}` is not an IPv4 or IPv6 address")]
    Address {
        /// The text.
        text: String,
    },
    /// A prefix length that the address cannot have.
    #[error("`{text}` is not a prefix length from 0 to {max}")]
    PrefixLength {
        /// The text behind the slash.
        text: String,
        /// Bits of the address.
        max: u8,
    },
    /// Not a port.
    #[error("`{text}` is not a port from 0 to 65535")]
    Port {
        /// The text.
        text: String,
    },
    /// A range whose end comes before its start.
    #[error("the range `{text}` ends before it starts")]
    Reversed {
        /// The text.
        text: String,
    },
    /// Not a transport that has ports.
    #[error("`{text}` is not one of tcp, udp, sctp, any")]
    Transport {
        /// The text before the slash.
        text: String,
    },
    /// Neither an address, nor a prefix, nor a service.
    #[error("`{text}` is not an address, a prefix or a service")]
    Item {
        /// The text.
        text: String,
    },
    /// Not a name.
    #[error(
        "`{text}` is not a name: one to 31 of a-z, 0-9, `_` and `-`, the first of them a letter"
    )]
    Name {
        /// The text.
        text: String,
    },
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

/// A number written in decimal digits alone: no sign, no leading zero, no blanks.
pub fn decimal(text: &str) -> Option<u32> {
    let plain =
        text.bytes().all(|b| b.is_ascii_digit()) && (text.len() == 1 || !text.starts_with('0'));
    if plain { text.parse().ok() } else { None }
}

/// Ports from `first` to `last`, both included.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct PortRange {
    first: u16,
    last: u16,
}

impl PortRange {
    /// The range; `None` if it would be empty.
    pub fn new(first: u16, last: u16) -> Option<Self> {
        (first <= last).then_some(Self { first, last })
    }

    /// One port.
    pub const fn one(port: u16) -> Self {
        Self { first: port, last: port }
    }

    /// The lowest port.
    pub const fn first(self) -> u16 {
        self.first
    }

    /// The highest port.
    pub const fn last(self) -> u16 {
        self.last
    }

    /// How many ports.
    pub fn count(self) -> u32 {
        u32::from(self.last) - u32::from(self.first) + 1
    }

    /// Whether `port` is one of them.
    pub fn contains(self, port: u16) -> bool {
        (self.first..=self.last).contains(&port)
    }
}

impl fmt::Display for PortRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.first == self.last {
            self.first.fmt(f)
        } else {
            write!(f, "{}-{}", self.first, self.last)
        }
    }
}

impl FromStr for PortRange {
    type Err = ValueError;

    fn from_str(text: &str) -> Result<Self, ValueError> {
        let port = |text: &str| {
            decimal(text)
                .and_then(|n| u16::try_from(n).ok())
                .ok_or_else(|| ValueError::Port { text: text.to_owned() })
        };
        let Some((first, last)) = text.split_once('-') else { return Ok(Self::one(port(text)?)) };
        if first.is_empty() || last.is_empty() {
            return Err(ValueError::Port { text: text.to_owned() });
        }
        Self::new(port(first)?, port(last)?)
            .ok_or_else(|| ValueError::Reversed { text: text.to_owned() })
    }
}

/// A transport protocol that has ports, or any of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Transport {
    /// TCP.
    Tcp,
    /// UDP.
    Udp,
    /// SCTP.
    Sctp,
    /// Each of the three.
    Any,
}

impl Transport {
    /// The three protocols, without `Any`.
    pub const EACH: [Self; 3] = [Self::Tcp, Self::Udp, Self::Sctp];

    /// The word in the language.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Tcp => "tcp",
            Self::Udp => "udp",
            Self::Sctp => "sctp",
            Self::Any => "any",
        }
    }

    /// Whether `one` (not `Any`) is meant.
    pub fn covers(self, one: Self) -> bool {
        self == Self::Any || self == one
    }
}

/// A protocol and destination ports: an entry of a `service` set.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Service {
    /// The protocol.
    pub transport: Transport,
    /// The destination ports.
    pub ports: PortRange,
}

impl fmt::Display for Service {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.transport.word(), self.ports)
    }
}

impl FromStr for Service {
    type Err = ValueError;

    fn from_str(text: &str) -> Result<Self, ValueError> {
        let (word, ports) =
            text.split_once('/').ok_or_else(|| ValueError::Item { text: text.to_owned() })?;
        let transport = [Transport::Tcp, Transport::Udp, Transport::Sctp, Transport::Any]
            .into_iter()
            .find(|t| t.word() == word)
            .ok_or_else(|| ValueError::Transport { text: word.to_owned() })?;
        Ok(Self { transport, ports: ports.parse()? })
    }
}

/// An entry of a set, as a user writes it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Item {
    /// An address or a prefix: an entry of a `net` set.
    Net(Prefix),
    /// Protocol and ports: an entry of a `service` set.
    Service(Service),
}

impl Item {
    /// The kind of set that takes it.
    pub const fn kind(&self) -> SetKind {
        match self {
            Self::Net(_) => SetKind::Net,
            Self::Service(_) => SetKind::Service,
        }
    }
}

impl fmt::Display for Item {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Net(prefix) => prefix.fmt(f),
            Self::Service(service) => service.fmt(f),
        }
    }
}

impl FromStr for Item {
    type Err = ValueError;

    fn from_str(text: &str) -> Result<Self, ValueError> {
        let word = text.split('/').next().unwrap_or(text);
        let named = !word.is_empty() && word.bytes().all(|b| b.is_ascii_alphabetic());
        if named && text.contains('/') {
            return text.parse().map(Self::Service);
        }
        if !text.contains(['.', ':']) {
            return Err(ValueError::Item { text: text.to_owned() });
        }
        text.parse().map(Self::Net)
    }
}

/// What a set holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum SetKind {
    /// IPv4 and IPv6 addresses and prefixes.
    Net,
    /// Protocols with ports.
    Service,
}

impl SetKind {
    /// The word in the language.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Net => "net",
            Self::Service => "service",
        }
    }
}

/// A name of a set or a policy: `[a-z][a-z0-9_-]{0,30}`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Name(String);

impl Name {
    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for Name {
    type Err = ValueError;

    fn from_str(text: &str) -> Result<Self, ValueError> {
        let fine = text.len() <= 31
            && text.starts_with(|c: char| c.is_ascii_lowercase())
            && text.bytes().all(|b| matches!(b, b'a'..=b'z' | b'0'..=b'9' | b'_' | b'-'));
        if fine {
            Ok(Self(text.to_owned()))
        } else {
            Err(ValueError::Name { text: text.to_owned() })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn prefix(text: &str) -> Prefix {
        text.parse().expect(text)
    }

    #[test]
    fn values_print_as_they_are_written() {
        for text in ["10.10.10.10", "10.0.0.0/8", "0.0.0.0/0", "2001:db8::/32", "::1", "::/0"] {
            assert_eq!(prefix(text).to_string(), text);
        }
        for text in ["tcp/80", "udp/53", "tcp/8000-8099", "any/53", "sctp/0-65535"] {
            assert_eq!(text.parse::<Item>().expect(text).to_string(), text);
        }
    }

    #[test]
    fn a_prefix_loses_its_host_bits() {
        assert_eq!(prefix("10.1.2.3/8"), prefix("10.0.0.0/8"));
        assert_eq!(prefix("2001:db8::1/32"), prefix("2001:db8::/32"));
        assert_eq!(prefix("1.2.3.4/0"), prefix("0.0.0.0/0"));
        assert_eq!(prefix("1.2.3.4/32"), prefix("1.2.3.4"));
    }

    #[test]
    fn a_mapped_address_stays_ipv6() {
        assert_eq!(prefix("::ffff:1.2.3.4").family(), Family::V6);
    }

    #[test]
    fn a_prefix_contains_its_first_and_last_address_and_no_neighbour() {
        let p = prefix("10.0.0.0/8");
        for (addr, inside) in [
            ("10.0.0.0", true),
            ("10.255.255.255", true),
            ("9.255.255.255", false),
            ("11.0.0.0", false),
            ("::a00:0", false),
        ] {
            assert_eq!(p.contains(addr.parse().expect(addr)), inside, "{addr}");
        }
    }

    #[test]
    fn what_is_not_a_value_is_refused() {
        for text in [
            "",
            "1.2.3",
            "1.2.3.4/",
            "1.2.3.4/33",
            "1.2.3.4/-1",
            "1.2.3.4/08",
            "::/129",
            "1.2.3.4/+8",
            "tcp/",
            "tcp/65536",
            "tcp/80x",
            "tcp/-1",
            "tcp/90-80",
            "tcp/0x50",
            "tcp/080",
            "icmp/1",
            "80",
            "tcp",
            "/8",
            "1.2.3.4 ",
            "١.2.3.4",
            "fe80::1%eth0",
            "tcp/80-",
            "tcp/-80",
        ] {
            assert!(text.parse::<Item>().is_err(), "{text:?}");
        }
    }

    #[test]
    fn a_range_is_covered_by_the_fewest_prefixes() {
        let cover = |a: &str, b: &str| -> Vec<String> {
            let (a, b) = (a.parse().expect(a), b.parse().expect(b));
            Prefix::cover(a, b).expect("a range").iter().map(Prefix::to_string).collect()
        };
        assert_eq!(cover("10.0.0.0", "10.0.0.255"), ["10.0.0.0/24"]);
        assert_eq!(cover("10.0.0.1", "10.0.0.4"), ["10.0.0.1", "10.0.0.2/31", "10.0.0.4"]);
        assert_eq!(cover("0.0.0.0", "255.255.255.255"), ["0.0.0.0/0"]);
        assert_eq!(cover("255.255.255.254", "255.255.255.255"), ["255.255.255.254/31"]);
        assert_eq!(cover("::", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"), ["::/0"]);
        assert_eq!(cover("::1", "::2"), ["::1", "::2"]);
        let (v4, v6) = ("1.1.1.1".parse().expect("v4"), "::1".parse().expect("v6"));
        assert_eq!(Prefix::cover(v4, v6), None);
        assert_eq!(Prefix::cover("1.1.1.2".parse().expect("v4"), v4), None);
    }

    #[test]
    fn a_name_is_short_lower_case_and_starts_with_a_letter() {
        for (text, fine) in [
            ("block", true),
            ("a", true),
            ("a-b_9", true),
            ("", false),
            ("9a", false),
            ("Block", false),
            ("a.b", false),
            ("a/b", false),
            ("abcdefghijklmnopqrstuvwxyz-abcd", true),
            ("abcdefghijklmnopqrstuvwxyz-abcde", false),
        ] {
            assert_eq!(text.parse::<Name>().is_ok(), fine, "{text}");
        }
    }
}
