//! The interpreter by itself: every instruction by values worked out by hand from RFC 9669, every
//! trap by its kind, maps and helpers by what the kernel's answer.

mod arithmetic;
mod calls;
mod context;
mod coverage;
mod hostile;
mod jumps;
mod kernel_functions;
mod maps;
mod memory;
mod packets;
mod rings;
mod traps;

use palisade_asm::vm::{Outcome, Packet, Trap, TrapReason, Vm, World};
use palisade_asm::{Assembler, MapDecl, MapFlags, MapKind, Program, R0};

/// A program.
#[track_caller]
fn built(build: impl FnOnce(&mut Assembler)) -> Program {
    let mut a = Assembler::new();
    build(&mut a);
    a.finish().unwrap_or_else(|error| panic!("{error}"))
}

/// A machine with a program.
#[track_caller]
fn machine(build: impl FnOnce(&mut Assembler)) -> Vm {
    Vm::new(&built(build)).unwrap_or_else(|error| panic!("{error}"))
}

/// A run on 64 bytes that count up from 0.
#[track_caller]
fn run(vm: &mut Vm) -> Result<Outcome, Box<Trap>> {
    vm.run(&mut Packet::new(&counting(64)), &World::default())
}

/// All of `r0` at the end of a program that ends.
#[track_caller]
fn result(build: impl FnOnce(&mut Assembler)) -> u64 {
    let mut vm = machine(build);
    run(&mut vm).unwrap_or_else(|trap| panic!("{trap}"));
    vm.registers().get(R0).expect("the result")
}

/// Why a program that traps does, and at which instruction.
#[track_caller]
fn trapped(build: impl FnOnce(&mut Assembler)) -> (usize, TrapReason) {
    let trap = run(&mut machine(build)).expect_err("a trap");
    (trap.at, trap.why)
}

/// So many bytes that count up from 0.
fn counting(len: usize) -> Vec<u8> {
    (0..=255).cycle().take(len).collect()
}

/// A map of four-byte keys and eight-byte values.
fn decl(kind: MapKind, max_entries: u32) -> MapDecl {
    MapDecl {
        name: kind.name().to_owned(),
        kind,
        key_size: 4,
        value_size: 8,
        max_entries,
        flags: MapFlags::NONE,
    }
}
