//! The run of a program, instruction by instruction.
//!
//! Every value that an instruction uses was written before, every byte it touches is there, and
//! calls come to an end: whatever breaks this is a trap, and the machine stands as it stood before
//! the instruction, but for what helpers had done.

use super::alu::{cut, holds, holds_low, narrow, negative, reversed, signed, wide};
use super::atomic::{self, Old};
use super::call::Caller;
use super::code::Step;
use super::helper::{self, After};
use super::memory::{CONTEXT_POINTER, Memory, frame_pointer};
use super::number::{extended, len, low};
use super::outcome::Effects;
use super::registers::Registers;
use super::trap::{TrapReason, Tried};
use super::watch::{Watch, Way};
use super::{Loaded, ProgramId, code};
use crate::insn::{AtomicOp, Size, Width};
use crate::reg::{FP, R0, R1};

/// A machine in the middle of a run.
pub(super) struct Machine<'a> {
    pub(super) programs: &'a [Loaded],
    pub(super) memory: Memory<'a>,
    pub(super) registers: Registers,
    pub(super) effects: Effects,
    /// The program and instruction that are executed.
    pub(super) program: ProgramId,
    pub(super) at: u32,
    fuel: u64,
    limit: u64,
    pub(super) callers: Vec<Caller>,
    pub(super) tail_calls: u32,
    /// How many random numbers were given.
    pub(super) drawn: usize,
    /// The ring buffers that have a record reserved, once for each.
    pub(super) reserved: Vec<usize>,
}

impl<'a> Machine<'a> {
    pub(super) fn new(programs: &'a [Loaded], memory: Memory<'a>, limit: u64) -> Self {
        Self {
            programs,
            memory,
            registers: Registers::UNWRITTEN,
            effects: Effects::default(),
            program: ProgramId::FIRST,
            at: 0,
            fuel: limit,
            limit,
            callers: Vec::new(),
            tail_calls: 0,
            drawn: 0,
            reserved: Vec::new(),
        }
    }

    /// How many instructions were executed.
    pub(super) fn steps(&self) -> u64 {
        self.limit - self.fuel
    }

    /// Runs a program from its start to its end, and gives what it returns.
    #[inline]
    pub(super) fn run<W: Watch>(&mut self, watch: &mut W) -> Tried<u32> {
        self.memory.has_cpu()?;
        self.begin();
        self.execute(0, watch)?;
        let value = self.registers.read(R0.number())?;
        match self.reserved.last() {
            Some(map) => Err(self.record_kept(*map)),
            None => Ok(low(value)),
        }
    }

    /// The registers and stack as a program finds them.
    pub(super) fn begin(&mut self) {
        let frame = self.callers.len();
        self.memory.frames = frame + 1;
        self.memory.stack.clear(frame);
        self.registers = Registers::UNWRITTEN;
        self.registers.write(R1.number(), CONTEXT_POINTER);
        self.registers.write(FP.number(), frame_pointer(frame));
    }

