//! `bench lookup`: what it costs to find an address in a set, beside the kernel's own maps.
//!
//! A program before the contender writes the next of many random addresses into the frame and goes
//! on with the contender as its tail, so that one test run asks about each address once and no cache
//! knows what comes. What that takes, and what `BPF_PROG_TEST_RUN` takes, also falls to a contender
//! that only drops; a figure is what lies above it in the same round.

mod cursor;
mod kernel_maps;

use std::net::IpAddr;

use palisade_filter::value::{Family, Prefix};
use palisade_filter::{SetKind, Verdict, structure};
use palisade_loader::Program;
use serde_json::json;

use super::entries::{self, Kind};
use super::figures::{Figures, beside, in_turns, noise};
use super::loaded::Loaded;
use super::machine_time::stay_on_one_cpu;
use super::programs;
use super::random::Random;
use super::report::{Group, Line, Report, Unit};
use super::{Order, peers};
use crate::failure::{Failure, Outcome};
use crate::machine;
use cursor::Cursor;
use kernel_maps::{Held, Structure};

/// The name of the contender that the others are above.
const LIMIT: &str = "the limit";

/// Measures every family and kind at every size, hits and misses.
pub fn measure(order: &Order) -> Outcome<Report> {
    // What may not load programs is told so before anything is made.
    machine::target()?;
    stay_on_one_cpu()?;
    let sizes = order.sizes(&[1, 1000, 10_000, 100_000, 1_000_000], &[1, 1000]);
    let mut notes: Vec<String> = (order.against.iter())
        .map(|peer| format!("{}: takes no part, a look-up of its cannot be run alone", peers::name(*peer)))
        .collect();
    let mut groups = Vec::new();
    for family in [Family::V4, Family::V6] {
        for kind in [Kind::Exact, Kind::Prefixes] {
            for size in &sizes {
                let case = Case { order, family, kind, size: *size };
                groups.extend(case.measure(&mut notes)?);
            }
        }
    }
    // By what they measure, sizes together.
    Ok(Report { subject: "lookup", of: "entries", unit: Unit::Nanos, groups, notes })
}

/// Entries of one sort, so many.
struct Case<'a> {
    order: &'a Order,
    family: Family,
    kind: Kind,
    size: usize,
}

/// What finds addresses.
struct Contender {
    name: &'static str,
    program: Program,
    /// What it must say of an address that is in, and of one that is not; `None`: it looks at
    /// nothing.
    judges: bool,
    memory: Option<u64>,
    /// Held open for the program.
    _held: Option<Loaded>,
}

impl Case<'_> {
    fn measure(&self, notes: &mut Vec<String>) -> Outcome<Vec<Group>> {
        let mut random = Random::new(self.size as u64);
        let entries = entries::draw(self.family, self.kind, self.size, &mut random);
        let mut contenders = self.contenders(&entries)?;
        let count = self.order.by_effort(1 << 20, 1 << 16);
        let mut groups = Vec::new();
        let hits = entries::hits(&entries, count, &mut random);
        groups.push(self.group(&mut contenders, ("hit", Verdict::Drop), &hits, notes)?);
        match entries::misses(self.family, &entries, count, &mut random) {
            Some(misses) => {
                groups.push(self.group(&mut contenders, ("miss", Verdict::Pass), &misses, notes)?);
            }
            None => notes.push(format!("{}: the mix covers every address, nothing misses", self.title())),
        }
        Ok(groups)
    }

    fn title(&self) -> String {
        let family = match self.family {
            Family::V4 => "IPv4",
            Family::V6 => "IPv6",
        };
        format!("{family} {}", self.kind.word())
    }

    fn contenders(&self, entries: &[Prefix]) -> Outcome<Vec<Contender>> {
        let limit = programs::returns(Verdict::Drop)?;
        let none = |name, program, judges| Contender { name, program, judges, memory: None, _held: None };
        let mut all = vec![none(LIMIT, limit, false), self.palisade(entries)?];
        let structures: &[Structure] = match self.kind {
            Kind::Exact => &[Structure::Hash, Structure::Trie],
            Kind::Prefixes => &[Structure::Trie],
        };
        for structure in structures {
            let Held { program, memory } = kernel_maps::of(*structure, self.family, entries)?;
            all.push(Contender { memory, ..none(structure.words(), program, true) });
        }
        Ok(all)
    }

    fn palisade(&self, entries: &[Prefix]) -> Outcome<Contender> {
        let max = entries.len().min(structure::greatest_max(SetKind::Net) as usize);
        let loaded = Loaded::new(&format!("set s net {{ max {max} }}\ndrop src in s\ndefault pass\n"))?;
        loaded.fill("s", entries)?;
        let program = loaded.program.try_clone().map_err(|errno| {
            Failure::refused(format!("cannot hold a program twice: {errno}"))
        })?;
        let memory = Some(loaded.memory("s")?);
        Ok(Contender { name: "palisade", program, judges: true, memory, _held: Some(loaded) })
    }

    /// The turns of all contenders with these addresses.
    fn group(
        &self,
        contenders: &mut [Contender],
        (what, right): (&str, Verdict),
        addresses: &[IpAddr],
        notes: &mut Vec<String>,
    ) -> Outcome<Group> {
        let what = format!("{}, {what}", self.title());
        let cursor = Cursor::over(self.family, addresses)?;
        for contender in contenders.iter().filter(|contender| contender.judges) {
            cursor.check(&contender.program, right).map_err(|failure| {
                failure.because(format!("{}, {what}: not judged right", contender.name))
            })?;
        }
        let rounds = self.order.rounds(7, 3);
        let turns = in_turns(contenders, rounds, |contender| cursor.pass(&contender.program))?;
        let limit = turns.first().cloned().unwrap_or_default();
        let at = format!("{what}, {} entries", self.size);
        notes.extend(noise(&Figures::of(limit.iter().copied()), &at));
        let lines = contenders.iter().zip(&turns).skip(1).map(|(contender, turns)| {
            let above = beside(turns, &limit, |turn, limit| turn - limit);
            let facts = vec![("memory", json!(contender.memory))];
            Line { facts, ..Line::new(contender.name, above) }
        });
        let group = Group { what, size: Some(self.size), lines: lines.collect() };
        Ok(group.with_ratios())
    }
}
