//! Puts eBPF programs into the Linux kernel and holds them there, without libbpf.
//!
//! It loads any [`Image`](palisade_asm::Image) and knows nothing of rules. The terms, smallest
//! first: a [`Wire`] type is a key or a value as bytes; a [`Map`] holds such pairs in the kernel, a
//! [`PerCpuMap`] one value for every CPU, and a [`Mapped`] is an array in this process's memory; a [`Ring`] is read record by record; a [`Program`] is an image that the verifier accepted,
//! with its maps; [`xdp::attach`] puts a program on a network interface, expecting to find there
//! what it says; a [`PinDir`] is a directory in a bpffs whose names keep maps and programs alive; a
//! [`TraceProgram`] watches events of the kernel.
//!
//! What holds throughout:
//! - Nothing detaches or unpins itself. Dropping any value here closes a descriptor and changes
//!   nothing that filters packets. A [`Tracing`], an [`xdp::Hold`] and an [`xsk::Socket`] alone end
//!   with their value: the first filters none, the others are of no use without their process.
//! - An error says what was asked and what the kernel said, in the kernel's own words where it has
//!   any.
//! - Bytes from the kernel are foreign: their lengths are checked, and no text is taken for UTF-8.
//! - What a kernel can do is found out by doing it ([`Features`]); a refused question is not a
//!   "no".
//! - All unsafe code is in the private module `sys`, behind functions that are safe.
//!
//! ```no_run
//! use palisade_asm::{Assembler, Isa, R0};
//! use palisade_loader::{Buffers, LoadOptions, Program, link, xdp};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let mut a = Assembler::new();
//! a.mov(R0, 1).exit(); // XDP_DROP.
//! let image = a.finish()?.encode(Isa::V3)?;
//!
//! let options = LoadOptions { name: "drop_all", license: c"GPL", buffers: Buffers::Single };
//! let program = Program::load(&image, &[], &options)?;
//! let eth0 = link::by_name("eth0")?.index;
//! xdp::attach(eth0, &program, xdp::Mode::Native, xdp::Expect::Empty)?;
//! # Ok(())
//! # }
//! ```

#![deny(unsafe_code)]
#![cfg_attr(not(test), warn(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing))]

pub mod clock;
mod error;
mod fdinfo;
mod features;
pub mod foreign;
mod grace;
pub mod link;
mod lpm;
mod map;
mod mapped;
mod memlock;
pub mod netdev;
mod netlink;
pub mod netns;
mod object;
mod percpu;
mod pieces;
mod pin;
mod program;
mod ring;
#[expect(unsafe_code, reason = "system calls; all unsafe code of the repository is in there")]
mod sys;
mod tag;
mod tail;
mod tracepoint;
pub mod translated;
mod verifier;
mod walk;
mod wire;
pub mod xdp;
pub mod xsk;

pub use clock::{ClockError, Ticks};
pub use error::Errno;
pub use features::{Capabilities, Capability, Features, Support};
pub use grace::{Waited, wait_for_running_programs};
pub use link::{IfIndex, Link, LinkError};
pub use lpm::LpmKey;
pub use map::{
    BatchError, Frozen, Insert, Iter, Map, MapError, MapHandle, MapInfo, MapOp, Shape, Unmappable,
    View,
};
pub use mapped::{Mapped, MappedMut};
pub use netlink::{Ending, NetlinkError, Question};
pub use object::{ObjectId, ObjectKind};
pub use percpu::{CpuError, PerCpu, PerCpuIter, PerCpuMap, cpu_list, cpu_numbers, possible_cpus};
pub use pieces::Pieces;
pub use pin::{Access, Gid, Locked, PinDir, PinError, PinOp, Pinned};
pub use program::{
    AttachType, Blamed, Buffers, LiveRun, LoadError, LoadOptions, Program, ProgramInfo, Tag,
    TestRun, TestRunResult,
};
pub use ring::{Ring, RingError, Taken};
pub use sys::{Word, WordMut, kept_name};
pub use tag::TagDigest;
pub use tail::Unlike;
pub use tracepoint::{TraceError, TraceProgram, Tracing};
pub use verifier::VerifierLog;
pub use wire::Wire;
