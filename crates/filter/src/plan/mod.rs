//! What has to be emitted for a policy on a target, decided before the first instruction.
//!
//! A frame belongs to one [`Class`](crate::policy::Class), and a packet of IP to one
//! [`Lane`](crate::policy::Lane); for each the plan holds the rules that can decide such a packet,
//! in order, grouped so that nothing is tested twice. Everything that can be refused is refused
//! here: emitting cannot fail.

mod control;
mod group;
mod imply;
mod mode;
mod overlay;
mod reduce;
mod rows;
mod table;
mod target;
mod trial;
mod way;

use std::collections::HashMap;

use palisade_asm::{MapDecl, MapFlags, MapKind, Program};

use crate::policy::{Class, End, Lane, Policy, Rule, Test};
use crate::structure::{self, HITS_SIZE, NetPart};
use crate::value::{AddressRange, Family};
use crate::{Dead, Filling};

pub use control::{CONTROL, Control};
use group::{Collected, group, remember};
pub use group::{Key, MOST_REMEMBERED, Node};
pub use mode::Mode;
pub use reduce::Cond;
use rows::FIRST_RULE;
pub use rows::{Decider, Malformed, Row, RowId, rows};
pub use table::{Form, Layout, TABLES, TableId, Tables};
pub use target::{Access, Buffers, ByteOrder, Target};
pub use trial::{BEFORE, DEADLINE, Tenure};
pub use way::{Depth, Open, Step};
use way::{Reach, Shadows};

/// The way of the packets of some lanes of a class.
#[derive(Clone, Debug)]
pub struct LaneWay {
    /// The lanes.
    pub lanes: Vec<Lane>,
    /// What is tested, in order.
    pub nodes: Vec<Node>,
    /// Whether packets get past the last node.
    pub open: Open,
}

/// The way of the frames of one class.
#[derive(Clone, Debug)]
pub struct Way {
    /// The class.
    pub class: Class,
    /// How far its headers are read.
    pub depth: Depth,
    /// The ways of its lanes: each lane is on one of them.
    pub lanes: Vec<LaneWay>,
}

impl Way {
    /// Whether some test of the way satisfies `wanted`.
    pub fn tests(&self, wanted: impl Fn(&Test) -> bool) -> bool {
        self.lanes.iter().any(|lane| lane.tests(&wanted))
    }

    /// The way of a lane.
    pub fn lane(&self, lane: Lane) -> &LaneWay {
        let found = self.lanes.iter().find(|way| way.lanes.contains(&lane));
        found.expect("every lane of a class is on a way")
    }

    fn same_as(&self, other: &Self) -> bool {
        self.depth == other.depth
            && self.lanes.len() == other.lanes.len()
            && self.lanes.iter().zip(&other.lanes).all(|(a, b)| a.nodes == b.nodes)
    }
}

impl LaneWay {
    /// Whether some test of the way satisfies `wanted`.
    pub fn tests(&self, wanted: impl Fn(&Test) -> bool) -> bool {
        let mut found = false;
        for node in &self.nodes {
            node.each_test(&mut |test| found |= wanted(test));
        }
        found
    }

    /// Whether some table is looked up by a key that satisfies `wanted`.
    pub fn looks_up(&self, wanted: impl Fn(Key) -> bool) -> bool {
        self.nodes.iter().any(|node| node.looks_up(&wanted))
    }
}

impl Node {
    /// The row of its first rule.
    pub fn first_row(&self) -> RowId {
        match self {
            Self::Rule(step) => step.row,
            Self::LookUp { first, .. } | Self::Remember { first, .. } => *first,
            Self::Under(_, nodes) => {
                nodes.first().map(Self::first_row).expect("something stands under a condition")
            }
        }
    }

    fn each_test<'a>(&'a self, visit: &mut impl FnMut(&'a Test)) {
        match self {
            Self::Rule(step) => step.conds.iter().for_each(|cond| cond.each(visit)),
            Self::Under(cond, nodes) => {
                cond.each(visit);
                for node in nodes {
                    node.each_test(visit);
                }
            }
            Self::LookUp { conds, .. } => conds.iter().for_each(|cond| cond.each(visit)),
            Self::Remember { test, .. } => visit(test),
        }
    }

