//! Look-ups in sets, and the counting of the entries that are hit.
//!
//! A look-up falls through when an entry covers the packet and goes to `miss` when none does, or
//! none any more: an entry past its time is no entry. Behind it, R0 tells the hit.

use palisade_asm::{
    Assembler, AtomicOp, ByteOrder, Cond, FP, Helper, Label, MapId, R0, R1, R2, R3, Size,
};

use super::flat;
use super::flat6;
use super::frame::{AddressSlot, COPY, DPORT, KEY, LEN, PROTOCOL, SAVED, Slot};
use super::key;
use super::verdict::add_to_counters;
use crate::plan::Control;
use crate::policy::{Class, EntryCounters, Lane, Protocol};
use crate::structure::flat::Part;
use crate::structure::{ENTRY_UNTIL, service};
use crate::value::{Family, SetKind};

/// The maps of a set within the program.
#[derive(Clone)]
pub struct SetMaps {
    /// In the order of [`crate::structure::maps`].
    pub maps: Vec<MapId>,
    /// What it holds.
    pub kind: SetKind,
    /// Whether hits are counted.
    pub counters: EntryCounters,
    /// The function that looks IPv6 addresses up in a `net` set.
    pub function: Label,
}

impl SetMaps {
    /// What is hit in a `net` set that counts hits.
    pub fn numbered(&self) -> Hit {
        Hit::Numbered { hits: self.part(Part::Hits), head: self.part(Part::Head) }
    }

    /// The map of a part of a `net` set.
    pub fn part(&self, part: Part) -> MapId {
        self.maps[part.index()]
    }
}

/// What R0 is behind a look-up.
#[derive(Clone, Copy)]
pub enum Hit {
    /// The pointer to the entry.
    Entry,
    /// The number of an entry of a `net` set; its counters are in the first map, and the second one
    /// says where.
    Numbered {
        /// The map of the counters.
        hits: MapId,
        /// The head of the set.
        head: MapId,
    },
    /// A service's slot; its counters are in this map.
    Service(MapId),
    /// The number of an entry that is not counted.
    Uncounted,
}

/// Looks the address up in a `net` or `host` set.
pub fn address_in(
    a: &mut Assembler,
    order: ByteOrder,
    control: MapId,
    family: Family,
    set: &SetMaps,
    slot: AddressSlot,
    miss: Label,
) -> Hit {
    if set.kind == SetKind::Host {
        host_key(a, order, family, slot);
        return hashed_in(a, control, set, COPY, miss);
    }
    match family {
        Family::V4 => flat::address4(a, control, set, slot, miss),
        Family::V6 => flat6::address6(a, control, set, slot, miss),
    }
    match set.counters {
        EntryCounters::On => set.numbered(),
        EntryCounters::Off => Hit::Uncounted,
    }
}

/// Looks the Ethernet address up in a `mac` set.
pub fn mac_in(a: &mut Assembler, control: MapId, set: &SetMaps, slot: Slot, miss: Label) -> Hit {
    hashed_in(a, control, set, slot, miss)
}

/// The key of an address in a `host` set.
pub fn host_key(a: &mut Assembler, order: ByteOrder, family: Family, slot: AddressSlot) {
    key::address(a, order, family, slot, family.bits().into());
}

/// Looks a key up in a set that is a hash.
fn hashed_in(a: &mut Assembler, control: MapId, set: &SetMaps, slot: Slot, miss: Label) -> Hit {
    let hit = a.label("in set");
    look_up(a, set.maps[0], slot);
    a.jump_if(R0, Cond::Eq, 0, miss);
    alive(a, control, ENTRY_UNTIL, hit);
    a.jump(miss);
    a.place(hit);
    Hit::Entry
}

