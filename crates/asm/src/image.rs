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
use crate::opcode::pseudo;
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
}

impl Image {
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
