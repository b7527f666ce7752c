//! The rehearsal of a frame held against the oracle's decision on it.

use super::{Rehearsal, Rehearsed};
use crate::oracle::{self, Decision};
use crate::plan::{Decider, Row};

/// What the oracle calls the decider of each row; `None` for one that it does not know: it knows no
/// mode.
pub fn deciders(rows: &[Row]) -> Vec<Option<oracle::Decider>> {
    let (mut keeps, mut rules) = (0.., 0..);
    let mut decider = |row: &Row| match row.decider {
        Decider::Off => None,
        Decider::Malformed(flaw) => Some(oracle::Decider::Malformed(flaw)),
        Decider::Keep => keeps.next().map(oracle::Decider::Keep),
        Decider::Rule | Decider::Count => rules.next().map(oracle::Decider::Rule),
        Decider::Unrouted(at) => Some(oracle::Decider::Rule(at)),
        Decider::Fragment => Some(oracle::Decider::Fragment),
        Decider::Default => Some(oracle::Decider::Default),
    };
    rows.iter().map(&mut decider).collect()
}

impl Rehearsal {
    /// Whether the oracle decides as the program did, in mode `enforce`: by the same statement, to
    /// the same verdict, and with the same `count` rules met before.
    pub fn agrees(&self, done: &Rehearsed, decision: &Decision) -> bool {
        let decider = |index: usize| self.deciders.get(index).copied().flatten();
        let counted = done.counted.iter().map(|row| decider(row.index()));
        done.verdict == decision.verdict
            && decider(done.row.index()) == Some(decision.decider)
            && counted.eq(decision.counted.iter().map(|at| Some(oracle::Decider::Rule(*at))))
    }

    /// Whether the program reported of the frame, in the mode that it is in, what the oracle says:
    /// by the same rules, with the same verdicts, addresses, ports and bytes.
    pub fn tells(&self, done: &Rehearsed, decision: &Decision, frame: &[u8]) -> bool {
        match &self.reports {
            Some(reports) => reports.rules().agrees(&done.told, self.mode, decision, frame),
            None => decision.reported.is_empty(),
        }
    }
}
