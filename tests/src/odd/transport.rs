//! Rows 34 to 37: UDP lengths and checksums, TCP's data offset and flags, ICMP.

use super::Malformed::BadOffset;
use super::rows::{Row, TCP4, TCP6, UDP4, UDP6};
use super::{Flow, Odd};
use crate::packet::{
    ACK, AE, CWR, ECE, FIN, Icmp6, PSH, Packet, RST, SYN, TO6, URG, destination, eth, ext, filler,
    icmp, icmp6, ipv4, ipv6, neighbour_advertisement, neighbour_solicitation, pad_to, redirect,
    router_advertisement, router_solicitation, tcp, udp, vlan,
};

pub(super) fn rows() -> Vec<Odd> {
    [udp_fields(), data_offsets(), flags(), icmp_messages(), discovery()]
        .into_iter()
        .flat_map(Row::finish)
        .collect()
}

/// The ports are right where they are, whatever UDP's own length says: the stack judges that.
fn udp_fields() -> Row {
    let mut row = Row::new(34);
    let headers = [
        ("length 0", udp(4000, 53).length(0)),
        ("length 7", udp(4000, 53).length(7)),
        ("length 8, less than there is", udp(4000, 53).length(8)),
        ("length more than there is", udp(4000, 53).length(100)),
        ("length 65535", udp(4000, 53).length(65535)),
        ("checksum 0", udp(4000, 53).checksum(0)),
        ("bad checksum", udp(4000, 53).checksum(0xdead)),
    ];
    for (name, header) in headers {
        let name = format!("UDP {name}");
        row.part(format!("{name}, IPv4"), UDP4, eth() / ipv4() / header.clone() / b"query");
        row.part(format!("{name}, IPv6"), UDP6, eth() / ipv6() / header / b"query");
    }
    row
}

fn data_offsets() -> Row {
    let mut row = Row::new(35);
    let web = |words| tcp(4000, 80).data_offset(words);
    for words in 0..5 {
        let name = format!("data offset {words}");
        row.malformed(
            BadOffset,
            format!("{name}, IPv4"),
            TCP4,
            eth() / ipv4() / web(words) / filler(40),
        );
        row.malformed(
            BadOffset,
            format!("{name}, IPv6"),
            TCP6,
            eth() / ipv6() / web(words) / filler(40),
        );
    }
    for words in 6..16 {
        let name = format!("data offset {words}");
        // One byte less than the offset promises, and exactly as much.
        let promised = 4 * usize::from(words) - 20;
        let less = filler(promised - 1);
        let exact = filler(promised);
        row.malformed(
            BadOffset,
            format!("{name}, a byte short, IPv4"),
            TCP4,
            eth() / ipv4() / web(words) / less.clone(),
        );
        row.malformed(
            BadOffset,
            format!("{name}, a byte short, IPv6"),
            TCP6,
            eth() / ipv6() / web(words) / less,
        );
        row.part(
            format!("{name}, all there, IPv4"),
            TCP4,
            eth() / ipv4() / web(words) / exact.clone(),
        );
        row.part(format!("{name}, all there, IPv6"), TCP6, eth() / ipv6() / web(words) / exact);
    }
    let padded = eth() / ipv4() / web(6) / pad_to(60);
    row.malformed(BadOffset, "data offset into the padding", TCP4, padded);
    row
}

/// A rule on ports does not look at flags.
fn flags() -> Row {
    let mut row = Row::new(36);
    let sets = [
        ("no flag", 0),
        ("SYN and FIN", SYN | FIN),
        ("SYN and RST", SYN | RST),
        ("FIN, PSH and URG", FIN | PSH | URG),
        ("FIN alone", FIN),
        ("ACK alone", ACK),
        ("RST alone", RST),
        ("SYN, ECE and CWR", SYN | ECE | CWR),
        ("SYN and AE", SYN | AE),
        ("URG alone", URG),
        ("every flag", 0x1ff),
        ("every flag and reserved bit", 0xfff),
    ];
    for (name, flags) in sets {
        let header = tcp(4000, 80).flags(flags);
        row.part(format!("{name}, IPv4"), TCP4, eth() / ipv4() / header.clone());
        row.part(format!("{name}, IPv6"), TCP6, eth() / ipv6() / header);
    }
    row.part("SYN with data", TCP4, eth() / ipv4() / tcp(4000, 80) / filler(100));
    let cookie = tcp(4000, 80).options([34, 10, 1, 2, 3, 4, 5, 6, 7, 8]);
    row.part("SYN with a fast-open cookie and data", TCP6, eth() / ipv6() / cookie / filler(100));
    row
}

