//! How a `host` set is held: a hash of single addresses, which programs write too.
//!
//! A key is sixteen bytes of the address, in the order of the packet, those of IPv4 in the first four
//! and zeros behind them, then the version of IP as a `u32` of the machine. A value is an entry, as
//! that of a `mac` set. What a program puts in, it cannot count: how many entries there are, the hash
//! alone knows, and whoever edits counts them. The word behind the fill counts the bans for which
//! there was no room.

use std::net::IpAddr;

use palisade_asm::btf::{Layout, MapLayout};
use palisade_asm::{ByteOrder, MapDecl, MapFlags, MapKind};

use super::{ENTRY_SIZE, FILL_WORDS, entry_layout};

/// Bytes of a key.
pub const KEY_SIZE: u32 = 20;
/// Where in a key the version of IP stands.
pub const VERSION: i16 = 16;
/// Where in the value of the fill map the bans are counted for which there was no room.
pub const REFUSED: u32 = FILL_WORDS as u32 * 8;

/// The key of an address.
pub fn key(addr: IpAddr, order: ByteOrder) -> [u8; KEY_SIZE as usize] {
    let mut key = [0; KEY_SIZE as usize];
    let version: u32 = match addr {
        IpAddr::V4(addr) => {
            key[..4].copy_from_slice(&addr.octets());
            4
        }
        IpAddr::V6(addr) => {
            key[..16].copy_from_slice(&addr.octets());
            6
        }
    };
    key[16..].copy_from_slice(&order.bytes32(version));
    key
}

/// The address of a key; nothing where it is none of ours.
pub fn address(key: &[u8; KEY_SIZE as usize], order: ByteOrder) -> Option<IpAddr> {
    let (first, version) = key.split_first_chunk::<16>()?;
    match order.read32(version.try_into().ok()?) {
        4 => Some(IpAddr::from(*first.first_chunk::<4>()?)),
        6 => Some(IpAddr::from(*first)),
        _ => None,
    }
}

/// The map of the entries.
pub fn map(set: &str, max: u32) -> MapDecl {
    MapDecl {
        name: set.to_owned(),
        kind: MapKind::Hash,
        key_size: KEY_SIZE,
        value_size: ENTRY_SIZE,
        max_entries: max,
        flags: MapFlags::NO_PREALLOC,
    }
}

/// What that map holds.
pub fn layout() -> MapLayout {
    let fields = [("address", Layout::bytes(16)), ("version", Layout::U32)];
    MapLayout { key: Layout::fields("host", fields), value: entry_layout() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_read_back_as_the_address_that_it_is_of() {
        for order in [ByteOrder::Little, ByteOrder::Big] {
            for text in ["192.0.2.1", "0.0.0.0", "c000:201::", "2001:db8::1", "::"] {
                let addr = text.parse().expect("an address");
                assert_eq!(address(&key(addr, order), order), Some(addr));
            }
        }
        assert_eq!(address(&[0; 20], ByteOrder::Little), None);
    }
}
