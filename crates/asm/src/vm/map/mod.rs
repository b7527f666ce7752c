//! The maps of programs, and what user space does with them.
//!
//! Edits succeed and fail as the kernel's do, with the same error numbers. Keys and values are
//! bytes in the order of this machine. Where each CPU has its own value, user space reads and
//! writes the values of all CPUs at once, each rounded up to eight bytes.

mod array;
mod cells;
mod hash;
mod held;
mod lpm;
mod refusal;
mod ring;
mod shape;

pub(super) use held::Held;
use held::Table;
pub(super) use refusal::Writer;
pub use refusal::{Insert, MapRefusal};
pub(super) use ring::State;
pub use shape::{Figure, MapUnfit};

use super::ProgramId;
use super::memory::MOST_MAPS;
use super::number::len;
use crate::map::{MapDecl, MapFlags};

/// Maps, each by its place in the order in which they were made.
#[derive(Clone, Debug)]
pub struct MapStore {
    maps: Vec<Held>,
    cpus: usize,
}

impl MapStore {
    /// The maps of a program, empty, on a machine of one CPU.
    pub fn new(decls: &[MapDecl]) -> Result<Self, MapUnfit> {
        Self::for_cpus(decls, 1)
    }

    /// The maps of a program, empty, on a machine of so many CPUs.
    pub fn for_cpus(decls: &[MapDecl], cpus: u32) -> Result<Self, MapUnfit> {
        let mut store = Self { maps: Vec::new(), cpus: shape::cpus(cpus)? };
        for decl in decls {
            store.add(decl)?;
        }
        Ok(store)
    }

    /// Makes one more map, and says where it is.
    pub fn add(&mut self, decl: &MapDecl) -> Result<usize, MapUnfit> {
        if self.maps.len() >= MOST_MAPS {
            return Err(MapUnfit::TooMany { limit: MOST_MAPS });
        }
        self.maps.push(Held::new(decl, self.cpus)?);
        Ok(self.maps.len() - 1)
    }

    /// Makes an array anew, with so many elements and all of them zero; programs that mean it mean
    /// the new one. Whatever else is true of a map stays.
    pub fn renew(&mut self, map: usize, max_entries: u32) -> Result<(), MapUnfit> {
        let cpus = self.cpus;
        let Some(held) = self.maps.get_mut(map) else { return Ok(()) };
        let decl = MapDecl { max_entries, ..held.decl.clone() };
        held.table = Held::new(&decl, cpus)?.table;
        held.decl = decl;
        Ok(())
    }

    /// How many CPUs have values of their own.
    pub fn cpus(&self) -> usize {
        self.cpus
    }

    /// The place of the first map of this name.
    pub fn find(&self, name: &str) -> Option<usize> {
        self.maps.iter().position(|held| held.decl.name == name)
    }

    /// What a map was declared as.
    pub fn decl(&self, map: usize) -> Option<&MapDecl> {
        self.maps.get(map).map(|held| &held.decl)
    }

    /// The value under a key; of a trie, under the longest prefix of it.
    pub fn get(&self, map: usize, key: &[u8]) -> Option<Vec<u8>> {
        let held = self.maps.get(map)?;
        let (at, cells) = match &held.table {
            Table::Array(array) => (array.find(key)?, &array.cells),
            Table::Hash(hash) | Table::Targets(hash) => (hash.find(key)?, &hash.cells),
            Table::Lpm(lpm) => (lpm.find(key)?, &lpm.cells),
            Table::Ring(_) | Table::Programs(_) | Table::Events => return None,
        };
        Some(cells.all(at))
    }

    /// Writes a value under a key.
    pub fn put(
        &mut self,
        map: usize,
        key: &[u8],
        value: &[u8],
        how: Insert,
    ) -> Result<(), MapRefusal> {
        let held = self.editable(map)?;
        let value_len = held.kept().ok_or(MapRefusal::Invalid)?.all_len();
        if key.len() != len(held.decl.key_size.into()) || value.len() != value_len {
            return Err(MapRefusal::Invalid);
        }
        held.put(key, value, how, Writer::User)
    }

    /// Deletes a key.
    pub fn delete(&mut self, map: usize, key: &[u8]) -> Result<(), MapRefusal> {
        let held = self.editable(map)?;
        if key.len() != len(held.decl.key_size.into()) {
            return Err(MapRefusal::Invalid);
        }
        held.delete(key)
    }

