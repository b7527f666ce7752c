//! `bench`: what filtering costs on this machine, in namespaces of its own.
//!
//! Whatever is compared is in the kernel at once and takes turns, in another order each round: a
//! noise of the machine meets all alike, and a ratio is always one of two turns of the same round or
//! of two medians of the same run. What a contender did is checked besides how long it took: a
//! filter that drops too much or too little ends the run, or is left out where it is a peer's.

mod chart;
mod contender;
mod drop;
mod effort;
mod entries;
mod figures;
mod frames;
mod generator;
mod loaded;
mod lookup;
mod machine_time;
mod peers;
mod place;
mod programs;
mod random;
mod report;
mod rules;
mod update;

use crate::args::{Bench, Peer, Subject};
use crate::failure::{Failure, Outcome};
use crate::output::Output;
use effort::Effort;

/// Measures, prints, and writes what is asked for.
pub fn run(args: &Bench, out: &mut Output) -> Outcome {
    // What cannot be written shall not be measured.
    if let Some(dir) = &args.out {
        report::directory(dir)?;
    }
    let order = Order::new(args);
    let report = match args.subject {
        Subject::Drop => drop::measure(&order),
        Subject::Lookup => lookup::measure(&order),
        Subject::Update => update::measure(&order),
        Subject::Rules => rules::measure(&order),
    }?;
    report.print(out)?;
    match &args.out {
        Some(dir) => report.write(dir, out),
        None => Ok(()),
    }
}

/// What was ordered.
struct Order {
    against: Vec<Peer>,
    sizes: Vec<usize>,
    rounds: Option<usize>,
    effort: Effort,
}

impl Order {
    fn new(args: &Bench) -> Self {
        let mut against: Vec<Peer> = Vec::new();
        for peer in &args.against {
            if !against.contains(peer) {
                against.push(*peer);
            }
        }
        let mut sizes = args.sizes.clone();
        sizes.sort_unstable();
        sizes.dedup();
        let effort = if args.quick { Effort::Quick } else { Effort::Full };
        Self { against, sizes, rounds: args.rounds.map(usize::from), effort }
    }

    /// The sizes that were asked for, or the usual ones.
    fn sizes(&self, full: &[usize], quick: &[usize]) -> Vec<usize> {
        if self.sizes.is_empty() {
            self.effort.of((full, quick)).to_vec()
        } else {
            self.sizes.clone()
        }
    }

    /// How many turns each contender has.
    fn rounds(&self, full: usize, quick: usize) -> usize {
        self.rounds.unwrap_or(self.effort.of((full, quick)))
    }
}

/// The refusal of what takes root.
fn refused(doing: &str, said: impl std::fmt::Display) -> Failure {
    Failure::refused(format!("cannot {doing}: {said}"))
}
