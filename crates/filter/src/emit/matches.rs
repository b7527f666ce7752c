//! The tests of a rule, and the counting of the entries that it hits.
//!
//! A test falls through when it is true and goes to `miss` when it is not. Entries are counted
//! only when all tests of the rule are true: until then a hit is kept aside.

use palisade_asm::{AluOp, Assembler, AtomicOp, Cond, FP, Helper, Label, MapId, R0, R1, R2, Size};

use super::frame::{AddressSlot, DPORT, DST, HITS, LEN, ND, PROTOCOL, SPORT, SRC, Slot};
use super::verdict::add_to_counters;
use crate::plan::{ByteOrder, Step};
use crate::policy::{Class, EntryCounters, Protocol, SetId, Side, Term};
use crate::structure::{self, NetPart, service};
use crate::value::{Family, PortRange, Prefix};

/// The maps of a set within the program.
#[derive(Clone)]
pub struct SetMaps {
    /// In the order of [`structure::maps`].
    pub maps: Vec<MapId>,
    /// Whether hits are counted.
    pub counters: EntryCounters,
}

/// What the tests of a way need to know.
pub struct Matcher<'a> {
    /// The order of bytes.
    pub order: ByteOrder,
    /// The class of the frames.
    pub class: Class,
    /// The sets of the policy, by [`SetId`].
    pub sets: &'a [SetMaps],
}

/// A hit that waits for the rest of its rule.
struct Hit {
    kind: HitKind,
    kept: Slot,
}

#[derive(Clone, Copy)]
enum HitKind {
    /// The slot holds a pointer to the entry's counters.
    Net,
    /// The slot holds a service's slot; its counters are in this map.
    Service(MapId),
}

impl Matcher<'_> {
    /// All tests of `step`; falls through when they are true and the hits are counted.
    pub fn step(&self, a: &mut Assembler, step: &Step<'_>, miss: Label) {
        let mut hits: Vec<Hit> = Vec::new();
        for (at, test) in step.tests.iter().enumerate() {
            let Some((set, kind)) = self.test(a, test, miss) else { continue };
            if self.sets[set.index()].counters == EntryCounters::Off {
                continue;
            }
            let last = at + 1 == step.tests.len();
            if let (true, HitKind::Net) = (last, kind) {
                count_entry(a);
            } else {
                let kept = HITS[hits.len()];
                kept.store(a, R0);
                hits.push(Hit { kind, kept });
            }
        }
        for hit in hits {
            count(a, &hit);
        }
    }

    /// One test. Where it looks into a set, its hit is in R0 behind it: the pointer to the
    /// counters of a `net` entry, or a service's slot.
    fn test(&self, a: &mut Assembler, test: &Term, miss: Label) -> Option<(SetId, HitKind)> {
        match test {
            // Every frame that comes here is one.
            Term::Family(_) | Term::Arp => {}
            Term::Protocol(protocol) => is_protocol(a, *protocol, miss),
            Term::Icmp => is_protocol(a, Protocol::ICMP, miss),
            Term::Icmp6 => is_protocol(a, Protocol::ICMPV6, miss),
            Term::Nd => {
                ND.load(a, R1);
                a.jump_if(R1, Cond::Eq, 0, miss);
            }
            Term::Port(side, range) => port(a, *side, *range, miss),
            Term::Address(side, prefix) => self.address(a, *side, prefix, miss),
            Term::AddressIn(side, set) => {
                self.address_in(a, *side, *set, miss);
                return Some((*set, HitKind::Net));
            }
            Term::ServiceIn(set) => {
                self.service_in(a, *set, miss);
                return Some((*set, HitKind::Service(self.service_hits(*set))));
            }
        }
        None
    }

    /// Compares the fixed bits of the address, a word at a time.
    fn address(&self, a: &mut Assembler, side: Side, prefix: &Prefix, miss: Label) {
        let v4 = structure::octets4(prefix);
        let octets: Vec<u8> = match (v4, structure::octets6(prefix)) {
            (Some(v4), _) => v4.to_vec(),
            (None, v6) => v6.unwrap_or_default().to_vec(),
        };
        let mut bits = u32::from(prefix.len());
        for (word, at) in octets.chunks_exact(4).zip((0i16..).step_by(4)) {
            if bits == 0 {
                break;
            }
            a.load(Size::W, R1, address_slot(side).addr.at(at));
            if bits < 32 {
                let mask = (u32::MAX << (32 - bits)).to_be_bytes();
                a.alu32(AluOp::And, R1, self.order.imm32(mask));
            }
            let word = [word[0], word[1], word[2], word[3]];
            a.jump32_if(R1, Cond::Ne, self.order.imm32(word), miss);
            bits = bits.saturating_sub(32);
        }
    }

    /// Looks the address up; R0 points to the entry's counters behind it.
    fn address_in(&self, a: &mut Assembler, side: Side, set: SetId, miss: Label) {
        let family = if self.class == Class::Ip4 { Family::V4 } else { Family::V6 };
        let maps = &self.sets[set.index()].maps;
        let (hosts, nets) = (NetPart::hosts(family), NetPart::nets(family));
        let (no_hosts, hit) = (a.label("no such host"), a.label("in set"));
        let fill = maps[NetPart::ALL.len()];
        let slot = address_slot(side);
        skip_if_empty(a, fill, hosts, no_hosts);
        look_up(a, maps[hosts.index()], slot.addr);
        a.jump_if(R0, Cond::Ne, 0, hit);
        a.place(no_hosts);
        skip_if_empty(a, fill, nets, miss);
        look_up(a, maps[nets.index()], slot.bits);
        a.jump_if(R0, Cond::Eq, 0, miss);
        a.place(hit);
    }

    /// Looks the port and protocol up; R0 is the slot of the service behind it. Without ports the
    /// key lies beyond the table.
    fn service_in(&self, a: &mut Assembler, set: SetId, miss: Label) {
        let found = a.label("service cell");
        look_up(a, self.sets[set.index()].maps[0], DPORT);
        a.jump_if(R0, Cond::Eq, 0, miss);
        a.load(Size::D, R0, R0 + 0);
        a.jump_if(R0, Cond::Eq, 0, miss);
        PROTOCOL.load(a, R1);
        let (last, others) = Protocol::WITH_PORTS.split_last().expect("three protocols");
        for protocol in others {
            a.jump_if(R1, Cond::Eq, i32::from(protocol.0), found);
            a.rsh(R0, 16);
        }
        debug_assert_eq!(service::shift(*last), Some(32));
        a.place(found);
        a.and(R0, 0xffff).jump_if(R0, Cond::Eq, 0, miss);
    }

    fn service_hits(&self, set: SetId) -> MapId {
        let maps = &self.sets[set.index()].maps;
        maps[maps.len() - 1]
    }
}

