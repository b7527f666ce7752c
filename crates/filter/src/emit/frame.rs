//! The contract between the parts of an emitted program: registers and stack.
//!
//! From the start to the end of the program, `MODE` and `LEN` hold what their names say. While
//! headers are parsed, so do `AT` and `END`, and R0 to R5 are scratch. Every fact that a rule may
//! ask for is stored in a stack slot before the rules begin, and the rules read nothing but slots.
//! Slots are laid out here and nowhere else.

use palisade_asm::{Assembler, FP, Mem, R4, R6, R7, R8, R9, Reg, Size, Src};

use crate::plan::{Access, MOST_HITS, MOST_REMEMBERED};
use crate::value::Family;

/// The mode, as the control map says it.
pub const MODE: Reg = R6;
/// The header that is being read. Behind the fixed IP header, for `Access::Helpers`: its offset in
/// the frame.
pub const AT: Reg = R7;
/// The end of the linear part of the frame.
pub const END: Reg = R8;
/// The length of the frame, as far as it has been asked for.
pub const LEN: Reg = R9;
/// Once a row is chosen, until it is counted: the row that counts the packet. A register and no slot: Linux from 6.18 on
/// works out anew what becomes of the whole stack wherever it is written for the first time.
pub const ROW: Reg = R7;
/// Once a row is chosen: the verdict. While a packet is changed, `AT` and `END` are again what they
/// are while headers are parsed, and all others are scratch.
pub const VERDICT: Reg = R8;

/// Bytes of the packet, by its own length, from `AT` on: behind the fixed IP header. Helpers are
/// called meanwhile where no pointer reaches the packet; then the end is of no use any more.
pub const fn left(access: Access) -> Reg {
    match access {
        Access::Pointers => R4,
        Access::Helpers => END,
    }
}

/// Offsets in `struct xdp_md`.
pub mod ctx {
    /// The first byte of the frame.
    pub const DATA: i16 = 0;
    /// The end of the linear part.
    pub const DATA_END: i16 = 4;
    /// The number of the interface.
    pub const INTERFACE: i16 = 12;
    /// Its receive queue.
    pub const QUEUE: i16 = 16;
}

/// A place on the stack.
#[derive(Clone, Copy)]
pub struct Slot {
    off: i16,
    size: Size,
}

impl Slot {
    /// The slot of `size` next below `above`, on a multiple of its size.
    const fn below(above: Self, size: Size) -> Self {
        let bytes = bytes(size);
        let off = (above.off - bytes).div_euclid(bytes) * bytes;
        assert!(off + 512 >= 0);
        Self { off, size }
    }

    /// A word below `above` of which the verifier forgets what it knows: it remembers what is
    /// stored on a multiple of eight, and this lies between two. A fact that it remembered would
    /// make it follow the rules behind a comparison once for each number that they compare.
    const fn forgetful(above: Self) -> Self {
        Self { off: Self::below(above, Size::D).off + 4, size: Size::W }
    }

    /// Stores into the slot.
    pub fn store(self, a: &mut Assembler, src: impl Into<Src>) {
        a.store(self.size, FP + self.off, src);
    }

    /// Loads from the slot.
    pub fn load(self, a: &mut Assembler, dst: Reg) {
        a.load(self.size, dst, FP + self.off);
    }

    /// `bytes` further on.
    pub fn at(self, bytes: i16) -> Mem {
        FP + (self.off + bytes)
    }

    /// All of it.
    pub fn whole(self) -> (Size, Mem) {
        (self.size, self.at(0))
    }

    /// The distance from the frame pointer.
    pub fn off(self) -> i32 {
        i32::from(self.off)
    }
}

const fn bytes(size: Size) -> i16 {
    match size {
        Size::B => 1,
        Size::H => 2,
        Size::W => 4,
        Size::D => 8,
    }
}

/// The slots of a frame that look-ups in tables use.
pub struct Scratch {
    /// `u32`: the key.
    pub key: Slot,
    /// A register across a call.
    pub saved: Slot,
    /// The number of an entry, across calls.
    pub number: Slot,
}

/// Those of the program itself.
pub const MAIN: Scratch = Scratch { key: KEY, saved: SAVED[0], number: SAVED[1] };
/// Those of a function, which has nothing else on the stack.
pub const FUNCTION: Scratch = {
    let key = Slot::forgetful(TOP);
    let saved = Slot::below(key, Size::D);
    Scratch { key, saved, number: Slot::below(saved, Size::D) }
};

