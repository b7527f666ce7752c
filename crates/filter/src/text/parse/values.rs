//! Values where they are used: one, a list in braces, or a define that stands for either.
//!
//! Every value of a list is looked at, and each that is wrong is reported.

use std::ops::{Range, RangeInclusive};
use std::str::FromStr;

use super::Reader;
use super::names::{Named, found_by};
use super::words::{Refusal, Step, Word, Words};
use crate::diag::Diagnostic;
use crate::policy::End;
use crate::text::WORDS;
use crate::value::{AddressRange, Mac, Name, PortRange, SetKind, ValueError, decimal};

/// What kind of value is expected, and where.
#[derive(Clone, Copy)]
pub enum Sort {
    /// Addresses of an end.
    Address(End),
    /// One address, of an `expect`.
    OneAddress,
    /// Ports of an end.
    Port(End),
    /// A number behind a word.
    Number(&'static str),
    /// An Ethernet address of an end.
    Mac(End),
    /// One Ethernet address, that a frame is sent to.
    Station,
    /// Entries of a kind of set.
    Item(SetKind),
    /// Services, which only a set holds.
    Service,
}

impl Sort {
    /// What a message says is expected.
    pub const fn what(self) -> &'static str {
        match self {
            Self::Address(_) => "an address, a prefix, a range, a list, or `in` and a set",
            Self::OneAddress => "an address",
            Self::Port(_) => "a port, a range of ports or a list",
            Self::Number(_) => "a number",
            Self::Mac(_) => "an Ethernet address, or `in` and a set",
            Self::Station => "an Ethernet address",
            Self::Item(SetKind::Net) => "an address, a prefix or a range",
            Self::Item(SetKind::Service) => "a service such as tcp/80",
            Self::Item(SetKind::Mac) => "an Ethernet address",
            Self::Item(SetKind::Host) => "an address",
            Self::Service => "`in` and a service set",
        }
    }

    /// The words before such a value, where it is one of a packet.
    pub fn before(self) -> Option<String> {
        match self {
            Self::Address(end) => Some(end.word().to_owned()),
            Self::Port(end) => Some(end.port_word().to_owned()),
            Self::Mac(end) => Some(format!("ether {}", end.word())),
            Self::Number(word) => Some(word.to_owned()),
            Self::OneAddress | Self::Station | Self::Item(_) | Self::Service => None,
        }
    }

    /// The kind of set that holds such values, and may be looked into instead.
    const fn in_set(self) -> Option<SetKind> {
        match self {
            Self::Address(_) => Some(SetKind::Net),
            Self::Mac(_) => Some(SetKind::Mac),
            Self::Service => Some(SetKind::Service),
            Self::OneAddress | Self::Port(_) | Self::Number(_) | Self::Station | Self::Item(_) => {
                None
            }
        }
    }

    /// Advice for a value of another shape.
    fn advice(self, text: &str) -> Option<String> {
        let end = match self {
            Self::Address(end) | Self::Port(end) | Self::Mac(end) => end,
            Self::Item(kind) => return advice_for_item(kind, text),
            Self::OneAddress | Self::Number(_) | Self::Station | Self::Service => return None,
        };
        match (self, Shape::of(text)) {
            (Self::Address(_) | Self::Port(_), Shape::Service(transport, ports)) => {
                Some(format!("write `{transport} {} {ports}`", end.port_word()))
            }
            (Self::Address(_), Shape::Number) if text.parse::<PortRange>().is_ok() => {
                Some(format!("write `{} {text}`", end.port_word()))
            }
            (Self::Address(_), Shape::Mac) if end != End::Either => {
                Some(format!("write `ether {} {text}`", end.word()))
            }
            (Self::Port(_) | Self::Mac(_), Shape::Address)
                if text.parse::<AddressRange>().is_ok() =>
            {
                Some(format!("write `{} {text}`", end.word()))
            }
            _ => None,
        }
    }
}

