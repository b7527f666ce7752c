//! An array's elements in this process's memory, mapped piece by piece as they are asked for.
//!
//! The kernel puts every page of a mapping in its place at once, some 0.2 ms a MiB with the taking out;
//! who looks at a few elements of a large array waits for the few pieces that they are in. Words are
//! those of [`MappedMut`](crate::MappedMut), and so are the conditions.

use std::sync::OnceLock;

use crate::map::{MapError, MapHandle, View};
use crate::mapped;
use crate::sys::{Mapping, WordMut, words_of};

/// Words of a piece of a small array: 256 KiB. A page of any size that Linux has divides them.
const SMALLEST: usize = 1 << 15;
/// More pieces an array does not have: each is an area of its own for the kernel, which has 65,530 for
/// a process.
const MOST: usize = 1024;

/// The elements of an array as words, to be read and written.
#[derive(Debug)]
pub struct Pieces {
    map: MapHandle,
    words: usize,
    /// Words of a piece, a power of two.
    piece: usize,
    pieces: Box<[OnceLock<Mapping<WordMut>>]>,
}

impl Pieces {
    /// Those of an array that can be mapped; nothing is mapped yet.
    pub fn edit(map: &MapHandle) -> Result<Self, MapError> {
        mapped::check(map)?;
        let refused = |errno| mapped::refused(map, View::Edit, errno);
        let words = words_of(map.map()).map_err(refused)?;
        let piece = words.div_ceil(MOST).next_power_of_two().max(SMALLEST);
        let pieces = (0..words.div_ceil(piece)).map(|_| OnceLock::new()).collect();
        Ok(Self { map: map.try_clone()?, words, piece, pieces })
    }

    /// How many words there are.
    #[expect(clippy::len_without_is_empty, reason = "the kernel makes no array without elements")]
    pub fn len(&self) -> usize {
        self.words
    }

    /// A word, whose piece is mapped now if it was not; `None` behind the last one.
    ///
    /// # Errors
    ///
    /// The piece cannot be mapped: the kernel has no memory for it, or the map is frozen.
    #[inline]
    pub fn word(&self, at: usize) -> Result<Option<&WordMut>, MapError> {
        let Some(place) = self.pieces.get(at >> self.piece.trailing_zeros()) else {
            return Ok(None);
        };
        let piece = match place.get() {
            Some(piece) => piece,
            None => self.map(place, at)?,
        };
        Ok(piece.words().get(at & (self.piece - 1)))
    }

    /// Maps the piece of a word into its place.
    #[cold]
    fn map<'a>(
        &self,
        place: &'a OnceLock<Mapping<WordMut>>,
        at: usize,
    ) -> Result<&'a Mapping<WordMut>, MapError> {
        let first = at & !(self.piece - 1);
        let range = first..self.words.min(first + self.piece);
        let made = Mapping::edit_some(self.map.map(), range)
            .map_err(|errno| mapped::refused(&self.map, View::Edit, errno))?;
        Ok(place.get_or_init(|| made))
    }
}
