//! Which registers and which bytes of the stack are still read after an instruction.
//!
//! Found backwards, once, as there is no loop. Before that, forwards: where registers point to on
//! the stack, so that the bytes are known which a helper reads. What is not known counts as read.

use std::ops::Range;

use super::call::{Arg, Signature};
use super::functions::ARGS;
use super::stack::{STACK, length};
use crate::flow::{callee, successors};
use crate::insn::{AluOp, AtomicOp, Call, Imm64, Insn, PacketAt, Size, Src, Width};
use crate::map::MapId;
use crate::program::Program;
use crate::reg::{FP, Mem, R0, R1, R2, R3, R4, R5, Reg};

/// Registers and bytes of the stack that are read.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Live {
    regs: u16,
    stack: [u8; 64],
}

impl Live {
    const NONE: Self = Self { regs: 0, stack: [0; 64] };

    pub(super) fn has_number(&self, number: u8) -> bool {
        self.regs >> number & 1 == 1
    }

    /// The bytes of a slot of the stack that are read.
    pub(super) fn bytes(&self, slot: u32) -> u8 {
        let slot = usize::try_from(slot).ok().and_then(|slot| self.stack.get(slot));
        slot.copied().unwrap_or(0)
    }

    fn read(&mut self, reg: Reg) {
        self.regs |= 1 << reg.number();
    }

    fn write(&mut self, reg: Reg) {
        self.regs &= !(1 << reg.number());
    }

    fn read_src(&mut self, src: Src) {
        if let Src::Reg(reg) = src {
            self.read(reg);
        }
    }

    fn join(&mut self, other: &Self) {
        self.regs |= other.regs;
        for (own, bits) in self.stack.iter_mut().zip(&other.stack) {
            *own |= bits;
        }
    }

    fn read_bytes(&mut self, off: i64, len: i64) {
        for byte in off.max(-STACK)..(off + len).min(0) {
            if let Ok(at) = usize::try_from(byte + STACK) {
                self.stack[at / 8] |= 1 << (at % 8);
            }
        }
    }

    fn write_bytes(&mut self, off: i64, len: i64) {
        for byte in off.max(-STACK)..(off + len).min(0) {
            if let Ok(at) = usize::try_from(byte + STACK) {
                self.stack[at / 8] &= !(1 << (at % 8));
            }
        }
    }
}

/// What a register holds, as far as the stack is concerned.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Rough {
    /// No path has come here yet.
    None,
    /// So far from the frame pointer.
    Frame(i64),
    /// A number.
    Number(i64),
    /// A map.
    Map(MapId),
    /// Nothing that leads to the stack.
    Else,
    /// Anything.
    Any,
}

impl Rough {
    fn join(self, other: Self) -> Self {
        match (self, other) {
            (Self::None, known) | (known, Self::None) => known,
            (a, b) if a == b => a,
            (Self::Frame(_) | Self::Any, _) | (_, Self::Frame(_) | Self::Any) => Self::Any,
            (Self::Number(_) | Self::Map(_) | Self::Else, _) => Self::Else,
        }
    }
}

/// Whether pointers to the stack lie in memory.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Spills {
    Never,
    Perhaps,
}

type Roughs = [Rough; 11];

/// What is found before paths are followed.
pub(super) struct Survey {
    /// What is read from each instruction on, itself included.
    pub(super) live: Vec<Live>,
    roughs: Vec<Roughs>,
}

fn rough(regs: &Roughs, reg: Reg) -> Rough {
    regs[usize::from(reg.number())]
}

impl Survey {
    /// Of functions that start there; `order` has every instruction before those that come after it,
    /// and before those that it calls.
    pub(super) fn of(program: &Program, starts: &[usize], order: &[usize]) -> Self {
        // If no pointer to the stack is stored as long as none is loaded, none ever is.
        let mut roughs = roughs_if(Spills::Never, program, (starts, order));
        if stores_frame(program, &roughs) {
            roughs = roughs_if(Spills::Perhaps, program, (starts, order));
        }
        let mut live = vec![Live::NONE; program.insns().len()];
        for &at in order.iter().rev() {
            let mut here = Live::NONE;
            for to in successors(program, at).into_iter().flatten() {
                here.join(&live[to]);
            }
            let insn = &program.insns()[at];
            before(program, insn, &roughs[at], &mut here);
            if let Some(start) = callee(program, insn) {
                ARGS.iter().filter(|reg| live[start].has_number(reg.number())).for_each(|reg| {
                    here.read(*reg);
                });
            }
            live[at] = here;
        }
        Self { live, roughs }
    }