fn advice_for_item(of: SetKind, text: &str) -> Option<String> {
    let kind = match Shape::of(text) {
        Shape::Address if of == SetKind::Host => SetKind::Host,
        Shape::Address => SetKind::Net,
        Shape::Service(..) => SetKind::Service,
        Shape::Mac => SetKind::Mac,
        Shape::Number | Shape::Name | Shape::None => return None,
    };
    (kind != of).then(|| format!("it belongs into a {} set", kind.word()))
}

/// What a value looks like.
pub enum Shape<'a> {
    /// Digits, perhaps a range, perhaps hexadecimal.
    Number,
    /// With dots or colons.
    Address,
    /// An Ethernet address.
    Mac,
    /// A transport and what follows its slash.
    Service(&'a str, &'a str),
    /// A name.
    Name,
    /// Nothing known.
    None,
}

impl<'a> Shape<'a> {
    /// The shape of `text`.
    pub fn of(text: &'a str) -> Self {
        if let Some((transport @ ("tcp" | "udp" | "sctp" | "any"), ports)) = text.split_once('/') {
            return Self::Service(transport, ports);
        }
        let number = |c: char| c.is_ascii_digit() || c == '-';
        if text.parse::<Mac>().is_ok() {
            Self::Mac
        } else if text.contains(['.', ':']) {
            Self::Address
        } else if text.starts_with("0x") || text.chars().all(number) {
            Self::Number
        } else if text.parse::<Name>().is_ok() {
            Self::Name
        } else {
            Self::None
        }
    }
}

/// A value in its place.
pub struct Value<'a> {
    /// The value.
    pub text: &'a str,
    /// Where it is used.
    pub span: Range<usize>,
    /// The define that it comes from.
    pub from: Option<&'a str>,
}

/// What is wrong with a value, at its place.
pub fn said(why: ValueError, span: &Range<usize>) -> Diagnostic {
    Diagnostic::new(span.clone(), why.to_string())
}

