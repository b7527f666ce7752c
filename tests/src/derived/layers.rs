//! What may stand around and between the headers of a packet, one upon the other.

use super::{Kind, Piece, Shape};
use crate::packet::{
    Ext, auth, destination, ext, hop_by_hop, mobility, routing, service_vlan, vlan,
};
use crate::random::Chance;

/// The kinds of dress.
#[derive(Clone, Copy)]
enum Dress {
    /// VLAN tags around.
    Tags,
    /// Extension headers of IPv6, options of IPv4.
    Headers,
    /// The packet is a piece of another one.
    Piece,
    /// Bytes behind the packet.
    Padding,
    /// More or less payload, and options of TCP.
    Payload,
}

const ALL: [Dress; 5] = [Dress::Tags, Dress::Headers, Dress::Piece, Dress::Padding, Dress::Payload];

/// Puts on at least one kind of dress, and often several.
pub fn dress(shape: &mut Shape, chance: &mut Chance) {
    put_on(shape, chance.one(&ALL), chance);
    for one in ALL {
        if chance.once_in(4) {
            put_on(shape, one, chance);
        }
    }
}

/// Puts on something that few policies look at.
pub fn plain_dress(shape: &mut Shape, chance: &mut Chance) {
    match (chance.below(3), shape.kind) {
        (0, Kind::Ip4) => shape.options = vec![1; 4 * (1 + chance.below(10))],
        (0, Kind::Ip6) => shape.extensions.push(destination(0)),
        (1, _) => shape.padding = 1 + chance.below(20),
        _ => shape.tags.insert(0, vlan(0)),
    }
}

fn put_on(shape: &mut Shape, dress: Dress, chance: &mut Chance) {
    match dress {
        Dress::Tags => {
            for _ in 0..some(chance) {
                let at = chance.below(shape.tags.len() + 1);
                let id = chance.one(&[0, 0, 0, 1, 4094, 4095]);
                let tag = if chance.once_in(3) { service_vlan(id) } else { vlan(id) };
                shape.tags.insert(at, tag.pcp(u16::from(chance.byte()) & 7));
            }
        }
        Dress::Headers if shape.kind == Kind::Ip6 => {
            for _ in 0..some(chance) {
                shape.extensions.push(extension(chance));
            }
            // It may stand first only.
            if chance.once_in(6) {
                shape.extensions.insert(0, hop_by_hop(chance.one(&[0, 0, 1, 4])));
            }
        }
        Dress::Headers => {
            let words = 1 + chance.below(10);
            shape.options = match chance.below(4) {
                0 => [&[7, 4, 4, 0], [1; 40].as_slice()].concat()[..words * 4].to_vec(),
                1 => (0..words * 4).map(|_| chance.byte()).collect(),
                2 => vec![0; words * 4],
                _ => vec![1; words * 4],
            };
        }
        Dress::Piece => {
            let later = Piece::Later(1 + u16::from(chance.byte()) * 32);
            shape.piece = chance.one(&[Piece::Atomic, Piece::Atomic, Piece::First, later]);
        }
        Dress::Padding => shape.padding = chance.one(&[1, 2, 6, 18, 46]),
        Dress::Payload => {
            shape.payload = chance.one(&[0, 0, 1, 3, 7, 64, 1400]);
            if chance.once_in(3) {
                shape.tcp_options = vec![1; 4 * (1 + chance.below(10))];
            }
        }
    }
}

/// Mostly few, and up to more than a filter looks behind.
fn some(chance: &mut Chance) -> usize {
    if chance.once_in(5) { 6 + chance.below(5) } else { 1 + chance.below(3) }
}

/// An extension header of any kind but the fragment header, which says what piece it is.
fn extension(chance: &mut Chance) -> Ext {
    match chance.below(16) {
        0 => hop_by_hop(0),
        1 => routing(chance.one(&[0, 2, 3, 4, 253]), 1),
        2 | 3 => routing(chance.one(&[0, 2, 3, 4, 253]), 0),
        4..=6 => auth(chance.one(&[1, 2, 4, 6])),
        7 if chance.once_in(3) => explicit_end(chance.one(&[50, 59, 135, 139, 140, 253])),
        7 => mobility(),
        8 => destination(chance.one(&[2, 7, 31])),
        9 => destination(0).len_field(chance.one(&[1, 255])),
        _ => destination(chance.one(&[0, 0, 1])),
    }
}

/// A header of eight bytes that nobody steps over.
fn explicit_end(number: u8) -> Ext {
    ext(number, [0; 7])
}
