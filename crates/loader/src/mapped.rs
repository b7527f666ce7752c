//! An array's elements in this process's memory: read and stored to in place, while programs run.
//!
//! A [`Mapped`] is a view of all elements as words of eight bytes, in order and without a gap. What
//! is stored is there for the next program that loads it, without a system call; a program that
//! loads or stores an aligned word, and everybody here, sees a whole value and never half of one.
//! Only what is one word is whole: an element of several is stored word by word.
//!
//! A view that was made to be read has words that cannot be stored to. It takes an array of values
//! in whole words, made with [`MapFlags::MMAPABLE`]; any other map is refused by name. The view
//! keeps the map alive, without its descriptor and without a pin, until it is dropped; as long as
//! one is there to edit, the kernel does not freeze the map (`EBUSY`).
//!
//! ```no_run
//! # fn flip(map: &palisade_loader::MapHandle) -> Result<(), palisade_loader::MapError> {
//! let view = palisade_loader::Mapped::edit(map)?;
//! if let Some(first) = view.words().first() {
//!     first.store(1);
//! }
//! # Ok(())
//! # }
//! ```

use palisade_asm::{MapFlags, MapKind};

use crate::Errno;
use crate::map::{MapError, MapHandle, Unmappable, View};
use crate::sys::{Mapping, Word, WordMut};

/// The elements of an array as words, to be read; a [`MappedMut`] is to be written, too.
///
/// ```compile_fail,E0599
/// # fn flip(map: &palisade_loader::MapHandle) -> Result<(), palisade_loader::MapError> {
/// let view = palisade_loader::Mapped::read(map)?;
/// view.words()[0].store(1); // A word to be read has no such method.
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
#[doc(alias = "mmap")]
pub struct Mapped<W = Word>(Mapping<W>);

/// The elements of an array as words, to be read and written.
pub type MappedMut = Mapped<WordMut>;

impl Mapped<Word> {
    /// A view to read, also of a frozen map.
    pub fn read(map: &MapHandle) -> Result<Self, MapError> {
        check(map)?;
        Mapping::read(map.map()).map(Mapped).map_err(|errno| refused(map, View::Read, errno))
    }
}

impl Mapped<WordMut> {
    /// A view to read and write; a frozen map is refused with `EPERM`.
    pub fn edit(map: &MapHandle) -> Result<Self, MapError> {
        check(map)?;
        Mapping::edit(map.map()).map(Mapped).map_err(|errno| refused(map, View::Edit, errno))
    }
}

impl<W> Mapped<W> {
    /// All elements, one after the other, each as many words as eight go into its size.
    pub fn words(&self) -> &[W] {
        self.0.words()
    }

    /// How many words there are.
    #[expect(clippy::len_without_is_empty, reason = "the kernel makes no array without elements")]
    pub fn len(&self) -> usize {
        self.words().len()
    }
}

/// Whether the elements of a map can be mapped as words, by what the kernel tells of it.
pub(crate) fn check(map: &MapHandle) -> Result<(), MapError> {
    let found = map.info()?.shape;
    let why = if found.kind_name() != Some(MapKind::Array) {
        Unmappable::Kind
    } else if !MapFlags::from_bits(found.flags).contains(MapFlags::MMAPABLE) {
        Unmappable::Flag
    } else if !found.value_size.is_multiple_of(8) {
        Unmappable::Words
    } else {
        return Ok(());
    };
    Err(MapError::Unmappable { name: map.name().to_owned(), why, found })
}

pub(crate) fn refused(map: &MapHandle, view: View, errno: Errno) -> MapError {
    MapError::NotMapped { name: map.name().to_owned(), view, errno }
}
