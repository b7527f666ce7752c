//! Rows 14 to 19: the IPv4 header, its options and lengths, and the padding behind a packet.

use super::Malformed::{BadIhl, BadLength, BadOffset, BadVersion, ShortL4};
use super::rows::{Row, TCP4, UDP4, UDP6};
use super::{Flow, Odd};
use crate::packet::{Packet, eth, filler, ipv4, ipv6, pad, pad_to, tcp, udp, vlan};

pub(super) fn rows() -> Vec<Odd> {
    [options(), source_routes(), versions(), total_lengths(), padding(), oddities()]
        .into_iter()
        .flat_map(Row::finish)
        .collect()
}

fn options() -> Row {
    let mut row = Row::new(14);
    for words in 1..=10 {
        let ihl = 5 + words;
        let nops = ipv4().options(vec![1; 4 * words]);
        row.part(format!("header of {ihl} words, UDP"), UDP4, eth() / nops.clone() / udp(4000, 53));
        row.part(format!("header of {ihl} words, TCP"), TCP4, eth() / nops / tcp(4000, 80));
    }
    let record_route = ipv4().options([[7, 39, 4].as_slice(), &[0; 36]].concat());
    row.part("record route", UDP4, eth() / record_route / udp(4000, 53));
    let timestamp = ipv4().options([[68, 40, 5, 0].as_slice(), &[0; 36]].concat());
    row.part("timestamp", UDP4, eth() / timestamp / udp(4000, 53));
    let alert = ipv4().options([148, 4, 0, 0]);
    row.part("router alert", UDP4, eth() / alert / udp(4000, 53));

    // Ports 4000 to 53, at the place where they are when there are no options.
    let decoy = ipv4().options([0x0f, 0xa0, 0x00, 0x35]);
    row.portless("the port only among the options", UDP4, eth() / decoy / udp(4000, 54));
    row
}

/// The host refuses these unless told otherwise; whose packet it is can be read all the same.
fn source_routes() -> Row {
    let mut row = Row::new(15);
    let route = |kind| [kind, 7, 4, 192, 0, 2, 9, 0];
    row.part("loose source route", UDP4, eth() / ipv4().options(route(131)) / udp(4000, 53));
    row.part("strict source route", UDP4, eth() / ipv4().options(route(137)) / udp(4000, 53));
    row.part("option of length 0", UDP4, eth() / ipv4().options([7, 0, 4, 0]) / udp(4000, 53));
    row.part(
        "option longer than the header",
        UDP4,
        eth() / ipv4().options([7, 255, 4, 0]) / udp(1, 53),
    );
    row.part("garbage for options", UDP4, eth() / ipv4().options([0xff; 16]) / udp(4000, 53));
    row
}

fn versions() -> Row {
    let mut row = Row::new(16);
    for ihl in 0..5 {
        let frame = eth() / ipv4().ihl(ihl) / udp(4000, 53) / filler(16);
        row.malformed(BadIhl, format!("header of {ihl} words"), UDP4, frame);
    }
    for version in (0..16).filter(|version| *version != 4) {
        let frame = eth() / ipv4().version(version) / udp(4000, 53) / filler(32);
        row.malformed(BadVersion, format!("version {version} as IPv4"), UDP4, frame);
    }
    for version in (0..16).filter(|version| *version != 6) {
        let frame = eth() / ipv6().version(version) / udp(4000, 53);
        row.malformed(BadVersion, format!("version {version} as IPv6"), UDP6, frame);
    }
    let six = Packet::new() / eth().ethertype(0x0800) / ipv6() / udp(4000, 53);
    row.malformed(BadVersion, "a whole IPv6 packet as IPv4", UDP4, six);
    let four = Packet::new() / eth().ethertype(0x86dd) / ipv4() / udp(4000, 53) / filler(32);
    row.malformed(BadVersion, "a whole IPv4 packet as IPv6", UDP6, four);
    let tagged = eth() / vlan(0).ethertype(0x86dd) / ipv4() / udp(4000, 53) / filler(32);
    row.malformed(BadVersion, "a whole IPv4 packet as IPv6, behind a tag", UDP6, tagged);
    row
}

