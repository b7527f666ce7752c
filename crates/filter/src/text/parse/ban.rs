//! Bans: `ban [DURATION] set NAME`.

use super::Reader;
use super::limit::with_implied;
use super::values::Sort;
use super::words::{Refusal, Step, Words};
use crate::diag::Diagnostic;
use crate::policy::{Ban, Class, Rule, can_be, of_ip};
use crate::value::SetKind;

impl<'a> Reader<'a> {
    /// How long, and into which set; `ban` itself has been read.
    pub fn ban(&mut self, words: &mut Words<'a>) -> Step<Ban> {
        let said = words.peek().is_some_and(|word| word.starts_with(|c: char| c.is_ascii_digit()));
        let time = if said { self.timeout(words).map(Some) } else { Ok(None) };
        if let Err(Refusal::Mistake(wrong)) = time {
            return Err(wrong.into());
        }
        if !words.take("set") {
            let wrong = words.expected("`set` and the set that takes the banned");
            return Err(wrong
                .help("declare one, as `set banned host`: `ban 1h set banned`")
                .into());
        }
        let place = words.place();
        let set = self.set_named(SetKind::Host, Sort::Item(SetKind::Host), words)?;
        let usual = self.sets.get(set.index()).and_then(|set| set.timeout);
        match time?.or(usual) {
            Some(time) => Ok(Ban { set, time }),
            None => {
                let wrong =
                    Diagnostic::new(place, "neither the rule nor the set says for how long");
                self.wrong.add(wrong.help("write `ban 1h set …`, or give the set a `timeout`"));
                Err(Refusal::Said)
            }
        }
    }
}

/// A rule that bans is about packets that have a source.
pub fn of_sources(rule: Rule, all: Words<'_>) -> Result<Rule, Diagnostic> {
    if ![Class::Ip4, Class::Ip6].into_iter().any(|class| can_be(&rule.matching, class)) {
        let wrong = Diagnostic::new(all.place(), "a ban is for packets of IP");
        return Err(wrong.help("packets that the rule is about have no source to be banned"));
    }
    let matching = with_implied(&[of_ip()], &rule.matching);
    Ok(Rule { matching, ..rule })
}