    /// The map, unless user space may not edit it.
    fn editable(&mut self, map: usize) -> Result<&mut Held, MapRefusal> {
        let held = self.maps.get_mut(map).ok_or(MapRefusal::Invalid)?;
        let barred = held.frozen || held.decl.flags.contains(MapFlags::RDONLY);
        if barred { Err(MapRefusal::Frozen) } else { Ok(held) }
    }

    /// All keys with their values: of an array by index, of a trie by length and bits, of a hash by
    /// the bytes of the key.
    pub fn entries(&self, map: usize) -> Vec<(Vec<u8>, Vec<u8>)> {
        let Some(held) = self.maps.get(map) else { return Vec::new() };
        let Some(cells) = held.kept() else { return Vec::new() };
        held.entries().into_iter().map(|(key, at)| (key, cells.all(at))).collect()
    }

    /// The bytes of a value of an array, of all CPUs side by side, by its index.
    pub fn at(&self, map: usize, index: usize) -> Option<&[u8]> {
        match &self.maps.get(map)?.table {
            Table::Array(array) => array.cells.get(index),
            Table::Hash(_)
            | Table::Lpm(_)
            | Table::Ring(_)
            | Table::Programs(_)
            | Table::Targets(_)
            | Table::Events => None,
        }
    }

    /// From here on it is noted which values of a map programs find, for [`Self::take_found`].
    pub fn note_found(&mut self, map: usize) {
        if let Some(held) = self.maps.get_mut(map) {
            held.found = Some(Vec::new());
        }
    }

    /// Moves the places of the values that programs found since the last call, each as often as it
    /// was found, behind those in `into`; of an array, these are the indices.
    pub fn take_found(&mut self, map: usize, into: &mut Vec<usize>) {
        if let Some(found) = self.maps.get_mut(map).and_then(|held| held.found.as_mut()) {
            into.append(found);
        }
    }

    /// How many entries there are; of an array, how many there can be.
    pub fn count(&self, map: usize) -> usize {
        match self.maps.get(map).map(|held| (&held.table, held.decl.max_entries)) {
            Some((Table::Hash(hash) | Table::Targets(hash), _)) => hash.len(),
            Some((Table::Lpm(lpm), _)) => lpm.len(),
            Some((Table::Array(_), max)) => len(max.into()),
            Some((Table::Programs(programs), _)) => programs.iter().flatten().count(),
            Some((Table::Ring(_) | Table::Events, _)) | None => 0,
        }
    }

    /// From here on user space edits the map no more; programs still may.
    pub fn freeze(&mut self, map: usize) {
        if let Some(held) = self.maps.get_mut(map) {
            held.frozen = true;
        }
    }

    /// Takes the records of a ring buffer, up to the first one that is still being written.
    pub fn take_records(&mut self, map: usize) -> Vec<Vec<u8>> {
        let ring = self.maps.get_mut(map).and_then(Held::ring_mut);
        ring.map(ring::Ring::take).unwrap_or_default()
    }

    /// Puts a program into a program array, for tail calls.
    pub fn set_program(
        &mut self,
        map: usize,
        index: u32,
        program: ProgramId,
    ) -> Result<(), MapRefusal> {
        let held = self.editable(map)?;
        let Table::Programs(programs) = &mut held.table else { return Err(MapRefusal::Invalid) };
        let place = programs.get_mut(len(index.into())).ok_or(MapRefusal::TooBig)?;
        *place = Some(program);
        Ok(())
    }

    #[inline]
    pub(super) fn held(&self, map: usize) -> Option<&Held> {
        self.maps.get(map)
    }

    #[inline]
    pub(super) fn held_mut(&mut self, map: usize) -> Option<&mut Held> {
        self.maps.get_mut(map)
    }

    /// The maps that a program means, in the order of its declarations.
    pub(super) fn fit(&self, decls: &[MapDecl], given: &[usize]) -> Result<Vec<usize>, MapUnfit> {
        let mut fitting = Vec::with_capacity(decls.len());
        for (at, decl) in decls.iter().enumerate() {
            let map = || decl.name.clone();
            let held = given.get(at).and_then(|at| Some((*at, self.maps.get(*at)?)));
            let (at, held) = held.ok_or_else(|| MapUnfit::Missing { map: map() })?;
            if (MapDecl { name: decl.name.clone(), ..held.decl.clone() }) != *decl {
                return Err(MapUnfit::Differs { map: map() });
            }
            fitting.push(at);
        }
        Ok(fitting)
    }
}
