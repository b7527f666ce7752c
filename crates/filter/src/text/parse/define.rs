//! Defines: names that stand for values, put in place as they are written.
//!
//! A define may use others, whatever their order, but not itself. All that defines stand for
//! together is bounded, so that a few lines cannot grow without end.

use super::Reader;
use super::names::Named;
use super::values::{Shape, Value, list_words, said};
use super::words::{Refusal, Step, Word, Words};
use crate::diag::Diagnostic;
use crate::text::WORDS;
use crate::text::lex::Statement;
use crate::value::{AddressRange, Mac, Name, PortRange, ValueError, decimal};

/// The most values that the defines of a text may stand for, each counted wherever it is used.
const MOST_VALUES: usize = 1 << 20;

/// All defines of a text.
pub struct Defines<'a> {
    all: Vec<Define<'a>>,
    /// How many more values may be put in place.
    room: usize,
}

impl Default for Defines<'_> {
    fn default() -> Self {
        Self { all: Vec::new(), room: MOST_VALUES }
    }
}

struct Define<'a> {
    name: Word<'a>,
    /// The values as written; names among them are other defines.
    body: Vec<Word<'a>>,
    state: State<'a>,
}

enum State<'a> {
    /// Not looked at yet.
    New,
    /// It is one of those that are being resolved.
    Open,
    /// What it stands for.
    Done(Vec<Word<'a>>),
    /// Something about it is wrong, which has been reported.
    Wrong,
}

/// What a value is, as far as values of one list must be alike.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Alike {
    Addresses,
    Numbers,
    Macs,
}

impl Alike {
    const fn title(self) -> &'static str {
        match self {
            Self::Addresses => "an address",
            Self::Numbers => "a number",
            Self::Macs => "an Ethernet address",
        }
    }
}

impl<'a> Reader<'a> {
    /// A define; `define` itself has been read.
    pub fn define(&mut self, statement: &Statement, words: &mut Words<'a>) -> Step {
        let name = words.word("a name")?;
        name.text.parse::<Name>().map_err(|why| said(why, &name.span))?;
        if WORDS.contains(&name.text) {
            let wrong = format!("`{}` is a word of the language", name.text);
            return Err(Diagnostic::new(name.span, wrong).into());
        }
        let at = self.defines.all.len();
        self.names.declare(&name, Named::Define(at), statement.line)?;
        let (body, state) = match body(words) {
            Ok(body) if !statement.broken => (body, State::New),
            Ok(_) => (Vec::new(), State::Wrong),
            Err(wrong) => {
                if !statement.broken {
                    self.wrong.add(wrong);
                }
                (Vec::new(), State::Wrong)
            }
        };
        self.defines.all.push(Define { name, body, state });
        Ok(())
    }

    /// Finds out what every define stands for.
    pub fn resolve_defines(&mut self) {
        for at in 0..self.defines.all.len() {
            self.resolve(at);
        }
    }

    /// One define, and before it those that it uses: a stack instead of a recursion, because a
    /// chain of them may be as long as the text.
    fn resolve(&mut self, first: usize) {
        let mut open: Vec<(usize, usize)> = Vec::new();
        self.enter(first, &mut open);
        while let Some((at, next)) = open.last_mut() {
            let at = *at;
            let word = self.defines.all.get(at).and_then(|d| d.body.get(*next)).cloned();
            *next += 1;
            let Some(word) = word else {
                open.pop();
                self.close(at);
                continue;
            };
            if let Err(wrong) = self.use_in_define(&word, &mut open) {
                self.wrong.add(wrong);
                self.set_state(at, State::Wrong);
                open.pop();
            }
        }
    }

    fn enter(&mut self, at: usize, open: &mut Vec<(usize, usize)>) {
        if let Some(define) = self.defines.all.get_mut(at)
            && matches!(define.state, State::New)
        {
            define.state = State::Open;
            open.push((at, 0));
        }
    }

    fn set_state(&mut self, at: usize, state: State<'a>) {
        if let Some(define) = self.defines.all.get_mut(at) {
            define.state = state;
        }
    }

    /// A word of a define's body: if it names another one, that one is resolved first.
    fn use_in_define(
        &mut self,
        word: &Word<'a>,
        open: &mut Vec<(usize, usize)>,
    ) -> Result<(), Diagnostic> {
        if !matches!(Shape::of(word.text), Shape::Name) {
            return alike(word).map(drop);
        }
        let wrong = |why: String| Diagnostic::new(word.span.clone(), why);
        match self.names.get(word.text) {
            Some(Named::Define(used)) => {
                if matches!(self.defines.all.get(used).map(|d| &d.state), Some(State::Open)) {
                    return Err(self.circle(used, word, open));
                }
                self.enter(used, open);
                Ok(())
            }
            Some(Named::Set(_) | Named::WrongSet) => {
                let why = format!("`{}` is a set; a define stands for values", word.text);
                Err(wrong(why))
            }
            None if WORDS.contains(&word.text) => {
                Err(wrong(format!("expected a value, found `{}`", word.text)))
            }
            None => {
                let wrong = wrong(format!("there is no define `{}`", word.text));
                Err(match self.near_define(word.text) {
                    Some(near) => wrong.help(format!("did you mean `{near}`?")),
                    None => wrong.help("a define stands for addresses, numbers or ports"),
                })
            }
        }
    }

