//! What registers and stack hold, as the maker of programs believes.

use palisade_asm::{FP, R0, R1, R2, R3, R4, R5, Reg};

use super::REGS;

/// What a register holds.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Holds {
    Nothing,
    /// A number, at most so large where that is known.
    Number {
        most: Option<i64>,
    },
    Ctx,
    /// Packet, shown to go on for so many bytes.
    Packet {
        upto: i16,
        moved: bool,
    },
    End,
    /// A value of so many bytes from here on, which may only be read where it is fixed.
    Value {
        left: i64,
        fixed: bool,
    },
    ValueOrNull {
        size: i64,
        fixed: bool,
    },
}

/// Registers and stack.
#[derive(Clone, Debug)]
pub struct Known {
    regs: [Holds; 10],
    /// What was stored whole, by the slot from the top.
    slots: [Holds; 8],
    /// Bytes that were written, from the top.
    written: [bool; 64],
}

impl Known {
    pub fn start() -> Self {
        let mut known =
            Self { regs: [Holds::Nothing; 10], slots: [Holds::Nothing; 8], written: [false; 64] };
        known.set(R1, Holds::Ctx);
        known
    }

    pub fn get(&self, reg: Reg) -> Holds {
        if reg == FP { Holds::Nothing } else { self.regs[usize::from(reg.number())] }
    }

    pub fn set(&mut self, reg: Reg, holds: Holds) {
        self.regs[usize::from(reg.number())] = holds;
    }

    pub fn all(&self, wanted: impl Fn(&Holds) -> bool) -> Vec<Reg> {
        REGS.into_iter().filter(|reg| wanted(&self.get(*reg))).collect()
    }

    /// A register that holds something.
    pub fn any(&self) -> Reg {
        self.all(|holds| *holds != Holds::Nothing).first().copied().unwrap_or(FP)
    }

    /// Pointers to the packet that nothing was added to which is not known are shown to go on.
    pub fn show(&mut self, bytes: i16) {
        for held in self.regs.iter_mut().chain(&mut self.slots) {
            if let Holds::Packet { upto, moved: false } = held {
                *upto = (*upto).max(bytes);
            }
        }
    }

    /// What a call leaves.
    pub fn clobber(&mut self) {
        for reg in [R0, R1, R2, R3, R4, R5] {
            self.set(reg, Holds::Nothing);
        }
    }

    /// What both hold.
    pub fn meet(&mut self, other: &Self) {
        let both = self.regs.iter_mut().chain(&mut self.slots);
        for (own, other) in both.zip(other.regs.iter().chain(&other.slots)) {
            *own = match (*own, *other) {
                (Holds::Number { most: Some(a) }, Holds::Number { most: Some(b) }) => {
                    Holds::Number { most: Some(a.max(b)) }
                }
                (Holds::Number { .. }, Holds::Number { .. }) => Holds::Number { most: None },
                (Holds::Packet { upto: a, moved: m }, Holds::Packet { upto: b, moved: n })
                    if m == n =>
                {
                    Holds::Packet { upto: a.min(b), moved: m }
                }
                (a, b) if a == b => a,
                _ => Holds::Nothing,
            };
        }
        for (own, other) in self.written.iter_mut().zip(&other.written) {
            *own &= other;
        }
    }

    /// Notes a store of so many bytes at `off`, which is below zero.
    pub fn store(&mut self, off: i16, len: i16, holds: Holds) {
        let top = usize::try_from(-off).unwrap_or(1);
        let len = usize::try_from(len).unwrap_or(1);
        for byte in top.saturating_sub(len)..top {
            if let Some(written) = self.written.get_mut(byte) {
                *written = true;
            }
        }
        if let Some(slot) = self.slots.get_mut(top.saturating_sub(1) / 8) {
            *slot = if len == 8 { holds } else { Holds::Nothing };
        }
    }

    /// What a load of eight bytes from a slot finds.
    pub fn slot(&self, slot: usize) -> Holds {
        self.slots[slot]
    }

    /// Whether so many bytes at `off` were written.
    pub fn is_written(&self, off: i16, len: i16) -> bool {
        let top = usize::try_from(-off).unwrap_or(1);
        let len = usize::try_from(len).unwrap_or(1);
        (top.saturating_sub(len)..top).all(|byte| self.written.get(byte) == Some(&true))
    }
}
