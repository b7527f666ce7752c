//! A report of the packet: a record through the ring buffer, as far as the rate allows.
//!
//! The order is that of cost: a packet whose turn it is not, or that is over the rate, is done with
//! before anything of it is looked at. The rate is that of a token bucket, kept as the time from
//! which on the next report is on time; time is by ticks, which cost nothing to read. The record is
//! made in the CPU's own value and handed over whole, every byte of it written anew, so that nothing
//! of another packet is in it. A reader is woken at most once a tick and CPU.
//!
//! What a report tells of the packet is what rules may ask for: it reads slots. The bytes of the
//! packet are copied by the kernel, or behind a check of bounds.

use palisade_asm::{
    Assembler, Cond as If, Helper, Label, MapId, Mem, R0, R1, R2, R3, R4, R7, R8, Reg, Size,
};

use super::frame::{
    AddressPlace, CTX, DPORT, DST, FORGETFUL, ICMP, KEY, LEN, MODE, PROTOCOL, SPORT, SRC, Slot, ctx,
};
use super::packet;
use super::rules::Rules;
use super::sets::{look_up, now};
use super::verdict;
use crate::plan::{Access, Buffers, Events, Mode, Step, record, state};
use crate::policy::{Class, Lane, Report};
use crate::value::Family;

/// The maps of events within the program.
#[derive(Clone, Copy)]
pub struct EventMaps {
    /// The ring buffer.
    pub ring: MapId,
    /// What each CPU has of its own.
    pub state: MapId,
}

/// The value of this CPU, from which a record is handed over.
const STATE: Reg = R8;
/// How many bytes of the packet are copied; then how many are handed over.
const TAKEN: Reg = R7;

/// Nanoseconds of a second.
const SECOND: u32 = 1_000_000_000;
/// `BPF_RB_NO_WAKEUP`.
const NO_WAKEUP: i32 = 1;