    /// The most bytes of the stack that some instructions may use.
    pub(super) fn stack(&self, program: &Program, range: Range<usize>) -> i64 {
        let mut most = 0;
        for at in range {
            let base = if let Insn::Load { mem, .. }
            | Insn::Store { mem, .. }
            | Insn::Atomic { mem, .. } = program.insns()[at]
            {
                Some(mem)
            } else {
                None
            };
            for (reg, rough) in (0_u8..).zip(&self.roughs[at]) {
                let off = base.filter(|mem| mem.base.number() == reg).map_or(0, |mem| mem.off);
                most = most.max(match rough {
                    Rough::Frame(from) => -(from + i64::from(off)),
                    Rough::Any => STACK,
                    Rough::None | Rough::Number(_) | Rough::Map(_) | Rough::Else => 0,
                });
            }
        }
        most
    }
}

fn roughs_if(
    spills: Spills,
    program: &Program,
    (starts, order): (&[usize], &[usize]),
) -> Vec<Roughs> {
    let mut roughs = vec![[Rough::None; 11]; program.insns().len()];
    let mut start = [Rough::Else; 11];
    start[usize::from(FP.number())] = Rough::Frame(0);
    starts.iter().for_each(|first| roughs[*first] = start);
    for &at in order {
        let mut regs = roughs[at];
        after(&program.insns()[at], &mut regs, spills);
        for to in successors(program, at).into_iter().flatten() {
            for (own, new) in roughs[to].iter_mut().zip(regs) {
                *own = own.join(new);
            }
        }
    }
    roughs
}

/// Whether a pointer to the stack may be stored somewhere, as far as these know.
fn stores_frame(program: &Program, roughs: &[Roughs]) -> bool {
    program.insns().iter().zip(roughs).any(|(insn, regs)| {
        matches!(insn, Insn::Store { src: Src::Reg(reg), .. }
            if matches!(rough(regs, *reg), Rough::Frame(_) | Rough::Any))
    })
}

fn after(insn: &Insn, regs: &mut Roughs, spills: Spills) {
    let wide = |src: Src, regs: &Roughs| match src {
        Src::Reg(reg) => rough(regs, reg),
        Src::Imm(imm) => Rough::Number(imm.into()),
    };
    let (dst, value) = match *insn {
        Insn::Alu { op: AluOp::Mov, width: Width::W64, dst, src } => (dst, wide(src, regs)),
        Insn::Alu { op, width: Width::W64, dst, src } => {
            let value = match (op, rough(regs, dst), wide(src, regs)) {
                (AluOp::Add, Rough::Frame(off), Rough::Number(by)) => Rough::Frame(off + by),
                (AluOp::Sub, Rough::Frame(off), Rough::Number(by)) => Rough::Frame(off - by),
                (_, Rough::Frame(_) | Rough::Any, _) | (_, _, Rough::Frame(_) | Rough::Any) => {
                    Rough::Any
                }
                (_, Rough::None | Rough::Number(_) | Rough::Map(_) | Rough::Else, _) => Rough::Else,
            };
            (dst, value)
        }
        Insn::Alu { op: AluOp::Mov, src: Src::Imm(imm), dst, .. } => {
            (dst, Rough::Number(imm.cast_unsigned().into()))
        }
        Insn::LoadImm64 { dst, value: Imm64::Map(map) } => (dst, Rough::Map(map)),
        Insn::Load { size: Size::D, dst, .. } if spills == Spills::Perhaps => (dst, Rough::Any),
        Insn::Call(_) => {
            for reg in [R0, R1, R2, R3, R4, R5] {
                regs[usize::from(reg.number())] = Rough::Else;
            }
            return;
        }
        Insn::Atomic { .. }
        | Insn::Alu { .. }
        | Insn::Neg { .. }
        | Insn::MoveSigned { .. }
        | Insn::Swap { .. }
        | Insn::LoadImm64 { .. }
        | Insn::Load { .. }
        | Insn::LoadPacket { .. }
        | Insn::Store { .. }
        | Insn::Jump { .. }
        | Insn::JumpLong { .. }
        | Insn::Exit => match insn.written() {
            Some(dst) => (dst, Rough::Else),
            None => return,
        },
    };
    regs[usize::from(dst.number())] = value;
}

