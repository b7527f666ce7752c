//! Frames near what a policy is about: for each of its statements frames that meet it, and each of
//! these again with every byte of its headers a little other, and cut behind every byte.
//!
//! A program that compares with a neighbour of the value it should is seen on one of them.

mod deep;
mod lanes;

use std::collections::HashSet;

use palisade_filter::Policy;
use palisade_filter::oracle::{Declared, witnesses};

pub use deep::deep;
pub use lanes::lanes;

use crate::odd;
use crate::odd::judge::FIRST_BUFFER;
use crate::random::{Chance, frame};

/// The bytes of a frame that are changed: no header of a plain frame is longer.
const HEADERS: usize = 82;
/// Where an IP header begins behind no tag, and where its payload does over IPv6.
const IP: usize = 14;
const IP6_PAYLOAD: usize = IP + 40;

/// Frames for a policy: odd ones, some by chance, and for each statement so many that meet it, with
/// all that is near them.
pub fn frames(policy: &Policy, contents: &Declared, of_each: usize) -> Vec<Vec<u8>> {
    let mut chance = Chance::new(1);
    let mut all = Vec::new();
    for rule in policy.keeps().iter().chain(policy.rules()) {
        let found = witnesses(&rule.matching, contents);
        let step = found.len().div_ceil(of_each).max(1);
        let chosen: Vec<&Vec<u8>> = found.iter().step_by(step).collect();
        all.extend(found.iter().cloned());
        all.extend(chosen.into_iter().flat_map(|frame| around(frame)));
    }
    all.extend((0..1500).map(|_| frame(&mut chance)));
    all.extend(
        odd::all().into_iter().map(|odd| odd.frame).filter(|frame| frame.len() <= FIRST_BUFFER),
    );
    unlike(all)
}

/// Each frame once.
pub fn unlike(mut frames: Vec<Vec<u8>>) -> Vec<Vec<u8>> {
    let mut seen = HashSet::new();
    frames.retain(|frame| seen.insert(frame.clone()));
    frames
}

/// A frame with one byte changed, for each byte of its headers; and cut, and made longer.
pub fn around(frame: &[u8]) -> impl Iterator<Item = Vec<u8>> {
    let headers = frame.len().min(HEADERS);
    let changed = (12.min(headers)..headers).flat_map(|at| changed(frame, at));
    let cut = (0..headers).map(|len| frame[..len].to_vec());
    changed.chain(cut).chain([[frame, &[0; 4]].concat()])
}

/// A frame with one byte a little other.
fn changed(frame: &[u8], at: usize) -> [Vec<u8>; 4] {
    let byte = frame[at];
    [byte.wrapping_add(1), byte.wrapping_sub(1), byte ^ 0x80, byte ^ 0x10].map(|other| {
        let mut changed = frame.to_vec();
        changed[at] = other;
        changed
    })
}

/// A frame whose IP packet ends at `end`, as its length says: what follows is padding.
fn shortened(frame: &[u8], end: usize) -> Vec<u8> {
    let mut frame = frame.to_vec();
    let (at, len) = match frame.get(12..14) {
        Some([0x08, 0x00]) => (IP + 2, end - IP),
        _ => (IP + 4, end - IP6_PAYLOAD),
    };
    frame[at..at + 2].copy_from_slice(&u16::try_from(len).expect("a short packet").to_be_bytes());
    frame
}
