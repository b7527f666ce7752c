//! Forms that what follows the IP header decides: protocols, ports, messages, flags.

use palisade_tests::packet::{
    ACK, AE, CWR, ECE, FIN, PSH, Packet, RST, SYN, URG, auth, destination, eth, filler, frag, icmp,
    icmp6, ipv4, ipv6, neighbour_advertisement, neighbour_solicitation, redirect, routing, sctp,
    tcp, udp, vlan,
};

use super::Cut::Transport;
use super::{Form, form, not_ip};

pub fn protocols() -> Vec<Form> {
    [numbers(), icmps(), discovery(), dhcp()].concat()
}

fn tcps() -> [Packet; 3] {
    [
        eth() / ipv4() / tcp(1, 2),
        eth() / ipv6() / destination(1) / tcp(1, 2),
        eth() / ipv4().protocol(6).offset(3) / filler(8),
    ]
}

fn udps() -> [Packet; 5] {
    [
        eth() / ipv4() / udp(1, 2),
        eth() / vlan(1) / ipv6() / udp(1, 2),
        eth() / ipv6() / destination(0) / routing(0, 0) / frag(0).more() / udp(1, 2) / filler(8),
        eth() / ipv4().protocol(17).offset(3) / filler(8),
        eth() / ipv6() / auth(4) / udp(1, 2),
    ]
}

fn sctps() -> [Packet; 2] {
    [eth() / ipv4().options([1; 4]) / sctp(1, 2), eth() / ipv6() / sctp(1, 2)]
}

/// Of a protocol that nobody can know: a later piece over IPv6.
fn unknown(number: u8) -> [Packet; 1] {
    [eth() / ipv6() / frag(3).next(number) / filler(40)]
}

fn numbers() -> Vec<Form> {
    let gre = [eth() / ipv4().protocol(47) / filler(20), eth() / ipv6().next(47) / filler(20)];
    let near = [eth() / ipv4().protocol(46) / filler(20), eth() / ipv6().next(175) / filler(20)];
    let nothing = eth() / ipv4().protocol(255) / b"";
    vec![
        form("tcp").hits(tcps()).near(udps()).near(unknown(6)).wrong(not_ip()).cut(Transport(20)),
        form("udp").hits(udps()).near(sctps()).near(unknown(17)).wrong(not_ip()),
        form("sctp")
            .hits(sctps())
            .near(tcps())
            .near(unknown(132))
            .wrong(not_ip())
            .cut(Transport(12)),
        form("proto 6")
            .hits(tcps())
            .near(udps())
            .near(unknown(6))
            .wrong(not_ip())
            .cut(Transport(20)),
        form("proto 47").hits(gre).near(near).near(unknown(47)).wrong(not_ip()).cut(Transport(0)),
        form("proto 255").hits([nothing]).near(udps()).near(unknown(255)).cut(Transport(0)),
    ]
}

fn icmps() -> Vec<Form> {
    let four = || [eth() / ipv4() / icmp(8, 0), eth() / ipv4().protocol(1).offset(1) / filler(8)];
    let six = || [eth() / ipv6() / icmp6(128, 0), eth() / ipv6() / destination(0) / icmp6(1, 0)];
    // The other version's ICMP is just a protocol.
    let crossed = || [eth() / ipv4().protocol(58) / &[8; 8], eth() / ipv6().next(1) / &[8; 8]];
    vec![
        form("icmp").hits(four()).near(crossed()).wrong(six()).wrong(not_ip()),
        form("icmp6").hits(six()).near(crossed()).near(unknown(58)).wrong(four()).wrong(not_ip()),
        form("proto 1").hits(four()).hits([crossed()[1].clone()]).near(six()).wrong(not_ip()),
    ]
}

fn discovery() -> Vec<Form> {
    let from = || ipv6().hop_limit(255);
    let typed = |kind| eth() / from() / icmp6(kind, 0) / filler(8);
    let hits = [
        eth() / from() / neighbour_solicitation("2001:db8::1"),
        eth() / vlan(0) / from() / neighbour_advertisement("2001:db8::1"),
        eth() / from() / redirect("fe80::1", "2001:db8::1"),
        eth() / from() / destination(0) / icmp6(133, 0),
        typed(134),
    ];
    let near = [
        eth() / from().hop_limit(254) / neighbour_solicitation("2001:db8::1"),
        eth() / from() / frag(0) / neighbour_solicitation("2001:db8::1"),
        eth() / from() / frag(0).more() / icmp6(135, 0) / filler(16),
        typed(132),
        typed(138),
    ];
    let four = [eth() / ipv4().ttl(255) / icmp(135, 0), eth() / ipv4().protocol(58) / &[135; 24]];
    vec![form("nd").hits(hits).near(near).wrong(four).wrong(unknown(58)).wrong(not_ip())]
}

