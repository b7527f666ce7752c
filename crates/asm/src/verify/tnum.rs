//! Known bits: each bit of a number is 0, 1 or not known.
//!
//! Invariant: no bit is set in both `value` and `mask`, unless the number is one that cannot be
//! (the path is never taken), which `Scalar` looks for. Every operation gives at least the numbers
//! that the operation gives of the operands' numbers.

use std::fmt;

/// Numbers that agree in the bits outside of `mask`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Tnum {
    /// The bits that are known to be 1.
    pub(super) value: u64,
    /// The bits that are not known.
    pub(super) mask: u64,
}

const LOW: u64 = 0xffff_ffff;

impl Tnum {
    pub(super) const UNKNOWN: Self = Self { value: 0, mask: u64::MAX };

    pub(super) fn constant(value: u64) -> Self {
        Self { value, mask: 0 }
    }

    /// The least known bits that every number between the two has.
    pub(super) fn between(min: u64, max: u64) -> Self {
        let differ = min ^ max;
        let bits = 64 - differ.leading_zeros();
        let mask = 1_u64.checked_shl(bits).map_or(u64::MAX, |bit| bit - 1);
        Self { value: min & !mask, mask }
    }

    pub(super) fn is_const(self) -> bool {
        self.mask == 0
    }

    /// Whether every number of `other` is one of these.
    pub(super) fn covers(self, other: Self) -> bool {
        other.mask & !self.mask == 0 && self.value == other.value & !self.mask
    }

    /// What is known of a number that is in both.
    pub(super) fn and_also(self, other: Self) -> Self {
        let mask = self.mask & other.mask;
        Self { value: (self.value | other.value) & !mask, mask }
    }

    /// Whether no number is in both.
    pub(super) fn contradicts(self, other: Self) -> bool {
        (self.value ^ other.value) & !self.mask & !other.mask != 0
    }

    pub(super) fn add(self, other: Self) -> Self {
        let value = self.value.wrapping_add(other.value);
        let most = value.wrapping_add(self.mask).wrapping_add(other.mask);
        let mask = (most ^ value) | self.mask | other.mask;
        Self { value: value & !mask, mask }
    }

    pub(super) fn sub(self, other: Self) -> Self {
        let value = self.value.wrapping_sub(other.value);
        let (most, least) = (value.wrapping_add(self.mask), value.wrapping_sub(other.mask));
        let mask = (most ^ least) | self.mask | other.mask;
        Self { value: value & !mask, mask }
    }

    pub(super) fn and(self, other: Self) -> Self {
        let value = self.value & other.value;
        let perhaps = (self.value | self.mask) & (other.value | other.mask);
        Self { value, mask: perhaps & !value }
    }

    pub(super) fn or(self, other: Self) -> Self {
        let value = self.value | other.value;
        Self { value, mask: (self.mask | other.mask) & !value }
    }

    /// The product, of which nothing is kept but the zeros at its end.
    pub(super) fn mul(self, other: Self) -> Self {
        if self.is_const() && other.is_const() {
            return Self::constant(self.value.wrapping_mul(other.value));
        }
        let zeros = |t: Self| (t.value | t.mask).trailing_zeros();
        let mask = u64::MAX.checked_shl(zeros(self) + zeros(other)).unwrap_or(0);
        Self { value: 0, mask }
    }

    pub(super) fn lsh(self, by: u32) -> Self {
        Self { value: self.value << by, mask: self.mask << by }
    }

    pub(super) fn rsh(self, by: u32) -> Self {
        Self { value: self.value >> by, mask: self.mask >> by }
    }

    pub(super) fn arsh(self, by: u32) -> Self {
        let shift = |bits: u64| (bits.cast_signed() >> by).cast_unsigned();
        Self { value: shift(self.value), mask: shift(self.mask) }
    }

    /// The same of the lower half, its own sign above it.
    pub(super) fn arsh32(self, by: u32) -> Self {
        let shift = |bits: u64| (low(bits).cast_signed() >> by).cast_unsigned();
        Self { value: shift(self.value).into(), mask: shift(self.mask).into() }
    }

    /// The lower half, zeros above it.
    pub(super) fn lower(self) -> Self {
        self.and(Self::constant(LOW))
    }

    /// The upper half, zeros below it.
    pub(super) fn upper(self) -> Self {
        self.and(Self::constant(!LOW))
    }

    /// The upper half of this and the lower one of `lower`.
    pub(super) fn with_lower(self, lower: Self) -> Self {
        self.upper().or(lower.lower())
    }
}

/// The lower half of a number.
pub(super) fn low(number: u64) -> u32 {
    let [a, b, c, d, ..] = number.to_le_bytes();
    u32::from_le_bytes([a, b, c, d])
}

impl fmt::Display for Tnum {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "({:#x}; {:#x})", self.value, self.mask)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Known bits, and two numbers that have them.
    fn known() -> impl Strategy<Value = (Tnum, u64)> {
        (any::<u64>(), any::<u64>(), any::<u64>(), 0..4_u32).prop_map(|(bits, mask, more, kind)| {
            let mask = match kind {
                0 => 0,
                1 => mask & 0xff,
                2 => mask & more,
                _ => mask,
            };
            (Tnum { value: bits & !mask, mask }, (bits & !mask) | (more & mask))
        })
    }

    fn has(t: Tnum, number: u64) -> bool {
        number & !t.mask == t.value
    }

    proptest! {
        #[test]
        fn every_operation_keeps_the_result_of_numbers((a, x) in known(), (b, y) in known(), by in 0..64_u32) {
            prop_assert!(has(a.add(b), x.wrapping_add(y)));
            prop_assert!(has(a.sub(b), x.wrapping_sub(y)));
            prop_assert!(has(a.and(b), x & y));
            prop_assert!(has(a.or(b), x | y));
            prop_assert!(has(a.mul(b), x.wrapping_mul(y)));
            prop_assert!(has(a.lsh(by), x << by));
            prop_assert!(has(a.rsh(by), x >> by));
            prop_assert!(has(a.arsh(by), (x.cast_signed() >> by).cast_unsigned()));
            let half = (low(x).cast_signed() >> (by & 31)).cast_unsigned();
            prop_assert!(has(a.arsh32(by & 31), half.into()));
            prop_assert!(has(a.with_lower(b), (x & !LOW) | (y & LOW)));
        }

        #[test]
        fn what_lies_between_two_numbers_is_kept(a: u64, b: u64, x: u64) {
            let (min, max) = (a.min(b), a.max(b));
            prop_assert!(has(Tnum::between(min, max), x.clamp(min, max)));
        }

        #[test]
        fn what_covers_has_every_number((a, x) in known(), (b, _) in known()) {
            if b.covers(a) {
                prop_assert!(has(b, x));
            }
            prop_assert!(a.covers(a) && Tnum::UNKNOWN.covers(a) && a.covers(Tnum::constant(x)));
            prop_assert!(has(a.and_also(Tnum::constant(x)), x));
        }
    }
}
