//! Frames made for a policy: for every constant of every statement some that meet it and some that
//! miss it by one, then dressed, cut and damaged.
//!
//! [`Shape`] is a frame as the fields that a policy asks about; [`Setting`] gives one of them a
//! value; [`Aims`] knows the settings that meet and miss each test of a policy. What meets a
//! statement is a guess: a later setting may undo an earlier one, and an earlier statement may
//! decide. Whoever uses the frames sees to it that enough of them hit.

mod aims;
mod damage;
mod ladder;
mod layers;
mod setting;
mod shape;
mod sides;

pub use aims::Aims;
use aims::Constants;
use layers::{dress, plain_dress};
pub use setting::Setting;
pub use shape::{Kind, Piece, Shape};

use palisade_filter::Policy;

use crate::agree::Entry;
use crate::random::{Chance, frame};
use damage::{cuts, damage, flips};

/// What a test run takes in one buffer.
pub const LONGEST: usize = 3520;
/// A test run takes no frame that is shorter; the interpreter does.
pub const SHORTEST: usize = 14;

/// So many frames for a policy whose sets have these entries besides their elements.
pub fn frames(
    policy: &Policy,
    entries: &[Entry],
    chance: &mut Chance,
    count: usize,
) -> Vec<Vec<u8>> {
    let aims = Aims::of(policy, entries);
    let mut constants = aims.constants();
    let mut frames = Vec::new();
    let [one, other] = [aimed(&aims, chance), aimed(&aims, chance)];
    ladder::extensions(&one, chance, &mut frames);
    ladder::tags(&other, chance, &mut frames);
    while frames.len() < count {
        add(&aims, &mut constants, chance, &mut frames);
    }
    frames.truncate(count);
    frames.iter_mut().for_each(|frame| frame.truncate(LONGEST));
    frames
}

/// Adds a frame, or a sweep of them. More than half are of what meets a statement.
fn add(aims: &Aims, constants: &mut Constants, chance: &mut Chance, frames: &mut Vec<Vec<u8>>) {
    let mut shape = aimed(aims, chance);
    match chance.below(32) {
        0 if chance.once_in(8) => {
            let mut frame = shape.encode();
            frame.truncate(chance.below(SHORTEST));
            frames.push(frame);
        }
        0 => frames.push(frame(chance)),
        1 => cuts(chance, &shape.encode(), frames),
        2 => flips(chance, &shape, frames),
        3 | 4 => frames.push(damage(chance, &shape)),
        5..=10 => {
            dress(&mut shape, chance);
            frames.push(shape.encode());
        }
        11 | 12 => frames.push(aims.missing(chance).encode()),
        _ => {
            if let Some((statement, setting)) = constants.next(chance) {
                shape = aims.meeting(statement, chance);
                setting.apply(&mut shape, chance);
            }
            if chance.once_in(4) {
                plain_dress(&mut shape, chance);
            }
            frames.push(shape.encode());
        }
    }
}

/// A frame that is to meet some statement.
fn aimed(aims: &Aims, chance: &mut Chance) -> Shape {
    let statement = chance.below(aims.len().max(1));
    aims.meeting(statement, chance)
}

#[cfg(test)]
mod tests {
    use palisade_filter::oracle::{Decider, decide};
    use palisade_filter::parse;

    use super::*;
    use crate::agree::contents;

    #[test]
    fn each_constant_is_met_and_missed_by_one() {
        const POLICY: &str = "drop src 10.0.0.0/30 udp dport 53-55\ndefault pass\n";
        let policy = parse(POLICY).expect("a policy");
        let contents = contents(&policy, &[]);
        let frames = frames(&policy, &[], &mut Chance::new(1), 400);
        let plain = |frame: &&Vec<u8>| frame.len() > 42 && frame[12..15] == [8, 0, 0x45];
        let seen: Vec<_> = frames.iter().filter(plain).map(|f| (f[29], f[37])).collect();
        for last in [0, 1, 3, 4, 255] {
            let met = |(own, port): &(u8, u8)| *own == last && (53..56).contains(port);
            assert!(seen.iter().any(met), "no frame from {last}");
        }
        for port in 52..57 {
            let met = |(last, own): &(u8, u8)| *last < 4 && *own == port;
            assert!(seen.iter().any(met), "no frame to port {port}");
        }
        let hits = frames.iter().map(|frame| decide(&policy, &contents, frame).decider);
        assert!(hits.filter(|decider| *decider == Decider::Rule(0)).count() > 120);
    }
}
