//! One map: its declaration, its contents, and who may do what with them.

use super::array::{Array, index};
use super::cells::Cells;
use super::hash::{Full, Hash};
use super::lpm::Lpm;
use super::refusal::{Insert, MapRefusal, Writer};
use super::ring::Ring;
use super::shape::{self, MapUnfit};
use crate::map::{MapDecl, MapFlags, MapKind};
use crate::vm::ProgramId;
use crate::vm::number::{len, wide};
use crate::vm::trap::{Access, Region, TrapReason, Tried};

/// A map.
#[derive(Clone, Debug)]
pub(in crate::vm) struct Held {
    pub(in crate::vm) decl: MapDecl,
    pub(super) frozen: bool,
    readable: bool,
    writable: bool,
    /// The places of the values that programs found, where somebody wants to know.
    pub(super) found: Option<Vec<usize>>,
    pub(super) table: Table,
}

/// The contents of a map.
#[derive(Clone, Debug)]
pub(super) enum Table {
    Array(Array),
    Hash(Hash),
    Lpm(Lpm),
    Ring(Ring),
    Programs(Vec<Option<ProgramId>>),
    /// Where packets can be redirected to, by number.
    Targets(Hash),
    /// What is written to it is handed to whoever ran the program.
    Events,
}

impl Held {
    pub(super) fn new(decl: &MapDecl, cpus: usize) -> Result<Self, MapUnfit> {
        let kind = decl.kind;
        let each =
            matches!(kind, MapKind::PerCpuArray | MapKind::PerCpuHash | MapKind::LruPerCpuHash);
        let copies = if each { cpus } else { 1 };
        shape::check(decl, copies)?;
        let (size, most) = (len(decl.value_size.into()), decl.max_entries);
        let table = match kind {
            MapKind::Array | MapKind::PerCpuArray => Table::Array(Array::new(size, copies, most)),
            MapKind::Hash | MapKind::PerCpuHash => {
                Table::Hash(Hash::new(size, copies, most, Full::Refuses))
            }
            MapKind::LruHash | MapKind::LruPerCpuHash => {
                Table::Hash(Hash::new(size, copies, most, Full::Forgets))
            }
            MapKind::LpmTrie => Table::Lpm(Lpm::new(decl.key_size, size, most)),
            MapKind::RingBuf => Table::Ring(Ring::new(most)),
            MapKind::ProgArray => Table::Programs(vec![None; len(most.into())]),
            MapKind::DevMap | MapKind::DevMapHash | MapKind::CpuMap | MapKind::XskMap => {
                Table::Targets(Hash::new(size, 1, most, Full::Refuses))
            }
            MapKind::PerfEventArray => Table::Events,
            MapKind::ArrayOfMaps | MapKind::HashOfMaps | MapKind::BloomFilter => {
                return Err(MapUnfit::Kind { map: decl.name.clone(), kind });
            }
        };
        Ok(Self {
            decl: decl.clone(),
            frozen: false,
            readable: !decl.flags.contains(MapFlags::WRONLY_PROG),
            writable: !decl.flags.contains(MapFlags::RDONLY_PROG),
            found: None,
            table,
        })
    }

    /// Values that programs reach by address.
    #[inline]
    pub(super) fn cells(&self) -> Option<&Cells> {
        match &self.table {
            Table::Array(array) => Some(&array.cells),
            Table::Hash(hash) => Some(&hash.cells),
            Table::Lpm(lpm) => Some(&lpm.cells),
            Table::Ring(_) | Table::Programs(_) | Table::Targets(_) | Table::Events => None,
        }
    }

    /// Values, whether programs reach them or not.
    pub(super) fn kept(&self) -> Option<&Cells> {
        match &self.table {
            Table::Targets(targets) => Some(&targets.cells),
            Table::Array(_)
            | Table::Hash(_)
            | Table::Lpm(_)
            | Table::Ring(_)
            | Table::Programs(_)
            | Table::Events => self.cells(),
        }
    }

