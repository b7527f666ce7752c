//! Constant lists that are too long to be compared one by one: which rule a key belongs to.
//!
//! Of the rules that hold a key, the first one has it, as in the policy. A table has
//! one of these forms:
//!
//! - Ports: the row of each of the 65536 ports; 0 is none.
//! - Sorted: a word that is 0, then the first key of each entry, then the rows. There are a power of
//!   two of entries; the first begins at 0, the last ones are alike. An IPv6 key is two words in
//!   order of weight.
//! - Indexed, for many IPv4 addresses: for each upper half of an address, where its entries begin
//!   and, in the next cell, end; then the lower halves at which each entry begins, then their rows.
//!   An upper half with any entry has one that begins at 0.

use std::collections::BTreeSet;

use super::overlay::{Span, overlay};
use super::rows::RowId;
use palisade_asm::ByteOrder;

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

/// A table: what it holds, and how.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Table {
    spans: Vec<Span>,
    contents: Contents,
    layout: Layout,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Contents {
    Ports,
    /// Each entry with its first key.
    Sorted(Vec<(u128, u32)>),
    /// Where the entries of each upper half begin, with the end of the last; and the entries.
    Indexed(Vec<u32>, Vec<(u16, u32)>),
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

/// How a table is searched.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// By the port itself.
    Ports,
    /// By halving, with keys of four bytes.
    Sorted4,
    /// By halving, with keys of sixteen bytes.
    Sorted6,
    /// By the upper half of an IPv4 address, then by halving.
    Indexed,
}

/// Where the parts of a table stand in the value of the map, and how it is searched.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Layout {
    /// How it is searched.
    pub form: Form,
    /// Where the table begins: with the index, where it has one, else with a word that is 0.
    pub base: u32,
    /// Where the beginnings of the entries stand.
    pub starts: u32,
    /// Where their rows stand.
    pub rows: u32,
    /// How many entries there is room for, a power of two.
    pub room: u32,
    /// How often an interval is halved until one entry is left.
    pub halvings: u32,
    /// The bytes of all of it.
    pub(super) size: u32,
}

impl Layout {
    /// The same, that far into the value.
    pub(super) fn moved(self, by: u32) -> Self {
        let Self { base, starts, rows, .. } = self;
        Self { base: base + by, starts: starts + by, rows: rows + by, ..self }
    }
}

const UPPER_HALVES: u32 = 65536;
/// Where the entries of a table without an index begin.
const HEAD: u32 = 8;
/// A longer table of IPv4 addresses is worth an index of 256 KiB.
const MOST_SORTED: usize = 2048;

