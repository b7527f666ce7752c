//! The transport header: ports for TCP, UDP and SCTP, and what must be there at all.
//!
//! The header must lie within the packet's own length (`LEFT`), not only within the frame: what
//! stands behind the packet is padding. UDP's length field is left to the stack, which judges it
//! before it delivers; the ports are right whatever it says.

use palisade_asm::{Assembler, Cond, Label, R1, R2, R5, Size, Swap};

use super::Ends;
use super::frame::{DPORT, LATER_FRAGMENT, LEFT, ND, NO_PORT, PROTOCOL, SPORT};
use super::packet::{Field, Readable, require_at};
use crate::plan::{Access, Malformed, Way};
use crate::policy::{Protocol, Term};

const PORTS: Field = Field::new(0, Size::W);
const TCP_DATA_OFFSET: Field = Field::new(12, Size::B);

const UDP: i16 = 8;
const TCP: i16 = 20;
const SCTP: i16 = 12;
const ICMP: i16 = 8;

/// Stores that nothing is known of the transport header.
pub fn no_facts(a: &mut Assembler, way: &Way<'_>) {
    if way.tests(|t| matches!(t, Term::Port(..) | Term::ServiceIn(_))) {
        SPORT.store(a, NO_PORT);
        DPORT.store(a, NO_PORT);
    }
    if way.tests(|t| *t == Term::Nd) {
        ND.store(a, 0);
    }
    if way.fragment.is_some() {
        LATER_FRAGMENT.store(a, 0);
    }
}

/// Stores that the packet is a fragment but not the first.
pub fn later_fragment(a: &mut Assembler, way: &Way<'_>) {
    if way.fragment.is_some() {
        LATER_FRAGMENT.store(a, 1);
    }
}

/// Stores that the protocol cannot be known either.
pub fn no_protocol(a: &mut Assembler) {
    PROTOCOL.store(a, super::frame::UNKNOWN_PROTOCOL);
}

/// Reads the header of the protocol in R5 at `AT`, and goes to `rules`. `icmp` is the ICMP of the
/// IP version; its header is only checked for its length. Other protocols have no header here.
pub fn transport(
    a: &mut Assembler,
    access: Access,
    icmp: Protocol,
    way: &Way<'_>,
    ends: &Ends<'_>,
    rules: Label,
) {
    let short = ends.malformed(Malformed::ShortL4);
    let headers = [
        (Protocol::UDP, UDP, a.label("udp")),
        (Protocol::TCP, TCP, a.label("tcp")),
        (Protocol::SCTP, SCTP, a.label("sctp")),
        (icmp, ICMP, a.label("icmp")),
    ];
    for (protocol, _, label) in headers {
        a.jump_if(R5, Cond::Eq, i32::from(protocol.0), label);
    }
    a.jump(rules);
    for (protocol, size, label) in headers {
        a.place(label);
        a.jump_if(LEFT, Cond::Lt, i32::from(size), short);
        let header = require_at(a, access, size, short);
        if protocol == Protocol::TCP {
            tcp_data_offset(a, header, ends);
        }
        if protocol.has_ports() {
            ports(a, header, way);
        }
        if protocol == Protocol::ICMPV6 {
            super::ip6::neighbour_discovery(a, access, header, way, rules);
        }
        a.jump(rules);
    }
}

/// A TCP header is at least 20 bytes long by its own word, and lies in the packet.
fn tcp_data_offset(a: &mut Assembler, header: Readable, ends: &Ends<'_>) {
    let bad = ends.malformed(Malformed::BadOffset);
    header.load(a, R1, TCP_DATA_OFFSET);
    a.rsh(R1, 4).lsh(R1, 2);
    a.jump_if(R1, Cond::Lt, i32::from(TCP), bad).jump_if(R1, Cond::Gt, LEFT, bad);
}

/// Stores the ports that some rule tests, in the machine's order.
fn ports(a: &mut Assembler, header: Readable, way: &Way<'_>) {
    if !way.tests(|t| matches!(t, Term::Port(..) | Term::ServiceIn(_))) {
        return;
    }
    header.load(a, R1, PORTS);
    a.swap(Swap::Be32, R1);
    a.mov(R2, R1).rsh(R2, 16).and(R1, 0xffff);
    SPORT.store(a, R2);
    DPORT.store(a, R1);
}
