//! A finished program: instructions that are all reachable, with labels, maps and notes.
//!
//! Only `Assembler::finish`, `decode` and `parse` make one, so these hold everywhere: every label in
//! use stands before an instruction of the program, every map in use is declared, no instruction has a
//! `Flaw`, and control neither leaves the program nor skips a part of it.

use std::borrow::Cow;

use crate::assembler::Label;
use crate::insn::Insn;
use crate::map::MapDecl;
use crate::note::{Note, Notes};

/// Where a label stands.
#[derive(Clone, Debug)]
pub(crate) struct Place {
    /// What the assembler's user called it, or a name made of the slot in decoded code.
    pub(crate) name: Cow<'static, str>,
    /// The instruction it stands before; one past the last for a label nobody uses.
    pub(crate) at: usize,
    /// The numbers that a function takes which begins here, where that is said.
    pub(crate) takes: Option<u8>,
}

/// A program, checked and not yet encoded.
///
/// Two are equal when they have the same instructions, jumping to the same places, and the same
/// maps. Names of labels and notes do not count.
#[derive(Clone, Debug)]
pub struct Program {
    pub(crate) insns: Vec<Insn>,
    pub(crate) places: Vec<Place>,
    pub(crate) maps: Vec<MapDecl>,
    pub(crate) notes: Notes,
}

impl Program {
    /// The instructions in their order.
    pub fn insns(&self) -> &[Insn] {
        &self.insns
    }

    /// The maps in the order of declaration.
    pub fn maps(&self) -> &[MapDecl] {
        &self.maps
    }

    /// The instruction that a label stands before.
    pub fn target(&self, label: Label) -> usize {
        self.places[label.0].at
    }

    /// The note that holds at an instruction.
    pub fn note_at(&self, at: usize) -> Option<&Note> {
        self.notes.at(at)
    }

    /// The notes of all instructions.
    pub fn notes(&self) -> &Notes {
        &self.notes
    }
}

impl PartialEq for Program {
    fn eq(&self, other: &Self) -> bool {
        let target = |program: &Self, insn: &Insn| insn.label().map(|label| program.target(label));
        self.maps == other.maps
            && self.insns.len() == other.insns.len()
            && self.insns.iter().zip(&other.insns).all(|(a, b)| {
                a.with_label(Label(0)) == b.with_label(Label(0))
                    && target(self, a) == target(other, b)
            })
    }
}

impl Eq for Program {}
