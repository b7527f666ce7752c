//! What a filter does that keeps its addresses in the kernel's own maps, with the least around it.

use palisade_asm::{Assembler, Cond, FP, Helper, MapDecl, MapFlags, MapKind, R0, R1, R2, R5, Size};
use palisade_filter::Verdict;
use palisade_filter::value::{Family, Prefix};
use palisade_loader::{LpmKey, Map, MapHandle, Program, Wire};

use super::super::frames::{ETHERNET, source_at};
use super::super::programs::{self, DATA};
use super::cursor::octets;
use crate::failure::Outcome;

/// A structure of the kernel's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Structure {
    /// `BPF_MAP_TYPE_HASH`.
    Hash,
    /// `BPF_MAP_TYPE_LPM_TRIE`.
    Trie,
}

impl Structure {
    pub fn words(self) -> &'static str {
        match self {
            Self::Hash => "kernel hash",
            Self::Trie => "kernel LPM trie",
        }
    }

    fn map(self, family: Family, entries: usize) -> MapDecl {
        let address = u32::from(family.bits() / 8);
        let (kind, key_size, flags) = match self {
            Self::Hash => (MapKind::Hash, address, MapFlags::NONE),
            Self::Trie => (MapKind::LpmTrie, 4 + address, MapFlags::NO_PREALLOC),
        };
        let max_entries = u32::try_from(entries).unwrap_or(u32::MAX);
        MapDecl { name: "entries".to_owned(), kind, key_size, value_size: 8, max_entries, flags }
    }
}

/// A program with a filled map.
pub struct Held {
    pub program: Program,
    /// The bytes that the map takes in the kernel.
    pub memory: Option<u64>,
}

/// A program that drops what comes from one of the entries, and passes the rest.
pub fn of(structure: Structure, family: Family, entries: &[Prefix]) -> Outcome<Held> {
    let map = MapHandle::create(&structure.map(family, entries.len()))?;
    match family {
        Family::V4 => fill::<4>(structure, &map, entries)?,
        Family::V6 => fill::<16>(structure, &map, entries)?,
    }
    let memory = map.info()?.memory;
    Ok(Held { program: program(structure, family, entries.len(), &map)?, memory })
}

fn fill<const N: usize>(structure: Structure, map: &MapHandle, entries: &[Prefix]) -> Outcome
where
    [u8; N]: Wire,
{
    let values = vec![0_u64; entries.len()];
    match structure {
        Structure::Hash => {
            let keys: Vec<[u8; N]> =
                entries.iter().filter_map(|entry| octets(entry.addr())).collect();
            Ok(Map::new(map.try_clone()?)?.insert_batch(&keys, &values)?)
        }
        Structure::Trie => {
            let key = |entry: &Prefix| LpmKey::<N>::new(octets(entry.addr())?, entry.len().into());
            let keys: Vec<LpmKey<N>> = entries.iter().filter_map(key).collect();
            Ok(Map::new(map.try_clone()?)?.insert_batch(&keys, &values)?)
        }
    }
}

fn program(
    structure: Structure,
    family: Family,
    entries: usize,
    map: &MapHandle,
) -> Outcome<Program> {
    let (ethertype, header, words) = match family {
        Family::V4 => (0x0800_u16, 20, 1_i16),
        Family::V6 => (0x86dd, 40, 2),
    };
    let size = i16::from(family.bits() / 8);
    let mut a = Assembler::new();
    let decl = a.map(structure.map(family, entries));
    let pass = a.label("pass");
    a.load(Size::W, R2, R1 + DATA);
    programs::require(&mut a, ETHERNET + header, pass);
    a.load(Size::H, R5, R2 + 12);
    a.jump_if(R5, Cond::Ne, i32::from(u16::from_ne_bytes(ethertype.to_be_bytes())), pass);
    for word in 0..words {
        let (width, off) = if words == 1 { (Size::W, 0) } else { (Size::D, 8 * word) };
        a.load(width, R5, R2 + (source_at(family) + off)).store(width, FP - (size - off), R5);
    }
    let mut key = size;
    if structure == Structure::Trie {
        key += 4;
        a.store(Size::W, FP - key, i32::from(family.bits()));
    }
    a.load_map(R1, decl).mov(R2, FP).add(R2, -i32::from(key)).call(Helper::MAP_LOOKUP_ELEM);
    a.jump_if(R0, Cond::Eq, 0, pass);
    a.mov(R0, Verdict::Drop.code()).exit();
    a.place(pass).mov(R0, Verdict::Pass.code()).exit();
    programs::load(a, "bench_map", &[map])
}
