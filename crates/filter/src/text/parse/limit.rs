//! Limits: `limit RATE [burst N] [per KEY [size N]]` before an action, which is `drop` where none is
//! written.

use std::ops::Range;

use super::meant::unknown;
use super::words::{Refusal, Step, Word, Words};
use super::{Reader, unless_mistaken};
use crate::diag::Diagnostic;
use crate::policy::{
    BITS, Class, Every, Limit, LimitKey, Match, Prefixes, Rate, Rule, Term, can_be,
};
use crate::value::{Family, decimal};

/// What `per` may be followed by.
const KEYS: &[&str] = &["src", "dst", "flow"];

/// The words that begin an action, but for `vlan`, which may begin a term as well.
#[rustfmt::skip] // A table.
const ACTIONS: &[&str] = &[
    "drop", "pass", "abort", "count", "event", "ban", "reflect", "reply", "rewrite", "balance",
    "tunnel", "route", "redirect", "deliver",
];

/// A key as it is written, until it is known which families the rule is about.
struct Key {
    word: &'static str,
    bits: Vec<u8>,
    span: Range<usize>,
}

/// A limit as it is written.
struct Said {
    rate: Rate,
    burst: Option<(u64, Range<usize>)>,
    key: Option<Key>,
    size: u32,
}

impl<'a> Reader<'a> {
    /// A rule with a limit; `limit` itself has been read.
    pub fn limited(&mut self, line: u32, all: Words<'a>, words: &mut Words<'a>) -> Step<Rule> {
        let said = unless_mistaken(self.limit(words))?;
        let place = words.place();
        let action = match begins_an_action(words) {
            Some(action) => {
                words.next();
                action
            }
            None => "drop",
        };
        let mut rule = self.acting(action, place, line, all, words)?;
        let limit = self.fitting(said.ok_or(Refusal::Said)?, &rule.matching)?;
        rule.matching = with_implied(&limit.implied(), &rule.matching);
        rule.limit = Some(limit);
        Ok(rule)
    }

    fn limit(&mut self, words: &mut Words<'a>) -> Step<Said> {
        let word = words.word("a rate such as 1000/s or 10mbit/s")?;
        let rate = rate(&word).map_err(|wrong| self.said(wrong));
        let burst = match words.take("burst") {
            true => {
                let word = words.word("a burst, in packets or in bits such as 1mbit")?;
                let burst = rate.as_ref().ok().map(|rate| burst(*rate, &word)).transpose();
                burst.map(|burst| burst.map(|n| (n, word.span))).map_err(|wrong| self.said(wrong))
            }
            false => Ok(None),
        };
        let key = match words.take("per") {
            true => {
                let word = words.word("`src`, `dst` or `flow`")?;
                Ok(Some(key(&word)?))
            }
            false => Ok(None),
        };
        let place = words.place();
        let size = match (words.take("size"), &key) {
            (false, _) => Ok(Limit::USUAL_SIZE),
            (true, Ok(None)) => {
                let wrong = Diagnostic::new(place, "a limit as a whole has no size");
                return Err(wrong.help("`size` is how many keys of `per` are remembered").into());
            }
            (true, _) => self.number("size", Limit::LEAST_SIZE..=Limit::MOST_SIZE, words),
        };
        if let Err(Refusal::Mistake(wrong)) = size {
            return Err(wrong.into());
        }
        Ok(Said { rate: rate?, burst: burst?, key: key.map_err(|()| Refusal::Said)?, size: size? })
    }

    fn said(&mut self, wrong: Diagnostic) -> Refusal {
        self.wrong.add(wrong);
        Refusal::Said
    }

    /// The limit, if it fits the packets that the rule is about.
    fn fitting(&mut self, said: Said, matching: &Match) -> Step<Limit> {
        let Said { rate, burst, key, size } = said;
        let key = match key {
            Some(key) => key.fitting(matching)?,
            None => LimitKey::Whole,
        };
        let (burst, span) = burst.map_or((None, 0..0), |(burst, span)| (Some(burst), span));
        Limit::new(rate, burst, key, size).map_err(|wrong| {
            let most = wrong.most;
            let wrong = "such a burst would take more than a year to come back";
            Diagnostic::new(span, wrong).help(format!("at this rate, {most} are the most")).into()
        })
    }
}

