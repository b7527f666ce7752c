//! What was compared, with what result, and what follows from all of it.
//!
//! Each check has one of three answers, and one that could not be had is never taken for a yes: where
//! the verdict needs it, there is no verdict.

use std::fmt::Display;

use palisade_filter::{Mode, Name};
use serde_json::{Map, Value, json};

use crate::cmd::dump::target_json;
use crate::failure::{Failure, Outcome};
use crate::machine::target_text;
use crate::output::{Output, human};
use crate::running::compiled::Compiled;
use crate::running::typed::typed;

/// What came of a check.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    /// It is as it has to be.
    Ok,
    /// It is not.
    Differs,
    /// Nobody knows.
    Untold,
}

/// Whether a verdict can do without the answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Need {
    /// It cannot.
    Needed,
    /// It can, for other checks prove nearly as much: the tag all of the instructions but which map
    /// each names, and where in it.
    Spare,
}

/// One comparison.
#[derive(Debug)]
pub struct Check {
    what: String,
    answer: Answer,
    need: Need,
    found: Option<String>,
    expected: Option<String>,
    detail: Option<String>,
}

impl Check {
    fn new(what: impl Into<String>, answer: Answer) -> Self {
        let (found, expected, detail) = (None, None, None);
        Self { what: what.into(), answer, need: Need::Needed, found, expected, detail }
    }

    /// It is as it has to be.
    pub fn ok(what: impl Into<String>, found: impl Display) -> Self {
        Self { found: Some(found.to_string()), ..Self::new(what, Answer::Ok) }
    }

    /// It is not, for that reason.
    pub fn differs(what: impl Into<String>, detail: impl Display) -> Self {
        Self { detail: Some(detail.to_string()), ..Self::new(what, Answer::Differs) }
    }

    /// It cannot be told, for that reason.
    pub fn untold(what: impl Into<String>, detail: impl Display) -> Self {
        Self { detail: Some(detail.to_string()), ..Self::new(what, Answer::Untold) }
    }

    /// Two things that have to be the same.
    pub fn same(what: impl Into<String>, found: impl Display, expected: impl Display) -> Self {
        let (found, expected) = (found.to_string(), expected.to_string());
        let answer = if found == expected { Answer::Ok } else { Answer::Differs };
        Self { found: Some(found), expected: Some(expected), ..Self::new(what, answer) }
    }

    /// The same with what was found and what was to be.
    #[must_use]
    pub fn between(self, found: impl Display, expected: impl Display) -> Self {
        Self { found: Some(found.to_string()), expected: Some(expected.to_string()), ..self }
    }

    /// The same with a word more.
    #[must_use]
    pub fn detail(self, detail: impl Display) -> Self {
        Self { detail: Some(detail.to_string()), ..self }
    }

    /// The same with a word more where it differs.
    #[must_use]
    pub fn or(self, detail: impl Display) -> Self {
        if self.answer == Answer::Differs { self.detail(detail) } else { self }
    }

    /// The same, which the verdict can do without.
    #[must_use]
    pub fn spare(self) -> Self {
        Self { need: Need::Spare, ..self }
    }

    fn json(&self) -> Value {
        let ok = match self.answer {
            Answer::Ok => Some(true),
            Answer::Differs => Some(false),
            Answer::Untold => None,
        };
        json!({
            "what": self.what, "ok": ok, "found": self.found, "expected": self.expected,
            "detail": self.detail,
        })
    }

    /// What was found and what was to be, in words.
    fn words(&self) -> String {
        let found = self.found.as_ref().map(|found| match self.answer {
            Answer::Ok => found.clone(),
            Answer::Differs | Answer::Untold => format!("found {found}"),
        });
        let expected = self.expected.as_ref().filter(|_| self.answer != Answer::Ok);
        let expected = expected.map(|expected| format!("expected {expected}"));
        let parts = [found, expected, self.detail.clone()];
        human::printable(&parts.into_iter().flatten().collect::<Vec<_>>().join("; "))
    }

    fn row(&self) -> Vec<String> {
        let answer = match self.answer {
            Answer::Ok => "ok",
            Answer::Differs => "differs",
            Answer::Untold => "cannot be told",
        };
        vec![answer.to_owned(), human::printable(&self.what), self.words()]
    }
}

