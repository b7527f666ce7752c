//! The sets of a policy that runs: filled and read as `palisade_filter::structure` documents them.
//!
//! Until when a prefix matches is worked out here in the plainest way, from all prefixes of its set
//! that hold it.

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::time::Duration;

use palisade_filter::Item;
use palisade_filter::structure::service::{self, Placed};
use palisade_filter::structure::{ENTRY_UNTIL, HITS_SIZE, NetPart};
use palisade_filter::value::{Mac, Prefix, Service};
use palisade_loader::{Insert, LpmKey, Map, PerCpuMap, Wire, clock};

use super::{Counts, Engine, map_named};
use crate::filled::holds;

/// What was put into sets.
#[derive(Default)]
pub struct Sets {
    services: Vec<(String, Placed)>,
    /// Prefixes with their ends.
    nets: Vec<(String, Prefix, u64)>,
}

/// Packets, bytes, stamp, until when it matches, when it ends.
type Entry = [u64; 5];
const _: () = assert!(ENTRY_UNTIL == 24 && HITS_SIZE == 16);

impl Engine {
    /// Puts entries into a set, for good.
    pub fn add(&mut self, set: &str, items: &[&str]) {
        for item in items {
            self.add_until(set, item, 0);
        }
    }

    /// Puts an entry into a set that ends so long from now on, or ended so long ago.
    pub fn add_for(&mut self, set: &str, item: &str, stay: Stay) {
        let now = clock::monotonic().expect("the clock can be read");
        let end = match stay {
            Stay::For(time) => now + time,
            Stay::Ended(time) => now.saturating_sub(time),
        };
        let end = u64::try_from(end.as_nanos()).expect("a machine that is not that old");
        self.add_until(set, item, end.max(1));
    }

    /// Puts an entry into a set that ends at a time of `CLOCK_MONOTONIC`; 0 is never.
    pub fn add_until(&mut self, set: &str, item: &str, end: u64) {
        match item.parse().unwrap_or_else(|error| panic!("`{item}`: {error}")) {
            Item::Net(prefix) => self.add_net(set, &prefix, end),
            Item::Service(service) => self.add_service(set, service, end),
            Item::Mac(Mac(addr)) => {
                self.raise(set, 0);
                self.insert(set, &addr, end, Insert::New);
            }
        }
    }

    /// Puts entries into sets, each until when it matches: set, item and end.
    pub fn add_all(&mut self, entries: impl IntoIterator<Item = (String, String, u64)>) {
        let mut painted = BTreeSet::new();
        for (set, item, end) in entries {
            match item.parse() {
                Ok(Item::Service(service)) => {
                    self.place_service(&set, service, end);
                    painted.insert(set);
                }
                _ => self.add_until(&set, &item, end),
            }
        }
        painted.iter().for_each(|set| self.paint(set));
    }

    fn add_net(&mut self, set: &str, prefix: &Prefix, end: u64) {
        self.raise(set, NetPart::of(prefix).index());
        self.insert_net(set, prefix, end, Insert::New);
        if prefix.is_host() {
            return;
        }
        self.sets.nets.push((set.to_owned(), *prefix, end));
        let nets: Vec<_> = self.sets.nets.iter().filter(|(name, ..)| name == set).collect();
        if nets.iter().all(|(.., end)| *end == 0) {
            return;
        }
        for (_, inner, end) in &nets {
            let around = nets.iter().filter(|(_, outer, _)| holds(outer, inner));
            let ends: Vec<u64> = around.map(|(.., end)| *end).chain([*end]).collect();
            let until = if ends.contains(&0) { 0 } else { ends.into_iter().max().unwrap_or(0) };
            self.insert_net(set, inner, until, Insert::Existing);
        }
    }

    fn insert_net(&self, set: &str, prefix: &Prefix, until: u64, how: Insert) {
        let (name, len) = (NetPart::of(prefix).map_name(set), u32::from(prefix.len()));
        match (prefix.addr(), prefix.is_host()) {
            (IpAddr::V4(addr), true) => self.insert(&name, &addr.octets(), until, how),
            (IpAddr::V6(addr), true) => self.insert(&name, &addr.octets(), until, how),
            (IpAddr::V4(addr), false) => self.insert(&name, &lpm(addr.octets(), len), until, how),
            (IpAddr::V6(addr), false) => self.insert(&name, &lpm(addr.octets(), len), until, how),
        }
    }

    fn insert<K: Wire>(&self, map: &str, key: &K, until: u64, how: Insert) {
        let map: Map<K, Entry> = self.map(map);
        map.insert(key, &[0, 0, 0, until, until], how).expect("a place for the entry");
    }