fn dhcp() -> Vec<Form> {
    let four = |from, to| eth() / ipv4() / udp(from, to);
    let six = |from, to| eth() / ipv6() / udp(from, to);
    let hits = [four(68, 67), four(67, 67), four(67, 68), six(546, 547), six(547, 546)];
    let near = [four(68, 66), four(69, 67), six(545, 546), six(546, 548)];
    let wrong = [
        four(546, 547),
        six(68, 67),
        eth() / ipv4() / tcp(68, 67),
        eth() / ipv6() / tcp(546, 547),
        eth() / ipv4().offset(1) / udp(68, 67),
    ];
    vec![form("dhcp").hits(hits).near(near).wrong(wrong).wrong(not_ip())]
}

/// What has no ports, whatever its bytes look like.
fn portless(port: u16) -> Vec<Packet> {
    let [high, low] = port.to_be_bytes();
    let bytes = [high, low, high, low];
    vec![
        eth() / ipv4() / icmp(high, low).rest(bytes),
        eth() / ipv6() / icmp6(high, low).rest(bytes),
        eth() / ipv4().protocol(136) / &[high, low, high, low, 0, 8, 0, 0],
        eth() / ipv4().offset(1) / udp(port, port),
        eth() / ipv6() / frag(1) / udp(port, port),
    ]
}

/// A packet of each protocol with ports, of both versions of IP.
fn ported(from: u16, to: u16) -> [Packet; 5] {
    [
        eth() / ipv4() / udp(from, to),
        eth() / ipv4().options([1; 40]) / tcp(from, to),
        eth() / vlan(1) / ipv6() / sctp(from, to),
        eth() / ipv6() / frag(0).more() / destination(0) / udp(from, to),
        eth() / ipv4().more_fragments() / tcp(from, to).flags(ACK),
    ]
}

const SERVICES: &str =
    "set services service { max 8 elements { tcp/80, udp/5000-5001, any/7, sctp/80 } }\n";
const DEFINES: &str = "define web = { 80, 443 }\ndefine high = 1024-65535\n";

#[rustfmt::skip] // One line per value: inside, outside.
const PORTS: [(&str, &str, &[u16], &[u16]); 9] = [
    ("", "53", &[53], &[52, 54, 0x3500, 309]),
    ("", "0", &[0], &[1, 256, 65535]),
    ("", "8000-8099", &[8000, 8050, 8099], &[7999, 8100, 80]),
    ("", "1-65535", &[1, 65535], &[0]),
    ("", "{ 53, 55, 8000-8099 }", &[53, 55, 8099], &[52, 54, 56, 7999, 8100]),
    ("", "{ 1, 3, 5, 7, 9, 11, 13, 15, 17, 1000-1999 65535 }", &[1, 9, 17, 1000, 1500, 1999, 65535], &[0, 2, 8, 18, 256, 999, 2000, 65534]),
    (DEFINES, "web", &[80, 443], &[81, 442]),
    (DEFINES, "high", &[1024, 65535], &[1023, 0]),
    (DEFINES, "{ web, 53, 8000-8001 }", &[443, 53, 8001], &[444, 54, 8002]),
];

pub fn ports() -> Vec<Form> {
    // No value holds it but the two that hold nearly all ports.
    const FAR: u16 = 33_333;
    let mut forms = Vec::new();
    for (before, text, inside, outside) in PORTS {
        let far = if inside.contains(&65535) && !text.contains("1000") { 0 } else { FAR };
        let to = |ports: &[u16]| ports.iter().flat_map(|p| ported(far, *p)).collect::<Vec<_>>();
        let from = |ports: &[u16]| ports.iter().flat_map(|p| ported(*p, far)).collect::<Vec<_>>();
        let row = |word: &str| {
            form(format!("{word} {text}")).before(before).wrong(portless(inside[0])).wrong(not_ip())
        };
        forms.push(row("dport").hits(to(inside)).near(to(outside)).near(from(inside)));
        forms.push(row("sport").hits(from(inside)).near(from(outside)).near(to(inside)));
        let (hits, near) = ([to(inside), from(inside)], [to(outside), from(outside)]);
        forms.push(row("port").hits(hits.concat()).near(near.concat()));
    }
    forms.push(all_ports());
    forms.push(services());
    forms
}

/// Every port: whatever has ports.
fn all_ports() -> Form {
    form("dport 0-65535")
        .hits(ported(1, 0))
        .hits(ported(1, 65535))
        .wrong(portless(53))
        .wrong(not_ip())
}

