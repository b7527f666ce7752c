//! Why a program is refused: by `Assembler::finish`, by `Program::encode`, by `decode`.
//!
//! Every refusal says where, as an instruction (`finish`, `encode`) or as a slot (`decode`), and
//! the first two say with its text which instruction and what asked for it.

use std::borrow::Cow;
use std::fmt;

use crate::flaw::Flaw;
use crate::isa::Isa;
use crate::note::Note;
use crate::relax::MAX_SLOTS;

/// How many maps the kernel lets one program use (`MAX_USED_MAPS` in its verifier).
pub const MAX_MAPS: usize = 64;

/// Why a program cannot be finished.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum AsmError {
    /// There is no instruction.
    Empty,
    /// A label is jumped to or called, and stands nowhere.
    Unplaced {
        /// Its name.
        label: Cow<'static, str>,
        /// The first instruction that uses it.
        at: usize,
    },
    /// A label was placed a second time.
    PlacedTwice {
        /// Its name.
        label: Cow<'static, str>,
        /// The instruction it was placed before first.
        first: usize,
        /// The instruction it was placed before again.
        second: usize,
    },
    /// A label or map comes from another assembler.
    Foreign {
        /// The instruction.
        at: usize,
    },
    /// An instruction is none that the machine has.
    Flawed {
        /// The instruction.
        at: usize,
        /// Its text.
        insn: String,
        /// What asked for it.
        note: Option<Note>,
        /// What is wrong with it.
        flaw: Flaw,
    },
    /// No path from the start leads to an instruction; the kernel refuses such code.
    Unreachable {
        /// The instruction.
        at: usize,
        /// Its text.
        insn: String,
        /// What asked for it.
        note: Option<Note>,
    },
    /// After this instruction there is none, or the first one of another function.
    FallsOffEnd {
        /// The instruction.
        at: usize,
        /// Its text.
        insn: String,
        /// What asked for it.
        note: Option<Note>,
    },
    /// A jump leads from one function into another.
    LeavesFunction {
        /// The instruction.
        at: usize,
        /// Its text.
        insn: String,
        /// What asked for it.
        note: Option<Note>,
    },
    /// More maps are used than the kernel allows.
    TooManyMaps {
        /// How many.
        used: usize,
    },
}

impl fmt::Display for AsmError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty => f.write_str("the program is empty"),
            Self::Unplaced { label, at } => {
                write!(f, "label `{label}` is used by instruction {at} and never placed")
            }
            Self::PlacedTwice { label, first, second } => {
                write!(f, "label `{label}` is placed twice, at instructions {first} and {second}")
            }
            Self::Foreign { at } => {
                write!(f, "instruction {at} names a label or map of another assembler")
            }
            Self::Flawed { at, insn, note, flaw } => {
                write!(f, "instruction {at}, `{insn}`{}: {flaw}", of(note))
            }
            Self::Unreachable { at, insn, note } => {
                write!(f, "instruction {at}, `{insn}`{}, cannot be reached", of(note))
            }
            Self::FallsOffEnd { at, insn, note } => {
                write!(
                    f,
                    "instruction {at}, `{insn}`{}, goes on past the end of its function",
                    of(note)
                )
            }
            Self::LeavesFunction { at, insn, note } => {
                write!(f, "instruction {at}, `{insn}`{}, jumps into another function", of(note))
            }
            Self::TooManyMaps { used } => {
                write!(f, "the program uses {used} maps, and the kernel allows {MAX_MAPS}")
            }
        }
    }
}

impl std::error::Error for AsmError {}

/// The provenance as error messages have it.
fn of(note: &Option<Note>) -> String {
    note.as_ref().map(|note| format!(" ({note})")).unwrap_or_default()
}

/// Why a program cannot be encoded.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum EncodeError {
    /// The instruction set asked for lacks an instruction.
    NeedsIsa {
        /// The instruction.
        at: usize,
        /// Its text.
        insn: String,
        /// The lowest version that has it.
        needs: Isa,
        /// The version asked for.
        isa: Isa,
    },
    /// The islands of trampolines on the way grew too long to jump over (before v4 only).
    JumpTooFar {
        /// The instruction.
        at: usize,
        /// Its text.
        insn: String,
        /// How far it would have to go.
        distance: i64,
    },
    /// There are more slots than the kernel takes.
    TooLong {
        /// How many slots at least.
        slots: usize,
    },
}

