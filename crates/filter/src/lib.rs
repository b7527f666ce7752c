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

pub mod capture;
pub mod diag;
mod emit;
pub mod import;
pub mod oracle;
pub mod plan;
pub mod policy;
pub mod rehearsal;
pub mod structure;
pub mod text;
pub mod value;

pub use palisade_asm::ByteOrder;
use palisade_asm::btf::MapLayout;
use palisade_asm::{Isa, MapDecl, Program};
pub use plan::{Access, Buffers, Mode, Neighbours, Next, PlanError, Row, Target, Tenure};
pub use policy::{Policy, Verdict};
use structure::Fill;
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
    /// What the maps hold, by map, for whoever reads them with other tools.
    pub layouts: Vec<Option<MapLayout>>,
    /// What must be in some of the maps before the program runs.
    pub fillings: Vec<Filling>,
    /// The rows of its counters.
    pub rows: Vec<Row>,
    /// Rules that no packet ever reaches.
    pub dead: Vec<Dead>,
}

impl Artifact {
    /// The values with which the maps begin that the program reaches by address, by map, for a
    /// loader that knows nothing of policies: the constant tables, and that no set of the policy is
    /// taken to be empty. The others begin as zeros.
    pub fn values(&self, policy: &Policy, order: ByteOrder) -> Vec<(usize, Vec<u8>)> {
        let place = |name: String| self.maps.iter().position(|map| map.name == name);
        let fills = policy.sets().iter().filter_map(|set| {
            let words = Fill::anything(set).map(|word| order.bytes64(word));
            Some((place(structure::fill_map(set.name.as_str()).name)?, words.concat()))
        });
        let tables = self.fillings.iter().flat_map(|filling| {
            filling.entries.iter().map(|(_, value)| (filling.map, value.clone()))
        });
        fills.chain(tables).collect()
    }
}

/// The constant contents of a map: lists of the policy that are looked up instead of compared.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Filling {
    /// The place of the map in [`Artifact::maps`].
    pub map: usize,
    /// Keys and values as bytes, in the order of the machine.
    pub entries: Vec<(Vec<u8>, Vec<u8>)>,
}

/// A rule that never decides, because earlier ones decide everything that it matches.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dead {
    /// Its line.
    pub line: u32,
    /// The rule.
    pub text: String,
    /// The lines of the earlier rules, the first one first.
    pub by: Vec<u32>,
}

/// Compiles a policy for a target.
pub fn compile(policy: &Policy, target: Target) -> Result<Artifact, PlanError> {
    compile_as(policy, target, Tenure::Standing)
}

/// Compiles a policy for a target, to stay or on trial, and with what comes behind it.
pub fn compile_as(
    policy: &Policy,
    target: Target,
    neighbours: impl Into<Neighbours>,
) -> Result<Artifact, PlanError> {
    let plan = plan::plan(policy, target, neighbours.into())?;
    let program = emit::emit(&plan);
    plan.check_size(&program)?;
    let (maps, fillings) = (plan.maps(), plan.fillings());
    let layouts = plan.map_layouts();
    Ok(Artifact { program, maps, layouts, fillings, rows: plan.rows, dead: plan.dead })
}
