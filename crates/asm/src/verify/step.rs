//! One instruction that is no jump: from what is known before it to what is known behind it.

use super::arith;
use super::helper::call;
use super::memory;
use super::pointer::{self, By};
use super::refusal::{Reason, Scope};
use super::rules::{Kernel, Rules, since};
use super::scalar::{Link, Scalar};
use super::state::State;
use super::value::{Kind, Pointer, Value};
use crate::insn::{AluOp, AtomicOp, Call, Imm64, Insn, Size, Src, Width};
use crate::map::{MapDecl, MapId, MapKind};
use crate::program::Program;
use crate::reg::{Mem, R0, Reg};

/// What is fixed for a program, and numbers that are given once.
pub(super) struct Machine<'a> {
    pub(super) program: &'a Program,
    pub(super) rules: Rules,
    memory: Memory,
    /// The last number that was given.
    last: u32,
    /// Where the accesses of each instruction led.
    led: Vec<Option<Led>>,
}

/// Where an access leads.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Led {
    Ctx,
    Elsewhere,
}

/// The first kernel that remembers numbers on the stack which are not constants.
pub(super) const SPILLS: Kernel = Kernel { major: 5, minor: 12 };

/// What a kernel remembers of numbers on the stack that are no constants.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Memory {
    /// Nothing but that they are there.
    Nothing,
    /// What was known of them.
    Numbers,
}

/// What comes of an instruction that is no jump.
pub(super) enum Step {
    /// The one behind it.
    On,
    /// The end of the program.
    End,
}

impl<'a> Machine<'a> {
    pub(super) fn new(program: &'a Program, rules: Rules, memory: Memory) -> Self {
        let led = vec![None; program.insns().len()];
        Self { program, rules, memory, last: 0, led }
    }

    fn fresh(&mut self) -> u32 {
        self.last = self.last.saturating_add(1);
        self.last
    }

    /// Executes an instruction that is no jump.
    pub(super) fn step(&mut self, at: usize, state: &mut State) -> Result<Step, Reason> {
        let insn = &self.program.insns()[at];
        self.one_kind(at, state)?;
        match *insn {
            Insn::Alu { op, width, dst, src } => self.alu(state, (op, width), dst, src)?,
            Insn::Neg { dst, .. } | Insn::Swap { dst, .. } => {
                let link = number(state, dst)?.link;
                state.set(dst, Value::Number(Scalar { link, ..Scalar::UNKNOWN }));
            }
            Insn::MoveSigned { dst, src, .. } => {
                let link = self.linked(state, src)?.link;
                state.set(dst, Value::Number(Scalar { link, ..Scalar::UNKNOWN }));
            }
            Insn::LoadImm64 { dst, value } => {
                let value = self.constant(dst, value)?;
                state.set(dst, value);
            }
            Insn::Load { size, extend, dst, mem } => {
                let found = memory::load(self.program, state, mem, size, extend)?;
                state.set(dst, found);
            }
            Insn::Store { size, mem, src } => self.store(state, mem, size, src)?,
            Insn::Atomic { op, size, mem, src } => self.atomic(state, op, size, mem, src)?,
            Insn::LoadPacket { .. } => return Err(Reason::ClassicPacket),
            Insn::Call(Call::Helper(helper)) => {
                let id = self.fresh();
                // A copy, as an argument after one that was taken may be refused.
                let mut after = state.clone();
                call(self.program, &self.rules, &mut after, helper, id)?;
                *state = after;
            }
            Insn::Call(Call::Sub(_)) => return Err(Reason::OutOfScope(Scope::Functions)),
            Insn::Call(Call::Kfunc { .. }) => return Err(Reason::OutOfScope(Scope::Kfuncs)),
            Insn::Exit => {
                number(state, R0)?;
                return Ok(Step::End);
            }
            Insn::Jump { .. } | Insn::JumpLong { .. } => {}
        }
        Ok(Step::On)
    }

