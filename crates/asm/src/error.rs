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
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum AsmError {
    /// There is no instruction.
    #[error("the program is empty")]
    Empty,
    /// A label is jumped to or called, and stands nowhere.
    #[error("label `{label}` is used by instruction {at} and never placed")]
    Unplaced {
        /// Its name.
        label: Cow<'static, str>,
        /// The first instruction that uses it.
        at: usize,
    },
    /// A label was placed a second time.
    #[error("label `{label}` is placed twice, at instructions {first} and {second}")]
    PlacedTwice {
        /// Its name.
        label: Cow<'static, str>,
        /// The instruction it was placed before first.
        first: usize,
        /// The instruction it was placed before again.
        second: usize,
    },
    /// A label or map comes from another assembler.
    #[error("instruction {at} names a label or map of another assembler")]
    Foreign {
        /// The instruction.
        at: usize,
    },
    /// An instruction is none that the machine has.
    #[error("instruction {at}, `{insn}`{}: {flaw}", of(.note))]
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
    #[error("instruction {at}, `{insn}`{}, cannot be reached", of(.note))]
    Unreachable {
        /// The instruction.
        at: usize,
        /// Its text.
        insn: String,
        /// What asked for it.
        note: Option<Note>,
    },
    /// After this instruction there is none, or the first one of another function.
    #[error("instruction {at}, `{insn}`{}, goes on past the end of its function", of(.note))]
    FallsOffEnd {
        /// The instruction.
        at: usize,
        /// Its text.
        insn: String,
        /// What asked for it.
        note: Option<Note>,
    },
    /// A jump leads from one function into another.
    #[error("instruction {at}, `{insn}`{}, jumps into another function", of(.note))]
    LeavesFunction {
        /// The instruction.
        at: usize,
        /// Its text.
        insn: String,
        /// What asked for it.
        note: Option<Note>,
    },
    /// More maps are used than the kernel allows.
    #[error("the program uses {used} maps, and the kernel allows {MAX_MAPS}")]
    TooManyMaps {
        /// How many.
        used: usize,
    },
}

/// The provenance as error messages have it.
fn of(note: &Option<Note>) -> String {
    note.as_ref().map(|note| format!(" ({note})")).unwrap_or_default()
}

/// Why a program cannot be encoded.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum EncodeError {
    /// The instruction set asked for lacks an instruction.
    #[error("instruction {at}, `{insn}`, needs instruction set {needs}, and {isa} was asked for")]
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
    #[error("instruction {at}, `{insn}`, cannot get over {distance} slots to its target")]
    JumpTooFar {
        /// The instruction.
        at: usize,
        /// Its text.
        insn: String,
        /// How far it would have to go.
        distance: i64,
    },
    /// There are more slots than the kernel takes.
    #[error("the program takes {slots} slots, and the kernel allows {MAX_SLOTS}")]
    TooLong {
        /// How many slots at least.
        slots: usize,
    },
}

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
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum DecodeError {
    /// There is no slot.
    #[error("the code is empty")]
    Empty,
    /// The opcode is not in the table.
    #[error("slot {at}: unknown opcode {op:#04x}")]
    Opcode {
        /// The slot.
        at: usize,
        /// The opcode.
        op: u8,
    },
    /// There are registers 0 to 10 only.
    #[error("slot {at}: there is no register {number}")]
    Register {
        /// The slot.
        at: usize,
        /// The number.
        number: u8,
    },
    /// A field that this instruction does not use is not zero.
    #[error("slot {at}: the {field} is reserved and not zero")]
    Reserved {
        /// The slot.
        at: usize,
        /// The field.
        field: Field,
    },
    /// The constant that selects the operation selects none.
    #[error("slot {at}: the constant {imm:#x} selects no operation of opcode {op:#04x}")]
    Selector {
        /// The slot.
        at: usize,
        /// The opcode.
        op: u8,
        /// The constant.
        imm: i32,
    },
    /// The source field says that the constant is of a kind that is not known here.
    #[error("slot {at}: unknown kind {kind} of constant or call")]
    Kind {
        /// The slot.
        at: usize,
        /// The field.
        kind: u8,
    },
    /// The code ends within a 64-bit load.
    #[error("slot {at}: the second half of the 64-bit load is missing")]
    HalfMissing {
        /// The slot.
        at: usize,
    },
    /// A jump, call or callback leads outside the code or into the middle of an instruction.
    #[error("slot {at}: there is no instruction at slot {to} to go to")]
    Target {
        /// The slot.
        at: usize,
        /// Where it leads.
        to: i64,
    },
    /// A map is given by descriptor: the code was linked already.
    #[error("slot {at}: a map is given by descriptor {fd}, which names none")]
    LinkedMap {
        /// The slot.
        at: usize,
        /// The descriptor.
        fd: i32,
    },
    /// A map is given by an index past the declarations.
    #[error("slot {at}: there is no map {index}, {declared} are declared")]
    UnknownMap {
        /// The slot.
        at: usize,
        /// The index.
        index: i32,
        /// How many there are.
        declared: usize,
    },
    /// The instruction is none that the machine has.
    #[error("slot {at}: {flaw}")]
    Flawed {
        /// The slot.
        at: usize,
        /// What is wrong with it.
        flaw: Flaw,
    },
    /// No path from the start leads there.
    #[error("slot {at}: cannot be reached")]
    Unreachable {
        /// The slot.
        at: usize,
    },
    /// Nothing follows, or another function.
    #[error("slot {at}: goes on past the end of its function")]
    FallsOffEnd {
        /// The slot.
        at: usize,
    },
    /// A jump leads into another function.
    #[error("slot {at}: jumps into another function")]
    LeavesFunction {
        /// The slot.
        at: usize,
    },
}
