//! What the kernel's verifier and loader take: a policy that asks for more is refused here, by the
//! rule or set that is too much, and never by a message of the verifier.

use palisade_asm::Program;

use super::price::Price;
use super::{Cond, MOST_HITS, Node, Plan, RowId, events};
use crate::policy::{End, Policy, Report, Rule, Test};
use crate::structure;
use crate::structure::flat::Part;

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
    /// A limit by key has a map of its own.
    #[error(
        "line {line}: `{rule}` is one rule too many with a limit by source, destination or flow; {limit} are the most"
    )]
    TooManyLimits {
        /// The line of the first rule that is too much.
        line: u32,
        /// The rule.
        rule: String,
        /// The limit.
        limit: usize,
    },
    /// The turns of rules that report one packet of so many are in one value.
    #[error(
        "line {line}: `{rule}` is one rule too many that reports one packet of so many; {limit} are the most"
    )]
    TooManySampled {
        /// The line of the first rule that is too much.
        line: u32,
        /// The rule.
        rule: String,
        /// The limit.
        limit: usize,
    },
    /// Without a helper that copies them, the bytes of a packet are copied one by one.
    #[error(
        "line {line}: `{rule}` reports {snap} bytes of a packet; before Linux 5.18, {limit} are the most"
    )]
    SnapTooLong {
        /// The line.
        line: u32,
        /// The rule.
        rule: String,
        /// How many bytes.
        snap: u32,
        /// The limit.
        limit: u32,
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
/// The most rules with limits that have a map of their own.
const MOST_LIMITS: usize = 32;
/// The most branches of a limit, and of a ban.
const LIMIT_BRANCHES: usize = 5;

impl Plan<'_> {
    /// Refuses a policy with more maps, or with more branches on one path, than the kernel takes.
    pub(super) fn check(&self) -> Result<(), PlanError> {
        self.check_events()?;
        self.check_branches()?;
        self.check_maps()
    }

    /// Refuses a program that the verifier may not follow to its end.
    pub fn check_size(&self, program: &Program) -> Result<(), PlanError> {
        if program.insns().len() <= MOST_INSTRUCTIONS {
            return Ok(());
        }
        let noted = program.notes().iter().take_while(|(at, _)| *at < MOST_INSTRUCTIONS);
        let last = noted.filter(|(_, note)| note.line.is_some()).last().map(|(_, note)| note);
        let (line, rule) =
            last.map_or((0, String::new()), |note| (note.line.unwrap_or(0), shortened(&note.step)));
        Err(PlanError::TooManyInstructions { line, rule, limit: MOST_INSTRUCTIONS })
    }

    fn check_maps(&self) -> Result<(), PlanError> {
        let events = if self.events.is_some() { 2 } else { 0 };
        let limits = self.limits.maps().len();
        let (beside, outlets) = (self.neighbours.maps().len(), self.outlets.maps().len());
        let tables = usize::from(!self.tables.is_empty());
        let own = 2 + beside + events + outlets + limits + tables;
        if let Some(row) = self.limits.keyed().nth(MOST_LIMITS) {
            let Rule { line, text, .. } = self.rule_of(row);
            let (line, rule) = (*line, shortened(text));
            return Err(PlanError::TooManyLimits { line, rule, limit: MOST_LIMITS });
        }
        let mut left = MOST_MAPS - own;
        for set in self.policy.sets() {
            left = left.checked_sub(structure::looked_at(set)).ok_or_else(|| {
                let (line, set) = (set.line, set.name.to_string());
                PlanError::TooManyMaps { line, set, limit: MOST_MAPS, of_net: Part::ALL.len() - 1 }
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

    /// The most branches of a report.
    fn branches_of(&self, report: Report) -> usize {
        let rungs = if self.target.copies() { report.snap() as usize / 8 + 16 } else { 1 };
        events::BRANCHES + rungs
    }

    /// Refuses what cannot be reported on the target.
    fn check_events(&self) -> Result<(), PlanError> {
        let reporting = self.policy.rules().iter().filter_map(|rule| Some((rule, rule.report?)));
        for (at, (rule, _)) in reporting.clone().filter(|(_, r)| r.one_in() > 1).enumerate() {
            if at >= events::MOST_TURNS {
                let (line, rule) = (rule.line, shortened(&rule.text));
                return Err(PlanError::TooManySampled { line, rule, limit: events::MOST_TURNS });
            }
        }
        let long = |report: &Report| self.target.copies() && report.snap() > events::MOST_COPIED;
        match reporting.clone().find(|(_, report)| long(report)) {
            Some((rule, report)) => Err(PlanError::SnapTooLong {
                line: rule.line,
                rule: shortened(&rule.text),
                snap: report.snap(),
                limit: events::MOST_COPIED,
            }),
            None => Ok(()),
        }
    }

    /// Takes the branches of `nodes` from `left`; the error is the row that was too much.
    fn spend(&self, nodes: &[Node], left: &mut usize) -> Result<(), RowId> {
        for node in nodes {
            match node {
                Node::Rule(step) => {
                    let report = step.report.map_or(0, |report| self.branches_of(report));
                    let limits = usize::from(step.limit.is_some());
                    let bans = usize::from(step.action.ban().is_some());
                    let more = report + (limits + bans) * LIMIT_BRANCHES;
                    take(left, branches(&step.conds) + more, step.row)?;
                }
                Node::Under(cond, nodes) => {
                    take(left, Price::of(cond).branches, node.first_row())?;
                    self.spend(nodes, left)?;
                }
                Node::Remember { test, first, .. } => {
                    take(left, Price::of_test(test).branches, *first)?;
                }
                Node::LookUp { conds, table, first, .. } => {
                    let halvings = self.tables.layout(*table).halvings as usize;
                    take(left, branches(conds) + 4 + 4 * halvings, *first)?;
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

/// The most branches that conditions are emitted as.
fn branches(conds: &[Cond]) -> usize {
    conds.iter().map(|cond| Price::of(cond).branches).sum()
}

/// A statement as far as a message shows it.
fn shortened(text: &str) -> String {
    const MOST: usize = 100;
    match text.char_indices().nth(MOST) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

/// Refuses a rule with more look-ups than there is room for their hits.
pub(super) fn too_many_sets(policy: &Policy) -> Result<(), PlanError> {
    for rule in policy.keeps().iter().chain(policy.rules()) {
        // A term on either end looks twice.
        let sets: usize = rule
            .matching
            .tests()
            .iter()
            .filter(|test| test.set().is_some())
            .map(|test| if matches!(test, Test::AddressIn(End::Either, _)) { 2 } else { 1 })
            .sum();
        if sets > MOST_HITS {
            let (line, rule) = (rule.line, shortened(&rule.text));
            return Err(PlanError::TooManySets { line, rule, sets, limit: MOST_HITS });
        }
    }
    Ok(())
}
