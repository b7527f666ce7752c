//! Steps of a way as the tree that is emitted: what neighbours have in common is tested once.
//!
//! A run of rules that differ in one key alone and do the same becomes a look-up in a constant
//! table, as soon as its list is too long to be compared. Neighbours that share a condition stand
//! under it. The order of rules is kept, so that the first one that matches still wins.

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use super::reduce::Cond;
use super::rows::RowId;
use super::table::{Table, TableId, TableKind};
use super::tables::Tables;
use super::way::Step;
use crate::policy::{Action, Change, End, Test};
use crate::value::Family;

/// A part of the tree.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Node {
    /// A rule.
    Rule(Step),
    /// What is under the condition meets only packets that it is true of.
    Under(Cond, Vec<Node>),
    /// The test is done once, for all rules behind that ask for it; its result is kept.
    Remember {
        /// The test: a look-up in a set.
        test: Test,
        /// Which of the results kept it is.
        place: usize,
        /// The first rule that asks.
        first: RowId,
    },
    /// Where all conditions hold, the key decides which rule it is, if any.
    LookUp {
        /// What is tested before.
        conds: Vec<Cond>,
        /// What is looked up.
        key: Key,
        /// Where.
        table: TableId,
        /// What all its rules do.
        action: Action,
        /// Its first rule.
        first: RowId,
    },
}

/// What is looked up in a constant table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Key {
    /// An address.
    Address(End),
    /// A port.
    Port(End),
}

/// A look-up that so many rules of a lane ask for first of all is done once for them.
const WORTH_REMEMBERING: usize = 4;
/// A look-up that so many ask for is done once even where each of them has cheaper conditions before
/// it: the look-ups of such a policy would be most of its code.
const ALWAYS_WORTH_REMEMBERING: usize = 24;
/// The most results of look-ups that are kept at a time.
pub const MOST_REMEMBERED: usize = 8;

/// Longer lists are looked up instead of compared.
pub const MOST_COMPARED: usize = 8;

/// What a table is made of.
type Lists = (TableKind, Vec<(Vec<(u128, u128)>, RowId)>);

/// The tables of a plan in the making, each content once.
#[derive(Default)]
pub struct Collected {
    all: Vec<Table>,
    known: HashMap<Lists, TableId>,
}

impl Collected {
    fn id_of(&mut self, lists: Lists) -> TableId {
        let next = TableId(self.all.len());
        match self.known.entry(lists) {
            Entry::Occupied(there) => *there.get(),
            Entry::Vacant(new) => {
                let (kind, rules) = new.key();
                self.all.push(Table::of(*kind, rules));
                *new.insert(next)
            }
        }
    }

    /// The key and the table of a list that is too long to be compared.
    pub fn of_list(&mut self, test: &Test) -> Option<(Key, TableId)> {
        let Keyed { key, kind, ranges } = Keyed::of(test)?;
        if ranges.len() <= MOST_COMPARED {
            return None;
        }
        Some((key, self.id_of((kind, vec![(ranges, RowId::LISTED)]))))
    }

    /// The tables, in their places.
    pub fn into_tables(self) -> Tables {
        Tables::of(self.all)
    }
}

/// Puts the look-ups that many rules ask for before the first of them.
pub fn remember(nodes: Vec<Node>) -> Vec<Node> {
    let mut asked: Vec<Asked> = Vec::new();
    for node in &nodes {
        node.each_look_up(&mut |test, place| {
            let at = asked.iter().position(|a| a.test == *test).unwrap_or_else(|| {
                asked.push(Asked { test: test.clone(), times: 0, first_of_all: 0 });
                asked.len() - 1
            });
            asked[at].times += 1;
            asked[at].first_of_all += usize::from(place == 0);
        });
    }
    let often =
        |a: &Asked| a.first_of_all >= WORTH_REMEMBERING || a.times >= ALWAYS_WORTH_REMEMBERING;
    let mut left: Vec<(usize, Test)> = asked
        .into_iter()
        .filter(often)
        .map(|asked| asked.test)
        .take(MOST_REMEMBERED)
        .enumerate()
        .collect();
    let mut out = Vec::new();
    for node in nodes {
        let first = node.first_row();
        let mut now = Vec::new();
        node.each_look_up(&mut |test, _| now.push(test.clone()));
        for (place, test) in left.extract_if(.., |(_, test)| now.contains(test)) {
            out.push(Node::Remember { test, place, first });
        }
        out.push(node);
    }
    out
}

/// How often rules ask for a look-up.
struct Asked {
    test: Test,
    times: usize,
    /// By so many as their first condition.
    first_of_all: usize,
}

impl Node {
    /// Calls `visit` with each look-up in a set that is a condition of a rule that decides, and its
    /// place among the conditions.
    fn each_look_up<'a>(&'a self, visit: &mut impl FnMut(&'a Test, usize)) {
        let mut each = |conds: &'a [Cond]| {
            for (place, cond) in conds.iter().enumerate() {
                if let Cond::Is(test) | Cond::IsNot(test) = cond
                    && test.set().is_some()
                {
                    visit(test, place);
                }
            }
        };
        match self {
            Self::Rule(step) if step.action != Action::Count => each(&step.conds),
            Self::LookUp { conds, .. } => each(conds),
            Self::Rule(_) | Self::Remember { .. } => {}
            Self::Under(_, nodes) => nodes.iter().for_each(|node| node.each_look_up(visit)),
        }
    }
}

