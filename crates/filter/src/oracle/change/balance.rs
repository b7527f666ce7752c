//! What `balance` makes of a frame: which backend gets it, by the words of docs/actions.md.

use std::net::IpAddr;

use super::place::{Piece, Place};
use super::{Rewrite, reflected, rewritten};
use crate::policy::{Balance, Choice, Protocol};
use crate::value::Mac;

/// The frame on its way to its backend.
pub fn balanced(frame: &[u8], balance: &Balance, turn: u64) -> Option<Vec<u8>> {
    let place = Place::of(frame)?;
    let backends = balance.backends();
    let piece = place.piece != Piece::Whole;
    let at = match (balance.choice(), piece) {
        (Choice::Turns, false) => usize::try_from(turn % backends.len() as u64).ok()?,
        (Choice::Source, _) => part(hash(frame.get(place.source())?), backends.len()),
        (Choice::Turns, true) | (Choice::Flow, _) => {
            part(hash(&flow(frame, &place)?), backends.len())
        }
    };
    let backend = backends.get(at)?;
    let dst: Option<IpAddr> = Some(backend.addr);
    let mut new = rewritten(&reflected(frame)?, &Rewrite { dst, ..Rewrite::default() })?;
    if let Some(Mac(mac)) = backend.mac {
        new.get_mut(..6)?.copy_from_slice(&mac);
    }
    Some(new)
}

/// Which of `n` equal parts of all numbers of 32 bits the upper half of a hash is in.
fn part(hash: u64, n: usize) -> usize {
    let upper = u128::from(hash / (1 << 32));
    usize::try_from(upper * n as u128 / (1 << 32)).unwrap_or(usize::MAX)
}

/// The bytes that a flow is known by.
fn flow(frame: &[u8], place: &Place) -> Option<Vec<u8>> {
    let mut bytes = [frame.get(place.source())?, frame.get(place.destination())?].concat();
    if place.piece == Piece::Whole {
        bytes.extend([0, 0, 0, place.protocol.0]);
        if let Protocol::TCP | Protocol::UDP = place.protocol {
            bytes.extend(frame.get(place.transport..place.transport + 4)?);
        }
    }
    Some(bytes)
}

/// The hash of some words of four bytes.
fn hash(bytes: &[u8]) -> u64 {
    bytes.chunks(4).fold(0, |hash, word| {
        let word = word.iter().fold(0, |number, byte| number * 256 + u64::from(*byte));
        let product = (hash ^ word).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        product ^ (product / (1 << 32))
    })
}
