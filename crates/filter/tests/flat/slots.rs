//! The longest prefix of an address as programs find it: by what the slots say, and by an entry only
//! where a slot has not all of its prefix.

use std::net::IpAddr;

use palisade_filter::structure::Stamp;
use palisade_filter::structure::flat::slot::{Lone, REST_BITS, Rest};
use palisade_filter::structure::flat::{Cells, ENTRY_WORDS, Flat, Id, Part, SLOTS, Slot};
use palisade_filter::value::{Family, Prefix};

/// Bits that a node decides.
const STRIDE: u8 = 4;

/// The number of the entry that a program comes to for an address, single IPv6 addresses aside.
pub fn longest<C: Cells>(flat: &Flat<C>, addr: IpAddr) -> Option<Id> {
    let (family, bits) = match addr {
        IpAddr::V4(addr) => (Family::V4, u128::from(addr.to_bits()) << 96),
        IpAddr::V6(addr) => (Family::V6, addr.to_bits()),
    };
    let roots = flat.room().roots;
    let mut end = roots.bits(family);
    let mut word = roots.first(family) as usize * SLOTS + (bits >> (128 - u32::from(end))) as usize;
    loop {
        match Slot::of(flat.cells().load(Part::Nodes, word)) {
            Slot::Node(node) => {
                let nibble = bits << u32::from(end) >> (128 - u32::from(STRIDE));
                word = node as usize * SLOTS + nibble as usize;
                end += STRIDE;
            }
            Slot::Leaf(word) => return word.id(),
            Slot::Lone(Lone { word, covered, rest }) => {
                let id = word.id()?;
                return match is_inside(flat, id, rest, (family, bits, end)) {
                    true => Some(id),
                    false if covered => cover(flat, id),
                    false => None,
                };
            }
        }
    }
}

/// Whether the prefix of a lone slot, whose region ends at a bit, holds an address.
fn is_inside<C: Cells>(
    flat: &Flat<C>,
    id: Id,
    rest: Rest,
    (family, bits, end): (Family, u128, u8),
) -> bool {
    let behind = bits.checked_shl(end.into()).unwrap_or(0);
    let alike = |bits: u32, len: u32| {
        let asked = (behind >> (128 - u32::from(REST_BITS))) as u32;
        (asked ^ bits) >> (u32::from(REST_BITS) - len) == 0
    };
    match rest {
        Rest::Whole { bits, len } => alike(bits, len.into()),
        Rest::Part { bits: held, open } => {
            let word = flat.room().roots.first_word6();
            let seen = if end < word { word - end } else { REST_BITS };
            let [upper, lower] = [0, 1].map(|at| entry_word(flat, id, at));
            let address = u128::from(upper) << 64 | u128::from(lower);
            assert_eq!(family, Family::V6, "an IPv4 prefix is in its slot as a whole");
            alike(held, seen.min(REST_BITS).into()) && (address ^ bits) >> u32::from(open) == 0
        }
    }
}

fn cover<C: Cells>(flat: &Flat<C>, id: Id) -> Option<Id> {
    let [a, b, c, d, ..] = entry_word(flat, id, 5).to_le_bytes();
    match u32::from_le_bytes([a, b, c, d]) & ((1 << 27) - 1) {
        0 => None,
        number => Some(Id::of(number)),
    }
}

/// The prefix of an entry, also of one that is free by now.
pub fn prefix<C: Cells>(flat: &Flat<C>, id: Id, family: Family) -> Prefix {
    let [upper, lower, stamp] = [0, 1, 4].map(|at| entry_word(flat, id, at));
    let addr = match family {
        Family::V4 => IpAddr::V4((upper as u32).into()),
        Family::V6 => IpAddr::V6((u128::from(upper) << 64 | u128::from(lower)).into()),
    };
    Prefix::new(addr, Stamp::of(stamp).len).expect("a length of the family")
}

fn entry_word<C: Cells>(flat: &Flat<C>, id: Id, word: usize) -> u64 {
    flat.cells().load(Part::Entries, id.number() as usize * ENTRY_WORDS + word)
}
