//! Forms that the IP header decides: addresses, its numbers, its options, and pieces of packets.

use std::net::IpAddr;

use palisade_tests::packet::{
    Packet, destination, eth, filler, frag, ipv4, ipv6, pad_to, tcp, udp, vlan,
};

use super::Cut::{Length, Network, Transport};
use super::{Form, form, not_ip};

/// A value of an address test, with addresses that are in it and that narrowly are not.
struct Value {
    before: &'static str,
    text: &'static str,
    inside: &'static [&'static str],
    outside: &'static [&'static str],
}

const NETS: &str = "set nets net { max 16 elements { 10.0.0.9, 10.1.0.0/17, 2001:db8::9, \
    2001:db8:1::/65 } }\n";
const DEFINES: &str = "define one = 10.0.0.9\ndefine some = { one, 10.1.0.0/17, 2001:db8::9 }\n";

#[rustfmt::skip] // A line for a value, one for what is in it, one for what is not.
const VALUES: &[Value] = &[
    Value { before: "", text: "10.0.0.9",
        inside: &["10.0.0.9"],
        outside: &["10.0.0.8", "10.0.0.11", "10.0.1.9", "11.0.0.9", "138.0.0.9", "9.0.0.10"] },
    Value { before: "", text: "2001:db8::9",
        inside: &["2001:db8::9"],
        outside: &["2001:db8::8", "2001:db8::1:9", "2001:db8:0:0:1::9", "2001:db8:0:1::9", "2001:db9::9", "::9"] },
    Value { before: "", text: "10.0.0.0/9",
        inside: &["10.0.0.0", "10.127.255.255", "10.64.0.1"],
        outside: &["9.255.255.255", "10.128.0.0", "138.0.0.0"] },
    Value { before: "", text: "2001:db8:8000::/33",
        inside: &["2001:db8:8000::", "2001:db8:ffff:ffff:ffff:ffff:ffff:ffff"],
        outside: &["2001:db8:7fff:ffff:ffff:ffff:ffff:ffff", "2001:db9:8000::", "2001:db9::"] },
    Value { before: "", text: "2001:db8::c000:0/98",
        inside: &["2001:db8::c000:0", "2001:db8::ffff:ffff"],
        outside: &["2001:db8::bfff:ffff", "2001:db8:0:0:0:1::", "2001:db8:0:0:0:1:c000:0", "2001:db8:0:1::c000:0"] },
    Value { before: "", text: "10.0.0.9-10.0.1.4",
        inside: &["10.0.0.9", "10.0.0.255", "10.0.1.0", "10.0.1.4"],
        outside: &["10.0.0.8", "10.0.1.5", "9.0.0.10", "11.0.0.10"] },
    Value { before: "", text: "2001:db8:5::9-2001:db8:5:1::4",
        inside: &["2001:db8:5::9", "2001:db8:5:0:ffff::", "2001:db8:5:1::", "2001:db8:5:1::4"],
        outside: &["2001:db8:5::8", "2001:db8:5:1::5", "2001:db8:4::10", "2001:db8:5:2::", "2001:db8:5:1:1::"] },
    Value { before: "", text: "{ 10.0.0.9, 10.0.0.11 10.1.0.0/16, 10.2.0.1-10.2.0.3, }",
        inside: &["10.0.0.9", "10.0.0.11", "10.1.255.255", "10.2.0.2"],
        outside: &["10.0.0.10", "10.0.255.255", "10.2.0.0", "10.2.0.4"] },
    Value { before: "", text: "{ 2001:db8::9, 2001:db8::b, 2001:db8:1::/48, 2001:db8:2::1-2001:db8:2::3 }",
        inside: &["2001:db8::9", "2001:db8::b", "2001:db8:1:ffff::", "2001:db8:2::2"],
        outside: &["2001:db8::a", "2001:db8:2::", "2001:db8:2::4"] },
    Value { before: "", text: "{ 10.0.0.9, 2001:db8::9 }",
        inside: &["10.0.0.9", "2001:db8::9"],
        outside: &["10.0.0.8", "2001:db8::8", "::ffff:10.0.0.9", "::10.0.0.9"] },
    Value { before: "", text: "{ 0.0.0.0, 10.0.0.1, 10.0.0.3, 10.0.0.5, 10.0.0.7, 10.0.0.9, 10.1.0.0/17, 10.3.0.2-10.3.1.9, 172.16.0.1, 255.255.255.255 }",
        inside: &["0.0.0.0", "10.0.0.1", "10.0.0.5", "10.0.0.9", "10.1.0.0", "10.1.127.255", "10.3.0.2", "10.3.1.9", "172.16.0.1", "255.255.255.255"],
        outside: &["0.0.0.1", "10.0.0.0", "10.0.0.2", "10.0.0.4", "10.0.255.255", "10.1.128.0", "10.3.0.1", "10.3.1.10", "172.16.0.0", "172.16.0.2", "255.255.255.254"] },
    Value { before: "", text: "{ ::, 2001:db8::1, 2001:db8::3, 2001:db8::5, 2001:db8::9, 2001:db8::d, 2001:db8:1::/65, 2001:db8:3::2-2001:db8:4::, fe80::1, ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff }",
        inside: &["::", "2001:db8::1", "2001:db8::5", "2001:db8::9", "2001:db8:1::", "2001:db8:1:0:7fff:ffff:ffff:ffff", "2001:db8:3::2", "2001:db8:4::", "fe80::1", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"],
        outside: &["::1", "2001:db8::", "2001:db8::2", "2001:db8::4", "2001:db8:0:1::5", "2001:db8:1:0:8000::", "2001:db8:3::1", "2001:db8:4::1", "fe80::", "fe80::2", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:fffe"] },
    Value { before: DEFINES, text: "one",
        inside: &["10.0.0.9"], outside: &["10.0.0.8", "2001:db8::9"] },
    Value { before: DEFINES, text: "{ some, 10.3.0.1 }",
        inside: &["10.0.0.9", "10.1.127.255", "2001:db8::9", "10.3.0.1"],
        outside: &["10.0.0.8", "10.1.128.0", "2001:db8::8", "10.3.0.2"] },
    Value { before: NETS, text: "in nets",
        inside: &["10.0.0.9", "10.1.0.0", "10.1.127.255", "2001:db8::9", "2001:db8:1::", "2001:db8:1:0:7fff:ffff:ffff:ffff"],
        outside: &["10.0.0.8", "10.0.255.255", "10.1.128.0", "2001:db8::8", "2001:db8:1:0:8000::", "::ffff:10.0.0.9"] },
    Value { before: "", text: "0.0.0.0/0",
        inside: &["0.0.0.0", "10.0.0.9", "255.255.255.255"],
        outside: &["::", "2001:db8::9"] },
    Value { before: "", text: "::/0",
        inside: &["::", "2001:db8::9", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"],
        outside: &["0.0.0.0", "10.0.0.9"] },
];

/// Packets from, or to, an address; the other end is outside of every value, but for the two that
/// hold all addresses.
fn packets(end: &str, addr: &str) -> Vec<Packet> {
    let addr: IpAddr = addr.parse().expect(addr);
    match (end, addr) {
        ("src", IpAddr::V4(addr)) => vec![
            eth() / ipv4().src(addr) / udp(1, 2),
            eth() / vlan(1) / ipv4().src(addr).offset(7) / b"piece",
        ],
        ("dst", IpAddr::V4(addr)) => vec![
            eth() / ipv4().dst(addr) / tcp(1, 2),
            eth() / ipv4().dst(addr).options([1; 40]) / udp(1, 2),
        ],
        ("src", IpAddr::V6(addr)) => vec![
            eth() / ipv6().src(addr) / udp(1, 2),
            eth() / vlan(1) / ipv6().src(addr) / frag(7).next(6) / b"piece",
        ],
        ("dst", IpAddr::V6(addr)) => vec![
            eth() / ipv6().dst(addr) / tcp(1, 2),
            eth() / ipv6().dst(addr) / destination(0) / udp(1, 2),
        ],
        _ => panic!("`{end}` is no end"),
    }
}

fn all(end: &str, addrs: &[&str]) -> Vec<Packet> {
    addrs.iter().flat_map(|addr| packets(end, addr)).collect()
}

pub fn addresses() -> Vec<Form> {
    let mut forms = Vec::new();
    for value in VALUES {
        let row =
            |end: &str| form(format!("{end} {}", value.text)).before(value.before).cut(Network);
        let holds_all = value.text.ends_with("/0");
        for (end, other) in [("src", "dst"), ("dst", "src")] {
            let hits = all(end, value.inside);
            let elsewhere = if holds_all { Vec::new() } else { all(other, value.inside) };
            let near = all(end, value.outside);
            forms.push(row(end).hits(hits).near(near).wrong(elsewhere).wrong(not_ip()));
        }
        let hits = [all("src", value.inside), all("dst", value.inside)].concat();
        let near = [all("dst", value.outside), all("src", value.outside)].concat();
        forms.push(row("host").hits(hits).near(near).wrong(not_ip()));
    }
    forms
}

pub fn headers() -> Vec<Form> {
    [times(), lengths(), services(), pieces(), options()].concat()
}

fn times() -> Vec<Form> {
    let ttl = |n| [eth() / ipv4().ttl(n) / udp(1, 2), eth() / ipv6().hop_limit(n) / udp(1, 2)];
    let row = |rule: &str| form(rule).wrong(not_ip()).cut(Network);
    vec![
        row("ttl < 5").hits(ttl(4)).hits(ttl(0)).near(ttl(5)).near(ttl(255)),
        row("ttl > 5").hits(ttl(6)).hits(ttl(255)).near(ttl(5)).near(ttl(0)),
        row("ttl = 5").hits(ttl(5)).near(ttl(4)).near(ttl(6)).near(ttl(133)),
        row("ttl > 254").hits(ttl(255)).near(ttl(254)),
        row("ttl < 1").hits(ttl(0)).near(ttl(1)),
    ]
}

fn lengths() -> Vec<Form> {
    let unpadded = |n: usize| eth() / ipv4() / udp(1, 2) / filler(n - 28);
    // Padding is no part of a packet, and IPv6 counts its header apart.
    let length = |n: usize| {
        [unpadded(n) / pad_to(100), eth() / ipv6() / udp(1, 2) / filler(n - 48) / pad_to(200)]
    };
    let row = |rule: &str| form(rule).wrong(not_ip()).cut(Length);
    vec![
        row("length < 60").hits([unpadded(59)]).hits(length(59)).near(length(60)).near(length(61)),
        row("length > 60").hits([unpadded(61)]).hits(length(61)).near(length(60)).near(length(59)),
        row("length = 60").hits([unpadded(60)]).hits(length(60)).near(length(59)).near(length(61)),
        row("length > 315")
            .hits([unpadded(316)])
            .hits(length(571))
            .near(length(60))
            .near(length(315)),
    ]
}

/// Type of service and traffic class but for their last two bits.
fn services() -> Vec<Form> {
    let dscp = |n: u8| {
        [
            eth() / ipv4().tos(n << 2 | 3) / udp(1, 2),
            eth() / ipv6().traffic_class(n << 2 | 3).flow_label(0xf_ffff) / udp(1, 2),
            eth() / ipv6().traffic_class(n << 2) / udp(1, 2),
        ]
    };
    let row = |rule: &str| form(rule).wrong(not_ip()).cut(Network);
    vec![
        row("dscp < 46").hits(dscp(45)).hits(dscp(0)).near(dscp(46)).near(dscp(63)),
        row("dscp > 46").hits(dscp(47)).hits(dscp(63)).near(dscp(46)).near(dscp(0)),
        row("dscp = 46").hits(dscp(46)).near(dscp(45)).near(dscp(47)).near(dscp(14)).near(dscp(62)),
    ]
}

fn pieces() -> Vec<Form> {
    let four = [
        eth() / ipv4().more_fragments() / udp(1, 2) / filler(8),
        eth() / ipv4().protocol(17).offset(1) / filler(8),
        eth() / ipv4().protocol(17).offset(0x1000) / filler(8),
        eth() / ipv4().protocol(6).more_fragments().offset(0x1fff) / filler(8),
    ];
    let six = [
        eth() / ipv6() / frag(0).more() / udp(1, 2) / filler(8),
        eth() / ipv6() / destination(0) / frag(1).next(17) / filler(8),
        eth() / ipv6() / frag(0x1fff).more().next(59) / filler(8),
    ];
    let whole = [
        eth() / ipv4() / udp(1, 2),
        eth() / ipv4().dont_fragment().evil() / udp(1, 2),
        eth() / ipv6() / udp(1, 2),
        // An atomic fragment is no piece.
        eth() / ipv6() / frag(0).reserved(0xff).reserved_bits(3) / udp(1, 2),
    ];
    let row = |rule: &str| form(rule).near(whole.clone()).wrong(not_ip());
    vec![
        row("fragment").hits(four.clone()).hits(six.clone()).cut(Network),
        row("ip6 fragment").hits(six).wrong(four).cut(Transport(16)),
    ]
}

fn options() -> Vec<Form> {
    let optional = |len| eth() / ipv4().options(vec![1; len]) / udp(1, 2);
    let plain = [eth() / ipv4() / udp(1, 2), eth() / ipv4() / tcp(1, 2).options([1; 8])];
    vec![
        form("options")
            .hits([optional(4), optional(40)])
            .near(plain)
            .wrong([eth() / ipv6() / destination(0) / udp(1, 2)])
            .wrong(not_ip())
            .cut(Network),
    ]
}
