//! Which entries of sets count a frame, by the plainest reading of what the language says.
//!
//! A rule counts the entry that each of its tests finds which looks into a set: of an address the
//! most narrow one, of either end the source's first; of alternatives those of the first one that
//! holds. Behind `not` there is nothing to find, but what is not true of alternatives is true of
//! their opposites. A look-up may be spared where an alternative without one holds too, and where
//! the rule has the same test twice: then the entry may count the packet or not. What is found is
//! the entry in whose place the packet is looked up: a prefix past its time, or a single IPv4 address,
//! stands for the living one around it.

use std::cell::Cell;
use std::cmp::Reverse;
use std::net::IpAddr;

use palisade_filter::Item;
use palisade_filter::oracle::{Contents, Decider, Decision, Declared, holds};
use palisade_filter::policy::{
    End, EntryCounters, Match, Policy, Protocol, Rule, SetId, Term, Test,
};
use palisade_filter::structure::service::width;
use palisade_filter::value::{Mac, Prefix, Transport};

use crate::agree::{Entry, Life};
use crate::engine::Counts;

/// The entries of all sets, and what each has counted.
pub struct Hits {
    ids: Vec<SetId>,
    sets: Vec<Vec<Counted>>,
    rules: Vec<Vec<Finder>>,
    keeps: Vec<Vec<Finder>>,
}

struct Counted {
    item: Item,
    life: Life,
    /// What it has counted at least.
    counts: Counts,
    /// What may come on top.
    spared: Counts,
}

/// An entry that a test finds, by set and place.
struct Hit<'a> {
    test: &'a Test,
    set: usize,
    at: usize,
    sure: bool,
}

/// What an entry has counted.
pub struct Total {
    /// The set.
    pub set: SetId,
    /// The entry.
    pub item: Item,
    /// At least so much.
    pub least: Counts,
    /// At most so much.
    pub most: Counts,
}

/// A term that may find an entry.
enum Finder {
    /// Looks into a set with what a match of one test asks for; where it may be either end, both.
    Test { test: Test, set: SetId, asks: Vec<Match> },
    /// The first alternative that holds.
    First(Vec<(Match, Vec<Finder>)>),
    /// All of these.
    Each(Vec<Finder>),
}

impl Hits {
    /// Nothing counted yet.
    pub fn of(policy: &Policy, entries: &[Entry]) -> Self {
        let sets = policy.sets().iter().map(|set| {
            let declared = set.elements.iter().map(|item| (*item, Life::Lasting));
            let own = entries.iter().filter(|entry| entry.set == set.name.as_str());
            let own = own.map(|entry| (entry.item.parse().expect("an item"), entry.life));
            let all = declared.chain(own);
            let new = |(item, life)| Counted { item, life, counts: [0, 0], spared: [0, 0] };
            all.map(new).collect()
        });
        let id = |name: &str| policy.set_id(name).expect("a set");
        let ids = policy.sets().iter().map(|set| id(set.name.as_str())).collect();
        let counts = |set: SetId| policy.sets()[set.index()].counters == EntryCounters::On;
        let of = |rule: &Rule| finders(&rule.matching, &counts);
        let rules = policy.rules().iter().map(of).collect();
        let keeps = policy.keeps().iter().map(of).collect();
        Self { ids, sets: sets.collect(), rules, keeps }
    }

    /// What every entry has counted.
    pub fn all(&self) -> impl Iterator<Item = Total> {
        let sets = self.ids.iter().zip(&self.sets);
        let entries = sets.flat_map(|(set, entries)| entries.iter().map(|entry| (*set, entry)));
        entries.map(|(set, entry)| {
            let (least, [packets, bytes]) = (entry.counts, entry.spared);
            let most = [least[0] + packets, least[1] + bytes];
            Total { set, item: entry.item, least, most }
        })
    }

    /// Counts a frame in the entries that it hits, and says how many those are.
    pub fn count(&mut self, contents: &Declared, decision: &Decision, frame: &[u8]) -> usize {
        let decided = match decision.decider {
            Decider::Rule(at) => Some(&self.rules[at]),
            Decider::Keep(at) => Some(&self.keeps[at]),
            Decider::Malformed(_) | Decider::Fragment | Decider::Default => None,
        };
        let counted = decision.counted.iter().map(|at| &self.rules[*at]);
        let mut all = 0;
        for finders in counted.chain(decided).filter(|finders| !finders.is_empty()) {
            let mut found = Vec::new();
            for finder in finders {
                finder.find(&self.sets, contents, frame, true, &mut found);
            }
            for Hit { set, at, sure, .. } in &found {
                let entry = &mut self.sets[*set][*at];
                let counts = if *sure { &mut entry.counts } else { &mut entry.spared };
                *counts = [counts[0] + 1, counts[1] + frame.len() as u64];
            }
            all += found.len();
        }
        all
    }
}

fn finders(matching: &Match, counts: &impl Fn(SetId) -> bool) -> Vec<Finder> {
    matching.terms().iter().filter_map(|term| finder(term, counts)).collect()
}

fn finder(term: &Term, counts: &impl Fn(SetId) -> bool) -> Option<Finder> {
    match term {
        Term::Test(test) => {
            let set = test.set().filter(|set| counts(*set))?;
            let asks = match test {
                Test::AddressIn(End::Either, set) => {
                    [End::Source, End::Destination].map(|end| Test::AddressIn(end, *set)).to_vec()
                }
                _ => vec![test.clone()],
            };
            let alone = |test| Match::new(vec![Term::Test(test)]).expect("one test");
            Some(Finder::Test {
                test: test.clone(),
                set,
                asks: asks.into_iter().map(alone).collect(),
            })
        }
        Term::Not(term) => missed(term, counts),
        Term::Any(all) => first(all.iter().cloned(), counts),
    }
}

