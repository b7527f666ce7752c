//! Any map, whatever it holds: made, opened, described, pinned, frozen.
//!
//! A handle knows the sizes of its map from the kernel and what a refusal means for its kind; a
//! full map is an error that says how full. It reads no element: that takes types.

use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};

use palisade_asm::btf::{MapBtf, MapLayout};
use palisade_asm::{ByteOrder, MapDecl, MapFlags, MapKind};

use super::{BATCH, MapError, MapOp, lacks_batch};
use crate::Errno;
use crate::fdinfo::FdInfo;
use crate::memlock;
use crate::pin::PinDir;
use crate::sys::{self, MapFd, MapTypes, Update};
use crate::walk::WalkError;

/// The kind, sizes and flags of a map.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shape {
    /// The kernel's number for the kind.
    pub kind: u32,
    /// Bytes of a key.
    pub key_size: u32,
    /// Bytes of a value.
    pub value_size: u32,
    /// How many elements it can hold.
    pub max_entries: u32,
    /// The flags it was created with.
    pub flags: u32,
}

impl Shape {
    /// The shape that a declaration asks for.
    pub fn of(decl: &MapDecl) -> Self {
        // The kernel adds it (`dev_map_alloc`), and refuses whoever says so himself.
        let own = match decl.kind {
            MapKind::DevMap | MapKind::DevMapHash => MapFlags::RDONLY_PROG,
            _ => MapFlags::NONE,
        };
        Shape {
            kind: decl.kind.number(),
            key_size: decl.key_size,
            value_size: decl.value_size,
            max_entries: decl.max_entries,
            flags: (decl.flags | own).bits(),
        }
    }

    /// The kind; `None` for one that has no name here.
    pub fn kind_name(&self) -> Option<MapKind> {
        MapKind::from_number(self.kind)
    }
}

impl std::fmt::Display for Shape {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Shape { kind, key_size, value_size, max_entries, flags } = self;
        match self.kind_name() {
            Some(kind) => f.write_str(kind.name())?,
            None => write!(f, "kind {kind}")?,
        }
        write!(
            f,
            ", {key_size}-byte keys, {value_size}-byte values, {max_entries} entries, flags {flags:#x}"
        )
    }
}

/// Whether user space may still write to a map.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Frozen {
    /// It may not.
    Yes,
    /// It may.
    No,
    /// `/proc` did not tell.
    Unknown,
}

/// What the kernel tells of a map.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MapInfo {
    /// Its number, unique while it lives.
    pub id: u32,
    /// Kind, sizes and flags.
    pub shape: Shape,
    /// The name the kernel keeps, at most 15 characters.
    pub name: String,
    /// Whether it is frozen.
    pub frozen: Frozen,
    /// The bytes it takes in the kernel, where `/proc` tells.
    pub memory: Option<u64>,
}

/// Any map, by an owned descriptor.
#[derive(Debug)]
pub struct MapHandle {
    map: MapFd,
    name: String,
}

impl MapHandle {
    /// Creates a map as declared. Kernels before 5.11 count maps against the memory lock limit; it
    /// is raised once, for this process, when that is what stands in the way.
    pub fn create(decl: &MapDecl) -> Result<Self, MapError> {
        let name = decl.name.clone();
        let fd = created(decl, None).map_err(|errno| MapError::Create {
            name: name.clone(),
            flags: decl.flags,
            errno,
        })?;
        Self::from_fd(fd, name)
    }

    /// The same, and tells the kernel what the map holds, for whoever lists it. A kernel that does
    /// not take that, for this kind of map or at all, makes the map without.
    pub fn create_described(decl: &MapDecl, layout: &MapLayout) -> Result<Self, MapError> {
        match described(decl, layout) {
            Some(fd) => Self::from_fd(fd, decl.name.clone()),
            None => Self::create(decl),
        }
    }

    /// Opens the map pinned under a name; anything else under that name is an error.
    pub fn open(dir: &PinDir, name: &str) -> Result<Self, MapError> {
        Self::from_fd(dir.open_map(name)?, name.to_owned())
    }

    /// Takes a descriptor that is known to be a map's.
    fn from_fd(fd: OwnedFd, name: String) -> Result<Self, MapError> {
        let refused = |errno| MapError::Refused { name: name.clone(), op: MapOp::Describe, errno };
        let facts = sys::map_info(fd.as_fd()).map_err(refused)?;
        let cpus = if is_per_cpu(facts.kind) {
            crate::possible_cpus()
                .map_err(|source| MapError::Cpus { name: name.clone(), source })?
        } else {
            1
        };
        let map = MapFd::new(fd, cpus).map_err(refused)?;
        Ok(MapHandle { map, name })
    }