const TOP: Slot = Slot { off: 0, size: Size::D };

/// The context, `struct xdp_md`.
pub const CTX: Slot = Slot::below(TOP, Size::D);
/// `u64`: a register across a call.
pub const SAVED: [Slot; 3] = {
    let first = Slot::below(CTX, Size::D);
    let second = Slot::below(first, Size::D);
    [first, second, Slot::below(second, Size::D)]
};
/// What a rule has hit so far: the pointer to an entry, the number of one, or the slot of a service.
pub const HITS: [Slot; MOST_HITS] = {
    let mut slots = [Slot::below(SAVED[2], Size::D); MOST_HITS];
    let mut i = 1;
    while i < MOST_HITS {
        slots[i] = Slot::below(slots[i - 1], Size::D);
        i += 1;
    }
    slots
};
/// `u32`: 1 where there is a hit in the slot of the same place. Apart from the hit, because before
/// 6.17 a verifier that follows mispredicted branches, as it does without CAP_PERFMON, would follow
/// a pointer that it knows to be null.
pub const IS_HIT: [Slot; MOST_HITS] = {
    let mut slots = [Slot::forgetful(HITS[MOST_HITS - 1]); MOST_HITS];
    let mut i = 1;
    while i < MOST_HITS {
        slots[i] = Slot::forgetful(slots[i - 1]);
        i += 1;
    }
    slots
};
/// `u32`: a number of which the verifier is to forget what it knows.
pub const FORGETFUL: Slot = Slot::forgetful(IS_HIT[MOST_HITS - 1]);
/// The most bytes of a header that are copied.
pub const MOST_COPIED: i16 = 24;
/// A header that no pointer reaches; while rules are met, the key of a limit: the lowest of three slots
/// in a row.
pub const COPY: Slot = {
    let first = Slot::below(FORGETFUL, Size::D);
    let second = Slot::below(first, Size::D);
    Slot::below(second, Size::D)
};
/// The source address.
pub const SRC: AddressPlace = AddressPlace::below(COPY);
/// The destination address.
pub const DST: AddressPlace = AddressPlace::below(SRC.bottom);
/// Both addresses and the slot above them, as the key of a flow: destination, source, and the rest.
pub const FLOW: Slot = DST.bottom;
const _: () = assert!(SRC.bottom.off == FLOW.off + 16 && COPY.off == FLOW.off + 32);
/// Six bytes of the source Ethernet address, then two zeros; all ones where a frame has none.
pub const SRC_MAC: Slot = Slot::below(DST.bottom, Size::D);
/// The same of the destination.
pub const DST_MAC: Slot = Slot::below(SRC_MAC, Size::D);
/// `u32`: the key of a look-up in an array: a row, the slot of a service, the number of an entry or
/// of a node.
pub const KEY: Slot = Slot::forgetful(DST_MAC);
/// `u32`: the offset of the transport header in the frame, where a change asks for it.
pub const TRANSPORT: Slot = Slot::forgetful(ETHERTYPE);
/// A header that no pointer reaches while it is changed: seven slots in a row, in the place of those
/// that only rules read.
pub const CHANGED: Slot = DST_MAC;
/// The most bytes of a header that are changed.
pub const MOST_CHANGED: i16 = 56;
const _: () = assert!(CHANGED.off + MOST_CHANGED <= FORGETFUL.off);
/// `u32`: results of look-ups, 1 for a hit.
pub const REMEMBERED: [Slot; MOST_REMEMBERED] = {
    let mut slots = [Slot::forgetful(TRANSPORT); MOST_REMEMBERED];
    let mut i = 1;
    while i < MOST_REMEMBERED {
        slots[i] = Slot::forgetful(slots[i - 1]);
        i += 1;
    }
    slots
};
/// `u32`: the row of what a `route` does not send on.
pub const UNROUTED: Slot = Slot::forgetful(REMEMBERED[MOST_REMEMBERED - 1]);
/// A `struct bpf_fib_lookup`: all slots of hits, which have been counted by then.
pub const LOOKUP: Slot = HITS[MOST_HITS - 1];
const _: () = assert!(LOOKUP.off + 64 == HITS[0].off + 8);
/// `u32`: the offset of the IP header in the frame: for `Access::Helpers`, and where a change asks for
/// it.
pub const OFFSET: Slot = Slot::forgetful(KEY);
/// `u32`: the protocol, where it is known.
pub const PROTOCOL: Slot = Slot::forgetful(OFFSET);
/// `u32`: the source port.
pub const SPORT: Slot = Slot::forgetful(PROTOCOL);
/// `u32`: the destination port.
pub const DPORT: Slot = Slot::forgetful(SPORT);
/// `u32`: type and code of ICMP, the type in the upper byte of two.
pub const ICMP: Slot = Slot::forgetful(DPORT);
/// `u32`: bytes 12 and 13 of the TCP header, in the order of the machine.
pub const FLAGS: Slot = Slot::forgetful(ICMP);
/// `u32`: not 0 for a piece of a fragmented packet.
pub const FRAGMENT: Slot = Slot::forgetful(FLAGS);
/// `u32`: [`A_FRAGMENT_HEADER`] behind an IPv6 fragment header, else [`NO_FRAGMENT_HEADER`].
pub const FRAGMENT_HEADER: Slot = Slot::forgetful(FRAGMENT);
/// `u32`: the bytes of IPv4 options.
pub const OPTIONS: Slot = Slot::forgetful(FRAGMENT_HEADER);
/// `u32`: time to live or hop limit.
pub const TTL: Slot = Slot::forgetful(OPTIONS);
/// `u32`: the length of the packet.
pub const LENGTH: Slot = Slot::forgetful(TTL);
/// `u32`: the upper six bits of type of service or traffic class.
pub const DSCP: Slot = Slot::forgetful(LENGTH);
/// `u32`: the identifier of the outermost VLAN tag, or [`NO_TAG`].
pub const VLAN: Slot = Slot::forgetful(DSCP);
/// `u32`: that of the next one.
pub const INNER_VLAN: Slot = Slot::forgetful(VLAN);
/// `u32`: the EtherType of a frame that is neither IP nor ARP, 0 if it has none.
pub const ETHERTYPE: Slot = Slot::forgetful(INNER_VLAN);

