//! `rewrite`: addresses and ports are replaced, and every checksum that is over them.

use std::net::IpAddr;

use palisade_asm::{Assembler, Label, R2, R3, R9, Reg, Size};

use super::address::octets;
use super::checksum::{self, SUM, Terms};
use super::network::{IP4_CHECKSUM, Network};
use super::transport::{Header, Packets};
use crate::emit::frame::OFFSET;
use crate::emit::packet::{Field, Readable, header_again, put_back};
use crate::plan::Target;
use crate::policy::{Class, Rewrite};

/// The complements of the old addresses, for the checksum of the transport header.
const OLD_ADDRESSES: Reg = R9;

const SOURCE_PORT: Field = Field::new(0, Size::H);
const DESTINATION_PORT: Field = Field::new(2, Size::H);

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
    packets.each_header(a, |a, header| ports_and_sum(a, target, rewrite, header, broken));
}

/// Replaces the addresses, and keeps what is to be known of the old ones.
fn addresses(a: &mut Assembler, target: Target, rewrite: &Rewrite, class: Class, broken: Label) {
    let Network { size, source, destination, .. } = Network::of(class);
    let ip = header_again(a, target.access, OFFSET, size, broken);
    a.mov(OLD_ADDRESSES, 0);
    for (addr, at) in [(rewrite.src, source), (rewrite.dst, destination)] {
        // The last word first, as everywhere in copies of headers: before 6.13, without CAP_PERFMON,
        // nothing may be stored beside what was stored on a multiple of eight.
        let words: Vec<_> = words(addr).into_iter().zip((at..).step_by(4)).collect();
        for (word, at) in words.into_iter().rev() {
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
    addr.map(octets).unwrap_or_default()
}

fn new_addresses(rewrite: &Rewrite) -> Vec<u8> {
    [bytes(rewrite.src), bytes(rewrite.dst)].concat()
}

/// Replaces the ports, and updates the checksum for them and for the addresses.
fn ports_and_sum(a: &mut Assembler, target: Target, rewrite: &Rewrite, of: Header, broken: Label) {
    let ports = [(rewrite.sport, SOURCE_PORT, R2), (rewrite.dport, DESTINATION_PORT, R3)];
    let old_ports = |a: &mut Assembler, header: Readable| {
        for (_, field, old) in ports.into_iter().filter(|(port, ..)| port.is_some()) {
            header.load(a, old, field);
        }
    };
    let new_ports = |a: &mut Assembler, header: Readable| {
        for (port, field, _) in ports.into_iter().rev() {
            if let Some(port) = port {
                header.store(a, field, target.order.imm16(port.to_be_bytes()));
            }
        }
    };
    let add_up = |a: &mut Assembler| {
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
        terms
    };
    of.update(a, target, broken, (old_ports, new_ports), add_up);
}
