//! Where every instruction goes, and how jumps get to targets that 16 bits do not reach.
//!
//! The kernel replaces some instructions by several (map look-ups by their code, for one), which
//! moves targets apart, and refuses a program whose jumps then no longer reach
//! (`bpf_adj_branches`). So a jump is near only within half of what 16 bits hold.
//!
//! On v4 a far jump becomes `gotol`, a far conditional one its inverse over a `gotol`. Before v4
//! it goes through a trampoline, a `goto` on an island between two instructions on the way; the
//! island's first slot jumps over it where the instruction before runs on. Jumps to one target
//! share their trampolines, and a function's jumps stay within it, since an island lies between a
//! jump and its target.
//!
//! Invariant: *slots only grow, so the loop ends*. A jump once made long stays long, a trampoline
//! once placed stays, and a rerouted jump passes one island more than before, in one direction;
//! past `MAX_SLOTS` the program is refused.

use std::collections::BTreeMap;

use crate::error::EncodeError;
use crate::insn::{Insn, Test};
use crate::isa::Isa;
use crate::program::Program;

/// How many slots the kernel takes at most (`BPF_COMPLEXITY_LIMIT_INSNS`).
pub const MAX_SLOTS: usize = 1_000_000;

/// Half of what 16 bits hold.
const NEAR: i64 = 1 << 14;
/// How far a jump to a trampoline goes when it is placed; short of `NEAR`, so that the islands in
/// between can grow.
const REACH: usize = 14_000;
/// One island may stand in each stretch of so many slots.
const STRETCH: usize = 4096;
/// How far into its stretch an island may stand for the sake of not having to be jumped over.
const SEARCH: usize = 1024;

/// How a jump is written.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Form {
    /// As it stands; also every instruction that is no jump.
    Near,
    /// With `gotol`.
    Long,
    /// As it stands, to a trampoline.
    Via(Hop),
}

/// A trampoline: which island, and which one of it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) struct Hop {
    island: usize,
    place: usize,
}

/// Where a jump or a trampoline goes next.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
enum Dest {
    Insn(usize),
    Hop(Hop),
}

/// A place for trampolines.
#[derive(Debug)]
struct Island {
    /// The instruction it comes after.
    after: usize,
    /// Slots that jump over it: one where `after` runs on.
    over: usize,
    /// Its first slot.
    start: usize,
    trampolines: Vec<Trampoline>,
}

#[derive(Clone, Copy, Debug)]
struct Trampoline {
    to: Dest,
    /// The jump it was first made for.
    origin: usize,
}

impl Island {
    fn slots(&self) -> usize {
        if self.trampolines.is_empty() { 0 } else { self.over + self.trampolines.len() }
    }
}

/// Where everything goes.
#[derive(Debug)]
pub(crate) struct Layout<'a> {
    program: &'a Program,
    /// By instruction, its first slot.
    slots: Vec<usize>,
    /// By instruction, how it is written.
    forms: Vec<Form>,
    /// In the order of their slots.
    islands: Vec<Island>,
    /// The trampoline of an island that goes to a destination.
    shared: BTreeMap<(usize, Dest), Hop>,
}

impl<'a> Layout<'a> {
    pub(crate) fn of(program: &'a Program, isa: Isa) -> Result<Self, EncodeError> {
        let count = program.insns().len();
        let mut layout = Self {
            program,
            slots: vec![0; count],
            forms: vec![Form::Near; count],
            islands: Vec::new(),
            shared: BTreeMap::new(),
        };
        layout.settle()?;
        if layout.far().is_empty() {
            return Ok(layout);
        }
        if isa >= Isa::V4 {
            layout.lengthen()?
        } else {
            layout.bridge()?
        }
        Ok(layout)
    }

    pub(crate) fn slot(&self, at: usize) -> usize {
        self.slots[at]
    }

    pub(crate) fn form(&self, at: usize) -> Form {
        self.forms[at]
    }

    pub(crate) fn hop_slot(&self, hop: Hop) -> usize {
        let island = &self.islands[hop.island];
        island.start + island.over + hop.place
    }

    /// The islands that have trampolines: after which instruction, whether it must be jumped over
    /// (by how many slots), and where the trampolines lead, as slots.
    pub(crate) fn islands(&self) -> impl Iterator<Item = (usize, Option<usize>, Vec<usize>)> {
        let built = self.islands.iter().filter(|island| !island.trampolines.is_empty());
        built.map(|island| {
            let over = (island.over > 0).then_some(island.trampolines.len());
            let targets = island.trampolines.iter().map(|hop| self.dest_slot(hop.to)).collect();
            (island.after, over, targets)
        })
    }

    /// Gives everything its slot.
    fn settle(&mut self) -> Result<(), EncodeError> {
        let mut next = 0;
        let mut islands = self.islands.iter_mut().peekable();
        for (at, insn) in self.program.insns().iter().enumerate() {
            self.slots[at] = next;
            next += slots(insn, self.forms[at]);
            if let Some(island) = islands.next_if(|island| island.after == at) {
                island.start = next;
                next += island.slots();
            }
        }
        if next > MAX_SLOTS { Err(EncodeError::TooLong { slots: next }) } else { Ok(()) }
    }

    fn dest_slot(&self, dest: Dest) -> usize {
        match dest {
            Dest::Insn(at) => self.slots[at],
            Dest::Hop(hop) => self.hop_slot(hop),
        }
    }

