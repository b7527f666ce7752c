//! All constant tables of a plan, one behind the other in one value of one array map, so that the
//! program reaches them without a call and their number is not bounded by that of maps.

use palisade_asm::btf::{self, MapLayout};
use palisade_asm::{MapDecl, MapFlags, MapKind};

use super::table::{Layout, Table, TableId};
use palisade_asm::ByteOrder;

/// The name of the map that holds the tables.
pub const TABLES: &str = "_tables";

/// All tables of a plan, one behind the other.
#[derive(Clone, Debug, Default)]
pub struct Tables {
    all: Vec<Table>,
    bases: Vec<u32>,
    size: u32,
}

impl Tables {
    /// The tables, each behind the one before.
    pub fn of(all: Vec<Table>) -> Self {
        let (mut bases, mut size) = (Vec::new(), 0u32);
        for table in &all {
            bases.push(size);
            size = size.saturating_add(table.layout().size);
        }
        Self { all, bases, size }
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.all.is_empty()
    }

    /// Where the parts of a table stand in the value of the map.
    pub fn layout(&self, id: TableId) -> Layout {
        self.all[id.0].layout().moved(self.bases[id.0])
    }

    /// The map; none where there is no table.
    pub fn map(&self) -> Option<MapDecl> {
        (!self.is_empty()).then(|| MapDecl {
            name: TABLES.to_owned(),
            kind: MapKind::Array,
            key_size: 4,
            value_size: self.size,
            max_entries: 1,
            flags: MapFlags::NONE,
        })
    }

    /// What the map holds, where there is one.
    pub fn map_layout(&self) -> Option<MapLayout> {
        let value = btf::Layout::fields("tables", [("tables", btf::Layout::bytes(self.size))]);
        (!self.is_empty()).then(|| MapLayout::array(value))
    }

    /// What its value holds.
    pub fn bytes(&self, order: ByteOrder) -> Vec<u8> {
        self.all.iter().flat_map(|table| table.bytes(order)).collect()
    }
}
