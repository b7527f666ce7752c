//! A cell in which a program of a test counts the packets that it gets.

use palisade_asm::{Assembler, MapDecl, MapFlags, MapId, MapKind, R1, R2, Size};

/// The map of the cell.
pub fn cell() -> MapDecl {
    MapDecl {
        name: "hits".to_owned(),
        kind: MapKind::Array,
        key_size: 4,
        value_size: 8,
        max_entries: 1,
        flags: MapFlags::NONE,
    }
}

/// Counts one packet, on one CPU at a time. Clobbers R1 and R2.
pub fn count(a: &mut Assembler, cell: MapId) {
    a.load_map_value(R1, cell, 0).load(Size::D, R2, R1 + 0).add(R2, 1).store(Size::D, R1 + 0, R2);
}
