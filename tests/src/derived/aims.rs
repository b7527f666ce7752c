//! The statements of a policy as goals: frames are to meet or to miss their terms.

use palisade_filter::Policy;
use palisade_filter::policy::{Match, Rule, SetId, Term};

use super::sides::{Items, of_test};
use super::{Setting, Shape};
use crate::agree::{Entry, Life};
use crate::random::Chance;

/// The statements of a policy as settings that meet or miss them.
#[derive(Clone, Debug)]
pub struct Aims {
    statements: Vec<Vec<Goal>>,
}

/// A term.
#[derive(Clone, Debug)]
enum Goal {
    Test { inside: Vec<Setting>, outside: Vec<Setting> },
    Not(Box<Goal>),
    Any(Vec<Vec<Goal>>),
}

/// What a term is to be of a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Wanted {
    Met,
    Missed,
}

/// Every setting of every statement, in an order by chance, each once.
#[derive(Clone, Debug)]
pub struct Constants {
    left: Vec<(usize, Setting)>,
}

impl Aims {
    /// The aims of a policy whose sets have these entries besides their elements.
    pub fn of(policy: &Policy, entries: &[Entry]) -> Self {
        let items = |set: SetId| {
            let set = &policy.sets()[set.index()];
            let elements = set.elements.iter().map(|item| (*item, true));
            let own = entries.iter().filter(|entry| entry.set == set.name.as_str());
            let parsed = |entry: &Entry| entry.item.parse().expect("an item");
            elements.chain(own.map(|e| (parsed(e), e.life != Life::Over))).collect::<Items>()
        };
        let goals = |rule: &Rule| of_match(&rule.matching, &items);
        let statements = policy.keeps().iter().chain(policy.rules()).map(goals);
        Self { statements: statements.collect() }
    }

    /// How many statements there are.
    pub fn len(&self) -> usize {
        self.statements.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.statements.is_empty()
    }

    /// Every constant of every statement.
    pub fn constants(&self) -> Constants {
        let mut left = Vec::new();
        for (at, goals) in self.statements.iter().enumerate() {
            goals
                .iter()
                .for_each(|goal| goal.each(&mut |setting| left.push((at, setting.clone()))));
        }
        Constants { left }
    }

    /// A frame that is to meet a statement.
    pub fn meeting(&self, statement: usize, chance: &mut Chance) -> Shape {
        let mut shape = Shape::plain(chance);
        if let Some(goals) = self.statements.get(statement) {
            goals.iter().for_each(|goal| goal.seek(Wanted::Met, &mut shape, chance));
        }
        shape
    }

    /// A frame that is to miss one term of some statement, and meet its others.
    pub fn missing(&self, chance: &mut Chance) -> Shape {
        let statement = chance.below(self.len().max(1));
        let mut shape = self.meeting(statement, chance);
        if let Some(goals) = self.statements.get(statement).filter(|goals| !goals.is_empty()) {
            goals[chance.below(goals.len())].seek(Wanted::Missed, &mut shape, chance);
        }
        shape
    }
}

impl Constants {
    /// The next one and its statement; none when all were taken.
    pub fn next(&mut self, chance: &mut Chance) -> Option<(usize, Setting)> {
        if self.left.is_empty() {
            return None;
        }
        let at = chance.below(self.left.len());
        Some(self.left.swap_remove(at))
    }
}

impl Goal {
    fn seek(&self, wanted: Wanted, shape: &mut Shape, chance: &mut Chance) {
        match (self, wanted) {
            (Self::Test { inside, outside }, _) => {
                let all = if wanted == Wanted::Met { inside } else { outside };
                if !all.is_empty() {
                    all[chance.below(all.len())].apply(shape, chance);
                }
            }
            (Self::Not(goal), Wanted::Met) => goal.seek(Wanted::Missed, shape, chance),
            (Self::Not(goal), Wanted::Missed) => goal.seek(Wanted::Met, shape, chance),
            (Self::Any(all), Wanted::Met) => {
                let one = &all[chance.below(all.len())];
                one.iter().for_each(|goal| goal.seek(Wanted::Met, shape, chance));
            }
            (Self::Any(all), Wanted::Missed) => {
                for one in all.iter().filter(|one| !one.is_empty()) {
                    one[chance.below(one.len())].seek(Wanted::Missed, shape, chance);
                }
            }
        }
    }

    fn each(&self, visit: &mut impl FnMut(&Setting)) {
        match self {
            Self::Test { inside, outside } => inside.iter().chain(outside).for_each(visit),
            Self::Not(goal) => goal.each(visit),
            Self::Any(all) => all.iter().flatten().for_each(|goal| goal.each(visit)),
        }
    }
}

fn of_match(matching: &Match, items: &impl Fn(SetId) -> Items) -> Vec<Goal> {
    matching.terms().iter().map(|term| of_term(term, items)).collect()
}

fn of_term(term: &Term, items: &impl Fn(SetId) -> Items) -> Goal {
    match term {
        Term::Test(test) => {
            let (inside, outside) = of_test(test, items);
            Goal::Test { inside, outside }
        }
        Term::Not(term) => Goal::Not(Box::new(of_term(term, items))),
        Term::Any(all) => Goal::Any(all.iter().map(|one| of_match(one, items)).collect()),
    }
}
