//! All that is known at one instruction on one path: registers and stack.

use std::rc::Rc;

use super::functions::ARGS;
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

    /// What a function begins with that reads those registers: numbers of which nothing is known.
    pub(super) fn function(reads: &Live) -> Self {
        let mut state = Self { regs: [Value::Unwritten; 11], stack: Rc::new(Stack::EMPTY) };
        for reg in ARGS.into_iter().filter(|reg| reads.has_number(reg.number())) {
            state.set(reg, Value::Number(Scalar::UNKNOWN));
        }
        state.set(FP, Value::Pointer(Pointer::to(Kind::Stack, 0)));
        state
    }

    pub(super) fn get(&self, reg: Reg) -> &Value {
        &self.regs[usize::from(reg.number())]
    }

    pub(super) fn set(&mut self, reg: Reg, value: Value) {
        self.regs[usize::from(reg.number())] = value;
    }

    /// All registers, by their numbers.
    pub(super) fn regs(&self) -> &[Value; 11] {
        &self.regs
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
        if !self.stack.slots().any(|(_, slot)| held(slot)) {
            return;
        }
        self.stack_mut().change(|slot| match *slot {
            Slot::Pointer(pointer) if wanted(&pointer) => match change(pointer) {
                Value::Pointer(pointer) => Slot::Pointer(pointer),
                Value::Number(_) => Slot::Bytes { written: 0xff, link: None },
                Value::Unwritten => Slot::EMPTY,
            },
            Slot::Pointer(_) | Slot::Number(_) | Slot::Bytes { .. } => *slot,
        });
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
        if !self.stack.slots().any(|(_, slot)| forgets(slot)) {
            return;
        }
        self.stack_mut().change(|slot| {
            if forgets(slot) { Slot::Bytes { written: 0xff, link: slot.link() } } else { *slot }
        });
    }

    /// Forgets what is not read any more.
    pub(super) fn drop_dead(&mut self, live: &Live) {
        for (number, value) in (0_u8..).zip(&mut self.regs) {
            if number < FP.number() && !live.has_number(number) {
                *value = Value::Unwritten;
            }
        }
        let is_dead = |at: u32| live.bytes(at) == 0;
        if self.stack.slots().any(|(at, _)| is_dead(at)) {
            self.stack_mut().drop_each(is_dead);
        }
    }
}
