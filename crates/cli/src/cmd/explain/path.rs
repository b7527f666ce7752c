//! The instructions that a program executed on a packet.

use palisade_asm::vm::{ProgramId, Registers, Watch};
use palisade_asm::{Note, Program};
use serde_json::{Value, json};

use crate::output::human;

/// The instructions in the order in which they were executed.
#[derive(Default)]
pub struct Path(Vec<usize>);

impl Watch for Path {
    fn before(&mut self, _: ProgramId, at: usize, _: &Registers) {
        self.0.push(at);
    }
}

/// An instruction that was executed.
struct Step<'a> {
    slot: usize,
    text: String,
    note: Option<&'a Note>,
}

impl Path {
    fn steps<'a>(&self, program: &'a Program) -> Vec<Step<'a>> {
        let listing = program.listing();
        let lines: Vec<_> = listing.lines().map(|line| (line.slot, line.text)).collect();
        let step = |at: &usize| {
            let (slot, text) = lines.get(*at).cloned().unwrap_or_default();
            Step { slot, text, note: program.note_at(*at) }
        };
        self.0.iter().map(step).collect()
    }

    /// The lines to print: each part under what asked for it.
    pub fn lines(&self, program: &Program) -> Vec<String> {
        let (mut lines, mut last) = (Vec::new(), None);
        for Step { slot, text, note } in self.steps(program) {
            if let Some(note) = note.filter(|note| last != Some(*note)) {
                lines.push(format!("  ; {}", human::printable(&note.to_string())));
                last = Some(note);
            }
            lines.push(format!("  {slot:5}: {text}"));
        }
        lines
    }

    /// The same as a document.
    pub fn json(&self, program: &Program) -> Value {
        let step = |step: &Step<'_>| {
            let note = step.note.map(|note| json!({"line": note.line, "step": note.step}));
            json!({"instruction": step.slot, "text": step.text, "of": note})
        };
        self.steps(program).iter().map(step).collect()
    }
}
