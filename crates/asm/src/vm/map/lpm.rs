//! Longest prefix match: of the prefixes that were put, the longest one that a key begins with.
//!
//! A key is the number of its bits that count, in the order of the machine, and then the bits, the
//! highest of the first byte first. Prefixes of one length are in one table, so that a look-up
//! asks as many tables as there are lengths.

use std::collections::{BTreeMap, HashMap};

use super::cells::Cells;
use super::refusal::{Insert, MapRefusal};

/// A trie, to whoever only asks it.
#[derive(Clone, Debug)]
pub(super) struct Lpm {
    pub(super) cells: Cells,
    /// By length: where the value of the bits is, and how the key was written.
    tables: BTreeMap<u32, HashMap<Box<[u8]>, Entry>>,
    free: Vec<usize>,
    made: usize,
    len: usize,
    most: usize,
    /// Bits of the longest prefix.
    bits: u32,
}

#[derive(Clone, Debug)]
struct Entry {
    at: usize,
    /// The bits that count and those that do not.
    data: Box<[u8]>,
}

impl Lpm {
    /// A trie of keys of so many bytes, four of them the length.
    pub(super) fn new(key_size: u32, size: usize, most: u32) -> Self {
        Self {
            cells: Cells::new(size, 1),
            tables: BTreeMap::new(),
            free: Vec::new(),
            made: 0,
            len: 0,
            most: usize::try_from(most).unwrap_or(usize::MAX),
            bits: key_size.saturating_sub(4) * 8,
        }
    }

    /// The length of a key and its bits, those that do not count made zero.
    fn parts(&self, key: &[u8]) -> Option<(u32, Vec<u8>)> {
        let (len, data) = key.split_first_chunk()?;
        let len = u32::from_ne_bytes(*len);
        (len <= self.bits).then(|| (len, masked(data, len)))
    }

    /// The value of the longest prefix of a key.
    pub(super) fn find(&self, key: &[u8]) -> Option<usize> {
        let (len, mut data) = self.parts(key)?;
        for (len, table) in self.tables.range(..=len).rev() {
            mask(&mut data, *len);
            if let Some(entry) = table.get(data.as_slice()) {
                return Some(entry.at);
            }
        }
        None
    }

    pub(super) fn put(&mut self, key: &[u8], value: &[u8], how: Insert) -> Result<(), MapRefusal> {
        let (len, bits) = self.parts(key).ok_or(MapRefusal::Invalid)?;
        let data: Box<[u8]> = key.get(4..).unwrap_or_default().into();
        let found = self.tables.get_mut(&len).and_then(|table| table.get_mut(bits.as_slice()));
        let at = if let Some(entry) = how.check(found)? {
            entry.data = data;
            entry.at
        } else {
            let at = self.place()?;
            self.tables.entry(len).or_default().insert(bits.into(), Entry { at, data });
            at
        };
        self.cells.put_all(at, value);
        Ok(())
    }

    fn place(&mut self) -> Result<usize, MapRefusal> {
        if self.len >= self.most {
            return Err(MapRefusal::NoSpace);
        }
        self.len += 1;
        Ok(self.free.pop().unwrap_or_else(|| {
            self.cells.grow(1);
            self.made += 1;
            self.made - 1
        }))
    }

    pub(super) fn delete(&mut self, key: &[u8]) -> Result<(), MapRefusal> {
        let (len, bits) = self.parts(key).ok_or(MapRefusal::Invalid)?;
        let table = self.tables.get_mut(&len).ok_or(MapRefusal::Missing)?;
        let entry = table.remove(bits.as_slice()).ok_or(MapRefusal::Missing)?;
        if table.is_empty() {
            self.tables.remove(&len);
        }
        self.free.push(entry.at);
        self.len -= 1;
        Ok(())
    }

    pub(super) fn len(&self) -> usize {
        self.len
    }

    /// The keys, the shortest first, and of one length in the order of their bits; each with the
    /// place of its value.
    pub(super) fn entries(&self) -> Vec<(Vec<u8>, usize)> {
        let mut entries = Vec::with_capacity(self.len);
        for (len, table) in &self.tables {
            let mut of_len: Vec<_> = table.iter().collect();
            of_len.sort_unstable_by_key(|(bits, _)| *bits);
            let key = |entry: &Entry| [len.to_ne_bytes().as_slice(), &entry.data].concat();
            entries.extend(of_len.into_iter().map(|(_, entry)| (key(entry), entry.at)));
        }
        entries
    }
}

fn masked(data: &[u8], bits: u32) -> Vec<u8> {
    let mut data = data.to_vec();
    mask(&mut data, bits);
    data
}

/// Makes every bit zero from the given one on.
fn mask(data: &mut [u8], bits: u32) {
    let whole = usize::try_from(bits / 8).unwrap_or(usize::MAX);
    if let Some(rest) = data.get_mut(whole..)
        && let Some((partial, rest)) = rest.split_first_mut()
    {
        *partial &= !(0xff >> (bits % 8));
        rest.fill(0);
    }
}
