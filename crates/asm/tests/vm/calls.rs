//! Calls: functions of the program, callbacks, and tail calls.

use palisade_asm::vm::{MapRefusal, Packet, ProgramId, Region, TrapReason, Vm, World};
use palisade_asm::{
    AluOp, Assembler, Cond, FP, Helper, Imm64, Insn, MapDecl, MapKind, R0, R1, R2, R3, R4, R5, R6,
    R7, Size, Width,
};

use crate::{built, decl, machine, result, run, trapped};

#[test]
fn a_function_gets_the_arguments_and_gives_r0() {
    let value = result(|a| {
        let sum = a.label("sum");
        a.mov(R6, 100).mov(R1, 1).mov(R2, 20).call_sub(sum).add(R0, R6).exit();
        a.place(sum);
        a.mov(R0, R1).add(R0, R2).mov(R6, 9).exit();
    });
    assert_eq!(value, 121, "r6 is the caller's again");
}

#[test]
fn a_function_does_not_see_the_registers_that_are_kept_for_its_caller() {
    let (at, why) = trapped(|a| {
        let inner = a.label("inner");
        a.mov(R6, 1).call_sub(inner).exit();
        a.place(inner);
        a.mov(R0, R6).exit();
    });
    assert_eq!((at, why), (3, TrapReason::Unwritten { reg: R6 }));
    let (at, why) = trapped(|a| {
        let inner = a.label("inner");
        a.call_sub(inner).mov(R0, R1).exit();
        a.place(inner);
        a.mov(R0, 1).exit();
    });
    assert_eq!((at, why), (1, TrapReason::Unwritten { reg: R1 }));
}

#[test]
fn each_call_has_a_stack_of_its_own_and_may_use_its_callers() {
    let value = result(|a| {
        let inner = a.label("inner");
        a.store(Size::D, FP - 8, 1).mov(R1, FP).add(R1, -16).call_sub(inner);
        a.load(Size::D, R0, FP - 8).load(Size::D, R1, FP - 16).add(R0, R1).exit();
        a.place(inner);
        a.store(Size::D, FP - 8, 7).store(Size::D, R1 + 0, 40).mov(R0, 0).exit();
    });
    assert_eq!(value, 41);
    // A call finds nothing of an earlier one.
    let (at, why) = trapped(|a| {
        let (writer, reader) = (a.label("writer"), a.label("reader"));
        a.call_sub(writer).call_sub(reader).exit();
        a.place(writer);
        a.store(Size::D, FP - 8, 7).mov(R0, 0).exit();
        a.place(reader);
        a.load(Size::D, R0, FP - 8).exit();
    });
    assert_eq!((at, why), (6, TrapReason::UnwrittenStack { off: -8, size: 8 }));
    // What is left of a call that has returned is nobody's.
    let (at, why) = trapped(|a| {
        let inner = a.label("inner");
        a.call_sub(inner).load(Size::D, R0, R0 - 8).exit();
        a.place(inner);
        a.store(Size::D, FP - 8, 7).mov(R0, FP).exit();
    });
    assert_eq!(at, 1);
    let region = Region::Stack { frame: 1 };
    assert!(
        matches!(why, TrapReason::OutOfBounds { region: found, len: 0, .. } if found == region)
    );
}

/// Calls nested so deep, each adding 1.
fn nested(depth: usize) -> impl FnOnce(&mut Assembler) {
    move |a| {
        let labels: Vec<_> = (0..depth).map(|_| a.label("deeper")).collect();
        for label in labels {
            a.call_sub(label).add(R0, 1).exit();
            a.place(label);
        }
        a.mov(R0, 0).exit();
    }
}

#[test]
fn eight_frames_are_as_deep_as_calls_go() {
    assert_eq!(result(nested(7)), 7);
    let (at, why) = trapped(nested(8));
    assert_eq!((at, why), (21, TrapReason::CallDepth { limit: 8 }));
}

fn function(a: &mut Assembler, label: palisade_asm::Label) {
    a.push(Insn::LoadImm64 { dst: R2, value: Imm64::Sub(label) });
}

#[test]
fn a_loop_calls_back_until_it_is_told_to_end() {
    for (last, rounds, sum) in [(100, 10, 45), (3, 4, 6)] {
        let mut vm = machine(|a| {
            let (body, end) = (a.label("body"), a.label("end"));
            a.store(Size::D, FP - 8, 0).mov(R1, 10);
            function(a, body);
            a.mov(R3, FP).add(R3, -8).mov(R4, 0).call(Helper::LOOP);
            a.load(Size::D, R6, FP - 8).exit();
            a.place(body);
            a.load(Size::D, R3, R2 + 0).add(R3, R1).store(Size::D, R2 + 0, R3);
            a.mov(R0, 1).jump_if(R1, Cond::Ge, last, end);
            a.mov(R0, 0);
            a.place(end);
            a.exit();
        });
        run(&mut vm).unwrap_or_else(|trap| panic!("{trap}"));
        let found = [R0, R6].map(|reg| vm.registers().get(reg).expect("a value"));
        assert_eq!(found, [rounds, sum]);
    }
    let (at, why) = trapped(|a| {
        let body = a.label("body");
        a.mov(R1, 10);
        function(a, body);
        a.mov(R3, 0).mov(R4, 0).call(Helper::LOOP).exit();
        a.place(body);
        a.mov(R0, 2).exit();
    });
    assert_eq!((at, why), (4, TrapReason::CallbackResult { value: 2 }));
    let (_, why) = trapped(|a| {
        a.mov(R1, 10).mov(R2, FP).mov(R3, 0).mov(R4, 0).call(Helper::LOOP).exit();
    });
    assert_eq!(why, TrapReason::NotFunction { reg: R2 });
}