/// Looks destination port and protocol up in a `service` set.
pub fn service_in(
    a: &mut Assembler,
    control: MapId,
    lanes: &[Lane],
    set: &SetMaps,
    miss: Label,
) -> Hit {
    let [table, items, hits] = [set.maps[0], set.maps[1], set.maps[2]];
    look_up(a, table, DPORT);
    a.jump_if(R0, Cond::Eq, 0, miss);
    a.load(Size::D, R0, R0 + 0);
    a.jump_if(R0, Cond::Eq, 0, miss);
    slot_of_protocol(a, lanes);
    a.and(R0, 0xffff).jump_if(R0, Cond::Eq, 0, miss);
    KEY.store(a, R0);
    let hit = a.label("service");
    look_up(a, items, KEY);
    a.jump_if(R0, Cond::Eq, 0, miss);
    alive(a, control, service::ITEM_UNTIL, hit);
    a.jump(miss);
    a.place(hit);
    KEY.load(a, R0);
    Hit::Service(hits)
}

/// Shifts the cell of a port in R0 to the slot of the packet's protocol.
fn slot_of_protocol(a: &mut Assembler, lanes: &[Lane]) {
    if let [lane] = lanes {
        // These lanes have the same protocol in either version of IP.
        let protocol = lane.protocol(Class::Ip4);
        let shift =
            protocol.and_then(service::shift).expect("only lanes with ports look services up");
        if shift > 0 {
            a.rsh(R0, i32::try_from(shift).expect("a few bits"));
        }
        return;
    }
    let found = a.label("service cell");
    PROTOCOL.load(a, R1);
    let (last, others) = Protocol::WITH_PORTS.split_last().expect("three protocols");
    for protocol in others {
        a.jump_if(R1, Cond::Eq, i32::from(protocol.0), found);
        a.rsh(R0, 16);
    }
    debug_assert_eq!(service::shift(*last), Some(32));
    a.place(found);
}

/// Goes to `hit` unless the entry at R0 is past its time, which stands at `until` in it.
fn alive(a: &mut Assembler, control: MapId, until: i16, hit: Label) {
    a.load(Size::D, R1, R0 + until);
    a.jump_if(R1, Cond::Eq, 0, hit);
    let [entry, ..] = SAVED;
    entry.store(a, R0);
    now(a, control);
    a.mov(R2, R0);
    entry.load(a, R0);
    a.load(Size::D, R1, R0 + until);
    a.jump_if(R1, Cond::Gt, R2, hit);
}

/// The time of `CLOCK_MONOTONIC` in nanoseconds, by ticks, into R0. Clobbers R1 to R5.
pub fn now(a: &mut Assembler, control: MapId) {
    let [first, tick] =
        [Control::FIRST_TICK, Control::TICK].map(|at| i16::try_from(at).expect("a small value"));
    a.call(Helper::JIFFIES64);
    a.load_map_value(R3, control, 0).load(Size::D, R1, R3 + first).load(Size::D, R2, R3 + tick);
    a.sub(R0, R1).mul(R0, R2);
}

/// Looks up the key in `key`; R0 is the pointer to the value or 0 behind it.
pub fn look_up(a: &mut Assembler, map: MapId, key: Slot) {
    a.load_map(R1, map).mov(R2, FP).add(R2, key.off()).call(Helper::MAP_LOOKUP_ELEM);
}

/// Counts the packet in the hit in R0.
pub fn count(a: &mut Assembler, hit: Hit) {
    match hit {
        Hit::Entry => count_entry(a),
        Hit::Numbered { hits, head } => flat::count(a, hits, head),
        Hit::Uncounted => {}
        Hit::Service(hits) => {
            let uncounted = a.label("service counted");
            KEY.store(a, R0);
            look_up(a, hits, KEY);
            a.jump_if(R0, Cond::Eq, 0, uncounted);
            add_to_counters(a);
            a.place(uncounted);
        }
    }
}

/// Counts the packet in the entry at R0, which other CPUs may be counting in too.
fn count_entry(a: &mut Assembler) {
    a.mov(R1, 1);
    a.atomic(AtomicOp::Add, Size::D, R0 + 0, R1);
    a.atomic(AtomicOp::Add, Size::D, R0 + 8, LEN);
}
