//! Operands: registers, memory, constants, and where control goes.

use crate::assembler::Label;
use crate::insn::{Extend, Size, Src, Width};
use crate::parse::Scope;
use crate::parse::cursor::{Cursor, Read, range};
use crate::parse::error::Wrong;
use crate::parse::labels::Use;
use crate::reg::{Mem, Reg};

/// A register, and how much of it its name means.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct Named {
    pub(super) reg: Reg,
    pub(super) width: Width,
}

pub(super) const REGISTER: &str = "a register, r0 to r10 or w0 to w10";

/// The register that comes next, if one does.
pub(super) fn register_if(cursor: &mut Cursor<'_>) -> Option<Named> {
    let width = match cursor.next()? {
        b'r' => Width::W64,
        b'w' => Width::W32,
        _ => return None,
    };
    let digit = |by| cursor.ahead(by).filter(u8::is_ascii_digit).map(|byte| byte - b'0');
    let (number, length) = match (digit(1)?, digit(2)) {
        (1, Some(0)) => (10, 3),
        (number, None) => (number, 2),
        _ => return None,
    };
    let ends = |byte: u8| !byte.is_ascii_alphanumeric() && byte != b'_';
    if !cursor.ahead(length).is_none_or(ends) {
        return None;
    }
    cursor.advance(length);
    Some(Named { reg: Reg::from_number(number)?, width })
}

pub(super) fn register(cursor: &mut Cursor<'_>) -> Read<Named> {
    register_if(cursor).ok_or_else(|| cursor.expected(REGISTER))
}

/// A register that must be meant in this width.
pub(super) fn register_of(cursor: &mut Cursor<'_>, width: Width) -> Read<Reg> {
    cursor.blanks();
    let start = *cursor;
    let named = register(cursor)?;
    if named.width == width {
        return Ok(named.reg);
    }
    Err(cursor.since(&start, Wrong::Differ { rule: "both operands are of one width, `r` or `w`" }))
}

/// A register that holds an address.
fn pointer(cursor: &mut Cursor<'_>) -> Read<Reg> {
    cursor.blanks();
    let start = *cursor;
    let named = register(cursor)?;
    match named.width {
        Width::W64 => Ok(named.reg),
        Width::W32 => Err(cursor.since(&start, Wrong::Differ { rule: "an address has 64 bits" })),
    }
}

/// A register whose low bytes are written to memory or come from there: LLVM calls it by its half
/// where four bytes or fewer are meant.
pub(super) fn value(cursor: &mut Cursor<'_>, size: Size) -> Read<Reg> {
    cursor.blanks();
    let start = *cursor;
    let named = register(cursor)?;
    if named.width == Width::W32 && size == Size::D {
        return Err(cursor.since(&start, Wrong::Differ { rule: "8 bytes need a whole register" }));
    }
    Ok(named.reg)
}

/// A second operand of this width.
pub(super) fn source(cursor: &mut Cursor<'_>, width: Width) -> Read<Src> {
    match cursor.next() {
        Some(b'r' | b'w') => Ok(Src::Reg(register_of(cursor, width)?)),
        _ => Ok(Src::Imm(imm32(cursor)?)),
    }
}

/// A constant of 32 bits.
pub(super) fn imm32(cursor: &mut Cursor<'_>) -> Read<i32> {
    cursor.blanks();
    let start = *cursor;
    let number = cursor.number()?.bits32();
    number.ok_or_else(|| cursor.since(&start, range(i32::MIN, i32::MAX.unsigned_abs())))
}

/// A number by its value, of the type asked for, which holds `least` to `most`.
pub(super) fn within<T: TryFrom<i64>>(cursor: &mut Cursor<'_>, least: i64, most: u64) -> Read<T> {
    cursor.blanks();
    let start = *cursor;
    let value = cursor.number()?.value().and_then(|number| T::try_from(number).ok());
    value.ok_or_else(|| cursor.since(&start, range(least, most)))
}

/// What a pointer points at, `(u32 *)`.
pub(super) fn pointee(cursor: &mut Cursor<'_>) -> Read<(Size, Extend)> {
    cursor.want("(", "`(`")?;
    let of = value_type(cursor)?;
    cursor.want("*", "`*`")?;
    cursor.want(")", "`)`")?;
    Ok(of)
}

/// A type, `u8` to `u64` and `s8` to `s64`.
pub(super) fn value_type(cursor: &mut Cursor<'_>) -> Read<(Size, Extend)> {
    cursor.blanks();
    let start = *cursor;
    let word = cursor.word();
    let extend = match word.as_bytes().first() {
        Some(b'u') => Extend::Zero,
        Some(b's') => Extend::Sign,
        _ => return Err(start.expected("a type, u8 to u64 or s8 to s64")),
    };
    let size = match word.get(1..) {
        Some("8") => Size::B,
        Some("16") => Size::H,
        Some("32") => Size::W,
        Some("64") => Size::D,
        _ => return Err(start.expected("a type, u8 to u64 or s8 to s64")),
    };
    Ok((size, extend))
}

/// A type without a sign, as of a pointer.
pub(super) fn unsigned_pointee(cursor: &mut Cursor<'_>) -> Read<Size> {
    cursor.blanks();
    let start = *cursor;
    match pointee(cursor)? {
        (size, Extend::Zero) => Ok(size),
        (_, Extend::Sign) => Err(start.expected("a type without a sign")),
    }
}

/// An address in parentheses, `(r1 +4)`.
pub(super) fn memory(cursor: &mut Cursor<'_>) -> Read<Mem> {
    cursor.want("(", "`(`")?;
    let mem = address(cursor)?;
    cursor.want(")", "`)`")?;
    Ok(mem)
}

/// An address, `r1 + 0x4`.
pub(super) fn address(cursor: &mut Cursor<'_>) -> Read<Mem> {
    let base = pointer(cursor)?;
    let off = match cursor.next() {
        Some(b'+' | b'-') => within(cursor, i16::MIN.into(), i16::MAX.unsigned_abs().into())?,
        _ => 0,
    };
    Ok(Mem { base, off })
}

/// Where a jump goes: a label, or a distance in slots, which LLVM follows by the label's name.
pub(super) fn target<'t>(cursor: &mut Cursor<'t>, scope: &mut Scope<'t>) -> Read<Label> {
    cursor.blanks();
    let start = *cursor;
    if let Some(label) = distance(cursor, scope)? {
        return Ok(label);
    }
    let name = cursor.label().ok_or_else(|| start.expected("a label or a distance"))?;
    Ok(scope.labels.named(name, Use::Place, start.place()..cursor.place()))
}

/// The label at a distance, where one is given: `+3`, `-3` or `pc+3`.
pub(super) fn distance<'t>(cursor: &mut Cursor<'t>, scope: &mut Scope<'t>) -> Read<Option<Label>> {
    cursor.blanks();
    let start = *cursor;
    if matches!(cursor.rest().as_bytes(), [b'p', b'c', b'+' | b'-', ..]) {
        cursor.advance(2);
    } else if !matches!(cursor.peek(), Some(b'+' | b'-')) {
        return Ok(None);
    }
    let by: i32 = within(cursor, i32::MIN.into(), i32::MAX.unsigned_abs().into())?;
    let span = start.place()..cursor.place();
    if cursor.next() == Some(b'<') {
        let name = cursor.rest().find('>').ok_or_else(|| cursor.expected("a name and `>`"))?;
        cursor.advance(name + 1);
    }
    let next = i64::try_from(scope.slot).unwrap_or(i64::MAX).saturating_add(1);
    Ok(Some(scope.labels.at_slot(next.saturating_add(by.into()), span)))
}
