//! The modes of the running filter: `off` passes everything, `shadow` drops and changes nothing.

use palisade_filter::plan::Decider;
use palisade_filter::rehearsal::Half as Rehearsed;
use palisade_filter::{Mode, Row, Verdict};

use super::{Disagreement, Judges, Machine};
use crate::engine::Half;

/// What a frame must meet in a mode.
struct Wanted<'a> {
    mode: Mode,
    row: &'a Row,
    shadow: bool,
}

impl Judges {
    /// In mode `off` a frame passes and is counted as that; in `shadow` it passes, and if it would
    /// have been dropped, sent back or changed it is counted by what would have done so in the other half.
    pub fn in_other_modes(&mut self, frame: &[u8]) -> Result<(), Disagreement> {
        self.as_in_the_kernel();
        let expected = self.told.expect(frame);
        let rows = self.told.rows().to_vec();
        let off = rows.iter().find(|row| row.decider == Decider::Off).expect("every policy has it");
        let row = &rows[expected.rows().expect("a frame that was judged")[0]];
        let acts = expected.decision.verdict != Verdict::Pass || row.change.is_some();
        for wanted in [
            Wanted { mode: Mode::Off, row: off, shadow: false },
            Wanted { mode: Mode::Shadow, row, shadow: acts },
            Wanted { mode: Mode::Enforce, row, shadow: false },
        ] {
            let verdict = if wanted.mode == Mode::Enforce {
                expected.decision.verdict
            } else {
                Verdict::Pass
            };
            self.in_mode(frame, &wanted, verdict)?;
        }
        Ok(())
    }

    fn in_mode(
        &mut self,
        frame: &[u8],
        wanted: &Wanted<'_>,
        verdict: Verdict,
    ) -> Result<(), Disagreement> {
        let Wanted { mode, row, shadow } = wanted;
        let wrong = |how: String| Err(Disagreement { how: format!("in mode {mode:?}: {how}") });
        for Machine { rehearsal, coverage, .. } in &mut self.machines {
            rehearsal.set_mode(*mode).expect("the control map is there");
            match rehearsal.run_watched(frame, coverage) {
                Ok(run)
                    if run.verdict == verdict
                        && rehearsal.row(run.row) == *row
                        && (run.half == Rehearsed::Shadow) == *shadow => {}
                Ok(run) => return wrong(format!("{run:?} in the interpreter")),
                Err(fault) => return wrong(format!("{fault} in the interpreter")),
            }
        }
        if frame.len() < super::SHORTEST {
            return Ok(());
        }
        for (_, engine) in &mut self.engines {
            engine.set_mode(*mode);
            match engine.run(frame) {
                Ok(run)
                    if run.verdict == verdict
                        && run.row == **row
                        && (run.half == Half::Shadow) == *shadow => {}
                Ok(run) => return wrong(format!("{run} in the kernel")),
                Err(fault) => return wrong(format!("{fault} in the kernel")),
            }
        }
        Ok(())
    }
}
