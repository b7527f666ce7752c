//! Bans: the source of a packet goes into a `host` set, for as long as the rule says.
//!
//! Nobody is banned but where the mode enforces. An entry that is there and lasts longer stays as it
//! is; another one gets the new time and keeps its counters, and where it was past its time it is from
//! then on an entry of the ban. Where the set is full the packet fares the same, and the set counts a
//! ban that it had no room for.

use palisade_asm::{
    Assembler, AtomicOp, Cond as If, FP, Helper, R0, R1, R2, R3, R4, R7, R8, Reg, Size,
};

use super::frame::{COPY, HITS, MODE, SRC};
use super::rules::Rules;
use super::sets::{host_key, look_up};
use super::verdict;
use crate::plan::Mode;
use crate::policy::Ban;
use crate::structure::{BANNED, ENTRY_UNTIL, host};

/// When the ban ends.
const UNTIL: Reg = R7;
/// The time.
const NOW: Reg = R8;
/// Where in an entry stands how it came there.
const ENTRY_STAMP: i16 = ENTRY_UNTIL - 8;
/// Where in an entry stands when it ends.
const ENTRY_ENDS: i16 = ENTRY_UNTIL + 8;
/// Nanoseconds of a second.
const SECOND: i32 = 1_000_000_000;
/// `BPF_NOEXIST`: what another CPU has put in since the look-up stays.
const NEW: i32 = 1;
const EEXIST: i32 = 17;
/// A new entry, in the place of hits that have been counted: the lowest of five slots in a row.
const ENTRY: super::frame::Slot = HITS[4];

impl Rules<'_> {
    /// Bans the source of a packet that a rule has matched.
    pub fn ban(&self, a: &mut Assembler, ban: &Ban) {
        let (new, longer, done) =
            (a.label("not there yet"), a.label("banned for longer"), a.label("banned"));
        let set = &self.maps.sets[ban.set.index()];
        let [entries, fill] = [set.maps[0], set.maps[1]];
        let family = self.class.family().expect("a ban implies IP");
        a.jump_if(MODE, If::Ne, verdict::mode(Mode::Enforce), done);
        host_key(a, self.plan.target.order, family, SRC.of(family));
        let time = u64::from(ban.time.as_secs()) * u64::from(SECOND.unsigned_abs());
        a.call(Helper::KTIME_GET_NS).mov(NOW, R0).mov(UNTIL, R0);
        a.load_imm64(R1, time).add(UNTIL, R1);
        look_up(a, entries, COPY);
        a.jump_if(R0, If::Eq, 0, new);
        a.load(Size::D, R1, R0 + ENTRY_UNTIL).jump_if(R1, If::Eq, 0, done);
        a.jump_if(R1, If::Ge, UNTIL, done).jump_if(R1, If::Gt, NOW, longer);
        stamp(a);
        a.store(Size::D, R0 + ENTRY_STAMP, NOW).place(longer);
        a.store(Size::D, R0 + ENTRY_UNTIL, UNTIL).store(Size::D, R0 + ENTRY_ENDS, UNTIL);
        a.jump(done);

        a.place(new);
        stamp(a);
        a.store(Size::D, ENTRY.at(0), 0).store(Size::D, ENTRY.at(8), 0);
        a.store(Size::D, ENTRY.at(ENTRY_STAMP), NOW).store(Size::D, ENTRY.at(ENTRY_UNTIL), UNTIL);
        a.store(Size::D, ENTRY.at(ENTRY_ENDS), UNTIL);
        a.load_map(R1, entries).mov(R2, FP).add(R2, COPY.off()).mov(R3, FP).add(R3, ENTRY.off());
        a.mov(R4, NEW).call(Helper::MAP_UPDATE_ELEM).jump_if(R0, If::Eq, 0, done);
        // Before 6.4 the error has 32 bits.
        a.lsh(R0, 32).arsh(R0, 32).jump_if(R0, If::Eq, -EEXIST, done);
        a.load_map_value(R1, fill, host::REFUSED).mov(R2, 1);
        a.atomic(AtomicOp::Add, Size::D, R1 + 0, R2).place(done);
    }
}

/// Makes the time that of a stamp, in seconds. Clobbers R1.
fn stamp(a: &mut Assembler) {
    a.div(NOW, SECOND).load_imm64(R1, BANNED).or(NOW, R1);
}
