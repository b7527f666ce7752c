//! What becomes of the packet, block by block, as far as the code says it plainly.
//!
//! A block decides when it puts an action's number where the program returns it from: into `r0`,
//! or into a register or stack slot that is moved there later. This is found backwards from every
//! `exit`. A block leads to an action when the next decision on every path from it is that one.
//! This is meant for eyes: memory written through other pointers is not followed.

use std::collections::BTreeSet;
use std::fmt;

use crate::graph::{Graph, Walk, Way};
use crate::helper::Helper;
use crate::insn::{AluOp, Call, Imm64, Insn, Src};
use crate::reg::{FP, Mem, R0, R1, R2, R3, R4, R5, Reg};

/// What an XDP program can have done with a packet, by the number it returns.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
#[doc(alias = "xdp_action")]
pub enum XdpAction {
    /// Dropped as an error, seen by tracepoints.
    Aborted,
    /// Dropped.
    Drop,
    /// Given to the stack.
    Pass,
    /// Sent out where it came in.
    Tx,
    /// Sent elsewhere.
    Redirect,
}

impl XdpAction {
    /// All of them, by their number.
    const ALL: [Self; 5] = [Self::Aborted, Self::Drop, Self::Pass, Self::Tx, Self::Redirect];

    fn from_number(number: u64) -> Option<Self> {
        Self::ALL.get(usize::try_from(number).ok()?).copied()
    }

    /// Its name in small letters.
    pub fn name(self) -> &'static str {
        match self {
            Self::Aborted => "aborted",
            Self::Drop => "drop",
            Self::Pass => "pass",
            Self::Tx => "tx",
            Self::Redirect => "redirect",
        }
    }
}

impl fmt::Display for XdpAction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// What a block means to the packet.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Fate {
    /// The block says what is done.
    Decides(XdpAction, Firmness),
    /// Whatever happens after the block, the next decision is this one.
    LeadsTo(XdpAction),
    /// Several decisions can follow, or none that the code says plainly.
    Open,
}

/// Whether a decision stands.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Firmness {
    /// Nothing after it decides.
    Final,
    /// On some path another decision follows.
    UnlessChanged,
}

impl Fate {
    /// The action that it comes to, if it is one.
    pub fn action(self) -> Option<XdpAction> {
        match self {
            Self::Decides(action, _) | Self::LeadsTo(action) => Some(action),
            Self::Open => None,
        }
    }
}

impl Graph<'_> {
    /// What each block means to the packet.
    pub fn fates(&self) -> Vec<Fate> {
        let decisions = self.decisions();
        let nexts = self.nexts(&decisions);
        (0..decisions.len())
            .map(|block| match decisions[block] {
                Some(action) if nexts.after[block].decided() => {
                    Fate::Decides(action, Firmness::UnlessChanged)
                }
                Some(action) => Fate::Decides(action, Firmness::Final),
                None => nexts.after[block].single().map_or(Fate::Open, Fate::LeadsTo),
            })
            .collect()
    }

    /// The action that each block puts where it is returned from, the last one of several.
    fn decisions(&self) -> Vec<Option<XdpAction>> {
        let order = Walk::of(self).order;
        let mut before: Vec<BTreeSet<Place>> = vec![BTreeSet::new(); order.len()];
        let mut decisions = vec![None; order.len()];
        let owners = self.owners();
        // Functions whose value a caller returns.
        let mut returning = BTreeSet::from([0]);
        loop {
            let mut changed = false;
            for &block in order.iter().rev() {
                let edges = self.blocks()[block].edges.iter().filter(|edge| edge.way.is_inside());
                let mut places: BTreeSet<Place> =
                    edges.flat_map(|edge| before[edge.to].iter().copied()).collect();
                if returning.contains(&owners[block]) && self.exits(block) {
                    places.insert(Place::Reg(R0));
                }
                decisions[block] = None;
                for at in self.blocks()[block].insns.clone().rev() {
                    let insn = &self.program.insns()[at];
                    if let (Insn::Call(Call::Sub(to)), true) =
                        (insn, places.contains(&Place::Reg(R0)))
                    {
                        let callee = self.block_of(self.program.target(*to));
                        changed |= returning.insert(callee);
                    }
                    let found = step(insn, &mut places);
                    decisions[block] = decisions[block].or(found);
                }
                changed |= before[block] != places;
                before[block] = places;
            }
            if !changed {
                return decisions;
            }
        }
    }

    fn exits(&self, block: usize) -> bool {
        self.blocks()[block].edges.iter().all(|edge| !edge.way.is_inside())
    }

    /// The function of each block, by its first block.
    fn owners(&self) -> Vec<usize> {
        let functions = self.functions();
        let last = |block| functions.partition_point(|function| *function <= block);
        (0..self.blocks().len()).map(|block| functions[last(block) - 1]).collect()
    }

    fn nexts(&self, decisions: &[Option<XdpAction>]) -> Nexts {
        let walk = Walk::of(self);
        let mut after = vec![Next::default(); decisions.len()];
        loop {
            let mut changed = false;
            for &block in walk.order.iter().rev() {
                let mut next = Next::default();
                for edge in &self.blocks()[block].edges {
                    match (edge.way, decisions[edge.to]) {
                        // What is called decides before the caller goes on, or nothing.
                        (Way::Call, None) => next.join_decided(after[edge.to]),
                        (Way::Callback, _) => {}
                        (_, Some(action)) => next.actions |= bit(action),
                        (_, None) => next.join(after[edge.to]),
                    }
                }
                next.none |= self.exits(block);
                changed |= after[block] != next;
                after[block] = next;
            }
            if !changed {
                return Nexts { after };
            }
        }
    }
}

