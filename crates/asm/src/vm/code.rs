//! The form in which programs are run: one step for each instruction, with everything resolved
//! that does not change while they run.
//!
//! Labels have become places, maps and functions addresses, and what no run can do a step that
//! says so, should it be met.

use super::map::MapStore;
use super::memory;
use super::number::{extended, len};
use super::trap::{TrapReason, Tried};
use crate::helper::Helper;
use crate::insn::{AluOp, AtomicOp, Call, Cond, Extend, Imm64, Insn, Size, Src, Swap, Test, Width};
use crate::order::ByteOrder;
use crate::program::Program;

/// One instruction, resolved; registers by their numbers, places by the number of the instruction.
#[derive(Clone, Copy, Debug)]
pub(super) enum Step {
    Wide {
        op: AluOp,
        dst: u8,
        src: u8,
    },
    WideConst {
        op: AluOp,
        dst: u8,
        imm: i32,
    },
    Narrow {
        op: AluOp,
        dst: u8,
        src: u8,
    },
    NarrowConst {
        op: AluOp,
        dst: u8,
        imm: i32,
    },
    Move {
        dst: u8,
        src: u8,
    },
    MoveLow {
        dst: u8,
        src: u8,
    },
    Const {
        dst: u8,
        value: u64,
    },
    Negative {
        width: Width,
        dst: u8,
    },
    MoveSigned {
        width: Width,
        size: Size,
        dst: u8,
        src: u8,
    },
    Reverse {
        size: Size,
        dst: u8,
    },
    Cut {
        size: Size,
        dst: u8,
    },
    Load {
        size: Size,
        dst: u8,
        base: u8,
        off: i16,
    },
    LoadSigned {
        size: Size,
        dst: u8,
        base: u8,
        off: i16,
    },
    Store {
        size: Size,
        base: u8,
        off: i16,
        src: u8,
    },
    StoreConst {
        size: Size,
        base: u8,
        off: i16,
        imm: i32,
    },
    Atomic {
        op: AtomicOp,
        size: Size,
        base: u8,
        off: i16,
        src: u8,
    },
    Jump {
        to: u32,
    },
    If {
        cond: Cond,
        left: u8,
        right: u8,
        to: u32,
    },
    IfConst {
        cond: Cond,
        left: u8,
        imm: i32,
        to: u32,
    },
    IfLow {
        cond: Cond,
        left: u8,
        right: u8,
        to: u32,
    },
    IfLowConst {
        cond: Cond,
        left: u8,
        imm: i32,
        to: u32,
    },
    Call {
        helper: Helper,
    },
    CallSub {
        to: u32,
    },
    Exit,
    /// What the instruction is tells why it is no step.
    Impossible,
}

/// The steps of a program whose maps are those of the store at these places.
pub(super) fn resolve(program: &Program, store: &MapStore, maps: &[usize]) -> Vec<Step> {
    let one = |insn: &Insn| step(program, store, maps, insn);
    program.insns().iter().map(one).collect()
}

fn step(program: &Program, store: &MapStore, maps: &[usize], insn: &Insn) -> Step {
    let place = |label| u32::try_from(program.target(label)).unwrap_or(u32::MAX);
    match *insn {
        Insn::Alu { op, width, dst, src } => arithmetic(op, width, dst.number(), src),
        Insn::Neg { width, dst } => Step::Negative { width, dst: dst.number() },
        Insn::MoveSigned { width, size, dst, src } => {
            Step::MoveSigned { width, size, dst: dst.number(), src: src.number() }
        }
        Insn::Swap { order, dst } => swap(order, dst.number()),
        Insn::LoadImm64 { dst, value } => match address(program, store, maps, value) {
            Ok(value) => Step::Const { dst: dst.number(), value },
            Err(_) => Step::Impossible,
        },
        Insn::Load { size, extend: Extend::Zero, dst, mem } => {
            Step::Load { size, dst: dst.number(), base: mem.base.number(), off: mem.off }
        }
        Insn::Load { size, extend: Extend::Sign, dst, mem } => {
            Step::LoadSigned { size, dst: dst.number(), base: mem.base.number(), off: mem.off }
        }
        Insn::Store { size, mem, src: Src::Reg(src) } => {
            Step::Store { size, base: mem.base.number(), off: mem.off, src: src.number() }
        }
        Insn::Store { size, mem, src: Src::Imm(imm) } => {
            Step::StoreConst { size, base: mem.base.number(), off: mem.off, imm }
        }
        Insn::Atomic { op, size, mem, src } => {
            let (base, src) = (mem.base.number(), src.number());
            Step::Atomic { op, size, base, off: mem.off, src }
        }
        Insn::Jump { when: None, to } | Insn::JumpLong { to } => Step::Jump { to: place(to) },
        Insn::Jump { when: Some(test), to } => jump(test, place(to)),
        Insn::Call(Call::Helper(helper)) => Step::Call { helper },
        Insn::Call(Call::Sub(to)) => Step::CallSub { to: place(to) },
        Insn::Exit => Step::Exit,
        Insn::Call(Call::Kfunc { .. }) | Insn::LoadPacket { .. } => Step::Impossible,
    }
}

