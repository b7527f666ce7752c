//! What has to be emitted for a policy on a target, decided before the first instruction.
//!
//! A frame belongs to one [`Class`], and a packet of IP to one [`Lane`]; for each the plan holds the
//! rules that can decide such a packet, in order, grouped so that nothing is tested twice.
//! Everything that can be refused is refused here: emitting cannot fail.

mod budget;
mod control;
mod events;
mod group;
mod imply;
mod limits;
mod mode;
mod next;
mod outlets;
mod overlay;
mod price;
mod reduce;
mod rows;
mod table;
mod tables;
mod target;
mod trial;
mod way;

use std::collections::HashMap;

use palisade_asm::btf::MapLayout;
use palisade_asm::{MapDecl, MapFlags, MapKind};

use crate::policy::{Change, Class, Lane, Limit, Policy, Rule, Test};
use crate::structure::{self, HITS_SIZE};
use crate::{Dead, Filling};

pub use budget::PlanError;
pub use control::{CONTROL, Control};
pub use events::{
    Carried, EVENT_STATE, EVENTS, Events, Record, Tally, record, rows_checksum, state,
};
use group::{Collected, group, remember};
pub use group::{Key, MOST_REMEMBERED, Node};
pub use limits::{Cost, LIMITS, LimitPlace, Limits, PRICE_BITS, UNIT_BITS, room};
pub use mode::Mode;
pub use next::{Neighbours, Next, SLOT};
pub use outlets::{DEVICES, Outlets, SOCKETS};
pub use reduce::Cond;
pub(crate) use rows::FIRST_RULE;
pub use rows::{Decider, Row, RowId, rows, unrouted};
pub use table::{Form, Layout, TableId};
pub use tables::{TABLES, Tables};
pub use target::{Access, Buffers, Target};
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
    /// The class of its packets, where some rule reports them or tells flows apart.
    pub reported: Option<Class>,
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
    /// Calls `visit` with all that its nodes ask of a packet, in order.
    pub fn each<'a>(&'a self, visit: &mut impl FnMut(Asked<'a>)) {
        self.nodes.iter().for_each(|node| node.each(visit));
    }
}

/// What a node asks of a packet.
#[derive(Clone, Copy, Debug)]
pub enum Asked<'a> {
    /// Whether a test is true.
    Test(&'a Test),
    /// To which row of a constant table this belongs.
    Key(Key),
    /// That it be changed.
    Change(&'a Change),
    /// Whether it is over a limit.
    Limit(&'a Limit),
    /// Who sent it.
    Source,
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

    /// How many rules and look-ups it is.
    pub fn rules(&self) -> usize {
        match self {
            Self::Rule(_) | Self::LookUp { .. } | Self::Remember { .. } => 1,
            Self::Under(_, nodes) => nodes.iter().map(Self::rules).sum(),
        }
    }

    fn each<'a>(&'a self, visit: &mut impl FnMut(Asked<'a>)) {
        let mut each = |cond: &'a Cond| cond.each(&mut |test| visit(Asked::Test(test)));
        match self {
            Self::Rule(step) => {
                step.conds.iter().for_each(each);
                step.limit.iter().for_each(|limit| visit(Asked::Limit(limit)));
                step.action.ban().into_iter().for_each(|_| visit(Asked::Source));
                step.action.change().into_iter().for_each(|change| visit(Asked::Change(change)));
            }
            Self::Under(cond, nodes) => {
                each(cond);
                nodes.iter().for_each(|node| node.each(visit));
            }
            Self::LookUp { conds, key, action, .. } => {
                conds.iter().for_each(each);
                visit(Asked::Key(*key));
                action.change().into_iter().for_each(|change| visit(Asked::Change(change)));
            }
            Self::Remember { test, .. } => visit(Asked::Test(test)),
        }
    }
}

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
    /// The programs that it hands packets to.
    pub neighbours: Neighbours,
    /// The rows of the counters; those of shadow mode follow in the same order.
    pub rows: Vec<Row>,
    /// The way of frames of no class with a way of its own.
    pub other: Way,
    /// The classes with a way of their own.
    pub ways: Vec<Way>,
    /// The constant tables.
    pub tables: Tables,
    /// Lists that are too long to be compared: what is looked up instead, and in which table.
    pub lists: HashMap<Test, (Key, TableId)>,
    /// Rules that are on no way.
    pub dead: Vec<Dead>,
    /// What is reported, if anything.
    pub events: Option<Events>,
    /// Where packets are sent besides to the stack and back.
    pub outlets: Outlets,
    /// The limits of rules.
    pub limits: Limits,
}

/// Plans the emission of `policy` for `target`.
pub fn plan(
    policy: &Policy,
    target: Target,
    neighbours: Neighbours,
) -> Result<Plan<'_>, PlanError> {
    let (mut shadows, mut tables) = (Shadows::default(), Collected::default());
    budget::too_many_sets(policy)?;
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
    let events = Events::of(policy, &rows);
    let (outlets, limits) = (Outlets::of(policy), Limits::of(policy));
    let plan = Plan {
        policy,
        target,
        neighbours,
        rows,
        other,
        ways,
        tables,
        lists,
        dead,
        events,
        outlets,
        limits,
    };
    plan.check()?;
    Ok(plan)
}

