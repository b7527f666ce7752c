//! Room for values of one size: by place in memory, and by address with gaps between them.
//!
//! In memory values lie side by side, each rounded up to eight bytes. Their addresses are further
//! apart, so that a byte past the end of a value is never a byte of the next one.

use std::ops::Range;

use crate::vm::number::{len, wide};

/// Values, each in as many copies as there are CPUs that have one of their own.
#[derive(Clone, Debug)]
pub(super) struct Cells {
    bytes: Vec<u8>,
    /// Bytes of a value.
    size: usize,
    /// From one to the next in memory.
    step: usize,
    /// From one to the next in addresses, as a power of two.
    shift: u32,
    copies: usize,
}

impl Cells {
    /// Room for nothing yet.
    pub(super) fn new(size: usize, copies: usize) -> Self {
        let step = size.next_multiple_of(8);
        let shift = (step + 1).next_power_of_two().ilog2();
        Self { bytes: Vec::new(), size, step, shift, copies }
    }

    /// Bytes that so many values take.
    pub(super) fn cost(size: u32, copies: usize, values: u32) -> u64 {
        u64::from(size).next_multiple_of(8) * wide(copies) * u64::from(values)
    }

    /// Adds zeros for so many values.
    pub(super) fn grow(&mut self, values: usize) {
        self.bytes.resize(self.bytes.len() + values * self.copies * self.step, 0);
    }

    /// Where a copy of a value lies by address.
    pub(super) fn within(&self, value: usize, copy: usize) -> u64 {
        wide(value * self.copies + copy) << self.shift
    }

    /// Where an access lies in memory, unless it is not within one value.
    #[inline]
    pub(super) fn range(&self, within: u64, size: usize) -> Option<Range<usize>> {
        let (cell, at) = (len(within >> self.shift), self.offset(within));
        if at > self.size || size > self.size - at {
            return None;
        }
        let start = cell.checked_mul(self.step)? + at;
        (start + size <= self.bytes.len()).then_some(start..start + size)
    }

    /// How far into its value an address is, or how far behind it.
    pub(super) fn offset(&self, within: u64) -> usize {
        len(within & ((1 << self.shift) - 1))
    }

    /// Bytes of a value.
    pub(super) fn size(&self) -> usize {
        self.size
    }

    pub(super) fn copies(&self) -> usize {
        self.copies
    }

    #[inline]
    pub(super) fn bytes(&self, range: Range<usize>) -> &[u8] {
        self.bytes.get(range).unwrap_or_default()
    }

    #[inline]
    pub(super) fn bytes_mut(&mut self, range: Range<usize>) -> &mut [u8] {
        self.bytes.get_mut(range).unwrap_or_default()
    }

    /// All copies of a value, as user space reads them: rounded up where there are several.
    pub(super) fn all(&self, value: usize) -> Vec<u8> {
        self.get(value).unwrap_or_default().to_vec()
    }

    /// The bytes that `all` copies; nothing beyond the last value.
    pub(super) fn get(&self, value: usize) -> Option<&[u8]> {
        let start = value.checked_mul(self.copies * self.step)?;
        self.bytes.get(start..start.checked_add(self.all_len())?)
    }

    /// Bytes that `all` gives and `put_all` takes.
    pub(super) fn all_len(&self) -> usize {
        if self.copies == 1 { self.size } else { self.copies * self.step }
    }

    /// Puts what user space wrote: all copies.
    pub(super) fn put_all(&mut self, value: usize, all: &[u8]) {
        let start = value * self.copies * self.step;
        let len = self.all_len().min(all.len());
        self.bytes_mut(start..start + len).copy_from_slice(&all[..len]);
    }

    /// Puts what a program on a CPU wrote: its own copy.
    pub(super) fn put_own(&mut self, value: usize, copy: usize, bytes: &[u8]) {
        let start = (value * self.copies + copy) * self.step;
        let len = self.size.min(bytes.len());
        self.bytes_mut(start..start + len).copy_from_slice(&bytes[..len]);
    }

    /// Makes all copies of a value zero.
    pub(super) fn zero(&mut self, value: usize) {
        let start = value * self.copies * self.step;
        self.bytes_mut(start..start + self.copies * self.step).fill(0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_access_lies_within_one_value_or_nowhere() {
        for size in 1..40 {
            let mut cells = Cells::new(size, 2);
            cells.grow(3);
            for (value, copy) in [(0, 0), (0, 1), (2, 1)] {
                let from = cells.within(value, copy);
                let start = (value * 2 + copy) * size.next_multiple_of(8);
                assert_eq!(cells.range(from, size), Some(start..start + size));
                let end = wide(size);
                assert_eq!(cells.range(from + end - 1, 1), Some(start + size - 1..start + size));
                assert_eq!(cells.range(from + end, 1), None);
                assert_eq!(cells.range(from + 1, size), None);
                assert_eq!(cells.range(from.wrapping_sub(1), 1), None);
            }
            assert_eq!(cells.range(cells.within(3, 0), 1), None);
        }
    }

    #[test]
    fn what_a_program_writes_is_its_own_copy_and_what_user_space_writes_is_all() {
        let mut cells = Cells::new(3, 2);
        cells.grow(2);
        cells.put_own(1, 1, &[1, 2, 3]);
        assert_eq!(cells.all(1), [0, 0, 0, 0, 0, 0, 0, 0, 1, 2, 3, 0, 0, 0, 0, 0]);
        cells.put_all(1, &[9; 16]);
        assert_eq!(cells.all(1), [9; 16]);
        assert_eq!(cells.all(0), [0; 16]);
        cells.zero(1);
        assert_eq!(cells.all(1), [0; 16]);
    }
}
