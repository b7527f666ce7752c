//! The key of a longest-prefix-match map: how many bits count, then the address as on the wire.
//!
//! The kernel compares the address from its first byte on and ignores what lies beyond the prefix,
//! so two keys that differ only there are one entry; [`LpmKey::new`] clears those bits.

use crate::Wire;

/// A prefix of up to `N * 8` bits: `N` is 4 for IPv4 and 16 for IPv6.
#[doc(alias = "bpf_lpm_trie_key")]
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LpmKey<const N: usize> {
    /// How many bits of the address count.
    pub prefix_len: u32,
    /// The address in network order.
    pub addr: [u8; N],
}

impl<const N: usize> LpmKey<N> {
    /// The prefix of that length, host bits cleared; `None` when it is longer than the address.
    pub fn new(addr: [u8; N], prefix_len: u32) -> Option<Self> {
        let mut left = usize::try_from(prefix_len).ok().filter(|len| *len <= N * 8)?;
        let mut clean = addr;
        for byte in &mut clean {
            let kept = left.min(8);
            *byte &= !0xffu8.checked_shr(u32::try_from(kept).unwrap_or(8)).unwrap_or(0);
            left -= kept;
        }
        Some(LpmKey { prefix_len, addr: clean })
    }
}

impl<const N: usize> Wire for LpmKey<N> {
    const SIZE: usize = 4 + N;

    fn put(&self, out: &mut [u8]) {
        if let Some((len, addr)) = out.split_first_chunk_mut::<4>() {
            *len = self.prefix_len.to_ne_bytes();
            addr.copy_from_slice(&self.addr);
        }
    }

    fn get(bytes: &[u8]) -> Self {
        let (len, addr) = bytes.split_at_checked(4).unwrap_or_default();
        LpmKey { prefix_len: u32::get(len), addr: Wire::get(addr) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::bytes_of;

    #[test]
    fn a_prefix_is_its_length_and_then_the_address_in_network_order() {
        let key = LpmKey { prefix_len: 8, addr: [10, 0, 0, 0] };
        let bytes = [8u32.to_ne_bytes(), [10, 0, 0, 0]].concat();
        assert_eq!(bytes_of(&key), bytes);
        assert_eq!(LpmKey::<4>::get(&bytes), key);
        assert_eq!(LpmKey::<16>::SIZE, 20);
    }

    #[test]
    fn host_bits_are_cleared_and_a_prefix_longer_than_the_address_is_none() {
        let key = |len| LpmKey::new([10, 255, 255, 255], len).map(|key| key.addr);
        assert_eq!(key(0), Some([0, 0, 0, 0]));
        assert_eq!(key(9), Some([10, 128, 0, 0]));
        assert_eq!(key(16), Some([10, 255, 0, 0]));
        assert_eq!(key(32), Some([10, 255, 255, 255]));
        assert_eq!(key(33), None);
    }
}