impl Plan<'_> {
    /// The maps of the program: control, counters, those of a trial, the slot, those of events, of
    /// outlets and of limits, then those of the sets in order and the one of the constant tables.
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
            .chain(self.neighbours.maps())
            .chain(self.events.iter().flat_map(Events::maps))
            .chain(self.outlets.maps())
            .chain(self.limits.maps())
            .chain(self.policy.sets().iter().flat_map(structure::maps))
            .chain(self.tables.map())
            .collect()
    }

    /// What those maps hold, as far as there is something to say.
    pub fn map_layouts(&self) -> Vec<Option<MapLayout>> {
        let counters = MapLayout::array(structure::hits_layout());
        let sets = self.policy.sets().iter().flat_map(structure::layouts);
        [Control::layout(), counters]
            .into_iter()
            .map(Some)
            .chain(self.neighbours.layouts())
            .chain(self.events.iter().flat_map(Events::layouts))
            .chain(self.outlets.layouts())
            .chain(self.limits.layouts().into_iter().map(Some))
            .chain(sets.map(Some))
            .chain(self.tables.map_layout().map(Some))
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

    /// The row of the packets that the `route` of a row leaves to the stack; that of those that it
    /// drops is the next.
    pub fn unrouted(&self, row: RowId) -> Option<RowId> {
        unrouted(&self.rows, row.index().checked_sub(FIRST_RULE + self.policy.keeps().len())?)
    }

    /// The keep or rule of a row.
    pub fn rule_of(&self, row: RowId) -> &Rule {
        rule_of(self.policy, row)
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
        let reported = steps.iter().any(Step::tells).then_some(class);
        let balances = |step: &Step| matches!(step.action.change(), Some(Change::Balance(_)));
        let tells = reported.is_some() || steps.iter().any(balances);
        let alike = |other: &LaneWay| !tells || told(*lane) == told(other.lanes[0]);
        let same = |(s, way): &&mut (Vec<Step>, LaneWay)| {
            !apart && *s == steps && way.open == open && alike(way)
        };
        if let Some((_, way)) = found.iter_mut().find(same) {
            way.lanes.push(*lane);
            continue;
        }
        let mut taken = Vec::new();
        let nodes = group(steps.clone(), tables, &mut |row, by| taken.push((row, by)));
        shadows.walked(&steps, &taken);
        let nodes = remember(nodes);
        found.push((steps, LaneWay { lanes: vec![*lane], nodes, open, reported }));
    }
    Way { class, depth, lanes: found.into_iter().map(|(_, way)| way).collect() }
}

/// What a report tells of a packet's transport header, and what a flow is known by: lanes in which
/// these differ do not share their rules.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Told {
    Ports,
    Icmp,
    Protocol,
    Piece,
}

const fn told(lane: Lane) -> Told {
    match lane {
        Lane::Tcp | Lane::Udp | Lane::Sctp => Told::Ports,
        Lane::Icmp => Told::Icmp,
        Lane::Other => Told::Protocol,
        Lane::LaterFragment => Told::Piece,
    }
}

/// The long lists among the tests of some ways, each with its key and its table.
fn lists<'a>(
    ways: impl Iterator<Item = &'a Way>,
    tables: &mut Collected,
) -> HashMap<Test, (Key, TableId)> {
    let mut lists = HashMap::new();
    for lane in ways.flat_map(|way| &way.lanes) {
        lane.each(&mut |asked| {
            if let Asked::Test(test) = asked
                && let Some(looked_up) = tables.of_list(test)
            {
                lists.insert(test.clone(), looked_up);
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
