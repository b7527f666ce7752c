//! Labels: named before or after they stand somewhere, or given by a distance in slots.
//!
//! A use makes a label known; where it stands is settled when the whole text has been read. A call
//! of what is no label may be one of a function of the kernel, by its name alone.

use std::borrow::Cow;
use std::collections::HashMap;
use std::ops::Range;

use crate::assembler::Label;
use crate::helper::Helper;
use crate::insn::{Call, Insn};
use crate::parse::error::{Fault, Wrong};
use crate::program::Place;

/// The labels of a text.
#[derive(Default)]
pub(super) struct Labels<'t> {
    known: Vec<Known<'t>>,
    by_name: HashMap<Cow<'t, str>, usize>,
    by_slot: HashMap<i64, usize>,
}

struct Known<'t> {
    aim: Aim<'t>,
    /// The instruction it stands before.
    at: Option<usize>,
    /// Where it is named first, but in its own place.
    used: Option<(Use, Range<usize>)>,
}

/// What is said of a place.
#[derive(Clone)]
enum Aim<'t> {
    Name(Cow<'t, str>),
    Slot(i64),
}

/// How a label is used.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Use {
    /// By calls only.
    Call,
    /// As a place of this program.
    Place,
}

impl<'t> Labels<'t> {
    /// The label of this name, used at these bytes of the text.
    pub(super) fn named(&mut self, name: Cow<'t, str>, how: Use, span: Range<usize>) -> Label {
        let index = self.index(name);
        match &mut self.known[index].used {
            Some((Use::Place, _)) => {}
            Some((Use::Call, _)) if how == Use::Call => {}
            used => *used = Some((how, span)),
        }
        Label(index)
    }

    /// The label at a slot, used at these bytes of the text.
    pub(super) fn at_slot(&mut self, slot: i64, span: Range<usize>) -> Label {
        let known = &mut self.known;
        Label(*self.by_slot.entry(slot).or_insert_with(|| {
            known.push(Known { aim: Aim::Slot(slot), at: None, used: Some((Use::Place, span)) });
            known.len() - 1
        }))
    }

    /// Puts the label of this name before an instruction.
    pub(super) fn place(&mut self, name: Cow<'t, str>, at: usize) -> Result<(), Wrong> {
        let index = self.index(name);
        let known = &mut self.known[index];
        match (known.at, &known.aim) {
            (Some(_), Aim::Name(name)) => Err(Wrong::PlacedTwice { label: name.to_string() }),
            _ => {
                known.at = Some(at);
                Ok(())
            }
        }
    }

    fn index(&mut self, name: Cow<'t, str>) -> usize {
        let known = &mut self.known;
        *self.by_name.entry(name).or_insert_with_key(|name| {
            known.push(Known { aim: Aim::Name(name.clone()), at: None, used: None });
            known.len() - 1
        })
    }

    /// Where all labels stand. `insns` become calls of the kernel where they call what is no label.
    pub(super) fn settle(self, insns: &mut [Insn], faults: &mut Vec<Fault>) -> Vec<Place> {
        let slots = if self.by_slot.is_empty() { Vec::new() } else { slots(insns) };
        // Where a line is not understood, slots are not counted right.
        let counted = faults.is_empty();
        let mut helpers = HashMap::new();
        let mut places = Vec::with_capacity(self.known.len());
        for (index, known) in self.known.into_iter().enumerate() {
            let found = match (known.at, &known.aim) {
                (Some(at), _) => Ok(at),
                (None, Aim::Slot(to)) => usize::try_from(*to)
                    .ok()
                    .and_then(|slot| slots.binary_search(&slot).ok())
                    .ok_or(Wrong::Target { to: *to }),
                (None, Aim::Name(name)) => match (&known.used, Helper::from_name(name)) {
                    (Some((Use::Call, _)), Some(helper)) => {
                        helpers.insert(index, helper);
                        Ok(0)
                    }
                    (Some((Use::Call, _)), None) => {
                        Err(Wrong::UnknownFunction { name: name.to_string() })
                    }
                    _ => Err(Wrong::Unplaced { label: name.to_string() }),
                },
            };
            let name = match known.aim {
                Aim::Name(name) => name.into_owned(),
                Aim::Slot(slot) => format!("L{slot}"),
            };
            let at = *found.as_ref().unwrap_or(&0);
            places.push(Place { name: name.into(), at, takes: None });
            if let (Err(wrong), Some((_, span))) = (found, known.used)
                && (counted || !matches!(wrong, Wrong::Target { .. }))
            {
                faults.push(Fault { span, wrong });
            }
        }
        call_helpers(insns, &helpers);
        places
    }
}

/// The first slots of all instructions.
fn slots(insns: &[Insn]) -> Vec<usize> {
    let next = |slot: &mut usize, insn: &Insn| {
        let first = *slot;
        *slot += insn.slots();
        Some(first)
    };
    insns.iter().scan(0, next).collect()
}

fn call_helpers(insns: &mut [Insn], helpers: &HashMap<usize, Helper>) {
    if helpers.is_empty() {
        return;
    }
    for insn in insns {
        if let Insn::Call(Call::Sub(label)) = insn
            && let Some(helper) = helpers.get(&label.0)
        {
            *insn = Insn::Call(Call::Helper(*helper));
        }
    }
}
