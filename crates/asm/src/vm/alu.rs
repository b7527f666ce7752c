//! Arithmetic, comparisons and changes of width, as RFC 9669 (4.1 to 4.3) has them.
//!
//! Nothing here fails: division by zero gives zero, a remainder by zero the dividend, the one
//! quotient that does not fit wraps, and shifts count modulo the width.

use super::number::{low, low8, low16};
use crate::insn::{AluOp, Cond, Size, Width};

/// An operation of 64 bits.
#[inline(always)]
pub(super) fn wide(op: AluOp, dst: u64, src: u64) -> u64 {
    match op {
        AluOp::Add => dst.wrapping_add(src),
        AluOp::Sub => dst.wrapping_sub(src),
        AluOp::Mul => dst.wrapping_mul(src),
        AluOp::Div => dst.checked_div(src).unwrap_or(0),
        AluOp::Or => dst | src,
        AluOp::And => dst & src,
        AluOp::Lsh => dst.wrapping_shl(low(src)),
        AluOp::Rsh => dst.wrapping_shr(low(src)),
        AluOp::Mod => dst.checked_rem(src).unwrap_or(dst),
        AluOp::Xor => dst ^ src,
        AluOp::Mov => src,
        AluOp::Arsh => dst.cast_signed().wrapping_shr(low(src)).cast_unsigned(),
        AluOp::Sdiv if src == 0 => 0,
        AluOp::Sdiv => dst.cast_signed().wrapping_div(src.cast_signed()).cast_unsigned(),
        AluOp::Smod if src == 0 => dst,
        AluOp::Smod => dst.cast_signed().wrapping_rem(src.cast_signed()).cast_unsigned(),
    }
}

/// An operation of 32 bits.
#[inline(always)]
pub(super) fn narrow(op: AluOp, dst: u32, src: u32) -> u32 {
    match op {
        AluOp::Add => dst.wrapping_add(src),
        AluOp::Sub => dst.wrapping_sub(src),
        AluOp::Mul => dst.wrapping_mul(src),
        AluOp::Div => dst.checked_div(src).unwrap_or(0),
        AluOp::Or => dst | src,
        AluOp::And => dst & src,
        AluOp::Lsh => dst.wrapping_shl(src),
        AluOp::Rsh => dst.wrapping_shr(src),
        AluOp::Mod => dst.checked_rem(src).unwrap_or(dst),
        AluOp::Xor => dst ^ src,
        AluOp::Mov => src,
        AluOp::Arsh => dst.cast_signed().wrapping_shr(src).cast_unsigned(),
        AluOp::Sdiv if src == 0 => 0,
        AluOp::Sdiv => dst.cast_signed().wrapping_div(src.cast_signed()).cast_unsigned(),
        AluOp::Smod if src == 0 => dst,
        AluOp::Smod => dst.cast_signed().wrapping_rem(src.cast_signed()).cast_unsigned(),
    }
}

/// The negative of a number.
#[inline]
pub(super) fn negative(width: Width, number: u64) -> u64 {
    match width {
        Width::W32 => low(number).wrapping_neg().into(),
        Width::W64 => number.wrapping_neg(),
    }
}

/// The lowest bytes of a number, the rest filled with their sign.
#[inline]
pub(super) fn signed(size: Size, number: u64) -> u64 {
    let extended = match size {
        Size::B => i64::from(low8(number).cast_signed()),
        Size::H => i64::from(low16(number).cast_signed()),
        Size::W => i64::from(low(number).cast_signed()),
        Size::D => number.cast_signed(),
    };
    extended.cast_unsigned()
}

/// The lowest bytes of a number, the rest zero.
#[inline]
pub(super) fn cut(size: Size, number: u64) -> u64 {
    match size {
        Size::B => low8(number).into(),
        Size::H => low16(number).into(),
        Size::W => low(number).into(),
        Size::D => number,
    }
}

/// The lowest bytes of a number in the opposite order, the rest zero.
#[inline]
pub(super) fn reversed(size: Size, number: u64) -> u64 {
    match size {
        Size::B => low8(number).into(),
        Size::H => low16(number).swap_bytes().into(),
        Size::W => low(number).swap_bytes().into(),
        Size::D => number.swap_bytes(),
    }
}

/// Whether a condition holds between numbers of 64 bits.
#[inline(always)]
pub(super) fn holds(cond: Cond, left: u64, right: u64) -> bool {
    match cond {
        Cond::Eq => left == right,
        Cond::Ne => left != right,
        Cond::Gt => left > right,
        Cond::Ge => left >= right,
        Cond::Lt => left < right,
        Cond::Le => left <= right,
        Cond::Set => left & right != 0,
        Cond::Sgt => left.cast_signed() > right.cast_signed(),
        Cond::Sge => left.cast_signed() >= right.cast_signed(),
        Cond::Slt => left.cast_signed() < right.cast_signed(),
        Cond::Sle => left.cast_signed() <= right.cast_signed(),
    }
}

/// Whether a condition holds between the lower halves of numbers.
#[inline(always)]
pub(super) fn holds_low(cond: Cond, left: u64, right: u64) -> bool {
    // Extended by their signs, numbers compare as they did, signed and unsigned.
    holds(cond, signed(Size::W, left), signed(Size::W, right))
}
