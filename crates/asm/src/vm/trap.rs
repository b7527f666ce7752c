//! Why a run ended where the kernel's verifier would not have let it begin.
//!
//! A trap names the instruction, what asked for it, and the reason with its figures. It is about
//! the program alone: what a sound program can meet (a full map, a missing key) is no trap.

use std::fmt;

use super::ProgramId;
use crate::helper::Helper;
use crate::map::MapKind;
use crate::note::Note;
use crate::reg::Reg;

/// A run that could not go on.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Trap {
    /// The program, where tail calls lead from one to another.
    pub program: ProgramId,
    /// The instruction, counted from 0.
    pub at: usize,
    /// Its text.
    pub insn: String,
    /// What asked for it.
    pub note: Option<Note>,
    /// What is wrong with it.
    pub why: TrapReason,
}

/// What is wrong with an instruction that trapped.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum TrapReason {
    /// The register has no value: nothing was written to it, or a call has taken it.
    Unwritten {
        /// The register.
        reg: Reg,
    },
    /// Bytes of the stack are read that nothing was written to.
    UnwrittenStack {
        /// The first one of the access, from the frame pointer down.
        off: i64,
        /// How many are read.
        size: u64,
    },
    /// The access begins or ends outside what it points into.
    OutOfBounds {
        /// What was done.
        access: Access,
        /// What it points into.
        region: Region,
        /// Where it begins; of the stack from the frame pointer, of all else from the start.
        off: i64,
        /// How many bytes.
        size: u64,
        /// How many there are.
        len: u64,
    },
    /// The address is none that the program was given.
    NoMemory {
        /// What was done.
        access: Access,
        /// The address.
        addr: u64,
        /// How many bytes.
        size: u64,
    },
    /// The pointer is from before a call that may have moved the packet.
    Stale {
        /// What was done.
        access: Access,
    },
    /// The stack, the context and atomic operations want addresses that are multiples of the size.
    Misaligned {
        /// What it points into.
        region: Region,
        /// Where it begins, as for `OutOfBounds`.
        off: i64,
        /// How many bytes.
        size: u64,
    },
    /// The program may not write there.
    ReadOnly {
        /// Where.
        region: Region,
    },
    /// The program may not read there.
    WriteOnly {
        /// Where.
        region: Region,
    },
    /// Fields of the context are read whole, 4 bytes each.
    ContextSize {
        /// How many bytes were read.
        size: u64,
    },
    /// The field of the context is only there for programs of another kind.
    ContextField {
        /// The offset of the field.
        off: i64,
    },
    /// Atomic operations are for the stack and for values of maps.
    Atomic {
        /// Where it was.
        region: Region,
    },
    /// The classic access to packets is not for XDP.
    Classic,
    /// The helper is none that XDP programs have.
    UnknownHelper {
        /// The helper.
        helper: Helper,
    },
    /// The helper asks for what there is only in a kernel.
    NeedsKernel {
        /// The helper.
        helper: Helper,
    },
    /// A function of the kernel that has no number of its own.
    Kfunc {
        /// Its number in the kernel's type information.
        btf_id: i32,
    },
    /// A variable of the kernel.
    Variable {
        /// Its number in the kernel's type information.
        btf_id: i32,
    },
    /// The map has a number and no declaration.
    UndeclaredMap,
    /// The map has not the one value that its address is taken of.
    NoSuchValue {
        /// The map.
        map: String,
        /// Bytes from the start of the value.
        off: u32,
    },
    /// The argument is not the context.
    NotContext {
        /// The register.
        reg: Reg,
    },
    /// The argument is not a map.
    NotMap {
        /// The register.
        reg: Reg,
    },
    /// The argument is not a function of this program.
    NotFunction {
        /// The register.
        reg: Reg,
    },
    /// The argument is not the record of a ring buffer that was reserved and not yet handed in.
    NotRecord {
        /// The register.
        reg: Reg,
    },
    /// The helper does not take maps of this kind.
    MapKind {
        /// The helper.
        helper: Helper,
        /// The map.
        map: String,
        /// Its kind.
        kind: MapKind,
    },
    /// The helper takes no such size.
    BadSize {
        /// The register.
        reg: Reg,
        /// What it holds.
        size: u64,
    },
    /// Calls are nested deeper than the kernel allows.
    CallDepth {
        /// How many frames there may be.
        limit: usize,
    },
    /// A callback gives 0 to go on or 1 to end.
    CallbackResult {
        /// What it gave.
        value: u64,
    },
    /// A record was reserved and neither submitted nor discarded.
    RecordKept {
        /// The ring buffer.
        map: String,
    },
    /// The program ran longer than it was allowed to.
    Fuel {
        /// How many instructions it was allowed.
        limit: u64,
    },
    /// The CPU has no values in the maps.
    NoSuchCpu {
        /// The CPU.
        cpu: u32,
        /// How many there are.
        cpus: u32,
    },
}

/// What was done with memory.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Access {
    /// Read.
    Read,
    /// Written.
    Write,
}

