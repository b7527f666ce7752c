//! IPv6 extension headers: their order, number and lengths, and the payload length before them.

use palisade_tests::packet::{
    Ext, Layer, Packet, TO6, auth, destination, eth, ext, filler, frag, hop_by_hop, ipv6, mobility,
    pad, routing, routing_via, udp,
};

use super::{DEPTH, HEADERS, chained, dns, web};
use crate::set::Sets;

pub(super) fn add(sets: &mut Sets) {
    forbidden(sets);
    orders(sets);
    lengths(sets);
    many(sets);
    routes(sets);
    terminal(sets);
    payload_lengths(sets);
}

/// UDP and TCP behind the same extension headers.
fn both(sets: &mut Sets, name: &str, headers: &[Ext]) {
    let deep = headers.len() > DEPTH;
    let head = || chained(headers.iter().cloned());
    let added = [
        sets.one(format!("{name}, UDP"), |n| head() / dns(n) / b"query").number,
        sets.one(format!("{name}, TCP"), |n| head() / web(n)).number,
    ];
    for number in added.into_iter().filter(|_| deep) {
        sets.of(number).beyond(HEADERS);
    }
}

fn forbidden(sets: &mut Sets) {
    sets.row(26);
    let (hop, dest) = (|| hop_by_hop(0), || destination(0));
    let piece = || Ext::from(frag(0));
    let chains: [(&str, Vec<Ext>); 8] = [
        ("two fragment headers", vec![piece(), piece()]),
        ("fragment headers with one between", vec![piece(), dest(), piece()]),
        ("hop-by-hop twice", vec![hop(), hop()]),
        ("hop-by-hop behind destination", vec![dest(), hop()]),
        ("hop-by-hop behind a fragment header", vec![piece(), hop()]),
        ("hop-by-hop behind routing", vec![routing(0, 0), hop()]),
        ("hop-by-hop first and last", vec![hop(), dest(), hop()]),
        ("a first fragment in an atomic one", vec![piece(), frag(0).more().into()]),
    ];
    for (name, headers) in chains {
        both(sets, name, &headers);
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

/// Every order of one to four different headers, hop-by-hop before them or not.
fn orders(sets: &mut Sets) {
    sets.row(29);
    let mut orders = Vec::new();
    arrange(&mut Vec::new(), &mut orders);
    for order in orders {
        for hop in [false, true] {
            let first = hop.then_some("hop-by-hop");
            let names: Vec<&str> = first.into_iter().chain(order.iter().copied()).collect();
            let headers: Vec<Ext> = names.iter().map(|name| header(name)).collect();
            both(sets, &names.join(", "), &headers);
        }
    }
}

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

fn lengths(sets: &mut Sets) {
    for units in [1, 2, 30, 31, 32, 63, 127, 128, 150] {
        both(sets, &format!("destination of {units} units"), &[destination(units)]);
        both(sets, &format!("hop-by-hop of {units} units"), &[hop_by_hop(units)]);
    }
    for units in [1, 255] {
        let cut = [destination(0).len_field(units)];
        both(sets, &format!("destination that ends behind the packet, {units}"), &cut);
    }
    for byte in [0, 1] {
        let padded = ext(60, [0, byte, 0, 0, 0, 0, 0]);
        both(sets, &format!("padding by options {byte}"), &[padded]);
    }
    // An experimental option whose four bytes are the ports 9 to 9.
    let decoy = ext(60, [1, 0x1e, 12, 0, 0, 0, 0, 0, 9, 0, 9, 0, 0, 0, 0]);
    both(sets, "other ports inside an option", &[decoy]);
}

fn many(sets: &mut Sets) {
    sets.row(30);
    for count in (1..=30).chain([60, 100, 150]) {
        both(sets, &format!("{count} destination headers"), &vec![destination(0); count]);
    }
    for count in [5, 6, 7, 8, 12] {
        let mixed = [vec![hop_by_hop(0)], vec![destination(0); count], vec![frag(0).into()]];
        both(sets, &format!("hop-by-hop, {count} of destination, fragment"), &mixed.concat());
        let routed = vec![routing(0, 0); count];
        both(sets, &format!("{count} routing headers"), &routed);
    }
}

fn routes(sets: &mut Sets) {
    sets.row(31);
    for kind in [0, 1, 2, 3, 4, 5, 253, 255] {
        for left in [0, 1, 2, 255] {
            let bare = [routing(kind, left)];
            both(sets, &format!("routing type {kind}, {left} left"), &bare);
        }
        for left in [0, 1] {
            let via = [routing_via(kind, left, &[TO6])];
            both(sets, &format!("routing type {kind} by an address, {left} left"), &via);
        }
    }
}

fn terminal(sets: &mut Sets) {
    sets.row(32);
    for number in [50, 51, 59, 135, 139, 140, 143, 200, 253, 255] {
        let bare = |n| Vec::from(Packet::new() / udp(n, 53) / b"query");
        sets.one(format!("{number}, then UDP"), |n| eth() / ipv6().next(number) / bare(n));
        sets.one(format!("{number} as a header, then UDP"), |n| {
            eth() / ipv6() / ext(number, [0; 7]) / dns(n)
        });
    }
    let between = [destination(0), mobility(), destination(0)];
    both(sets, "mobility between other headers", &between);
}

fn payload_lengths(sets: &mut Sets) {
    sets.row(33);
    for len in (0..=13).chain([14, 100, 1500, 65535]) {
        let head = ipv6().payload_len(len);
        sets.one(format!("payload length {len}"), |n| eth() / head / dns(n) / b"query");
        let head = ipv6().payload_len(len);
        sets.one(format!("payload length {len}, destination"), |n| {
            eth() / head / destination(0) / dns(n)
        });
    }
    sets.one("payload length of TCP less a byte", |n| eth() / ipv6().payload_len(19) / web(n));
    sets.one("20 bytes behind the payload", |n| eth() / ipv6() / dns(n) / pad(filler(20)));
    let jumbo = || Layer::from(ext(0, [0, 0xc2, 4, 0, 0, 0, 16]));
    sets.one("jumbogram", |n| eth() / ipv6().payload_len(0) / jumbo() / dns(n));
    sets.one("jumbogram that says its length", |n| eth() / ipv6() / jumbo() / dns(n));
}
