//! What a comparison says of the numbers that it compares.
//!
//! Known is only what follows from a comparison with a constant: before 6.8 kernels conclude
//! nothing from two numbers of which neither is known. A branch counts as never taken only where
//! Linux 5.10 says so too.

use super::scalar::Scalar;
use super::tnum::{Tnum, low};
use crate::insn::{Cond, Width};

/// Whether the comparison comes out the same whatever the number is.
pub(super) fn decided(cond: Cond, width: Width, left: &Scalar, right: u64) -> Option<bool> {
    let (right, signed) = match width {
        Width::W64 => (right, right.cast_signed()),
        Width::W32 => (low(right).into(), low(right).cast_signed().into()),
    };
    let Parts { bits, umin, umax, smin, smax } = Parts::of(width, left);
    let sides = |holds: bool, fails: bool| match (holds, fails) {
        (true, _) => Some(true),
        (false, true) => Some(false),
        (false, false) => None,
    };
    match cond {
        Cond::Eq => bits.is_const().then_some(bits.value == right),
        Cond::Ne => bits.is_const().then_some(bits.value != right),
        Cond::Set => sides(bits.value & right != 0, (bits.value | bits.mask) & right == 0),
        Cond::Gt => sides(umin > right, umax <= right),
        Cond::Ge => sides(umin >= right, umax < right),
        Cond::Lt => sides(umax < right, umin >= right),
        Cond::Le => sides(umax <= right, umin > right),
        Cond::Sgt => sides(smin > signed, smax <= signed),
        Cond::Sge => sides(smin >= signed, smax < signed),
        Cond::Slt => sides(smax < signed, smin >= signed),
        Cond::Sle => sides(smax <= signed, smin > signed),
    }
}

/// Whether numbers of the two may be such that the comparison holds.
pub(super) fn may_hold(cond: Cond, width: Width, left: &Scalar, right: &Scalar) -> bool {
    let (a, b) = (Parts::of(width, left), Parts::of(width, right));
    match cond {
        Cond::Eq => {
            !a.bits.contradicts(b.bits)
                && a.umin <= b.umax
                && b.umin <= a.umax
                && a.smin <= b.smax
                && b.smin <= a.smax
        }
        Cond::Ne => !(a.bits.is_const() && a.bits == b.bits),
        Cond::Set => (a.bits.value | a.bits.mask) & (b.bits.value | b.bits.mask) != 0,
        Cond::Gt => a.umax > b.umin,
        Cond::Ge => a.umax >= b.umin,
        Cond::Lt => a.umin < b.umax,
        Cond::Le => a.umin <= b.umax,
        Cond::Sgt => a.smax > b.smin,
        Cond::Sge => a.smax >= b.smin,
        Cond::Slt => a.smin < b.smax,
        Cond::Sle => a.smin <= b.smax,
    }
}

/// Whether numbers of the two may be such that the comparison does not hold.
pub(super) fn may_fail(cond: Cond, width: Width, left: &Scalar, right: &Scalar) -> bool {
    match cond.inverse() {
        Some(inverse) => may_hold(inverse, width, left, right),
        None => Parts::of(width, left).bits.value & Parts::of(width, right).bits.value == 0,
    }
}

/// What is compared of a number.
struct Parts {
    bits: Tnum,
    umin: u64,
    umax: u64,
    smin: i64,
    smax: i64,
}

impl Parts {
    fn of(width: Width, number: &Scalar) -> Self {
        let Scalar { bits, unsigned, signed, unsigned32, signed32, .. } = *number;
        match width {
            Width::W64 => Self {
                bits,
                umin: unsigned.min,
                umax: unsigned.max,
                smin: signed.min,
                smax: signed.max,
            },
            Width::W32 => Self {
                bits: bits.lower(),
                umin: unsigned32.min.into(),
                umax: unsigned32.max.into(),
                smin: signed32.min.into(),
                smax: signed32.max.into(),
            },
        }
    }
}

