//! What is seen of a run from outside: counts by instruction and by edge, and each instruction.

use palisade_asm::vm::{Coverage, Packet, ProgramId, Registers, Watch, Way, World};
use palisade_asm::{Cond, R0, R1, Size};

use crate::machine;

/// Gives 1 for queue 0, which it takes a jump for, else 2.
fn forked() -> palisade_asm::vm::Vm {
    machine(|a| {
        let first = a.label("first");
        a.load(Size::W, R1, R1 + 16).jump_if(R1, Cond::Eq, 0, first);
        a.mov(R0, 2).exit();
        a.place(first);
        a.mov(R0, 1).exit();
    })
}

#[test]
fn coverage_counts_instructions_and_both_ways_from_each_jump() {
    let (mut vm, mut coverage) = (forked(), Coverage::new());
    for queue in [1, 0, 1, 5] {
        let world = World { queue, ..World::default() };
        vm.run_covered(&mut Packet::new(&[0; 14]), &world, &mut coverage).expect("no trap");
    }
    let executed: Vec<u64> = (0..7).map(|at| coverage.executed(ProgramId::FIRST, at)).collect();
    assert_eq!(executed, [4, 4, 3, 3, 1, 1, 0]);
    let went = [Way::Onward, Way::Taken].map(|way| coverage.went(ProgramId::FIRST, 1, way));
    assert_eq!(went, [3, 1]);
}

#[test]
fn an_instruction_that_traps_counts_as_executed() {
    let (mut vm, mut coverage) = (
        machine(|a| {
            a.load(Size::B, R0, R1 + 0).exit();
        }),
        Coverage::new(),
    );
    let run = vm.run_covered(&mut Packet::new(&[0; 14]), &World::default(), &mut coverage);
    run.expect_err("a trap");
    let executed = [0, 1].map(|at| coverage.executed(ProgramId::FIRST, at));
    assert_eq!(executed, [1, 0]);
}

#[test]
fn a_watcher_sees_each_instruction_with_the_registers_before_it() {
    struct Seen(Vec<(usize, Option<u64>)>);
    impl Watch for Seen {
        fn before(&mut self, _: ProgramId, at: usize, registers: &Registers) {
            self.0.push((at, registers.get(R0)));
        }
    }
    let (mut vm, mut seen) = (forked(), Seen(Vec::new()));
    vm.run_watched(&mut Packet::new(&[0; 14]), &World::default(), &mut seen).expect("no trap");
    assert_eq!(seen.0, [(0, None), (1, None), (4, None), (5, Some(1))]);
}