fn icmp_messages() -> Row {
    let mut row = Row::new(37);
    // What an error quotes is somebody's packet, not this one's.
    let quoted4 = Vec::from(Packet::new() / ipv4() / udp(4000, 53));
    let quoted6 = Vec::from(Packet::new() / ipv6() / udp(4000, 53));
    let needed = eth() / ipv4() / icmp(3, 4).rest([0, 0, 5, 0]) / quoted4;
    row.part("fragmentation needed", &[Flow::Icmp, Flow::Src4, Flow::Proto(1)], needed.clone());
    row.stranger("fragmentation needed", &[Flow::Udp53, Flow::Icmp6, Flow::Nd], needed);
    let too_big = eth() / ipv6() / icmp6(2, 0).rest([0, 0, 5, 0]) / quoted6;
    row.part("packet too big", &[Flow::Icmp6, Flow::Src6, Flow::Proto(58)], too_big.clone());
    row.stranger("packet too big", &[Flow::Udp53, Flow::Icmp, Flow::Nd], too_big);
    let swapped = eth() / ipv6().next(1) / filler(16);
    row.stranger("ICMP over IPv6", &[Flow::Icmp, Flow::Icmp6, Flow::Nd], swapped);
    let swapped = eth() / ipv4().ttl(255) / neighbour_solicitation(TO6);
    row.stranger("ICMPv6 over IPv4", &[Flow::Icmp, Flow::Icmp6, Flow::Nd], swapped);

    let alert = || ext(0, [0, 5, 2, 0, 0, 1, 0]);
    for kind in [130, 131, 132, 143] {
        let report = eth() / ipv6().hop_limit(1) / alert() / icmp6(kind, 0) / filler(16);
        let name = format!("multicast listener message {kind}");
        row.part(&name, &[Flow::Icmp6, Flow::Src6], report.clone());
        row.stranger(&name, &[Flow::Nd], report);
    }
    row
}

fn discovery() -> Row {
    let mut row = Row::new(37);
    let messages: [(&str, Icmp6); 5] = [
        ("router solicitation", router_solicitation()),
        ("router advertisement", router_advertisement()),
        ("neighbour solicitation", neighbour_solicitation(TO6)),
        ("neighbour advertisement", neighbour_advertisement(TO6)),
        ("redirect", redirect("fe80::1", TO6)),
    ];
    for (name, message) in messages {
        let plain = eth() / ipv6().hop_limit(255) / message.clone();
        row.part(name, &[Flow::Nd, Flow::Icmp6, Flow::Src6], plain);
        let tagged = eth() / vlan(0) / ipv6().hop_limit(255) / message.clone();
        row.part(format!("{name} behind a tag"), &[Flow::Nd, Flow::Icmp6], tagged);
        let behind = eth() / ipv6() / destination(0) / message.clone();
        row.part(format!("{name} behind destination"), &[Flow::Icmp6, Flow::Src6], behind);
        for hop_limit in [0, 64, 254] {
            let name = format!("{name} with hop limit {hop_limit}");
            let routed = eth() / ipv6().hop_limit(hop_limit) / message.clone();
            row.part(&name, &[Flow::Icmp6, Flow::Src6], routed.clone());
            row.stranger(&name, &[Flow::Nd], routed);
        }
    }
    for kind in [128, 132, 138] {
        let other = eth() / ipv6().hop_limit(255) / icmp6(kind, 0) / filler(24);
        row.stranger(format!("ICMPv6 {kind} with hop limit 255"), &[Flow::Nd], other);
    }
    row
}
