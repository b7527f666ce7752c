//! Forms that join terms: side by side, `not`, alternatives, alternatives within alternatives, and
//! no term at all.

use palisade_tests::packet::{
    ACK, ARP_REQUEST, Packet, SYN, arp, eth, filler, frag, icmp, icmp6, ipv4, ipv6,
    neighbour_solicitation, tcp, udp, vlan,
};

use super::Cut::{Link, Network, Transport};
use super::{Form, form, not_ip};

pub fn forms() -> Vec<Form> {
    [none(), side_by_side(), negations(), alternatives(), nested(), with_sets()].concat()
}

fn from(addr: &str, port: u16) -> [Packet; 2] {
    [eth() / ipv4().src(addr) / udp(port, port), eth() / ipv4().src(addr) / tcp(port, port)]
}

fn none() -> Vec<Form> {
    let all = [eth() / ipv4() / udp(1, 2), eth() / ipv6() / b"", eth() / arp(ARP_REQUEST)];
    vec![form("").hits(all).hits(not_ip()).cut(Link(0))]
}

fn side_by_side() -> Vec<Form> {
    let it = || ipv4().src("203.0.113.9");
    let tail = |ttl| ipv6().hop_limit(ttl);
    vec![
        form("ip4 udp src 203.0.113.0/24 sport 1000-2000 dport 53")
            .hits([eth() / it() / udp(1000, 53), eth() / it() / udp(2000, 53)])
            .near([eth() / it() / udp(999, 53), eth() / it() / udp(1000, 54)])
            .near([eth() / ipv4() / udp(1000, 53)])
            .wrong([eth() / it() / tcp(1000, 53), eth() / ipv6() / udp(1000, 53)])
            .wrong(not_ip()),
        form("vlan 5 ip6 tcp flags syn,!ack ttl > 63")
            .hits([eth() / vlan(5) / tail(64) / tcp(1, 2).flags(SYN)])
            .near([
                eth() / vlan(6) / tail(64) / tcp(1, 2).flags(SYN),
                eth() / vlan(5) / tail(63) / tcp(1, 2).flags(SYN),
                eth() / vlan(5) / tail(64) / tcp(1, 2).flags(SYN | ACK),
            ])
            .wrong([eth() / vlan(5) / tail(64) / udp(1, 2), eth() / vlan(5) / ipv4() / tcp(1, 2)])
            .cut(Transport(20)),
        form("src 203.0.113.9 dst 192.0.2.0/24")
            .hits([eth() / it() / udp(1, 2)])
            .near([eth() / it().dst("192.0.3.1") / udp(1, 2), eth() / ipv4() / udp(1, 2)])
            .wrong([eth() / ipv6() / udp(1, 2)])
            .cut(Network),
    ]
}

/// `not` is true of every frame that its term is not true of, whatever kind of frame it is.
fn negations() -> Vec<Form> {
    let nd = eth() / ipv6().hop_limit(255) / neighbour_solicitation("2001:db8::1");
    vec![
        form("not src 10.0.0.0/8")
            .hits(from("11.0.0.1", 1))
            .hits(not_ip())
            .hits([eth() / ipv6() / udp(1, 2)])
            .near(from("10.0.0.1", 1))
            .cut(Network),
        form("not arp")
            .hits([eth().ethertype(0x88cc) / b"lldp", eth() / ipv4() / udp(1, 2)])
            .near([eth() / arp(ARP_REQUEST), eth() / vlan(1) / arp(ARP_REQUEST)])
            .cut(Link(0)),
        form("tcp not dport 22 not dport 80-81")
            .hits([eth() / ipv4() / tcp(22, 23), eth() / ipv6() / tcp(80, 82)])
            .near([eth() / ipv4() / tcp(1, 22), eth() / ipv6() / tcp(1, 81)])
            .wrong([eth() / ipv4() / udp(1, 23)])
            .cut(Transport(20)),
        form("ip6 not nd not ( tcp dport 22 )")
            .hits([eth() / ipv6() / udp(1, 22), eth() / ipv6() / tcp(22, 1)])
            .near([nd, eth() / ipv6() / tcp(1, 22)])
            .wrong([eth() / ipv4() / udp(1, 22)]),
    ]
}

