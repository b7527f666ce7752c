//! Arrays: every index has a value from the start, and none ever goes.

use super::cells::Cells;
use super::refusal::{Insert, MapRefusal, Writer};

/// An array of values.
#[derive(Clone, Debug)]
pub(super) struct Array {
    pub(super) cells: Cells,
    len: u32,
}

impl Array {
    /// An array of zeros.
    pub(super) fn new(size: usize, copies: usize, len: u32) -> Self {
        let mut cells = Cells::new(size, copies);
        cells.grow(usize::try_from(len).unwrap_or(usize::MAX));
        Self { cells, len }
    }

    /// The value of a key.
    #[inline]
    pub(super) fn find(&self, key: &[u8]) -> Option<usize> {
        let index = index(key)?;
        if index < self.len { usize::try_from(index).ok() } else { None }
    }

    pub(super) fn put(
        &mut self,
        key: &[u8],
        value: &[u8],
        how: Insert,
        writer: Writer,
    ) -> Result<(), MapRefusal> {
        let at = self.find(key).ok_or(MapRefusal::TooBig)?;
        how.check(Some(at))?;
        match writer {
            Writer::User => self.cells.put_all(at, value),
            Writer::Cpu(cpu) => self.cells.put_own(at, cpu, value),
        }
        Ok(())
    }

    pub(super) fn keys(&self) -> impl Iterator<Item = Vec<u8>> {
        (0..self.len).map(|index| index.to_ne_bytes().to_vec())
    }
}

/// The index that a key is.
#[inline]
pub(super) fn index(key: &[u8]) -> Option<u32> {
    Some(u32::from_ne_bytes(key.try_into().ok()?))
}
