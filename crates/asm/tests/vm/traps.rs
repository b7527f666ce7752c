//! Traps: each kind by a program that is wrong in one way, and the nearest one that is not.

use palisade_asm::vm::{Access, Packet, Region, TrapReason, Vm, World};
use palisade_asm::{
    Assembler, AtomicOp, Call, Cond, FP, Helper, Imm64, Insn, MapDecl, MapFlags, MapKind,
    MapNumber, Note, PacketAt, R0, R1, R2, R3, R4, R5, R6, R9, Size,
};

use crate::{built, decl, machine, result, run, trapped};

#[test]
fn a_register_that_nothing_was_written_to() {
    let (at, why) = trapped(|a| {
        a.mov(R0, 0).add(R0, R9).exit();
    });
    assert_eq!((at, why), (1, TrapReason::Unwritten { reg: R9 }));
    let (_, why) = trapped(|a| {
        a.exit();
    });
    assert_eq!(why, TrapReason::Unwritten { reg: R0 });
    // A call takes the arguments, whether it uses them or not.
    for reg in [R1, R2, R3, R4, R5] {
        let (at, why) = trapped(|a| {
            a.mov(reg, 1).call(Helper::JIFFIES64).mov(R0, reg).exit();
        });
        assert_eq!((at, why), (2, TrapReason::Unwritten { reg }));
    }
    let (_, why) = trapped(|a| {
        a.store(Size::D, FP - 8, R2).mov(R0, 0).exit();
    });
    assert_eq!(why, TrapReason::Unwritten { reg: R2 });
    let (_, why) = trapped(|a| {
        let to = a.label("to");
        a.mov(R0, 0).jump_if(R0, Cond::Eq, R3, to);
        a.place(to);
        a.exit();
    });
    assert_eq!(why, TrapReason::Unwritten { reg: R3 });
}

#[test]
fn a_byte_of_the_stack_that_nothing_was_written_to() {
    let (at, why) = trapped(|a| {
        a.store(Size::W, FP - 8, 0).store(Size::H, FP - 4, 0).store(Size::B, FP - 2, 0);
        a.load(Size::D, R0, FP - 8).exit();
    });
    assert_eq!((at, why), (3, TrapReason::UnwrittenStack { off: -8, size: 8 }));
    assert_eq!(
        result(|a| {
            a.store(Size::W, FP - 8, 0).store(Size::H, FP - 4, 0).store(Size::B, FP - 2, 0);
            a.store(Size::B, FP - 1, 0).load(Size::D, R0, FP - 8).exit();
        }),
        0
    );
}

#[test]
fn one_byte_beyond_the_packet() {
    for (off, size, begins) in
        [(64, Size::B, 64), (61, Size::W, 61), (57, Size::D, 57), (-1, Size::B, -1)]
    {
        let (at, why) = trapped(|a| {
            a.load(Size::W, R6, R1 + 0).load(size, R0, R6 + off).exit();
        });
        let TrapReason::OutOfBounds { access, region, off, len, .. } = why else { panic!("{why}") };
        assert_eq!((at, access, region), (1, Access::Read, Region::Packet));
        assert_eq!((off, len), (begins, 64));
    }
    for (off, size) in [(63, Size::B), (60, Size::W), (56, Size::D), (0, Size::D)] {
        result(|a| {
            a.load(Size::W, R6, R1 + 0).load(size, R0, R6 + off).store(size, R6 + off, 0).exit();
        });
    }
    let (_, why) = trapped(|a| {
        a.load(Size::W, R6, R1 + 0).mov(R0, 0).store(Size::H, R6 + 63, 0).exit();
    });
    assert!(matches!(why, TrapReason::OutOfBounds { access: Access::Write, .. }), "{why}");
}

