//! What has to be emitted for a policy on a target, decided before the first instruction.
//!
//! A frame belongs to one [`Class`]; for each class the plan holds the rules that can decide such
//! a frame, in order, and how deep its headers must be read for them. Rules behind one that always
//! decides are left out. Everything that can be refused is refused here: emitting cannot fail.

mod mode;
mod rows;
mod target;

use palisade_asm::{MapDecl, MapFlags, MapKind};

use crate::emit::MOST_HITS;
use crate::policy::{Class, Policy, Rule, Side, Term};
use crate::structure::{self, HITS_SIZE};

pub use mode::Mode;
use rows::FIRST_RULE;
pub use rows::{Decider, Malformed, Row, RowId, rows};
pub use target::{Access, Buffers, ByteOrder, Target};

/// A rule on the way of a class, without the terms that the class has decided.
#[derive(Clone, Debug)]
pub struct Step<'a> {
    /// The rule.
    pub rule: &'a Rule,
    /// The tests that are left, the cheap ones first.
    pub tests: Vec<Term>,
    /// Where it counts.
    pub row: RowId,
}

/// How far the headers of a class are read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Depth {
    /// Not beyond the EtherType.
    Layer2,
    /// The IP header.
    Layer3,
    /// Extension headers and the transport header.
    Layer4,
}

/// The way of the frames of one class.
#[derive(Clone, Debug)]
pub struct Way<'a> {
    /// The class.
    pub class: Class,
    /// How far its headers are read.
    pub depth: Depth,
    /// The rules, in order.
    pub steps: Vec<Step<'a>>,
    /// Whether packets get past the last step.
    pub open: Open,
    /// Where later fragments count that no rule decides, if not with the default.
    pub fragment: Option<RowId>,
}

/// Whether packets get past the last step of a way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Open {
    /// Some do, and meet the default.
    Yes,
    /// The last step decides them all.
    No,
}

impl Way<'_> {
    /// Whether some test of the way satisfies `wanted`.
    pub fn tests(&self, wanted: impl Fn(&Term) -> bool) -> bool {
        self.steps.iter().flat_map(|s| &s.tests).any(wanted)
    }

    /// Whether an address of that side is tested.
    pub fn tests_address(&self, side: Side) -> bool {
        self.tests(|t| matches!(t, Term::Address(s, _) | Term::AddressIn(s, _) if *s == side))
    }

    fn same_as(&self, other: &Self) -> bool {
        let rows = |way: &Self| way.steps.iter().map(|s| s.row).collect::<Vec<_>>();
        self.depth == other.depth && rows(self) == rows(other)
    }
}

/// Why a policy cannot be compiled.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PlanError {
    /// The verifier follows no more branches than this on one path.
    #[error(
        "line {line}: `{rule}` takes the policy past {limit} branches on one path, the most that the kernel's verifier follows; put addresses and services into sets"
    )]
    TooManyBranches {
        /// The line of the first rule that is too much.
        line: u32,
        /// The rule.
        rule: String,
        /// The limit.
        limit: usize,
    },
    /// The hits of a rule in sets are kept on the stack until all its terms are true.
    #[error("line {line}: `{rule}` looks into {sets} sets, {limit} are the most for one rule")]
    TooManySets {
        /// The line.
        line: u32,
        /// The rule.
        rule: String,
        /// How many.
        sets: usize,
        /// The limit.
        limit: usize,
    },
    /// A program refers to no more maps than this.
    #[error(
        "{maps} maps are needed for the sets of the policy, {limit} are the most that the kernel takes"
    )]
    TooManyMaps {
        /// How many.
        maps: usize,
        /// The limit.
        limit: usize,
    },
}

/// The verifier's limit of pending branches, `BPF_COMPLEXITY_LIMIT_JMP_SEQ`.
const MOST_BRANCHES: usize = 8192;
/// More than the branches of any parser, with those of the ends of the program.
const PARSER_BRANCHES: usize = 400;
/// `MAX_USED_MAPS` of the kernel.
const MOST_MAPS: usize = 64;

/// The name of the map with the counters of rows.
pub const COUNTERS: &str = "_counters";
/// The name of the map with the mode.
pub const CONTROL: &str = "_control";

/// A policy, ready to be emitted for a target.
#[derive(Clone, Debug)]
pub struct Plan<'a> {
    /// The policy.
    pub policy: &'a Policy,
    /// The target.
    pub target: Target,
    /// The rows of the counters; those of shadow mode follow in the same order.
    pub rows: Vec<Row>,
    /// The way of frames of no class with a way of its own.
    pub other: Way<'a>,
    /// The classes with a way of their own.
    pub ways: Vec<Way<'a>>,
}

/// Plans the emission of `policy` for `target`.
pub fn plan<'a>(policy: &'a Policy, target: Target) -> Result<Plan<'a>, PlanError> {
    let rows = rows(policy);
    let other = way(policy, Class::Other)?;
    let mut ways = Vec::new();
    for class in [Class::Ip4, Class::Ip6, Class::Arp] {
        let way = way(policy, class)?;
        if !way.same_as(&other) {
            ways.push(way);
        }
    }
    let plan = Plan { policy, target, rows, other, ways };
    let maps = plan.maps().len();
    if maps > MOST_MAPS {
        return Err(PlanError::TooManyMaps { maps, limit: MOST_MAPS });
    }
    Ok(plan)
}