/// Groups the steps of a lane. Rules whose keys earlier ones of their run have taken are told to
/// `shadowed`, with one of those.
pub fn group(
    steps: Vec<Step>,
    tables: &mut Collected,
    shadowed: &mut impl FnMut(RowId, RowId),
) -> Vec<Node> {
    let mut nodes = Vec::new();
    let mut left = steps.as_slice();
    while let Some(step) = left.first() {
        let (node, taken) = if let Some(run) = run(left) {
            (run.node(left, tables, shadowed), run.len)
        } else if let Some((cond, len)) = shared(left) {
            let inner = left[..len].iter().map(|step| step.without(&cond)).collect();
            (Node::Under(cond, group(inner, tables, shadowed)), len)
        } else {
            (Node::Rule(step.clone()), 1)
        };
        nodes.push(node);
        left = &left[taken..];
    }
    nodes
}

impl Step {
    fn without(&self, cond: &Cond) -> Self {
        let conds = self.conds.iter().filter(|c| *c != cond).cloned().collect();
        Self { conds, ..self.clone() }
    }
}

/// Steps that differ in one key alone.
struct Run {
    key: Key,
    kind: TableKind,
    len: usize,
}

/// What a test compares, as a table holds it.
struct Keyed {
    key: Key,
    kind: TableKind,
    ranges: Vec<(u128, u128)>,
}

impl Keyed {
    fn of(test: &Test) -> Option<Self> {
        if let Test::Address(end, all) = test {
            // On the way of a lane the addresses of a test are of one family.
            let kind = if all.has(Family::V6) { TableKind::V6 } else { TableKind::V4 };
            let ranges = [Family::V4, Family::V6].map(|family| all.bits(family)).concat();
            return Some(Self { key: Key::Address(*end), kind, ranges });
        }
        if let Test::Port(end, ports) = test {
            let ranges = ports.ranges().map(|r| (r.first().into(), r.last().into())).collect();
            return Some(Self { key: Key::Port(*end), kind: TableKind::Ports, ranges });
        }
        None
    }

    fn of_cond(cond: &Cond) -> Option<Self> {
        match cond {
            Cond::Is(test) => Self::of(test),
            Cond::IsNot(_) | Cond::Any(_) => None,
        }
    }
}

/// The only condition of a step on that key.
fn keyed(step: &Step, key: Key) -> Option<(&Cond, Keyed)> {
    let mut found = step.conds.iter().filter_map(|cond| {
        let keyed = Keyed::of_cond(cond)?;
        (keyed.key == key).then_some((cond, keyed))
    });
    match (found.next(), found.next()) {
        (Some(one), None) => Some(one),
        _ => None,
    }
}

/// The longest run that the first step begins, if it is worth a table.
fn run(steps: &[Step]) -> Option<Run> {
    let first = steps.first()?;
    // Each of them does something of its own with its packets.
    let alone =
        matches!(first.action, Action::Count | Action::Ban(_) | Action::Change(Change::Route));
    if alone || first.report.is_some() || first.limit.is_some() {
        return None;
    }
    let keys = first.conds.iter().filter_map(|cond| Some(Keyed::of_cond(cond)?.key));
    let mut best: Option<(usize, Run)> = None;
    for key in keys {
        let (mut len, mut ranges) = (0, 0);
        let Some((own, Keyed { kind, .. })) = keyed(first, key) else { continue };
        for step in steps {
            match keyed(step, key) {
                Some((cond, more))
                    if (&step.action, step.report, step.limit) == (&first.action, None, None)
                        && others(first, own).eq(others(step, cond)) =>
                {
                    len += 1;
                    ranges += more.ranges.len();
                }
                _ => break,
            }
        }
        if ranges > MOST_COMPARED && best.as_ref().is_none_or(|(most, _)| ranges > *most) {
            best = Some((ranges, Run { key, kind, len }));
        }
    }
    best.map(|(_, run)| run)
}

/// The conditions of a step but for the given one.
fn others<'a>(step: &'a Step, but: &'a Cond) -> impl Iterator<Item = &'a Cond> {
    step.conds.iter().filter(move |cond| *cond != but)
}

impl Run {
    fn node(
        &self,
        steps: &[Step],
        tables: &mut Collected,
        shadowed: &mut impl FnMut(RowId, RowId),
    ) -> Node {
        let steps = &steps[..self.len];
        let first = &steps[0];
        let ranges = |step: &Step| Some((keyed(step, self.key)?.1.ranges, step.row));
        let rules: Vec<_> = steps.iter().filter_map(ranges).collect();
        let id = tables.id_of((self.kind, rules.clone()));
        let table = &tables.all[id.index()];
        let rows = table.rows();
        for (ranges, row) in rules.iter().filter(|(_, row)| !rows.contains(row)) {
            let owner = ranges.first().and_then(|(first, _)| table.row_of(*first));
            shadowed(*row, owner.unwrap_or(first.row));
        }
        let other = |cond: &&Cond| Keyed::of_cond(cond).is_none_or(|k| k.key != self.key);
        let conds = first.conds.iter().filter(other).cloned().collect();
        Node::LookUp {
            conds,
            key: self.key,
            table: id,
            action: first.action.clone(),
            first: first.row,
        }
    }
}

/// The condition that most steps from the first on share, at least two. Look-ups in sets are not
/// shared: their hits belong to one rule.
fn shared(steps: &[Step]) -> Option<(Cond, usize)> {
    let (first, rest) = steps.split_first()?;
    let mut best: Option<(&Cond, usize)> = None;
    for cond in first.conds.iter().filter(|cond| !looks_into_a_set(cond)) {
        let len = 1 + rest.iter().take_while(|step| step.conds.contains(cond)).count();
        if len > 1 && best.is_none_or(|(_, most)| len > most) {
            best = Some((cond, len));
        }
    }
    best.map(|(cond, len)| (cond.clone(), len))
}

/// Whether some test of a condition looks into a set.
pub fn looks_into_a_set(cond: &Cond) -> bool {
    let mut found = false;
    cond.each(&mut |test| found |= test.set().is_some());
    found
}
