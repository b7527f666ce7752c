//! Row 13: chains of headers, cut at each byte.
//!
//! Each chain is cut in two ways. Cut on the wire, the IP length still counts what is gone, so the
//! frame contradicts itself as soon as its IP header is whole. Shortened by its sender, the
//! IP length is right, and the transport is what is not all there.

use super::Malformed::{self, BadLength, BadOffset, ShortL2, ShortL3, ShortL4};
use super::rows::{Row, TCP4, TCP6, UDP4, UDP6};
use super::{Flow, Odd};
use crate::packet::{
    Packet, auth, destination, eth, filler, frag, hop_by_hop, icmp, icmp6, ipv4, ipv6,
    neighbour_solicitation, routing, sctp, service_vlan, tcp, udp, vlan,
};

struct Chain {
    name: &'static str,
    flows: &'static [Flow],
    packet: Packet,
    /// Where the IP header begins.
    ip: usize,
    /// How long it is, options included.
    ip_len: usize,
    /// How long the extension headers are.
    ext_len: usize,
    transport: Transport,
}

enum Transport {
    /// A header that must be there up to this byte; whatever follows does not matter.
    Fixed(usize),
    /// TCP with a data offset that promises this many bytes.
    Tcp(usize),
    /// Eight bytes of ICMPv6, and behind them a message that is worth nothing without the rest.
    Nd,
}

const SCTP4: &[Flow] = &[Flow::Sctp3868, Flow::Src4];
const SCTP6: &[Flow] = &[Flow::Sctp3868, Flow::Src6];
const ICMP4: &[Flow] = &[Flow::Icmp, Flow::Src4];
const ICMP6: &[Flow] = &[Flow::Icmp6, Flow::Src6];
const ND: &[Flow] = &[Flow::Nd, Flow::Src6];

/// MSS, window scale, two fillers: twelve bytes of options.
const OPTIONS: [u8; 12] = [2, 4, 5, 0xb4, 3, 3, 7, 1, 1, 1, 1, 0];

#[rustfmt::skip] // One line per chain.
fn chains() -> Vec<Chain> {
    use Transport::{Fixed, Nd, Tcp};
    let dns = udp(4000, 53);
    let web = tcp(4000, 80).options(OPTIONS);
    let chain = |name, flows, packet: Packet, [ip, ip_len, ext_len]: [usize; 3], transport| {
        Chain { name, flows, packet, ip, ip_len, ext_len, transport }
    };
    vec![
        chain("IPv4, UDP", UDP4, eth() / ipv4() / dns.clone() / b"query", [14, 20, 0], Fixed(8)),
        chain("IPv4, TCP", TCP4, eth() / ipv4() / web.clone() / b"get", [14, 20, 0], Tcp(32)),
        chain("IPv4, SCTP", SCTP4, eth() / ipv4() / sctp(4000, 3868) / filler(20), [14, 20, 0], Fixed(12)),
        chain("IPv4, ICMP", ICMP4, eth() / ipv4() / icmp(8, 0) / b"ping", [14, 20, 0], Fixed(8)),
        chain("IPv4 with options, UDP", UDP4, eth() / ipv4().options([1; 12]) / dns.clone(), [14, 32, 0], Fixed(8)),
        chain("tag, IPv4, UDP", UDP4, eth() / vlan(0) / ipv4() / dns.clone(), [18, 20, 0], Fixed(8)),
        chain("two tags, IPv6, UDP", UDP6, eth() / service_vlan(1) / vlan(2) / ipv6() / dns.clone(), [22, 40, 0], Fixed(8)),
        chain("IPv4 first fragment, UDP", UDP4, eth() / ipv4().more_fragments() / dns.clone() / filler(16), [14, 20, 0], Fixed(8)),
        chain("IPv6, UDP", UDP6, eth() / ipv6() / dns.clone() / b"query", [14, 40, 0], Fixed(8)),
        chain("IPv6, TCP", TCP6, eth() / ipv6() / web.clone() / b"get", [14, 40, 0], Tcp(32)),
        chain("IPv6, SCTP", SCTP6, eth() / ipv6() / sctp(4000, 3868) / filler(20), [14, 40, 0], Fixed(12)),
        chain("IPv6, ICMPv6", ICMP6, eth() / ipv6() / icmp6(128, 0) / b"ping", [14, 40, 0], Fixed(8)),
        chain("IPv6, neighbour solicitation", ND, eth() / ipv6().hop_limit(255) / neighbour_solicitation("2001:db8::1"), [14, 40, 0], Nd),
        chain("IPv6, hop-by-hop, destination, UDP", UDP6, eth() / ipv6() / hop_by_hop(0) / destination(1) / dns.clone(), [14, 40, 24], Fixed(8)),
        chain("IPv6, routing, atomic fragment, TCP", TCP6, eth() / ipv6() / routing(0, 0) / frag(0) / web, [14, 40, 16], Tcp(32)),
        chain("IPv6, authentication, UDP", UDP6, eth() / ipv6() / auth(4) / dns.clone(), [14, 40, 24], Fixed(8)),
        chain("IPv6 first fragment, destination, UDP", UDP6, eth() / ipv6() / frag(0).more() / destination(0) / dns / filler(16), [14, 40, 16], Fixed(8)),
    ]
}

pub(super) fn rows() -> Vec<Odd> {
    let mut row = Row::new(13);
    for chain in chains() {
        on_the_wire(&mut row, &chain);
        by_the_sender(&mut row, &chain);
    }
    row.finish()
}

fn on_the_wire(row: &mut Row, chain: &Chain) {
    for len in 14..chain.packet.build().len() {
        let class = match len {
            len if len < chain.ip => ShortL2,
            len if len < chain.ip + chain.ip_len => ShortL3,
            _ => BadLength,
        };
        let name = format!("{}, cut at {len}", chain.name);
        row.malformed(class, name, chain.flows, chain.packet.cut(len));
    }
}

fn by_the_sender(row: &mut Row, chain: &Chain) {
    let behind_ip = chain.packet.build().len() - chain.ip - chain.ip_len;
    for len in 0..behind_ip {
        let name = format!("{}, only {len} bytes behind the IP header", chain.name);
        let frame = chain.packet.shortened(len);
        match chain.shortened_class(len) {
            Some(class) => row.malformed(class, name, chain.flows, frame),
            None => row.part(name, chain.flows_of_a_part(), frame),
        }
    }
}

impl Chain {
    fn shortened_class(&self, len: usize) -> Option<Malformed> {
        let is_ipv6 = self.ip_len == 40;
        if len == 0 && is_ipv6 {
            return Some(BadLength);
        }
        let transport = len.saturating_sub(self.ext_len);
        match self.transport {
            Transport::Fixed(header) if transport < header => Some(ShortL4),
            Transport::Nd if transport < 8 => Some(ShortL4),
            Transport::Tcp(_) if transport < 20 => Some(ShortL4),
            Transport::Tcp(promised) if transport < promised => Some(BadOffset),
            _ => None,
        }
    }

    /// The flows that a shortened packet with a whole header is part of: whether half a
    /// solicitation is neighbour discovery is nobody's concern, the stack refuses it.
    fn flows_of_a_part(&self) -> &'static [Flow] {
        match self.transport {
            Transport::Nd => &[Flow::Src6],
            _ => self.flows,
        }
    }
}
