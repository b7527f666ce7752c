//! The ends of the program: one row of the counters a packet, then the verdict.
//!
//! Whoever decides names its row and goes to the label of its verdict. In shadow mode a drop is
//! counted in the second half of the rows and passes. Per-CPU counters need no atomics: XDP programs
//! of one CPU do not interrupt each other.

use palisade_asm::{Assembler, Cond, Label, R0, R1, Size};

use super::frame::{KEY, LEN, MODE, ROW, VERDICT};
use super::rules::Maps;
use super::sets::look_up;
use crate::plan::{Mode, Plan, RowId};
use crate::policy::{Flaw, Verdict};

/// The labels at the end of the program.
pub struct Ends<'a> {
    plan: &'a Plan<'a>,
    abort: Label,
    drop: Label,
    pass: Label,
    malformed: [Label; Flaw::ALL.len()],
}

impl<'a> Ends<'a> {
    /// Labels for the ends of the program of `plan`.
    pub fn new(a: &mut Assembler, plan: &'a Plan<'a>) -> Self {
        let malformed = Flaw::ALL.map(|flaw| a.label(flaw.name()));
        let (abort, drop, pass) = (a.label("abort"), a.label("drop"), a.label("pass"));
        Self { plan, abort, drop, pass, malformed }
    }

    /// Where packets with a flaw go.
    pub fn malformed(&self, flaw: Flaw) -> Label {
        self.malformed[flaw as usize]
    }

    /// Where packets go whose row is in `ROW`.
    pub fn verdict(&self, verdict: Verdict) -> Label {
        match verdict {
            Verdict::Pass => self.pass,
            Verdict::Aborted => self.abort,
            Verdict::Drop | Verdict::Tx | Verdict::Redirect => self.drop,
        }
    }

    /// Ends the packet in `row`, which has a verdict.
    pub fn decide(&self, a: &mut Assembler, row: RowId) {
        let verdict = self.plan.rows[row.index()].verdict.expect("only rows with a verdict decide");
        a.mov(ROW, row.number()).jump(self.verdict(verdict));
    }

    /// The common tail, as far as something goes there.
    pub fn tail(&self, a: &mut Assembler, maps: &Maps) {
        let [denied, shadow, count, done] =
            ["denied", "shadow", "count", "done"].map(|name| a.label(name));
        let (aborts, drops) = (a.wanted(self.abort), a.wanted(self.drop));
        if aborts {
            a.place(self.abort).mov(VERDICT, Verdict::Aborted.code());
            a.jump(denied);
        }
        if drops {
            a.place(self.drop).mov(VERDICT, Verdict::Drop.code());
        }
        if !aborts && !drops {
            a.place(self.pass).mov(VERDICT, Verdict::Pass.code());
            self.count(a, maps, done);
            return;
        }
        a.place(denied).jump_if(MODE, Cond::Ne, mode(Mode::Enforce), shadow);
        a.place(count);
        self.count(a, maps, done);
        a.place(shadow);
        a.add(ROW, enforced(self.plan));
        a.place(self.pass).mov(VERDICT, Verdict::Pass.code());
        a.jump(count);
    }

    fn count(&self, a: &mut Assembler, maps: &Maps, done: Label) {
        KEY.store(a, ROW);
        look_up(a, maps.counters, KEY);
        a.jump_if(R0, Cond::Eq, 0, done);
        add_to_counters(a);
        a.place(done);
        a.mov(R0, VERDICT).exit();
    }
}

/// How many rows the first half of the counters has.
fn enforced(plan: &Plan<'_>) -> i32 {
    i32::try_from(plan.rows.len()).expect("rows are bounded by the length of a text")
}

impl RowId {
    /// The row as an immediate.
    pub fn number(self) -> i32 {
        i32::try_from(self.index()).expect("rows are bounded by the length of a text")
    }
}

/// The immediate of a mode.
pub fn mode(mode: Mode) -> i32 {
    i32::try_from(mode.code()).expect("modes are small numbers")
}

/// One packet, and the frame's bytes, to the counters of this CPU at R0.
pub fn add_to_counters(a: &mut Assembler) {
    a.load(Size::D, R1, R0 + 0).add(R1, 1).store(Size::D, R0 + 0, R1);
    a.load(Size::D, R1, R0 + 8).add(R1, LEN).store(Size::D, R0 + 8, R1);
}
