//! Text to [`Policy`].
//!
//! A mistake hides no other: the reader goes on with the next word where it can tell what was
//! meant, and else with the next statement. First the names of all sets and defines are read, so
//! that they may stand behind their use; then what they hold; then the rest, in order. Time and
//! memory are in proportion to the text: names are looked up in a table, nesting and what defines
//! stand for are bounded.

mod balance;
mod ban;
mod change;
mod condition;
mod define;
mod event;
mod expect;
mod limit;
mod meant;
mod names;
mod outlet;
mod set;
mod terms;
mod tunnel;
mod values;
mod words;

use std::collections::HashMap;

use define::Defines;
use meant::{TERMS, meant, no_statement, unknown};
use names::Names;
use words::{Refusal, Step, Words};

use super::lex::{Statement, lex};
use super::mistakes::Mistakes;
use super::{MOST_BYTES, STATEMENTS};
use crate::diag::{Diagnostic, Diagnostics};
use crate::policy::{
    Action, Change, EventRate, Expect, Fallback, Match, Policy, Report, Rule, Set, Verdict,
};
use crate::value::Name;

/// Reads a policy, or reports every mistake in it.
pub fn parse(text: &str) -> Result<Policy, Diagnostics> {
    let mut wrong = Mistakes::default();
    if text.len() > MOST_BYTES {
        let long = format!("the text is longer than {} MiB", MOST_BYTES >> 20);
        let help = "put long lists into files, and name them in the sets: `file \"PATH\"`";
        wrong.add(Diagnostic::new(0..0, long).help(help));
        let mut reader = Reader::new(text, wrong);
        reader.default = Said::Wrongly;
        return reader.finish();
    }
    let lexed = lex(text, &mut wrong);
    let mut reader = Reader::new(text, wrong);
    let statements = || {
        let words = |s: &Statement| Words::new(text, s.of(&lexed.tokens));
        lexed.statements.iter().map(move |s| (s, words(s)))
    };
    let mut sets = Vec::new();
    for (statement, words) in statements() {
        reader.declare(statement, words, &mut sets);
    }
    reader.resolve_defines();
    for (id, words) in sets {
        reader.read(words, |reader, words| reader.set_options(id, words));
    }
    for (statement, words) in statements() {
        if reader.wrong.is_full() {
            break;
        }
        reader.statement(statement, words);
    }
    reader.finish()
}

/// What has been read so far.
struct Reader<'a> {
    text: &'a str,
    wrong: Mistakes,
    names: Names<'a>,
    defines: Defines<'a>,
    sets: Vec<Set>,
    keeps: Vec<Rule>,
    rules: Vec<Rule>,
    expects: Vec<Expect>,
    malformed: Option<Fallback>,
    fragment: Option<Fallback>,
    events: Option<EventRate>,
    default: Said,
    /// The line of each rule that has a name.
    rule_names: HashMap<Name, u32>,
}

/// Whether a statement that must be there is.
#[derive(Clone, Copy)]
enum Said {
    Not,
    Wrongly,
    As(Fallback),
}

impl<'a> Reader<'a> {
    fn new(text: &'a str, wrong: Mistakes) -> Self {
        Self {
            text,
            wrong,
            names: Names::default(),
            defines: Defines::default(),
            sets: Vec::new(),
            keeps: Vec::new(),
            rules: Vec::new(),
            expects: Vec::new(),
            malformed: None,
            fragment: None,
            events: None,
            default: Said::Not,
            rule_names: HashMap::new(),
        }
    }

