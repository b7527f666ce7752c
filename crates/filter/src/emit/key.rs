//! Keys of look-ups, as they are put together on the stack: of addresses in [`COPY`], of flows in
//! [`FLOW`].
//!
//! They are stored by eight bytes alone. Before 6.13, a verifier without CAP_PERFMON lets nothing
//! shorter be stored where it knows of a number that was stored before; and what it knows of differs
//! from kernel to kernel.

use palisade_asm::{Assembler, ByteOrder, R1, R2, Reg, Size};

use super::event::knows_protocol;
use super::frame::{AddressSlot, COPY, DPORT, DST, FLOW, PROTOCOL, SPORT, SRC, Slot};
use crate::policy::{Class, Lane};
use crate::structure::host;
use crate::value::Family;

/// The first bits of an address, as many as are said, and the version of IP. Clobbers R1 and R2.
pub fn address(a: &mut Assembler, order: ByteOrder, family: Family, slot: AddressSlot, bits: u32) {
    match family {
        Family::V4 => {
            slot.addr.load(a, R1);
            if bits < 32 {
                let mask = u32::MAX.checked_shl(32 - bits).unwrap_or(0);
                a.and(R1, order.imm32(mask.to_be_bytes()));
            }
            first(a, order, R1);
            a.store(Size::D, COPY.at(0), R1).store(Size::D, COPY.at(8), 0);
        }
        Family::V6 => {
            for (before, at) in [(0, 0), (64, 8)] {
                let bits = bits.saturating_sub(before).min(64);
                a.load(Size::D, R1, slot.addr.at(at));
                if bits < 64 {
                    let mask = u64::MAX.checked_shl(64 - bits).unwrap_or(0);
                    a.load_imm64(R2, order.read64(mask.to_be_bytes())).and(R1, R2);
                }
                a.store(Size::D, COPY.at(at), R1);
            }
        }
    }
    a.mov(R1, version(family));
    first(a, order, R1);
    a.store(Size::D, COPY.at(host::VERSION), R1);
}

/// Addresses, ports, protocol and version of IP: the addresses are where they stand, and the rest
/// is put behind them. Clobbers R1 and R2.
pub fn flow(a: &mut Assembler, order: ByteOrder, class: Class, lanes: &[Lane]) -> Slot {
    let family = class.family().expect("keys imply IP");
    if family == Family::V4 {
        for place in [DST, SRC] {
            let addr = place.of(Family::V4).addr;
            addr.load(a, R1);
            second(a, order, R1);
            a.store(Size::D, addr.at(-4), R1).store(Size::D, addr.at(4), 0);
        }
    }
    match lanes[0] {
        Lane::Tcp | Lane::Udp | Lane::Sctp => {
            SPORT.load(a, R1);
            DPORT.load(a, R2);
            a.lsh(R1, 16).or(R1, R2);
        }
        Lane::Icmp | Lane::Other | Lane::LaterFragment => {
            a.mov(R1, 0);
        }
    }
    match lanes {
        [lane] if lane.protocol(class).is_some() => {
            let number = lane.protocol(class).map_or(0, |own| i32::from(own.0));
            a.mov(R2, number << 8 | version(family));
        }
        lanes if !knows_protocol(class, lanes) => {
            a.mov(R2, version(family));
        }
        _ => {
            PROTOCOL.load(a, R2);
            a.lsh(R2, 8).or(R2, version(family));
        }
    }
    first(a, order, R1);
    second(a, order, R2);
    a.or(R1, R2).store(Size::D, COPY.at(0), R1);
    FLOW
}

/// Moves a word, above which nothing is, to where the first four bytes of eight are.
fn first(a: &mut Assembler, order: ByteOrder, word: Reg) {
    if order == ByteOrder::Big {
        a.lsh(word, 32);
    }
}

/// The same of the last four.
fn second(a: &mut Assembler, order: ByteOrder, word: Reg) {
    if order == ByteOrder::Little {
        a.lsh(word, 32);
    }
}

/// The version of IP.
const fn version(family: Family) -> i32 {
    match family {
        Family::V4 => 4,
        Family::V6 => 6,
    }
}
