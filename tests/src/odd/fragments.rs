//! Rows 20 to 25, 27 and 28: fragments, each judged alone.
//!
//! The first fragment carries the ports, and must. Any other has none, whatever its bytes look
//! like; over IPv6 not even its protocol is known, for the header that says so is the first one's.

use super::Malformed::{BadOffset, ShortL4};
use super::rows::{Row, TCP4, TCP6, UDP4, UDP6};
use super::{Flow, Odd};
use crate::packet::{
    Ipv4, Packet, destination, eth, filler, frag, hop_by_hop, icmp6, ipv4, ipv6, pad_to, routing,
    tcp, udp, vlan,
};

pub(super) fn rows() -> Vec<Odd> {
    [first(), tiny(), later(), crossed(), atomic(), reserved(), renumbered(), chainless()]
        .into_iter()
        .flat_map(Row::finish)
        .collect()
}

/// A query in fragments of 16 bytes over IPv4: a first one, a middle one, a last one.
fn pieces4() -> Vec<Packet> {
    (eth() / ipv4() / udp(4000, 53) / filler(40)).fragments(&[16, 32])
}

/// The same over IPv6.
fn pieces6() -> Vec<Packet> {
    (eth() / ipv6() / udp(4000, 53) / filler(40)).fragments(&[16, 32])
}

/// Bytes that would be UDP to port 53 if they were a header.
fn lookalike() -> Vec<u8> {
    (Packet::new() / udp(4000, 53) / b"query").build()
}

fn first() -> Row {
    let mut row = Row::new(20);
    row.part("first fragment, IPv4, UDP", UDP4, pieces4().remove(0));
    row.part("first fragment, IPv6, UDP", UDP6, pieces6().remove(0));
    row.part(
        "first fragment, IPv4, TCP",
        TCP4,
        eth() / ipv4().more_fragments() / tcp(1, 80) / b"1234",
    );
    row.part(
        "first fragment, IPv6, TCP",
        TCP6,
        eth() / ipv6() / frag(0).more() / tcp(1, 80) / b"1234",
    );
    let behind = eth() / ipv6() / hop_by_hop(0) / frag(0).more() / destination(0) / udp(4000, 53);
    row.part("first fragment between other headers", UDP6, behind);
    row
}

fn tiny() -> Row {
    let mut row = Row::new(21);
    let web4 = (eth() / ipv4() / tcp(4000, 80).options([1; 8])).fragments(&[8]);
    row.malformed(ShortL4, "first fragment holds 8 bytes of TCP", TCP4, web4[0].clone());
    row.malformed(ShortL4, "the same, padded to 60 bytes", TCP4, web4[0].clone() / pad_to(60));
    let web4 = (eth() / ipv4() / tcp(4000, 80).options([1; 8])).fragments(&[16]);
    row.malformed(ShortL4, "first fragment holds 16 bytes of TCP", TCP4, web4[0].clone());
    let web4 = (eth() / ipv4() / tcp(4000, 80).options([1; 8])).fragments(&[24]);
    row.malformed(BadOffset, "first fragment cuts TCP's options", TCP4, web4[0].clone());
    let web6 = (eth() / ipv6() / tcp(4000, 80)).fragments(&[8]);
    row.malformed(ShortL4, "first IPv6 fragment holds 8 bytes of TCP", TCP6, web6[0].clone());
    let web6 = (eth() / ipv6() / tcp(4000, 80)).fragments(&[16]);
    row.malformed(ShortL4, "first IPv6 fragment holds 16 bytes of TCP", TCP6, web6[0].clone());

    let dns4 = (eth() / ipv4() / udp(4000, 53) / filler(8)).fragments(&[8]);
    row.part("first fragment holds UDP's 8 bytes", UDP4, dns4[0].clone());
    let dns6 = (eth() / ipv6() / udp(4000, 53) / filler(8)).fragments(&[8]);
    row.part("first IPv6 fragment holds UDP's 8 bytes", UDP6, dns6[0].clone());
    let four = ipv4().more_fragments().protocol(17);
    row.malformed(
        ShortL4,
        "first fragment holds 4 bytes of UDP",
        UDP4,
        eth() / four / &[15, 160, 0, 53],
    );
    let none = ipv4().more_fragments().protocol(17);
    row.malformed(ShortL4, "first fragment holds nothing", UDP4, eth() / none / &[]);
    row
}

