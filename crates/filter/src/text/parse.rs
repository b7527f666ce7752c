//! Text to [`Policy`].
//!
//! A mistake ends its statement and no other: the reader goes on with the next one, so that all
//! mistakes of a text come out at once. Sets may be declared behind the rules that use them.

use std::ops::Range;

use super::lex::{Kind, Token, lex};
use super::{RESERVED, print};
use crate::diag::{Diagnostic, Diagnostics, nearest};
use crate::policy::{
    Action, EntryCounters, Fallback, Match, Policy, Protocol, Rule, Set, SetId, Side, Term,
};
use crate::structure::{default_max, greatest_max};
use crate::value::{Family, Name, SetKind, decimal};

/// Reads a policy, or reports every mistake in it.
pub fn parse(text: &str) -> Result<Policy, Diagnostics> {
    let (tokens, wrong) = lex(text);
    let lines = text.bytes().enumerate().filter(|(_, b)| *b == b'\n').map(|(at, _)| at).collect();
    let mut reader = Reader { text, lines, wrong, draft: Draft::default() };
    let statements: Vec<&[Token]> =
        tokens.split(|t| t.kind == Kind::End).filter(|statement| !statement.is_empty()).collect();
    for statement in &statements {
        if statement.first().is_some_and(|t| reader.text_of(t) == "set") {
            reader.read(statement, Reader::set);
        }
    }
    for statement in &statements {
        reader.read(statement, Reader::statement);
    }
    reader.finish()
}

/// What has been read so far; each part at most once.
#[derive(Default)]
struct Draft {
    sets: Vec<Set>,
    keeps: Vec<Rule>,
    rules: Vec<Rule>,
    malformed: Option<Fallback>,
    fragment: Option<Fallback>,
    default: Option<Fallback>,
}

struct Reader<'a> {
    text: &'a str,
    /// Where each line ends.
    lines: Vec<usize>,
    wrong: Vec<Diagnostic>,
    draft: Draft,
}

/// The tokens of one statement, read from left to right.
struct Words<'a> {
    text: &'a str,
    left: &'a [Token],
    /// Where the token before ends: the place of whatever is missing.
    end: usize,
}

impl<'a> Words<'a> {
    fn next(&mut self) -> Option<&'a Token> {
        let (first, rest) = self.left.split_first()?;
        self.left = rest;
        self.end = first.span.end;
        Some(first)
    }

    /// The next token, if it is this word or this mark.
    fn take(&mut self, text: &str) -> bool {
        let found = self.left.first().is_some_and(|t| &self.text[t.span.clone()] == text);
        if found {
            self.next();
        }
        found
    }

    /// The next token, which must be a word; `what` says what is expected.
    fn word(&mut self, what: &str) -> Result<(&'a str, Range<usize>), Diagnostic> {
        let end = self.end;
        match self.next() {
            Some(t) if t.kind == Kind::Word => Ok((&self.text[t.span.clone()], t.span.clone())),
            Some(t) => {
                let found = &self.text[t.span.clone()];
                Err(Diagnostic::new(t.span.clone(), format!("expected {what}, found `{found}`")))
            }
            None => Err(Diagnostic::new(end..end, format!("expected {what}"))),
        }
    }

    fn end(&mut self) -> Result<(), Diagnostic> {
        match self.next() {
            None => Ok(()),
            Some(t) => Err(Diagnostic::new(t.span.clone(), "the statement should end here")),
        }
    }
}