    fn looks_up(&self, wanted: &impl Fn(Key) -> bool) -> bool {
        match self {
            Self::Rule(_) | Self::Remember { .. } => false,
            Self::Under(_, nodes) => nodes.iter().any(|node| node.looks_up(wanted)),
            Self::LookUp { key, .. } => wanted(*key),
        }
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
    /// The kernel follows no more instructions than this.
    #[error(
        "line {line}: `{rule}` takes the program past {limit} instructions, the most that the kernel's verifier is sure to follow; put addresses and services into sets"
    )]
    TooManyInstructions {
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
        "line {line}: the set `{set}` takes the policy past {limit} maps, the most that the kernel takes for one program; a `net` set is {of_net} of them"
    )]
    TooManyMaps {
        /// The line of the first set that is too much.
        line: u32,
        /// The set.
        set: String,
        /// The limit.
        limit: usize,
        /// The maps of a `net` set.
        of_net: usize,
    },
}

/// The verifier's limit of pending branches, `BPF_COMPLEXITY_LIMIT_JMP_SEQ`.
const MOST_BRANCHES: usize = 8192;
/// More than the branches of any parser, with those of the ends of the program.
const PARSER_BRANCHES: usize = 400;
/// The verifier follows a million, and some of them more than once.
const MOST_INSTRUCTIONS: usize = 250_000;
/// `MAX_USED_MAPS` of the kernel.
const MOST_MAPS: usize = 64;
/// The most set look-ups of one rule, whose hits wait on the stack.
pub const MOST_HITS: usize = 8;

/// The name of the map with the counters of rows.
pub const COUNTERS: &str = "_counters";

/// A policy, ready to be emitted for a target.
#[derive(Clone, Debug)]
pub struct Plan<'a> {
    /// The policy.
    pub policy: &'a Policy,
    /// The target.
    pub target: Target,
    /// Whether it is on trial.
    pub tenure: Tenure,
    /// The rows of the counters; those of shadow mode follow in the same order.
    pub rows: Vec<Row>,
    /// The way of frames of no class with a way of its own.
    pub other: Way,
    /// The classes with a way of their own.
    pub ways: Vec<Way>,
    /// The constant tables.
    pub tables: Tables,
    /// Lists that are too long to be compared, and the tables in which they are looked up.
    pub lists: HashMap<Test, TableId>,
    /// Rules that are on no way.
    pub dead: Vec<Dead>,
}

/// Plans the emission of `policy` for `target`.
pub fn plan(policy: &Policy, target: Target, tenure: Tenure) -> Result<Plan<'_>, PlanError> {
    let (mut shadows, mut tables) = (Shadows::default(), Collected::default());
    too_many_sets(policy)?;
    let other = way(policy, Class::Other, &mut shadows, &mut tables);
    let mut ways = Vec::new();
    for class in [Class::Ip4, Class::Ip6, Class::Arp] {
        let way = way(policy, class, &mut shadows, &mut tables);
        if !way.same_as(&other) {
            ways.push(way);
        }
    }
    let lists = lists(ways.iter().chain([&other]), &mut tables);
    let (rows, dead, tables) = (rows(policy), dead(policy, &shadows), tables.into_tables());
    let plan = Plan { policy, target, tenure, rows, other, ways, tables, lists, dead };
    plan.check_branches()?;
    plan.check_maps()?;
    Ok(plan)
}

