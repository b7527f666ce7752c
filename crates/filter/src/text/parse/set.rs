//! Declarations of sets: name and kind first, for all who use them, then the options.

use std::collections::HashSet;
use std::ops::Range;

use super::Reader;
use super::meant::unknown;
use super::names::Named;
use super::values::{Sort, said};
use super::words::{Refusal, Step, Words};
use crate::diag::Diagnostic;
use crate::policy::{EntryCounters, Set, SetFile, SetId};
use crate::structure::{default_max, greatest_max};
use crate::text::lex::Kind;
use crate::value::{AddressRange, Item, Mac, Name, Prefix, Service, SetKind, Timeout, decimal};

const OPTIONS: &[&str] = &["timeout", "max", "counters", "file", "elements"];
const KINDS: &[&str] = &["net", "service", "mac", "host"];

impl<'a> Reader<'a> {
    /// Name and kind; `set` itself has been read. Gives the place of the set.
    pub fn set_head(&mut self, line: u32, words: &mut Words<'a>) -> Step<usize> {
        let word = words.word("a name")?;
        let name: Name = word.text.parse().map_err(|why| said(why, &word.span))?;
        let at = self.sets.len();
        let found = words.word("`net`, `service`, `mac` or `host`");
        let kind = found.as_ref().ok().and_then(|kind| kind_called(kind.text));
        let named = if kind.is_some() { Named::Set(SetId(at)) } else { Named::WrongSet };
        self.names.declare(&word, named, line)?;
        let found = found?;
        let kind = kind.ok_or_else(|| unknown(found.text, found.span, KINDS))?;
        self.sets.push(Set {
            name,
            kind,
            max: default_max(kind),
            counters: EntryCounters::On,
            timeout: None,
            file: None,
            elements: Vec::new(),
            line,
        });
        Ok(at)
    }

    /// What follows name and kind of the set at `at`.
    pub fn set_options(&mut self, at: usize, words: &mut Words<'a>) -> Step {
        if words.is_empty() {
            return Ok(());
        }
        let all = *words;
        if !words.take("{") {
            let wrong = words.expected("`{` and options, or the end of the statement");
            return Err(wrong.into());
        }
        let mut seen: Vec<&str> = Vec::new();
        while !words.take("}") {
            let word = words.word("an option or `}`")?;
            if !OPTIONS.contains(&word.text) {
                return Err(unknown(word.text, word.span, OPTIONS).into());
            }
            if seen.contains(&word.text) {
                let wrong = format!("`{}` is said twice", word.text);
                self.wrong.add(Diagnostic::new(word.span, wrong));
            }
            seen.push(word.text);
            match self.set_option(at, word.text, words) {
                Ok(()) | Err(Refusal::Said) => {}
                Err(mistake) => return Err(mistake),
            }
        }
        words.done()?;
        let Some(set) = self.sets.get(at) else { return Ok(()) };
        let (count, max) = (set.elements.len(), set.max as usize);
        if count > max {
            let wrong = format!("{count} entries are more than the set takes: {max}");
            self.wrong.add(Diagnostic::new(all.place().start..words.end(), wrong));
        }
        Ok(())
    }

    fn set_option(&mut self, at: usize, word: &str, words: &mut Words<'a>) -> Step {
        let Some(kind) = self.sets.get(at).map(|set| set.kind) else { return Ok(()) };
        match word {
            "timeout" => {
                let timeout = self.timeout(words)?;
                self.change(at, |set| set.timeout = Some(timeout));
            }
            "max" => {
                let max = self.number("max", 1..=greatest_max(kind), words)?;
                self.change(at, |set| set.max = max);
            }
            "counters" => {
                let counters = counters(words)?;
                self.change(at, |set| set.counters = counters);
            }
            "file" => {
                let file = file(words)?;
                self.change(at, |set| set.file = Some(file));
            }
            _ => {
                let elements = self.elements(kind, words)?;
                self.change(at, |set| set.elements = elements);
            }
        }
        Ok(())
    }