    /// Refuses an access that is to the context on one path and elsewhere on another: kernels write
    /// the code of an access to the context anew.
    fn one_kind(&mut self, at: usize, state: &State) -> Result<(), Reason> {
        let (Insn::Load { mem, .. } | Insn::Store { mem, .. } | Insn::Atomic { mem, .. }) =
            self.program.insns()[at]
        else {
            return Ok(());
        };
        let Value::Pointer(Pointer { kind, .. }) = state.get(mem.base) else { return Ok(()) };
        let to = if *kind == Kind::Ctx { Led::Ctx } else { Led::Elsewhere };
        match self.led[at].replace(to) {
            Some(before) if before != to => Err(Reason::Paths { reg: mem.base }),
            _ => Ok(()),
        }
    }

    /// Refuses an instruction that the oldest kernel lacks.
    pub(super) fn in_time(&self, at: usize) -> Result<(), Reason> {
        let since = since(&self.program.insns()[at]);
        let oldest = self.rules.oldest;
        if since > oldest { Err(Reason::Newer { since, oldest }) } else { Ok(()) }
    }

    fn alu(
        &mut self,
        state: &mut State,
        (op, width): (AluOp, Width),
        dst: Reg,
        src: Src,
    ) -> Result<(), Reason> {
        let by = match src {
            Src::Reg(reg) => *state.get(reg),
            Src::Imm(imm) => Value::Number(Scalar::constant(i64::from(imm).cast_unsigned())),
        };
        if let (Value::Unwritten, Src::Reg(reg)) = (by, src) {
            return Err(Reason::Unwritten { reg });
        }
        if op == AluOp::Mov {
            let value = self.moved(state, width, src, by)?;
            state.set(dst, value);
            return Ok(());
        }
        let value = match (*state.get(dst), by) {
            (Value::Unwritten, _) => return Err(Reason::Unwritten { reg: dst }),
            (Value::Number(a), Value::Number(b)) => {
                let fresh = self.fresh().into();
                Value::Number(arith::alu(op, width, &a, &b, fresh))
            }
            (Value::Pointer(a), Value::Pointer(b)) => difference((op, width), dst, &a, &b)?,
            (Value::Pointer(a), Value::Number(b)) if width == Width::W64 => {
                let by = By { op, number: &b, in_register: matches!(src, Src::Reg(_)) };
                Value::Pointer(pointer::moved(dst, &a, by, self.fresh())?)
            }
            (Value::Number(a), Value::Pointer(b)) if (op, width) == (AluOp::Add, Width::W64) => {
                let Src::Reg(reg) = src else { return Err(Reason::Unwritten { reg: dst }) };
                let by = By { op, number: &a, in_register: true };
                Value::Pointer(pointer::moved(reg, &b, by, self.fresh())?)
            }
            (Value::Pointer(a), _) | (_, Value::Pointer(a)) => {
                return Err(Reason::Arithmetic {
                    reg: dst,
                    holds: a.kind.to_string(),
                    op: Some(op),
                });
            }
            (Value::Number(_), Value::Unwritten) => return Err(Reason::Unwritten { reg: dst }),
        };
        state.set(dst, value);
        Ok(())
    }

    /// The value of a move.
    fn moved(
        &mut self,
        state: &mut State,
        width: Width,
        src: Src,
        by: Value,
    ) -> Result<Value, Reason> {
        match (by, src) {
            (Value::Number(_), Src::Reg(reg)) => {
                let copied = self.linked(state, reg)?;
                Ok(Value::Number(arith::alu(AluOp::Mov, width, &copied, &copied, 0)))
            }
            (Value::Pointer(_), Src::Reg(reg)) if width == Width::W32 => Err(Reason::Leak { reg }),
            (Value::Number(by), Src::Imm(_)) => {
                Ok(Value::Number(arith::alu(AluOp::Mov, width, &by, &by, 0)))
            }
            (value, _) => Ok(value),
        }
    }

    /// The number in a register, made one of a family: it is about to be copied.
    fn linked(&mut self, state: &mut State, reg: Reg) -> Result<Scalar, Reason> {
        let mut found = number(state, reg)?;
        if found.number().is_none() && found.link.is_none() {
            let id = self.fresh();
            found.link = Some(Link { id, sum: id.into(), far: false });
            state.set(reg, Value::Number(found));
        }
        Ok(found)
    }

