//! The statements of two policies beside each other, each with its lines.

use std::collections::HashMap;
use std::fmt;

use palisade_filter::Policy;
use serde_json::{Value, json};

use super::lines::{self, Change};
use crate::failure::Outcome;
use crate::output::Output;

/// Statements that are shown around each change.
const CONTEXT: usize = 3;
/// Characters of a statement that are shown.
const MOST_SHOWN: usize = 160;

/// What became of the statements.
pub struct Statements {
    old: Vec<Statement>,
    new: Vec<Statement>,
    changes: Vec<Change>,
    /// By removed statement, where it was added again.
    moved: HashMap<usize, usize>,
}

/// A statement in canonical form.
struct Statement {
    /// Its line in the text; none where the language itself says it.
    line: Option<u32>,
    text: String,
}

impl Statements {
    /// Compares the statements of two policies.
    pub fn compare(old: &Policy, new: &Policy) -> Self {
        let (old, new) = (statements(old), statements(new));
        let changes = lines::compare(&texts(&old), &texts(&new));
        let moved = moved(&changes, &old, &new);
        Self { old, new, changes, moved }
    }

    /// Whether nothing was added, removed or moved.
    pub fn are_same(&self) -> bool {
        self.changes.iter().all(is_kept)
    }

    /// The changes: each statement that was added, removed or moved.
    pub fn json(&self) -> Value {
        let came_from: HashMap<usize, usize> = self.moved.iter().map(|(a, b)| (*b, *a)).collect();
        let one = |change: &Change| match *change {
            Change::Kept(..) => None,
            Change::Removed(at) => match self.moved.get(&at) {
                Some(to) => Some(json!({
                    "change": "moved", "from": self.old[at].line, "to": self.new[*to].line,
                    "text": self.old[at].text,
                })),
                None => Some(json!({
                    "change": "removed", "line": self.old[at].line, "text": self.old[at].text,
                })),
            },
            Change::Added(at) if came_from.contains_key(&at) => None,
            Change::Added(at) => Some(json!({
                "change": "added", "line": self.new[at].line, "text": self.new[at].text,
            })),
        };
        self.changes.iter().filter_map(one).collect()
    }

    /// The changes with what surrounds them: a mark, the line in the old text, the line in the new
    /// one, the statement.
    pub fn say(&self, out: &mut Output) -> Outcome {
        let came_from: HashMap<usize, usize> = self.moved.iter().map(|(a, b)| (*b, *a)).collect();
        let shown = near_changes(&self.changes);
        let mut before = true;
        for (change, shown) in self.changes.iter().zip(shown) {
            if !shown {
                before = false;
                continue;
            }
            if !std::mem::replace(&mut before, true) {
                out.say("   …")?;
            }
            let number = |line: Option<u32>| line.map(|n| n.to_string()).unwrap_or_default();
            let (mark, old, new, text, note) = match *change {
                Change::Kept(a, b) => {
                    let (old, new) = (&self.old[a], &self.new[b]);
                    (' ', number(old.line), number(new.line), &new.text, String::new())
                }
                Change::Removed(at) => {
                    let to = self.moved.get(&at).map(|to| &self.new[*to]);
                    let note = to.map(|to| format!("   (moved to line {})", number(to.line)));
                    let old = &self.old[at];
                    ('-', number(old.line), String::new(), &old.text, note.unwrap_or_default())
                }
                Change::Added(at) => {
                    let from = came_from.get(&at).map(|from| &self.old[*from]);
                    let note =
                        from.map(|from| format!("   (moved from line {})", number(from.line)));
                    let new = &self.new[at];
                    ('+', String::new(), number(new.line), &new.text, note.unwrap_or_default())
                }
            };
            out.say(format_args!("{mark} {old:>5} {new:>5}  {}{note}", Shortened(text)))?;
        }
        Ok(())
    }
}

/// The text of a statement; a long one, such as a set with its elements, is cut.
struct Shortened<'a>(&'a str);

impl fmt::Display for Shortened<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.char_indices().nth(MOST_SHOWN) {
            Some((end, _)) => write!(f, "{}…", &self.0[..end]),
            None => f.write_str(self.0),
        }
    }
}

fn texts(statements: &[Statement]) -> Vec<&str> {
    statements.iter().map(|statement| statement.text.as_str()).collect()
}

fn is_kept(change: &Change) -> bool {
    matches!(change, Change::Kept(..))
}

/// Which of the changes are shown: all, and what is kept close to one.
fn near_changes(changes: &[Change]) -> Vec<bool> {
    let mut near = vec![false; changes.len()];
    for (at, _) in changes.iter().enumerate().filter(|(_, change)| !is_kept(change)) {
        let end = (at + CONTEXT + 1).min(changes.len());
        near[at.saturating_sub(CONTEXT)..end].fill(true);
    }
    near
}

/// Statements that were removed in one place and added in another, the first with the first.
fn moved(changes: &[Change], old: &[Statement], new: &[Statement]) -> HashMap<usize, usize> {
    let mut added: HashMap<&str, Vec<usize>> = HashMap::new();
    for change in changes.iter().rev() {
        if let Change::Added(at) = *change {
            added.entry(&new[at].text).or_default().push(at);
        }
    }
    let mut moved = HashMap::new();
    for change in changes {
        if let Change::Removed(at) = *change
            && let Some(to) = added.get_mut(old[at].text.as_str()).and_then(Vec::pop)
        {
            moved.insert(at, to);
        }
    }
    moved
}

/// The statements in the order in which a policy is printed, with the lines where they stand.
fn statements(policy: &Policy) -> Vec<Statement> {
    let rules = policy.keeps().iter().chain(policy.rules()).map(|rule| Some(rule.line));
    let on = [Some(policy.malformed()), policy.fragment()].into_iter().flatten();
    let lines = policy
        .sets()
        .iter()
        .map(|set| Some(set.line))
        .chain(rules)
        .chain(on.filter(|fallback| fallback.line.is_some()).map(|fallback| fallback.line))
        .chain(policy.events().line.map(Some))
        .chain([policy.default().line])
        .chain(policy.expects().iter().map(|expect| Some(expect.line)));
    let printed = policy.to_string();
    let statement = |(text, line): (&str, _)| Statement { line, text: text.to_owned() };
    printed.lines().zip(lines).map(statement).collect()
}