    /// The name it was declared or opened with.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What the kernel tells of it.
    pub fn info(&self) -> Result<MapInfo, MapError> {
        let facts = sys::map_info(self.map.fd()).map_err(|e| self.refused(MapOp::Describe, e))?;
        let proc = FdInfo::of(self.map.fd());
        Ok(MapInfo {
            id: facts.id,
            shape: Shape {
                kind: facts.kind,
                key_size: facts.key_size,
                value_size: facts.value_size,
                max_entries: facts.max_entries,
                flags: facts.flags,
            },
            name: facts.name,
            frozen: match proc.number("frozen") {
                Some(0) => Frozen::No,
                Some(_) => Frozen::Yes,
                None => Frozen::Unknown,
            },
            memory: proc.number("memlock"),
        })
    }

    /// Compares kind, sizes and flags with a declaration; a map of another shape is an error.
    pub fn check_shape(&self, decl: &MapDecl) -> Result<(), MapError> {
        let (want, found) = (Shape::of(decl), self.info()?.shape);
        if want == found {
            return Ok(());
        }
        Err(MapError::Shape { name: self.name.clone(), want, found })
    }

    /// Pins it under a name that must be free.
    pub fn pin(&self, dir: &PinDir, name: &str) -> Result<(), MapError> {
        Ok(dir.pin(self.as_fd(), name)?)
    }

    /// Forbids every further write from user space, for good; programs may still write.
    pub fn freeze(&self) -> Result<(), MapError> {
        self.map.freeze().map_err(|errno| self.refused(MapOp::Freeze, errno))
    }

    /// The same map through another descriptor.
    pub fn try_clone(&self) -> Result<Self, MapError> {
        let map = self.map.try_clone().map_err(|errno| self.refused(MapOp::Clone, errno))?;
        Ok(MapHandle { map, name: self.name.clone() })
    }

    /// Writes entries that are bytes already, in order, whether their keys are there or not. Each
    /// key and value must have the length that the map wants, and per-CPU maps are refused; either
    /// is found out before the first entry is written.
    pub fn fill(&self, entries: &[(Vec<u8>, Vec<u8>)]) -> Result<(), MapError> {
        let lengths = |(key, value): &(Vec<u8>, Vec<u8>)| Sizes {
            key: key.len(),
            value: value.len(),
            per_cpu: false,
        };
        let mut wanted: Vec<Sizes> = entries.iter().map(lengths).collect();
        wanted.dedup();
        wanted.into_iter().try_for_each(|sizes| self.check_sizes(sizes))?;
        for chunk in entries.chunks(BATCH) {
            let keys: Vec<u8> = chunk.iter().flat_map(|(key, _)| key).copied().collect();
            let values: Vec<u8> = chunk.iter().flat_map(|(_, value)| value).copied().collect();
            self.insert_chunk(&keys, &values).map_err(|(errno, _)| self.not_written(errno))?;
        }
        Ok(())
    }

    /// The value of a key, both as bytes; `None` where the key is not there. A key of another length
    /// than the map wants, and a map with a value for every CPU, are refused.
    pub fn read(&self, key: &[u8]) -> Result<Option<Vec<u8>>, MapError> {
        let mut value = vec![0; self.map.value_len()];
        self.check_sizes(Sizes { key: key.len(), value: value.len(), per_cpu: false })?;
        match self.map.lookup(key, &mut value) {
            Ok(()) => Ok(Some(value)),
            Err(Errno::ENOENT) => Ok(None),
            Err(errno) => Err(self.refused(MapOp::Read, errno)),
        }
    }

    /// The values of a key, one for every possible CPU, as bytes; `None` where the key is not there.
    /// A map with one value for all is refused, and one whose values are not whole words of eight
    /// bytes.
    pub fn read_each(&self, key: &[u8]) -> Result<Option<Vec<Vec<u8>>>, MapError> {
        let cpus = crate::possible_cpus()
            .map_err(|source| MapError::Cpus { name: self.name.clone(), source })?;
        let mut values = vec![0; self.map.value_len()];
        let each = (values.len() / cpus.max(1)).max(1);
        self.check_sizes(Sizes { key: key.len(), value: each, per_cpu: true })?;
        match self.map.lookup(key, &mut values) {
            Ok(()) => Ok(Some(values.chunks_exact(each).map(<[u8]>::to_vec).collect())),
            Err(Errno::ENOENT) => Ok(None),
            Err(errno) => Err(self.refused(MapOp::Read, errno)),
        }
    }