fn later() -> Row {
    let mut row = Row::new(22);
    for (at, name) in [(1, "middle"), (2, "last")] {
        row.portless(format!("{name} fragment, IPv4"), UDP4, pieces4().remove(at));
        row.portless(format!("{name} fragment, IPv6"), UDP6, pieces6().remove(at));
    }
    row.part("the protocol of a later IPv4 fragment", &[Flow::Udp], pieces4().remove(1));
    row.stranger("the protocol of a later IPv6 fragment", &[Flow::Udp], pieces6().remove(1));

    // Each bit of the offset alone makes it a later one.
    for offset in (0..13).map(|bit| 1 << bit).chain([185, 0x1fff]) {
        let four = eth() / ipv4().protocol(17).offset(offset) / lookalike();
        row.portless(format!("payload like UDP at offset {offset}, IPv4"), UDP4, four);
        let six = eth() / ipv6() / frag(offset).next(17) / lookalike();
        row.portless(format!("payload like UDP at offset {offset}, IPv6"), UDP6, six);
    }
    for len in [0, 1, 7] {
        let four = eth() / ipv4().protocol(17).offset(3) / filler(len);
        row.portless(format!("later fragment of {len} bytes, IPv4"), UDP4, four);
        let six = eth() / ipv6() / frag(3).next(17) / filler(len);
        row.portless(format!("later fragment of {len} bytes, IPv6"), UDP6, six);
    }
    let web = ipv4().protocol(6).offset(1).more_fragments();
    row.portless("a later fragment over TCP's flags", TCP4, eth() / web / filler(16));
    let advice = eth() / ipv6().hop_limit(255) / frag(1).next(58) / icmp6(135, 0);
    row.stranger("payload like neighbour discovery", &[Flow::Nd, Flow::Icmp6], advice);
    let tagged = eth() / vlan(0) / ipv4().protocol(17).offset(1) / lookalike();
    row.portless("later fragment behind a tag", UDP4, tagged);
    let routed = eth() / ipv6() / routing(0, 0) / frag(1).next(17) / lookalike();
    row.portless("later fragment behind a routing header", UDP6, routed);
    row
}

/// What happens between fragments; each is still judged alone.
fn crossed() -> Row {
    let mut row = Row::new(23);
    let dns = |header: Ipv4| eth() / header / udp(4000, 53) / filler(8);
    let rest = |header: Ipv4| eth() / header.protocol(17) / lookalike();
    row.part("don't and more fragments, first", UDP4, dns(ipv4().dont_fragment().more_fragments()));
    let dont = ipv4().dont_fragment().more_fragments().offset(2);
    row.portless("don't and more fragments, later", UDP4, rest(dont));
    let tagged = eth() / vlan(5) / ipv4().more_fragments() / udp(4000, 53) / filler(8);
    row.part("first fragment behind a tag", UDP4, tagged);
    let noted = ipv4().options([1; 8]);
    row.part("options on the first fragment", UDP4, dns(noted.clone().more_fragments()));
    row.portless("options on a later fragment", UDP4, rest(noted.offset(2)));
    row.portless("a fragment that overlaps the first", UDP4, rest(ipv4().offset(1)));
    row.portless(
        "a fragment that overlaps the first, IPv6",
        UDP6,
        eth() / ipv6() / frag(1).more().next(17) / filler(16),
    );
    let far = ipv4().protocol(17).offset(0x1fff);
    row.portless("a fragment that ends behind 65535", UDP4, eth() / far / filler(1480));
    let evil = ipv4().evil().offset(2);
    row.portless("evil bit on a later fragment", UDP4, rest(evil));
    row.part("evil bit on the first fragment", UDP4, dns(ipv4().evil().more_fragments()));
    row
}

