//! All that is known at one instruction on one path: registers and stack.
//!
//! A state covers another one if whatever is allowed from the first is allowed from the second, as
//! far as registers and stack are still read. Where a state was looked into, one that it covers
//! need not be.

use std::rc::Rc;

use super::live::Live;
use super::scalar::{Link, Scalar};
use super::stack::{Slot, Stack};
use super::value::{Kind, Pointer, Value};
use crate::reg::{FP, R1, Reg};

/// Registers and stack.
#[derive(Clone, Debug)]
pub(super) struct State {
    regs: [Value; 11],
    stack: Rc<Stack>,
}

impl State {
    /// What an XDP program begins with.
    pub(super) fn start() -> Self {
        let mut state = Self { regs: [Value::Unwritten; 11], stack: Rc::new(Stack::EMPTY) };
        state.set(R1, Value::Pointer(Pointer::to(Kind::Ctx, 0)));
        state.set(FP, Value::Pointer(Pointer::to(Kind::Stack, 0)));
        state
    }

    pub(super) fn get(&self, reg: Reg) -> &Value {
        &self.regs[usize::from(reg.number())]
    }

    pub(super) fn set(&mut self, reg: Reg, value: Value) {
        self.regs[usize::from(reg.number())] = value;
    }

    pub(super) fn stack(&self) -> &Stack {
        &self.stack
    }

    pub(super) fn stack_mut(&mut self) -> &mut Stack {
        Rc::make_mut(&mut self.stack)
    }

    /// Changes every pointer that `wanted` picks, in registers and on the stack.
    pub(super) fn change_pointers(
        &mut self,
        wanted: impl Fn(&Pointer) -> bool,
        change: impl Fn(Pointer) -> Value,
    ) {
        for value in &mut self.regs {
            if let Value::Pointer(pointer) = *value
                && wanted(&pointer)
            {
                *value = change(pointer);
            }
        }
        let held = |slot: &Slot| matches!(slot, Slot::Pointer(pointer) if wanted(pointer));
        if !self.stack.slots.iter().any(held) {
            return;
        }
        for slot in &mut self.stack_mut().slots {
            if let Slot::Pointer(pointer) = *slot
                && wanted(&pointer)
            {
                *slot = match change(pointer) {
                    Value::Pointer(pointer) => Slot::Pointer(pointer),
                    Value::Number(_) => Slot::Bytes { written: 0xff, link: None },
                    Value::Unwritten => Slot::EMPTY,
                };
            }
        }
    }

    /// Forgets the numbers of a family but for those that equal the one of `link`: what kernels
    /// from 6.12 on conclude of them may be less than was known.
    pub(super) fn forget_family(&mut self, link: Link) {
        let other =
            |own: Option<Link>| own.is_some_and(|own| own.id == link.id && own.sum != link.sum);
        for value in &mut self.regs {
            if let Value::Number(scalar) = value
                && other(scalar.link)
            {
                *scalar = Scalar { link: scalar.link, ..Scalar::UNKNOWN };
            }
        }
        let forgets = |slot: &Slot| matches!(slot, Slot::Number(scalar) if other(scalar.link));
        if !self.stack.slots.iter().any(forgets) {
            return;
        }
        for slot in &mut self.stack_mut().slots {
            if forgets(slot) {
                *slot = Slot::Bytes { written: 0xff, link: slot.link() };
            }
        }
    }

    /// Forgets what is not read any more.
    pub(super) fn drop_dead(&mut self, live: &Live) {
        for (number, value) in (0_u8..).zip(&mut self.regs) {
            if number < FP.number() && !live.has_number(number) {
                *value = Value::Unwritten;
            }
        }
        let dead = |(slot, bytes): (&Slot, &u8)| *bytes == 0 && *slot != Slot::EMPTY;
        if self.stack.slots.iter().zip(live.stack()).any(dead) {
            for (slot, bytes) in self.stack_mut().slots.iter_mut().zip(live.stack()) {
                if *bytes == 0 {
                    *slot = Slot::EMPTY;
                }
            }
        }
    }

    /// Whether all that is allowed from here is allowed from `other`, where only `live` is read.
    pub(super) fn covers(&self, other: &Self, live: &Live) -> bool {
        let mut same = Same { pointers: Vec::new(), families: Vec::new() };
        let regs = (0_u8..).zip(self.regs.iter().zip(&other.regs));
        let mut read = regs.filter(|(number, _)| live.has_number(*number));
        if !read.all(|(_, (seen, now))| same.value(seen, now)) {
            return false;
        }
        let slots = self.stack.slots.iter().zip(&other.stack.slots).zip(live.stack());
        let mut read = slots.filter(|(_, bytes)| **bytes != 0);
        read.all(|((seen, now), bytes)| same.slot(seen, now, *bytes))
    }
}

/// Which numbers of pointers and families in one state stand for which in the other.
struct Same {
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

    fn slot(&mut self, seen: &Slot, now: &Slot, bytes: u8) -> bool {
        let written = seen.written() & bytes;
        if written == 0 {
            return true;
        }
        match (seen, now) {
            (Slot::Pointer(seen), Slot::Pointer(now)) => self.pointer(seen, now),
            (Slot::Number(a), Slot::Number(b)) => a.covers(b) && self.link(a.link, b.link),
            (Slot::Number(a), Slot::Bytes { written: 0xff, link }) => {
                a.covers(&Scalar::UNKNOWN) && self.link(a.link, *link)
            }
            (Slot::Bytes { .. }, Slot::Bytes { .. } | Slot::Number(_)) => {
                written & !now.written() == 0 && self.link(seen.link(), now.link())
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
