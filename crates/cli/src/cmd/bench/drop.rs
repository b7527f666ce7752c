//! `bench drop`: a flood of live frames, and what each filter drops of it.
//!
//! All of a turn runs on one processor: sending ends with the softirq that receives. A turn counts
//! only if the frames that got through are those that should: none of those from blocked sources,
//! all of the others. The limit is a program that only does what is right: drops, passes, or looks
//! at one bit.

use std::collections::HashSet;
use std::net::{IpAddr, Ipv4Addr};

use palisade_filter::BUILTIN;
use palisade_filter::value::Prefix;
use palisade_loader::netns::NetNs;
use serde_json::json;

use super::Order;
use super::chart::short;
use super::contender::{Contender, Filter, prepare};
use super::figures::{Figures, beside, in_turns};
use super::generator::{Mix, SOURCES_LEN, Sources, Traffic, blocked, blocked_one};
use super::loaded::Loaded;
use super::machine_time::stay_on_one_cpu;
use super::peers::{self, Way};
use super::place;
use super::random::Random;
use super::report::{ALONE, Group, Line, Remarks, Report, Unit};
use crate::args::Peer;
use crate::failure::Outcome;

/// The policy with one set.
const ONE_SET: &str = "set block net\ndrop src in block\ndefault pass\n";

/// Measures every mix of frames from one source and from a million.
pub fn measure(order: &Order) -> Outcome<Report> {
    stay_on_one_cpu()?;
    let mut remarks = Remarks::default();
    let peers = peers::installed(&order.against, &mut remarks);
    let mut groups = Vec::new();
    for sources in [Sources::One, Sources::Million] {
        let sender = place::enter()?;
        let setting = Setting { order, sender: &sender, peers: &peers, sources };
        let mut contenders = setting.contenders(&mut remarks)?;
        for mix in [Mix::Blocked, Mix::Unblocked, Mix::Half] {
            groups.push(setting.group(&mut contenders, mix, &mut remarks)?);
        }
    }
    Ok(Report { subject: "drop", of: "entries", unit: Unit::Rate, groups, remarks })
}

/// What the floods from so many sources have in common.
struct Setting<'a> {
    order: &'a Order,
    sender: &'a NetNs,
    peers: &'a [Peer],
    sources: Sources,
}

impl Setting<'_> {
    /// Every contender; a peer that refuses is noted and left out.
    fn contenders(&self, remarks: &mut Remarks) -> Outcome<Vec<Contender>> {
        let one = vec![match self.sources {
            Sources::One => Prefix::host(IpAddr::V4(blocked_one())),
            Sources::Million => blocked()?,
        }];
        let mut lists = vec![one.clone()];
        // One entry there is already.
        for size in self.order.sizes(&[100_000], &[1000]).into_iter().filter(|size| *size > 1) {
            lists.push(many(size)?);
        }
        let new = |name, filter| Contender::new(self.sender, name, filter);
        let mut all = vec![new("the limit: a program of ours".to_owned(), Filter::Limit(None))?];
        for list in &lists {
            all.push(new(named("palisade", list), Filter::Policy(policy(ONE_SET, list)?))?);
        }
        let builtin = Filter::Policy(policy(BUILTIN, &one)?);
        all.insert(2, new(named("palisade, built-in policy", &one), builtin)?);
        for peer in self.peers {
            for list in &lists {
                for way in Way::all(*peer, list) {
                    let contender = new(named(way.words(), list), Filter::Peer)?;
                    match way.block(&contender.lane, list)? {
                        Ok(()) => all.push(contender),
                        Err(why) => remarks.note(format!("{}: left out, {why}", contender.name)),
                    }
                }
            }
        }
        Ok(all)
    }

    /// The turns of all contenders in one flood.
    fn group(
        &self,
        contenders: &mut Vec<Contender>,
        mix: Mix,
        remarks: &mut Remarks,
    ) -> Outcome<Group> {
        let traffic = Traffic { mix, sources: self.sources };
        let frames = self.order.effort.of((100_000, 5_000));
        let facts = prepare(contenders, traffic, self.order.effort, remarks)?;
        let rounds = self.order.rounds(21, 3);
        let turns = in_turns(contenders, rounds, |contender| contender.turn(traffic, frames))?;
        let what = format!("{}, {}", mix.word(), self.sources.words());
        let limit = turns.first().cloned().unwrap_or_default();
        remarks.look_at(&limit, &what);
        let lines = contenders.iter().zip(turns).zip(facts).map(|((contender, turns), alone)| {
            let ratio = beside(&turns, &limit, |turn, limit| turn / limit).median();
            let facts = alone.map(|ns| (ALONE, json!(ns))).into_iter().collect();
            Line { ratio: Some(ratio), facts, ..Line::new(&contender.name, Figures::of(turns)) }
        });
        Ok(Group { what, size: None, lines: lines.collect() })
    }
}

fn policy(text: &str, entries: &[Prefix]) -> Outcome<Loaded> {
    Loaded::filled(text, "block", entries)
}

fn named(what: &str, list: &[Prefix]) -> String {
    match list {
        [one] if one.is_host() => format!("{what}, one address"),
        [_] => format!("{what}, one prefix"),
        many => format!("{what}, {} prefixes", short(many.len() as f64)),
    }
}

/// So many prefixes that cover the sources to be blocked: as many of one length as a power of two
/// allows, so that a million sources hit nearly as many entries, and elsewhere random ones of that
/// length or longer. None overlaps another: some peers would join them.
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
    let (mut random, mut taken) = (Random::new(1), HashSet::new());
    while all.len() < size {
        let address = IpAddr::V4(Ipv4Addr::from_bits(random.word() as u32));
        let longer = u8::try_from(random.below(usize::from(32 - len) + 1)).unwrap_or(0);
        let Some(entry) = Prefix::new(address, len + longer) else { continue };
        let ours = matches!(address, IpAddr::V4(a) if a.octets()[0] == first.octets()[0]);
        if !ours && taken.insert(Prefix::new(address, len)) {
            all.push(entry);
        }
    }
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
            let apart = |pair: &[Prefix]| !pair[0].contains(pair[1].addr());
            let mut sorted = list.clone();
            sorted.sort();
            assert!(sorted.windows(2).all(apart), "{size}");
            assert!(!has(48, 0, 0) && !has(48, 66, 66) && !has(63, 255, 255), "{size}");
        }
    }
}