#[test]
fn one_byte_beyond_the_stack() {
    for (off, size) in [(-513, Size::B), (-520, Size::D), (0, Size::B), (0, Size::D)] {
        let (_, why) = trapped(|a| {
            a.mov(R0, 0).store(size, FP + off, 0).exit();
        });
        let TrapReason::OutOfBounds { region, off: found, len, .. } = why else { panic!("{why}") };
        assert_eq!((region, found, len), (Region::Stack { frame: 0 }, off.into(), 512));
    }
    result(|a| {
        a.mov(R0, 0).store(Size::B, FP - 512, 0).store(Size::B, FP - 1, 0).exit();
    });
    // What a helper reads need not be aligned, and may begin inside.
    let (_, why) = trapped(|a| {
        let map = a.map(decl(MapKind::Array, 1));
        a.store(Size::D, FP - 8, 0).load_map(R1, map).mov(R2, FP).add(R2, -3);
        a.call(Helper::MAP_LOOKUP_ELEM).exit();
    });
    let access = Access::Read;
    let region = Region::Stack { frame: 0 };
    assert_eq!(why, TrapReason::OutOfBounds { access, region, off: -3, size: 4, len: 512 });
}

#[test]
fn one_byte_beyond_a_value() {
    let of = |off: i16, size: Size| {
        move |a: &mut Assembler| {
            let map = a.map(decl(MapKind::Array, 4));
            let miss = a.label("miss");
            a.store(Size::W, FP - 4, 1).load_map(R1, map).mov(R2, FP).add(R2, -4);
            a.call(Helper::MAP_LOOKUP_ELEM).jump_if(R0, Cond::Eq, 0, miss);
            a.load(size, R0, R0 + off);
            a.place(miss);
            a.exit();
        }
    };
    for (off, size) in [(8, Size::B), (1, Size::D), (7, Size::H), (-1, Size::B), (5, Size::W)] {
        let (at, why) = trapped(of(off, size));
        let TrapReason::OutOfBounds { region: Region::Value { map }, len: 8, .. } = why else {
            panic!("{off}: {why}")
        };
        assert_eq!((at, map.as_str()), (6, "array"), "{off}");
    }
    for (off, size) in [(7, Size::B), (0, Size::D), (6, Size::H), (4, Size::W)] {
        result(of(off, size));
    }
}

#[test]
fn a_null_pointer_and_numbers_that_are_no_pointers() {
    for number in [0, 64, u64::MAX, 0xffff_8800_0000_0000 - 1, 1 << 40, 0xffff_ffff_0000_0000] {
        let (_, why) = trapped(|a| {
            a.load_imm64(R1, number).load(Size::B, R0, R1 + 0).exit();
        });
        let expected = TrapReason::NoMemory { access: Access::Read, addr: number, size: 1 };
        assert_eq!(why, expected, "{number:#x}");
    }
    let (_, why) = trapped(|a| {
        let map = a.map(decl(MapKind::Array, 1));
        a.load_map(R1, map).load(Size::B, R0, R1 + 0).exit();
    });
    assert!(matches!(why, TrapReason::NoMemory { .. }), "{why}");
}

#[test]
fn a_pointer_into_a_packet_that_was_moved() {
    let moved = |helper: Helper| {
        move |a: &mut Assembler| {
            a.mov(R6, R1).load(Size::W, R9, R1 + 0);
            a.mov(R2, 0).call(helper);
            a.load(Size::B, R0, R9 + 0).exit();
        }
    };
    for helper in [Helper::XDP_ADJUST_HEAD, Helper::XDP_ADJUST_META, Helper::XDP_ADJUST_TAIL] {
        let (at, why) = trapped(moved(helper));
        assert_eq!((at, why), (4, TrapReason::Stale { access: Access::Read }));
    }
}

#[test]
fn a_place_on_the_stack_that_is_not_aligned() {
    for (off, size) in [(-7, Size::H), (-6, Size::W), (-12, Size::D)] {
        let (_, why) = trapped(|a| {
            a.mov(R0, 0).store(size, FP + off, 0).exit();
        });
        assert!(matches!(why, TrapReason::Misaligned { .. }), "{why}");
    }
}

