//! `balance ADDR [mac MAC], … [round-robin | hash src | hash flow]`: each backend that does not fit
//! is reported at its words.

use std::net::IpAddr;

use super::Reader;
use super::meant::unknown;
use super::values::Sort;
use super::words::{Refusal, Step, Words};
use crate::diag::Diagnostic;
use crate::policy::{Backend, Balance, Choice, Unfit, is_of_a_host, is_of_a_station};
use crate::value::{Mac, Prefix};

impl<'a> Reader<'a> {
    /// The backends, and by what they are chosen.
    pub fn balance(&mut self, words: &mut Words<'a>) -> Step<Balance> {
        let mut balance: Option<Balance> = None;
        let mut fine = true;
        loop {
            let start = words.place().start;
            match self.backend(words) {
                Ok(backend) => {
                    let added = match &mut balance {
                        Some(balance) => balance.add(backend),
                        None => Balance::to(backend, Choice::Flow).map(|new| balance = Some(new)),
                    };
                    if let Err(unfit) = added {
                        self.wrong.add(Diagnostic::new(start..words.end(), unfit.to_string()));
                        fine = false;
                    }
                }
                Err(Refusal::Said) => fine = false,
                Err(mistake) => return Err(mistake),
            }
            if !words.take(",") {
                break;
            }
        }
        let choice = choice(words)?;
        balance.filter(|_| fine).map(|balance| balance.by(choice)).ok_or(Refusal::Said)
    }

    /// One backend: its address, and its Ethernet address.
    fn backend(&mut self, words: &mut Words<'a>) -> Step<Backend> {
        let addr = self.host("a backend is one address", words);
        if let Err(Refusal::Mistake(wrong)) = addr {
            return Err(wrong.into());
        }
        let mac = match words.take("mac") {
            true => Some(self.station(words)?),
            false => None,
        };
        Ok(Backend { addr: addr?, mac })
    }

    /// The Ethernet address of a station.
    pub fn station(&mut self, words: &mut Words<'a>) -> Step<Mac> {
        let start = words.place().start;
        let mac = self.one_as(Sort::Station, words)?;
        if is_of_a_station(mac) {
            return Ok(mac);
        }
        self.wrong.add(Diagnostic::new(start..words.end(), Unfit::NoStation.to_string()));
        Err(Refusal::Said)
    }

    /// The address of a host; `what` says what a prefix is not.
    pub fn host(&mut self, what: &str, words: &mut Words<'a>) -> Step<IpAddr> {
        let start = words.place().start;
        let prefix: Prefix = self.one_as(Sort::OneAddress, words)?;
        let wrong = match (prefix.is_host(), is_of_a_host(prefix.addr())) {
            (true, true) => return Ok(prefix.addr()),
            (true, false) => Unfit::NoHost.to_string(),
            (false, _) => format!("{what}, not a prefix"),
        };
        self.wrong.add(Diagnostic::new(start..words.end(), wrong));
        Err(Refusal::Said)
    }
}

/// By what backends are chosen.
fn choice(words: &mut Words<'_>) -> Step<Choice> {
    if words.take("round-robin") {
        return Ok(Choice::Turns);
    }
    if !words.take("hash") {
        return Ok(Choice::Flow);
    }
    let word = words.word("`src` or `flow`")?;
    match word.text {
        "src" => Ok(Choice::Source),
        "flow" => Ok(Choice::Flow),
        other => Err(unknown(other, word.span, &["src", "flow"]).into()),
    }
}
