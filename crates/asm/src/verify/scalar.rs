//! Numbers that are no pointers, as every supported kernel knows them at least.
//!
//! What is known are bits and four intervals: of the whole register and of its lower half, signed
//! and not. Kernels differ in what they conclude; here nothing is concluded that one of them does
//! not (Linux 5.10 concludes least in most places). Where the parts contradict each other the path
//! is one that no packet takes, and the number may be anything: so newer kernels do.

use std::fmt;

use super::interval::Interval;
use super::tnum::{Tnum, low};
use crate::insn::{Size, Width};

/// A family of numbers that differ by constants, as kernels from 6.12 on follow them.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Link {
    /// The family.
    pub(super) id: u32,
    /// Which sum of it this is: numbers of the same sum are equal.
    pub(super) sum: u64,
    /// Whether the distance from another one of the family may be too far for a pointer: kernels
    /// from 6.12 on note it with the number, also when the number is cut down later, and then move
    /// no pointer by it.
    pub(super) far: bool,
}

/// What is known of a number.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Scalar {
    pub(super) bits: Tnum,
    pub(super) unsigned: Interval<u64>,
    pub(super) signed: Interval<i64>,
    pub(super) unsigned32: Interval<u32>,
    pub(super) signed32: Interval<i32>,
    /// Whether other registers may hang together with it.
    pub(super) link: Option<Link>,
}

impl Scalar {
    pub(super) const UNKNOWN: Self = Self {
        bits: Tnum::UNKNOWN,
        unsigned: Interval::FULL,
        signed: Interval::FULL,
        unsigned32: Interval::FULL,
        signed32: Interval::FULL,
        link: None,
    };

    pub(super) fn constant(number: u64) -> Self {
        let half = low(number);
        Self {
            bits: Tnum::constant(number),
            unsigned: Interval::constant(number),
            signed: Interval::constant(number.cast_signed()),
            unsigned32: Interval::constant(half),
            signed32: Interval::constant(half.cast_signed()),
            link: None,
        }
    }

    /// What a read of so many bytes gives of which nothing is known.
    pub(super) fn of_size(size: Size) -> Self {
        let most: u64 = match size {
            Size::B => 0xff,
            Size::H => 0xffff,
            Size::W => 0xffff_ffff,
            Size::D => return Self::UNKNOWN,
        };
        let bits = Tnum { value: 0, mask: most };
        Self { bits, ..Self::UNKNOWN }.settled()
    }

    /// The number, where there is but one.
    pub(super) fn number(&self) -> Option<u64> {
        self.bits.is_const().then_some(self.bits.value)
    }

    /// The lower half, where there is but one.
    pub(super) fn number32(&self) -> Option<u32> {
        self.bits.lower().is_const().then_some(low(self.bits.value))
    }

    /// The number as it is added to a pointer, where kernels agree that there is but one.
    pub(super) fn offset(&self) -> Option<i64> {
        let one = self.unsigned.min == self.unsigned.max && self.signed.min == self.signed.max;
        self.number().filter(|_| one).map(u64::cast_signed)
    }

    /// Whether every number of `other` is one of these; links are not looked at.
    pub(super) fn covers(&self, other: &Self) -> bool {
        self.bits.covers(other.bits)
            && self.unsigned.covers(other.unsigned)
            && self.signed.covers(other.signed)
            && self.unsigned32.covers(other.unsigned32)
            && self.signed32.covers(other.signed32)
    }

    /// What the parts say of each other, concluded once.
    pub(super) fn settled(mut self) -> Self {
        self.intervals_from_bits();
        self.signs();
        self.bits_from_intervals();
        self.possible()
    }

    /// What is known after a comparison of this width: the other half of the knowledge is made anew
    /// from the half that was compared.
    pub(super) fn compared(mut self, width: Width) -> Self {
        match width {
            Width::W64 => self.narrow(),
            Width::W32 => self.widen(),
        }
        self.signs();
        self.bits_from_intervals();
        self.intervals_from_bits();
        self.possible()
    }

    /// The lower half alone, zeros above it.
    pub(super) fn lower(mut self) -> Self {
        self.bits = self.bits.lower();
        self.assign_lower();
        self.settled()
    }

    fn possible(self) -> Self {
        let wrong = self.bits.value & self.bits.mask != 0
            || self.unsigned.is_empty()
            || self.signed.is_empty()
            || self.unsigned32.is_empty()
            || self.signed32.is_empty();
        if wrong { Self { link: self.link, ..Self::UNKNOWN } } else { self }
    }

