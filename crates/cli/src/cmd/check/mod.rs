//! `check`: what a policy does and costs, found out without a kernel and without privileges.
//!
//! Its own tests are answered by a second reading of the policy that shares nothing with the
//! compiler. A mistake of the text ends with 2; an `expect` that fails or a `keep` that something
//! comes before with 1. Warnings and rules that never decide change no exit code: a policy may mean
//! them.

mod cost;
mod report;
mod warnings;

use palisade_asm::MapDecl;
use palisade_filter::oracle::{self, Declared};
use palisade_filter::policy::Rule;
use palisade_filter::{Artifact, Dead, Policy, SetKind, structure};
use palisade_loader::cpu_numbers;

use super::verified;
use crate::args::Check;
use crate::failure::{Failure, Outcome};
use crate::judging::{self, Deciding, Expected, Lists, Source};
use crate::machine::ASSUMED;
use crate::output::Output;
use crate::running::set;
use cost::Cost;
use warnings::Warning;

/// Checks the policy in a file.
pub fn run(args: &Check, out: &mut Output) -> Outcome {
    match Findings::of(args) {
        Ok(findings) => {
            out.json(&findings.json())?;
            findings.say(out)?;
            findings.verdict()
        }
        Err(failure) => {
            out.json(&report::mistakes(&failure))?;
            Err(failure)
        }
    }
}

/// What was found out about a policy.
struct Findings {
    source: Source,
    expects: Vec<Expected>,
    keeps: Vec<Kept>,
    dead: Vec<Dead>,
    warnings: Vec<Warning>,
    cost: Cost,
}

/// A `keep`, and whether it keeps.
struct Kept {
    line: u32,
    text: String,
    proof: Proof,
}

/// Whether nothing comes before a `keep`.
enum Proof {
    /// All of so many packets, chosen to be on its edges, are kept.
    Holds(usize),
    /// Something else decides this one.
    Fails { packet: Vec<u8>, by: Deciding },
    /// There are so many that packets were not put to this one.
    Unsought,
}

/// How many `keep`s are asked in all to prove some: beyond it the time would grow with the square
/// of their number.
const MOST_ASKED: usize = 500_000;

impl Findings {
    fn of(args: &Check) -> Outcome<Self> {
        let source = judging::read_policy(&args.file)?;
        let lists = judging::declared(&source)?;
        let Artifact { program, maps, dead, .. } =
            palisade_filter::compile(&source.policy, ASSUMED)?;
        let followed = verified::compiled(&program, ASSUMED, &source.text)?;
        let cost = Cost::of(&program, &sized(&source.policy, &lists, maps), &followed)?;
        let expects = judging::expects(&source, &lists);
        let contents = lists.contents(&source.policy);
        let keeps = keeps(&source.policy, &contents);
        let warnings = warnings::all(&source.policy, &lists, &contents);
        Ok(Self { source, expects, keeps, dead, warnings, cost })
    }

    /// Whether every `expect` and every `keep` holds.
    fn ok(&self) -> bool {
        let fails = |keep: &Kept| matches!(keep.proof, Proof::Fails { .. });
        self.expects.iter().all(|expect| expect.ok) && !self.keeps.iter().any(fails)
    }

    fn verdict(&self) -> Outcome {
        judging::must_hold(&self.source, &self.expects)?;
        if self.ok() {
            return Ok(());
        }
        Err(Failure::no(format!("{}: a `keep` does not hold", self.source.name)))
    }
}

fn keeps(policy: &Policy, contents: &Declared) -> Vec<Kept> {
    let mut asked = 0;
    let kept = |(at, keep): (usize, &Rule)| {
        asked += at + 1;
        let proof = match asked {
            ..=MOST_ASKED => proof(policy, contents, at),
            _ => Proof::Unsought,
        };
        Kept { line: keep.line, text: keep.text.clone(), proof }
    };
    policy.keeps().iter().enumerate().map(kept).collect()
}

fn proof(policy: &Policy, contents: &Declared, at: usize) -> Proof {
    match oracle::proves(policy, contents, at) {
        Ok(packets) => Proof::Holds(packets),
        Err(found) => {
            let (packet, decision) = *found;
            Proof::Fails { packet, by: Deciding::of(policy, &decision) }
        }
    }
}

/// The maps as they are made for what the text puts into its sets, on this machine.
fn sized(policy: &Policy, lists: &Lists, maps: Vec<MapDecl>) -> Vec<MapDecl> {
    // Where the number cannot be read, one CPU is what counters cost at least.
    let cpus = cpu_numbers().unwrap_or(1);
    let nets = policy.sets().iter().filter(|set| set.kind == SetKind::Net);
    let sized: Vec<MapDecl> = nets
        .flat_map(|set| {
            let items = lists.of(&set.name).iter().copied();
            structure::net_maps(set, set::room(set, items, cpus))
        })
        .collect();
    let of = |map: &MapDecl| sized.iter().find(|sized| sized.name == map.name).cloned();
    maps.into_iter().map(|map| of(&map).unwrap_or(map)).collect()
}