    /// Reads with `with`, and notes the mistake if there is one.
    fn read(&mut self, mut words: Words<'a>, with: impl FnOnce(&mut Self, &mut Words<'a>) -> Step) {
        if let Err(Refusal::Mistake(wrong)) = with(self, &mut words) {
            self.wrong.add(wrong);
        }
    }

    /// The names that a `set` or `define` declares; of a set, what follows comes to `sets`.
    fn declare(
        &mut self,
        statement: &Statement,
        mut words: Words<'a>,
        sets: &mut Vec<(usize, Words<'a>)>,
    ) {
        let done = if words.take("set") {
            let head = self.set_head(statement.line, &mut words);
            head.map(|id| sets.extend((!statement.broken).then_some((id, words))))
        } else if words.take("define") {
            self.define(statement, &mut words)
        } else {
            return;
        };
        match done {
            Err(Refusal::Mistake(wrong)) if !statement.broken => self.wrong.add(wrong),
            Err(Refusal::Mistake(_) | Refusal::Said) | Ok(()) => {}
        }
    }

    /// Any statement but `set` and `define`.
    fn statement(&mut self, statement: &Statement, words: Words<'a>) {
        if words.peek() == Some("default") && matches!(self.default, Said::Not) {
            self.default = Said::Wrongly;
        }
        if statement.broken {
            return;
        }
        let line = statement.line;
        self.read(words, |reader, words| {
            let all = *words;
            let (start, place) = (words.peek(), words.place());
            let meant = reader.first_word(words)?;
            match meant {
                "set" | "define" => {}
                // A guess decides nothing that may be said only once.
                "default" | "on" | "option" if start != Some(meant) => {}
                "default" => reader.default(line, all, words)?,
                "on" => reader.on(line, all, words)?,
                "option" => reader.option(line, all, words)?,
                "keep" => {
                    let keep = reader.keep(line, all, words)?;
                    reader.keeps.push(keep);
                }
                "expect" => {
                    let expect = reader.expect(line, all, words)?;
                    reader.expects.push(expect);
                }
                "limit" => {
                    let rule = reader.limited(line, all, words)?;
                    reader.rules.push(rule);
                }
                word => {
                    let rule = reader.acting(word, place, line, all, words)?;
                    reader.rules.push(rule);
                }
            }
            Ok(())
        });
    }

    /// A rule whose action begins with `word`, which stands at `place` and has been read.
    fn acting(
        &mut self,
        word: &str,
        place: std::ops::Range<usize>,
        line: u32,
        all: Words<'a>,
        words: &mut Words<'a>,
    ) -> Step<Rule> {
        // What only reports counts besides.
        if word == "event" {
            let report = self.report(words);
            return self.rule(Ok(Action::Count), report, line, all, words);
        }
        if word == "ban" {
            let action = self.ban(words).map(Action::Ban);
            let rule = self.rule(action, Ok(None), line, all, words)?;
            return Ok(ban::of_sources(rule, all)?);
        }
        let action = match self.change_called(word, words) {
            Some(change) => change.map(Action::Change),
            None => Ok(action(word).ok_or_else(|| no_statement(word, place))?),
        };
        let decides = matches!(action, Ok(Action::Drop | Action::Pass | Action::Abort));
        let report = if decides && words.take("event") { self.report(words) } else { Ok(None) };
        self.rule(action, report, line, all, words)
    }

    /// The word that begins a statement, or the one that was probably meant: the rest of the
    /// statement may hold further mistakes.
    fn first_word(&mut self, words: &mut Words<'a>) -> Step<&'static str> {
        let word = words.word("a statement")?;
        if let Some(known) = STATEMENTS.iter().find(|known| **known == word.text) {
            return Ok(known);
        }
        // Else it is a term.
        if let ("vlan", Some("push" | "pop")) = (word.text, words.peek()) {
            return Ok("vlan");
        }
        let wrong = no_statement(word.text, word.span);
        // Whoever begins with a term means that term.
        let near = meant(word.text, STATEMENTS).filter(|_| !TERMS.contains(&word.text));
        let Some(near) = near else { return Err(wrong.into()) };
        self.wrong.add(wrong);
        if let ("default", Said::Not) = (near, self.default) {
            self.default = Said::Wrongly;
        }
        Ok(near)
    }

    fn default(&mut self, line: u32, all: Words<'a>, words: &mut Words<'a>) -> Step {
        let fallback = fallback(line, words)?;
        match self.default {
            Said::As(before) => Err(twice("default", before, all.place()).into()),
            Said::Not | Said::Wrongly => {
                self.default = Said::As(fallback);
                Ok(())
            }
        }
    }

    fn on(&mut self, line: u32, all: Words<'a>, words: &mut Words<'a>) -> Step {
        const WHAT: &[&str] = &["malformed", "fragment"];
        let what = words.word("`malformed` or `fragment`")?;
        if !WHAT.contains(&what.text) {
            return Err(unknown(what.text, what.span, WHAT).into());
        }
        let fallback = fallback(line, words)?;
        let slot = if what.text == "fragment" { &mut self.fragment } else { &mut self.malformed };
        match slot.replace(fallback) {
            Some(before) => Err(twice(&format!("on {}", what.text), before, all.place()).into()),
            None => Ok(()),
        }
    }

    fn keep(&mut self, line: u32, all: Words<'a>, words: &mut Words<'a>) -> Step<Rule> {
        if words.is_empty() {
            let wrong = "`keep` without a match would keep everything";
            let wrong = Diagnostic::new(all.place(), wrong);
            return Err(wrong.help("say what to keep, or use `default pass`").into());
        }
        let matching = self.whole_match(None, all, words)?;
        if words.peek() == Some("as") {
            let wrong = Diagnostic::new(words.place(), "a `keep` takes no name");
            return Err(wrong.help("names are for rules, which are counted by them").into());
        }
        let name = None;
        let (action, report, limit) = (Action::Pass, None, None);
        Ok(Rule { action, report, limit, matching, name, line, text: all.as_written() })
    }

    fn rule(
        &mut self,
        action: Step<Action>,
        report: Step<Option<Report>>,
        line: u32,
        all: Words<'a>,
        words: &mut Words<'a>,
    ) -> Step<Rule> {
        let action = unless_mistaken(action)?;
        let report = unless_mistaken(report)?;
        let change = action.as_ref().and_then(Action::change);
        let matching = unless_mistaken(self.whole_match(change, all, words))?;
        let name = self.rule_name(line, words)?;
        let (action, matching) = action.zip(matching).ok_or(Refusal::Said)?;
        let (report, limit) = (report.ok_or(Refusal::Said)?, None);
        Ok(Rule { action, report, limit, matching, name, line, text: all.as_written() })
    }

    /// The terms up to `as` or the end, and those that a change implies.
    fn whole_match(
        &mut self,
        change: Option<&Change>,
        all: Words<'a>,
        words: &mut Words<'a>,
    ) -> Step<Match> {
        let terms = match self.terms(words, 0) {
            Err(Refusal::Mistake(wrong)) => return Err(wrong.into()),
            terms => terms,
        };
        if let Some(wrong) = terms::stray(words) {
            return Err(wrong.into());
        }
        let span = all.place().start..words.end();
        let own =
            Match::new(terms?).map_err(|wrong| Diagnostic::new(span.clone(), wrong.to_string()))?;
        match change {
            Some(change) => Ok(change::with_implied(change, &own, span)?),
            None => Ok(own),
        }
    }

    /// `as NAME`, or the end.
    fn rule_name(&mut self, line: u32, words: &mut Words<'a>) -> Step<Option<Name>> {
        if !words.take("as") {
            words.done()?;
            return Ok(None);
        }
        let word = words.word("a name for the rule")?;
        words.done()?;
        let wrong = |why: String| Diagnostic::new(word.span.clone(), why);
        let name: Name = word.text.parse().map_err(|why| values::said(why, &word.span))?;
        match self.rule_names.get(&name) {
            Some(line) => {
                Err(wrong(format!("the rule in line {line} is called `{name}` already")).into())
            }
            None => {
                self.rule_names.insert(name.clone(), line);
                Ok(Some(name))
            }
        }
    }

    fn finish(mut self) -> Result<Policy, Diagnostics> {
        let unsaid = Fallback { verdict: Verdict::Drop, line: None };
        if let (Said::Not, false) = (self.default, self.wrong.is_full()) {
            let end = self.text.trim_end().len();
            let wrong = "the policy does not say what becomes of the rest";
            let wrong = Diagnostic::new(end..end, wrong);
            self.wrong.add(wrong.help("add `default pass` or `default drop`"));
        }
        let default = match self.default {
            Said::As(fallback) => fallback,
            Said::Not | Said::Wrongly => unsaid,
        };
        if let Some(wrong) = self.wrong.report() {
            return Err(wrong);
        }
        let Self { sets, keeps, rules, expects, fragment, .. } = self;
        let malformed = self.malformed.unwrap_or(unsaid);
        let events = self.events.unwrap_or(EventRate::UNSAID);
        Ok(Policy { sets, keeps, rules, expects, malformed, fragment, default, events })
    }
}

/// What was read, or nothing where its mistake has been reported.
fn unless_mistaken<T>(read: Step<T>) -> Step<Option<T>> {
    match read {
        Err(Refusal::Mistake(wrong)) => Err(wrong.into()),
        Err(Refusal::Said) => Ok(None),
        Ok(read) => Ok(Some(read)),
    }
}

fn action(word: &str) -> Option<Action> {
    [Action::Drop, Action::Pass, Action::Abort, Action::Count]
        .into_iter()
        .find(|action| action.word() == word)
}

/// `drop` or `pass`, and the end.
fn fallback(line: u32, words: &mut Words<'_>) -> Step<Fallback> {
    let verdict = verdict(words)?;
    words.done()?;
    Ok(Fallback { verdict, line: Some(line) })
}

fn verdict(words: &mut Words<'_>) -> Step<Verdict> {
    let word = words.word("`drop` or `pass`")?;
    match word.text {
        "drop" => Ok(Verdict::Drop),
        "pass" => Ok(Verdict::Pass),
        other => Err(unknown(other, word.span, &["drop", "pass"]).into()),
    }
}

fn twice(what: &str, before: Fallback, span: std::ops::Range<usize>) -> Diagnostic {
    let line = before.line.unwrap_or(1);
    Diagnostic::new(span, format!("`{what}` is said twice; the first time in line {line}"))
}
