//! Arithmetic on numbers that are known in part.
//!
//! What kernels conclude differs most here. Nothing is known of a result that Linux 5.10 gives up
//! on: divisions, shifts by what is not known, products and unions of two numbers of which neither
//! is known, changes of byte order and sign.

use super::interval::Interval;
use super::memory::FAR;
use super::scalar::{Link, Scalar};
use crate::insn::{AluOp, Width};

/// `a op b`. `fresh` is the sum of a family that no other number is of.
pub(super) fn alu(op: AluOp, width: Width, a: &Scalar, b: &Scalar, fresh: u64) -> Scalar {
    let link = link(op, a, b, fresh);
    let unknown = Scalar { link, ..Scalar::UNKNOWN };
    let known = match width {
        Width::W64 => b.number().is_some(),
        Width::W32 => b.number32().is_some(),
    };
    let result = match op {
        AluOp::Mov => return moved(width, b),
        AluOp::Add => add(a, b),
        AluOp::Sub => sub(a, b),
        AluOp::And => and(a, b),
        AluOp::Or if known => or(a, b),
        AluOp::Mul if known => mul(a, b),
        AluOp::Lsh | AluOp::Rsh | AluOp::Arsh if known => match shift(op, width, a, b) {
            Some(result) => result,
            None => return unknown,
        },
        AluOp::Or
        | AluOp::Mul
        | AluOp::Lsh
        | AluOp::Rsh
        | AluOp::Arsh
        | AluOp::Xor
        | AluOp::Div
        | AluOp::Mod
        | AluOp::Sdiv
        | AluOp::Smod => return unknown,
    };
    let result = match width {
        Width::W64 => result.settled(),
        Width::W32 => result.lower(),
    };
    Scalar { link, ..result }
}

/// A copy; the upper half is zero where it is one of 32 bits.
fn moved(width: Width, of: &Scalar) -> Scalar {
    match width {
        Width::W64 => *of,
        Width::W32 => of.lower(),
    }
}

/// A number that something is added to stays in its family, and so does one that may have been
/// noted to be far from it.
fn link(op: AluOp, a: &Scalar, b: &Scalar, fresh: u64) -> Option<Link> {
    let adds = matches!(op, AluOp::Add | AluOp::Sub);
    let near = b.signed.min > -FAR && b.signed.max < FAR;
    let link = a.link.map(|link| Link { sum: fresh, far: link.far || adds && !near, ..link });
    link.filter(|link| adds || link.far)
}

fn add(a: &Scalar, b: &Scalar) -> Scalar {
    Scalar {
        bits: a.bits.add(b.bits),
        unsigned: a.unsigned.add(b.unsigned),
        signed: a.signed.add(b.signed),
        unsigned32: a.unsigned32.add(b.unsigned32),
        signed32: a.signed32.add(b.signed32),
        link: None,
    }
}

fn sub(a: &Scalar, b: &Scalar) -> Scalar {
    Scalar {
        bits: a.bits.sub(b.bits),
        unsigned: a.unsigned.sub(b.unsigned),
        signed: a.signed.sub(b.signed),
        unsigned32: a.unsigned32.sub(b.unsigned32),
        signed32: a.signed32.sub(b.signed32),
        link: None,
    }
}

fn and(a: &Scalar, b: &Scalar) -> Scalar {
    let bits = a.bits.and(b.bits);
    let max = a.unsigned.max.min(b.unsigned.max);
    Scalar { bits, unsigned: Interval { min: 0, max }, ..Scalar::UNKNOWN }
}

fn or(a: &Scalar, b: &Scalar) -> Scalar {
    let bits = a.bits.or(b.bits);
    let min = a.unsigned.min.max(b.unsigned.min);
    Scalar { bits, unsigned: Interval { min, max: bits.value | bits.mask }, ..Scalar::UNKNOWN }
}