/// From what is read behind an instruction to what is read from it on.
fn before(program: &Program, insn: &Insn, regs: &Roughs, live: &mut Live) {
    if let Some(written) = insn.written() {
        live.write(written);
    }
    match *insn {
        Insn::Alu { op, dst, src, .. } => {
            if op != AluOp::Mov {
                live.read(dst);
            }
            live.read_src(src);
        }
        Insn::Neg { dst, .. } | Insn::Swap { dst, .. } => live.read(dst),
        Insn::MoveSigned { src, .. } => live.read(src),
        Insn::Load { size, mem, .. } => read_memory(mem, length(size), regs, live),
        Insn::Store { size, mem, src } => {
            match rough(regs, mem.base) {
                Rough::Frame(off) => live.write_bytes(off + i64::from(mem.off), length(size)),
                Rough::None | Rough::Number(_) | Rough::Map(_) | Rough::Else | Rough::Any => {}
            }
            live.read(mem.base);
            live.read_src(src);
        }
        Insn::Atomic { op, size, mem, src } => {
            read_memory(mem, length(size), regs, live);
            live.read(src);
            if op == AtomicOp::CmpXchg {
                live.read(R0);
            }
        }
        Insn::LoadPacket { at, .. } => {
            if let PacketAt::Ind(reg, _) = at {
                live.read(reg);
            }
        }
        Insn::Jump { when: Some(test), .. } => {
            live.read(test.left);
            live.read_src(test.right);
        }
        Insn::Call(call) => read_by_call(program, call, regs, live),
        Insn::Exit => live.read(R0),
        Insn::LoadImm64 { .. } | Insn::Jump { when: None, .. } | Insn::JumpLong { .. } => {}
    }
}

fn read_memory(mem: Mem, len: i64, regs: &Roughs, live: &mut Live) {
    live.read(mem.base);
    match rough(regs, mem.base) {
        Rough::Frame(off) => live.read_bytes(off + i64::from(mem.off), len),
        Rough::Any | Rough::None => live.read_bytes(-STACK, STACK),
        Rough::Number(_) | Rough::Map(_) | Rough::Else => {}
    }
}

fn read_by_call(program: &Program, call: Call, regs: &Roughs, live: &mut Live) {
    for reg in [R0, R1, R2, R3, R4, R5] {
        live.write(reg);
    }
    let signature = match call {
        Call::Helper(helper) => Signature::of(helper),
        Call::Sub(_) | Call::Kfunc { .. } => None,
    };
    // What is not known is refused, so it reads nothing that matters.
    let Some(signature) = signature else { return };
    let args: Vec<(Reg, Arg)> =
        [R1, R2, R3, R4, R5].into_iter().zip(signature.args.iter().copied()).collect();
    for (reg, arg) in &args {
        live.read(*reg);
        if let Arg::Written = arg {
            continue;
        }
        match rough(regs, *reg) {
            Rough::Frame(off) => live.read_bytes(off, read_length(program, *arg, *reg, regs, off)),
            Rough::Any | Rough::None => live.read_bytes(-STACK, STACK),
            Rough::Number(_) | Rough::Map(_) | Rough::Else => {}
        }
    }
}

/// How many bytes at most a helper reads of an argument on the stack at `off`.
fn read_length(program: &Program, arg: Arg, reg: Reg, regs: &Roughs, off: i64) -> i64 {
    let map =
        if let Rough::Map(map) = rough(regs, R1) { program.maps().get(map.index()) } else { None };
    let size = if arg == Arg::Key {
        map.map(|map| map.key_size.into())
    } else if arg == Arg::MapValue {
        map.map(|map| map.value_size.into())
    } else {
        let next = [R2, R3, R4, R5].into_iter().find(|next| next.number() > reg.number());
        next.and_then(|next| match rough(regs, next) {
            Rough::Number(size) => Some(size),
            Rough::None | Rough::Frame(_) | Rough::Map(_) | Rough::Else | Rough::Any => None,
        })
    };
    size.unwrap_or(-off)
}