impl<'a> Reader<'a> {
    /// One value or a list, each value as a `T`.
    pub fn all_as<T>(&mut self, sort: Sort, words: &mut Words<'a>) -> Step<Vec<T>>
    where
        T: FromStr<Err = ValueError>,
    {
        let listed = if words.peek() == Some("{") {
            list_words(words)?
        } else {
            vec![words.word(sort.what())?]
        };
        let mut values = Vec::with_capacity(listed.len());
        let mut fine = true;
        for word in listed {
            if self.wrong.is_full() {
                return Err(Refusal::Said);
            }
            match self.value(sort, word, &mut values) {
                Ok(()) => {}
                Err(Refusal::Said) => fine = false,
                Err(mistake) => return Err(mistake),
            }
        }
        let all = self.each(sort, &values)?;
        if fine { Ok(all) } else { Err(Refusal::Said) }
    }

    /// A value as it is written, or what the define of that name stands for.
    fn value(&mut self, sort: Sort, word: Word<'a>, out: &mut Vec<Value<'a>>) -> Step {
        let Word { text, span } = word;
        let wrong = match self.names.get(text) {
            _ if !matches!(Shape::of(text), Shape::Name) => {
                out.push(Value { text, span, from: None });
                return Ok(());
            }
            Some(Named::Define(at)) => return self.expand(at, &Word { text, span }, out),
            Some(Named::WrongSet) => return Err(Refusal::Said),
            Some(Named::Set(id)) => {
                let wrong = Diagnostic::new(span, format!("`{text}` is a set"));
                let kind = self.sets.get(id.index()).map(|set| set.kind);
                match (sort.before(), kind) {
                    (Some(before), kind) if kind == sort.in_set() => {
                        wrong.help(format!("write `{before} in {text}`"))
                    }
                    (Some(_), Some(kind)) => wrong.help(found_by(kind, text)),
                    _ => wrong.help(format!("expected {}", sort.what())),
                }
            }
            None if WORDS.contains(&text) => {
                let wrong = format!("expected {}, found `{text}`", sort.what());
                return Err(Diagnostic::new(span, wrong).into());
            }
            None => {
                let wrong = Diagnostic::new(span, format!("there is no define `{text}`"));
                let set = sort.in_set().and_then(|_| self.near_set(text));
                match (self.near_define(text), set) {
                    (Some(near), _) => wrong.help(format!("did you mean `{near}`?")),
                    (None, Some(near)) => wrong.help(format!("did you mean `in {near}`?")),
                    (None, None) => wrong.help(format!("expected {}", sort.what())),
                }
            }
        };
        self.wrong.add(wrong);
        Err(Refusal::Said)
    }

    fn each<T>(&mut self, sort: Sort, values: &[Value<'a>]) -> Step<Vec<T>>
    where
        T: FromStr<Err = ValueError>,
    {
        let mut out = Vec::with_capacity(values.len());
        let mut said = None;
        for value in values {
            match value.text.parse::<T>() {
                Ok(one) => out.push(one),
                // One mistake for all that a define stands for.
                Err(_) if said == Some(&value.span) => {}
                Err(_) if self.wrong.is_full() => return Err(Refusal::Said),
                Err(why) => {
                    self.misfit(sort, value, why.to_string());
                    said = Some(&value.span);
                }
            }
        }
        if said.is_none() { Ok(out) } else { Err(Refusal::Said) }
    }

    fn misfit(&mut self, sort: Sort, value: &Value<'a>, why: String) {
        let wrong = match (value.from, Shape::of(value.text)) {
            (Some(define), _) => format!("`{define}` does not fit here: {why}"),
            (None, Shape::Service(..)) if !matches!(sort, Sort::Item(SetKind::Service)) => {
                format!("`{}` is a service", value.text)
            }
            (None, Shape::Service(..)) => why,
            (None, _) if matches!(sort, Sort::Item(SetKind::Service)) => {
                format!("`{}` is not {}", value.text, sort.what())
            }
            (None, _) => why,
        };
        let wrong = Diagnostic::new(value.span.clone(), wrong);
        self.wrong.add(match (sort.advice(value.text), value.from) {
            (Some(advice), None) => wrong.help(advice),
            _ => wrong,
        });
    }

    /// Exactly one value, without braces.
    pub fn one(&mut self, sort: Sort, words: &mut Words<'a>) -> Step<Value<'a>> {
        let place = words.place();
        let word = words.word(sort.what())?;
        let mut out = Vec::new();
        self.value(sort, word, &mut out)?;
        match (out.pop(), out.len()) {
            (Some(value), 0) => Ok(value),
            (_, more) => {
                let wrong = format!("this stands for {} values; one is needed", more + 1);
                self.wrong.add(Diagnostic::new(place, wrong));
                Err(Refusal::Said)
            }
        }
    }

    /// One value as a `T`.
    pub fn one_as<T>(&mut self, sort: Sort, words: &mut Words<'a>) -> Step<T>
    where
        T: FromStr<Err = ValueError>,
    {
        let value = self.one(sort, words)?;
        value.text.parse().map_err(|why: ValueError| {
            self.misfit(sort, &value, why.to_string());
            Refusal::Said
        })
    }

    /// A number of a range, behind `word`.
    pub fn number(
        &mut self,
        word: &'static str,
        of: RangeInclusive<u32>,
        words: &mut Words<'a>,
    ) -> Step<u32> {
        let sort = Sort::Number(word);
        let value = self.one(sort, words)?;
        decimal(value.text).filter(|n| of.contains(n)).ok_or_else(|| {
            let (least, most) = of.into_inner();
            let why = format!("`{}` is not a number from {least} to {most}", value.text);
            self.misfit(sort, &value, why);
            Refusal::Said
        })
    }
}

/// The words of a list in braces, whose opening one is next; commas may stand between them.
pub fn list_words<'a>(words: &mut Words<'a>) -> Result<Vec<Word<'a>>, Diagnostic> {
    let start = words.place().start;
    let mut out = Vec::new();
    words.take("{");
    while !words.take("}") {
        out.push(words.word("a value or `}`")?);
        words.take(",");
    }
    if out.is_empty() {
        return Err(Diagnostic::new(start..words.end(), "the list is empty"));
    }
    Ok(out)
}
