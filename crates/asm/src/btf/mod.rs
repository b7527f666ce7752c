//! BTF, the kernel's type information: what maps hold, which functions a program has, and which line
//! of a policy each of its parts comes from.
//!
//! None of it changes what a program does, and a kernel that refuses it refuses nothing but this. The
//! same image and layouts give the same bytes on every machine, in the order that is asked for. Made
//! here are the kinds that are needed: numbers, pointers, arrays, structs, functions, variables and
//! their sections.

mod layout;
mod program;
mod types;
mod write;

#[cfg(feature = "elf")]
pub(crate) mod object;

use std::fmt;

pub use layout::{Bits, Field, Layout, MapLayout};
pub use program::{FuncInfo, LineInfo};
#[cfg(feature = "elf")]
pub(crate) use program::{Taken, calls, functions, unique};
use types::Types;
#[cfg(feature = "elf")]
pub(crate) use types::identifier;

use crate::image::Image;
use crate::order::ByteOrder;

/// Why there is no type information for something.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum BtfError {
    /// Types or strings are longer than the kernel takes.
    TooLarge {
        /// How many bytes they are.
        bytes: usize,
    },
    /// A struct has more members, or a section more variables, than can be counted.
    TooManyParts {
        /// How many.
        parts: usize,
    },
}

impl fmt::Display for BtfError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooLarge { bytes } => {
                write!(
                    f,
                    "type information of {bytes} bytes is longer than the 16 MiB that the kernel takes"
                )
            }
            Self::TooManyParts { parts } => {
                write!(f, "a type of {parts} parts is more than type information can count")
            }
        }
    }
}

impl std::error::Error for BtfError {}

/// The type information of a program.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ProgramBtf {
    order: ByteOrder,
    bytes: Vec<u8>,
    functions: Vec<FuncInfo>,
    lines: Vec<LineInfo>,
}

impl ProgramBtf {
    /// Bytes of a record of [`ProgramBtf::func_info`].
    pub const FUNC_RECORD: u32 = 8;
    /// Bytes of a record of [`ProgramBtf::line_info`].
    pub const LINE_RECORD: u32 = 16;

    /// Of an image, whose lines are those of a file of that name.
    ///
    /// # Errors
    ///
    /// `TooLarge`, where the texts of the lines are some 16 MiB.
    pub fn new(image: &Image, file: &str, order: ByteOrder) -> Result<Self, BtfError> {
        let mut types = Types::new(order);
        let found = program::functions(image);
        let functions = program::func_info(&mut types, image, &found);
        let lines = program::line_info(&mut types, image, &found, file);
        Ok(Self { order, bytes: write::write(&types)?, functions, lines })
    }

    /// What another compiler says of a program: types and strings in that order of bytes, and the
    /// functions and lines that refer to them.
    pub fn given(
        order: ByteOrder,
        bytes: Vec<u8>,
        functions: Vec<FuncInfo>,
        lines: Vec<LineInfo>,
    ) -> Self {
        Self { order, bytes, functions, lines }
    }

    /// Types and strings, as `BPF_BTF_LOAD` takes them.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The functions, in the order of their slots.
    pub fn functions(&self) -> &[FuncInfo] {
        &self.functions
    }

    /// The lines, in the order of their slots.
    pub fn lines(&self) -> &[LineInfo] {
        &self.lines
    }

    /// The functions as `BPF_PROG_LOAD` takes them.
    pub fn func_info(&self) -> Vec<u8> {
        let words = self.functions.iter().flat_map(|f| [f.slot, f.of]);
        words.flat_map(|word| self.order.bytes32(word)).collect()
    }

    /// The lines as `BPF_PROG_LOAD` takes them.
    pub fn line_info(&self) -> Vec<u8> {
        let words = self.lines.iter().flat_map(|l| [l.slot, l.file, l.text, l.line]);
        words.flat_map(|word| self.order.bytes32(word)).collect()
    }
}

/// The type information of a map.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct MapBtf {
    /// The types, as `BPF_BTF_LOAD` takes them.
    pub bytes: Vec<u8>,
    /// The number of the key's type.
    pub key: u32,
    /// The number of the value's type.
    pub value: u32,
}

impl MapBtf {
    /// Of a map that holds this.
    ///
    /// # Errors
    ///
    /// `TooLarge` or `TooManyParts`, for layouts of which neither can be said.
    pub fn new(layout: &MapLayout, order: ByteOrder) -> Result<Self, BtfError> {
        let mut types = Types::new(order);
        let (key, value) = (types.layout(&layout.key), types.layout(&layout.value));
        Ok(Self { bytes: write::write(&types)?, key, value })
    }
}