/// Where a term is not true: of a match, one of its terms is not.
fn missed(term: &Term, counts: &impl Fn(SetId) -> bool) -> Option<Finder> {
    match term {
        Term::Test(_) => None,
        Term::Not(term) => finder(term, counts),
        Term::Any(all) => {
            let none_of = |one: &Match| {
                let not = |term: &Term| Match::new(vec![Term::Not(Box::new(term.clone()))]).ok();
                first(one.terms().iter().filter_map(not), counts)
            };
            let each: Vec<Finder> = all.iter().filter_map(none_of).collect();
            (!each.is_empty()).then_some(Finder::Each(each))
        }
    }
}

fn first(all: impl Iterator<Item = Match>, counts: &impl Fn(SetId) -> bool) -> Option<Finder> {
    let with_finders = |one: Match| {
        let own = finders(&one, counts);
        (one, own)
    };
    let each: Vec<_> = all.map(with_finders).collect();
    each.iter().any(|(_, own)| !own.is_empty()).then_some(Finder::First(each))
}

impl Finder {
    fn find<'a>(
        &'a self,
        sets: &[Vec<Counted>],
        contents: &Declared,
        frame: &[u8],
        sure: bool,
        found: &mut Vec<Hit<'a>>,
    ) {
        match self {
            Self::Test { test, set, asks } => {
                let entries = &sets[set.index()];
                let one = asks.iter().find_map(|ask| entry_of(entries, &Asked::by(ask, frame)));
                let Some(at) = one else { return };
                let again = found.iter().any(|hit| hit.test == test);
                found.push(Hit { test, set: set.index(), at, sure: sure && !again });
            }
            Self::First(all) => {
                let mut hold = all.iter().filter(|(one, _)| holds(one, contents, frame));
                let Some((_, own)) = hold.next() else { return };
                let sure = sure && !hold.any(|(_, own)| own.is_empty());
                for finder in own {
                    finder.find(sets, contents, frame, sure, found);
                }
            }
            Self::Each(all) => {
                all.iter().for_each(|finder| finder.find(sets, contents, frame, sure, found));
            }
        }
    }
}

/// What a set is asked about.
#[derive(Default)]
struct Asked {
    address: Cell<Option<IpAddr>>,
    service: Cell<Option<(Protocol, u16)>>,
    mac: Cell<Option<Mac>>,
}

impl Asked {
    fn by(ask: &Match, frame: &[u8]) -> Self {
        let asked = Self::default();
        holds(ask, &asked, frame);
        asked
    }
}

impl Contents for Asked {
    fn has_address(&self, _: SetId, addr: IpAddr) -> bool {
        self.address.set(Some(addr));
        false
    }

    fn has_service(&self, _: SetId, protocol: Protocol, port: u16) -> bool {
        self.service.set(Some((protocol, port)));
        false
    }

    fn has_mac(&self, _: SetId, mac: Mac) -> bool {
        self.mac.set(Some(mac));
        false
    }
}

fn entry_of(entries: &[Counted], asked: &Asked) -> Option<usize> {
    if let Some(addr) = asked.address.get() {
        return prefix_of(entries, addr);
    }
    if let Some((protocol, port)) = asked.service.get() {
        return service_of(entries, protocol, port);
    }
    let mac = Item::Mac(asked.mac.get()?);
    entries.iter().position(|entry| entry.item == mac && entry.life != Life::Over)
}

fn prefix_of(entries: &[Counted], addr: IpAddr) -> Option<usize> {
    let host = Item::Net(Prefix::host(addr));
    let alive = |entry: &Counted| entry.life != Life::Over;
    let alone = entries.iter().position(|entry| entry.item == host && alive(entry));
    if alone.is_some() {
        return alone;
    }
    let alone6 = |prefix: &Prefix| prefix.is_host() && addr.is_ipv6();
    let len = |entry: &Counted| match entry.item {
        Item::Net(prefix) if prefix.contains(addr) && !alone6(&prefix) => Some(prefix.len()),
        Item::Net(_) | Item::Service(_) | Item::Mac(_) => None,
    };
    let around = entries.iter().enumerate().filter_map(|(at, entry)| Some((len(entry)?, at)));
    let (_, narrowest) = around.max()?;
    let living = entries.iter().any(|entry| len(entry).is_some() && alive(entry));
    living.then_some(narrowest)
}

/// Of those that cover it the one that ends last, and of those that end together the narrowest.
fn service_of(entries: &[Counted], protocol: Protocol, port: u16) -> Option<usize> {
    let transport = match protocol {
        Protocol::TCP => Transport::Tcp,
        Protocol::UDP => Transport::Udp,
        _ => Transport::Sctp,
    };
    let rank = |entry: &Counted| match (entry.item, entry.life) {
        (Item::Service(service), Life::Lasting | Life::Timed)
            if service.transport.covers(transport) && service.ports.contains(port) =>
        {
            Some((entry.life == Life::Lasting, Reverse(width(&service)), entry.item))
        }
        _ => None,
    };
    let ranked = entries.iter().enumerate().filter_map(|(at, entry)| Some((rank(entry)?, at)));
    ranked.max().map(|(_, at)| at)
}
