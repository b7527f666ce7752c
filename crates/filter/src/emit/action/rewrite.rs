//! `rewrite`: addresses and ports are replaced, and every checksum that is over them.
//!
//! The checksums of TCP, UDP and ICMPv6 are over the addresses too; that of ICMP is not. UDP without a
//! checksum stays without.

use std::net::IpAddr;

use palisade_asm::{Assembler, ByteOrder, Cond, Label, R2, R3, R9, Reg, Size};

use super::checksum::{self, SUM, Terms};
use crate::emit::frame::{OFFSET, PROTOCOL, TRANSPORT};
use crate::emit::packet::{Field, Readable, header_again, put_back};
use crate::plan::Target;
use crate::policy::{Class, Lane, Rewrite};

/// The complements of the old addresses, for the checksum of the transport header.
const OLD_ADDRESSES: Reg = R9;

const IP4_CHECKSUM: Field = Field::new(10, Size::H);
const SOURCE_PORT: Field = Field::new(0, Size::H);
const DESTINATION_PORT: Field = Field::new(2, Size::H);

/// The IP header of a family.
struct Network {
    size: i16,
    source: i16,
    destination: i16,
}

const IP4: Network = Network { size: 20, source: 12, destination: 16 };
const IP6: Network = Network { size: 40, source: 8, destination: 24 };

/// Which packets are rewritten.
#[derive(Clone, Copy)]
pub struct Packets<'a> {
    /// Their class.
    pub class: Class,
    /// The lanes that they may be of.
    pub lanes: &'a [Lane],
}

/// Replaces what is to be replaced.
pub fn rewrite(
    a: &mut Assembler,
    target: Target,
    rewrite: &Rewrite,
    packets: Packets<'_>,
    broken: Label,
) {
    if rewrite.family().is_some() {
        addresses(a, target, rewrite, packets.class, broken);
    }
    let done = a.label("rewritten");
    let lanes: Vec<(Lane, Label)> =
        packets.lanes.iter().map(|lane| (*lane, a.label("rewrite the header"))).collect();
    if let [_, others @ ..] = lanes.as_slice()
        && !others.is_empty()
    {
        PROTOCOL.load(a, R2);
        for (lane, label) in others {
            let protocol = lane.protocol(packets.class).expect("a lane of one protocol");
            a.jump_if(R2, Cond::Eq, i32::from(protocol.0), *label);
        }
    }
    for (at, (lane, label)) in lanes.iter().enumerate() {
        if at > 0 {
            a.place(*label);
        }
        if let Some(header) = Header::of(*lane, packets.class) {
            header.rewrite(a, target, rewrite, broken);
        }
        if at + 1 < lanes.len() {
            a.jump(done);
        }
    }
    a.place(done);
}

/// Replaces the addresses, and keeps what is to be known of the old ones.
fn addresses(a: &mut Assembler, target: Target, rewrite: &Rewrite, class: Class, broken: Label) {
    let Network { size, source, destination } = if class == Class::Ip6 { IP6 } else { IP4 };
    let ip = header_again(a, target.access, OFFSET, size, broken);
    a.mov(OLD_ADDRESSES, 0);
    for (addr, at) in [(rewrite.src, source), (rewrite.dst, destination)] {
        for (word, at) in words(addr).into_iter().zip((at..).step_by(4)) {
            let field = Field::new(at, Size::W);
            ip.load(a, R2, field);
            checksum::without_word(a, OLD_ADDRESSES, R2);
            ip.store(a, field, target.order.imm32(word));
        }
    }
    if class != Class::Ip6 {
        ip.load(a, SUM, IP4_CHECKSUM);
        checksum::begin(a);
        a.add(SUM, OLD_ADDRESSES);
        checksum::with(a, target.order, &new_addresses(rewrite));
        checksum::finish(a, Terms::Words);
        ip.store(a, IP4_CHECKSUM, SUM);
    }
    put_back(a, ip, OFFSET, broken);
}

/// The words of an address, if there is one.
fn words(addr: Option<IpAddr>) -> Vec<[u8; 4]> {
    bytes(addr).as_chunks().0.to_vec()
}

fn bytes(addr: Option<IpAddr>) -> Vec<u8> {
    match addr {
        Some(IpAddr::V4(addr)) => addr.octets().to_vec(),
        Some(IpAddr::V6(addr)) => addr.octets().to_vec(),
        None => Vec::new(),
    }
}

fn new_addresses(rewrite: &Rewrite) -> Vec<u8> {
    [bytes(rewrite.src), bytes(rewrite.dst)].concat()
}

/// A transport header as far as something is rewritten in it.
struct Header {
    size: i16,
    checksum: Field,
    /// Whether a checksum of 0 says that there is none.
    optional: Optional,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Optional {
    Yes,
    No,
}

impl Header {
    /// The header of a lane; `None` if nothing changes in it.
    fn of(lane: Lane, class: Class) -> Option<Self> {
        let header = |size, checksum, optional| {
            Some(Self { size, checksum: Field::new(checksum, Size::H), optional })
        };
        match lane {
            Lane::Tcp => header(20, 16, Optional::No),
            Lane::Udp => header(8, 6, Optional::Yes),
            Lane::Icmp if class == Class::Ip6 => header(8, 2, Optional::No),
            Lane::Icmp | Lane::Sctp | Lane::Other | Lane::LaterFragment => None,
        }
    }

    fn rewrite(&self, a: &mut Assembler, target: Target, rewrite: &Rewrite, broken: Label) {
        let none = a.label("no checksum");
        let header = header_again(a, target.access, TRANSPORT, self.size, broken);
        header.load(a, SUM, self.checksum);
        let ports = [(rewrite.sport, SOURCE_PORT, R2), (rewrite.dport, DESTINATION_PORT, R3)];
        for (port, field, old) in ports {
            if let Some(port) = port {
                replace(a, target.order, header, (field, old), port);
            }
        }
        if self.optional == Optional::Yes {
            a.jump_if(SUM, Cond::Eq, 0, none);
        }
        checksum::begin(a);
        let mut new = new_addresses(rewrite);
        for (port, _, old) in ports {
            if let Some(port) = port {
                checksum::without_half(a, SUM, old);
                new.extend(port.to_be_bytes());
            }
        }
        let mut terms = Terms::Halves;
        if rewrite.family().is_some() {
            a.add(SUM, OLD_ADDRESSES);
            terms = Terms::Words;
        }
        checksum::with(a, target.order, &new);
        checksum::finish(a, terms);
        if self.optional == Optional::Yes {
            checksum::not_zero(a);
        }
        header.store(a, self.checksum, SUM);
        if self.optional == Optional::Yes {
            a.place(none);
        }
        put_back(a, header, TRANSPORT, broken);
    }
}

/// Replaces a port; the old one is in a register then.
fn replace(
    a: &mut Assembler,
    order: ByteOrder,
    header: Readable,
    (field, old): (Field, Reg),
    port: u16,
) {
    header.load(a, old, field);
    header.store(a, field, order.imm16(port.to_be_bytes()));
}
