//! Constant lists that are too long to be compared one by one: which rule a key belongs to.
//!
//! A table is one value of an array map, so that the program reaches it without a call. Of the
//! rules that hold a key, the first one has it, as in the policy.
//!
//! - Ports: the row of each of the 65536 ports; 0 is none.
//! - IPv4: for each upper half of an address, where its entries begin and, in the next cell, end;
//!   then the lower halves at which each entry begins, then their rows. An upper half with any
//!   entry has one that begins at 0.
//! - IPv6: the first address of each entry, as two words in order of weight, then the rows. There
//!   are a power of two of them; the first begins at 0, the last ones are alike.

use std::collections::BTreeSet;

use palisade_asm::{MapDecl, MapFlags, MapKind};

use super::rows::RowId;
use super::target::ByteOrder;

/// What a table is keyed by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum TableKind {
    /// A port.
    Ports,
    /// An IPv4 address.
    V4,
    /// An IPv6 address.
    V6,
}

/// A table: keys from a first to a last one, in order and apart, and the row of each.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Table {
    /// What it is keyed by.
    pub kind: TableKind,
    spans: Vec<(u128, u128, RowId)>,
}

/// The place of a table in the plan.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct TableId(pub(super) usize);

impl TableId {
    /// The index into the tables of the plan.
    pub const fn index(self) -> usize {
        self.0
    }
}

/// Where the parts of a range table stand in its value, and how it is searched.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Layout {
    /// Where the beginnings of the entries stand.
    pub starts: u32,
    /// Where their rows stand.
    pub rows: u32,
    /// How many entries there is room for, a power of two.
    pub room: u32,
    /// How often an interval is halved until one entry is left.
    pub halvings: u32,
    size: u32,
}

const UPPER_HALVES: u32 = 65536;

impl Table {
    /// The table of rules in order, each with its ranges.
    pub fn of(kind: TableKind, rules: &[(Vec<(u128, u128)>, RowId)]) -> Self {
        Self { kind, spans: overlay(rules) }
    }

    /// The rows that some key belongs to.
    pub fn rows(&self) -> BTreeSet<RowId> {
        self.spans.iter().map(|(_, _, row)| *row).collect()
    }

    /// The row that has a key.
    pub fn row_of(&self, key: u128) -> Option<RowId> {
        let after = self.spans.partition_point(|(first, _, _)| *first <= key);
        let (_, last, row) = self.spans.get(after.checked_sub(1)?)?;
        (key <= *last).then_some(*row)
    }

    /// The map.
    pub fn map(&self, id: TableId) -> MapDecl {
        MapDecl {
            name: format!("_table{}", id.index()),
            kind: MapKind::Array,
            key_size: 4,
            value_size: self.layout().size,
            max_entries: 1,
            flags: MapFlags::NONE,
        }
    }

    /// Where its parts stand.
    pub fn layout(&self) -> Layout {
        match self.kind {
            TableKind::Ports => {
                Layout { starts: 0, rows: 0, room: 65536, halvings: 0, size: 4 * 65536 }
            }
            TableKind::V4 => {
                let (index, entries) = self.by_upper_half();
                let room = len32(entries.len()).next_power_of_two();
                let most = index.windows(2).map(|w| w[1] - w[0]).max().unwrap_or(0);
                // The starts end on a multiple of eight for the rows behind them.
                let starts = (UPPER_HALVES + 2) * 4;
                let rows = starts + (2 * room).next_multiple_of(8);
                let size = rows + 4 * room;
                Layout { starts, rows, room, halvings: halvings(most), size }
            }
            TableKind::V6 => {
                let room = len32(self.boundaries().len()).next_power_of_two();
                let rows = 8 + 16 * room;
                Layout { starts: 8, rows, room, halvings: halvings(room), size: rows + 4 * room }
            }
        }
    }

