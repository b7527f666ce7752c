//! Why a program is refused: the instruction, the reason in the kernel's class of words, what was
//! known, and the branches that led there.

use std::fmt;

use super::rules::Kernel;
use crate::insn::AluOp;
use crate::note::Note;
use crate::reg::Reg;

/// What this verifier does not judge.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Scope {
    /// A jump back.
    Loop,
    /// Functions of the program that are called back, call others or are given pointers.
    Functions,
    /// Functions of the kernel that are no helpers.
    Kfuncs,
    /// Variables of the kernel.
    Variables,
    /// Maps that code names and does not declare.
    UndeclaredMaps,
}

/// Why an instruction is refused.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Reason {
    /// The register was not written, or a call or the packet's move made it void.
    Unwritten {
        /// The register.
        reg: Reg,
    },
    /// Bytes that no comparison showed to be in the packet.
    PacketRange {
        /// The pointer.
        reg: Reg,
        /// Where the access begins, without the unknown part of the pointer.
        off: i64,
        /// Bytes of the access.
        size: i64,
        /// Bytes that were shown to be there.
        range: i64,
    },
    /// The pointer may lie before the start.
    MayBeNegative {
        /// The pointer.
        reg: Reg,
    },
    /// The pointer may lie too far behind the start.
    Unbounded {
        /// The pointer, or the number that is added to one.
        reg: Reg,
    },
    /// Bytes outside of a map's value.
    MapRange {
        /// The pointer.
        reg: Reg,
        /// Where the access begins or may end.
        off: i64,
        /// Bytes of the access.
        size: i64,
        /// Bytes of the value.
        value_size: u32,
    },
    /// The map's flags allow programs no such access.
    MapAccess {
        /// The pointer.
        reg: Reg,
    },
    /// A field of the context that is not there, not so large, or not to be written.
    Context {
        /// Where.
        off: i64,
        /// Bytes.
        size: i64,
    },
    /// Outside of the stack.
    StackRange {
        /// Where.
        off: i64,
        /// Bytes.
        size: i64,
    },
    /// A function and the program need more of the stack than there is.
    Stacks {
        /// Bytes of both, as kernels count them.
        bytes: i64,
        /// Bytes that there are.
        most: i64,
    },
    /// Bytes of the stack that were not written.
    StackUnwritten {
        /// Where.
        off: i64,
        /// Bytes.
        size: i64,
    },
    /// A part of a pointer on the stack, or a pointer where bytes are wanted.
    StackPointer {
        /// Where.
        off: i64,
        /// Bytes.
        size: i64,
    },
    /// A place on the stack that is not known.
    StackVariable {
        /// The pointer.
        reg: Reg,
    },
    /// Not on a multiple of its size.
    Misaligned {
        /// The pointer.
        reg: Reg,
        /// Bytes of the access.
        size: i64,
    },
    /// What the register holds is no memory that can be accessed so.
    NotMemory {
        /// The register.
        reg: Reg,
        /// What it holds.
        holds: String,
    },
    /// This arithmetic is not done on this pointer.
    Arithmetic {
        /// The register with the pointer.
        reg: Reg,
        /// What it holds.
        holds: String,
        /// The operation, where it is one of two operands.
        op: Option<AluOp>,
    },
    /// A comparison of what cannot be compared.
    Comparison {
        /// The left operand.
        reg: Reg,
    },
    /// A pointer would leave the registers and the stack.
    Leak {
        /// The register.
        reg: Reg,
    },
    /// No helper of this number is known here for XDP.
    UnknownHelper {
        /// Its number.
        id: u32,
    },
    /// The helper or the instruction is newer than the oldest kernel that is to take the program.
    Newer {
        /// The kernel that has it first.
        since: Kernel,
        /// The kernel that is to take it.
        oldest: Kernel,
    },
    /// An argument of a helper is of another kind.
    Argument {
        /// The register.
        reg: Reg,
        /// What it holds.
        holds: String,
        /// What is wanted.
        wants: &'static str,
    },
    /// The helper does not take maps of this kind.
    MapKind {
        /// The kind.
        kind: &'static str,
    },
    /// The classic access to packets, which XDP programs have not.
    ClassicPacket,
    /// A pointer that leads to the context on one path and elsewhere on another.
    Paths {
        /// The pointer.
        reg: Reg,
    },
    /// More conditional jumps lie on one path than a kernel keeps in mind.
    Jumps {
        /// How many there are.
        jumps: usize,
        /// How many there may be.
        most: usize,
    },
    /// More instructions were followed than kernels follow.
    Complexity {
        /// How many kernels follow.
        most: usize,
    },
    /// Not judged here.
    OutOfScope(Scope),
}

impl Reason {
    /// The reason's name, for tallies.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Unwritten { .. } => "unwritten register",
            Self::PacketRange { .. } => "packet range",
            Self::MayBeNegative { .. } => "may be negative",
            Self::Unbounded { .. } => "unbounded",
            Self::MapRange { .. } => "map range",
            Self::MapAccess { .. } => "map flags",
            Self::Context { .. } => "context",
            Self::StackRange { .. } => "stack range",
            Self::Stacks { .. } => "stacks together",
            Self::StackUnwritten { .. } => "unwritten stack",
            Self::StackPointer { .. } => "part of a pointer on the stack",
            Self::StackVariable { .. } => "unknown place on the stack",
            Self::Misaligned { .. } => "misaligned",
            Self::NotMemory { .. } => "not memory",
            Self::Arithmetic { .. } => "pointer arithmetic",
            Self::Comparison { .. } => "pointer comparison",
            Self::Leak { .. } => "pointer leaves",
            Self::UnknownHelper { .. } => "unknown helper",
            Self::Newer { .. } => "newer kernel",
            Self::Argument { .. } => "argument",
            Self::MapKind { .. } => "kind of map",
            Self::ClassicPacket => "classic packet access",
            Self::Paths { .. } => "pointers differ by path",
            Self::Jumps { .. } => "too many jumps",
            Self::Complexity { .. } => "too complex",
            Self::OutOfScope(_) => "out of scope",
        }
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Loop => "loops",
            Self::Functions => "callbacks, and functions that call others or are given pointers,",
            Self::Kfuncs => "functions of the kernel that are no helpers",
            Self::Variables => "variables of the kernel",
            Self::UndeclaredMaps => "maps that are not declared",
        })
    }
}

