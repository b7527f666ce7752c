//! The policy language of Palisade and its compiler to eBPF.
//!
//! The terms, smallest first: a *term* is one condition on a packet (`dport 53`); a *match* is
//! terms that must all be true; a *rule* gives a verdict to what it matches; a *policy* is rules in
//! order, the sets they look into, and a default. A policy that exists is sound.
//!
//! The way of the data is one: text, [`Policy`], [`plan::Plan`], [`palisade_asm::Program`]. All of
//! it is pure: no file, no clock, no kernel. The same text and [`Target`] give the same bytes on
//! every machine.
//!
//! ```
//! use palisade_filter::{Policy, Target, compile};
//!
//! let policy = palisade_filter::parse("set block net\ndrop src in block\ndefault pass\n").unwrap();
//! assert_eq!(policy.rules()[0].text, "drop src in block");
//! let artifact = compile(&policy, Target::FLOOR).unwrap();
//! assert!(artifact.program.to_string().contains("map_lookup_elem"));
//! ```

#![forbid(unsafe_code)]
#![deny(clippy::wildcard_enum_match_arm)]

pub mod diag;
mod emit;
pub mod import;
pub mod plan;
pub mod policy;
pub mod structure;
pub mod text;
pub mod value;

use palisade_asm::{Isa, MapDecl, Program};
pub use plan::{Access, Buffers, ByteOrder, Mode, PlanError, Row, Target};
pub use policy::{Policy, Verdict};
pub use text::parse;
pub use value::{Item, Name, SetKind};

/// The policy that is used when none is given.
pub const BUILTIN: &str = include_str!("../builtin.pal");

impl Target {
    /// The least that is supported: Linux 5.10, its loader with CAP_PERFMON.
    pub const FLOOR: Self = Self {
        isa: Isa::V3,
        order: ByteOrder::HOST,
        buffers: Buffers::Single,
        access: Access::Pointers,
    };
}

/// A compiled policy.
#[derive(Clone, Debug)]
pub struct Artifact {
    /// The program.
    pub program: Program,
    /// Its maps, in the order in which the program declares them.
    pub maps: Vec<MapDecl>,
    /// The rows of its counters.
    pub rows: Vec<Row>,
}

/// Compiles a policy for a target.
pub fn compile(policy: &Policy, target: Target) -> Result<Artifact, PlanError> {
    let plan = plan::plan(policy, target)?;
    Ok(Artifact { program: emit::emit(&plan), maps: plan.maps(), rows: plan.rows.clone() })
}