fn address_slot(side: Side) -> AddressSlot {
    match side {
        Side::Source => SRC,
        Side::Destination => DST,
    }
}

fn is_protocol(a: &mut Assembler, protocol: Protocol, miss: Label) {
    PROTOCOL.load(a, R1);
    a.jump_if(R1, Cond::Ne, i32::from(protocol.0), miss);
}

/// No port is a number above every range.
fn port(a: &mut Assembler, side: Side, range: PortRange, miss: Label) {
    let slot = match side {
        Side::Source => SPORT,
        Side::Destination => DPORT,
    };
    let (first, last) = (i32::from(range.first()), i32::from(range.last()));
    slot.load(a, R1);
    if first == last {
        a.jump_if(R1, Cond::Ne, first, miss);
        return;
    }
    if first > 0 {
        a.jump_if(R1, Cond::Lt, first, miss);
    }
    a.jump_if(R1, Cond::Gt, last, miss);
}

/// Goes to `empty` if the set has no entry in `part`.
fn skip_if_empty(a: &mut Assembler, fill: MapId, part: NetPart, empty: Label) {
    let offset = u32::try_from(part.index() * 8).unwrap_or(0);
    a.load_map_value(R1, fill, offset).load(Size::D, R1, R1 + 0);
    a.jump_if(R1, Cond::Eq, 0, empty);
}

/// Looks up the key in `key`; R0 is the pointer to the value or 0 behind it.
fn look_up(a: &mut Assembler, map: MapId, key: Slot) {
    a.load_map(R1, map).mov(R2, FP).add(R2, key.off()).call(Helper::MAP_LOOKUP_ELEM);
}

/// Counts the packet in a hit that was kept aside.
fn count(a: &mut Assembler, hit: &Hit) {
    hit.kept.load(a, R0);
    match hit.kind {
        HitKind::Net => count_entry(a),
        HitKind::Service(hits) => {
            let uncounted = a.label("service counted");
            hit.kept.lower().store(a, R0);
            look_up(a, hits, hit.kept.lower());
            a.jump_if(R0, Cond::Eq, 0, uncounted);
            add_to_counters(a);
            a.place(uncounted);
        }
    }
}

/// Counts the packet in the entry at R0, which other CPUs may be counting in too.
fn count_entry(a: &mut Assembler) {
    LEN.load(a, R2);
    a.mov(R1, 1);
    a.atomic(AtomicOp::Add, Size::D, R0 + 0, R1);
    a.atomic(AtomicOp::Add, Size::D, R0 + 8, R2);
}
