//! Programs as object files that libbpf, and whoever reads what it reads, opens and loads.
//!
//! The beginning of the program is in a section that says what it is for, the functions that it calls
//! in `.text`. Maps are declared in `.maps` and named by relocations. An array of one value that is
//! reached by address and not by helpers is what C calls a variable: it is in `.data` with what it
//! holds at the start, or in `.bss` where that is zeros. Other maps begin empty: an object cannot say
//! what is in them.
//!
//! The same image and options give the same bytes on every machine.

mod plan;
mod write;

use std::collections::BTreeMap;
use std::fmt;

use crate::btf::{BtfError, MapLayout};
use crate::image::Image;
use crate::order::ByteOrder;
use plan::Plan;

/// What an object file is to say besides the program.
#[derive(Clone, Debug)]
pub struct ObjectOptions<'a> {
    /// What the program is for.
    pub section: ProgramSection,
    /// Its license.
    pub license: &'a str,
    /// The name of the file whose lines the notes tell.
    pub file: &'a str,
    /// For which machines.
    pub order: ByteOrder,
    /// What the maps hold, by map; where nothing is said, keys and values are bytes.
    pub layouts: &'a [Option<MapLayout>],
    /// The values with which arrays of one value begin that helpers do not reach.
    pub values: &'a BTreeMap<usize, Vec<u8>>,
}

/// The section of the program, by which loaders know its kind.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ProgramSection {
    /// XDP, frames in one buffer.
    Xdp,
    /// XDP, frames in one buffer or several.
    XdpFrags,
}

impl ProgramSection {
    /// The name of the section.
    pub fn name(self) -> &'static str {
        match self {
            Self::Xdp => "xdp",
            Self::XdpFrags => "xdp.frags",
        }
    }
}

/// Why there is no object file of a program.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum ElfError {
    /// A map is reached by address or begins with a value, and is reached by helpers too or is not
    /// an array of one value without flags: it is no variable.
    NoVariable {
        /// The map.
        map: String,
    },
    /// A value was given for a map that is not there, or whose values have another size.
    Value {
        /// The map's number.
        map: usize,
        /// The bytes that were given.
        given: usize,
    },
    /// What a map is said to hold is not of the sizes that it declares.
    Layout {
        /// The map.
        map: String,
    },
    /// An instruction names a map by a number alone, which means nothing to who loads the object.
    Numbered {
        /// The slot.
        slot: usize,
    },
    /// There is no type information, without which maps cannot be declared.
    Btf(BtfError),
    /// What was put together is no object file.
    Unwritten {
        /// Why.
        reason: String,
    },
}

impl fmt::Display for ElfError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoVariable { map } => write!(
                f,
                "map `{map}` is used as a variable, which in an object file only a plain array of one value can be"
            ),
            Self::Value { map, given } => {
                write!(f, "a value of {given} bytes is none that map {map} begins with")
            }
            Self::Layout { map } => {
                write!(f, "map `{map}` is said to hold what has other sizes than it declares")
            }
            Self::Numbered { slot } => {
                write!(f, "the instruction at {slot} names a map by its number alone")
            }
            Self::Btf(error) => error.fmt(f),
            Self::Unwritten { reason } => write!(f, "no object file: {reason}"),
        }
    }
}

impl std::error::Error for ElfError {}

impl From<BtfError> for ElfError {
    fn from(error: BtfError) -> Self {
        Self::Btf(error)
    }
}

/// The object file of an image.
///
/// # Errors
///
/// As [`ElfError`] lists them; none for a program of `palisade-filter` with its own layouts.
pub fn object(image: &Image, options: &ObjectOptions<'_>) -> Result<Vec<u8>, ElfError> {
    let plan = Plan::new(image, options)?;
    let btf = plan.describe()?;
    write::write(&plan, &btf)
}
