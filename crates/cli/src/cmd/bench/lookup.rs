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
use super::figures::{beside, in_turns};
use super::loaded::Loaded;
use super::machine_time::stay_on_one_cpu;
use super::programs;
use super::random::Random;
use super::report::{Group, Line, Remarks, Report, Unit};
use super::{Order, peers};
use crate::failure::Outcome;
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
    let mut remarks = Remarks::default();
    for peer in &order.against {
        let name = peers::name(*peer);
        remarks.note(format!("{name}: takes no part, a look-up of its cannot be run alone"));
    }
    let mut groups = Vec::new();
    for family in [Family::V4, Family::V6] {
        for kind in [Kind::Exact, Kind::Prefixes] {
            for size in &sizes {
                let case = Case { order, family, kind, size: *size };
                groups.extend(case.measure(&mut remarks)?);
            }
        }
    }
    Ok(Report { subject: "lookup", of: "entries", unit: Unit::Nanos, groups, remarks })
}

/// Entries of one sort, so many.
struct Case<'a> {
    order: &'a Order,
    family: Family,
    kind: Kind,
    size: usize,
}

/// What finds addresses. The kernel keeps its maps as long as the program.
struct Contender {
    name: &'static str,
    program: Program,
    judges: Judges,
    /// The bytes that its maps take in the kernel.
    memory: Option<u64>,
}

/// Whether a contender looks at the frame at all.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Judges {
    Frames,
    Nothing,
}

impl Case<'_> {
    fn measure(&self, remarks: &mut Remarks) -> Outcome<Vec<Group>> {
        let mut random = Random::new(self.size as u64);
        let entries = entries::draw(self.family, self.kind, self.size, &mut random);
        let mut contenders = self.contenders(&entries)?;
        let count = self.order.effort.of((1 << 20, 1 << 15));
        let mut groups = Vec::new();
        let hits = entries::hits(&entries, count, &mut random);
        groups.push(self.group(&mut contenders, ("hit", Verdict::Drop), &hits, remarks)?);
        match entries::misses(self.family, &entries, count, &mut random) {
            Some(misses) => {
                let miss = ("miss", Verdict::Pass);
                groups.push(self.group(&mut contenders, miss, &misses, remarks)?);
            }
            None => remarks.note(format!(
                "{} {}: they cover every address, and nothing misses",
                self.size,
                self.title()
            )),
        }
        Ok(groups)
    }

    fn title(&self) -> String {
        entries::title(self.family, self.kind)
    }

    fn contenders(&self, entries: &[Prefix]) -> Outcome<Vec<Contender>> {
        let limit = programs::returns(Verdict::Drop)?;
        let limit =
            Contender { name: LIMIT, program: limit, judges: Judges::Nothing, memory: None };
        let mut all = vec![limit];
        for (name, counters) in [("palisade", "on"), ("not counting", "off")] {
            all.push(self.palisade(name, counters, entries)?);
        }
        let structures: &[Structure] = match self.kind {
            Kind::Exact => &[Structure::Hash, Structure::Trie],
            Kind::Prefixes => &[Structure::Trie],
        };
        for structure in structures {
            let Held { program, memory } = kernel_maps::of(*structure, self.family, entries)?;
            all.push(Contender {
                name: structure.words(),
                program,
                judges: Judges::Frames,
                memory,
            });
        }
        Ok(all)
    }

    fn palisade(
        &self,
        name: &'static str,
        counters: &str,
        entries: &[Prefix],
    ) -> Outcome<Contender> {
        let max = entries.len().min(structure::greatest_max(SetKind::Net) as usize);
        let set = format!("set s net {{ max {max} counters {counters} }}");
        let text = format!("{set}\ndrop src in s\ndefault pass\n");
        let loaded = Loaded::filled(&text, "s", entries)?;
        let memory = Some(loaded.memory("s")?);
        Ok(Contender { name, program: loaded.program, judges: Judges::Frames, memory })
    }

    /// The turns of all contenders with these addresses.
    fn group(
        &self,
        contenders: &mut [Contender],
        (what, right): (&str, Verdict),
        addresses: &[IpAddr],
        remarks: &mut Remarks,
    ) -> Outcome<Group> {
        let what = format!("{}, {what}", self.title());
        let cursor = Cursor::over(self.family, addresses, self.order.effort.of((8, 2)))?;
        for contender in contenders.iter().filter(|contender| contender.judges == Judges::Frames) {
            cursor.check(&contender.program, right).map_err(|failure| {
                failure.because(format!("{}, {what}: not judged right", contender.name))
            })?;
        }
        let rounds = self.order.rounds(7, 3);
        let turns = in_turns(contenders, rounds, |contender| cursor.pass(&contender.program))?;
        let limit = turns.first().cloned().unwrap_or_default();
        let at = format!("{what}, {} entries", self.size);
        remarks.look_at(&limit, &at);
        let lines = contenders.iter().zip(&turns).skip(1).map(|(contender, turns)| {
            let above = beside(turns, &limit, |turn, limit| turn - limit);
            let facts = vec![("memory", json!(contender.memory))];
            Line { facts, ..Line::new(contender.name, above) }
        });
        let group = Group { what, size: Some(self.size), lines: lines.collect() };
        Ok(group.with_ratios())
    }
}
