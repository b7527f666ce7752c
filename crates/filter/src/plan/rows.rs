//! The rows of the counters: every packet is counted in exactly one, that of what decided it.
//!
//! What a policy counts and how a reader understands it come from the policy alone, so that
//! whoever knows the text knows the rows.

use crate::policy::{Action, Change, Fallback, Flaw, Policy, Rule, Verdict};
use crate::value::Name;

/// What decided a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decider {
    /// The filter was switched off.
    Off,
    /// The packet could not be parsed.
    Malformed(Flaw),
    /// A `keep`.
    Keep,
    /// A rule.
    Rule,
    /// Nothing: a `count` rule counts what it matches, and what decides comes later.
    Count,
    /// The kernel's routes, which did not send a packet on: of the rule at this place among the
    /// rules.
    Unrouted(usize),
    /// `on fragment`.
    Fragment,
    /// `default`.
    Default,
}

/// A row of the counters: every packet is counted in exactly one, that of what decided it, and
/// besides in those of the `count` rules that it matched.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// What decides.
    pub decider: Decider,
    /// What becomes of the packets while the policy is enforced; `None` for a `count` rule.
    pub verdict: Option<Verdict>,
    /// What is done to them before.
    pub change: Option<Change>,
    /// What the author calls the rule.
    pub name: Option<Name>,
    /// The line of the text, where there is one.
    pub line: Option<u32>,
    /// The statement.
    pub text: String,
}

/// The place of a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RowId(pub(crate) usize);

impl RowId {
    /// The row in a table that only says that a key is listed: no rule has it.
    pub(super) const LISTED: Self = Self(1);

    /// The key of the row in the counters.
    pub const fn index(self) -> usize {
        self.0
    }
}

/// The index of the first row of `keep`s and rules.
pub(crate) const FIRST_RULE: usize = 1 + Flaw::ALL.len();

/// The rows of the counters of a policy.
pub fn rows(policy: &Policy) -> Vec<Row> {
    let row = |decider, verdict, line, text: &str| {
        let (verdict, text) = (Some(verdict), text.to_owned());
        Row { decider, verdict, change: None, name: None, line, text }
    };
    let fallback = |decider, fallback: Fallback, word: &str| {
        let verdict = fallback.verdict;
        row(decider, verdict, fallback.line, &format!("{word} {verdict}"))
    };
    let rule = |decider, rule: &Rule| Row {
        decider: if rule.action == Action::Count { Decider::Count } else { decider },
        verdict: rule.action.verdict(),
        change: rule.action.change().cloned(),
        name: rule.name.clone(),
        line: Some(rule.line),
        text: rule.text.clone(),
    };
    let mut rows = vec![row(Decider::Off, Verdict::Pass, None, "mode off")];
    for flaw in Flaw::ALL {
        let malformed = policy.malformed();
        rows.push(row(Decider::Malformed(flaw), malformed.verdict, malformed.line, flaw.name()));
    }
    rows.extend(policy.keeps().iter().map(|k| rule(Decider::Keep, k)));
    rows.extend(policy.rules().iter().map(|r| rule(Decider::Rule, r)));
    if let Some(fragment) = policy.fragment() {
        rows.push(fallback(Decider::Fragment, fragment, "on fragment"));
    }
    rows.push(fallback(Decider::Default, policy.default(), "default"));
    for (at, rule) in policy.rules().iter().enumerate() {
        if rule.action.change() == Some(&Change::Route) {
            for (verdict, why) in UNROUTED {
                let text = format!("{why}: {}", rule.text);
                rows.push(row(Decider::Unrouted(at), verdict, Some(rule.line), &text));
            }
        }
    }
    rows
}

/// What becomes of packets of a `route` that are not sent on, in the order of their rows.
const UNROUTED: [(Verdict, &str); 2] =
    [(Verdict::Pass, "left to the stack"), (Verdict::Drop, "no way")];

/// The row of the packets of the rule at this place that its `route` leaves to the stack; that of
/// those that it drops is the next.
pub fn unrouted(rows: &[Row], rule: usize) -> Option<RowId> {
    rows.iter().position(|row| row.decider == Decider::Unrouted(rule)).map(RowId)
}