    /// Executes instructions until the function returns that so many others have called.
    #[inline]
    pub(super) fn execute<W: Watch>(&mut self, floor: usize, watch: &mut W) -> Tried<()> {
        let programs = self.programs;
        let mut steps: &[Step] = programs[self.program.index()].steps.as_slice();
        let mut next = self.at;
        loop {
            self.at = next;
            let Some(step) = steps.get(len(next.into())) else {
                // No program runs on past its end.
                return Ok(());
            };
            if self.fuel == 0 {
                return Err(Box::new(TrapReason::Fuel { limit: self.limit }));
            }
            self.fuel -= 1;
            watch.before(self.program, len(next.into()), &self.registers);
            next += 1;
            let registers = &mut self.registers;
            match *step {
                Step::Wide { op, dst, src } => {
                    let result = wide(op, registers.read(dst)?, registers.read(src)?);
                    registers.write(dst, result);
                }
                Step::WideConst { op, dst, imm } => {
                    let result = wide(op, registers.read(dst)?, extended(imm));
                    registers.write(dst, result);
                }
                Step::Narrow { op, dst, src } => {
                    let (left, right) = (registers.read(dst)?, registers.read(src)?);
                    registers.write(dst, narrow(op, low(left), low(right)).into());
                }
                Step::NarrowConst { op, dst, imm } => {
                    let result = narrow(op, low(registers.read(dst)?), imm.cast_unsigned());
                    registers.write(dst, result.into());
                }
                Step::Move { dst, src } => {
                    let value = registers.read(src)?;
                    registers.write(dst, value);
                }
                Step::MoveLow { dst, src } => {
                    let value = low(registers.read(src)?);
                    registers.write(dst, value.into());
                }
                Step::Const { dst, value } => registers.write(dst, value),
                Step::Load { size, dst, base, off } => {
                    let addr = registers.read(base)?.wrapping_add(extended(off.into()));
                    let value = self.memory.load(addr, size)?;
                    self.registers.write(dst, value);
                }
                Step::LoadSigned { size, dst, base, off } => {
                    let addr = registers.read(base)?.wrapping_add(extended(off.into()));
                    let value = signed(size, self.memory.load(addr, size)?);
                    self.registers.write(dst, value);
                }
                Step::Store { size, base, off, src } => {
                    let addr = registers.read(base)?.wrapping_add(extended(off.into()));
                    self.memory.store(addr, size, registers.read(src)?)?;
                }
                Step::StoreConst { size, base, off, imm } => {
                    let addr = registers.read(base)?.wrapping_add(extended(off.into()));
                    self.memory.store(addr, size, extended(imm))?;
                }
                Step::Jump { to } => next = to,
                Step::If { cond, left, right, to } => {
                    let holds = holds(cond, registers.read(left)?, registers.read(right)?);
                    self.branch(watch, holds, to, &mut next);
                }
                Step::IfConst { cond, left, imm, to } => {
                    let holds = holds(cond, registers.read(left)?, extended(imm));
                    self.branch(watch, holds, to, &mut next);
                }
                Step::IfLow { cond, left, right, to } => {
                    let holds = holds_low(cond, registers.read(left)?, registers.read(right)?);
                    self.branch(watch, holds, to, &mut next);
                }
                Step::IfLowConst { cond, left, imm, to } => {
                    let holds = holds_low(cond, registers.read(left)?, extended(imm));
                    self.branch(watch, holds, to, &mut next);
                }
                Step::Negative { width, dst } => {
                    let result = negative(width, registers.read(dst)?);
                    registers.write(dst, result);
                }
                Step::MoveSigned { width, size, dst, src } => {
                    let result = signed(size, registers.read(src)?);
                    let result = match width {
                        Width::W32 => cut(Size::W, result),
                        Width::W64 => result,
                    };
                    registers.write(dst, result);
                }
                Step::Reverse { size, dst } => {
                    let result = reversed(size, registers.read(dst)?);
                    registers.write(dst, result);
                }
                Step::Cut { size, dst } => {
                    let result = cut(size, registers.read(dst)?);
                    registers.write(dst, result);
                }
                Step::Atomic { op, size, base, off, src } => {
                    let addr = registers.read(base)?.wrapping_add(extended(off.into()));
                    self.atomic(op, size, addr, src)?;
                }
                Step::Call { helper } => match helper::call(self, helper)? {
                    After::Value(value) => {
                        self.registers.take_arguments();
                        self.registers.write(R0.number(), value);
                    }
                    After::Nothing => self.registers.take_arguments(),
                    After::TailCall { map, index } => {
                        if self.tail_call(map, index) {
                            steps = programs[self.program.index()].steps.as_slice();
                            next = 0;
                        } else {
                            self.registers.take_arguments();
                        }
                    }
                    After::Loop { times } => {
                        let done = self.repeat(times, watch)?;
                        self.at = next - 1;
                        self.registers.take_arguments();
                        self.registers.write(R0.number(), done);
                    }
                    After::Each { map } => {
                        let done = self.each(map, watch)?;
                        self.at = next - 1;
                        self.registers.take_arguments();
                        self.registers.write(R0.number(), done);
                    }
                },
                Step::CallSub { to } => {
                    self.enter(next)?;
                    next = to;
                }
                Step::Exit => {
                    if self.callers.len() == floor {
                        return Ok(());
                    }
                    next = self.leave();
                    steps = programs[self.program.index()].steps.as_slice();
                }
                Step::Impossible => return Err(self.impossible()),
            }
        }
    }

    #[inline(always)]
    fn branch<W: Watch>(&self, watch: &mut W, holds: bool, to: u32, next: &mut u32) {
        let way = if holds { Way::Taken } else { Way::Onward };
        watch.branch(self.program, len(self.at.into()), way);
        if holds {
            *next = to;
        }
    }

    fn atomic(&mut self, op: AtomicOp, size: Size, addr: u64, src: u8) -> Tried<()> {
        let operand = self.registers.read(src)?;
        let r0 = match op {
            AtomicOp::CmpXchg => self.registers.read(R0.number())?,
            AtomicOp::Add
            | AtomicOp::Or
            | AtomicOp::And
            | AtomicOp::Xor
            | AtomicOp::FetchAdd
            | AtomicOp::FetchOr
            | AtomicOp::FetchAnd
            | AtomicOp::FetchXor
            | AtomicOp::Xchg => 0,
        };
        self.memory.atomic(addr, size)?;
        let old = self.memory.load(addr, size)?;
        let change = atomic::change(op, size, old, operand, r0);
        self.memory.store(addr, size, change.new)?;
        match change.old {
            Old::Nobody => {}
            Old::Source => self.registers.write(src, old),
            Old::R0 => self.registers.write(R0.number(), old),
        }
        Ok(())
    }

    #[cold]
    fn impossible(&self) -> Box<TrapReason> {
        let Loaded { program, maps, .. } = &self.programs[self.program.index()];
        code::impossible(program, self.memory.maps, maps, self.at)
    }
    /// Discards the records that a trap has left reserved.
    pub(super) fn give_up_records(&mut self) {
        for map in self.reserved.drain(..) {
            if let Some(ring) = self.memory.maps.held_mut(map).and_then(|held| held.ring_mut()) {
                ring.discard_reserved();
            }
        }
    }

    #[cold]
    fn record_kept(&self, map: usize) -> Box<TrapReason> {
        let held = self.memory.maps.held(map);
        let map = held.map(|held| held.decl.name.clone()).unwrap_or_default();
        Box::new(TrapReason::RecordKept { map })
    }
}
