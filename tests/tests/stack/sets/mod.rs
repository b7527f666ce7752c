//! Every set of frames that is put to the stack.

mod datagram;
mod extensions;
mod fragments;
mod ipv4;
mod link;
mod mixed;
mod outer;
mod transport;

use palisade_tests::packet::{
    Ext, Layer, Packet, Tcp, Udp, Vlan, eth, ipv6, service_vlan, tcp, udp, vlan,
};

use crate::set::{DNS, Set, Sets, WEB};

/// How many VLAN tags and how many IPv6 extension headers are read.
const DEPTH: usize = 8;
/// Why a set with more tags may be held back.
const TAGS: &str = "more than eight VLAN tags";
/// Why a set with more extension headers may be held back.
const HEADERS: &str = "more than eight extension headers";
/// Why a first fragment that ends within the TCP header may be held back.
const TINY: &str = "a first fragment without the whole TCP header";

/// What a table calls the rows, in its order.
#[rustfmt::skip] // One row a line.
pub const ROWS: &[(u8, &str)] = &[
    (1, "plain UDP and TCP over IPv4 and IPv6"),
    (2, "one priority tag"),
    (3, "2 to 30 priority tags, of both kinds"),
    (4, "a tag of a VLAN that the host has no device for"),
    (5, "tags of VLANs that it has one for, stacked in every way"),
    (6, "tags that Linux does not know"),
    (7, "a tag that is cut"),
    (8, "a tag that the card has stripped"),
    (9, "IEEE 802.3 lengths, LLC and SNAP"),
    (11, "IP inside other EtherTypes"),
    (13, "frames cut at every byte"),
    (14, "IPv4 options"),
    (15, "source routes and broken options"),
    (16, "wrong versions and header lengths"),
    (17, "wrong total lengths"),
    (18, "bytes behind the packet"),
    (19, "odd fields of the IP header"),
    (20, "fragments in order"),
    (21, "first fragments as short as can be"),
    (23, "fragments turned, doubled, overlapping, each in its own wrapping"),
    (24, "IPv6 atomic fragments"),
    (25, "fragment headers with reserved bits"),
    (26, "extension headers in a forbidden order"),
    (27, "later fragments that name another protocol"),
    (28, "first fragments without the whole chain"),
    (29, "extension headers in every order, and of every length"),
    (30, "1 to 150 extension headers"),
    (31, "routing headers"),
    (32, "headers that end the chain"),
    (33, "IPv6 payload lengths"),
    (34, "UDP lengths and checksums"),
    (35, "TCP data offsets and options"),
    (36, "every set of TCP flags"),
    (38, "hardware addresses and groups"),
    (39, "source addresses that should not be"),
    (40, "tunnels"),
    (41, "frames of up to 9000 bytes"),
    (MIXED4, "tags × IPv4 header × transport × padding"),
    (MIXED6, "tags × IPv6 headers × transport × padding"),
    (MIXED_PIECES, "tags × headers × fragments × their order"),
];

/// The row of mixtures over IPv4.
const MIXED4: u8 = 101;
/// The row of mixtures over IPv6.
const MIXED6: u8 = 102;
/// The row of mixtures in fragments.
const MIXED_PIECES: u8 = 103;

/// Every set, by row.
pub fn all() -> Vec<Set> {
    let mut sets = Sets::default();
    link::add(&mut sets);
    ipv4::add(&mut sets);
    fragments::add(&mut sets);
    extensions::add(&mut sets);
    transport::add(&mut sets);
    outer::add(&mut sets);
    mixed::add(&mut sets);
    let mut all = sets.finish();
    all.sort_by_key(|set| set.row);
    all
}

/// A query of a set's own.
fn dns(number: u16) -> Udp {
    udp(number, DNS)
}

/// A SYN of a set's own.
fn web(number: u16) -> Tcp {
    tcp(number, WEB)
}

/// Ethernet and these tags.
fn tagged(tags: impl IntoIterator<Item = Vlan>) -> Packet {
    tags.into_iter().fold(Packet::new() / eth(), |packet, tag| packet / tag)
}

/// Ethernet, IPv6 and these extension headers.
fn chained(headers: impl IntoIterator<Item = Ext>) -> Packet {
    headers.into_iter().fold(Packet::new() / eth() / ipv6(), |packet, header| packet / header)
}

/// Priority tags of both kinds in turn.
fn priority(count: usize) -> Vec<Vlan> {
    (0..count).map(|at| if at.is_multiple_of(2) { service_vlan(0) } else { vlan(0) }).collect()
}

/// A packet with these layers behind.
fn join(packet: Packet, layers: impl IntoIterator<Item = Layer>) -> Packet {
    layers.into_iter().fold(packet, |packet, layer| packet / layer)
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn every_set_has_a_name_of_its_own_and_a_row_of_the_table() {
        let mut names = HashSet::new();
        for set in all() {
            assert!(ROWS.iter().any(|(row, _)| *row == set.row), "row {}", set.row);
            assert!(names.insert(set.name.clone()), "twice: {}", set.name);
            assert!(!set.frames.is_empty(), "{} has no frame", set.name);
        }
        for (row, title) in ROWS {
            assert!(all().iter().any(|set| set.row == *row), "nothing in the row: {title}");
        }
    }
}