    fn add_service(&mut self, set: &str, item: Service, until: u64) {
        self.place_service(set, item, until);
        self.paint(set);
    }

    fn place_service(&mut self, set: &str, item: Service, until: u64) {
        let of_set = |(name, _): &&(String, Placed)| name == set;
        let slot = self.sets.services.iter().filter(of_set).count() + 1;
        let placed = Placed { slot: u16::try_from(slot).expect("few items"), item, until };
        self.sets.services.push((set.to_owned(), placed));
        let value = [service::encode(&item), 0, until];
        self.map::<u32, [u64; 3]>(&service::items_name(set))
            .insert(&placed.slot.into(), &value, Insert::Any)
            .expect("a slot for the item");
    }

    fn paint(&self, set: &str) {
        let of_set = |(name, _): &&(String, Placed)| name == set;
        let items: Vec<Placed> =
            self.sets.services.iter().filter(of_set).map(|(_, placed)| *placed).collect();
        // What an earlier painting has set is set by every later one.
        let painted = (0u32..).zip(service::paint(&items)).filter(|(_, cell)| *cell != 0);
        let (keys, cells): (Vec<u32>, Vec<u64>) = painted.unzip();
        self.map::<u32, u64>(set).insert_batch(&keys, &cells).expect("the table takes every port");
    }

    fn raise(&self, set: &str, part: usize) {
        let map = self.map::<u32, [u64; 9]>(&format!("{set}:fill"));
        let mut fill = map.get(&0).expect("the fill can be read").expect("an array has its cells");
        fill[part] += 1;
        map.insert(&0, &fill, Insert::Any).expect("one cell");
    }

    /// How many entries each part of a `net` set has, as the program is told.
    pub fn fill(&self, set: &str) -> [u64; 4] {
        let map = self.map::<u32, [u64; 9]>(&format!("{set}:fill"));
        let fill = map.get(&0).expect("the fill can be read").expect("an array has its cells");
        [fill[0], fill[1], fill[2], fill[3]]
    }

    /// Tells the program how many entries each part of a `net` set has.
    pub fn set_fill(&self, set: &str, fill: [u64; 4]) {
        let map = self.map::<u32, [u64; 9]>(&format!("{set}:fill"));
        let [a, b, c, d] = fill;
        map.insert(&0, &[a, b, c, d, 0, 0, 0, 0, 0], Insert::Any).expect("one cell");
    }

    /// What was counted in an entry of a set.
    pub fn hits(&self, set: &str, item: &str) -> Counts {
        match item.parse().unwrap_or_else(|error| panic!("`{item}`: {error}")) {
            Item::Net(prefix) => self.net_hits(set, &prefix),
            Item::Service(service) => self.service_hits(set, service),
            Item::Mac(Mac(addr)) => self.entry_hits(set, &addr),
        }
    }

    fn net_hits(&self, set: &str, prefix: &Prefix) -> Counts {
        let (name, len) = (NetPart::of(prefix).map_name(set), u32::from(prefix.len()));
        match (prefix.addr(), prefix.is_host()) {
            (IpAddr::V4(addr), true) => self.entry_hits(&name, &addr.octets()),
            (IpAddr::V6(addr), true) => self.entry_hits(&name, &addr.octets()),
            (IpAddr::V4(addr), false) => self.entry_hits(&name, &lpm(addr.octets(), len)),
            (IpAddr::V6(addr), false) => self.entry_hits(&name, &lpm(addr.octets(), len)),
        }
    }

    fn entry_hits<K: Wire>(&self, map: &str, key: &K) -> Counts {
        let found = self.map::<K, Entry>(map).get(key).expect("the set can be read");
        let [packets, bytes, ..] = found.expect("the entry was added");
        [packets, bytes]
    }

    fn service_hits(&self, set: &str, item: Service) -> Counts {
        let mut items = self.sets.services.iter();
        let found = items.find(|(name, placed)| name == set && placed.item == item);
        let (_, placed) = found.expect("the item was added");
        let hits = PerCpuMap::<u32, Counts>::new(map_named(&self.maps, &format!("{set}:hits")));
        let value = hits.expect("the hits' shape").get(&u32::from(placed.slot));
        value.expect("the hits can be read").expect("every slot has hits").sum()
    }
}

/// How long an entry stays, or since when it is past its time.
#[derive(Clone, Copy, Debug)]
pub enum Stay {
    /// So long from now on.
    For(Duration),
    /// It ended so long ago.
    Ended(Duration),
}

fn lpm<const N: usize>(addr: [u8; N], len: u32) -> LpmKey<N> {
    LpmKey::new(addr, len).expect("a prefix is no longer than its address")
}
