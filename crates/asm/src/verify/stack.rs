//! The stack of a program: 512 bytes in slots of eight.
//!
//! A slot holds a pointer or a number that was stored whole, or bytes of which it is only known
//! whether they were written. Kernels remember more, each in its own way; what one forgets is
//! forgotten here: numbers stored or read in part. A number stored at the start of a slot stays in
//! the family of its register.

use std::fmt;

use super::scalar::{Link, Scalar};
use super::value::{Pointer, Value};
use crate::insn::Size;

/// Bytes of the stack.
pub(super) const STACK: i64 = 512;

/// Slots of the stack.
const SLOTS: u32 = 64;

/// The places of the bits that are set, the lowest first.
pub(super) fn bits(mut set: u64) -> impl Iterator<Item = u32> {
    std::iter::from_fn(move || {
        let lowest = (set != 0).then(|| set.trailing_zeros());
        set &= set.wrapping_sub(1);
        lowest
    })
}

/// What eight bytes of the stack hold.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Slot {
    /// Bytes: a bit for each that was written, the lowest address first; and the family of a number
    /// whose lower part they may be.
    Bytes { written: u8, link: Option<Link> },
    /// A number.
    Number(Scalar),
    /// A pointer.
    Pointer(Pointer),
}

impl Slot {
    pub(super) const EMPTY: Self = Self::Bytes { written: 0, link: None };
    const MISC: Self = Self::Bytes { written: 0xff, link: None };

    /// The bytes that were written.
    pub(super) fn written(&self) -> u8 {
        match self {
            Self::Bytes { written, .. } => *written,
            Self::Number(_) | Self::Pointer(_) => 0xff,
        }
    }

    pub(super) fn link(&self) -> Option<Link> {
        match self {
            Self::Bytes { link, .. } => *link,
            Self::Number(scalar) => scalar.link,
            Self::Pointer(_) => None,
        }
    }
}

/// Bytes of a size.
pub(super) fn length(size: Size) -> i64 {
    match size {
        Size::B => 1,
        Size::H => 2,
        Size::W => 4,
        Size::D => 8,
    }
}

/// Why a stack is not accessed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Fault {
    /// Outside of the stack.
    Outside,
    /// Not on a multiple of its size.
    Misaligned,
    /// Bytes that were not written.
    Unwritten,
    /// A part of a pointer, or pointers where bytes are wanted.
    PointerInPart,
}

/// The stack. Programs use little of it: only slots that hold something take room, so that a copy is
/// cheap.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Stack {
    /// A bit for each slot that holds something, the lowest address first.
    used: u64,
    /// What these hold, in their order; nothing is [`Slot::EMPTY`].
    held: Vec<Slot>,
}

/// A place on the stack: the slot, and the bytes in it.
struct Place {
    slot: u32,
    bytes: u8,
    whole: bool,
    first: bool,
}

fn place(off: i64, size: Size) -> Result<Place, Fault> {
    let len = length(size);
    if off < -STACK || off + len > 0 {
        return Err(Fault::Outside);
    }
    if off % len != 0 {
        return Err(Fault::Misaligned);
    }
    let at = u32::try_from(off + STACK).map_err(|_| Fault::Outside)?;
    let bits = if len == 8 { 0xff } else { (1_u8 << len) - 1 };
    let bytes = bits << (at % 8);
    Ok(Place { slot: at / 8, bytes, whole: len == 8, first: at.is_multiple_of(8) })
}

impl Stack {
    pub(super) const EMPTY: Self = Self { used: 0, held: Vec::new() };

    /// The slots that hold something, with their numbers.
    pub(super) fn slots(&self) -> impl Iterator<Item = (u32, &Slot)> {
        bits(self.used).zip(&self.held)
    }

    /// What a slot holds.
    pub(super) fn slot(&self, at: u32) -> &Slot {
        const NOTHING: &Slot = &Slot::EMPTY;
        if self.used >> at & 1 == 1 { &self.held[self.before(at)] } else { NOTHING }
    }

    /// How many slots before this one hold something.
    fn before(&self, at: u32) -> usize {
        let before = self.used & ((1 << at) - 1);
        usize::try_from(before.count_ones()).unwrap_or(usize::MAX)
    }

    /// Makes a slot hold something else.
    fn put(&mut self, at: u32, slot: Slot) {
        let (place, is_used) = (self.before(at), self.used >> at & 1 == 1);
        match (is_used, slot != Slot::EMPTY) {
            (true, true) => self.held[place] = slot,
            (true, false) => drop(self.held.remove(place)),
            (false, true) => self.held.insert(place, slot),
            (false, false) => return,
        }
        self.used = self.used & !(1 << at) | u64::from(slot != Slot::EMPTY) << at;
    }

    /// Changes what slots hold.
    pub(super) fn change(&mut self, change: impl Fn(&Slot) -> Slot) {
        for at in bits(self.used) {
            let slot = change(self.slot(at));
            self.put(at, slot);
        }
    }

    /// Forgets what these slots hold.
    pub(super) fn drop_each(&mut self, is_dead: impl Fn(u32) -> bool) {
        let (before, mut numbers) = (self.used, bits(self.used));
        self.held.retain(|_| numbers.next().is_some_and(|at| !is_dead(at)));
        let dead = bits(before).filter(|at| is_dead(*at));
        dead.for_each(|at| self.used &= !(1 << at));
    }

