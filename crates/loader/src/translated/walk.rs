//! The walk through both programs at once.
//!
//! What jumps lead to is compared at the end, by the places that the walk has found. Where the kernel
//! knows which way a test goes it takes the test out, and what is not reached then. Which way that is
//! the kernel does not say: where several ways go on like ours, the walk forks, and one way that comes
//! to the end without a difference is enough. So a difference is told only where every way has one.

use std::collections::BTreeMap;

use palisade_asm::{Helper, Image, MapDecl, RawInsn, RelocKind};

use super::code::{
    CALL, EXIT, LD_IMM64, MAP_FD, MAP_VALUE, OWN, PSEUDO_CALL, is_goto, is_inserted, is_jump,
    target, without_target,
};
use super::runs::Run;
use super::{Agreement, Comparison, Difference, Reason, runs};

/// How often a walk may fork before it gives up.
const MOST_FORKS: u32 = 512;
/// How soon after a test was passed over what differs is put down to that test.
const SOON: usize = 8;

/// Where an instruction of ours is in the kernel's program: from the first inserted before it on.
#[derive(Clone, Copy)]
struct Place {
    first: usize,
    at: usize,
}

/// A way on from a test that the kernel took out.
#[derive(Clone, Copy)]
enum Way {
    /// It never jumps.
    On,
    /// It always jumps, by a jump without a test.
    Jump,
    /// It always jumps, and there was nothing left to jump over.
    Over,
}

/// A jump that both have, or one of ours that is left out because it leads to the next.
#[derive(Clone, Copy)]
struct Leap {
    slot: usize,
    found: usize,
    to: usize,
    lands: Option<usize>,
}

/// A call of a function of the program, with the offset that the kernel shows.
#[derive(Clone, Copy)]
struct FunctionCall {
    slot: usize,
    found: usize,
    to: usize,
    off: i16,
}

/// Which function a call leads to: the helper, and the kind of map that it is for.
type Callee = (u32, Option<u32>);

#[derive(Clone)]
pub(super) struct Walk<'a> {
    image: &'a Image,
    ours: Vec<RawInsn>,
    found: &'a [RawInsn],
    /// The place in the kernel's program.
    at: usize,
    reached: Vec<bool>,
    places: Vec<Option<Place>>,
    leaps: Vec<Leap>,
    calls: Vec<FunctionCall>,
    callees: BTreeMap<Callee, i32>,
    /// What the kernel puts into the runs of a helper, for a kind of map and a size of keys.
    numbers: BTreeMap<(u32, Option<u32>, Option<u32>), Vec<i32>>,
    contexts: BTreeMap<i16, Vec<i16>>,
    agreement: Agreement,
    /// The last test that was passed over as gone, and the place then.
    doubt: Option<(usize, usize)>,
}

/// What a step comes to.
enum Step {
    /// So many slots of ours are compared.
    Done(usize),
    /// A test is gone, which may go any of these ways.
    Fork(Vec<Way>),
}

impl<'a> Walk<'a> {
    pub(super) fn new(image: &'a Image, maps: &[u32], found: &'a [RawInsn]) -> Self {
        let number = |id: usize| maps.get(id).map_or(-1, |number| number.cast_signed());
        let ours = image.link(|map| number(map.index()));
        let mut reached = vec![false; ours.len() + 1];
        if let Some(first) = reached.first_mut() {
            *first = true;
        }
        Walk {
            image,
            found,
            at: 0,
            reached,
            places: vec![None; ours.len()],
            ours,
            leaps: Vec::new(),
            calls: Vec::new(),
            callees: BTreeMap::new(),
            numbers: BTreeMap::new(),
            contexts: BTreeMap::new(),
            agreement: Agreement::default(),
            doubt: None,
        }
    }

    pub(super) fn compare(self) -> Comparison {
        let mut forks = 0;
        self.compare_from(0, &mut forks)
    }

    fn compare_from(mut self, mut slot: usize, forks: &mut u32) -> Comparison {
        while slot < self.ours.len() {
            match self.step(slot) {
                Ok(Step::Done(slots)) => slot += slots,
                Ok(Step::Fork(ways)) => match ways[..] {
                    [] => return self.verdict(slot, self.at, self.other()),
                    [way] => {
                        self.go(slot, way);
                        slot += 1;
                    }
                    _ => return self.fork(slot, &ways, forks),
                },
                Err(reason) => return self.verdict(slot, self.at, reason),
            }
        }
        self.skip_inserted();
        if self.at < self.found.len() {
            return self.verdict(slot, self.at, Reason::Left);
        }
        let leap = self.leaps.iter().find(|leap| !self.lands(leap));
        let call = self.calls.iter().find(|call| !self.leads(call));
        let astray = leap.map(|leap| (leap.slot, leap.found));
        match astray.or(call.map(|call| (call.slot, call.found))) {
            Some((slot, found)) => self.verdict(slot, found, Reason::Target),
            None => Comparison::Same(self.agreement),
        }
    }

