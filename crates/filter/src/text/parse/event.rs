//! Events: `event 1/N snap BYTES` of a rule, and `option events rate N/s` of the policy.

use super::Reader;
use super::meant::unknown;
use super::words::{Refusal, Step, Word, Words};
use crate::diag::Diagnostic;
use crate::policy::{EventRate, Report};
use crate::value::decimal;

impl<'a> Reader<'a> {
    /// What follows `event`: which packets are reported, and how much of them.
    pub fn report(&mut self, words: &mut Words<'a>) -> Step<Option<Report>> {
        let mut one_in = Ok(1);
        // No term begins with a digit.
        if words.peek().is_some_and(|word| word.starts_with(|c: char| c.is_ascii_digit())) {
            let word = words.word("`1/N`")?;
            one_in = sampled(&word).map_err(|wrong| {
                self.wrong.add(wrong);
                Refusal::Said
            });
        }
        let snap = match words.take("snap") {
            true => self.number("snap", 0..=Report::MOST_SNAP, words),
            false => Ok(0),
        };
        if let Err(Refusal::Mistake(wrong)) = snap {
            return Err(wrong.into());
        }
        Ok(Report::new(one_in?, snap?))
    }

    /// `option events rate N/s`; `option` itself has been read.
    pub fn option(&mut self, line: u32, all: Words<'a>, words: &mut Words<'a>) -> Step {
        for wanted in ["events", "rate"] {
            let word = words.word(&format!("`{wanted}`"))?;
            if word.text != wanted {
                return Err(unknown(word.text, word.span, &[wanted]).into());
            }
        }
        let word = words.word("a rate such as 1000/s")?;
        words.done()?;
        let rate = rate(&word)?;
        match self.events.replace(EventRate { rate, line: Some(line) }) {
            Some(before) => {
                let line = before.line.unwrap_or(1);
                let wrong =
                    format!("`option events rate` is said twice; the first time in line {line}");
                Err(Diagnostic::new(all.place(), wrong).into())
            }
            None => Ok(()),
        }
    }
}

/// The number of `1/N`.
fn sampled(word: &Word<'_>) -> Result<u32, Diagnostic> {
    let number = word.text.strip_prefix("1/").and_then(decimal);
    number.filter(|n| (1..=Report::MOST_ONE_IN).contains(n)).ok_or_else(|| {
        let wrong = format!("`{}` is not one packet of so many", word.text);
        let help = format!("write `1/N`, with N from 1 to {}", Report::MOST_ONE_IN);
        Diagnostic::new(word.span.clone(), wrong).help(help)
    })
}

/// `1000/s`, `50k/s`, `1M/s`.
fn rate(word: &Word<'_>) -> Result<u32, Diagnostic> {
    let number = word.text.strip_suffix("/s").and_then(|number| {
        let (digits, unit) = match (number.strip_suffix('k'), number.strip_suffix('M')) {
            (Some(digits), _) => (digits, 1000),
            (_, Some(digits)) => (digits, 1_000_000),
            (None, None) => (number, 1),
        };
        decimal(digits)?.checked_mul(unit)
    });
    number.filter(|n| (1..=EventRate::MOST).contains(n)).ok_or_else(|| {
        let wrong = format!("`{}` is not a rate from 1/s to 10M/s", word.text);
        let wrong = Diagnostic::new(word.span.clone(), wrong);
        match decimal(word.text) {
            Some(number @ 1..=EventRate::MOST) => wrong.help(format!("write `{number}/s`")),
            Some(_) | None => wrong,
        }
    })
}
