//! The roots of both tries: how many bits each decides, and where it stands among the nodes.
//!
//! The root of IPv4 comes first, then that of IPv6, then all other nodes. Each is as large as its
//! family has prefixes, so a set without IPv6 does not pay for it.

use super::SLOTS;
use super::trie::STRIDE;
use crate::value::Family;

/// Bits that the smallest root decides.
pub const LEAST: u8 = 12;
/// The roots that there are, each with the prefixes of its family that it is for, what is to spare among
/// them. A larger one than the entries are worth would be in no cache.
const BITS4: [(u8, usize); 4] = [(LEAST, 0), (16, 4096), (20, 131_072), (22, 524_288)];
/// The same of IPv6, whose addresses in use have the same first bits: of a root most is never touched.
const BITS6: [(u8, usize); 3] = [(LEAST, 0), (16, 1536), (20, 65_536)];

/// Bits that the roots decide.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Roots {
    v4: u8,
    v6: u8,
}

impl Roots {
    /// Those of a set that begins empty.
    pub const LEAST: Self = Self { v4: LEAST, v6: LEAST };

    /// Those for so many prefixes of each family.
    pub fn holding(prefixes4: usize, prefixes6: usize) -> Self {
        Self { v4: fitting(&BITS4, prefixes4), v6: fitting(&BITS6, prefixes6) }
    }

    /// The same, but without a root of 22 bits that does not spare most nodes, given how many are needed
    /// beside certain roots. Prefixes that stand side by side, as those of 24 bits often do, share a node
    /// by sixteen behind 20 bits, and by four behind 22.
    pub fn worth(self, nodes: impl Fn(Self) -> usize) -> Self {
        let smaller = Self { v4: 20, ..self };
        if self.v4 > smaller.v4 && nodes(self) > nodes(smaller) / 2 { smaller } else { self }
    }

    /// Those that have so many nodes.
    pub fn of_nodes(nodes: u32) -> Option<Self> {
        let pairs = BITS4.into_iter().flat_map(|(v4, _)| BITS6.map(|(v6, _)| Self { v4, v6 }));
        pairs.into_iter().find(|roots| roots.nodes() == nodes)
    }

    /// Bits that the root of a family decides.
    pub const fn bits(self, family: Family) -> u8 {
        match family {
            Family::V4 => self.v4,
            Family::V6 => self.v6,
        }
    }

    /// The first node of a family's root.
    pub const fn first(self, family: Family) -> u32 {
        match family {
            Family::V4 => 0,
            Family::V6 => nodes(self.v4),
        }
    }

    /// The bit at which the first word ends that a look-up holds of an IPv6 address: the root takes the
    /// bits before its last four by itself, and the word begins with these.
    pub const fn first_word6(self) -> u8 {
        self.v6 - STRIDE + 64
    }

    /// The nodes that both take. Where that of IPv6 is the larger one, there is one node more, which
    /// nothing leads to: so their number tells which is which.
    pub const fn nodes(self) -> u32 {
        let more = if self.v6 > self.v4 { 1 } else { 0 };
        nodes(self.v4) + nodes(self.v6) + more
    }
}

/// The root for so many prefixes.
fn fitting(bits: &[(u8, usize)], prefixes: usize) -> u8 {
    let fitting = bits.iter().rev().find(|(_, least)| prefixes >= *least);
    fitting.map_or(LEAST, |(bits, _)| *bits)
}

const fn nodes(bits: u8) -> u32 {
    (1 << bits) / SLOTS as u32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_number_of_their_nodes_tells_the_roots() {
        for (v4, _) in BITS4 {
            for (v6, _) in BITS6 {
                let roots = Roots { v4, v6 };
                assert_eq!(Roots::of_nodes(roots.nodes()), Some(roots));
                assert_eq!(Roots::of_nodes(roots.nodes() + 2), None);
            }
        }
    }

    #[test]
    fn a_family_has_a_root_by_its_own_prefixes() {
        assert_eq!(Roots::holding(0, 0), Roots::LEAST);
        assert_eq!(Roots::holding(4095, 4096), Roots { v4: 12, v6: 16 });
        assert_eq!(Roots::holding(131_072, 4096), Roots { v4: 20, v6: 16 });
        assert_eq!(Roots::holding(0, usize::MAX).bits(Family::V4), LEAST);
    }
}
