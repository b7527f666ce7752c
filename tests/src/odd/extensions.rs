//! Rows 26 and 29 to 33: IPv6 extension headers and the payload length.
//!
//! The kernel's own list is walked (`ipv6_ext_hdr`): hop-by-hop, routing, fragment,
//! authentication, destination. Every other number is the packet's protocol, and nothing behind
//! it is looked at.

use super::Malformed::{BadExtHdr, BadLength, ExtHdrTooDeep, ShortL4};
use super::rows::{Row, TCP6, UDP4, UDP6};
use super::{Flow, Odd};
use crate::packet::{
    Ext, FROM6, Layer, Packet, TO6, auth, destination, eth, ext, filler, frag, hop_by_hop, ipv4,
    ipv6, mobility, pad, routing, routing_via, tcp, udp,
};

pub(super) fn rows() -> Vec<Odd> {
    [out_of_order(), mixed(), many(), routes(), terminal(), payload_lengths()]
        .into_iter()
        .flat_map(Row::finish)
        .collect()
}

/// Ethernet and IPv6 with these extension headers.
fn with(headers: impl IntoIterator<Item = Ext>) -> Packet {
    headers.into_iter().fold(Packet::new() / eth() / ipv6(), |packet, header| packet / header)
}

fn out_of_order() -> Row {
    let mut row = Row::new(26);
    let hop = || hop_by_hop(0);
    let dest = || destination(0);
    let piece = || Ext::from(frag(0));
    let chains: [(&str, Vec<Ext>); 9] = [
        ("two fragment headers", vec![piece(), piece()]),
        (
            "a first fragment in a first fragment",
            vec![frag(0).more().into(), frag(0).more().into()],
        ),
        ("a later fragment in an atomic one", vec![piece(), frag(3).into()]),
        ("two fragment headers, one between", vec![piece(), dest(), piece()]),
        ("hop-by-hop twice", vec![hop(), hop()]),
        ("hop-by-hop behind destination", vec![dest(), hop()]),
        ("hop-by-hop behind a fragment header", vec![piece(), hop()]),
        ("hop-by-hop behind routing", vec![routing(0, 0), hop()]),
        ("hop-by-hop first and last", vec![hop(), dest(), hop()]),
    ];
    for (name, headers) in chains {
        row.malformed(
            BadExtHdr,
            format!("{name}, UDP"),
            UDP6,
            with(headers.clone()) / udp(4000, 53),
        );
        row.malformed(BadExtHdr, format!("{name}, TCP"), TCP6, with(headers) / tcp(4000, 80));
    }
    row
}

fn mixed() -> Row {
    let mut row = Row::new(29);
    let mut orders = Vec::new();
    arrange(&mut Vec::new(), &mut orders);
    for order in orders {
        for hop in [false, true] {
            let first = hop.then_some("hop-by-hop");
            let names: Vec<&str> = first.into_iter().chain(order.iter().copied()).collect();
            let frame = with(names.iter().map(|name| header(name))) / udp(4000, 53);
            row.part(names.join(", "), UDP6, frame);
        }
    }
    let every =
        ["hop-by-hop", "destination", "routing", "fragment", "authentication", "destination"];
    row.part("the order of RFC 8200", TCP6, with(every.map(header)) / tcp(4000, 80));
    lengths(&mut row);
    row
}

/// Every order of one to four different headers.
fn arrange(so_far: &mut Vec<&'static str>, orders: &mut Vec<Vec<&'static str>>) {
    for name in ["destination", "routing", "fragment", "authentication"] {
        if !so_far.contains(&name) {
            so_far.push(name);
            orders.push(so_far.clone());
            arrange(so_far, orders);
            so_far.pop();
        }
    }
}

fn header(name: &str) -> Ext {
    match name {
        "hop-by-hop" => hop_by_hop(0),
        "destination" => destination(1),
        "routing" => routing(0, 0),
        "fragment" => frag(0).into(),
        "authentication" => auth(4),
        _ => unreachable!("no header of this table: {name}"),
    }
}

/// Eight bytes a unit and eight more; four a unit and eight more for authentication.
fn lengths(row: &mut Row) {
    for units in [1, 2, 30, 31, 32, 127, 128, 254, 255] {
        let dest = eth() / ipv6() / destination(units) / udp(4000, 53);
        row.part(format!("destination of {units} units"), UDP6, dest);
        let hop = eth() / ipv6() / hop_by_hop(units) / tcp(4000, 80);
        row.part(format!("hop-by-hop of {units} units"), TCP6, hop);
    }
    for len in [0, 1, 2, 3, 4, 5, 62, 63, 253, 254, 255] {
        let frame = eth() / ipv6() / auth(len) / udp(4000, 53);
        row.part(format!("authentication of length {len}"), UDP6, frame);
    }
    for units in [1, 255] {
        let cut = eth() / ipv6() / destination(0).len_field(units) / udp(4000, 53);
        row.malformed(
            ShortL4,
            format!("destination that ends behind the packet, {units}"),
            UDP6,
            cut,
        );
    }
    let cut = eth() / ipv6() / auth(4).len_field(255) / udp(4000, 53);
    row.malformed(ShortL4, "authentication that ends behind the packet", UDP6, cut);

    // An experimental option whose four bytes are the ports 4000 to 53.
    let decoy = ext(60, [1, 0x1e, 12, 0, 0, 0, 0, 0x0f, 0xa0, 0x00, 0x35, 0, 0, 0, 0]);
    row.portless("the port only inside an option", UDP6, eth() / ipv6() / decoy / udp(4000, 54));
}

