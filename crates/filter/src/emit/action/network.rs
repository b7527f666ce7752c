//! The IP header of a packet: where its addresses, its hops and its checksum are.

use palisade_asm::Size;

use crate::emit::packet::Field;
use crate::policy::Class;

/// The IP header of a family.
#[derive(Clone, Copy)]
pub struct Network {
    /// How long it is, without options.
    pub size: i16,
    /// Where the source address is.
    pub source: i16,
    /// Where the destination address is.
    pub destination: i16,
    /// Where the time to live, or the hop limit, is.
    pub hops: i16,
}

/// That of IPv4.
pub const IP4: Network = Network { size: 20, source: 12, destination: 16, hops: 8 };
/// That of IPv6.
pub const IP6: Network = Network { size: 40, source: 8, destination: 24, hops: 7 };
/// Where the checksum of the IPv4 header is.
pub const IP4_CHECKSUM_AT: i16 = 10;
/// The checksum of the IPv4 header.
pub const IP4_CHECKSUM: Field = Field::new(IP4_CHECKSUM_AT, Size::H);

impl Network {
    /// That of a class.
    pub const fn of(class: Class) -> Self {
        match class {
            Class::Ip6 => IP6,
            Class::Ip4 | Class::Arp | Class::Other => IP4,
        }
    }

    /// How long an address is.
    pub const fn address(&self) -> i16 {
        self.destination - self.source
    }
}