impl Rules<'_> {
    /// Reports the packet that a rule has matched.
    pub fn report(&self, a: &mut Assembler, step: &Step, report: Report) {
        let (Some(events), Some(maps)) = (&self.plan.events, self.maps.events) else { return };
        let (held, done) = (a.label("over the rate"), a.label("reported"));
        KEY.store(a, 0);
        look_up(a, maps.state, KEY);
        a.jump_if(R0, If::Eq, 0, done).mov(STATE, R0);
        if let Some(turn) = events.turn_of(step.row) {
            take_turn(a, turn, report, done);
        }
        now(a, self.maps.control);
        in_time(a, events, held);
        wake(a);
        self.header(a, events, step);
        match report.snap() {
            0 => {
                a.store(Size::W, at(record::CAPTURED), 0).mov(TAKEN, i32::from(record::HEADER));
            }
            snap => {
                let snap = i16::try_from(snap).expect("few bytes of a packet are reported");
                self.bytes(a, snap);
                a.store(Size::W, at(record::CAPTURED), TAKEN);
                a.add(TAKEN, i32::from(record::HEADER));
            }
        }
        let sent = a.label("handed over");
        a.load_map(R1, maps.ring).mov(R2, STATE).add(R2, i32::from(state::RECORD));
        a.mov(R3, TAKEN);
        FORGETFUL.load(a, R4);
        a.call(Helper::RINGBUF_OUTPUT).jump_if(R0, If::Eq, 0, sent);
        count(a, state::LOST);
        a.jump(done).place(sent);
        count(a, state::SENT);
        a.jump(done).place(held);
        count(a, state::HELD);
        a.place(done);
    }

    /// All of the record but the bytes of the packet.
    fn header(&self, a: &mut Assembler, events: &Events, step: &Step) {
        a.call(Helper::KTIME_GET_NS).store(Size::D, at(record::TIME), R0);
        CTX.load(a, R1);
        for (from, to) in [(ctx::INTERFACE, record::INTERFACE), (ctx::QUEUE, record::QUEUE)] {
            a.load(Size::W, R2, R1 + from).store(Size::W, at(to), R2);
        }
        self.length(a);
        let verdict = step.action.verdict().map_or(record::NONE, |verdict| verdict.code());
        let rows = i32::from_ne_bytes(events.rows.to_ne_bytes());
        let numbers =
            [(record::ROWS, rows), (record::ROW, step.row.number()), (record::VERDICT, verdict)];
        for (to, number) in numbers {
            a.store(Size::W, at(to), number);
        }
        self.flags(a);
        self.addresses(a);
        self.protocol(a);
        let (sport, dport) = match self.lanes[0] {
            Lane::Tcp | Lane::Udp | Lane::Sctp => (Some(SPORT), Some(DPORT)),
            Lane::Icmp => (Some(ICMP), None),
            Lane::Other | Lane::LaterFragment => (None, None),
        };
        word(a, sport, record::SPORT);
        word(a, dport, record::DPORT);
    }

    /// The length of the frame, all its buffers together.
    fn length(&self, a: &mut Assembler) {
        let target = self.plan.target;
        if (target.buffers, target.access) == (Buffers::Multi, Access::Pointers) {
            a.call(Helper::XDP_GET_BUFF_LEN).store(Size::W, at(record::LENGTH), R0);
        } else {
            a.store(Size::W, at(record::LENGTH), LEN);
        }
    }

    /// What kind of record it is.
    fn flags(&self, a: &mut Assembler) {
        let flags = match self.lanes[0] {
            Lane::Tcp | Lane::Udp | Lane::Sctp => record::PORTS,
            Lane::Icmp => record::ICMP,
            Lane::Other | Lane::LaterFragment => 0,
        };
        let enforced = a.label("carried out");
        a.mov(R1, flags).jump_if(MODE, If::Eq, verdict::mode(Mode::Enforce), enforced);
        a.mov(R1, flags | record::SHADOW);
        a.place(enforced).store(Size::W, at(record::FLAGS), R1);
    }

    fn addresses(&self, a: &mut Assembler) {
        let family = self.class.family();
        let number = match family {
            None => 0,
            Some(Family::V4) => 4,
            Some(Family::V6) => 6,
        };
        a.store(Size::W, at(record::FAMILY), number);
        for (place, to) in [(SRC, record::SRC), (DST, record::DST)] {
            address(a, family.map(|family| (place, family)), to);
        }
    }

    fn protocol(&self, a: &mut Assembler) {
        let of_lane = |lane: Lane| lane.protocol(self.class);
        match self.lanes {
            [lane] if of_lane(*lane).is_some() => {
                let number = of_lane(*lane).map_or(0, |protocol| i32::from(protocol.0));
                a.store(Size::W, at(record::PROTOCOL), number);
            }
            _ if !knows_protocol(self.class, self.lanes) => {
                a.store(Size::W, at(record::PROTOCOL), record::NONE);
            }
            _ => word(a, Some(PROTOCOL), record::PROTOCOL),
        }
    }

    /// The first bytes of the packet behind the record, up to `snap`; how many they are into
    /// `TAKEN`.
    fn bytes(&self, a: &mut Assembler, snap: i16) {
        let (full, none, copied) = (a.label("long"), a.label("no bytes"), a.label("copied"));
        a.load(Size::W, R1, at(record::LENGTH)).mov(TAKEN, i32::from(snap));
        a.jump_if(R1, If::Gt, i32::from(snap), full).mov(TAKEN, R1).place(full);
        if self.plan.target.copies() {
            packet::copy(a, (STATE, BYTES), (TAKEN, snap), copied, none);
        } else {
            // Not `== 0`: before Linux 6.8 the verifier learns nothing from that.
            a.jump_if(TAKEN, If::Lt, 1, copied);
            CTX.load(a, R1);
            a.mov(R2, 0).mov(R3, STATE).add(R3, i32::from(BYTES)).mov(R4, TAKEN);
            a.call(Helper::XDP_LOAD_BYTES).jump_if(R0, If::Eq, 0, copied);
        }
        if a.wanted(none) || !self.plan.target.copies() {
            a.place(none).mov(TAKEN, 0);
        }
        a.place(copied);
    }
}

