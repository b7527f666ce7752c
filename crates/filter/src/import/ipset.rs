//! What `ipset save` prints: `create` lines with the type of a set, `add` lines with its entries.
//!
//! Taken are the types that hold addresses (`hash:ip`, `hash:net`, `bitmap:ip`) or ports
//! (`bitmap:port`). The kernel compares an entry of `bitmap:port` with TCP and UDP ports
//! (net/netfilter/ipset/ip_set_bitmap_port.c), so it becomes two services, not an `any` that
//! would take in SCTP. What is left of an entry's time is kept. Refused by name are all other
//! types, `nomatch` entries, and the marks of `skbinfo`: their meaning would be lost.

use std::collections::HashMap;

use super::gather::{Gather, Holds, Mistakes, Sources, Step, nets};
use super::lines::{Lines, Piece, Words, span};
use super::net::{self, Addresses};
use super::{Counters, Imported, Note, Stay};
use crate::diag::Diagnostic;
use crate::value::{Family, Item, PortRange, Prefix, Service, Transport};

/// The entries of the sets that `text` holds from byte `at` on.
pub(super) fn read(text: &str, at: usize, mistakes: &mut Mistakes) -> Step<Imported> {
    let mut file = File::default();
    for line in Lines::new(text, at) {
        let mut words = Words::new(line);
        let done = match words.next() {
            None => Ok(()),
            Some((text, _)) if text.starts_with('#') => Ok(()),
            Some(("create", _)) => file.create(words),
            Some(("add", _)) => file.add(words),
            Some(word) => Err(Diagnostic::new(span(word), "a line starts with `create` or `add`")),
        };
        if let Err(mistake) = done {
            mistakes.add(mistake)?;
        }
    }
    Ok(file.finish())
}

/// A set of the file.
struct Set {
    /// `None` if it was refused: its entries are passed over, since one message is enough.
    takes: Option<Takes>,
    /// How many entries were taken.
    entries: usize,
}

/// What a set holds.
#[derive(Clone, Copy)]
struct Takes {
    holds: Holds,
    /// The bits of an address that are compared.
    mask: u8,
}

/// What was read so far.
#[derive(Default)]
struct File<'t> {
    sets: HashMap<&'t str, Set>,
    /// The port set, for its note.
    ports: Option<&'t str>,
    sources: Sources,
    gather: Gather,
    comments: usize,
}

impl<'t> File<'t> {
    fn create(&mut self, mut words: Words<'t>) -> Step {
        let name = words.next().ok_or_else(|| missing(&words, "the name of a set"))?;
        if self.sets.contains_key(name.0) {
            return Err(Diagnostic::new(span(name), "this set was created before"));
        }
        let takes = takes(words);
        let set = Set { takes: takes.as_ref().ok().copied(), entries: 0 };
        self.sets.insert(name.0, set);
        takes.map(drop)
    }

    fn add(&mut self, mut words: Words<'t>) -> Step {
        let name = words.next().ok_or_else(|| missing(&words, "the name of a set"))?;
        let Some(set) = self.sets.get_mut(name.0) else {
            self.sets.insert(name.0, Set { takes: None, entries: 0 });
            return Err(Diagnostic::new(span(name), "no line creates this set")
                .help("`ipset save` prints one, and it tells the type"));
        };
        let Some(takes) = set.takes else { return Ok(()) };
        if set.entries == 0
            && let Err(other) = self.sources.claim(takes.holds, name.0)
        {
            set.takes = None;
            return Err(second(name, takes.holds, &other));
        }
        set.entries += 1;
        if set.entries == 1 && takes.holds == Holds::Services {
            self.ports = Some(name.0);
        }
        let entry = words.next().ok_or_else(|| missing(&words, "an entry"))?;
        let options = Options::read(words)?;
        self.comments += usize::from(options.comment);
        match takes.holds {
            Holds::Services => self.gather.entry(services(entry)?, options.counted, options.stay),
            Holds::V4 | Holds::V6 => match addresses(entry, takes)? {
                // The usual entry, without what a range needs.
                Addresses::One(prefix) => {
                    self.gather.entry([Item::Net(prefix)], options.counted, options.stay);
                }
                Addresses::Range(all) => {
                    self.gather.entry(nets(&all), options.counted, options.stay);
                }
            },
        }
        Ok(())
    }

    fn finish(self) -> Imported {
        let mut notes: Vec<_> = self.sources.note().into_iter().collect();
        if let Some(name) = self.ports {
            let count = self.sets.get(name).map_or(0, |set| set.entries);
            notes.push(Note::Ports { set: name.to_owned(), count });
        }
        if self.comments > 0 {
            notes.push(Note::Comments { count: self.comments });
        }
        self.gather.finish(notes)
    }
}

fn missing(words: &Words<'_>, what: &str) -> Diagnostic {
    Diagnostic::new(words.end(), format!("expected {what} here"))
}