impl Plan<'_> {
    /// The maps of the program: control, counters, those of a trial, then those of the sets in order
    /// and the one of the constant tables.
    pub fn maps(&self) -> Vec<MapDecl> {
        // Twice the rows: the second half counts what would have been dropped in shadow mode.
        let rows = u32::try_from(self.rows.len() * 2).unwrap_or(u32::MAX);
        let counters = MapDecl {
            name: COUNTERS.to_owned(),
            kind: MapKind::PerCpuArray,
            key_size: 4,
            value_size: HITS_SIZE,
            max_entries: rows,
            flags: MapFlags::NONE,
        };
        [Control::map(), counters]
            .into_iter()
            .chain(self.tenure.maps())
            .chain(self.policy.sets().iter().flat_map(structure::maps))
            .chain(self.tables.map())
            .collect()
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

    /// The ways of all classes.
    pub fn all_ways(&self) -> impl Iterator<Item = &Way> {
        self.ways.iter().chain([&self.other])
    }

    /// What the constant tables hold.
    pub fn fillings(&self) -> Vec<Filling> {
        if self.tables.is_empty() {
            return Vec::new();
        }
        let entry = (0u32.to_le_bytes().to_vec(), self.tables.bytes(self.target.order));
        vec![Filling { map: self.maps().len() - 1, entries: vec![entry] }]
    }

    /// Refuses a program that the verifier may not follow to its end.
    pub fn check_size(&self, program: &Program) -> Result<(), PlanError> {
        if program.insns().len() <= MOST_INSTRUCTIONS {
            return Ok(());
        }
        let noted = program.notes().iter().take_while(|(at, _)| *at < MOST_INSTRUCTIONS);
        let last = noted.filter(|(_, note)| note.line.is_some()).last().map(|(_, note)| note);
        let (line, rule) =
            last.map_or((0, String::new()), |note| (note.line.unwrap_or(0), note.step.to_string()));
        Err(PlanError::TooManyInstructions { line, rule, limit: MOST_INSTRUCTIONS })
    }

    /// The keep or rule of a row.
    pub fn rule_of(&self, row: RowId) -> &Rule {
        rule_of(self.policy, row)
    }

    fn check_maps(&self) -> Result<(), PlanError> {
        let own = 2 + self.tenure.maps().len() + usize::from(!self.tables.is_empty());
        let mut left = MOST_MAPS - own;
        for set in self.policy.sets() {
            left = left.checked_sub(structure::maps(set).len()).ok_or_else(|| {
                let (line, set) = (set.line, set.name.to_string());
                PlanError::TooManyMaps {
                    line,
                    set,
                    limit: MOST_MAPS,
                    of_net: NetPart::ALL.len() + 1,
                }
            })?;
        }
        Ok(())
    }

    fn check_branches(&self) -> Result<(), PlanError> {
        for lane in self.all_ways().flat_map(|way| &way.lanes) {
            let mut left = MOST_BRANCHES - PARSER_BRANCHES;
            if let Err(row) = self.spend(&lane.nodes, &mut left) {
                let Rule { line, text, .. } = self.rule_of(row);
                let (line, rule, limit) = (*line, shortened(text), MOST_BRANCHES);
                return Err(PlanError::TooManyBranches { line, rule, limit });
            }
        }
        Ok(())
    }

    /// Takes the branches of `nodes` from `left`; the error is the row that was too much.
    fn spend(&self, nodes: &[Node], left: &mut usize) -> Result<(), RowId> {
        for node in nodes {
            match node {
                Node::Rule(step) => {
                    take(left, step.conds.iter().map(branches).sum::<usize>(), step.row)?;
                }
                Node::Under(cond, nodes) => {
                    take(left, branches(cond), node.first_row())?;
                    self.spend(nodes, left)?;
                }
                Node::Remember { test, first, .. } => {
                    take(left, branches(&Cond::Is(test.clone())), *first)?;
                }
                Node::LookUp { conds, table, first, .. } => {
                    let halvings = self.tables.layout(*table).halvings as usize;
                    let tested = conds.iter().map(branches).sum::<usize>();
                    take(left, tested + 4 + 4 * halvings, *first)?;
                }
            }
        }
        Ok(())
    }
}

fn take(left: &mut usize, branches: usize, row: RowId) -> Result<(), RowId> {
    *left = left.checked_sub(branches).ok_or(row)?;
    Ok(())
}

/// The most branches that a condition is emitted as.
fn branches(cond: &Cond) -> usize {
    match cond {
        Cond::Any(all) => all.iter().flatten().map(|cond| branches(cond) + 1).sum(),
        Cond::Is(test) | Cond::IsNot(test) => match test {
            Test::Address(_, all) => {
                all.ranges().map(|range| range_branches(&range)).sum::<usize>().min(TABLE_BRANCHES)
            }
            Test::Port(_, ports) => (2 * ports.count()).min(TABLE_BRANCHES),
            Test::ServiceIn(_) => 9,
            Test::AddressIn(..) => 8,
            Test::MacIn(..) | Test::Nd => 4,
            Test::Family(_)
            | Test::Arp
            | Test::EtherType(_)
            | Test::Dhcp
            | Test::Protocol(_)
            | Test::Icmp
            | Test::Icmp6
            | Test::IcmpType { .. }
            | Test::Flags(_)
            | Test::Number(..)
            | Test::Fragment
            | Test::Options
            | Test::Vlan(..)
            | Test::Mac(..) => 1,
        },
    }
}