impl Table {
    /// The table of rules in order, each with its ranges.
    pub fn of(kind: TableKind, rules: &[(Vec<(u128, u128)>, RowId)]) -> Self {
        let spans = overlay(rules);
        let contents = match kind {
            TableKind::Ports => Contents::Ports,
            TableKind::V4 if spans.len() > MOST_SORTED => indexed(&spans),
            TableKind::V4 => Contents::Sorted(boundaries(&spans, u32::MAX.into())),
            TableKind::V6 => Contents::Sorted(boundaries(&spans, u128::MAX)),
        };
        let layout = layout(kind, &contents);
        Self { spans, contents, layout }
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

    /// Where its parts stand, seen from its beginning.
    pub const fn layout(&self) -> Layout {
        self.layout
    }

    /// What it holds.
    pub fn bytes(&self, order: ByteOrder) -> Vec<u8> {
        let Layout { form, starts, rows, room, size, .. } = self.layout;
        let mut out = Bytes { order, bytes: vec![0; size as usize] };
        match &self.contents {
            Contents::Ports => {
                for (first, last, row) in &self.spans {
                    for port in *first..=*last {
                        out.put32(rows + port as u32 * 4, row.word());
                    }
                }
            }
            Contents::Sorted(entries) => {
                let last = entries.last().map_or(0, |(_, row)| *row);
                let all = entries.iter().copied().chain(std::iter::repeat((u128::MAX, last)));
                for (at, (start, row)) in (0..room).zip(all) {
                    match form {
                        Form::Sorted6 => {
                            out.put64(starts + at * 16, (start >> 64) as u64);
                            out.put64(starts + at * 16 + 8, start as u64);
                        }
                        Form::Sorted4 | Form::Ports | Form::Indexed => {
                            out.put32(starts + at * 4, start as u32);
                        }
                    }
                    out.put32(rows + at * 4, row);
                }
            }
            Contents::Indexed(index, entries) => {
                for (at, begin) in (0..).zip(index) {
                    out.put32(at * 4, *begin);
                }
                for (at, (start, row)) in (0..).zip(entries) {
                    out.put16(starts + at * 2, *start);
                    out.put32(rows + at * 4, *row);
                }
            }
        }
        out.bytes
    }
}

fn layout(kind: TableKind, contents: &Contents) -> Layout {
    match contents {
        Contents::Ports => Layout {
            form: Form::Ports,
            base: 0,
            starts: 0,
            rows: 0,
            room: 65536,
            halvings: 0,
            size: 4 * 65536,
        },
        Contents::Sorted(entries) => {
            let room = len32(entries.len()).next_power_of_two();
            let (form, key) =
                if kind == TableKind::V6 { (Form::Sorted6, 16) } else { (Form::Sorted4, 4) };
            let rows = HEAD + (key * room).next_multiple_of(8);
            let size = (rows + 4 * room).next_multiple_of(8);
            Layout { form, base: 0, starts: HEAD, rows, room, halvings: halvings(room), size }
        }
        Contents::Indexed(index, entries) => {
            let room = len32(entries.len()).next_power_of_two();
            let most = index.windows(2).map(|w| w[1] - w[0]).max().unwrap_or(0);
            let starts = (UPPER_HALVES + 2) * 4;
            let rows = starts + (2 * room).next_multiple_of(8);
            let size = (rows + 4 * room).next_multiple_of(8);
            Layout {
                form: Form::Indexed,
                base: 0,
                starts,
                rows,
                room,
                halvings: halvings(most),
                size,
            }
        }
    }
}

/// Every place up to `most` where the row changes, the first at 0; row 0 is none.
fn boundaries(spans: &[Span], most: u128) -> Vec<(u128, u32)> {
    let mut all = vec![(0, 0)];
    for (first, last, row) in spans {
        if all.last().is_some_and(|(start, _)| start == first) {
            all.pop();
        }
        all.push((*first, row.word()));
        if *last < most {
            all.push((last + 1, 0));
        }
    }
    all
}

fn indexed(spans: &[Span]) -> Contents {
    let mut parts: Vec<Vec<(u16, u32)>> = vec![Vec::new(); UPPER_HALVES as usize];
    for (first, last, row) in spans {
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
    Contents::Indexed(index, entries)
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

#[cfg(test)]
mod tests {
    use super::super::tables::Tables;
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
    fn found((layout, bytes): &(Layout, Vec<u8>), key: u128) -> u32 {
        let word = |at: u32, len: usize| {
            let at = at as usize;
            bytes[at..at + len].iter().rev().fold(0u64, |all, b| all << 8 | u64::from(*b))
        };
        let start = |entry: u32| match layout.form {
            Form::Ports => 0,
            Form::Indexed => u128::from(word(layout.starts + entry * 2, 2)),
            Form::Sorted4 => u128::from(word(layout.starts + entry * 4, 4)),
            Form::Sorted6 => {
                let at = layout.starts + entry * 16;
                u128::from(word(at, 8)) << 64 | u128::from(word(at + 8, 8))
            }
        };
        let (mut entry, end, low) = match layout.form {
            Form::Ports => return word(layout.rows + key as u32 * 4, 4) as u32,
            Form::Indexed => {
                let at = layout.base + (key >> 16) as u32 * 4;
                (word(at, 4) as u32, word(at + 4, 4) as u32, key & 0xffff)
            }
            Form::Sorted4 | Form::Sorted6 => (word(layout.base, 4) as u32, layout.room, key),
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

    /// The table behind another one, as it stands in the value.
    fn value(table: &Table) -> (Layout, Vec<u8>) {
        let before = Table::of(TableKind::V4, &[(vec![(1, 2)], row(9))]);
        let tables = Tables::of(vec![before, table.clone()]);
        (tables.layout(TableId(1)), tables.bytes(ByteOrder::Little))
    }

    #[test]
    fn a_key_has_the_row_of_the_first_rule_that_holds_it() {
        for (kind, most) in
            [(TableKind::Ports, 65536), (TableKind::V4, 1 << 18), (TableKind::V6, 1 << 40)]
        {
            for seed in 0..20 {
                let rules = rules(seed, most);
                let table = Table::of(kind, &rules);
                let value = value(&table);
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
    fn many_addresses_are_indexed_and_found() {
        let mut next = numbers(7);
        let rules: Vec<_> = (1..4000)
            .map(|n| {
                let first = next() & 0xffff_ffff;
                (vec![(first, (first + next() % 70_000).min(0xffff_ffff))], row(n))
            })
            .collect();
        let table = Table::of(TableKind::V4, &rules);
        assert_eq!(table.layout().form, Form::Indexed);
        let value = value(&table);
        for (ranges, _) in rules.iter().step_by(7) {
            for key in [ranges[0].0, ranges[0].1, ranges[0].0 / 2] {
                let want = owner(&rules, key).map_or(0, |row| row.index() as u32);
                assert_eq!(found(&value, key), want, "{key}");
            }
        }
    }

    #[test]
    fn the_ends_of_the_address_space_are_found() {
        for (kind, last) in [(TableKind::V4, u128::from(u32::MAX)), (TableKind::V6, u128::MAX)] {
            let rules = [(vec![(last, last)], row(3)), (vec![(0, 0), (9, last)], row(4))];
            let table = Table::of(kind, &rules);
            let value = value(&table);
            for (key, want) in [(0, 4), (1, 0), (8, 0), (9, 4), (last - 1, 4), (last, 3)] {
                assert_eq!(found(&value, key), want, "{kind:?} {key}");
            }
        }
    }
}
