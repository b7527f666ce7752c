//! Frames judged twice: by the compiled program in the interpreter, and by the oracle beside it.
//!
//! The verdict is the program's. Where the oracle decides otherwise, one of the two is wrong, which
//! is a bug of ours: what a report needs is saved.

use std::fmt::Write as _;

use palisade_asm::vm::Watch;
use palisade_filter::oracle::{Contents, Decision, Reading};
use palisade_filter::plan::{Decider, Row, RowId};
use palisade_filter::policy::SetId;
use palisade_filter::rehearsal::{Fault, Rehearsal, Rehearsed, Unready};
use palisade_filter::{Item, Policy, Verdict};

use super::Deciding;
use crate::failure::{Failure, Outcome};
use crate::output::human;
use crate::running::repro;

/// A policy that frames are put to, its sets holding what the oracle knows too.
pub struct Judge<'a, C> {
    policy: &'a Policy,
    /// The text, for reports.
    text: &'a str,
    contents: C,
    rehearsal: Rehearsal,
}

/// What became of a frame.
pub struct Judged {
    /// The verdict.
    pub verdict: Verdict,
    /// What decided, among the rows of the program's counters.
    pub row: RowId,
    /// Whether the frame as it was captured is enough to say so.
    pub certainty: Certainty,
    /// How many instructions were executed.
    pub steps: u64,
}

/// Whether the verdict on a frame that was cut is that of the whole one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Certainty {
    /// Every byte that was looked at is there.
    Certain,
    /// The headers go on beyond what was captured.
    Uncertain,
}

impl<'a, C: Contents> Judge<'a, C> {
    /// Compiles a policy, and puts entries into the sets of the program, each with when it ends, 0
    /// for never, by a clock that stands at 0; `contents` is what the oracle takes them to hold.
    pub fn new<I: IntoIterator<Item = (Item, u64)>>(
        policy: &'a Policy,
        text: &'a str,
        contents: C,
        entries: impl Fn(SetId) -> I,
    ) -> Outcome<Self> {
        let artifact = palisade_filter::compile(policy, Rehearsal::TARGET)?;
        let mut rehearsal = Rehearsal::new(policy, &artifact).map_err(unready)?;
        for set in policy.sets() {
            if let Some(id) = policy.set_id(set.name.as_str()) {
                rehearsal.insert(id, entries(id)).map_err(unready)?;
            }
        }
        Ok(Self { policy, text, contents, rehearsal })
    }

    /// Puts a frame to both, of which so many bytes at the front were captured.
    pub fn judge(&mut self, frame: &[u8], reading: &Reading, captured: usize) -> Outcome<Judged> {
        let done = self.rehearsal.run(frame);
        self.agreed(frame, reading, captured, done)
    }

    /// The same, with somebody looking on.
    pub fn judge_watched<W: Watch>(
        &mut self,
        frame: &[u8],
        reading: &Reading,
        captured: usize,
        watch: &mut W,
    ) -> Outcome<Judged> {
        let done = self.rehearsal.run_watched(frame, watch);
        self.agreed(frame, reading, captured, done)
    }

    fn agreed(
        &self,
        frame: &[u8],
        reading: &Reading,
        captured: usize,
        done: Result<Rehearsed, Fault>,
    ) -> Outcome<Judged> {
        let decision = reading.decide(self.policy, &self.contents);
        match done {
            Ok(done) if self.rehearsal.agrees(&done, &decision) => {
                let is_there = reading.seen() <= captured;
                let certainty = if is_there { Certainty::Certain } else { Certainty::Uncertain };
                let Rehearsed { verdict, row, steps, .. } = done;
                Ok(Judged { verdict, row, certainty, steps })
            }
            other => Err(self.disagreement(frame, &decision, other)),
        }
    }

    #[cold]
    fn disagreement(
        &self,
        frame: &[u8],
        decision: &Decision,
        done: Result<Rehearsed, Fault>,
    ) -> Failure {
        let program = match done {
            Ok(done) => {
                let row = self.rehearsal.row(done.row);
                format!("{}, by {}", done.verdict, Deciding::of_row(row))
            }
            Err(fault) => fault.to_string(),
        };
        let by = Deciding::of(self.policy, decision);
        let oracle = format!("{}, by {by}", decision.verdict);
        let listing = self.rehearsal.program().listing().numbered().to_string();
        let hex = human::hex(frame);
        let mut report = format!("program: {program}\noracle: {oracle}\nframe: {hex}\n");
        for (title, text) in [("policy", self.text), ("program", &listing)] {
            let _ = write!(report, "\n--- {title}\n{}\n", text.trim_end());
        }
        let saved = repro::save(&report, "frame, policy, program");
        Failure::bug(
            "the program and the oracle disagree about a packet; this is a bug in one of them",
        )
        .note("found", format!("the program: {program}\nthe oracle: {oracle}"))
        .note("frame", hex)
        .note("saved", saved)
    }

    /// The rows of the program's counters.
    pub fn rows(&self) -> &[Row] {
        self.rehearsal.rows()
    }

    /// The program.
    pub fn program(&self) -> &palisade_asm::Program {
        self.rehearsal.program()
    }

    /// What the oracle takes the sets to hold.
    pub fn contents(&self) -> &C {
        &self.contents
    }
}

fn unready(why: Unready) -> Failure {
    match why {
        // A map that the kernel would make as well.
        Unready::Map(_) | Unready::Entry(_) => Failure::usage(why.to_string()),
        Unready::OtherMaps | Unready::Refused { .. } => Failure::bug(why.to_string()),
    }
}

impl Deciding {
    /// The statement that a row of the counters is of.
    pub fn of_row(row: &Row) -> Self {
        let text = match row.decider {
            Decider::Malformed(flaw) => format!("malformed: {}", flaw.name()),
            Decider::Off
            | Decider::Keep
            | Decider::Rule
            | Decider::Count
            | Decider::Fragment
            | Decider::Default => row.text.clone(),
        };
        Self { line: row.line, text }
    }
}