    fn constant(&self, reg: Reg, value: Imm64) -> Result<Value, Reason> {
        let pointer = match value {
            Imm64::Const(number) => return Ok(Value::Number(Scalar::constant(number))),
            Imm64::Map(map) => Pointer::to(Kind::Map(map), 0),
            Imm64::MapValue { map, off } => self.only_value(reg, map, off)?,
            Imm64::MapNumber(_) | Imm64::MapNumberValue { .. } => {
                return Err(Reason::OutOfScope(Scope::UndeclaredMaps));
            }
            Imm64::Variable { .. } => return Err(Reason::OutOfScope(Scope::Variables)),
            Imm64::Sub(_) => return Err(Reason::OutOfScope(Scope::Functions)),
        };
        Ok(Value::Pointer(pointer))
    }

    /// A byte in the only value of an array.
    fn only_value(&self, reg: Reg, map: MapId, off: u32) -> Result<Pointer, Reason> {
        let MapDecl { kind, value_size, max_entries, .. } = self.program.maps()[map.index()];
        if kind != MapKind::Array || max_entries != 1 {
            return Err(Reason::MapKind { kind: kind.name() });
        }
        if off >= value_size {
            return Err(Reason::MapRange { reg, off: off.into(), size: 1, value_size });
        }
        Ok(Pointer::to(Kind::Value(map), off.into()))
    }

    fn store(&mut self, state: &mut State, mem: Mem, size: Size, src: Src) -> Result<(), Reason> {
        let Src::Reg(reg) = src else {
            // What is stored without a register Linux remembers only from 6.3 on.
            let value = Value::Number(Scalar::UNKNOWN);
            return memory::store(self.program, state, mem, size, (&value, None));
        };
        let value = match state.get(reg) {
            Value::Unwritten => return Err(Reason::Unwritten { reg }),
            Value::Number(_) => Value::Number(self.linked(state, reg)?),
            Value::Pointer(pointer) => Value::Pointer(*pointer),
        };
        let value = self.remembered(value);
        memory::store(self.program, state, mem, size, (&value, Some(reg)))
    }

    /// What the kernel remembers of a value on the stack.
    fn remembered(&self, value: Value) -> Value {
        if let Value::Number(scalar) = value
            && self.memory == Memory::Nothing
            && scalar.number().is_none()
        {
            return Value::Number(Scalar { link: scalar.link, ..Scalar::UNKNOWN });
        }
        value
    }

    fn atomic(
        &mut self,
        state: &mut State,
        op: AtomicOp,
        size: Size,
        mem: Mem,
        src: Reg,
    ) -> Result<(), Reason> {
        number(state, src)?;
        if op == AtomicOp::CmpXchg {
            number(state, R0)?;
        }
        memory::atomic(self.program, state, mem, size)?;
        if let Some(reg) = self.written_by(op, src) {
            state.set(reg, Value::Number(Scalar::UNKNOWN));
        }
        Ok(())
    }

    fn written_by(&self, op: AtomicOp, src: Reg) -> Option<Reg> {
        Insn::Atomic { op, size: Size::D, mem: Mem { base: R0, off: 0 }, src }.written()
    }
}

/// The number in a register.
fn number(state: &State, reg: Reg) -> Result<Scalar, Reason> {
    match state.get(reg) {
        Value::Number(scalar) => Ok(*scalar),
        Value::Unwritten => Err(Reason::Unwritten { reg }),
        Value::Pointer(_) => Err(Reason::Leak { reg }),
    }
}

/// The distance of two places in the packet, which is any number.
fn difference(
    (op, width): (AluOp, Width),
    dst: Reg,
    a: &Pointer,
    b: &Pointer,
) -> Result<Value, Reason> {
    let places = a.is_of_packet() && b.is_of_packet();
    if places && (op, width) == (AluOp::Sub, Width::W64) {
        return Ok(Value::Number(Scalar::UNKNOWN));
    }
    Err(Reason::Arithmetic { reg: dst, holds: a.kind.to_string(), op: Some(op) })
}