impl fmt::Display for EncodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NeedsIsa { at, insn, needs, isa } => {
                write!(
                    f,
                    "instruction {at}, `{insn}`, needs instruction set {needs}, and {isa} was asked for"
                )
            }
            Self::JumpTooFar { at, insn, distance } => {
                write!(
                    f,
                    "instruction {at}, `{insn}`, cannot get over {distance} slots to its target"
                )
            }
            Self::TooLong { slots } => {
                write!(f, "the program takes {slots} slots, and the kernel allows {MAX_SLOTS}")
            }
        }
    }
}

impl std::error::Error for EncodeError {}

/// A field of a slot.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Field {
    /// The destination register.
    Dst,
    /// The source register, or what stands in its place.
    Src,
    /// The offset.
    Off,
    /// The constant.
    Imm,
    /// The opcode, in the second slot of a 64-bit load.
    Op,
}

impl fmt::Display for Field {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Dst => "destination",
            Self::Src => "source",
            Self::Off => "offset",
            Self::Imm => "constant",
            Self::Op => "opcode",
        })
    }
}

/// Why code is no program of ours; `at` is a slot.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum DecodeError {
    /// There is no slot.
    Empty,
    /// The opcode is not in the table.
    Opcode {
        /// The slot.
        at: usize,
        /// The opcode.
        op: u8,
    },
    /// There are registers 0 to 10 only.
    Register {
        /// The slot.
        at: usize,
        /// The number.
        number: u8,
    },
    /// A field that this instruction does not use is not zero.
    Reserved {
        /// The slot.
        at: usize,
        /// The field.
        field: Field,
    },
    /// The constant that selects the operation selects none.
    Selector {
        /// The slot.
        at: usize,
        /// The opcode.
        op: u8,
        /// The constant.
        imm: i32,
    },
    /// The source field says that the constant is of a kind that is not known here.
    Kind {
        /// The slot.
        at: usize,
        /// The field.
        kind: u8,
    },
    /// The code ends within a 64-bit load.
    HalfMissing {
        /// The slot.
        at: usize,
    },
    /// A jump, call or callback leads outside the code or into the middle of an instruction.
    Target {
        /// The slot.
        at: usize,
        /// Where it leads.
        to: i64,
    },
    /// A map is given by an index past the declarations.
    UnknownMap {
        /// The slot.
        at: usize,
        /// The index.
        index: i32,
        /// How many there are.
        declared: usize,
    },
    /// The instruction is none that the machine has.
    Flawed {
        /// The slot.
        at: usize,
        /// What is wrong with it.
        flaw: Flaw,
    },
    /// No path from the start leads there.
    Unreachable {
        /// The slot.
        at: usize,
    },
    /// Nothing follows, or another function.
    FallsOffEnd {
        /// The slot.
        at: usize,
    },
    /// A jump leads into another function.
    LeavesFunction {
        /// The slot.
        at: usize,
    },
}

impl fmt::Display for DecodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty => f.write_str("the code is empty"),
            Self::Opcode { at, op } => {
                write!(f, "slot {at}: unknown opcode {op:#04x}")
            }
            Self::Register { at, number } => {
                write!(f, "slot {at}: there is no register {number}")
            }
            Self::Reserved { at, field } => {
                write!(f, "slot {at}: the {field} is reserved and not zero")
            }
            Self::Selector { at, op, imm } => {
                write!(
                    f,
                    "slot {at}: the constant {imm:#x} selects no operation of opcode {op:#04x}"
                )
            }
            Self::Kind { at, kind } => {
                write!(f, "slot {at}: unknown kind {kind} of constant or call")
            }
            Self::HalfMissing { at } => {
                write!(f, "slot {at}: the second half of the 64-bit load is missing")
            }
            Self::Target { at, to } => {
                write!(f, "slot {at}: there is no instruction at slot {to} to go to")
            }
            Self::UnknownMap { at, index, declared } => {
                write!(f, "slot {at}: there is no map {index}, {declared} are declared")
            }
            Self::Flawed { at, flaw } => {
                write!(f, "slot {at}: {flaw}")
            }
            Self::Unreachable { at } => {
                write!(f, "slot {at}: cannot be reached")
            }
            Self::FallsOffEnd { at } => {
                write!(f, "slot {at}: goes on past the end of its function")
            }
            Self::LeavesFunction { at } => {
                write!(f, "slot {at}: jumps into another function")
            }
        }
    }
}

impl std::error::Error for DecodeError {}