/// A place for an address of either family.
#[derive(Clone, Copy)]
pub struct AddressPlace {
    bottom: Slot,
}

/// An address in its place, ready to be a key.
#[derive(Clone, Copy)]
pub struct AddressSlot {
    /// The address, in the order of the packet: one word, or two of eight bytes.
    pub addr: Slot,
}

impl AddressPlace {
    const fn below(above: Slot) -> Self {
        Self { bottom: Slot::below(Slot::below(above, Size::D), Size::D) }
    }

    /// The place as it holds an address of a family.
    pub const fn of(self, family: Family) -> AddressSlot {
        let Slot { off, .. } = self.bottom;
        match family {
            // The word is forgetful.
            Family::V4 => AddressSlot { addr: Slot { off: off + 4, size: Size::W } },
            Family::V6 => AddressSlot { addr: Slot { off, size: Size::D } },
        }
    }
}

/// A value of [`FRAGMENT_HEADER`]; not 0, which the verifier remembers wherever it is stored.
pub const NO_FRAGMENT_HEADER: i32 = 1;
/// The other one.
pub const A_FRAGMENT_HEADER: i32 = 2;
/// A value of [`VLAN`] that is no identifier.
pub const NO_TAG: i32 = 0x1000;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slots_are_aligned_apart_and_within_the_stack() {
        let mut slots = vec![
            CTX,
            SRC_MAC,
            DST_MAC,
            KEY,
            OFFSET,
            PROTOCOL,
            SPORT,
            DPORT,
            ICMP,
            FLAGS,
            FRAGMENT,
            FRAGMENT_HEADER,
            OPTIONS,
            TTL,
            LENGTH,
            DSCP,
            VLAN,
            INNER_VLAN,
            ETHERTYPE,
            TRANSPORT,
            UNROUTED,
            FORGETFUL,
            COPY,
        ];
        slots.extend(SAVED);
        slots.extend(HITS);
        slots.extend(IS_HIT);
        slots.extend(REMEMBERED);
        for place in [SRC, DST] {
            for family in [Family::V4, Family::V6] {
                let addr = place.of(family).addr;
                assert_eq!(addr.off % bytes(addr.size), 0);
            }
            let Slot { off, size } = place.bottom;
            slots.extend([0, 8].map(|more| Slot { off: off + more, size }));
        }
        slots.sort_by_key(|s| s.off);
        for slot in &slots {
            assert_eq!(slot.off % bytes(slot.size), 0);
            assert!((-512..0).contains(&slot.off));
        }
        for pair in slots.windows(2) {
            assert!(pair[0].off + bytes(pair[0].size) <= pair[1].off);
        }
    }
}
