//! Frames near what a policy is about: for each of its statements frames that meet it, and each of
//! these again with every byte of its headers a little other, and cut behind every byte.
//!
//! A program that compares with a neighbour of the value it should is seen on one of them.

use std::collections::HashSet;

use palisade_filter::Policy;
use palisade_filter::oracle::{Declared, witnesses};

use crate::odd;
use crate::odd::judge::FIRST_BUFFER;
use crate::random::{Chance, frame};

/// The bytes of a frame that are changed: no header of a plain frame is longer.
const HEADERS: usize = 82;

/// Frames for a policy: odd ones, some by chance, and for each statement so many that meet it, with
/// all that is near them.
pub fn frames(policy: &Policy, contents: &Declared, of_each: usize) -> Vec<Vec<u8>> {
    let mut seen = HashSet::new();
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
    all.retain(|frame| seen.insert(frame.clone()));
    all
}

/// A frame with one byte changed, for each byte of its headers; and cut, and made longer.
pub fn around(frame: &[u8]) -> impl Iterator<Item = Vec<u8>> {
    let headers = frame.len().min(HEADERS);
    let changed = (12.min(headers)..headers).flat_map(|at| {
        let byte = frame[at];
        let others = [byte.wrapping_add(1), byte.wrapping_sub(1), byte ^ 0x80, byte ^ 0x10];
        others.map(|other| {
            let mut changed = frame.to_vec();
            changed[at] = other;
            changed
        })
    });
    let cut = (0..headers).map(|len| frame[..len].to_vec());
    changed.chain(cut).chain([[frame, &[0; 4]].concat()])
}
