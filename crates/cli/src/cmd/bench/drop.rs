//! `bench drop`: a flood of live frames, and what each filter drops of it.
//!
//! All of a turn runs on one processor: sending ends with the softirq that receives. A turn counts
//! only if the frames that got through are those that should: none of those from blocked sources,
//! all of the others. The limit is a program that only does what is right: drops, passes, or looks
//! at one bit.

use std::net::{IpAddr, Ipv4Addr};

use palisade_filter::BUILTIN;
use palisade_filter::value::{Family, Prefix};
use palisade_loader::netns::NetNs;
use palisade_loader::{Program, TestRun};
use serde_json::json;

use super::chart::short;
use super::entries::{self, Kind};
use super::figures::{Figures, beside, in_turns, noise};
use super::generator::{Mix, SOURCES_LEN, Sources, Traffic, blocked, blocked_one};
use super::loaded::Loaded;
use super::machine_time::stay_on_one_cpu;
use super::peers::{self, Way};
use super::place::{self, Lane};
use super::random::Random;
use super::report::{ALONE, Group, Line, Report, Unit};
use super::{Order, refused};
use crate::args::Peer;
use crate::failure::{Failure, Outcome};

/// The policy with one set.
const ONE_SET: &str = "set block net\ndrop src in block\ndefault pass\n";
/// Passes of a run of the program alone, and how many such runs; the fastest counts.
const PASSES: u32 = 10_000;
const RUNS: usize = 50;

/// Measures every mix of frames from one source and from a million.
pub fn measure(order: &Order) -> Outcome<Report> {
    stay_on_one_cpu()?;
    let (peers, mut notes) = peers::installed(&order.against);
    let mut groups = Vec::new();
    for sources in [Sources::One, Sources::Million] {
        let sender = place::enter()?;
        let setting = Setting { order, sender: &sender, peers: &peers, sources };
        let mut contenders = setting.contenders(&mut notes)?;
        for mix in [Mix::Blocked, Mix::Unblocked, Mix::Half] {
            groups.push(setting.group(&mut contenders, mix, &mut notes)?);
        }
    }
    notes.dedup();
    Ok(Report { subject: "drop", of: "entries", unit: Unit::Rate, groups, notes })
}

/// What the floods from so many sources have in common.
struct Setting<'a> {
    order: &'a Order,
    sender: &'a NetNs,
    peers: &'a [Peer],
    sources: Sources,
}

/// A filter at the end of a lane of its own.
struct Contender {
    name: String,
    lane: Lane,
    filter: Filter,
    /// The generator and the frame of the flood that it stands in now.
    flood: Option<(Program, Vec<u8>)>,
}

enum Filter {
    /// The program that only does what is right, another one for each flood.
    Limit(Option<Program>),
    /// A policy; its sets are held open.
    Policy(Loaded),
    /// A peer, which needs no more of us.
    Peer,
}

impl Setting<'_> {
    /// Every contender; a peer that refuses is noted and left out.
    fn contenders(&self, notes: &mut Vec<String>) -> Outcome<Vec<Contender>> {
        let one = vec![match self.sources {
            Sources::One => Prefix::host(IpAddr::V4(blocked_one())),
            Sources::Million => blocked()?,
        }];
        let mut lists = vec![one.clone()];
        for size in self.order.sizes(&[100_000], &[1000]) {
            lists.push(many(size)?);
        }
        let mut all = Vec::new();
        let limit = Filter::Limit(None);
        all.push(self.contender(all.len(), "the limit: a program of ours".to_owned(), limit)?);
        for list in &lists {
            let filter = Filter::Policy(policy(ONE_SET, list)?);
            all.push(self.contender(all.len(), named("palisade", list), filter)?);
        }
        let builtin = Filter::Policy(policy(BUILTIN, &one)?);
        all.insert(2, self.contender(all.len(), named("palisade, built-in policy", &one), builtin)?);
        for (peer, list) in self.peers.iter().flat_map(|peer| lists.iter().map(move |list| (*peer, list))) {
            for way in Way::all(peer, list) {
                let contender = self.contender(all.len(), named(way.words(), list), Filter::Peer)?;
                match way.block(&contender.lane, list)? {
                    Ok(()) => all.push(contender),
                    Err(why) => notes.push(format!("{}: left out, {why}", contender.name)),
                }
            }
        }
        Ok(all)
    }

    fn contender(&self, number: usize, name: String, filter: Filter) -> Outcome<Contender> {
        let lane = Lane::new(self.sender, number)?;
        if let Filter::Policy(loaded) = &filter {
            lane.attach(&loaded.program)?;
        }
        Ok(Contender { name, lane, filter, flood: None })
    }

    /// The turns of all contenders in one flood.
    fn group(&self, contenders: &mut [Contender], mix: Mix, notes: &mut Vec<String>) -> Outcome<Group> {
        let traffic = Traffic { mix, sources: self.sources };
        let frames = self.order.by_effort(100_000, 5_000);
        let mut facts = Vec::new();
        for contender in contenders.iter_mut() {
            facts.push(contender.prepare(traffic, frames / 10)?);
        }
        let rounds = self.order.rounds(21, 3);
        let turns = in_turns(contenders, rounds, |contender| contender.turn(traffic, frames))?;
        let what = format!("{}, {}", mix.word(), self.sources.words());
        let limit = turns.first().cloned().unwrap_or_default();
        notes.extend(noise(&Figures::of(limit.iter().copied()), &what));
        let lines = contenders.iter().zip(turns).zip(facts).map(|((contender, turns), alone)| {
            let ratio = beside(&turns, &limit, |turn, limit| turn / limit).median();
            let facts = alone.map(|ns| (ALONE, json!(ns))).into_iter().collect();
            Line { ratio: Some(ratio), facts, ..Line::new(&contender.name, Figures::of(turns)) }
        });
        Ok(Group { what, size: None, lines: lines.collect() })
    }
}

