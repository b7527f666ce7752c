//! Whether a packet is over the limit of a rule that its terms have matched.
//!
//! A key has one time, from which on nothing is owed: see `plan::limits`. It is read, compared and
//! written back without a lock. What other CPUs let by for the same key between the reading and the
//! writing, some nanoseconds, is forgotten; under one CPU nothing is.
//!
//! A time lies in the past wherever it is not within two years to come, so that a key of which
//! nothing was seen for years owes nothing. Nor does a time of 0, with which a limit as a whole begins.

use palisade_asm::{
    Assembler, Cond as If, FP, Helper, Label, MapId, R0, R1, R2, R3, R4, R8, Reg, Size,
};

use super::event::knows_protocol;
use super::frame::{AddressPlace, COPY, DPORT, DST, FLOW, LEN, PROTOCOL, SAVED, SPORT, SRC, Slot};
use super::rules::Rules;
use super::sets::{look_up, version};
use crate::plan::{Cost, LimitPlace, PRICE_BITS, RowId, UNIT_BITS, room};
use crate::policy::{Lane, Limit, LimitKey, Prefixes};
use crate::value::Family;

/// The maps of limits within the program.
pub struct LimitMaps {
    /// That of limits as a whole, where there are such.
    pub whole: Option<MapId>,
    /// Those of keys.
    pub keyed: Vec<MapId>,
}

/// The value of the key.
const VALUE: Reg = R8;
/// `BPF_ANY`.
const ANY: i32 = 0;
/// A time that is further ahead has the bits above this one set, and is past.
const AHEAD_BITS: i32 = 62;

impl Rules<'_> {
    /// Goes to `under` unless the packet is over the limit of the rule in `row`.
    pub fn limit(&self, a: &mut Assembler, row: RowId, limit: &Limit, under: Label) {
        let (over, fresh) = (a.label("over the limit"), a.label("fresh key"));
        let keyed = match self.plan.limits.place_of(row) {
            LimitPlace::Whole(at) => {
                let map = self.maps.limits.whole.expect("the plan has a map for it");
                a.load_map_value(VALUE, map, at);
                None
            }
            LimitPlace::Keyed(at) => {
                let (map, key) = (self.maps.limits.keyed[at], self.key(a, limit.key()));
                look_up(a, map, key);
                a.jump_if(R0, If::Eq, 0, fresh).mov(VALUE, R0);
                Some((map, key))
            }
        };
        let owed = a.label("owed");
        now(a);
        a.load(Size::D, R1, VALUE + 0).jump_if(R1, If::Eq, 0, owed).sub(R1, R0);
        a.mov(R2, R1).rsh(R2, AHEAD_BITS).jump_if(R2, If::Eq, 0, owed);
        a.mov(R1, 0).place(owed);
        put_off(a, limit, over);
        a.store(Size::D, VALUE + 0, R1).jump(under);
        if let Some((map, key)) = keyed {
            let [new, ..] = SAVED;
            a.place(fresh);
            now(a);
            a.mov(R1, 0);
            put_off(a, limit, over);
            new.store(a, R1);
            a.load_map(R1, map).mov(R2, FP).add(R2, key.off()).mov(R3, FP).add(R3, new.off());
            a.mov(R4, ANY).call(Helper::MAP_UPDATE_ELEM).jump(under);
        }
        a.place(over);
    }

    /// The key of the packet, in its place.
    fn key(&self, a: &mut Assembler, key: LimitKey) -> Slot {
        match key {
            LimitKey::Source(prefixes) => self.prefix(a, SRC, prefixes),
            LimitKey::Destination(prefixes) => self.prefix(a, DST, prefixes),
            LimitKey::Flow => self.flow(a),
            LimitKey::Whole => unreachable!("it has no key"),
        }
    }

    /// The prefix of an address, and the version of IP.
    fn prefix(&self, a: &mut Assembler, place: AddressPlace, prefixes: Prefixes) -> Slot {
        let (family, order) = (self.class.family().expect("keys imply IP"), self.plan.target.order);
        let addr = place.of(family).addr;
        match family {
            Family::V4 => {
                let bits = u32::from(prefixes.v4.unwrap_or(32));
                let mask = u32::MAX.checked_shl(32 - bits).unwrap_or(0);
                addr.load(a, R1);
                if bits < 32 {
                    a.and(R1, order.imm32(mask.to_be_bytes()));
                }
                a.store(Size::W, COPY.at(0), R1).store(Size::W, COPY.at(4), 0);
                a.store(Size::D, COPY.at(8), 0);
            }
            Family::V6 => {
                let bits = u32::from(prefixes.v6.unwrap_or(128));
                for (half, at) in [(0, 0), (64, 8)] {
                    let bits = bits.saturating_sub(half).min(64);
                    let mask = u64::MAX.checked_shl(64 - bits).unwrap_or(0);
                    a.load(Size::D, R1, addr.at(at));
                    if bits < 64 {
                        a.load_imm64(R2, order.read64(mask.to_be_bytes())).and(R1, R2);
                    }
                    a.store(Size::D, COPY.at(at), R1);
                }
            }
        }
        a.store(Size::W, COPY.at(16), version(family));
        COPY
    }

    /// Addresses, ports, protocol and version of IP: the addresses are where they stand, and the rest
    /// is put behind them.
    fn flow(&self, a: &mut Assembler) -> Slot {
        let family = self.class.family().expect("keys imply IP");
        if family == Family::V4 {
            for place in [DST, SRC] {
                let addr = place.of(Family::V4).addr;
                a.store(Size::W, addr.at(-4), 0).store(Size::D, addr.at(4), 0);
            }
        }
        match self.lanes[0] {
            Lane::Tcp | Lane::Udp | Lane::Sctp => {
                SPORT.load(a, R1);
                DPORT.load(a, R2);
                a.lsh(R1, 16).or(R1, R2).store(Size::W, COPY.at(0), R1);
            }
            Lane::Icmp | Lane::Other | Lane::LaterFragment => {
                a.store(Size::W, COPY.at(0), 0);
            }
        }
        match self.lanes {
            [lane] if lane.protocol(self.class).is_some() => {
                let number = lane.protocol(self.class).map_or(0, |own| i32::from(own.0));
                a.store(Size::W, COPY.at(4), number << 8 | version(family));
            }
            lanes if !knows_protocol(self.class, lanes) => {
                a.store(Size::W, COPY.at(4), version(family));
            }
            _ => {
                PROTOCOL.load(a, R1);
                a.lsh(R1, 8).or(R1, version(family)).store(Size::W, COPY.at(4), R1);
            }
        }
        FLOW
    }
}

/// The time into R0.
fn now(a: &mut Assembler) {
    a.call(Helper::KTIME_GET_NS).lsh(R0, UNIT_BITS.cast_signed());
}

/// What is owed, in R1, grows by what the packet costs, and is a time then; or goes to `over` where
/// that is beyond the burst. The time is in R0.
fn put_off(a: &mut Assembler, limit: &Limit, over: Label) {
    match Cost::of(limit.rate()) {
        Cost::Packet(cost) => {
            a.load_imm64(R2, cost);
        }
        Cost::Byte(price) => {
            a.load_imm64(R2, price).mul(R2, LEN).rsh(R2, PRICE_BITS.cast_signed());
        }
    }
    a.add(R1, R2).load_imm64(R3, room(limit)).jump_if(R1, If::Gt, R3, over).add(R1, R0);
}
