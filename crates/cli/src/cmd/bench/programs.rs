//! Programs of our assembler: what cannot be undercut, and loading in general.

use palisade_asm::{
    Assembler, Cond, Isa, Label, MapDecl, MapFlags, MapKind, R0, R1, R2, R3, R4, Size,
};
use palisade_filter::Verdict;
use palisade_loader::{LoadOptions, MapHandle, Program, TestRun};

use super::frames::ETHERNET;
use super::refused;
use crate::failure::{Failure, Outcome};
use crate::machine;

/// Where `struct xdp_md` has the packet's start and end.
pub const DATA: i16 = 0;
pub const DATA_END: i16 = 4;

/// Loads a program with those of the maps that are given by name, and new ones for the others.
pub fn load(a: Assembler, name: &str, given: &[&MapHandle]) -> Outcome<Program> {
    let bug = |error: String| Failure::bug(format!("the program `{name}` is wrong: {error}"));
    let program = a.finish().map_err(|error| bug(error.to_string()))?;
    let image = program.encode(Isa::V3).map_err(|error| bug(error.to_string()))?;
    let mut maps = Vec::new();
    for decl in &image.maps {
        maps.push(match given.iter().find(|map| map.name() == decl.name) {
            Some(map) => map.try_clone()?,
            None => MapHandle::create(decl)?,
        });
    }
    // As a policy is: the kernel lets only programs of one kind call each other.
    let options = LoadOptions { name, license: c"Dual MIT/GPL", buffers: machine::buffers() };
    Ok(Program::load(&image, &maps, &options)?)
}

/// Gives every frame the same verdict.
pub fn returns(verdict: Verdict) -> Outcome<Program> {
    let mut a = Assembler::new();
    a.mov(R0, verdict.code()).exit();
    load(a, "bench_limit", &[])
}

/// Passes a frame in whose byte `at` a bit of `mask` is set, and drops the others: the least that
/// tells them apart.
pub fn passes_by_bit(at: i16, mask: i32) -> Outcome<Program> {
    let mut a = Assembler::new();
    let pass = a.label("pass");
    a.load(Size::W, R2, R1 + DATA);
    require(&mut a, ETHERNET + 20, pass);
    a.load(Size::B, R3, R2 + at);
    a.jump_if(R3, Cond::Set, mask, pass);
    a.mov(R0, Verdict::Drop.code()).exit();
    a.place(pass).mov(R0, Verdict::Pass.code()).exit();
    load(a, "bench_limit", &[])
}

/// Passes of a run of a program alone.
const PASSES: u32 = 100_000;

/// Nanoseconds of a program alone on the same frame again and again, in the fastest of so many runs.
/// To begin and to end one, the kernel waits for milliseconds.
pub fn alone(program: &Program, frame: &[u8], runs: usize) -> Outcome<u128> {
    let run = TestRun { packet: frame, repeat: PASSES, ingress: None };
    let mut least = u128::MAX;
    for _ in 0..runs {
        let result = program.test_run(&run);
        let result = result.map_err(|errno| refused("run a program on a frame", errno))?;
        least = least.min(result.duration.as_nanos());
    }
    Ok(least)
}

/// Goes to `short` where the packet that `r2` points to has fewer bytes; needs the context in `r1`
/// and takes `r3` and `r4`.
pub fn require(a: &mut Assembler, bytes: usize, short: Label) {
    let bytes = i32::try_from(bytes).unwrap_or(i32::MAX);
    a.load(Size::W, R3, R1 + DATA_END).mov(R4, R2).add(R4, bytes);
    a.jump_if(R4, Cond::Gt, R3, short);
}

/// An array map.
pub fn array(name: &str, value_size: u32, max_entries: u32) -> MapDecl {
    let flags = MapFlags::NONE;
    MapDecl {
        name: name.to_owned(),
        kind: MapKind::Array,
        key_size: 4,
        value_size,
        max_entries,
        flags,
    }
}
