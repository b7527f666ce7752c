//! An explanation for people.

use std::fmt::Write as _;
use std::io::Write as _;

use palisade_asm::Program;
use palisade_filter::oracle::{self, Answer, Layer, Minded, Question, Reading, Standing};
use palisade_filter::policy::{Report, Rule, Term};
use palisade_filter::rehearsal::Rehearsal;
use palisade_filter::{Mode, Verdict, text};

use super::{Explained, Origin};
use crate::failure::Outcome;
use crate::judging::{Certainty, Deciding};
use crate::machine::target_text;
use crate::output::{Form, Output, human};

/// A statement or a term is shown up to so many characters.
const LONGEST: usize = 120;

impl Explained<'_> {
    /// Prints it; where only errors are wanted, the verdict alone.
    pub fn tell(&self, program: &Program, out: &mut Output) -> Outcome {
        let quiet = out.form() == Form::Quiet;
        let to = out.writer();
        if !quiet {
            for line in self.lines() {
                writeln!(to, "{line}")?;
            }
            if let Some(path) = &self.path {
                writeln!(to, "executed:")?;
                if self.subject.origin == Origin::InForce {
                    let target = target_text(Rehearsal::TARGET);
                    writeln!(to, "  note: compiled for {target}; the running program may differ")?;
                }
                for line in path.lines(program) {
                    writeln!(to, "{line}")?;
                }
            }
        }
        for line in self.end() {
            writeln!(to, "{line}")?;
        }
        for line in self.reported().into_iter().filter(|_| !quiet) {
            writeln!(to, "{line}")?;
        }
        Ok(())
    }

    fn lines(&self) -> Vec<String> {
        let mut lines = vec![self.head()];
        lines.extend(self.trace.layers.iter().map(layer));
        match self.trace.flaw {
            Some((flaw, Minded::Yes)) => {
                lines.push(format!("  malformed ({}): {}", flaw.name(), flaw.meaning()));
                lines.push("  so no statement is asked: the policy looks that far".to_owned());
            }
            Some((flaw, Minded::No)) => {
                lines.push(format!("  malformed ({}): {}", flaw.name(), flaw.meaning()));
                lines.push(
                    "  that makes no difference here: no statement that could match looks that far"
                        .to_owned(),
                );
            }
            None => {}
        }
        if !self.trace.asked.is_empty() {
            lines.push("asked in order:".to_owned());
        }
        for question in &self.trace.asked {
            self.question(question, &mut lines);
        }
        lines
    }

    fn head(&self) -> String {
        let mut head = match self.number {
            Some(number) => format!("packet {number}: "),
            None => "packet: ".to_owned(),
        };
        let _ = write!(head, "{}", self.reading);
        let bytes = human::counted(self.frame.len() as u64, "byte", "bytes");
        match self.captured.is_cut() {
            true => {
                let _ = write!(head, ", {} of {bytes} captured", self.captured.frame.len());
            }
            false => {
                let _ = write!(head, ", {bytes}");
            }
        }
        head
    }

    fn question(&self, question: &Question<'_>, lines: &mut Vec<String>) {
        let Question { rule, holds, limit, answers, .. } = question;
        let matches = *holds && *limit != Some(Standing::Under);
        let matches = if matches { "matches" } else { "does not match" };
        lines.push(format!("  line {} {matches}: {}", rule.line, shortened(&rule.text)));
        self.answers(answers, 2, lines);
        if let (Some(standing), Some(limit)) = (limit, &rule.limit) {
            lines.push(match standing {
                Standing::Over => format!("    yes, limit {limit}: the packet is over it"),
                Standing::Under => format!("    no, limit {limit}: the packet is under it"),
            });
        }
    }

    /// Terms that all have to be true, up to the first that is not.
    fn answers(&self, answers: &[Answer<'_>], depth: usize, lines: &mut Vec<String>) {
        for answer in answers {
            self.answer(answer, depth, lines);
            if !answer.holds {
                break;
            }
        }
    }

    fn answer(&self, answer: &Answer<'_>, depth: usize, lines: &mut Vec<String>) {
        let (indent, holds) = ("  ".repeat(depth), if answer.holds { "yes" } else { "no" });
        let term = shortened(&text::term(&self.subject.policy, answer.term));
        match answer.term {
            Term::Test(_) => lines.push(format!("{indent}{holds}, {term}: {}", answer.found)),
            Term::Not(_) => {
                lines.push(format!("{indent}{holds}, {term}, for:"));
                answer.parts.iter().for_each(|part| self.answers(part, depth + 1, lines));
            }
            Term::Any(_) => {
                lines.push(format!("{indent}{holds}, one of these:"));
                for (at, part) in answer.parts.iter().enumerate() {
                    if at > 0 {
                        lines.push(format!("{indent}or"));
                    }
                    self.answers(part, depth + 1, lines);
                }
            }
        }
    }

    /// The rules that report the packet.
    fn reported(&self) -> Vec<String> {
        let rules = self.subject.policy.rules();
        let reporting = self.trace.decision.reported.iter().filter_map(|at| rules.get(*at));
        let line = |rule: &Rule| {
            let sampled = match rule.report.map(Report::one_in) {
                Some(of @ 2..) => format!(", one of {of}"),
                Some(_) | None => String::new(),
            };
            format!("reported by line {}: {}{sampled}", rule.line, shortened(&rule.text))
        };
        // In mode off the program looks at no packet.
        let seen = self.subject.mode != Mode::Off;
        reporting.filter(|_| seen).map(line).collect()
    }

    /// The verdict, and what is to be known about it.
    fn end(&self) -> Vec<String> {
        let decision = &self.trace.decision;
        let by = Deciding::of(&self.subject.policy, decision);
        let mut lines = vec![format!("verdict: {}, by {by}", decision.verdict)];
        if let Some(outlet) = oracle::outlet(&self.subject.policy, decision) {
            lines.push(format!("leaves by: {outlet}"));
        }
        if let Some(changed) = &self.judged.changed {
            lines.push(format!("becomes: {}", Reading::of(changed)));
            lines.push(format!("  {}", human::hex(changed)));
        }
        if self.judged.certainty == Certainty::Uncertain {
            lines.push(
                "UNCERTAIN: the headers go on beyond what was captured, and were taken for zeros"
                    .to_owned(),
            );
        }
        let as_it_is = decision.verdict == Verdict::Pass && self.judged.changed.is_none();
        match (self.subject.mode, as_it_is) {
            (Mode::Enforce, _) | (Mode::Shadow, true) => {}
            (Mode::Shadow, false) => lines.push(
                "the policy is in mode shadow: the packet passes, and is counted as one that would not"
                    .to_owned(),
            ),
            (Mode::Off, _) => {
                lines.push("the policy is in mode off: every packet passes unseen".to_owned());
            }
        }
        lines
    }
}

fn layer(layer: &Layer) -> String {
    let mut line = format!("  {:<8}", layer.name);
    for (name, value) in &layer.fields {
        let _ = write!(line, "  {name} {value}");
    }
    line.trim_end().to_owned()
}

fn shortened(text: &str) -> String {
    match text.char_indices().nth(LONGEST) {
        Some((cut, _)) => format!("{}…", &text[..cut]),
        None => text.to_owned(),
    }
}
