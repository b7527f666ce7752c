//! `route`: the kernel's routes are asked, and the packet is sent on as they say.
//!
//! They are asked before the packet is counted, because their answer decides its row: sent on, left to
//! the stack, which knows how to answer or to wait for a neighbour, or dropped. Nothing of the packet
//! is changed before that. The question has no ports, so that all pieces of a packet go one way.

use palisade_asm::{
    Assembler, ByteOrder, Cond, FP, Helper, Label, Mem, R0, R1, R2, R3, R4, Reg, Size, Swap,
};

use super::checksum::{self, SUM, Terms};
use super::network::{IP4, IP4_CHECKSUM_AT, IP6, Network};
use crate::emit::frame::{CTX, DSCP, DST, LENGTH, LOOKUP, ROW, SRC, UNROUTED, ctx};
use crate::emit::packet::{Field, frame_again};
use crate::policy::Class;
use crate::value::Family;

/// Where packets go whose way was looked up, their row in `ROW`.
pub struct Ways {
    /// Those with a next host.
    pub found: Label,
    /// Those that the stack sees to.
    pub pass: Label,
    /// Those that no way leads to.
    pub drop: Label,
}

/// Offsets in `struct bpf_fib_lookup`.
mod lookup {
    pub const SIZE: i16 = 64;
    pub const FAMILY: i16 = 0;
    pub const LENGTH: i16 = 6;
    pub const INTERFACE: i16 = 8;
    pub const SERVICE: i16 = 12;
    pub const SRC: i16 = 16;
    pub const DST: i16 = 32;
    /// What only the answer has.
    pub const BEHIND: i16 = 48;
    /// Six bytes each: of the interface, and of the next host.
    pub const SOURCE_MAC: i16 = 52;
    pub const DESTINATION_MAC: i16 = 58;
}

/// `BPF_FIB_LKUP_RET_PROHIBIT`: this answer and the two before it are ways that lead nowhere.
const PROHIBIT: i32 = 3;
const AF_INET: i32 = 2;
const AF_INET6: i32 = 10;
/// The longest packet that the question has room for.
const LONGEST: i32 = 0xffff;

/// Packets that are routed have no tags: the IP header begins behind the Ethernet header.
const ETHERNET: i16 = 14;
const IP4_HOPS: Field = Field::new(ETHERNET + IP4.hops, Size::B);
const IP4_HOPS_AND_PROTOCOL: Field = Field::new(ETHERNET + IP4.hops, Size::H);
const IP4_CHECKSUM: Field = Field::new(ETHERNET + IP4_CHECKSUM_AT, Size::H);
const IP6_HOPS: Field = Field::new(ETHERNET + IP6.hops, Size::B);

fn question(at: i16) -> Mem {
    LOOKUP.at(at)
}

/// Asks for the way of a packet whose row, if it is sent on, is in `ROW`.
pub fn ask(a: &mut Assembler, order: ByteOrder, class: Class, ways: Ways) {
    let (fits, nowhere) = (a.label("fits"), a.label("nowhere"));
    let family = class.family().expect("a packet of IP");
    LENGTH.load(a, R2);
    a.jump_if(R2, Cond::Le, LONGEST, fits).mov(R2, LONGEST).place(fits);
    // Eight bytes at a time: before 6.13, without CAP_PERFMON, nothing shorter may be stored over
    // what rules have hit.
    stand(a, order, R2, lookup::LENGTH, 2);
    a.mov(R3, number(family));
    stand(a, order, R3, lookup::FAMILY, 1);
    a.or(R2, R3).store(Size::D, question(lookup::FAMILY), R2);
    DSCP.load(a, R2);
    match family {
        Family::V4 => {
            a.lsh(R2, 2);
            stand(a, order, R2, lookup::SERVICE, 1);
        }
        Family::V6 => {
            a.lsh(R2, 22).swap(Swap::Be32, R2);
            stand(a, order, R2, lookup::SERVICE, 4);
        }
    }
    CTX.load(a, R1);
    a.load(Size::W, R3, R1 + ctx::INTERFACE);
    stand(a, order, R3, lookup::INTERFACE, 4);
    a.or(R2, R3).store(Size::D, question(lookup::INTERFACE), R2);
    for (place, to) in [(SRC, lookup::SRC), (DST, lookup::DST)] {
        let addr = place.of(family).addr;
        match family {
            Family::V4 => {
                addr.load(a, R2);
                stand(a, order, R2, to, 4);
                a.store(Size::D, question(to), R2).store(Size::D, question(to + 8), 0);
            }
            Family::V6 => {
                for half in [0, 8] {
                    a.load(Size::D, R2, addr.at(half)).store(Size::D, question(to + half), R2);
                }
            }
        }
    }
    for word in (lookup::BEHIND..lookup::SIZE).step_by(8) {
        a.store(Size::D, question(word), 0);
    }
    a.mov(R2, FP).add(R2, LOOKUP.off()).mov(R3, i32::from(lookup::SIZE)).mov(R4, 0);
    a.call(Helper::FIB_LOOKUP);
    a.jump_if(R0, Cond::Eq, 0, ways.found);
    UNROUTED.load(a, ROW);
    // Errors are below 0, which is far above.
    a.jump_if(R0, Cond::Le, PROHIBIT, nowhere).jump(ways.pass);
    a.place(nowhere).add(ROW, 1).jump(ways.drop);
}

/// Moves a number of so many bytes to where it stands at `at`, within eight bytes.
fn stand(a: &mut Assembler, order: ByteOrder, number: Reg, at: i16, bytes: i16) {
    let before = match order {
        ByteOrder::Little => at % 8,
        ByteOrder::Big => 8 - at % 8 - bytes,
    };
    if before > 0 {
        a.lsh(number, i32::from(before) * 8);
    }
}

const fn number(family: Family) -> i32 {
    match family {
        Family::V4 => AF_INET,
        Family::V6 => AF_INET6,
    }
}

/// Takes one hop off the packet, and sends it where the question's answer says.
pub fn route(a: &mut Assembler, class: Class, broken: Label) {
    let frame = frame_again(a, ETHERNET + Network::of(class).size, broken);
    let addresses = [(lookup::DESTINATION_MAC, 0), (lookup::SOURCE_MAC, 6)];
    for (from, to) in addresses {
        for at in (0..6).step_by(2) {
            a.load(Size::H, R2, question(from + at));
            frame.store(a, Field::new(to + at, Size::H), R2);
        }
    }
    if class == Class::Ip6 {
        frame.load(a, R2, IP6_HOPS);
        a.sub(R2, 1);
        frame.store(a, IP6_HOPS, R2);
    } else {
        frame.load(a, SUM, IP4_CHECKSUM);
        checksum::begin(a);
        frame.load(a, R2, IP4_HOPS_AND_PROTOCOL);
        checksum::without_half(a, SUM, R2);
        frame.load(a, R2, IP4_HOPS);
        a.sub(R2, 1);
        frame.store(a, IP4_HOPS, R2);
        // There are hops left: the new word is not 0.
        frame.load(a, R2, IP4_HOPS_AND_PROTOCOL);
        a.add(SUM, R2);
        checksum::finish(a, Terms::Halves);
        frame.store(a, IP4_CHECKSUM, SUM);
    }
    a.load(Size::W, R1, question(lookup::INTERFACE)).mov(R2, 0);
    a.call(Helper::REDIRECT).exit();
}
