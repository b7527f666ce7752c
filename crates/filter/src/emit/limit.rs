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

use super::frame::{AddressPlace, COPY, DST, LEN, SAVED, SRC, Slot};
use super::key;
use super::rules::Rules;
use super::sets::look_up;
use crate::plan::{Cost, LimitPlace, PRICE_BITS, RowId, UNIT_BITS, room};
use crate::policy::{Limit, LimitKey, Prefixes};
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
            LimitKey::Flow => key::flow(a, self.plan.target.order, self.class, self.lanes),
            LimitKey::Whole => unreachable!("it has no key"),
        }
    }

    /// The first bits of an address.
    fn prefix(&self, a: &mut Assembler, place: AddressPlace, prefixes: Prefixes) -> Slot {
        let family = self.class.family().expect("keys imply IP");
        let bits = match family {
            Family::V4 => prefixes.v4.unwrap_or(32),
            Family::V6 => prefixes.v6.unwrap_or(128),
        };
        key::address(a, self.plan.target.order, family, place.of(family), bits.into());
        COPY
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
