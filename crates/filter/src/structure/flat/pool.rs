//! Entries and nodes that are free.
//!
//! What was never used comes first. What is freed waits in a queue, for a program may still be at it:
//! it is given out again only behind a moment at which every program that ran has ended.

use super::entry::ENTRY_WORDS;
use super::head::{ENTRY_POOL, NODE_POOL};
use super::{Cells, NoRoom, Part, Room};

/// What is free.
#[derive(Clone, Copy)]
pub(super) enum Pool {
    Entries,
    Nodes,
}

/// The words of a pool in the head, from its first on.
#[derive(Clone, Copy)]
enum At {
    /// How many were ever used.
    Used,
    /// The first one of the queue; 0 if it is empty.
    First,
    /// The last one.
    Last,
    /// The last one that no program can be at; 0 if there is none.
    Safe,
}

impl Pool {
    fn word(self, at: At) -> usize {
        at as usize
            + match self {
                Self::Entries => ENTRY_POOL,
                Self::Nodes => NODE_POOL,
            }
    }

    fn get(self, cells: &impl Cells, at: At) -> u32 {
        u32::try_from(cells.load(Part::Head, self.word(at))).unwrap_or(u32::MAX)
    }

    fn set(self, cells: &impl Cells, at: At, value: u32) {
        cells.store(Part::Head, self.word(at), value.into());
    }

    /// Where a free one says which is free behind it.
    fn link(self, room: &Room, number: u32) -> (Part, usize) {
        match self {
            Self::Entries => (Part::Entries, number as usize * ENTRY_WORDS + 3),
            Self::Nodes => (Part::Links, number.saturating_sub(room.roots.nodes()) as usize),
        }
    }

    /// The numbers that there are.
    pub fn numbers(self, room: &Room) -> std::ops::Range<u32> {
        match self {
            Self::Entries => 1..room.entries + 1,
            Self::Nodes => room.roots.nodes()..room.roots.nodes() + room.nodes,
        }
    }

    /// The numbers that were ever used.
    pub fn used(self, cells: &impl Cells, room: &Room) -> std::ops::Range<u32> {
        let all = self.numbers(room);
        all.start..all.end.min(all.start.saturating_add(self.get(cells, At::Used)))
    }

    /// Takes one; `None` if none is free.
    pub fn take(self, cells: &impl Cells, room: &Room) -> Option<u32> {
        let (all, used) = (self.numbers(room), self.used(cells, room));
        if used.end < all.end {
            self.set(cells, At::Used, used.end + 1 - all.start);
            return Some(used.end);
        }
        let first = self.get(cells, At::First);
        if !used.contains(&first) {
            return None;
        }
        if self.get(cells, At::Safe) == 0 {
            cells.grace();
            self.set(cells, At::Safe, self.get(cells, At::Last));
        }
        let (part, word) = self.link(room, first);
        let next = u32::try_from(cells.load(part, word)).unwrap_or(0);
        if first == self.get(cells, At::Safe) {
            self.set(cells, At::Safe, 0);
        }
        self.set(cells, At::First, next);
        if next == 0 {
            self.set(cells, At::Last, 0);
        }
        Some(first)
    }

    /// Takes the first ones, where nothing is in use and no program can be at any.
    pub fn claim(self, cells: &impl Cells, room: &Room, count: u32) -> Result<(), NoRoom> {
        let (all, used) = (self.numbers(room), self.used(cells, room));
        let end = all.start.saturating_add(count);
        if end > all.end {
            return Err(self.none(room));
        }
        if end > used.end {
            self.set(cells, At::Used, count);
        }
        self.restock(cells, room, end..used.end);
        Ok(())
    }

    fn none(self, room: &Room) -> NoRoom {
        match self {
            Self::Entries => NoRoom::Entries(room.entries),
            Self::Nodes => NoRoom::Nodes(room.nodes),
        }
    }

    /// Gives one back.
    pub fn give(self, cells: &impl Cells, room: &Room, number: u32) {
        self.set_link(cells, room, number, 0);
        match self.get(cells, At::Last) {
            0 => self.set(cells, At::First, number),
            last => self.set_link(cells, room, last, number),
        }
        self.set(cells, At::Last, number);
    }

    fn set_link(self, cells: &impl Cells, room: &Room, number: u32, next: u32) {
        let (part, word) = self.link(room, number);
        cells.store(part, word, next.into());
    }

    /// Makes exactly these the free ones; programs may be at any of them.
    pub fn restock(self, cells: &impl Cells, room: &Room, free: impl Iterator<Item = u32>) {
        for at in [At::First, At::Last, At::Safe] {
            self.set(cells, at, 0);
        }
        let (mut first, mut last) = (0, 0);
        for number in free {
            match last {
                0 => first = number,
                before => self.set_link(cells, room, before, number),
            }
            last = number;
        }
        if last != 0 {
            self.set_link(cells, room, last, 0);
        }
        self.set(cells, At::First, first);
        self.set(cells, At::Last, last);
    }
}
