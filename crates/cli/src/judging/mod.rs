//! A policy as it is read from a file, with the lists that its sets name, and its own tests.
//!
//! Everything is read before anything is touched: a text or a list that cannot be read, or is not
//! sound, leaves nothing behind.

mod capture;
mod judge;
mod lists;
mod source;

use std::path::Path;

use palisade_filter::oracle::{self, Decider, Decision};
use palisade_filter::{Policy, Verdict};

pub use capture::{Capture, whole};
pub use judge::{Certainty, Judge, Judged, Standings};
pub use lists::{Lists, declared};
pub use source::{FileId, Source, apart, read_bytes, read_policy};

use crate::failure::{Failure, Outcome};

/// An `expect`, and what came of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Expected {
    /// Its line.
    pub line: u32,
    /// The statement.
    pub text: String,
    /// What is to become of the packet.
    pub wanted: Verdict,
    /// What becomes of it.
    pub got: Verdict,
    /// What decides.
    pub by: Deciding,
    /// Whether that is what was wanted.
    pub ok: bool,
}

/// The statement that decides about a packet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Deciding {
    /// Its line; `None` where the language itself decides.
    pub line: Option<u32>,
    /// The statement.
    pub text: String,
}

impl Deciding {
    /// The statement of the policy that a decision is by.
    pub fn of(policy: &Policy, decision: &Decision) -> Self {
        let rule = |rules: &[palisade_filter::policy::Rule], at: usize| {
            rules.get(at).map(|rule| rule.text.clone()).unwrap_or_default()
        };
        let text = match decision.decider {
            Decider::Keep(at) => rule(policy.keeps(), at),
            Decider::Rule(at) => rule(policy.rules(), at),
            Decider::Malformed(flaw) => format!("malformed: {}", flaw.name()),
            Decider::Fragment => format!("on fragment {}", decision.verdict),
            Decider::Default => format!("default {}", decision.verdict),
        };
        Self { line: decision.line, text }
    }
}

impl std::fmt::Display for Deciding {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.line {
            Some(line) => write!(f, "line {line}, `{}`", self.text),
            None => write!(f, "`{}`", self.text),
        }
    }
}

/// Puts every `expect` of a policy to it, while its sets hold what the text puts there and nothing
/// else.
pub fn expects(source: &Source, lists: &Lists) -> Vec<Expected> {
    let policy = &source.policy;
    let contents = lists.contents(policy);
    let one = |expect: &palisade_filter::policy::Expect| {
        let decision = oracle::decide(policy, &contents, &oracle::expected_frame(expect));
        // What does not reach the stack is dropped as far as the stack can tell.
        let got = match decision.verdict {
            Verdict::Aborted | Verdict::Drop | Verdict::Tx | Verdict::Redirect => Verdict::Drop,
            Verdict::Pass => Verdict::Pass,
        };
        Expected {
            line: expect.line,
            text: expect.text.clone(),
            wanted: expect.verdict,
            got: decision.verdict,
            by: Deciding::of(policy, &decision),
            ok: got == expect.verdict,
        }
    };
    policy.expects().iter().map(one).collect()
}

/// A policy that is fit to be put in force.
pub struct Fit {
    /// The policy.
    pub source: Source,
    /// What its text puts into its sets.
    pub lists: Lists,
}

impl Fit {
    /// Reads the policy in a file with its lists; all of its expectations have to hold.
    pub fn read(path: &Path) -> Outcome<Self> {
        let source = read_policy(path)?;
        let lists = declared(&source)?;
        must_hold(&source, &expects(&source, &lists))?;
        Ok(Self { source, lists })
    }
}

/// More than this many are counted instead of told.
const MOST_TOLD: usize = 20;

/// The answer is no where an `expect` does not hold; all of those are told.
pub fn must_hold(source: &Source, expected: &[Expected]) -> Outcome {
    let failed: Vec<&Expected> = expected.iter().filter(|one| !one.ok).collect();
    if failed.is_empty() {
        return Ok(());
    }
    let (all, name) = (expected.len(), &source.name);
    let headline = format!("{name}: {} of {all} expectations do not hold", failed.len());
    let mut failure = Failure::no(headline);
    for Expected { line, text, got, by, .. } in failed.iter().take(MOST_TOLD) {
        failure = failure.note("found", format!("line {line}: `{text}`: {got}, by {by}"));
    }
    match failed.len().saturating_sub(MOST_TOLD) {
        0 => Err(failure),
        more => Err(failure.note("found", format!("and {more} more"))),
    }
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::*;

    fn told(done: Outcome<impl Sized>) -> String {
        done.err().map(|failure| failure.to_string()).unwrap_or_default()
    }

    #[test]
    fn an_expectation_that_does_not_hold_names_what_decides() {
        let text = "drop src 10.0.0.1\nexpect pass from 10.0.0.1\nexpect drop from 10.0.0.1\ndefault pass\n";
        let source = Source::parse("p.pal", text.to_owned(), PathBuf::new()).expect("a policy");
        let expected = expects(&source, &Lists::default());
        assert_eq!(expected.iter().map(|one| one.ok).collect::<Vec<_>>(), [false, true]);
        let wrong = told(must_hold(&source, &expected));
        assert!(
            wrong.contains("1 of 2") && wrong.contains("line 1, `drop src 10.0.0.1`"),
            "{wrong}"
        );
        assert!(must_hold(&source, &expected[1..]).is_ok());
    }
}