    fn intervals_from_bits(&mut self) {
        let Tnum { value, mask } = self.bits;
        let sign = i64::MIN.cast_unsigned();
        self.unsigned = self.unsigned.at_least(value).at_most(value | mask);
        let least = (value | (mask & sign)).cast_signed();
        let most = (value | (mask & !sign)).cast_signed();
        self.signed = self.signed.at_least(least).at_most(most);
        let (value, mask, sign) = (low(value), low(mask), i32::MIN.cast_unsigned());
        self.unsigned32 = self.unsigned32.at_least(value).at_most(value | mask);
        let least = (value | (mask & sign)).cast_signed();
        let most = (value | (mask & !sign)).cast_signed();
        self.signed32 = self.signed32.at_least(least).at_most(most);
    }

    /// What the signed intervals and the others say of each other. Of a signed interval on both sides
    /// of zero nothing is kept where the other one has a sign: kernels differ in that.
    fn signs(&mut self) {
        let Self { unsigned, signed, .. } = *self;
        if signed.min >= 0 || signed.max < 0 {
            let signed =
                Interval { min: signed.min.cast_unsigned(), max: signed.max.cast_unsigned() };
            self.unsigned = unsigned.and_also(signed);
            self.signed = as_signed(self.unsigned);
        } else if unsigned.max.cast_signed() >= 0 || unsigned.min.cast_signed() < 0 {
            self.signed = as_signed(unsigned);
        }
        let Self { unsigned32: unsigned, signed32: signed, .. } = *self;
        if signed.min >= 0 || signed.max < 0 {
            let signed =
                Interval { min: signed.min.cast_unsigned(), max: signed.max.cast_unsigned() };
            self.unsigned32 = unsigned.and_also(signed);
            self.signed32 = as_signed32(self.unsigned32);
        } else if unsigned.max.cast_signed() >= 0 || unsigned.min.cast_signed() < 0 {
            self.signed32 = as_signed32(unsigned);
        }
    }

    fn bits_from_intervals(&mut self) {
        let Self { unsigned, unsigned32, .. } = *self;
        let range = Tnum::between(unsigned.min, unsigned.max);
        let range32 = Tnum::between(unsigned32.min.into(), unsigned32.max.into());
        let wrong = self.bits.contradicts(range) || self.bits.lower().contradicts(range32.lower());
        let bits = self.bits.and_also(range);
        self.bits = bits.with_lower(bits.lower().and_also(range32));
        if wrong {
            // Both sides of the contradiction: `possible` sees it.
            self.bits.mask |= self.bits.value | 1;
            self.bits.value |= 1;
        }
    }

    /// The lower half from the whole, as far as that fits into it.
    fn narrow(&mut self) {
        (self.unsigned32, self.signed32) = (Interval::FULL, Interval::FULL);
        let Interval { min, max } = self.signed;
        let within = |n: i64| i64::from(i32::MIN) < n && n < i64::from(i32::MAX);
        if within(min) && within(max) {
            let half = |n: i64| low(n.cast_unsigned()).cast_signed();
            self.signed32 = Interval { min: half(min), max: half(max) };
        }
        let Interval { min, max } = self.unsigned;
        if min > 0 && max < u32::MAX.into() {
            self.unsigned32 = Interval { min: low(min), max: low(max) };
        }
    }

    /// The whole from the lower half, where nothing is above it.
    fn widen(&mut self) {
        if self.bits.upper() == Tnum::constant(0) {
            self.assign_lower();
        } else {
            (self.unsigned, self.signed) = (Interval::FULL, Interval::FULL);
            self.intervals_from_bits();
        }
    }

    fn assign_lower(&mut self) {
        let Interval { min, max } = self.unsigned32;
        self.unsigned = Interval { min: min.into(), max: max.into() };
        let Interval { min, max } = self.signed32;
        self.signed = if min >= 0 {
            Interval { min: min.into(), max: max.into() }
        } else {
            Interval { min: 0, max: u32::MAX.into() }
        };
    }
}

fn as_signed(numbers: Interval<u64>) -> Interval<i64> {
    Interval { min: numbers.min.cast_signed(), max: numbers.max.cast_signed() }
}

fn as_signed32(numbers: Interval<u32>) -> Interval<i32> {
    Interval { min: numbers.min.cast_signed(), max: numbers.max.cast_signed() }
}

impl fmt::Display for Scalar {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(number) = self.number() {
            return write!(f, "{:#x}", number);
        }
        let Self { bits, unsigned, signed, .. } = self;
        let mut parts = Vec::new();
        if unsigned.min > 0 {
            parts.push(format!("umin={:#x}", unsigned.min));
        }
        if unsigned.max < u64::MAX {
            parts.push(format!("umax={:#x}", unsigned.max));
        }
        let told = unsigned.max <= i64::MAX.cast_unsigned();
        if !told && signed.min > i64::MIN {
            parts.push(format!("smin={}", signed.min));
        }
        if !told && signed.max < i64::MAX {
            parts.push(format!("smax={}", signed.max));
        }
        if *bits != Tnum::UNKNOWN {
            parts.push(format!("bits={bits}"));
        }
        write!(f, "scalar({})", parts.join(","))
    }
}