/// A place that holds what will be returned.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Place {
    Reg(Reg),
    /// A stack slot, by its distance from the frame pointer.
    Slot(i16),
}

impl Place {
    fn of(mem: Mem) -> Option<Self> {
        (mem.base == FP).then_some(Self::Slot(mem.off))
    }
}

/// Takes the places of what is returned from after an instruction to before it.
fn step(insn: &Insn, places: &mut BTreeSet<Place>) -> Option<XdpAction> {
    match *insn {
        Insn::Alu { op: AluOp::Mov, dst, src, .. } => replace(places, Place::Reg(dst), src),
        Insn::LoadImm64 { dst, value: Imm64::Const(value) } => {
            let held = places.remove(&Place::Reg(dst));
            held.then(|| XdpAction::from_number(value)).flatten()
        }
        Insn::Store { mem, src, .. } => replace(places, Place::of(mem)?, src),
        Insn::Load { dst, mem, .. } => {
            if places.remove(&Place::Reg(dst)) {
                places.extend(Place::of(mem));
            }
            None
        }
        Insn::Call(callee) => {
            let held = places.contains(&Place::Reg(R0));
            for reg in [R0, R1, R2, R3, R4, R5] {
                places.remove(&Place::Reg(reg));
            }
            let redirects = matches!(callee, Call::Helper(Helper::REDIRECT | Helper::REDIRECT_MAP));
            (held && redirects).then_some(XdpAction::Redirect)
        }
        Insn::Alu { .. }
        | Insn::Neg { .. }
        | Insn::MoveSigned { .. }
        | Insn::Swap { .. }
        | Insn::LoadImm64 { .. }
        | Insn::Atomic { .. }
        | Insn::LoadPacket { .. }
        | Insn::Jump { .. }
        | Insn::JumpLong { .. }
        | Insn::Exit => {
            insn.written().map(|dst| places.remove(&Place::Reg(dst)));
            None
        }
    }
}

/// What `place` held comes from `src`.
fn replace(places: &mut BTreeSet<Place>, place: Place, src: Src) -> Option<XdpAction> {
    if !places.remove(&place) {
        return None;
    }
    match src {
        Src::Reg(reg) => {
            places.insert(Place::Reg(reg));
            None
        }
        Src::Imm(imm) => XdpAction::from_number(u64::try_from(imm).ok()?),
    }
}

struct Nexts {
    after: Vec<Next>,
}

/// The decisions that can come next after a block.
#[derive(Clone, Copy, PartialEq, Eq, Default)]
struct Next {
    /// A bit for each action.
    actions: u8,
    /// Whether an end can be reached without one.
    none: bool,
}

fn bit(action: XdpAction) -> u8 {
    1 << u8::try_from(XdpAction::ALL.iter().take_while(|other| **other != action).count())
        .unwrap_or(0)
}

impl Next {
    fn join(&mut self, other: Self) {
        self.actions |= other.actions;
        self.none |= other.none;
    }

    fn join_decided(&mut self, other: Self) {
        self.actions |= other.actions;
    }

    fn decided(self) -> bool {
        self.actions != 0
    }

    /// The only decision that can come, if it cannot fail to come.
    fn single(self) -> Option<XdpAction> {
        let mut possible = XdpAction::ALL.iter().filter(|action| self.actions & bit(**action) != 0);
        let first = possible.next().filter(|_| !self.none)?;
        possible.next().is_none().then_some(*first)
    }
}
