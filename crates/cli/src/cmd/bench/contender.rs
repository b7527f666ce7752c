//! A filter at the end of a lane of its own, and its turns in a flood.

use palisade_loader::Program;
use palisade_loader::netns::NetNs;

use super::effort::Effort;
use super::generator::Traffic;
use super::loaded::Loaded;
use super::place::Lane;
use super::programs::alone;
use super::report::Remarks;
use crate::failure::{Failure, Outcome};

/// Frames of the turn that does not count.
const WARMING: (u32, u32) = (10_000, 500);
/// How often a program runs alone.
const RUNS: (usize, usize) = (5, 1);

/// A filter that takes its turns in floods.
pub struct Contender {
    pub name: String,
    pub lane: Lane,
    filter: Filter,
    /// The generator and the frame of the flood that it stands in now.
    flood: Option<(Program, Vec<u8>)>,
}

/// What filters.
pub enum Filter {
    /// The program that only does what is right, another one for each flood.
    Limit(Option<Program>),
    /// A policy; its sets are held open.
    Policy(Loaded),
    /// A peer, which needs no more of us.
    Peer,
}

impl Contender {
    /// A filter at the end of a new lane; a peer has yet to be put there.
    pub fn new(sender: &NetNs, name: String, filter: Filter) -> Outcome<Self> {
        let lane = Lane::new(sender)?;
        if let Filter::Policy(loaded) = &filter {
            lane.attach(&loaded.program)?;
        }
        Ok(Self { name, lane, filter, flood: None })
    }

    /// Makes it ready for a flood, and lets it warm up; the nanoseconds of its program alone.
    fn prepare(&mut self, traffic: Traffic, effort: Effort) -> Outcome<Option<u128>> {
        let frame = traffic.frame();
        if let Filter::Limit(program) = &mut self.filter {
            let limit = traffic.limit()?;
            self.lane.attach(&limit)?;
            *program = Some(limit);
        }
        self.flood = Some((traffic.generator(self.lane.near())?, frame.clone()));
        self.turn(traffic, effort.of(WARMING))?;
        match &self.filter {
            Filter::Limit(Some(program)) => alone(program, &frame, effort.of(RUNS)).map(Some),
            Filter::Policy(loaded) => alone(&loaded.program, &frame, effort.of(RUNS)).map(Some),
            Filter::Limit(None) | Filter::Peer => Ok(None),
        }
    }

    /// A turn: frames a second that came to it.
    pub fn turn(&mut self, traffic: Traffic, frames: u32) -> Outcome<f64> {
        let Some((generator, frame)) = &self.flood else {
            return Err(Failure::bug("a contender without a flood"));
        };
        let flood = self.lane.flood(generator, frame, frames)?;
        let right = traffic.passing(flood.received);
        // Where frames were lost on the way, it is not known of which sort they were.
        let lost = u64::from(frames).saturating_sub(flood.received);
        if flood.received == 0 || flood.passed.abs_diff(right) > lost {
            return Err(Failure::refused(format!(
                "{}, {}: of {} frames {} got through, and {right} should have",
                self.name,
                traffic.mix.word(),
                flood.received,
                flood.passed
            )));
        }
        Ok(flood.received as f64 / flood.took.as_secs_f64())
    }
}

/// Makes contenders ready for a flood; the nanoseconds of each one's program alone. A peer that does
/// not do what it was told is noted and left out.
pub fn prepare(
    contenders: &mut Vec<Contender>,
    traffic: Traffic,
    effort: Effort,
    remarks: &mut Remarks,
) -> Outcome<Vec<Option<u128>>> {
    let (mut ready, mut alone) = (Vec::new(), Vec::new());
    for mut contender in contenders.drain(..) {
        match (contender.prepare(traffic, effort), &contender.filter) {
            (Ok(ns), _) => {
                alone.push(ns);
                ready.push(contender);
            }
            (Err(failure), Filter::Peer) => {
                remarks.note(format!("left out, {}", failure.headline()));
            }
            (Err(failure), Filter::Limit(_) | Filter::Policy(_)) => return Err(failure),
        }
    }
    *contenders = ready;
    Ok(alone)
}