/// The action that is next, if one is: else a term is.
fn begins_an_action(words: &Words<'_>) -> Option<&'static str> {
    let mut ahead = *words;
    let next = ahead.next().map(|(_, word)| word.text)?;
    // Else it is a term.
    if let ("vlan", Some("push" | "pop")) = (next, ahead.peek()) {
        return Some("vlan");
    }
    ACTIONS.iter().find(|word| **word == next).copied()
}

impl Key {
    fn fitting(self, matching: &Match) -> Result<LimitKey, Diagnostic> {
        let about = [(Class::Ip4, Family::V4), (Class::Ip6, Family::V6)];
        let mut about = about.into_iter().filter(|(class, _)| can_be(matching, *class));
        let (first, second) = (about.next(), about.next());
        let wrong = |what: String| Diagnostic::new(self.span.clone(), what);
        let Some((_, family)) = first else {
            return Err(wrong(format!("`per {}` is for packets of IP", self.word))
                .help("the rule is about none: leave `per` out"));
        };
        let prefixes = match (self.bits.as_slice(), second) {
            ([], _) => Prefixes::HOSTS,
            ([bits], Some(_)) => {
                let shown = format!("{}/{bits}", self.word);
                let wrong = wrong(format!("`{shown}` is for one family, and the rule for both"));
                let help = format!(
                    "write the bits of IPv4 and IPv6, as `{}/24/64`, or add `ip4` or `ip6`",
                    self.word
                );
                return Err(wrong.help(help));
            }
            ([bits], None) => match family {
                Family::V4 => Prefixes { v4: Some(*bits), v6: None },
                Family::V6 => Prefixes { v4: None, v6: Some(*bits) },
            },
            ([v4, v6, ..], _) => Prefixes { v4: Some(*v4), v6: Some(*v6) },
        };
        for (bits, most, name) in [(prefixes.v4, 32, "IPv4"), (prefixes.v6, 128, "IPv6")] {
            if bits.is_some_and(|bits| !(1..=most).contains(&bits)) {
                return Err(wrong(format!("an address of {name} has 1 to {most} bits")));
            }
        }
        Ok(match self.word {
            "src" => LimitKey::Source(prefixes),
            "dst" => LimitKey::Destination(prefixes),
            _ => LimitKey::Flow,
        })
    }
}

/// `src`, `dst/24`, `src/24/64` or `flow`.
fn key(word: &Word<'_>) -> Result<Key, Diagnostic> {
    let mut parts = word.text.split('/');
    let first = parts.next().unwrap_or_default();
    let Some(known) = KEYS.iter().find(|known| **known == first) else {
        return Err(unknown(word.text, word.span.clone(), KEYS));
    };
    let bits: Option<Vec<u8>> =
        parts.map(|bits| decimal(bits).and_then(|bits| u8::try_from(bits).ok())).collect();
    let fits = |bits: &Vec<u8>| bits.len() <= if first == "flow" { 0 } else { 2 };
    let span = word.span.clone();
    match bits.filter(fits) {
        Some(bits) => Ok(Key { word: known, bits, span }),
        None => {
            let wrong = Diagnostic::new(span, format!("`{}` is no key of a limit", word.text));
            Err(wrong
                .help("a key is `src`, `dst`, one of these with bits, as `src/24/64`, or `flow`"))
        }
    }
}

/// The terms of a rule with those that its limit or action implies where not all of its packets are
/// such already, each once.
pub fn with_implied(implied: &[Term], own: &Match) -> Match {
    let is_ip = ![Class::Arp, Class::Other].into_iter().any(|class| can_be(own, class));
    if is_ip && !implied.iter().any(|term| own.terms().contains(term)) {
        return own.clone();
    }
    let left = own.terms().iter().filter(|term| !implied.contains(term));
    let terms = left.chain(implied).cloned().collect();
    Match::new(terms).unwrap_or_else(|_| own.clone())
}

/// `1000/s`, `50k/m`, `10mbit/s`.
fn rate(word: &Word<'_>) -> Result<Rate, Diagnostic> {
    let wrong = |what: String| Diagnostic::new(word.span.clone(), what);
    let not_one =
        || wrong(format!("`{}` is not a rate such as 1000/s, 10/m or 10mbit/s", word.text));
    let Some((number, every)) = word.text.split_once('/') else {
        return Err(match decimal(word.text) {
            Some(number) => not_one().help(format!("write `{number}/s`")),
            None => not_one(),
        });
    };
    let every = Every::ALL.into_iter().find(|one| every.chars().eq([one.letter()]));
    if let Some(bits) = bits(number) {
        if every != Some(Every::Second) {
            return Err(not_one().help("bits are a second: `mbit/s`"));
        }
        let (least, most) = (Rate::FEWEST_BITS, Rate::MOST_BITS);
        return match bits.filter(|bits| (least..=most).contains(bits)) {
            Some(bits) => Ok(Rate::Bits(bits)),
            None => Err(wrong(format!("`{}` is not from 1kbit/s to 1000gbit/s", word.text))),
        };
    }
    let every = every.ok_or_else(|| {
        not_one().help("a rate is a second, a minute or an hour: `/s`, `/m`, `/h`")
    })?;
    let (digits, unit) = match (number.strip_suffix('k'), number.strip_suffix('M')) {
        (Some(digits), _) => (digits, 1000),
        (_, Some(digits)) => (digits, 1_000_000),
        (None, None) => (number, 1),
    };
    let number = decimal(digits).ok_or_else(not_one)?.checked_mul(unit);
    match number.filter(|number| (1..=Rate::MOST_PACKETS).contains(number)) {
        Some(number) => Ok(Rate::Packets { number, every }),
        None => Err(wrong(format!("`{}` is not from 1 to 10M packets", word.text))),
    }
}

/// A number with a unit of bits; the inner `None` where there is such a unit and no such number.
fn bits(text: &str) -> Option<Option<u64>> {
    let (digits, unit) =
        BITS.iter().find_map(|(word, unit)| Some((text.strip_suffix(word)?, unit)))?;
    Some(decimal(digits).and_then(|number| u64::from(number).checked_mul(*unit)))
}

/// Whether a burst that could not be read is a number, with or without a unit of bits.
fn is_too_large(text: &str) -> bool {
    let digits = BITS.iter().find_map(|(unit, _)| text.strip_suffix(unit)).unwrap_or(text);
    digits.starts_with(|c: char| ('1'..='9').contains(&c))
        && digits.bytes().all(|byte| byte.is_ascii_digit())
}

/// A number of packets, or of bits, as the rate is.
fn burst(rate: Rate, word: &Word<'_>) -> Result<u64, Diagnostic> {
    let wrong = |what: String| Diagnostic::new(word.span.clone(), what);
    let found = match (rate, bits(word.text)) {
        (Rate::Packets { .. }, None) => decimal(word.text).map(u64::from),
        (Rate::Packets { .. }, Some(_)) => {
            return Err(wrong(format!("`{}` is in bits, and the rate in packets", word.text)));
        }
        (Rate::Bits(_), Some(bits)) => bits,
        (Rate::Bits(_), None) => {
            let wrong = wrong(format!("`{}` is in packets, and the rate in bits", word.text));
            return Err(wrong.help("write a number of bits, as `1mbit`"));
        }
    };
    if found.is_none() && is_too_large(word.text) {
        let (unit, most) = match rate {
            Rate::Packets { .. } => ("", rate.most_burst().min(u32::MAX.into())),
            Rate::Bits(_) => ("bit", rate.most_burst()),
        };
        return Err(wrong(format!("`{}` is too large a burst", word.text))
            .help(format!("at this rate, {most}{unit} are the most")));
    }
    let least = rate.least_burst();
    match (found.filter(|burst| *burst >= least), rate) {
        (Some(burst), _) => Ok(burst),
        (None, Rate::Packets { .. }) => {
            Err(wrong(format!("`{}` is not a burst of one packet or more", word.text)))
        }
        (None, Rate::Bits(_)) => Err(wrong(format!(
            "`{}` is not a burst of {least}bit or more: no frame fits",
            word.text
        ))),
    }
}