/// The number where the comparison holds.
pub(super) fn where_holds(cond: Cond, width: Width, left: &Scalar, right: u64) -> Scalar {
    let mut found = match cond {
        Cond::Set => Scalar { bits: left.bits, ..Scalar::UNKNOWN }.settled(),
        Cond::Eq
        | Cond::Ne
        | Cond::Gt
        | Cond::Ge
        | Cond::Lt
        | Cond::Le
        | Cond::Sgt
        | Cond::Sge
        | Cond::Slt
        | Cond::Sle => *left,
    };
    match width {
        Width::W64 => holds64(&mut found, cond, right),
        Width::W32 => holds32(&mut found, cond, low(right)),
    }
    Scalar { link: left.link, ..found.compared(width) }
}

/// The number where the comparison does not hold.
pub(super) fn where_fails(cond: Cond, width: Width, left: &Scalar, right: u64) -> Scalar {
    match cond.inverse() {
        Some(inverse) => where_holds(inverse, width, left, right),
        None => {
            // Kernels from 6.8 on forget the intervals here.
            let unset = Tnum::constant(!right);
            let bits = match width {
                Width::W64 => left.bits.and(unset),
                Width::W32 => left.bits.with_lower(left.bits.lower().and(unset.lower())),
            };
            let found = Scalar { bits, ..Scalar::UNKNOWN }.settled();
            Scalar { link: left.link, ..found.compared(width) }
        }
    }
}

fn holds64(left: &mut Scalar, cond: Cond, right: u64) {
    let signed = right.cast_signed();
    match cond {
        Cond::Eq => *left = Scalar::constant(right),
        Cond::Ne => {}
        Cond::Set => {
            if right.is_power_of_two() {
                left.bits = left.bits.or(Tnum::constant(right));
            }
        }
        Cond::Gt => left.unsigned = left.unsigned.at_least(right.saturating_add(1)),
        Cond::Ge => left.unsigned = left.unsigned.at_least(right),
        Cond::Lt => left.unsigned = left.unsigned.at_most(right.saturating_sub(1)),
        Cond::Le => left.unsigned = left.unsigned.at_most(right),
        Cond::Sgt => left.signed = left.signed.at_least(signed.saturating_add(1)),
        Cond::Sge => left.signed = left.signed.at_least(signed),
        Cond::Slt => left.signed = left.signed.at_most(signed.saturating_sub(1)),
        Cond::Sle => left.signed = left.signed.at_most(signed),
    }
}

fn holds32(left: &mut Scalar, cond: Cond, right: u32) {
    let signed = right.cast_signed();
    match cond {
        Cond::Eq => {
            let half = Scalar::constant(right.into());
            left.bits = left.bits.with_lower(half.bits);
            (left.unsigned32, left.signed32) = (half.unsigned32, half.signed32);
        }
        Cond::Ne => {}
        Cond::Set => {
            if right.is_power_of_two() {
                left.bits = left.bits.or(Tnum::constant(right.into()));
            }
        }
        Cond::Gt => left.unsigned32 = left.unsigned32.at_least(right.saturating_add(1)),
        Cond::Ge => left.unsigned32 = left.unsigned32.at_least(right),
        Cond::Lt => left.unsigned32 = left.unsigned32.at_most(right.saturating_sub(1)),
        Cond::Le => left.unsigned32 = left.unsigned32.at_most(right),
        Cond::Sgt => left.signed32 = left.signed32.at_least(signed.saturating_add(1)),
        Cond::Sge => left.signed32 = left.signed32.at_least(signed),
        Cond::Slt => left.signed32 = left.signed32.at_most(signed.saturating_sub(1)),
        Cond::Sle => left.signed32 = left.signed32.at_most(signed),
    }
}

/// The condition with its operands exchanged.
pub(super) fn exchanged(cond: Cond) -> Cond {
    match cond {
        Cond::Eq => Cond::Eq,
        Cond::Ne => Cond::Ne,
        Cond::Set => Cond::Set,
        Cond::Gt => Cond::Lt,
        Cond::Ge => Cond::Le,
        Cond::Lt => Cond::Gt,
        Cond::Le => Cond::Ge,
        Cond::Sgt => Cond::Slt,
        Cond::Sge => Cond::Sle,
        Cond::Slt => Cond::Sgt,
        Cond::Sle => Cond::Sge,
    }
}
