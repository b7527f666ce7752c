//! The ends of the program: one row of the counters a packet, then the verdict.
//!
//! Whoever decides stores its row and goes to `drop` or `pass`. In shadow mode a drop is counted in
//! the second half of the rows and passes. Per-CPU counters need no atomics: XDP programs of one CPU
//! do not interrupt each other.

use palisade_asm::{Assembler, Cond, FP, Helper, Label, MapId, R0, R1, R2, Size};

use super::frame::{LEN, ROW, VERDICT};
use crate::plan::{Malformed, Mode, Plan, RowId};
use crate::policy::Verdict;

/// The labels at the end of the program.
pub struct Ends<'a> {
    plan: &'a Plan<'a>,
    drop: Label,
    pass: Label,
    malformed: [Label; Malformed::ALL.len()],
}

impl<'a> Ends<'a> {
    /// Labels for the ends of the program of `plan`.
    pub fn new(a: &mut Assembler, plan: &'a Plan<'a>) -> Self {
        let malformed = Malformed::ALL.map(|class| a.label(class.name()));
        Self { plan, drop: a.label("drop"), pass: a.label("pass"), malformed }
    }

    /// Where malformed packets of a class go.
    pub fn malformed(&self, class: Malformed) -> Label {
        self.malformed[class as usize]
    }

    /// Ends the packet in `row`.
    pub fn decide(&self, a: &mut Assembler, row: RowId) {
        let index = i32::try_from(row.index()).expect("rows are bounded by branches");
        ROW.store(a, index);
        a.jump(match self.plan.rows[row.index()].verdict {
            Verdict::Pass => self.pass,
            Verdict::Drop | Verdict::Aborted | Verdict::Tx | Verdict::Redirect => self.drop,
        });
    }

    /// The common tail, as far as something goes there.
    pub fn tail(&self, a: &mut Assembler, control: MapId, counters: MapId) {
        let (shadow, count, done) = (a.label("shadow"), a.label("count"), a.label("done"));
        if a.wanted(self.drop) {
            a.place(self.drop);
            a.load_map_value(R1, control, 0).load(Size::W, R1, R1 + 0);
            a.jump_if(R1, Cond::Eq, mode(Mode::Shadow), shadow);
            a.mov(VERDICT, Verdict::Drop.code());
            a.jump(count);
            a.place(shadow);
            let enforced =
                i32::try_from(self.plan.rows.len()).expect("rows are bounded by branches");
            ROW.load(a, R1);
            a.add(R1, enforced);
            ROW.store(a, R1);
        }
        a.place(self.pass);
        a.mov(VERDICT, Verdict::Pass.code());
        a.place(count);
        a.load_map(R1, counters).mov(R2, FP).add(R2, ROW.off()).call(Helper::MAP_LOOKUP_ELEM);
        a.jump_if(R0, Cond::Eq, 0, done);
        add_to_counters(a);
        a.place(done);
        a.mov(R0, VERDICT).exit();
    }
}

/// The immediate of a mode.
pub fn mode(mode: Mode) -> i32 {
    i32::try_from(mode.code()).expect("modes are small numbers")
}

/// One packet, and the frame's bytes, to the counters of this CPU at R0.
pub fn add_to_counters(a: &mut Assembler) {
    a.load(Size::D, R1, R0 + 0).add(R1, 1).store(Size::D, R0 + 0, R1);
    LEN.load(a, R2);
    a.load(Size::D, R1, R0 + 8).add(R1, R2).store(Size::D, R0 + 8, R1);
}