    /// The ring buffer, if it is one.
    pub(in crate::vm) fn ring(&self) -> Option<&Ring> {
        match &self.table {
            Table::Ring(ring) => Some(ring),
            Table::Array(_)
            | Table::Hash(_)
            | Table::Lpm(_)
            | Table::Programs(_)
            | Table::Targets(_)
            | Table::Events => None,
        }
    }

    pub(in crate::vm) fn ring_mut(&mut self) -> Option<&mut Ring> {
        match &mut self.table {
            Table::Ring(ring) => Some(ring),
            Table::Array(_)
            | Table::Hash(_)
            | Table::Lpm(_)
            | Table::Programs(_)
            | Table::Targets(_)
            | Table::Events => None,
        }
    }

    /// Bytes that a program reads by address.
    #[inline]
    pub(in crate::vm) fn read(&self, within: u64, size: usize) -> Tried<&[u8]> {
        if !self.readable {
            return Err(Box::new(TrapReason::WriteOnly { region: self.region() }));
        }
        let found = match self.cells() {
            Some(cells) => cells.range(within, size).map(|range| cells.bytes(range)),
            None => self.record(within, size),
        };
        found.ok_or_else(|| self.outside(within, size, Access::Read))
    }

    /// Refuses programs that write where they may only read.
    #[inline]
    pub(in crate::vm) fn may_be_written(&self) -> Tried<()> {
        if self.writable {
            return Ok(());
        }
        Err(Box::new(TrapReason::ReadOnly { region: self.region() }))
    }

    /// Bytes that a program writes by address.
    #[inline]
    pub(in crate::vm) fn write(&mut self, within: u64, size: usize) -> Tried<&mut [u8]> {
        self.may_be_written()?;
        let inside = match self.cells() {
            Some(cells) => cells.range(within, size).is_some(),
            None => self.record(within, size).is_some(),
        };
        if !inside {
            return Err(self.outside(within, size, Access::Write));
        }
        Ok(self.bytes_mut(within, size))
    }

    #[inline]
    fn bytes_mut(&mut self, within: u64, size: usize) -> &mut [u8] {
        let cells = match &mut self.table {
            Table::Array(array) => &mut array.cells,
            Table::Hash(hash) => &mut hash.cells,
            Table::Lpm(lpm) => &mut lpm.cells,
            Table::Ring(ring) => return record_mut(ring, within, size),
            Table::Programs(_) | Table::Targets(_) | Table::Events => return &mut [],
        };
        let range = cells.range(within, size).unwrap_or_default();
        cells.bytes_mut(range)
    }

    fn record(&self, within: u64, size: usize) -> Option<&[u8]> {
        let (bytes, from) = self.ring()?.record(within)?;
        bytes.get(len(from)..len(from).checked_add(size)?)
    }

    fn region(&self) -> Region {
        let map = self.decl.name.clone();
        if self.ring().is_some() { Region::Record { map } } else { Region::Value { map } }
    }

    #[cold]
    fn outside(&self, within: u64, size: usize, access: Access) -> Box<TrapReason> {
        let (off, len) = match (self.cells(), self.ring().and_then(|ring| ring.record(within))) {
            (Some(cells), _) => (wide(cells.offset(within)), wide(cells.size())),
            (None, Some((bytes, from))) => (from, wide(bytes.len())),
            (None, None) => (0, 0),
        };
        let (region, off, size) = (self.region(), off.cast_signed(), wide(size));
        Box::new(TrapReason::OutOfBounds { access, region, off, size, len })
    }

    /// The trap of an atomic operation at an odd place.
    pub(in crate::vm) fn misaligned(&self, within: u64, size: usize) -> Box<TrapReason> {
        let off = self.cells().map_or(within, |cells| wide(cells.offset(within))).cast_signed();
        Box::new(TrapReason::Misaligned { region: self.region(), off, size: wide(size) })
    }

    /// Where a value or the bytes of the one value of an array begin, by address within the region.
    pub(in crate::vm) fn only_value(&self, off: u32) -> Option<u64> {
        let single = self.decl.max_entries == 1 && self.decl.kind == MapKind::Array;
        (single && off < self.decl.value_size).then_some(u64::from(off))
    }