fn services() -> Form {
    let hits = [
        eth() / ipv4() / udp(1, 5001),
        eth() / ipv6() / tcp(1, 80),
        eth() / ipv4() / sctp(1, 80),
        eth() / ipv4() / sctp(1, 7),
        eth() / ipv6() / udp(1, 7),
        eth() / ipv6() / tcp(1, 7),
    ];
    let near = [
        eth() / ipv4() / udp(1, 80),
        eth() / ipv4() / tcp(80, 81),
        eth() / ipv6() / udp(1, 5002),
        eth() / ipv6() / tcp(1, 5000),
        eth() / ipv6() / sctp(1, 5001),
    ];
    let wrong = [portless(80), portless(7), not_ip().to_vec()].concat();
    form("service in services").before(SERVICES).hits(hits).near(near).wrong(wrong)
}

pub fn messages() -> Vec<Form> {
    let four = |kind, code| eth() / ipv4() / icmp(kind, code);
    let six = |kind, code| eth() / ipv6() / destination(0) / icmp6(kind, code);
    let strangers = || {
        vec![
            eth() / ipv4().protocol(58) / &[8; 8],
            eth() / ipv6().next(1) / &[8; 8],
            eth() / ipv4() / udp(0x0808, 0x0808),
            eth() / ipv4().protocol(1).offset(2) / &[8; 16],
            eth() / ipv6() / frag(1).next(58) / &[8; 16],
        ]
    };
    let row = |rule: &str| form(rule).wrong(strangers()).wrong(not_ip());
    vec![
        row("type 8").hits([four(8, 0), four(8, 9), six(8, 8)]).near([
            four(0, 8),
            four(9, 0),
            six(128, 8),
        ]),
        row("type 0").hits([four(0, 0)]).near([four(1, 0), four(8, 0)]),
        row("type 3 code 4").hits([four(3, 4), six(3, 4)]).near([
            four(3, 3),
            four(4, 3),
            four(4, 4),
        ]),
        row("type 255 code 0").hits([four(255, 0)]).near([four(255, 255), four(0, 255)]),
        row("icmp type 8").hits([four(8, 0)]).near([four(9, 0)]).wrong([six(8, 0)]),
        row("icmp6 type 8 code 8")
            .hits([eth() / ipv6() / icmp6(8, 8)])
            .near([six(8, 7)])
            .wrong([four(8, 8)]),
    ]
}

const FLAGS: [(&str, u16); 9] = [
    ("fin", FIN),
    ("syn", SYN),
    ("rst", RST),
    ("psh", PSH),
    ("ack", ACK),
    ("urg", URG),
    ("ece", ECE),
    ("cwr", CWR),
    ("ae", AE),
];

/// All flags; the three bits above them are none.
const ALL: u16 = 0x1ff;
const RESERVED: u16 = 0xe00;

pub fn flags() -> Vec<Form> {
    let flagged = |bits| {
        [eth() / ipv4() / tcp(1, 2).flags(bits), eth() / ipv6() / auth(4) / tcp(1, 2).flags(bits)]
    };
    let others = || {
        [
            eth() / ipv4() / udp(1, 2) / &[0xff; 20],
            eth() / ipv4() / sctp(1, 2) / &[0; 20],
            eth() / ipv4().protocol(6).offset(1) / &[0xff; 40],
            eth() / ipv6() / frag(1).next(6) / &[0; 40],
            eth() / ipv4() / icmp(8, 0) / &[0xff; 20],
        ]
    };
    let row = |rule: String| form(rule).wrong(others()).wrong(not_ip()).cut(Transport(20));
    let mut forms = Vec::new();
    for (name, bit) in FLAGS {
        let (with, without) = ([bit, ALL, bit | RESERVED], [0, ALL ^ bit, RESERVED]);
        let [with, without] = [with, without].map(|all| all.into_iter().flat_map(flagged));
        forms.push(row(format!("flags {name}")).hits(with.clone()).near(without.clone()));
        forms.push(row(format!("flags !{name}")).hits(without).near(with));
    }
    let opening = [SYN, SYN | FIN | RST | URG, SYN | AE | RESERVED].into_iter().flat_map(flagged);
    let open = [ACK, SYN | ACK, 0, ALL].into_iter().flat_map(flagged);
    forms.push(row("flags syn,!ack".to_owned()).hits(opening).near(open));
    let every = "flags fin,syn,rst,psh,ack,urg,ece,cwr,ae".to_owned();
    let less = FLAGS.into_iter().flat_map(|(_, bit)| flagged(ALL ^ bit));
    forms.push(row(every).hits(flagged(ALL)).near(less));
    forms
}
