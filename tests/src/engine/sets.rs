//! The sets of a policy that runs: filled and read as `palisade_filter::structure` documents them.

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::time::Duration;

use palisade_filter::policy::{EntryCounters, Set};
use palisade_filter::structure::flat::{HEAD_WORDS, Part, Room};
use palisade_filter::structure::service::{self, Placed};
use palisade_filter::structure::{ENTRY_UNTIL, FILL_WORDS, HITS_SIZE, NetPart, Stamp, host};
use palisade_filter::value::{Mac, Prefix, Service};
use palisade_filter::{ByteOrder, Item, SetKind};
use palisade_loader::{Insert, Map, MappedMut, PerCpuMap, Wire, clock};

use super::{Counts, Engine, map_named};
use crate::tables::{self, Tables};

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
            Item::Net(prefix) if self.declared(set).kind == SetKind::Host => {
                let key = host::key(prefix.addr(), ByteOrder::HOST);
                self.insert(set, &key, end, Insert::New);
            }
            Item::Net(prefix) => {
                self.sets.nets.push((set.to_owned(), prefix, end));
                self.lay_out(set);
            }
            Item::Service(service) => self.add_service(set, service, end),
            Item::Mac(Mac(addr)) => {
                self.raise(set, 0);
                self.insert(set, &addr, end, Insert::New);
            }
        }
    }

    /// Puts entries into sets, each until when it matches: set, item and end.
    pub fn add_all(&mut self, entries: impl IntoIterator<Item = (String, String, u64)>) {
        let (mut painted, mut laid_out) = (BTreeSet::new(), BTreeSet::new());
        for (set, item, end) in entries {
            match item.parse() {
                Ok(Item::Service(service)) => {
                    self.place_service(&set, service, end);
                    painted.insert(set);
                }
                Ok(Item::Net(prefix)) if self.declared(&set).kind == SetKind::Net => {
                    self.sets.nets.push((set.clone(), prefix, end));
                    laid_out.insert(set);
                }
                _ => self.add_until(&set, &item, end),
            }
        }
        painted.iter().for_each(|set| self.paint(set));
        laid_out.iter().for_each(|set| self.lay_out(set));
    }

    fn declared(&self, set: &str) -> &Set {
        self.policy.set(set).unwrap_or_else(|| panic!("no set is called `{set}`"))
    }

    fn nets(&self, set: &str) -> impl Iterator<Item = (Prefix, u64)> {
        self.sets.nets.iter().filter(move |(name, ..)| name == set).map(|(_, p, end)| (*p, *end))
    }

    /// Writes the tables of a `net` set anew, and leaves its counters as they are.
    fn lay_out(&self, set: &str) {
        let (declared, entries) = (self.declared(set), Vec::from_iter(self.nets(set)));
        let tables = Tables::of(&entries, tables::first_room(declared), declared.max);
        let bytes = |words: &[u64]| words.iter().flat_map(|word| word.to_ne_bytes()).collect();
        for part in [Part::Entries, Part::Nodes, Part::Hosts6] {
            let elements = tables.elements(part);
            let elements = elements.map(|(at, words)| (at.to_ne_bytes().to_vec(), bytes(words)));
            let all: Vec<(Vec<u8>, Vec<u8>)> = elements.collect();
            map_named(&self.maps, &part.map_name(set)).fill(&all).expect("elements of the map");
        }
        let mut head = tables.head();
        for (prefix, _) in &entries {
            head[NetPart::of(prefix).index()] += 1;
        }
        self.set_head(set, &head);
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
        let mut head = self.head(set);
        head[part] += 1;
        self.set_head(set, &head);
    }

    fn head(&self, set: &str) -> [u64; HEAD_WORDS] {
        let map = self.map::<u32, [u64; HEAD_WORDS]>(&Part::Head.map_name(set));
        map.get(&0).expect("the head can be read").expect("an array has its cells")
    }

    fn set_head(&self, set: &str, head: &[u64; HEAD_WORDS]) {
        let map = self.map::<u32, [u64; HEAD_WORDS]>(&Part::Head.map_name(set));
        map.insert(&0, head, Insert::Any).expect("one cell");
    }

    /// How many entries each part of a `net` set has, as the program is told.
    pub fn fill(&self, set: &str) -> [u64; 4] {
        *self.head(set).first_chunk().expect("four counts")
    }

    /// How many bans a `host` set had no room for.
    pub fn refused(&self, set: &str) -> u64 {
        self.head(set)[FILL_WORDS]
    }

    /// Tells the program how many entries each part of a `net` set has.
    pub fn set_fill(&self, set: &str, fill: [u64; 4]) {
        let mut head = self.head(set);
        head[..4].copy_from_slice(&fill);
        self.set_head(set, &head);
    }

    /// The maps of a `net` set in memory, as its parts, and the room that they have.
    pub fn mapped(&self, set: &str) -> (Vec<MappedMut>, Room) {
        let map = |part: Part| {
            let map = map_named(&self.maps, &part.map_name(set));
            MappedMut::edit(&map).expect("it can be mapped")
        };
        (Part::ALL.map(map).into(), tables::first_room(self.declared(set)))
    }

    /// What was counted in an entry of a set.
    pub fn hits(&self, set: &str, item: &str) -> Counts {
        match item.parse().unwrap_or_else(|error| panic!("`{item}`: {error}")) {
            Item::Net(prefix) if self.declared(set).kind == SetKind::Host => {
                self.entry_hits(set, &host::key(prefix.addr(), ByteOrder::HOST))
            }
            Item::Net(prefix) => self.net_hits(set, &prefix),
            Item::Service(service) => self.service_hits(set, service),
            Item::Mac(Mac(addr)) => self.entry_hits(set, &addr),
        }
    }

    fn net_hits(&self, set: &str, prefix: &Prefix) -> Counts {
        if self.declared(set).counters == EntryCounters::Off {
            return [0, 0];
        }
        let at = self.nets(set).position(|(there, _)| there == *prefix);
        let number = u32::try_from(at.expect("the entry was added") + 1).expect("few entries");
        let hits = self.map::<u32, Counts>(&Part::Hits.map_name(set)).get(&number);
        hits.expect("the hits can be read").expect("every entry has hits")
    }

    /// What an entry of a `host` set says of how it came there.
    pub fn stamp(&self, set: &str, addr: IpAddr) -> Stamp {
        let found = self.map::<_, Entry>(set).get(&host::key(addr, ByteOrder::HOST));
        let [_, _, stamp, ..] = found.expect("the set can be read").expect("the entry is there");
        Stamp::of(stamp)
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
