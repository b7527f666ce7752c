//! The contract between the parts of an emitted program: registers and stack.
//!
//! While headers are parsed, `CTX`, `AT`, `END` and `LEFT` hold what their names say and R0 to R5
//! are scratch; every fact that a rule may ask for is stored in a stack slot before the rules
//! begin, and the rules read nothing but slots. Slots are laid out here and nowhere else.

use palisade_asm::{Assembler, FP, Mem, R6, R7, R8, R9, Reg, Size, Src};

/// The context, `struct xdp_md`.
pub const CTX: Reg = R6;
/// The header that is being read. Behind the fixed IP header, for `Access::Helpers`: its offset in
/// the frame.
pub const AT: Reg = R7;
/// The end of the linear part of the frame.
pub const END: Reg = R8;
/// Before the IP header is read: its offset in the frame. Then: bytes of the packet, by its own
/// length, from `AT` on.
pub const LEFT: Reg = R9;
/// Once a row is chosen: the verdict.
pub const VERDICT: Reg = R7;

/// Offsets in `struct xdp_md`.
pub mod ctx {
    /// The first byte of the frame.
    pub const DATA: i16 = 0;
    /// The end of the linear part.
    pub const DATA_END: i16 = 4;
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

    /// The first half of a slot of eight bytes.
    pub fn lower(self) -> Self {
        Self { off: self.off, size: Size::W }
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

const TOP: Slot = Slot { off: 0, size: Size::D };

/// `u64`: the length of the frame.
pub const LEN: Slot = Slot::below(TOP, Size::D);
/// `u64`: a register across a call.
pub const SAVED: [Slot; 2] = {
    let first = Slot::below(LEN, Size::D);
    [first, Slot::below(first, Size::D)]
};
/// What a rule has hit so far: the pointer to the counters of a `net` entry, or the slot of a
/// service.
pub const HITS: [Slot; MOST_HITS] = {
    let mut slots = [Slot::below(SAVED[1], Size::D); MOST_HITS];
    let mut i = 1;
    while i < MOST_HITS {
        slots[i] = Slot::below(slots[i - 1], Size::D);
        i += 1;
    }
    slots
};
/// The most set look-ups of one rule.
pub const MOST_HITS: usize = 8;
/// `u32`: a number of which the verifier is to forget what it knows. It remembers what is stored
/// on a multiple of eight; this lies between two.
pub const FORGETFUL: Slot = Slot::below(HITS[MOST_HITS - 1], Size::W);
const _: () = assert!(FORGETFUL.off.rem_euclid(8) == 4);
/// The most bytes of a header that are copied.
pub const MOST_COPIED: i16 = 24;
/// A header that no pointer reaches: the lowest of three slots in a row.
pub const COPY: Slot = {
    let first = Slot::below(FORGETFUL, Size::D);
    let second = Slot::below(first, Size::D);
    Slot::below(second, Size::D)
};
/// An address as the key of a trie: the number of bits, then 16 bytes of which IPv4 uses four.
pub const SRC: AddressSlot = AddressSlot::below(COPY);
/// The same of the destination.
pub const DST: AddressSlot = AddressSlot::below(SRC.bits);
/// `u32`: the row that counts the packet.
pub const ROW: Slot = Slot::below(DST.bits, Size::W);
/// `u32`: the protocol, or [`UNKNOWN_PROTOCOL`].
pub const PROTOCOL: Slot = Slot::below(ROW, Size::W);
/// `u32`: the source port, or [`NO_PORT`].
pub const SPORT: Slot = Slot::below(PROTOCOL, Size::W);
/// `u32`: the destination port, or [`NO_PORT`].
pub const DPORT: Slot = Slot::below(SPORT, Size::W);
/// `u32`: 1 for neighbour discovery, else 0.
pub const ND: Slot = Slot::below(DPORT, Size::W);
/// `u32`: 1 for a fragment that is not the first, else 0.
pub const LATER_FRAGMENT: Slot = Slot::below(ND, Size::W);
/// `u32`: the hop limit of an IPv6 packet.
pub const HOP_LIMIT: Slot = Slot::below(LATER_FRAGMENT, Size::W);

/// A place for an address, ready to be a key.
#[derive(Clone, Copy)]
pub struct AddressSlot {
    /// `u32`: the bits of the address, before it as the kernel's trie wants it.
    pub bits: Slot,
    /// The address, in the order of the packet; on a multiple of eight.
    pub addr: Slot,
}

impl AddressSlot {
    const fn below(above: Slot) -> Self {
        let addr = Slot::below(Slot::below(above, Size::D), Size::D);
        Self { bits: Slot::below(addr, Size::W), addr }
    }
}

/// A value of [`PROTOCOL`] that is no protocol.
pub const UNKNOWN_PROTOCOL: i32 = 0x100;
/// A value of [`SPORT`] and [`DPORT`] that is no port.
pub const NO_PORT: i32 = 0x1_0000;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slots_are_aligned_apart_and_within_the_stack() {
        let mut slots =
            vec![LEN, ROW, PROTOCOL, SPORT, DPORT, ND, LATER_FRAGMENT, HOP_LIMIT, FORGETFUL, COPY];
        slots.extend(SAVED);
        slots.extend(HITS);
        for address in [SRC, DST] {
            assert_eq!(address.bits.off + 4, address.addr.off, "a key is in one piece");
            slots.extend([address.bits, address.addr]);
            slots.push(Slot { off: address.addr.off + 8, size: Size::D });
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
