//! Calls: into functions of the program and back, over to other programs, and from helpers back
//! into the program.
//!
//! Every frame has its own stack and its own kept registers; there are never more than
//! [`MAX_FRAMES`] of them, so callbacks within callbacks come to an end too.

use super::ProgramId;
use super::memory::{self, frame_pointer};
use super::number::len;
use super::registers::Registers;
use super::run::Machine;
use super::stack::MAX_FRAMES;
use super::trap::{TrapReason, Tried};
use super::watch::Watch;
use crate::reg::{FP, R0, R1, R2, R3};

/// How often programs may hand over to another one by a tail call.
const MAX_TAIL_CALLS: u32 = 33;

/// Where a call returns to, and the registers it returns with.
pub(super) struct Caller {
    program: ProgramId,
    next: u32,
    registers: Registers,
}

impl Machine<'_> {
    /// Goes into a function of the program, which returns to `next`.
    pub(super) fn enter(&mut self, next: u32) -> Tried<()> {
        let frame = self.callers.len() + 1;
        if frame >= MAX_FRAMES {
            return Err(Box::new(TrapReason::CallDepth { limit: MAX_FRAMES }));
        }
        let mut registers = self.registers.arguments();
        registers.write(FP.number(), frame_pointer(frame));
        let registers = std::mem::replace(&mut self.registers, registers);
        self.callers.push(Caller { program: self.program, next, registers });
        self.memory.frames = frame + 1;
        self.memory.stack.clear(frame);
        Ok(())
    }

    /// Comes back from a function, and says where to.
    pub(super) fn leave(&mut self) -> u32 {
        let Some(caller) = self.callers.pop() else { return u32::MAX };
        self.memory.frames = self.callers.len() + 1;
        self.registers = caller.registers.after_call(&self.registers);
        self.program = caller.program;
        caller.next
    }

    /// Goes over to another program in the same frame; whether there is one.
    pub(super) fn tail_call(&mut self, map: usize, index: u64) -> bool {
        let program = self.memory.maps.held(map).and_then(|held| held.program(index));
        let Some(program) = program.filter(|program| program.index() < self.programs.len()) else {
            return false;
        };
        if self.tail_calls >= MAX_TAIL_CALLS {
            return false;
        }
        self.tail_calls += 1;
        self.program = program;
        self.begin();
        true
    }

    /// `bpf_loop`: calls `r2` so often with the round and `r3`, until it gives 1.
    pub(super) fn repeat<W: Watch>(&mut self, times: u64, watch: &mut W) -> Tried<u64> {
        let function = self.function()?;
        let context = self.registers.read(R3.number())?;
        for round in 0..times {
            if self.call_back(function, &[round, context], watch)? {
                return Ok(round + 1);
            }
        }
        Ok(times)
    }

    /// `bpf_for_each_map_elem`: calls `r2` for each entry with map, key, value and `r3`, until it
    /// gives 1.
    pub(super) fn each<W: Watch>(&mut self, map: usize, watch: &mut W) -> Tried<u64> {
        let function = self.function()?;
        let context = self.registers.read(R3.number())?;
        let Some(held) = self.memory.maps.held(map) else { return Ok(0) };
        let keys: Vec<Vec<u8>> = held.entries().into_iter().map(|(key, _)| key).collect();
        let cpu = len(self.memory.world.cpu.into());
        let mut done = 0;
        for key in keys {
            let found = self.memory.maps.held_mut(map).and_then(|held| held.find(&key, cpu));
            let Some(within) = found else { continue };
            let at = self.memory.set_key(self.callers.len(), key);
            let arguments = [memory::map_handle(map), at, memory::value(map, within), context];
            done += 1;
            if self.call_back(function, &arguments, watch)? {
                break;
            }
        }
        Ok(done)
    }

    /// The function that `r2` is the address of.
    fn function(&self) -> Tried<u32> {
        let addr = self.registers.read(R2.number())?;
        let steps = self.programs[self.program.index()].steps.len();
        let at = memory::function_at(addr).filter(|at| *at < steps);
        let at = at.and_then(|at| u32::try_from(at).ok());
        Ok(at.ok_or(TrapReason::NotFunction { reg: R2 })?)
    }

    /// Calls a function of the program from a helper; whether it wants no further call.
    fn call_back<W: Watch>(
        &mut self,
        function: u32,
        arguments: &[u64],
        watch: &mut W,
    ) -> Tried<bool> {
        let at = self.at;
        let before = self.registers;
        self.registers = Registers::UNWRITTEN;
        for (argument, reg) in arguments.iter().zip(R1.number()..) {
            self.registers.write(reg, *argument);
        }
        self.enter(0)?;
        self.at = function;
        self.execute(self.callers.len(), watch)?;
        let value = self.registers.read(R0.number())?;
        self.leave();
        (self.registers, self.at) = (before, at);
        match value {
            0 => Ok(false),
            1 => Ok(true),
            _ => Err(Box::new(TrapReason::CallbackResult { value })),
        }
    }
}
