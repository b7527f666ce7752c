//! `diff`: what applying a policy would change, without changing anything.
//!
//! Statements are compared in their canonical form: comments, blanks and the names of `define`s make
//! no difference, nor does the place of a declaration; the order of rules does. Sets are compared
//! by what becomes of their entries. As `diff(1)` does, it ends with 1 where there are differences.

mod lines;
mod sets;
mod statements;

use serde_json::json;

use crate::args::{Diff, Global};
use crate::failure::{Failure, Outcome};
use crate::judging::{self, Lists, Source};
use crate::output::Output;
use crate::running::in_force::Running;
use crate::running::look::look;
use sets::SetChange;
use statements::Statements;

/// Compares the policy in a file with the one in force.
pub fn run(global: &Global, args: &Diff, out: &mut Output) -> Outcome {
    let source = judging::read_policy(&args.file)?;
    let lists = judging::declared(&source)?;
    let policy = &global.policy_name;
    let Differences { text, statements, sets } =
        look(global, |at, _| Differences::of(&Running::get(at)?, &source, &lists))?;
    let same = statements.are_same() && sets.iter().all(SetChange::is_none);
    let sets_json: serde_json::Map<_, _> =
        sets.iter().map(|change| (change.name.to_string(), change.json())).collect();
    out.json(&json!({
        "policy": policy.as_str(),
        "file": source.name,
        "same": same,
        "statements": statements.json(),
        "sets": sets_json,
    }))?;
    if same {
        return out.say(match text == source.text {
            true => "no difference",
            false => {
                "no difference but in comments, layout or names that the policy itself defines"
            }
        });
    }
    if !statements.are_same() {
        out.say(format_args!("--- the policy `{policy}` in force"))?;
        out.say(format_args!("+++ {}", source.name))?;
        statements.say(out)?;
    }
    sets::say(&sets, out)?;
    Err(Failure::no(format!("{} differs from the policy in force", source.name)))
}

/// What differs from the policy in force.
struct Differences {
    /// The text in force.
    text: String,
    statements: Statements,
    sets: Vec<SetChange>,
}

impl Differences {
    fn of(running: &Running<'_>, source: &Source, lists: &Lists) -> Outcome<Self> {
        Ok(Self {
            text: running.meta.text.clone(),
            statements: Statements::compare(&running.policy, &source.policy),
            sets: SetChange::all(running, &source.policy, lists)?,
        })
    }
}