/// Where the bytes of the packet begin in the value.
const BYTES: i16 = state::RECORD + record::HEADER;

/// A place in the record.
fn at(off: i16) -> Mem {
    STATE + (state::RECORD + off)
}

/// Whether the packets of some lanes have a protocol that is known.
pub fn knows_protocol(class: Class, lanes: &[Lane]) -> bool {
    // What a later fragment of IPv6 says of its protocol is not to be believed.
    class == Class::Ip4 || class == Class::Ip6 && lanes != [Lane::LaterFragment]
}

/// A word of a slot, or zero.
fn word(a: &mut Assembler, slot: Option<Slot>, to: i16) {
    match slot {
        Some(slot) => {
            slot.load(a, R1);
            a.store(Size::W, at(to), R1);
        }
        None => {
            a.store(Size::W, at(to), 0);
        }
    }
}

/// Sixteen bytes: an address, and zeros.
fn address(a: &mut Assembler, from: Option<(AddressPlace, Family)>, to: i16) {
    match from {
        None => {
            a.store(Size::D, at(to), 0).store(Size::D, at(to + 8), 0);
        }
        Some((place, Family::V4)) => {
            place.of(Family::V4).addr.load(a, R1);
            a.store(Size::W, at(to), R1).store(Size::W, at(to + 4), 0);
            a.store(Size::D, at(to + 8), 0);
        }
        Some((place, Family::V6)) => {
            let addr = place.of(Family::V6).addr;
            for half in [0, 8] {
                a.load(Size::D, R1, addr.at(half)).store(Size::D, at(to + half), R1);
            }
        }
    }
}

/// Goes to `done` unless it is the turn of the packet; each CPU counts for itself.
fn take_turn(a: &mut Assembler, turn: i16, report: Report, done: Label) {
    let of = i32::try_from(report.one_in()).expect("turns are of few packets");
    a.load(Size::W, R1, STATE + turn).add(R1, 1).store(Size::W, STATE + turn, R1);
    a.jump_if(R1, If::Lt, of, done).store(Size::W, STATE + turn, 0);
}

/// Goes to `held` if the packet is over the rate; else the next report is due later. The time is in
/// R0, which is kept.
fn in_time(a: &mut Assembler, events: &Events, held: Label) {
    let interval = SECOND.div_ceil(events.rate);
    let [interval, burst] = [interval, (events.rate - 1) * interval]
        .map(|time| i32::try_from(time).expect("little more than a second"));
    let ahead = a.label("ahead");
    a.load(Size::D, R1, STATE + state::NEXT).jump_if(R1, If::Ge, R0, ahead);
    a.mov(R1, R0).place(ahead);
    a.mov(R2, R1).sub(R2, R0).jump_if(R2, If::Gt, burst, held);
    a.add(R1, interval).store(Size::D, STATE + state::NEXT, R1);
}

/// Whether to wake the reader, which is done with the first report of a tick, into a slot. The time
/// is in R0.
fn wake(a: &mut Assembler) {
    let woken = a.label("woken");
    FORGETFUL.store(a, NO_WAKEUP);
    a.load(Size::D, R1, STATE + state::WOKEN).jump_if(R1, If::Eq, R0, woken);
    a.store(Size::D, STATE + state::WOKEN, R0);
    a.mov(R1, 0);
    FORGETFUL.store(a, R1);
    a.place(woken);
}

fn count(a: &mut Assembler, counter: i16) {
    a.load(Size::D, R1, STATE + counter).add(R1, 1).store(Size::D, STATE + counter, R1);
}