#[test]
fn an_atomic_operation_at_an_odd_place_or_on_the_packet() {
    let add = |a: &mut Assembler, off: i16| {
        let map = a.map(decl(MapKind::Array, 1));
        a.load_map_value(R1, map, 0).mov(R0, 1);
        a.push(Insn::Atomic { op: AtomicOp::Add, size: Size::W, mem: R1 + off, src: R0 }).exit();
    };
    let (_, why) = trapped(|a| add(a, 2));
    assert!(matches!(why, TrapReason::Misaligned { off: 2, size: 4, .. }), "{why}");
    result(|a| add(a, 4));
    for field in [0, 4] {
        let (_, why) = trapped(|a| {
            a.load(Size::W, R2, R1 + field).mov(R0, 1);
            a.push(Insn::Atomic { op: AtomicOp::Add, size: Size::W, mem: R2 - 32, src: R0 }).exit();
        });
        assert_eq!(why, TrapReason::Atomic { region: Region::Packet });
    }
    let (_, why) = trapped(|a| {
        a.mov(R0, 1);
        a.push(Insn::Atomic { op: AtomicOp::Add, size: Size::W, mem: R1 + 16, src: R0 }).exit();
    });
    assert_eq!(why, TrapReason::Atomic { region: Region::Context });
}

#[test]
fn a_map_that_programs_may_only_read_or_only_write() {
    let of = |flags: MapFlags| MapDecl { flags, ..decl(MapKind::Array, 1) };
    let (at, why) = trapped(|a| {
        let map = a.map(of(MapFlags::RDONLY_PROG));
        a.load_map_value(R1, map, 0).load(Size::D, R0, R1 + 0).store(Size::B, R1 + 0, 1).exit();
    });
    assert_eq!(
        (at, why),
        (2, TrapReason::ReadOnly { region: Region::Value { map: "array".into() } })
    );
    let (at, why) = trapped(|a| {
        let map = a.map(of(MapFlags::WRONLY_PROG));
        a.load_map_value(R1, map, 0).store(Size::B, R1 + 0, 1).load(Size::D, R0, R1 + 0).exit();
    });
    assert_eq!(
        (at, why),
        (2, TrapReason::WriteOnly { region: Region::Value { map: "array".into() } })
    );
    let (_, why) = trapped(|a| {
        let map = a.map(of(MapFlags::RDONLY_PROG));
        a.store(Size::W, FP - 4, 0).store(Size::D, FP - 16, 0);
        a.load_map(R1, map).mov(R2, FP).add(R2, -4).mov(R3, FP).add(R3, -16).mov(R4, 0);
        a.call(Helper::MAP_UPDATE_ELEM).exit();
    });
    assert!(matches!(why, TrapReason::ReadOnly { .. }), "{why}");
}

#[test]
fn helpers_that_there_are_not_and_helpers_that_ask_for_a_kernel() {
    let (_, why) = trapped(|a| {
        a.call(Helper::from_id(9999)).exit();
    });
    assert_eq!(why, TrapReason::UnknownHelper { helper: Helper::from_id(9999) });
    assert_eq!(why.to_string(), "XDP programs have no helper unknown#9999");
    let (_, why) = trapped(|a| {
        a.call(Helper::CHECK_MTU).exit();
    });
    assert_eq!(why.to_string(), "`bpf_check_mtu` asks for what there is only in a kernel");
}

#[test]
fn arguments_that_are_not_what_the_helper_takes() {
    let (_, why) = trapped(|a| {
        a.mov(R1, 0).mov(R2, FP).call(Helper::MAP_LOOKUP_ELEM).exit();
    });
    assert_eq!(why, TrapReason::NotMap { reg: R1 });
    let (_, why) = trapped(|a| {
        a.mov(R1, FP).call(Helper::XDP_GET_BUFF_LEN).exit();
    });
    assert_eq!(why, TrapReason::NotContext { reg: R1 });
    let (_, why) = trapped(|a| {
        let map = a.map(decl(MapKind::Array, 1));
        a.mov(R2, 0).mov(R3, 0).load_map(R1, map).call(Helper::REDIRECT_MAP).exit();
    });
    let kind = MapKind::Array;
    assert_eq!(
        why,
        TrapReason::MapKind { helper: Helper::REDIRECT_MAP, map: "array".into(), kind }
    );
    let (_, why) = trapped(|a| {
        a.mov(R2, 0).mov(R3, FP).mov(R4, -1).call(Helper::XDP_LOAD_BYTES).exit();
    });
    assert_eq!(why, TrapReason::BadSize { reg: R4, size: u64::MAX });
    // A key that was not written.
    let (_, why) = trapped(|a| {
        let map = a.map(decl(MapKind::Array, 1));
        a.load_map(R1, map).mov(R2, FP).add(R2, -4).call(Helper::MAP_LOOKUP_ELEM).exit();
    });
    assert_eq!(why, TrapReason::UnwrittenStack { off: -4, size: 4 });
}