/// The transport must lie inside the total length: inside the frame is not enough.
fn total_lengths() -> Row {
    let mut row = Row::new(17);
    let dns = |total| eth() / ipv4().total_len(total) / udp(4000, 53) / b"query";
    for (total, what) in [(34, "one more than there is"), (1500, "1500"), (65535, "65535")] {
        row.malformed(BadLength, format!("total length {what}"), UDP4, dns(total));
    }
    let filled = Packet::new() / eth() / ipv4().total_len(61) / udp(4000, 53) / pad_to(74);
    row.malformed(BadLength, "total length one more than the padded frame", UDP4, filled);
    for total in [0, 1, 19] {
        row.malformed(BadLength, format!("total length {total}"), UDP4, dns(total));
    }
    let long = eth() / ipv4().options([1; 12]).total_len(31) / udp(4000, 53);
    row.malformed(BadLength, "total length less than the header with options", UDP4, long);

    for total in 20..28 {
        row.malformed(ShortL4, format!("total length {total} cuts UDP"), UDP4, dns(total));
    }
    row.part("total length leaves UDP its header", UDP4, dns(28));
    let web = |total| eth() / ipv4().total_len(total) / tcp(4000, 80).options([1; 8]);
    for total in 20..40 {
        row.malformed(ShortL4, format!("total length {total} cuts TCP"), TCP4, web(total));
    }
    for total in 40..48 {
        row.malformed(
            BadOffset,
            format!("total length {total} cuts TCP's options"),
            TCP4,
            web(total),
        );
    }
    row.part("total length leaves TCP its header", TCP4, web(48));
    row
}

fn padding() -> Row {
    let mut row = Row::new(18);
    let dns4 = eth() / ipv4() / udp(4000, 53);
    let dns6 = eth() / ipv6() / udp(4000, 53);
    row.part("padded to 60 bytes, IPv4", UDP4, dns4.clone() / pad_to(60));
    row.part("padded to 80 bytes, IPv6", UDP6, dns6.clone() / pad_to(80));
    row.part("TCP padded to 60 bytes", TCP4, eth() / ipv4() / tcp(4000, 80) / pad_to(60));
    for extra in [1, 2, 3, 20, 200] {
        row.part(
            format!("{extra} bytes of padding, IPv4"),
            UDP4,
            dns4.clone() / pad(filler(extra)),
        );
        row.part(
            format!("{extra} bytes of padding, IPv6"),
            UDP6,
            dns6.clone() / pad(filler(extra)),
        );
    }
    let second = Vec::from(Packet::new() / ipv4() / udp(4000, 53));
    let other = ipv4().src("203.0.113.9");
    row.stranger("the flow only in the padding", UDP4, eth() / other / udp(1, 2) / pad(second));
    row
}

/// What the host does not mind, or judges better than a filter could.
fn oddities() -> Row {
    let mut row = Row::new(19);
    let headers = [
        ("bad header checksum", ipv4().checksum(0xdead)),
        ("header checksum 0", ipv4().checksum(0)),
        ("TTL 0", ipv4().ttl(0)),
        ("TTL 255", ipv4().ttl(255)),
        ("evil bit", ipv4().evil()),
        ("don't fragment", ipv4().dont_fragment()),
        ("evil and don't fragment", ipv4().evil().dont_fragment()),
        ("every bit of the type of service", ipv4().tos(0xff)),
        ("identification 0", ipv4().id(0)),
    ];
    for (name, header) in headers {
        row.part(name, UDP4, eth() / header.clone() / udp(4000, 53));
        row.part(format!("{name}, TCP"), &[Flow::Tcp80], eth() / header / tcp(4000, 80));
    }
    row.part("hop limit 0", UDP6, eth() / ipv6().hop_limit(0) / udp(4000, 53));
    let labelled = ipv6().traffic_class(0xff).flow_label(0xfffff);
    row.part("every bit of class and label", UDP6, eth() / labelled / udp(4000, 53));
    row
}
