//! The sets of a policy filled as `palisade_filter::structure` documents them, in whatever holds the
//! maps, without the tool's own code: a mistake of the tool cannot hide one of the program.

use std::collections::BTreeMap;

use palisade_filter::policy::{EntryCounters, Policy, Set};
use palisade_filter::structure::flat::HEAD_WORDS;
use palisade_filter::structure::flat::Part;
use palisade_filter::structure::service::{self, Placed};
use palisade_filter::structure::{FILL_WORDS, Fill, NetPart, fill_map, host};
use palisade_filter::value::{Mac, Prefix, SetKind};
use palisade_filter::{ByteOrder, Item};

use crate::agree::{Entry, Life};
use crate::tables::{self, Tables};

/// What holds the maps of a program.
pub trait Maps {
    /// The place of a map.
    fn place(&self, name: &str) -> usize;

    /// Writes an entry.
    fn write(&mut self, map: usize, key: &[u8], value: &[u8]);
}

/// When entries end, by the clock that the program is told.
#[derive(Clone, Copy, Debug)]
pub struct Ends {
    /// Those that are past their time.
    pub over: u64,
    /// Those that end one day.
    pub timed: u64,
}

impl Ends {
    fn of(self, life: Life) -> u64 {
        match life {
            Life::Lasting => 0,
            Life::Timed => self.timed,
            Life::Over => self.over,
        }
    }
}

/// Where the hits of an entry are counted: a map, and a key of it.
pub type Counted = (usize, Vec<u8>);

/// Puts entries into their sets, and says where each is counted, if it is.
pub fn fill(maps: &mut impl Maps, policy: &Policy, entries: &[Entry], ends: Ends) -> Vec<Counted> {
    let mut sets: BTreeMap<&str, Vec<(Item, u64)>> = BTreeMap::new();
    for entry in entries {
        let item = entry.item.parse().unwrap_or_else(|why| panic!("`{}`: {why}", entry.item));
        sets.entry(&entry.set).or_default().push((item, ends.of(entry.life)));
    }
    let declared = |name: &str| policy.set(name).unwrap_or_else(|| panic!("no set `{name}`"));
    sets.into_iter().flat_map(|(set, items)| fill_set(maps, declared(set), &items)).collect()
}

fn fill_set(maps: &mut impl Maps, set: &Set, items: &[(Item, u64)]) -> Vec<Counted> {
    let (mut counted, mut placed, mut fill) = (Vec::new(), Vec::new(), Fill::default());
    let name = set.name.as_str();
    if set.kind == SetKind::Net {
        return fill_net(maps, set, items);
    }
    for (item, end) in items {
        match item {
            Item::Mac(Mac(addr)) => {
                fill.entries[0] += 1;
                let at = maps.place(name);
                maps.write(at, addr, &[0, 0, 0, *end, *end].map(u64::to_ne_bytes).concat());
                counted.push((at, addr.to_vec()));
            }
            Item::Service(item) => {
                let slot = u16::try_from(placed.len() + 1).expect("few items");
                placed.push(Placed { slot, item: *item, until: *end });
            }
            Item::Net(prefix) if set.kind == SetKind::Host => {
                fill.entries[0] += 1;
                let (at, key) = (maps.place(name), host::key(prefix.addr(), ByteOrder::HOST));
                maps.write(at, &key, &[0, 0, 0, *end, *end].map(u64::to_ne_bytes).concat());
                counted.push((at, key.to_vec()));
            }
            Item::Net(_) => panic!("`{item}` in a {} set", set.kind.word()),
        }
    }
    let at = maps.place(&fill_map(name).name);
    let mut words = [0; HEAD_WORDS];
    words[..FILL_WORDS].copy_from_slice(&fill.words());
    maps.write(at, &[0; 4], &words.map(u64::to_ne_bytes).concat());
    counted.extend(fill_services(maps, name, &placed));
    counted
}

fn fill_net(maps: &mut impl Maps, set: &Set, items: &[(Item, u64)]) -> Vec<Counted> {
    let (mut entries, mut fill) = (Vec::<(Prefix, u64)>::new(), Fill::default());
    for (item, end) in items {
        let Item::Net(prefix) = item else { panic!("`{item}` in a net set") };
        fill.entries[NetPart::of(prefix).index()] += 1;
        entries.push((*prefix, *end));
    }
    let tables = Tables::of(&entries, tables::first_room(set), set.max);
    for part in [Part::Entries, Part::Nodes, Part::Hosts6] {
        let at = maps.place(&part.map_name(set.name.as_str()));
        for (index, words) in tables.elements(part) {
            let value: Vec<u8> = words.iter().flat_map(|word| word.to_ne_bytes()).collect();
            maps.write(at, &index.to_ne_bytes(), &value);
        }
    }
    let mut head = tables.head();
    head[..FILL_WORDS].copy_from_slice(&fill.words());
    let at = maps.place(&Part::Head.map_name(set.name.as_str()));
    maps.write(at, &[0; 4], &head.map(u64::to_ne_bytes).concat());
    if set.counters == EntryCounters::Off {
        return Vec::new();
    }
    let hits = maps.place(&Part::Hits.map_name(set.name.as_str()));
    let number = |at| u32::try_from(at + 1).expect("few entries");
    (0..entries.len()).map(|at| (hits, number(at).to_ne_bytes().to_vec())).collect()
}

fn fill_services(maps: &mut impl Maps, set: &str, placed: &[Placed]) -> Vec<Counted> {
    if placed.is_empty() {
        return Vec::new();
    }
    let [items, hits] = [service::items_name(set), format!("{set}:hits")].map(|n| maps.place(&n));
    for Placed { slot, item, until } in placed {
        let value = [service::encode(item), 0, *until].map(u64::to_ne_bytes).concat();
        maps.write(items, &u32::from(*slot).to_ne_bytes(), &value);
    }
    let table = maps.place(set);
    for (port, cell) in (0u32..).zip(service::paint(placed)) {
        if cell != 0 {
            maps.write(table, &port.to_ne_bytes(), &cell.to_ne_bytes());
        }
    }
    placed.iter().map(|placed| (hits, u32::from(placed.slot).to_ne_bytes().to_vec())).collect()
}