#[test]
fn instructions_that_are_for_other_programs_or_name_what_is_not_here() {
    let (_, why) = trapped(|a| {
        a.mov(R6, R1).push(Insn::LoadPacket { size: Size::B, at: PacketAt::Abs(0) }).exit();
    });
    assert_eq!(why, TrapReason::Classic);
    let (_, why) = trapped(|a| {
        a.push(Insn::Call(Call::Kfunc { btf_id: 5, module: 0 })).exit();
    });
    assert_eq!(why, TrapReason::Kfunc { btf_id: 5 });
    let value = Imm64::Variable { btf_id: 6, module: 0 };
    let (_, why) = trapped(|a| {
        a.mov(R0, 0).push(Insn::LoadImm64 { dst: R1, value }).exit();
    });
    assert_eq!(why, TrapReason::Variable { btf_id: 6 });
    let value = Imm64::MapNumber(MapNumber::Fd(3));
    let (_, why) = trapped(|a| {
        a.mov(R0, 0).push(Insn::LoadImm64 { dst: R1, value }).exit();
    });
    assert_eq!(why, TrapReason::UndeclaredMap);
    let (_, why) = trapped(|a| {
        let map = a.map(decl(MapKind::Array, 2));
        a.mov(R0, 0).load_map_value(R1, map, 0).exit();
    });
    assert_eq!(why, TrapReason::NoSuchValue { map: "array".into(), off: 0 });
}

#[test]
fn a_program_that_runs_for_ever() {
    let mut vm = machine(|a| {
        let again = a.label("again");
        a.mov(R0, 0);
        a.place(again);
        a.add(R0, 1).jump_if(R0, Cond::Ne, 0, again);
        a.exit();
    });
    vm.set_fuel(1001);
    let trap = run(&mut vm).expect_err("a trap");
    assert_eq!((trap.at, trap.why), (1, TrapReason::Fuel { limit: 1001 }));
    assert_eq!(vm.registers().get(R0), Some(500));
}

#[test]
fn a_cpu_that_has_no_values() {
    let mut vm = machine(|a| {
        a.mov(R0, 0).exit();
    });
    let world = World { cpu: 1, ..World::default() };
    let trap = vm.run(&mut Packet::new(&[0; 14]), &world).expect_err("a trap");
    assert_eq!(trap.why, TrapReason::NoSuchCpu { cpu: 1, cpus: 1 });
}

#[test]
fn a_trap_names_the_instruction_what_asked_for_it_and_the_reason() {
    let program = built(|a| {
        a.note(Note::new("prologue")).load(Size::W, R6, R1 + 0);
        a.note(Note::line(14, "drop tcp dport in blocked")).load(Size::H, R2, R6 + 63);
        a.note(Note::new("verdict")).mov(R0, 2).exit();
    });
    let trap = run(&mut Vm::new(&program).expect("no maps")).expect_err("a trap");
    assert_eq!(
        trap.to_string(),
        "\
reads 2 bytes at offset +63 of the packet, which has 64 bytes
  14: drop tcp dport in blocked, instruction 1
    1: r2 = *(u16 *)(r6 +63)"
    );
}

#[test]
fn a_machine_can_be_used_again_after_a_trap() {
    let mut vm = machine(|a| {
        let deep = a.label("deep");
        a.load(Size::W, R6, R1 + 16).mov(R1, R6).call_sub(deep);
        a.mov(R0, 7).exit();
        a.place(deep);
        a.mov(R0, 1).div(R0, R1).store(Size::D, FP - 8, 0);
        a.load_imm64(R2, 0).jump_if(R1, Cond::Eq, 0, deep);
        a.exit();
    });
    vm.set_fuel(100);
    run(&mut vm).expect_err("an endless loop in a function");
    let world = World { queue: 1, ..World::default() };
    let outcome = vm.run(&mut Packet::new(&[0; 14]), &world).expect("no trap");
    assert_eq!((outcome.value, outcome.steps), (7, 11));
}
