//! What is kept of a state where paths meet, and whether it covers one that comes later.
//!
//! A state covers another one if whatever is allowed from the first is allowed from the second, as
//! far as registers and stack are still read. Where a state was looked into, one that it covers
//! need not be. What is not read, or holds nothing that was written, forbids nothing and is not
//! kept: there may be many states at a meeting, and each that comes is compared with all.

use super::live::Live;
use super::scalar::{Link, Scalar};
use super::stack::Slot;
use super::state::State;
use super::value::{Pointer, Value};

/// What is read of a state.
#[derive(Default)]
pub(super) struct Kept {
    constants: Constants,
    /// Registers with their numbers.
    regs: Vec<(u8, Value)>,
    slots: Vec<Held>,
}

/// A slot of the stack.
struct Held {
    at: u32,
    holds: Slot,
    /// Its bytes that were written and are read.
    bytes: u8,
}

impl Kept {
    /// Keeps another state, where `live` is read, in the room of this one.
    pub(super) fn renew(&mut self, state: &State, live: &Live) {
        self.constants = Constants::of(state, live);
        self.regs.clear();
        self.slots.clear();
        let regs = read(state, live).filter(|(_, value)| **value != Value::Unwritten);
        self.regs.extend(regs.map(|(number, value)| (number, *value)));
        self.slots.extend(state.stack().slots().filter_map(|(at, slot)| {
            let bytes = slot.written() & live.bytes(at);
            (bytes != 0).then_some(Held { at, holds: *slot, bytes })
        }));
    }

    /// Whether all that is allowed from here is allowed from `state`, whose constants these are.
    /// What `same` has taken down before is forgotten.
    pub(super) fn covers(&self, state: &State, constants: Constants, same: &mut Same) -> bool {
        if self.constants.differ(constants) {
            return false;
        }
        same.pointers.clear();
        same.families.clear();
        let (regs, stack) = (state.regs(), state.stack());
        self.regs.iter().all(|(number, seen)| same.value(seen, &regs[usize::from(*number)]))
            && self.slots.iter().all(|seen| same.slot(seen, stack.slot(seen.at)))
    }
}

/// The registers that are read, with their numbers.
fn read<'a>(state: &'a State, live: &Live) -> impl Iterator<Item = (u8, &'a Value)> {
    (0_u8..).zip(state.regs()).filter(|(number, _)| live.has_number(*number))
}

/// Which registers hold constants, and a sum of these: what tells most states apart at once.
#[derive(Clone, Copy, Default)]
pub(super) struct Constants {
    which: u16,
    sum: u64,
}

impl Constants {
    /// Of the registers that are read.
    pub(super) fn of(state: &State, live: &Live) -> Self {
        let mut all = Self::default();
        for (_, value) in read(state, live) {
            all.which <<= 1;
            if let Some(constant) = value.scalar().and_then(Scalar::number) {
                all.which |= 1;
                // Each in its own place, so that constants that change places are seen.
                all.sum = all.sum.wrapping_mul(31).wrapping_add(constant);
            }
        }
        all
    }

    /// Whether a constant of these is another one or none among the others, which are those of the
    /// same registers. "No" means "not seen".
    fn differ(self, others: Self) -> bool {
        self.which & !others.which != 0 || self.which == others.which && self.sum != others.sum
    }
}

/// Which numbers of pointers and families in one state stand for which in the other.
#[derive(Default)]
pub(super) struct Same {
    pointers: Vec<(u32, u32)>,
    families: Vec<((u32, u64), (u32, u64))>,
}

impl Same {
    fn value(&mut self, seen: &Value, now: &Value) -> bool {
        match (seen, now) {
            (Value::Unwritten, _) => true,
            (Value::Number(seen), Value::Number(now)) => {
                seen.covers(now) && self.link(seen.link, now.link)
            }
            (Value::Pointer(seen), Value::Pointer(now)) => self.pointer(seen, now),
            (Value::Number(_), Value::Unwritten | Value::Pointer(_))
            | (Value::Pointer(_), Value::Unwritten | Value::Number(_)) => false,
        }
    }

    fn pointer(&mut self, seen: &Pointer, now: &Pointer) -> bool {
        seen.kind == now.kind
            && seen.off == now.off
            && seen.range <= now.range
            && seen.var.covers(&now.var)
            && self.id(seen.id, now.id)
    }

    fn slot(&mut self, seen: &Held, now: &Slot) -> bool {
        match (&seen.holds, now) {
            (Slot::Pointer(seen), Slot::Pointer(now)) => self.pointer(seen, now),
            (Slot::Number(a), Slot::Number(b)) => a.covers(b) && self.link(a.link, b.link),
            (Slot::Number(a), Slot::Bytes { written: 0xff, link }) => {
                a.covers(&Scalar::UNKNOWN) && self.link(a.link, *link)
            }
            (Slot::Bytes { link, .. }, Slot::Bytes { .. } | Slot::Number(_)) => {
                seen.bytes & !now.written() == 0 && self.link(*link, now.link())
            }
            (Slot::Pointer(_) | Slot::Bytes { .. } | Slot::Number(_), _) => false,
        }
    }

    /// Each number of `seen` stands for one number of `now`, and 0 for 0.
    fn id(&mut self, seen: u32, now: u32) -> bool {
        if seen == 0 || now == 0 {
            return seen == now;
        }
        match self.pointers.iter().find(|(of, _)| *of == seen) {
            Some((_, stands)) => *stands == now,
            None => {
                self.pointers.push((seen, now));
                true
            }
        }
    }

    /// A family makes kernels forget: one of `now` has to be one of `seen`, member by member.
    fn link(&mut self, seen: Option<Link>, now: Option<Link>) -> bool {
        let Some(now) = now else { return true };
        let Some(seen) = seen else { return false };
        if now.far && !seen.far {
            return false;
        }
        let (seen, now) = ((seen.id, seen.sum), (now.id, now.sum));
        let known = self.families.iter().find(|(_, of)| *of == now || of.0 == now.0);
        let alike = match known {
            Some((stands, of)) => stands.0 == seen.0 && (*of != now || *stands == seen),
            None => true,
        };
        self.families.push((seen, now));
        alike
    }
}
