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

/// The stack.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Stack {
    pub(super) slots: [Slot; 64],
}

/// A place on the stack: the slot, and the bytes in it.
struct Place {
    slot: usize,
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
    let at = usize::try_from(off + STACK).map_err(|_| Fault::Outside)?;
    let bits = if len == 8 { 0xff } else { (1_u8 << len) - 1 };
    let bytes = bits << (at % 8);
    Ok(Place { slot: at / 8, bytes, whole: len == 8, first: at.is_multiple_of(8) })
}

impl Stack {
    pub(super) const EMPTY: Self = Self { slots: [Slot::EMPTY; 64] };

    /// Reads a number or a whole pointer.
    pub(super) fn load(&self, off: i64, size: Size) -> Result<Value, Fault> {
        let place = place(off, size)?;
        let slot = &self.slots[place.slot];
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
        let slot = &mut self.slots[place.slot];
        *slot = match value {
            Value::Pointer(pointer) if place.whole => Slot::Pointer(*pointer),
            Value::Pointer(_) => return Err(Fault::PointerInPart),
            Value::Number(scalar) if place.whole => Slot::Number(*scalar),
            Value::Number(scalar) => {
                let link = if place.first { scalar.link } else { slot.link() };
                Slot::Bytes { written: slot.written() | place.bytes, link }
            }
            Value::Unwritten => return Err(Fault::Unwritten),
        };
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
                Slot::Pointer(_) => return Err(Fault::PointerInPart),
                Slot::Number(_) | Slot::Bytes { .. } => *slot = Slot::MISC.like(slot),
            }
            Ok(())
        })
    }

    /// Takes so many bytes for a helper that writes them.
    pub(super) fn fill(&mut self, off: i64, len: i64) -> Result<(), Fault> {
        self.each(off, len, |slot, bytes| {
            *slot = Slot::Bytes { written: slot.written() | bytes, link: slot.link() };
            Ok(())
        })
    }

    /// Whether a pointer lies in one of so many bytes.
    pub(super) fn has_pointer(&self, off: i64, len: i64) -> bool {
        (off..off + len).any(|byte| {
            let slot = usize::try_from((byte + STACK) / 8).ok();
            slot.and_then(|slot| self.slots.get(slot))
                .is_some_and(|slot| matches!(slot, Slot::Pointer(_)))
        })
    }

    fn each(
        &mut self,
        off: i64,
        len: i64,
        mut visit: impl FnMut(&mut Slot, u8) -> Result<(), Fault>,
    ) -> Result<(), Fault> {
        Self::check(off, len)?;
        let mut byte = usize::try_from(off + STACK).map_err(|_| Fault::Outside)?;
        let end = usize::try_from(off + len + STACK).map_err(|_| Fault::Outside)?;
        while byte < end {
            let (slot, next) = (byte / 8, (byte / 8 + 1) * 8);
            let bytes = (byte..next.min(end)).fold(0, |bits, byte| bits | 1_u8 << (byte % 8));
            visit(&mut self.slots[slot], bytes)?;
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
