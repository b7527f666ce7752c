//! The generator of a flood: a program that sends every frame on, from a source that it may write.
//!
//! The kernel hands out the same few pages again and again, as the program left them, so each source
//! is written whole, and the checksum of the header is worked out anew from it. Sources follow a
//! counter: multiplied by an odd number, its low bits come in no visible order, and each of a
//! million once before any comes again.

use std::net::Ipv4Addr;

use palisade_asm::{AluOp, Assembler, Cond, Helper, R0, R1, R2, R4, R5, Reg, Size, Swap};
use palisade_filter::value::{Family, Prefix};
use palisade_loader::{IfIndex, Program};

use super::frames::{self, CHECKSUM_AT, ETHERNET, PORT, source_at};
use super::programs::{self, DATA};
use crate::failure::{Failure, Outcome};

/// How many sources a flood has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sources {
    /// One of each sort.
    One,
    /// 2^20 of each sort.
    Million,
}

impl Sources {
    pub fn words(self) -> &'static str {
        match self {
            Self::One => "one source",
            Self::Million => "a million sources",
        }
    }
}

/// Which of its frames a filter is to drop.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mix {
    Blocked,
    Unblocked,
    /// Every other one.
    Half,
}

impl Mix {
    pub fn word(self) -> &'static str {
        match self {
            Self::Blocked => "blocked",
            Self::Unblocked => "unblocked",
            Self::Half => "mixed",
        }
    }
}

/// The frames of a flood.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Traffic {
    pub mix: Mix,
    pub sources: Sources,
}

/// The sources that are to be blocked: 10.16.0.0/12.
const BLOCKED: u32 = 0x0a10_0000;
/// Those that are not: 10.48.0.0/12.
const UNBLOCKED: u32 = 0x0a30_0000;
/// The bit that tells them apart, in the second byte of the address.
const APART: i32 = 0x20;
/// The length of either prefix.
pub const SOURCES_LEN: u8 = 12;
/// Where in its prefix the source is that is the only one.
const ONLY: u32 = 0x4242;
/// 2^32 over the golden ratio, as an operand of 32 bits: odd, and it scatters what it multiplies.
const SCATTER: i32 = 0x9e37_79b1_u32.cast_signed();

/// The prefix of the sources that are to be blocked.
pub fn blocked() -> Outcome<Prefix> {
    Prefix::new(Ipv4Addr::from_bits(BLOCKED).into(), SOURCES_LEN)
        .ok_or_else(|| Failure::bug("no prefix of the blocked sources"))
}

/// The only source that is to be blocked.
pub const fn blocked_one() -> Ipv4Addr {
    Ipv4Addr::from_bits(BLOCKED | ONLY)
}

impl Traffic {
    /// The first of its frames.
    pub fn frame(self) -> Vec<u8> {
        match self.mix {
            Mix::Blocked | Mix::Half => frames::v4(blocked_one(), PORT),
            Mix::Unblocked => frames::v4(Ipv4Addr::from_bits(UNBLOCKED | ONLY), PORT),
        }
    }

    /// The program that does nothing but what must be done with such frames.
    pub fn limit(self) -> Outcome<Program> {
        use palisade_filter::Verdict;
        match self.mix {
            Mix::Blocked => programs::returns(Verdict::Drop),
            Mix::Unblocked => programs::returns(Verdict::Pass),
            Mix::Half => programs::passes_by_bit(source_at(Family::V4) + 1, APART),
        }
    }

    /// Of so many frames, those that a filter is to let pass.
    pub fn passing(self, frames: u64) -> u64 {
        match self.mix {
            Mix::Blocked => 0,
            Mix::Unblocked => frames,
            Mix::Half => frames / 2,
        }
    }

    /// The program that sends such frames out of an interface.
    pub fn generator(self, out: IfIndex) -> Outcome<Program> {
        let mut a = Assembler::new();
        let varies = self.mix == Mix::Half || self.sources == Sources::Million;
        if varies {
            self.write_source(&mut a);
        }
        let out = i32::try_from(out.number()).unwrap_or(i32::MAX);
        a.mov(R1, out).mov(R2, 0).call(Helper::REDIRECT).exit();
        programs::load(a, "bench_generator", &[])
    }

    fn write_source(self, a: &mut Assembler) {
        let counter = a.map(programs::array("counter", 8, 1));
        let (go, short, base) = (a.label("go"), a.label("short"), a.label("base"));
        a.load(Size::W, R2, R1 + DATA);
        programs::require(a, ETHERNET + 20, short);
        a.load_map_value(R1, counter, 0).load(Size::D, R4, R1 + 0);
        a.mov(R5, R4).add(R5, 1).store(Size::D, R1 + 0, R5);
        match self.mix {
            Mix::Blocked => a.mov32(R5, BLOCKED.cast_signed()),
            Mix::Unblocked => a.mov32(R5, UNBLOCKED.cast_signed()),
            Mix::Half => {
                a.mov32(R5, BLOCKED.cast_signed()).mov(R0, R4).and(R0, 1).rsh(R4, 1);
                a.jump_if(R0, Cond::Eq, 0, base).mov32(R5, UNBLOCKED.cast_signed()).place(base)
            }
        };
        match self.sources {
            Sources::One => a.or(R5, ONLY.cast_signed()),
            Sources::Million => {
                a.alu32(AluOp::Mul, R4, SCATTER);
                a.alu32(AluOp::Rsh, R4, i32::from(SOURCES_LEN)).or(R5, R4)
            }
        };
        a.swap(Swap::Be32, R5).store(Size::W, R2 + source_at(Family::V4), R5);
        checksum(a);
        a.store(Size::H, R2 + CHECKSUM_AT, R4).jump(go);
        a.place(short).mov(R0, 0).exit();
        a.place(go);
    }
}

/// The checksum of the header, in `r4`, given the source in `r5`, which it takes.
fn checksum(a: &mut Assembler) {
    let rest = i32::try_from(frames::sum_without_source()).unwrap_or(0);
    a.mov(R4, R5).and(R4, 0xffff).rsh(R5, 16).add(R4, R5).add(R4, rest);
    for _ in 0..2 {
        fold(a, R4, R5);
    }
    a.alu32(AluOp::Xor, R4, 0xffff);
}

fn fold(a: &mut Assembler, sum: Reg, free: Reg) {
    a.mov(free, sum).rsh(free, 16).and(sum, 0xffff).add(sum, free);
}