impl<'a> Reader<'a> {
    fn text_of(&self, token: &Token) -> &'a str {
        &self.text[token.span.clone()]
    }

    fn line(&self, at: usize) -> u32 {
        let before = self.lines.partition_point(|end| *end < at);
        u32::try_from(before + 1).unwrap_or(u32::MAX)
    }

    fn read(
        &mut self,
        statement: &[Token],
        with: impl FnOnce(&mut Self, &mut Words<'_>, Range<usize>) -> Result<(), Diagnostic>,
    ) {
        let span = statement[0].span.clone();
        let mut words = Words { text: self.text, left: statement, end: span.start };
        if let Err(wrong) = with(self, &mut words, span) {
            self.wrong.push(wrong);
        }
    }

    /// Any statement but `set`, which has been read before.
    fn statement(&mut self, words: &mut Words<'_>, at: Range<usize>) -> Result<(), Diagnostic> {
        let (word, span) = words.word("a statement")?;
        match word {
            "set" => Ok(()),
            "keep" => {
                let rule = self.rule(Action::Pass, word, words, &at)?;
                if rule.matching.terms().is_empty() {
                    return Err(Diagnostic::new(
                        span,
                        "`keep` without a match would keep everything",
                    )
                    .help("say what to keep, or use `default pass`"));
                }
                self.draft.keeps.push(rule);
                Ok(())
            }
            "drop" | "pass" => {
                let action = if word == "drop" { Action::Drop } else { Action::Pass };
                let rule = self.rule(action, print::action_word(action), words, &at)?;
                self.draft.rules.push(rule);
                Ok(())
            }
            "default" => {
                let fallback = self.fallback(words, &at)?;
                self.once(|d| &mut d.default, fallback, word, at)
            }
            "on" => match words.word("`malformed` or `fragment`")? {
                ("malformed", _) => {
                    let fallback = self.fallback(words, &at)?;
                    self.once(|d| &mut d.malformed, fallback, "on malformed", at)
                }
                ("fragment", _) => {
                    let fallback = self.fallback(words, &at)?;
                    self.once(|d| &mut d.fragment, fallback, "on fragment", at)
                }
                (other, span) => Err(unknown(other, span, &["malformed", "fragment"])),
            },
            "define" | "abort" | "limit" | "event" | "count" | "reply" | "redirect" | "route"
            | "balance" | "rewrite" | "vlan" | "expect" => Err(not_yet(word, span)),
            _ => Err(unknown(word, span, &["set", "keep", "drop", "pass", "default", "on"])),
        }
    }

    fn once(
        &mut self,
        slot: impl FnOnce(&mut Draft) -> &mut Option<Fallback>,
        value: Fallback,
        word: &str,
        at: Range<usize>,
    ) -> Result<(), Diagnostic> {
        let slot = slot(&mut self.draft);
        match slot.and_then(|before| before.line) {
            Some(line) => Err(Diagnostic::new(
                at,
                format!("`{word}` is said twice; the first time in line {line}"),
            )),
            None => {
                *slot = Some(value);
                Ok(())
            }
        }
    }

    fn fallback(&self, words: &mut Words<'_>, at: &Range<usize>) -> Result<Fallback, Diagnostic> {
        let action = match words.word("`drop` or `pass`")? {
            ("drop", _) => Action::Drop,
            ("pass", _) => Action::Pass,
            (other, span) => return Err(unknown(other, span, &["drop", "pass"])),
        };
        words.end()?;
        Ok(Fallback { action, line: Some(self.line(at.start)) })
    }

    fn rule(
        &self,
        action: Action,
        word: &str,
        words: &mut Words<'_>,
        at: &Range<usize>,
    ) -> Result<Rule, Diagnostic> {
        let mut terms = Vec::new();
        while !words.left.is_empty() {
            terms.push(self.term(words)?);
        }
        let span = at.start..words.end;
        let matching =
            Match::new(terms).map_err(|wrong| Diagnostic::new(span, wrong.to_string()))?;
        let text = print::rule_text(word, &matching, &self.draft.sets);
        Ok(Rule { action, matching, line: self.line(at.start), text })
    }

    fn term(&self, words: &mut Words<'_>) -> Result<Term, Diagnostic> {
        let (word, span) = words.word("a term")?;
        Ok(match word {
            "ip4" => Term::Family(Family::V4),
            "ip6" => Term::Family(Family::V6),
            "arp" => Term::Arp,
            "nd" => Term::Nd,
            "icmp" => Term::Icmp,
            "icmp6" => Term::Icmp6,
            "tcp" => Term::Protocol(Protocol::TCP),
            "udp" => Term::Protocol(Protocol::UDP),
            "sctp" => Term::Protocol(Protocol::SCTP),
            "proto" => {
                let (text, span) = words.word("a protocol number")?;
                let number = decimal(text).and_then(|n| u8::try_from(n).ok()).ok_or_else(|| {
                    Diagnostic::new(span, format!("`{text}` is not a number from 0 to 255"))
                })?;
                Term::Protocol(Protocol(number))
            }
            "src" => self.address(Side::Source, words)?,
            "dst" => self.address(Side::Destination, words)?,
            "sport" => port(Side::Source, words)?,
            "dport" => port(Side::Destination, words)?,
            "service" => {
                if !words.take("in") {
                    return Err(expected_in(words));
                }
                Term::ServiceIn(self.set_named(SetKind::Service, words)?)
            }
            "not" | "host" | "port" | "dhcp" | "ethertype" | "type" | "code" | "flags" | "ttl"
            | "length" | "dscp" | "fragment" | "options" | "vlan" | "inner-vlan" | "ether"
            | "as" | "or" => return Err(not_yet(word, span)),
            _ => return Err(unknown(word, span, TERMS)),
        })
    }

    fn address(&self, side: Side, words: &mut Words<'_>) -> Result<Term, Diagnostic> {
        if words.take("in") {
            return Ok(Term::AddressIn(side, self.set_named(SetKind::Net, words)?));
        }
        if words.take("{") {
            return Err(not_yet("{", words.end - 1..words.end));
        }
        let (text, span) = words.word("an address, a prefix, or `in` and a set")?;
        if let Some(set) = self.draft.sets.iter().find(|s| s.name.as_str() == text) {
            return Err(Diagnostic::new(span, format!("`{}` is a set", set.name)).help(format!(
                "write `{} in {}`",
                side.word(),
                set.name
            )));
        }
        if let Some((first, last)) = text.split_once('-')
            && first.contains(['.', ':'])
            && last.contains(['.', ':'])
        {
            return Err(not_yet("ADDR-ADDR", span));
        }
        text.parse()
            .map(|prefix| Term::Address(side, prefix))
            .map_err(|wrong: crate::value::ValueError| Diagnostic::new(span, wrong.to_string()))
    }

    fn set_named(&self, kind: SetKind, words: &mut Words<'_>) -> Result<SetId, Diagnostic> {
        let (name, span) = words.word("the name of a set")?;
        let sets = &self.draft.sets;
        match sets.iter().position(|s| s.name.as_str() == name) {
            Some(id) if sets[id].kind == kind => Ok(SetId(id)),
            Some(id) => Err(Diagnostic::new(
                span,
                format!(
                    "`{name}` is a {} set; a {} set is needed",
                    sets[id].kind.word(),
                    kind.word()
                ),
            )),
            None => {
                let wrong = Diagnostic::new(span, format!("there is no set `{name}`"));
                let near = nearest(name, sets.iter().map(|s| s.name.as_str()));
                Err(wrong.help(match near {
                    Some(near) => format!("did you mean `{near}`?"),
                    None => format!("declare it: `set {name} {}`", kind.word()),
                }))
            }
        }
    }

    fn set(&mut self, words: &mut Words<'_>, at: Range<usize>) -> Result<(), Diagnostic> {
        words.next();
        let (text, span) = words.word("a name")?;
        let name: Name = text.parse().map_err(|wrong: crate::value::ValueError| {
            Diagnostic::new(span.clone(), wrong.to_string())
        })?;
        if RESERVED.contains(&text) {
            return Err(Diagnostic::new(span, format!("`{text}` is a word of the language")));
        }
        if let Some(before) = self.draft.sets.iter().find(|s| s.name == name) {
            let line = before.line;
            return Err(Diagnostic::new(
                span,
                format!("the set `{name}` is in line {line} already"),
            ));
        }
        let kind = match words.word("`net` or `service`")? {
            ("net", _) => SetKind::Net,
            ("service", _) => SetKind::Service,
            ("mac", span) => return Err(not_yet("mac", span)),
            (other, span) => return Err(unknown(other, span, &["net", "service"])),
        };
        let line = self.line(at.start);
        let mut set = Set { name, kind, max: default_max(kind), counters: EntryCounters::On, line };
        if words.take("{") {
            set_options(&mut set, words)?;
        }
        words.end()?;
        self.draft.sets.push(set);
        Ok(())
    }

    fn finish(mut self) -> Result<Policy, Diagnostics> {
        let end = self.text.trim_end().len();
        let default = self.draft.default.unwrap_or_else(|| {
            if self.wrong.is_empty() {
                self.wrong.push(
                    Diagnostic::new(end..end, "the policy does not say what becomes of the rest")
                        .help("add `default pass` or `default drop`"),
                );
            }
            Fallback { action: Action::Drop, line: None }
        });
        if let Some(wrong) = Diagnostics::of(self.wrong) {
            return Err(wrong);
        }
        let Draft { sets, keeps, rules, malformed, fragment, default: _ } = self.draft;
        let malformed = malformed.unwrap_or(Fallback { action: Action::Drop, line: None });
        Ok(Policy { sets, keeps, rules, malformed, fragment, default })
    }
}

