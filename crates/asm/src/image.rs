//! An encoded program: slots, and the maps they name.
//!
//! Until `link`, a slot that names a map carries the map's number in the image (the "map by index"
//! of RFC 9669), so that the same program gives the same bytes on every machine; `link` is the one
//! place where a descriptor comes in.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;

use crate::map::{MapDecl, MapId};
use crate::note::{Note, Notes};
use crate::opcode::{LOAD_IMM64, pseudo};
use crate::order::ByteOrder;
use crate::raw::RawInsn;

/// What a slot wants of a map.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum RelocKind {
    /// Its address, as helpers take it.
    Map(MapId),
    /// The address of its value; the offset is in the next slot's constant.
    MapValue(MapId),
}

impl RelocKind {
    /// The map.
    pub fn map(self) -> MapId {
        match self {
            Self::Map(map) | Self::MapValue(map) => map,
        }
    }
}

/// A slot where `link` has to put a map's descriptor.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Reloc {
    /// The first slot of the 64-bit load.
    pub slot: usize,
    /// What it wants.
    pub kind: RelocKind,
}

/// An encoded program, the same on every machine.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Image {
    /// The slots; maps are named by index.
    pub code: Vec<RawInsn>,
    /// Where maps are named.
    pub relocs: Vec<Reloc>,
    /// The maps, by `MapId`.
    pub maps: Vec<MapDecl>,
    /// The notes, by slot.
    pub notes: Notes,
    /// What the places are called that jumps and calls lead to, by slot.
    pub labels: BTreeMap<usize, Cow<'static, str>>,
    /// How many numbers the functions take that take nothing else, by slot, where that is said.
    pub takes: BTreeMap<usize, u8>,
}

impl Image {
    /// Code that names maps by their index in `maps`, which is how its relocs are found.
    ///
    /// An index that no map has stays as it is.
    pub fn new(code: Vec<RawInsn>, maps: Vec<MapDecl>) -> Self {
        let mut relocs = Vec::new();
        let mut load = false;
        for (slot, raw) in code.iter().enumerate() {
            // The slot after the first one of a load is its second half.
            load = !load && raw.op == LOAD_IMM64;
            let map = u16::try_from(raw.imm).ok().filter(|map| usize::from(*map) < maps.len());
            let kind = match (map.filter(|_| load), raw.src()) {
                (Some(map), pseudo::MAP_IDX) => RelocKind::Map(MapId(map)),
                (Some(map), pseudo::MAP_IDX_VALUE) => RelocKind::MapValue(MapId(map)),
                _ => continue,
            };
            relocs.push(Reloc { slot, kind });
        }
        let (notes, labels, takes) = (Notes::default(), BTreeMap::new(), BTreeMap::new());
        Self { code, relocs, maps, notes, labels, takes }
    }

    /// The code with descriptors in place of map numbers, as `bpf(2)` takes it.
    ///
    /// `fd` is asked once for each reloc; one that lies outside the code is passed over.
    pub fn link(&self, mut fd: impl FnMut(MapId) -> i32) -> Vec<RawInsn> {
        let mut code = self.code.clone();
        for reloc in &self.relocs {
            let Some(slot) = code.get_mut(reloc.slot) else { continue };
            let source = match reloc.kind {
                RelocKind::Map(_) => pseudo::MAP_FD,
                RelocKind::MapValue(_) => pseudo::MAP_VALUE,
            };
            *slot = RawInsn::new(slot.op, slot.dst(), source, slot.off, fd(reloc.kind.map()));
        }
        code
    }

    /// The note that holds at a slot, as the verifier counts them.
    pub fn note_at(&self, slot: usize) -> Option<&Note> {
        self.notes.at(slot)
    }

    /// The code, not linked, as a machine of this order has it.
    pub fn to_bytes(&self, order: ByteOrder) -> Vec<u8> {
        self.code.iter().flat_map(|raw| raw.to_bytes(order)).collect()
    }

    /// The code, not linked, as text: a line for each slot, its bytes in that order as sixteen
    /// hexadecimal digits.
    pub fn hex(&self, order: ByteOrder) -> impl fmt::Display + '_ {
        fmt::from_fn(move |f| {
            let mut slots = self.code.iter().map(|raw| raw.to_bytes(order));
            slots.try_for_each(|bytes| writeln!(f, "{:016x}", u64::from_be_bytes(bytes)))
        })
    }

    /// How many slots there are.
    pub fn len(&self) -> usize {
        self.code.len()
    }

    /// Whether there is no slot, which no program encodes to.
    pub fn is_empty(&self) -> bool {
        self.code.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::map::{MapFlags, MapKind};

    #[test]
    fn code_that_names_maps_by_index_has_a_reloc_for_each_and_none_for_what_only_looks_like_one() {
        let decl = |name: &str| MapDecl {
            name: name.to_owned(),
            kind: MapKind::Array,
            key_size: 4,
            value_size: 8,
            max_entries: 1,
            flags: MapFlags::NONE,
        };
        let load = |source, imm| RawInsn::new(LOAD_IMM64, 1, source, 0, imm);
        let half = RawInsn::default();
        let code = vec![
            load(pseudo::MAP_IDX, 1),
            half,
            load(pseudo::MAP_IDX_VALUE, 0),
            // The second half of the load before it, whatever it holds.
            load(pseudo::MAP_IDX, 1),
            load(pseudo::MAP_IDX, 2),
            half,
            load(pseudo::CONST, 0),
            half,
        ];
        let image = Image::new(code, vec![decl("a"), decl("b")]);
        let kinds: Vec<_> = image.relocs.iter().map(|reloc| (reloc.slot, reloc.kind)).collect();
        assert_eq!(kinds, [(0, RelocKind::Map(MapId(1))), (2, RelocKind::MapValue(MapId(0)))]);
        let linked = image.link(|map| 40 + i32::try_from(map.index()).expect("small"));
        assert_eq!((linked[0].src(), linked[0].imm), (pseudo::MAP_FD, 41));
        assert_eq!((linked[2].src(), linked[2].imm), (pseudo::MAP_VALUE, 40));
    }
}
