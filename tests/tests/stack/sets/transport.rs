//! UDP's lengths and checksums, TCP's data offset, options and flags.

use palisade_tests::packet::{Tcp, Udp, eth, filler, ipv4, ipv6, tcp};

use super::{dns, web};
use crate::set::{Sets, WEB};

pub(super) fn add(sets: &mut Sets) {
    udp_fields(sets);
    tcp_offsets(sets);
    flags(sets);
}

fn udp_fields(sets: &mut Sets) {
    sets.row(34);
    type Make = fn(u16) -> Udp;
    let headers: [(&str, Make); 8] = [
        ("length 0", |n| dns(n).length(0)),
        ("length 7", |n| dns(n).length(7)),
        ("length 8, less than there is", |n| dns(n).length(8)),
        ("length 10, less than there is", |n| dns(n).length(10)),
        ("length more than there is", |n| dns(n).length(100)),
        ("length 65535", |n| dns(n).length(65535)),
        ("checksum 0", |n| dns(n).checksum(0)),
        ("bad checksum", |n| dns(n).checksum(0xdead)),
    ];
    for (name, make) in headers {
        sets.one(format!("UDP {name}, IPv4"), |n| eth() / ipv4() / make(n) / b"query");
        sets.one(format!("UDP {name}, IPv6"), |n| eth() / ipv6() / make(n) / b"query");
    }
}

/// A SYN over both families.
fn syn(sets: &mut Sets, name: &str, make: impl Fn(u16) -> Tcp, payload: usize) {
    sets.one(format!("{name}, IPv4"), |n| eth() / ipv4() / make(n) / filler(payload));
    sets.one(format!("{name}, IPv6"), |n| eth() / ipv6() / make(n) / filler(payload));
}

fn tcp_offsets(sets: &mut Sets) {
    sets.row(35);
    for words in 0..16 {
        let promised = (4 * usize::from(words)).saturating_sub(20);
        let make = |n| web(n).data_offset(words);
        syn(sets, &format!("data offset {words}, all there"), make, promised);
        syn(sets, &format!("data offset {words}, a byte short"), make, promised.saturating_sub(1));
    }
    let options: [(&str, &[u8]); 6] = [
        ("segment size", &[2, 4, 5, 0xb4]),
        ("window scale and timestamps", &[3, 3, 7, 1, 8, 10, 0, 0, 0, 1, 0, 0, 0, 0]),
        ("fast-open cookie", &[34, 10, 1, 2, 3, 4, 5, 6, 7, 8]),
        ("MD5 signature", &[19, 18, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]),
        ("an option of length 0", &[2, 0, 5, 0xb4]),
        ("an option longer than the header", &[2, 255, 5, 0xb4]),
    ];
    for (name, bytes) in options {
        syn(sets, name, |n| web(n).options(bytes), 0);
        syn(sets, &format!("{name}, with data"), |n| web(n).options(bytes), 100);
    }
    syn(sets, "bad TCP checksum", |n| web(n).checksum(0xdead), 0);
}

/// All nine flags in every combination, and the three reserved bits.
fn flags(sets: &mut Sets) {
    sets.row(36);
    for flags in 0..0x200 {
        sets.one(format!("flags {flags:#05x}, IPv4"), |n| {
            eth() / ipv4() / tcp(n, WEB).flags(flags)
        });
    }
    for flags in 0..0x200 {
        sets.one(format!("flags {flags:#05x}, IPv6"), |n| {
            eth() / ipv6() / tcp(n, WEB).flags(flags)
        });
    }
    for bits in [0x200, 0x400, 0x800, 0xe00] {
        syn(sets, &format!("SYN and reserved bits {bits:#05x}"), |n| web(n).flags(bits | 2), 0);
    }
}