fn many() -> Row {
    let mut row = Row::new(30);
    for count in (1..=12).chain([13, 16, 30, 150]) {
        let headers = vec![destination(0); count];
        let (dns, web) = (with(headers.clone()) / udp(4000, 53), with(headers) / tcp(4000, 80));
        if count <= 8 {
            row.part(format!("{count} destination headers, UDP"), UDP6, dns);
            row.part(format!("{count} destination headers, TCP"), TCP6, web);
        } else {
            row.malformed(ExtHdrTooDeep, format!("{count} destination headers, UDP"), UDP6, dns);
            row.malformed(ExtHdrTooDeep, format!("{count} destination headers, TCP"), TCP6, web);
        }
    }
    let eight = [vec![hop_by_hop(0)], vec![destination(0); 6], vec![frag(0).into()]].concat();
    row.part("eight headers of three kinds", UDP6, with(eight.clone()) / udp(4000, 53));
    let nine = with(eight) / auth(4) / udp(4000, 53);
    row.malformed(ExtHdrTooDeep, "nine headers of four kinds", UDP6, nine);
    row
}

fn routes() -> Row {
    let mut row = Row::new(31);
    let addressed = |kind, left| eth() / ipv6() / routing_via(kind, left, &[TO6]) / udp(4000, 53);
    for kind in [0, 1, 2, 3, 4, 253, 255] {
        let bare = |left| eth() / ipv6() / routing(kind, left) / udp(4000, 53);
        row.part(format!("routing type {kind}, arrived"), UDP6, bare(0));
        row.part(format!("routing type {kind} with an address, arrived"), UDP6, addressed(kind, 0));
        for left in [1, 2, 255] {
            let name = format!("routing type {kind}, {left} segments left");
            row.malformed(BadExtHdr, name, UDP6, bare(left));
        }
        let name = format!("routing type {kind} with an address, a segment left");
        row.malformed(BadExtHdr, name, UDP6, addressed(kind, 1));
    }
    let late = eth() / ipv6() / destination(0) / routing(0, 1) / udp(4000, 53);
    row.malformed(BadExtHdr, "a segment left, behind destination", UDP6, late);
    let two = eth() / ipv6() / routing_via(4, 0, &[TO6, FROM6]) / tcp(4000, 80);
    row.part("segment routing, two segments, arrived", TCP6, two);
    row
}

/// What stands behind these looks like UDP to port 53, and is not.
fn terminal() -> Row {
    let mut row = Row::new(32);
    let inside = || Vec::from(Packet::new() / udp(4000, 53) / b"query");
    let numbers: [(u8, &str); 9] = [
        (50, "ESP"),
        (59, "no next header"),
        (135, "mobility"),
        (139, "host identity"),
        (140, "Shim6"),
        (143, "Ethernet"),
        (200, "an unassigned number"),
        (253, "an experiment"),
        (255, "the reserved number"),
    ];
    for (number, name) in numbers {
        let bare = eth() / ipv6().next(number) / inside();
        row.portless(format!("{name}, then bytes like UDP"), UDP6, bare);
        let walked = eth() / ipv6() / ext(number, [0; 7]) / udp(4000, 53);
        row.portless(format!("{name}, then as if its header were walked"), UDP6, walked);
        let behind = eth() / ipv6() / destination(0).next(number) / inside();
        row.portless(format!("{name} behind destination"), UDP6, behind);
        row.part(
            format!("{name} by its number"),
            &[Flow::Proto(number)],
            eth() / ipv6().next(number) / inside(),
        );
    }
    row.portless(
        "mobility between other headers",
        UDP6,
        with([destination(0), mobility(), destination(0)]) / udp(1, 53),
    );
    row.portless("no next header and nothing", UDP6, eth() / ipv6() / destination(0));
    for (number, name) in [
        (0, "hop-by-hop"),
        (43, "routing"),
        (44, "fragment"),
        (51, "authentication"),
        (60, "destination"),
        (50, "ESP"),
    ] {
        let walked = Packet::new() / eth() / ipv4() / ext(number, [0; 7]) / udp(4000, 53);
        row.portless(format!("{name} over IPv4 is a protocol"), UDP4, walked);
    }
    row
}

fn payload_lengths() -> Row {
    let mut row = Row::new(33);
    let dns = |len| eth() / ipv6().payload_len(len) / udp(4000, 53) / b"query";
    row.malformed(BadLength, "payload length 0 in front of UDP", UDP6, dns(0));
    row.malformed(BadLength, "payload length 0 and nothing", UDP6, Packet::new() / eth() / ipv6());
    for (len, what) in [(14, "one more than there is"), (1500, "1500"), (65535, "65535")] {
        row.malformed(BadLength, format!("payload length {what}"), UDP6, dns(len));
    }
    for len in 1..8 {
        row.malformed(ShortL4, format!("payload length {len} cuts UDP"), UDP6, dns(len));
    }
    row.part("payload length leaves UDP its header", UDP6, dns(8));
    for len in [1, 7, 8, 15] {
        let frame = eth() / ipv6().payload_len(len) / destination(0) / udp(4000, 53);
        row.malformed(ShortL4, format!("payload length {len} cuts the chain"), UDP6, frame);
    }
    row.part("bytes behind the payload", UDP6, eth() / ipv6() / udp(4000, 53) / pad(filler(20)));
    let jumbo = Layer::from(ext(0, [0, 0xc2, 4, 0, 0, 0, 16]));
    let gram = eth() / ipv6().payload_len(0) / jumbo / udp(4000, 53);
    row.malformed(BadLength, "jumbogram", UDP6, gram);
    row
}
