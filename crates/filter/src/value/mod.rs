//! The values that policies and set entries are made of: prefixes, port ranges, services, names.
//!
//! Each type holds only what makes sense: a prefix has no host bits, a port range is not empty, a
//! name is one that the language and a file system both take. All of them print the way they are
//! written, and parsing what was printed gives the same value.

mod device;
mod mac;
mod order;
mod prefix;
mod ranges;
mod service;
mod timeout;

use std::fmt;
use std::str::FromStr;

pub use device::DeviceName;
pub use mac::Mac;
pub use order::{in_order, rank, side_by_side};
pub use prefix::{Family, Prefix};
pub use ranges::{AddressRange, Addresses, Ports};
pub use service::{PortRange, Service, Transport};
pub use timeout::Timeout;

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
    /// A range between addresses of different families.
    #[error("the range `{text}` mixes IPv4 and IPv6")]
    Mixed {
        /// The text.
        text: String,
    },
    /// Not an Ethernet address.
    #[error("`{text}` is not an Ethernet address such as 02:00:5e:10:00:0f")]
    Mac {
        /// The text.
        text: String,
    },
    /// Not the name of an interface.
    #[error(
        "`{text}` is not the name of an interface: one to 15 characters, without blanks, quotes, `/` and `:`"
    )]
    Device {
        /// The text.
        text: String,
    },
    /// Not a time.
    #[error("`{text}` is not a time such as 90s, 15m, 1h or 7d, of ten years at most")]
    Timeout {
        /// The text.
        text: String,
    },
    /// Neither an address, nor a prefix, nor a service, nor an Ethernet address.
    #[error("`{text}` is not an address, a prefix, a service or an Ethernet address")]
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

/// A number written in decimal digits alone: no sign, no leading zero, no blanks.
pub fn decimal(text: &str) -> Option<u32> {
    let plain =
        text.bytes().all(|b| b.is_ascii_digit()) && (text.len() == 1 || !text.starts_with('0'));
    if plain { text.parse().ok() } else { None }
}

/// An entry of a set, as a user writes it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Item {
    /// An address or a prefix: an entry of a `net` set.
    Net(Prefix),
    /// Protocol and ports: an entry of a `service` set.
    Service(Service),
    /// An Ethernet address: an entry of a `mac` set.
    Mac(Mac),
}

impl Item {
    /// The kind of set that is for such items; others may take it too.
    pub const fn kind(&self) -> SetKind {
        match self {
            Self::Net(_) => SetKind::Net,
            Self::Service(_) => SetKind::Service,
            Self::Mac(_) => SetKind::Mac,
        }
    }
}

impl fmt::Display for Item {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Net(prefix) => prefix.fmt(f),
            Self::Service(service) => service.fmt(f),
            Self::Mac(mac) => mac.fmt(f),
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
        // No IPv6 address is six groups long without an elision.
        if let Ok(mac) = text.parse() {
            return Ok(Self::Mac(mac));
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
    /// Ethernet addresses.
    Mac,
    /// Single IPv4 and IPv6 addresses, some of which the program puts in.
    Host,
}

impl SetKind {
    /// Every kind.
    pub const ALL: [Self; 4] = [Self::Net, Self::Service, Self::Mac, Self::Host];

    /// Whether an item can be an entry.
    pub fn takes(self, item: &Item) -> bool {
        match (self, item) {
            (Self::Net, Item::Net(_))
            | (Self::Service, Item::Service(_))
            | (Self::Mac, Item::Mac(_)) => true,
            (Self::Host, Item::Net(prefix)) => prefix.is_host(),
            (Self::Net | Self::Service | Self::Mac | Self::Host, _) => false,
        }
    }

    /// The word in the language.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Net => "net",
            Self::Service => "service",
            Self::Mac => "mac",
            Self::Host => "host",
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
        for text in
            ["tcp/80", "udp/53", "tcp/8000-8099", "any/53", "sctp/0-65535", "02:00:5e:10:00:0f"]
        {
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