impl Contender {
    /// Makes it ready for a flood, and lets it warm up; the nanoseconds of its program alone.
    fn prepare(&mut self, traffic: Traffic, frames: u32) -> Outcome<Option<u128>> {
        let frame = traffic.frame();
        if let Filter::Limit(program) = &mut self.filter {
            let limit = traffic.limit()?;
            self.lane.attach(&limit)?;
            *program = Some(limit);
        }
        self.flood = Some((traffic.generator(self.lane.near())?, frame.clone()));
        self.turn(traffic, frames)?;
        match &self.filter {
            Filter::Limit(Some(program)) => alone(program, &frame).map(Some),
            Filter::Policy(loaded) => alone(&loaded.program, &frame).map(Some),
            Filter::Limit(None) | Filter::Peer => Ok(None),
        }
    }

    /// A turn: frames a second that came to it.
    fn turn(&mut self, traffic: Traffic, frames: u32) -> Outcome<f64> {
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

/// A pass of the program alone, in the fastest of its runs.
fn alone(program: &Program, frame: &[u8]) -> Outcome<u128> {
    let run = TestRun { packet: frame, repeat: PASSES, ingress: None };
    let mut least = u128::MAX;
    for _ in 0..RUNS {
        let result = program.test_run(&run);
        let result = result.map_err(|errno| refused("run a program on a frame", errno))?;
        least = least.min(result.duration.as_nanos());
    }
    Ok(least)
}

fn policy(text: &str, entries: &[Prefix]) -> Outcome<Loaded> {
    let loaded = Loaded::new(text)?;
    loaded.fill("block", entries)?;
    Ok(loaded)
}

fn named(what: &str, list: &[Prefix]) -> String {
    match list {
        [one] if one.is_host() => format!("{what}, one address"),
        [_] => format!("{what}, one prefix"),
        many => format!("{what}, {} prefixes", short(many.len() as f64)),
    }
}

/// So many prefixes that cover the sources to be blocked: as many of one length as a power of two
/// allows, so that a million sources hit nearly as many entries, and random ones elsewhere.
fn many(size: usize) -> Outcome<Vec<Prefix>> {
    let deepest = 32 - SOURCES_LEN;
    let bits = u8::try_from(size.ilog2()).unwrap_or(deepest).min(deepest);
    let len = SOURCES_LEN + bits;
    let IpAddr::V4(first) = blocked()?.addr() else { return Ok(Vec::new()) };
    let part = |n: u32| {
        let address = Ipv4Addr::from_bits(first.to_bits() | n << (32 - len));
        Prefix::new(address.into(), len)
    };
    let mut all: Vec<Prefix> = (0..1_u32 << bits).filter_map(part).collect();
    let ours = |entry: &Prefix| matches!(entry.addr(), IpAddr::V4(a) if a.octets()[0] == first.octets()[0]);
    // Longer than /12, an entry has all of its addresses in one network of the first byte. One in
    // 256 is in ours; there are enough of the others.
    let others = entries::draw(Family::V4, Kind::Prefixes, size * 2, &mut Random::new(1));
    let room = size - all.len();
    all.extend(others.into_iter().filter(|entry| !ours(entry)).take(room));
    Ok(all)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn many_prefixes_cover_the_sources_to_be_blocked_and_none_of_the_others() {
        for size in [1_usize, 1000, 100_000] {
            let list = many(size).expect("prefixes");
            assert_eq!(list.len(), size);
            let has = |a: u8, b: u8, c: u8| {
                list.iter().any(|entry| entry.contains(IpAddr::V4(Ipv4Addr::new(10, a, b, c))))
            };
            assert!(has(16, 0, 0) && has(24, 99, 7) && has(31, 255, 255), "{size}");
            assert!(!has(48, 0, 0) && !has(48, 66, 66) && !has(63, 255, 255), "{size}");
        }
    }
}