fn arithmetic(op: AluOp, width: Width, dst: u8, src: Src) -> Step {
    match (op, width, src) {
        (AluOp::Mov, Width::W64, Src::Reg(src)) => Step::Move { dst, src: src.number() },
        (AluOp::Mov, Width::W32, Src::Reg(src)) => Step::MoveLow { dst, src: src.number() },
        (AluOp::Mov, Width::W64, Src::Imm(imm)) => Step::Const { dst, value: extended(imm) },
        (AluOp::Mov, Width::W32, Src::Imm(imm)) => {
            Step::Const { dst, value: imm.cast_unsigned().into() }
        }
        (_, Width::W64, Src::Reg(src)) => Step::Wide { op, dst, src: src.number() },
        (_, Width::W64, Src::Imm(imm)) => Step::WideConst { op, dst, imm },
        (_, Width::W32, Src::Reg(src)) => Step::Narrow { op, dst, src: src.number() },
        (_, Width::W32, Src::Imm(imm)) => Step::NarrowConst { op, dst, imm },
    }
}

fn swap(order: Swap, dst: u8) -> Step {
    let (size, wanted) = match order {
        Swap::Le16 => (Size::H, Some(ByteOrder::Little)),
        Swap::Le32 => (Size::W, Some(ByteOrder::Little)),
        Swap::Le64 => (Size::D, Some(ByteOrder::Little)),
        Swap::Be16 => (Size::H, Some(ByteOrder::Big)),
        Swap::Be32 => (Size::W, Some(ByteOrder::Big)),
        Swap::Be64 => (Size::D, Some(ByteOrder::Big)),
        Swap::Bswap16 => (Size::H, None),
        Swap::Bswap32 => (Size::W, None),
        Swap::Bswap64 => (Size::D, None),
    };
    if wanted == Some(ByteOrder::HOST) {
        Step::Cut { size, dst }
    } else {
        Step::Reverse { size, dst }
    }
}

fn jump(test: Test, to: u32) -> Step {
    let Test { cond, width, left, right } = test;
    let left = left.number();
    match (width, right) {
        (Width::W64, Src::Reg(right)) => Step::If { cond, left, right: right.number(), to },
        (Width::W64, Src::Imm(imm)) => Step::IfConst { cond, left, imm, to },
        (Width::W32, Src::Reg(right)) => Step::IfLow { cond, left, right: right.number(), to },
        (Width::W32, Src::Imm(imm)) => Step::IfLowConst { cond, left, imm, to },
    }
}

/// What a 64-bit load puts into its register.
fn address(program: &Program, store: &MapStore, maps: &[usize], value: Imm64) -> Tried<u64> {
    match value {
        Imm64::Const(number) => Ok(number),
        Imm64::Map(map) => match maps.get(map.index()) {
            Some(map) => Ok(memory::map_handle(*map)),
            None => Err(Box::new(TrapReason::UndeclaredMap)),
        },
        Imm64::MapValue { map, off } => {
            let at = *maps.get(map.index()).ok_or(TrapReason::UndeclaredMap)?;
            let held = store.held(at).ok_or(TrapReason::UndeclaredMap)?;
            let missing = || TrapReason::NoSuchValue { map: held.decl.name.clone(), off };
            Ok(memory::value(at, held.only_value(off).ok_or_else(missing)?))
        }
        Imm64::MapNumber(_) | Imm64::MapNumberValue { .. } => {
            Err(Box::new(TrapReason::UndeclaredMap))
        }
        Imm64::Variable { btf_id, module: _ } => Err(Box::new(TrapReason::Variable { btf_id })),
        Imm64::Sub(label) => Ok(memory::function(program.target(label))),
    }
}

/// Why an instruction is a step that no run can do.
pub(super) fn impossible(
    program: &Program,
    store: &MapStore,
    maps: &[usize],
    at: u32,
) -> Box<TrapReason> {
    match program.insns().get(len(at.into())) {
        Some(Insn::Call(Call::Kfunc { btf_id, module: _ })) => {
            Box::new(TrapReason::Kfunc { btf_id: *btf_id })
        }
        Some(Insn::LoadImm64 { value, .. }) => match address(program, store, maps, *value) {
            Err(reason) => reason,
            Ok(_) => Box::new(TrapReason::UndeclaredMap),
        },
        _ => Box::new(TrapReason::Classic),
    }
}