    /// What the value holds.
    pub fn bytes(&self, order: ByteOrder) -> Vec<u8> {
        let layout = self.layout();
        let mut out = Bytes { order, bytes: vec![0; layout.size as usize] };
        match self.kind {
            TableKind::Ports => {
                for (first, last, row) in &self.spans {
                    for port in *first..=*last {
                        out.put32(port as u32 * 4, row.word());
                    }
                }
            }
            TableKind::V4 => {
                let (index, entries) = self.by_upper_half();
                for (at, begin) in (0..).zip(&index) {
                    out.put32(at * 4, *begin);
                }
                for (at, (start, row)) in (0..).zip(&entries) {
                    out.put16(layout.starts + at * 2, *start);
                    out.put32(layout.rows + at * 4, *row);
                }
            }
            TableKind::V6 => {
                let boundaries = self.boundaries();
                let last = boundaries.last().copied().unwrap_or((0, 0));
                for at in 0..layout.room {
                    let (start, row) =
                        boundaries.get(at as usize).copied().unwrap_or((u128::MAX, last.1));
                    out.put64(layout.starts + at * 16, (start >> 64) as u64);
                    out.put64(layout.starts + at * 16 + 8, start as u64);
                    out.put32(layout.rows + at * 4, row);
                }
            }
        }
        out.bytes
    }

    /// Every place where the row changes, the first at 0; row 0 is none.
    fn boundaries(&self) -> Vec<(u128, u32)> {
        let mut all = vec![(0, 0)];
        for (first, last, row) in &self.spans {
            if all.last().is_some_and(|(start, _)| start == first) {
                all.pop();
            }
            all.push((*first, row.word()));
            if let Some(next) = last.checked_add(1) {
                all.push((next, 0));
            }
        }
        all
    }

    /// Where the entries of each upper half begin, with the end of the last; and the entries.
    fn by_upper_half(&self) -> (Vec<u32>, Vec<(u16, u32)>) {
        let mut parts: Vec<Vec<(u16, u32)>> = vec![Vec::new(); UPPER_HALVES as usize];
        for (first, last, row) in &self.spans {
            for upper in (first >> 16)..=(last >> 16) {
                let part = &mut parts[upper as usize];
                let from = if upper == first >> 16 { (first & 0xffff) as u16 } else { 0 };
                if part.last().is_some_and(|(start, _)| *start == from) {
                    part.pop();
                }
                if part.is_empty() && from > 0 {
                    part.push((0, 0));
                }
                part.push((from, row.word()));
                if upper == last >> 16 && last & 0xffff != 0xffff {
                    part.push(((last & 0xffff) as u16 + 1, 0));
                }
            }
        }
        let mut index = vec![0];
        let mut entries = Vec::new();
        for part in parts {
            entries.extend(part);
            index.push(len32(entries.len()));
        }
        (index, entries)
    }
}

impl RowId {
    fn word(self) -> u32 {
        len32(self.index())
    }
}

fn len32(len: usize) -> u32 {
    u32::try_from(len).expect("rows and entries are bounded by the length of a text")
}

fn halvings(most: u32) -> u32 {
    most.max(1).next_power_of_two().trailing_zeros()
}

struct Bytes {
    order: ByteOrder,
    bytes: Vec<u8>,
}

impl Bytes {
    fn put(&mut self, at: u32, mut little: Vec<u8>) {
        if self.order == ByteOrder::Big {
            little.reverse();
        }
        let at = at as usize;
        self.bytes[at..at + little.len()].copy_from_slice(&little);
    }

    fn put16(&mut self, at: u32, word: u16) {
        self.put(at, word.to_le_bytes().to_vec());
    }

    fn put32(&mut self, at: u32, word: u32) {
        self.put(at, word.to_le_bytes().to_vec());
    }

    fn put64(&mut self, at: u32, word: u64) {
        self.put(at, word.to_le_bytes().to_vec());
    }
}

