//! Atomic operations: `lock` before those without a result, the kernel's names and LLVM's for the
//! others.
//!
//! What was in memory goes to the operand, of `cmpxchg` to `r0`: a text that names another register
//! for it is refused.

use crate::insn::{AtomicOp, Insn, Size, Width};
use crate::parse::cursor::{Cursor, Read};
use crate::parse::error::Wrong;
use crate::parse::operand::{Named, address, memory, unsigned_pointee, value};
use crate::reg::{Mem, R0};

/// What stands behind `lock`.
pub(super) fn lock(cursor: &mut Cursor<'_>) -> Read<Insn> {
    cursor.want("*", "`*`")?;
    let size = unsigned_pointee(cursor)?;
    let mem = memory(cursor)?;
    cursor.blanks();
    let op = match cursor.rest().as_bytes() {
        [b'+', b'=', ..] => AtomicOp::Add,
        [b'|', b'=', ..] => AtomicOp::Or,
        [b'&', b'=', ..] => AtomicOp::And,
        [b'^', b'=', ..] => AtomicOp::Xor,
        _ => return Err(cursor.expected("`+=`, `|=`, `&=` or `^=`")),
    };
    cursor.advance(2);
    Ok(Insn::Atomic { op, size, mem, src: value(cursor, size)? })
}

/// How an atomic operation with a result is called, and which sizes it has by that name.
#[rustfmt::skip] // One line per name: the kernel's two, then LLVM's.
const ATOMICS: [(&str, AtomicOp, Option<Size>); 16] = [
    ("atomic_fetch_add", AtomicOp::FetchAdd, None),
    ("atomic_fetch_or", AtomicOp::FetchOr, None),
    ("atomic_fetch_and", AtomicOp::FetchAnd, None),
    ("atomic_fetch_xor", AtomicOp::FetchXor, None),
    ("atomic_xchg", AtomicOp::Xchg, None),
    ("atomic_cmpxchg", AtomicOp::CmpXchg, None),
    ("atomic64_fetch_add", AtomicOp::FetchAdd, Some(Size::D)),
    ("atomic64_fetch_or", AtomicOp::FetchOr, Some(Size::D)),
    ("atomic64_fetch_and", AtomicOp::FetchAnd, Some(Size::D)),
    ("atomic64_fetch_xor", AtomicOp::FetchXor, Some(Size::D)),
    ("atomic64_xchg", AtomicOp::Xchg, Some(Size::D)),
    ("atomic64_cmpxchg", AtomicOp::CmpXchg, Some(Size::D)),
    ("xchg_64", AtomicOp::Xchg, Some(Size::D)),
    ("xchg32_32", AtomicOp::Xchg, Some(Size::W)),
    ("cmpxchg_64", AtomicOp::CmpXchg, Some(Size::D)),
    ("cmpxchg32_32", AtomicOp::CmpXchg, Some(Size::W)),
];

/// An atomic operation that gives what was in memory before, behind its name.
pub(super) fn atomic(
    cursor: &mut Cursor<'_>,
    start: Cursor<'_>,
    word: &str,
    dst: Named,
) -> Read<Insn> {
    let named = ATOMICS.iter().find(|(name, ..)| *name == word);
    let &(_, op, only) = named.ok_or_else(|| start.expected("an operand"))?;
    cursor.want("(", "`(`")?;
    let (size, mem) = place(cursor, only)?;
    cursor.want(",", "`,`")?;
    let result = if op == AtomicOp::CmpXchg {
        let compared = value(cursor, size)?;
        cursor.want(",", "`,`")?;
        (compared == R0).then_some(R0)
    } else {
        None
    };
    let src = value(cursor, size)?;
    cursor.want(")", "`)`")?;
    let result = if op == AtomicOp::CmpXchg { result } else { Some(src) };
    if result != Some(dst.reg) || (dst.width == Width::W32 && size == Size::D) {
        let rule = "the old value goes to the operand, of `cmpxchg` to r0, in its width";
        return Err(cursor.since(&start, Wrong::Differ { rule }));
    }
    Ok(Insn::Atomic { op, size, mem, src })
}

/// The memory of an atomic operation: with its type, or of the size that the name says.
fn place(cursor: &mut Cursor<'_>, only: Option<Size>) -> Read<(Size, Mem)> {
    cursor.blanks();
    let start = *cursor;
    if let (Some(size), Some(b'r')) = (only, cursor.peek()) {
        return Ok((size, address(cursor)?));
    }
    let size = unsigned_pointee(cursor)?;
    if only.is_some_and(|only| only != size) {
        let rule = "the type is not of the size that the name says";
        return Err(cursor.since(&start, Wrong::Differ { rule }));
    }
    Ok((size, memory(cursor)?))
}
