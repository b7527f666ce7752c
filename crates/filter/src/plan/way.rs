//! The ways of packets: which rules the packets of a class, and of each of its lanes, can meet.
//!
//! A rule that cannot match a packet of a lane is not on its way, nor is one behind a rule that
//! always decides, nor one whose packets an earlier rule has decided. A condition that an earlier
//! rule has settled is not tested again.

use std::collections::{HashMap, HashSet};
use std::mem::{Discriminant, discriminant};

use super::group::looks_into_a_set;
use super::imply::{all_imply, excludes, implies, is_point};
use super::price::Price;
use super::reduce::{Cond, Reduced, reduce};
use super::rows::{FIRST_RULE, RowId};
use crate::policy::{Action, Class, Lane, Limit, LimitKey, Policy, Report, Rule, Test, Truth};

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

/// A rule on the way of a lane.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Step {
    /// What is left to be tested, the cheap conditions first.
    pub conds: Vec<Cond>,
    /// Where the rule counts.
    pub row: RowId,
    /// What it does.
    pub action: Action,
    /// What it reports.
    pub report: Option<Report>,
    /// What it leaves alone.
    pub limit: Option<Limit>,
}

impl Step {
    /// Whether no packet gets past it.
    pub fn decides_all(&self) -> bool {
        self.conds.is_empty() && self.action.verdict().is_some() && self.limit.is_none()
    }

    /// Whether it looks at all that tells packets apart.
    pub fn tells(&self) -> bool {
        tells(self.report, self.limit.as_ref())
    }
}

/// Whether a report, or the key of a flow, tells of the transport header.
fn tells(report: Option<Report>, limit: Option<&Limit>) -> bool {
    report.is_some() || limit.is_some_and(|limit| limit.key() == LimitKey::Flow)
}

/// Whether packets get past the last step of a way.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Open {
    /// Some do, and meet the default.
    Yes,
    /// The last step decides them all.
    No,
}

/// The rules that can decide packets of a class, with their rows, in order.
pub struct Reach<'a> {
    class: Class,
    rules: Vec<(RowId, &'a Rule)>,
    /// The rules behind one that decides every packet of the class, and that one.
    beyond: Vec<(RowId, RowId)>,
}

impl<'a> Reach<'a> {
    /// Of the keeps and rules of a policy, those that some packet of the class can meet.
    pub fn of(policy: &'a Policy, class: Class) -> Self {
        let (mut rules, mut beyond) = (Vec::new(), Vec::new());
        let mut last = None;
        for (at, rule) in policy.keeps().iter().chain(policy.rules()).enumerate() {
            let row = RowId(FIRST_RULE + at);
            let mut truths = Lane::of(class).iter().map(|lane| rule.matching.truth(class, *lane));
            if truths.clone().all(|truth| truth == Truth::Never) {
                continue;
            }
            if let Some(last) = last {
                beyond.push((row, last));
                continue;
            }
            rules.push((row, rule));
            if rule.ends() && truths.all(|truth| truth == Truth::Always) {
                last = Some(row);
            }
        }
        Self { class, rules, beyond }
    }

    /// How far the headers must be read for these rules.
    pub fn depth(&self, policy: &Policy) -> Depth {
        if self.class.family().is_none() {
            return Depth::Layer2;
        }
        let any = |wanted: &dyn Fn(&Test) -> bool| {
            self.rules.iter().flat_map(|(_, rule)| rule.matching.tests()).any(wanted)
        };
        let undecided = |test: &Test| {
            let mut truths = Lane::of(self.class).iter().map(|lane| test.truth(self.class, *lane));
            let first = truths.next();
            first == Some(Truth::Depends) || truths.any(|truth| Some(truth) != first)
        };
        if policy.fragment().is_some()
            || self.rules.iter().any(|(_, rule)| tells(rule.report, rule.limit.as_ref()))
            || any(&|test| test.looks_at_layer4(self.class) && undecided(test))
        {
            Depth::Layer4
        } else if any(&Test::looks_at_ip) {
            Depth::Layer3
        } else {
            Depth::Layer2
        }
    }
}

