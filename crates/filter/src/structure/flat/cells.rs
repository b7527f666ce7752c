//! The memory of a set: words in parts, wherever they are.
//!
//! What is read is never trusted: whoever may edit a set may have written anything there. A word
//! beyond the end reads as zero and takes no store.

use std::cell::Cell;

use super::{Part, Room};

/// The words of a set's maps, in the order of the machine.
///
/// A store is seen whole or not at all by programs that run meanwhile, and not before the stores
/// that were made before it.
pub trait Cells {
    /// A word of a part; 0 beyond its end.
    fn load(&self, part: Part, word: usize) -> u64;

    /// Writes a word; beyond the end of the part nothing happens.
    fn store(&self, part: Part, word: usize, value: u64);

    /// Waits until every program that runs now has ended, so that what none can reach any more is
    /// read by none.
    fn grace(&self);
}

/// The memory of a set that no program runs on.
#[derive(Clone, Debug)]
pub struct Owned {
    parts: [Vec<Cell<u64>>; Part::ALL.len()],
}

impl Owned {
    /// Zeros for a set with that much room.
    pub fn new(room: Room) -> Self {
        Self { parts: Part::ALL.map(|part| vec![Cell::new(0); room.words(part)]) }
    }

    /// The words of a part.
    pub fn words(&self, part: Part) -> impl ExactSizeIterator<Item = u64> {
        self.parts[part.index()].iter().map(Cell::get)
    }
}

impl Cells for Owned {
    fn load(&self, part: Part, word: usize) -> u64 {
        self.parts[part.index()].get(word).map_or(0, Cell::get)
    }

    fn store(&self, part: Part, word: usize, value: u64) {
        if let Some(cell) = self.parts[part.index()].get(word) {
            cell.set(value);
        }
    }

    fn grace(&self) {}
}