    /// Reads a number or a whole pointer.
    pub(super) fn load(&self, off: i64, size: Size) -> Result<Value, Fault> {
        let place = place(off, size)?;
        let slot = self.slot(place.slot);
        match *slot {
            Slot::Pointer(pointer) if place.whole => Ok(Value::Pointer(pointer)),
            Slot::Pointer(_) => Err(Fault::PointerInPart),
            Slot::Number(scalar) if place.whole => Ok(Value::Number(scalar)),
            Slot::Number(_) | Slot::Bytes { .. } => {
                if slot.written() & place.bytes != place.bytes {
                    return Err(Fault::Unwritten);
                }
                let link = slot.link().filter(|_| place.first);
                Ok(Value::Number(Scalar { link, ..Scalar::of_size(size) }))
            }
        }
    }

    /// Writes a number or a whole pointer.
    pub(super) fn store(&mut self, off: i64, size: Size, value: &Value) -> Result<(), Fault> {
        let place = place(off, size)?;
        let slot = self.slot(place.slot);
        let slot = match value {
            Value::Pointer(pointer) if place.whole => Slot::Pointer(*pointer),
            Value::Pointer(_) => return Err(Fault::PointerInPart),
            Value::Number(scalar) if place.whole => Slot::Number(*scalar),
            Value::Number(scalar) => {
                let link = if place.first { scalar.link } else { slot.link() };
                Slot::Bytes { written: slot.written() | place.bytes, link }
            }
            Value::Unwritten => return Err(Fault::Unwritten),
        };
        self.put(place.slot, slot);
        Ok(())
    }

    /// Whether so many bytes from `off` on lie on the stack.
    pub(super) fn check(off: i64, len: i64) -> Result<(), Fault> {
        if off < -STACK || len < 0 || off + len > 0 { Err(Fault::Outside) } else { Ok(()) }
    }

    /// Takes so many bytes for a helper that reads them.
    pub(super) fn lend(&mut self, off: i64, len: i64) -> Result<(), Fault> {
        self.each(off, len, |slot, bytes| {
            if slot.written() & bytes != bytes {
                return Err(Fault::Unwritten);
            }
            match slot {
                Slot::Pointer(_) => Err(Fault::PointerInPart),
                Slot::Number(_) | Slot::Bytes { .. } => Ok(Slot::MISC.like(slot)),
            }
        })
    }

    /// Takes so many bytes for a helper that writes them.
    pub(super) fn fill(&mut self, off: i64, len: i64) -> Result<(), Fault> {
        self.each(off, len, |slot, bytes| {
            Ok(Slot::Bytes { written: slot.written() | bytes, link: slot.link() })
        })
    }

    /// Whether a pointer lies in one of so many bytes.
    pub(super) fn has_pointer(&self, off: i64, len: i64) -> bool {
        (off..off + len).any(|byte| {
            let slot = u32::try_from((byte + STACK) / 8).ok().filter(|slot| *slot < SLOTS);
            slot.is_some_and(|slot| matches!(self.slot(slot), Slot::Pointer(_)))
        })
    }

    fn each(
        &mut self,
        off: i64,
        len: i64,
        visit: impl Fn(&Slot, u8) -> Result<Slot, Fault>,
    ) -> Result<(), Fault> {
        Self::check(off, len)?;
        let mut byte = u32::try_from(off + STACK).map_err(|_| Fault::Outside)?;
        let end = u32::try_from(off + len + STACK).map_err(|_| Fault::Outside)?;
        while byte < end {
            let (slot, next) = (byte / 8, (byte / 8 + 1) * 8);
            let bytes = (byte..next.min(end)).fold(0, |bits, byte| bits | 1_u8 << (byte % 8));
            let holds = visit(self.slot(slot), bytes)?;
            self.put(slot, holds);
            byte = next;
        }
        Ok(())
    }
}

impl Slot {
    /// These bytes, as far as `slot` was written, in its family.
    fn like(self, slot: &Self) -> Self {
        Self::Bytes { written: self.written() & slot.written(), link: slot.link() }
    }
}

impl fmt::Display for Slot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Bytes { written, .. } => {
                let byte = |bit: u32| if written >> bit & 1 == 1 { 'm' } else { '?' };
                (0..8).try_for_each(|bit| write!(f, "{}", byte(bit)))
            }
            Self::Number(scalar) => scalar.fmt(f),
            Self::Pointer(pointer) => pointer.fmt(f),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bytes(written: u8) -> Slot {
        Slot::Bytes { written, link: None }
    }

    #[test]
    fn slots_hold_what_was_put_there_in_whatever_order_and_nothing_takes_no_room() {
        let mut stack = Stack::EMPTY;
        for at in [63, 0, 31, 62, 1] {
            stack.put(at, bytes(1 + u8::try_from(at).unwrap()));
        }
        let held =
            |stack: &Stack| stack.slots().map(|(at, s)| (at, s.written())).collect::<Vec<_>>();
        assert_eq!(held(&stack), [(0, 1), (1, 2), (31, 32), (62, 63), (63, 64)]);
        assert_eq!((*stack.slot(31), *stack.slot(32)), (bytes(32), Slot::EMPTY));
        stack.put(31, Slot::EMPTY);
        stack.put(32, Slot::EMPTY);
        stack.drop_each(|at| at == 0);
        assert_eq!(held(&stack), [(1, 2), (62, 63), (63, 64)]);
        stack.change(|slot| if *slot == bytes(63) { Slot::EMPTY } else { bytes(0xff) });
        assert_eq!(held(&stack), [(1, 0xff), (63, 0xff)]);
        stack.drop_each(|_| true);
        assert_eq!(stack, Stack::EMPTY);
    }
}
