//! The checksums of the Internet protocols, computed bit by bit as their RFCs define them.
//!
//! Speed is of no account here; being obviously right is.

use std::net::{Ipv4Addr, Ipv6Addr};

/// The addresses that a transport checksum covers beside the transport's own bytes.
#[derive(Clone, Copy, Debug)]
pub(super) enum Pseudo {
    /// RFC 9293, 3.1.
    V4(Ipv4Addr, Ipv4Addr),
    /// RFC 8200, 8.1.
    V6(Ipv6Addr, Ipv6Addr),
    /// No IP header lies around the transport.
    None,
}

/// The Internet checksum of `bytes` (RFC 1071); a last odd byte counts as if a zero followed.
pub(super) fn internet(bytes: &[u8]) -> u16 {
    let mut sum: u64 = 0;
    for pair in bytes.chunks(2) {
        let low = pair.get(1).copied().unwrap_or(0);
        sum += u64::from(u16::from_be_bytes([pair[0], low]));
    }
    while sum > 0xffff {
        sum = (sum >> 16) + (sum & 0xffff);
    }
    !u16::try_from(sum).expect("folded to 16 bits")
}

/// The checksum of a transport's bytes (its own checksum field zero) under its pseudo-header.
pub(super) fn transport(pseudo: Pseudo, protocol: u8, bytes: &[u8]) -> u16 {
    let len = u32::try_from(bytes.len()).expect("a packet is shorter than 4 GiB").to_be_bytes();
    let mut covered = Vec::new();
    match pseudo {
        Pseudo::V4(src, dst) => {
            covered.extend(src.octets());
            covered.extend(dst.octets());
        }
        Pseudo::V6(src, dst) => {
            covered.extend(src.octets());
            covered.extend(dst.octets());
        }
        Pseudo::None => return internet(bytes),
    }
    // The two pseudo-headers differ in layout, but not in sum.
    covered.extend(len);
    covered.extend([0, 0, 0, protocol]);
    covered.extend(bytes);
    internet(&covered)
}

/// CRC32c in the byte order in which SCTP sends it (RFC 9260, appendix A).
pub(super) fn crc32c(bytes: &[u8]) -> [u8; 4] {
    let mut crc = u32::MAX;
    for byte in bytes {
        crc ^= u32::from(*byte);
        for _ in 0..8 {
            let carry = crc & 1;
            crc = (crc >> 1) ^ (0x82f6_3b78 * carry);
        }
    }
    (!crc).to_le_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn internet_checksum_is_that_of_rfc_1071() {
        // The example of RFC 1071, section 3: the sum is ddf2.
        assert_eq!(internet(&[0x00, 0x01, 0xf2, 0x03, 0xf4, 0xf5, 0xf6, 0xf7]), !0xddf2);
        assert_eq!(internet(&[0xab]), !0xab00);
        assert_eq!(internet(&[]), 0xffff);
    }

    #[test]
    fn crc32c_is_that_of_rfc_3720() {
        // RFC 3720, B.4: 32 bytes of zeros, and 32 bytes of ones.
        assert_eq!(crc32c(&[0; 32]), [0xaa, 0x36, 0x91, 0x8a]);
        assert_eq!(crc32c(&[0xff; 32]), [0x43, 0xab, 0xa8, 0x62]);
    }
}
