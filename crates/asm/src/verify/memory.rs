//! Reads and writes of memory: whether the place is there, and what is found in it.

use super::refusal::Reason;
use super::scalar::Scalar;
use super::stack::{Fault, Stack, length};
use super::state::State;
use super::value::{Kind, Pointer, Value};
use crate::insn::{Extend, Size};
use crate::map::{MapDecl, MapFlags, MapId};
use crate::program::Program;
use crate::reg::{Mem, Reg};

/// What is done with a place.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Access {
    Read,
    Write,
    Atomic,
}

/// A place that may be accessed.
pub(super) enum Place {
    /// In the packet or a map's value.
    Elsewhere,
    /// On the stack, so far from the frame pointer.
    Stack(i64),
    /// In the context.
    Ctx(i64),
}

/// How far a pointer may lead at most.
pub(super) const FAR: i64 = 1 << 29;

/// The place `off` from where a register points, where `len` bytes may be accessed.
pub(super) fn reach(
    program: &Program,
    state: &State,
    reg: Reg,
    off: i64,
    len: i64,
    access: Access,
) -> Result<Place, Reason> {
    let pointer = match state.get(reg) {
        Value::Unwritten => return Err(Reason::Unwritten { reg }),
        Value::Number(_) => return Err(Reason::NotMemory { reg, holds: "scalar".into() }),
        Value::Pointer(pointer) => pointer,
    };
    let refused = || Err(Reason::NotMemory { reg, holds: pointer.kind.to_string() });
    match pointer.kind {
        Kind::Packet | Kind::Meta if access == Access::Atomic => refused(),
        Kind::Packet | Kind::Meta => {
            in_packet(reg, pointer, off, len)?;
            Ok(Place::Elsewhere)
        }
        Kind::Value(map) => {
            in_value(program, map, reg, pointer, off, len, access)?;
            Ok(Place::Elsewhere)
        }
        Kind::Stack => match pointer.fixed() {
            Some(from) => Ok(Place::Stack(from + off)),
            None => Err(Reason::StackVariable { reg }),
        },
        Kind::Ctx if access == Access::Read => match pointer.fixed() {
            Some(0) => Ok(Place::Ctx(off)),
            _ => Err(Reason::Context { off: pointer.off + off, size: len }),
        },
        Kind::Ctx => Err(Reason::Context { off: pointer.off + off, size: len }),
        Kind::End | Kind::Map(_) | Kind::ValueOrNull(_) => refused(),
    }
}

fn in_packet(reg: Reg, pointer: &Pointer, off: i64, len: i64) -> Result<(), Reason> {
    let off = pointer.off + off;
    if pointer.var.signed.min < 0 {
        return Err(Reason::MayBeNegative { reg });
    }
    if off < 0 || off + len > pointer.range {
        return Err(Reason::PacketRange { reg, off, size: len, range: pointer.range });
    }
    Ok(())
}

fn in_value(
    program: &Program,
    map: MapId,
    reg: Reg,
    pointer: &Pointer,
    off: i64,
    len: i64,
    access: Access,
) -> Result<(), Reason> {
    let MapDecl { value_size, flags, .. } = program.maps()[map.index()];
    let off = pointer.off + off;
    let Scalar { signed, unsigned, .. } = pointer.var;
    let first = off.saturating_add(signed.min);
    if signed.min == i64::MIN || first < 0 {
        return Err(Reason::MayBeNegative { reg });
    }
    let refused = |off| Err(Reason::MapRange { reg, off, size: len, value_size });
    if first.saturating_add(len) > value_size.into() {
        return refused(first);
    }
    let most = i64::try_from(unsigned.max).unwrap_or(i64::MAX);
    if most >= FAR {
        return Err(Reason::Unbounded { reg });
    }
    if off + most + len > value_size.into() {
        return refused(off + most);
    }
    let forbidden = match access {
        Access::Read => flags.contains(MapFlags::WRONLY_PROG),
        Access::Write => flags.contains(MapFlags::RDONLY_PROG),
        Access::Atomic => {
            flags.contains(MapFlags::RDONLY_PROG) || flags.contains(MapFlags::WRONLY_PROG)
        }
    };
    if forbidden {
        return Err(Reason::MapAccess { reg });
    }
    // Of an unknown part kernels may know fewer bits than is known here.
    let aligned = || pointer.fixed().is_some() && off % len == 0;
    if access == Access::Atomic && !aligned() {
        return Err(Reason::Misaligned { reg, size: len });
    }
    Ok(())
}

