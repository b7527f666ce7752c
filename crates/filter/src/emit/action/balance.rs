//! `balance`: a backend is chosen, and the frame goes there, back through the interface it came from.
//!
//! The number of the backend is found without a division. By turns it is the number of packets that
//! the rule has decided on this CPU, which its own counter has just told, modulo the number of
//! backends. By hash it is the part of the hash's range that the hash lies in. Either is below the
//! number of backends by its making, and the tree of comparisons behind it has no place for another.
//!
//! The frame comes from where it came to, so that no switch sees the sender in two places.

use palisade_asm::{Assembler, Cond, Label, R0, R2, R3, R6, R9, Reg, Size, Swap};

use super::address::{octets, to_station};
use super::checksum::{self, SUM, Terms};
use super::network::{IP4_CHECKSUM, Network};
use super::reflect;
use super::transport::Packets;
use crate::emit::frame::{
    AddressPlace, DPORT, DST, FRAGMENT, OFFSET, PROTOCOL, REMEMBERED, SPORT, SRC,
};
use crate::emit::packet::{Field, Readable, header_again, put_back};
use crate::plan::Target;
use crate::policy::{Backend, Balance, Choice, Class};

/// The number of the backend, and the hash before.
const CHOSEN: Reg = R6;
/// What the hash is multiplied by: 2⁶⁴ divided by the golden ratio, which leaves no two numbers near
/// each other together.
const FACTOR: u64 = 0x9e37_79b9_7f4a_7c15;
const FACTOR_REG: Reg = R9;
/// The complements of the old address and the words of the new one, for checksums.
const DIFFERENCE: Reg = R9;

/// Chooses a backend and sends the packet there. R0 is how many packets the row has, where it is
/// asked.
pub fn balance(
    a: &mut Assembler,
    target: Target,
    balance: &Balance,
    packets: Packets<'_>,
    broken: Label,
) {
    if balance.backends().len() > 1 {
        choose(a, balance, packets);
    }
    let frame = reflect::reflect(a, broken);
    let chosen = a.label("backend");
    tree(a, target, frame, balance.backends(), 0, chosen);
    a.place(chosen);
    address(a, target, packets.class, broken);
    packets.each_header(a, |a, header| {
        let add_up = |a: &mut Assembler| {
            a.add(SUM, DIFFERENCE);
            Terms::Words
        };
        header.update(a, target, broken, (|_, _| {}, |_, _| {}), add_up);
    });
}

/// The number of a backend.
fn choose(a: &mut Assembler, balance: &Balance, packets: Packets<'_>) {
    let n = balance.backends().len();
    match balance.choice() {
        Choice::Turns if Balance::only_pieces(packets.lanes) => hash(a, balance, packets, n),
        Choice::Turns => {
            let (piece, chosen) = (a.label("piece"), a.label("chosen"));
            FRAGMENT.load(a, R2);
            a.jump_if(R2, Cond::Ne, 0, piece);
            turn(a, n);
            a.jump(chosen).place(piece);
            hash(a, balance, packets, n);
            a.place(chosen);
        }
        Choice::Source | Choice::Flow => hash(a, balance, packets, n),
    }
}

/// How many packets the rule had decided before this one, modulo `n`.
///
/// The counter times 2⁶⁴ / n, rounded up, is a fraction of 2⁶⁴ that says how far the counter is
/// between two multiples of n; n times as much, whole, is the remainder. The rounding is too little
/// to be seen below 2⁵² packets.
fn turn(a: &mut Assembler, n: usize) {
    let counted = a.label("counted");
    a.mov(CHOSEN, R0).jump_if(CHOSEN, Cond::Ne, 0, counted);
    a.mov(CHOSEN, 1).place(counted).sub(CHOSEN, 1);
    let n = n as u64;
    if n.is_power_of_two() {
        a.and(CHOSEN, number(n - 1));
        return;
    }
    a.load_imm64(R2, u64::MAX / n + 1).mul(CHOSEN, R2).rsh(CHOSEN, 32);
    a.add(CHOSEN, 1).mul(CHOSEN, number(n)).rsh(CHOSEN, 32);
}

fn number(n: u64) -> i32 {
    i32::try_from(n).expect("few backends")
}

