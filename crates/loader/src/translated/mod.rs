//! What the kernel runs, held against what was loaded.
//!
//! The verifier rewrites a program: maps become addresses, reads of the context become reads of the
//! kernel's own struct, helpers become short code in place, what no packet reaches is taken out, and
//! jumps follow. [`compare`] walks the image and the rewritten instructions side by side. Each of
//! ours must be there in its place, the same but for where its jump leads, or be replaced by a run
//! that is known to stand for it; every jump must lead to where ours does; and nothing may be left
//! over. A rewriting that is not known here ends the walk without an answer, which is no accusation:
//! that the image was what the kernel was given is for the [`Tag`](crate::Tag) to prove.
//!
//! The comparison is pure, and knows nothing of who loaded the program.

mod code;
mod runs;
mod walk;

use std::fmt;
use std::os::fd::AsFd;

use palisade_asm::{Image, RawInsn};

use crate::Errno;
use crate::program::Program;
use crate::sys::{self, Xlated};

/// What the kernel shows of a program's instructions after its rewriting.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Translated {
    /// All of them. The targets of calls are zero for whoever may not see addresses of the kernel.
    Shown(Vec<RawInsn>),
    /// None.
    Withheld(Withheld),
}

/// Why the kernel shows no instructions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Withheld {
    /// It shows them to whoever has CAP_BPF.
    Capability,
    /// Their constants are blinded (`net.core.bpf_jit_harden`), and the caller may not see addresses
    /// of the kernel (`kernel.kptr_restrict`).
    Blinded,
}

impl fmt::Display for Withheld {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Capability => "the kernel shows instructions to whoever has CAP_BPF",
            Self::Blinded => {
                "the kernel has blinded the constants (net.core.bpf_jit_harden) and keeps them to itself"
            }
        })
    }
}

impl Program {
    /// The instructions as the kernel has rewritten them.
    #[doc(alias = "xlated_prog_insns")]
    pub fn translated(&self) -> Result<Translated, Errno> {
        Ok(match sys::prog_xlated(self.as_fd())? {
            Xlated::Shown(code) => Translated::Shown(code),
            Xlated::NoLength => Translated::Withheld(Withheld::Capability),
            Xlated::NoCode => Translated::Withheld(Withheld::Blinded),
        })
    }
}

/// What came of a comparison.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Comparison {
    /// Every instruction is in its place.
    Same(Agreement),
    /// One is not.
    Differs(Difference),
    /// From some place on it cannot be told.
    Unknown(Difference),
}

/// How two programs that say the same differ in form, in instructions of ours.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Agreement {
    /// Found as they are.
    pub kept: usize,
    /// Replaced by a run that stands for them.
    pub replaced: usize,
    /// Taken out, for no packet reaches them or they do nothing.
    pub removed: usize,
}

/// Where two programs part.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// The slot of our instruction; one past the last where the kernel has more.
    pub slot: usize,
    /// The slot of the kernel's.
    pub found_slot: usize,
    /// The kernel's instruction there; `None` where it has no more.
    pub found: Option<RawInsn>,
    /// What is wrong with it.
    pub reason: Reason,
}

/// What is wrong with an instruction, or unknown about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// It is another one.
    Other,
    /// It names another map than ours does.
    Map {
        /// The number of the map that is meant.
        wanted: u32,
    },
    /// Its jump leads elsewhere.
    Target,
    /// It calls another function than the same call elsewhere, or the same as another call.
    Callee,
    /// It reads the context at another place than the same read elsewhere.
    Context,
    /// The kernel has none any more.
    Missing,
    /// The kernel has more than we have.
    Left,
    /// The kernel has taken out so many tests that which of them went which way is not found out.
    Pruned,
    /// The constants are blinded, so that nothing but their places can be seen.
    Blinded,
    /// A call, or a map, is replaced by code that is not known here.
    Rewriting,
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Other => f.write_str("it is another instruction"),
            Self::Map { wanted } => write!(f, "it names another map than {wanted}"),
            Self::Target => f.write_str("its jump leads elsewhere"),
            Self::Callee => f.write_str("it calls another function"),
            Self::Context => f.write_str("it reads another field of the context"),
            Self::Missing => f.write_str("the kernel's program ends before it"),
            Self::Left => f.write_str("the kernel's program goes on behind our end"),
            Self::Pruned => f.write_str("the kernel took out too many tests"),
            Self::Blinded => f.write_str("the kernel has blinded the constants"),
            Self::Rewriting => {
                f.write_str("the kernel put code in its place that is not known here")
            }
        }
    }
}

/// Compares an image with the instructions that the kernel made of it. `maps` are the numbers of its
/// maps, in the order in which it declares them.
pub fn compare(image: &Image, maps: &[u32], found: &[RawInsn]) -> Comparison {
    walk::Walk::new(image, maps, found).compare()
}