    /// Tries every way; of those that fail, the one that came furthest tells why.
    fn fork(&self, slot: usize, ways: &[Way], forks: &mut u32) -> Comparison {
        let mut furthest: Option<(usize, Comparison)> = None;
        for way in ways {
            *forks += 1;
            if *forks > MOST_FORKS {
                return self.verdict(slot, self.at, Reason::Pruned);
            }
            let mut walk = self.clone();
            walk.go(slot, *way);
            let came = walk.compare_from(slot + 1, forks);
            let to = match &came {
                Comparison::Same(_) => return came,
                Comparison::Differs(at) | Comparison::Unknown(at) => at.found_slot,
            };
            if furthest.as_ref().is_none_or(|(before, _)| to > *before) {
                furthest = Some((to, came));
            }
        }
        furthest.map_or_else(|| self.verdict(slot, self.at, self.other()), |(_, came)| came)
    }

    fn verdict(&self, slot: usize, found_slot: usize, reason: Reason) -> Comparison {
        // A test that is there and another looks like one that is gone, until what follows differs.
        let doubt = self.doubt.filter(|(_, at)| reason == Reason::Other && found_slot < at + SOON);
        let (slot, found_slot) = doubt.unwrap_or((slot, found_slot));
        let found = self.found.get(found_slot).copied();
        let difference = Difference { slot, found_slot, found, reason };
        match reason {
            Reason::Rewriting | Reason::Blinded | Reason::Pruned => Comparison::Unknown(difference),
            _ => Comparison::Differs(difference),
        }
    }

    /// Whether a jump lands where ours leads.
    fn lands(&self, leap: &Leap) -> bool {
        let place = self.places.get(leap.to).copied().flatten();
        place.is_some_and(|Place { first, at }| {
            leap.lands.is_some_and(|lands| (first..=at).contains(&lands))
        })
    }