    /// Whether each CPU has its own values.
    pub(in crate::vm) fn is_per_cpu(&self) -> bool {
        let kind = self.decl.kind;
        matches!(kind, MapKind::PerCpuArray | MapKind::PerCpuHash | MapKind::LruPerCpuHash)
    }

    /// The address within the region of the value that a program finds under a key.
    #[inline]
    pub(in crate::vm) fn find(&mut self, key: &[u8], cpu: usize) -> Option<u64> {
        let at = match &mut self.table {
            Table::Array(array) => array.find(key),
            Table::Hash(hash) => hash.find_and_use(key),
            Table::Lpm(lpm) => lpm.find(key),
            Table::Ring(_) | Table::Programs(_) | Table::Targets(_) | Table::Events => None,
        }?;
        if let Some(found) = &mut self.found {
            found.push(at);
        }
        let cells = self.cells()?;
        let copy = if cells.copies() == 1 { 0 } else { cpu };
        (copy < cells.copies()).then(|| cells.within(at, copy))
    }

    /// Writes a value under a key.
    pub(in crate::vm) fn put(
        &mut self,
        key: &[u8],
        value: &[u8],
        how: Insert,
        writer: Writer,
    ) -> Result<(), MapRefusal> {
        match &mut self.table {
            Table::Array(array) => array.put(key, value, how, writer),
            Table::Hash(hash) => hash.put(key, value, how, writer),
            Table::Lpm(lpm) => lpm.put(key, value, how),
            Table::Targets(targets) => {
                let hashed = self.decl.kind == MapKind::DevMapHash;
                if !hashed && index(key).is_none_or(|index| index >= self.decl.max_entries) {
                    return Err(MapRefusal::TooBig);
                }
                targets.put(key, value, how, Writer::User)
            }
            Table::Ring(_) | Table::Programs(_) | Table::Events => Err(MapRefusal::Invalid),
        }
    }

    /// Deletes a key.
    pub(in crate::vm) fn delete(&mut self, key: &[u8]) -> Result<(), MapRefusal> {
        match &mut self.table {
            Table::Hash(hash) | Table::Targets(hash) => hash.delete(key),
            Table::Lpm(lpm) => lpm.delete(key),
            Table::Programs(programs) => {
                let at = index(key).and_then(|index| usize::try_from(index).ok());
                let place = at.and_then(|at| programs.get_mut(at)).ok_or(MapRefusal::TooBig)?;
                place.take().map(|_| ()).ok_or(MapRefusal::Missing)
            }
            Table::Array(_) | Table::Ring(_) | Table::Events => Err(MapRefusal::Invalid),
        }
    }

    /// The program at an index.
    pub(in crate::vm) fn program(&self, index: u64) -> Option<ProgramId> {
        match &self.table {
            Table::Programs(programs) => programs.get(len(index)).copied().flatten(),
            Table::Array(_)
            | Table::Hash(_)
            | Table::Lpm(_)
            | Table::Ring(_)
            | Table::Targets(_)
            | Table::Events => None,
        }
    }

    /// Whether packets can be redirected to what is under a key.
    pub(in crate::vm) fn has_target(&self, key: &[u8]) -> bool {
        matches!(&self.table, Table::Targets(targets) if targets.find(key).is_some())
    }

    /// The keys, and where their values are.
    pub(in crate::vm) fn entries(&self) -> Vec<(Vec<u8>, usize)> {
        match &self.table {
            Table::Array(array) => array.keys().zip(0..).collect(),
            Table::Hash(hash) | Table::Targets(hash) => {
                let keys = hash.keys().into_iter();
                keys.filter_map(|key| hash.find(&key).map(|at| (key, at))).collect()
            }
            Table::Lpm(lpm) => lpm.entries(),
            Table::Ring(_) | Table::Programs(_) | Table::Events => Vec::new(),
        }
    }
}

/// Bytes of a reserved record; nothing where there are none.
fn record_mut(ring: &mut Ring, within: u64, size: usize) -> &mut [u8] {
    let Some((bytes, from)) = ring.record_mut(within) else { return &mut [] };
    let from = len(from);
    bytes.get_mut(from..from.saturating_add(size)).unwrap_or_default()
}