/// The part of the hash's range, of `n`, that the hash of the packet is in. Of a piece of a packet,
/// the addresses alone are hashed, as the other pieces have nothing else.
fn hash(a: &mut Assembler, balance: &Balance, packets: Packets<'_>, n: usize) {
    let done = a.label("hashed");
    a.mov(CHOSEN, 0).load_imm64(FACTOR_REG, FACTOR);
    address_words(a, packets.class, SRC);
    if balance.choice() != Choice::Source {
        address_words(a, packets.class, DST);
    }
    if balance.choice() == Choice::Flow && !Balance::only_pieces(packets.lanes) {
        FRAGMENT.load(a, R2);
        a.jump_if(R2, Cond::Ne, 0, done);
        match packets.lanes {
            [lane] => {
                let protocol = lane.protocol(packets.class).expect("a lane of one protocol");
                a.mov(R2, i32::from(protocol.0));
            }
            _ => PROTOCOL.load(a, R2),
        }
        word(a);
        if packets.lanes.iter().all(|lane| lane.has_ports()) {
            SPORT.load(a, R2);
            DPORT.load(a, R3);
            a.lsh(R2, 16).or(R2, R3);
            word(a);
        }
    }
    a.place(done);
    a.rsh(CHOSEN, 32).mul(CHOSEN, number(n as u64)).rsh(CHOSEN, 32);
}

/// The words of an address, each a number with its first byte first.
fn address_words(a: &mut Assembler, class: Class, place: AddressPlace) {
    let family = class.family().expect("a packet of IP");
    for at in (0..Network::of(class).address()).step_by(4) {
        a.load(Size::W, R2, place.of(family).addr.at(at)).swap(Swap::Be32, R2);
        word(a);
    }
}

/// Mixes the number in R2 into the hash. Clobbers R2.
fn word(a: &mut Assembler) {
    a.xor(CHOSEN, R2).mul(CHOSEN, FACTOR_REG);
    a.mov(R2, CHOSEN).rsh(R2, 32).xor(CHOSEN, R2);
}

/// Goes to the backend whose number is chosen, of those from `first` on, and from there to `chosen`.
fn tree(
    a: &mut Assembler,
    target: Target,
    frame: Readable,
    backends: &[Backend],
    first: usize,
    chosen: Label,
) {
    if let [backend] = backends {
        leaf(a, target, frame, *backend);
        a.jump(chosen);
        return;
    }
    let (lower, upper) = backends.split_at(backends.len() / 2);
    let (from, label) = (first + lower.len(), a.label("upper half"));
    a.jump_if(CHOSEN, Cond::Ge, number(from as u64), label);
    tree(a, target, frame, lower, first, chosen);
    a.place(label);
    tree(a, target, frame, upper, from, chosen);
}

/// Tells the address of a backend, and sends the frame to its Ethernet address, if it has one.
fn leaf(a: &mut Assembler, target: Target, frame: Readable, backend: Backend) {
    let octets = octets(backend.addr);
    let (words, _) = octets.as_chunks();
    for (word, slot) in words.iter().zip(REMEMBERED) {
        slot.store(a, target.order.imm32(*word));
    }
    if let Some(mac) = backend.mac {
        to_station(a, target.order, frame, mac);
    }
}

/// Replaces the destination address, and keeps what checksums are to know of it.
fn address(a: &mut Assembler, target: Target, class: Class, broken: Label) {
    let network = Network::of(class);
    let ip = header_again(a, target.access, OFFSET, network.size, broken);
    a.mov(DIFFERENCE, 0);
    let words = (network.destination..network.destination + network.address()).step_by(4);
    // The last word first: see `rewrite`.
    let words: Vec<_> = words.zip(REMEMBERED).collect();
    for (at, new) in words.into_iter().rev() {
        let field = Field::new(at, Size::W);
        ip.load(a, R2, field);
        checksum::without_word(a, DIFFERENCE, R2);
        new.load(a, R2);
        // No address of a host is all zeros: the sum is above 0, as it is to be.
        a.add(DIFFERENCE, R2);
        ip.store(a, field, R2);
    }
    if class != Class::Ip6 {
        ip.load(a, SUM, IP4_CHECKSUM);
        checksum::begin(a);
        a.add(SUM, DIFFERENCE);
        checksum::finish(a, Terms::Words);
        ip.store(a, IP4_CHECKSUM, SUM);
    }
    put_back(a, ip, OFFSET, broken);
}
