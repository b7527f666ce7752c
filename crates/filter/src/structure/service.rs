//! A `service` set: which item a protocol and port belong to, in one load.
//!
//! Three maps. The *table* (the set's own name) has a cell for each port; a cell holds three slots
//! of 16 bits, one a protocol, and slot 0 means none, so that the cell of a port without any item is 0. The *items* (`:items`) say what stands in
//! each slot. The *hits* (`:hits`) count packets and bytes by slot and CPU. A table of slots costs
//! one load, as a bitmap would, and gives every item counters of its own.
//!
//! Invariant: the table is [`paint`] of the items. Where items overlap, the one that ends last has
//! the port, and of those that end together the narrowest: when the time of the one that is found
//! is past, so is that of every other. An editor marks the items dirty (slot 0) before it
//! changes them and clean when the table agrees again, so that the next one can tell that an edit
//! was cut short, and paints everything.

use std::cmp::{Ordering, Reverse};

use palisade_asm::btf::{Layout, MapLayout};
use palisade_asm::{MapDecl, MapFlags, MapKind};

use super::{HITS_SIZE, Stamp, cover, hits_layout};
use crate::policy::Protocol;
use crate::value::{PortRange, Service, Transport};

/// Ports there are, and cells of a table.
pub const PORTS: usize = 65536;

/// Bytes of a slot of the items: the item by [`encode`], its [`super::Stamp`], and until
/// when it matches, a time of `CLOCK_MONOTONIC` in nanoseconds or 0 for never; each a `u64` of the
/// machine.
pub const ITEM_SIZE: u32 = 24;
/// Where in a slot of the items stands until when it matches.
pub const ITEM_UNTIL: i16 = 16;

/// The name of the map of items.
pub fn items_name(set: &str) -> String {
    format!("{set}:items")
}

/// The maps of a set: table, items, hits.
pub fn maps(set: &str, max: u32) -> [MapDecl; 3] {
    let array = |name: String, kind, value_size, max_entries| MapDecl {
        name,
        kind,
        key_size: 4,
        value_size,
        max_entries,
        flags: MapFlags::NONE,
    };
    [
        array(set.to_owned(), MapKind::Array, 8, 65536),
        array(items_name(set), MapKind::Array, ITEM_SIZE, max + 1),
        array(format!("{set}:hits"), MapKind::PerCpuArray, HITS_SIZE, max + 1),
    ]
}

/// What those maps hold: the slots of each protocol's item by port, the items by slot, and their
/// counters by slot.
pub fn layouts() -> [MapLayout; 3] {
    let cell = Layout::word("slots", [("tcp", 16), ("udp", 16), ("sctp", 16), ("", 16)]);
    let item = Layout::word("service", [("protocol", 8), ("", 8), ("first", 16), ("last", 16)]);
    let item = Layout::fields(
        "item",
        [("service", item), ("stamp", Stamp::layout()), ("until", Layout::U64)],
    );
    [cell, item, hits_layout()].map(MapLayout::array)
}

/// The bits by which a cell is shifted for the slot of a protocol with ports.
pub fn shift(protocol: Protocol) -> Option<u32> {
    (0u32..).zip(Protocol::WITH_PORTS).find(|(_, p)| *p == protocol).map(|(i, _)| i * 16)
}

/// What stands in slot 0 of the items while an edit is under way.
pub const DIRTY: u64 = 1;

/// An item as its slot holds it: protocol in bits 0 to 7, first port in 16 to 31, last in 32 to
/// 47. No item is 0.
pub fn encode(item: &Service) -> u64 {
    let transport = match item.transport {
        Transport::Tcp => 1,
        Transport::Udp => 2,
        Transport::Sctp => 3,
        Transport::Any => 4,
    };
    transport | u64::from(item.ports.first()) << 16 | u64::from(item.ports.last()) << 32
}

/// The item that a slot holds; `None` where it is empty or not one that [`encode`] makes.
pub fn decode(slot: u64) -> Option<Service> {
    let [transport, zero, a, b, c, d, e, f] = slot.to_le_bytes();
    let transport = match transport {
        1 => Transport::Tcp,
        2 => Transport::Udp,
        3 => Transport::Sctp,
        4 => Transport::Any,
        _ => return None,
    };
    let ports = PortRange::new(u16::from_le_bytes([a, b]), u16::from_le_bytes([c, d]))?;
    ([zero, e, f] == [0; 3]).then_some(Service { transport, ports })
}

