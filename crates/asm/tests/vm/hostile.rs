//! Programs that no verifier has seen: whatever they do, a run ends with a result or with a trap.

use palisade_asm::vm::{MapStore, Packet, TrapReason, Vm, World};
use palisade_asm::{
    AluOp, Assembler, AtomicOp, Call, Cond, Extend, FP, Helper, Imm64, Insn, MapDecl, MapFlags,
    MapId, MapKind, PacketAt, Program, R0, R1, R2, R3, R4, R5, R6, R7, R8, R9, Reg, Size, Src,
    Swap, Test, Width,
};

const PROGRAMS: u64 = 1500;
const LENGTH: u64 = 40;

/// SplitMix64.
struct Chance(u64);

impl Chance {
    fn number(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ mixed >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ mixed >> 31
    }

    fn below(&mut self, bound: u64) -> u64 {
        self.number() % bound
    }

    fn one<T: Copy>(&mut self, of: &[T]) -> T {
        of[usize::try_from(self.below(u64::try_from(of.len()).expect("few"))).expect("few")]
    }

    fn imm(&mut self) -> i32 {
        let number = self.number() >> self.below(60);
        let [a, b, c, d, ..] = number.to_le_bytes();
        let number = i32::from_le_bytes([a, b, c, d]);
        if self.below(4) == 0 { number.wrapping_neg() } else { number }
    }

    fn off(&mut self) -> i16 {
        let near = i16::try_from(self.below(80)).expect("small") - 40;
        if self.below(8) == 0 { near.saturating_mul(800) } else { near }
    }

    fn reg(&mut self) -> Reg {
        self.one(&[R0, R1, R2, R3, R4, R5, R6, R7, R8, R9])
    }

    fn src(&mut self) -> Src {
        if self.below(2) == 0 { self.reg().into() } else { self.imm().into() }
    }
}

const KINDS: [(MapKind, u32, u32, u32); 13] = [
    (MapKind::Array, 4, 16, 1),
    (MapKind::Array, 4, 5, 7),
    (MapKind::Hash, 8, 16, 3),
    (MapKind::PerCpuHash, 4, 8, 3),
    (MapKind::PerCpuArray, 4, 8, 3),
    (MapKind::LruHash, 4, 8, 2),
    (MapKind::LpmTrie, 8, 8, 3),
    (MapKind::ProgArray, 4, 4, 3),
    (MapKind::RingBuf, 0, 0, 4096),
    (MapKind::DevMap, 4, 4, 3),
    (MapKind::DevMapHash, 4, 8, 3),
    (MapKind::PerfEventArray, 4, 4, 3),
    (MapKind::LruPerCpuHash, 100, 8, 2),
];

const SIZES: [Size; 4] = [Size::B, Size::H, Size::W, Size::D];
const WIDTHS: [Width; 2] = [Width::W32, Width::W64];

/// Something in each register that a program may take for what it wants.
fn fill(a: &mut Assembler, chance: &mut Chance, maps: &[MapId], function: palisade_asm::Label) {
    a.mov(R6, R1).load(Size::W, R7, R1 + 0);
    for slot in 1..=16 {
        a.store(Size::D, FP - 8 * slot, chance.imm() & 7);
    }
    for reg in [R0, R1, R2, R3, R4, R5, R8, R9] {
        give(a, chance, maps, function, reg);
    }
}

fn give(
    a: &mut Assembler,
    chance: &mut Chance,
    maps: &[MapId],
    function: palisade_asm::Label,
    reg: Reg,
) {
    match chance.below(9) {
        0 => a.mov(reg, R6),
        1 => a.mov(reg, R7),
        2 | 3 => a.mov(reg, FP).sub(reg, chance.imm() & 0x7f),
        4 => a.load_map(reg, chance.one(maps)),
        5 => a.load_map_value(reg, maps[0], 0),
        6 => a.push(Insn::LoadImm64 { dst: reg, value: Imm64::Sub(function) }),
        7 => a.mov(reg, chance.imm() & 0x3f),
        _ => a.load_imm64(reg, chance.number()),
    };
}

fn insn(chance: &mut Chance) -> Insn {
    use AluOp::{Add, And, Arsh, Div, Lsh, Mod, Mov, Mul, Or, Rsh, Sdiv, Smod, Sub, Xor};
    use AtomicOp::{CmpXchg, FetchAdd, FetchOr, Xchg};
    let (dst, base, width, size) =
        (chance.reg(), chance.reg(), chance.one(&WIDTHS), chance.one(&SIZES));
    let mem = base + chance.off();
    match chance.below(12) {
        0..=3 => {
            let op = chance.one(&[
                Add, Add, Sub, Sub, Mul, Div, Or, And, Lsh, Rsh, Mod, Xor, Mov, Arsh, Sdiv, Smod,
            ]);
            Insn::Alu { op, width, dst, src: chance.src() }
        }
        4 => Insn::Swap { order: chance.one(&[Swap::Be16, Swap::Le32, Swap::Bswap64]), dst },
        5 | 6 => Insn::Load { size, extend: chance.one(&[Extend::Zero, Extend::Sign]), dst, mem },
        7 | 8 => Insn::Store { size, mem, src: chance.src() },
        9 => Insn::Atomic {
            op: chance.one(&[CmpXchg, FetchAdd, FetchOr, Xchg]),
            size,
            mem,
            src: dst,
        },
        10 => Insn::MoveSigned { width, size, dst, src: base },
        _ => Insn::LoadPacket { size, at: PacketAt::Ind(base, 0) },
    }
}