    /// Writes entries by one call where the kernel has it, else one by one; on an error the second
    /// part is how many were written.
    pub(super) fn insert_chunk(&self, keys: &[u8], values: &[u8]) -> Result<(), (Errno, usize)> {
        match self.map.update_batch(keys, values) {
            Err((errno, 0)) if lacks_batch(errno) => {
                let keys = keys.chunks_exact(self.map.key_len().max(1));
                let values = values.chunks_exact(self.map.value_len().max(1));
                for (done, (key, value)) in keys.zip(values).enumerate() {
                    self.map.update(key, value, Update::Any).map_err(|errno| (errno, done))?;
                }
                Ok(())
            }
            other => other,
        }
    }

    pub(crate) fn map(&self) -> &MapFd {
        &self.map
    }

    /// Puts what a descriptor stands for, a program or a socket, into a place of this map.
    pub(crate) fn set_descriptor(
        &self,
        place: u32,
        object: BorrowedFd<'_>,
    ) -> Result<(), MapError> {
        let (key, value) = (place.to_ne_bytes(), object.as_raw_fd().to_ne_bytes());
        self.map.update(&key, &value, Update::Any).map_err(|errno| self.not_written(errno))
    }

    /// Takes out what a place of this map holds by a descriptor; whether there was something.
    pub(crate) fn clear_descriptor(&self, place: u32) -> Result<bool, MapError> {
        match self.map.delete(&place.to_ne_bytes()) {
            Ok(()) => Ok(true),
            Err(Errno::ENOENT) => Ok(false),
            Err(errno) => Err(self.refused(MapOp::Remove, errno)),
        }
    }

    pub(crate) fn refused(&self, op: MapOp, errno: Errno) -> MapError {
        MapError::Refused { name: self.name.clone(), op, errno }
    }

    pub(crate) fn walked(&self, error: WalkError) -> MapError {
        match error {
            WalkError::Refused(errno) => self.refused(MapOp::Read, errno),
            WalkError::Unsettled => MapError::Unsettled { name: self.name.clone() },
        }
    }

    /// What a refused write means for this kind of map.
    pub(crate) fn not_written(&self, errno: Errno) -> MapError {
        let name = self.name.clone();
        let max_entries = self.map.max_entries();
        match (errno, self.map.kind()) {
            (Errno::E2BIG, kind) if is_array(kind) => MapError::OutOfRange { name, max_entries },
            (Errno::E2BIG, _) => MapError::Full { name, max_entries },
            (Errno::ENOSPC, sys::BPF_MAP_TYPE_LPM_TRIE) => MapError::Full { name, max_entries },
            (Errno::EEXIST, _) => MapError::Exists { name },
            (Errno::ENOENT, _) => MapError::Absent { name },
            _ => self.refused(MapOp::Insert, errno),
        }
    }

    /// An error when keys and values are not of these sizes.
    pub(crate) fn check_sizes(&self, want: Sizes) -> Result<(), MapError> {
        let found = self.info()?.shape;
        let fits = usize::try_from(found.key_size) == Ok(want.key)
            && usize::try_from(found.value_size) == Ok(want.value)
            && is_per_cpu(found.kind) == want.per_cpu;
        if fits {
            return Ok(());
        }
        Err(MapError::Sizes {
            name: self.name.clone(),
            want_key: want.key,
            want_value: want.value,
            per: if want.per_cpu { "for every CPU" } else { "shared by all CPUs" },
            found,
        })
    }
}

impl AsFd for MapHandle {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.map.fd()
    }
}

/// A map whose keys and values have types; none where that, or anything else, is refused.
fn described(decl: &MapDecl, layout: &MapLayout) -> Option<OwnedFd> {
    let MapBtf { bytes, key, value } = MapBtf::new(layout, ByteOrder::HOST).ok()?;
    let btf = sys::btf_load(&bytes).ok()?;
    created(decl, Some(MapTypes { btf: btf.as_fd(), key, value })).ok()
}

