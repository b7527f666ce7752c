//! The actions that change a packet: `reflect`, `reply`, `rewrite FIELD VALUE, …`, `vlan pop`,
//! `vlan push N`, and `redirect DEV` and `deliver`, which are read in `outlet`.

use std::net::IpAddr;
use std::ops::Range;

use super::Reader;
use super::meant::unknown;
use super::values::Sort;
use super::words::{Refusal, Step, Words};
use crate::diag::Diagnostic;
use crate::policy::{Change, Match, Rewrite, Term};
use crate::value::Prefix;

/// What `rewrite` replaces.
const FIELDS: &[&str] = &["src", "dst", "sport", "dport"];

impl<'a> Reader<'a> {
    /// The rest of an action that begins with `word`; `None` if no action that changes packets does.
    pub fn change_called(&mut self, word: &str, words: &mut Words<'a>) -> Option<Step<Change>> {
        match word {
            "reflect" => Some(Ok(Change::Reflect)),
            "reply" => Some(Ok(Change::Reply)),
            "rewrite" => Some(self.rewrite(words).map(Change::Rewrite)),
            "vlan" => Some(self.tag(words)),
            "route" => Some(Ok(Change::Route)),
            "redirect" => Some(self.redirect(words).map(Change::Redirect)),
            "deliver" => Some(self.deliver(words)),
            "tunnel" => Some(self.tunnel(words).map(Change::Tunnel)),
            "balance" => Some(self.balance(words).map(Change::Balance)),
            _ => None,
        }
    }

    /// `pop`, or `push` and an identifier.
    fn tag(&mut self, words: &mut Words<'a>) -> Step<Change> {
        let word = words.word("`push` or `pop`")?;
        match word.text {
            "pop" => Ok(Change::Pop),
            "push" => {
                let id = self.number("push", 1..=4094, words)?;
                Ok(Change::Push(u16::try_from(id).unwrap_or_default()))
            }
            other => Err(unknown(other, word.span, &["push", "pop"]).into()),
        }
    }

    /// Fields with their new values, a comma between them.
    fn rewrite(&mut self, words: &mut Words<'a>) -> Step<Rewrite> {
        let mut rewrite = Rewrite::default();
        let mut fine = true;
        loop {
            match self.field(&mut rewrite, words) {
                Ok(()) => {}
                Err(Refusal::Said) => fine = false,
                Err(mistake) => return Err(mistake),
            }
            if !words.take(",") {
                break;
            }
        }
        if fine { Ok(rewrite) } else { Err(Refusal::Said) }
    }

    fn field(&mut self, rewrite: &mut Rewrite, words: &mut Words<'a>) -> Step {
        let word = words.word("`src`, `dst`, `sport` or `dport`")?;
        let before = match word.text {
            "src" => {
                let addr = self.new_address(*rewrite, words)?;
                rewrite.src.replace(addr).is_some()
            }
            "dst" => {
                let addr = self.new_address(*rewrite, words)?;
                rewrite.dst.replace(addr).is_some()
            }
            "sport" => rewrite.sport.replace(self.new_port("sport", words)?).is_some(),
            "dport" => rewrite.dport.replace(self.new_port("dport", words)?).is_some(),
            other => return Err(unknown(other, word.span, FIELDS).into()),
        };
        if before {
            let wrong = format!("`{}` is rewritten twice", word.text);
            self.wrong.add(Diagnostic::new(word.span, wrong));
            return Err(Refusal::Said);
        }
        Ok(())
    }

    /// No packet goes to port 0, nor comes from it.
    fn new_port(&mut self, word: &'static str, words: &mut Words<'a>) -> Step<u16> {
        let port = self.number(word, 1..=65535, words)?;
        Ok(u16::try_from(port).unwrap_or_default())
    }

    /// One address, of the family of those before.
    fn new_address(&mut self, before: Rewrite, words: &mut Words<'a>) -> Step<IpAddr> {
        let start = words.place().start;
        let prefix: Prefix = self.one_as(Sort::OneAddress, words)?;
        let addr = prefix.addr();
        let other = before.src.or(before.dst).is_some_and(|own| own.is_ipv4() != addr.is_ipv4());
        let wrong = match (prefix.is_host(), other) {
            (false, _) => "a packet is rewritten to one address, not to a prefix of them",
            (true, true) => "a packet has addresses of one family",
            (true, false) => return Ok(addr),
        };
        self.wrong.add(Diagnostic::new(start..words.end(), wrong));
        Err(Refusal::Said)
    }
}

/// The terms of a rule with those that its action implies, each once.
pub fn with_implied(change: &Change, own: &Match, span: Range<usize>) -> Result<Match, Diagnostic> {
    let implied = change.implied();
    let own = own.terms().iter().filter(|term| !implied.contains(term));
    let contrary = own.clone().any(|own| implied.iter().any(|implied| own.excludes(implied)));
    let terms: Vec<Term> = own.chain(&implied).cloned().collect();
    let matching = Match::new(terms).ok().filter(|_| !contrary);
    matching.ok_or_else(|| {
        let wrong = Diagnostic::new(span, format!("`{change}` is for no packet of these terms"));
        wrong.help(format!("it is for {}", change.about()))
    })
}
