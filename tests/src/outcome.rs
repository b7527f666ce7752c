//! What becomes of a frame that is put to a policy's program, whatever runs the program.
//!
//! Whoever runs one checks what holds of every packet whatever the policy: it comes back as the row
//! that decides it says, unchanged by most, and exactly one row of those that decide has grown, by one packet and by the frame's length; a
//! row of a `count` rule grows by the same or not at all.

use std::fmt;

use palisade_asm::vm::Redirect;
use palisade_filter::oracle::{Given, changed};
use palisade_filter::plan::Decider;
use palisade_filter::policy::Change;
use palisade_filter::rehearsal::Told;
use palisade_filter::{Mode, Row, Verdict};
use palisade_loader::Errno;

use crate::engine::hex;

/// Packets and bytes.
pub type Counts = [u64; 2];

/// What frames can be put to.
pub trait Runs {
    /// Puts one frame to the program.
    fn run(&mut self, frame: &[u8]) -> Result<Outcome, Fault>;

    /// What was reported since the last call, and how much is missing of at least so many records.
    fn told(&mut self, least: usize) -> Told;

    /// Switches the mode of the filter.
    fn switch(&mut self, mode: Mode);
}

/// What became of a frame.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// The verdict.
    pub verdict: Verdict,
    /// What decided it.
    pub row: Row,
    /// The half of the counters it was counted in.
    pub half: Half,
    /// The `count` rules that it matched.
    pub counted: Vec<Row>,
    /// How many packets the row had counted before, on the CPU that ran the program, and what the
    /// program was told of routes.
    pub given: Given,
}

/// The halves of the counters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Half {
    /// What was carried out.
    Enforced,
    /// What would have been dropped.
    Shadow,
}

/// A run that no program of ours may have.
#[derive(Clone, Debug)]
pub enum Fault {
    /// The kernel does not run it.
    Refused(Errno),
    /// The interpreter does not go on: why, and at which instruction.
    Trapped(String),
    /// The result is no verdict.
    Result(u32),
    /// The frame came back as something else than it should.
    Changed(Vec<u8>),
    /// It is not sent where the deciding row says: where it is sent, if anywhere.
    Sent(Option<Redirect>),
    /// Not one deciding row has grown by the packets and bytes that there were; those that have.
    Counted(Vec<(usize, Counts)>),
    /// What is reported is not what the oracle says.
    Reported(Told),
    /// The program behind got other packets than those that passed.
    Behind {
        /// How many it got.
        hits: u64,
        /// How many passed.
        wanted: u64,
    },
    /// The hits of entries have grown by other than one packet and its bytes in so many entries.
    Hits {
        /// By how much they have grown, all together.
        hits: Counts,
        /// How many entries were found.
        entries: u64,
    },
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Refused(errno) => write!(f, "the kernel does not run it: {errno}"),
            Self::Trapped(how) => write!(f, "the interpreter does not go on: {how}"),
            Self::Result(number) => write!(f, "the result is {number}"),
            Self::Changed(frame) => write!(f, "the frame came back as {}", hex(frame)),
            Self::Sent(to) => write!(f, "sent to {to:?}"),
            Self::Counted(rows) => write!(f, "counted in rows {rows:?}"),
            Self::Reported(told) => write!(f, "reported: {told:?}"),
            Self::Behind { hits, wanted } => {
                write!(f, "the program behind got {hits} packets, and {wanted} passed")
            }
            Self::Hits { hits, entries } => write!(f, "{hits:?} hits of {entries} entries"),
        }
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} by `{}`", self.verdict, self.row.text)?;
        if self.half == Half::Shadow { f.write_str(" in shadow") } else { Ok(()) }
    }
}

impl Outcome {
    /// What a verdict and the rows that have grown say of a frame of `len` bytes that was put to
    /// the program so many times; `turn` tells how many packets a row had counted before.
    pub(crate) fn of(
        verdict: Verdict,
        rows: &[Row],
        grown: Vec<(usize, Counts)>,
        [times, len]: [u64; 2],
        turn: impl FnOnce(usize) -> u64,
    ) -> Result<Self, Fault> {
        let row = |index: &usize| &rows[index % rows.len()];
        let is_count = |(index, _): &&(usize, Counts)| row(index).decider == Decider::Count;
        let (counted, decided): (Vec<_>, Vec<_>) = grown.iter().partition(is_count);
        match decided.as_slice() {
            [(index, _)] if grown.iter().all(|(_, by)| *by == [times, times * len]) => {
                let half = if *index < rows.len() { Half::Enforced } else { Half::Shadow };
                let counted = counted.iter().map(|(index, _)| row(index).clone()).collect();
                let (row, given) = (row(index).clone(), Given::behind(turn(*index)));
                Ok(Self { verdict, row, half, counted, given })
            }
            _ => Err(Fault::Counted(grown)),
        }
    }

    /// What a frame that was put to the program must come back as, so many runs after the first.
    pub(crate) fn frame_out(&self, frame: &[u8], later: u64) -> Vec<u8> {
        let given = Given { turn: self.given.turn + later, ..self.given };
        self.change().map_or_else(|| frame.to_vec(), |change| changed(change, frame, &given))
    }

    /// What is done to the frame.
    pub(crate) fn change(&self) -> Option<&Change> {
        self.row.change.as_ref().filter(|_| self.half == Half::Enforced)
    }

    /// This, unless a frame that was put to the program so many times came back otherwise: a change
    /// is made each time, to what the time before has left.
    pub(crate) fn with_frame(self, frame: &[u8], times: u32, back: Vec<u8>) -> Result<Self, Fault> {
        let once = |frame: Vec<u8>, later| self.frame_out(&frame, later);
        let wanted = (0..u64::from(times)).fold(frame.to_vec(), once);
        if wanted == back { Ok(self) } else { Err(Fault::Changed(back)) }
    }

    /// The verdict of a program's result.
    pub(crate) fn verdict_of(result: u32) -> Result<Verdict, Fault> {
        let known = Verdict::ALL.into_iter().find(|v| u32::try_from(v.code()) == Ok(result));
        known.ok_or(Fault::Result(result))
    }
}