fn mul(a: &Scalar, b: &Scalar) -> Scalar {
    Scalar {
        bits: a.bits.mul(b.bits),
        unsigned: a.unsigned.mul(b.unsigned, u32::MAX.into()),
        unsigned32: a.unsigned32.mul(b.unsigned32, u16::MAX.into()),
        ..Scalar::UNKNOWN
    }
}

/// A shift by a known number, unless there are not so many bits. Kernels look at the whole number
/// for that, also where a half is shifted.
fn shift(op: AluOp, width: Width, a: &Scalar, b: &Scalar) -> Option<Scalar> {
    let by = match width {
        Width::W64 => b.number().filter(|by| *by < 64)?,
        Width::W32 => b.number32().filter(|_| b.unsigned.max < 32)?.into(),
    };
    let by = u32::try_from(by).ok()?;
    let half = a.bits.lower();
    let none = Scalar::UNKNOWN;
    Some(match (op, width) {
        (AluOp::Lsh, Width::W64) => {
            Scalar { bits: a.bits.lsh(by), unsigned: a.unsigned.lsh(by, u64::BITS), ..none }
        }
        (AluOp::Rsh, Width::W64) => {
            Scalar { bits: a.bits.rsh(by), unsigned: a.unsigned.rsh(by), ..none }
        }
        (AluOp::Lsh, Width::W32) => {
            Scalar { bits: half.lsh(by), unsigned32: a.unsigned32.lsh(by, u32::BITS), ..none }
        }
        (AluOp::Rsh, Width::W32) => {
            Scalar { bits: half.rsh(by), unsigned32: a.unsigned32.rsh(by), ..none }
        }
        (_, Width::W64) => Scalar { bits: a.bits.arsh(by), signed: a.signed.rsh(by), ..none },
        (_, Width::W32) => Scalar { bits: a.bits.arsh32(by), signed32: a.signed32.rsh(by), ..none },
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::compare::{decided, may_fail, may_hold, where_fails, where_holds};
    use super::super::tnum::{Tnum, low};
    use super::*;
    use crate::insn::Cond;

    fn has(known: &Scalar, number: u64) -> bool {
        let half = low(number);
        let signed = number.cast_signed();
        number & !known.bits.mask == known.bits.value
            && (known.unsigned.min..=known.unsigned.max).contains(&number)
            && (known.signed.min..=known.signed.max).contains(&signed)
            && (known.unsigned32.min..=known.unsigned32.max).contains(&half)
            && (known.signed32.min..=known.signed32.max).contains(&half.cast_signed())
    }

    /// A number near something, and what may be known of it.
    fn known() -> impl Strategy<Value = (Scalar, u64)> {
        let near = prop_oneof![
            any::<u64>(),
            0..300_u64,
            any::<u32>().prop_map(u64::from),
            (0..4_u64).prop_map(|n| (n << 31).wrapping_sub(1)),
            (0..300_u64).prop_map(|n| n.wrapping_neg()),
        ];
        (near, any::<u64>(), 0..64_u32, 0..4_u32, 0..200_u64).prop_map(
            |(number, mask, by, kind, wide)| {
                let mut known = Scalar::UNKNOWN;
                let mask = if by < 32 { mask >> by } else { u64::MAX >> (by - 32) };
                if kind & 1 == 1 {
                    known.bits = Tnum { value: number & !mask, mask };
                }
                if kind & 2 == 2 {
                    let (min, max) = (number.saturating_sub(wide), number.saturating_add(wide));
                    known.unsigned = Interval { min, max };
                }
                (known.settled(), number)
            },
        )
    }

    fn run(op: AluOp, width: Width, a: u64, b: u64) -> Option<u64> {
        let (x, y) = (low(a), low(b));
        let wide = width == Width::W64;
        let by = u32::try_from(if wide { b & 63 } else { b & 31 }).ok()?;
        let half = |number: u32| Some(u64::from(number));
        match (op, wide) {
            (AluOp::Add, true) => Some(a.wrapping_add(b)),
            (AluOp::Add, false) => half(x.wrapping_add(y)),
            (AluOp::Sub, true) => Some(a.wrapping_sub(b)),
            (AluOp::Sub, false) => half(x.wrapping_sub(y)),
            (AluOp::Mul, true) => Some(a.wrapping_mul(b)),
            (AluOp::Mul, false) => half(x.wrapping_mul(y)),
            (AluOp::And, true) => Some(a & b),
            (AluOp::And, false) => half(x & y),
            (AluOp::Or, true) => Some(a | b),
            (AluOp::Or, false) => half(x | y),
            (AluOp::Lsh, true) => Some(a << by),
            (AluOp::Lsh, false) => half(x << by),
            (AluOp::Rsh, true) => Some(a >> by),
            (AluOp::Rsh, false) => half(x >> by),
            (AluOp::Arsh, true) => Some((a.cast_signed() >> by).cast_unsigned()),
            (AluOp::Arsh, false) => half((x.cast_signed() >> by).cast_unsigned()),
            (AluOp::Mov, true) => Some(b),
            (AluOp::Mov, false) => half(y),
            (AluOp::Div | AluOp::Mod | AluOp::Xor | AluOp::Sdiv | AluOp::Smod, _) => None,
        }
    }

    fn holds(cond: Cond, width: Width, a: u64, b: u64) -> bool {
        let half = |n: u64| i64::from(low(n).cast_signed());
        let (a, b, s, t) = match width {
            Width::W64 => (a, b, a.cast_signed(), b.cast_signed()),
            Width::W32 => (low(a).into(), low(b).into(), half(a), half(b)),
        };
        match cond {
            Cond::Eq => a == b,
            Cond::Ne => a != b,
            Cond::Gt => a > b,
            Cond::Ge => a >= b,
            Cond::Lt => a < b,
            Cond::Le => a <= b,
            Cond::Set => a & b != 0,
            Cond::Sgt => s > t,
            Cond::Sge => s >= t,
            Cond::Slt => s < t,
            Cond::Sle => s <= t,
        }
    }

    const OPS: [AluOp; 9] = [
        AluOp::Add,
        AluOp::Sub,
        AluOp::Mul,
        AluOp::And,
        AluOp::Or,
        AluOp::Lsh,
        AluOp::Rsh,
        AluOp::Arsh,
        AluOp::Mov,
    ];

    const CONDS: [Cond; 11] = [
        Cond::Eq,
        Cond::Ne,
        Cond::Gt,
        Cond::Ge,
        Cond::Lt,
        Cond::Le,
        Cond::Set,
        Cond::Sgt,
        Cond::Sge,
        Cond::Slt,
        Cond::Sle,
    ];

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2000))]

        #[test]
        fn the_result_of_numbers_is_one_of_the_result((a, x) in known(), (b, y) in known(), fixed: bool) {
            let b = if fixed { Scalar::constant(y) } else { b };
            prop_assert!(has(&a, x), "{a} {x:#x}");
            for (op, width) in OPS.into_iter().flat_map(|op| [(op, Width::W32), (op, Width::W64)]) {
                let found = alu(op, width, &a, &b, 0);
                let number = run(op, width, x, y).expect("it is one of those");
                prop_assert!(has(&found, number), "{op:?} {width:?}: {a:?} {b:?} {number:#x} {found:?}");
            }
        }

        #[test]
        fn a_comparison_keeps_the_numbers_that_it_is_true_of((a, x) in known(), (b, y) in known()) {
            for (cond, width) in CONDS.into_iter().flat_map(|c| [(c, Width::W32), (c, Width::W64)]) {
                let is = holds(cond, width, x, y);
                prop_assert!(decided(cond, width, &a, y).is_none_or(|said| said == is));
                let on = if is { where_holds(cond, width, &a, y) } else { where_fails(cond, width, &a, y) };
                prop_assert!(has(&on, x), "{cond:?} {width:?} {y:#x}: {a:?} {x:#x} {on:?}");
                let may = if is { may_hold(cond, width, &a, &b) } else { may_fail(cond, width, &a, &b) };
                prop_assert!(may, "{cond:?} {width:?}: {a:?} {b:?}");
            }
        }
    }
}