/// The rules behind which others are dead, by lane.
#[derive(Default)]
pub struct Shadows {
    /// The rows whose rules are on the way of some lane.
    alive: HashSet<RowId>,
    /// For each row that some lane does not get to, the rows that keep its packets from it.
    by: HashMap<RowId, Vec<RowId>>,
    /// How many comparisons were made; beyond a bound, no more are.
    spent: usize,
}

/// Comparisons of rules with each other, so that a large policy stays linear.
const MOST_COMPARISONS: usize = 4_000_000;

impl Shadows {
    /// The rows of rules that are on no way, with the rows that keep packets from them.
    pub fn dead(&self) -> Vec<(RowId, Vec<RowId>)> {
        let on_no_way = self.by.iter().filter(|(row, _)| !self.alive.contains(row));
        let mut dead: Vec<_> = on_no_way
            .map(|(row, by)| {
                let mut by = by.clone();
                by.sort_unstable();
                by.dedup();
                (*row, by)
            })
            .collect();
        dead.sort_unstable();
        dead
    }

    /// Notes the rules that are beyond reach.
    pub fn beyond(&mut self, reach: &Reach<'_>) {
        for (row, by) in &reach.beyond {
            self.shadowed(*row, *by);
        }
    }

    /// Notes that a rule is on no way although its lane has packets for it.
    pub fn shadowed(&mut self, row: RowId, by: RowId) {
        self.by.entry(row).or_default().push(by);
    }

    /// Notes that the rules of `steps` are on a way, but for those whose keys others have taken.
    pub fn walked(&mut self, steps: &[Step], taken: &[(RowId, RowId)]) {
        for (row, by) in taken {
            self.shadowed(*row, *by);
        }
        let taken: HashSet<RowId> = taken.iter().map(|(row, _)| *row).collect();
        self.alive.extend(steps.iter().map(|step| step.row).filter(|row| !taken.contains(row)));
    }
}

/// A condition known from what earlier rules did not decide, and the rules that tell.
struct Known {
    cond: Cond,
    rows: Vec<RowId>,
}

/// More are not kept, so that a rule is compared with few.
const MOST_KNOWN: usize = 32;

/// The steps of a lane.
pub fn steps(reach: &Reach<'_>, lane: Lane, shadows: &mut Shadows) -> (Vec<Step>, Open) {
    let mut steps: Vec<Step> = Vec::new();
    let mut earlier = Earlier::default();
    let mut known: Vec<Known> = Vec::new();
    let mut closed: Option<Vec<RowId>> = None;
    for (row, rule) in &reach.rules {
        let conds = match reduce(&rule.matching, reach.class, lane) {
            Reduced::Never => continue,
            Reduced::Always => Vec::new(),
            Reduced::If(conds) => conds,
        };
        let one = || earlier.shadow(&conds, shadows).map(|by| vec![by]);
        let taken = closed.clone().or_else(one);
        let settled = taken.map_or_else(|| settle(conds.clone(), &known), Err);
        let (mut left, by) = match settled {
            Ok(settled) => settled,
            Err(by) => {
                by.into_iter().for_each(|by| shadows.shadowed(*row, by));
                continue;
            }
        };
        left.sort_by_cached_key(|cond| Price::of(cond).place);
        if rule.ends() {
            let rows = [by, vec![*row]].concat();
            learn(&left, &rows, &mut known);
            if left.is_empty() {
                closed = Some(rows);
            }
            earlier.add(conds, *row);
        }
        steps.push(Step {
            conds: left,
            row: *row,
            action: rule.action.clone(),
            report: rule.report,
            limit: rule.limit,
        });
    }
    (steps, if closed.is_some() { Open::No } else { Open::Yes })
}

/// The conditions that what is known leaves open, and the rules that settled the others; an error
/// with those that exclude one of them.
fn settle(conds: Vec<Cond>, known: &[Known]) -> Result<(Vec<Cond>, Vec<RowId>), Vec<RowId>> {
    let (mut left, mut by) = (Vec::new(), Vec::new());
    for cond in conds {
        if let Some(known) = known.iter().find(|k| excludes(&k.cond, &cond)) {
            return Err(known.rows.clone());
        }
        // A look-up in a set counts the entry that it finds, whatever is known of it.
        let counts = !matches!(cond, Cond::IsNot(_)) && looks_into_a_set(&cond);
        match known.iter().find(|k| !counts && implies(&k.cond, &cond)) {
            Some(known) => by.extend(&known.rows),
            None => left.push(cond),
        }
    }
    Ok((left, by))
}