fn atomic() -> Row {
    let mut row = Row::new(24);
    row.part("atomic fragment, UDP", UDP6, eth() / ipv6() / frag(0) / udp(4000, 53));
    row.part("atomic fragment, TCP", TCP6, eth() / ipv6() / frag(0) / tcp(4000, 80));
    let early = eth() / ipv6() / hop_by_hop(0) / frag(0).id(0) / udp(4000, 53);
    row.part("atomic fragment behind hop-by-hop", UDP6, early);
    row
}

/// The fragment header has no length field: what stands in its place means nothing.
fn reserved() -> Row {
    let mut row = Row::new(25);
    for byte in [0x01, 0x08, 0x7f, 0xff] {
        let header = frag(0).reserved(byte);
        let small = eth() / ipv6() / header.clone() / udp(4000, 53);
        row.part(format!("reserved byte {byte:#04x}"), UDP6, small);
        let large = eth() / ipv6() / header.more() / udp(4000, 53) / filler(3000);
        row.part(format!("reserved byte {byte:#04x}, first fragment"), UDP6, large);
        let later = eth() / ipv6() / frag(2).reserved(byte).next(17) / lookalike();
        row.portless(format!("reserved byte {byte:#04x}, later fragment"), UDP6, later);
    }
    for bits in 1..=3 {
        let header = frag(0).reserved_bits(bits);
        row.part(format!("reserved bits {bits}"), UDP6, eth() / ipv6() / header / udp(4000, 53));
        let header = frag(0).reserved_bits(bits).reserved(0xff).more();
        row.part(
            format!("reserved bits {bits} and byte"),
            TCP6,
            eth() / ipv6() / header / tcp(1, 80) / b"1234",
        );
        let later = eth() / ipv6() / frag(1).reserved_bits(bits).next(17) / lookalike();
        row.portless(format!("reserved bits {bits}, later fragment"), UDP6, later);
    }
    // Sixteen bytes in, where a length of one unit would lead, stand the ports 4000 to 53.
    let decoy = eth() / ipv6() / frag(0).reserved(1) / udp(4000, 54) / lookalike();
    row.portless("the port where the reserved byte would lead", UDP6, decoy);
    row
}

fn renumbered() -> Row {
    let mut row = Row::new(27);
    for next in [0, 6, 43, 44, 51, 58, 59, 60, 253] {
        let piece = eth() / ipv6() / frag(2).next(next) / lookalike();
        row.portless(format!("later fragment that says {next} follows"), UDP6, piece);
    }
    row
}

/// A first fragment must hold the whole chain up to the transport (RFC 7112).
fn chainless() -> Row {
    let mut row = Row::new(28);
    let head = || Packet::new() / eth() / ipv6();
    let short: [(&str, Packet); 6] = [
        ("nothing behind the fragment header", head() / frag(0).more().next(17)),
        ("4 bytes of UDP", head() / frag(0).more().next(17) / &[15, 160, 0, 53]),
        (
            "8 bytes of a longer header",
            head() / frag(0).more() / destination(0).len_field(3).next(17),
        ),
        ("a header and no transport", head() / frag(0).more() / destination(0).next(17)),
        (
            "two headers and no transport",
            head() / frag(0).more() / routing(0, 0) / destination(0).next(17),
        ),
        (
            "an atomic one with a header and no transport",
            head() / frag(0) / destination(0).next(17),
        ),
    ];
    for (name, frame) in short {
        row.malformed(ShortL4, format!("first fragment without its chain: {name}"), UDP6, frame);
    }
    row
}
