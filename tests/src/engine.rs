//! A compiled policy in the kernel, with its maps, for frames to be put to it.
//!
//! Each run checks what holds of every packet whatever the policy: it comes back unchanged, and
//! exactly one row of the counters has grown, by one packet and by the frame's length.
//!
//! Sets are filled here as `palisade_filter::structure` documents them, without the tool's own
//! code, so that a mistake of the tool cannot hide one of the program.

use std::fmt;
use std::net::IpAddr;

use palisade_asm::Image;
use palisade_filter::plan::{CONTROL, COUNTERS, Mode};
use palisade_filter::structure::{NetPart, service};
use palisade_filter::value::{Prefix, Service};
use palisade_filter::{Artifact, Buffers, Item, Row, Target, Verdict, compile, parse};
use palisade_loader::{
    Errno, Insert, LoadError, LoadOptions, LpmKey, Map, MapHandle, PerCpuMap, Program, TestRun,
    Wire,
};

use crate::privilege::Kernel;

/// Packets and bytes.
pub type Counts = [u64; 2];

/// A policy that runs in the kernel.
pub struct Engine {
    artifact: Artifact,
    image: Image,
    maps: Vec<MapHandle>,
    program: Program,
    counters: PerCpuMap<u32, Counts>,
    seen: Vec<Counts>,
    services: Vec<(String, Vec<(u16, Service)>)>,
}

/// What became of a frame.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// The verdict.
    pub verdict: Verdict,
    /// What decided it.
    pub row: Row,
    /// The half of the counters it was counted in.
    pub half: Half,
}

/// The halves of the counters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Half {
    /// What was carried out.
    Enforced,
    /// What would have been dropped.
    Shadow,
}

/// A run that no program of ours may have.
#[derive(Clone, Debug)]
pub enum Fault {
    /// The kernel does not run it.
    Refused(Errno),
    /// The result is no verdict.
    Result(u32),
    /// The frame came back changed.
    Changed(Vec<u8>),
    /// Not one row has grown by the packets and bytes that there were; those that have.
    Counted(Vec<(usize, Counts)>),
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Refused(errno) => write!(f, "the kernel does not run it: {errno}"),
            Self::Result(number) => write!(f, "the result is {number}"),
            Self::Changed(frame) => write!(f, "the frame came back as {}", hex(frame)),
            Self::Counted(rows) => write!(f, "counted in rows {rows:?}"),
        }
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} by `{}`", self.verdict, self.row.text)?;
        if self.half == Half::Shadow { f.write_str(" in shadow") } else { Ok(()) }
    }
}

impl Engine {
    /// Compiles and loads a policy; its text and its program must be good.
    pub fn load(kernel: &Kernel, text: &str, target: Target) -> Self {
        match Self::try_load(kernel, text, target) {
            Ok(engine) => engine,
            Err(error) => panic!("{error}\n{}\nof {target:?}:\n{text}", log_of(&error)),
        }
    }

    /// Compiles and loads a policy; its text must be good.
    pub fn try_load(_: &Kernel, text: &str, target: Target) -> Result<Self, LoadError> {
        let policy = parse(text).unwrap_or_else(|errors| panic!("{errors:?}\nof:\n{text}"));
        let artifact = compile(&policy, target).unwrap_or_else(|e| panic!("{e}\nof:\n{text}"));
        let image = artifact.program.encode(target.isa).expect("a program can be encoded");
        let create = |decl| MapHandle::create(decl).unwrap_or_else(|error| panic!("{error}"));
        let maps: Vec<MapHandle> = image.maps.iter().map(create).collect();
        let buffers = match target.buffers {
            Buffers::Single => palisade_loader::Buffers::Single,
            Buffers::Multi => palisade_loader::Buffers::Multi,
        };
        let options = LoadOptions { name: "palisade_test", license: c"Dual MIT/GPL", buffers };
        let program = Program::load(&image, &maps, &options)?;
        let counters = PerCpuMap::new(map_named(&maps, COUNTERS)).expect("the counters' shape");
        let seen = vec![[0, 0]; artifact.rows.len() * 2];
        Ok(Self { artifact, image, maps, program, counters, seen, services: Vec::new() })
    }