/// A rule of a single condition tells that the condition is false of all packets behind it.
fn learn(conds: &[Cond], rows: &[RowId], known: &mut Vec<Known>) {
    let [cond] = conds else { return };
    let single: Vec<&Cond> = match cond {
        Cond::Is(_) | Cond::IsNot(_) => vec![cond],
        Cond::Any(all) => all
            .iter()
            .filter_map(|alt| <&[Cond; 1]>::try_from(alt.as_slice()).ok())
            .flatten()
            .collect(),
    };
    for cond in single {
        let negated = match cond {
            Cond::Is(test) => Cond::IsNot(test.clone()),
            Cond::IsNot(test) => Cond::Is(test.clone()),
            Cond::Any(_) => continue,
        };
        if known.len() < MOST_KNOWN {
            known.push(Known { cond: negated, rows: rows.to_vec() });
        }
    }
}

/// The rules before, found by what a rule must imply to be shadowed by one of them.
#[derive(Default)]
struct Earlier {
    all: Vec<Before>,
    by_point: HashMap<Cond, Vec<usize>>,
    others: Vec<usize>,
    /// The kinds of tests in them; each has the bit of its place.
    kinds: Vec<Discriminant<Test>>,
}

/// A rule before.
struct Before {
    row: RowId,
    conds: Vec<Cond>,
    /// The kinds of tests that stand alone in it.
    kinds: u64,
    weight: usize,
}

impl Earlier {
    fn add(&mut self, conds: Vec<Cond>, row: RowId) {
        let at = self.all.len();
        match conds.iter().find(|cond| is_point(cond)) {
            Some(point) => self.by_point.entry(point.clone()).or_default().push(at),
            None => self.others.push(at),
        }
        for test in conds.iter().filter_map(single) {
            if !self.kinds.contains(&discriminant(test)) {
                self.kinds.push(discriminant(test));
            }
        }
        let (kinds, weight) = (self.kinds_of(&conds), conds.iter().map(weight).sum());
        self.all.push(Before { row, conds, kinds, weight });
    }

    /// The kinds of tests that stand alone in conditions, as far as rules before have them.
    fn kinds_of(&self, conds: &[Cond]) -> u64 {
        let tests = conds.iter().filter_map(single).map(discriminant);
        let places = tests.filter_map(|kind| self.kinds.iter().position(|known| *known == kind));
        places.fold(0, |all, place| all | 1 << place)
    }

    /// The first rule that matches all that `conds` do.
    fn shadow(&self, conds: &[Cond], shadows: &mut Shadows) -> Option<RowId> {
        let points = conds.iter().filter_map(|cond| self.by_point.get(cond)).flatten();
        let weight = conds.iter().map(weight).sum::<usize>();
        // A test says something only of those of its kind; alternatives may of all.
        let alternatives = conds.iter().any(|cond| single(cond).is_none());
        let own = if alternatives { u64::MAX } else { self.kinds_of(conds) };
        let mut found: Option<RowId> = None;
        for at in points.chain(&self.others) {
            let before = &self.all[*at];
            shadows.spent += 1 + before.weight * weight;
            if shadows.spent > MOST_COMPARISONS {
                break;
            }
            if found.is_none_or(|found| before.row < found)
                && before.kinds & !own == 0
                && before.conds.iter().all(|cond| all_imply(conds, cond))
            {
                found = Some(before.row);
            }
        }
        found
    }
}

/// The test of a condition that is one, or its contrary.
fn single(cond: &Cond) -> Option<&Test> {
    match cond {
        Cond::Is(test) | Cond::IsNot(test) => Some(test),
        Cond::Any(_) => None,
    }
}

/// What it takes to compare with a condition.
fn weight(cond: &Cond) -> usize {
    match cond {
        Cond::Is(_) | Cond::IsNot(_) => 1,
        Cond::Any(all) => all.iter().flatten().map(weight).sum(),
    }
}
