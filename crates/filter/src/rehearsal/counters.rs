//! The counters of a program in the interpreter: which of them a run has raised.
//!
//! Only those are read that the program looked up, so that thousands of rows cost no more than ten.

use std::ops::RangeInclusive;

use palisade_asm::vm::Vm;

use super::{Fault, Half, Hits};
use crate::plan::{COUNTERS, Decider, Row, RowId};

/// The counters as they were seen last.
#[derive(Clone, Debug)]
pub struct Counters {
    map: usize,
    /// By place: first what was carried out, then what would have been dropped.
    seen: Vec<Hits>,
    /// By row, whether it is a `count` rule's.
    kinds: Vec<Kind>,
    found: Vec<usize>,
}

/// What a row is to a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Decides,
    Counts,
}

/// How the counters have grown in one run.
pub struct Grown {
    /// How many rows there are.
    rows: usize,
    deciding: Option<(RowId, Half, Hits)>,
    counted: Vec<(RowId, Hits)>,
}

/// Where a packet was counted.
pub struct Counted {
    pub row: RowId,
    pub half: Half,
    pub counted: Vec<RowId>,
    pub bytes: u64,
}

impl Counters {
    /// The counters of a program with these rows, if it has them; from here on it is noted which of
    /// them are looked up.
    pub fn of(vm: &mut Vm, rows: &[Row]) -> Option<Self> {
        let map = vm.maps().find(COUNTERS)?;
        vm.maps_mut().note_found(map);
        let kind = |row: &Row| match row.decider {
            Decider::Count => Kind::Counts,
            Decider::Off
            | Decider::Malformed(_)
            | Decider::Keep
            | Decider::Rule
            | Decider::Unrouted(_)
            | Decider::Fragment
            | Decider::Default => Kind::Decides,
        };
        let kinds: Vec<Kind> = rows.iter().map(kind).collect();
        Some(Self { map, seen: vec![[0; 2]; rows.len() * 2], kinds, found: Vec::new() })
    }

    /// How they have grown since the last call; the error is [`Fault::Counted`] if two deciding rows
    /// have.
    pub fn grown(&mut self, vm: &mut Vm) -> Result<Grown, Fault> {
        self.found.clear();
        vm.maps_mut().take_found(self.map, &mut self.found);
        self.found.sort_unstable();
        self.found.dedup();
        let rows = self.kinds.len();
        let mut grown = Grown { rows, deciding: None, counted: Vec::new() };
        let mut twice = Vec::new();
        for place in &self.found {
            let now = vm.maps().at(self.map, *place).and_then(hits).unwrap_or_default();
            let Some(seen) = self.seen.get_mut(*place) else { continue };
            let by = [now[0].wrapping_sub(seen[0]), now[1].wrapping_sub(seen[1])];
            *seen = now;
            if by == [0, 0] {
                continue;
            }
            let row = RowId(place % rows);
            let half = if *place < rows { Half::Enforced } else { Half::Shadow };
            match (self.kinds[row.index()], half, grown.deciding) {
                (Kind::Counts, Half::Enforced, _) => grown.counted.push((row, by)),
                (Kind::Decides, _, None) => grown.deciding = Some((row, half, by)),
                (Kind::Counts, Half::Shadow, _) | (Kind::Decides, _, Some(_)) => {
                    twice.push((*place, by));
                }
            }
        }
        if twice.is_empty() {
            return Ok(grown);
        }
        twice.extend(grown.places());
        twice.sort_unstable();
        Err(Fault::Counted(twice))
    }

    /// What a row had counted when it was last raised.
    pub fn total(&self, row: RowId, half: Half) -> Hits {
        self.seen.get(place(row, half, self.kinds.len())).copied().unwrap_or_default()
    }
}

impl Grown {
    /// The one row that decides, and the others; the bytes counted must be among `bytes`, and every
    /// row must count the same.
    pub fn decided(self, bytes: RangeInclusive<u64>) -> Result<Counted, Fault> {
        if let Some((row, half, by)) = self.deciding {
            let same = self.counted.iter().all(|(_, other)| *other == by);
            if by[0] == 1 && bytes.contains(&by[1]) && same {
                let counted = self.counted.into_iter().map(|(row, _)| row).collect();
                return Ok(Counted { row, half, counted, bytes: by[1] });
            }
        }
        Err(Fault::Counted(self.places()))
    }

    fn places(&self) -> Vec<(usize, Hits)> {
        let place = |row: &RowId, half: &Half| place(*row, *half, self.rows);
        let deciding = self.deciding.iter().map(|(row, half, by)| (place(row, half), *by));
        let counted = self.counted.iter().map(|(row, by)| (row.index(), *by));
        deciding.chain(counted).collect()
    }
}

fn place(row: RowId, half: Half, rows: usize) -> usize {
    match half {
        Half::Enforced => row.index(),
        Half::Shadow => row.index() + rows,
    }
}

/// The counters with which a value begins.
pub fn hits(value: &[u8]) -> Option<Hits> {
    let (packets, rest) = value.split_first_chunk()?;
    let (bytes, _) = rest.split_first_chunk()?;
    Some([u64::from_ne_bytes(*packets), u64::from_ne_bytes(*bytes)])
}
