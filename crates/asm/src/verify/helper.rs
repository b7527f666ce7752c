//! Calls of helpers: the arguments against the signature, and what is known afterwards.

use super::call::{Arg, Gives, Packet, Signature};
use super::memory::{self, Access, FAR};
use super::refusal::Reason;
use super::rules::Rules;
use super::scalar::Scalar;
use super::state::State;
use super::value::{Kind, Pointer, Value};
use crate::helper::Helper;
use crate::map::{MapDecl, MapFlags, MapId};
use crate::program::Program;
use crate::reg::{R0, R1, R2, R3, R4, R5, Reg};

const ARGS: [Reg; 5] = [R1, R2, R3, R4, R5];

/// A call under judgement.
struct Calling<'a> {
    program: &'a Program,
    signature: &'static Signature,
    /// The map among the arguments so far.
    map: Option<MapId>,
}

/// Calls a helper; `id` numbers the pointer that it gives.
pub(super) fn call(
    program: &Program,
    rules: &Rules,
    state: &mut State,
    helper: Helper,
    id: u32,
) -> Result<(), Reason> {
    let Some(signature) = Signature::of(helper) else {
        return Err(Reason::UnknownHelper { id: helper.id() });
    };
    if signature.since > rules.oldest {
        return Err(Reason::Newer { since: signature.since, oldest: rules.oldest });
    }
    let mut calling = Calling { program, signature, map: None };
    for (place, arg) in signature.args.iter().enumerate() {
        calling.argument(state, place, *arg)?;
    }
    for reg in ARGS {
        state.set(reg, Value::Unwritten);
    }
    if signature.packet == Packet::Moves {
        state.change_pointers(Pointer::is_of_packet, |_| Value::Unwritten);
    }
    state.set(R0, calling.result(id));
    Ok(())
}

impl Calling<'_> {
    fn result(&self, id: u32) -> Value {
        match (self.signature.gives, self.map) {
            (Gives::ValueOrNull, Some(map)) => {
                Value::Pointer(Pointer { id, ..Pointer::to(Kind::ValueOrNull(map), 0) })
            }
            (Gives::Nothing | Gives::ValueOrNull, _) => Value::Unwritten,
            (Gives::Number, _) => Value::Number(Scalar::UNKNOWN),
        }
    }

    fn argument(&mut self, state: &mut State, place: usize, arg: Arg) -> Result<(), Reason> {
        let reg = ARGS[place];
        let value = *state.get(reg);
        if value == Value::Unwritten {
            return Err(Reason::Unwritten { reg });
        }
        match arg {
            Arg::Ctx => match value {
                Value::Pointer(Pointer { kind: Kind::Ctx, .. }) if fixed(&value) == Some(0) => {
                    Ok(())
                }
                Value::Unwritten | Value::Number(_) | Value::Pointer(_) => {
                    Err(wrong(reg, &value, "ctx"))
                }
            },
            Arg::Map => self.map(reg, &value),
            Arg::Key => {
                let size = self.decl().map_or(0, |decl| decl.key_size);
                self.lend(state, reg, size.into(), Access::Read)
            }
            Arg::MapValue => {
                let size = self.decl().map_or(0, |decl| decl.value_size);
                self.lend(state, reg, size.into(), Access::Read)
            }
            Arg::Number => match value {
                Value::Number(_) => Ok(()),
                Value::Pointer(_) | Value::Unwritten => Err(Reason::Leak { reg }),
            },
            Arg::Size | Arg::SizeOrZero => size(reg, &value, arg).map(|_| ()),
            Arg::Read | Arg::ReadOrNull | Arg::Change | Arg::Written => {
                self.memory(state, place, arg)
            }
        }
    }

    fn decl(&self) -> Option<&MapDecl> {
        self.map.and_then(|map| self.program.maps().get(map.index()))
    }

    fn map(&mut self, reg: Reg, value: &Value) -> Result<(), Reason> {
        let Value::Pointer(Pointer { kind: Kind::Map(map), .. }) = value else {
            return Err(wrong(reg, value, "map_ptr"));
        };
        self.map = Some(*map);
        let MapDecl { kind, flags, .. } = self.program.maps()[map.index()];
        if !self.signature.takes(kind) {
            return Err(Reason::MapKind { kind: kind.name() });
        }
        if self.signature.changes_map() && flags.contains(MapFlags::RDONLY_PROG) {
            return Err(Reason::MapAccess { reg });
        }
        Ok(())
    }

    /// Memory, whose size is the next argument.
    fn memory(&self, state: &mut State, place: usize, arg: Arg) -> Result<(), Reason> {
        let (reg, next) = (ARGS[place], ARGS[place + 1]);
        let (value, size_value) = (*state.get(reg), *state.get(next));
        if size_value == Value::Unwritten {
            return Err(Reason::Unwritten { reg: next });
        }
        let len = size(next, &size_value, self.signature.args[place + 1])?;
        let known = size_value.scalar().and_then(Scalar::number).is_some();
        if arg == Arg::ReadOrNull && value.scalar().and_then(Scalar::number) == Some(0) {
            return if len == 0 { Ok(()) } else { Err(wrong(next, &size_value, "0")) };
        }
        if arg == Arg::Written && known {
            self.may_lie(state, reg)?;
            return memory::hand_over(self.program, state, reg, len);
        }
        if matches!(arg, Arg::Written | Arg::Change) {
            self.lend(state, reg, len, Access::Write)?;
        }
        self.lend(state, reg, len, Access::Read)
    }

    fn lend(&self, state: &mut State, reg: Reg, len: i64, access: Access) -> Result<(), Reason> {
        self.may_lie(state, reg)?;
        memory::lend(self.program, state, reg, len, access)
    }

    /// Whether the memory of an argument may lie where it does.
    fn may_lie(&self, state: &State, reg: Reg) -> Result<(), Reason> {
        let value = state.get(reg);
        match value {
            Value::Pointer(pointer) if pointer.is_packet() => match self.signature.packet {
                Packet::Takes => Ok(()),
                Packet::Keeps | Packet::Moves => Err(wrong(reg, value, "fp, map_value")),
            },
            Value::Pointer(Pointer { kind: Kind::Stack | Kind::Value(_), .. }) => Ok(()),
            Value::Pointer(_) | Value::Number(_) | Value::Unwritten => {
                Err(wrong(reg, value, "fp, pkt, pkt_meta, map_value"))
            }
        }
    }
}

fn fixed(value: &Value) -> Option<i64> {
    match value {
        Value::Pointer(pointer) => pointer.fixed(),
        Value::Unwritten | Value::Number(_) => None,
    }
}

fn wrong(reg: Reg, value: &Value, wants: &'static str) -> Reason {
    let holds = match value {
        Value::Unwritten => "not written".to_owned(),
        Value::Number(scalar) => scalar.to_string(),
        Value::Pointer(pointer) => pointer.kind.to_string(),
    };
    Reason::Argument { reg, holds, wants }
}

/// The most bytes that a size may mean.
fn size(reg: Reg, value: &Value, arg: Arg) -> Result<i64, Reason> {
    let Value::Number(scalar) = value else {
        return Err(wrong(reg, value, "scalar"));
    };
    if scalar.signed.min < 0 {
        return Err(Reason::MayBeNegative { reg });
    }
    if scalar.unsigned.min == 0 && arg == Arg::Size {
        return Err(wrong(reg, value, "scalar above 0"));
    }
    let most = i64::try_from(scalar.unsigned.max).unwrap_or(i64::MAX);
    if most >= FAR { Err(Reason::Unbounded { reg }) } else { Ok(most) }
}