    fn rest(&self) -> &'a [RawInsn] {
        self.found.get(self.at..).unwrap_or_default()
    }

    fn skip_inserted(&mut self) {
        let count = self.rest().iter().take_while(|raw| is_inserted(raw)).count();
        self.at += count;
    }

    fn reach(&mut self, slot: usize) {
        if let Some(reached) = self.reached.get_mut(slot) {
            *reached = true;
        }
    }

    /// Compares the instruction at a slot of ours; how many slots it takes.
    fn step(&mut self, slot: usize) -> Result<Step, Reason> {
        let Some(&raw) = self.ours.get(slot) else { return Err(Reason::Missing) };
        let slots = if raw.op == LD_IMM64 { 2 } else { 1 };
        if self.reached.get(slot) != Some(&true) {
            self.agreement.removed += 1;
            return Ok(Step::Done(slots));
        }
        let first = self.at;
        self.skip_inserted();
        if let Some(place) = self.places.get_mut(slot) {
            *place = Some(Place { first, at: self.at });
        }
        if is_jump(&raw) {
            return self.jump(slot, &raw);
        }
        match raw.op {
            LD_IMM64 => self.imm64(slot, &raw)?,
            CALL if raw.src() == 0 => self.call(slot, &raw)?,
            CALL if raw.src() == PSEUDO_CALL => self.function(slot, &raw)?,
            // Functions of the kernel by type are no part of ours.
            CALL => return Err(Reason::Rewriting),
            _ => self.plain(&raw)?,
        }
        if raw.op != EXIT {
            self.reach(slot + slots);
        }
        Ok(Step::Done(slots))
    }

    fn kept(&mut self, count: usize) {
        self.at += count;
        self.agreement.kept += 1;
    }

    fn replaced(&mut self, count: usize) {
        self.at += count;
        self.agreement.replaced += 1;
    }

    /// Why the kernel's instruction here is not ours.
    fn other(&self) -> Reason {
        match self.rest() {
            [] => Reason::Missing,
            rest if runs::is_blinding(rest) => Reason::Blinded,
            _ => Reason::Other,
        }
    }

    fn plain(&mut self, raw: &RawInsn) -> Result<(), Reason> {
        let rest = self.rest();
        if rest.first() == Some(raw) {
            self.kept(1);
        } else if let Some(runs::Context { len, offsets }) = runs::context(raw, rest) {
            self.context(raw.off, offsets)?;
            self.replaced(len);
        } else if let Some(len) = runs::limited_sum(raw, rest) {
            self.replaced(len);
        } else {
            return Err(self.other());
        }
        Ok(())
    }

    /// A field of the context is read at one place everywhere, and two fields at two.
    fn context(&mut self, field: i16, offsets: Vec<i16>) -> Result<(), Reason> {
        let same = |(other, there): (&i16, &Vec<i16>)| (*other == field) == (*there == offsets);
        if !self.contexts.iter().all(same) {
            return Err(Reason::Context);
        }
        self.contexts.insert(field, offsets);
        Ok(())
    }

    fn imm64(&mut self, slot: usize, raw: &RawInsn) -> Result<(), Reason> {
        let second = self.ours.get(slot + 1).copied().unwrap_or_default();
        let [low, high, ..] = self.rest() else { return Err(self.other()) };
        let alike = low.op == raw.op && low.dst() == raw.dst() && low.off == raw.off;
        if !alike || low.src() != raw.src() || high.op != 0 {
            return Err(self.other());
        }
        let names = matches!(raw.src(), MAP_FD | MAP_VALUE);
        if names && low.imm != raw.imm {
            return Err(Reason::Map { wanted: raw.imm.cast_unsigned() });
        }
        if low.imm != raw.imm || *high != second {
            return Err(Reason::Other);
        }
        self.kept(2);
        Ok(())
    }

    /// The map that the call at a slot is about, as far as it is loaded right before.
    fn argument(&self, slot: usize, helper: Helper) -> Option<&'a MapDecl> {
        let register = if helper == Helper::TAIL_CALL { 2 } else { 1 };
        let before = self.image.relocs.partition_point(|reloc| reloc.slot < slot);
        let mut named = self.image.relocs.get(..before)?.iter().rev();
        let reloc = named.find(|reloc| {
            let load = self.ours.get(reloc.slot);
            load.is_some_and(|load| load.dst() == register)
                && matches!(reloc.kind, RelocKind::Map(_))
        })?;
        self.image.maps.get(reloc.kind.map().index())
    }

    /// The run of the kernel's that stands for a call of ours here.
    fn run(&self, slot: usize, ours: &RawInsn) -> Option<Run> {
        let (rest, helper) = (self.rest(), Helper::from_id(ours.imm.cast_unsigned()));
        match (helper, self.argument(slot, helper)) {
            (Helper::MAP_LOOKUP_ELEM, Some(map)) => runs::lookup(map, rest),
            (Helper::TAIL_CALL, Some(map)) => runs::tail_call(map, rest),
            (Helper::JIFFIES64, _) => runs::jiffies(rest),
            (Helper::GET_SMP_PROCESSOR_ID, _) => runs::this_cpu(rest),
            _ => None,
        }
    }

    fn call(&mut self, slot: usize, ours: &RawInsn) -> Result<(), Reason> {
        let rest = self.rest();
        let helper = Helper::from_id(ours.imm.cast_unsigned());
        let takes_map = matches!(
            helper,
            Helper::MAP_LOOKUP_ELEM | Helper::MAP_UPDATE_ELEM | Helper::MAP_DELETE_ELEM
        );
        let map = self.argument(slot, helper).filter(|_| takes_map);
        let kind = map.map(|map| map.kind.number());
        match (self.run(slot, ours), rest.first()) {
            (Some(Run { len, call, numbers }), _) => {
                if let Some(inner) = call.and_then(|call| rest.get(call)) {
                    self.callee((helper.id(), kind), inner.imm)?;
                }
                let of = (helper.id(), kind, map.map(|map| map.key_size));
                if *self.numbers.entry(of).or_insert_with(|| numbers.clone()) != numbers {
                    return Err(Reason::Other);
                }
                self.replaced(len);
            }
            (None, Some(there)) if is_plain_call(there) => {
                self.callee((helper.id(), kind), there.imm)?;
                self.kept(1);
            }
            (None, Some(_)) if runs::is_blinding(rest) => return Err(Reason::Blinded),
            (None, Some(_)) => return Err(Reason::Rewriting),
            (None, None) => return Err(Reason::Missing),
        }
        Ok(())
    }

    /// A call of a function of the program: the kernel has its number where the distance was, and of
    /// the distance the lower half where an offset stands (`jit_subprogs`).
    fn function(&mut self, slot: usize, raw: &RawInsn) -> Result<(), Reason> {
        let distance = isize::try_from(raw.imm).ok();
        let to = distance.and_then(|distance| (slot + 1).checked_add_signed(distance));
        let (Some(to), Some(there)) = (to, self.rest().first()) else { return Err(self.other()) };
        if (there.op, there.src(), there.dst()) != (CALL, PSEUDO_CALL, 0) {
            return Err(self.other());
        }
        self.calls.push(FunctionCall { slot, found: self.at, to, off: there.off });
        self.reach(to);
        self.kept(1);
        Ok(())
    }

    /// Whether a call leads to where ours does, as far as the kernel shows.
    fn leads(&self, call: &FunctionCall) -> bool {
        let place = self.places.get(call.to).copied().flatten();
        let off = |lands: usize| {
            let distance = i64::try_from(lands).ok()? - i64::try_from(call.found + 1).ok()?;
            distance.to_le_bytes().first_chunk().copied().map(i16::from_le_bytes)
        };
        place.is_some_and(|Place { first, at }| {
            (first..=at).any(|lands| off(lands) == Some(call.off))
        })
    }

    /// One helper leads to one function for each kind of map, and two helpers to two, where the
    /// kernel shows where calls lead.
    fn callee(&mut self, callee: Callee, leads: i32) -> Result<(), Reason> {
        let clash = |(other, there): (&Callee, &i32)| {
            let shown = *there != 0 && leads != 0;
            *other == callee && *there != leads || other.0 != callee.0 && shown && *there == leads
        };
        if self.callees.iter().any(clash) {
            return Err(Reason::Callee);
        }
        self.callees.insert(callee, leads);
        Ok(())
    }

    fn jump(&mut self, slot: usize, raw: &RawInsn) -> Result<Step, Reason> {
        let Some(to) = target(slot, raw) else { return Err(Reason::Rewriting) };
        let (found, here) = (self.at, self.rest().first());
        if let Some(there) = here.filter(|there| without_target(there) == without_target(raw)) {
            self.leaps.push(Leap { slot, found, to, lands: target(found, there) });
            self.reach(to);
            if !is_goto(raw) {
                self.reach(slot + 1);
            }
            self.kept(1);
            return Ok(Step::Done(1));
        }
        if runs::is_blinding(self.rest()) {
            return Err(Reason::Blinded);
        }
        let ways = [Way::On, Way::Jump, Way::Over];
        Ok(Step::Fork(ways.into_iter().filter(|way| self.may_go(slot, raw, to, *way)).collect()))
    }

    /// Whether the kernel may have let a jump go that way.
    fn may_go(&self, slot: usize, raw: &RawInsn, to: usize, way: Way) -> bool {
        match way {
            Way::On => !is_goto(raw) && self.alike(slot + 1),
            Way::Jump => !is_goto(raw) && self.rest().first().is_some_and(is_goto),
            Way::Over => to > slot && self.alike(to),
        }
    }

    /// Goes a way on from a jump that the kernel took out.
    fn go(&mut self, slot: usize, way: Way) {
        let found = self.at;
        if self.doubt.is_none_or(|(_, at)| found >= at + SOON) {
            self.doubt = Some((slot, found));
        }
        let to = self.ours.get(slot).and_then(|raw| target(slot, raw)).unwrap_or(slot);
        let lands = match way {
            Way::On => {
                self.agreement.removed += 1;
                return self.reach(slot + 1);
            }
            Way::Jump => {
                let lands = self.rest().first().and_then(|there| target(found, there));
                self.replaced(1);
                lands
            }
            Way::Over => {
                self.agreement.removed += 1;
                Some(found)
            }
        };
        self.leaps.push(Leap { slot, found, to, lands });
        self.reach(to);
    }

    /// Whether the instruction at a slot of ours may be the kernel's next one, as far as that shows
    /// at first sight: a jump may be gone in its turn, and a call be replaced.
    fn alike(&self, slot: usize) -> bool {
        let mut next = self.rest().iter().skip_while(|raw| is_inserted(raw));
        let (Some(ours), Some(there)) = (self.ours.get(slot), next.next()) else { return false };
        // No code that stands for a call begins with a test that is not known.
        let rewritten = ours.op == CALL && (!is_jump(there) || self.run(slot, ours).is_some())
            || runs::context(ours, std::slice::from_ref(there)).is_some()
            || OWN.contains(&there.dst());
        ours == there || is_jump(ours) || rewritten
    }
}

fn is_plain_call(raw: &RawInsn) -> bool {
    raw.op == CALL && raw.src() == 0 && raw.dst() == 0 && raw.off == 0
}