    /// The program as bytes.
    pub fn image(&self) -> &Image {
        &self.image
    }

    /// The program in the kernel.
    pub fn program(&self) -> &Program {
        &self.program
    }

    /// The rows of the counters.
    pub fn rows(&self) -> &[Row] {
        &self.artifact.rows
    }

    /// Puts one frame to the program.
    pub fn run(&mut self, frame: &[u8]) -> Result<Outcome, Fault> {
        self.burst(frame, 1)
    }

    /// Puts a frame to the program so many times, on one CPU and without a pause.
    pub fn burst(&mut self, frame: &[u8], times: u32) -> Result<Outcome, Fault> {
        let verdict = self.test_run(frame, times)?;
        let grown = self.grown();
        let (packets, len) = (u64::from(times), frame.len() as u64);
        match grown.as_slice() {
            [(index, counts)] if *counts == [packets, packets * len] => {
                let rows = &self.artifact.rows;
                let half = if *index < rows.len() { Half::Enforced } else { Half::Shadow };
                Ok(Outcome { verdict, row: rows[index % rows.len()].clone(), half })
            }
            _ => Err(Fault::Counted(grown)),
        }
    }

    fn test_run(&self, frame: &[u8], times: u32) -> Result<Verdict, Fault> {
        let run = TestRun { packet: frame, repeat: times, ingress: None };
        let result = self.program.test_run(&run).map_err(Fault::Refused)?;
        if result.packet != frame {
            return Err(Fault::Changed(result.packet));
        }
        let verdict =
            Verdict::ALL.into_iter().find(|v| u32::try_from(v.code()) == Ok(result.retval));
        verdict.ok_or(Fault::Result(result.retval))
    }

    /// The verdict on a frame, which must come back unchanged; counted, but not looked at here.
    pub fn verdict(&self, frame: &[u8]) -> Result<Verdict, Fault> {
        self.test_run(frame, 1)
    }

    /// The rows that have grown since the last look, and by how much.
    pub fn grown(&mut self) -> Vec<(usize, Counts)> {
        let all = self.counters.get_all().expect("the counters can be read");
        let now: Vec<Counts> = all.iter().map(|row| row.sum()).collect();
        let before = std::mem::replace(&mut self.seen, now);
        let rows = before.iter().zip(&self.seen).enumerate();
        rows.filter(|(_, (before, now))| before != now)
            .map(|(at, (before, now))| (at, [now[0] - before[0], now[1] - before[1]]))
            .collect()
    }

    /// Switches the mode of the running program.
    pub fn set_mode(&self, mode: Mode) {
        self.map::<u32, u32>(CONTROL).insert(&0, &mode.code(), Insert::Any).expect("one cell");
    }

    /// Puts entries into a set.
    pub fn add(&mut self, set: &str, items: &[&str]) {
        for item in items {
            match item.parse().unwrap_or_else(|error| panic!("`{item}`: {error}")) {
                Item::Net(prefix) => self.add_net(set, &prefix),
                Item::Service(service) => self.add_service(set, service),
            }
        }
    }

    fn add_net(&self, set: &str, prefix: &Prefix) {
        let part = NetPart::of(prefix);
        let mut fill = self.fill(set);
        fill[part.index()] += 1;
        self.set_fill(set, fill);
        let (name, len) = (part.map_name(set), u32::from(prefix.len()));
        match (prefix.addr(), prefix.is_host()) {
            (IpAddr::V4(addr), true) => self.insert(&name, &addr.octets()),
            (IpAddr::V6(addr), true) => self.insert(&name, &addr.octets()),
            (IpAddr::V4(addr), false) => self.insert(&name, &lpm(addr.octets(), len)),
            (IpAddr::V6(addr), false) => self.insert(&name, &lpm(addr.octets(), len)),
        }
    }