    /// Where an instruction jumps to next, if it is a jump and not a long one.
    fn dest(&self, at: usize) -> Option<Dest> {
        let Insn::Jump { to, .. } = self.program.insns()[at] else { return None };
        match self.forms[at] {
            Form::Near => Some(Dest::Insn(self.program.target(to))),
            Form::Via(hop) => Some(Dest::Hop(hop)),
            Form::Long => None,
        }
    }

    /// The jumps that do not reach where they go next, with that.
    fn far(&self) -> Vec<(usize, Dest)> {
        let dests = (0..self.slots.len()).filter_map(|at| Some((at, self.dest(at)?)));
        dests.filter(|&(at, dest)| !reaches(self.slots[at], self.dest_slot(dest))).collect()
    }

    fn lengthen(&mut self) -> Result<(), EncodeError> {
        loop {
            let far = self.far();
            if far.is_empty() {
                return Ok(());
            }
            for (at, _) in far {
                self.forms[at] = Form::Long;
            }
            self.settle()?;
        }
    }

    fn bridge(&mut self) -> Result<(), EncodeError> {
        self.islands = sites(self.program, &self.slots);
        loop {
            // An island without trampolines has no slot of its own, but a place in the order.
            self.settle()?;
            let (far, far_hops) = (self.far(), self.far_hops());
            if far.is_empty() && far_hops.is_empty() {
                return Ok(());
            }
            for (at, dest) in far {
                let near = self.nearer(self.slots[at], None, dest);
                let island = near.ok_or_else(|| self.too_far(at, self.slots[at], dest))?;
                self.forms[at] = Form::Via(self.trampoline(island, dest, at));
            }
            for hop in far_hops {
                let Trampoline { to, origin } = self.islands[hop.island].trampolines[hop.place];
                let from = self.hop_slot(hop);
                let near = self.nearer(from, Some(hop.island), to);
                let island = near.ok_or_else(|| self.too_far(origin, from, to))?;
                let next = self.trampoline(island, to, origin);
                self.islands[hop.island].trampolines[hop.place].to = Dest::Hop(next);
            }
        }
    }

    /// The trampolines that do not reach where they go next.
    fn far_hops(&self) -> Vec<Hop> {
        let mut far = Vec::new();
        for (island, built) in self.islands.iter().enumerate() {
            for (place, trampoline) in built.trampolines.iter().enumerate() {
                let hop = Hop { island, place };
                if !reaches(self.hop_slot(hop), self.dest_slot(trampoline.to)) {
                    far.push(hop);
                }
            }
        }
        far
    }

    /// The island farthest from slot `from` towards `dest` that a jump from there reaches; `own` is
    /// the island that the jump itself stands on.
    ///
    /// It lies short of `dest`, since that is farther away than `REACH`.
    fn nearer(&self, from: usize, own: Option<usize>, dest: Dest) -> Option<usize> {
        let behind = self.islands.partition_point(|island| island.start <= from);
        if self.dest_slot(dest) > from {
            let end = |island: &Island| island.start + island.over + island.trampolines.len();
            let ahead = &self.islands[behind..];
            let reached = ahead.partition_point(|island| end(island) - from <= REACH);
            Some(behind + reached.checked_sub(1)?)
        } else {
            let past = own.unwrap_or(behind);
            let behind = &self.islands[..past];
            let unreached = behind.partition_point(|island| from - island.start > REACH);
            (unreached < past).then_some(unreached)
        }
    }

    /// The trampoline of an island to a destination, made for `origin` if there is none yet.
    fn trampoline(&mut self, island: usize, to: Dest, origin: usize) -> Hop {
        let trampolines = &mut self.islands[island].trampolines;
        *self.shared.entry((island, to)).or_insert_with(|| {
            trampolines.push(Trampoline { to, origin });
            Hop { island, place: trampolines.len() - 1 }
        })
    }

    fn too_far(&self, at: usize, from: usize, dest: Dest) -> EncodeError {
        let distance = distance(from, self.dest_slot(dest));
        EncodeError::JumpTooFar { at, insn: self.program.text_at(at), distance }
    }
}

/// How many slots an instruction takes in a form.
fn slots(insn: &Insn, form: Form) -> usize {
    match (form, insn) {
        (Form::Long, Insn::Jump { when: Some(Test { cond, .. }), .. }) => {
            if cond.inverse().is_some() { 2 } else { 3 }
        }
        _ => insn.slots(),
    }
}

/// From after the slot `from` to the slot `to`.
pub(crate) fn distance(from: usize, to: usize) -> i64 {
    let slot = |slot: usize| i64::try_from(slot).unwrap_or(i64::MAX);
    slot(to) - slot(from) - 1
}

fn reaches(from: usize, to: usize) -> bool {
    (-NEAR..NEAR).contains(&distance(from, to))
}

/// The places where islands may be built, one to a stretch: after an instruction that does not run
/// on, if there is one early in the stretch.
fn sites(program: &Program, slots: &[usize]) -> Vec<Island> {
    let mut sites = Vec::new();
    for stretch in (STRETCH..slots.last().copied().unwrap_or(0)).step_by(STRETCH) {
        let first = slots.partition_point(|slot| *slot < stretch);
        let last = slots.partition_point(|slot| *slot < stretch + SEARCH);
        let ends = (first..last).find(|&at| !program.insns()[at].falls_through());
        let after = ends.unwrap_or(first);
        let over = usize::from(ends.is_none());
        sites.push(Island { after, over, start: 0, trampolines: Vec::new() });
    }
    sites
}
