//! Why an object file is not taken, in words that name the part of it that is meant.

use std::fmt;

/// A program of an object file: the function and the section it stands in.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ProgramName {
    /// The function.
    pub function: String,
    /// The section, which says what sort of program it is.
    pub section: String,
}

impl fmt::Display for ProgramName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}` in section `{}`", self.function, self.section)
    }
}

fn listed(programs: &[ProgramName]) -> String {
    let names: Vec<String> = programs.iter().map(ProgramName::to_string).collect();
    names.join(", ")
}

/// Why an object file is not taken.
#[derive(Debug, thiserror::Error)]
pub enum ForeignError {
    /// It is larger than any object is.
    #[error("the object has {size} bytes, and at most {most} are read")]
    Size {
        /// Its bytes.
        size: usize,
        /// How many are read.
        most: usize,
    },
    /// It is no object file.
    #[error("this is no object file: {why}")]
    NotAnObject {
        /// What tells.
        why: &'static str,
    },
    /// Its numbers are in the other order than this machine's.
    #[error("the object is for {found}-endian machines, and this one is not")]
    Order {
        /// Its order.
        found: &'static str,
    },
    /// A part of it contradicts itself or the rest.
    #[error("the object is malformed: {place} {wrong}")]
    Malformed {
        /// The part.
        place: String,
        /// What is wrong with it.
        wrong: &'static str,
    },
    /// It has more of something than is read.
    #[error("the object has {found} {what}, and at most {most} are read")]
    TooMany {
        /// Of what.
        what: &'static str,
        /// How many.
        found: usize,
        /// How many are read.
        most: usize,
    },
    /// A section is compressed.
    #[error("section `{section}` is compressed; compile without `-gz`")]
    Compressed {
        /// The section.
        section: String,
    },
    /// It has no program at all.
    #[error("the object has no program")]
    NoProgram,
    /// None of its programs has that section or name.
    #[error("the object has no program `{asked}`; it has {}", listed(programs))]
    Unknown {
        /// What was asked for.
        asked: String,
        /// What there is.
        programs: Vec<ProgramName>,
    },
    /// It has several programs, and which is meant was not said.
    #[error("the object has several programs: {}; say which with `--section`", listed(programs))]
    Several {
        /// What there is.
        programs: Vec<ProgramName>,
    },
    /// The program is not for XDP.
    #[error("{program} is not an XDP program: those are in sections `xdp` and `xdp.frags`")]
    NotXdp {
        /// The program.
        program: ProgramName,
    },
    /// The program is run by a map, not by an interface.
    #[error(
        "{program} is run by a map that redirects to it, and cannot be attached to an interface"
    )]
    OfMap {
        /// The program.
        program: ProgramName,
    },
    /// The program needs something that is defined nowhere in the object.
    #[error(
        "{function} refers to `{symbol}`, which the object does not define; functions, variables \
         and settings of the kernel are not linked here"
    )]
    Undefined {
        /// The section or function that refers to it.
        function: String,
        /// What is missing.
        symbol: String,
    },
    /// A map is of a kind that is not known here.
    #[error("map `{map}` is of kind {number}, which is not supported")]
    MapKind {
        /// The map.
        map: String,
        /// The kernel's number for the kind.
        number: u32,
    },
    /// A map wants something that is not done here.
    #[error("map `{map}` {wants}, which is not supported")]
    MapWish {
        /// The map.
        map: String,
        /// What it wants.
        wants: &'static str,
    },
    /// The kernel's types are needed and cannot be had.
    #[error(
        "the program reads types of the kernel whose places only the kernel's type information \
         tells, and that cannot be read: {why}"
    )]
    KernelTypes {
        /// Why not.
        why: std::io::Error,
    },
    /// What the object says of types, maps or relocations cannot be carried out.
    #[error("the object cannot be linked: {why}")]
    Link {
        /// Why, as the reader of objects puts it.
        why: String,
    },
    /// The reader of objects gave up on it.
    #[error("the object is malformed: its reader gave up, saying \"{said}\"")]
    GaveUp {
        /// Its last words.
        said: String,
    },
}

impl ForeignError {
    pub(super) fn malformed(place: impl Into<String>, wrong: &'static str) -> Self {
        ForeignError::Malformed { place: place.into(), wrong }
    }

    /// An error when there are more than `most`.
    pub(super) fn at_most(what: &'static str, found: usize, most: usize) -> Result<(), Self> {
        if found > most { Err(ForeignError::TooMany { what, found, most }) } else { Ok(()) }
    }
}
