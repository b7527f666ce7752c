//! The program that goes through addresses: each pass writes the next one into the frame.

use std::net::IpAddr;

use palisade_asm::{
    Assembler, Cond, FP, Helper, MapDecl, MapFlags, MapKind, R0, R1, R2, R3, R5, R6, Size,
};
use palisade_filter::Verdict;
use palisade_filter::value::Family;
use palisade_loader::{Map, MapHandle, Program, TestRun, TestRunResult, Wire};

use super::super::figures::Figures;
use super::super::frames::{self, PORT, source_at};
use super::super::programs::{self, DATA};
use super::super::refused;
use crate::failure::Outcome;

/// How many addresses a contender is asked about before it is measured.
const SAMPLE: u32 = 64;

/// Addresses in a map, and the program that asks about one after the other.
pub struct Cursor {
    program: Program,
    next: MapHandle,
    frame: Vec<u8>,
    count: u32,
    /// How many runs go through all addresses: to begin and to end one, the kernel waits for
    /// milliseconds.
    parts: u32,
}

impl Cursor {
    /// Over addresses of one family, as many as a power of two says.
    pub fn over(family: Family, addresses: &[IpAddr], parts: u32) -> Outcome<Self> {
        let (size, frame) = match family {
            Family::V4 => (4, frames::v4([0, 0, 0, 0].into(), PORT)),
            Family::V6 => (16, frames::v6()),
        };
        let count = u32::try_from(addresses.len()).unwrap_or(u32::MAX);
        let all = MapHandle::create(&programs::array("addresses", size, count))?;
        match family {
            Family::V4 => fill::<4>(&all, addresses)?,
            Family::V6 => fill::<16>(&all, addresses)?,
        }
        let next = MapHandle::create(&next())?;
        let program = program(family, count, &frame, &[&all, &next])?;
        Ok(Self { program, next, frame, count, parts })
    }

    /// What a contender takes for an address, in nanoseconds: it is asked about all of them, part by
    /// part. The kernel's own clock stands still while others have the processor, and tells whole
    /// nanoseconds; the mean over the middle parts is finer.
    pub fn pass(&self, contender: &Program) -> Outcome<f64> {
        self.next.set_program(0, contender)?;
        let repeat = self.count.div_ceil(self.parts);
        let part = |_| Ok(self.run(repeat)?.duration.as_nanos() as f64);
        let parts: Vec<f64> = (0..self.parts).map(part).collect::<Outcome<_>>()?;
        Ok(Figures::of(parts).middle())
    }

    /// Whether a contender says of the first addresses what is right.
    pub fn check(&self, contender: &Program, right: Verdict) -> Outcome {
        self.next.set_program(0, contender)?;
        let wanted = right.code().unsigned_abs();
        for _ in 0..SAMPLE.min(self.count) {
            let verdict = self.run(1)?.retval;
            if verdict != wanted {
                return Err(refused(
                    "measure it",
                    format!("its verdict is {verdict}, and {wanted} is right"),
                ));
            }
        }
        Ok(())
    }

    fn run(&self, repeat: u32) -> Outcome<TestRunResult> {
        let run = TestRun { packet: &self.frame, repeat, ingress: None };
        let result = self.program.test_run(&run);
        result.map_err(|errno| refused("run a program on a frame", errno))
    }
}

fn fill<const N: usize>(map: &MapHandle, addresses: &[IpAddr]) -> Outcome
where
    [u8; N]: Wire,
{
    let all: Map<u32, [u8; N]> = Map::new(map.try_clone()?)?;
    let keys: Vec<u32> = (0..).take(addresses.len()).collect();
    let values: Vec<[u8; N]> = addresses.iter().filter_map(|address| octets(*address)).collect();
    Ok(all.insert_batch(&keys, &values)?)
}

/// The bytes of an address, where it has so many.
pub fn octets<const N: usize>(address: IpAddr) -> Option<[u8; N]> {
    match address {
        IpAddr::V4(address) => address.octets().as_slice().try_into().ok(),
        IpAddr::V6(address) => address.octets().as_slice().try_into().ok(),
    }
}

/// The one program that comes next.
fn next() -> MapDecl {
    MapDecl {
        name: "next".to_owned(),
        kind: MapKind::ProgArray,
        key_size: 4,
        value_size: 4,
        max_entries: 1,
        flags: MapFlags::NONE,
    }
}

/// Counts, writes the address of that number into the frame, and goes on with the next program.
fn program(family: Family, count: u32, frame: &[u8], maps: &[&MapHandle]) -> Outcome<Program> {
    let mut a = Assembler::new();
    let (size, words) = match family {
        Family::V4 => (4, 1),
        Family::V6 => (16, 2),
    };
    let addresses = a.map(programs::array("addresses", size, count));
    let (next, at) = (a.map(next()), a.map(programs::array("at", 8, 1)));
    let out = a.label("out");
    a.mov(R6, R1);
    a.load_map_value(R1, at, 0).load(Size::D, R2, R1 + 0).mov(R3, R2).add(R3, 1);
    a.store(Size::D, R1 + 0, R3);
    a.and(R2, i32::try_from(count - 1).unwrap_or(i32::MAX)).store(Size::W, FP - 4, R2);
    a.load_map(R1, addresses).mov(R2, FP).add(R2, -4).call(Helper::MAP_LOOKUP_ELEM);
    a.jump_if(R0, Cond::Eq, 0, out).mov(R1, R6).load(Size::W, R2, R1 + DATA);
    programs::require(&mut a, frame.len(), out);
    for word in 0..words {
        let (width, off) = if words == 1 { (Size::W, 0) } else { (Size::D, 8 * word) };
        a.load(width, R5, R0 + off).store(width, R2 + (source_at(family) + off), R5);
    }
    a.load_map(R2, next).mov(R3, 0).call(Helper::TAIL_CALL);
    a.place(out).mov(R0, 0).exit();
    programs::load(a, "bench_cursor", maps)
}