impl Plan<'_> {
    /// The maps of the program: control, counters, then those of the sets in order.
    pub fn maps(&self) -> Vec<MapDecl> {
        let array = |name: &str, kind, value_size, max_entries| MapDecl {
            name: name.to_owned(),
            kind,
            key_size: 4,
            value_size,
            max_entries,
            flags: MapFlags::NONE,
        };
        // Twice the rows: the second half counts what would have been dropped in shadow mode.
        let rows = u32::try_from(self.rows.len() * 2).unwrap_or(u32::MAX);
        let own = [
            array(CONTROL, MapKind::Array, 4, 1),
            array(COUNTERS, MapKind::PerCpuArray, HITS_SIZE, rows),
        ];
        own.into_iter().chain(self.policy.sets().iter().flat_map(structure::maps)).collect()
    }

    /// The row of a decider that the policy has once.
    pub fn row_of(&self, decider: Decider) -> RowId {
        let at = self.rows.iter().position(|r| r.decider == decider);
        RowId(at.expect("every decider but the optional ones has a row, and those are asked for only where declared"))
    }

    /// The deepest that any class is read.
    pub fn depth(&self) -> Depth {
        self.ways.iter().map(|w| w.depth).max().unwrap_or(Depth::Layer2)
    }
}

/// The names of the maps of a policy.
pub fn map_names(policy: &Policy) -> Vec<String> {
    let sets = policy.sets().iter().flat_map(structure::maps).map(|decl| decl.name);
    [CONTROL, COUNTERS].map(str::to_owned).into_iter().chain(sets).collect()
}

fn way(policy: &Policy, class: Class) -> Result<Way<'_>, PlanError> {
    let mut steps = Vec::new();
    let mut branches = PARSER_BRANCHES;
    let mut open = Open::Yes;
    let all = policy.keeps().iter().chain(policy.rules());
    for (at, rule) in all.enumerate().filter(|(_, rule)| rule.matching.can_match(class)) {
        let mut tests: Vec<Term> =
            rule.matching.terms().iter().copied().filter(|t| !decided_by_class(t)).collect();
        tests.sort_by_key(cost);
        branches += tests.iter().map(branches_of).sum::<usize>();
        if branches > MOST_BRANCHES {
            let (line, rule) = (rule.line, rule.text.clone());
            return Err(PlanError::TooManyBranches { line, rule, limit: MOST_BRANCHES });
        }
        let sets =
            tests.iter().filter(|t| matches!(t, Term::AddressIn(..) | Term::ServiceIn(_))).count();
        if sets > MOST_HITS {
            let (line, rule) = (rule.line, rule.text.clone());
            return Err(PlanError::TooManySets { line, rule, sets, limit: MOST_HITS });
        }
        let always = tests.is_empty();
        steps.push(Step { rule, tests, row: RowId(FIRST_RULE + at) });
        if always {
            open = Open::No;
            break;
        }
    }
    let depth = depth(policy, class, &steps);
    let fragment = (policy.fragment().is_some() && depth == Depth::Layer4)
        .then(|| RowId(FIRST_RULE + policy.keeps().len() + policy.rules().len()));
    Ok(Way { class, depth, steps, open, fragment })
}

/// Whether a term is true of every frame of a class that it can match.
fn decided_by_class(term: &Term) -> bool {
    match term {
        Term::Family(_) | Term::Arp => true,
        Term::Address(_, prefix) => prefix.len() == 0,
        Term::Nd | Term::Protocol(_) | Term::Icmp | Term::Icmp6 => false,
        Term::AddressIn(..) | Term::Port(..) | Term::ServiceIn(_) => false,
    }
}

fn depth(policy: &Policy, class: Class, steps: &[Step<'_>]) -> Depth {
    if !matches!(class, Class::Ip4 | Class::Ip6) {
        return Depth::Layer2;
    }
    let any =
        |wanted: fn(&Term) -> bool| steps.iter().flat_map(|s| s.rule.matching.terms()).any(wanted);
    if policy.fragment().is_some() || any(Term::looks_at_layer4) {
        Depth::Layer4
    } else if any(Term::looks_at_ip) {
        Depth::Layer3
    } else {
        Depth::Layer2
    }
}

/// What a test costs, so that a rule fails early; look-ups come last.
fn cost(term: &Term) -> u8 {
    match term {
        Term::Family(_) | Term::Arp => 0,
        Term::Protocol(_) | Term::Icmp | Term::Icmp6 | Term::Nd | Term::Port(..) => 1,
        Term::Address(..) => 2,
        Term::ServiceIn(_) => 3,
        Term::AddressIn(..) => 4,
    }
}

/// The most branches that a test is emitted as.
fn branches_of(term: &Term) -> usize {
    match term {
        Term::Family(_) | Term::Arp => 0,
        Term::Protocol(_) | Term::Icmp | Term::Icmp6 | Term::Nd => 1,
        Term::Port(..) => 2,
        Term::Address(..) => 4,
        Term::ServiceIn(_) => 5,
        Term::AddressIn(..) => 6,
    }
}
