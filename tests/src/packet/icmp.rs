//! ICMP and ICMPv6, with the messages of neighbour discovery.

use std::net::Ipv6Addr;

use super::checksum::{self, Pseudo};
use super::{Address, THERE};

/// An ICMP header; what the message holds follows as the next layer.
#[derive(Clone, Debug)]
pub struct Icmp {
    kind: u8,
    code: u8,
    rest: [u8; 4],
}

/// An ICMP header of this type and code.
pub fn icmp(kind: u8, code: u8) -> Icmp {
    Icmp { kind, code, rest: [0; 4] }
}

impl Icmp {
    /// The last four bytes of the header: identifier and sequence, or the next hop's MTU.
    pub fn rest(self, rest: [u8; 4]) -> Self {
        Self { rest, ..self }
    }

    pub(super) fn encode(&self, body: &[u8]) -> Vec<u8> {
        let mut out = header(self.kind, self.code, self.rest);
        out.extend(body);
        let sum = checksum::internet(&out);
        out[2..4].copy_from_slice(&sum.to_be_bytes());
        out
    }
}

/// An ICMPv6 message; more bytes may follow as the next layer.
#[derive(Clone, Debug)]
pub struct Icmp6 {
    kind: u8,
    code: u8,
    rest: [u8; 4],
    body: Vec<u8>,
}

/// An ICMPv6 header of this type and code.
pub fn icmp6(kind: u8, code: u8) -> Icmp6 {
    Icmp6 { kind, code, rest: [0; 4], body: Vec::new() }
}

/// "Who is a router here?", with the sender's link address.
pub fn router_solicitation() -> Icmp6 {
    Icmp6 { body: link_address(1), ..icmp6(133, 0) }
}

/// "I am a router", for half an hour, with its link address.
pub fn router_advertisement() -> Icmp6 {
    let timers = [0; 8];
    Icmp6 {
        rest: [64, 0, 0x07, 0x08],
        body: [timers.as_slice(), &link_address(1)].concat(),
        ..icmp6(134, 0)
    }
}

/// "Who has `target`?", with the sender's link address.
pub fn neighbour_solicitation(target: impl Address<Ipv6Addr>) -> Icmp6 {
    Icmp6 { body: [&target.address().octets()[..], &link_address(1)].concat(), ..icmp6(135, 0) }
}

/// "I have `target`", solicited and overriding, with its link address.
pub fn neighbour_advertisement(target: impl Address<Ipv6Addr>) -> Icmp6 {
    Icmp6 {
        rest: [0x60, 0, 0, 0],
        body: [&target.address().octets()[..], &link_address(2)].concat(),
        ..icmp6(136, 0)
    }
}

/// "Reach `dst` by way of `target`".
pub fn redirect(target: impl Address<Ipv6Addr>, dst: impl Address<Ipv6Addr>) -> Icmp6 {
    let body = [target.address().octets(), dst.address().octets()].concat();
    Icmp6 { body, ..icmp6(137, 0) }
}

/// The option of neighbour discovery that holds a link address: 1 the source's, 2 the target's.
fn link_address(option: u8) -> Vec<u8> {
    [&[option, 1], THERE.as_slice()].concat()
}

impl Icmp6 {
    /// The last four bytes of the header: identifier and sequence, or the next hop's MTU.
    pub fn rest(self, rest: [u8; 4]) -> Self {
        Self { rest, ..self }
    }

    pub(super) fn encode(&self, pseudo: Pseudo, body: &[u8]) -> Vec<u8> {
        let mut out = header(self.kind, self.code, self.rest);
        out.extend(&self.body);
        out.extend(body);
        let sum = checksum::transport(pseudo, 58, &out);
        out[2..4].copy_from_slice(&sum.to_be_bytes());
        out
    }
}

fn header(kind: u8, code: u8, rest: [u8; 4]) -> Vec<u8> {
    [&[kind, code, 0, 0], rest.as_slice()].concat()
}