    fn circle(&self, used: usize, word: &Word<'a>, open: &[(usize, usize)]) -> Diagnostic {
        const MOST: usize = 5;
        let from = open.iter().position(|(at, _)| *at == used).unwrap_or(0);
        let way = open.iter().skip(from).take(MOST);
        let names = way.filter_map(|(at, _)| self.defines.all.get(*at)).map(|d| d.name.text);
        let mut way: Vec<&str> = names.collect();
        if open.len() - from > MOST {
            way.push("…");
        }
        way.push(word.text);
        let wrong = format!("`{}` stands for itself", word.text);
        Diagnostic::new(word.span.clone(), wrong).help(way.join(" → "))
    }

    /// All that a define uses is resolved.
    fn close(&mut self, at: usize) {
        let Some(define) = self.defines.all.get_mut(at) else { return };
        let body = std::mem::take(&mut define.body);
        let name = define.name.clone();
        let state = match self.flat(&name, body) {
            Ok(values) => State::Done(values),
            Err(Refusal::Said) => State::Wrong,
            Err(Refusal::Mistake(wrong)) => {
                self.wrong.add(wrong);
                State::Wrong
            }
        };
        self.set_state(at, state);
    }

    fn flat(&mut self, name: &Word<'a>, body: Vec<Word<'a>>) -> Step<Vec<Word<'a>>> {
        let mut values = Vec::new();
        let mut first = None;
        for word in body {
            let before = values.len();
            match self.names.get(word.text) {
                Some(Named::Define(used)) => self.expand(used, &word, &mut values)?,
                _ => values.push(Value { text: word.text, span: word.span.clone(), from: None }),
            }
            let Some(value) = values.get(before) else { continue };
            let is = alike(&Word { text: value.text, span: word.span.clone() })?;
            let want = *first.get_or_insert(is);
            if is != want {
                let wrong = format!(
                    "`{}` stands for {} and before it {}",
                    name.text,
                    is.title(),
                    want.title()
                );
                let wrong = Diagnostic::new(word.span, wrong);
                return Err(wrong.help("the values of a list are of one sort").into());
            }
        }
        Ok(values.into_iter().map(|v| Word { text: v.text, span: v.span }).collect())
    }

    /// Puts what a define stands for where `word` is.
    pub fn expand(&mut self, at: usize, word: &Word<'a>, out: &mut Vec<Value<'a>>) -> Step {
        let State::Done(values) =
            self.defines.all.get(at).map_or(&State::Wrong, |define| &define.state)
        else {
            return Err(Refusal::Said);
        };
        let Some(room) = self.defines.room.checked_sub(values.len()) else {
            let wrong = format!("the defines stand for more than {MOST_VALUES} values together");
            let wrong = Diagnostic::new(word.span.clone(), wrong);
            return Err(wrong.help("a long list that is used often belongs into a set").into());
        };
        let from = Some(word.text);
        out.extend(values.iter().map(|v| Value { text: v.text, span: word.span.clone(), from }));
        self.defines.room = room;
        Ok(())
    }
}

/// `=` and a value or a list, and the end.
fn body<'a>(words: &mut Words<'a>) -> Result<Vec<Word<'a>>, Diagnostic> {
    if !words.take("=") {
        return Err(words.expected("`=` and a value"));
    }
    let body = if words.peek() == Some("{") {
        list_words(words)?
    } else {
        vec![words.word("a value or a list")?]
    };
    let list = |wrong: Diagnostic| wrong.help("a list stands in braces: `{ a, b }`");
    words.done().map_err(list)?;
    Ok(body)
}

/// What a value, which is no name, is.
fn alike(word: &Word<'_>) -> Result<Alike, Diagnostic> {
    let text = word.text;
    let wrong = |why: ValueError| said(why, &word.span);
    match Shape::of(text) {
        Shape::Address => text.parse::<AddressRange>().map(|_| Alike::Addresses).map_err(wrong),
        Shape::Mac => text.parse::<Mac>().map(|_| Alike::Macs).map_err(wrong),
        Shape::Number if decimal(text).is_some() || hexadecimal(text).is_some() => {
            Ok(Alike::Numbers)
        }
        Shape::Number if text.contains('-') => {
            text.parse::<PortRange>().map(|_| Alike::Numbers).map_err(wrong)
        }
        Shape::Service(..) => {
            let why = format!("`{text}` is a service, which no define can stand for");
            Err(Diagnostic::new(word.span.clone(), why).help("services belong into a service set"))
        }
        Shape::Number | Shape::Name | Shape::None => {
            let why = format!("`{text}` is no value of the language");
            Err(Diagnostic::new(word.span.clone(), why))
        }
    }
}

/// A number of at most four digits behind `0x`.
pub fn hexadecimal(text: &str) -> Option<u32> {
    let digits = text.strip_prefix("0x").filter(|d| (1..=4).contains(&d.len()))?;
    let plain = digits.bytes().all(|b| b.is_ascii_hexdigit());
    u32::from_str_radix(digits, 16).ok().filter(|_| plain)
}
