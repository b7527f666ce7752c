//! What a policy costs: instructions, and the memory of its maps.
//!
//! The memory is an estimate by the formulas of the kernel's `*_map_mem_usage`, for maps without
//! entries: a hash grows with each entry by about 64 bytes beside key and value, a trie by about 40.

use palisade_asm::verify::Report;
use palisade_asm::{MapDecl, MapFlags, MapKind, Program};
use palisade_loader::possible_cpus;

use crate::failure::{Failure, Outcome};
use crate::machine::ASSUMED;

/// What a policy costs.
pub struct Cost {
    /// Instructions that are loaded, as the kernel counts them.
    pub instructions: usize,
    /// Instructions on the longest path that a packet can take.
    pub longest_path: usize,
    /// The maps in their order.
    pub maps: Vec<MapCost>,
}

/// What a map costs.
pub struct MapCost {
    /// Its name.
    pub name: String,
    /// What kind it is, in the kernel's word.
    pub kind: &'static str,
    /// How many entries it takes.
    pub max: u32,
    /// Bytes of memory before it has any entry.
    pub bytes: u64,
}

impl Cost {
    /// The cost of a program and its maps, as the offline verifier has followed it.
    pub fn of(program: &Program, maps: &[MapDecl], followed: &Report) -> Outcome<Self> {
        let image = program
            .encode(ASSUMED.isa)
            .map_err(|error| Failure::bug(format!("the program cannot be encoded: {error}")))?;
        // Where the number cannot be read, one CPU is what a value costs at least.
        let cpus = possible_cpus().unwrap_or(1) as u64;
        let cost = |map: &MapDecl| MapCost {
            name: map.name.clone(),
            kind: map.kind.name(),
            max: map.max_entries,
            bytes: memory(map, cpus),
        };
        Ok(Self {
            instructions: image.len(),
            longest_path: followed.longest_path,
            maps: maps.iter().map(cost).collect(),
        })
    }

    /// The memory of all maps.
    pub fn memory(&self) -> u64 {
        self.maps.iter().map(|map| map.bytes).sum()
    }
}

/// The head of each bucket of a hash: a pointer and a lock.
const BUCKET: u64 = 16;
/// What a hash has beside key and value for each entry.
const HASH_ENTRY: u64 = 48;
/// What a map that processes map into their memory is rounded to, and its head has besides.
const PAGE: u64 = 4096;
/// A pointer.
const POINTER: u64 = 8;

fn memory(map: &MapDecl, cpus: u64) -> u64 {
    let entries = u64::from(map.max_entries);
    let step = |bytes: u32| u64::from(bytes).next_multiple_of(8);
    let value = step(map.value_size);
    match map.kind {
        MapKind::Array if map.flags.contains(MapFlags::MMAPABLE) => {
            PAGE + (value * entries).next_multiple_of(PAGE)
        }
        MapKind::Array | MapKind::BloomFilter => value * entries,
        MapKind::PerCpuArray => (POINTER + value * cpus) * entries,
        MapKind::Hash | MapKind::LruHash => {
            let allocated = !map.flags.contains(MapFlags::NO_PREALLOC);
            let entry = HASH_ENTRY + step(map.key_size) + value;
            let all = if allocated { entry * entries } else { 0 };
            BUCKET * entries.next_power_of_two() + all
        }
        MapKind::PerCpuHash | MapKind::LruPerCpuHash => {
            let entry = HASH_ENTRY + step(map.key_size) + POINTER + value * cpus;
            BUCKET * entries.next_power_of_two() + entry * entries
        }
        MapKind::LpmTrie => 0,
        MapKind::RingBuf => entries,
        MapKind::ProgArray
        | MapKind::PerfEventArray
        | MapKind::ArrayOfMaps
        | MapKind::HashOfMaps
        | MapKind::DevMap
        | MapKind::DevMapHash
        | MapKind::CpuMap
        | MapKind::XskMap => POINTER * entries,
    }
}