/// The refusal that a fault of the stack is.
pub(super) fn fault(fault: Fault, reg: Reg, off: i64, size: i64) -> Reason {
    match fault {
        Fault::Outside => Reason::StackRange { off, size },
        Fault::Misaligned => Reason::Misaligned { reg, size },
        Fault::Unwritten => Reason::StackUnwritten { off, size },
        Fault::PointerInPart => Reason::StackPointer { off, size },
    }
}

/// What a load finds.
pub(super) fn load(
    program: &Program,
    state: &State,
    mem: Mem,
    size: Size,
    extend: Extend,
) -> Result<Value, Reason> {
    let (off, len) = (i64::from(mem.off), length(size));
    let found = match reach(program, state, mem.base, off, len, Access::Read)? {
        Place::Stack(off) => {
            state.stack().load(off, size).map_err(|why| fault(why, mem.base, off, len))?
        }
        Place::Ctx(off) if extend == Extend::Zero => context(off, size)?,
        Place::Ctx(off) => return Err(Reason::Context { off, size: len }),
        Place::Elsewhere => Value::Number(Scalar::of_size(size)),
    };
    match (extend, found) {
        (Extend::Zero, found) => Ok(found),
        (Extend::Sign, Value::Number(found)) => {
            Ok(Value::Number(Scalar { link: found.link, ..Scalar::UNKNOWN }))
        }
        (Extend::Sign, _) => Err(Reason::StackPointer { off, size: len }),
    }
}

/// A field of `struct xdp_md`; `egress_ifindex` is only for programs of a device map.
fn context(off: i64, size: Size) -> Result<Value, Reason> {
    let kind = match (off, size) {
        (0, Size::W) => Kind::Packet,
        (4, Size::W) => Kind::End,
        (8, Size::W) => Kind::Meta,
        (12 | 16, Size::W) => return Ok(Value::Number(Scalar::of_size(Size::W))),
        _ => return Err(Reason::Context { off, size: length(size) }),
    };
    Ok(Value::Pointer(Pointer::to(kind, 0)))
}

/// Writes a value.
pub(super) fn store(
    program: &Program,
    state: &mut State,
    mem: Mem,
    size: Size,
    value: (&Value, Option<Reg>),
) -> Result<(), Reason> {
    let (off, len) = (i64::from(mem.off), length(size));
    let place = reach(program, state, mem.base, off, len, Access::Write)?;
    if let Place::Stack(off) = place {
        return state
            .stack_mut()
            .store(off, size, value.0)
            .map_err(|why| fault(why, mem.base, off, len));
    }
    match value {
        (Value::Pointer(_), Some(reg)) => Err(Reason::Leak { reg }),
        _ => Ok(()),
    }
}

/// Takes the memory of an atomic operation: bytes that were written, and no pointer.
pub(super) fn atomic(
    program: &Program,
    state: &mut State,
    mem: Mem,
    size: Size,
) -> Result<(), Reason> {
    let (off, len) = (i64::from(mem.off), length(size));
    if let Place::Stack(off) = reach(program, state, mem.base, off, len, Access::Atomic)? {
        let refused = |why| fault(why, mem.base, off, len);
        let found = state.stack().load(off, size).map_err(refused)?;
        if matches!(found, Value::Pointer(_)) {
            return Err(refused(Fault::PointerInPart));
        }
        let any = Value::Number(Scalar::UNKNOWN);
        return state.stack_mut().store(off, size, &any).map_err(refused);
    }
    Ok(())
}

/// Takes `len` bytes from where a register points, for a helper.
pub(super) fn lend(
    program: &Program,
    state: &mut State,
    reg: Reg,
    len: i64,
    access: Access,
) -> Result<(), Reason> {
    match reach(program, state, reg, 0, len, access)? {
        Place::Elsewhere => Ok(()),
        Place::Stack(off) => {
            state.stack_mut().lend(off, len).map_err(|why| fault(why, reg, off, len))
        }
        Place::Ctx(_) => Err(Reason::Argument { reg, holds: "ctx".into(), wants: "memory" }),
    }
}

/// Gives a helper `len` bytes to write, which need not have been written before.
pub(super) fn hand_over(
    program: &Program,
    state: &mut State,
    reg: Reg,
    len: i64,
) -> Result<(), Reason> {
    match reach(program, state, reg, 0, len, Access::Write)? {
        Place::Stack(off) => {
            Stack::check(off, len).map_err(|why| fault(why, reg, off, len))?;
            if state.stack().has_pointer(off, len) {
                return Err(fault(Fault::PointerInPart, reg, off, len));
            }
            state.stack_mut().fill(off, len).map_err(|why| fault(why, reg, off, len))
        }
        Place::Elsewhere => Ok(()),
        Place::Ctx(_) => Err(Reason::Argument { reg, holds: "ctx".into(), wants: "memory" }),
    }
}
