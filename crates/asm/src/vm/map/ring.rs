//! Ring buffers: records in the order in which they were reserved, until they are taken.
//!
//! A record takes its bytes and eight more, rounded up to eight, as in the kernel; its address
//! follows from its place in the stream of all records, so that none is ever another's.

use std::collections::BTreeMap;

use crate::vm::number::{len, wide};

/// Bytes before each record.
const HEADER: u64 = 8;
/// No record is longer.
const LONGEST: u64 = (1 << 30) - 1;

/// A ring buffer.
#[derive(Clone, Debug)]
pub(in crate::vm) struct Ring {
    size: u64,
    /// Where the next record is made, and where the next one is taken, in the stream of all.
    produced: u64,
    consumed: u64,
    /// By where they begin, their header left out.
    records: BTreeMap<u64, Record>,
}

#[derive(Clone, Debug)]
struct Record {
    bytes: Vec<u8>,
    state: State,
}

/// What became of a record.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(in crate::vm) enum State {
    /// It is being written.
    Reserved,
    /// It can be taken.
    Submitted,
    /// It is passed over.
    Discarded,
}

impl Ring {
    pub(super) fn new(size: u32) -> Self {
        Self { size: size.into(), produced: 0, consumed: 0, records: BTreeMap::new() }
    }

    /// Where a new record begins; nothing when there is no room for it.
    pub(in crate::vm) fn reserve(&mut self, size: u64) -> Option<u64> {
        if size > LONGEST {
            return None;
        }
        let whole = (size + HEADER).next_multiple_of(8);
        if whole > self.size || self.produced + whole - self.consumed > self.size - 1 {
            return None;
        }
        let at = self.produced + HEADER;
        self.produced += whole;
        let record = Record { bytes: vec![0; len(size)], state: State::Reserved };
        self.records.insert(at, record);
        Some(at)
    }

    /// Hands in a reserved record; whether there was one.
    pub(in crate::vm) fn finish(&mut self, at: u64, state: State) -> bool {
        match self.records.get_mut(&at) {
            Some(record) if record.state == State::Reserved => {
                record.state = state;
                true
            }
            Some(_) | None => false,
        }
    }

    /// Drops what was reserved and is never handed in.
    pub(in crate::vm) fn discard_reserved(&mut self) {
        let reserved = self.records.values_mut().filter(|r| r.state == State::Reserved);
        reserved.for_each(|record| record.state = State::Discarded);
    }

    /// The bytes of a reserved record, and how far into it an address is.
    pub(in crate::vm) fn record(&self, within: u64) -> Option<(&[u8], u64)> {
        let (at, record) = self.records.range(..=within).next_back()?;
        (record.state == State::Reserved).then_some((record.bytes.as_slice(), within - at))
    }

    pub(in crate::vm) fn record_mut(&mut self, within: u64) -> Option<(&mut [u8], u64)> {
        let (at, record) = self.records.range_mut(..=within).next_back()?;
        (record.state == State::Reserved).then_some((record.bytes.as_mut_slice(), within - at))
    }

    /// What `bpf_ringbuf_query` tells.
    pub(in crate::vm) fn query(&self, what: u64) -> u64 {
        match what {
            0 => self.produced - self.consumed,
            1 => self.size,
            2 => self.consumed,
            3 => self.produced,
            _ => 0,
        }
    }

    /// Takes the submitted records up to the first one that is still being written.
    pub(super) fn take(&mut self) -> Vec<Vec<u8>> {
        let mut taken = Vec::new();
        while let Some(first) = self.records.first_entry() {
            if first.get().state == State::Reserved {
                break;
            }
            let (at, record) = first.remove_entry();
            self.consumed = at + wide(record.bytes.len()).next_multiple_of(8);
            if record.state == State::Submitted {
                taken.push(record.bytes);
            }
        }
        taken
    }
}
