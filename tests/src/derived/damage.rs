//! Frames cut short, with a bit flipped, or with a length that is not theirs.

use super::{Kind, SHORTEST, Shape};
use crate::random::Chance;

/// The most that one sweep adds.
const SWEEP: usize = 32;

/// The frame cut at each byte of a stretch of it.
pub fn cuts(chance: &mut Chance, frame: &[u8], into: &mut Vec<Vec<u8>>) {
    let last = frame.len().min(SHORTEST + 160);
    let first = SHORTEST + chance.below((last - SHORTEST).max(1));
    into.extend((first..last.min(first + SWEEP)).map(|len| frame[..len].to_vec()));
}

/// The frame with each bit flipped of a few bytes of its headers.
pub fn flips(chance: &mut Chance, shape: &Shape, into: &mut Vec<Vec<u8>>) {
    let frame = shape.encode();
    let end = (shape.transport_at() + 20).min(frame.len());
    let first = 12 + chance.below(end.saturating_sub(12).max(1));
    for at in first..end.min(first + SWEEP / 8) {
        for bit in 0..8 {
            let mut flipped = frame.clone();
            flipped[at] ^= 1 << bit;
            into.push(flipped);
        }
    }
}

/// The frame with one of its lengths or versions made wrong, or with other bytes.
pub fn damage(chance: &mut Chance, shape: &Shape) -> Vec<u8> {
    let mut frame = shape.encode();
    let (network, transport) = (shape.network_at(), shape.transport_at());
    match (chance.below(8), shape.kind) {
        (0..=2, Kind::Ip4) => length(chance, &mut frame, network + 2),
        (3 | 4, Kind::Ip4) => byte(chance, &mut frame, network),
        (0..=3, Kind::Ip6) => length(chance, &mut frame, network + 4),
        (4, Kind::Ip6) => byte(chance, &mut frame, network + 6),
        (5, _) if shape.protocol == 6 => byte(chance, &mut frame, transport + 12),
        (5, _) => length(chance, &mut frame, transport + 4),
        (6, _) => byte(chance, &mut frame, network.saturating_sub(2)),
        _ => {
            for _ in 0..1 + chance.below(3) {
                let at = 12 + chance.below(frame.len().min(transport + 24) - 12);
                byte(chance, &mut frame, at);
            }
        }
    }
    frame
}

/// Changes a length a little, or to something special.
fn length(chance: &mut Chance, frame: &mut [u8], at: usize) {
    let Some(field) = frame.get_mut(at..at + 2) else { return };
    let old = u16::from_be_bytes([field[0], field[1]]);
    let new = match chance.below(8) {
        0 => 0,
        1 => u16::MAX,
        2 => 20,
        3 => old.wrapping_sub(u16::from(chance.byte() % 48)),
        4 => old.wrapping_add(u16::from(chance.byte() % 48)),
        5 => old.wrapping_sub(1),
        6 => old.wrapping_add(1),
        _ => old.swap_bytes(),
    };
    field.copy_from_slice(&new.to_be_bytes());
}

fn byte(chance: &mut Chance, frame: &mut [u8], at: usize) {
    let Some(byte) = frame.get_mut(at) else { return };
    *byte = match chance.below(4) {
        0 => byte.wrapping_add(1),
        1 => byte.wrapping_sub(1),
        2 => *byte ^ 1 << chance.below(8),
        _ => chance.byte(),
    };
}