    fn change(&mut self, at: usize, with: impl FnOnce(&mut Set)) {
        if let Some(set) = self.sets.get_mut(at) {
            with(set);
        }
    }

    /// A time.
    pub fn timeout(&mut self, words: &mut Words<'a>) -> Step<Timeout> {
        let word = words.word("a time such as 90s, 15m, 1h or 7d")?;
        word.text.parse().map_err(|why| {
            let wrong = said(why, &word.span);
            self.wrong.add(match decimal(word.text) {
                Some(seconds) => wrong.help(format!("in seconds: `{seconds}s`")),
                None => wrong,
            });
            Refusal::Said
        })
    }

    /// Entries in braces, each once, in order.
    fn elements(&mut self, kind: SetKind, words: &mut Words<'a>) -> Step<Vec<Item>> {
        let sort = Sort::Item(kind);
        if words.peek() != Some("{") {
            return Err(words.expected("`{` and entries").into());
        }
        Ok(match kind {
            SetKind::Net => {
                let ranges: Vec<AddressRange> = self.all_as(sort, words)?;
                let cover = |r: AddressRange| Prefix::cover(r.first(), r.last());
                once(ranges.into_iter().filter_map(cover).flatten().map(Item::Net))
            }
            SetKind::Service => {
                let services: Vec<Service> = self.all_as(sort, words)?;
                once(services.into_iter().map(Item::Service))
            }
            SetKind::Host => {
                let start = words.place().start;
                let prefixes: Vec<Prefix> = self.all_as(sort, words)?;
                if let Some(prefix) = prefixes.iter().find(|prefix| !prefix.is_host()) {
                    let wrong = format!("`{prefix}` is no single address");
                    let wrong = Diagnostic::new(start..words.end(), wrong);
                    self.wrong.add(wrong.help("it belongs into a net set"));
                    return Err(Refusal::Said);
                }
                once(prefixes.into_iter().map(Item::Net))
            }
            SetKind::Mac => {
                let macs: Vec<Mac> = self.all_as(sort, words)?;
                once(macs.into_iter().map(Item::Mac))
            }
        })
    }
}

/// Each item once, in order; one more than the largest set takes is enough to refuse them.
fn once(items: impl Iterator<Item = Item>) -> Vec<Item> {
    let mut seen = HashSet::new();
    let most = greatest_max(SetKind::Net) as usize + 1;
    items.filter(|item| seen.insert(*item)).take(most).collect()
}

fn kind_called(word: &str) -> Option<SetKind> {
    SetKind::ALL.into_iter().find(|kind| kind.word() == word)
}

fn counters(words: &mut Words<'_>) -> Step<EntryCounters> {
    let word = words.word("`on` or `off`")?;
    match word.text {
        "on" => Ok(EntryCounters::On),
        "off" => Ok(EntryCounters::Off),
        other => Err(unknown(other, word.span, &["on", "off"]).into()),
    }
}

fn file(words: &mut Words<'_>) -> Step<SetFile> {
    const WHAT: &str = "a path in double quotes";
    let wrong = words.expected(WHAT);
    let (kind, word) = words.next().ok_or_else(|| wrong.clone())?;
    if kind != Kind::String {
        return Err(match kind {
            Kind::Word => wrong.help(format!("write `\"{}\"`", word.text)),
            Kind::String | Kind::Mark => wrong,
        }
        .into());
    }
    let path = word.text.trim_matches('"');
    let wrong = |why: &str| Diagnostic::new(word.span.clone(), why);
    if path.is_empty() {
        return Err(wrong("a path is not empty").into());
    }
    if path.contains(char::is_control) {
        return Err(wrong("a path holds no control characters").into());
    }
    let span: Range<usize> = word.span.clone();
    Ok(SetFile { path: path.to_owned(), span })
}