fn program(chance: &mut Chance) -> Program {
    let mut a = Assembler::new();
    let maps: Vec<MapId> = KINDS
        .iter()
        .zip(0..)
        .map(|(&(kind, key_size, value_size, max_entries), at)| {
            let flags = match kind {
                MapKind::LpmTrie => MapFlags::NO_PREALLOC,
                _ => MapFlags::NONE,
            };
            a.map(MapDecl {
                name: format!("m{at}"),
                kind,
                key_size,
                value_size,
                max_entries,
                flags,
            })
        })
        .collect();
    let function = a.label("function");
    fill(&mut a, chance, &maps, function);
    body(&mut a, chance, &maps, function);
    a.mov(R1, 0).mov(R2, 0).call_sub(function);
    a.exit();
    a.place(function);
    a.mov(R6, R1).mov(R7, R2).mov(R0, chance.imm() & 3);
    for reg in [R1, R2, R3, R4, R5, R8, R9] {
        give(&mut a, chance, &maps, function, reg);
    }
    body(&mut a, chance, &maps, function);
    a.exit();
    a.finish().unwrap_or_else(|error| panic!("{error}"))
}

fn body(a: &mut Assembler, chance: &mut Chance, maps: &[MapId], function: palisade_asm::Label) {
    let back = a.label("back");
    a.place(back);
    for _ in 0..chance.below(LENGTH) {
        match chance.below(10) {
            0..=4 => {
                let insn = insn(chance);
                if insn.flaw().is_none() {
                    a.push(insn);
                }
            }
            5 | 6 => {
                for reg in [R1, R2, R3, R4, R5] {
                    give(a, chance, maps, function, reg);
                }
                if chance.below(4) > 0 {
                    a.load_map(R1, chance.one(maps));
                }
                let helper = u32::try_from(chance.below(212)).expect("small");
                let common = [
                    Helper::MAP_LOOKUP_ELEM.id(),
                    Helper::MAP_UPDATE_ELEM.id(),
                    Helper::RINGBUF_RESERVE.id(),
                    Helper::RINGBUF_SUBMIT.id(),
                    Helper::FOR_EACH_MAP_ELEM.id(),
                    Helper::LOOP.id(),
                    Helper::TAIL_CALL.id(),
                    helper,
                ];
                a.push(Insn::Call(Call::Helper(Helper::from_id(chance.one(&common)))));
            }
            7 => {
                a.call_sub(function);
            }
            8 => {
                let reg = chance.reg();
                give(a, chance, maps, function, reg);
            }
            _ => {
                use Cond::{Eq, Gt, Sle};
                let test = Test {
                    cond: chance.one(&[Eq, Gt, Sle]),
                    width: chance.one(&WIDTHS),
                    left: chance.reg(),
                    right: chance.src(),
                };
                a.push(Insn::Jump { when: Some(test), to: back });
            }
        }
    }
}

#[test]
fn a_run_of_any_program_ends_with_a_result_or_a_trap() {
    let (mut ended, mut fuel, mut kinds) = (0, 0, std::collections::HashSet::new());
    for seed in 0..PROGRAMS {
        let mut chance = Chance(seed);
        let program = program(&mut chance);
        let maps = MapStore::for_cpus(program.maps(), 2).expect("maps that the kernel takes");
        let mut vm = Vm::with_maps(&program, maps).expect("its maps");
        vm.maps_mut().set_program(7, 1, palisade_asm::vm::ProgramId::FIRST).expect("an index");
        vm.set_fuel(3000);
        let len = usize::try_from(chance.below(5000)).expect("small");
        let world = World { cpu: 1, ..World::default() };
        for _ in 0..3 {
            match vm.run(&mut Packet::new(&vec![7; len]), &world) {
                Ok(_) => ended += 1,
                Err(trap) => {
                    assert!(!trap.to_string().is_empty());
                    fuel += u32::from(matches!(trap.why, TrapReason::Fuel { .. }));
                    kinds.insert(std::mem::discriminant(&trap.why));
                }
            }
        }
    }
    assert!(ended > 0 && fuel > 0 && kinds.len() > 12, "{ended}, {fuel}, {} kinds", kinds.len());
}
