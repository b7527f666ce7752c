//! The sets of a policy filled as `palisade_filter::structure` documents them, in whatever holds the
//! maps, without the tool's own code: a mistake of the tool cannot hide one of the program.

use std::collections::BTreeMap;
use std::net::IpAddr;

use palisade_filter::Item;
use palisade_filter::structure::service::{self, Placed};
use palisade_filter::structure::{Fill, NetPart, fill_map};
use palisade_filter::value::{Mac, Prefix};

use crate::agree::{Entry, Life};

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

/// Puts entries into their sets, and says where each is counted.
pub fn fill(maps: &mut impl Maps, entries: &[Entry], ends: Ends) -> Vec<Counted> {
    let mut sets: BTreeMap<&str, Vec<(Item, u64)>> = BTreeMap::new();
    for entry in entries {
        let item = entry.item.parse().unwrap_or_else(|why| panic!("`{}`: {why}", entry.item));
        sets.entry(&entry.set).or_default().push((item, ends.of(entry.life)));
    }
    sets.into_iter().flat_map(|(set, items)| fill_set(maps, set, &items)).collect()
}

fn fill_set(maps: &mut impl Maps, set: &str, items: &[(Item, u64)]) -> Vec<Counted> {
    let (mut counted, mut placed, mut fill) = (Vec::new(), Vec::new(), Fill::default());
    for (item, end) in items {
        let (name, key, part, until) = match item {
            Item::Net(prefix) => {
                let part = NetPart::of(prefix);
                (part.map_name(set), net_key(prefix), part.index(), until(prefix, *end, items))
            }
            Item::Mac(Mac(addr)) => (set.to_owned(), addr.to_vec(), 0, *end),
            Item::Service(item) => {
                let slot = u16::try_from(placed.len() + 1).expect("few items");
                placed.push(Placed { slot, item: *item, until: *end });
                continue;
            }
        };
        fill.entries[part] += 1;
        let at = maps.place(&name);
        maps.write(at, &key, &[0, 0, 0, until, *end].map(u64::to_ne_bytes).concat());
        counted.push((at, key));
    }
    let at = maps.place(&fill_map(set).name);
    maps.write(at, &[0; 4], &fill.words().map(u64::to_ne_bytes).concat());
    counted.extend(fill_services(maps, set, &placed));
    counted
}

fn net_key(prefix: &Prefix) -> Vec<u8> {
    let address = match prefix.addr() {
        IpAddr::V4(addr) => addr.octets().to_vec(),
        IpAddr::V6(addr) => addr.octets().to_vec(),
    };
    let len = u32::from(prefix.len()).to_ne_bytes();
    if prefix.is_host() { address } else { [&len, address.as_slice()].concat() }
}

/// Until when a prefix matches: as long as the last of those of its set that hold it.
fn until(prefix: &Prefix, end: u64, items: &[(Item, u64)]) -> u64 {
    if prefix.is_host() {
        return end;
    }
    let around = items.iter().filter_map(|(item, end)| match item {
        Item::Net(outer) if !outer.is_host() && holds(outer, prefix) => Some(*end),
        Item::Net(_) | Item::Mac(_) | Item::Service(_) => None,
    });
    let ends: Vec<u64> = around.chain([end]).collect();
    if ends.contains(&0) { 0 } else { ends.into_iter().max().unwrap_or(0) }
}

/// Whether one prefix has all addresses of another.
pub fn holds(outer: &Prefix, inner: &Prefix) -> bool {
    outer.family() == inner.family() && outer.len() <= inner.len() && outer.contains(inner.addr())
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