/// A piece of memory that a program is given.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Region {
    /// The first buffer of the packet.
    Packet,
    /// What lies before it for other programs.
    Metadata,
    /// The stack of one call.
    Stack {
        /// How many calls it is away from the start.
        frame: usize,
    },
    /// The context.
    Context,
    /// A value of a map.
    Value {
        /// The map.
        map: String,
    },
    /// A reserved record of a ring buffer.
    Record {
        /// The map.
        map: String,
    },
}

impl fmt::Display for Access {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Read => "reads",
            Self::Write => "writes",
        })
    }
}

impl fmt::Display for Region {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Packet => f.write_str("the packet"),
            Self::Metadata => f.write_str("the metadata before the packet"),
            Self::Stack { frame: 0 } => f.write_str("the stack"),
            Self::Stack { frame } => write!(f, "the stack of call {frame}"),
            Self::Context => f.write_str("the context"),
            Self::Value { map } => write!(f, "a value of map `{map}`"),
            Self::Record { map } => write!(f, "a record of ring buffer `{map}`"),
        }
    }
}

impl fmt::Display for Trap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { program: _, at, insn, note, why } = self;
        write!(f, "{why}\n  ")?;
        if let Some(note) = note {
            write!(f, "{note}, ")?;
        }
        write!(f, "instruction {at}\n    {at}: {insn}")
    }
}

impl std::error::Error for Trap {}

/// So many bytes.
fn bytes(size: u64) -> impl fmt::Display {
    fmt::from_fn(move |f| match size {
        1 => f.write_str("1 byte"),
        _ => write!(f, "{size} bytes"),
    })
}

impl fmt::Display for TrapReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unwritten { reg } => {
                write!(
                    f,
                    "`{reg}` is read, and nothing was written to it since the start or a call"
                )
            }
            Self::UnwrittenStack { off, size } => {
                write!(
                    f,
                    "reads {} of the stack at r10{off:+}, not all written before",
                    bytes(*size)
                )
            }
            Self::OutOfBounds { access, region, off, size, len } => {
                let from = if matches!(region, Region::Stack { .. }) { "r10" } else { "offset " };
                write!(f, "{access} {} at {from}{off:+} of {region}", bytes(*size))?;
                write!(f, ", which has {}", bytes(*len))
            }
            Self::NoMemory { access, addr, size } => {
                write!(f, "{access} {} at {addr:#x}, where no memory is", bytes(*size))
            }
            Self::Stale { access } => {
                write!(f, "{access} the packet by a pointer from before it was moved")
            }
            Self::Misaligned { region, off, size } => {
                write!(f, "{} at offset {off:+} of {region} are not aligned", bytes(*size))
            }
            Self::ReadOnly { region } => write!(f, "writes to {region}, which can only be read"),
            Self::WriteOnly { region } => write!(f, "reads {region}, which can only be written"),
            Self::ContextSize { size } => {
                write!(
                    f,
                    "reads {} of the context, whose fields are read whole: 4 bytes",
                    bytes(*size)
                )
            }
            Self::ContextField { off } => {
                write!(f, "the context of this kind of program has no field at offset {off:+}")
            }
            Self::Atomic { region } => write!(f, "an atomic operation on {region}"),
            Self::Classic => f.write_str("the classic access to packets is not for XDP programs"),
            Self::UnknownHelper { helper } => {
                write!(f, "XDP programs have no helper {}#{}", helper.name(), helper.id())
            }
            Self::NeedsKernel { helper } => {
                write!(f, "`{}` asks for what there is only in a kernel", helper.name())
            }
            Self::Kfunc { btf_id } => write!(f, "calls function {btf_id} of a kernel"),
            Self::Variable { btf_id } => {
                write!(f, "takes the address of variable {btf_id} of a kernel")
            }
            Self::UndeclaredMap => f.write_str("names a map that is not declared"),
            Self::NoSuchValue { map, off } => {
                write!(f, "map `{map}` is no array of one value that has a byte {off}")
            }
            Self::NotContext { reg } => write!(f, "`{reg}` should be the context"),
            Self::NotMap { reg } => write!(f, "`{reg}` should be a map"),
            Self::NotFunction { reg } => write!(f, "`{reg}` should be a function of the program"),
            Self::NotRecord { reg } => write!(f, "`{reg}` should be a reserved record"),
            Self::MapKind { helper, map, kind } => {
                write!(f, "`{}` does not take map `{map}`, a {}", helper.name(), kind.name())
            }
            Self::BadSize { reg, size } => {
                write!(f, "`{reg}` is a size that the helper does not take: {}", size.cast_signed())
            }
            Self::CallDepth { limit } => write!(f, "calls are nested deeper than {limit} frames"),
            Self::CallbackResult { value } => {
                write!(f, "the callback gave {value}, and 0 or 1 is wanted")
            }
            Self::RecordKept { map } => {
                write!(f, "ends with a record of `{map}` that was neither submitted nor discarded")
            }
            Self::Fuel { limit } => write!(f, "still runs after {limit} instructions"),
            Self::NoSuchCpu { cpu, cpus } => {
                write!(f, "there is no CPU {cpu}, the maps have values for {cpus}")
            }
        }
    }
}

/// What an operation gives, or the reason of a trap.
pub(super) type Tried<T> = Result<T, Box<TrapReason>>;
