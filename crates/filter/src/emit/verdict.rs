//! The ends of the program: one row of the counters a packet, then the verdict.
//!
//! Whoever decides names its row and goes to the label of its verdict, or of the change of the packet
//! that comes before it. In shadow mode what drops, sends away or changes is counted in the second
//! half of the rows, and the packet passes as it is. What passes, for whatever reason, goes out by one
//! way, behind the counting. Per-CPU counters need no atomics: XDP programs
//! of one CPU do not interrupt each other.

use palisade_asm::{Assembler, Cond, Label, Note, R0, R1, Size};

use super::action::{Block, Changes};
use super::frame::{KEY, LEN, MODE, ROW, VERDICT};
use super::next::WayOut;
use super::rules::Maps;
use super::sets::look_up;
use crate::plan::{Mode, Plan, RowId};
use crate::policy::{Action, Class, Flaw, Lane, Verdict};

/// The labels at the end of the program.
pub struct Ends<'a> {
    plan: &'a Plan<'a>,
    abort: Label,
    drop: Label,
    pass: Label,
    malformed: [Label; Flaw::ALL.len()],
    changes: Changes,
    way_out: WayOut,
}

impl<'a> Ends<'a> {
    /// Labels for the ends of the program of `plan`.
    pub fn new(a: &mut Assembler, plan: &'a Plan<'a>, way_out: WayOut) -> Self {
        let malformed = Flaw::ALL.map(|flaw| a.label(flaw.name()));
        let (abort, drop, pass) = (a.label("abort"), a.label("drop"), a.label("pass"));
        let changes = Changes::new(a, plan);
        Self { plan, abort, drop, pass, malformed, changes, way_out }
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

    /// Where the packets of some lanes of a class go whose row is in `ROW`, to be done with as an
    /// action says that decides.
    pub fn action(&self, action: &Action, class: Class, lanes: &[Lane]) -> Label {
        match (action.change(), action.verdict()) {
            (Some(change), _) => self.changes.of(change, class, lanes),
            (None, verdict) => self.verdict(verdict.expect("an action that decides")),
        }
    }

    /// Ends the packet in `row`, which has a verdict.
    pub fn decide(&self, a: &mut Assembler, row: RowId) {
        let verdict = self.plan.rows[row.index()].verdict.expect("only rows with a verdict decide");
        a.mov(ROW, row.number()).jump(self.verdict(verdict));
    }

    /// The common tail, as far as something goes there.
    pub fn tail(&self, a: &mut Assembler, maps: &Maps) {
        let [denied, shadow, count] = ["denied", "shadow", "count"].map(|name| a.label(name));
        for block in self.changes.wanted(a).collect::<Vec<_>>() {
            block.ask(a, self.plan.target.order, [self.pass, self.drop]);
        }
        let (aborts, drops) = (a.wanted(self.abort), a.wanted(self.drop));
        if aborts {
            a.place(self.abort).mov(VERDICT, Verdict::Aborted.code());
            a.jump(denied);
        }
        if drops {
            a.place(self.drop).mov(VERDICT, Verdict::Drop.code());
        }
        let denies = aborts || drops;
        if denies {
            a.place(denied).jump_if(MODE, Cond::Ne, mode(Mode::Enforce), shadow);
            a.place(count);
            counted(a, maps);
            a.mov(R0, VERDICT).exit();
        }
        let changes: Vec<&Block> = self.changes.wanted(a).collect();
        for block in &changes {
            a.note(Note::new(block.to_string())).place(block.changing);
            a.jump_if(MODE, Cond::Ne, mode(Mode::Enforce), shadow);
            match block.turns() {
                true => numbered(a, maps),
                false => counted(a, maps),
            }
            block.emit(a, self.plan, maps.outlets, self.way_out);
        }
        if !changes.is_empty() {
            a.note(Note::new("verdict"));
        }
        if denies || !changes.is_empty() {
            a.place(shadow);
            a.add(ROW, enforced(self.plan));
        }
        a.place(self.pass);
        match self.way_out {
            WayOut::Stack if denies => {
                a.mov(VERDICT, Verdict::Pass.code()).jump(count);
            }
            WayOut::Stack | WayOut::Slot { .. } => {
                counted(a, maps);
                self.way_out.pass(a);
            }
        }
    }
}

/// Counts the packet in the row in `ROW`.
fn counted(a: &mut Assembler, maps: &Maps) {
    let done = a.label("done");
    count_until(a, maps, done);
    a.place(done);
}

/// The same; how many packets the row has then on this CPU, into R0, or 0. A number and no pointer:
/// before 6.17, without CAP_PERFMON, the verifier follows a pointer that it knows to be null.
fn numbered(a: &mut Assembler, maps: &Maps) {
    let done = a.label("done");
    count_until(a, maps, done);
    a.load(Size::D, R0, R0 + 0).place(done);
}

fn count_until(a: &mut Assembler, maps: &Maps, done: Label) {
    KEY.store(a, ROW);
    look_up(a, maps.counters, KEY);
    a.jump_if(R0, Cond::Eq, 0, done);
    add_to_counters(a);
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
