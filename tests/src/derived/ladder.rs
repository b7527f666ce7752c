//! Headers one behind the other: at every depth, every kind of header that may stand there.

use super::{Kind, Piece, Shape};
use crate::packet::{Ext, auth, destination, hop_by_hop, routing, service_vlan, vlan};
use crate::random::Chance;

/// One more than a filter steps over.
const DEEPEST: usize = 9;

/// A frame behind each number of extension headers, the last one of each kind.
pub fn extensions(shape: &Shape, chance: &mut Chance, into: &mut Vec<Vec<u8>>) {
    let mut shape = Shape { kind: Kind::Ip6, piece: Piece::Whole, ..shape.clone() };
    shape.extensions.clear();
    let kinds: [fn() -> Ext; 3] = [|| destination(0), || routing(0, 0), || auth(1)];
    for _ in 0..DEEPEST {
        for last in kinds {
            let mut longer = shape.clone();
            longer.extensions.push(last());
            into.push(longer.encode());
        }
        for piece in [Piece::Atomic, Piece::First, Piece::Later(2)] {
            into.push(Shape { piece, ..shape.clone() }.encode());
        }
        let first = shape.extensions.is_empty() && chance.once_in(3);
        shape.extensions.push(if first { hop_by_hop(0) } else { kinds[chance.below(3)]() });
    }
}

/// A frame behind each number of VLAN tags, of every kind.
pub fn tags(shape: &Shape, chance: &mut Chance, into: &mut Vec<Vec<u8>>) {
    let mut shape = shape.clone();
    while shape.tags.len() <= DEEPEST {
        for kind in [Kind::Ip4, Kind::Ip6, Kind::Arp] {
            into.push(Shape { kind, ..shape.clone() }.encode());
        }
        let id = chance.one(&[0, 0, 1]);
        shape.tags.push(if chance.once_in(2) { vlan(id) } else { service_vlan(id) });
    }
}