/// Where ranges of several rules overlap, the first rule has the keys; what is left of each, in
/// order. Neighbours of one rule are one span.
fn overlay(rules: &[(Vec<(u128, u128)>, RowId)]) -> Vec<(u128, u128, RowId)> {
    // Each range begins to hold at its first key and ceases behind its last.
    let mut events: Vec<(u128, bool, usize)> = Vec::new();
    for (at, (ranges, _)) in rules.iter().enumerate() {
        for (first, last) in ranges {
            events.push((*first, true, at));
            events.extend(last.checked_add(1).map(|next| (next, false, at)));
        }
    }
    events.sort_unstable();
    let mut holding = BTreeSet::new();
    let mut spans: Vec<(u128, u128, RowId)> = Vec::new();
    let mut events = events.into_iter().peekable();
    while let Some((key, begins, at)) = events.next() {
        if begins {
            holding.insert(at)
        } else {
            holding.remove(&at)
        };
        if events.peek().is_some_and(|(next, _, _)| *next == key) {
            continue;
        }
        let Some(first) = holding.first() else { continue };
        let row = rules[*first].1;
        let last = events.peek().map_or(u128::MAX, |(next, _, _)| next - 1);
        match spans.last_mut() {
            Some(before) if before.2 == row && before.1.checked_add(1) == Some(key) => {
                before.1 = last;
            }
            _ => spans.push((key, last, row)),
        }
    }
    spans
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(n: usize) -> RowId {
        RowId(n)
    }

    /// Numbers that look random and are the same in every run.
    fn numbers(seed: u64) -> impl FnMut() -> u128 {
        let mut state = seed;
        move || {
            state = state.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
            u128::from(state >> 33)
        }
    }

    /// Rules with ranges below `most`, many of which overlap and touch.
    fn rules(seed: u64, most: u128) -> Vec<(Vec<(u128, u128)>, RowId)> {
        let mut next = numbers(seed);
        let mut range = || {
            let first = next() % most;
            (first, (first + next() % (most / 8 + 1)).min(most - 1))
        };
        (1..30).map(|n| (vec![range()], row(n))).collect()
    }

    fn owner(rules: &[(Vec<(u128, u128)>, RowId)], key: u128) -> Option<RowId> {
        let holds = |(ranges, _): &&(Vec<(u128, u128)>, RowId)| {
            ranges.iter().any(|(first, last)| (*first..=*last).contains(&key))
        };
        rules.iter().find(holds).map(|(_, row)| *row)
    }

    /// What the program finds, by the bytes of the value alone.
    fn found((kind, layout, bytes): &(TableKind, Layout, Vec<u8>), key: u128) -> u32 {
        let word = |at: u32, len: usize| {
            let at = at as usize;
            bytes[at..at + len].iter().rev().fold(0u64, |all, b| all << 8 | u64::from(*b))
        };
        let start = |entry: u32| match kind {
            TableKind::Ports => 0,
            TableKind::V4 => u128::from(word(layout.starts + entry * 2, 2)),
            TableKind::V6 => {
                let at = layout.starts + entry * 16;
                u128::from(word(at, 8)) << 64 | u128::from(word(at + 8, 8))
            }
        };
        let (mut entry, end, low) = match kind {
            TableKind::Ports => return word(key as u32 * 4, 4) as u32,
            TableKind::V4 => {
                let at = (key >> 16) as u32 * 4;
                (word(at, 4) as u32, word(at + 4, 4) as u32, key & 0xffff)
            }
            TableKind::V6 => (0, layout.room, key),
        };
        if entry >= end {
            return 0;
        }
        for step in (0..layout.halvings).rev().map(|bit| 1 << bit) {
            if entry + step < end && start(entry + step) <= low {
                entry += step;
            }
        }
        word(layout.rows + entry * 4, 4) as u32
    }

    #[test]
    fn a_key_has_the_row_of_the_first_rule_that_holds_it() {
        for (kind, most) in
            [(TableKind::Ports, 65536), (TableKind::V4, 1 << 18), (TableKind::V6, 1 << 40)]
        {
            for seed in 0..20 {
                let rules = rules(seed, most);
                let table = Table::of(kind, &rules);
                let value = (kind, table.layout(), table.bytes(ByteOrder::Little));
                let edges =
                    rules.iter().flat_map(|(ranges, _)| ranges).flat_map(|(first, last)| {
                        [
                            first.saturating_sub(1),
                            *first,
                            first + 1,
                            last.saturating_sub(1),
                            *last,
                            last + 1,
                        ]
                    });
                for key in edges.filter(|key| *key < most).chain([0, most - 1]) {
                    let want = owner(&rules, key);
                    assert_eq!(table.row_of(key), want, "{kind:?} {key}");
                    let word = want.map_or(0, |row| row.index() as u32);
                    assert_eq!(found(&value, key), word, "{kind:?} {key}");
                }
            }
        }
    }

    #[test]
    fn the_ends_of_the_address_space_are_found() {
        for (kind, last) in [(TableKind::V4, u128::from(u32::MAX)), (TableKind::V6, u128::MAX)] {
            let rules = [(vec![(last, last)], row(3)), (vec![(0, 0), (9, last)], row(4))];
            let table = Table::of(kind, &rules);
            let value = (kind, table.layout(), table.bytes(ByteOrder::Little));
            for (key, want) in [(0, 4), (1, 0), (8, 0), (9, 4), (last - 1, 4), (last, 3)] {
                assert_eq!(found(&value, key), want, "{kind:?} {key}");
            }
        }
    }
}