/// All that was compared.
pub struct Report {
    /// The policy.
    pub policy: Name,
    /// What the kernel tells of the program, and what was predicted.
    pub program: Map<String, Value>,
    /// What the program does with its verdicts, where that may be read.
    pub mode: Option<Mode>,
    checks: Vec<Check>,
    compiled: Option<(Value, String)>,
}

impl Report {
    /// A report of nothing yet.
    pub fn new(policy: &Name) -> Self {
        let (program, checks) = (Map::new(), Vec::new());
        Self { policy: policy.clone(), program, mode: None, checks, compiled: None }
    }

    /// Adds a check.
    pub fn push(&mut self, check: Check) {
        self.checks.push(check);
    }

    /// Adds checks.
    pub fn extend(&mut self, checks: impl IntoIterator<Item = Check>) {
        self.checks.extend(checks);
    }

    /// Says what the program is compared with.
    pub fn compared_with(&mut self, made: &Compiled) {
        let (tenure, words) = made.tenure_words();
        let mut document = target_json(made.target, "attested");
        if let Some(fields) = document.as_object_mut() {
            fields.remove("from");
            fields.insert("tenure".to_owned(), tenure.into());
        }
        self.compiled = Some((document, format!("{words}, {}", target_text(made.target))));
    }

    /// What follows.
    fn verdict(&self) -> Answer {
        let any = |answer, need: Option<Need>| {
            let is = |c: &&Check| c.answer == answer && need.is_none_or(|need| c.need == need);
            self.checks.iter().find(is).is_some()
        };
        if any(Answer::Differs, None) {
            Answer::Differs
        } else if any(Answer::Untold, Some(Need::Needed)) {
            Answer::Untold
        } else {
            Answer::Ok
        }
    }

    /// Prints it.
    pub fn print(&self, out: &mut Output) -> Outcome {
        let attested = match self.verdict() {
            Answer::Ok => Some(true),
            Answer::Differs => Some(false),
            Answer::Untold => None,
        };
        let checks: Vec<Value> = self.checks.iter().map(Check::json).collect();
        out.json(&json!({
            "policy": self.policy.as_str(), "attested": attested, "program": self.program,
            "compiled": self.compiled.as_ref().map(|(document, _)| document),
            "mode": self.mode.map(Mode::word), "checks": checks,
        }))?;
        let of = self.compiled.as_ref().map_or(String::new(), |(_, words)| format!(", {words}"));
        out.say(format_args!("policy `{}`{of}", self.policy))?;
        let rows: Vec<Vec<String>> = self.checks.iter().map(Check::row).collect();
        for line in human::table(&rows, &[]) {
            out.say(line)?;
        }
        if let Some(mode) = self.mode.filter(|mode| *mode != Mode::Enforce) {
            out.say(format_args!(
                "mode {mode}: NOTHING IS DROPPED; `{}` changes that",
                typed(&self.policy, "mode enforce")
            ))?;
        }
        if self.verdict() == Answer::Ok {
            let untold = self.checks.iter().any(|check| check.answer == Answer::Untold);
            let limit = if untold { ", as far as it shows" } else { "" };
            out.say(format_args!(
                "attested: the kernel runs exactly what the policy `{}` says{limit}",
                self.policy
            ))?;
        }
        Ok(())
    }

    /// The end of the command.
    pub fn outcome(&self) -> Outcome {
        let verdict = self.verdict();
        let mut failure = match verdict {
            Answer::Ok => return Ok(()),
            Answer::Differs => Failure::no(format!(
                "the kernel does not run exactly what the policy `{}` says",
                self.policy
            )),
            Answer::Untold => Failure::refused(format!(
                "whether the kernel runs what the policy `{}` says cannot be told",
                self.policy
            )),
        };
        let label = if verdict == Answer::Differs { "found" } else { "why" };
        let telling = |c: &&Check| {
            c.answer == verdict && (c.need == Need::Needed || verdict == Answer::Differs)
        };
        for check in self.checks.iter().filter(telling) {
            let what = human::printable(&check.what);
            failure = failure.note(label, format!("{what}: {}", check.words()));
        }
        Err(failure)
    }
}
