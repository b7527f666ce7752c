//! Intervals of numbers of one type, signed or not, of 32 or 64 bits.
//!
//! Arithmetic is done as if numbers had no end: a result that does not fit the type may be
//! anything, as the kernel has it.

/// A type of numbers.
pub(super) trait Number: Copy + Ord + Into<i128> + TryFrom<i128> {
    const MIN: Self;
    const MAX: Self;
}

macro_rules! numbers {
    ($($number:ty)*) => { $(impl Number for $number {
        const MIN: Self = Self::MIN;
        const MAX: Self = Self::MAX;
    })* };
}

numbers! { u64 i64 u32 i32 }

/// The numbers from `min` to `max`; none where `min` is the greater one.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Interval<T> {
    pub(super) min: T,
    pub(super) max: T,
}

impl<T: Number> Interval<T> {
    pub(super) const FULL: Self = Self { min: T::MIN, max: T::MAX };

    pub(super) fn constant(number: T) -> Self {
        Self { min: number, max: number }
    }

    /// The interval between the two, where the type has both.
    fn fitting(min: i128, max: i128) -> Self {
        match (T::try_from(min), T::try_from(max)) {
            (Ok(min), Ok(max)) => Self { min, max },
            _ => Self::FULL,
        }
    }

    pub(super) fn is_empty(self) -> bool {
        self.min > self.max
    }

    pub(super) fn covers(self, other: Self) -> bool {
        self.min <= other.min && other.max <= self.max
    }

    /// The numbers that are in both.
    pub(super) fn and_also(self, other: Self) -> Self {
        Self { min: self.min.max(other.min), max: self.max.min(other.max) }
    }

    pub(super) fn at_least(self, min: T) -> Self {
        Self { min: self.min.max(min), ..self }
    }

    pub(super) fn at_most(self, max: T) -> Self {
        Self { max: self.max.min(max), ..self }
    }

    pub(super) fn add(self, other: Self) -> Self {
        Self::fitting(self.min.into() + other.min.into(), self.max.into() + other.max.into())
    }

    pub(super) fn sub(self, other: Self) -> Self {
        Self::fitting(self.min.into() - other.max.into(), self.max.into() - other.min.into())
    }

    /// The product, where no number is negative or above `most`.
    pub(super) fn mul(self, other: Self, most: i128) -> Self {
        let small = |i: Self| i.min.into() >= 0 && i.max.into() <= most;
        if !small(self) || !small(other) {
            return Self::FULL;
        }
        Self::fitting(self.min.into() * other.min.into(), self.max.into() * other.max.into())
    }

    /// Shifted to the left by less than `bits`, the width, where no number is negative, and none so
    /// large that kernels take its top bit for lost.
    pub(super) fn lsh(self, by: u32, bits: u32) -> Self {
        if self.min.into() < 0 || self.max.into() > 1 << (bits - 1 - by) {
            return Self::FULL;
        }
        Self::fitting(self.min.into() << by, self.max.into() << by)
    }

    /// Shifted to the right, filled with the sign where the type has one.
    pub(super) fn rsh(self, by: u32) -> Self {
        Self::fitting(self.min.into() >> by, self.max.into() >> by)
    }
}