const TERMS: &[&str] = &[
    "ip4", "ip6", "arp", "nd", "icmp", "icmp6", "tcp", "udp", "sctp", "proto", "src", "dst",
    "sport", "dport", "service",
];

fn set_options(set: &mut Set, words: &mut Words<'_>) -> Result<(), Diagnostic> {
    while !words.take("}") {
        match words.word("`max`, `counters` or `}`")? {
            ("max", _) => {
                let (text, span) = words.word("a number of entries")?;
                let most = greatest_max(set.kind);
                set.max = decimal(text).filter(|n| (1..=most).contains(n)).ok_or_else(|| {
                    Diagnostic::new(span, format!("`{text}` is not a number from 1 to {most}"))
                })?;
            }
            ("counters", _) => {
                set.counters = match words.word("`on` or `off`")? {
                    ("on", _) => EntryCounters::On,
                    ("off", _) => EntryCounters::Off,
                    (other, span) => return Err(unknown(other, span, &["on", "off"])),
                };
            }
            (word @ ("timeout" | "file" | "elements"), span) => return Err(not_yet(word, span)),
            (other, span) => return Err(unknown(other, span, &["max", "counters"])),
        }
    }
    Ok(())
}

fn port(side: Side, words: &mut Words<'_>) -> Result<Term, Diagnostic> {
    if words.take("{") {
        return Err(not_yet("{", words.end - 1..words.end));
    }
    let (text, span) = words.word("a port or a range of ports")?;
    text.parse()
        .map(|range| Term::Port(side, range))
        .map_err(|wrong: crate::value::ValueError| Diagnostic::new(span, wrong.to_string()))
}

fn expected_in(words: &mut Words<'_>) -> Diagnostic {
    let end = words.end;
    let span = words.next().map_or(end..end, |t| t.span.clone());
    Diagnostic::new(span, "expected `in` and the name of a service set")
}

fn not_yet(word: &str, span: Range<usize>) -> Diagnostic {
    Diagnostic::new(span, format!("`{word}` is part of the language but not of this version"))
}

fn unknown(word: &str, span: Range<usize>, known: &[&str]) -> Diagnostic {
    let wrong = Diagnostic::new(span, format!("unexpected `{word}`"));
    match nearest(word, known.iter().copied()) {
        Some(near) => wrong.help(format!("did you mean `{near}`?")),
        None => wrong.help(format!("expected one of: {}", known.join(", "))),
    }
}