    fn insert<K: Wire>(&self, map: &str, key: &K) {
        self.map::<K, [u64; 3]>(map).insert(key, &[0; 3], Insert::New).expect("a new entry");
    }

    fn add_service(&mut self, set: &str, item: Service) {
        if !self.services.iter().any(|(name, _)| name == set) {
            self.services.push((set.to_owned(), Vec::new()));
        }
        let (_, items) =
            self.services.iter_mut().find(|(name, _)| name == set).expect("it is there");
        items.push((u16::try_from(items.len() + 1).expect("few items"), item));
        let cells = service::paint(items);
        let keys: Vec<u32> = (0..).take(cells.len()).collect();
        self.map::<u32, u64>(set).insert_batch(&keys, &cells).expect("the table takes every port");
    }

    /// How many entries each part of a `net` set has, as the program is told.
    pub fn fill(&self, set: &str) -> [u64; 4] {
        let map = self.map::<u32, [u64; 4]>(&format!("{set}:fill"));
        map.get(&0).expect("the fill can be read").expect("an array has its cells")
    }

    /// Tells the program how many entries each part of a `net` set has.
    pub fn set_fill(&self, set: &str, fill: [u64; 4]) {
        let map = self.map::<u32, [u64; 4]>(&format!("{set}:fill"));
        map.insert(&0, &fill, Insert::Any).expect("one cell");
    }

    /// What was counted in an entry of a set.
    pub fn hits(&self, set: &str, item: &str) -> Counts {
        match item.parse().unwrap_or_else(|error| panic!("`{item}`: {error}")) {
            Item::Net(prefix) => self.net_hits(set, &prefix),
            Item::Service(service) => self.service_hits(set, service),
        }
    }

    fn net_hits(&self, set: &str, prefix: &Prefix) -> Counts {
        let (name, len) = (NetPart::of(prefix).map_name(set), u32::from(prefix.len()));
        let [packets, bytes, _] = match (prefix.addr(), prefix.is_host()) {
            (IpAddr::V4(addr), true) => self.entry(&name, &addr.octets()),
            (IpAddr::V6(addr), true) => self.entry(&name, &addr.octets()),
            (IpAddr::V4(addr), false) => self.entry(&name, &lpm(addr.octets(), len)),
            (IpAddr::V6(addr), false) => self.entry(&name, &lpm(addr.octets(), len)),
        };
        [packets, bytes]
    }

    fn entry<K: Wire>(&self, map: &str, key: &K) -> [u64; 3] {
        self.map(map).get(key).expect("the set can be read").expect("the entry was added")
    }

    fn service_hits(&self, set: &str, item: Service) -> Counts {
        let items = self.services.iter().find(|(name, _)| name == set).map(|(_, items)| items);
        let mut items = items.into_iter().flatten();
        let (slot, _) = items.find(|(_, other)| *other == item).expect("the item was added");
        let hits = PerCpuMap::<u32, Counts>::new(map_named(&self.maps, &format!("{set}:hits")));
        let value = hits.expect("the hits' shape").get(&u32::from(*slot));
        value.expect("the hits can be read").expect("every slot has hits").sum()
    }

    fn map<K: Wire, V: Wire>(&self, name: &str) -> Map<K, V> {
        Map::new(map_named(&self.maps, name)).unwrap_or_else(|error| panic!("{error}"))
    }
}

/// The bytes as hexadecimal digits.
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn lpm<const N: usize>(addr: [u8; N], len: u32) -> LpmKey<N> {
    LpmKey::new(addr, len).expect("a prefix is no longer than its address")
}

fn map_named(maps: &[MapHandle], name: &str) -> MapHandle {
    let map = maps.iter().find(|map| map.name() == name);
    map.unwrap_or_else(|| panic!("no map is called `{name}`")).try_clone().expect("a descriptor")
}

fn log_of(error: &LoadError) -> String {
    error.log().map(|log| log.lines().collect::<Vec<_>>().join("\n")).unwrap_or_default()
}