/// More than the branches of a look-up in any constant table.
const TABLE_BRANCHES: usize = 80;

/// A prefix is compared by its words of 32 bits, another range with its ends.
fn range_branches(range: &AddressRange) -> usize {
    match (range.as_prefix(), range.family()) {
        (Some(prefix), _) => usize::from(prefix.len().div_ceil(32)),
        (None, Family::V4) => 2,
        (None, Family::V6) => 6,
    }
}

fn rule_of(policy: &Policy, row: RowId) -> &Rule {
    let mut all = policy.keeps().iter().chain(policy.rules());
    all.nth(row.index() - FIRST_RULE).expect("steps have the rows of rules")
}

fn way(policy: &Policy, class: Class, shadows: &mut Shadows, tables: &mut Collected) -> Way {
    let reach = Reach::of(policy, class);
    let depth = reach.depth(policy);
    shadows.beyond(&reach);
    // Without layer 4 nothing tells the lanes apart, and no test depends on them.
    let lanes = if depth == Depth::Layer4 { Lane::of(class) } else { &[Lane::Other] };
    let mut found: Vec<(Vec<Step>, LaneWay)> = Vec::new();
    for lane in lanes {
        let (steps, open) = way::steps(&reach, *lane, shadows);
        // Pieces that no rule decides have a verdict of their own.
        let apart = *lane == Lane::LaterFragment && policy.fragment().is_some();
        let same = |(s, way): &&mut (Vec<Step>, LaneWay)| !apart && *s == steps && way.open == open;
        if let Some((_, way)) = found.iter_mut().find(same) {
            way.lanes.push(*lane);
            continue;
        }
        let mut taken = Vec::new();
        let nodes = group(steps.clone(), class, tables, &mut |row, by| taken.push((row, by)));
        shadows.walked(&steps, &taken);
        let nodes = remember(nodes);
        found.push((steps, LaneWay { lanes: vec![*lane], nodes, open }));
    }
    Way { class, depth, lanes: found.into_iter().map(|(_, way)| way).collect() }
}

/// The long lists among the tests of some ways, each with its table.
fn lists<'a>(
    ways: impl Iterator<Item = &'a Way>,
    tables: &mut Collected,
) -> HashMap<Test, TableId> {
    let mut lists = HashMap::new();
    for node in ways.flat_map(|way| &way.lanes).flat_map(|lane| &lane.nodes) {
        node.each_test(&mut |test| {
            if let Some(id) = tables.of_list(test) {
                lists.insert(test.clone(), id);
            }
        });
    }
    lists
}

fn dead(policy: &Policy, shadows: &Shadows) -> Vec<Dead> {
    let dead = shadows.dead().into_iter().map(|(row, by)| {
        let rule = rule_of(policy, row);
        let by = by.into_iter().map(|row| rule_of(policy, row).line).collect();
        Dead { line: rule.line, text: rule.text.clone(), by }
    });
    dead.collect()
}

/// A statement as far as a message shows it.
fn shortened(text: &str) -> String {
    const MOST: usize = 100;
    match text.char_indices().nth(MOST) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

fn too_many_sets(policy: &Policy) -> Result<(), PlanError> {
    for rule in policy.keeps().iter().chain(policy.rules()) {
        // A term on either end looks twice.
        let sets: usize = rule
            .matching
            .tests()
            .iter()
            .filter_map(|test| test.set().map(|_| test))
            .map(|test| if matches!(test, Test::AddressIn(End::Either, _)) { 2 } else { 1 })
            .sum();
        if sets > MOST_HITS {
            let (line, rule) = (rule.line, shortened(&rule.text));
            return Err(PlanError::TooManySets { line, rule, sets, limit: MOST_HITS });
        }
    }
    Ok(())
}