/// A map, if need be under another limit.
fn created(decl: &MapDecl, types: Option<MapTypes<'_>>) -> Result<OwnedFd, Errno> {
    match sys::map_create(decl, types) {
        Err(Errno::EPERM) if memlock::raise() => sys::map_create(decl, types),
        other => other,
    }
}

/// What a typed view wants of a map.
#[derive(PartialEq, Eq)]
pub(crate) struct Sizes {
    pub(crate) key: usize,
    pub(crate) value: usize,
    pub(crate) per_cpu: bool,
}

pub(crate) fn is_per_cpu(kind: u32) -> bool {
    use sys::{BPF_MAP_TYPE_LRU_PERCPU_HASH, BPF_MAP_TYPE_PERCPU_ARRAY, BPF_MAP_TYPE_PERCPU_HASH};
    matches!(
        kind,
        BPF_MAP_TYPE_PERCPU_HASH
            | BPF_MAP_TYPE_PERCPU_ARRAY
            | BPF_MAP_TYPE_LRU_PERCPU_HASH
            | sys::BPF_MAP_TYPE_PERCPU_CGROUP_STORAGE
    )
}

fn is_array(kind: u32) -> bool {
    matches!(
        kind,
        sys::BPF_MAP_TYPE_ARRAY
            | sys::BPF_MAP_TYPE_PERCPU_ARRAY
            | sys::BPF_MAP_TYPE_PROG_ARRAY
            | sys::BPF_MAP_TYPE_XSKMAP
    )
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use palisade_asm::MapFlags;
    use palisade_asm::btf::Layout;

    use super::*;

    /// Whether maps can be made here; says that the test is skipped where not.
    fn permitted() -> bool {
        let plain = decl(MapKind::Array, 4, 8, MapFlags::NONE);
        let refused = sys::map_create(&plain, None).err();
        let required = std::env::var_os("PALISADE_KERNEL").is_some_and(|v| v == "require");
        if let Some(errno) = refused {
            assert!(!required, "maps cannot be made: {errno}");
            writeln!(std::io::stderr(), "skipped: maps cannot be made: {errno}").expect("stderr");
        }
        refused.is_none()
    }

    fn decl(kind: MapKind, key_size: u32, value_size: u32, flags: MapFlags) -> MapDecl {
        let name = "described".to_owned();
        MapDecl { name, kind, key_size, value_size, max_entries: 4, flags }
    }

    #[test]
    fn the_kernel_takes_what_is_said_of_every_kind_of_map_that_filters_have() {
        if !permitted() {
            return;
        }
        let hits = || Layout::fields("hits", [("packets", Layout::U64), ("bytes", Layout::U64)]);
        let stamp = Layout::word("stamp", [("added", 55), ("declared", 1), ("prefixlen", 8)]);
        let entry = Layout::fields("entry", [("hits", hits()), ("stamp", stamp)]);
        let address = Layout::fields("mac", [("address", Layout::bytes(6))]);
        let prefix =
            Layout::fields("prefix", [("prefixlen", Layout::U32), ("address", Layout::bytes(16))]);
        let slots = Layout::word("slots", [("tcp", 16), ("udp", 16), ("sctp", 16), ("", 16)]);
        let table = Layout::fields("tables", [("tables", Layout::bytes(300_000))]);
        for (kind, flags, key, value) in [
            (MapKind::Array, MapFlags::NONE, Layout::U32, slots),
            (MapKind::Array, MapFlags::NONE, Layout::U32, table),
            (MapKind::PerCpuArray, MapFlags::NONE, Layout::U32, hits()),
            (MapKind::Hash, MapFlags::NO_PREALLOC, address, entry.clone()),
            (MapKind::LpmTrie, MapFlags::NO_PREALLOC, prefix, entry),
        ] {
            let layout = MapLayout { key, value };
            let decl = decl(kind, layout.key.size(), layout.value.size(), flags);
            assert!(described(&decl, &layout).is_some(), "{decl:?}");
        }
    }

    #[test]
    fn what_the_kernel_does_not_take_of_a_map_is_left_out() {
        if !permitted() {
            return;
        }
        // The key of an array is a number of 32 bits and nothing else.
        let array = decl(MapKind::Array, 4, 8, MapFlags::NONE);
        let key = Layout::fields("place", [("place", Layout::U32)]);
        let layout = MapLayout { key, value: Layout::U64 };
        assert!(described(&array, &layout).is_none());
        let map = MapHandle::create_described(&array, &layout).expect("made without");
        map.check_shape(&array).expect("as declared");
    }
}