/// The mistake of a second set of the same sort.
fn second(name: Piece<'_>, holds: Holds, other: &str) -> Diagnostic {
    let wrong = format!("a second set of {}, beside `{}`", holds.title(), other.escape_debug());
    Diagnostic::new(span(name), wrong).help("save and import one set at a time: `ipset save NAME`")
}

/// What the set of a `create` line holds, from the type on.
fn takes(mut words: Words<'_>) -> Step<Takes> {
    let kind = words.next().ok_or_else(|| missing(&words, "the type of the set"))?;
    let ports = match kind.0 {
        "hash:ip" | "hash:net" | "bitmap:ip" => false,
        "bitmap:port" => true,
        _ => {
            return Err(Diagnostic::new(span(kind), "sets of this type cannot be imported")
                .help("these can: hash:ip, hash:net, bitmap:ip, bitmap:port"));
        }
    };
    let (mut family, mut mask) = (Family::V4, None);
    while let Some(option) = words.next() {
        match option.0 {
            "family" => family = family_of(value(&mut words, option)?)?,
            "netmask" => mask = Some(value(&mut words, option)?),
            "hashsize" | "maxelem" | "timeout" | "range" | "initval" | "bucketsize" => {
                value(&mut words, option)?;
            }
            "counters" | "comment" | "skbinfo" | "forceadd" => {}
            _ => return Err(Diagnostic::new(span(option), "this option cannot be imported")),
        }
    }
    let holds = match family {
        _ if ports => Holds::Services,
        Family::V4 => Holds::V4,
        Family::V6 => Holds::V6,
    };
    let mask = mask.map_or(Ok(family.bits()), |word| bits(word, family))?;
    Ok(Takes { holds, mask })
}

/// The word behind `option`.
fn value<'t>(words: &mut Words<'t>, option: Piece<'t>) -> Step<Piece<'t>> {
    words.next().ok_or_else(|| missing(words, &format!("a value for `{}`", option.0)))
}

fn family_of(word: Piece<'_>) -> Step<Family> {
    match word.0 {
        "inet" => Ok(Family::V4),
        "inet6" => Ok(Family::V6),
        _ => Err(Diagnostic::new(span(word), "a family is `inet` or `inet6`")),
    }
}

fn bits(word: Piece<'_>, family: Family) -> Step<u8> {
    let most = family.bits();
    let wrong = || Diagnostic::new(span(word), format!("a netmask is a number from 1 to {most}"));
    word.0.parse().ok().filter(|n| (1..=most).contains(n)).ok_or_else(wrong)
}

/// What stands behind an entry.
#[derive(Default)]
struct Options {
    counted: Option<Counters>,
    stay: Stay,
    comment: bool,
}

impl Options {
    fn read(mut words: Words<'_>) -> Step<Self> {
        let mut options = Self::default();
        while let Some(option) = words.next() {
            match option.0 {
                "timeout" => options.stay = stay(value(&mut words, option)?)?,
                "packets" => options.counters().packets = count(value(&mut words, option)?)?,
                "bytes" => options.counters().bytes = count(value(&mut words, option)?)?,
                "comment" => {
                    value(&mut words, option)?;
                    options.comment = true;
                }
                "nomatch" => {
                    return Err(Diagnostic::new(span(option), "a set here has no exceptions")
                        .help("put this prefix into an allow list instead"));
                }
                _ => return Err(Diagnostic::new(span(option), "this option cannot be imported")),
            }
        }
        Ok(options)
    }

    fn counters(&mut self) -> &mut Counters {
        self.counted.get_or_insert_default()
    }
}

/// The seconds that are left of an entry's time; 0 of one that has none.
fn stay(seconds: Piece<'_>) -> Step<Stay> {
    Stay::seconds(count(seconds)?).ok_or_else(|| net::too_long(span(seconds)))
}

fn count(word: Piece<'_>) -> Step<u64> {
    let digits = word.0.bytes().all(|b| b.is_ascii_digit());
    let wrong = || {
        let wrong = format!("expected a whole number from 0 to {}", u64::MAX);
        Diagnostic::new(span(word), wrong)
    };
    word.0.parse().ok().filter(|_| digits).ok_or_else(wrong)
}

fn services(entry: Piece<'_>) -> Step<[Item; 2]> {
    net::bounded(entry)?;
    let ports: PortRange = entry.0.parse().map_err(|e| net::mistake(entry, &e))?;
    Ok([Transport::Tcp, Transport::Udp].map(|t| Item::Service(Service { transport: t, ports })))
}

fn addresses(entry: Piece<'_>, takes: Takes) -> Step<Addresses> {
    let mut found = net::addresses(entry)?;
    for prefix in found.as_mut_slice() {
        if takes.holds.addresses_of() != Some(prefix.family()) {
            let wrong = format!("this does not fit into a set of {}", takes.holds.title());
            return Err(Diagnostic::new(span(entry), wrong));
        }
        *prefix = Prefix::new(prefix.addr(), prefix.len().min(takes.mask)).unwrap_or(*prefix);
    }
    Ok(found)
}