fn name(reg: Reg) -> String {
    format!("R{}", reg.number())
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unwritten { reg } => write!(f, "{} !read_ok: it holds nothing here", name(*reg)),
            Self::PacketRange { reg, off, size, range } => write!(
                f,
                "invalid access to packet, off={off} size={size}: {0} offset is outside of the packet, \
                 of which {range} bytes were shown to be there",
                name(*reg)
            ),
            Self::MayBeNegative { reg } => {
                write!(f, "{} min value is negative: it may lie before the start", name(*reg))
            }
            Self::Unbounded { reg } => {
                write!(
                    f,
                    "{} unbounded memory access: how far it may lead is not known",
                    name(*reg)
                )
            }
            Self::MapRange { reg, off, size, value_size } => write!(
                f,
                "invalid access to map value, value_size={value_size} off={off} size={size}: {} is outside \
                 of the allowed memory range",
                name(*reg)
            ),
            Self::MapAccess { reg } => {
                write!(f, "the flags of the map that {} leads to forbid this access", name(*reg))
            }
            Self::Context { off, size } => {
                write!(f, "invalid bpf_context access off={off} size={size}")
            }
            Self::StackRange { off, size } => {
                write!(f, "invalid access to stack off={off} size={size}: it has 512 bytes")
            }
            Self::Stacks { bytes, most } => {
                write!(f, "combined stack size of 2 calls is {bytes}: there are {most} bytes")
            }
            Self::StackUnwritten { off, size } => {
                write!(f, "invalid read from stack off={off} size={size}: not written on this path")
            }
            Self::StackPointer { off, size } => write!(
                f,
                "invalid access to stack off={off} size={size}: a pointer is there, which is whole or nothing"
            ),
            Self::StackVariable { reg } => {
                write!(f, "{} leads to a place on the stack that is not known", name(*reg))
            }
            Self::Misaligned { reg, size } => {
                write!(f, "misaligned access by {} size={size}", name(*reg))
            }
            Self::NotMemory { reg, holds } => {
                write!(f, "{} invalid mem access '{holds}'", name(*reg))
            }
            Self::Arithmetic { reg, holds, op } => {
                let op = op.map(|op| format!(" by `{}`", op.symbol())).unwrap_or_default();
                write!(f, "{} pointer arithmetic on {holds} prohibited{op}", name(*reg))
            }
            Self::Comparison { reg } => write!(f, "{} pointer comparison prohibited", name(*reg)),
            Self::Leak { reg } => write!(f, "{} leaks addr", name(*reg)),
            Self::UnknownHelper { id } => write!(f, "unknown func unknown#{}", id.cast_signed()),
            Self::Newer { since, oldest } => {
                write!(
                    f,
                    "only kernels from {since} on have it, and {oldest} is to take the program"
                )
            }
            Self::Argument { reg, holds, wants } => {
                write!(f, "{} type={holds} expected={wants}", name(*reg))
            }
            Self::MapKind { kind } => write!(f, "the helper does not take maps of kind {kind}"),
            Self::ClassicPacket => {
                f.write_str("BPF_LD_[ABS|IND] instructions not allowed for this program type")
            }
            Self::Paths { reg } => write!(
                f,
                "{}: same insn cannot be used with different pointers, paths or scalars",
                name(*reg)
            ),
            Self::Jumps { jumps, most } => write!(
                f,
                "the sequence of {jumps} jumps is too complex: kernels keep {most} in mind"
            ),
            Self::Complexity { most } => {
                write!(f, "BPF program is too large: kernels follow {most} instructions")
            }
            Self::OutOfScope(scope) => write!(f, "{scope} are not judged here"),
        }
    }
}

/// A branch that was followed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Decision {
    /// The conditional jump.
    pub at: usize,
    /// Whether it was taken.
    pub taken: bool,
}

/// A refusal.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Refusal {
    /// The instruction, as `Program::insns` counts.
    pub at: usize,
    /// Its text.
    pub text: String,
    /// What asked for it.
    pub note: Option<Note>,
    /// Why.
    pub why: Reason,
    /// What the registers and places on the stack held that it has to do with.
    pub state: Vec<(String, String)>,
    /// The last branches on the way.
    pub path: Vec<Decision>,
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.why)?;
        write!(f, "\n  instruction {}: {}", self.at, self.text)?;
        if let Some(note) = &self.note {
            write!(f, "\n  asked for by: {note}")?;
        }
        if !self.state.is_empty() {
            let known: Vec<String> =
                self.state.iter().map(|(what, holds)| format!("{what}={holds}")).collect();
            write!(f, "\n  known there:  {}", known.join(" "))?;
        }
        if !self.path.is_empty() {
            let side = |taken: bool| if taken { "taken" } else { "not taken" };
            let path: Vec<String> =
                self.path.iter().map(|on| format!("{} {}", on.at, side(on.taken))).collect();
            write!(f, "\n  branches:     {}", path.join(", "))?;
        }
        Ok(())
    }
}

impl std::error::Error for Refusal {}