#[test]
fn going_through_a_map_calls_back_for_each_entry() {
    let mut vm = machine(|a| {
        let body = a.label("body");
        let map = a.map(decl(MapKind::Hash, 8));
        a.store(Size::D, FP - 8, 0).load_map(R1, map);
        function(a, body);
        a.mov(R3, FP).add(R3, -8).mov(R4, 0).call(Helper::FOR_EACH_MAP_ELEM);
        a.load(Size::D, R6, FP - 8).exit();
        a.place(body);
        a.load(Size::W, R2, R2 + 0).load(Size::D, R5, R3 + 0).mul(R2, R5);
        a.load(Size::D, R5, R4 + 0).add(R5, R2).store(Size::D, R4 + 0, R5);
        a.mov(R0, 0).exit();
    });
    for (key, value) in [(2u32, 10u64), (3, 100), (5, 1000)] {
        let (key, value) = (key.to_ne_bytes(), value.to_ne_bytes());
        vm.maps_mut().put(0, &key, &value, palisade_asm::vm::Insert::New).expect("room");
    }
    run(&mut vm).unwrap_or_else(|trap| panic!("{trap}"));
    let found = [R0, R6].map(|reg| vm.registers().get(reg).expect("a value"));
    assert_eq!(found, [3, 5320]);
}

/// A program array that both programs declare.
fn programs() -> MapDecl {
    MapDecl { value_size: 4, ..decl(MapKind::ProgArray, 2) }
}

/// A tail call to an index; where there is nothing, 5.
fn tail(index: i32) -> impl FnOnce(&mut Assembler) {
    move |a| {
        let map = a.map(programs());
        a.mov(R7, 1).load_map(R2, map).mov(R3, index).call(Helper::TAIL_CALL).mov(R0, 5).exit();
    }
}

#[test]
fn a_tail_call_goes_over_to_another_program_for_good() {
    let mut vm = machine(tail(1));
    let other = built(|a| {
        a.map(programs());
        a.load(Size::W, R0, R1 + 4).load(Size::W, R1, R1 + 0).sub(R0, R1).exit();
    });
    let other = vm.load(&other, &[0]).expect("the same map");
    assert_eq!(run(&mut vm).expect("no trap").value, 5, "nothing is there yet");
    vm.maps_mut().set_program(0, 1, other).expect("an index");
    let outcome = run(&mut vm).expect("no trap");
    assert_eq!((outcome.value, outcome.program, outcome.steps), (64, other, 8));
    vm.maps_mut().delete(0, &1u32.to_ne_bytes()).expect("it is there");
    assert_eq!(run(&mut vm).expect("no trap").value, 5);
    assert_eq!(vm.maps_mut().set_program(0, 2, other), Err(MapRefusal::TooBig));
}

#[test]
fn the_program_that_is_gone_over_to_finds_nothing_but_the_context() {
    let mut vm = machine(tail(0));
    let other = built(|a| {
        a.map(programs());
        a.mov(R0, R7).exit();
    });
    let other = vm.load(&other, &[0]).expect("the same map");
    vm.maps_mut().set_program(0, 0, other).expect("an index");
    let trap = run(&mut vm).expect_err("a trap");
    assert_eq!((trap.program, trap.at, trap.why), (other, 0, TrapReason::Unwritten { reg: R7 }));
}

#[test]
fn there_are_33_tail_calls_and_no_more() {
    let mut vm = machine(tail(0));
    vm.maps_mut().set_program(0, 0, ProgramId::FIRST).expect("an index");
    let outcome = run(&mut vm).expect("no trap");
    assert_eq!((outcome.value, outcome.steps), (5, 33 * 4 + 6));
}

#[test]
fn a_tail_call_that_fails_leaves_r0_unwritten() {
    let (at, why) = trapped(|a| {
        let map = a.map(programs());
        a.mov(R0, 1).load_map(R2, map).mov(R3, 9).call(Helper::TAIL_CALL).exit();
    });
    assert_eq!((at, why), (4, TrapReason::Unwritten { reg: R0 }));
}

#[test]
fn the_program_of_a_tail_call_in_a_function_returns_to_its_caller() {
    let mut vm = machine(|a| {
        let map = a.map(programs());
        let inner = a.label("inner");
        a.call_sub(inner).push(Insn::Alu {
            op: AluOp::Add,
            width: Width::W64,
            dst: R0,
            src: 100.into(),
        });
        a.exit();
        a.place(inner);
        a.load_map(R2, map).mov(R3, 0).call(Helper::TAIL_CALL).mov(R0, 5).exit();
    });
    let other = built(|a| {
        a.map(programs());
        a.mov(R0, 7).exit();
    });
    let other = vm.load(&other, &[0]).expect("the same map");
    vm.maps_mut().set_program(0, 0, other).expect("an index");
    assert_eq!(run(&mut vm).expect("no trap").value, 107);
}

#[test]
fn a_program_is_loaded_only_with_maps_of_the_shapes_that_it_declares() {
    let mut vm = machine(tail(0));
    let other = built(|a| {
        a.map(decl(MapKind::Array, 2));
        a.mov(R0, 0).exit();
    });
    let differs = vm.load(&other, &[0]).expect_err("a program array");
    assert_eq!(
        differs.to_string(),
        "map `array` of the program has another shape than the one given for it"
    );
    let missing = vm.load(&other, &[]).expect_err("no map");
    assert_eq!(missing.to_string(), "map `array` of the program is not given");
    assert!(Vm::new(&other).expect("maps").run(&mut Packet::new(&[]), &World::default()).is_ok());
}
