//! Terms side by side, behind `not`, and as alternatives in parentheses.

use super::Reader;
use super::meant::no_term;
use super::words::{Refusal, Step, Words};
use crate::diag::Diagnostic;
use crate::policy::{Match, Term};

/// More parentheses, one within another, are refused: what reads them calls itself.
const MOST_NESTED: usize = 32;

impl<'a> Reader<'a> {
    /// The terms up to `as`, `or`, a closing parenthesis or the end.
    pub fn terms(&mut self, words: &mut Words<'a>, depth: usize) -> Step<Vec<Term>> {
        let mut terms = Vec::new();
        let mut fine = true;
        while !ends(words) {
            match self.term(words, depth, &mut terms) {
                Ok(()) => {}
                Err(Refusal::Said) => fine = false,
                Err(mistake) => return Err(mistake),
            }
        }
        if fine { Ok(terms) } else { Err(Refusal::Said) }
    }

    fn term(&mut self, words: &mut Words<'a>, depth: usize, out: &mut Vec<Term>) -> Step {
        let start = words.place().start;
        if !words.take("not") {
            return self.positive(words, depth, out);
        }
        if ends(words) {
            return Err(words.expected("a term behind `not`").into());
        }
        if words.peek() == Some("not") {
            let wrong = Diagnostic::new(words.place(), "`not` stands here twice");
            return Err(wrong.help("leave both out").into());
        }
        let mut terms = Vec::new();
        self.positive(words, depth, &mut terms)?;
        out.push(match (terms.pop(), terms.is_empty()) {
            (Some(Term::Not(term)), true) => *term,
            (Some(term), true) => Term::Not(Box::new(term)),
            (last, _) => {
                terms.extend(last);
                let all = self.alternative(terms, start..words.end())?;
                Term::Not(Box::new(Term::Any(vec![all])))
            }
        });
        Ok(())
    }

    fn positive(&mut self, words: &mut Words<'a>, depth: usize, out: &mut Vec<Term>) -> Step {
        if words.peek() == Some("(") {
            return self.group(words, depth, out);
        }
        out.push(Term::Test(self.test(words)?));
        Ok(())
    }

    /// Alternatives in parentheses; the terms of a single one go to those around it.
    fn group(&mut self, words: &mut Words<'a>, depth: usize, out: &mut Vec<Term>) -> Step {
        if depth == MOST_NESTED {
            let wrong = format!("more than {MOST_NESTED} parentheses, one within another");
            return Err(Diagnostic::new(words.place(), wrong).into());
        }
        words.take("(");
        let mut all = Vec::new();
        let mut fine = true;
        loop {
            if ends(words) {
                return Err(words.expected("a term").into());
            }
            let start = words.place().start;
            match self.terms(words, depth + 1) {
                Ok(terms) => all.push((terms, start..words.end())),
                Err(Refusal::Said) => fine = false,
                Err(mistake) => return Err(mistake),
            }
            match words.peek() {
                Some("or") => drop(words.next()),
                Some(")") => break,
                _ => return Err(words.expected("a term, `or` or `)`").into()),
            }
        }
        words.take(")");
        if !fine {
            return Err(Refusal::Said);
        }
        if all.len() == 1 {
            out.extend(all.into_iter().flat_map(|(terms, _)| terms));
            return Ok(());
        }
        let mut alternatives = Vec::with_capacity(all.len());
        for (terms, span) in all {
            match self.alternative(terms, span) {
                Ok(one) => alternatives.push(one),
                Err(_) => fine = false,
            }
        }
        out.push(Term::Any(alternatives));
        if fine { Ok(()) } else { Err(Refusal::Said) }
    }

    /// Terms of a group, which some packet must be able to meet.
    fn alternative(&mut self, terms: Vec<Term>, span: std::ops::Range<usize>) -> Step<Match> {
        Match::new(terms).map_err(|wrong| {
            self.wrong.add(Diagnostic::new(span, wrong.to_string()));
            Refusal::Said
        })
    }
}

/// Whether no term is next.
fn ends(words: &Words<'_>) -> bool {
    matches!(words.peek(), None | Some("as" | "or" | ")"))
}

/// What to say where terms ended but the statement did not.
pub fn stray(words: &Words<'_>) -> Option<Diagnostic> {
    match words.peek() {
        Some(found @ ("or" | ")")) => Some(no_term(found, words.place())),
        _ => None,
    }
}