fn alternatives() -> Vec<Form> {
    let echo = || [eth() / ipv4() / icmp(8, 0), eth() / ipv6() / icmp6(128, 0)];
    vec![
        form("( udp dport 53 or tcp dport { 53, 80 } )")
            .hits([eth() / ipv4() / udp(1, 53), eth() / ipv4() / tcp(1, 53)])
            .hits([eth() / ipv6() / tcp(1, 80)])
            .near([eth() / ipv4() / udp(1, 80), eth() / ipv4() / tcp(53, 54)])
            .wrong(echo())
            .wrong(not_ip()),
        form("( icmp type 8 or icmp6 type 128 )")
            .hits(echo())
            .near([eth() / ipv4() / icmp(128, 0), eth() / ipv6() / icmp6(8, 0)])
            .wrong([eth() / ipv4() / udp(0x0800, 0x0800)])
            .wrong(not_ip()),
        form("not ( src 10.0.0.1 or dport 53 )")
            .hits([eth() / ipv4().src("10.0.0.2") / udp(53, 1), eth() / ipv6() / tcp(53, 54)])
            .hits(not_ip())
            .hits([eth() / ipv6() / frag(9).next(17) / filler(8)])
            .near(from("10.0.0.1", 1))
            .near([eth() / ipv4().src("10.0.0.2") / udp(1, 53), eth() / ipv6() / tcp(1, 53)]),
        form("( arp or ip6 )")
            .hits([eth() / ipv6() / udp(1, 2), eth() / arp(ARP_REQUEST)])
            .near([eth() / ipv4() / udp(1, 2), eth().ethertype(0x88cc) / b"lldp"])
            .cut(Network),
    ]
}

fn nested() -> Vec<Form> {
    let web = || [from("10.0.0.1", 80), from("10.0.0.1", 443)].concat();
    vec![
        form("src 10.0.0.1 ( dport 80 or ( tcp or udp ) dport 443 not ( ttl < 9 or options ) )")
            .hits(web())
            .hits([eth() / ipv4().src("10.0.0.1").ttl(8).options([1; 4]) / udp(1, 80)])
            .near([eth() / ipv4().src("10.0.0.1").ttl(8) / udp(1, 443)])
            .near([eth() / ipv4().src("10.0.0.1").options([1; 4]) / tcp(1, 443)])
            .near([from("10.0.0.2", 80), from("10.0.0.1", 81)].concat())
            .wrong([eth() / ipv4().src("10.0.0.1") / icmp(0, 80), eth() / ipv6() / tcp(1, 80)])
            .wrong(not_ip()),
        form("( ( src 10.0.0.1 or src 10.0.0.3 ) ( dport 1 or sport 5 ) or dst 10.0.0.9 )")
            .hits([
                eth() / ipv4().src("10.0.0.3") / udp(5, 9),
                eth() / ipv4().src("10.0.0.1") / udp(9, 1),
            ])
            .hits([eth() / ipv4().dst("10.0.0.9") / udp(9, 9)])
            .near([
                eth() / ipv4().src("10.0.0.3") / udp(1, 5),
                eth() / ipv4().src("10.0.0.2") / udp(5, 1),
            ])
            .wrong([eth() / ipv6() / udp(5, 1)])
            .wrong(not_ip()),
    ]
}

const SETS: &str = "\
set nets net { max 8 elements { 10.0.0.0/24, 2001:db8::9 } }
set uncounted net { max 8 counters off elements { 10.0.0.0/25 } }
set ports service { max 8 elements { tcp/80, udp/53 } }
";

fn with_sets() -> Vec<Form> {
    let row = |rule: &str| form(rule).before(SETS).wrong(not_ip());
    vec![
        row("( src in nets service in ports or dst in nets )")
            .hits([eth() / ipv4().src("10.0.0.255") / udp(1, 53)])
            .hits([
                eth() / ipv4().dst("10.0.0.0") / udp(1, 1),
                eth() / ipv6().dst("2001:db8::9") / udp(1, 1),
            ])
            .near([
                eth() / ipv4().src("10.0.1.0") / udp(1, 53),
                eth() / ipv4().src("10.0.0.1") / udp(1, 80),
            ])
            .near([eth() / ipv6().src("2001:db8::8") / tcp(1, 80)])
            .wrong([eth() / ipv4() / icmp(0, 53)]),
        row("src in nets not src in uncounted")
            .hits([
                eth() / ipv4().src("10.0.0.128") / udp(1, 2),
                eth() / ipv6().src("2001:db8::9") / udp(1, 2),
            ])
            .near(from("10.0.0.127", 1))
            .near(from("10.0.1.0", 1))
            .cut(Network),
        row("not service in ports udp")
            .hits([eth() / ipv4() / udp(53, 80), eth() / ipv6() / udp(1, 54)])
            .hits([eth() / ipv4().offset(1) / udp(1, 53)])
            .near([eth() / ipv4() / udp(1, 53), eth() / ipv6() / udp(1, 53)])
            .wrong([eth() / ipv4() / tcp(1, 81)]),
    ]
}
