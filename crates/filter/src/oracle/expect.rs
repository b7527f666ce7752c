//! The frames that a policy is asked about by name: those of its `expect`s, a session's, and what a
//! host must receive to be reachable at all.

use std::net::{IpAddr, Ipv6Addr, SocketAddr};

use super::compose::{ACK, Content, EXPERIMENT, Packet, Sample, THERE, TO4, TO6};
use crate::policy::{Expect, Protocol};
use crate::value::Mac;

/// The frame that an `expect` speaks of: a SYN, an echo request, or the shortest packet that its
/// protocol has, from and to what is not said in ranges for documentation.
pub fn expected_frame(expect: &Expect) -> Vec<u8> {
    let to = expect.to.unwrap_or(if expect.from.is_ipv4() { TO4.into() } else { TO6.into() });
    let mut packet = Packet::new(expect.from, to, expect.protocol.unwrap_or(EXPERIMENT));
    for (port, said) in packet.ports.iter_mut().zip([expect.sport, expect.dport]) {
        *port = said.unwrap_or(*port);
    }
    Sample::new(Content::Ip(packet)).encode()
}

/// A segment of an established TCP session. IPv4 addresses written as IPv6 ones (`::ffff:…`), as a
/// socket for both shows them, are IPv4 on the wire.
pub fn session_frame(from: SocketAddr, to: SocketAddr) -> Vec<u8> {
    let [source, destination] = [from, to].map(|end| end.ip().to_canonical());
    let mut packet = Packet::new(source, destination, Protocol::TCP);
    packet.ports = [from.port(), to.port()];
    packet.flags = ACK;
    Sample::new(Content::Ip(packet)).encode()
}

/// A neighbour's question for the host's IPv4 address. Without an answer nothing else arrives.
pub fn arp_request() -> Vec<u8> {
    Sample { destination: Mac([0xff; 6]), ..Sample::new(Content::Arp) }.encode()
}

/// A neighbour's question for the host's IPv6 address, RFC 4861.
pub fn neighbour_solicitation() -> Vec<u8> {
    let from = IpAddr::from(Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 2));
    let group = IpAddr::from(Ipv6Addr::new(0xff02, 0, 0, 0, 0, 1, 0xff00, 1));
    let mut packet = Packet::new(from, group, Protocol::ICMPV6);
    packet.icmp = [135, 0];
    packet.ttl = 255;
    packet.payload = [&TO6.octets()[..], &[1, 1], &THERE.0].concat();
    let destination = Mac([0x33, 0x33, 0xff, 0, 0, 1]);
    Sample { destination, ..Sample::new(Content::Ip(packet)) }.encode()
}