/// An item in its place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Placed {
    /// Its slot, not 0.
    pub slot: u16,
    /// The item.
    pub item: Service,
    /// Until when it matches; 0 for ever.
    pub until: u64,
}

impl Placed {
    /// Which of two items has the ports that both cover: the greater one.
    pub fn precedence(&self, other: &Self) -> Ordering {
        let narrow = |placed: &Self| (Reverse(width(&placed.item)), placed.item);
        cover::order(self.until, other.until).then_with(|| narrow(self).cmp(&narrow(other)))
    }
}

/// Every cell of the table for `items`.
pub fn paint(items: &[Placed]) -> Vec<u64> {
    let mut order = items.to_vec();
    // Whoever has a port paints over those that do not.
    order.sort_by(Placed::precedence);
    let mut cells = vec![0; PORTS];
    for Placed { slot, item, .. } in order {
        for (shift, transport) in [0, 16, 32].into_iter().zip(Transport::EACH) {
            if item.transport.covers(transport) {
                let range = usize::from(item.ports.first())..=usize::from(item.ports.last());
                for cell in &mut cells[range] {
                    *cell = *cell & !(0xffff << shift) | u64::from(slot) << shift;
                }
            }
        }
    }
    cells
}

/// How many pairs of protocol and port an item covers.
pub fn width(item: &Service) -> u32 {
    let protocols = if item.transport == Transport::Any { 3 } else { 1 };
    protocols * item.ports.count()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn item(text: &str) -> Service {
        text.parse().expect(text)
    }

    fn placed(slot: u16, text: &str, until: u64) -> Placed {
        Placed { slot, item: item(text), until }
    }

    fn slot(cells: &[u64], protocol: Protocol, port: usize) -> u64 {
        cells[port] >> shift(protocol).expect("has ports") & 0xffff
    }

    #[test]
    fn items_survive_their_encoding() {
        for text in ["tcp/0", "udp/53", "sctp/1-65535", "any/0-65535"] {
            assert_eq!(decode(encode(&item(text))), Some(item(text)));
        }
    }

    #[test]
    fn what_no_item_encodes_to_is_none() {
        let reversed = 1 | 9 << 16 | 8 << 32;
        for slot in [0, DIRTY << 8, 5, reversed, 1 | 1 << 48, 1 | 1 << 8] {
            assert_eq!(decode(slot), None, "{slot:#x}");
        }
    }

    #[test]
    fn the_narrowest_item_has_the_port_whatever_the_order() {
        let mut items =
            vec![placed(1, "any/0-65535", 0), placed(2, "tcp/80-90", 0), placed(3, "tcp/80", 0)];
        for _ in 0..2 {
            let cells = paint(&items);
            assert_eq!(slot(&cells, Protocol::TCP, 80), 3);
            assert_eq!(slot(&cells, Protocol::TCP, 81), 2);
            assert_eq!(slot(&cells, Protocol::TCP, 91), 1);
            assert_eq!(slot(&cells, Protocol::UDP, 80), 1);
            items.reverse();
        }
    }

    #[test]
    fn the_item_that_ends_last_has_the_port() {
        for (narrow, wide, want) in
            [(5, 0, 2), (0, 5, 1), (5, 9, 2), (9, 5, 1), (5, 5, 1), (0, 0, 1)]
        {
            let cells = paint(&[placed(1, "tcp/80", narrow), placed(2, "tcp/0-100", wide)]);
            assert_eq!(slot(&cells, Protocol::TCP, 80), want, "{narrow} {wide}");
            assert_eq!(slot(&cells, Protocol::TCP, 81), 2);
        }
    }

    #[test]
    fn tcp_and_udp_are_apart() {
        let cells = paint(&[placed(1, "udp/53", 0), placed(2, "tcp/80", 0)]);
        assert_eq!(slot(&cells, Protocol::UDP, 53), 1);
        assert_eq!(slot(&cells, Protocol::TCP, 53), 0);
        assert_eq!(slot(&cells, Protocol::TCP, 80), 2);
        assert_eq!(slot(&cells, Protocol::UDP, 80), 0);
    }
}
